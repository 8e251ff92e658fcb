"""Points that are spent, on a real store: held by one checkout, spent once by an order, and free again after anything else."""

import asyncio

import pytest

from engine.burning_service import burn_points
from engine.callers import Caller, CallerKind, Scope
from engine.checkout.steps import Step
from engine.checkout_service import Begun, begin_checkout, cancel_checkout, cancel_order, extend_checkout
from engine.errors import UserErrorCode
from engine.loyalty.account import Account, AccountId, EntryKind, FamilyRole
from engine.loyalty.commands import Adjust, ExtendHold, JoinFamily
from engine.money import format_minor
from engine.priced import PricedCart, Snapshot
from engine.pricing.requests import Limits
from engine.rules.load import load_rule_sources
from engine.service import Panier
from engine.source import Source
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.sweeping import sweep
from engine.types import ChannelId, CustomerId, InstantMs, OperationId
from tests.shops import small_shop
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import ADA, SINGLE, STAFF, KilledError, codes_of, counted, filled, lapsed, paid
from tests.storage.test_earning import ADAS, FAMILY, sound

RULES = """\
loyalty: {burn: {points: 100, worth: 1 EUR}, expires: {days: 30}}
promotions:
  - id: single
    codes: [ONLY-ONE]
    limits: {total: 1}
    give: {order_amount_off: {amount: 1 EUR}}
"""
CLERK = Caller(CallerKind.STAFF, "clerk", ChannelId("pos"), scopes=frozenset({Scope.CART_WRITE, Scope.CART_READ}))
MANY = 300


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    shop = small_shop(tmp_path_factory.mktemp("shop"))
    return Snapshot(shop, load_rule_sources([Source("rules.yaml", RULES)], shop).ruleset)


@pytest.fixture
def engine(snapshot: Snapshot, connection: Connection, names: KeyNames) -> Panier:
    return Panier(snapshot, Stores.on(connection, names, LIMITS), Limits())


def customer(name: str) -> Caller:
    return Caller(CallerKind.CUSTOMER, name, ChannelId("web"), device="phone")


async def given(engine: Panier, points: int, account: AccountId = ADAS) -> None:
    await engine.stores.ledger.do(account, Adjust(OperationId(f"given {points}"), points, "a present"))


async def wishing(engine: Panier, caller: Caller, points: int | None, *codes: str) -> PricedCart:
    """Make a cart of 2.40 EUR on which points are to be spent."""
    cart = await filled(engine, caller, *codes)
    changed = await burn_points(engine, caller, cart.cart.id, points, None)
    assert changed.priced is not None, changed.errors
    return changed.priced


async def begun(engine: Panier, caller: Caller, cart: PricedCart, operation: str | None = None) -> Begun:
    due = format_minor(cart.evaluation.totals.due_minor, cart.evaluation.currency)
    return await begin_checkout(engine, caller, cart.cart.id, due, operation)


async def sums(engine: Panier, account: AccountId = ADAS) -> tuple[int, int]:
    """Return the active and the held points of an account, which adds up."""
    await engine.stores.ledger.settled(account)
    found, _ = await sound(engine, account)
    return found.active, found.held


async def let_lapse(engine: Panier, hold: str, account: AccountId = ADAS) -> Account:
    """Have the time of a hold pass."""
    now_ms = (await engine.stores.ledger.settled(account)).at_ms
    await engine.stores.ledger.do(account, ExtendHold(hold, InstantMs(now_ms + 1)))
    await asyncio.sleep(0.01)
    return (await engine.stores.ledger.settled(account)).account


async def test_points_are_held_spent_once_and_given_back(engine: Panier) -> None:
    await given(engine, 150)
    cart = await wishing(engine, ADA, 100)
    assert cart.evaluation.totals.due_minor == 140
    quoted = (await begun(engine, ADA, cart)).quoted
    assert quoted is not None
    assert await sums(engine) == (50, 100)
    shown = await engine.cart(ADA, cart.cart.id)
    assert shown is not None
    assert shown.evaluation.totals.due_minor == 140, "what it holds itself is not lost to it"
    orders = [(await paid(engine, ADA, quoted.quote)).order for _ in range(2)]
    assert await sums(engine) == (50, 0)
    assert orders[0] is not None
    assert orders[0] == orders[1]
    await cancel_order(engine, STAFF, orders[0].number, "broken")
    assert await sums(engine) == (150, 0)
    _, entries = await sound(engine, ADAS)
    assert [kind for kind, _ in entries] == [EntryKind.ADJUST, EntryKind.HOLD, EntryKind.POST, EntryKind.RETURN]


