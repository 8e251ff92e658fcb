"""What clients may follow."""

from collections.abc import AsyncIterator
from typing import cast

import strawberry
from strawberry import ID
from strawberry.types.nodes import SelectedField, Selection

from engine.errors import RefusedError, UserErrorCode
from engine.types import CartId
from schema.context import Info
from schema.errors import ErrorCode, fault
from schema.ids import key_of
from schema.types.events import CartEventView


@strawberry.type(description="What can be followed, over WebSocket (`graphql-transport-ws`) and server-sent events.")
class Subscription:
    """The root of subscriptions."""

    @strawberry.subscription(  # type: ignore[untyped-decorator]  # as strawberry leaves it
        description=(
            "What happens to a cart that the caller may see. The first event comes at once: with `fromVersion` all "
            "operations after it, or a snapshot where the log does not reach back so far. Changes within 50 ms come "
            "in one event. It ends with an error when the caller may not see the cart any more."
        )
    )
    async def cart_changed(
        self, info: Info, cart_id: ID, from_version: int | None = None
    ) -> AsyncIterator[CartEventView]:
        """Start to follow. The answer is bare events: `schema.streams` writes each once for all who ask alike."""
        caller, live = info.context.known_caller(), info.context.live
        if live is None:
            raise fault(ErrorCode.NOT_ACCEPTABLE, "carts cannot be followed here")
        if from_version is not None and from_version < 0:
            raise fault(ErrorCode.INVALID_ARGUMENT, f"`fromVersion` is {from_version}: expected a version, or nothing")
        cart = CartId(key_of(cart_id, "Cart"))
        if not cart:
            raise RefusedError.because(UserErrorCode.CART_NOT_FOUND, "there is no such cart", "cartId")
        presence = _selects_presence(info.selected_fields)
        follower = await live.follow(caller, cart, from_version, presence=presence)
        return cast("AsyncIterator[CartEventView]", follower)


def _selects_presence(selections: list[Selection]) -> bool:
    """Say whether somebody asks who is there: then it is an event when that changes."""
    return any(
        (isinstance(selection, SelectedField) and selection.name == "presence")
        or _selects_presence(selection.selections)
        for selection in selections
    )
