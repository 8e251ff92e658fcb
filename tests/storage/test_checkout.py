"""Checkout on a real store: what is held, who gets the last one, and what is left when the process dies at any step."""

import asyncio
from dataclasses import replace

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest

from engine.callers import Caller, CallerKind, Scope
from engine.cart.commands import AddLines, NewLine
from engine.cart.model import Facts
from engine.checkout.model import Quote
from engine.checkout.steps import Step
from engine.checkout_service import (
    Begun,
    Completed,
    begin_checkout,
    cancel_checkout,
    cancel_order,
    complete_checkout,
    extend_checkout,
    find_order,
    orders_of,
)
from engine.errors import UserErrorCode
from engine.limits import Limit, LimitKind
from engine.money import format_minor
from engine.priced import PricedCart, Snapshot
from engine.pricing.admission import admit_codes
from engine.pricing.requests import Limits
from engine.rules.load import load_rule_sources
from engine.service import NewCart, Panier
from engine.source import Source
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.sweeping import sweep
from engine.types import ChannelId, CustomerId, InstantMs, PromotionId, Sku
from tests.shops import small_shop
from tests.storage.shopper import LIMITS

RULES = """\
promotions:
  - id: single
    codes: [ONLY-ONE]
    limits: {total: 1}
    give: {order_amount_off: {amount: 1 EUR}}
  - id: ten
    limits: {budget: 10 EUR}
    codes: [TEN-EUROS]
    give: {order_amount_off: {amount: 1 EUR}}
  - id: each-once
    codes: [WELCOME]
    limits: {per_customer: 1, on_cancel: keep}
    give: {order_amount_off: {amount: 2 EUR}}
  - id: rest
    codes: [REST]
    limits: {budget: 1.50 EUR, partial: true}
    give: {order_amount_off: {amount: 1 EUR}}
"""
SINGLE = Limit(PromotionId("single"), LimitKind.TOTAL)
TEN = Limit(PromotionId("ten"), LimitKind.BUDGET, "EUR")
ONCE = Limit(PromotionId("each-once"), LimitKind.PER_CUSTOMER, "ada")
STAFF = Caller(CallerKind.STAFF, "s", ChannelId("pos"), scopes=frozenset({Scope.CHECKOUT, Scope.CART_READ}))


class KilledError(BaseException):
    """The process is gone at this step."""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    shop = small_shop(tmp_path_factory.mktemp("shop"))
    return Snapshot(shop, load_rule_sources([Source("rules.yaml", RULES)], shop).ruleset)


@pytest.fixture
def engine(snapshot: Snapshot, connection: Connection, names: KeyNames) -> Panier:
    return Panier(snapshot, Stores.on(connection, names, LIMITS), Limits())


def guest(name: str) -> Caller:
    return Caller(CallerKind.GUEST, name, ChannelId("web"), device="phone")


ADA = Caller(CallerKind.CUSTOMER, "ada", ChannelId("web"), device="phone")


async def filled(engine: Panier, caller: Caller, *codes: str) -> PricedCart:
    """Make a cart with two of something, and codes."""
    goods = AddLines((NewLine(Sku("milk"), 2),))
    commands = (goods, admit_codes(codes, engine.limits)) if codes else (goods,)
    changed = await engine.create(caller, None, lambda *_: NewCart(commands=commands))
    assert changed.priced is not None, changed
    return changed.priced


def total_of(priced: PricedCart) -> str:
    return format_minor(priced.evaluation.totals.total_minor, priced.evaluation.currency)


async def begun(engine: Panier, caller: Caller, cart: PricedCart, operation: str | None = None) -> Begun:
    return await begin_checkout(engine, caller, cart.cart.id, total_of(cart), operation)


async def quoted(engine: Panier, caller: Caller, *codes: str) -> Quote:
    cart = await filled(engine, caller, *codes)
    answer = await begun(engine, caller, cart)
    assert answer.quoted is not None, answer.errors
    return answer.quoted.quote


async def paid(engine: Panier, caller: Caller, quote: Quote, reference: str = "pay-1") -> Completed:
    return await complete_checkout(engine, caller, quote.cart.id, quote.id, reference, quote.amount_hash)


def codes_of(answer: Begun | Completed) -> list[UserErrorCode]:
    return [error.code for error in answer.errors]


async def counted(engine: Panier, limit: Limit) -> tuple[int, int]:
    """Return what was spent of a limit, and what is held."""
    (found,) = await engine.stores.limits.read([limit])
    return found.spent, found.held


