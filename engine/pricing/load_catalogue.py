"""The CSV files of a shop folder: products, prices, customers.

They may have hundreds of thousands of rows, so a row is read without a model, and places are only worked out for a
fault.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from sys import intern
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from engine.cart.model import QUANTITY_SCALE, Facts
from engine.errors import Diagnostic, Span
from engine.fields import is_birthday, read_amounts, read_local_instant
from engine.money import parse_amount
from engine.pricing.barcodes import BarcodeError, canonical_gtin
from engine.pricing.load_csv import Row
from engine.pricing.load_files import Folder, Report
from engine.pricing.load_models import ID_HELP, is_id
from engine.pricing.load_places import CORE_RANGE, Places
from engine.pricing.pricebook import PriceBook, PriceList
from engine.pricing.shop import PIECE, Alternate, LabelLayout, Product
from engine.source import explained, split_fault
from engine.types import Currency, CustomerId, InstantMs, PriceListId, Sku

Progress = Callable[[str, int, int], None]
"""Called with what is being read, how much of it is done, and how much there is."""

PROGRESS_ROWS = 10_000
"""Progress is told each time so many rows are done."""
PACK_UNITS_MAX = 1_000_000
FROM_QUANTITY_MAX = 1_000_000
POINTS_MAX = 10**12

_NEEDED = ("sku", "name", "category", "tax_category")
_OPTIONAL = (
    "unit",
    "range",
    "gtin",
    "label_item",
    "tags",
    "never_discount",
    "packs",
    "substitutes",
    "options",
    "cost",
    "regulated_minimum",
)
_WHOLE = re.compile(r"[0-9]{1,15}")
_SIGNED = re.compile(r"-?[0-9]{1,15}")
_COUNT = re.compile(r"[0-9]{1,9}")
_QUANTITY = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?")
_NO_TAGS: frozenset[str] = frozenset()
_NO_AMOUNTS: Mapping[Currency, int] = {}


@dataclass(slots=True)
class Catalogue:
    """The products of a shop with what they are found by."""

    products: dict[Sku, Product] = field(default_factory=dict)
    by_gtin: dict[str, Sku] = field(default_factory=dict)
    by_label_item: dict[str, Sku] = field(default_factory=dict)
    named: Collection[str] | None = None
    """Every SKU that a row has, be it faulty or not; None where the file could not be read to its end."""
    tax_categories: dict[str, str] = field(default_factory=dict)
    """Each tax category that is used, with the first place that uses it."""


def read_products(
    folder: Folder, places: Places, layouts: Sequence[LabelLayout], progress: Progress
) -> Catalogue | None:
    """Read ``products.csv``; None where the file as a whole could not be read."""
    file = "products.csv"
    table = folder.rows(file, _NEEDED, None)
    if table is None:
        return None
    rows = table.rows
    if not rows and not table.stray:
        message, help_ = f"`{file}` has no products", "add a line for each product"
        folder.report.add(Diagnostic("empty_catalogue", message, Span(file, 1, 1), help_))
    first_rows = {row.cells["sku"]: row for row in reversed(rows)}
    # Of a row with a cell too many, any cell may be the SKU.
    named = first_rows | dict.fromkeys(table.stray) if table.complete else None
    reader = _ProductReader(folder.report, places, layouts, first_rows, Catalogue(named=named))
    for done, row in enumerate(rows, 1):
        reader.read(row)
        if done % PROGRESS_ROWS == 0 or done == len(rows):
            progress(file, done, len(rows))
    return reader.catalogue


class _ProductReader:
    """Reads product rows, each against everything else that the folder declares."""

    def __init__(
        self,
        report: Report,
        places: Places,
        layouts: Sequence[LabelLayout],
        first_rows: Mapping[str, Row],
        catalogue: Catalogue,
    ) -> None:
        self.report = report
        self.places = places
        self.first_rows = first_rows
        self.catalogue = catalogue
        self.tax_categories = places.tax_categories()
        self.label_lengths = {layout.item[1] - layout.item[0] for layout in layouts}
        self.tag_sets: dict[str, frozenset[str]] = {"": _NO_TAGS}
        self.labels_first: dict[str, Row] = {}
        self.gtins_first: dict[str, Row] = {}

    def read(self, row: Row) -> None:
        """Read one row into the catalogue."""
        sku = Sku(row.cells["sku"])
        if not is_id(sku):
            self.fault(row, "invalid_id", "sku", f"`{sku[:70]}` is not an id", ID_HELP)
        first = self.first_rows[sku]
        if first is row:
            self.read_gtin(row, sku)
            self.read_label_item(row, sku)
            self.catalogue.products[sku] = self.product(row, sku)
            return
        message = f"the SKU `{sku}` is there twice, first on line {first.line}"
        self.fault(row, "duplicate_sku", "sku", message, "keep one of the two")
        self.product(row, sku)  # for its faults

    def product(self, row: Row, sku: Sku) -> Product:
        cells, get = row.cells, row.cells.get
        return Product(
            sku=sku,
            name=self.name(row),
            category=self.category(row),
            tax_category=self.tax_category(row),
            unit=self.unit(row),
            range=self.range(row),
            gtin=get("gtin", ""),
            tags=self.tags(get("tags", "")),
            attributes={
                intern(column): intern(value) for column, value in cells.items() if value and column not in _BUILT_IN
            },
            never_discount=self.never_discount(row),
            alternates=self.alternates(row, sku) if get("packs") or get("substitutes") else (),
            options=self.options(row) if get("options") else (),
            cost_minor=self.amounts(row, "cost") if get("cost") else _NO_AMOUNTS,
            regulated_minimum_minor=self.amounts(row, "regulated_minimum") if get("regulated_minimum") else _NO_AMOUNTS,
        )

    def name(self, row: Row) -> str:
        name = row.cells["name"]
        if not name:
            self.fault(row, "empty_text", "name", "the product has no name", "write what shoppers read")
        return name

    def category(self, row: Row) -> str:
        category = row.cells["category"]
        if not category or any(not part or part != part.strip() for part in category.split("/")):
            message = f"`{category}` is not a category path"
            self.fault(row, "invalid_category", "category", message, "write it like `grocery/bakery/bread`")
        return intern(category)

    def tax_category(self, row: Row) -> str:
        category = intern(row.cells["tax_category"])
        if self.tax_categories is not None and category not in self.tax_categories:
            help_ = self.report.nearest(category, self.tax_categories, "give it a rate in `tax.yaml`")
            self.fault(row, "unknown_tax_category", "tax_category", f"`{category}` has no rate in `tax.yaml`", help_)
        elif category not in self.catalogue.tax_categories:
            self.catalogue.tax_categories[category] = f"{row.source.name}:{row.line}"
        return category

    def unit(self, row: Row) -> str:
        unit = intern(row.cells.get("unit") or PIECE)
        if not is_id(unit):
            self.fault(row, "invalid_unit", "unit", f"`{unit}` is not a unit", "write `piece`, or a word such as `kg`")
        return unit

    def range(self, row: Row) -> str:
        range_ = intern(row.cells.get("range") or CORE_RANGE)
        if range_ != CORE_RANGE and (unknown := self.places.ranges.unknown(range_, self.report)):
            self.fault(row, unknown[0], "range", unknown[1], unknown[2])
        return range_

    def tags(self, text: str) -> frozenset[str]:
        known = self.tag_sets.get(text)
        if known is None:
            known = self.tag_sets[text] = frozenset(map(intern, text.split()))
        return known

    def never_discount(self, row: Row) -> bool:
        word = row.cells.get("never_discount", "")
        if word not in {"", "yes", "no"}:
            self.fault(row, "invalid_value", "never_discount", f"`{word}` is neither `yes` nor empty", "write `yes`")
        return word == "yes"

    def options(self, row: Row) -> tuple[str, ...]:
        options = tuple(dict.fromkeys(map(intern, row.cells["options"].split())))
        for option in options:
            if unknown := self.places.options.unknown(option, self.report):
                self.fault(row, unknown[0], "options", unknown[1], unknown[2])
        return options

    def amounts(self, row: Row, column: str) -> Mapping[Currency, int]:
        """Read amounts by currency: ``3.20 EUR``, or several of them separated by semicolons."""
        amounts: dict[Currency, int] = {}
        for text in row.cells[column].split(";"):
            try:
                amounts.update(read_amounts(text))
            except ValidationError as refused:
                for error in refused.errors(include_url=False):
                    _, message, help_ = explained(error)
                    self.fault(row, "invalid_amount", column, message, help_ or "write it like 3.20 EUR")
            except ValueError as fault:
                _, message, help_ = split_fault(str(fault))
                self.fault(row, "invalid_amount", column, message, help_ or "write it like 3.20 EUR")
        return amounts

    def read_gtin(self, row: Row, sku: Sku) -> None:
        text = row.cells.get("gtin", "")
        if not text:
            return
        try:
            gtin = canonical_gtin(text)
        except BarcodeError as fault:
            self.fault(row, "invalid_gtin", "gtin", fault.message, fault.repair)
            return
        first = self.gtins_first.setdefault(gtin, row)
        if first is not row:
            message = f"the GTIN `{text}` is also that of `{first.cells['sku']}` on line {first.line}"
            self.fault(row, "duplicate_gtin", "gtin", message, "a GTIN names one product")
        self.catalogue.by_gtin.setdefault(gtin, sku)

    def read_label_item(self, row: Row, sku: Sku) -> None:
        item = row.cells.get("label_item", "")
        if not item:
            return
        if not _WHOLE.fullmatch(item) or (self.label_lengths and len(item) not in self.label_lengths):
            lengths = " or ".join(map(str, sorted(self.label_lengths)))
            expected = f"write {lengths} digits, zeros on the left included" if lengths else "write digits"
            self.fault(row, "invalid_label_item", "label_item", f"`{item}` is not an item number of a label", expected)
            return
        first = self.labels_first.setdefault(item, row)
        if first is not row:
            message = f"the label item `{item}` is also that of `{first.cells['sku']}` on line {first.line}"
            self.fault(row, "duplicate_label_item", "label_item", message, "an item number names one product")
        self.catalogue.by_label_item.setdefault(item, sku)

    def alternates(self, row: Row, sku: Sku) -> tuple[Alternate, ...]:
        packs = [self.pack(row, word) for word in row.cells.get("packs", "").split()]
        substitutes = [Alternate(Sku(word), "substitute") for word in row.cells.get("substitutes", "").split()]
        known = [pack for pack in packs if pack is not None]
        for column, alternates in (("packs", known), ("substitutes", substitutes)):
            for alternate in alternates:
                self.check_alternate(row, sku, column, alternate.sku)
        return (*known, *substitutes)

    def pack(self, row: Row, word: str) -> Alternate | None:
        sku, _, units = word.partition(":")
        if not _WHOLE.fullmatch(units) or not 1 <= int(units) <= PACK_UNITS_MAX:
            help_ = f"write SKU:units, such as `{sku or 'crate'}:6`; units are 1 to {PACK_UNITS_MAX}"
            self.fault(row, "invalid_pack", "packs", f"`{word[:70]}` is not a pack", help_)
            return None
        return Alternate(Sku(sku), "pack", int(units))

    def check_alternate(self, row: Row, sku: Sku, column: str, other: Sku) -> None:
        if other == sku:
            self.fault(row, "own_alternate", column, f"`{sku}` names itself", "take it out")
        elif self.catalogue.named is not None and other not in self.catalogue.named:
            help_ = self.report.nearest(other, self.catalogue.named, "add the product, or take it out")
            self.fault(row, "unknown_sku", column, f"`{other[:70]}` is not a product", help_)

    def fault(self, row: Row, code: str, column: str, message: str, help_: str) -> None:
        self.report.add(row.diagnostic(code, column, message, help_))


_BUILT_IN = frozenset((*_NEEDED, *_OPTIONAL))


def read_prices(
    folder: Folder,
    places: Places,
    price_lists: Mapping[str, PriceList],
    catalogue: Catalogue | None,
    progress: Progress,
) -> PriceBook:
    """Read ``prices.csv`` into a price book; rows with a fault are left out."""
    file = "prices.csv"
    table = folder.rows(file, ("price_list", "sku", "amount"), ("from_quantity",))
    rows = table.rows if table else ()
    reader = _PriceReader(folder.report, places, price_lists, catalogue or Catalogue())
    for done, row in enumerate(rows, 1):
        reader.read(row)
        if done % PROGRESS_ROWS == 0 or done == len(rows):
            progress(file, done, len(rows))
    ranked = sorted(price_lists.values(), key=PriceList.rank)
    return PriceBook(tuple(ranked), reader.breaks())


class _PriceReader:
    """Reads price rows: for each product and list the quantities, amounts and rows."""

    def __init__(
        self,
        report: Report,
        places: Places,
        price_lists: Mapping[str, PriceList],
        catalogue: Catalogue,
    ) -> None:
        self.report = report
        self.places = places
        self.price_lists = price_lists
        self.products = catalogue.products
        self.named = catalogue.named
        self.found: dict[Sku, dict[PriceListId, list[tuple[int, int, Row]]]] = {}

    def read(self, row: Row) -> None:
        """Read one row."""
        price_list = self.price_list(row)
        product = self.product(row)
        amount_minor = self.amount_minor(row, price_list) if price_list is not None else None
        quantity = self.from_quantity(row, product)
        if price_list is not None and product is not None and amount_minor is not None and quantity is not None:
            of_sku = self.found.setdefault(product.sku, {})
            of_sku.setdefault(price_list.id, []).append((quantity, amount_minor, row))

    def price_list(self, row: Row) -> PriceList | None:
        id_ = row.cells["price_list"]
        price_list = self.price_lists.get(id_)
        if price_list is None and (unknown := self.places.price_lists.unknown(id_, self.report)):
            self.fault(row, unknown[0], "price_list", unknown[1], unknown[2])
        return price_list

    def product(self, row: Row) -> Product | None:
        sku = row.cells["sku"]
        product = self.products.get(Sku(sku))
        if product is None and self.named is not None and sku not in self.named:
            help_ = self.report.nearest(sku, self.named, "add it to `products.csv`")
            self.fault(row, "unknown_sku", "sku", f"`{sku[:70]}` is not a product", help_)
        return product

    def amount_minor(self, row: Row, price_list: PriceList) -> int | None:
        text = row.cells["amount"]
        try:
            amount_minor = parse_amount(text, price_list.currency)
        except ValueError as fault:
            help_ = f"write a point for decimals: {text.replace(',', '.')}" if "," in text else ""
            self.fault(row, "invalid_amount", "amount", str(fault), help_)
            return None
        if amount_minor < 0:
            self.fault(row, "negative_amount", "amount", f"`{text}` is negative", "a price is 0 or more")
            return None
        return amount_minor

    def from_quantity(self, row: Row, product: Product | None) -> int | None:
        text = row.cells.get("from_quantity")
        if not text:
            return 1  # the smallest there is: one piece, or one thousandth
        match = _QUANTITY.fullmatch(text)
        decimals = (match[2] or "").rstrip("0") if match else ""
        measured = product is None or product.measured
        if match is None or len(decimals) > (3 if measured else 0):
            expected = "at most 3 decimals" if measured else "no decimals, for it is sold by the piece"
            self.fault(
                row, "invalid_quantity", "from_quantity", f"`{text[:40]}` is not a quantity of `{row.cells['sku']}`",
                f"write a number with {expected}",
            )  # fmt: skip
            return None
        thousandths = int(match[1]) * QUANTITY_SCALE + int(decimals.ljust(3, "0"))
        if not 0 < thousandths <= FROM_QUANTITY_MAX * QUANTITY_SCALE:
            help_ = f"write a quantity above 0 and at most {FROM_QUANTITY_MAX}"
            self.fault(row, "invalid_quantity", "from_quantity", f"`{text}` is out of bounds", help_)
            return None
        return thousandths if measured else thousandths // QUANTITY_SCALE

    def breaks(self) -> dict[Sku, dict[PriceListId, tuple[tuple[int, ...], tuple[int, ...]]]]:
        """Return what was found as the price book keeps it, and note prices that are there twice."""
        single = (1,)
        return {
            sku: {
                list_: (single, (found[0][1],)) if len(found) == 1 and found[0][0] == 1 else self.sorted_breaks(found)
                for list_, found in of_sku.items()
            }
            for sku, of_sku in self.found.items()
        }

    def sorted_breaks(self, found: list[tuple[int, int, Row]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        found.sort(key=lambda price: (price[0], price[2].line))
        for earlier, later in pairwise(found):
            if earlier[0] == later[0]:
                row = later[2]
                message = (
                    f"`{row.cells['sku']}` has a price from this quantity in `{row.cells['price_list']}` already, "
                    f"on line {earlier[2].line}"
                )
                self.fault(row, "duplicate_price", "sku", message, "keep one of the two, or change `from_quantity`")
        return tuple(quantity for quantity, _, _ in found), tuple(amount for _, amount, _ in found)

    def fault(self, row: Row, code: str, column: str, message: str, help_: str) -> None:
        self.report.add(row.diagnostic(code, column, message, help_))


_CUSTOMER_COLUMNS = (
    *("tier", "segments", "first_order", "points"),
    *("since", "birthday", "orders", "ordered_categories"),
)


def read_customers(folder: Folder, zone: ZoneInfo, progress: Progress) -> dict[CustomerId, Facts]:
    """Read ``customers.csv``, if there is one; dates are in `zone`, the default store's."""
    file = "customers.csv"
    table = folder.rows(file, ("id",), _CUSTOMER_COLUMNS, needed=False)
    rows = table.rows if table else ()
    customers: dict[CustomerId, Facts] = {}
    lines: dict[str, int] = {}
    segments: dict[str, frozenset[str]] = {}
    for done, row in enumerate(rows, 1):
        customer = _customer(row, zone, segments, folder.report)
        if customer.customer in customers:
            message = f"the customer `{customer.customer}` is there twice, first on line {lines[customer.customer]}"
            folder.report.add(row.diagnostic("duplicate_id", "id", message, "keep one of the two"))
        else:
            customers[customer.customer] = customer
            lines[customer.customer] = row.line
        if done % PROGRESS_ROWS == 0 or done == len(rows):
            progress(file, done, len(rows))
    return customers


