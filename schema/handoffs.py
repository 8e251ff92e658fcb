"""What clients may do to hand a cart over, from phone to till or from one person to another."""

import strawberry
from strawberry import ID

from engine.callers import Caller
from engine.cart.commands import LeaseChange
from engine.cart.handoff import CodeForm, HandoffMode, Share
from engine.errors import UserError
from engine.handoff_service import (
    LEASE_S,
    TTL_S,
    Claimed,
    Created,
    HandoffRequest,
    change_lease,
    claim_handoff,
    create_handoff,
    revoke_handoff,
)
from engine.types import CartId
from schema.context import Info
from schema.ids import key_of
from schema.mutations import CartPayloadView, UserErrorView
from schema.types.cart import CartView
from schema.types.handoffs import ClaimantView, HandoffView, ReceiptView
from schema.views import field, object_type


@object_type("HandoffPayload")
class HandoffPayloadView:
    """The answer to a request for a code."""

    __slots__ = ("_created",)

    def __init__(self, created: Created) -> None:
        self._created = created

    @property
    def handoff(self) -> HandoffView | None:
        """The code; null where it was refused."""
        handoff = self._created.handoff
        return HandoffView(handoff) if handoff else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why there is none."""
        return _views(self._created.errors)


@object_type("HandoffClaimPayload")
class HandoffClaimPayloadView:
    """The answer to a claim."""

    __slots__ = ("_caller", "_claimed")

    def __init__(self, claimed: Claimed, caller: Caller) -> None:
        self._claimed = claimed
        self._caller = caller

    @property
    def receipt(self) -> ReceiptView | None:
        """What the caller got; null where they got nothing."""
        receipt = self._claimed.receipt
        return ReceiptView(receipt) if receipt else None

    @property
    def cart(self) -> CartView | None:
        """The cart that they got; null where they got nothing, or have no right to it any more."""
        priced = self._claimed.priced
        return CartView(priced, self._caller) if priced else None

    @property
    def claimed_by(self) -> ClaimantView | None:
        """Who came first, for members of the cart and devices of the same store; null for all others."""
        return _claimant(self._claimed)

    @property
    def replayed(self) -> bool:
        """Whether the code had been the caller's already."""
        return self._claimed.replayed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why they got nothing."""
        return _views(self._claimed.errors)


@object_type("HandoffRevokePayload")
class HandoffRevokePayloadView:
    """The answer to a revocation."""

    __slots__ = ("_claimed",)

    def __init__(self, claimed: Claimed) -> None:
        self._claimed = claimed

    @property
    def revoked(self) -> bool:
        """Whether the code is good for nothing now."""
        return not self._claimed.errors

    @property
    def claimed_by(self) -> ClaimantView | None:
        """Who was faster."""
        return _claimant(self._claimed)

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why it was not revoked."""
        return _views(self._claimed.errors)


def _claimant(claimed: Claimed) -> ClaimantView | None:
    late = claimed.late
    return ClaimantView(late.receipt.by, late.receipt.at_ms, tells_name=late.tells_name) if late else None


def _views(errors: tuple[UserError, ...]) -> list[UserErrorView]:
    return [UserErrorView(error) for error in errors]


@strawberry.type
class HandoffMutations:
    """Mutations about codes and leases."""

    @field(
        "Make a code for a cart. MOVE gives the cart to one device for `lease` seconds (30 minutes), and the till's "
        "place to the cart where it is a till; JOIN lets somebody edit it; COPY gives them a cart of their own. The "
        "code is good for `ttl` seconds (10 minutes). The form DIGITS is for keypads in `forStore`. Another person is "
        "told of what is the giver's only what `share` names."
    )
    async def cart_handoff_create(
        self,
        info: Info,
        cart_id: ID,
        mode: HandoffMode,
        ttl: int = TTL_S,
        lease: int = LEASE_S,
        for_store: str | None = None,
        for_channel: str | None = None,
        form: CodeForm = CodeForm.LETTERS,
        share: list[Share] | None = None,
        operation_id: ID | None = None,
    ) -> HandoffPayloadView:
        """One round trip to the store."""
        request = HandoffRequest(mode, ttl, lease, for_store, for_channel, form, frozenset(share or ()))
        cart = CartId(key_of(cart_id, "Cart"))
        return HandoffPayloadView(
            await create_handoff(info.context.engine, info.context.known_caller(), cart, operation_id, request)
        )

    @field(
        "Claim a code, typed, scanned or as the text of a QR code. One device gets it. A device of the same store or a "
        "member that comes late is told which; for everybody else it is an unknown code."
    )
    async def cart_handoff_claim(self, info: Info, code: str) -> HandoffClaimPayloadView:
        """Three round trips to the store."""
        caller = info.context.known_caller()
        claimed = await claim_handoff(info.context.engine, caller, info.context.address, code)
        return HandoffClaimPayloadView(claimed, caller)

    @field("Take a code back that nobody has claimed. Six digits need the store that they are for.")
    async def cart_handoff_revoke(self, info: Info, code: str, store: str | None = None) -> HandoffRevokePayloadView:
        """Two round trips to the store."""
        caller = info.context.known_caller()
        return HandoffRevokePayloadView(await revoke_handoff(info.context.engine, caller, code, store))

    @field("Keep a cart that was moved to the calling device for as long again, from now.")
    async def cart_lease_renew(self, info: Info, cart_id: ID, operation_id: ID | None = None) -> CartPayloadView:
        """One round trip to the store."""
        return await _change_lease(info, cart_id, operation_id, LeaseChange.RENEW)

    @field("Give a cart back that was moved to the calling device. It stays in the channel and store that it is in.")
    async def cart_lease_return(self, info: Info, cart_id: ID, operation_id: ID | None = None) -> CartPayloadView:
        """One round trip to the store."""
        return await _change_lease(info, cart_id, operation_id, LeaseChange.RETURN)

    @field("Take a cart back from the device that has it. For its owner.")
    async def cart_lease_take_back(self, info: Info, cart_id: ID, operation_id: ID | None = None) -> CartPayloadView:
        """One round trip to the store."""
        return await _change_lease(info, cart_id, operation_id, LeaseChange.TAKE_BACK)


async def _change_lease(info: Info, cart_id: ID, operation_id: ID | None, change: LeaseChange) -> CartPayloadView:
    caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
    return CartPayloadView(await change_lease(info.context.engine, caller, cart, operation_id, change), caller)
