"""Why, why not, how far: in words, and only to whom it may be told."""

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
