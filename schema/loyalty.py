"""Verbs about points accounts."""

import strawberry
from strawberry import ID

from engine.burning_service import burn_points
from engine.errors import UserError, UserErrorCode
from engine.loyalty_service import Adjusted, Happening, adjust_points, find_account, report_event
from engine.pricing.shop import Shop
from engine.service import Changed
from engine.types import CartId, CustomerId, OrderNumber
from schema.context import Info
from schema.ids import key_of
from schema.mutations import CartPayloadView, UserErrorView
from schema.scalars import Long
from schema.types.loyalty import AccountView
from schema.views import field, object_type


@object_type("LoyaltyPayload")
class LoyaltyPayloadView:
    """The answer to a change of an account."""

    __slots__ = ("_adjusted", "_shop")

    def __init__(self, adjusted: Adjusted, shop: Shop) -> None:
        self._adjusted = adjusted
        self._shop = shop

    @property
    def account(self) -> AccountView | None:
        """The account as it is now; null where it may not be known."""
        return AccountView(self._adjusted.shown, self._shop) if self._adjusted.shown else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was changed."""
        return [UserErrorView(error) for error in self._adjusted.errors]


@object_type("LoyaltyEventPayload")
class LoyaltyEventPayloadView:
    """The answer to an event."""

    __slots__ = ("_happening",)

    def __init__(self, happening: Happening) -> None:
        self._happening = happening

    @property
    def activated(self) -> Long:
        """How many points can be spent now that waited for it; 0 where they were lost, taken back or active before."""
        return Long(self._happening.activated)

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was changed."""
        return [UserErrorView(error) for error in self._happening.errors]


@strawberry.type
class LoyaltyQueries:
    """Queries about points."""

    @field(
        "The points account that a customer earns for: the caller's own, or any with scope `cart:read`. Null without "
        "a programme or a customer. With `own`, of somebody who pools points, the one that is theirs alone."
    )
    async def loyalty_account(
        self, info: Info, customer_id: ID | None = None, *, own: bool = False
    ) -> AccountView | None:
        """Two round trips to the store."""
        caller, engine = info.context.known_caller(), info.context.engine
        customer = CustomerId(customer_id) if customer_id is not None else caller.customer
        shown = await find_account(engine, caller, customer, own=own) if customer else None
        return AccountView(shown, engine.snapshot.shop) if shown else None


@strawberry.type
class LoyaltyMutations:
    """Mutations about points."""

    @field(
        "Spend points of its customer on a cart: so many, `all` that it takes, or 0 to take that back. What it takes "
        "of them is in its price (`burned`); `checkoutBegin` holds them, an order spends them. For the cart's owner "
        "and editors who may spend from the account, and staff with scope `cart:write`."
    )
    async def loyalty_burn(
        self, info: Info, cart_id: ID, points: int | None = None, *, all: bool = False, operation_id: ID | None = None
    ) -> CartPayloadView:
        """Four round trips to the store."""
        caller, engine, cart = info.context.known_caller(), info.context.engine, CartId(key_of(cart_id, "Cart"))
        if (points is None) != all:
            message = "say how many points, or `all`: one of the two"
            fault = UserError(UserErrorCode.INVALID_POINTS, message, ("points",))
            return CartPayloadView(Changed(errors=(fault,)), caller)
        return CartPayloadView(await burn_points(engine, caller, cart, points, operation_id), caller)

    @field(
        "Add points to a customer's account, or take them (below zero), with a reason. Needs scope `loyalty:write`. "
        "Sent again with its `operationId` it is done once."
    )
    async def loyalty_adjust(
        self, info: Info, customer_id: ID, points: int, reason: str, operation_id: ID | None = None
    ) -> LoyaltyPayloadView:
        """Five round trips to the store."""
        caller, engine = info.context.known_caller(), info.context.engine
        adjusted = await adjust_points(engine, caller, CustomerId(customer_id), points, reason, operation_id)
        return LoyaltyPayloadView(adjusted, engine.snapshot.shop)

    @field(
        "Say that something happened for which points wait (`pending: {event: …}`), such as that an order was "
        "delivered: to an order by its number, or to a customer and all of their account. Needs scope `loyalty:write` "
        "or `service`. Said again, it changes nothing."
    )
    async def loyalty_event(
        self, info: Info, event: str, number: str | None = None, customer_id: ID | None = None
    ) -> LoyaltyEventPayloadView:
        """Five round trips to the store, and two for each lot."""
        caller, engine = info.context.known_caller(), info.context.engine
        order = OrderNumber(number) if number is not None else None
        customer = CustomerId(customer_id) if customer_id is not None else None
        return LoyaltyEventPayloadView(await report_event(engine, caller, event, order, customer))