def _customer(row: Row, zone: ZoneInfo, segments: dict[str, frozenset[str]], report: Report) -> Facts:
    get = row.cells.get
    categories = get("ordered_categories")
    id_, tier, words, points = row.cells["id"], get("tier", ""), get("segments", ""), get("points") or "0"
    if not is_id(id_):
        report.add(row.diagnostic("invalid_id", "id", f"`{id_[:70]}` is not an id", ID_HELP))
    for column, word in _words((("tier", [tier] if tier else []), ("segments", words.split()))):
        if not is_id(word):
            report.add(row.diagnostic("invalid_id", column, f"`{word[:70]}` is not an id", ID_HELP))
    if not _SIGNED.fullmatch(points) or abs(int(points)) > POINTS_MAX:
        help_ = f"write a whole number of at most {POINTS_MAX}"
        report.add(row.diagnostic("invalid_points", "points", f"`{points[:40]}` is not a balance", help_))
        points = "0"
    if words not in segments:
        segments[words] = frozenset(map(intern, words.split()))
    return Facts(
        customer=CustomerId(id_),
        tier=intern(tier),
        segments=segments[words],
        points=int(points),
        first_order_ms=_date_ms(row, "first_order", zone, report),
        customer_since_ms=_date_ms(row, "since", zone, report),
        birthday=_birthday(row, report),
        orders=_orders(row, report),
        ordered_categories=_categories(categories) if categories is not None else None,
    )


