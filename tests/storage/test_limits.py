"""Limits on a real server: held, pinned, spent and given back; raced for by hundreds; nothing over, nothing under."""

import asyncio
from collections import Counter
from functools import partial

import pytest

from engine.limits import Limit, LimitKind, Use
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.limits import Counted, Hold, HoldIdReusedError, HoldState, LimitStore
from engine.storage.pins import unfinished
from engine.types import InstantMs, PromotionId

CODE = Limit(PromotionId("welcome"), LimitKind.PER_CODE, "ABC")
BUDGET = Limit(PromotionId("autumn"), LimitKind.BUDGET, "EUR")
ONCE = Use(CODE, ceiling=1)
HELD, SHORT = HoldState.HELD, HoldState.SHORT
MANY = 400
OWNER = "cart-1 quote-1"


@pytest.fixture
def limits(connection: Connection, names: KeyNames) -> LimitStore:
    return LimitStore(connection, names, hot_shards=4)


async def now_ms(connection: Connection) -> int:
    seconds, micros = await connection.command("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def soon(connection: Connection, after_ms: int = 60_000) -> InstantMs:
    return InstantMs(await now_ms(connection) + after_ms)


async def wait_until(connection: Connection, instant_ms: int) -> None:
    left_ms = instant_ms - await now_ms(connection)
    await asyncio.sleep(max(0, left_ms + 5) / 1000)


async def pinned(limits: LimitStore, connection: Connection, names: KeyNames) -> list[tuple[Limit, str, str]]:
    found = [pin for number in range(names.partitions) for pin in await unfinished(connection, names, number, 0)]
    uses = [limits.pinned_use(pin) for pin in found]
    return [(use.limit, use.hold, use.owner) for use in uses if use]


async def test_a_use_is_held_pinned_posted_and_given_back(
    limits: LimitStore, connection: Connection, names: KeyNames
) -> None:
    at = await soon(connection)
    for _ in range(2):  # each step may be sent twice
        assert await limits.hold(ONCE, "q1", at, OWNER) == Hold(HELD, 1)
        assert await limits.read([CODE]) == (Counted(0, 1),)
    assert (await limits.hold(ONCE, "q2", at, OWNER)).state is SHORT
    for _ in range(2):
        assert (await limits.pin(CODE, "q1", 1)).state is HoldState.PINNED
        assert await pinned(limits, connection, names) == [(CODE, "q1", OWNER)]
    assert (await limits.release(CODE, "q1")).state is HoldState.PINNED
    for _ in range(2):
        assert await limits.post(CODE, "q1") == Hold(HoldState.POSTED, 1)
        assert await limits.read([CODE]) == (Counted(1, 0),)
    assert not await pinned(limits, connection, names)
    assert (await limits.hold(ONCE, "q1", at, OWNER)).state is HoldState.POSTED
    for _ in range(2):
        assert (await limits.give_back(CODE, "q1")).state is HoldState.RETURNED
        assert await limits.read([CODE]) == (Counted(0, 0),)
    assert (await limits.post(CODE, "q1")).state is HoldState.RETURNED
    assert (await limits.hold(ONCE, "q2", at, OWNER)).state is HELD


async def test_a_hold_lapses_unless_it_is_pinned_or_extended(limits: LimitStore, connection: Connection) -> None:
    use, at = Use(CODE, ceiling=3), await soon(connection, 150)
    for hold in ("lapses", "pinned", "extended"):
        assert (await limits.hold(use, hold, at, OWNER)).state is HELD
    await limits.pin(CODE, "pinned", 1)
    assert (await limits.extend(CODE, "extended", await soon(connection))).state is HELD
    await wait_until(connection, at)
    assert await limits.read([CODE]) == (Counted(0, 2),)
    for step in (partial(limits.pin, attempt=2), limits.post, limits.release, limits.give_back):
        assert (await step(CODE, "lapses")).state is HoldState.GONE
    assert (await limits.hold(use, "late", at, OWNER)).state is HoldState.LATE
    assert (await limits.hold(use, "lapses", await soon(connection), OWNER)).state is HELD
    unpinned_until = await soon(connection, 50)
    for _ in range(2):
        assert (await limits.unpin(CODE, "pinned", unpinned_until, None)).state is HELD
    await wait_until(connection, unpinned_until)
    assert (await limits.post(CODE, "pinned")).state is HoldState.GONE
    assert (await limits.release(CODE, "extended")).state is HoldState.GONE
    assert await limits.read([CODE]) == (Counted(0, 1),)


async def test_what_a_later_attempt_has_pinned_stays_so(limits: LimitStore, connection: Connection) -> None:
    at = await soon(connection)
    await limits.hold(ONCE, "q1", at, OWNER)
    for attempt in (2, 3, 1):
        assert (await limits.pin(CODE, "q1", attempt)).state is HoldState.PINNED
    assert (await limits.unpin(CODE, "q1", at, 2)).state is HoldState.PINNED
    assert (await limits.unpin(CODE, "q1", at, 3)).state is HELD


async def test_an_id_names_one_amount(limits: LimitStore, connection: Connection) -> None:
    at = await soon(connection)
    await limits.hold(Use(CODE, 10, 2), "q1", at, OWNER)
    with pytest.raises(HoldIdReusedError):
        await limits.hold(Use(CODE, 10, 3), "q1", at, OWNER)


async def test_all_uses_are_held_or_none(limits: LimitStore, connection: Connection) -> None:
    at = await soon(connection)
    await limits.hold(ONCE, "other", at, OWNER)
    holds = await limits.hold_all([Use(BUDGET, 1000, 300), ONCE], "q1", at, OWNER)
    assert [hold.state for hold in holds] == [HELD, SHORT]
    assert await limits.read([BUDGET, CODE]) == (Counted(0, 0), Counted(0, 1))
    await limits.release(CODE, "other")
    assert all(hold.made for hold in await limits.hold_all([Use(BUDGET, 1000, 300), ONCE], "q1", at, OWNER))
    assert await limits.read([BUDGET, CODE]) == (Counted(0, 300), Counted(0, 1))


async def test_a_partial_budget_gives_what_is_left(limits: LimitStore, connection: Connection) -> None:
    at = await soon(connection)
    part = Use(BUDGET, 1000, 300, partial=True)
    amounts = [(await limits.hold(part, f"q{number}", at, OWNER)).amount for number in range(5)]
    assert amounts == [300, 300, 300, 100, 0]
    assert (await limits.hold(part, "q3", at, OWNER)) == Hold(HELD, 100)
    assert (await limits.hold(part, "q4", at, OWNER)).state is SHORT


async def test_a_sale_offline_counts_even_beyond_the_limit(limits: LimitStore, connection: Connection) -> None:
    at = await soon(connection)
    for number in range(3):
        await limits.hold(Use(BUDGET, 1000, 300), f"q{number}", at, OWNER)
        await limits.post(BUDGET, f"q{number}")
    for _ in range(2):
        assert await limits.post_beyond(Use(BUDGET, 1000, 250), "till-1", "till") == 150
    assert await limits.post_beyond(Use(BUDGET, 1000, 300), "q0", "till") == 150  # it was counted before
    assert (await limits.hold(Use(BUDGET, 1000, 1), "q9", at, OWNER)).state is SHORT
    await limits.give_back(BUDGET, "q1")
    assert (await limits.hold(Use(BUDGET, 1000, 150), "q8", at, OWNER)).state is HELD


async def test_a_lowered_ceiling_holds_on_every_shard_at_once(limits: LimitStore, connection: Connection) -> None:
    at = await soon(connection)
    for number in range(40):
        assert (await limits.hold(Use(BUDGET, 1000, 1), f"q{number}", at, OWNER)).state is HELD
    lowered = [(await limits.hold(Use(BUDGET, 45, 1), f"r{number}", at, OWNER)).state for number in range(20)]
    assert Counter(lowered) == {HELD: 5, SHORT: 15}
    raised = [(await limits.hold(Use(BUDGET, 50, 1), f"s{number}", at, OWNER)).state for number in range(20)]
    assert Counter(raised) == {HELD: 5, SHORT: 15}


@pytest.mark.parametrize(
    ("use", "room"),
    [
        (ONCE, 1),
        (Use(BUDGET, 10, 1), 10),
        (Use(BUDGET, 5999, 599), 10),
        (Use(Limit(PromotionId("flash"), LimitKind.TOTAL), 150), 150),
    ],
    ids=["a code with one use", "a budget for ten", "a budget with a rest", "many uses over four shards"],
)
async def test_hundreds_at_once_get_as_much_as_there_is(
    limits: LimitStore, connection: Connection, use: Use, room: int
) -> None:
    at = await soon(connection)
    holds = await asyncio.gather(*(limits.hold(use, f"q{number}", at, OWNER) for number in range(MANY)))
    assert Counter(hold.state for hold in holds) == {HELD: room, SHORT: MANY - room}
    assert await limits.read([use.limit]) == (Counted(0, room * use.amount),)
    posted = [f"q{number}" for number, hold in enumerate(holds) if hold.made][: room // 2]
    await asyncio.gather(*(limits.post(use.limit, hold) for hold in posted * 2))
    at = await soon(connection, 50)
    await asyncio.gather(*(limits.extend(use.limit, f"q{number}", at) for number in range(MANY)))
    await wait_until(connection, at)
    assert await limits.read([use.limit]) == (Counted(room // 2 * use.amount, 0),)
    at = await soon(connection)
    again = await asyncio.gather(*(limits.hold(use, f"r{number}", at, OWNER) for number in range(MANY)))
    assert Counter(hold.state for hold in again)[HELD] == room - room // 2


async def test_holds_that_come_and_go_never_overshoot(limits: LimitStore, connection: Connection) -> None:
    use, at = Use(BUDGET, 50, 1), await soon(connection)

    async def shop(number: int) -> int:
        if not (await limits.hold(use, f"q{number}", at, OWNER)).made:
            return 0
        if number % 3 == 0:
            await limits.release(BUDGET, f"q{number}")
            return 0
        await limits.post(BUDGET, f"q{number}")
        return 1

    posted = sum(await asyncio.gather(*(shop(number) for number in range(MANY))))
    assert posted <= 50
    assert await limits.read([BUDGET]) == (Counted(posted, 0),)
    rest = [(await limits.hold(use, f"r{number}", at, OWNER)).made for number in range(60 - posted)]
    assert sum(rest) == 50 - posted
