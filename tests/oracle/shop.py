"""A shop folder, read for the oracle: `docs/shop-folder.md` is what it follows. Faults are not looked for."""

import csv
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from tests.oracle.arith import minor, ppm, thousandths

_OWN_COLUMNS = {
    *("sku", "name", "category", "tax_category", "unit", "range", "gtin", "label_item"),
    *("tags", "never_discount", "packs", "substitutes", "options", "cost", "regulated_minimum"),
}


@dataclass(frozen=True)
class Product:
    sku: str
    category: str
    tax_category: str
    unit: str
    range: str
    tags: frozenset[str]
    attributes: dict[str, str]
    never_discount: bool
    cost: dict[str, int] = field(default_factory=dict)
    regulated_minimum: dict[str, int] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        return self.unit != "piece"


@dataclass(frozen=True)
class Store:
    id: str
    country: str
    currency: str
    timezone: str
    groups: frozenset[str]


@dataclass(frozen=True)
class Country:
    included: bool
    rates_ppm: dict[str, int]
    delivery: str


@dataclass(frozen=True)
class PriceList:
    """`only` holds the restrictions that are written: kind -> allowed ids."""

    id: str
    currency: str
    tax_included: bool
    priority: int
    only: dict[str, frozenset[str]]
    from_ms: int | None
    until_ms: int | None
    prices: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """By SKU: (from this quantity in thousandths, minor units)."""


@dataclass(frozen=True)
class DeliveryFee:
    places: list[str] | None
    slots: list[str] | None
    amount: dict[str, int]


@dataclass(frozen=True)
class Method:
    channels: list[str] | None
    countries: list[str] | None
    fees: list[DeliveryFee]


@dataclass(frozen=True)
class Fee:
    amount: dict[str, int]
    tax_category: str


@dataclass(frozen=True)
class Option:
    """`values` has the surcharge of each value; for free text, `text` has the one surcharge."""

    values: dict[str, dict[str, int]]
    text: dict[str, int]


@dataclass(frozen=True)
class Customer:
    """What is None was not told."""

    tier: str = ""
    segments: frozenset[str] = frozenset()
    first_order_ms: int | None = None
    points: int = 0
    since_ms: int | None = None
    birthday: str | None = None
    orders: int | None = None
    ordered_categories: frozenset[str] | None = None
    stamps: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shop:
    default_channel: str
    default_store: str
    tax_rounding: str
    channel_stores: dict[str, str | None]
    stores: dict[str, Store]
    countries: dict[str, Country]
    products: dict[str, Product]
    price_lists: list[PriceList]
    ranges: dict[str, dict[str, list[str]]]
    methods: dict[str, Method]
    fees: dict[str, Fee]
    options: dict[str, Option]
    customers: dict[str, Customer]
    adjustments: dict[str, Any]