async def test_what_was_paid_is_ordered_once(engine: Panier) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    assert await counted(engine, SINGLE) == (0, 1)
    first = await paid(engine, ADA, quote)
    assert (first.errors, first.refund_due) == ((), False)
    assert first.order is not None
    assert await counted(engine, SINGLE) == (1, 0)
    again = await paid(engine, ADA, quote)
    assert again == replace(first, replayed=True)
    second = await paid(engine, ADA, quote, "pay-2")
    assert second.order is not None
    assert (second.order.number, second.refund_due) == (first.order.number, True)
    assert second.order.refunds_due == ("pay-2",)
    assert await orders_of(engine, ADA, CustomerId("ada")) == [first.order.number]
    found = await find_order(engine, ADA, first.order.number)
    assert found is not None
    assert found.quote == quote
    assert await find_order(engine, guest("eve"), first.order.number) is None


async def test_an_ordered_cart_changes_no_more_and_makes_room_for_the_next(engine: Panier) -> None:
    quote = await quoted(engine, ADA)
    await paid(engine, ADA, quote)
    added = await engine.apply(ADA, quote.cart.id, None, lambda *_: AddLines((NewLine(Sku("oat"), 1),)))
    assert [error.code for error in added.errors] == [UserErrorCode.CART_ORDERED]
    following = await filled(engine, ADA)
    assert following.cart.id != quote.cart.id


async def test_a_cart_in_checkout_waits(engine: Panier) -> None:
    quote = await quoted(engine, ADA)
    added = await engine.apply(ADA, quote.cart.id, None, lambda *_: AddLines((NewLine(Sku("oat"), 1),)))
    assert [error.code for error in added.errors] == [UserErrorCode.CART_FROZEN]
    assert added.priced is not None
    assert added.priced.cart.freeze is not None
    assert (added.priced.cart.freeze.member, added.priced.cart.freeze.quote) == (ADA.member, quote.id)
    assert codes_of(await begun(engine, ADA, added.priced)) == [UserErrorCode.CART_FROZEN]


async def test_a_total_that_is_another_one_holds_nothing(engine: Panier) -> None:
    cart = await filled(engine, ADA, "ONLY-ONE")
    answer = await begin_checkout(engine, ADA, cart.cart.id, "1.00", None)
    assert codes_of(answer) == [UserErrorCode.TOTAL_CHANGED]
    assert await counted(engine, SINGLE) == (0, 0)
    read = await engine.cart(ADA, cart.cart.id)
    assert read is not None
    assert read.cart.freeze is None


async def test_what_is_used_up_is_said_and_nothing_is_held(engine: Panier) -> None:
    await quoted(engine, ADA, "ONLY-ONE")
    late = await filled(engine, guest("ben"), "ONLY-ONE", "TEN-EUROS")
    answer = await begun(engine, guest("ben"), late)
    assert codes_of(answer) == [UserErrorCode.LIMIT_REACHED, UserErrorCode.TOTAL_CHANGED]
    assert await counted(engine, TEN) == (0, 0)
    assert answer.priced is not None
    accepted = await begun(engine, guest("ben"), answer.priced)
    assert accepted.quoted is not None
    assert await counted(engine, TEN) == (0, 100)


async def test_the_rest_of_a_budget_is_given_in_part(engine: Panier) -> None:
    await quoted(engine, guest("a"), "REST")
    second = await filled(engine, guest("b"), "REST")
    answer = await begun(engine, guest("b"), second)
    assert codes_of(answer) == [UserErrorCode.LIMIT_REACHED, UserErrorCode.TOTAL_CHANGED]
    assert answer.priced is not None
    assert answer.priced.evaluation.totals.discounts_minor == 50
    accepted = await begun(engine, guest("b"), answer.priced)
    assert accepted.quoted is not None
    assert accepted.quoted.quote.uses[0].amount == 50


async def test_a_begin_that_is_sent_again_is_the_same_checkout(engine: Panier) -> None:
    cart = await filled(engine, ADA, "ONLY-ONE")
    first, second = await asyncio.gather(*[begun(engine, ADA, cart, "op") for _ in range(2)])
    third = await begun(engine, ADA, cart, "op")
    assert first.quoted is not None
    assert first.quoted == second.quoted == third.quoted
    assert [answer.replayed for answer in (first, second, third)].count(False) == 1
    assert await counted(engine, SINGLE) == (0, 1)


