"""Members on a real server: roles, invites, suggestions, and what happens to somebody's goods when they go."""

import asyncio

import pytest

from engine.cart.commands import AttachCustomer, Command, Op, SetContext
from engine.cart.members import (
    AddMember,
    ChangeRole,
    CreateInvite,
    DecideSuggestions,
    HandOver,
    Join,
    Leave,
    LimitGroup,
    LimitMember,
    RemoveMember,
    RevokeInvite,
    SignIn,
)
from engine.cart.model import Budget, Cart, DeliveryChoice, Member, Role
from engine.errors import UserErrorCode
from engine.storage.carts import Actor, CartStore, Committed, Edit, Missing, Refused
from engine.storage.connection import Connection
from engine.storage.invites import InviteCodes
from engine.storage.keys import KeyNames
from engine.types import CartId, Currency, CustomerId, InstantMs, InviteId, MemberId
from tests.storage.shopper import (
    ANN,
    BEN,
    CART,
    EVE,
    WEB,
    add,
    caller,
    committed,
    done,
    edit,
    facts,
    line,
    made,
    missing,
    only,
    refused,
)

HOUR_MS = 3_600_000
KID = MemberId("guest:kid")
EUR = Currency("EUR")


def ops(command: Command, by: MemberId = ANN, operation: str = "") -> Edit:
    return edit(*command.ops(), by=caller(by), operation=operation)


def invite(role: Role = Role.ADDER, uses: int = 1, life_ms: int = HOUR_MS, name: str = "i1") -> CreateInvite:
    return CreateInvite(InviteId(name), f"CODE{name}", role, uses, life_ms)


async def with_kid(carts: CartStore, role: Role, *ops: Op) -> Cart:
    """Make a cart of Ann, the editor Ben, and the kid."""
    await made(carts, *ops)
    return await done(carts, AddMember(KID, role))


def roles(cart: Cart) -> dict[str, Role]:
    return {member.id: member.role for member in cart.members}


async def test_an_adder_changes_only_the_own_share(connection: Connection, carts: CartStore) -> None:
    await with_kid(carts, Role.ADDER, add("mug", 2))
    await committed(carts, edit(add("mug", 3), by=caller(KID)))
    cart = await committed(carts, edit(["set", line("mug"), 1000, False], by=caller(KID)))
    assert only(cart).shares == ((ANN, 2), (KID, 1))
    assert (await carts.read_log(CART, cart.version - 1)).entries[0].changes == (("set", line("mug"), "3"),)
    cart = await committed(carts, edit(["del", line("mug"), False], by=caller(KID)))
    assert only(cart).shares == ((ANN, 2),)
    forbidden: tuple[Op, ...] = (
        ["del", line("mug"), False],
        ["line_put", line("mug"), "n", "mine", False],
        ["put", "note", "x", False],
        ["clear"],
        ["code", "A", "a"],
        ["fee", "wrap", 1],
        ["seat", EVE, "e"],
        ["approve", line("mug"), False],
    )
    for op in forbidden:
        await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, edit(op, by=caller(KID)))


async def test_an_adder_writes_notes_on_what_is_theirs_alone(carts: CartStore) -> None:
    await with_kid(carts, Role.ADDER)
    await committed(carts, edit(add("pen"), by=caller(KID)))
    cart = await committed(carts, edit(["line_put", line("pen"), "n", "blue", False], by=caller(KID)))
    assert only(cart).note == "blue"


async def test_a_viewer_changes_nothing_but_may_leave(connection: Connection, carts: CartStore) -> None:
    await with_kid(carts, Role.VIEWER)
    await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, edit(add(), by=caller(KID)))
    cart = await committed(carts, ops(Leave(keep_lines=True), KID))
    assert KID not in roles(cart)
    await missing(connection, carts, edit(add(), by=caller(KID)))


