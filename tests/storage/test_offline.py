"""What tills do by themselves, in the store: their operations come late, once, and one by one; their sales always."""

import asyncio
import uuid
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cart.commands import AttachCustomer, Op, RemoveLines
from engine.cart.members import Leave
from engine.cart.model import Cart
from engine.errors import UserErrorCode
from engine.storage.carts import Actor, CartLimits, CartStore, Committed
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.offline import Applied, LateEdit, NewSale, NotApplied, OfflineStore, Overshoot, Synced
from engine.types import CartId, CustomerId, InstantMs, MemberId, OperationId, PromotionId
from tests.storage.shopper import (
    ANN,
    BEN,
    CART,
    LIMITS,
    STAFF_CALLER,
    add,
    caller,
    committed,
    done,
    edit,
    everything,
    facts,
    line,
    made,
    only,
)
from tests.test_offline_cart import (
    OTHERS,
    TILL,
    cart_of,
    done_offline,
    online_adds,
    removed,
    started,
    starts,
    steps,
)

HOUR_MS = 3_600_000
FOREVER = InstantMs(1 << 52)


@pytest.fixture
def offline(connection: Connection, names: KeyNames) -> OfflineStore:
    return OfflineStore(connection, names, LIMITS)


def late(number: int, *ops: Op, content: bytes = b"asked") -> LateEdit:
    return LateEdit(OperationId(f"late-{number}"), content, "1780315200000", ops)


async def synced(
    offline: OfflineStore, *edits: LateEdit, by: Actor = STAFF_CALLER, ends: InstantMs = FOREVER
) -> Synced:
    return await offline.sync(CART, by, ends, edits)


def short(answer: Synced) -> list[str | int]:
    """Return for each request the version that it made, negative where that was before, or why it was refused."""
    return [
        each.code.value if isinstance(each, NotApplied) else -each.version if each.duplicate else each.version
        for each in answer.results
    ]


def less(sku: str, quantity: int, seen: dict[str, int], version: int = 2) -> Op:
    return ["less", line(sku), quantity * 1000, version, {**seen}]


async def test_each_request_is_a_version_and_a_log_entry_of_its_own(carts: CartStore, offline: OfflineStore) -> None:
    await made(carts, add("mug", 2))
    answer = await synced(offline, late(1, add("pen")), late(2, add("cup")), late(3, ["put", "note", "x", 2]))
    assert short(answer) == [3, 4, 5]
    assert answer.cart == (await carts.read(CART)).cart
    entries = (await carts.read_log(CART, 2)).entries
    assert [(each.version, each.operation, each.changes) for each in entries] == [
        (3, "late-1", (("offline", "1780315200000"), ("add", line("pen"), "1"))),
        (4, "late-2", (("offline", "1780315200000"), ("add", line("cup"), "1"))),
        (5, "late-3", (("offline", "1780315200000"), ("put", "note", ""))),
    ]
    assert (entries[0].member, entries[0].device) == (STAFF_CALLER.member, "till-3")


async def test_one_that_is_refused_leaves_nothing_and_refuses_no_other(carts: CartStore, offline: OfflineStore) -> None:
    before = await made(carts, add("mug", 2))
    answer = await synced(
        offline,
        late(1, add("pen"), add("mug", 19)),
        late(2, add("cup")),
        late(3, ["uncode", "X"]),
        late(4, add("pen", 2)),
    )
    assert short(answer) == ["QUANTITY_LIMIT", 3, "INVALID_CODE", 4]
    assert answer.results[0] == NotApplied(UserErrorCode.QUANTITY_LIMIT, 1)
    assert answer.cart is not None
    assert {each.sku: each.quantity for each in answer.cart.lines} == {"mug": 2, "cup": 1, "pen": 2}
    assert answer.cart.version == before.version + 2
    again = await synced(offline, late(1, add("pen")), late(2, add("cup")))
    assert short(again) == [5, -3]


async def test_the_same_list_again_writes_nothing(
    connection: Connection, carts: CartStore, offline: OfflineStore
) -> None:
    await made(carts, add("mug", 2))
    edits = [late(1, add("pen")), late(2, less("mug", 2, {ANN: 2})), late(3, ["put", "note", "x", 2])]
    first = await synced(offline, *edits)
    before = await everything(connection)
    again = await synced(offline, *edits)
    assert (short(again), again.cart) == (
        [-version for version in short(first) if isinstance(version, int)],
        first.cart,
    )
    assert await everything(connection) == before
    other = await synced(offline, late(1, add("pen"), content=b"another"))
    assert short(other) == ["OPERATION_ID_REUSED"]


