"""Codes that orders bring, on a real store: made once, used once, and void when their order is cancelled."""

import asyncio
import json

import pytest

from engine.callers import Caller
from engine.cart.codes import grouped, is_voucher
from engine.cart.model import VoucherEnd
from engine.cart.snapshot import read_snapshot, snapshot_document
from engine.checkout.model import Order, Quote
from engine.checkout.steps import Step
from engine.checkout_service import cancel_checkout, cancel_order, find_order
from engine.errors import UserErrorCode
from engine.limits import voucher_limit
from engine.offline_service import record_sale, take_snapshot
from engine.priced import PricedCart, Snapshot
from engine.pricing.admission import admit_codes
from engine.pricing.evaluation import CodeState
from engine.pricing.requests import Limits
from engine.rules.load import load_rule_sources
from engine.service import Panier
from engine.source import Source
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.offline import Overshoot
from engine.storage.stores import Stores
from engine.sweeping import sweep
from engine.types import CustomerId, InstantMs, PromotionId
from engine.vouchers import vouchers_of
from tests.shops import small_shop
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import ADA, STAFF, KilledError, begun, codes_of, counted, filled, guest, paid
from tests.storage.test_sales_posted import TILL, sale_of

RULES = """\
promotions:
  - id: next-time
    codes: [BRING]
    give: {issue_code: {series: next-visit, valid_days: 30}}
  - id: again
    codes: series:next-visit
    give: {order_amount_off: {amount: 1 EUR}}
"""
KEPT = """\
promotions:
  - id: next-time
    codes: [BRING]
    give: {issue_code: {series: next-visit, valid_days: 30}}
  - id: again
    codes: series:next-visit
    limits: {total: 100, on_cancel: keep}
    give: {order_amount_off: {amount: 1 EUR}}
"""
BEN = guest("ben")
AGAIN = PromotionId("again")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    shop = small_shop(tmp_path_factory.mktemp("shop"))
    return Snapshot(shop, load_rule_sources([Source("rules.yaml", RULES)], shop).ruleset)


@pytest.fixture
def engine(snapshot: Snapshot, connection: Connection, names: KeyNames) -> Panier:
    return Panier(snapshot, Stores.on(connection, names, LIMITS), Limits())


async def quoted(engine: Panier, cart: PricedCart, caller: Caller = BEN) -> Quote:
    answer = await begun(engine, caller, cart)
    assert answer.quoted is not None, answer.errors
    return answer.quoted.quote


async def ordered(engine: Panier, *codes: str, caller: Caller = ADA) -> Order:
    cart = await filled(engine, caller, *codes)
    done = await paid(engine, caller, await quoted(engine, cart, caller))
    assert done.order is not None, done.errors
    return done.order


async def brought(engine: Panier) -> str:
    """Return a code that an order brought."""
    (issued,) = (await ordered(engine, "BRING")).issued
    return issued.code


def told(cart: PricedCart) -> list[tuple[CodeState, str]]:
    return [(each.state, cart.code_reason(each, staff=False)) for each in cart.evaluation.codes]


async def test_an_order_brings_a_code_that_takes_something_off_a_later_one(engine: Panier) -> None:
    order = await ordered(engine, "BRING")
    (issued,) = order.issued
    assert is_voucher(issued.code)
    assert (issued.series, issued.ended) == ("next-visit", None)
    assert 0 <= issued.expires_ms - order.placed_ms - 30 * 24 * 3600 * 1000 < 60_000
    assert await find_order(engine, ADA, order.number) == order
    assert await vouchers_of(engine.stores, ADA, CustomerId("ada")) == (issued,)
    assert await vouchers_of(engine.stores, BEN, CustomerId("ada")) == ()

    cart = await filled(engine, BEN, grouped(issued.code).lower())
    assert told(cart) == [(CodeState.APPLIED, "")]
    later = await quoted(engine, cart)
    assert await counted(engine, voucher_limit(issued.code)) == (0, 1)
    assert (await paid(engine, BEN, later)).order is not None
    again = await find_order(engine, ADA, order.number)
    assert again is not None
    assert [each.ended for each in again.issued] == [VoucherEnd.USED]
    late = await filled(engine, guest("eve"), issued.code)
    assert told(late) == [(CodeState.NOT_APPLIED, "it was used before")]


async def test_the_word_of_a_series_is_no_code(engine: Panier) -> None:
    cart = await filled(engine, BEN, "next-visit", "SERIESNEXTVISIT")
    assert [state for state, _ in told(cart)] == [CodeState.UNKNOWN] * 2


async def test_what_was_guessed_is_unknown(engine: Panier) -> None:
    cart = await filled(engine, BEN, "234567892342")
    assert told(cart) == [(CodeState.UNKNOWN, "there is no such code, check how it is written")]


async def test_one_of_hundreds_uses_a_code(engine: Panier) -> None:
    code = await brought(engine)
    callers = [guest(f"g{number}") for number in range(300)]
    carts = [await filled(engine, caller, code) for caller in callers]
    answers = await asyncio.gather(*[begun(engine, *each) for each in zip(callers, carts, strict=True)])
    won = [answer.quoted.quote for answer in answers if answer.quoted]
    assert len(won) == 1
    for answer in answers:
        assert answer.quoted or codes_of(answer) == [UserErrorCode.LIMIT_REACHED, UserErrorCode.TOTAL_CHANGED]
        assert answer.quoted or (
            answer.priced and told(answer.priced) == [(CodeState.NOT_APPLIED, "it was used before")]
        )
    winner = next(caller for caller, answer in zip(callers, answers, strict=True) if answer.quoted)
    assert (await cancel_checkout(engine, winner, won[0].cart.id, won[0].id, None)).errors == ()
    assert await counted(engine, voucher_limit(code)) == (0, 0)


