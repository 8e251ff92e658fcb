"""Why, why not, how far: in words, and only to whom it may be told."""

from dataclasses import replace

import pytest

from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.explain import explain_all, near_misses
from engine.types import PromotionId
from tests.carts import basket_of
from tests.rules.conftest import Load

RULES = """
promotions:
  - id: applied
    label: {en: Five percent, fr: Cinq pour cent}
    give: {percent_off: {percent: 5%}}
  - id: capped
    give: {amount_off: {amount: 1 EUR, per: selection, at_most: 0.50 EUR}}
  - id: order
    label: Ten off
    when: {spend: {at_least: 50 EUR}}
    give: {order_amount_off: {amount: 10 EUR}}
  - id: three
    when: {quantity: {at_least: 3, on: {sku: milk}}}
    give: {percent_off: {percent: 5%, on: {sku: milk}}}
  - id: no-milk
    when: {contains: {none: [{sku: milk}]}}
    give: {order_percent_off: {percent: 1%}}
  - id: over
    active: {until: 2026-01-01}
    give: {percent_off: {percent: 50%}}
  - id: evening
    active: {weekly: [{days: [mon], from: "17:00", until: "21:00"}]}
    give: {percent_off: {percent: 50%}}
  - id: till
    channels: [pos]
    give: {percent_off: {percent: 50%}}
  - id: south
    stores: [south]
    give: {percent_off: {percent: 50%}}
  - id: dollars
    give: {order_amount_off: {amount: 1 USD}}
  - id: gold
    customers: {tiers: [gold]}
    give: {percent_off: {percent: 1%}}
  - id: vip
    customers: {segments: [vip]}
    when: {spend: {at_least: 20 EUR}}
    give: {percent_off: {percent: 1%}}
  - id: secret
    codes: [HELLO]
    when: {spend: {at_least: 20 EUR}}
    give: {percent_off: {percent: 1%}}
  - id: quiet
    hidden: true
    when: {spend: {at_least: 20 EUR}}
    give: {percent_off: {percent: 1%}}
  - id: home
    give: {delivery_percent_off: {percent: 100%}}
"""


def words(load: Load, shop: Shop, only: str | None = None, *, staff: bool = True, **document: object) -> dict[str, str]:
    rules = load(RULES).ruleset
    basket = basket_of(shop, **{"lines": [{"sku": "milk", "quantity": 2}], **document})
    evaluation = evaluate(basket, rules, every_outcome=only is None and staff)
    return {
        explained.outcome.promotion: explained.text
        for explained in explain_all(basket, rules, evaluation, staff=staff, only=PromotionId(only) if only else None)
    }


def test_every_verdict_has_a_sentence(load: Load, shop: Shop) -> None:
    assert words(load, shop) == {
        "applied": "Five percent: applied, 0.12 EUR off.",
        "capped": "capped: applied, 0.50 EUR off, cut from 1.00 EUR.",
        "dollars": "dollars: it states no amount in EUR.",
        "evening": "evening: not active now, opens 2026-06-01T17:00:00+02:00.",
        "gold": "gold: sign in to see whether it is for you.",
        "home": "home: nothing in the cart can take this discount.",
        "no-milk": "no-milk: the cart holds something that excludes it.",
        "order": "Ten off: 48.22 EUR more is needed (1.78 EUR of 50.00 EUR).",
        "over": "over: it ended 2026-01-02T00:00:00+01:00.",
        "quiet": "quiet: 17.60 EUR more is needed (2.40 EUR of 20.00 EUR).",
        "secret": "secret: it needs a code.",
        "south": "south: not offered in the store north, only in south.",
        "three": "three: 1 more is needed (2 of 3).",
        "till": "till: not offered in the channel web, only in pos.",
        "vip": "vip: sign in to see whether it is for you.",
    }


