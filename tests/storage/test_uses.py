"""Stamps as uses of an order: the same steps as with limits, in the account of a card, on a real server."""

import asyncio
from collections import Counter

import pytest

from engine.limits import Limit, LimitKind, Use, card_of
from engine.loyalty.account import card_account
from engine.loyalty.audit import faults_of
from engine.loyalty.commands import Earn
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.ledger import LedgerStore
from engine.storage.limits import Hold, HoldState, LimitStore
from engine.storage.uses import UseStore
from engine.types import CustomerId, OperationId, PromotionId
from tests.storage.test_limits import soon

CARD = card_of("coffee", CustomerId("ann"))
ACCOUNT = card_account(CARD)
TENTH = Use(Limit(PromotionId("tenth"), LimitKind.STAMPS, CARD), 9, 9)
CAKE = Use(Limit(PromotionId("cake"), LimitKind.STAMPS, CARD), 5, 5)
FIRST_100 = Use(Limit(PromotionId("first"), LimitKind.TOTAL), 1)
OWNER = "cart-1/q1"


@pytest.fixture
def ledger(connection: Connection, names: KeyNames) -> LedgerStore:
    return LedgerStore(connection, names)


@pytest.fixture
def uses(connection: Connection, names: KeyNames, ledger: LedgerStore) -> UseStore:
    return UseStore(LimitStore(connection, names), ledger)


async def collected(ledger: LedgerStore, stamps: int) -> None:
    await ledger.do(ACCOUNT, Earn(OperationId("orders"), stamps))


async def on_card(ledger: LedgerStore) -> tuple[int, int]:
    """Return active and held stamps of an account that is sound."""
    account = await ledger.read(ACCOUNT)
    assert not faults_of(account, [entry async for entry in ledger.every_entry(ACCOUNT)])
    return account.active, account.held


async def test_a_card_takes_the_steps_of_a_limit(uses: UseStore, ledger: LedgerStore, connection: Connection) -> None:
    await collected(ledger, 10)
    at = await soon(connection)
    for _ in range(2):
        assert await uses.hold(TENTH, "q1", at, OWNER) == Hold(HoldState.HELD, 9)
    assert await uses.hold(CAKE, "q1", at, OWNER) == Hold(HoldState.SHORT, left=1)
    assert (await uses.extend(TENTH.limit, "q1", await soon(connection))).state is HoldState.HELD
    assert (await uses.pin(TENTH.limit, "q1", 1)).state is HoldState.PINNED
    assert (await uses.unpin(TENTH.limit, "q1", await soon(connection), 1)).state is HoldState.HELD
    assert (await uses.release(TENTH.limit, "q1")).state is HoldState.GONE
    assert await on_card(ledger) == (10, 0)
    await uses.hold(TENTH, "q2", await soon(connection), OWNER)
    for _ in range(2):
        assert (await uses.post(TENTH.limit, "q2")).state is HoldState.POSTED
    assert await on_card(ledger) == (1, 0)
    for _ in range(2):
        assert (await uses.give_back(TENTH.limit, "q2")).state is HoldState.RETURNED
    assert await on_card(ledger) == (10, 0)
    assert [account async for account in ledger.accounts()] == [ACCOUNT], "an audit finds it"


async def test_of_many_carts_one_gets_a_full_card(uses: UseStore, ledger: LedgerStore, connection: Connection) -> None:
    await collected(ledger, 17)
    at = await soon(connection)
    tried = await asyncio.gather(*[uses.hold(TENTH, f"q{number}", at, OWNER) for number in range(200)])
    assert Counter(each.state for each in tried) == {HoldState.HELD: 1, HoldState.SHORT: 199}
    assert await on_card(ledger) == (8, 9)


async def test_stamps_and_limits_are_held_together_or_not_at_all(
    uses: UseStore, ledger: LedgerStore, connection: Connection
) -> None:
    await collected(ledger, 9)
    at = await soon(connection)
    first, tenth = await uses.hold_all((FIRST_100, TENTH), "q1", at, OWNER)
    assert first.made
    assert tenth.made
    first, tenth = await uses.hold_all((TENTH, FIRST_100), "q2", at, OWNER)
    assert not first.made
    await uses.release(TENTH.limit, "q1")
    first, tenth = await uses.hold_all((FIRST_100, TENTH), "q3", at, OWNER)
    assert (first.made, tenth.made) == (False, True)
    assert await on_card(ledger) == (9, 0)


@pytest.mark.parametrize(("stamps", "short"), [(9, 0), (12, 0), (4, 5), (0, 9)])
async def test_what_a_till_gave_away_offline_is_taken_as_far_as_it_is_there(
    uses: UseStore, ledger: LedgerStore, stamps: int, short: int
) -> None:
    if stamps:
        await collected(ledger, stamps)
    for _ in range(2):
        assert await uses.post_beyond(TENTH, "sale", OWNER) == short
    assert await on_card(ledger) == (max(0, stamps - 9), 0)
