"""Coming to a cart, leaving it and handing it over: a part of the shell, beside `engine.service`."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from engine.callers import Caller, CallerKind
from engine.cart.codes import CODE_ALPHABET, canonical_code, check_character, is_intact
from engine.cart.members import CreateInvite, HandOver, Join, Leave
from engine.cart.model import Invite, Role
from engine.cart.refusals import REFUSALS
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.priced import PricedCart
from engine.pricing.admission_members import admit_invite
from engine.service import Changed, Panier, derived_id
from engine.storage.invites import InviteCodes
from engine.types import CartId, CustomerId, InviteId, MemberId, OperationId

Kept = TypeVar("Kept")

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
    """Let whoever knows a code take part. Three round trips.

    The inviter's own cart is among theirs from now on, wherever they look for it.
    """
    try:
        asked = admit_invite(InviteId(""), drawn_code(), role, uses, life_s)
    except RefusedError as refused:
        return Invited(Changed(errors=refused.errors))

    async def kept(invite: CreateInvite) -> tuple[Changed, tuple[Invite, ...], bool]:
        changed = await engine.apply(
            caller, cart_id, operation_id, lambda _, __, operation: replace(invite, id=_id(caller, operation))
        )
        open_ones = changed.priced.cart.invites if changed.priced and not changed.errors else ()
        return changed, open_ones, changed.replayed

    known = _id(caller, OperationId(operation_id)) if operation_id is not None else None
    changed, invite = await reserved_invite(engine.stores.invites, cart_id, asked, known, kept)
    if changed.priced is not None and changed.priced.cart.member(caller.member):
        await engine.stores.pointers.note_cart(caller.member, cart_id)
    return Invited(changed, invite)


async def reserved_invite(
    codes: InviteCodes,
    leads_to: str,
    asked: CreateInvite,
    known: InviteId | None,
    keep: Callable[[CreateInvite], Awaitable[tuple[Kept, tuple[Invite, ...], bool]]],
) -> tuple[Kept, Invite | None]:
    """Have a code lead to what `keep` writes the invite into; return its answer and the invite. Two round trips.

    `keep` answers with the open invites, none where it refused, and whether that had been done before. The code is
    reserved first, so that none leads to two places, and given back where it was refused; sent again, a request puts
    right what a crash left half done: ``known`` is then the id of the invite.
    """
    while not await codes.reserve(asked.code, leads_to, asked.life_ms):
        asked = replace(asked, code=drawn_code())
    answer, invites, replayed = await keep(asked)
    made = next((each for each in invites if each.code == asked.code), None)
    if made is None:
        await codes.release(asked.code)
    if made is None and replayed:
        made = next((each for each in invites if each.id == known), None)
        if made is not None:
            await codes.reserve(made.code, leads_to, asked.life_ms)
    return answer, made


async def join(engine: Panier, caller: Caller, code: str, operation_id: str | None) -> Changed:
    """Take part by the code of an invite, written in any form. Three round trips, none for a code with a typo.

    All codes that are good for nothing are answered alike, whether they ever were good for something or not.
    """
    canonical = canonical_code(code) or ""
    behind = await engine.stores.invites.behind(canonical) if is_intact(canonical) else None
    if behind is None:
        return Changed(errors=(_NO_INVITE,))
    cart_id = CartId(behind)
    await engine.stores.pointers.note_cart(caller.member, cart_id)
    changed = await engine.apply(caller, cart_id, operation_id, lambda *_: Join(canonical))
    if any(error.code is UserErrorCode.CART_NOT_FOUND for error in changed.errors):
        return Changed(errors=(_NO_INVITE,))
    return changed.seen_by(caller)


async def leave(engine: Panier, caller: Caller, cart_id: CartId, operation_id: str | None, *, keep: bool) -> Changed:
    """Give one's own role up; with `keep`, what they put in stays. Two round trips."""
    changed = await engine.apply(caller, cart_id, operation_id, lambda *_: Leave(keep))
    if not changed.errors:
        await engine.stores.pointers.forget_cart(caller.member, cart_id)
    return changed.seen_by(caller)


async def carts_of(engine: Panier, caller: Caller) -> list[PricedCart]:
    """Return the carts that the caller takes part in, the one they came to last first.

    One round trip, two for a customer, and one for each cart. Carts that are gone, and those of which they are no
    member any more, are forgotten on the way.
    """
    pointers, customers = engine.stores.pointers, engine.stores.customers
    at_ms, known = await pointers.carts_of(caller.member)
    own = await customers.open_carts(caller.customer) if caller.customer else {}
    came = known | own
    ids = sorted(came, key=lambda id_: (-came[id_], id_))
    found = await asyncio.gather(*[engine.cart(caller, id_) for id_ in ids])
    theirs = [priced for priced in found if priced and priced.cart.member(caller.member)]
    gone = known.keys() - {priced.cart.id for priced in theirs}
    if gone:
        await pointers.drop_carts(caller.member, gone, at_ms)
    return theirs


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


def drawn_code() -> str:
    """Draw a code for an invite."""
    body = "".join(secrets.choice(CODE_ALPHABET) for _ in range(_DRAWN))
    return body + check_character(body)


def _id(caller: Caller, operation: OperationId) -> InviteId:
    return InviteId(derived_id(caller, operation, size=8))
