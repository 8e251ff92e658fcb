"""Carts as their authors write them: one JSON document a line for `panier price`, and the examples beside promotions.

`docs/cart-file.md` describes the format. A cart from a file goes through the same checks and becomes the same `Cart`
as one that a shopper filled, so both are priced by the same code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from engine.cart.codes import SERIES
from engine.cart.commands import NewLine
from engine.cart.draw import draw_of
from engine.cart.model import (
    Adjustment,
    Cart,
    CodeEntry,
    DeliveryChoice,
    Facts,
    FeeChoice,
    LineItem,
    Member,
    Role,
)
from engine.errors import Diagnostic, RefusedError, Span, UserError, UserErrorCode, one_of
from engine.fields import Amounts, Birthday, Written, instant_ms
from engine.limits import NOTHING_CLOSED, ClosedLimits, Closing
from engine.money import parse_amount
from engine.pricing.admission import (
    admit_codes,
    admit_context,
    admit_fees,
    admit_lines,
)
from engine.pricing.admission_adjustments import admit_adjustment
from engine.pricing.basket import ExplicitLine
from engine.pricing.cartfields import BurnDocument, DrawNumber, Moment, Number, Whole
from engine.pricing.cartjson import JsonFaultError, read_json, shown, wanted_json
from engine.pricing.requests import AdjustmentRequest, ContextRequest, FeeRequest, Limits, LineRequest
from engine.pricing.shop import PIECE, Product, Shop, Store
from engine.source import explained
from engine.types import (
    AdjustmentId,
    CartId,
    ChannelId,
    Currency,
    CustomerId,
    InstantMs,
    LineId,
    MemberId,
    OperationId,
    PromotionId,
    Sku,
    StoreId,
)

LINE_BYTES_MAX = 4 * 1024 * 1024
"""A cart that takes more text than this is refused unread."""

_FILE_MEMBER = MemberId("service:file")
# A file may hold what a live cart may not: the guard rails protect a shared store, and there is none here.
_FILE_LIMITS = Limits(
    lines_max=10_000, lines_per_request_max=10_000, quantity_max=10_000_000, codes_max=1_000, fees_max=1_000
)


class ProductDocument(Written):
    """A product that stands in no catalogue."""

    sku: str = Field(min_length=1, max_length=200)
    name: str = ""
    category: str = ""
    tax_category: str = "standard"
    unit: str = PIECE
    tags: tuple[str, ...] = ()
    attributes: dict[str, str] = Field(default_factory=dict)
    never_discount: bool = False
    cost: Amounts = Field(default_factory=dict)
    regulated_minimum: Amounts = Field(default_factory=dict)


class DeliveryDocument(Written):
    """A delivery choice."""

    method: str
    place: str = ""
    slot: str = ""


class LineDocument(Written):
    """A line: a SKU or barcode of the shop's catalogue, or a product of its own with its price.

    `price` is for one piece or one whole unit, a decimal in the currency of the cart's store; `tax_included` says
    whether it contains tax, by default as the country states its fees. Lines that wish for the same thing are one line.
    """

    sku: str | None = None
    barcode: str | None = None
    product: ProductDocument | None = None
    price: Number | None = None
    tax_included: bool | None = None
    quantity: Number = Decimal(1)
    options: dict[str, str] = Field(default_factory=dict)
    line_key: str = ""
    delivery: DeliveryDocument | None = None


class CustomerDocument(Written):
    """What is known of the customer. With an `id` of the shop's records, what is left out is taken from there."""

    id: str | None = None
    tier: str | None = None
    segments: tuple[str, ...] | None = None
    first_order: Moment | None = None
    points: Whole | None = None
    since: Moment | None = None
    birthday: Birthday | None = None
    orders: Whole | None = None
    ordered_categories: tuple[str, ...] | None = None
    stamps: dict[str, Whole] = Field(default_factory=dict)


class FeeDocument(Written):
    """A fee that the shopper chose."""

    fee: str
    quantity: Whole = 1


class AdjustmentDocument(Written):
    """A change by hand: one of `price`, `amount` and `percent`.

    `line` is the place of a line among `lines`, counted from 0; without it, it is about the whole cart. Without a
    `currency` it is in that of the cart's store, without a `role` the shop's default role asks for it.
    """

    reason: str
    line: Whole | None = None
    price: Number | None = None
    amount: Number | None = None
    percent: Number | None = None
    currency: str | None = None
    role: str = ""
    note: str = ""