async def test_what_a_device_changed_itself_is_not_stale_to_it(carts: CartStore, offline: OfflineStore) -> None:
    await made(carts, add("mug", 2))
    notes = [late(number, ["put", "note", str(number), 2]) for number in range(4)]
    assert short(await synced(offline, *notes[:2])) == [3, 4]
    assert short(await synced(offline, *notes[:3])) == [-3, -4, 5]
    await done_note(carts)
    assert short(await synced(offline, *notes)) == [-3, -4, -5, "STALE_VERSION"]


async def done_note(carts: CartStore) -> None:
    await committed(carts, edit(["put", "note", "phone", False]))


async def test_who_has_no_right_any_more_is_told_for_each(carts: CartStore, offline: OfflineStore) -> None:
    await made(carts, add("mug", 2))
    ben = caller(BEN)
    assert short(await synced(offline, late(1, add("pen")), by=ben)) == [3]
    await done(carts, Leave(keep_lines=True), by=ben)
    gone = await synced(offline, late(1, add("pen")), late(2, add("pen")), by=ben)
    assert short(gone) == [-3, "NOT_HELD"]


async def test_a_cart_that_is_gone_is_told_for_each(connection: Connection, offline: OfflineStore) -> None:
    answer = await synced(offline, late(1, add("pen")), late(2, add("cup")))
    assert (short(answer), answer.cart) == (["CART_NOT_FOUND", "CART_NOT_FOUND"], None)
    assert await everything(connection) == {}


async def test_a_snapshot_that_has_expired_is_good_for_what_was_sent_before(
    carts: CartStore, offline: OfflineStore
) -> None:
    await made(carts, add("mug", 2))
    opened = await offline.open_snapshot(CART, HOUR_MS)
    assert opened.expires_ms == opened.read.at_ms + HOUR_MS
    assert short(await synced(offline, late(1, add("pen")), ends=opened.expires_ms)) == [3]
    past = InstantMs(opened.read.at_ms)
    assert short(await synced(offline, late(1, add("pen")), late(2, add("pen")), ends=past)) == [-3, "SNAPSHOT_EXPIRED"]


async def test_ids_are_kept_as_long_as_a_snapshot_is_open(
    connection: Connection, names: KeyNames, carts: CartStore
) -> None:
    """Thousands of changes later, and long after ids are forgotten otherwise."""
    hasty = replace(LIMITS, applied_ms=0)
    quick, offline = CartStore(connection, names, hasty), OfflineStore(connection, names, hasty)
    await made(carts, add("mug"))
    first = await offline.open_snapshot(CART, HOUR_MS)
    await offline.open_snapshot(CART, 1_000)  # a shorter one does not end the longer
    assert short(await synced(offline, late(1, add("pen")), ends=first.expires_ms)) == [3]
    for _ in range(130):
        await committed(quick, edit(["put", "note", uuid.uuid4().hex, False]))
    assert short(await synced(offline, late(1, add("pen")), ends=first.expires_ms)) == [-3]


async def test_ids_are_forgotten_when_no_snapshot_is_open_any_more(
    connection: Connection, names: KeyNames, carts: CartStore
) -> None:
    quick = CartStore(connection, names, replace(LIMITS, applied_ms=0))
    offline = OfflineStore(connection, names, LIMITS)
    await made(carts, add("mug"))
    opened = await offline.open_snapshot(CART, 1)
    await until_after(connection, opened.expires_ms)
    for _ in range(130):
        await committed(quick, edit(["put", "note", uuid.uuid4().hex, False]))
    assert await connection.command("HLEN", names.applied(CART)) < 70


