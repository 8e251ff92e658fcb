"""Two carts become one: a part of the shell, beside `engine.service`.

A cart is sealed by an ordinary change of it, and the store carries out the rest; see `engine.storage.merges`. Here is
who asks for it, and what they are told.
"""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Final

from engine.callers import Caller, CallerKind, Scope, customer_fault
from engine.cart.commands import ComeBack, MergeInto
from engine.cart.merging import MergePolicy, MergeReport, renamed
from engine.cart.model import Cart, Role
from engine.cart.refusals import REFUSALS
from engine.errors import PanierError, StoreUnavailableError, UserError, UserErrorCode
from engine.priced import PricedCart
from engine.pricing.notices import Notice, merge_notices, not_merged
from engine.service import PAUSES_S, Changed, Panier
from engine.storage.customers import CustomerRecord
from engine.types import CartId, CustomerId, MemberId

_LOG: Final = logging.getLogger("panier.merges")
_FOR_A_WHILE: Final = frozenset({UserErrorCode.CART_HELD, UserErrorCode.CART_FROZEN})
"""What is in the way of a cart's going into another one, and not of whose it is."""
_SWEEP_S: Final = 30.0
_ABANDONED_MS: Final = 10_000
"""What was begun so long ago is not under way any more: each step ends sooner, or fails."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would come to: the target as it would be, priced, and what would become of each thing."""

    priced: PricedCart | None = None
    report: MergeReport | None = None
    errors: tuple[UserError, ...] = ()

    def notices(self, *, staff: bool) -> list[Notice]:
        """Return what the caller may not expect of the cart."""
        return [
            *(merge_notices(self.report) if self.report else ()),
            *(self.priced.notices(staff=staff) if self.priced else ()),
        ]


async def merge_carts(
    engine: Panier,
    caller: Caller,
    source: CartId,
    target: CartId,
    operation_id: str | None,
    policy: MergePolicy | None,
) -> Changed:
    """Put what one cart holds into another one. For the owner of the source, if they may edit the target.

    About ten round trips. Where the two are one already, whoever did it, that is the answer.
    """
    if source == target:
        return _refused(UserErrorCode.INVALID_MERGE, "targetId")
    seen = await engine.cart(caller, source)
    if seen is None:
        return _refused(UserErrorCode.CART_NOT_FOUND, "sourceId")
    if await engine.cart(caller, target) is None:
        return _refused(UserErrorCode.CART_NOT_FOUND, "targetId")
    await engine.stores.merges.begin(source, seen.as_of_ms)
    command = MergeInto(target, policy or engine.snapshot.shop.merge_policy)
    changed = await engine.apply(caller, source, operation_id, lambda *_: command)
    done = await _answered(engine, caller, target, changed)
    if done is not None:
        return done
    await engine.stores.merges.end(source)
    return replace(changed, errors=tuple(replace(error, field=("sourceId",)) for error in changed.errors))


async def undo_merge(engine: Panier, caller: Caller, source: CartId, operation_id: str | None) -> Changed:
    """Take away what a merge added, and make the source a cart of its own again: that is the cart of the answer.

    For the owner of the source, if they may edit the target. About eight round trips.
    """
    seen = await engine.cart(caller, source)
    if seen is None:
        return _refused(UserErrorCode.CART_NOT_FOUND, "sourceId")
    await engine.stores.merges.begin(source, seen.as_of_ms)
    changed = await engine.apply(caller, source, operation_id, lambda *_: ComeBack())
    target = seen.cart.superseded_by
    if changed.errors or target is None or changed.version is None:
        await engine.stores.merges.end(source)
        return replace(changed, errors=tuple(replace(error, field=("sourceId",)) for error in changed.errors))
    decision = await engine.stores.merges.decision(source, target, changed.version)
    if decision is None:
        return changed
    if decision.refused is not None:
        return replace(changed, version=None, errors=(_error(decision.refused, "sourceId"),))
    return replace(changed, merge=decision.report)


