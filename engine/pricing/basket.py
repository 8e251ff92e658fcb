"""A cart joined to its prices: the input of `evaluate`, before any promotion.

The basket knows nothing of members, versions or the store; it is what a till, a server and `panier price` all build
in the same way from a cart, a shop and an instant.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from engine.cart.model import (
    QUANTITY_SCALE,
    Adjustment,
    AdjustmentKind,
    Burn,
    Cart,
    DeliveryChoice,
    Facts,
    FeeChoice,
    LineItem,
    Voucher,
)
from engine.limits import NOTHING_CLOSED, ClosedLimits
from engine.money import AMOUNT_MINOR_MAX, ratio_of
from engine.pricing.adjustments import AdjustmentRules, StaffPrice
from engine.pricing.evaluation import Alternative, Unavailable
from engine.pricing.pricebook import Buyer, PriceList
from engine.pricing.shop import PIECE, Option, Product, Shop, Store, TaxRules
from engine.types import ChannelId, Currency, InstantMs, LineId, PriceListId, PromotionId, Sku, record


@record
class BasketLine:
    """A line with its price.

    Counted goods have ``units`` pieces of ``unit_minor`` each. A measured line is one indivisible unit of its rounded
    amount, whatever it weighs. ``unit_list_minor`` is what a price tag shows: for a piece, or for a whole kilogram.
    A price set by staff has taken the place of the tag's in all of these; ``staff_price`` says what it changed.
    ``floor_minor`` is what staff may not go below with the whole line.
    """

    id: LineId
    product: Product
    quantity: int
    units: int
    unit_minor: int
    unit_list_minor: int
    list_minor: int
    price_list: PriceListId | None
    tax_included: bool
    delivery: DeliveryChoice | None
    floor_minor: int = 0
    staff_price: StaffPrice | None = None

    @property
    def staff_change_minor(self) -> int:
        """What a set price changed, negative where it lowered the line."""
        return self.staff_price.change_minor if self.staff_price else 0


@dataclass(frozen=True, slots=True)
class UnavailableLine:
    """A line that is kept but cannot be sold in this context."""

    id: LineId
    product: Product
    quantity: int
    reason: Unavailable
    alternatives: tuple[Alternative, ...]


@record
class BasketDelivery:
    """One delivery: the lines that go together. ``fee_minor`` None: the method is not offered in this context."""

    choice: DeliveryChoice
    lines: tuple[LineId, ...]
    fee_minor: int | None


@record
class BasketFee:
    """A chosen fee. ``unit_minor`` None: the shop has no amount for it in this currency."""

    fee: str
    quantity: int
    unit_minor: int | None
    tax_category: str


Join = Callable[[LineItem], BasketLine | UnavailableLine]


def _unknown_product(line: LineItem) -> UnavailableLine:
    """Return a line of a product that the catalogue does not have: the wish is kept, its unit as the line has it."""
    gone = Product(sku=line.sku, name=line.sku, unit="unit" if line.measured else PIECE)
    return UnavailableLine(line.id, gone, line.quantity, Unavailable.UNKNOWN_PRODUCT, ())


@record
class Basket:
    """Everything an evaluation depends on but the rules.

    ``lines`` are in the order of their ids, which is the canonical order of all allocation; ``order`` is the order in
    which they were added.
    """

    channel: ChannelId
    store: Store
    currency: Currency
    locale: str
    as_of_ms: InstantMs
    facts: Facts | None
    lines: tuple[BasketLine, ...]
    unavailable: tuple[UnavailableLine, ...]
    order: Mapping[LineId, int]
    deliveries: tuple[BasketDelivery, ...]
    fees: tuple[BasketFee, ...]
    codes: tuple[str, ...]
    taxes: TaxRules
    tax_rounding: str
    price_book_version: str
    payment_method: str = ""
    """Empty until it is known."""
    draw: int = 0
    """What decides the arms of experiments, see `engine.cart.draw`."""
    adjustments: tuple[Adjustment, ...] = ()
    """What staff change by hand, in the order in which they added it."""
    adjustment_rules: AdjustmentRules = field(default_factory=AdjustmentRules)
    gift_choices: Mapping[PromotionId, Sku] = field(default_factory=dict)
    """What the shopper chose where a promotion lets them choose a gift."""
    burn: Burn | None = None
    """Points that are to be spent."""
    closed: ClosedLimits = NOTHING_CLOSED
    """What limits leave of promotions."""
    vouchers: Mapping[str, Voucher] = field(default_factory=dict)
    """What is known of those of its codes that orders brought, by the canonical code."""
    join: Join = field(default=_unknown_product, repr=False, compare=False)
    """Prices a line that is not in the cart as if it were: what a gift would cost here."""


@dataclass(frozen=True, slots=True)
class ExplicitLine:
    """A line that brings its own product and price: how `panier price` and tests price what no catalogue holds."""

    product: Product
    unit_price_minor: int
    tax_included: bool


def build_basket(
    cart: Cart,
    shop: Shop,
    as_of_ms: InstantMs,
    explicit: Mapping[LineId, ExplicitLine] | None = None,
    closed: ClosedLimits = NOTHING_CLOSED,
) -> Basket:
    """Join a cart's lines to the shop's prices in the cart's own context at one instant.

    ``closed`` is what limits leave of promotions for this cart (see `engine.rules.uses`).
    """
    store = shop.store_of(cart.channel, cart.store)
    lists = shop.prices.lists_for(buyer_of(cart, store, as_of_ms))
    joiner = _Joiner(shop, store, cart.channel, lists, explicit or {}, _set_prices(cart, store.currency))
    joined = [joiner.join(line) for line in cart.lines]
    lines = sorted([line for line in joined if isinstance(line, BasketLine)], key=attrgetter("id"))
    return Basket(
        channel=cart.channel,
        store=store,
        currency=store.currency,
        locale=cart.locale,
        as_of_ms=as_of_ms,
        facts=cart.facts,
        lines=tuple(lines),
        unavailable=tuple(line for line in joined if isinstance(line, UnavailableLine)),
        order={line.id: position for position, line in enumerate(cart.lines)},
        deliveries=_deliveries(cart, shop, store, lines),
        fees=tuple(_fee(choice, shop, store.currency) for choice in cart.fees),
        codes=tuple(code.canonical for code in cart.codes),
        taxes=shop.taxes[store.country],
        tax_rounding=shop.tax_rounding,
        price_book_version=shop.version,
        payment_method=cart.payment_method,
        draw=cart.draw,
        adjustments=cart.adjustments,
        adjustment_rules=shop.adjustments,
        gift_choices=cart.gift_choices,
        burn=cart.burn,
        closed=closed,
        vouchers={code.canonical: code.voucher for code in cart.codes if code.voucher is not None},
        join=joiner.join,
    )


def buyer_of(cart: Cart, store: Store, as_of_ms: InstantMs) -> Buyer:
    """Return who asks for prices: the cart's channel and store, its owner's tier and segments."""
    facts = cart.facts
    return Buyer(
        channel=cart.channel,
        store=store.id,
        store_groups=store.groups,
        currency=store.currency,
        tier=facts.tier if facts else "",
        segments=facts.segments if facts else frozenset(),
        as_of_ms=as_of_ms,
    )


@dataclass(frozen=True, slots=True)
class _Joiner:
    shop: Shop
    store: Store
    channel: ChannelId
    lists: tuple[PriceList, ...]
    explicit: Mapping[LineId, ExplicitLine]
    set_prices: Mapping[LineId, Adjustment]

    def join(self, line: LineItem) -> BasketLine | UnavailableLine:
        own = self.explicit.get(line.id)
        product = own.product if own else self.shop.products.get(line.sku)
        if product is None:
            return _unknown_product(line)
        if own:
            return self._priced(line, product, own.unit_price_minor, None, tax_included=own.tax_included)
        if not self.shop.sold_in(product, self.channel, self.store.id):
            return self._unavailable(line, product, Unavailable.NOT_SOLD_HERE)
        price = self.shop.prices.unit_price(line.sku, line.quantity, self.lists)
        if line.label_price_minor is not None and line.label_currency != self.store.currency:
            return self._unavailable(line, product, Unavailable.OTHER_CURRENCY)
        if price is None:
            return self._unavailable(line, product, Unavailable.NO_PRICE)
        return self._priced(
            line, product, price.amount_minor, price.price_list.id, tax_included=price.price_list.tax_included
        )

    def _priced(
        self, line: LineItem, product: Product, price_minor: int, price_list: PriceListId | None, *, tax_included: bool
    ) -> BasketLine | UnavailableLine:
        currency, quantity, measured = self.store.currency, line.quantity, product.measured
        surcharge_minor = option_surcharge_minor(line.options, self.shop.options, currency) if line.options else 0
        if line.label_price_minor is not None:
            # The pack is sold at what its label says, once for each pack scanned.
            units = 1 if measured else quantity
            unit_minor = line.label_price_minor + surcharge_minor
            unit_list_minor = price_minor if measured else unit_minor
        elif measured:
            units, unit_list_minor = 1, price_minor
            unit_minor = ratio_of(price_minor, quantity, QUANTITY_SCALE) + surcharge_minor
        else:
            units, unit_minor = quantity, price_minor + surcharge_minor
            unit_list_minor = unit_minor
        if units * unit_minor > AMOUNT_MINOR_MAX:
            return self._unavailable(line, product, Unavailable.TOO_LARGE)
        floor_minor = product.floor_minor(currency, cost=self.shop.adjustments.floor_is_cost)
        joined = BasketLine(
            id=line.id,
            product=product,
            quantity=quantity,
            units=units,
            unit_minor=unit_minor,
            unit_list_minor=unit_list_minor,
            list_minor=units * unit_minor,
            price_list=price_list,
            tax_included=tax_included,
            delivery=line.delivery,
            floor_minor=_line_minor(product, floor_minor, quantity, units) if floor_minor else 0,
        )
        staff = self.set_prices.get(line.id)
        if staff and not product.never_discount:
            joined = self._at_set_price(joined, staff, floor_minor)
            if joined.list_minor > AMOUNT_MINOR_MAX:
                return self._unavailable(line, product, Unavailable.TOO_LARGE)
        return joined

    def _at_set_price(self, line: BasketLine, staff: Adjustment, unit_floor_minor: int) -> BasketLine:
        """Return the line at a price that staff set for a piece or a whole unit, cut to what the role may give.

        Where the tag is below the floor already, the price stays at the tag: lowering never raises.
        """
        rules, product = self.shop.adjustments, line.product
        wanted_minor = _line_minor(product, staff.value, line.quantity, line.units) - line.list_minor
        most_minor = rules.most_minor(staff.role, line.list_minor, self.store.currency)
        price_minor = max(staff.value, min(unit_floor_minor, line.unit_list_minor))
        if not rules.may_set_price(staff.role):
            price_minor, unit_minor = line.unit_list_minor, line.unit_minor
        elif product.measured:
            # Of the whole line, for an option or a label makes it cost something else than its measure does.
            least_minor = max(min(line.floor_minor, line.list_minor), line.list_minor - most_minor)
            unit_minor = max(line.list_minor + wanted_minor, least_minor)
        else:
            price_minor = unit_minor = max(price_minor, line.unit_minor - most_minor // line.units)
        list_minor = line.units * unit_minor
        return replace(
            line,
            unit_minor=unit_minor,
            unit_list_minor=price_minor,
            list_minor=list_minor,
            staff_price=StaffPrice(staff.id, wanted_minor, list_minor - line.list_minor, line.unit_list_minor),
        )

    def _unavailable(self, line: LineItem, product: Product, reason: Unavailable) -> UnavailableLine:
        alternatives = tuple(
            Alternative(alternate.sku, alternate.kind, alternate.units)
            for alternate in product.alternates
            if self.shop.sold_in(self.shop.products[alternate.sku], self.channel, self.store.id)
        )
        return UnavailableLine(line.id, product, line.quantity, reason, alternatives)


def _set_prices(cart: Cart, currency: Currency) -> dict[LineId, Adjustment]:
    """Return the price that staff set for each line: of several the newest in the currency of the cart."""
    return {
        adjustment.line: adjustment
        for adjustment in cart.adjustments
        if adjustment.kind is AdjustmentKind.PRICE and adjustment.line and adjustment.currency == currency
    }


def _line_minor(product: Product, price_minor: int, quantity: int, units: int) -> int:
    """Return what a line costs at one price a piece, or a whole unit."""
    return ratio_of(price_minor, quantity, QUANTITY_SCALE) if product.measured else price_minor * units


def option_surcharge_minor(
    chosen: tuple[tuple[str, str], ...], options: Mapping[str, Option], currency: Currency
) -> int:
    """Return the surcharge of a line's options a unit; an option that the shop no longer knows costs nothing."""
    total_minor = 0
    for name, value in chosen:
        option = options.get(name)
        if option is not None:
            surcharges = option.surcharges_minor.get(value) or option.surcharges_minor.get("") or {}
            total_minor += surcharges.get(currency, 0)
    return total_minor