async def until_after(connection: Connection, instant: InstantMs) -> None:
    """Wait for the clock of the store."""
    seconds, micros = await connection.command("TIME")
    await asyncio.sleep(max(0, instant - int(seconds) * 1000 - int(micros) // 1000 + 1) / 1000)


async def test_a_snapshot_ends_with_its_cart(connection: Connection, names: KeyNames, carts: CartStore) -> None:
    brief = CartLimits(guest_ms=60_000)
    short_lived = await made(CartStore(connection, names, brief), add("mug"))
    opened = await OfflineStore(connection, names, brief).open_snapshot(CART, HOUR_MS)
    assert opened.expires_ms == short_lived.expires_ms
    missing = await OfflineStore(connection, names).open_snapshot(CartId("none"), HOUR_MS)
    assert missing.read.cart is None


async def test_a_copy_of_a_cart_without_ids_forgets_the_snapshot_when_it_ends(
    connection: Connection, names: KeyNames, carts: CartStore
) -> None:
    await made(carts, add("mug"))
    await connection.command("DEL", names.applied(CART))
    await OfflineStore(connection, names).open_snapshot(CART, HOUR_MS)
    assert await connection.command("PTTL", names.applied(CART)) > HOUR_MS


async def test_what_is_taken_away_is_the_own_share_first_and_then_what_was_seen(
    carts: CartStore, offline: OfflineStore
) -> None:
    await made(carts, add("mug", 4))
    await committed(carts, edit(add("mug", 3), by=caller(BEN)))
    answer = await synced(offline, late(1, add("mug", 2)), late(2, less("mug", 5, {ANN: 4})))
    assert answer.cart is not None
    assert only(answer.cart).shares == ((ANN, 1), (BEN, 3))
    answer = await synced(offline, late(3, less("mug", 5, {ANN: 4})))
    assert answer.cart is not None
    assert only(answer.cart).shares == ((BEN, 3),)


async def test_a_line_that_was_removed_and_made_anew_was_not_seen(carts: CartStore, offline: OfflineStore) -> None:
    await made(carts, add("mug", 4))
    await done(carts, RemoveLines((line("mug"),)))
    await committed(carts, edit(add("mug", 3)))
    answer = await synced(offline, late(1, less("mug", 4, {ANN: 4})))
    assert answer.cart is not None
    assert only(answer.cart).shares == ((ANN, 3),)


async def test_who_signed_in_meanwhile_is_seen_under_the_old_name(carts: CartStore, offline: OfflineStore) -> None:
    await made(carts, add("mug", 4))
    await committed(carts, edit(add("mug", 2), by=caller(BEN)))
    ann = MemberId("customer:ann")
    await done(carts, AttachCustomer(CustomerId("ann"), ann, facts("ann"), ANN))
    answer = await synced(offline, late(1, less("mug", 4, {ANN: 4})))
    assert answer.cart is not None
    assert only(answer.cart).shares == ((BEN, 2),)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=starts, wanted=steps, gone=removed, added=online_adds, cut=st.integers(0, 12))
async def test_the_store_agrees_with_the_plain_cart(
    connection: Connection,
    names: KeyNames,
    start: dict[str, dict[MemberId, int]],
    wanted: list[tuple[str, str, int]],
    gone: set[str],
    added: list[tuple[MemberId, str, int]],
    cut: int,
) -> None:
    """What is sent in two parts, with what others did between them, sent again, and at last sent whole."""
    limits = CartLimits()
    carts, offline = CartStore(connection, names, limits), OfflineStore(connection, names, limits)
    id_, plain = CartId(uuid.uuid4().hex), started(start)
    cart = await made(carts, cart=id_)
    by = {member: Actor(member, STAFF_CALLER.channel, by_scope=True) for member in (*OTHERS, TILL)}
    for sku, shares in start.items():
        for member, quantity in shares.items():
            cart = await committed(carts, edit(add(sku, quantity), by=by[member]), id_)
    operations, _ = done_offline(cart, wanted)
    assert operations == {**done_offline(replace(cart_of(plain), version=cart.version, lines=cart.lines), wanted)[0]}

    async def send(names: list[str]) -> Synced:
        edits = [LateEdit(OperationId(name), b"", "", operations[name]) for name in names]
        return await offline.sync(id_, by[TILL], FOREVER, edits)

    await send(list(operations)[:cut])
    plain.sync({name: operations[name] for name in list(operations)[:cut]})
    for sku in gone & plain.shares.keys():
        plain.remove(sku)
        await committed(carts, edit(*RemoveLines((line(sku),)).ops(), by=by[OTHERS[0]]), id_)
    for member, sku, quantity in added:
        plain.add(sku, member, quantity)
        await committed(carts, edit(add(sku, quantity), by=by[member]), id_)
    plain.sync(operations)
    for _ in range(2):
        answer = await send(list(operations))
        assert all(isinstance(each, Applied) for each in answer.results)
        assert answer.cart is not None
        assert totals(answer.cart) == {sku: plain.total(sku) for sku in plain.shares}


def totals(cart: Cart) -> dict[str, int]:
    return {str(each.sku): each.quantity for each in cart.lines}


async def test_two_devices_that_send_at_once_are_both_kept(
    server_url: str, connection: Connection, names: KeyNames, carts: CartStore
) -> None:
    await made(carts, add("mug", 9))
    more = Connection(server_url)
    try:
        stores = [OfflineStore(each, names, LIMITS) for each in (connection, more)]
        tills = [Actor(MemberId(f"terminal:{number}"), STAFF_CALLER.channel, by_scope=True) for number in range(2)]
        edits = [LateEdit(OperationId(f"{number}"), b"", "", [add("pen", 1)]) for number in range(5)]
        answers = await asyncio.gather(
            *(store.sync(CART, till, FOREVER, edits) for store, till in zip(stores, tills, strict=True))
        )
    finally:
        await more.close()
    assert sorted(each.version for answer in answers for each in answer.results if isinstance(each, Applied)) == [
        *range(3, 13)
    ]
    found = (await carts.read(CART)).cart
    assert found is not None
    assert totals(found) == {"mug": 9, "pen": 10}


# Sales


def sale(id_: str = "s1", reference: str = "pay-1", content: bytes = b"c", *, posts: bool = True) -> NewSale:
    return NewSale(id_, reference, content, f"kept {id_}".encode(), posts)


async def test_a_sale_closes_its_cart_and_is_recorded_once(
    connection: Connection, carts: CartStore, offline: OfflineStore
) -> None:
    await made(carts, add("mug"))
    first = await offline.record_sale(CART, STAFF_CALLER, sale())
    assert first is not None
    assert first.cart is not None
    assert first.cart.sold is not None
    assert (first.cart.version, first.cart.sold.sale, first.cart.sold.device) == (3, "s1", "till-3")
    assert (first.sale.kept, first.sale.second, first.sale.overshoot, first.replayed) == (
        b"kept s1",
        False,
        None,
        False,
    )
    [entry] = (await carts.read_log(CART, 2)).entries
    assert (entry.operation, entry.changes) == ("sale-s1", (("sold", "s1"),))

    before = await everything(connection)
    again = await offline.record_sale(CART, STAFF_CALLER, sale())
    by_payment = await offline.record_sale(CART, STAFF_CALLER, sale("s2"))
    for replayed in (again, by_payment):
        assert replayed is not None
        assert (replayed.sale, replayed.cart, replayed.replayed) == (first.sale, first.cart, True)
    assert await offline.record_sale(CART, STAFF_CALLER, sale(content=b"other")) is None
    assert await everything(connection) == before


async def test_a_sold_cart_takes_no_more_but_those_who_leave(carts: CartStore, offline: OfflineStore) -> None:
    await made(carts, add("mug"))
    await offline.record_sale(CART, STAFF_CALLER, sale())
    asked: list[Op] = [add("pen"), ["clear"], ["put", "note", "x", False], less("mug", 1, {ANN: 1})]
    for refused in asked:
        answer = await carts.commit(CART, edit(refused))
        assert (answer.code, answer.op_index) == (UserErrorCode.CART_SOLD, None)  # type: ignore[union-attr]
    assert isinstance(await carts.commit(CART, edit(*Leave(keep_lines=True).ops(), by=caller(BEN))), Committed)


async def test_a_sale_of_a_cart_that_is_gone_or_was_sold_is_kept(
    connection: Connection, names: KeyNames, carts: CartStore, offline: OfflineStore
) -> None:
    lost = await offline.record_sale(CartId("gone"), STAFF_CALLER, sale())
    assert lost is not None
    assert (lost.cart, lost.sale.second) == (None, False)
    assert await connection.command("PTTL", names.sales(CartId("gone"))) == -1
    await made(carts, add("mug"))
    await offline.record_sale(CART, STAFF_CALLER, sale())
    second = await offline.record_sale(CART, STAFF_CALLER, sale("s2", "pay-2"))
    assert second is not None
    assert second.sale.second
    assert second.cart is not None
    assert second.cart.sold is not None
    assert (second.cart.version, second.cart.sold.sale) == (3, "s1")


async def test_what_is_to_be_posted_waits_until_it_is(names: KeyNames, carts: CartStore, offline: OfflineStore) -> None:
    """A poster asks for what waits, posts it, and notes what went beyond a limit; a second poster changes nothing."""
    await made(carts, add("mug"))
    await offline.record_sale(CART, STAFF_CALLER, sale())
    await offline.record_sale(CART, STAFF_CALLER, sale("s2", "pay-2", posts=False))
    partition = names.partition(CART)
    assert partition in names.all_partitions()
    assert await offline.to_post(partition) == [(CART, "s1")]
    beyond = Overshoot((PromotionId("once"),), 7)
    assert await offline.posted(CART, "s1", beyond)
    assert not await offline.posted(CART, "s1", Overshoot())
    assert await offline.to_post(partition) == []
    known = await offline.sale(CART, "s1")
    assert known is not None
    assert known.overshoot == beyond
    assert await offline.sale(CART, "none") is None
    again = await offline.record_sale(CART, STAFF_CALLER, sale())
    assert again is not None
    assert again.sale == known