async def preview_merge(
    engine: Panier, caller: Caller, source: CartId, target: CartId, policy: MergePolicy | None, guest: Caller | None
) -> Preview:
    """Say what a merge would come to now. Two round trips.

    With `guest`, who owns the source, it is as if the caller had signed in with it.
    """
    asked = policy or engine.snapshot.shop.merge_policy
    theirs, ours = await engine.cart(guest or caller, source), await engine.cart(caller, target)
    if theirs is None or ours is None:
        return _not_shown(UserErrorCode.CART_NOT_FOUND, "sourceId" if theirs is None else "targetId")
    if source == target:
        return _not_shown(UserErrorCode.INVALID_MERGE, "targetId")
    for priced, device, argument in ((theirs, guest or caller, "sourceId"), (ours, caller, "targetId")):
        if closed := _closed(priced, device):
            return _not_shown(closed, argument)
    if not (guest or caller).may_manage(theirs.cart):
        return _not_shown(UserErrorCode.ROLE_FORBIDS, "sourceId")
    if not _may_edit(caller, ours):
        return _not_shown(UserErrorCode.ROLE_FORBIDS, "targetId")
    came = renamed(theirs.cart, guest.member, caller.member) if guest else theirs.cart
    merged = engine.stores.merges.work_out(came, ours.cart, asked)
    report = MergeReport(source, target, asked, ours.as_of_ms, ours.cart.version, merged.changes)
    shown = replace(merged.cart, version=ours.cart.version)
    return Preview(PricedCart(shown, ours.snapshot, ours.as_of_ms), report)


async def sign_in(
    engine: Panier,
    caller: Caller,
    cart: CartId,
    customer: CustomerId,
    operation_id: str | None,
    guest: Caller | None,
    policy: MergePolicy | None,
) -> Changed:
    """Make a cart a customer's. Of one that a guest signs in with, and the customer's active one, one is made.

    Whatever is in the way of that, the cart is theirs and their active one then, and both are kept: a sign-in is never
    refused for it. A cart in which others take part stays one of its own. Without a guest, only a `policy` has carts
    merged: staff who write a customer on a cart do not mean the one at home.
    """
    may = caller.customer == customer or caller.may(Scope.CART_WRITE)
    plainly = (guest is None and policy is None) or not may or customer_fault(customer)
    going = None if plainly else await _current(engine, cart)
    if guest and going and _owns(going, guest.member):
        cart = going.id  # what the guest had merged before, and does not know of on this device
    if plainly or (guest and going and not _may_become_active(going, guest.member, _member(customer))):
        return await engine.attach(caller, cart, customer, operation_id, guest)
    record = await engine.stores.customers.claim_first(customer, cart)
    alone = going is not None and len(going.members) == 1
    target = await _other(engine, customer, record, cart) if alone else None
    if target is None:
        changed = await engine.attach(caller, cart, customer, operation_id, guest)
        if changed.errors and record.claimed:
            await engine.stores.customers.release(customer, cart)
        signed = await _answered(engine, caller, None, changed) or changed
        may_meet = guest is not None and alone and not signed.errors
        return await _with_newcomer(engine, caller, record, cart, customer, policy, signed) if may_meet else signed
    await engine.stores.merges.begin(cart, record.at_ms)
    into = MergeInto(target, policy or engine.snapshot.shop.merge_policy)
    changed = await engine.attach(caller, cart, customer, operation_id, guest, into)
    done = await _answered(engine, caller, target, changed)
    if done is not None and not done.errors:
        return done
    await engine.stores.merges.end(cart)
    if going is not None and going.id == target:
        return Changed(await engine.cart(caller, target), replayed=True)  # it went there by way of a third cart
    why = next((error for error in (done or changed).errors), None)
    if why is None or (done is None and why.code not in _FOR_A_WHILE):
        return changed
    apart = await engine.attach(caller, cart, customer, operation_id, guest)
    return apart if apart.errors else replace(apart, more=(not_merged(why.message),))


async def _with_newcomer(
    engine: Panier,
    caller: Caller,
    before: CustomerRecord,
    cart: CartId,
    customer: CustomerId,
    policy: MergePolicy | None,
    signed: Changed,
) -> Changed:
    """Put a cart that was signed in with into one that another device made since, and return what came of it.

    That device gave up waiting for the sign-in, took the pointer to the cart away, and has one of its own.
    """
    now = await engine.stores.customers.claim_first(customer, cart)
    new = next((id_ for id_ in (now.active, now.superseded) if id_ not in {before.active, before.superseded}), None)
    target = await _other(engine, customer, replace(now, active=new), cart)
    if target is None:
        return signed
    merged = await merge_carts(engine, caller, cart, target, None, policy)
    if not merged.errors:
        return merged
    await engine.stores.customers.claim(customer, cart)
    return replace(signed, more=(not_merged(merged.errors[0].message),))


