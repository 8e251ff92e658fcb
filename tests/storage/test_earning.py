"""Points of orders on a real store: credited once, taken back once, whatever died on the way."""

from dataclasses import replace

import pytest

from engine.callers import Caller
from engine.checkout.model import Order
from engine.checkout.steps import Step
from engine.checkout_service import cancel_order, settle
from engine.loyalty.account import Account, AccountId, EntryKind, FamilyRole
from engine.loyalty.audit import faults_of
from engine.loyalty.commands import Adjust, SendPoints
from engine.loyalty_service import post_earned
from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.rules.load import load_rule_sources
from engine.service import Panier
from engine.source import Source
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.sweeping import sweep
from engine.types import CustomerId, MemberId, OperationId, OrderNumber
from tests.shops import small_shop
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import ADA, STAFF, KilledError, guest, paid, quoted

RULES = """\
loyalty:
  tiers: {levels: [{id: silver, from_points: 2}]}
  family: {shared_cart: pool}
  on_cancel: {claw_back: to_zero}
promotions:
  - {id: base, give: {points: {per: 1 EUR, add: 1}}}
"""
POINTS = 2
"""Two of milk are 2.40 EUR."""
BEN = MemberId("customer:ben")
ADAS, BENS, FAMILY = AccountId("customer:ada"), AccountId("customer:ben"), AccountId("family:1")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    shop = small_shop(tmp_path_factory.mktemp("shop"))
    return Snapshot(shop, load_rule_sources([Source("rules.yaml", RULES)], shop).ruleset)


@pytest.fixture
def engine(snapshot: Snapshot, connection: Connection, names: KeyNames) -> Panier:
    return Panier(snapshot, Stores.on(connection, names, LIMITS), Limits())


async def ordered(engine: Panier, caller: Caller = ADA) -> Order:
    order = (await paid(engine, caller, await quoted(engine, caller))).order
    assert order is not None
    return order


async def sound(engine: Panier, account: AccountId) -> tuple[Account, list[tuple[EntryKind, int]]]:
    """Return an account whose sums are those of its entries, and these."""
    found = await engine.stores.ledger.read(account)
    entries = [entry async for entry in engine.stores.ledger.every_entry(account)]
    assert not faults_of(found, entries)
    return found, [(entry.kind, entry.active) for entry in entries]


async def test_an_order_earns_once_and_gives_back_once(engine: Panier) -> None:
    order = await ordered(engine)
    account, entries = await sound(engine, ADAS)
    assert (account.active, account.tier, entries) == (POINTS, "silver", [(EntryKind.EARN, POINTS)])
    for _ in range(2):
        await cancel_order(engine, STAFF, order.number, "broken")
        account, entries = await sound(engine, ADAS)
        assert (account.active, account.tier) == (0, ""), "as if the order that led to the tier had not been"
        assert entries == [(EntryKind.EARN, POINTS), (EntryKind.REVERSE, -POINTS)]


async def test_an_order_of_a_guest_earns_nothing(engine: Panier) -> None:
    order = await ordered(engine, guest("eve"))
    assert await engine.stores.checkouts.earned(order.number) == {}


async def test_a_family_gets_what_its_members_earn_and_keeps_it_when_they_leave(engine: Panier) -> None:
    await engine.stores.ledger.join(CustomerId("ada"), FAMILY, FamilyRole.EARN)
    order = await ordered(engine)
    await engine.stores.ledger.leave(CustomerId("ada"))
    await cancel_order(engine, STAFF, order.number, "broken")
    account, entries = await sound(engine, FAMILY)
    assert (account.active, entries) == (0, [(EntryKind.EARN, POINTS), (EntryKind.REVERSE, -POINTS)])
    assert (await sound(engine, ADAS))[1] == []


