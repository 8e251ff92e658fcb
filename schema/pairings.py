"""Giving a cart to a television or kiosk: the screen shows a code, a phone approves."""

import strawberry
from strawberry import ID

from engine.callers import Caller
from engine.cart.handoff import Access, HandoffCode, Pairing
from engine.pairing_service import Paired, approve_pairing, pairing_of, start_pairing
from engine.types import CartId, InstantMs
from schema.context import Info
from schema.ids import encode_id, key_of
from schema.mutations import UserErrorView
from schema.types.cart import CartView
from schema.views import field, object_type

strawberry.enum(Access, name="ScreenAccess", description="What a screen may do with a cart.")


@object_type("ScreenPairing")
class PairingView:
    """A screen that asks for a cart. Whoever approves looks at device and place first: they may be another screen's."""

    __slots__ = ("_code", "_pairing")

    def __init__(self, code: HandoffCode, pairing: Pairing) -> None:
        self._code = code
        self._pairing = pairing

    @property
    def code(self) -> str:
        """What the screen shows, such as "CDFG-HJKM-N"."""
        return self._code.shown

    @property
    def qr(self) -> str:
        """What its QR code says: a URI, which phones may send as it is."""
        return self._code.uri("pairing")

    @property
    def expires_at(self) -> InstantMs:
        """When the code stops being good."""
        return self._pairing.expires_ms

    @property
    def device(self) -> str | None:
        """What the screen's token calls the device."""
        return self._pairing.screen.device or None

    @property
    def channel(self) -> str:
        """The channel that the screen is in."""
        return self._pairing.screen.channel

    @property
    def store(self) -> str | None:
        """The store that the screen is in."""
        return self._pairing.screen.store

    @property
    def cart_id(self) -> ID | None:
        """The cart that it was given; null until somebody approves."""
        return encode_id("Cart", self._pairing.cart) if self._pairing.cart else None

    @property
    def access(self) -> Access | None:
        """What it may do with that."""
        return self._pairing.access


@object_type("ScreenPairingPayload")
class PairingPayloadView:
    """The answer about a screen's code."""

    __slots__ = ("_caller", "_paired")

    def __init__(self, paired: Paired, caller: Caller) -> None:
        self._paired = paired
        self._caller = caller

    @property
    def pairing(self) -> PairingView | None:
        """The screen, and what became of its code; null where the code is not one."""
        code, pairing = self._paired.code, self._paired.pairing
        return PairingView(code, pairing) if code and pairing else None

    @property
    def cart(self) -> CartView | None:
        """The cart that was given just now."""
        priced = self._paired.priced
        return CartView(priced, self._caller) if priced else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was told or done."""
        return [UserErrorView(error) for error in self._paired.errors]


@strawberry.type
class PairingQueries:
    """Queries about screens."""

    @field(
        "The screen that shows a code, for a phone that is about to approve; and for the screen, which asks every few "
        "seconds whether somebody did."
    )
    async def screen_pairing(self, info: Info, code: str) -> PairingPayloadView:
        """Two round trips to the store."""
        context, caller = info.context, info.context.known_caller()
        return PairingPayloadView(await pairing_of(context.engine, caller, context.address, code), caller)


@strawberry.type
class PairingMutations:
    """Mutations about screens."""

    @field("Ask for a cart: returns the code for the calling screen to show. It is good for 10 minutes.")
    async def screen_pairing_start(self, info: Info) -> PairingPayloadView:
        """One round trip to the store."""
        caller = info.context.known_caller()
        return PairingPayloadView(await start_pairing(info.context.engine, caller), caller)

    @field(
        "Give the screen that shows a code a place in a cart of the caller's, to edit or to read only. The first one "
        "who approves is the one whose cart it shows."
    )
    async def screen_pairing_approve(self, info: Info, code: str, cart_id: ID, access: Access) -> PairingPayloadView:
        """Six round trips to the store."""
        context, caller = info.context, info.context.known_caller()
        cart = CartId(key_of(cart_id, "Cart"))
        paired = await approve_pairing(context.engine, caller, context.address, code, cart, access)
        return PairingPayloadView(paired, caller)
