"""Named groups and pointers in the store, on a plain server and on a cluster."""

import asyncio
from dataclasses import replace

import pytest

from engine.cart.groups import CreateGroup, DeleteGroup, Group, GroupCommand, GroupMember, HandOverGroup, LeaveGroup
from engine.cart.members import ChangeRole, CreateInvite, Join, LimitMember, RemoveMember, RevokeInvite
from engine.cart.model import Budget, Member, Role
from engine.errors import UserErrorCode
from engine.sharing import settle, sharing_of
from engine.storage.connection import Connection
from engine.storage.groups import GroupStore
from engine.storage.keys import KeyNames
from engine.storage.pointers import POINTERS_MOST, PointerStore
from engine.storage.stores import Stores
from engine.types import CartId, Currency, CustomerId, GroupId, InstantMs, InviteId, MemberId, OperationId
from tests.storage.shopper import ANN, BEN, CART, EVE, LIMITS, WEB, committed, edit, start

FAMILY = GroupId("family")
SMALL = replace(LIMITS, members=3, invites=2)
MADE = CreateGroup("Martins", (GroupMember(ANN, Role.EDITOR),))
HOUR_MS = 3_600_000


@pytest.fixture
def groups(connection: Connection, names: KeyNames) -> GroupStore:
    return GroupStore(connection, names, SMALL)


async def changed(groups: GroupStore, command: GroupCommand, by: MemberId = ANN, operation: str = "") -> Group:
    answer = await groups.change(FAMILY, by, OperationId(operation or repr((by, command))), command)
    assert answer.group is not None, answer
    return answer.group


async def refused(groups: GroupStore, command: GroupCommand, by: MemberId = ANN) -> UserErrorCode | None:
    before = await groups.read(FAMILY)
    answer = await groups.change(FAMILY, by, OperationId(repr(("refused", by, command))), command)
    assert await groups.read(FAMILY) == before
    return answer.refused


def invite(name: str, uses: int = 5) -> CreateInvite:
    return CreateInvite(InviteId(name), f"CODE-{name}", Role.ADDER, uses, HOUR_MS)


async def test_a_group_comes_grows_and_goes(groups: GroupStore) -> None:
    made = [(await groups.create(FAMILY, ANN, OperationId("make"), MADE)) for _ in range(2)]
    assert [answer.replayed for answer in made] == [False, True]
    group = await changed(groups, invite("a", uses=1))
    assert [(each.code, each.uses_left) for each in group.invites] == [("CODE-a", 1)]
    group = await changed(groups, Join("CODE-a"), BEN)
    assert (group.member(BEN), group.invites) == (GroupMember(BEN, Role.ADDER), ())
    assert await refused(groups, Join("CODE-a"), EVE) is UserErrorCode.INVITE_NOT_FOUND
    await changed(groups, ChangeRole(BEN, Role.SUGGESTER))
    group = await changed(groups, LimitMember(BEN, Budget(500, Currency("EUR")), ("wine",)))
    assert group.member(BEN) == GroupMember(BEN, Role.SUGGESTER, Budget(500, Currency("EUR")), ("wine",))
    assert await refused(groups, LeaveGroup()) is UserErrorCode.OWNER_STAYS
    assert await refused(groups, RemoveMember(ANN, keep_lines=True)) is UserErrorCode.OWNER_STAYS
    assert await refused(groups, HandOverGroup(EVE)) is UserErrorCode.MEMBER_NOT_FOUND
    assert (await changed(groups, HandOverGroup(BEN))).owner == BEN
    assert await refused(groups, DeleteGroup()) is UserErrorCode.ROLE_FORBIDS
    assert (await changed(groups, LeaveGroup(), ANN)).members == (group.member(BEN),)
    assert await refused(groups, LeaveGroup(), EVE) is UserErrorCode.GROUP_NOT_FOUND
    answer = await groups.change(FAMILY, BEN, OperationId("end"), DeleteGroup())
    assert (answer.refused, await groups.read(FAMILY)) == (None, None)


