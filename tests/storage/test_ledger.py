"""Points accounts on a real server: raced for by hundreds, sent from account to account, read page by page."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from engine.errors import StoreUnavailableError
from engine.loyalty.account import Account, AccountId, EntryKind, FamilyRole, account_of_customer
from engine.loyalty.audit import faults_of
from engine.loyalty.commands import Adjust, Earn, HoldPoints, PinHold, PostHold, ReleaseHold, Settle, UnpinHold
from engine.loyalty.ledger import InvalidCommandError, Status
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.ledger import LedgerStore, PinnedPoints
from engine.storage.pins import unfinished
from engine.types import CustomerId, InstantMs, OperationId
from tests.storage.crashing import CrashingConnection
from tests.storage.test_limits import soon, wait_until

ANN, BEN, FAMILY = AccountId("customer:ann"), AccountId("customer:ben"), AccountId("family:1")
OWNER = "cart-1 quote-1"
MANY = 300


@pytest.fixture
def ledger(connection: Connection, names: KeyNames) -> LedgerStore:
    return LedgerStore(connection, names)


@pytest.fixture
async def elsewhere(server_url: str, names: KeyNames) -> AsyncIterator[LedgerStore]:
    """Give the same accounts, as another process has them."""
    connection = Connection(server_url)
    yield LedgerStore(connection, names)
    await connection.close()


def earn(number: int = 1, points: int = 100, **more: object) -> Earn:
    return Earn(OperationId(f"order-{number}"), points, **more)  # type: ignore[arg-type]


async def sound(ledger: LedgerStore, account: AccountId) -> Account:
    """Return an account whose sums, lots and holds are those of its entries."""
    found = await ledger.read(account)
    assert not faults_of(found, [entry async for entry in ledger.every_entry(account)])
    return found


async def pinned(ledger: LedgerStore, connection: Connection, names: KeyNames) -> list[PinnedPoints]:
    found = [pin for number in range(names.partitions) for pin in await unfinished(connection, names, number, 0)]
    return [points for pin in found if (points := ledger.pinned_points(pin))]


async def test_points_are_earned_held_pinned_and_spent_once(
    ledger: LedgerStore, connection: Connection, names: KeyNames
) -> None:
    at = await soon(connection)
    hold = HoldPoints("q1", 60, at, OWNER)
    for _ in range(2):  # each command may be sent twice
        assert (await ledger.do(ANN, earn())).points == 100
        assert (await ledger.do(ANN, hold)).status is Status.HELD
    short = await ledger.do(ANN, HoldPoints("q2", 41, at, OWNER))
    assert (short.status, short.points) == (Status.SHORT, 40)
    for _ in range(2):
        assert (await ledger.do(ANN, PinHold("q1"))).status is Status.PINNED
        (pin,) = await pinned(ledger, connection, names)
        assert (pin.account, pin.hold, pin.owner, pin.transfer) == (ANN, "q1", OWNER, False)
    assert (await ledger.do(ANN, ReleaseHold("q1"))).status is Status.PINNED
    for _ in range(2):
        posted = await ledger.do(ANN, PostHold("q1", "order-9"))
        assert (posted.status, posted.points) == (Status.POSTED, 60)
    assert (await ledger.do(ANN, hold)).status is Status.POSTED
    assert not await pinned(ledger, connection, names)
    account = await sound(ledger, ANN)
    assert (account.pending, account.active, account.held) == (0, 40, 0)


async def test_a_hold_of_points_lapses(ledger: LedgerStore, connection: Connection, names: KeyNames) -> None:
    await ledger.do(ANN, earn())
    at = await soon(connection, 60)
    for hold in ("q1", "q2"):
        await ledger.do(ANN, HoldPoints(hold, 50, at, OWNER))
    await ledger.do(ANN, PinHold("q2"))
    await wait_until(connection, at)
    assert (await ledger.do(ANN, PostHold("q1"))).status is Status.GONE
    assert (await ledger.do(ANN, HoldPoints("q3", 51, await soon(connection), OWNER))).status is Status.SHORT
    assert (await ledger.do(ANN, UnpinHold("q2", at))).status is Status.GONE
    assert not await pinned(ledger, connection, names)
    assert (await sound(ledger, ANN)).active == 100


async def test_points_for_one_get_one(ledger: LedgerStore, elsewhere: LedgerStore, connection: Connection) -> None:
    await ledger.do(ANN, earn(points=100))
    at = await soon(connection)
    holds = [HoldPoints(f"q{number}", 100, at, OWNER) for number in range(MANY)]
    booked = await asyncio.gather(*((ledger, elsewhere)[number % 2].do(ANN, hold) for number, hold in enumerate(holds)))
    assert Counter(each.status for each in booked) == {Status.HELD: 1, Status.SHORT: MANY - 1}
    (winner,) = (hold.hold for hold, each in zip(holds, booked, strict=True) if each.status is Status.HELD)
    lapsed = await soon(connection, 50)
    await ledger.do(ANN, PinHold(winner))
    await ledger.do(ANN, UnpinHold(winner, lapsed))
    await wait_until(connection, lapsed)
    await ledger.do(ANN, Settle())
    assert (await sound(ledger, ANN)).active == 100


async def test_what_many_earn_and_spend_at_once_adds_up(
    ledger: LedgerStore, elsewhere: LedgerStore, connection: Connection
) -> None:
    at = await soon(connection)

    async def shop(number: int) -> int:
        store = (ledger, elsewhere)[number % 2]
        await store.do(ANN, earn(number, 3))
        if (await store.do(ANN, HoldPoints(f"q{number}", 5, at, OWNER))).status is not Status.HELD:
            return 0
        await store.do(ANN, PostHold(f"q{number}"))
        return 5

    spent = sum(await asyncio.gather(*(shop(number) for number in range(100))))
    account = await sound(ledger, ANN)
    assert (account.active, account.held) == (300 - spent, 0)


async def test_entries_are_read_page_by_page_the_newest_first(ledger: LedgerStore) -> None:
    assert await ledger.entries(ANN, 10) == ()
    for number in range(7):
        await ledger.do(ANN, earn(number))
    assert [entry.number for entry in await ledger.entries(ANN, 3)] == [7, 6, 5]
    assert [entry.number for entry in await ledger.entries(ANN, 3, before=5)] == [4, 3, 2]
    assert [entry.number for entry in await ledger.entries(ANN, 3, before=2)] == [1]
    assert await ledger.entries(ANN, 3, before=1) == ()
    assert [entry.kind async for entry in ledger.every_entry(ANN)] == [EntryKind.EARN] * 7


@pytest.mark.parametrize("command", [earn(points=0), earn(points=-1), earn(points=10**13)])
async def test_what_no_account_could_obey_is_refused(ledger: LedgerStore, command: Earn) -> None:
    with pytest.raises(InvalidCommandError):
        await ledger.do(ANN, command)
    assert await ledger.read(ANN) == Account(ANN)


async def test_a_transfer_is_done_once_and_keeps_the_expiry(ledger: LedgerStore) -> None:
    await ledger.do(ANN, earn(1, 30, expires_ms=InstantMs(4_000_000_000_000)))
    await ledger.do(ANN, earn(2, 30))
    for _ in range(2):
        assert (await ledger.transfer(OperationId("gift"), ANN, BEN, 40)).status is Status.DONE
    assert (await ledger.transfer(OperationId("more"), ANN, BEN, 21)).status is Status.SHORT
    ann, ben = await sound(ledger, ANN), await sound(ledger, BEN)
    assert (ann.active, ann.outgoing, ben.active) == (20, (), 40)
    assert ben.next_expiry == (4_000_000_000_000, 30)
    with pytest.raises(InvalidCommandError):
        await ledger.transfer(OperationId("self"), ANN, ANN, 1)


async def test_fuint_71_points_that_are_given_away_twenty_times_at_once_go_once(
    ledger: LedgerStore, elsewhere: LedgerStore
) -> None:
    """A hundred points made two thousand of them: each of the calls saw that they were there."""
    await ledger.do(ANN, earn())
    calls = [
        (ledger, elsewhere)[number % 2].transfer(OperationId(f"gift-{number}"), ANN, BEN, 100) for number in range(20)
    ]
    answers = Counter([answer.status for answer in await asyncio.gather(*calls)])
    assert answers == {Status.DONE: 1, Status.SHORT: 19}
    assert ((await sound(ledger, ANN)).active, (await sound(ledger, BEN)).active) == (0, 100)


@pytest.mark.parametrize("crash_at", [(step, arrives) for step in range(3) for arrives in (False, True)])
async def test_a_transfer_that_a_crash_cut_off_is_finished_by_the_sweeper(
    server_url: str, ledger: LedgerStore, connection: Connection, names: KeyNames, crash_at: tuple[int, bool]
) -> None:
    await ledger.do(ANN, earn())
    crashing = CrashingConnection(server_url)
    crashing.crash_at = crash_at
    with pytest.raises(StoreUnavailableError):
        await LedgerStore(crashing, names).transfer(OperationId("gift"), ANN, BEN, 40)
    await crashing.close()
    before = await ledger.read(ANN)
    for pin in await pinned(ledger, connection, names):
        assert pin.transfer
        assert pin.owner == BEN
        await ledger.finish(pin.account, OperationId(pin.hold))
    ann, ben = await sound(ledger, ANN), await sound(ledger, BEN)
    assert ann.active + ben.active == 100
    assert bool(ben.active) is (before.active == 60)
    assert not ann.outgoing
    assert not await pinned(ledger, connection, names)


async def test_a_family_pools_points_and_says_who_may_burn(ledger: LedgerStore) -> None:
    ann, ben = CustomerId("ann"), CustomerId("ben")
    assert await ledger.account_of(ann) == account_of_customer(ann) == ANN
    await ledger.join(ann, FAMILY, FamilyRole.BURN)
    family = await ledger.join(ben, FAMILY, FamilyRole.EARN)
    assert await ledger.account_of(ben) == FAMILY
    assert (family.may_burn(ann), family.may_burn(ben), family.may_burn(CustomerId("eve"))) == (True, False, False)
    await ledger.leave(ben)
    assert await ledger.account_of(ben) == BEN
    assert not (await ledger.read(FAMILY)).may_burn(ben)
    await ledger.join(ann, AccountId("family:2"), FamilyRole.EARN)
    assert (await ledger.read(FAMILY)).members == {}
    assert (await ledger.read(ANN)).may_burn(ann)


async def test_every_account_is_found(ledger: LedgerStore) -> None:
    wanted = {AccountId(f"customer:{number}") for number in range(30)}
    for account in wanted:
        await ledger.do(account, Adjust(OperationId("hello"), 5, "welcome"))
    assert {account async for account in ledger.accounts()} == wanted