class CartDocument(Written):
    """One cart to price. Everything but the lines is optional."""

    id: str | None = None
    at: Moment | None = None
    channel: str | None = None
    store: str | None = None
    locale: str | None = None
    customer: CustomerDocument | None = None
    lines: tuple[LineDocument, ...] = ()
    codes: tuple[str, ...] = ()
    fees: tuple[FeeDocument, ...] = ()
    gift_choices: dict[str, str] = Field(default_factory=dict)
    adjustments: tuple[AdjustmentDocument, ...] = ()
    burn: BurnDocument | None = None
    delivery: DeliveryDocument | None = None
    payment_method: str = Field(default="", max_length=64)
    draw: DrawNumber | None = None
    closed: dict[str, Closing] = Field(default_factory=dict)
    budget_left: dict[str, Amounts] = Field(default_factory=dict)

    def at_ms(self, store_zone: str) -> InstantMs | None:
        """Return the instant to price at, None where the document leaves it open."""
        if self.at is None:
            return None
        return instant_ms(self.at if self.at.tzinfo else self.at.replace(tzinfo=ZoneInfo(store_zone)))


@dataclass(frozen=True, slots=True)
class CartToPrice:
    """A cart out of a file, with the products that it brought along."""

    id: str
    cart: Cart
    explicit: Mapping[LineId, ExplicitLine] = field(default_factory=dict)
    closed: ClosedLimits = NOTHING_CLOSED
    """What the document says that limits leave of promotions."""


def parse_cart_line(text: str, file: str, number: int) -> CartDocument | list[Diagnostic]:
    """Read one line of a JSONL file; faults come back with the place of the line and the path inside it."""
    if len(text) > LINE_BYTES_MAX:
        return [_fault(file, number, 1, "cart_too_large", f"the cart takes more than {LINE_BYTES_MAX} characters")]
    try:
        # Editors put a mark at the beginning of a file.
        value = read_json(text.removeprefix("\ufeff") if number == 1 else text)
        return CartDocument.model_validate(value)
    except JsonFaultError as fault:
        return [_fault(file, number, fault.column, fault.code, message, fault.repair) for message in fault.messages]
    except ValidationError as fault:
        return [_explained(file, number, error) for error in fault.errors(include_url=False)]


def _explained(file: str, number: int, error: ErrorDetails) -> Diagnostic:
    path = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        code, message, repair = "unknown_field", "this is not a field of a cart", ""
    elif error["type"] == "missing":
        code, message, repair = "missing_field", "this field is missing", ""
    elif wanted := wanted_json(error):
        code, message, repair = "invalid_value", f"expected {wanted}, found {shown(error['input'])}", ""
    else:
        code, message, repair = explained(error)
    return _fault(file, number, 1, code, f"{path}: {message}" if path else message, repair)


def _fault(file: str, line: int, column: int, code: str, message: str, repair: str = "") -> Diagnostic:
    return Diagnostic(code, message, Span(file, line, column), repair)


def read_cart(document: CartDocument, shop: Shop, default_codes: Sequence[str] = ()) -> CartToPrice:
    """Check a document against the shop and build its cart.

    Raises `RefusedError` with every fault: unknown product, wrong quantity, unknown channel, … as for a live cart.
    """
    reader = _Reader(document, shop)
    cart = reader.cart(document.codes or tuple(default_codes))
    if reader.errors:
        raise RefusedError(tuple(reader.errors))
    closed = _closed(document, shop.store_of(cart.channel, cart.store).currency)
    return CartToPrice(document.id or "", cart, reader.explicit, closed)


def _closed(document: CartDocument, currency: Currency) -> ClosedLimits:
    """Return what a document says that limits leave of promotions."""
    left = {PromotionId(id_): amounts[currency] for id_, amounts in document.budget_left.items() if currency in amounts}
    return ClosedLimits({PromotionId(id_): closing for id_, closing in document.closed.items()}, left)