async def test_points_spent_elsewhere_are_refused_as_data_with_nothing_held(engine: Panier) -> None:
    await given(engine, 100)
    cart = await wishing(engine, ADA, 100, "ONLY-ONE")
    await engine.stores.ledger.do(ADAS, Adjust(OperationId("gone"), -60, "taken"))
    refused = await begun(engine, ADA, cart)
    assert codes_of(refused) == [UserErrorCode.POINTS_SHORT, UserErrorCode.TOTAL_CHANGED]
    assert refused.errors[0].message == "there are 40 points to spend by now"
    assert refused.quoted is None
    assert refused.priced is not None
    burned = refused.priced.evaluation.burned
    assert burned is not None
    assert (burned.points, refused.priced.evaluation.totals.due_minor) == (40, 100)
    assert await sums(engine) == (40, 0)
    assert await counted(engine, SINGLE) == (0, 0)
    assert (await begun(engine, ADA, refused.priced)).quoted is not None
    assert await sums(engine) == (0, 40)


async def test_where_a_limit_is_short_no_points_are_held(engine: Panier) -> None:
    first, second = customer("first"), customer("second")
    assert (await begun(engine, first, await filled(engine, first, "ONLY-ONE"))).quoted is not None
    await given(engine, 50, AccountId("customer:second"))
    cart = await wishing(engine, second, None, "ONLY-ONE")
    assert codes_of(await begun(engine, second, cart)) == [UserErrorCode.LIMIT_REACHED, UserErrorCode.TOTAL_CHANGED]
    assert await sums(engine, AccountId("customer:second")) == (50, 0)


async def test_a_checkout_that_ends_gives_its_points_up(engine: Panier) -> None:
    await given(engine, 100)
    cart = await wishing(engine, ADA, None)
    quoted = (await begun(engine, ADA, cart)).quoted
    assert quoted is not None
    assert (await extend_checkout(engine, ADA, cart.cart.id, quoted.quote.id, None, 1800)).errors == ()
    account, _ = await sound(engine, ADAS)
    assert account.holds[0].deadline_ms > quoted.quote.began_ms + 1_800_000
    assert (await cancel_checkout(engine, ADA, cart.cart.id, quoted.quote.id, None)).errors == ()
    assert await sums(engine) == (100, 0)
    again = (await begun(engine, ADA, cart)).quoted
    assert again is not None
    await let_lapse(engine, again.quote.id)
    assert await sums(engine) == (100, 0)


async def test_a_payment_after_its_points_lapsed_holds_them_again_or_is_refunded(engine: Panier) -> None:
    await given(engine, 100)
    quoted = (await begun(engine, ADA, await wishing(engine, ADA, None))).quoted
    assert quoted is not None
    await let_lapse(engine, quoted.quote.id)
    assert (await extend_checkout(engine, ADA, quoted.quote.cart.id, quoted.quote.id, None)).errors == ()
    assert await sums(engine) == (0, 100)
    await let_lapse(engine, quoted.quote.id)
    await engine.stores.ledger.do(ADAS, Adjust(OperationId("gone"), -1, "taken"))
    late = await paid(engine, ADA, quoted.quote)
    assert (codes_of(late), late.refund_due, late.order) == (
        [UserErrorCode.QUOTE_EXPIRED, UserErrorCode.POINTS_SHORT],
        True,
        None,
    )
    assert await sums(engine) == (99, 0)
    await given(engine, 1)
    assert (await paid(engine, ADA, quoted.quote, "pay-2")).order is not None
    assert await sums(engine) == (0, 0)