def _deliveries(cart: Cart, shop: Shop, store: Store, lines: list[BasketLine]) -> tuple[BasketDelivery, ...]:
    """Group the priced lines by delivery choice; a line's own choice goes before the cart's."""
    groups: dict[DeliveryChoice, list[LineId]] = {}
    for line in lines:
        choice = line.delivery or cart.delivery
        if choice is not None:
            groups.setdefault(choice, []).append(line.id)
    ordered = sorted(groups.items(), key=lambda group: (group[0].method, group[0].place, group[0].slot))
    return tuple(
        BasketDelivery(choice, tuple(ids), delivery_fee_minor(choice, shop, store, cart.channel))
        for choice, ids in ordered
    )


def delivery_fee_minor(choice: DeliveryChoice, shop: Shop, store: Store, channel: ChannelId) -> int | None:
    """Return what a delivery costs before discounts, None where it is not offered in this context."""
    method = shop.delivery_methods.get(choice.method)
    if method is None:
        return None
    offered = (method.channels is None or channel in method.channels) and (
        method.countries is None or store.country in method.countries
    )
    return method.fee_minor(choice.place, choice.slot, store.currency) if offered else None


def _fee(choice: FeeChoice, shop: Shop, currency: Currency) -> BasketFee:
    fee = shop.fees.get(choice.fee)
    return BasketFee(
        choice.fee,
        choice.quantity,
        fee.amounts_minor.get(currency) if fee else None,
        fee.tax_category if fee else "",
    )
