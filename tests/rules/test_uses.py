"""From counters to carts and back: what limits leave of promotions, and which of them are worth watching."""

from engine.limits import ClosedLimits, Closing, Limit, LimitKind
from engine.pricing.shop import Shop
from engine.rules.uses import closed_limits, limits_at_issue, watched_limits
from engine.types import PromotionId
from tests.carts import basket_of, item
from tests.rules.conftest import Load

A, B = PromotionId("a"), PromotionId("b")
RULES = """\
promotions:
  - {id: a, codes: [ONCE], limits: {per_customer: 2, per_code: 1, total: 9}, give: {percent_off: {percent: 10%}}}
  - {id: b, active: {timezone: Asia/Tokyo}, limits: {per_day: 3, budget: {EUR: 5, USD: 6}, partial: true},
     give: {percent_off: {percent: 10%}}}
  - {id: c, give: {percent_off: {percent: 10%}}}
"""
BUDGET, DAY = Limit(B, LimitKind.BUDGET, "EUR"), Limit(B, LimitKind.PER_DAY, "2026-06-02")


def test_what_every_cart_may_meet_is_watched_and_nothing_of_single_customers(load: Load, shop: Shop) -> None:
    ruleset = load(RULES).ruleset
    basket = basket_of(
        shop, at="2026-06-01T23:30", customer={"id": "ada"}, codes=["once"], lines=[item("mug", "10.00")]
    )
    watched = {Limit(A, LimitKind.TOTAL): 9, DAY: 3, BUDGET: 500}
    assert watched_limits(basket, ruleset) == watched
    of_this_cart = {Limit(A, LimitKind.PER_CUSTOMER, "ada"): 2, Limit(A, LimitKind.PER_CODE, "ONCE"): 1}
    assert limits_at_issue(basket, ruleset) == watched | of_this_cart


def test_what_is_left_closes_promotions_or_caps_them(load: Load, shop: Shop) -> None:
    ruleset = load(RULES).ruleset
    basket = basket_of(shop, at="2026-06-01T23:30", lines=[item("mug", "10.00")])
    total = Limit(A, LimitKind.TOTAL)
    assert closed_limits(basket, ruleset, {}) == ClosedLimits()
    assert closed_limits(basket, ruleset, {total: 1, DAY: 1, BUDGET: 40}, "7") == ClosedLimits({}, {B: 40}, "7")
    spent = closed_limits(basket, ruleset, {total: 0, DAY: 3, BUDGET: -20})
    assert spent.closed == {A: Closing.LIMIT, B: Closing.BUDGET}