async def test_a_suggestion_waits_in_no_line_until_it_is_approved(connection: Connection, carts: CartStore) -> None:
    await with_kid(carts, Role.SUGGESTER, add("mug", 1))
    await committed(carts, edit(add("mug", 2), by=caller(KID)))
    cart = await committed(carts, edit(add("pen", 4), by=caller(KID)))
    assert only(cart).shares == ((ANN, 1),)
    assert [(each.sku, each.shares) for each in cart.suggestions] == [("mug", ((KID, 2),)), ("pen", ((KID, 4),))]
    assert (await carts.read_log(CART, cart.version - 1)).entries[0].changes == (("suggest", line("pen"), "4"),)
    approval = DecideSuggestions((line("mug"),), approve=True)
    await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, ops(approval, KID))
    cart = await committed(carts, ops(approval, BEN))
    assert only(cart).shares == ((ANN, 1), (KID, 2))
    cart = await done(carts, DecideSuggestions((line("pen"),), approve=False, member=KID))
    assert cart.suggestions == ()
    await refused(connection, carts, UserErrorCode.SUGGESTION_NOT_FOUND, ops(approval))


async def test_a_suggester_takes_a_suggestion_back(carts: CartStore) -> None:
    await with_kid(carts, Role.SUGGESTER)
    await committed(carts, edit(add("pen", 4), by=caller(KID)))
    cart = await committed(carts, edit(["set", line("pen"), 1000, False], by=caller(KID)))
    assert cart.suggestions[0].quantity == 1
    cart = await committed(carts, edit(["del", line("pen"), False], by=caller(KID)))
    assert (cart.suggestions, cart.lines) == ((), ())


async def test_an_approval_keeps_to_the_limits_of_lines(connection: Connection, carts: CartStore) -> None:
    await with_kid(carts, Role.SUGGESTER, add("mug", 15))
    await committed(carts, edit(add("mug", 6), by=caller(KID)))
    approval = DecideSuggestions((line("mug"),), approve=True)
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, ops(approval))


async def test_only_the_owner_has_to_do_with_members(connection: Connection, carts: CartStore) -> None:
    await with_kid(carts, Role.ADDER)
    for command in (
        invite(),
        RevokeInvite(InviteId("i1")),
        ChangeRole(KID, Role.EDITOR),
        RemoveMember(KID, keep_lines=False),
        HandOver(BEN, None, None, keep_delivery=True),
        LimitMember(KID, None, ()),
        LimitGroup(None, None),
        AttachCustomer(CustomerId("ben"), BEN, facts()),
    ):
        await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, ops(command, BEN))


async def test_never_more_join_than_an_invite_has_uses(carts: CartStore) -> None:
    await made(carts)
    await done(carts, invite(uses=3))
    guests = [MemberId(f"guest:{number}") for number in range(20)]
    answers = await asyncio.gather(*[carts.commit(CART, ops(Join("CODEi1"), guest)) for guest in guests])
    assert sum(isinstance(answer, Committed) for answer in answers) == 3
    lost = [answer for answer in answers if isinstance(answer, Refused)]
    assert {(answer.code, answer.cart) for answer in lost} == {(UserErrorCode.INVITE_NOT_FOUND, None)}
    cart = (await carts.read(CART)).cart
    assert cart is not None
    assert len(cart.members) == 2 + 3
    assert [(each.uses, each.uses_left) for each in cart.invites] == [(3, 0)]


async def test_a_join_sent_twice_uses_one(carts: CartStore) -> None:
    await made(carts)
    await done(carts, invite(uses=2))
    await committed(carts, ops(Join("CODEi1"), EVE, "op-join"))
    again = await carts.commit(CART, ops(Join("CODEi1"), EVE, "op-join"))
    assert isinstance(again, Committed)
    assert again.replayed
    cart = await committed(carts, ops(Join("CODEi1"), EVE))
    assert (cart.invites[0].uses_left, roles(cart)[EVE]) == (1, Role.ADDER)
    log = (await carts.read_log(CART, 0)).entries
    assert [entry.changes for entry in log[1:3]] == [(("invite", "i1", "a"),), (("join", "i1", "a"),)]