async def test_a_cancelled_checkout_gives_everything_back(engine: Panier) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    stranger = await cancel_checkout(engine, guest("eve"), quote.cart.id, quote.id, None)
    assert [error.code for error in stranger.errors] == [UserErrorCode.QUOTE_NOT_FOUND]
    cancelled = await cancel_checkout(engine, STAFF, quote.cart.id, quote.id, None)
    assert cancelled.errors == ()
    assert cancelled.priced is not None
    assert cancelled.priced.cart.freeze is None
    assert await counted(engine, SINGLE) == (0, 0)
    late = await paid(engine, ADA, quote)
    assert (codes_of(late), late.refund_due, late.order) == ([UserErrorCode.QUOTE_EXPIRED], True, None)
    assert await counted(engine, SINGLE) == (0, 0)


async def test_another_amount_is_refused(engine: Panier) -> None:
    quote = await quoted(engine, ADA)
    answer = await complete_checkout(engine, ADA, quote.cart.id, quote.id, "pay", "x" * 32)
    assert (codes_of(answer), answer.refund_due) == ([UserErrorCode.AMOUNT_MISMATCH], True)


async def expired(engine: Panier, connection: Connection, names: KeyNames, quote: Quote) -> None:
    """Let a quote's time be over: its freeze and its holds, as if minutes had passed."""
    key = names.cart(quote.cart.id)
    packed = msgpack.unpackb(await connection.command("GET", key))
    packed["fz"]["e"] = 1
    await connection.command("SET", key, msgpack.packb(packed), "KEEPTTL")
    for use in quote.uses:
        await engine.stores.limits.extend(use.limit, quote.id, InstantMs(1))


async def test_a_payment_may_outlive_the_quote(engine: Panier, connection: Connection, names: KeyNames) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    await expired(engine, connection, names, quote)
    assert await counted(engine, SINGLE) == (0, 0)
    answer = await paid(engine, ADA, quote)
    assert answer.order is not None
    assert answer.order.quote.total_minor == quote.total_minor
    assert await counted(engine, SINGLE) == (1, 0)


