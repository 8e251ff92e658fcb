"""A shop folder with several faults: none hides another, and none makes one that is not there."""

from pathlib import Path

import pytest

from tests.shops import FILES, small_shop
from tests.test_load import faults_of, shown


def of(folder: Path, changes: dict[str, str | None]) -> list[tuple[str, int, str]]:
    return [(fault.span.file, fault.span.line, fault.code) for fault in faults_of(folder, changes)]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("products.csv", "oat,Oat drink", "oat,Oat, drink", [(4, "cell_count")]),
        ("products.csv", "oat,Oat drink", 'oat,"Oat drink', [(4, "csv_syntax")]),
        ("products.csv", "oat,Oat drink", "oat,Oat\0 drink", [(4, "control_character")]),
        ("products.csv", "oat,Oat drink", "o\0at,Oat drink", [(4, "control_character")]),
        ("products.csv", "oat,Oat drink", "milk,,a//b,fod\noat,Oat drink", [(4, "cell_count")]),
        (
            "products.csv",
            "oat,Oat drink",
            "milk,,a//b,fod,,,,,,,,,,\noat,Oat drink",
            [(4, "duplicate_sku"), (4, "empty_text"), (4, "invalid_category"), (4, "unknown_tax_category")],
        ),
        ("channels.yaml", "id: app, label", "id: app, lable", [(3, "missing_field"), (3, "unknown_field")]),
        ("channels.yaml", "id: app", "idd: app", [(3, "missing_field"), (3, "unknown_field")]),
        ("channels.yaml", "id: app", "id: *app", [(3, "alias")]),
        ("channels.yaml", "id: app", "id: ap, id: app", [(3, "duplicate_key")]),
        ("channels.yaml", "- {id: app", "- {<<: *app, lable: x}\n  - {id: app", [(3, "alias"), (3, "unknown_field")]),
        (
            "channels.yaml",
            "store: south",
            "store: sout, labl: x",
            [(4, "unknown_store"), (4, "unknown_field")],
        ),
        ("stores.yaml", "id: south, label", "id: south, lable", [(3, "missing_field"), (3, "unknown_field")]),
        ("stores.yaml", "groups: [city]", "groups: [the city]", [(2, "invalid_id")]),
        (
            "stores.yaml",
            "country: FR, currency: EUR, timezone: Europe/Paris}",
            "country: BE, currency: eur, timezone: Europe/Paris}",
            [(3, "country_without_tax"), (3, "invalid_currency")],
        ),
        (
            "tax.yaml",
            "rates: {food: 5.5%, standard: 20%}\n    delivery: standard",
            "rates: {food: 5.5%, standard: 20}\n    delivery: standart",
            [(4, "invalid_rate")],
        ),
        ("ranges.yaml", "id: extended, channels", "id: extended, chanels", [(2, "unknown_field")]),
        ("price_lists.yaml", "id: gold, currency: EUR", "id: gold, currency: EU", [(4, "invalid_currency")]),
        (
            "price_lists.yaml",
            "EUR, tax: included, tiers: [gold]",
            "EU, tax: included, stores: [nort]",
            [(4, "invalid_currency"), (4, "unknown_store")],
        ),
        ("options.yaml", "length_max: 20", "length_max: 0", [(7, "invalid_value")]),
        ("delivery.yaml", "slots: [day, evening]", "slots: [the day, evening]", [(4, "invalid_id")]),
        ("labels.yaml", '["21", "02"]', "[]", [(2, "invalid_value")]),
        ("labels.yaml", "currency: EUR", "currency: EU", [(10, "invalid_currency")]),
        (
            "shop.yaml",
            "default_channel: web\ndefault_store: north",
            "tax_rounding: x\ndefault_channel: wbe\ndefault_store: nort",
            [(4, "invalid_value"), (5, "unknown_channel"), (6, "unknown_store")],
        ),
        ("shop.yaml", "default_store: north", "default_stor: north", [(1, "missing_field"), (5, "unknown_field")]),
        ("shop.yaml", "locales: [en, fr]", "locales: [en, f_r]", [(3, "invalid_locale")]),
        ("shop.yaml", "name: The", "name: Your\nname: The", [(3, "duplicate_key")]),
        ("fees.yaml", "2.50 EUR", "{EUR: 2.50, EUO: 3, USD: x}", [(2, "invalid_currency"), (2, "invalid_amount")]),
        ("fees.yaml", "2.50 EUR", "{EUR: 2.50, XXX: 3}", [(2, "invalid_currency")]),
    ],
)
def test_a_fault_hides_no_other_and_makes_no_other(
    tmp_path: Path, file: str, old: str, new: str, expected: list[tuple[int, str]]
) -> None:
    assert old in FILES[file]
    found = of(tmp_path, {file: FILES[file].replace(old, new, 1)})
    assert sorted(found) == sorted((file, line, code) for line, code in expected)


