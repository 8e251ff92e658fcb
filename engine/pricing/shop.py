"""A shop, loaded: products, places, tax, delivery, fees, options, customers and the price book. Immutable.

`engine.pricing.load` reads one from a folder; `docs/shop-folder.md` describes the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from engine.cart.merging import MergePolicy
from engine.cart.model import Facts
from engine.pricing.adjustments import AdjustmentRules
from engine.pricing.pricebook import PriceBook
from engine.types import ChannelId, Currency, CustomerId, Sku, StoreId

PIECE = "piece"
"""The unit of goods that are counted; every other unit (kg, m, l) is measured in thousandths."""


@dataclass(frozen=True, slots=True)
class Alternate:
    """Another product that the catalogue names for one that is not sold here."""

    sku: Sku
    kind: str
    """``pack`` (the same goods in another pack) or ``substitute``."""
    units: int = 1
    """For a pack: how many units of the original product it holds; for a smaller pack, 1."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product as rules see it.

    ``category`` is a path such as ``grocery/bakery/bread``; its ancestors are the shorter paths. ``attributes`` are
    the further columns of the catalogue. ``never_discount`` marks regulated goods: no promotion touches them, and
    they enter no base and no threshold. ``cost_minor`` is what one piece or whole unit costs the shop,
    ``regulated_minimum_minor`` the least that it may be sold at, both by currency.
    """

    sku: Sku
    name: str = ""
    category: str = ""
    tax_category: str = "standard"
    unit: str = PIECE
    range: str = "core"
    gtin: str = ""
    tags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    never_discount: bool = False
    alternates: tuple[Alternate, ...] = ()
    options: tuple[str, ...] = ()
    cost_minor: Mapping[Currency, int] = field(default_factory=dict)
    regulated_minimum_minor: Mapping[Currency, int] = field(default_factory=dict)
    _keys: tuple[tuple[str, ...], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Work out the keys once: every evaluation of a cart with this product asks for them."""
        keys = (
            ("sku", self.sku),
            *(_shared("category", path) for path in self.categories()),
            *(_shared("tag", tag) for tag in self.tags),
            *(_shared("attribute", name, value) for name, value in self.attributes.items()),
        )
        object.__setattr__(self, "_keys", keys)

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Everything a selector can name it by, such as ``("sku", "4711")`` or ``("category", "grocery/bakery")``."""
        return self._keys

    @property
    def measured(self) -> bool:
        """Whether it is sold by weight or length."""
        return self.unit != PIECE

    def categories(self) -> tuple[str, ...]:
        """Return the category path and all its ancestors, nearest first."""
        return _categories(self.category)

    def floor_minor(self, currency: Currency, *, cost: bool) -> int:
        """Return the least that staff may sell a piece or whole unit at; `cost` says whether its cost counts."""
        least_minor = self.regulated_minimum_minor.get(currency, 0)
        return max(least_minor, self.cost_minor.get(currency, 0)) if cost else least_minor


@lru_cache(maxsize=2**16)
def _categories(path: str) -> tuple[str, ...]:
    parts = path.split("/") if path else []
    return tuple("/".join(parts[:length]) for length in range(len(parts), 0, -1))


@lru_cache(maxsize=2**16)
def _shared(*key: str) -> tuple[str, ...]:
    """Return the same tuple for the same words: a catalogue has few categories and many products."""
    return key


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to the shop, such as ``web`` or ``pos``. ``store`` is the store that serves it when a cart names none."""

    id: ChannelId
    label: Mapping[str, str]
    store: StoreId | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """A shop of bricks, and with it the place that decides currency, tax, time zone and price lists."""

    id: StoreId
    label: Mapping[str, str]
    country: str
    currency: Currency
    timezone: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """Where a set of products is sold. None means everywhere."""

    id: str
    channels: frozenset[ChannelId] | None = None
    stores: frozenset[StoreId] | None = None

    def sold_in(self, channel: ChannelId, store: StoreId) -> bool:
        """Say whether this range is sold there."""
        return (self.channels is None or channel in self.channels) and (self.stores is None or store in self.stores)


