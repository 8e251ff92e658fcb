"""Where handing over meets roles: what a lease gives to whom, and what codes are worth after the members changed."""

import dataclasses

import pytest

from engine.cart.commands import ChangeLease, LeaseChange
from engine.cart.members import AddMember, ChangeRole, HandOver, Leave, RemoveMember
from engine.cart.model import Role
from engine.errors import UserErrorCode
from engine.storage.carts import CartStore
from engine.storage.connection import Connection
from engine.storage.handoffs import Full, HandoffStore, NotMade, Unknown
from engine.storage.keys import KeyNames
from engine.types import OperationId
from tests.storage.shopper import ANN, BEN, CART, EVE, LIMITS, add, caller, done, edit, made, refused
from tests.storage.test_handoffs import COPY, JOIN, MOVE, claimed, code_for, person, till, won

EVES = caller(EVE)


@pytest.fixture
def handoffs(connection: Connection, names: KeyNames) -> HandoffStore:
    return HandoffStore(connection, names, LIMITS)


async def test_who_has_the_cart_edits_whatever_their_role(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    await done(carts, AddMember(EVE, Role.SUGGESTER))
    moved = await won(handoffs, await code_for(handoffs), person(EVE, device="phone"))
    assert moved.cart is not None
    assert moved.cart.lease is not None
    await carts.commit(CART, edit(add("mug"), by=EVES))
    cart = (await carts.read(CART)).cart
    assert cart is not None
    assert [line.sku for line in cart.lines] == ["mug"]
    assert cart.suggestions == ()


@pytest.mark.parametrize("role", [Role.ADDER, Role.SUGGESTER, Role.VIEWER])
async def test_only_who_may_edit_moves_a_cart_and_everybody_copies_it(
    carts: CartStore, handoffs: HandoffStore, role: Role
) -> None:
    await made(carts)
    await done(carts, AddMember(EVE, role))
    for operation, terms in (("a", MOVE), ("b", JOIN)):
        answer = await handoffs.create(CART, EVES, OperationId(operation), terms)
        assert answer == NotMade(UserErrorCode.ROLE_FORBIDS)
    await won(handoffs, await code_for(handoffs, COPY, "c", EVES), till())


async def test_whoever_was_removed_needs_a_newer_code(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    await done(carts, AddMember(EVE, Role.EDITOR))
    older = await code_for(handoffs, JOIN, "older")
    await done(carts, RemoveMember(EVE, keep_lines=True))
    assert await claimed(handoffs, older, person()) == Unknown()
    joined = await won(handoffs, await code_for(handoffs, JOIN, "newer"), person())
    assert joined.cart is not None
    assert [member.role for member in joined.cart.members if member.id == EVE] == [Role.EDITOR]


async def test_codes_of_those_who_lost_the_right_are_good_for_nothing(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    moving = await code_for(handoffs, MOVE, "a", caller(BEN))
    await done(carts, ChangeRole(BEN, Role.VIEWER))
    assert await claimed(handoffs, moving, till()) == Unknown()
    joining = await code_for(handoffs, JOIN, "b")
    await done(carts, HandOver(BEN, None, None, keep_delivery=False))
    assert await claimed(handoffs, joining, person()) == Unknown()


async def test_a_full_cart_takes_nobody_in_and_still_moves(connection: Connection, names: KeyNames) -> None:
    tight = dataclasses.replace(LIMITS, members=2)
    carts, handoffs = CartStore(connection, names, tight), HandoffStore(connection, names, tight)
    await made(carts)
    assert await claimed(handoffs, await code_for(handoffs, JOIN, "a"), person()) == Full()
    await won(handoffs, await code_for(handoffs, MOVE, "b"), person())


async def test_the_owner_takes_the_cart_back_before_removing_who_has_it(
    connection: Connection, carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    await done(carts, AddMember(EVE, Role.EDITOR))
    await won(handoffs, await code_for(handoffs), person(EVE, device="phone"))
    removal = RemoveMember(EVE, keep_lines=True)
    await refused(connection, carts, UserErrorCode.CART_HELD, edit(*removal.ops()), index=None)
    await done(carts, ChangeLease(LeaseChange.TAKE_BACK))
    cart = await done(carts, removal)
    assert (cart.lease, [member.id for member in cart.members]) == (None, [ANN, BEN])


async def test_who_leaves_gives_the_cart_back(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    await done(carts, AddMember(EVE, Role.EDITOR))
    await won(handoffs, await code_for(handoffs), person(EVE, device="phone"))
    assert (await done(carts, Leave(keep_lines=True), by=EVES)).lease is None
