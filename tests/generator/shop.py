"""A small shop by chance, and the words by which rules and carts speak of it."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, Final, TypeVar

import yaml

from tests.cases.running import Files

DECIMALS: Final = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
STORES: Final = {
    "paris": ("FR", "EUR", "Europe/Paris", "[city, old]"),
    "lyon": ("FR", "EUR", "Europe/Paris", "[]"),
    "tokyo": ("JP", "JPY", "Asia/Tokyo", "[city]"),
    "kuwait": ("KW", "KWD", "Asia/Kuwait", "[]"),
    "york": ("US", "USD", "America/New_York", "[old]"),
}
CHANNELS: Final = ["web", "app", "pos"]
CATEGORIES: Final = ["food", "food/bread", "food/bread/rye", "food/breadth", "wear", "wear/shoes", "gifts"]
TAGS: Final = ["fresh", "sale", "vegan"]
BRANDS: Final = ["Acme", "Bolt", "Cara"]
PRODUCTS: Final = ["apple", "boot", "card", "cheese", "loaf", "mug", "rope", "sock"]
MEASURED: Final = {"cheese": "kg", "rope": "m"}
WITH_OPTIONS: Final = ["boot", "cheese", "mug"]
CARDS: Final = ["coffee", "tea"]
SEGMENTS: Final = ["family", "vip"]
TIERS: Final = ["silver", "gold"]
CODES: Final = ["SPRING10", "VIP", "X1", "XL"]
"""The last two look the same: where rules know both, only the exact one counts."""
ROLES: Final = ["cashier", "manager"]
METHODS: Final = ["home", "pickup"]
PLACES: Final = ["", "75001", "75116", "10"]
ZONES: Final = ["Europe/Paris", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "UTC"]
GROUPS: Final = ["city", "old"]
COUNTRIES: Final = ["FR", "JP", "KW", "US"]
SLOTS: Final = ["day", "evening"]
PAYMENTS: Final = ["card", "cash", "points"]
ARMS: Final = {"north": {"a": "50%", "b": "50%"}, "south": {"a": "20%", "b": "30.5%", "c": "10%"}}
"""The arms of each experiment; those of the second leave some shoppers out."""
TAX_CATEGORIES: Final = ["basic", "food", "standard"]
INSTANTS: Final = [
    "2026-03-08T01:59:59-05:00",
    "2026-03-08T03:00:00-04:00",
    "2026-03-28T23:30:00+01:00",
    "2026-03-29T01:59:59.999+01:00",
    "2026-03-29T03:00:00+02:00",
    "2026-03-29T23:59:59.999+02:00",
    "2026-03-30T00:00:00+02:00",
    "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00",
    "2026-10-25T03:00:00+01:00",
    "2026-11-01T01:30:00-04:00",
    "2026-11-01T01:30:00-05:00",
    "2026-04-04T15:15:00Z",
    "2026-06-15T12:00:00Z",
]
DATES: Final = [
    "2026-03-08",
    "2026-03-28",
    "2026-03-29",
    "2026-03-29T02:30",
    "2026-03-29T03:00",
    "2026-03-30",
    "2026-10-24",
    "2026-10-25",
    "2026-10-25T02:30",
    "2026-11-01T01:30",
    "2026-12-31",
]
TIMES: Final = ["00:00", "01:30", "02:00", "02:30", "03:00", "12:00", "22:00", "23:59", "24:00"]

Written = dict[str, Any]
T = TypeVar("T")


def decimal(minor: int, decimals: int) -> str:
    """Write minor units as people write an amount."""
    digits = str(minor).rjust(decimals + 1, "0")
    return f"{digits[: len(digits) - decimals]}.{digits[len(digits) - decimals :]}" if decimals else digits


def thousandths(quantity: int) -> str:
    """Write thousandths as a decimal."""
    return decimal(quantity, 3)


def one_in(chance: Random, number: int) -> bool:
    """Say yes one time in so many."""
    return chance.randint(1, number) == number


def price(chance: Random) -> int:
    """Return minor units, small ones rather often."""
    return chance.randint(1, chance.choice([30, 400, 5000]))


def amount(chance: Random) -> int:
    """Return minor units that are less than most prices."""
    return chance.randint(1, chance.choice([12, 500]))


def amounts(chance: Random, minor: Callable[[Random], int] = amount) -> dict[str, str]:
    """Return amounts in every currency, and now and then in some only."""
    known = chance.choice([list(DECIMALS)] * 30 + [["EUR"], ["EUR", "USD"], ["JPY", "KWD"]])
    return {currency: decimal(minor(chance), DECIMALS[currency]) for currency in known}


def everywhere(minor: int) -> dict[str, str]:
    """Write one number of minor units in every currency."""
    return {currency: decimal(minor, places) for currency, places in DECIMALS.items()}


def some(chance: Random, values: list[T], most: int = 3) -> list[T]:
    """Return some of the values, at least one."""
    return chance.sample(values, chance.randint(1, min(most, len(values))))


def any_of(values: Sequence[T]) -> Callable[[Random], T]:
    """Return what draws one of the values."""
    return lambda chance: chance.choice(values)


def some_of(values: list[T]) -> Callable[[Random], list[T]]:
    """Return what draws some of the values."""
    return lambda chance: some(chance, values)


def maybe(chance: Random, written: Written, key: str, make: Callable[[Random], Any], number: int = 3) -> None:
    """Write a key, one time in so many."""
    if one_in(chance, number):
        written[key] = make(chance)


_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def text_of(document: Any) -> str:
    """Write YAML, booleans plainly: as texts they would be quoted."""
    # Through JSON, so that a value that stands in two places is written twice: rule files know no anchors.
    plain = json.loads(json.dumps(document))
    text = yaml.dump(plain, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=118)
    return text.replace("'true'", "true").replace("'false'", "false")


@cache
def shop_files(seed: int) -> Files:
    """Return a shop folder; the same one for the same seed."""
    chance = Random(seed)  # noqa: S311 - no secret
    files = {
        "shop.yaml": text_of(
            {
                "id": "small",
                "name": "Small",
                "locales": ["en"],
                "default_channel": "web",
                "default_store": "paris",
                "tax_rounding": chance.choice(["line", "rate"]),
            }
        ),
        "channels.yaml": "channels: [{id: web, label: W}, {id: app, label: A}, {id: pos, label: P, store: lyon}]\n",
        "stores.yaml": "stores:\n"
        + "".join(
            f"  - {{id: {id_}, label: S, country: {country}, currency: {money}, timezone: {zone}, groups: {groups}}}\n"
            for id_, (country, money, zone, groups) in STORES.items()
        ),
        "tax.yaml": text_of({"countries": {name: _country(chance) for name in ("FR", "JP", "KW", "US")}}),
        "products.csv": "sku,name,category,tax_category,unit,range,tags,never_discount,options,brand,cost\n"
        + "".join(_product(chance, sku) for sku in PRODUCTS),
        **_price_book(chance),
        "ranges.yaml": "ranges: [{id: online, channels: [web, app]}, {id: french, stores: [paris, lyon]}]\n",
        "delivery.yaml": text_of({"methods": [_home(chance), _pickup(chance)]}),
        "fees.yaml": text_of(
            {
                "fees": [
                    {"id": fee, "label": "F", "amount": _amounts(chance, full=8), "tax_category": category}
                    for fee, category in (("wrap", "standard"), ("crate", "basic"))
                ]
            }
        ),
        "options.yaml": text_of(
            {
                "options": [
                    {
                        "id": "cut",
                        "label": "Cut",
                        "values": {"whole": dict.fromkeys(DECIMALS, "0"), "sliced": _amounts(chance)},
                    },
                    {"id": "words", "label": "Words", "text": {"length_max": "20", "surcharge": _amounts(chance)}},
                ]
            }
        ),
        "adjustments.yaml": text_of(_adjustment_rules(chance)),
        "customers.csv": "id,tier,segments,first_order,points,since,birthday,orders,ordered_categories\n"
        "ada,gold,family vip,2026-03-29,120,2026-03-01,02-29,3,food/bread;wear\nben,,,,,,,,\n"
        "cy,silver,family,2026-10-25,5,2025-10-26,10-31,1,gifts\n",
    }
    return tuple(files.items())


def _adjustment_rules(chance: Random) -> Written:
    """Ceilings low enough to be met, and high enough by amount that a request itself is not refused."""
    return {
        "reasons": [{"id": "damaged", "label": "D"}],
        "roles": [
            {"id": "cashier", "max_percent": "20%", "max_amount": dict.fromkeys(DECIMALS, "1000")},
            {"id": "manager", "max_percent": chance.choice(["50%", "66.67%", "100%"]), "may_set_price": "true"},
        ],
        "floor": chance.choice(["zero", "cost"]),
    }


def _country(chance: Random) -> Written:
    return {
        "included": chance.choice(["true", "false"]),
        "rates": {name: chance.choice(["0%", "5.5%", "8.875%", "10%", "20%"]) for name in TAX_CATEGORIES},
        "delivery": chance.choice(["standard", "food", "goods", "goods"]),
    }


def _product(chance: Random, sku: str) -> str:
    cells = [
        sku,
        sku.title(),
        chance.choice(CATEGORIES),
        chance.choice(TAX_CATEGORIES),
        MEASURED.get(sku, "piece"),
        chance.choice(["core", "core", "core", "core", "online", "french"]),
        " ".join(chance.sample(TAGS, chance.randint(0, 2))),
        "yes" if sku == "card" else "",
        "cut words" if sku in WITH_OPTIONS else "",
        chance.choice(["", *BRANDS]),
        "; ".join(f"{decimal(price(chance), places)} {money}" for money, places in DECIMALS.items())
        if chance.randint(1, 3) == 3
        else "",
    ]
    return ",".join(cells) + "\n"


def _amounts(chance: Random, *, full: int = 0, zero: bool = False) -> dict[str, str]:
    """Amounts in every currency or, unless `full` is 0, once in so many times in some only."""
    known = ["EUR", "USD"] if full and chance.randint(1, full) == full else list(DECIMALS)
    minor = 0 if zero and chance.randint(1, 3) == 3 else price(chance)
    return {currency: decimal(minor, DECIMALS[currency]) for currency in known}


def _price_book(chance: Random) -> dict[str, str]:
    lists: list[Written] = [
        {"id": f"base-{currency}", "currency": currency, "tax": chance.choice(["included", "excluded"])}
        for currency in DECIMALS
    ]
    for number in range(chance.randint(0, 5)):
        extra: Written = {
            "id": f"l{number}",
            "currency": chance.choice(["EUR", "EUR", "JPY", "USD"]),
            "tax": chance.choice(["included", "excluded"]),
        }
        restrictions = {
            "channels": some(chance, CHANNELS, 2),
            "stores": some(chance, list(STORES), 2),
            "store_groups": some(chance, ["city", "old"], 2),
            "tiers": some(chance, TIERS, 2),
            "segments": some(chance, SEGMENTS, 2),
            "priority": chance.choice(["-1", "0", "1"]),
        }
        extra |= {key: value for key, value in restrictions.items() if chance.randint(1, 3) == 3}
        if chance.randint(1, 3) == 3:
            first, last = sorted(chance.sample(["2026-03-28", "2026-03-29", "2026-10-25T03:00", "2026-12-31"], 2))
            extra |= {"from": first, "until": last, "timezone": chance.choice(ZONES)}
        lists.append(extra)
    rows = ["price_list,sku,amount,from_quantity"]
    for price_list in lists:
        decimals = DECIMALS[price_list["currency"]]
        for sku in PRODUCTS:
            if chance.randint(1, 2 if price_list["id"].startswith("l") else 12) == 1:
                continue
            rows.append(f"{price_list['id']},{sku},{decimal(price(chance), decimals)},")
            if chance.randint(1, 4) == 4:
                from_quantity = "1.5" if sku in MEASURED else "3"
                rows.append(f"{price_list['id']},{sku},{decimal(price(chance), decimals)},{from_quantity}")
    return {"price_lists.yaml": text_of({"price_lists": lists}), "prices.csv": "\n".join(rows) + "\n"}


def _home(chance: Random) -> Written:
    entries: list[Written] = [{}, {"slots": ["evening"]}, {"places": ["75"]}, {"places": ["75"], "slots": ["evening"]}]
    entries.append({"places": ["751", "1"]})
    fees = [{**entry, "amount": _amounts(chance, full=8)} for entry in chance.sample(entries, chance.randint(2, 5))]
    return {"id": "home", "label": "M", "slots": ["day", "evening"], "fees": fees}


def _pickup(chance: Random) -> Written:
    written: Written = {"id": "pickup", "label": "M", "fees": [{"amount": _amounts(chance, zero=True)}]}
    if chance.randint(1, 2) == 2:
        written["channels"] = ["web", "pos"]
    if chance.randint(1, 2) == 2:
        written["countries"] = ["FR", "US", "JP"]
    return written
