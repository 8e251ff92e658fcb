"""Families that share points: a part of the shell, beside `engine.loyalty_service`.

A family is a named group some of whose members agreed to share points, each by themselves. The programme says what
that is: one pool, or accounts of their own between which points may be sent.
"""

import asyncio
from dataclasses import dataclass

from engine.callers import Caller, Scope
from engine.errors import UserError, UserErrorCode
from engine.group_service import group_of
from engine.loyalty.account import (
    Account,
    AccountId,
    FamilyRole,
    account_of_customer,
    account_of_family,
    family_of,
)
from engine.loyalty.commands import JoinFamily
from engine.loyalty.ledger import Status
from engine.loyalty_service import NO_PROGRAMME, POINTS_PER_ADJUSTMENT_MAX, Adjusted, adjusted
from engine.rules.loyalty import Loyalty
from engine.service import Panier, derived_id, read_operation
from engine.standing import shops_zone, touch, with_tier
from engine.types import CustomerId, GroupId, OperationId

_NO_GROUP = UserError(UserErrorCode.GROUP_NOT_FOUND, "there is no such group", ("groupId",))
_NO_FAMILY = UserError(UserErrorCode.NO_FAMILY, "there is no family that shares points with them")
_ROLE_FORBIDS = UserError(UserErrorCode.ROLE_FORBIDS, "their role in the family does not let them spend from the pool")
_FORBIDDEN = UserError(
    UserErrorCode.FORBIDDEN, "only the customer whose points they are, or staff with the scope `loyalty:write`"
)


@dataclass(frozen=True, slots=True)
class Family:
    """Members of a named group who share points; ``pool`` is their account, without points where each has their own."""

    group: GroupId
    pool: Account
    pooled: bool


@dataclass(frozen=True, slots=True)
class FamilyChanged:
    """A family after a change, None where the caller is of none; or why nothing changed."""

    family: Family | None = None
    errors: tuple[UserError, ...] = ()


async def find_family(engine: Panier, caller: Caller, customer: CustomerId) -> Family | None:
    """Return the family a customer shares points with, to themselves and to staff with scope `cart:read`.

    None for others. Two round trips.
    """
    programme = engine.snapshot.ruleset.loyalty
    if programme is None or not (caller.customer == customer or caller.may(Scope.CART_READ)):
        return None
    return await _family_of(engine, programme, customer)


async def join_family(engine: Panier, caller: Caller, group_id: GroupId) -> FamilyChanged:
    """Let the calling customer share points with a named group that they are of; its owner is the first to do so.

    Whoever shared points with another family leaves that. Sent again, nothing more happens. Seven round trips.
    """
    programme, customer, ledger = engine.snapshot.ruleset.loyalty, caller.customer, engine.stores.ledger
    if programme is None:
        return FamilyChanged(errors=(NO_PROGRAMME,))
    if customer is None:
        message = "only customers have points"
        return FamilyChanged(errors=(UserError(UserErrorCode.FORBIDDEN, message),))
    id_ = account_of_family(group_id)
    group, known = await asyncio.gather(group_of(engine, caller, group_id), ledger.read(id_))
    if group is None:
        return FamilyChanged(errors=(_NO_GROUP,))
    owns = group.owner == caller.member
    if not (owns or known.members):
        message = "nobody of the group shares points yet: its owner begins"
        return FamilyChanged(errors=(UserError(UserErrorCode.NO_FAMILY, message, ("groupId",)),))
    first_role = FamilyRole.BURN if owns or programme.family.members_burn else FamilyRole.EARN
    pool = await ledger.join(customer, id_, known.members.get(customer, first_role))
    if await group_of(engine, caller, group_id) is None:
        # They were taken out of the group at that moment.
        await ledger.leave(customer, id_)
        return FamilyChanged(errors=(_NO_GROUP,))
    await touch(engine, customer)
    return FamilyChanged(Family(group_id, pool, programme.family.pooled))


async def leave_family(engine: Panier, caller: Caller) -> FamilyChanged:
    """Let the calling customer have points of their own again; the pool keeps what it has. Four round trips."""
    if caller.customer is None:
        return FamilyChanged(errors=(_NO_FAMILY,))
    await engine.stores.ledger.leave(caller.customer)
    await touch(engine, caller.customer)
    return FamilyChanged()