class _Reader:
    """Reads the parts of one document; faults gather in `errors`."""

    def __init__(self, document: CartDocument, shop: Shop) -> None:
        self.document = document
        self.shop = shop
        self.errors: list[UserError] = []
        self.explicit: dict[LineId, ExplicitLine] = {}
        self.line_ids: dict[int, LineId] = {}
        """By the place in the document: several of them may be one line."""
        self.channel = ChannelId(document.channel or shop.default_channel)
        self.store = StoreId(document.store) if document.store else None

    def cart(self, codes: Sequence[str]) -> Cart:
        document, facts = self.document, self._facts()
        known = self._context()
        return Cart(
            id=CartId(document.id or "file"),
            version=1,
            members=(Member(_FILE_MEMBER, Role.OWNER),),
            channel=self.channel,
            store=self.store,
            locale=document.locale or self.shop.locales[0],
            lines=self._lines() if known else (),
            codes=self._codes(codes),
            fees=self._fees(),
            gift_choices={PromotionId(promotion): Sku(sku) for promotion, sku in document.gift_choices.items()},
            adjustments=self._adjustments() if known else (),
            delivery=_choice(document.delivery),
            payment_method=document.payment_method,
            facts=facts,
            burn=document.burn.wish(facts, _FILE_MEMBER) if document.burn else None,
            draw=draw_of(document.id or "file") if document.draw is None else document.draw,
        )

    def _context(self) -> bool:
        document = self.document
        try:
            # A document that names nothing takes the shop's defaults, which are in order.
            request = ContextRequest(
                self.channel, document.store, locale=document.locale, delivery=_choice(document.delivery)
            )
            admit_context(request, self.shop)
        except RefusedError as refused:
            self.errors += refused.errors
            return False
        return True

    def _lines(self) -> tuple[LineItem, ...]:
        wishes: dict[LineId, NewLine] = {}
        for place, written in enumerate(self.document.lines):
            try:
                own = written.product
                for line in self._explicit(written, own, place) if own else self._of_catalogue(written, place):
                    known = wishes.get(line.id)
                    wishes[line.id] = _more(line, known) if known else line
                    self.line_ids[place] = line.id
            except RefusedError as refused:
                self.errors += [
                    UserError(error.code, error.message, ("lines", str(place), *error.field[2:]))
                    for error in refused.errors
                ]
        return tuple(_line_item(wish) for wish in wishes.values())

    def _of_catalogue(self, written: LineDocument, place: int) -> tuple[NewLine, ...]:
        if written.price is not None or written.tax_included is not None:
            message = "`price` and `tax_included` go with a `product`"
            raise RefusedError.because(UserErrorCode.INVALID_PRODUCT, message, "lines", str(place), "price")
        request = LineRequest(
            sku=written.sku,
            barcode=written.barcode,
            quantity=written.quantity,
            options=written.options,
            line_key=written.line_key,
            delivery=_choice(written.delivery),
        )
        admitted = admit_lines([request], self.shop, _FILE_LIMITS, OperationId(f"file-{place}"))
        return admitted.lines

    def _explicit(self, written: LineDocument, own: ProductDocument, place: int) -> tuple[NewLine, ...]:
        """Check a line that brings its product as if the catalogue had it."""
        store = self.shop.store_of(self.channel, self.store)
        product = self._own_product(own, store, place)
        price_minor = self._own_price(written, store, place)
        request = LineRequest(
            sku=product.sku,
            quantity=written.quantity,
            # Its own price is part of what is wished: the same SKU at two prices is two lines.
            line_key=f"{written.line_key}@{price_minor}",
            delivery=_choice(written.delivery),
        )
        catalogue = replace(self.shop, products={product.sku: product})
        admitted = admit_lines([request], catalogue, _FILE_LIMITS, OperationId(f"file-{place}"))
        included = self.shop.taxes[store.country].included if written.tax_included is None else written.tax_included
        mine = ExplicitLine(product, price_minor, included)
        for line in admitted.lines:
            if self.explicit.setdefault(line.id, mine) != mine:
                message = (
                    f"`{product.sku}` is described in two ways at one price: describe it once, or give a `line_key`"
                )
                raise RefusedError.because(UserErrorCode.INVALID_PRODUCT, message, "lines", str(place), "product")
        return admitted.lines

    def _own_product(self, own: ProductDocument, store: Store, place: int) -> Product:
        rates = self.shop.taxes[store.country].rates_ppm
        if own.tax_category not in rates:
            message = (
                f"the tax category `{own.tax_category}` has no rate in {store.country}: expected {one_of(list(rates))}"
            )
            path = ("lines", str(place), "product", "tax_category")
            raise RefusedError.because(UserErrorCode.INVALID_PRODUCT, message, *path)
        return Product(
            sku=Sku(own.sku),
            name=own.name,
            category=own.category,
            tax_category=own.tax_category,
            unit=own.unit,
            tags=frozenset(own.tags),
            attributes=own.attributes,
            never_discount=own.never_discount,
            cost_minor=own.cost,
            regulated_minimum_minor=own.regulated_minimum,
        )

    def _own_price(self, written: LineDocument, store: Store, place: int) -> int:
        path = ("lines", str(place), "price")
        if written.price is None:
            raise RefusedError.because(UserErrorCode.INVALID_PRODUCT, "a `product` needs a `price`", *path)
        try:
            price_minor = parse_amount(f"{written.price:f}", store.currency)
        except ValueError as fault:
            raise RefusedError.because(UserErrorCode.INVALID_PRODUCT, str(fault), *path) from None
        if price_minor < 0:
            raise RefusedError.because(UserErrorCode.INVALID_PRODUCT, "a price is not negative", *path)
        return price_minor

    def _codes(self, codes: Sequence[str]) -> tuple[CodeEntry, ...]:
        # A file has no store to ask, so it names the series of a code that an order brought.
        series = tuple(CodeEntry(code, code) for code in dict.fromkeys(codes) if code.startswith(SERIES))
        typed = [code for code in codes if not code.startswith(SERIES)]
        if not typed:
            return series
        try:
            return (*admit_codes(typed, _FILE_LIMITS).entries(), *series)
        except RefusedError as refused:
            self.errors += refused.errors
            return ()

    def _fees(self) -> tuple[FeeChoice, ...]:
        if not self.document.fees:
            return ()
        requests = [FeeRequest(fee.fee, fee.quantity) for fee in self.document.fees]
        try:
            admitted = admit_fees(requests, self.shop, _FILE_LIMITS)
        except RefusedError as refused:
            self.errors += refused.errors
            return ()
        return tuple(FeeChoice(fee, quantity) for fee, quantity in admitted.fees)

    def _adjustments(self) -> tuple[Adjustment, ...]:
        adjustments = []
        for place, written in enumerate(self.document.adjustments):
            try:
                adjustments.append(self._adjustment(written, place))
            except RefusedError as refused:
                self.errors += [
                    UserError(error.code, error.message, ("adjustments", str(place), *error.field[1:]))
                    for error in refused.errors
                ]
        return tuple(adjustments)

    def _adjustment(self, written: AdjustmentDocument, place: int) -> Adjustment:
        line = None
        if written.line is not None:
            if written.line >= len(self.document.lines):
                message = f"there is no line {written.line}: they are counted from 0"
                raise RefusedError.because(UserErrorCode.LINE_NOT_FOUND, message, "adjustment", "line")
            line = self.line_ids.get(written.line, LineId("of a line that has a fault of its own"))
        request = AdjustmentRequest(
            reason=written.reason,
            line=line,
            price=_text(written.price),
            amount=_text(written.amount),
            percent=_text(written.percent),
            currency=written.currency or self.shop.store_of(self.channel, self.store).currency,
            note=written.note,
        )
        id_ = AdjustmentId(f"file-{place}")
        asked = admit_adjustment(request, written.role, id_, self.shop, _FILE_LIMITS)
        return Adjustment(
            id=id_,
            kind=asked.kind,
            line=asked.line,
            value=asked.value,
            currency=asked.currency,
            reason=asked.reason,
            role=asked.role,
            member=_FILE_MEMBER,
            note=asked.note,
        )

    def _facts(self) -> Facts | None:
        written = self.document.customer
        if written is None:
            return None
        customer = CustomerId(written.id or "file")
        known = (self.shop.customers.get(customer) if written.id else None) or Facts(customer)
        categories = written.ordered_categories
        return Facts(
            customer=customer,
            version=known.version,
            tier=known.tier if written.tier is None else written.tier,
            segments=known.segments if written.segments is None else frozenset(written.segments),
            points=known.points if written.points is None else written.points,
            first_order_ms=self._moment_ms(written.first_order, known.first_order_ms),
            customer_since_ms=self._moment_ms(written.since, known.customer_since_ms),
            birthday=known.birthday if written.birthday is None else written.birthday,
            orders=known.orders if written.orders is None else written.orders,
            ordered_categories=known.ordered_categories if categories is None else frozenset(categories),
            stamps=written.stamps,
        )

    def _moment_ms(self, written: datetime | None, known_ms: InstantMs | None) -> InstantMs | None:
        """Return what is written, without an offset in the zone of the default store; else what is known."""
        if written is None:
            return known_ms
        zone = ZoneInfo(self.shop.stores[self.shop.default_store].timezone)
        return instant_ms(written if written.tzinfo else written.replace(tzinfo=zone))


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _choice(written: DeliveryDocument | None) -> DeliveryChoice | None:
    return DeliveryChoice(written.method, written.place, written.slot) if written else None


def _more(line: NewLine, known: NewLine) -> NewLine:
    """Return the line with both quantities, as two adds to a live cart would."""
    return replace(known, quantity=known.quantity + line.quantity)


def _line_item(wish: NewLine) -> LineItem:
    return LineItem(
        id=wish.id,
        sku=wish.sku,
        shares=((_FILE_MEMBER, wish.quantity),),
        options=wish.options,
        line_key=wish.line_key,
        measured=wish.measured,
        delivery=wish.delivery,
        label_price_minor=wish.label_price_minor,
        label_currency=wish.label_currency,
    )
