"""Coming to a cart, leaving it and handing it over: a part of the shell, beside `engine.service`."""

import secrets
from dataclasses import dataclass, replace
from typing import Final

from engine.callers import Caller, CallerKind
from engine.cart.codes import CODE_ALPHABET, canonical_code, check_character, is_intact
from engine.cart.members import HandOver, Join, Leave
from engine.cart.model import Invite, Role
from engine.cart.refusals import REFUSALS
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.pricing.admission_members import admit_invite
from engine.service import Changed, Panier, derived_id
from engine.types import CartId, CustomerId, InviteId, MemberId, OperationId

_DRAWN: Final = 11
"""Random characters of a code, besides the one that shows a typo: 49 bits, so that a guess is no way in."""
_NO_INVITE: Final = UserError(UserErrorCode.INVITE_NOT_FOUND, REFUSALS[UserErrorCode.INVITE_NOT_FOUND], ("code",))


@dataclass(frozen=True, slots=True)
class Invited:
    """The answer to a new invite; ``invite`` is None where it was refused, or taken back since it was first made."""

    changed: Changed
    invite: Invite | None = None


async def create_invite(
    engine: Panier, caller: Caller, cart_id: CartId, operation_id: str | None, role: Role, uses: int, life_s: int
) -> Invited:
    """Let whoever knows a code take part. Two round trips.

    The code leads to the cart, where it is written what it is good for. It is reserved first, so that no code leads to
    two carts, and given back where the cart refuses; sent again, a request puts right what a crash left half done.
    """
    try:
        asked = admit_invite(InviteId(""), _drawn(), role, uses, life_s)
    except RefusedError as refused:
        return Invited(Changed(errors=refused.errors))
    while not await engine.stores.carts.reserve_code(asked.code, cart_id, asked.life_ms):
        asked = replace(asked, code=_drawn())
    changed = await engine.apply(
        caller, cart_id, operation_id, lambda _, __, operation: replace(asked, id=_id(caller, operation))
    )
    if changed.errors or changed.replayed:
        await engine.stores.carts.release_code(asked.code)
    invites = changed.priced.cart.invites if changed.priced and not changed.errors else ()
    if operation_id is not None and changed.replayed:
        invite = next((each for each in invites if each.id == _id(caller, OperationId(operation_id))), None)
        if invite and changed.priced and invite.ends_ms > changed.priced.as_of_ms:
            await engine.stores.carts.reserve_code(invite.code, cart_id, invite.ends_ms - changed.priced.as_of_ms)
        return Invited(changed, invite)
    return Invited(changed, next((each for each in invites if each.code == asked.code), None))


async def join(engine: Panier, caller: Caller, code: str, operation_id: str | None) -> Changed:
    """Take part by the code of an invite, written in any form. Two round trips, none for a code with a typo.

    All codes that are good for nothing are answered alike, whether they ever were good for something or not.
    """
    canonical = canonical_code(code) or ""
    cart_id = await engine.stores.carts.cart_behind(canonical) if is_intact(canonical) else None
    if cart_id is None:
        return Changed(errors=(_NO_INVITE,))
    changed = await engine.apply(caller, cart_id, operation_id, lambda *_: Join(canonical))
    if any(error.code is UserErrorCode.CART_NOT_FOUND for error in changed.errors):
        return Changed(errors=(_NO_INVITE,))
    return changed.seen_by(caller)


async def leave(engine: Panier, caller: Caller, cart_id: CartId, operation_id: str | None, *, keep: bool) -> Changed:
    """Give one's own role up; with `keep`, what they put in stays. One round trip."""
    return (await engine.apply(caller, cart_id, operation_id, lambda *_: Leave(keep))).seen_by(caller)


async def hand_over(
    engine: Panier, caller: Caller, cart_id: CartId, member: MemberId, operation_id: str | None, *, keep_delivery: bool
) -> Changed:
    """Make another member the owner. Two round trips, and up to three more where customers are concerned.

    It is no longer the active cart of the customer before, and becomes that of the new one if they have none.
    """
    customer = _customer_of(member)
    facts = await engine.facts_of(customer) if customer else None
    before = await engine.cart(caller, cart_id)
    command = HandOver(member, customer, facts, keep_delivery)
    changed = await engine.apply(caller, cart_id, operation_id, lambda *_: command)
    if changed.errors:
        return changed
    # Sent again after a crash in between, the cart does not say any more whose it was: the caller's, as a rule.
    for former in {before.cart.customer if before else None, caller.customer} - {customer, None}:
        await engine.stores.customers.release(CustomerId(str(former)), cart_id)
    if customer:
        await engine.stores.customers.claim_first(customer, cart_id)
    return changed


def _customer_of(member: MemberId) -> CustomerId | None:
    kind, _, id_ = member.partition(":")
    return CustomerId(id_) if kind == CallerKind.CUSTOMER else None


def _drawn() -> str:
    body = "".join(secrets.choice(CODE_ALPHABET) for _ in range(_DRAWN))
    return body + check_character(body)


def _id(caller: Caller, operation: OperationId) -> InviteId:
    return InviteId(derived_id(caller, operation, size=8))