async def change_family_role(
    engine: Panier, caller: Caller, group_id: GroupId, member: CustomerId, role: FamilyRole
) -> FamilyChanged:
    """Say whether a member may spend from the pool. The owner of the group may. Three round trips."""
    programme, ledger = engine.snapshot.ruleset.loyalty, engine.stores.ledger
    if programme is None:
        return FamilyChanged(errors=(NO_PROGRAMME,))
    id_ = account_of_family(group_id)
    group = await group_of(engine, caller, group_id)
    if group is None:
        return FamilyChanged(errors=(_NO_GROUP,))
    if group.owner != caller.member:
        message = "only the owner of the group decides that"
        return FamilyChanged(errors=(UserError(UserErrorCode.ROLE_FORBIDS, message, ("groupId",)),))
    pool = (await ledger.do(id_, JoinFamily(member, role, members_only=True))).account
    if member not in pool.members:
        message = "there is no such member in the family"
        return FamilyChanged(errors=(UserError(UserErrorCode.MEMBER_NOT_FOUND, message, ("customerId",)),))
    return FamilyChanged(Family(group_id, pool, programme.family.pooled))


async def transfer_points(
    engine: Panier,
    caller: Caller,
    source: CustomerId | None,
    to: CustomerId | None,
    points: int,
    operation_id: str | None,
) -> Adjusted:
    """Send points within a family, once: from or to an account of a member's own, or None for the pool.

    Members send what is theirs, and with that role what is in the pool; staff with scope `loyalty:write` send any.
    A crash leaves points on their way, which the sweeper brings home. Nine round trips.
    """
    operation, programme = read_operation(operation_id), engine.snapshot.ruleset.loyalty
    if isinstance(operation, UserError):
        return Adjusted(errors=(operation,))
    if programme is None:
        return Adjusted(errors=(NO_PROGRAMME,))
    if not 1 <= points <= POINTS_PER_ADJUSTMENT_MAX:
        message = f"a transfer is of 1 to {POINTS_PER_ADJUSTMENT_MAX} points"
        return Adjusted(errors=(UserError(UserErrorCode.INVALID_POINTS, message, ("points",)),))
    if source == to:
        message = "points are sent to another account"
        return Adjusted(errors=(UserError(UserErrorCode.NOTHING_TO_DO, message, ("to",)),))
    someone = source or to or caller.customer
    family = await _family_of(engine, programme, someone) if someone else None
    if fault := _transfer_fault(caller, family, source, to):
        return Adjusted(errors=(fault,))
    assert family is not None  # noqa: S101 - for the type checker
    named = OperationId(f"transfer:{derived_id(caller, operation, size=16)}")
    ledger, ends = engine.stores.ledger, (_account(family, source), _account(family, to))
    sent = await ledger.transfer(named, *ends, points)
    booked = await with_tier(engine, programme, sent, shops_zone(engine))
    await with_tier(engine, programme, await ledger.settled(ends[1]), shops_zone(engine))
    return adjusted(engine, programme, booked, reused=booked.status is Status.REUSED)


async def _family_of(engine: Panier, programme: Loyalty, customer: CustomerId) -> Family | None:
    account = await engine.stores.ledger.account_of(customer)
    group = family_of(account)
    if group is None:
        return None
    return Family(group, await engine.stores.ledger.read(account), programme.family.pooled)


def _transfer_fault(
    caller: Caller, family: Family | None, source: CustomerId | None, to: CustomerId | None
) -> UserError | None:
    is_staff = caller.may(Scope.LOYALTY_WRITE)
    if not is_staff and (caller.customer is None or source not in (None, caller.customer)):
        return _FORBIDDEN
    if family is None or any(each is not None and each not in family.pool.members for each in (source, to)):
        return _NO_FAMILY
    if not is_staff and caller.customer not in family.pool.members:
        return _NO_FAMILY
    if not family.pooled and None in (source, to):
        message = "the programme has no pool: name the member"
        return UserError(UserErrorCode.NO_FAMILY, message, ("from",) if source is None else ("to",))
    if source is None and not is_staff and caller.customer and not family.pool.may_burn(caller.customer):
        return _ROLE_FORBIDS
    return None


def _account(family: Family, customer: CustomerId | None) -> AccountId:
    return family.pool.id if customer is None else account_of_customer(customer)
