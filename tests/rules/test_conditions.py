"""Conditions beyond their golden cases: faults, sentences, who may be told, and that everybody stays in their arm."""

from collections import Counter

import pytest

from engine.cart.draw import POINTS_BP, draw_of, point_bp
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.explain import explain_all, near_misses
from engine.types import PromotionId
from tests.carts import basket_of
from tests.rules.conftest import Load
from tests.rules.test_messages import marked, refused

GIVE = "give: {percent_off: {percent: 5%}}"
ARMS = "arms: {a: 50%, b: 50%}"


@pytest.mark.parametrize(
    ("written", "code", "repair"),
    [
        ("when: «{}»", "empty_when", "write one such as `spend: {at_least: 50 EUR}`"),
        (
            "when: {or: [{spend: {at_least: 5 EUR}}, «{}»]}",
            "empty_when",
            "write one such as `spend: {at_least: 50 EUR}`",
        ),
        ("when: {not: {«spnd»: {at_least: 5 EUR}}}", "unknown_field", "did you mean `spend`?"),
        ("when: {contains: {all: [{of: {«skuu»: milk}, at_least: 2}]}}", "unknown_field", "did you mean `sku`?"),
        ("when: {contains: {all: [{of: {sku: milk}, at_least: «0»}]}}", "invalid_value", ""),
        (
            "when: {weight: {at_least: «1.0005», unit: kg}}",
            "invalid_quantity",
            "write it like 1.5, with at most 3 decimals",
        ),
        ("when: {weight: {at_least: 1, unit: «piece»}}", "not_measured", "write `quantity:` to count them"),
        ("when: {delivery: «{}»}", "empty_delivery", "write `methods:`, `slots:` or `places:`"),
        ("when: {delivery: {methods: [«hom»]}}", "unknown_method", "did you mean `home`?"),
        ("when: {delivery: {slots: [«evning»]}}", "unknown_slot", "did you mean `evening`?"),
        ("when: {or: [{context: {channels: [«wep»]}}]}", "unknown_channel", "did you mean `web`?"),
        ("store_groups: [«citi»]", "unknown_group", "did you mean `city`?"),
        ("countries: [«FF»]", "unknown_country", "the shop has `FR`"),
        ("customers: {birthday: {within_days: «183»}}", "invalid_value", ""),
        ("customers: {orders: «{}»}", "empty_orders", "add `at_least:` or `below:`"),
        ("customers: {orders: «{at_least: 3, below: 3}»}", "empty_orders", "swap the two"),
        ("customers: «{nth_order: [0]}»", "invalid_order", "write 1 or more"),
        ("active: {except_days: [«2026-13-01»]}", "invalid_date", "write 2026-10-01 or 2026-10-01T20:00"),
        ("active: {except_days: [«2026-12-25T10:00»]}", "invalid_date", "write the day alone, such as 2026-12-25"),
        (f"when: {{experiment: «{{name: x, {ARMS}, arm: c}}»}}", "unknown_arm", "expected one of `a`, `b`"),
        ("when: {experiment: «{name: x, arms: {a: 60%, b: 50%}, arm: a}»}", "too_many_arms", "make them smaller"),
        ("when: {codes: {any: [«'?'»]}}", "invalid_code", "use letters and digits, at most 64 of them"),
    ],
)
def test_a_fault_in_a_condition_is_named_where_it_is(load: Load, written: str, code: str, repair: str) -> None:
    text, line, _ = marked(f"promotions:\n  - id: a\n    {written}\n    {GIVE}\n")
    (fault,) = refused(load, text)
    assert (fault.code, fault.span.line) == (code, line)
    assert fault.help == repair or not repair


def test_an_experiment_has_the_same_arms_wherever_it_is_named(load: Load) -> None:
    rules = "".join(
        f"  - {{id: {id_}, when: {{experiment: {{name: x, arms: {arms}, arm: a}}}}, {GIVE}}}\n"
        for id_, arms in (("one", "{a: 50%, b: 50%}"), ("two", "{b: 50%, a: 50%}"), ("three", "{a: 60%}"))
    )
    (fault,) = refused(load, "promotions:\n" + rules)
    assert (fault.code, fault.span.line) == ("arms_differ", 4)
    assert "rules.yaml:2" in fault.message


def test_an_unknown_unit_is_a_warning(load: Load) -> None:
    loaded = load(f"promotions:\n  - {{id: a, when: {{weight: {{at_least: 1, unit: lb}}}}, {GIVE}}}\n")
    assert [warning.code for warning in loaded.warnings] == ["unknown_unit"]


