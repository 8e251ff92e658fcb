"""A cart document, joined to the shop for the oracle: what is wished for, what it costs before any discount."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.arith import minor, rounded, thousandths, whole
from tests.oracle.shop import Country, Customer, Option, PriceList, Product, Shop, Store, milliseconds

DeliveryKey = tuple[str, str, str]
"""Method, place, slot."""


@dataclass
class Unit:
    """One thing that can be sold: a piece, or all that was weighed at once."""

    list_minor: int
    current_minor: int


@dataclass
class Line:
    id: str
    product: Product
    quantity: int
    """Pieces, or thousandths of measured goods."""
    delivery: DeliveryKey | None
    unavailable: str = ""
    price_list: str | None = None
    tag_minor: int = 0
    """What the tag on the shelf says: of a piece with its options, of a whole kilogram or metre without them."""
    tax_included: bool = False
    units: list[Unit] = field(default_factory=list)
    given: list[tuple[str, int]] = field(default_factory=list)
    """What promotions took, in order."""
    discount_minor: int = 0
    order_discount_minor: int = 0

    @property
    def list_minor(self) -> int:
        return sum(unit.list_minor for unit in self.units)

    @property
    def current_minor(self) -> int:
        return sum(unit.current_minor for unit in self.units)


@dataclass
class Delivery:
    key: DeliveryKey
    lines: list[Line]
    available: bool
    list_minor: int
    current_minor: int
    given: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Fee:
    fee: str
    quantity: int
    available: bool
    unit_minor: int
    tax_category: str

    @property
    def total_minor(self) -> int:
        return self.unit_minor * self.quantity


@dataclass
class Cart:
    channel: str
    store: Store
    country: Country
    at_ms: int
    facts: Customer | None
    codes: set[str]
    lines: list[Line]
    """In the order of their ids; those that cannot be had here among them."""
    deliveries: list[Delivery]
    fees: list[Fee]

    @property
    def goods(self) -> list[Line]:
        """The lines that can be had here."""
        return [line for line in self.lines if not line.unavailable]


def line_id(sku: str, options: dict[str, str], line_key: str) -> str:
    """Return the id of the line for a wish."""
    parts = [sku, "", line_key]
    for name, value in sorted(options.items()):
        parts += [name, value]
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(text.encode("utf-8"), digest_size=8).hexdigest()


def canonical_code(entered: str) -> str:
    """Return the form in which codes are compared."""
    return entered.upper().replace(" ", "").replace("-", "").replace("\t", "")


def read_cart(text: str, shop: Shop, default_at_ms: int | None = None) -> Cart:
    """Read a cart document; `default_at_ms` is the instant where it names none."""
    document = json.loads(text, parse_float=Decimal)
    channel = document.get("channel") or shop.default_channel
    store = shop.stores[document.get("store") or shop.channel_stores[channel] or shop.default_store]
    at_ms = _instant(document["at"], store) if document.get("at") else default_at_ms
    assert at_ms is not None
    cart = Cart(
        channel=channel,
        store=store,
        country=shop.countries[store.country],
        at_ms=at_ms,
        facts=_facts(document.get("customer"), shop, store),
        codes={canonical_code(code) for code in document.get("codes", ())},
        lines=[],
        deliveries=[],
        fees=[],
    )
    cart.lines = sorted(_lines(document, cart, shop), key=lambda line: line.id)
    cart.deliveries = _deliveries(cart, shop)
    cart.fees = _fees(document.get("fees", ()), cart, shop)
    return cart


def _instant(written: str, store: Store) -> int:
    moment = datetime.fromisoformat(written)
    return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(store.timezone)))


def _facts(document: dict[str, Any] | None, shop: Shop, store: Store) -> Customer | None:
    if document is None:
        return None
    known = shop.customers.get(document.get("id") or "", Customer("", frozenset(), None))
    tier, segments, first_order = document.get("tier"), document.get("segments"), document.get("first_order")
    return Customer(
        known.tier if tier is None else tier,
        known.segments if segments is None else frozenset(segments),
        known.first_order_ms if first_order is None else _instant(first_order, store),
    )


def _lines(document: dict[str, Any], cart: Cart, shop: Shop) -> list[Line]:
    """Return the lines with their prices; the same wish written twice is one line."""
    written_by_id: dict[str, list[dict[str, Any]]] = {}
    for written in document.get("lines", ()):
        written_by_id.setdefault(_id_of(written, cart), []).append(written)
    lines = []
    for id_, same in written_by_id.items():
        first = same[0]
        assert all(_goods_of(each) == _goods_of(first) for each in same), "one line of different goods"
        product = _product_of(first, shop)
        quantities = [Decimal(each.get("quantity", 1)) for each in same]
        quantity = sum(thousandths(each) if product.measured else whole(Fraction(each)) for each in quantities)
        choice = first.get("delivery") or document.get("delivery")
        line = Line(id_, product, quantity, _delivery_key(choice) if choice else None)
        _price(line, first, cart, shop)
        lines.append(line)
    return lines


def _goods_of(written: dict[str, Any]) -> tuple[object, ...]:
    return written.get("product"), written.get("tax_included")


def _id_of(written: dict[str, Any], cart: Cart) -> str:
    options, key = written.get("options", {}), written.get("line_key", "")
    if written.get("product"):
        price_minor = minor(Decimal(written["price"]), cart.store.currency)
        return line_id(written["product"]["sku"], options, f"{key}@{price_minor}")
    return line_id(written["sku"], options, key)


def _product_of(written: dict[str, Any], shop: Shop) -> Product:
    explicit = written.get("product")
    if not explicit:
        return shop.products[written["sku"]]
    return Product(
        sku=explicit["sku"],
        category=explicit.get("category", ""),
        tax_category=explicit["tax_category"],
        measured=explicit.get("unit", "piece") != "piece",
        range="core",
        tags=frozenset(explicit.get("tags", ())),
        attributes=explicit.get("attributes", {}),
        never_discount=explicit.get("never_discount", False),
    )


def _delivery_key(choice: dict[str, str]) -> DeliveryKey:
    return choice["method"], choice.get("place", ""), choice.get("slot", "")


def _price(line: Line, written: dict[str, Any], cart: Cart, shop: Shop) -> None:
    """Find what the line costs, and make its units."""
    product, currency = line.product, cart.store.currency
    if written.get("product"):
        price = minor(Decimal(written["price"]), currency)
        included = written.get("tax_included")
        line.tax_included = cart.country.included if included is None else included
    else:
        if not _sold_here(product, cart, shop):
            line.unavailable = "not_sold_here"
            return
        best = _best_price(line, cart, shop)
        if best is None:
            line.unavailable = "no_price"
            return
        price_list, price = best
        line.price_list, line.tax_included = price_list.id, price_list.tax_included
    options = written.get("options", {})
    surcharge = sum(_surcharge(shop.options[name], value, currency) for name, value in options.items())
    if product.measured:
        # What was weighed at once cannot be divided; a cut is paid once.
        amounts = [rounded(Fraction(price * line.quantity, 1000)) + surcharge]
        line.tag_minor = price
    else:
        amounts = [price + surcharge] * line.quantity
        line.tag_minor = price + surcharge
    line.units = [Unit(amount, amount) for amount in amounts]


def _surcharge(option: Option, value: str, currency: str) -> int:
    if option.values:
        return option.values[value][currency]
    return option.text[currency] if option.text else 0


def _sold_here(product: Product, cart: Cart, shop: Shop) -> bool:
    if product.range == "core":
        return True
    only = shop.ranges[product.range]
    return ("channels" not in only or cart.channel in only["channels"]) and (
        "stores" not in only or cart.store.id in only["stores"]
    )


def _best_price(line: Line, cart: Cart, shop: Shop) -> tuple[PriceList, int] | None:
    """Return the list that holds and its price, following "Which price holds" to the letter."""
    quantity_thousandths = line.quantity if line.product.measured else line.quantity * 1000
    found = []
    for price_list in shop.price_lists:
        if not _holds(price_list, cart):
            continue
        reached = [
            (from_quantity, price)
            for from_quantity, price in price_list.prices.get(line.product.sku, ())
            if from_quantity <= quantity_thousandths
        ]
        if reached:
            found.append((price_list, max(reached)[1]))
    return min(found, key=lambda each: _goes_first(each[0])) if found else None


def _holds(price_list: PriceList, cart: Cart) -> bool:
    here = {
        "channels": {cart.channel},
        "stores": {cart.store.id},
        "store_groups": cart.store.groups,
        "tiers": {cart.facts.tier} if cart.facts else set(),
        "segments": cart.facts.segments if cart.facts else set(),
    }
    return (
        price_list.currency == cart.store.currency
        and all(allowed & here[kind] for kind, allowed in price_list.only.items())
        and (price_list.from_ms is None or price_list.from_ms <= cart.at_ms)
        and (price_list.until_ms is None or cart.at_ms < price_list.until_ms)
    )


def _goes_first(price_list: PriceList) -> tuple[object, ...]:
    """Return a sort key: the list that sorts first is the one that holds."""
    dated = price_list.from_ms is not None or price_list.until_ms is not None
    restrictions = [kind in price_list.only for kind in ("segments", "tiers", "stores", "store_groups", "channels")]
    restrictions.append(dated)
    return (-price_list.priority, -sum(restrictions), [not restricted for restricted in restrictions], price_list.id)


def _deliveries(cart: Cart, shop: Shop) -> list[Delivery]:
    """Return one fee for each distinct way in which the goods of the cart are delivered."""
    keys = sorted({line.delivery for line in cart.goods if line.delivery})
    found = []
    for key in keys:
        fee = _delivery_fee(key, cart, shop)
        lines = [line for line in cart.goods if line.delivery == key]
        found.append(Delivery(key, lines, fee is not None, fee or 0, fee or 0))
    return found


def _delivery_fee(key: DeliveryKey, cart: Cart, shop: Shop) -> int | None:
    """Return the fee by the most specific entry; None where this delivery is not offered."""
    method_id, place, slot = key
    method = shop.methods.get(method_id)
    if method is None:
        return None
    if method.channels is not None and cart.channel not in method.channels:
        return None
    if method.countries is not None and cart.store.country not in method.countries:
        return None
    matching = []
    for entry in method.fees:
        prefixes = [""] if entry.places is None else [prefix for prefix in entry.places if place.startswith(prefix)]
        slot_fits = entry.slots is None or slot in entry.slots
        if prefixes and slot_fits and cart.store.currency in entry.amount:
            specific = (max(len(prefix) for prefix in prefixes), entry.slots is not None)
            matching.append((specific, entry.amount[cart.store.currency]))
    # Of equally specific entries `max` returns the one written first.
    return max(matching, key=lambda each: each[0])[1] if matching else None


def _fees(documents: Any, cart: Cart, shop: Shop) -> list[Fee]:
    """Return the chosen fees, in the order in which each was first chosen."""
    quantities: dict[str, int] = {}
    for document in documents:
        quantities[document["fee"]] = quantities.get(document["fee"], 0) + int(document.get("quantity", 1))
    found = []
    for id_, quantity in quantities.items():
        fee = shop.fees[id_]
        amount = fee.amount.get(cart.store.currency)
        found.append(Fee(id_, quantity, amount is not None, amount or 0, fee.tax_category))
    return found
