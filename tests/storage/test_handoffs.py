"""Codes that hand carts over: who gets them, who is told what, and what a lease forbids."""

import asyncio
from dataclasses import replace

import pytest

from engine.cart.codec import encode_new_cart
from engine.cart.commands import AttachCustomer, ChangeLease, LeaseChange
from engine.cart.handoff import CodeForm, HandoffMode, Place, Share, Terms
from engine.cart.model import Cart, DeliveryChoice, Member, Role
from engine.errors import UserErrorCode
from engine.storage.carts import Actor, CartStore, Committed, Missing, Refused
from engine.storage.connection import Connection
from engine.storage.handoffs import (
    Budget,
    Claimant,
    Elsewhere,
    Full,
    HandoffStore,
    Made,
    NotMade,
    Revoked,
    TooLate,
    Unknown,
    Won,
)
from engine.storage.keys import KeyNames
from engine.types import CartId, ChannelId, CustomerId, MemberId, OperationId, StoreId
from tests.storage.shopper import (
    ANN,
    BEN,
    CART,
    EVE,
    LIMITS,
    POS,
    WEB,
    add,
    caller,
    committed,
    done,
    edit,
    facts,
    made,
    missing,
    refused,
)

LYON, PARIS = StoreId("lyon"), StoreId("paris")
MINUTE = 60_000
MOVE = Terms(HandoffMode.MOVE, 5 * MINUTE, 30 * MINUTE)
JOIN, COPY = replace(MOVE, mode=HandoffMode.JOIN), replace(MOVE, mode=HandoffMode.COPY)
GIVER = caller(ANN)


@pytest.fixture
def handoffs(connection: Connection, names: KeyNames) -> HandoffStore:
    return HandoffStore(connection, names, LIMITS)


def till(number: int = 4, store: StoreId = LYON) -> Claimant:
    return Claimant(Place(MemberId(f"terminal:{store}-{number}"), f"till-{number}", POS, store), is_shops=True)


def person(member: MemberId = EVE, device: str = "tablet") -> Claimant:
    return Claimant(Place(member, device, WEB, None), is_shops=False)


def actor(claimant: Claimant) -> Actor:
    place = claimant.place
    return Actor(place.member, place.channel, place.store, place.device)


async def code_for(handoffs: HandoffStore, terms: Terms = MOVE, operation: str = "h", giver: Actor = GIVER) -> Made:
    answer = await handoffs.create(CART, giver, OperationId(operation), terms)
    assert isinstance(answer, Made), answer
    return answer


async def claimed(
    handoffs: HandoffStore, code: Made, by: Claimant, cart: CartId = CART
) -> Won | TooLate | Elsewhere | Full | Unknown:
    copy_id = handoffs.new_cart_id(cart)
    start = Cart(copy_id, 0, (Member(by.place.member, Role.OWNER),), by.place.channel, by.place.store, "fr")
    return await handoffs.claim(code.code, cart, by, copy_id, encode_new_cart(start))


async def won(handoffs: HandoffStore, code: Made, by: Claimant) -> Won:
    answer = await claimed(handoffs, code, by)
    assert isinstance(answer, Won), answer
    return answer


# Making codes.


async def test_a_code_lies_in_the_partition_of_its_cart(
    carts: CartStore, handoffs: HandoffStore, names: KeyNames
) -> None:
    await made(carts)
    keypad = replace(MOVE, for_store=LYON, form=CodeForm.DIGITS)
    for number, terms in enumerate((MOVE, JOIN, COPY, keypad)):
        code = await code_for(handoffs, terms, f"op-{number}")
        assert names.partition(code.code.name) == names.partition(CART)
        assert code.code.store == (LYON if terms.form is CodeForm.DIGITS else None)
        known = await handoffs.look_up(code.code)
        assert known is not None
        assert (known.cart, known.mode, known.for_store) == (CART, terms.mode, terms.for_store)


