"""Promotions that do not go together, wherever in the cart they would apply."""

import pytest

from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from tests.carts import basket_of
from tests.rules.conftest import Load

FIFTY = [{"product": {"sku": "boot", "category": "shoes"}, "price": "50.00"}]


def verdicts(load: Load, shop: Shop, rules: str, **document: object) -> tuple[int, dict[str, str]]:
    basket = basket_of(shop, **{"lines": FIFTY, **document})
    evaluation = evaluate(basket, load(f"promotions:\n{rules}").ruleset)
    told = {
        id_: outcome.code + (f" {outcome.detail}" if outcome.detail else "")
        for id_, outcome in evaluation.outcomes.items()
    }
    return evaluation.totals.total_minor, dict(sorted(told.items()))


def test_an_exclusive_promotion_stands_alone_where_that_is_cheaper(load: Load, shop: Shop) -> None:
    rules = """
  - {id: alone, exclusive: true, give: {percent_off: {percent: 30%}}}
  - {id: ten, give: {percent_off: {percent: 10%}}}
  - {id: five, give: {order_amount_off: {amount: 5 EUR}}}
"""
    assert verdicts(load, shop, rules) == (3500, {"alone": "applied", "five": "lost_to alone", "ten": "lost_to alone"})


def test_and_gives_way_where_the_others_together_are_cheaper(load: Load, shop: Shop) -> None:
    rules = """
  - {id: alone, exclusive: true, give: {percent_off: {percent: 15%}}}
  - {id: ten, give: {percent_off: {percent: 10%}}}
  - {id: five, give: {order_amount_off: {amount: 5 EUR}}}
"""
    assert verdicts(load, shop, rules) == (4000, {"alone": "lost_to ten", "five": "applied", "ten": "applied"})


def test_tags_exclude_whichever_of_the_two_says_so(load: Load, shop: Shop) -> None:
    for excluder, other in (("a", "b"), ("b", "a")):
        rules = f"""
  - {{id: {excluder}, tags: [x], excludes: [y], give: {{percent_off: {{percent: 10%}}}}}}
  - {{id: {other}, tags: [y], give: {{percent_off: {{percent: 20%}}}}}}
"""
        total, told = verdicts(load, shop, rules)
        assert (total, told[other]) == (4000, "applied")
        assert told[excluder] == f"lost_to {other}"


def test_combines_with_is_a_list_of_the_only_companions(load: Load, shop: Shop) -> None:
    rules = """
  - {id: club, tags: [club], combines_with: [delivery], give: {percent_off: {percent: 20%}}}
  - {id: free, tags: [delivery], give: {delivery_percent_off: {percent: 100%}}}
  - {id: week, tags: [week], give: {order_percent_off: {percent: 5%}}}
"""
    choice = {"method": "home", "place": "10000", "slot": "day"}
    total, told = verdicts(load, shop, rules, delivery=choice)
    assert told == {"club": "applied", "free": "applied", "week": "lost_to club"}
    assert total == 4000


def test_of_equals_the_one_with_priority_is_kept(load: Load, shop: Shop) -> None:
    rules = """
  - {id: a, tags: [x], excludes: [x], give: {percent_off: {percent: 10%}}}
  - {id: b, tags: [x], excludes: [x], priority: 5, give: {percent_off: {percent: 10%}}}
"""
    assert verdicts(load, shop, rules)[1] == {"a": "lost_to b", "b": "applied"}


def test_a_rival_that_does_not_apply_anyway_keeps_nobody_away(load: Load, shop: Shop) -> None:
    rules = """
  - {id: alone, exclusive: true, when: {spend: {at_least: 500 EUR}}, give: {percent_off: {percent: 90%}}}
  - {id: ten, give: {percent_off: {percent: 10%}}}
"""
    assert verdicts(load, shop, rules) == (4500, {"alone": "condition_failed", "ten": "applied"})


def test_who_gave_way_to_one_that_gave_way_itself_is_back(load: Load, shop: Shop) -> None:
    """Without `alone`, nothing keeps `milk` away, which goes before `fees`: these never apply together with neither."""
    rules = """
  - {id: alone, lane: item, exclusive: true, give: {percent_off: {percent: 2%}}}
  - {id: fees, lane: bundle, priority: -2, give: {fee_amount_off: {amount: 2.50 EUR}}}
  - {id: milk, lane: bundle, give: {gift: {sku: milk}}}
lanes: [{name: item}, {name: bundle, mode: first}]
"""
    told = verdicts(load, shop, rules, fees=[{"fee": "gift-wrap"}])
    assert told == (5150, {"alone": "applied", "fees": "lost_to alone", "milk": "lost_to alone"})


def test_a_verdict_names_a_rival_that_applies(load: Load, shop: Shop) -> None:
    rules = """
  - {id: first, exclusive: true, give: {percent_off: {percent: 10%}}}
  - {id: second, exclusive: true, give: {percent_off: {percent: 20%}}}
  - {id: third, exclusive: true, give: {percent_off: {percent: 30%}}}
"""
    assert verdicts(load, shop, rules)[1] == {"first": "lost_to third", "second": "lost_to third", "third": "applied"}


@pytest.mark.parametrize("count", [3, 30])
def test_many_exclusive_promotions_end_quickly_with_one(load: Load, shop: Shop, count: int) -> None:
    rules = "\n".join(
        f"  - {{id: p{n:02}, exclusive: true, give: {{percent_off: {{percent: {n + 1}%}}}}}}" for n in range(count)
    )
    _, told = verdicts(load, shop, rules)
    assert sorted(told.values()).count("applied") == 1