def test_a_shopper_is_told_of_open_promotions_and_of_the_codes_they_entered(load: Load, shop: Shop) -> None:
    told = words(load, shop, staff=False, customer={"segments": ["vip"]}, codes=["hello"])
    assert "order" in told
    assert "secret" in told, "its code is in the cart"
    assert "vip" not in told, "segments are nobody's business but the shop's"
    assert "quiet" not in told
    assert "secret" not in words(load, shop, staff=False)


def test_a_rival_that_is_secret_is_not_named(load: Load, shop: Shop) -> None:
    rules = load(
        """
lanes: [{name: item, mode: best}]
promotions:
  - {id: open, give: {percent_off: {percent: 10%}}}
  - {id: secret, hidden: true, give: {percent_off: {percent: 20%}}}
"""
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}])
    evaluation = evaluate(basket, rules)
    told = {staff: explain_all(basket, rules, evaluation, staff=staff)[-1] for staff in (False, True)}
    assert told[False].text == "open: another offer is better or goes first."
    assert told[False].outcome.detail == ""
    assert told[True].text == "open: another offer is better or goes first (secret)."


def test_one_promotion_is_explained_even_where_the_index_did_not_find_it(load: Load, shop: Shop) -> None:
    assert words(load, shop, "till", staff=False) == {"till": "till: not offered in the channel web, only in pos."}
    assert words(load, shop, "vip", staff=False) == {}
    assert words(load, shop, "nonsense", staff=False) == {}


def test_labels_follow_the_locale(load: Load, shop: Shop) -> None:
    assert words(load, shop, "applied", locale="fr") == {"applied": "Cinq pour cent: applied, 0.12 EUR off."}


@pytest.mark.parametrize("staff", [False, True])
def test_near_misses_say_what_is_missing_nearest_first(load: Load, shop: Shop, *, staff: bool) -> None:
    rules = load(RULES).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk", "quantity": 2}])
    misses = near_misses(basket, rules, evaluate(basket, rules), staff=staff)
    hidden = [("quiet", "money", 1760)] if staff else []
    assert [(miss.promotion, miss.measure, miss.distance) for miss in misses] == [
        *hidden,
        ("order", "money", 4822),
        ("three", "units", 1),
    ]


SETS = """
promotions:
  - id: three
    label: Three for two
    give: {n_for_m: {take: 3, pay: 2, on: {category: grocery/dairy}, except: {tag: vegan}}}
  - id: breakfast
    give: {bundle: {groups: [{on: {sku: milk}}, {quantity: 2, on: {sku: oat}}, {on: {attribute: {brand: Mill}}}], free: true}}
  - id: any
    give: {bundle: {groups: [{quantity: 9, on: {price: {at_least: 2 EUR, below: 3 EUR}}}, {}], free: true}}
  - id: with
    give: {buy_get: {buy: {quantity: 1, on: {sku: milk}}, get: {free: true, on: {or: [{tag: new}, {not: {discounted: true}, sku: [cake, ham]}]}}}}
  - id: steps
    give: {tiers: {by_spend: [{spend: 5 EUR, percent: 5%}]}}
  - id: fourth
    give: {percent_off: {percent: 50%, pick: {nth: 4}}}
  - id: all
    when: {contains: {all: [{sku: milk}, {tag: vegan}, {of: {sku: cake}, at_least: 3}]}}
    give: {percent_off: {percent: 1%}}
  - id: some
    when: {contains: {any: [{sku: cake}, {of: {sku: ham}, at_least: 3}]}}
    give: {percent_off: {percent: 1%}}
  - id: quiet
    hidden: true
    give: {n_for_m: {take: 4, pay: 3}}
"""


