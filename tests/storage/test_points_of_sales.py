"""Points of sales that tills made by themselves: credited and taken once, beyond the balance too."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.callers import Caller
from engine.cart.snapshot import CartSnapshot
from engine.loyalty.account import EntryKind, FamilyRole
from engine.loyalty.commands import Adjust
from engine.offline_service import post_sales, record_sale, take_snapshot
from engine.pricing.requests import LineRequest
from engine.pricing.sales import SaleRequest, SoldLineRequest
from engine.rules.load import load_rule_sources
from engine.service import Panier
from engine.source import Source
from engine.storage.offline import Overshoot
from engine.types import CustomerId, InstantMs, MemberId, OperationId
from tests.storage.test_checkout import ADA, KilledError, filled, guest
from tests.storage.test_earning import ADAS, BENS, FAMILY, RULES, sound
from tests.storage.test_earning import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_earning import snapshot as snapshot  # noqa: PLC0414  # likewise
from tests.storage.test_sales_posted import TILL, sale_of

EARN, SPEND, ADJUST, SETTLE, EXPIRE = (
    *(EntryKind.EARN, EntryKind.SPEND, EntryKind.ADJUST),
    *(EntryKind.SETTLE, EntryKind.EXPIRE),
)


def with_rules(engine: Panier, **changes: str) -> None:
    """Let other rules hold, with these words in place of those."""
    text = RULES
    for old, new in changes.items():
        text = text.replace(old, new)
    loaded = engine.snapshot
    engine.snapshot = replace(loaded, ruleset=load_rule_sources([Source("rules.yaml", text)], loaded.shop).ruleset)


async def taken_from(engine: Panier, owner: Caller) -> CartSnapshot:
    cart = await filled(engine, owner)
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None, taken.errors
    return taken.snapshot


async def sold(engine: Panier, taken: CartSnapshot, request: SaleRequest) -> Overshoot | None:
    recorded = await record_sale(engine, TILL, taken, request)
    assert recorded.sale is not None, recorded.errors
    return recorded.sale.overshoot


async def test_what_a_till_promised_is_credited_once(engine: Panier) -> None:
    taken = await taken_from(engine, ADA)
    sale = replace(sale_of(1), points_earned=7)
    for _ in range(2):
        assert await sold(engine, taken, sale) == Overshoot()
        await post_sales(engine)
        account, entries = await sound(engine, ADAS)
        assert (account.active, account.tier, entries) == (7, "silver", [(EARN, 7)])


async def test_what_was_spent_is_taken_and_what_was_not_there_is_owed_and_told(engine: Panier) -> None:
    await engine.stores.ledger.do(ADAS, Adjust(OperationId("gift"), 10, "a gift"))
    taken = await taken_from(engine, ADA)
    assert taken.allowances.points == 10
    sale = replace(sale_of(1), points_spent=12, points_earned=5)
    for _ in range(2):
        assert await sold(engine, taken, sale) == Overshoot(points=2)
    account, entries = await sound(engine, ADAS)
    assert (account.active, account.owed) == (3, 0), "what the sale earned pays for what it owed"
    assert entries == [(ADJUST, 10), (SPEND, -10), (SPEND, -2), (EARN, 5), (SETTLE, -2), (SETTLE, 2)]
    second = await sold(engine, await taken_from(engine, ADA), replace(sale_of(2), points_spent=4))
    assert (second, (await sound(engine, ADAS))[0].active) == (Overshoot(points=1), -1)


async def test_nobody_gets_points_of_a_sale_to_guests_and_none_that_they_spent_were_there(engine: Panier) -> None:
    sale = replace(sale_of(1), points_spent=3, points_earned=5)
    assert await sold(engine, await taken_from(engine, guest("eve")), sale) == Overshoot(points=3)
    engine.snapshot = replace(
        engine.snapshot,
        ruleset=load_rule_sources([Source("rules.yaml", "promotions: []\n")], engine.snapshot.shop).ruleset,
    )
    taken = await taken_from(engine, ADA)
    assert await sold(engine, taken, sale) == Overshoot(points=3), "without a programme there are no accounts"
    assert (await sound(engine, ADAS))[1] == []


@pytest.mark.parametrize("step", ["decided", "spent", "earned"])
async def test_what_died_on_the_way_goes_on_where_it_was(
    engine: Panier, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    taken = await taken_from(engine, ADA)
    await engine.stores.ledger.do(ADAS, Adjust(OperationId("gift"), 10, "a gift"))
    sale = replace(sale_of(1), points_spent=12, points_earned=5)
    offline, ledger = engine.stores.offline, engine.stores.ledger
    after = {"decided": (offline, "points_once", 0), "spent": (ledger, "do", 0), "earned": (ledger, "do", 1)}
    store, name, passes = after[step]
    real, calls = getattr(store, name), list[object]()

    async def die(*arguments: object) -> object:
        answer = await real(*arguments)
        calls.append(arguments)
        if len(calls) > passes:
            raise KilledError
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(store, name, die)
        with pytest.raises(KilledError):
            await sold(engine, taken, sale)
    # What goes on with it finds a family that was founded meanwhile: whose points they are is decided already.
    await ledger.join(CustomerId("ada"), FAMILY, FamilyRole.BURN)
    for _ in range(2):
        await post_sales(engine)
    account, entries = await sound(engine, ADAS)
    assert (account.active, (await sound(engine, FAMILY))[1]) == (3, [])
    assert entries == [(ADJUST, 10), (SPEND, -10), (SPEND, -2), (EARN, 5), (SETTLE, -2), (SETTLE, 2)]
    assert await sold(engine, taken, sale) == Overshoot(points=2)


@pytest.mark.parametrize(("whose", "expected"), [("pool", (8, 0)), ("payer", (8, 0)), ("lines", (2, 6))])
async def test_points_of_a_shared_cart_go_where_the_programme_says(
    engine: Panier, whose: str, expected: tuple[int, int]
) -> None:
    """Ben put in three quarters of the line that was sold; what the till added is the owner's."""
    with_rules(engine, pool=whose)
    taken = await taken_from(engine, ADA)
    (line,) = taken.cart.lines
    shared = replace(line, shares=((ADA.member, 1), (MemberId("customer:ben"), 3)))
    taken = replace(taken, cart=replace(taken.cart, lines=(shared,)))
    sold_line = SoldLineRequest(line.id, LineRequest(sku="milk", quantity=Decimal(4)), "4.80")
    await sold(engine, taken, replace(sale_of(1), lines=(sold_line,), points_earned=8))
    assert tuple([(await sound(engine, account))[0].active for account in (ADAS, BENS)]) == expected


async def test_points_count_from_the_day_of_the_sale_and_never_from_a_clock_that_is_ahead(engine: Panier) -> None:
    with_rules(engine, **{"  on_cancel": "  expires: {days: 3}\n  on_cancel"})
    long_ago = replace(sale_of(1), points_earned=5)
    await sold(engine, await taken_from(engine, ADA), long_ago)
    assert (await sound(engine, ADAS))[1] == [(EARN, 5), (EXPIRE, -5)]
    taken = await taken_from(engine, ADA)
    ahead = InstantMs(4_000_000_000_000)
    await sold(engine, taken, replace(sale_of(2), at_ms=ahead, points_earned=6))
    account, _ = await sound(engine, ADAS)
    assert account.active == 6
    assert account.next_expiry is not None
    assert account.next_expiry[0] < taken.taken_ms + 5 * 86_400_000