@pytest.mark.parametrize("step", [Step.PLACED, Step.POSTED, Step.FINISHED])
async def test_what_died_after_placing_is_healed_to_one_entry(engine: Panier, step: Step) -> None:
    quote = await quoted(engine, ADA)

    def die(reached: str) -> None:
        if reached == step:
            raise KilledError

    engine.reached = die
    with pytest.raises(KilledError):
        await paid(engine, ADA, quote)
    assert (await sound(engine, ADAS))[1] == ([] if step is Step.PLACED else [(EntryKind.EARN, POINTS)])
    engine.reached = lambda _: None
    # What goes on with it finds a family that was founded meanwhile: who gets the points may be decided already.
    await engine.stores.ledger.join(CustomerId("ada"), FAMILY, FamilyRole.BURN)
    for _ in range(2):
        await sweep(engine, age_ms=0)
    entries = [*(await sound(engine, ADAS))[1], *(await sound(engine, FAMILY))[1]]
    assert entries == [(EntryKind.EARN, POINTS)]


async def test_what_died_between_deciding_who_earns_and_crediting_goes_where_it_was_decided(
    engine: Panier, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote, earned_once = await quoted(engine, ADA), engine.stores.checkouts.earned_once

    async def die(*arguments: object) -> None:
        await earned_once(*arguments)  # type: ignore[arg-type]
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(engine.stores.checkouts, "earned_once", die)
        with pytest.raises(KilledError):
            await paid(engine, ADA, quote)
    await engine.stores.ledger.join(CustomerId("ada"), FAMILY, FamilyRole.BURN)
    await sweep(engine, age_ms=0)
    assert (await sound(engine, ADAS))[1] == [(EntryKind.EARN, POINTS)]
    assert (await sound(engine, FAMILY))[1] == []


async def test_an_order_that_was_cancelled_before_it_was_posted_comes_to_nothing(engine: Panier) -> None:
    quote = await quoted(engine, ADA)

    def die(reached: str) -> None:
        if reached == Step.PLACED:
            raise KilledError

    engine.reached = die
    with pytest.raises(KilledError):
        await paid(engine, ADA, quote)
    engine.reached = lambda _: None
    (number,) = [
        number
        for partition in range(engine.stores.checkouts.partitions)
        for number in await engine.stores.checkouts.unfinished(partition)
    ]
    await cancel_order(engine, STAFF, number, "broken")
    assert await settle(engine, number) is not None
    account, entries = await sound(engine, ADAS)
    assert (account.active, entries) == (0, [(EntryKind.EARN, POINTS), (EntryKind.REVERSE, -POINTS)])


@pytest.mark.parametrize(
    ("whose", "expected"), [("pool", {ADAS: 2}), ("payer", {BENS: 2}), ("lines", {ADAS: 1, BENS: 1})]
)
async def test_points_of_a_shared_cart_go_where_the_programme_says(
    engine: Panier, snapshot: Snapshot, whose: str, expected: dict[AccountId, int]
) -> None:
    order = await ordered(engine)
    rules = load_rule_sources([Source("rules.yaml", RULES.replace("pool", whose))], snapshot.shop).ruleset
    engine.snapshot = replace(snapshot, ruleset=rules)
    (line,) = order.quote.cart.lines
    half = replace(line, shares=((ADA.member, 1), (BEN, 1)))
    cart = replace(order.quote.cart, lines=(half,))
    shared = replace(order, number=OrderNumber(f"SHARED-{whose}"), quote=replace(order.quote, cart=cart, by=BEN))
    await post_earned(engine, shared)
    assert await engine.stores.checkouts.earned(shared.number) == expected
    assert (await sound(engine, BENS))[0].active == expected.get(BENS, 0)


async def test_points_on_their_way_are_brought_home(engine: Panier) -> None:
    ledger = engine.stores.ledger
    await ledger.do(ADAS, Adjust(OperationId("gift"), 10, "a gift"))
    await ledger.do(ADAS, SendPoints(OperationId("send"), FAMILY, 7))
    assert (await sound(engine, FAMILY))[0].active == 0
    for _ in range(2):
        await sweep(engine, age_ms=0)
        assert ((await sound(engine, ADAS))[0].active, (await sound(engine, FAMILY))[0].active) == (3, 7)
    assert (await ledger.read(ADAS)).outgoing == ()