def test_a_benefit_says_what_its_first_set_or_step_lacks_and_of_what(load: Load, shop: Shop) -> None:
    rules = load(SETS).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk", "quantity": 2}])
    misses = near_misses(basket, rules, evaluate(basket, rules, every_outcome=True), staff=False)
    assert [(miss.condition, miss.text) for miss in misses] == [
        ("tiers", "steps: 2.60 EUR more is needed (2.40 EUR of 5.00 EUR)."),
        ("contains", "some: 1 more is needed (0 of 1): sku cake."),
        ("n_for_m", "Three for two: 1 more is needed (2 of 3): category grocery/dairy, but not tag vegan."),
        ("buy_get", "with: 1 more is needed (1 of 2): tag new or (sku cake or ham and not discounted)."),
        ("percent_off", "fourth: 2 more are needed (2 of 4)."),
        ("bundle", "breakfast: 3 more are needed (1 of 4): 2 of sku oat, 1 of brand Mill."),
        ("contains", "all: 4 more are needed (1 of 5): 1 of tag vegan, 3 of sku cake."),
        ("bundle", "any: 9 more are needed (1 of 10): price from 2.00 EUR below 3.00 EUR."),
    ]


def test_a_promotion_behind_the_one_that_goes_first_is_no_near_miss(load: Load, shop: Shop) -> None:
    rules = load(
        """
lanes: [{name: item, mode: first}, {name: order}]
promotions:
  - {id: best, priority: 3, lane: item, give: {n_for_m: {take: 4, pay: 3}}}
  - {id: given, priority: 2, lane: item, give: {percent_off: {percent: 10%}}}
  - {id: behind, priority: 1, lane: item, give: {n_for_m: {take: 3, pay: 2}}}
  - {id: poor, when: {spend: {at_least: 9 EUR}}, lane: item, give: {percent_off: {percent: 20%}}}
  - {id: later, when: {spend: {at_least: 9 EUR}}, give: {order_percent_off: {percent: 5%}}}
"""
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk", "quantity": 2}])
    misses = near_misses(basket, rules, evaluate(basket, rules), staff=False)
    assert [miss.promotion for miss in misses] == ["later", "best"]


def test_a_rival_is_called_by_its_label(load: Load, shop: Shop) -> None:
    rules = load(
        """
lanes: [{name: item, mode: best}]
promotions:
  - {id: little, give: {percent_off: {percent: 10%}}}
  - {id: a-77, label: {en: Summer sale, fr: Soldes}, give: {percent_off: {percent: 20%}}}
"""
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], locale="fr")
    told = explain_all(basket, rules, evaluate(basket, rules), staff=False)[-1]
    assert told.text == "little: another offer is better or goes first (Soldes)."
    assert told.outcome.detail == "a-77"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("customers: {tiers: [gold]}", "it is for other customers"),
        ("context: {channels: [web]}", "it is not offered here"),
        ("codes: {any: [HELLO]}", "a code in the cart excludes it"),
        ("spend: {at_least: 1 EUR}", "the cart holds something that excludes it"),
        (
            "customers: {tiers: [gold]}, and: [{quantity: {at_least: 1}}]",
            "it is for other customers or the cart holds something that excludes it",
        ),
    ],
)
def test_a_failed_not_says_what_is_in_the_way(load: Load, shop: Shop, written: str, said: str) -> None:
    rules = load(
        f"promotions: [{{id: a, when: {{not: {{{written}}}}}, give: {{percent_off: {{percent: 1%}}}}}}]"
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["hello"], customer={"tier": "gold"})
    [told] = explain_all(basket, rules, evaluate(basket, rules), staff=True)
    assert told.text == f"a: {said}."


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ("stores: [north]", "north"),
        ("store_groups: [city]", "stores of city"),
        ("countries: [FR]", "stores in FR"),
        ("stores: [south], store_groups: [city]", "stores of city"),
    ],
)
def test_a_wrong_store_is_told_by_what_it_does_not_fit(load: Load, shop: Shop, keys: str, where: str) -> None:
    rules = load(f"promotions: [{{id: a, {keys}, give: {{percent_off: {{percent: 1%}}}}}}]").ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], store="south")
    abroad = replace(basket, store=replace(basket.store, country="BE"))
    [told] = explain_all(abroad, rules, evaluate(abroad, rules, every_outcome=True), staff=False)
    assert told.text == f"a: not offered in the store south, only in {where}."