def test_a_product_under_a_wrong_id_is_known(tmp_path: Path) -> None:
    changes = {name: FILES[name].replace("oat,", "oat!,") for name in ("products.csv", "prices.csv")}
    assert of(tmp_path, {**changes}) == [("products.csv", 4, "invalid_id")]


def test_the_store_of_a_label_currency_may_be_the_faulty_one(tmp_path: Path) -> None:
    stores = FILES["stores.yaml"].replace("South, country: FR, currency: EUR", "South, contry: FR, currency: USD")
    labels = FILES["labels.yaml"].replace("currency: EUR", "currency: USD")
    assert {file for file, _, _ in of(tmp_path, {"stores.yaml": stores, "labels.yaml": labels})} == {"stores.yaml"}


def test_a_wrong_key_of_an_amount_is_pointed_at(tmp_path: Path) -> None:
    fees = FILES["fees.yaml"].replace("2.50 EUR", "{EUR: 2.50, XXX: 3, EURO: 4}")
    assert [shown(fault)[:2] for fault in faults_of(tmp_path, {"fees.yaml": fees})] == [
        ("invalid_currency", "XXX"),
        ("invalid_currency", "EURO"),
    ]


def test_prices_are_checked_where_the_product_or_its_file_is_faulty(tmp_path: Path) -> None:
    products = FILES["products.csv"].replace("oat,Oat drink", "oat,Oat, drink")
    prices = FILES["prices.csv"].replace("2.40,", "two,x")
    expected = [("prices.csv", 5, "invalid_amount"), ("prices.csv", 5, "invalid_quantity")]
    assert of(tmp_path, {"products.csv": products, "prices.csv": prices})[:2] == expected
    assert of(tmp_path, {"products.csv": "sku\n", "prices.csv": prices})[:2] == expected


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("delivery.yml", "delivery.yaml"),
        ("options.YAML", "options.yaml"),
        ("customer.csv", "customers.csv"),
        ("product.csv", "products.csv"),
        ("stroes.yaml", "stores.yaml"),
        ("adjustment.yaml", "adjustments.yaml"),
    ],
)
def test_a_file_under_nearly_its_name_is_an_error(tmp_path: Path, wrong: str, right: str) -> None:
    faults = faults_of(tmp_path, {right: None, wrong: FILES[right]})
    assert [(fault.code, fault.span.file, fault.help) for fault in faults] == [
        ("unknown_file", wrong, f"did you mean `{right}`?")
    ]
    assert of(tmp_path, {right: FILES[right]}) == [(wrong, 1, "unknown_file")], "it is still not read"


def test_rules_beside_their_folder_are_an_error(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, {"rules.yaml": ""})
    assert (fault.code, fault.help) == ("unknown_file", "put it into the folder `rules`")


def test_other_files_are_none_of_our_business(tmp_path: Path) -> None:
    others = ("README.md", ".shop.yaml", "build.py", "baskets.jsonl", "delivery.yaml.bak", "stock.csv", "pipeline.yml")
    (tmp_path / "rules").mkdir()
    assert small_shop(tmp_path, dict.fromkeys(others, "x")).products


def test_a_link_to_nowhere_is_not_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "options.yaml").symlink_to(tmp_path / "nowhere")
    assert of(tmp_path, {"options.yaml": None}) == [("options.yaml", 1, "unreadable_file")]


def test_a_list_may_begin_and_end_in_the_hour_that_the_clocks_skip(tmp_path: Path) -> None:
    lists = FILES["price_lists.yaml"].replace(
        "from: 2026-03-28, until: 2026-03-29,", "from: 2026-03-29T02:30, until: 2026-03-29T03:30,"
    )
    promo = next(
        known for known in small_shop(tmp_path, {"price_lists.yaml": lists}).prices.lists if known.id == "promo"
    )
    assert promo.from_ms == promo.until_ms
