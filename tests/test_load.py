"""Shop folders: what a good one becomes, and what is said about a broken one."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.cart.codes import check_digit
from engine.cart.model import Facts
from engine.errors import Diagnostic, FilesRefusedError
from engine.fields import instant_ms
from engine.pricing.load import load_shop
from engine.pricing.shop import Alternate
from engine.types import ChannelId, CustomerId, Sku, StoreId
from tests.shops import FILES, small_shop, write_shop

PARIS = ZoneInfo("Europe/Paris")


def faults_of(folder: Path, changes: dict[str, str | None]) -> list[Diagnostic]:
    with pytest.raises(FilesRefusedError) as caught:
        load_shop(write_shop(folder, changes))
    return list(caught.value.diagnostics)


def shown(fault: Diagnostic) -> tuple[str, str, str]:
    """Return the code, the text that the fault points at, and the help."""
    start = fault.span.column - 1
    return fault.code, fault.source_line[start : start + fault.span.width], fault.help


# --- A good folder ---------------------------------------------------------------------------------------------------


def test_products(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    milk = shop.products[Sku("milk")]
    assert (milk.name, milk.category, milk.tax_category, milk.unit, milk.range) == (
        *("Milk 1 l", "grocery/dairy/milk", "food", "piece", "core"),
    )
    assert milk.tags == {"fresh", "daily"}
    assert milk.attributes == {"brand": "Farm"}
    assert milk.alternates == (Alternate(Sku("milk-6"), "pack", 6), Alternate(Sku("oat"), "substitute"))
    assert shop.products[Sku("ham")].measured
    assert shop.products[Sku("gift")].never_discount
    assert shop.products[Sku("cake")].options == ("message", "cut")
    assert shop.by_gtin == {"04006381333931": "milk", "00012345678905": "milk-6"}
    assert shop.by_label_item == {"01234": "ham", "01235": "gift"}


def test_prices_and_their_quantities(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert shop.prices.breaks[Sku("milk")] == {"base": ((1, 6), (120, 110)), "promo": ((1,), (99,))}
    assert shop.prices.breaks[Sku("ham")] == {"base": ((1, 1500), (1990, 1790))}
    assert [price_list.id for price_list in shop.prices.lists] == ["gold", "promo", "base"]


def test_a_date_includes_the_whole_day_also_when_clocks_change(tmp_path: Path) -> None:
    promo = next(known for known in small_shop(tmp_path).prices.lists if known.id == "promo")
    assert promo.from_ms == instant_ms(datetime(2026, 3, 28, tzinfo=PARIS))
    assert promo.until_ms == instant_ms(datetime(2026, 3, 30, tzinfo=PARIS))
    assert promo.until_ms - promo.from_ms == (24 + 23) * 3_600_000


def test_a_date_and_time_is_exclusive(tmp_path: Path) -> None:
    lists = FILES["price_lists.yaml"].replace("until: 2026-03-29", "until: 2026-03-29T20:00")
    promo = next(
        known for known in small_shop(tmp_path, {"price_lists.yaml": lists}).prices.lists if known.id == "promo"
    )
    assert promo.until_ms == instant_ms(datetime(2026, 3, 29, 20, tzinfo=PARIS))


def test_places(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert shop.store_of(ChannelId("web"), None).id == "north"
    assert shop.store_of(ChannelId("pos"), None).id == "south"
    assert shop.stores[StoreId("north")].groups == ("city",)
    assert shop.taxes["FR"].rates_ppm == {"food": 55_000, "standard": 200_000}
    assert shop.taxes["FR"].delivery_category == "standard"
    assert shop.sold_in(shop.products[Sku("milk")], ChannelId("pos"), StoreId("south"))
    assert not shop.sold_in(shop.products[Sku("gift")], ChannelId("web"), StoreId("north"))
    assert shop.delivery_methods["home"].fees[1].amounts_minor == {"EUR": 490}
    assert shop.options["cut"].surcharges_minor == {"whole": {"EUR": 0}, "sliced": {"EUR": 30}}
    assert [layout.prefixes for layout in shop.label_layouts] == [("02", "21"), ("22",)]
    assert (shop.label_layouts[1].item, shop.label_layouts[1].value) == ((2, 7), (8, 12))


def test_customers(tmp_path: Path) -> None:
    born = instant_ms(datetime(2024, 2, 29, tzinfo=PARIS))
    assert small_shop(tmp_path).customers == {
        "ada": Facts(CustomerId("ada"), 0, "gold", frozenset({"family", "vegan"}), 120, born),
        "ben": Facts(CustomerId("ben")),
    }


def test_what_is_told_of_customers_may_be_much_or_little(tmp_path: Path) -> None:
    records = "id,since,birthday,orders,ordered_categories\nada,2024-02-29,02-29,3,grocery/dairy; dry goods\nben,,,0,\n"
    since = instant_ms(datetime(2024, 2, 29, tzinfo=PARIS))
    assert small_shop(tmp_path, {"customers.csv": records}).customers == {
        "ada": Facts(
            CustomerId("ada"),
            customer_since_ms=since,
            birthday="02-29",
            orders=3,
            ordered_categories=frozenset({"grocery/dairy", "dry goods"}),
        ),
        "ben": Facts(CustomerId("ben"), orders=0, ordered_categories=frozenset()),
    }


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("birthday", "02-30", "invalid_birthday"),
        ("birthday", "1990-02-28", "invalid_birthday"),
        ("orders", "-1", "invalid_orders"),
        ("since", "yesterday", "invalid_date"),
    ],
)
def test_what_is_told_of_customers_must_make_sense(tmp_path: Path, column: str, cell: str, code: str) -> None:
    with pytest.raises(FilesRefusedError) as refused:
        small_shop(tmp_path, {"customers.csv": f"id,{column}\nada,{cell}\n"})
    assert [(fault.code, fault.span.line) for fault in refused.value.diagnostics] == [(code, 2)]


def test_optional_files_may_be_missing(tmp_path: Path) -> None:
    products = "sku,name,category,tax_category\nmilk,Milk,dairy,food\n"
    names = ["ranges.yaml", "delivery.yaml", "fees.yaml", "options.yaml", "labels.yaml", "customers.csv"]
    prices = "price_list,sku,amount\nbase,milk,1\n"
    shop = small_shop(tmp_path, {**dict.fromkeys(names), "products.csv": products, "prices.csv": prices})
    assert set(shop.products) == {"milk"}
    assert set(shop.ranges) == {"core"}
    assert not shop.customers


def test_the_version_is_that_of_the_content(tmp_path: Path) -> None:
    header, *rows = FILES["products.csv"].splitlines()
    lists = FILES["price_lists.yaml"].splitlines()
    same: dict[str, str | None] = {
        "products.csv": "\r\n".join([header, *reversed(rows)]),
        "price_lists.yaml": "\n".join(["# the same", lists[0], *reversed(lists[1:])]),
        "prices.csv": FILES["prices.csv"].replace("1.20,", '"1.200",1'),
        "customers.csv": None,
    }
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    version = small_shop(folders[0]).version
    assert small_shop(folders[1], same).version == version
    other = FILES["prices.csv"].replace("1.20,", "1.21,")
    assert small_shop(folders[2], {"prices.csv": other}).version != version


def test_the_version_is_the_same_in_every_process(tmp_path: Path) -> None:
    small_shop(tmp_path)
    code = "import sys, pathlib; from engine.pricing.load import load_shop; print(load_shop(pathlib.Path(sys.argv[1])).version)"
    versions = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(versions) == 1, "sets are listed in another order in each process"


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    load_shop(write_shop(tmp_path), lambda *progress: told.append(progress))
    assert told == [("products.csv", 6, 6), ("prices.csv", 10, 10), ("customers.csv", 2, 2)]


# --- Broken folders --------------------------------------------------------------------------------------------------

MILK = "milk,Milk 1 l,grocery/dairy/milk,food,,,4006381333931,,fresh daily,,milk-6:6,oat,,Farm"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FilesRefusedError, match="missing_folder"):
        load_shop(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    ["shop.yaml", "channels.yaml", "stores.yaml", "tax.yaml", "products.csv", "price_lists.yaml", "prices.csv"],
)
def test_a_missing_file_is_the_only_fault(tmp_path: Path, name: str) -> None:
    faults = faults_of(tmp_path, {name: None})
    assert [(fault.code, fault.span.file) for fault in faults] == [("missing_file", name)]
    assert faults[0].help == "add it; docs/shop-folder.md says what it holds"


def broken(file: str, old: str, new: str, code: str, at: str, line: int, help: str) -> Any:
    """Put a fault into the good folder (`old` in `file` becomes `new`), and say which one must be found."""
    return pytest.param(file, old, new, (code, at, line, help), id=f"{file}-{code}-{new[:20].strip()}")


BROKEN = [
    broken(
        "shop.yaml", "default_channel: web", "default_channel: wbe", "unknown_channel", "wbe", 4, "did you mean `web`?"
    ),
    broken(
        "shop.yaml", "default_store: north", "default_store: nort", "unknown_store", "nort", 5, "did you mean `north`?"
    ),
    broken("shop.yaml", "[en, fr]", "[en, fr, en]", "duplicate_locale", "en", 3, "keep one of the two"),
    broken(
        "shop.yaml", "[en, fr]", "[en, fr, english_]", "invalid_locale", "english_", 3, "write it like `en` or `fr-CH`"
    ),
    broken("shop.yaml", "[en, fr]", "en", "invalid_value", "en", 3, "write [en]"),
    broken(
        "shop.yaml",
        "id: corner",
        "id: corner\ntax_rouding: line",
        "unknown_field",
        "tax_rouding",
        2,
        "did you mean `tax_rounding`?",
    ),
    broken(
        "shop.yaml",
        "id: corner",
        "id: corner\ntax_rounding: lines",
        "invalid_value",
        "lines",
        2,
        "did you mean `line`?",
    ),
    broken("shop.yaml", "id: corner", "id: corner\nmerge: summ", "invalid_value", "summ", 2, "did you mean `sum`?"),
    broken(
        "shop.yaml",
        "id: corner",
        "id: the corner",
        "invalid_id",
        "the corner",
        1,
        "use 1 to 64 letters (a to z), digits, `-`, `_` and `.`",
    ),
    broken("channels.yaml", "store: south", "store: sout", "unknown_store", "sout", 4, "did you mean `south`?"),
    broken(
        "channels.yaml",
        "channels:",
        "channels:\n  - {id: web, label: Twice}",
        "duplicate_id",
        "web",
        3,
        "give one of the two another id",
    ),
    broken("channels.yaml", "fr: App", "it: App", "unknown_locale", "it", 3, "add it to `locales` in `shop.yaml`"),
    broken("channels.yaml", "channels:", "chanels:", "unknown_field", "chanels", 1, "did you mean `channels`?"),
    broken(
        "stores.yaml",
        "id: south, label: South, country: FR",
        "id: south, label: South, country: BE",
        "country_without_tax",
        "BE",
        3,
        "add `BE:` to `tax.yaml`",
    ),
    broken("stores.yaml", "North, country: FR", "North, country: fr", "invalid_country", "fr", 2, "did you mean `FR`?"),
    broken("stores.yaml", "North, country: FR", "North, country: UK", "invalid_country", "UK", 2, "did you mean `GB`?"),
    broken(
        "stores.yaml",
        "FR, currency: EUR, timezone: Europe/Paris}",
        "FR, currency: EURO, timezone: Europe/Paris}",
        "invalid_currency",
        "EURO",
        3,
        "write three capital letters such as EUR",
    ),
    broken(
        "stores.yaml",
        "FR, currency: EUR, timezone: Europe/Paris}",
        "FR, currency: EUR, timezone: Europe/Pari}",
        "unknown_timezone",
        "Europe/Pari",
        3,
        "did you mean `Europe/Paris`?",
    ),
    broken("tax.yaml", "5.5%", "5.55555%", "invalid_rate", "5.55555%", 4, "write it like 8.875%"),
    broken("tax.yaml", "5.5%", "101%", "invalid_rate", "101%", 4, "write it like 8.875%"),
    broken(
        "tax.yaml",
        "delivery: standard",
        "delivery: standart",
        "unknown_tax_category",
        "standart",
        5,
        "did you mean `standard`?",
    ),
    broken("tax.yaml", "included: true", "included: maybe", "invalid_value", "maybe", 3, ""),
    broken(
        "products.csv",
        "oat,Oat drink",
        "milk,Milk,dairy,food,,,,,,,,,,\noat,Oat drink",
        "duplicate_sku",
        "milk",
        4,
        "keep one of the two",
    ),
    broken("products.csv", "plant,food", "plant,fod", "unknown_tax_category", "fod", 4, "did you mean `food`?"),
    broken(
        "products.csv", "food,,extended", "food,,extendet", "unknown_range", "extendet", 3, "did you mean `extended`?"
    ),
    broken(
        "products.csv",
        "4006381333931",
        "4006381333932",
        "invalid_gtin",
        "4006381333932",
        2,
        "compare it with the barcode; with these digits it would end in 1",
    ),
    broken(
        "products.csv",
        "4006381333931",
        "0012345678905",
        "duplicate_gtin",
        "012345678905",
        3,
        "a GTIN names one product",
    ),
    broken(
        "products.csv", ",01235,", ",01234,", "duplicate_label_item", "01234", 7, "an item number names one product"
    ),
    broken(
        "products.csv",
        ",01235,",
        ",1235,",
        "invalid_label_item",
        "1235",
        7,
        "write 5 digits, zeros on the left included",
    ),
    broken("products.csv", "milk-6:6", "milk6:6", "unknown_sku", "milk6:6", 2, "did you mean `milk-6`?"),
    broken(
        "products.csv",
        "milk-6:6",
        "milk-6:x",
        "invalid_pack",
        "milk-6:x",
        2,
        "write SKU:units, such as `milk-6:6`; units are 1 to 1000000",
    ),
    broken("products.csv", ",oat,,Farm", ",oats,,Farm", "unknown_sku", "oats", 2, "did you mean `oat`?"),
    broken("products.csv", ",oat,,Farm", ",milk,,Farm", "own_alternate", "milk", 2, "take it out"),
    broken("products.csv", ",,cut,", ",,cutt,", "unknown_option", "cutt", 5, "did you mean `cut`?"),
    broken("products.csv", ",yes,", ",true,", "invalid_value", "true", 7, "write `yes`"),
    broken(
        "products.csv",
        "grocery/meat",
        "grocery//meat",
        "invalid_category",
        "grocery//meat",
        5,
        "write it like `grocery/bakery/bread`",
    ),
    broken(
        "products.csv", ",food,kg,", ",food,k g,", "invalid_unit", "k g", 5, "write `piece`, or a word such as `kg`"
    ),
    broken("products.csv", "oat,Oat drink,", "oat,,", "empty_text", ",", 4, "write what shoppers read"),
    broken(
        "price_lists.yaml", "tiers: [gold]", "stores: [est]", "unknown_store", "est", 4, "declare it in `stores.yaml`"
    ),
    broken("price_lists.yaml", "tiers: [gold]", "channels: [ap]", "unknown_channel", "ap", 4, "did you mean `app`?"),
    broken(
        "price_lists.yaml",
        "tiers: [gold]",
        "store_groups: [cty]",
        "unknown_store_group",
        "cty",
        4,
        "did you mean `city`?",
    ),
    broken("price_lists.yaml", "tiers: [gold]", "priority: high", "invalid_value", "high", 4, ""),
    broken(
        "price_lists.yaml",
        "tiers: [gold]",
        "priority: 99999999999999999999",
        "invalid_value",
        "99999999999999999999",
        4,
        "",
    ),
    broken(
        "price_lists.yaml",
        "from: 2026-03-28",
        "from: 2026-04-28",
        "empty_period",
        "2026-03-29",
        3,
        "swap the two, or write a later end",
    ),
    broken(
        "price_lists.yaml",
        "from: 2026-03-28",
        "from: 28.03.2026",
        "invalid_date",
        "28.03.2026",
        3,
        "write 2026-10-01 or 2026-10-01T20:00",
    ),
    broken(
        "price_lists.yaml",
        "until: 2026-03-29",
        "until: 9999-12-31",
        "invalid_date",
        "9999-12-31",
        3,
        "leave the field out where there is no such limit",
    ),
    broken("prices.csv", "gold,oat", "golf,oat", "unknown_price_list", "golf", 11, "did you mean `gold`?"),
    broken("prices.csv", "gold,oat", "gold,oaat", "unknown_sku", "oaat", 11, "did you mean `oat`?"),
    broken("prices.csv", "2.20", "2.205", "invalid_amount", "2.205", 11, ""),
    broken("prices.csv", "2.20", '"2,20"', "invalid_amount", '"2,2', 11, "write a point for decimals: 2.20"),
    broken("prices.csv", "2.20", "-2.20", "negative_amount", "-2.20", 11, "a price is 0 or more"),
    broken("prices.csv", "2.20", "1e9", "invalid_amount", "1e9", 11, ""),
    broken("prices.csv", "2.20", "9999999999999", "invalid_amount", "9999999999999", 11, ""),
    broken(
        "prices.csv", "1.10,6", "1.10,1", "duplicate_price", "milk", 3, "keep one of the two, or change `from_quantity`"
    ),
    broken(
        "prices.csv",
        "1.10,6",
        "1.10,6.5",
        "invalid_quantity",
        "6.5",
        3,
        "write a number with no decimals, for it is sold by the piece",
    ),
    broken(
        "prices.csv",
        "17.90,1.5",
        "17.90,1.5005",
        "invalid_quantity",
        "1.5005",
        7,
        "write a number with at most 3 decimals",
    ),
    broken(
        "prices.csv", "17.90,1.5", "17.90,0", "invalid_quantity", "0", 7, "write a quantity above 0 and at most 1000000"
    ),
    broken(
        "ranges.yaml", "channels: [web, app]", "channels: [web, ap]", "unknown_channel", "ap", 2, "did you mean `app`?"
    ),
    broken("ranges.yaml", "stores: [south]", "stores: [suth]", "unknown_store", "suth", 3, "did you mean `south`?"),
    broken(
        "ranges.yaml",
        "  - {id: big",
        "  - {id: core}\n  - {id: big",
        "reserved_id",
        "core",
        3,
        "give this range another id",
    ),
    broken(
        "delivery.yaml", "slots: [evening]", "slots: [evning]", "unknown_slot", "evning", 9, "did you mean `evening`?"
    ),
    broken(
        "delivery.yaml",
        "channels: [web, app]",
        "channels: [web, tv]",
        "unknown_channel",
        "tv",
        5,
        "declare it in `channels.yaml`",
    ),
    broken(
        "delivery.yaml",
        "countries: [FR]",
        "countries: [ZZ]",
        "invalid_country",
        "ZZ",
        6,
        "write two capital letters such as FR",
    ),
    broken(
        "delivery.yaml",
        "5.90 EUR",
        "5.90",
        "invalid_amount",
        "5.90",
        8,
        "write a number and a currency, such as 4.90 EUR",
    ),
    broken("delivery.yaml", "5.90 EUR", "-5.90 EUR", "negative_amount", "-5.90 EUR", 8, "write how much, not the sign"),
    broken(
        "delivery.yaml",
        "5.90 EUR",
        "5.90 EUO",
        "invalid_currency",
        "5.90 EUO",
        8,
        "write three capital letters such as EUR",
    ),
    broken(
        "fees.yaml",
        "tax_category: standard",
        "tax_category: standart",
        "unknown_tax_category",
        "standart",
        2,
        "did you mean `standard`?",
    ),
    broken(
        "fees.yaml",
        "id: gift-wrap",
        "id: gift wrap",
        "invalid_id",
        "gift wrap",
        2,
        "use 1 to 64 letters (a to z), digits, `-`, `_` and `.`",
    ),
    broken(
        "options.yaml",
        "    text: {length_max: 20, surcharge: 2.00 EUR}\n",
        "",
        "invalid_option",
        "message",
        5,
        "name the values, or allow a text, not both",
    ),
    broken("options.yaml", "length_max: 20", "length_max: 0", "invalid_value", "0", 7, ""),
    broken("labels.yaml", '"21", "02"', '"21", "40"', "invalid_prefix", '"40"', 2, "write 02, or 20 to 29"),
    broken("labels.yaml", '["22"]', '["21"]', "duplicate_prefix", '"21"', 6, "one prefix has one layout"),
    broken(
        "labels.yaml",
        "PPIIIIIXVVVVC",
        "PPIIIIVVIVVVC",
        "invalid_pattern",
        "PPIIIIVVIVVVC",
        7,
        "write 13 characters like PPIIIIIVVVVVC: PP, a run of I, a run of V, C last; X ignored",
    ),
    broken("labels.yaml", "    currency: EUR\n", "", "invalid_label", "price", 8, "add `currency:`"),
    broken(
        "labels.yaml", "currency: EUR", "currency: USD", "unused_currency", "USD", 10, "write the currency of a store"
    ),
    broken("labels.yaml", "decimals: 2", "decimals: 3", "invalid_label", "3", 9, "at most 2"),
    broken("customers.csv", "ben", "ada", "duplicate_id", "ada", 3, "keep one of the two"),
    broken("customers.csv", "2024-02-29", "2023-02-29", "invalid_date", "2023-02-29", 2, "write it like 2026-10-01"),
    broken(
        "customers.csv", ",120", ",12.5", "invalid_points", "12.5", 2, "write a whole number of at most 1000000000000"
    ),
    broken("customers.csv", "points", "point", "unknown_column", "point", 1, "did you mean `points`?"),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), BROKEN)
def test_each_fault_is_found_alone_with_its_place_and_repair(
    tmp_path: Path, file: str, old: str, new: str, expected: tuple[str, str, int, str]
) -> None:
    assert old in FILES[file]
    faults = faults_of(tmp_path, {file: FILES[file].replace(old, new, 1)})
    assert [(fault.span.file, *shown(fault)[:2], fault.span.line, fault.help) for fault in faults] == [
        (file, *expected)
    ]


def test_a_catalogue_without_products(tmp_path: Path) -> None:
    header = FILES["products.csv"].splitlines()[0]
    faults = faults_of(tmp_path, {"products.csv": header + "\n", "prices.csv": "price_list,sku,amount\n"})
    assert [(fault.code, fault.span.file, fault.help) for fault in faults] == [
        ("empty_catalogue", "products.csv", "add a line for each product")
    ]


def test_an_unknown_sku_in_prices_where_the_product_is_gone(tmp_path: Path) -> None:
    products = "".join(line for line in FILES["products.csv"].splitlines(keepends=True) if not line.startswith("oat"))
    faults = faults_of(tmp_path, {"products.csv": products})
    assert [(fault.span.file, fault.span.line, fault.code) for fault in faults] == [
        ("prices.csv", 5, "unknown_sku"),
        ("prices.csv", 11, "unknown_sku"),
        ("products.csv", 2, "unknown_sku"),
    ]


def test_a_category_without_a_rate_in_a_country_with_a_store(tmp_path: Path) -> None:
    stores = FILES["stores.yaml"].replace("South, country: FR", "South, country: BE")
    taxes = FILES["tax.yaml"] + "  BE: {included: true, rates: {food: 6%}}\n  LU: {included: true, rates: {}}\n"
    faults = faults_of(tmp_path, {"stores.yaml": stores, "tax.yaml": taxes})
    assert [(fault.message, fault.span.line, fault.help) for fault in faults] == [
        (
            "`BE` has no rate for `standard`, which `products.csv:7` uses",
            6,
            "add `standard: …%` to the rates of `BE`",
        )
    ]


def test_all_faults_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    changes = {
        "shop.yaml": FILES["shop.yaml"].replace("web", "wbe"),
        "stores.yaml": FILES["stores.yaml"].replace("north, label", "north, lable"),
        "tax.yaml": FILES["tax.yaml"].replace("5.5%", "5.5"),
        "products.csv": FILES["products.csv"].replace(",kg,", ",k g,").replace("4006381333931", "4006381333930"),
        "prices.csv": FILES["prices.csv"].replace("2.40", "two").replace("gold,", "gld,"),
        "fees.yaml": None,
        "delivery.yaml": "methods: [",
    }
    found = [(fault.span.file, fault.span.line, fault.code) for fault in faults_of(tmp_path, changes)]
    assert found == [
        ("delivery.yaml", 1, "yaml_syntax"),
        ("prices.csv", 5, "invalid_amount"),
        ("prices.csv", 11, "unknown_price_list"),
        ("products.csv", 2, "invalid_gtin"),
        ("products.csv", 5, "invalid_unit"),
        ("shop.yaml", 4, "unknown_channel"),
        ("stores.yaml", 2, "missing_field"),
        ("stores.yaml", 2, "unknown_field"),
        ("tax.yaml", 4, "invalid_rate"),
    ]


def test_the_refusal_shows_place_line_and_caret(tmp_path: Path) -> None:
    with pytest.raises(FilesRefusedError) as caught:
        small_shop(tmp_path, {"prices.csv": FILES["prices.csv"].replace("gold,oat", "gold,oaat")})
    assert str(caught.value).splitlines() == [
        f"the shop folder `{tmp_path}` was refused: 1 error",
        "",
        "prices.csv:11:6: error unknown_sku: `oaat` is not a product",
        "   11 | gold,oaat,2.20,",
        "      |      ^^^^",
        "  help: did you mean `oat`?",
    ]


def test_a_catalogue_of_thousands_suggests_by_one_slip_and_in_time(tmp_path: Path) -> None:
    skus = [f"sku-{number}" for number in range(2_000)]
    products = "sku,name,category,tax_category,gtin\n" + "".join(
        f"{sku},Name,a/b,food,{payload}{check_digit(payload)}\n"
        for sku, payload in ((sku, f"{400_000_000_000 + index}") for index, sku in enumerate(skus))
    )
    prices = "price_list,sku,amount\nbase,SKU-1234,1\nbase,sku_1234,1\nbase,nothing,1\n"
    faults = faults_of(tmp_path, {"products.csv": products, "prices.csv": prices})
    assert [fault.help for fault in faults] == [
        "did you mean `sku-1234`?",
        "did you mean `sku-1234`?",
        "add it to `products.csv`",
    ]
