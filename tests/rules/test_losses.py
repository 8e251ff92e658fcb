"""Discounts that cost more than they give: what is warned of, to whom, and that the amounts are exact."""

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.money import format_minor
from engine.pricing.basket import Basket
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.losses import ALTERNATIVES_MAX, Loss, loss_notices, losses
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.types import PromotionId
from tests.carts import basket_of
from tests.cases.running import Scenario, engine_basket, engine_rules
from tests.generator.scenarios import scenario, with_rules
from tests.rules.conftest import Load

HOME = {"method": "home", "place": "75001", "slot": "evening"}  # 4.90
LANES = (
    "lanes: [{name: item}, {name: bundle}, {name: order}, {name: one, mode: first}, {name: shipping}, {name: points}]\n"
)
FREE = (
    "{id: free, label: Free delivery, when: {spend: {at_least: 50 EUR}}, give: {delivery_percent_off: {percent: 100%}}}"
)
TWO = "{id: two, label: Two off, give: {amount_off: {amount: 2 EUR, per: selection}}}"


def loss(promotion: str, given_minor: int, lost: str, more_minor: int) -> Loss:
    return Loss(PromotionId(promotion), given_minor, tuple(PromotionId(id_) for id_ in lost.split()), more_minor)


def goods(*prices: str) -> list[dict[str, Any]]:
    return [{"product": {"sku": f"p{number}"}, "price": price} for number, price in enumerate(prices)]


def found(load: Load, shop: Shop, rules: list[str], **document: Any) -> list[Loss]:
    basket, ruleset = priced(load, shop, rules, **document)
    return losses(basket, ruleset, evaluate(basket, ruleset))


def told(load: Load, shop: Shop, rules: list[str], *, staff: bool, **document: Any) -> list[str]:
    basket, ruleset = priced(load, shop, rules, **document)
    seen = loss_notices(losses(basket, ruleset, evaluate(basket, ruleset)), basket, ruleset, staff=staff)
    assert all(notice.code == "BETTER_WITHOUT" for notice in seen)
    return [notice.message for notice in seen]


def priced(load: Load, shop: Shop, rules: list[str], **document: Any) -> tuple[Basket, Ruleset]:
    promotions = "".join(f"  - {rule}\n" for rule in rules)
    basket = basket_of(shop, **{"lines": goods("51.00"), "delivery": HOME, **document})
    return basket, load(f"{LANES}promotions:\n{promotions}").ruleset


def test_two_off_that_costs_free_delivery(load: Load, shop: Shop) -> None:
    assert found(load, shop, [TWO, FREE]) == [loss("two", 200, "free", 290)]
    assert told(load, shop, [TWO, FREE], staff=False) == [
        "Two off takes 2.00 EUR off at the expense of Free delivery: without it the cart would cost 2.90 EUR less"
    ]


@pytest.mark.parametrize(
    ("why", "rules", "document"),
    [
        ("it is still free", [TWO, FREE], {"lines": goods("52.00")}),
        ("it would not be free anyway", [TWO, FREE], {"lines": goods("49.99")}),
        ("the discount gives as much", [TWO.replace("2 EUR", "4.90 EUR"), FREE], {}),
        ("there is nothing to deliver", [TWO, FREE], {"delivery": {"method": "pickup"}}),
        ("the threshold is on list prices", [TWO, FREE.replace("50 EUR}", "50 EUR, threshold_on: list}")], {}),
        ("the discount comes later", [TWO.replace("id: two", "id: two, lane: points"), FREE], {}),
        ("it needs something else, too", [TWO, FREE.replace("spend:", "products: {at_least: 2}, spend:")], {}),
        (
            "its lane would not let it win",
            [
                TWO,
                FREE.replace("id: free", "id: free, lane: one"),
                "{id: always, lane: one, priority: 1, give: {delivery_price: {price: 4 EUR}}}",
            ],
            {},
        ),
    ],
)
def test_nothing_is_said_where(load: Load, shop: Shop, why: str, rules: list[str], document: dict[str, Any]) -> None:
    assert found(load, shop, rules, **document) == [], why