async def test_looking_at_a_cart_whose_checkout_expired_does_not_end_that(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    """The payment may be on its way; only a change of the cart says that it is for something else."""
    await given(engine, 150)
    quoted = (await begun(engine, ADA, await wishing(engine, ADA, 100))).quoted
    assert quoted is not None
    await lapsed(connection, names, quoted.quote)
    await given(engine, 10)
    shown = await engine.cart(ADA, quoted.quote.cart.id)
    assert shown is not None
    assert shown.cart.burn is not None
    assert shown.cart.burn.balance == 160
    assert (await paid(engine, ADA, quoted.quote)).order is not None
    assert await sums(engine) == (60, 0)


async def test_what_a_checkout_left_behind_is_free_for_the_next_of_the_same_cart(engine: Panier) -> None:
    """The one before died when it had held the points and not yet frozen the cart."""
    await given(engine, 100)
    cart = await wishing(engine, ADA, None)

    def die(reached: str) -> None:
        if reached == Step.HELD:
            raise KilledError

    engine.reached = die
    with pytest.raises(KilledError):
        await begun(engine, ADA, cart, "first")
    engine.reached = lambda step: None
    assert await sums(engine) == (0, 100)
    shown = await engine.cart(ADA, cart.cart.id)
    assert shown is not None
    assert shown.evaluation.totals.due_minor == 140
    assert (await begun(engine, ADA, shown, "second")).quoted is not None
    assert await sums(engine) == (0, 100)


async def test_points_for_one_are_spent_by_one_of_hundreds(engine: Panier) -> None:
    callers = [customer(f"c{number}") for number in range(MANY)]
    for caller in callers:
        await engine.stores.ledger.join(CustomerId(caller.id), FAMILY, FamilyRole.BURN)
    await given(engine, 100, FAMILY)
    carts = [await wishing(engine, caller, 100) for caller in callers]
    assert {cart.evaluation.totals.due_minor for cart in carts} == {140}
    answers = await asyncio.gather(*[begun(engine, *each) for each in zip(callers, carts, strict=True)])
    ((winner, quoted),) = [
        (caller, answer.quoted) for caller, answer in zip(callers, answers, strict=True) if answer.quoted
    ]
    refused = [codes_of(answer) for answer in answers if not answer.quoted]
    assert refused == [[UserErrorCode.POINTS_SHORT, UserErrorCode.TOTAL_CHANGED]] * (MANY - 1)
    assert await sums(engine, FAMILY) == (0, 100)
    account = await let_lapse(engine, quoted.quote.id, FAMILY)
    assert (account.active, account.held, account.holds) == (100, 0, ())
    assert (await paid(engine, winner, quoted.quote)).order is not None
    assert await sums(engine, FAMILY) == (0, 0)


async def test_only_those_spend_whose_role_says_so(engine: Panier) -> None:
    ben = customer("ben")
    for name, role in (("ada", FamilyRole.BURN), ("ben", FamilyRole.EARN)):
        await engine.stores.ledger.join(CustomerId(name), FAMILY, role)
    await given(engine, 100, FAMILY)
    cart = (await filled(engine, ben)).cart.id
    refused = await burn_points(engine, ben, cart, 100, None)
    assert [error.code for error in refused.errors] == [UserErrorCode.ROLE_FORBIDS]
    assert (await burn_points(engine, CLERK, cart, 100, None)).errors == ()
    shown = await wishing(engine, ADA, 100)
    await engine.stores.ledger.do(FAMILY, JoinFamily(CustomerId("ada"), FamilyRole.EARN))
    assert codes_of(await begun(engine, ADA, shown)) == [UserErrorCode.POINTS_SHORT, UserErrorCode.TOTAL_CHANGED]
    assert await sums(engine, FAMILY) == (100, 0)


@pytest.mark.parametrize("step", Step)
async def test_whatever_dies_points_are_spent_with_an_order_or_free(
    engine: Panier, connection: Connection, names: KeyNames, step: Step
) -> None:
    await given(engine, 100)
    cart = await wishing(engine, ADA, None)

    def die(reached: str) -> None:
        if reached == step:
            raise KilledError

    engine.reached = die
    quote = None
    with pytest.raises(KilledError):  # noqa: PT012  # at whichever of the two
        answer = await begun(engine, ADA, cart)
        assert answer.quoted is not None
        quote = answer.quoted.quote
        await paid(engine, ADA, quote)
    engine.reached = lambda step: None
    left = await engine.cart(ADA, cart.cart.id)
    if quote is not None and left is not None and not left.cart.ordered:
        await lapsed(connection, names, quote)
    await sweep(engine, age_ms=0)
    account, _ = await sound(engine, ADAS)
    for hold in account.holds:
        await let_lapse(engine, hold.id)
    found = await engine.cart(ADA, cart.cart.id)
    assert found is not None
    assert await sums(engine) == ((0, 0) if found.cart.ordered else (100, 0))
    assert bool(found.cart.ordered) == (step in {Step.PLACED, Step.POSTED, Step.FINISHED})
