"""Quotes and orders, as clients see them."""

from strawberry import ID

from engine.callers import Caller, Scope
from engine.cart.codes import grouped
from engine.cart.handoff import discretion_towards
from engine.cart.model import Freeze, VoucherEnd
from engine.checkout.model import IssuedVoucher, Order
from engine.checkout_service import QuotedCart
from engine.priced import PricedCart, Snapshot
from engine.types import CartId, InstantMs, OrderNumber, QuoteId
from schema.ids import encode_id, key_of
from schema.types.line import LineItemConnectionView, priced_lines
from schema.types.money import MoneyView
from schema.types.paging import Page, PageInfoView, page_of
from schema.types.priced import PricedParts
from schema.views import field, object_type


def quote_id(cart: CartId, quote: QuoteId) -> ID:
    """Return what clients mean a quote by."""
    return encode_id("Quote", f"{cart}/{quote}")


def quote_key(text: str) -> tuple[CartId, QuoteId]:
    """Return the cart and the quote in an id; both empty where it is none."""
    cart, _, quote = key_of(text, "Quote").partition("/")
    return CartId(cart), QuoteId(quote)


@object_type("CartCheckout")
class CartCheckoutView:
    """A cart is being paid for: nobody changes it until then, or until that is cancelled."""

    __slots__ = ("_cart", "_freeze", "_sees_staff")

    def __init__(self, cart: CartId, freeze: Freeze, *, sees_staff: bool) -> None:
        self._cart = cart
        self._freeze = freeze
        self._sees_staff = sees_staff

    @property
    def quote_id(self) -> ID:
        """What `quote` and the mutations of a checkout mean it by."""
        return quote_id(self._cart, self._freeze.quote)

    @property
    def member(self) -> ID:
        """Who began it: the kind of caller and their id; of staff, shoppers are told the kind alone."""
        member = self._freeze.member
        return ID(member if self._sees_staff or not member.startswith("staff:") else "staff")

    @property
    def since(self) -> InstantMs:
        """Since when."""
        return self._freeze.since_ms

    @property
    def until(self) -> InstantMs:
        """Until when, unless it is extended, cancelled or paid for."""
        return self._freeze.until_ms


@object_type("Quote")
class QuoteView(PricedParts):
    """A cart as it was priced when its checkout began: this is what there is to pay, until it expires."""

    def __init__(self, quoted: QuotedCart, snapshot: Snapshot, viewer: Caller) -> None:
        self._quoted = quoted
        quote = quoted.quote
        self._priced = PricedCart.sold(quote.cart, quote.evaluation, snapshot)
        self._discretion = discretion_towards(quote.cart, viewer.member)

    @property
    def id(self) -> ID:
        """What the mutations of a checkout mean it by."""
        return quote_id(self._quoted.quote.cart.id, self._quoted.quote.id)

    @property
    def cart_id(self) -> ID:
        """The cart."""
        return encode_id("Cart", self._quoted.quote.cart.id)

    @property
    def total(self) -> MoneyView:
        """What it costs."""
        return MoneyView(self._quoted.quote.total_minor, self._quoted.quote.evaluation.currency)

    @property
    def amount_due(self) -> MoneyView:
        """What there is to pay: the total without what points pay."""
        return MoneyView(self._quoted.quote.due_minor, self._quoted.quote.evaluation.currency)

    @property
    def amount_hash(self) -> str:
        """Names the amount; the payment has to quote it back."""
        return self._quoted.quote.amount_hash

    @property
    def expires_at(self) -> InstantMs | None:
        """Until when the cart waits for the payment, and what it uses is held; null where it does not any more."""
        frozen = self._quoted.frozen
        return frozen.until_ms if frozen else None

    @property
    def order_number(self) -> str | None:
        """The number of the order that it became; null before."""
        return self._quoted.order

    @field("The lines, as they are sold.")
    def lines(self, first: int | None = None, after: str | None = None) -> LineItemConnectionView:
        """Return a page of the lines."""
        return LineItemConnectionView(page_of(priced_lines(self._priced, self._discretion), first, after))


@object_type("IssuedCode")
class IssuedCodeView:
    """A code for one later cart, which an order brought: whoever has it can use it, once."""

    __slots__ = ("_issued",)

    def __init__(self, issued: IssuedVoucher) -> None:
        self._issued = issued

    @property
    def code(self) -> str:
        """The code, in groups of four."""
        return grouped(self._issued.code)

    @property
    def series(self) -> str:
        """The series that promotions know it by."""
        return self._issued.series

    @property
    def expires_at(self) -> InstantMs:
        """From then on it is good for nothing."""
        return self._issued.expires_ms

    @property
    def used(self) -> bool:
        """Whether it was used for an order."""
        return self._issued.ended is VoucherEnd.USED

    @property
    def void(self) -> bool:
        """Whether the order that brought it was cancelled before it was used."""
        return self._issued.ended is VoucherEnd.VOID


@object_type("Order")
class OrderView:
    """What was sold, for what."""

    __slots__ = ("_order", "_snapshot", "_viewer")

    def __init__(self, order: Order, snapshot: Snapshot, viewer: Caller) -> None:
        self._order = order
        self._snapshot = snapshot
        self._viewer = viewer

    @property
    def number(self) -> str:
        """What people read and say."""
        return self._order.number

    @property
    def placed_at(self) -> InstantMs:
        """When, by the clock of the store."""
        return self._order.placed_ms

    @property
    def quote(self) -> QuoteView:
        """What was sold, for what."""
        return QuoteView(QuotedCart(self._order.quote, None, self._order.number), self._snapshot, self._viewer)

    @property
    def customer_id(self) -> ID | None:
        """The customer whose it is; null for a guest."""
        customer = self._order.customer
        return ID(customer) if customer else None

    @property
    def payment_reference(self) -> str | None:
        """The payment that paid for it; for whoever began the checkout, and staff."""
        return self._order.payment_reference if self._knows_payments else None

    @property
    def refunds_due(self) -> list[str]:
        """Payments that came on top and are to be refunded; for whoever began the checkout, and staff."""
        return list(self._order.refunds_due) if self._knows_payments else []

    @property
    def cancelled_at(self) -> InstantMs | None:
        """When it was taken back; null where it was not."""
        return self._order.cancelled.at_ms if self._order.cancelled else None

    @property
    def cancel_reason(self) -> str | None:
        """Why it was taken back; null where it was not."""
        return self._order.cancelled.why if self._order.cancelled else None

    @property
    def issued_codes(self) -> list[IssuedCodeView]:
        """The codes for later carts that it brought; for its customer, whoever began the checkout, and staff."""
        viewer = self._viewer
        is_customer = viewer.customer is not None and viewer.customer == self._order.customer
        if not (is_customer or self._knows_payments or viewer.may(Scope.CART_READ)):
            return []
        return [IssuedCodeView(issued) for issued in self._order.issued]

    @property
    def _knows_payments(self) -> bool:
        return self._viewer.may(Scope.CHECKOUT) or self._viewer.member == self._order.quote.by


@object_type("OrderConnection")
class OrderConnectionView:
    """Orders, newest first."""

    __slots__ = ("_orders", "_page")

    def __init__(self, page: Page[OrderNumber], orders: list[OrderView]) -> None:
        self._page = page
        self._orders = orders

    @property
    def nodes(self) -> list[OrderView]:
        """The orders."""
        return self._orders

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many there are."""
        return self._page.count
