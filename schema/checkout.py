"""Verbs about checkout and orders."""

import strawberry
from strawberry import ID

from engine.callers import Caller
from engine.checkout_service import (
    LIFE_S,
    Begun,
    Completed,
    begin_checkout,
    cancel_checkout,
    cancel_order,
    complete_checkout,
    extend_checkout,
    find_order,
    find_quote,
    orders_of,
)
from engine.priced import Snapshot
from engine.types import CartId, CustomerId, OrderNumber
from engine.vouchers import vouchers_of
from schema.context import Info
from schema.ids import key_of
from schema.mutations import CartPayloadView, UserErrorView
from schema.scalars import DecimalText
from schema.types.cart import CartView
from schema.types.checkout import IssuedCodeView, OrderConnectionView, OrderView, QuoteView, quote_key
from schema.types.paging import page_of
from schema.views import field, object_type


@object_type("CheckoutPayload")
class CheckoutPayloadView:
    """The answer to the beginning or the extension of a checkout."""

    __slots__ = ("_begun", "_caller", "_snapshot")

    def __init__(self, begun: Begun, snapshot: Snapshot, caller: Caller) -> None:
        self._begun = begun
        self._snapshot = snapshot
        self._caller = caller

    @property
    def quote(self) -> QuoteView | None:
        """What there is to pay; null where the checkout was refused."""
        quoted = self._begun.quoted
        return QuoteView(quoted, self._snapshot, self._caller) if quoted else None

    @property
    def cart(self) -> CartView | None:
        """The cart as it is now: after a refusal, with what it costs without what is used up."""
        return CartView(self._begun.priced, self._caller) if self._begun.priced else None

    @property
    def replayed(self) -> bool:
        """Whether this operation had been done before: it was not done again."""
        return self._begun.replayed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why it was refused; then nothing is held."""
        return [UserErrorView(error) for error in self._begun.errors]


@object_type("OrderPayload")
class OrderPayloadView:
    """The answer to a payment, or to a cancellation."""

    __slots__ = ("_caller", "_completed", "_snapshot")

    def __init__(self, completed: Completed, snapshot: Snapshot, caller: Caller) -> None:
        self._completed = completed
        self._snapshot = snapshot
        self._caller = caller

    @property
    def order(self) -> OrderView | None:
        """The order, by this payment or another one; null where there is none."""
        order = self._completed.order
        return OrderView(order, self._snapshot, self._caller) if order else None

    @property
    def refund_due(self) -> bool:
        """Whether this payment paid for nothing: its reference is kept, and it is to be refunded."""
        return self._completed.refund_due

    @property
    def replayed(self) -> bool:
        """Whether this payment had placed the order before."""
        return self._completed.replayed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why there is no order."""
        return [UserErrorView(error) for error in self._completed.errors]


@strawberry.type
class CheckoutQueries:
    """Queries about quotes and orders."""

    @field("A quote, for those who see its cart.")
    async def quote(self, info: Info, id: ID) -> QuoteView | None:  # the field's standard name
        """One round trip to the store."""
        caller = info.context.known_caller()
        quoted = await find_quote(info.context.engine, caller, *quote_key(id))
        return QuoteView(quoted, info.context.engine.snapshot, caller) if quoted else None

    @field("An order by its number, for those who took part in it and staff with scope `cart:read` or `checkout`.")
    async def order(self, info: Info, number: str) -> OrderView | None:
        """Two round trips to the store, and two more where it brought codes."""
        caller = info.context.known_caller()
        order = await find_order(info.context.engine, caller, OrderNumber(number))
        return OrderView(order, info.context.engine.snapshot, caller) if order else None

    @field("A customer's orders, newest first: the caller's own, or any with scope `cart:read`.")
    async def orders(
        self, info: Info, customer_id: ID | None = None, first: int | None = 20, after: str | None = None
    ) -> OrderConnectionView:
        """One round trip to the store, and two for each order of the page."""
        caller, engine = info.context.known_caller(), info.context.engine
        customer = CustomerId(customer_id) if customer_id is not None else caller.customer
        page = page_of(await orders_of(engine, caller, customer) if customer else [], first, after)
        found = [await find_order(engine, caller, number) for number in page.items]
        return OrderConnectionView(page, [OrderView(order, engine.snapshot, caller) for order in found if order])

    @field(
        "The codes for later carts that a customer's orders brought and that have not expired, the next to do so "
        "first: the caller's own, or any with scope `cart:read`."
    )
    async def issued_codes(self, info: Info, customer_id: ID | None = None) -> list[IssuedCodeView]:
        """Three round trips to the store."""
        caller, stores = info.context.known_caller(), info.context.engine.stores
        customer = CustomerId(customer_id) if customer_id is not None else caller.customer
        return [IssuedCodeView(each) for each in await vouchers_of(stores, caller, customer)] if customer else []