async def test_a_creation_that_is_sent_again_makes_one_code(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    first = await code_for(handoffs)
    assert await code_for(handoffs) == first
    other = await handoffs.create(CART, GIVER, OperationId("h"), JOIN)
    assert other == NotMade(UserErrorCode.OPERATION_ID_REUSED)


async def test_codes_are_for_those_who_have_the_right(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    for stranger in (caller(EVE), actor(till())):
        answer = await handoffs.create(CART, stranger, OperationId("x"), MOVE)
        assert answer == NotMade(UserErrorCode.CART_NOT_FOUND)
    assert await handoffs.create(CART, caller(BEN), OperationId("b"), JOIN) == NotMade(UserErrorCode.ROLE_FORBIDS)
    assert isinstance(await handoffs.create(CART, caller(BEN), OperationId("c"), MOVE), Made)
    assert isinstance(await handoffs.create(CART, replace(actor(till()), by_scope=True), OperationId("d"), COPY), Made)


async def test_a_cart_has_so_many_open_codes_and_expired_ones_do_not_count(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    brief = replace(MOVE, ttl_ms=1)
    for number in range(LIMITS.handoffs):
        await code_for(handoffs, brief if number < 3 else MOVE, f"op-{number}")
    await asyncio.sleep(0.01)
    for number in range(3):
        await code_for(handoffs, MOVE, f"again-{number}")
    assert await handoffs.create(CART, GIVER, OperationId("one too many"), MOVE) == NotMade(UserErrorCode.HANDOFF_LIMIT)


# Claiming.


async def test_of_200_tills_of_a_store_one_gets_the_cart_and_the_others_are_told_which(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts, add("mug", 2))
    code = await code_for(handoffs)
    answers = await asyncio.gather(*[claimed(handoffs, code, till(number)) for number in range(200)])
    (winner,) = [answer for answer in answers if isinstance(answer, Won)]
    late = [answer for answer in answers if isinstance(answer, TooLate)]
    assert len(late) == 199
    assert {answer.receipt for answer in late} == {winner.receipt}
    assert not any(answer.tells_name for answer in late)
    cart = (await carts.read(CART)).cart
    assert cart is not None
    assert (cart.version, cart.lines[0].quantity) == (3, 2)
    lease = cart.lease_at(winner.receipt.at_ms)
    assert lease is not None
    assert (lease.member, lease.device) == (winner.receipt.by.member, winner.receipt.by.device)


async def test_a_move_to_a_till_takes_the_cart_to_the_context_of_the_till(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts, add())
    moved = await won(handoffs, await code_for(handoffs), till())
    cart = moved.cart
    assert cart is not None
    assert (cart.channel, cart.store, cart.version) == (POS, LYON, 3)
    assert cart.field_versions == {"channel": 3, "store": 3}
    assert moved.receipt.until_ms == moved.at_ms + 30 * MINUTE
    (entry,) = (await carts.read_log(CART, 2)).entries
    assert (entry.member, entry.store, entry.changes) == (till().place.member, LYON, (("handoff", "move", "till-4"),))


async def test_a_move_to_a_persons_device_leaves_the_context(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    moved = await won(handoffs, await code_for(handoffs), person(ANN, "tv"))
    assert moved.cart is not None
    assert (moved.cart.channel, moved.cart.store, moved.cart.newcomers) == (WEB, None, ())


async def test_the_winner_gets_the_same_receipt_again(
    connection: Connection, carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    code = await code_for(handoffs)
    first = await won(handoffs, code, till())
    again = await won(handoffs, code, till())
    assert (again.receipt, again.replayed, again.cart) == (first.receipt, True, first.cart)
    await connection.command("DEL", KeyNames().cart(CART))
    assert (await won(handoffs, code, till())).receipt == first.receipt


async def test_who_comes_late_is_told_only_where_it_concerns_them(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    code = await code_for(handoffs)
    first = await won(handoffs, code, till())
    assert await claimed(handoffs, code, person(BEN)) == TooLate(first.receipt, tells_name=True)
    assert await claimed(handoffs, code, till(5)) == TooLate(first.receipt, tells_name=False)
    for outsider in (till(4, PARIS), person(EVE), Claimant(replace(person(EVE).place, store=LYON), is_shops=False)):
        assert await claimed(handoffs, code, outsider) == Unknown()


async def test_a_code_is_good_where_it_is_meant_to_be(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    in_lyon = await code_for(handoffs, replace(MOVE, for_store=LYON), "a")
    posing = Claimant(replace(person(EVE).place, store=LYON), is_shops=False)
    for elsewhere in (till(1, PARIS), person(EVE), posing):
        assert await claimed(handoffs, in_lyon, elsewhere) == Unknown()
    at_kiosk = await code_for(handoffs, replace(MOVE, for_channel=ChannelId("kiosk")), "b")
    assert await claimed(handoffs, at_kiosk, till()) == Unknown()
    assert isinstance(await claimed(handoffs, in_lyon, till()), Won)


async def test_a_code_is_good_until_its_expiry_to_the_millisecond(carts: CartStore, handoffs: HandoffStore) -> None:
    """Copies, each claimed about when it ends: the store's clock alone decides."""
    await made(carts)
    won_by_time = []
    for number in range(LIMITS.handoffs):
        code = await code_for(handoffs, replace(COPY, ttl_ms=1 + number % 10), f"op-{number}")
        answer = await claimed(handoffs, code, person())
        if isinstance(answer, Won):
            assert answer.at_ms < code.expires_ms
        else:
            assert answer == Unknown()
            assert (await carts.read(CART)).at_ms >= code.expires_ms
        won_by_time.append(isinstance(answer, Won))
        await asyncio.sleep(0.012)
        late = await claimed(handoffs, code, person(BEN))
        assert isinstance(late, TooLate if won_by_time[-1] else Unknown)


async def test_an_expired_code_is_unknown_even_where_its_key_is_still_there(
    connection: Connection, carts: CartStore, handoffs: HandoffStore, names: KeyNames
) -> None:
    await made(carts)
    code = await code_for(handoffs, replace(MOVE, ttl_ms=5))
    await connection.command("PERSIST", names.handoff(code.code.name))
    await asyncio.sleep(0.01)
    assert await claimed(handoffs, code, till()) == Unknown()


async def test_a_code_of_somebody_who_is_no_member_any_more_is_good_for_nothing(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    code = await code_for(handoffs, giver=caller(ANN))
    await done(carts, AttachCustomer(CustomerId("carl"), MemberId("customer:carl"), facts("carl"), guest=ANN))
    assert await claimed(handoffs, code, till()) == Unknown()


# Joining and copying.


async def test_who_joins_edits_and_is_not_told_what_was_before(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    code = await code_for(handoffs, replace(JOIN, shares=frozenset({Share.ADDRESS})))
    joined = await won(handoffs, code, person())
    assert joined.cart is not None
    assert joined.cart.member(EVE) == Member(EVE, Role.EDITOR)
    newcomer = joined.cart.newcomer(EVE)
    assert newcomer is not None
    assert (newcomer.shared, newcomer.since_version) == (("address",), joined.cart.version)
    assert (await committed(carts, edit(add(), by=caller(EVE)))).lines[0].shares == ((EVE, 1),)
    assert isinstance(await claimed(handoffs, code, person(BEN)), TooLate)


async def test_an_owner_who_joins_stays_the_owner(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    joined = await won(handoffs, await code_for(handoffs, JOIN), person(ANN, "tv"))
    assert joined.cart is not None
    assert (joined.cart.members[0], joined.cart.newcomers) == (Member(ANN, Role.OWNER), ())


async def _personal_cart(carts: CartStore) -> None:
    attributes = {"note": "green ones", "delivery": DeliveryChoice("home", "7 rue des Lilas")}
    await made(
        carts,
        add("mug", 2, **attributes),
        ["code", "WELCOME", "welcome"],
        ["fee", "wrap", 1],
        ["put", "payment", "card", False],
        delivery=DeliveryChoice("home", "7 rue des Lilas", "9:00"),
        note="ring twice",
        customer=CustomerId("ben"),
        facts=facts("ben"),
    )
    await committed(carts, edit(add("mug", 3), by=caller(BEN)))


@pytest.mark.parametrize(
    "shares", [frozenset(), frozenset({Share.ADDRESS}), frozenset({Share.PAYMENT})], ids=["nothing", "address", "pay"]
)
async def test_a_copy_for_another_person_has_the_goods_and_what_the_giver_said(
    carts: CartStore, handoffs: HandoffStore, shares: frozenset[Share]
) -> None:
    await _personal_cart(carts)
    copied = await won(handoffs, await code_for(handoffs, replace(COPY, shares=shares)), person())
    cart = copied.cart
    assert cart is not None
    assert (cart.id, cart.version, cart.members) == (copied.receipt.cart, 1, (Member(EVE, Role.OWNER),))
    (line,) = cart.lines
    assert (line.sku, line.shares, line.note, line.added_version) == ("mug", ((EVE, 5),), "", 1)
    assert [fee.fee for fee in cart.fees] == ["wrap"]
    assert (cart.codes, cart.customer, cart.facts, cart.adjustments) == ((), None, None, ())
    told = Share.ADDRESS in shares
    assert (cart.note, cart.delivery is not None, line.delivery is not None) == ("ring twice" * told, told, told)
    assert cart.payment_method == "card" * (Share.PAYMENT in shares)
    original = (await carts.read(CART)).cart
    assert original is not None
    assert (original.version, original.lines[0].note) == (3, "green ones")
    changed = await carts.commit(cart.id, edit(add("pen"), by=caller(EVE)))
    assert isinstance(changed, Committed)


async def test_a_copy_for_a_member_has_everything(carts: CartStore, handoffs: HandoffStore) -> None:
    await _personal_cart(carts)
    copied = await won(handoffs, await code_for(handoffs, COPY), person(ANN, "pc"))
    assert copied.cart is not None
    assert (copied.cart.note, copied.cart.codes[0].canonical, copied.cart.lines[0].note) == (
        "ring twice",
        "WELCOME",
        "green ones",
    )


async def test_a_newcomer_gives_on_and_copies_nothing_they_were_not_told(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await _personal_cart(carts)
    told = frozenset({Share.PAYMENT})
    await won(handoffs, await code_for(handoffs, replace(JOIN, shares=told), "a"), person())
    for claimant in (person(), person(MemberId("guest:third"))):
        everything_shared = replace(COPY, shares=frozenset(Share))
        code = await code_for(handoffs, everything_shared, claimant.place.member, giver=caller(EVE))
        copied = (await won(handoffs, code, claimant)).cart
        assert copied is not None
        assert (copied.payment_method, copied.note, copied.delivery, copied.codes) == ("card", "", None, ())
        assert (copied.lines[0].note, copied.lines[0].delivery) == ("", None)
    code = await code_for(handoffs, replace(MOVE, shares=frozenset(Share)), "b", giver=caller(EVE))
    moved = (await won(handoffs, code, person(MemberId("guest:fourth")))).cart
    assert moved is not None
    newcomer = moved.newcomer(MemberId("guest:fourth"))
    assert newcomer is not None
    assert newcomer.shared == ("payment",)


# The lease.


async def test_while_a_cart_is_with_a_till_all_others_read_only(
    connection: Connection, carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    await won(handoffs, await code_for(handoffs), till())
    for other in (caller(ANN), caller(BEN), Actor(MemberId("staff:7"), POS, LYON, "desk", by_scope=True)):
        await refused(connection, carts, UserErrorCode.CART_HELD, edit(add(), by=other), index=None)
    other_device = replace(actor(till()), device="till-5")
    await missing(connection, carts, edit(add(), by=other_device))
    held = await committed(carts, edit(add(), by=actor(till())))
    assert held.lines[0].shares == ((till().place.member, 1),)
    attached = await done(
        carts, AttachCustomer(CustomerId("carl"), MemberId("customer:carl"), facts("carl"), guest=ANN)
    )
    assert attached.lease is not None, "a sign-in is never refused, and takes nothing away from the till"


async def test_a_lease_is_to_a_device_and_not_to_all_devices_of_its_person(
    connection: Connection, carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    await won(handoffs, await code_for(handoffs), person(ANN, "tv"))
    await refused(connection, carts, UserErrorCode.CART_HELD, edit(add()), index=None)
    await committed(carts, edit(add(), by=replace(caller(ANN), device="tv")))


async def test_a_lease_follows_its_holder_who_signs_in(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    await won(handoffs, await code_for(handoffs), person(ANN, "tv"))
    signed_in = await done(carts, AttachCustomer(CustomerId("ben"), BEN, facts(), guest=ANN))
    assert signed_in.lease is not None
    assert signed_in.lease.member == BEN
    await committed(carts, edit(add(), by=replace(caller(BEN), device="tv")))


async def test_a_lease_lapses(carts: CartStore, handoffs: HandoffStore, connection: Connection) -> None:
    await made(carts)
    moved = await won(handoffs, await code_for(handoffs, replace(MOVE, lease_ms=300)), till())
    answer = await carts.commit(CART, edit(add()))
    assert moved.receipt.until_ms is not None
    assert isinstance(answer, Refused) == (answer.at_ms < moved.receipt.until_ms)
    await asyncio.sleep(0.31)
    await missing(connection, carts, edit(add(), by=actor(till())))
    cart = await committed(carts, edit(add()))
    assert (cart.lease, cart.channel) == (None, POS)


async def test_a_lease_is_renewed_by_its_holder_only(
    connection: Connection, carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    first = await won(handoffs, await code_for(handoffs), till())
    renew, back = ChangeLease(LeaseChange.RENEW), ChangeLease(LeaseChange.RETURN)
    await asyncio.sleep(0.005)
    renewed = await done(carts, renew, by=actor(till()))
    assert renewed.lease is not None
    assert first.receipt.until_ms is not None
    assert renewed.lease.until_ms == renewed.updated_ms + 30 * MINUTE > first.receipt.until_ms
    for command in (renew, back):
        await refused(connection, carts, UserErrorCode.NOT_HELD, edit(*command.ops()))
    returned = edit(*back.ops(), by=actor(till()))
    assert (await committed(carts, returned)).lease is None
    again = await carts.commit(CART, returned)
    assert isinstance(again, Committed)
    assert again.replayed
    assert isinstance(await carts.commit(CART, edit(add(), by=actor(till()))), Missing)
    await committed(carts, edit(add()))


async def test_the_owner_takes_the_cart_back(connection: Connection, carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    await won(handoffs, await code_for(handoffs), till())
    take_back = ChangeLease(LeaseChange.TAKE_BACK).ops()
    await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, edit(*take_back, by=caller(BEN)))
    await refused(connection, carts, UserErrorCode.ROLE_FORBIDS, edit(*take_back, by=actor(till())))
    assert (await committed(carts, edit(*take_back))).lease is None
    await refused(connection, carts, UserErrorCode.NOT_HELD, edit(*take_back))
    await committed(carts, edit(add()))


async def test_a_second_code_does_not_take_a_cart_from_the_device_that_has_it(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    first, second = await code_for(handoffs, operation="a"), await code_for(handoffs, operation="b")
    await won(handoffs, first, till(1))
    assert await claimed(handoffs, second, till(2)) == Elsewhere()
    assert await handoffs.create(CART, GIVER, OperationId("c"), MOVE) == NotMade(UserErrorCode.CART_HELD)
    onward = await code_for(handoffs, operation="d", giver=actor(till(1)))
    moved = await won(handoffs, onward, till(3))
    assert moved.cart is not None
    assert moved.cart.lease is not None
    assert moved.cart.lease.device == "till-3"


# Revoking.


async def test_a_code_is_revoked_until_it_is_claimed(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    code = await code_for(handoffs)
    assert await handoffs.revoke(code.code, CART, EVE) == Unknown()
    assert await handoffs.revoke(code.code, CART, BEN) == Unknown()
    for _ in range(2):
        assert await handoffs.revoke(code.code, CART, ANN) == Revoked()
    assert await claimed(handoffs, code, till()) == Unknown()
    other = await code_for(handoffs, operation="b", giver=caller(BEN))
    moved = await won(handoffs, other, till())
    assert await handoffs.revoke(other.code, CART, ANN) == TooLate(moved.receipt)


async def test_a_revocation_and_a_claim_that_race_have_one_winner(carts: CartStore, handoffs: HandoffStore) -> None:
    await made(carts)
    for number in range(10):
        code = await code_for(handoffs, JOIN, f"op-{number}")
        claim, revocation = await asyncio.gather(
            claimed(handoffs, code, till(number)), handoffs.revoke(code.code, CART, ANN)
        )
        assert isinstance(claim, Won) == isinstance(revocation, TooLate)
        assert isinstance(claim, Unknown) == isinstance(revocation, Revoked)


# Attempts.


async def test_a_budget_is_spent_exactly_however_many_try_at_once(handoffs: HandoffStore) -> None:
    budget = Budget("terminal:x", 10, 300)
    spent = await asyncio.gather(*[handoffs.attempt(budget, spend=True) for _ in range(100)])
    assert sum(spent) == 10
    assert not await handoffs.attempt(budget, spend=False)
    await asyncio.sleep(0.31)
    assert await handoffs.attempt(budget, spend=False)


async def test_a_cart_that_was_never_handed_over_is_not_larger(
    connection: Connection, carts: CartStore, handoffs: HandoffStore, names: KeyNames
) -> None:
    await made(carts)
    before = await connection.command("STRLEN", names.cart(CART))
    await won(handoffs, await code_for(handoffs), person(ANN, "tv"))
    await done(carts, ChangeLease(LeaseChange.TAKE_BACK))
    assert await connection.command("STRLEN", names.cart(CART)) == before


async def test_a_claim_is_on_disk_before_it_is_answered_and_so_is_its_replay(
    connection: Connection, carts: CartStore, handoffs: HandoffStore
) -> None:
    await made(carts)
    code = await code_for(handoffs)
    for replayed in (False, True):
        await connection.command("CONFIG RESETSTAT")
        size = (await connection.info("persistence"))["aof_current_size"]
        answer = await won(handoffs, code, till())
        assert answer.replayed is replayed
        assert (await connection.info("commandstats"))["cmdstat_waitaof"]["calls"] == 1
        assert (await connection.info("persistence"))["aof_current_size"] > size, "nothing written, nothing waited for"
