"""Gifts, points, codes for later and fees: what their authors are told, and what shoppers are."""

import pytest

from engine.errors import RefusedError, UserErrorCode
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.explain import sentence
from engine.rules.gift_choices import admit_gift_choice, gift_choices, open_choices
from engine.rules.ruleset import Ruleset
from engine.types import PromotionId
from tests.carts import basket_of
from tests.rules.conftest import Load
from tests.rules.test_messages import marked, refused

RULES = """\
promotions:
  - {id: fixed, label: Milk for you, give: {gift: {sku: milk}}}
  - {id: far, give: {gift: {sku: cake}}}
  - {id: open, label: Pick one, give: {gift: {choice_of: [milk, oat, cake]}}}
  - {id: quiet, hidden: true, give: {gift: {choice_of: [milk, oat]}}}
  - {id: once, give: {points: {add: 50}}}
  - {id: euros, give: {points: {per: 1 EUR, add: 1, on: {sku: oat}}}}
  - {id: dear, give: {points: {per: 100 EUR, add: 1}}}
  - {id: later, give: {issue_code: {series: next, valid_days: 7}}}
  - {id: wrap, give: {fee_percent_off: {percent: 100%}}}
"""


def priced(load: Load, shop: Shop, **document: object) -> tuple[Basket, Ruleset, Evaluation]:
    rules = load(RULES).ruleset
    basket = basket_of(shop, **{"lines": [{"sku": "oat", "quantity": 2}], **document})
    return basket, rules, evaluate(basket, rules, every_outcome=True)


def test_every_verdict_on_an_extra_has_a_sentence(load: Load, shop: Shop) -> None:
    basket, rules, evaluation = priced(load, shop, fees=[{"fee": "gift-wrap"}])
    said = {id_: sentence(outcome, rules, basket, staff=True) for id_, outcome in evaluation.outcomes.items()}
    assert said == {
        "fixed": "Milk for you: applied, Milk 1 l is a gift.",
        "far": "far: there is no gift to be had here (cake: not_sold_here).",
        "open": "Pick one: choose a gift, Milk 1 l or Oat drink.",
        "quiet": "quiet: choose a gift, Milk 1 l or Oat drink.",
        "once": "once: applied, 50 points.",
        "euros": "euros: applied, 4 points.",
        "dear": "dear: 95.20 EUR more is needed (4.80 EUR of 100.00 EUR).",
        "later": "later: applied, a code for a later cart.",
        "wrap": "wrap: applied, 2.50 EUR off.",
    }


def test_an_open_choice_is_told_to_shoppers_unless_it_is_hidden(load: Load, shop: Shop) -> None:
    told = open_choices(*priced(load, shop))
    assert [(notice.code, notice.message) for notice in told] == [
        ("GIFT_CHOICE_OPEN", "Pick one: choose a gift, Milk 1 l or Oat drink")
    ]
    assert open_choices(*priced(load, shop, gift_choices={"open": "oat"})) == []


def test_choices_list_what_can_be_had_and_what_was_chosen(load: Load, shop: Shop) -> None:
    (choice,) = gift_choices(*priced(load, shop, gift_choices={"open": "oat"}), staff=False)
    assert (choice.promotion, choice.label, choice.chosen) == ("open", "Pick one", "oat")
    assert [product.sku for product in choice.options] == ["milk", "oat"]
    (south,) = gift_choices(*priced(load, shop, channel="pos", gift_choices={"open": "gone"}), staff=False)
    assert ([product.sku for product in south.options], south.chosen) == (["milk", "oat", "cake"], None)
    of_staff = gift_choices(*priced(load, shop), staff=True)
    assert [each.promotion for each in of_staff] == ["open", "quiet"]


@pytest.mark.parametrize(
    ("promotion", "sku", "field"),
    [
        ("open", "ham", "sku"),
        ("fixed", "milk", "promotionId"),
        ("once", "milk", "promotionId"),
        ("x", "milk", "promotionId"),
    ],
)
def test_a_gift_that_is_not_offered_cannot_be_chosen(load: Load, promotion: str, sku: str, field: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        admit_gift_choice(promotion, sku, load(RULES).ruleset)
    assert [(error.code, error.field) for error in refusal.value.errors] == [(UserErrorCode.UNKNOWN_GIFT, (field,))]


def test_a_choice_is_made_and_taken_back(load: Load) -> None:
    rules = load(RULES).ruleset
    assert admit_gift_choice("open", "oat", rules).ops() == [["choose", "open", "oat"]]
    assert admit_gift_choice("gone", None, rules).ops() == [["choose", "gone", False]]


@pytest.mark.parametrize(
    ("give", "code"),
    [
        ("gift: «{sku: milk, choice_of: [oat]}»", "one_gift"),
        ("gift: «{quantity: 2}»", "one_gift"),
        ("gift: «{sku: milk, at_most: 1 EUR}»", "gift_at_most"),
        ("points: «{add: 1, multiply: 2}»", "one_way"),
        ("points: «{per: 1 EUR}»", "one_way"),
        ("points: «{per: 1 EUR, multiply: 2}»", "one_way"),
        ("points: «{add: 100, on: {sku: milk}}»", "points_on"),
        ("points: «{add: 100, at_most: 1 EUR}»", "points_at_most"),
        ("points: {multiply: «1»}", "invalid_multiplier"),
        ("points: {multiply: «1.125»}", "invalid_multiplier"),
        ("points: {multiply: «twice»}", "invalid_multiplier"),
        ("issue_code: «{series: a, valid_days: 7, at_most: 1 EUR}»", "code_at_most"),
        ("fee_percent_off: {percent: 5%, fees: [«gift-wrpa»]}", "unknown_fee"),
    ],
)
def test_a_fault_points_at_its_place(load: Load, give: str, code: str) -> None:
    text, line, column = marked(f"promotions:\n  - id: a\n    give: {{{give}}}\n")
    (fault,) = refused(load, text)
    assert (fault.code, fault.span.line, fault.span.column) == (code, line, column)
    assert fault.help


@pytest.mark.parametrize("way", ["sku: «mlik»", "cheapest_of: [milk, «mlik»]", "choice_of: [«mlik», oat]"])
def test_a_gift_that_the_shop_does_not_have_is_a_warning(load: Load, way: str) -> None:
    text, line, column = marked(f"promotions:\n  - id: a\n    give: {{gift: {{{way}}}}}\n")
    (warning,) = load(text).warnings
    assert (warning.code, warning.span.line, warning.span.column) == ("unknown_sku", line, column)
    assert "did you mean `milk`?" in warning.help


def test_an_example_may_expect_points(load: Load) -> None:
    rules = """\
promotions:
  - id: a
    give: {points: {per: 1 EUR, add: 2}}
    examples: [{cart: [{sku: oat, quantity: 2}], expect: {points: «7»}}]
"""
    text, line, column = marked(rules)
    (fault,) = refused(load, text)
    assert (fault.code, fault.message, fault.span.line, fault.span.column) == (
        "example_failed",
        "expected 7 points, got 8",
        line,
        column,
    )
    assert load(text.replace("points: 7", "points: 8")).ruleset.by_id.keys() == {PromotionId("a")}
