"""What others have used up is known to carts before a checkout finds out."""

from dataclasses import replace

from engine.limits import LimitKind
from engine.pricing.evaluation import OutcomeCode
from engine.rules.load import load_rule_sources
from engine.service import Panier
from engine.source import Source
from engine.types import PromotionId
from engine.used_up import UsedUp
from tests.storage.test_checkout import begun, filled, guest, quoted
from tests.storage.test_checkout import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # likewise


async def verdict(engine: Panier, name: str, code: str, promotion: str) -> tuple[OutcomeCode, int]:
    """Return what becomes of a promotion in a new cart with a code."""
    cart = await filled(engine, guest(name), code)
    outcome = cart.evaluation.outcomes[PromotionId(promotion)]
    return outcome.code, outcome.granted_minor


async def test_a_cart_knows_what_is_used_up_and_what_is_free_again(engine: Panier) -> None:
    mirror = UsedUp(engine)
    await mirror.look()
    before = engine.snapshot
    await mirror.look()
    assert engine.snapshot is before, "nothing changed, so nothing is priced anew"
    quote = await quoted(engine, guest("a"), "ONLY-ONE")
    assert await verdict(engine, "b", "ONLY-ONE", "single") == (OutcomeCode.APPLIED, 100)
    await mirror.look()
    assert {limit.kind for limit in engine.snapshot.short} == {LimitKind.TOTAL}
    assert await verdict(engine, "c", "ONLY-ONE", "single") == (OutcomeCode.LIMIT_REACHED, 0)
    await engine.stores.limits.release(quote.uses[0].limit, quote.id)
    await mirror.look()
    assert await verdict(engine, "d", "ONLY-ONE", "single") == (OutcomeCode.APPLIED, 100)


async def test_the_rest_of_a_budget_is_what_a_cart_gets_of_it(engine: Panier) -> None:
    await quoted(engine, guest("a"), "REST")
    await UsedUp(engine).look()
    assert await verdict(engine, "b", "REST", "rest") == (OutcomeCode.CAPPED, 50)
    cart = await filled(engine, guest("c"), "REST")
    assert (await begun(engine, guest("c"), cart)).quoted is not None
    await UsedUp(engine).look()
    assert await verdict(engine, "d", "REST", "rest") == (OutcomeCode.BUDGET_SPENT, 0)


async def test_a_budget_that_is_not_given_in_part_is_open_until_it_is_spent(engine: Panier) -> None:
    await quoted(engine, guest("a"), "TEN-EUROS")
    await UsedUp(engine).look()
    assert await verdict(engine, "b", "TEN-EUROS", "ten") == (OutcomeCode.APPLIED, 100)


async def test_a_cart_shows_no_more_of_a_budget_than_there_is_though_nobody_took_of_it(engine: Panier) -> None:
    """What it shows is what a checkout gives: the shopper is not told of another total there."""
    text = "promotions: [{id: small, limits: {budget: 0.40 EUR, partial: true}, give: {order_amount_off: {amount: 1 EUR}}}]"
    loaded = engine.snapshot
    engine.snapshot = replace(loaded, ruleset=load_rule_sources([Source("rules.yaml", text)], loaded.shop).ruleset)
    cart = await filled(engine, guest("first"))
    assert cart.evaluation.totals.discounts_minor == 40
    answer = await begun(engine, guest("first"), cart)
    assert answer.quoted is not None, answer.errors
    await UsedUp(engine).look()
    late = await filled(engine, guest("late"))
    assert late.evaluation.outcomes[PromotionId("small")].code is OutcomeCode.BUDGET_SPENT