@dataclass(frozen=True, slots=True)
class TaxRules:
    """Tax of one country: rates by tax category in parts per million.

    ``included`` says how fees and delivery are stated; goods go by their price list. ``delivery_category`` None means
    that tax on delivery follows the goods: the fee is spread over them in proportion and taxed at their rates.
    """

    country: str
    included: bool
    rates_ppm: Mapping[str, int]
    delivery_category: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryFee:
    """What a method costs; the most specific entry that matches place and slot wins, then the one written first.

    ``places`` are prefixes of the delivery place (a postal code, a zone); empty matches every place.
    """

    amounts_minor: Mapping[Currency, int]
    places: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryMethod:
    """A way to get the goods. ``channels``, ``countries`` None means all; ``slots`` empty means no slot is chosen."""

    id: str
    label: Mapping[str, str]
    fees: tuple[DeliveryFee, ...]
    slots: tuple[str, ...] = ()
    channels: frozenset[ChannelId] | None = None
    countries: frozenset[str] | None = None

    def fee_minor(self, place: str, slot: str, currency: Currency) -> int | None:
        """Return the fee, or None where this method has none in that currency for that place and slot.

        A longer place prefix beats a shorter one, any place beats none, a named slot beats none.
        """
        best: tuple[int, int] | None = None
        found: int | None = None
        for fee in self.fees:
            prefix = max((len(p) for p in fee.places if place.startswith(p)), default=0)
            if (
                (fee.places and not prefix)
                or (fee.slots and slot not in fee.slots)
                or currency not in fee.amounts_minor
            ):
                continue
            rank = (prefix, 1 if fee.slots else 0)
            if best is None or rank > best:
                best, found = rank, fee.amounts_minor[currency]
        return found


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee that a shopper may choose, such as gift wrap or a deposit."""

    id: str
    label: Mapping[str, str]
    amounts_minor: Mapping[Currency, int]
    tax_category: str


@dataclass(frozen=True, slots=True)
class Option:
    """A choice on a line, such as engraving or cut.

    With ``values`` the value must be one of them, each with a surcharge a unit by currency; without, any text of at
    most ``text_length_max`` characters is taken for the one surcharge under the key ``""``.
    """

    id: str
    label: Mapping[str, str]
    surcharges_minor: Mapping[str, Mapping[Currency, int]]
    text_length_max: int = 0


@dataclass(frozen=True, slots=True)
class LabelLayout:
    """How in-store barcodes of some GS1 restricted prefixes (02, 20 to 29) carry weight or price.

    The 13 digits are read by position: ``item`` and ``value`` are (start, end) slices. ``value_kind`` is ``weight`` (of
    the product's unit) or ``price`` (of ``currency``); the last ``decimals`` digits of the value are its decimals.
    """

    prefixes: tuple[str, ...]
    item: tuple[int, int]
    value: tuple[int, int]
    value_kind: str
    decimals: int
    currency: Currency | None = None


@dataclass(frozen=True, slots=True)
class Shop:
    """Everything that is loaded from a shop folder but the rules."""

    id: str
    name: str
    version: str
    """Hash of the content: the price-book version that every answer names."""
    locales: tuple[str, ...]
    default_channel: ChannelId
    default_store: StoreId
    tax_rounding: str
    """``line`` (tax is rounded on each line) or ``rate`` (once on the sum at each rate)."""
    channels: Mapping[ChannelId, Channel]
    stores: Mapping[StoreId, Store]
    ranges: Mapping[str, Range]
    products: Mapping[Sku, Product]
    by_gtin: Mapping[str, Sku]
    """By GTIN in the canonical form of `engine.pricing.barcodes`: 14 digits."""
    by_label_item: Mapping[str, Sku]
    """In-store item numbers, as they stand in the labels."""
    prices: PriceBook
    taxes: Mapping[str, TaxRules]
    delivery_methods: Mapping[str, DeliveryMethod]
    fees: Mapping[str, Fee]
    options: Mapping[str, Option]
    label_layouts: tuple[LabelLayout, ...]
    customers: Mapping[CustomerId, Facts]
    adjustments: AdjustmentRules = field(default_factory=AdjustmentRules)
    merge_policy: MergePolicy = MergePolicy.SUM
    """How carts are merged where nobody says how."""

    def store_of(self, channel: ChannelId, store: StoreId | None) -> Store:
        """Return the store whose currency, tax and prices hold: the cart's, else the channel's, else the default.

        A store that the shop no longer has counts as none: its carts must not break.
        """
        if store is not None and store in self.stores:
            return self.stores[store]
        known = self.channels.get(channel)
        return self.stores[(known and known.store) or self.default_store]

    def sold_in(self, product: Product, channel: ChannelId, store: StoreId) -> bool:
        """Say whether a product is sold in that channel and store."""
        return self.ranges[product.range].sold_in(channel, store)