@pytest.mark.parametrize(
    ("rules", "document", "expected"),
    [
        (
            [TWO, "{id: lamp, when: {line_amount: {at_least: 50 EUR}}, give: {order_amount_off: {amount: 5 EUR}}}"],
            {},
            [loss("two", 200, "lamp", 300)],
        ),
        (
            # Of the same lane: tiers look at what is left.
            [
                TWO.replace("two,", "two, priority: 1,"),
                "{id: more, give: {tiers: {by_spend: [{spend: 50 EUR, amount: 5 EUR}]}}}",
            ],
            {},
            [loss("two", 200, "more", 300)],
        ),
        (
            # From 12 % down to 5 % is a loss as well: 6.12 against 2 and 2.45.
            [
                TWO.replace("two,", "two, priority: 1,"),
                "{id: more, give: {tiers: {by_spend: [{spend: 20 EUR, percent: 5%}, {spend: 50 EUR, percent: 12%}]}}}",
            ],
            {},
            [loss("two", 200, "more", 167)],
        ),
        (
            [TWO, "{id: rest, lane: order, give: {percent_off: {percent: 10%, on: {discounted: false}}}}"],
            {},
            [loss("two", 200, "rest", 310)],
        ),
        (
            [
                "{id: tiny, give: {amount_off: {amount: 1 EUR, per: line, on: {sku: p0}}}}",
                "{id: three, lane: order, when: {quantity: {at_least: 3, on: {discounted: false}}}, give: {order_percent_off: {percent: 10%}}}",
            ],
            {"lines": goods("10.00", "10.00", "10.00")},
            [loss("tiny", 100, "three", 200)],
        ),
        (
            # The nearest branch is not the one that would hold.
            [
                TWO,
                "{id: or, when: {or: [{quantity: {at_least: 2}}, {spend: {at_least: 50 EUR}}]}, give: {order_amount_off: {amount: 5 EUR}}}",
            ],
            {"lines": goods("51.00")},
            [loss("two", 200, "or", 300)],
        ),
        (
            [TWO, FREE, "{id: five, when: {spend: {at_least: 50 EUR}}, give: {order_amount_off: {amount: 1 EUR}}}"],
            {"lines": goods("52.00")},
            [loss("two", 200, "free", 290), loss("five", 100, "free", 390)],
        ),
        (
            # Five off the order would itself have cost free delivery, had it been given.
            [TWO, FREE, "{id: five, when: {spend: {at_least: 50 EUR}}, give: {order_amount_off: {amount: 5 EUR}}}"],
            {},
            [loss("two", 200, "five", 300)],
        ),
        (
            # Either of the two is to blame, each by itself.
            [TWO.replace("id: two", "id: other"), TWO, FREE],
            {"lines": goods("52.50")},
            [loss("other", 200, "free", 290), loss("two", 200, "free", 290)],
        ),
        (
            # Only both together are, and that is not looked for.
            [TWO.replace("id: two", "id: other"), TWO, FREE],
            {"lines": goods("51.00")},
            [],
        ),
        (
            [TWO, FREE, FREE.replace("id: free", "id: wrap").replace("delivery_percent_off", "fee_percent_off")],
            {"fees": [{"fee": "gift-wrap"}]},
            [loss("two", 200, "free wrap", 540)],
        ),
    ],
)
def test_what_is_found(
    load: Load, shop: Shop, rules: list[str], document: dict[str, Any], expected: list[Loss]
) -> None:
    assert found(load, shop, rules, **document) == expected


@pytest.mark.parametrize("secret", ["hidden: true", "codes: [HELLO]", "customers: {segments: [vip]}"])
@pytest.mark.parametrize("whose", ["two", "free"])
def test_shoppers_are_not_told_of_what_is_not_for_everybody(load: Load, shop: Shop, whose: str, secret: str) -> None:
    rules = [rule.replace(f"id: {whose},", f"id: {whose}, {secret},") for rule in (TWO, FREE)]
    document = {"codes": ["HELLO"], "customer": {"segments": ["vip"]}}
    assert len(told(load, shop, rules, staff=True, **document)) == 1
    seen = told(load, shop, rules, staff=False, **document)
    assert len(seen) == ("codes" in secret)  # whoever entered the code knows of it


def test_a_rival_that_gave_way_is_as_if_it_did_not_exist(load: Load, shop: Shop) -> None:
    alone = "{id: alone, exclusive: true, give: {amount_off: {amount: 4 EUR, per: selection}}}"
    rules = [alone, FREE, TWO]
    # 47 and 4.90, against 49 and 4.90; without `alone` there is still the one that gave way.
    assert found(load, shop, rules) == []
    assert found(load, shop, rules, lines=goods("53.00")) == []
    assert evaluate(*priced(load, shop, rules, lines=goods("53.00"))).totals.total_minor == 5100


def test_a_cart_is_priced_again_at_most_so_often(load: Load, shop: Shop) -> None:
    nine = [TWO.replace("id: two", f"id: off{number}").replace("2 EUR", "1 EUR") for number in range(9)]
    expected = [loss(f"off{number}", 100, "free", 390) for number in range(ALTERNATIVES_MAX)]
    assert found(load, shop, [*nine, FREE], lines=goods("58.50")) == expected


