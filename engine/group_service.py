"""Named groups, as callers ask for them: a part of the shell, beside `engine.service`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.callers import Caller, CallerKind, customer_of
from engine.cart.codes import canonical_code, is_intact
from engine.cart.groups import (
    NAME_LENGTH_MAX,
    CreateGroup,
    Group,
    GroupCommand,
    GroupMember,
    LeaveGroup,
    RenameGroup,
)
from engine.cart.members import CreateInvite, Join, LimitMember, RemoveMember
from engine.cart.model import Invite, Role
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.loyalty.account import account_of_family
from engine.membership import drawn_code, reserved_invite
from engine.pricing.admission_members import admit_invite, admit_member_limits, admit_role
from engine.pricing.shop import Shop
from engine.service import Panier, derived_id, read_operation
from engine.sharing import take_out
from engine.storage.groups import GroupChanged
from engine.types import CartId, GroupId, InviteId, MemberId, OperationId

_REFUSALS = {
    UserErrorCode.GROUP_NOT_FOUND: ("there is no such group", ("groupId",)),
    UserErrorCode.OPERATION_ID_REUSED: ("this operation id was used for another request", ("operationId",)),
    UserErrorCode.ROLE_FORBIDS: ("only the owner of a group decides that", ("groupId",)),
    UserErrorCode.OWNER_STAYS: ("a group keeps its owner: hand it over, or take it apart", ()),
    UserErrorCode.MEMBER_NOT_FOUND: ("there is no such member in the group", ("memberId",)),
    UserErrorCode.MEMBER_LIMIT: ("the group has as many members as a cart may have", ("code",)),
    UserErrorCode.INVITE_NOT_FOUND: ("this invite is not known, was taken back, has ended or is used up", ("code",)),
    UserErrorCode.INVITE_LIMIT: ("the group would have more open invites than it may have", ()),
}


@dataclass(frozen=True, slots=True)
class Grouped:
    """The answer to a change of a group. ``group`` is None where there is none for the caller, any more or at all.

    ``invite`` is a new one. ``held`` are carts that are with another device, where somebody is to go and could not yet.
    """

    group: Group | None = None
    errors: tuple[UserError, ...] = ()
    replayed: bool = False
    invite: Invite | None = None
    held: tuple[CartId, ...] = ()


Admit = Callable[[Shop, OperationId], GroupCommand]
"""Checks a request against the shop and builds its command, or raises `RefusedError`."""


async def group_of(engine: Panier, caller: Caller, group_id: GroupId) -> Group | None:
    """Return a group that the caller is of. One round trip."""
    group = await engine.stores.groups.read(group_id)
    return group if group is not None and group.member(caller.member) else None


async def groups_of(engine: Panier, caller: Caller) -> list[Group]:
    """Return the groups that the caller is of, newest first. One round trip, and one for each group."""
    pointers = engine.stores.pointers
    at_ms, ids = await pointers.groups_of(caller.member)
    found = await asyncio.gather(*[group_of(engine, caller, id_) for id_ in ids])
    gone = [id_ for id_, group in zip(ids, found, strict=True) if group is None]
    if gone:
        await pointers.drop_groups(caller.member, gone, at_ms)
    return [group for group in found if group is not None]


async def create_group(
    engine: Panier, caller: Caller, operation_id: str | None, name: str, cart: CartId | None
) -> Grouped:
    """Make a group of the caller alone, or of the people in a cart that they own. Two round trips, or three.

    People keep the roles and limits that they have in the cart; the shop's own devices stay out.
    """
    operation = read_operation(operation_id)
    if isinstance(operation, UserError):
        return Grouped(errors=(operation,))
    try:
        made = CreateGroup(_name(name), await _first_members(engine, caller, cart))
    except RefusedError as refused:
        return Grouped(errors=refused.errors)
    group = GroupId(derived_id(caller, operation, size=16))
    await asyncio.gather(*[engine.stores.pointers.note_group(member.id, group) for member in made.members])
    return _answered(caller, await engine.stores.groups.create(group, caller.member, operation, made))


async def change_group(
    engine: Panier, caller: Caller, group: GroupId, operation_id: str | None, admit: Admit
) -> Grouped:
    """Check and apply a change. One round trip."""
    operation = read_operation(operation_id)
    if isinstance(operation, UserError):
        return Grouped(errors=(operation,))
    try:
        command = admit(engine.snapshot.shop, operation)
    except RefusedError as refused:
        return Grouped(errors=refused.errors)
    return _answered(caller, await engine.stores.groups.change(group, caller.member, operation, command))


async def invite_to_group(
    engine: Panier, caller: Caller, group: GroupId, operation_id: str | None, role: Role, uses: int, life_s: int
) -> Grouped:
    """Let whoever knows a code into a group, with the role that they will have in carts. Two round trips."""
    try:
        asked = admit_invite(InviteId(""), drawn_code(), role, uses, life_s)
    except RefusedError as refused:
        return Grouped(errors=refused.errors)

    async def kept(invite: CreateInvite) -> tuple[Grouped, tuple[Invite, ...], bool]:
        answer = await change_group(
            engine, caller, group, operation_id, lambda _, operation: replace(invite, id=_invite_id(caller, operation))
        )
        return answer, answer.group.invites if answer.group and not answer.errors else (), answer.replayed

    known = _invite_id(caller, OperationId(operation_id)) if operation_id is not None else None
    answer, invite = await reserved_invite(engine.stores.group_invites, group, asked, known, kept)
    return replace(answer, invite=invite)


async def join_group(engine: Panier, caller: Caller, code: str, operation_id: str | None) -> Grouped:
    """Take part by the code of an invite, in any form. Three round trips, none for a code with a typo."""
    canonical = canonical_code(code) or ""
    behind = await engine.stores.group_invites.behind(canonical) if is_intact(canonical) else None
    if behind is None:
        return Grouped(errors=(_error(UserErrorCode.INVITE_NOT_FOUND),))
    group = GroupId(behind)
    await engine.stores.pointers.note_group(caller.member, group)
    answer = await change_group(engine, caller, group, operation_id, lambda *_: Join(canonical))
    if any(error.code is UserErrorCode.GROUP_NOT_FOUND for error in answer.errors):
        return Grouped(errors=(_error(UserErrorCode.INVITE_NOT_FOUND),))
    return answer


async def part_from_group(
    engine: Panier,
    caller: Caller,
    group: GroupId,
    operation_id: str | None,
    member: MemberId | None,
    *,
    out_of_carts: bool,
    keep_lines: bool,
) -> Grouped:
    """Leave a group, or take a member out of it where one is named. Two round trips, more for who pools points there.

    New carts do not include them. With `out_of_carts` they leave those too that were shared with the group so far, but
    for their own: one round trip more, and one for each of these carts. Sent again, it finishes what was cut off.
    """
    operation = read_operation(operation_id)
    if isinstance(operation, UserError):
        return Grouped(errors=(operation,))
    command = RemoveMember(member, keep_lines) if member is not None else LeaveGroup()
    answer = await change_group(engine, caller, group, operation, lambda *_: command)
    if answer.errors:
        return answer
    who = member if member is not None else caller.member
    await engine.stores.pointers.forget_group(who, group)
    customer = customer_of(who)
    if customer is not None:
        await engine.stores.ledger.leave(customer, account_of_family(group))
    if not out_of_carts:
        return answer
    channel, name = engine.snapshot.shop.default_channel, OperationId(f"{group}-{derived_id(caller, operation, 8)}")
    carts = await engine.stores.groups.shared_carts(group)
    outcomes = await asyncio.gather(
        *[take_out(engine.stores, cart, who, channel, name, keep_lines=keep_lines) for cart in carts]
    )
    return replace(answer, held=tuple([cart for cart, out in zip(carts, outcomes, strict=True) if not out]))


async def share_new_carts(engine: Panier, caller: Caller, group_id: GroupId | None) -> Grouped:
    """Have every cart that the calling customer newly opens shared with a group, or with nobody. Two round trips."""
    if caller.customer is None:
        message = "only customers share all their new carts: a guest is known by one device"
        return Grouped(errors=(UserError(UserErrorCode.FORBIDDEN, message),))
    group = await group_of(engine, caller, group_id) if group_id is not None else None
    if group_id is not None and group is None:
        return Grouped(errors=(_error(UserErrorCode.GROUP_NOT_FOUND),))
    await engine.stores.customers.share_with(caller.customer, group_id)
    return Grouped(group)


def admits_name(name: str) -> Admit:
    """Admit another name."""
    return lambda *_: RenameGroup(_name(name))


def admits_role(member: MemberId, role: Role) -> Admit:
    """Admit another role."""
    return lambda *_: admit_role(member, role)


def admits_limits(member: MemberId, budget: tuple[str, str] | None, blocked: list[str]) -> Admit:
    """Admit a budget and blocked categories."""

    def admit(shop: Shop, _: OperationId) -> LimitMember:
        return admit_member_limits(member, budget, blocked, shop)

    return admit


async def _first_members(engine: Panier, caller: Caller, cart_id: CartId | None) -> tuple[GroupMember, ...]:
    """Return who a new group begins with. The owner's role is that which they have in the carts of others."""
    own = GroupMember(caller.member, Role.EDITOR)
    if cart_id is None:
        return (own,)
    priced = await engine.cart(caller, cart_id)
    cart = priced.cart if priced else None
    if cart is None:
        raise RefusedError.because(UserErrorCode.CART_NOT_FOUND, "there is no such cart", "cartId")
    known = cart.member(caller.member)
    if known is None or known.role is not Role.OWNER:
        raise RefusedError.because(UserErrorCode.ROLE_FORBIDS, "only the owner of a cart makes a group of it", "cartId")
    others = [
        GroupMember(member.id, member.role, member.budget, member.blocked)
        for member in cart.members
        if member.id != caller.member and _is_person(member.id)
    ]
    return (own, *others)


def _is_person(member: MemberId) -> bool:
    return member.partition(":")[0] in {CallerKind.GUEST, CallerKind.CUSTOMER}


def _answered(caller: Caller, answer: GroupChanged) -> Grouped:
    if answer.refused is not None:
        return Grouped(errors=(_error(answer.refused),))
    group = answer.group if answer.group and answer.group.member(caller.member) else None
    return Grouped(group, (), answer.replayed)


def _error(code: UserErrorCode) -> UserError:
    message, path = _REFUSALS[code]
    return UserError(code, message, path)


def _name(name: str) -> str:
    written = " ".join(name.split())
    if not written or len(written) > NAME_LENGTH_MAX or not written.isprintable():
        message = f"a group's name has 1 to {NAME_LENGTH_MAX} printable characters"
        raise RefusedError.because(UserErrorCode.INVALID_GROUP, message, "name")
    return written


def _invite_id(caller: Caller, operation: OperationId) -> InviteId:
    return InviteId(derived_id(caller, operation, size=8))