@pytest.mark.parametrize("life_ms", [1, HOUR_MS])
async def test_what_is_no_good_invite_is_refused_alike(carts: CartStore, life_ms: int) -> None:
    await made(carts)
    await done(carts, invite(life_ms=life_ms))
    if life_ms == 1:
        await asyncio.sleep(0.01)
    else:
        await done(carts, RevokeInvite(InviteId("i1")))
    for code in ("CODEi1", "NOSUCHCODE"):
        answer = await carts.commit(CART, ops(Join(code), EVE))
        assert isinstance(answer, Refused)
        assert (answer.code, answer.cart) == (UserErrorCode.INVITE_NOT_FOUND, None)


async def test_who_was_removed_does_not_come_back_by_an_older_invite(carts: CartStore) -> None:
    await made(carts)
    await done(carts, invite(uses=5))
    await committed(carts, ops(Join("CODEi1"), EVE))
    await done(carts, RemoveMember(EVE, keep_lines=True))
    assert isinstance(await carts.commit(CART, ops(Join("CODEi1"), EVE)), Refused)
    await done(carts, invite(name="i2", role=Role.VIEWER))
    cart = await committed(carts, ops(Join("CODEi2"), EVE))
    assert roles(cart)[EVE] is Role.VIEWER


async def test_a_cart_has_at_most_so_many_members_and_open_invites(carts: CartStore, connection: Connection) -> None:
    await made(carts)
    for number in range(98):
        await done(carts, AddMember(MemberId(f"guest:{number}"), Role.VIEWER))
    await refused(connection, carts, UserErrorCode.MEMBER_LIMIT, ops(AddMember(EVE, Role.VIEWER)))
    await done(carts, RemoveMember(MemberId("guest:5"), keep_lines=True), AddMember(EVE, Role.VIEWER))
    for number in range(20):
        await done(carts, invite(name=f"n{number}"))
    await refused(connection, carts, UserErrorCode.INVITE_LIMIT, ops(invite(name="more")))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("leaves", [True, False])
async def test_goods_of_who_goes_stay_or_go_with_them(carts: CartStore, *, keep: bool, leaves: bool) -> None:
    await with_kid(carts, Role.EDITOR, add("mug", 2))
    await committed(carts, edit(add("mug", 1), add("pen", 3), by=caller(KID)))
    gone = ops(Leave(keep), KID) if leaves else ops(RemoveMember(KID, keep))
    cart = await committed(carts, gone)
    assert roles(cart) == {ANN: Role.OWNER, BEN: Role.EDITOR}
    shares = {each.sku: each.shares for each in cart.lines}
    assert shares == ({"mug": ((ANN, 2), (KID, 1)), "pen": ((KID, 3),)} if keep else {"mug": ((ANN, 2),)})
    verbs = [change[:2] for change in (await carts.read_log(CART, cart.version - 1)).entries[0].changes]
    went = [] if keep else [("set", line("pen")), ("set", line("mug"))]
    assert verbs == [*went, ("leave" if leaves else "expel", KID)]