@strawberry.type
class CheckoutMutations:
    """Mutations about checkout and orders."""

    @field(
        "Begin to pay for a cart: price it, hold all that it uses of limited promotions, and freeze it for `ttl` "
        "seconds (15 minutes). `expectedTotal` is the `totals.amountDue` that the shopper was shown; where it is "
        "another one by now, nothing is held and `cart` says what it costs."
    )
    async def checkout_begin(
        self,
        info: Info,
        cart_id: ID,
        expected_total: DecimalText,
        ttl: int = LIFE_S,
        operation_id: ID | None = None,
    ) -> CheckoutPayloadView:
        """Six round trips to the store, some more for points and what is short; limits are held all at once."""
        caller, engine, cart = info.context.known_caller(), info.context.engine, CartId(key_of(cart_id, "Cart"))
        begun = await begin_checkout(engine, caller, cart, expected_total, operation_id, ttl)
        return CheckoutPayloadView(begun, engine.snapshot, caller)

    @field(
        "Place the order that was paid for: once, whoever sends it again. `paymentReference` names the payment; where "
        "there can be no order for it, it is kept and `refundDue`. The order is on disk before this is answered."
    )
    async def checkout_complete(
        self, info: Info, quote_id: ID, payment_reference: str, amount_hash: str
    ) -> OrderPayloadView:
        """Four round trips to the store to the order that is on disk, then some to post what it used and earned."""
        caller, engine = info.context.known_caller(), info.context.engine
        completed = await complete_checkout(engine, caller, *quote_key(quote_id), payment_reference, amount_hash)
        return OrderPayloadView(completed, engine.snapshot, caller)

    @field("Let a quote stand for `ttl` seconds from now, at its prices, also after it has expired if all is left.")
    async def checkout_extend(
        self, info: Info, quote_id: ID, ttl: int = LIFE_S, operation_id: ID | None = None
    ) -> CheckoutPayloadView:
        """Three round trips to the store; limits are extended all at once."""
        caller, engine = info.context.known_caller(), info.context.engine
        extended = await extend_checkout(engine, caller, *quote_key(quote_id), operation_id, ttl)
        return CheckoutPayloadView(extended, engine.snapshot, caller)

    @field(
        "End a checkout: nothing is held any more, and the cart can be changed again. For whoever began it, the owner, "
        "and staff with scope `checkout`."
    )
    async def checkout_cancel(self, info: Info, quote_id: ID, operation_id: ID | None = None) -> CartPayloadView:
        """Three round trips to the store; limits are released all at once."""
        caller = info.context.known_caller()
        cancelled = await cancel_checkout(info.context.engine, caller, *quote_key(quote_id), operation_id)
        return CartPayloadView(cancelled, caller)

    @field("Take an order back; its promotions say whether what it used is given back. Needs scope `checkout`.")
    async def order_cancel(self, info: Info, number: str, reason: str) -> OrderPayloadView:
        """Seven round trips to the store and one for each limit, at most."""
        caller, engine = info.context.known_caller(), info.context.engine
        return OrderPayloadView(
            await cancel_order(engine, caller, OrderNumber(number), reason), engine.snapshot, caller
        )
