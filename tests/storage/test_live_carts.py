"""Live carts on a real store: whatever happens to the notifications, no operation is lost, doubled or out of order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
from redis.exceptions import ConnectionError  # noqa: A004  # of the store

from engine import live as live_module
from engine.callers import Caller, CallerKind
from engine.cart.codec import UnknownLayoutError
from engine.cart.handoff import HandoffMode, Place, Terms
from engine.cart.viewing import Viewer
from engine.errors import RefusedError, StoreUnavailableError
from engine.live import CartEvent, EventReason, Follower, LiveCarts
from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.rules.ruleset import compile_ruleset
from engine.service import Panier
from engine.storage.carts import CartStore, LogRead
from engine.storage.connection import Connection
from engine.storage.handoffs import Claimant, HandoffStore, Made, Won
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.storage.viewers import VIEWERS_MOST, ViewerStore
from engine.storage.wake_ups import Heard, WakeUps
from engine.types import CartId, ChannelId, MemberId, OperationId, StoreId
from tests.shops import small_shop
from tests.storage.shopper import ANN, CART, WEB, add, caller, committed, edit, made

ANN_CALLS = Caller(CallerKind.GUEST, "ann", ChannelId("web"), device="phone")
BEN_CALLS = Caller(CallerKind.CUSTOMER, "ben", ChannelId("app"))
WAIT_S = 20


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return Snapshot(small_shop(tmp_path_factory.mktemp("shop")), compile_ruleset([]))


@pytest.fixture
def engine(snapshot: Snapshot, connection: Connection, carts: CartStore, names: KeyNames) -> Panier:
    viewers = ViewerStore(connection, names, presence_ms=600)
    return Panier(snapshot, replace(Stores.on(connection, names), carts=carts, viewers=viewers), Limits())


@pytest.fixture
async def live(engine: Panier, connection: Connection, carts: CartStore) -> AsyncIterator[LiveCarts]:
    followed = LiveCarts(engine, WakeUps(connection))
    yield followed
    await followed.close()


class Deaf(WakeUps):
    """Hears nothing: every notification is lost."""

    async def listen(self, channel: str, heard: Heard) -> None:
        pass


@pytest.fixture
async def deaf(
    engine: Panier, connection: Connection, carts: CartStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LiveCarts]:
    """Live carts that only look every now and then."""
    monkeypatch.setattr(live_module, "_LOOK_S", 0.2)
    followed = LiveCarts(engine, Deaf(connection))
    yield followed
    await followed.close()


async def event_of(follower: Follower) -> CartEvent:
    async with asyncio.timeout(WAIT_S):
        return await anext(follower)


async def told_until(follower: Follower, version: int) -> list[CartEvent]:
    events = [await event_of(follower)]
    while events[-1].priced.cart.version < version:
        events.append(await event_of(follower))
    return events


def versions_of(events: list[CartEvent]) -> list[int]:
    return [entry.version for event in events for entry in event.operations]


async def write(carts: CartStore, times: int, sku: str = "milk") -> None:
    for _ in range(times):
        await committed(carts, edit(add(sku)))


@pytest.fixture(name="roomy")
def _roomy(connection: Connection, names: KeyNames) -> CartStore:
    """Return a store that writes to the same carts with higher guard rails."""
    return CartStore(connection, names)


async def test_nothing_is_lost_while_connections_are_killed_and_subscriptions_taken_away(
    live: LiveCarts, connection: Connection, carts: CartStore, roomy: CartStore
) -> None:
    await made(carts)
    follower = await live.follow(ANN_CALLS, CART)
    assert (await event_of(follower)).reason is EventReason.SNAPSHOT
    writers = [asyncio.create_task(write(roomy, 25)) for _ in range(8)]
    reading = asyncio.create_task(told_until(follower, 201))
    while not all(writer.done() for writer in writers):
        await connection.command("CLIENT", "KILL", "TYPE", "pubsub")
        await asyncio.sleep(0.03)
        listening: Any = live.wake_ups._pubsub
        if listening and listening.connection and listening.connection.is_connected:
            # Behind its back, as a cluster does when a slot moves away; it may have been killed just now.
            with contextlib.suppress(ConnectionError):
                await listening.connection.send_command("SUNSUBSCRIBE", carts.wake_up_channel(CART))
        await asyncio.sleep(0.03)
    await asyncio.gather(*writers)
    assert versions_of(await reading) == list(range(2, 202))
    # And the subscription is there again: a change is heard of long before the next look without one.
    await write(roomy, 1)
    async with asyncio.timeout(live_module._LOOK_S - 1):
        assert versions_of([await anext(follower)]) == [202]


async def test_without_any_notification_a_look_finds_everything(
    deaf: LiveCarts, carts: CartStore, roomy: CartStore
) -> None:
    await made(carts)
    follower = await deaf.follow(ANN_CALLS, CART)
    await event_of(follower)
    await write(roomy, 7)
    assert versions_of(await told_until(follower, 8)) == list(range(2, 9))


async def test_who_missed_more_than_the_log_holds_gets_a_snapshot(
    deaf: LiveCarts, carts: CartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(carts)
    follower = await deaf.follow(ANN_CALLS, CART)
    await event_of(follower)
    read_log, written = carts.read_log, asyncio.Event()

    async def after_all_is_written(cart: CartId, since: int) -> LogRead:
        await written.wait()
        return await read_log(cart, since)

    monkeypatch.setattr(carts, "read_log", after_all_is_written)
    for number in range(35):  # the log of this store holds 30
        await committed(carts, edit(["put", "note", f"{number}"]))
    written.set()
    (event,) = await told_until(follower, 36)
    assert (event.reason, event.operations) == (EventReason.SNAPSHOT, ())
    await committed(carts, edit(["put", "note", "again"]))
    (event,) = await told_until(follower, 37)
    assert (event.reason, versions_of([event])) == (EventReason.CHANGED, [37])


async def test_a_slow_follower_gets_all_of_it_at_once_and_a_snapshot_when_it_is_too_much(
    live: LiveCarts, carts: CartStore, roomy: CartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "BACKLOG", 20)
    await made(carts)
    quick, slow, slower = [await live.follow(ANN_CALLS, CART) for _ in range(3)]
    for follower in (quick, slow, slower):
        await event_of(follower)
    await write(roomy, 20)
    assert versions_of(await told_until(quick, 21)) == list(range(2, 22))
    event = await event_of(slow)
    assert (event.reason, versions_of([event])) == (EventReason.CHANGED, list(range(2, 22)))
    await write(roomy, 20)
    assert versions_of(await told_until(quick, 41)) == list(range(22, 42))
    event = await event_of(slower)
    assert (event.reason, versions_of([event]), event.priced.cart.version) == (EventReason.SNAPSHOT, [], 41)


async def test_all_who_are_equally_far_share_one_event_and_one_subscription(
    live: LiveCarts, connection: Connection, carts: CartStore
) -> None:
    """Those too who came at different times: who is there is no event to them."""
    await made(carts)
    callers = (ANN_CALLS, BEN_CALLS)
    early, watching = await live.follow(ANN_CALLS, CART), await live.follow(ANN_CALLS, CART, presence=True)
    await event_of(early)
    while not (await event_of(watching)).present:
        pass
    followers = [await live.follow(callers[number % 2], CART) for number in range(50)]
    started = [await event_of(follower) for follower in followers]
    await write(carts, 1)
    changed = [await event_of(follower) for follower in (early, *followers)]
    assert all(event is started[0] for event in started)
    assert all(event is changed[0] for event in changed)
    channel = carts.wake_up_channel(CART)
    assert await connection.command("PUBSUB", "SHARDNUMSUB", channel) == [channel.encode(), 1]
    for follower in (early, watching, *followers):
        follower.close()
    await live.close()
    assert await connection.command("PUBSUB", "SHARDNUMSUB", channel) == [channel.encode(), 0]
    assert await live.engine.stores.viewers.present(CART) == ()


async def test_a_store_that_is_away_is_waited_for(
    deaf: LiveCarts, carts: CartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "_RETRY_S", 0.05)
    await made(carts)
    follower = await deaf.follow(ANN_CALLS, CART)
    await event_of(follower)
    read_log, failed = carts.read_log, asyncio.Event()

    async def away(cart: CartId, since: int) -> LogRead:
        failed.set()
        raise StoreUnavailableError("away")

    monkeypatch.setattr(carts, "read_log", away)
    await write(carts, 2)
    await asyncio.wait_for(failed.wait(), WAIT_S)
    with pytest.raises(StoreUnavailableError):
        await deaf.follow(ANN_CALLS, CartId("another"))
    monkeypatch.setattr(carts, "read_log", read_log)
    assert versions_of(await told_until(follower, 3)) == [2, 3]


async def test_a_cart_that_is_gone_or_cannot_be_read_ends_its_followers(
    deaf: LiveCarts, connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    await made(carts)
    follower, other = await deaf.follow(ANN_CALLS, CART), await deaf.follow(BEN_CALLS, CART)
    await event_of(follower)
    blob = await connection.command("GET", names.cart(CART))
    await connection.command(
        "SET", names.cart(CART), msgpack.packb({**msgpack.unpackb(blob), "z": 99}, use_bin_type=False)
    )
    with pytest.raises(UnknownLayoutError):
        await event_of(follower)
    await connection.command("SET", names.cart(CART), blob)
    again = await deaf.follow(ANN_CALLS, CART)
    assert (await event_of(again)).priced.cart.version == 1
    await connection.command("DEL", names.cart(CART))
    with pytest.raises(RefusedError, match="there is no such cart"):
        await event_of(again)
    with pytest.raises(UnknownLayoutError):
        await event_of(other)
    with pytest.raises(RefusedError, match="there is no such cart"):
        await deaf.follow(ANN_CALLS, CART)
    assert not deaf.follows(CART)


async def test_an_older_cart_than_was_seen_is_a_snapshot(
    deaf: LiveCarts, connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    """A store that lost its last second after a crash goes on from an older version."""
    await made(carts)
    await write(carts, 2)
    before = await connection.command("GET", names.cart(CART))
    await write(carts, 2)
    follower = await deaf.follow(ANN_CALLS, CART)
    assert (await event_of(follower)).priced.cart.version == 5
    await connection.command("SET", names.cart(CART), before)
    event = await event_of(follower)
    assert (event.reason, event.priced.cart.version, event.operations) == (EventReason.SNAPSHOT, 3, ())


# Viewers


PHONE = Viewer(ANN, WEB, None, "phone")
DESK = Viewer(MemberId("customer:ben"), WEB, None, "desk")


async def test_viewers_of_two_workers_are_told_together_and_lapse(connection: Connection, names: KeyNames) -> None:
    one, two = (ViewerStore(connection, names, presence_ms=300) for _ in range(2))
    assert await one.present(CART, here=[PHONE]) == (PHONE,)
    assert await two.present(CART, here=[PHONE, DESK]) == (DESK, PHONE)
    assert await one.present(CART, left=[PHONE]) == (DESK, PHONE), "still there by the other worker"
    await asyncio.sleep(0.35)
    assert await one.present(CART) == ()
    assert await connection.command("EXISTS", names.viewers(CART)) == 0


async def test_no_more_viewers_are_kept_than_can_be_told_apart(connection: Connection, names: KeyNames) -> None:
    store = ViewerStore(connection, names)
    crowd = [replace(PHONE, device=f"device-{number}") for number in range(VIEWERS_MOST + 10)]
    assert len(await store.present(CART, here=crowd)) == VIEWERS_MOST
    assert len(await store.present(CART, here=crowd)) == VIEWERS_MOST


async def test_a_viewer_who_comes_back_at_once_is_there(live: LiveCarts, carts: CartStore) -> None:
    """A page that is loaded again leaves and comes in the same moment."""
    await made(carts)
    for _ in range(5):
        follower = await live.follow(ANN_CALLS, CART, presence=True)
        event = await event_of(follower)
        while event.present != (PHONE,):
            event = await event_of(follower)
        follower.close()
    follower = await live.follow(ANN_CALLS, CART, presence=True)
    event = await event_of(follower)
    while event.present != (PHONE,):
        event = await event_of(follower)


class LosesACancellation(WakeUps):
    """Goes on listening after it was cancelled, as `asyncio.wait_for` of Python 3.11 sometimes lets redis-py do."""

    async def listen(self, channel: str, heard: Heard) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(WAIT_S)


async def test_who_leaves_at_once_leaves_nobody_looking(
    engine: Panier, connection: Connection, carts: CartStore
) -> None:
    await made(carts)
    live = LiveCarts(engine, LosesACancellation(connection))
    following = asyncio.create_task(live.follow(ANN_CALLS, CART))
    await asyncio.sleep(0.01)
    following.cancel()
    ended, _ = await asyncio.wait({asyncio.create_task(live.close())}, timeout=WAIT_S)
    assert ended


async def test_a_lease_that_lapses_by_itself_is_told_without_a_write(
    connection: Connection, names: KeyNames, live: LiveCarts, carts: CartStore
) -> None:
    await made(carts)
    handoffs = HandoffStore(connection, names)
    terms = Terms(HandoffMode.MOVE, ttl_ms=60_000, lease_ms=2_500)
    code = await handoffs.create(CART, caller(ANN), OperationId("h"), terms)
    assert isinstance(code, Made)
    till = Caller(CallerKind.TERMINAL, "4", ChannelId("pos"), StoreId("lyon"), "till-4")
    place = Place(till.member, till.device, ChannelId("pos"), till.store)
    claimed = await handoffs.claim(code.code, CART, Claimant(place, is_shops=True), CART, b"")
    assert isinstance(claimed, Won)
    anns, tills = [await live.follow(each, CART) for each in (ANN_CALLS, till)]
    assert (await event_of(anns)).priced.cart.version == (await event_of(tills)).priced.cart.version == 2
    lapsed = await event_of(anns)
    assert (lapsed.reason, lapsed.operations, lapsed.priced.cart.version) == (EventReason.LAPSED, (), 2)
    assert lapsed.priced.cart.lease_at(lapsed.priced.as_of_ms) is None
    assert lapsed.priced.as_of_ms >= (claimed.receipt.until_ms or 0), "by the clock of the store"
    with pytest.raises(RefusedError):
        await event_of(tills)
    for follower in (anns, tills):
        follower.close()