async def test_the_owner_stays_until_somebody_else_is(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    for command in (Leave(keep_lines=True), RemoveMember(ANN, keep_lines=True), ChangeRole(ANN, Role.VIEWER)):
        await refused(connection, carts, UserErrorCode.OWNER_STAYS, ops(command))
    await refused(connection, carts, UserErrorCode.MEMBER_NOT_FOUND, ops(ChangeRole(EVE, Role.VIEWER)))
    await done(carts, HandOver(BEN, CustomerId("ben"), facts(), keep_delivery=False))
    cart = await committed(carts, ops(Leave(keep_lines=True), ANN))
    assert (cart.members, cart.customer, cart.facts) == ((Member(BEN, Role.OWNER),), "ben", facts())


@pytest.mark.parametrize("keep", [True, False])
async def test_an_address_is_handed_over_only_if_said_so(carts: CartStore, *, keep: bool) -> None:
    home = DeliveryChoice("home", "75001", "evening")
    await made(carts, add("mug", delivery=home), customer=CustomerId("ann"), facts=facts("ann"))
    await done(carts, SetContext(delivery=home, payment_method="card"))
    cart = await done(carts, HandOver(BEN, None, None, keep_delivery=keep))
    assert (cart.delivery, only(cart).delivery) == ((home, home) if keep else (None, None))
    assert (cart.payment_method, cart.customer, cart.facts) == ("", None, None)
    assert roles(cart) == {ANN: Role.EDITOR, BEN: Role.OWNER}


async def test_a_guest_who_takes_part_signs_in_and_keeps_the_seat(connection: Connection, carts: CartStore) -> None:
    await with_kid(carts, Role.SUGGESTER)
    await committed(carts, edit(add("pen", 4), by=caller(KID)))
    dad = MemberId("customer:dad")
    await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, ops(SignIn(KID, dad), BEN))
    cart = await committed(carts, ops(SignIn(KID, dad), KID, "op-sign-in"))
    assert roles(cart) == {ANN: Role.OWNER, BEN: Role.EDITOR, dad: Role.SUGGESTER}
    assert cart.suggestions[0].shares == ((dad, 4),)
    again = await carts.commit(CART, ops(SignIn(KID, dad), KID, "op-sign-in"))
    assert isinstance(again, Committed)
    assert again.replayed


async def test_a_guest_who_signs_in_as_a_member_becomes_that_one(carts: CartStore) -> None:
    await with_kid(carts, Role.SUGGESTER)
    await committed(carts, edit(add("pen", 4), by=caller(KID)))
    cart = await committed(carts, ops(SignIn(KID, BEN), KID))
    assert roles(cart) == {ANN: Role.OWNER, BEN: Role.EDITOR}
    assert cart.suggestions[0].shares == ((BEN, 4),)


async def test_budgets_deadlines_and_blocked_categories_are_kept(carts: CartStore) -> None:
    await made(carts)
    await done(carts, LimitMember(BEN, Budget(500, EUR), ("wine",)))
    cart = await done(carts, LimitGroup(Budget(9000, EUR), InstantMs(1_800_000_000_000)))
    assert cart.member(BEN) == Member(BEN, Role.EDITOR, Budget(500, EUR), ("wine",))
    assert (cart.budget, cart.deadline_ms) == (Budget(9000, EUR), 1_800_000_000_000)
    await done(carts, LimitMember(BEN, None, ()))
    cart = await done(carts, LimitGroup(None, None))
    assert (cart.member(BEN), cart.budget, cart.deadline_ms) == (Member(BEN, Role.EDITOR), None, None)


async def test_a_code_leads_to_one_cart(connection: Connection, names: KeyNames) -> None:
    codes = InviteCodes(connection, names.invite)
    assert await codes.reserve("SOMECODE", CART, HOUR_MS)
    assert not await codes.reserve("SOMECODE", CartId("cart-2"), HOUR_MS)
    assert await codes.behind("SOMECODE") == CART
    await codes.release("SOMECODE")
    assert await codes.behind("SOMECODE") is None


async def test_staff_by_scope_act_like_the_owner(carts: CartStore) -> None:
    await made(carts)
    staff = Actor(MemberId("staff:7"), WEB, by_scope=True)
    cart = await done(carts, AddMember(KID, Role.SUGGESTER), ChangeRole(BEN, Role.VIEWER), by=staff)
    assert roles(cart) == {ANN: Role.OWNER, BEN: Role.VIEWER, KID: Role.SUGGESTER}


async def test_an_outsider_hears_of_no_cart(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    answer = await carts.commit(CART, edit(["join", "NOSUCHCODE"], add(), by=caller(EVE)))
    assert isinstance(answer, Refused)
    assert answer.cart is None
    assert isinstance(await carts.commit(CART, edit(add(), ["join", "NOSUCHCODE"], by=caller(EVE))), Missing)
