"""A cart document, joined to the shop for the oracle: what is wished for, what it costs before any discount."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.adjustments import Adjustment, read_adjustments, set_prices
from tests.oracle.arith import minor, rounded, share_out, thousandths, whole
from tests.oracle.burning import Burning, read_burning
from tests.oracle.shop import Country, Customer, Option, PriceList, Product, Shop, Store, amounts_of, milliseconds

DeliveryKey = tuple[str, str, str]
"""Method, place, slot."""


@dataclass
class Unit:
    """One thing that can be sold: a piece, or all that was weighed at once."""

    list_minor: int
    current_minor: int
    lane_start_minor: int = 0
    """What it cost as the lane that now runs began."""
    may_trigger: bool = True
    may_be_rewarded: bool = True
    """What sets it was in before leave it fit for."""
    triggered: bool = False
    rewarded: bool = False
    """What it has been in sets."""

    @property
    def role(self) -> str:
        if self.triggered and self.rewarded:
            return "both"
        return "trigger" if self.triggered else "reward" if self.rewarded else "none"

    @property
    def rank(self) -> tuple[int | bool, ...]:
        """Who goes first among equal shares.

        The dearer unit, then the one that was dearer as the lane began, then the one that may not be a trigger, then the
        one that may not be rewarded, then the one that was in no set, was a trigger, was rewarded.
        """
        fit = self.may_trigger, self.may_be_rewarded
        return -self.current_minor, -self.lane_start_minor, *fit, self.rewarded, self.triggered


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
    discounted_before: bool = False
    """Whether promotions of earlier lanes took something."""
    discount_minor: int = 0
    order_discount_minor: int = 0
    tag_before_minor: int | None = None
    """What the tag said before staff set another price."""
    price_change_minor: int = 0
    """What a set price changed on the whole line, with its sign."""
    staff_minor: int = 0
    """What staff took off, set prices aside."""
    points_minor: int = 0
    """What points that are spent took off."""
    floor_minor: int = 0
    """What staff may not go below."""
    gift_of: str | None = None
    """The promotion that added the line."""

    def take_by_staff(self, amount: int) -> None:
        """Take an amount off by hand."""
        self.staff_minor += amount
        self._take(amount)

    def take_by_points(self, amount: int) -> None:
        """Take off what points pay."""
        self.points_minor += amount
        self._take(amount)

    def _take(self, amount: int) -> None:
        """Take an amount off, spread over the units in proportion to what they cost."""
        order = sorted(self.units, key=lambda unit: unit.rank)
        for unit, share in zip(order, share_out(amount, [unit.current_minor for unit in order]), strict=True):
            unit.current_minor -= share

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
    current_minor: int = 0
    """What is left to pay for all of them."""
    given: list[tuple[str, int]] = field(default_factory=list)

    @property
    def list_minor(self) -> int:
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
    payment_method: str
    draw: int

    adjustments: list[Adjustment] = field(default_factory=list)
    burning: Burning | None = None
    gift_choices: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    """Promotions whose limit or budget is used up: which of the two."""
    budget_left_minor: dict[str, int] = field(default_factory=dict)
    gift_line: Callable[[str, int, str], Line | None] = lambda *_: None
    """What some pieces of a product would be as a line here, by SKU, number and line key; None where it cannot be had."""
    gifts: list[Line] = field(default_factory=list)
    """What promotions added."""
    earned_on: dict[str, list[Line]] = field(default_factory=dict)
    """The goods on which promotions earn points."""

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
    """Return the form in which codes are compared; the word of a series, which a file may state, is as it is."""
    if entered.startswith("series:"):
        return entered
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
        payment_method=document.get("payment_method", ""),
        draw=_draw(document),
    )
    cart.burning = read_burning(document)
    cart.gift_choices = document.get("gift_choices", {})
    cart.closed = document.get("closed", {})
    for promotion, left in document.get("budget_left", {}).items():
        by_currency = left if isinstance(left, dict) else dict([reversed(left.split(" "))])
        if store.currency in by_currency:
            cart.budget_left_minor[promotion] = minor(by_currency[store.currency], store.currency)
    cart.gift_line = lambda sku, quantity, key: _gift_line(sku, quantity, key, cart, shop)
    cart.lines = sorted(_lines(document, cart, shop), key=lambda line: line.id)
    line_ids = [line_id_of(written, cart) for written in document.get("lines", ())]
    cart.adjustments = read_adjustments(document, line_ids, store.currency, shop)
    set_prices(cart.adjustments, cart, shop)
    cart.deliveries = _deliveries(cart, shop)
    cart.fees = _fees(document.get("fees", ()), cart, shop)
    return cart


def _draw(document: dict[str, Any]) -> int:
    if document.get("draw") is not None:
        return int(document["draw"])
    digest = hashlib.blake2b((document.get("id") or "file").encode("utf-8"), digest_size=4).digest()
    return int(digest.hex(), 16)


def _instant(written: str, store: Store) -> int:
    moment = datetime.fromisoformat(written)
    return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(store.timezone)))


def _facts(document: dict[str, Any] | None, shop: Shop, store: Store) -> Customer | None:
    if document is None:
        return None
    told: dict[str, Any] = {key: document[key] for key in ("tier", "birthday") if document.get(key) is not None}
    for key in ("points", "orders"):
        if document.get(key) is not None:
            told[key] = int(document[key])
    if document.get("stamps"):
        told["stamps"] = {card: int(count) for card, count in document["stamps"].items()}
    for key in ("segments", "ordered_categories"):
        if document.get(key) is not None:
            told[key] = frozenset(document[key])
    for key in ("first_order", "since"):
        if document.get(key) is not None:
            told[f"{key}_ms"] = _instant(document[key], store)
    return replace(shop.customers.get(document.get("id") or "", Customer()), **told)


def _lines(document: dict[str, Any], cart: Cart, shop: Shop) -> list[Line]:
    """Return the lines with their prices; the same wish written twice is one line."""
    written_by_id: dict[str, list[dict[str, Any]]] = {}
    for written in document.get("lines", ()):
        written_by_id.setdefault(line_id_of(written, cart), []).append(written)
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


def line_id_of(written: dict[str, Any], cart: Cart) -> str:
    """Return the id of the line that a line of a document belongs to."""
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
        unit=explicit.get("unit", "piece"),
        range="core",
        tags=frozenset(explicit.get("tags", ())),
        attributes=explicit.get("attributes", {}),
        never_discount=explicit.get("never_discount", False),
        cost=amounts_of(explicit.get("cost", {})),
        regulated_minimum=amounts_of(explicit.get("regulated_minimum", {})),
    )


def _delivery_key(choice: dict[str, str]) -> DeliveryKey:
    return choice["method"], choice.get("place", ""), choice.get("slot", "")


def _gift_line(sku: str, quantity: int, key: str, cart: Cart, shop: Shop) -> Line | None:
    if sku not in shop.products:
        return None
    line = Line(line_id(sku, {}, key), shop.products[sku], quantity, None)
    _price(line, {"sku": sku}, cart, shop)
    return None if line.unavailable else line


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
        cost = (amount or 0) * quantity
        found.append(Fee(id_, quantity, amount is not None, amount or 0, fee.tax_category, cost))
    return found