def _categories(cell: str) -> frozenset[str]:
    return frozenset(intern(path.strip()) for path in cell.split(";") if path.strip())


def _birthday(row: Row, report: Report) -> str:
    text = row.cells.get("birthday") or ""
    if text and not is_birthday(text):
        help_ = "write month and day, such as 02-29"
        report.add(row.diagnostic("invalid_birthday", "birthday", f"`{text[:40]}` is not a birthday", help_))
        return ""
    return text


def _orders(row: Row, report: Report) -> int | None:
    text = row.cells.get("orders")
    if not text:
        return None
    if not _COUNT.fullmatch(text):
        help_ = "write how many orders there were so far, or leave the cell empty"
        report.add(row.diagnostic("invalid_orders", "orders", f"`{text[:40]}` is not a number of orders", help_))
        return None
    return int(text)


def _words(columns: Iterable[tuple[str, Iterable[str]]]) -> Iterable[tuple[str, str]]:
    return ((column, word) for column, words in columns for word in words)


def _date_ms(row: Row, column: str, zone: ZoneInfo, report: Report) -> InstantMs | None:
    text = row.cells.get(column)
    if not text:
        return None
    try:
        when = read_local_instant(text)
    except ValueError:
        help_ = "write it like 2026-10-01"
        report.add(row.diagnostic("invalid_date", column, f"`{text[:40]}` is not a date", help_))
        return None
    return when.starts_ms(zone)