async def test_a_group_keeps_its_guard_rails(groups: GroupStore) -> None:
    await groups.create(FAMILY, ANN, OperationId("make"), MADE)
    await changed(groups, invite("a"))
    await changed(groups, invite("b"))
    assert await refused(groups, invite("c")) is UserErrorCode.INVITE_LIMIT
    assert await refused(groups, RevokeInvite(InviteId("c"))) is UserErrorCode.INVITE_NOT_FOUND
    joining = [groups.change(FAMILY, MemberId(f"guest:{n}"), OperationId("j"), Join("CODE-a")) for n in range(8)]
    answers = [answer.refused for answer in await asyncio.gather(*joining)]
    assert sorted(answers, key=str) == [*[UserErrorCode.MEMBER_LIMIT] * 6, None, None]


async def test_who_was_removed_needs_a_newer_invite(groups: GroupStore) -> None:
    await groups.create(FAMILY, ANN, OperationId("make"), MADE)
    await changed(groups, invite("a"))
    await changed(groups, Join("CODE-a"), BEN)
    await changed(groups, RemoveMember(BEN, keep_lines=True))
    assert await refused(groups, Join("CODE-a"), BEN) is UserErrorCode.INVITE_NOT_FOUND
    await changed(groups, invite("b"))
    assert (await changed(groups, Join("CODE-b"), BEN, "again")).member(BEN)


async def test_an_operation_is_known_for_what_was_asked(groups: GroupStore) -> None:
    await groups.create(FAMILY, ANN, OperationId("make"), MADE)
    await changed(groups, invite("a"), operation="x")
    again = await groups.change(FAMILY, ANN, OperationId("x"), replace(invite("a"), code="ANOTHER"))
    assert (again.refused, again.replayed) == (None, True), "its code is drawn anew"
    other = await groups.change(FAMILY, ANN, OperationId("x"), Join("CODE-a"))
    assert other.refused is UserErrorCode.OPERATION_ID_REUSED


async def test_who_is_removed_while_a_cart_is_made_is_not_in_it(connection: Connection, names: KeyNames) -> None:
    stores = Stores.on(connection, names, SMALL)
    people = CreateGroup("Martins", tuple(GroupMember(each, Role.EDITOR) for each in (ANN, BEN, EVE)))
    await stores.groups.create(FAMILY, ANN, OperationId("make"), people)
    sharing = await sharing_of(stores, CustomerId("ann"), ANN, FAMILY, CART)
    assert sharing is not None
    await changed(stores.groups, RemoveMember(BEN, keep_lines=True))
    await committed(stores.carts, edit(*sharing.ops(), new_cart=start(members=(Member(ANN, Role.OWNER),))))
    for _ in range(2):
        await settle(stores, sharing, CART, WEB)
        cart = (await stores.carts.read(CART)).cart
        assert cart is not None
        assert [member.id for member in cart.members] == [ANN, EVE]
    assert await stores.groups.shared_carts(FAMILY) == [CART]


async def test_a_choice_that_leads_nowhere_is_taken_back(connection: Connection, names: KeyNames) -> None:
    stores = Stores.on(connection, names, SMALL)
    customer = CustomerId("ben")
    await stores.customers.share_with(customer, FAMILY)
    assert (await stores.customers.claim_first(customer, CART)).shares_with == FAMILY
    assert await sharing_of(stores, customer, BEN, FAMILY, CART) is None
    assert await stores.customers.shares_with(customer) is None
    assert (await stores.customers.claim_first(customer, CART)).shares_with is None


async def test_pointers_are_the_newest_and_give_who_is_just_coming_time(
    connection: Connection, names: KeyNames
) -> None:
    pointers = PointerStore(connection, names)
    for number in range(POINTERS_MOST + 5):
        await connection.command("ZADD", names.carts_of(ANN), number, f"c{number}")
    await pointers.note_cart(ANN, CART)
    at_ms, known = await pointers.carts_of(ANN)
    assert (len(known), next(iter(known))) == (POINTERS_MOST, CART)
    assert known[CART] <= at_ms
    await pointers.drop_carts(ANN, [CART, CartId("c100")], at_ms)
    left = (await pointers.carts_of(ANN))[1]
    assert known.keys() - left.keys() == {"c100"}
    await pointers.drop_carts(ANN, [CART], InstantMs(at_ms + HOUR_MS))
    assert CART not in (await pointers.carts_of(ANN))[1]
    await pointers.note_group(ANN, FAMILY)
    assert (await pointers.groups_of(ANN))[1] == [FAMILY]
    await pointers.forget_group(ANN, FAMILY)
    assert (await pointers.groups_of(ANN))[1] == []