def milliseconds(moment: datetime) -> int:
    """Return a moment with a zone as milliseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def first_instant(day: date, clock: time | None, zone: str) -> int:
    """Return when that day, or that time of it, begins."""
    return milliseconds(datetime.combine(day, clock or time(0), ZoneInfo(zone)))


def end_instant(day: date, clock: time | None, zone: str) -> int:
    """Return the exclusive end: a date without a time includes the whole day."""
    return first_instant(day, clock, zone) if clock else first_instant(day + timedelta(days=1), None, zone)


def read_shop(folder: Path) -> Shop:
    """Read a shop folder."""
    shop = _yaml(folder / "shop.yaml")
    stores = {
        entry["id"]: Store(
            entry["id"], entry["country"], entry["currency"], entry["timezone"], frozenset(entry.get("groups", ()))
        )
        for entry in _yaml(folder / "stores.yaml")["stores"]
    }
    return Shop(
        default_channel=shop["default_channel"],
        default_store=shop["default_store"],
        tax_rounding=shop.get("tax_rounding", "line"),
        channel_stores={entry["id"]: entry.get("store") for entry in _yaml(folder / "channels.yaml")["channels"]},
        stores=stores,
        countries={
            name: Country(
                entry["included"] == "true",
                {category: ppm(rate) for category, rate in entry["rates"].items()},
                entry.get("delivery", "goods"),
            )
            for name, entry in _yaml(folder / "tax.yaml")["countries"].items()
        },
        products={row["sku"]: _product(row) for row in _csv(folder / "products.csv")},
        price_lists=_price_lists(folder),
        ranges={entry["id"]: entry for entry in _yaml(folder / "ranges.yaml").get("ranges", ())},
        methods={
            entry["id"]: Method(
                entry.get("channels"),
                entry.get("countries"),
                [DeliveryFee(fee.get("places"), fee.get("slots"), amounts_of(fee["amount"])) for fee in entry["fees"]],
            )
            for entry in _yaml(folder / "delivery.yaml").get("methods", ())
        },
        fees={
            entry["id"]: Fee(amounts_of(entry["amount"]), entry["tax_category"])
            for entry in _yaml(folder / "fees.yaml").get("fees", ())
        },
        options={
            entry["id"]: Option(
                {value: amounts_of(amount) for value, amount in entry.get("values", {}).items()},
                amounts_of(entry["text"]["surcharge"]) if "surcharge" in entry.get("text", {}) else {},
            )
            for entry in _yaml(folder / "options.yaml").get("options", ())
        },
        customers={
            row["id"]: _customer(row, stores[shop["default_store"]].timezone) for row in _csv(folder / "customers.csv")
        },
        adjustments=_yaml(folder / "adjustments.yaml"),
    )


def _yaml(path: Path) -> Any:
    """Read YAML with every scalar left as the text it is written as; a file that is not there is empty."""
    if not path.exists():
        return {}
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader) or {}  # noqa: S506 - builds only text, lists and maps


def _csv(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def amounts_of(written: str | dict[str, str]) -> dict[str, int]:
    """Read amounts by currency."""
    if isinstance(written, str):
        number, currency = written.split()
        written = {currency: number}
    return {currency: minor(number, currency) for currency, number in written.items()}


def _product(row: dict[str, str]) -> Product:
    return Product(
        sku=row["sku"],
        category=row["category"],
        tax_category=row["tax_category"],
        unit=row.get("unit") or "piece",
        range=row.get("range") or "core",
        tags=frozenset((row.get("tags") or "").split()),
        attributes={name: value for name, value in row.items() if name not in _OWN_COLUMNS and value},
        never_discount=row.get("never_discount") == "yes",
        cost=_several(row.get("cost")),
        regulated_minimum=_several(row.get("regulated_minimum")),
    )


def _customer(row: dict[str, str], zone: str) -> Customer:
    def day(column: str) -> int | None:
        return first_instant(date.fromisoformat(row[column]), None, zone) if row.get(column) else None

    categories = row.get("ordered_categories")
    return Customer(
        tier=row.get("tier") or "",
        segments=frozenset((row.get("segments") or "").split()),
        first_order_ms=day("first_order"),
        points=int(row.get("points") or 0),
        since_ms=day("since"),
        birthday=row.get("birthday") or None,
        orders=int(row["orders"]) if row.get("orders") else None,
        ordered_categories=None if categories is None else frozenset(each for each in categories.split(";") if each),
    )


def _several(cell: str | None) -> dict[str, int]:
    """Read amounts in several currencies out of one cell."""
    found: dict[str, int] = {}
    for text in (cell or "").split(";"):
        if text.strip():
            found |= amounts_of(text)
    return found


def _price_lists(folder: Path) -> list[PriceList]:
    lists = []
    for entry in _yaml(folder / "price_lists.yaml")["price_lists"]:
        zone = entry.get("timezone", "UTC")
        kinds = [kind for kind in ("channels", "stores", "store_groups", "tiers", "segments") if kind in entry]
        lists.append(
            PriceList(
                id=entry["id"],
                currency=entry["currency"],
                tax_included=entry["tax"] == "included",
                priority=int(entry.get("priority", "0")),
                only={kind: frozenset(entry[kind]) for kind in kinds},
                from_ms=first_instant(*_date_or_time(entry["from"]), zone) if "from" in entry else None,
                until_ms=end_instant(*_date_or_time(entry["until"]), zone) if "until" in entry else None,
            )
        )
    by_id = {each.id: each for each in lists}
    for row in _csv(folder / "prices.csv"):
        of = by_id[row["price_list"]]
        from_quantity = thousandths(row["from_quantity"]) if row.get("from_quantity") else 0
        of.prices.setdefault(row["sku"], []).append((from_quantity, minor(row["amount"], of.currency)))
    return lists


def _date_or_time(written: str) -> tuple[date, time | None]:
    if len(written) == len("2026-10-01"):
        return date.fromisoformat(written), None
    moment = datetime.fromisoformat(written)
    return moment.date(), moment.time()