async def test_a_cancelled_order_takes_its_code_along_and_gives_back_the_one_it_used(engine: Panier) -> None:
    first = await ordered(engine, "BRING")
    (issued,) = first.issued
    second = await ordered(engine, issued.code, "BRING", caller=BEN)
    cancelled = (await cancel_order(engine, STAFF, second.number, "sent back")).order
    assert cancelled is not None
    assert [each.ended for each in cancelled.issued] == [VoucherEnd.VOID]
    assert await counted(engine, voucher_limit(issued.code)) == (0, 0)
    cart = await filled(engine, guest("eve"), cancelled.issued[0].code, issued.code)
    assert told(cart) == [
        (CodeState.NOT_APPLIED, "the order that it came with was cancelled"),
        (CodeState.APPLIED, ""),
    ]


async def test_what_was_used_is_not_void(engine: Panier) -> None:
    first = await ordered(engine, "BRING")
    await ordered(engine, first.issued[0].code, caller=BEN)
    cancelled = (await cancel_order(engine, STAFF, first.number, "sent back")).order
    assert cancelled is not None
    assert [each.ended for each in cancelled.issued] == [VoucherEnd.USED]


async def test_a_code_stays_used_where_its_promotion_says_so(
    engine: Panier, snapshot: Snapshot, connection: Connection, names: KeyNames
) -> None:
    ruleset = load_rule_sources([Source("rules.yaml", KEPT)], snapshot.shop).ruleset
    keeping = Panier(Snapshot(snapshot.shop, ruleset), engine.stores, engine.limits)
    code = await brought(keeping)
    second = await ordered(keeping, code, caller=BEN)
    await cancel_order(keeping, STAFF, second.number, "sent back")
    assert await counted(keeping, voucher_limit(code)) == (1, 0)


async def test_a_checkout_looks_again_at_what_became_void(engine: Panier) -> None:
    order = await ordered(engine, "BRING")
    (issued,) = order.issued
    cart = await filled(engine, BEN, issued.code)
    assert told(cart) == [(CodeState.APPLIED, "")]
    await cancel_order(engine, STAFF, order.number, "sent back")
    answer = await begun(engine, BEN, cart)
    assert codes_of(answer) == [UserErrorCode.LIMIT_REACHED, UserErrorCode.TOTAL_CHANGED]
    assert await counted(engine, voucher_limit(issued.code)) == (0, 0)
    # Entered again, it says what became of it.
    entered = await engine.apply(BEN, cart.cart.id, None, lambda _, limits, __: admit_codes([issued.code], limits))
    assert entered.priced is not None
    assert told(entered.priced) == [(CodeState.NOT_APPLIED, "the order that it came with was cancelled")]


async def test_a_code_expires_by_itself(engine: Panier, snapshot: Snapshot) -> None:
    (issued,) = (await ordered(engine, "BRING")).issued
    cart = await filled(engine, BEN, issued.code)
    for at_ms, expected in (
        (issued.expires_ms - 1, (CodeState.APPLIED, "")),
        (issued.expires_ms, (CodeState.NOT_APPLIED, "it has expired")),
    ):
        assert told(PricedCart(cart.cart, snapshot, InstantMs(at_ms))) == [expected]


@pytest.mark.parametrize("step", [Step.PLACED, Step.POSTED, "drawn", "noted"])
async def test_a_death_while_settling_brings_no_second_code(
    engine: Panier, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    cart = await filled(engine, ADA, "BRING")
    quote = await quoted(engine, cart, ADA)

    def die(reached: str) -> None:
        if reached == step:
            raise KilledError

    dying = Panier(engine.snapshot, engine.stores, engine.limits)
    dying.reached = die

    async def dead(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        if step == "drawn":
            patch.setattr(engine.stores.checkouts, "issued_once", dead)
        if step == "noted":
            patch.setattr(engine.stores.vouchers, "list_for", dead)
        with pytest.raises(KilledError):
            await paid(dying, ADA, quote)
    await sweep(engine, age_ms=0)
    done = await paid(engine, ADA, quote)
    assert done.order is not None
    assert len(done.order.issued) == 1
    assert await vouchers_of(engine.stores, ADA, CustomerId("ada")) == done.order.issued
    assert await engine.stores.checkouts.work_left(done.order.number) == ""


async def test_what_a_till_sold_offline_uses_the_code_that_it_took_along(engine: Panier) -> None:
    code = await brought(engine)
    carts = [await filled(engine, guest(f"g{number}"), code) for number in (1, 2)]
    taken = [await take_snapshot(engine, TILL, cart.cart.id, 3600) for cart in carts]
    for number, (answer, overshoot) in enumerate(zip(taken, (Overshoot(), Overshoot((AGAIN,))), strict=True)):
        assert answer.snapshot is not None
        read = read_snapshot(json.loads(json.dumps(snapshot_document(answer.snapshot))))
        assert [entry.voucher and entry.voucher.series for entry in read.cart.codes] == ["next-visit"]
        recorded = await record_sale(engine, TILL, read, sale_of(number, again="1.00"))
        assert recorded.sale is not None, recorded.errors
        assert recorded.sale.overshoot == overshoot
    assert await counted(engine, voucher_limit(code)) == (2, 0)