async def test_a_payment_that_comes_too_late_for_the_last_one_is_refunded(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE", "TEN-EUROS")
    await expired(engine, connection, names, quote)
    other = await quoted(engine, guest("ben"), "ONLY-ONE")
    answer = await paid(engine, ADA, quote)
    assert (codes_of(answer), answer.refund_due, answer.order) == (
        [UserErrorCode.QUOTE_EXPIRED, UserErrorCode.LIMIT_REACHED],
        True,
        None,
    )
    assert (await paid(engine, guest("ben"), other)).order is not None
    assert await counted(engine, SINGLE) == (1, 0)


async def test_an_expired_cart_that_was_changed_is_not_sold_by_the_old_quote(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    quote = await quoted(engine, ADA)
    await expired(engine, connection, names, quote)
    added = await engine.apply(ADA, quote.cart.id, None, lambda *_: AddLines((NewLine(Sku("oat"), 1),)))
    assert added.errors == ()
    answer = await paid(engine, ADA, quote)
    assert (codes_of(answer), answer.refund_due) == ([UserErrorCode.QUOTE_EXPIRED], True)


async def test_a_quote_is_extended_with_what_it_holds(engine: Panier, connection: Connection, names: KeyNames) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    await expired(engine, connection, names, quote)
    extended = await extend_checkout(engine, ADA, quote.cart.id, quote.id, None, 600)
    assert extended.errors == ()
    assert extended.quoted is not None
    assert extended.quoted.frozen is not None
    assert await counted(engine, SINGLE) == (0, 1)


async def test_a_cancelled_order_gives_back_what_its_promotions_say(engine: Panier) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE", "WELCOME")
    order = (await paid(engine, ADA, quote)).order
    assert order is not None
    assert codes_of(await cancel_order(engine, ADA, order.number, "changed my mind")) == [UserErrorCode.FORBIDDEN]
    for _ in range(2):
        cancelled = await cancel_order(engine, STAFF, order.number, "changed their mind")
        assert cancelled.order is not None
        assert cancelled.order.cancelled is not None
        assert await counted(engine, SINGLE) == (0, 0)
        assert await counted(engine, ONCE) == (1, 0)


# Races.


async def test_one_of_hundreds_gets_the_only_use(engine: Panier) -> None:
    callers = [guest(f"g{number}") for number in range(200)]
    carts = [await filled(engine, caller, "ONLY-ONE") for caller in callers]
    answers = await asyncio.gather(*[begun(engine, *each) for each in zip(callers, carts, strict=True)])
    won = [(caller, answer.quoted.quote) for caller, answer in zip(callers, answers, strict=True) if answer.quoted]
    assert len(won) == 1
    assert await counted(engine, SINGLE) == (0, 1)
    ((caller, quote),) = won
    assert (await paid(engine, caller, quote)).order is not None
    assert await counted(engine, SINGLE) == (1, 0)


async def test_a_budget_with_room_for_ten_is_given_to_ten(engine: Panier) -> None:
    callers = [guest(f"g{number}") for number in range(200)]
    carts = [await filled(engine, caller, "TEN-EUROS") for caller in callers]
    answers = await asyncio.gather(*[begun(engine, *each) for each in zip(callers, carts, strict=True)])
    won = [(caller, answer.quoted.quote) for caller, answer in zip(callers, answers, strict=True) if answer.quoted]
    assert len(won) == 10
    orders = await asyncio.gather(*[paid(engine, *each) for each in won])
    assert all(answer.order for answer in orders)
    assert await counted(engine, TEN) == (1000, 0)


async def test_payments_that_race_for_a_quote_make_one_order(engine: Panier) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    answers = await asyncio.gather(*[paid(engine, ADA, quote, f"pay-{number % 5}") for number in range(50)])
    orders = {answer.order.number for answer in answers if answer.order}
    assert len(orders) == 1
    kept = [number for number, answer in enumerate(answers) if answer.order and not answer.refund_due]
    assert len({number % 5 for number in kept}) == 1
    assert await counted(engine, SINGLE) == (1, 0)


async def test_a_late_payment_counts_though_the_customers_record_changed(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    await lapsed(connection, names, quote)
    back_office = Caller(CallerKind.SERVICE, "b", ChannelId("web"), scopes=frozenset({Scope.SERVICE}))
    await engine.upsert_customers(back_office, [Facts(CustomerId("ada"), segments=frozenset({"new"}))], {})
    shown = await engine.active_cart(ADA)
    assert shown is not None
    assert shown.cart.facts is not None
    assert shown.cart.facts.segments == {"new"}
    assert (await paid(engine, ADA, quote)).order is not None


# Deaths.


@pytest.mark.parametrize("step", Step)
async def test_whatever_dies_there_is_an_order_with_everything_posted_or_nothing(
    engine: Panier, connection: Connection, names: KeyNames, step: Step
) -> None:
    cart = await filled(engine, ADA, "ONLY-ONE", "WELCOME")

    def die(reached: str) -> None:
        if reached == step:
            raise KilledError

    engine.reached = die
    quote: Quote | None = None
    with pytest.raises(KilledError):  # noqa: PT012  # both steps of a checkout are at issue
        answer = await begun(engine, ADA, cart)
        assert answer.quoted is not None
        quote = answer.quoted.quote
        await paid(engine, ADA, quote)
    engine.reached = lambda _: None
    read = await engine.cart(ADA, cart.cart.id)
    assert read is not None
    if read.cart.freeze is not None:
        # The process that comes next lets the time of the attempt and of the quote pass, then sweeps.
        quote = quote or (await engine.stores.checkouts.read(cart.cart.id, read.cart.freeze.quote)).quote  # type: ignore[union-attr]
        await lapsed(connection, names, quote)
    await sweep(engine, age_ms=0)
    read = await engine.cart(ADA, cart.cart.id)
    assert read is not None
    if read.cart.ordered is None:
        if quote is None or step in {Step.HELD, Step.KEPT}:
            held = await counted(engine, SINGLE)
            assert held in {(0, 0), (0, 1)}, "what is held lapses by itself"
            return
        for use in quote.uses:
            await engine.stores.limits.extend(use.limit, quote.id, InstantMs(1))
        assert [await counted(engine, limit) for limit in (SINGLE, ONCE)] == [(0, 0), (0, 0)]
    else:
        assert [await counted(engine, limit) for limit in (SINGLE, ONCE)] == [(1, 0), (1, 0)]
        order = await find_order(engine, ADA, read.cart.ordered.number)
        assert order is not None
        assert await engine.stores.checkouts.work_left(order.number) == ""
        assert await orders_of(engine, ADA, CustomerId("ada")) == [order.number]


async def lapsed(connection: Connection, names: KeyNames, quote: Quote) -> None:
    """Let an attempt be given up by time."""
    key = names.cart(quote.cart.id)
    packed = msgpack.unpackb(await connection.command("GET", key))
    packed["fz"]["e"] = 1
    packed["fz"].pop("u", None)
    await connection.command("SET", key, msgpack.packb(packed), "KEEPTTL")