def test_and_never_where_no_threshold_can_be_at_issue(load: Load, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def again(*_: object, **__: object) -> None:
        pytest.fail("priced again")

    monkeypatch.setattr("engine.rules.losses.evaluate", again)
    assert found(load, shop, [TWO, FREE], lines=goods("60.00")) == []
    assert found(load, shop, [TWO, FREE], lines=goods("30.00", "19.99")) == []
    assert found(load, shop, [FREE], lines=goods("49.00")) == []
    assert found(load, shop, [TWO, FREE.replace("spend: {at_least: 50 EUR}", "quantity: {at_least: 9}")]) == []


def without(ruleset: Ruleset, promotion: str) -> Ruleset:
    others = [each.written for each in ruleset.promotions if each.id != promotion]
    return compile_ruleset(others, ruleset.lanes, ruleset.rounding, ruleset.loyalty)


quick = settings(
    max_examples=200, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
euros = st.integers(1, 8).map(lambda euros: f"{euros} EUR")


@st.composite
def near_thresholds(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]]]:
    """Draw amounts off, under thresholds that lie just above or below what goods cost."""
    rules = []
    for number in range(draw(st.integers(1, 3))):
        per, lane = draw(st.sampled_from(["line", "selection"])), draw(st.sampled_from(["item", "bundle", "order"]))
        give = f"{{amount_off: {{amount: {draw(euros)}, per: {per}}}}}"
        rules.append(f"{{id: off{number}, lane: {lane}, give: {give}}}")
    for number in range(draw(st.integers(1, 3))):
        word, at_least = draw(st.sampled_from(["spend", "line_amount"])), draw(st.integers(6, 22))
        benefit = draw(st.sampled_from(["order_amount_off", "delivery_amount_off"]))
        when = f"{{{word}: {{at_least: {at_least} EUR}}}}"
        rules.append(f"{{id: step{number}, when: {when}, give: {{{benefit}: {{amount: {draw(euros)}}}}}}}")
    prices = draw(st.lists(st.integers(4, 14), min_size=1, max_size=2))
    return rules, goods(*(f"{price}.00" for price in prices))


@quick
@given(near_thresholds())
def test_exactly_those_are_found_without_which_the_cart_is_cheaper(
    load: Load, shop: Shop, drawn: tuple[list[str], list[dict[str, Any]]]
) -> None:
    rules, lines = drawn
    basket, ruleset = priced(load, shop, rules, lines=lines)
    evaluation = evaluate(basket, ruleset)
    total = evaluation.totals.total_minor
    cheaper = {
        discount.promotion: total - left
        for discount in evaluation.discounts
        if (left := evaluate(basket, without(ruleset, discount.promotion)).totals.total_minor) < total
    }
    assert {each.promotion: each.more_minor for each in losses(basket, ruleset, evaluation)} == cheaper


def with_a_threshold(chance: Random) -> Scenario:
    """Return any rules and any cart, and an offer of the last lane that every discount on goods before it may cost."""
    drawn = scenario(chance)
    basket, ruleset = engine_basket(drawn), engine_rules(drawn)
    bound_minor = sum(line.list_minor for line in basket.lines if not line.product.never_discount)
    at_least = f"{format_minor(max(1, bound_minor), basket.currency)} {basket.currency}"
    offer = (
        f"promotions: [{{id: offer, lane: {ruleset.lanes[-1].name}, when: {{spend: {{at_least: {at_least}}}}}, "
        f"give: {{order_percent_off: {{percent: {chance.choice(['10%', '60%'])}}}}}}}]"
    )
    return with_rules(drawn, *drawn.rules, offer)


@quick
@given(st.randoms(use_true_random=False).map(with_a_threshold))
def test_under_any_rules_the_amount_is_what_leaving_it_out_saves(drawn: Scenario) -> None:
    basket, ruleset = engine_basket(drawn), engine_rules(drawn)
    evaluation = evaluate(basket, ruleset)
    for each in losses(basket, ruleset, evaluation):
        alternative = evaluate(basket, without(ruleset, each.promotion))
        assert evaluation.totals.total_minor - alternative.totals.total_minor == each.more_minor > 0
        assert evaluation.outcomes[each.promotion].granted_minor == each.given_minor > 0
        for lost in each.lost:
            assert alternative.outcomes[lost].granted_minor > evaluation.outcomes[lost].granted_minor
