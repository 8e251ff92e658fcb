"""Sharing new carts with a named group: who comes in when a customer opens one. A part of the shell."""

import asyncio
from dataclasses import dataclass

from engine.cart.commands import Op
from engine.cart.groups import GroupMember
from engine.cart.members import AddMember, LimitMember, RemoveMember
from engine.errors import UserErrorCode
from engine.storage.carts import Actor, Edit, Refused
from engine.storage.stores import Stores
from engine.types import CartId, ChannelId, CustomerId, GroupId, MemberId, OperationId


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whom a new cart is shared with: all members of the group but who opens it."""

    group: GroupId
    members: tuple[GroupMember, ...]

    def ops(self) -> list[Op]:
        """Return the operations that seat them, for the commit that makes the cart."""
        ops: list[Op] = []
        for member in self.members:
            ops += AddMember(member.id, member.role).ops()
            if member.budget or member.blocked:
                ops += LimitMember(member.id, member.budget, member.blocked).ops()
        return ops


async def sharing_of(
    stores: Stores, customer: CustomerId, opener: MemberId, group_id: GroupId, cart: CartId
) -> Sharing | None:
    """Return whom a customer's new cart is shared with, and note it for them. Two round trips.

    Whoever is no longer of the group that they chose shares with nobody, and the choice is taken back.
    """
    group = await stores.groups.read(group_id)
    if group is None or group.member(opener) is None:
        await stores.customers.share_with(customer, None)
        return None
    others = tuple([member for member in group.members if member.id != opener])[: stores.groups.members_most - 1]
    noted = [stores.pointers.note_cart(member.id, cart) for member in others]
    await asyncio.gather(stores.groups.note_shared(group_id, cart), *noted)
    return Sharing(group_id, others)


async def settle(stores: Stores, sharing: Sharing, cart: CartId, channel: ChannelId) -> None:
    """Take those out again who were removed from the group while the cart was being made. One round trip as a rule."""
    group = await stores.groups.read(sharing.group)
    still = {member.id for member in group.members} if group else set()
    for member in sharing.members:
        if member.id not in still:
            await take_out(stores, cart, member.id, channel, f"settle-{member.id}", keep_lines=False)


async def take_out(
    stores: Stores, cart: CartId, member: MemberId, channel: ChannelId, operation: str, *, keep_lines: bool
) -> bool:
    """Take somebody out of a cart that was shared with their group; say whether that is settled. One round trip.

    It is not where the cart is with another device; and an owner keeps their cart.
    """
    actor = Actor(MemberId("service:groups"), channel, by_scope=True)
    edit = Edit(actor, OperationId(operation), RemoveMember(member, keep_lines).ops())
    answer = await stores.carts.commit(cart, edit)
    return not (isinstance(answer, Refused) and answer.code is UserErrorCode.CART_HELD)
