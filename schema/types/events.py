"""What followers of a cart are told."""

import strawberry

from engine.callers import Caller
from engine.cart.handoff import Discretion
from engine.live import CartEvent, EventReason
from schema.types.cart import CartView
from schema.types.log import LogEntryView
from schema.types.viewing import ViewerView
from schema.views import object_type

strawberry.enum(EventReason, name="CartEventReason", description="Why a follower of a cart is told something.")


@object_type("CartEvent")
class CartEventView:
    """Something that happened to a cart, or several things that happened close together."""

    __slots__ = ("_discretion", "_event", "_viewer")

    def __init__(self, event: CartEvent, viewer: Caller, discretion: Discretion) -> None:
        self._event = event
        self._discretion = discretion
        self._viewer = viewer

    @property
    def reason(self) -> EventReason:
        """Why this is told."""
        return self._event.reason

    @property
    def version(self) -> int:
        """The version of the cart now: what to send as `fromVersion` to go on from here."""
        return self._event.priced.cart.version

    @property
    def operations(self) -> list[LogEntryView]:
        """What was done since the event before, oldest first; empty in a snapshot and where nobody did anything."""
        staff = self._viewer.sees_staff
        return [LogEntryView(entry, staff=staff) for entry in self._discretion.told(self._event.operations)]

    @property
    def cart(self) -> CartView:
        """The cart as it is now, priced."""
        return CartView(self._event.priced, self._viewer, self._event.present, self._discretion)

    @property
    def presence(self) -> list[ViewerView]:
        """Who has the cart open now. To select it here or in the cart is to be told when somebody comes or goes."""
        return [ViewerView(viewer) for viewer in self._event.present]