RULES = f"""
promotions:
  - {{id: weight, when: {{weight: {{at_least: 2.5, unit: kg}}}}, {GIVE}}}
  - {{id: products, when: {{products: {{at_least: 4}}}}, {GIVE}}}
  - {{id: product, when: {{products: {{at_least: 3}}}}, {GIVE}}}
  - {{id: line, when: {{line_amount: {{at_least: 50 EUR}}}}, {GIVE}}}
  - {{id: delivery, when: {{delivery: {{methods: [home]}}}}, {GIVE}}}
  - {{id: payment, when: {{payment: {{methods: [card]}}}}, {GIVE}}}
  - {{id: context, when: {{context: {{channels: [pos]}}}}, {GIVE}}}
  - {{id: time, when: {{active: {{until: 2026-01-01}}}}, {GIVE}}}
  - {{id: customer, when: {{customers: {{tiers: [gold]}}}}, {GIVE}}}
  - {{id: nobody, when: {{experiment: {{name: x, arms: {{none: 0.01%}}, arm: none}}}}, {GIVE}}}
  - {{id: not, when: {{not: {{quantity: {{at_least: 1}}}}}}, {GIVE}}}
  - {{id: code, when: {{codes: {{any: [HELLO]}}}}, {GIVE}}}
  - {{id: vip, when: {{or: [{{customers: {{segments: [vip]}}}}, {{quantity: {{at_least: 9}}}}]}}, {GIVE}}}
  - {{id: groups, store_groups: [city], channels: [web], {GIVE}}}
"""


def told(load: Load, shop: Shop, *, staff: bool, **document: object) -> dict[str, str]:
    rules = load(RULES).ruleset
    lines = [{"sku": "milk"}, {"sku": "ham", "quantity": "1.25"}]
    basket = basket_of(shop, lines=lines, draw=1, **document)
    explained = explain_all(basket, rules, evaluate(basket, rules, every_outcome=True), staff=staff)
    return {each.outcome.promotion: each.text for each in explained}


def test_every_condition_says_what_is_missing(load: Load, shop: Shop) -> None:
    assert told(load, shop, staff=True, channel="app", store="south") == {
        "weight": "weight: 1.25 kg more is needed (1.25 kg of 2.5 kg).",
        "products": "products: 2 more different products are needed (2 of 4).",
        "product": "product: 1 more different product is needed (2 of 3).",
        "line": "line: 25.12 EUR more is needed (24.88 EUR of 50.00 EUR).",
        "delivery": "delivery: it needs another delivery choice.",
        "payment": "payment: it needs another payment method.",
        "context": "context: it is not offered here.",
        "time": "time: it is not the time for it.",
        "customer": "customer: it is for other customers.",
        "nobody": "nobody: it is for other shoppers.",
        "not": "not: the cart holds something that excludes it.",
        "code": "code: it needs a code.",
        "vip": "vip: 7 more are needed (2 of 9).",
        "groups": "groups: not offered in the channel app, only in web.",
    }
    assert told(load, shop, staff=True, store="south")["groups"] == (
        "groups: not offered in the store south, only in stores of city."
    )


def test_shoppers_are_not_told_of_segments_and_codes_that_a_condition_names(load: Load, shop: Shop) -> None:
    assert {"vip", "code"}.isdisjoint(told(load, shop, staff=False))
    with_code = told(load, shop, staff=False, codes=["hello"])
    assert with_code["code"].startswith("code: applied")
    assert "vip" not in with_code


def test_a_code_that_a_condition_names_is_known(load: Load, shop: Shop) -> None:
    rules = load(RULES).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["hello", "nonsense"])
    states = [(verdict.canonical, verdict.state.value) for verdict in evaluate(basket, rules).codes]
    assert states == [("HELLO", "applied"), ("NONSENSE", "unknown")]


def test_near_misses_are_ordered_by_what_is_missing(load: Load, shop: Shop) -> None:
    rules = load(RULES).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}, {"sku": "ham", "quantity": "1.25"}])
    misses = near_misses(basket, rules, evaluate(basket, rules), staff=False)
    assert [miss.promotion for miss in misses] == ["line", "product", "products", "weight"]


@pytest.mark.parametrize(
    ("key", "customer"),
    [
        ("points: {at_least: 500}", {"points": 499}),
        ("account_age: {at_least_days: 30}", {}),
        ("birthday: {within_days: 7}", {}),
        ("orders: {below: 5}", {}),
        ("nth_order: [3]", {"orders": 1}),
        ("first_order_in: {category: grocery}", {}),
    ],
)
def test_the_outcome_names_what_is_not_true_or_not_known_of_a_customer(
    load: Load, shop: Shop, key: str, customer: dict[str, object]
) -> None:
    rules = load(f"promotions:\n  - {{id: a, customers: {{{key}}}, {GIVE}}}\n").ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], customer={"id": "ben", **customer})
    outcome = evaluate(basket, rules, every_outcome=True).outcomes[PromotionId("a")]
    assert (outcome.code, outcome.condition) == ("not_for_customer", key.partition(":")[0])


def test_arms_get_their_shares_and_experiments_do_not_go_together() -> None:
    draws = [draw_of(f"guest:{number}") for number in range(20_000)]
    halves = Counter((point_bp("one", draw) < POINTS_BP // 2, point_bp("two", draw) < POINTS_BP // 2) for draw in draws)
    assert all(4_800 < count < 5_200 for count in halves.values())
    assert len(halves) == 4