async def keep_settled(engine: Panier) -> None:
    """Go on, for ever, with merges that were cut off in the middle and that nobody came back to."""
    while True:
        try:
            await engine.stores.merges.sweep(_ABANDONED_MS)
        except StoreUnavailableError:
            pass  # said once by the connection, and tried again
        except PanierError:
            _LOG.exception("a merge that was cut off cannot be gone on with")
        await asyncio.sleep(_SWEEP_S)


async def _other(engine: Panier, customer: CustomerId, record: CustomerRecord, cart: CartId) -> CartId | None:
    """Return the customer's active cart if another one is to go into it.

    Another device may be about to make it, or to make it theirs; that is waited for.
    """
    active = record.active
    if active is None or active == cart:
        return None
    for pause_s in (*PAUSES_S, None):
        found = await _current(engine, active)
        if found is not None and (found.id == cart or _owns(found, _member(customer))):
            return found.id if found.id != cart else None
        if pause_s is None or not await engine.stores.customers.got_lately(customer, active, record.at_ms):
            return None
        await asyncio.sleep(pause_s)
    return None


def _member(customer: CustomerId) -> MemberId:
    return MemberId(f"{CallerKind.CUSTOMER}:{customer}")


def _may_become_active(cart: Cart, guest: MemberId, customer: MemberId) -> bool:
    """Say whether a cart that a guest signs in with is theirs, and still open: somebody else's stays that one's."""
    return (_owns(cart, guest) or _owns(cart, customer)) and cart.sold is None and cart.ordered is None


def _owns(cart: Cart, member: MemberId) -> bool:
    found = cart.member(member)
    return found is not None and found.role is Role.OWNER


async def _current(engine: Panier, cart: CartId) -> Cart | None:
    """Return a cart, or the one that it went into."""
    found = (await engine.stores.carts.read(cart)).cart
    while found is not None and found.superseded_by is not None:
        found = (await engine.stores.carts.read(found.superseded_by)).cart
    return found


async def _answered(engine: Panier, caller: Caller, target: CartId | None, changed: Changed) -> Changed | None:
    """Return the answer where a cart was to go into `target`, None where it was refused before it came to that.

    That a cart went there before, or into another one where nobody says which, is as good. What became of each thing is
    told to who owns the source.
    """
    source = changed.priced.cart if changed.priced else None
    if source is None or not caller.may_manage(source):
        return None
    transfer, sealed = source.transfer, changed.version is not None
    merged_before = any(error.code is UserErrorCode.CART_MERGED for error in changed.errors)
    if transfer is not None and target in {None, transfer.target} and (sealed or merged_before):
        target, attempt = transfer.target, transfer.version
    elif target is not None and changed.version is not None:
        attempt = changed.version
    else:
        return None
    decision = await engine.stores.merges.decision(source.id, target, attempt)
    if decision is None:
        return None
    if decision.refused is not None:
        return _refused(decision.refused, "targetId")
    if source.customer is not None and not decision.report.undone:
        await engine.stores.customers.supersede(source.customer, source.id, target)
    replayed = changed.replayed or bool(changed.errors)
    priced = await engine.cart(caller, target)
    return Changed(priced, (), decision.report.version, replayed, merge=decision.report)


def _closed(priced: PricedCart, caller: Caller) -> UserErrorCode | None:
    """Return why a cart changes for nobody now, or for no device but another one; None where it does."""
    cart, lease = priced.cart, priced.cart.lease_at(priced.as_of_ms)
    for code, holds in (
        (UserErrorCode.CART_MERGED, cart.transfer is not None),
        (UserErrorCode.CART_SOLD, cart.sold is not None),
        (UserErrorCode.CART_ORDERED, cart.ordered is not None),
        (UserErrorCode.CART_FROZEN, cart.freeze_at(priced.as_of_ms) is not None),
        (UserErrorCode.CART_HELD, lease is not None and (lease.member, lease.device) != (caller.member, caller.device)),
    ):
        if holds:
            return code
    return None


def _may_edit(caller: Caller, priced: PricedCart) -> bool:
    member, lease = priced.cart.member(caller.member), priced.cart.lease_at(priced.as_of_ms)
    if lease is not None:
        return (lease.member, lease.device) == (caller.member, caller.device)
    return caller.may(Scope.CART_WRITE) or (member is not None and member.role in {Role.OWNER, Role.EDITOR})


def _refused(code: UserErrorCode, argument: str) -> Changed:
    return Changed(errors=(_error(code, argument),))


def _not_shown(code: UserErrorCode, argument: str) -> Preview:
    return Preview(errors=(_error(code, argument),))


def _error(code: UserErrorCode, argument: str) -> UserError:
    return UserError(code, REFUSALS[code], (argument,))
