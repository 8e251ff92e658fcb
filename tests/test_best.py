"""Lanes that give each line or unit to its best promotion: the result is the best one, exactly, and always the same."""

import json
import random
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from bench.corpus import loaded, offers_and_cart
from engine.pricing.evaluation import Evaluation
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.best.bids import EachUnit, Limits, Stock
from engine.rules.best.lines import EachLine, RowOfLines
from engine.rules.evaluate import evaluate
from tests.cases.running import evaluated, oracle_shop
from tests.generator.scenarios import few_units, with_rules
from tests.oracle.best import best_value
from tests.oracle.cart import read_cart
from tests.oracle.price import enter_lane
from tests.oracle.rules import parse, rules_of
from tests.oracle.shop import read_shop

SHOP = Path(__file__).parent / "cases" / "shop"


@pytest.fixture(scope="module")
def euro_shop() -> Shop:
    return load_shop(SHOP)


def priced(shop: Shop, goods: dict[str, tuple[str, int]], *gives: dict[str, Any], per: str = "unit") -> Evaluation:
    """Price some goods (price and number, by SKU) under promotions that give these, in one lane."""
    lanes = [{"name": "item", "mode": "best", "per": per}]
    promotions = [{"id": f"{place:03}", "lane": "item", "give": give} for place, give in enumerate(gives)]
    lines = [
        {"product": {"sku": sku, "tax_category": "standard"}, "price": price, "quantity": number}
        for sku, (price, number) in goods.items()
    ]
    cart = {"at": "2026-06-01T12:00:00Z", "lines": lines}
    return evaluate(*loaded({"lanes": lanes, "promotions": promotions}, cart, shop))


def found_exactly(carts: range, per: str, shop: Shop) -> int:
    """Return for how many carts of the corpus it is certain that nothing better exists."""
    exact = 0
    for seed in carts:
        basket, ruleset = loaded(*offers_and_cart(seed, per=per), shop)
        exact += all(search.gap_minor == 0 for search in evaluate(basket, ruleset).searches)
    return exact


@pytest.mark.parametrize("per", ["unit", "line"])
def test_of_a_hundred_carts_under_overlapping_offers_nearly_all_are_exact(per: str, euro_shop: Shop) -> None:
    assert found_exactly(range(100), per, euro_shop) >= 95


@pytest.mark.slow
@pytest.mark.parametrize("per", ["unit", "line"])
def test_of_five_hundred_carts_under_overlapping_offers_nearly_all_are_exact(per: str, euro_shop: Shop) -> None:
    assert found_exactly(range(500), per, euro_shop) >= 475


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("per", ["unit", "line"])
def test_the_order_of_lines_and_promotions_does_not_matter(seed: int, per: str, euro_shop: Shop) -> None:
    rules, cart = offers_and_cart(seed, per=per, simple=0.4)
    expected = evaluate(*loaded(rules, cart, euro_shop))
    mixed = random.Random(seed)  # noqa: S311 - a shuffle
    mixed.shuffle(cart["lines"])
    mixed.shuffle(rules["promotions"])
    evaluation = evaluate(*loaded(rules, cart, euro_shop))
    assert {line.line: line.allocations for line in evaluation.lines} == {
        line.line: line.allocations for line in expected.lines
    }
    assert evaluation.outcomes == expected.outcomes
    assert evaluation.searches == expected.searches


@pytest.mark.parametrize("seed", range(30))
def test_a_lane_that_may_divide_lines_never_gives_less(seed: int, euro_shop: Shop) -> None:
    """What can be done line by line can be done unit by unit, cart by cart it can be done in both, but for rounding."""
    given = {}
    for per in ("cart", "line", "unit"):
        basket, ruleset = loaded(*offers_and_cart(seed, units=12, offers=6, per=per), euro_shop)
        evaluation = evaluate(basket, ruleset)
        assert all(search.gap_minor == 0 for search in evaluation.searches)
        given[per] = evaluation.totals.discounts_minor
    cents_of_rounding = 12
    assert given["cart"] <= given["line"] <= given["unit"] + cents_of_rounding


@pytest.mark.parametrize("seed", range(20))
def test_no_unit_is_in_two_hands(seed: int, euro_shop: Shop) -> None:
    """In a lane that decides by line, no line has two discounts; what is left of each unit is never below nothing."""
    basket, ruleset = loaded(*offers_and_cart(seed, per="line", simple=0.4), euro_shop)
    evaluation = evaluate(basket, ruleset)
    assert all(len(line.allocations) <= 1 for line in evaluation.lines)
    assert all(line.total_minor >= 0 for line in evaluation.lines)


def test_a_thousand_pieces_are_handed_out_too(euro_shop: Shop) -> None:
    """Beyond the size that is searched, everybody takes what they can in turn, and the gap is stated."""
    rules, cart = offers_and_cart(3, simple=0.4)
    for line in cart["lines"]:
        line["quantity"] *= 100
    evaluation = evaluate(*loaded(rules, cart, euro_shop))
    assert evaluation.totals.discounts_minor > 0
    assert evaluation.searches[0].gap_minor > 0
    assert all(line.total_minor >= 0 for line in evaluation.lines)


@pytest.mark.parametrize("seeds", [range(first, first + 50) for first in range(0, 200, 50)], ids=str)
@pytest.mark.parametrize("per", ["unit", "line"])
def test_no_other_way_gives_more(per: str, seeds: range, euro_shop: Shop) -> None:
    """Small carts, against the oracle, which tries every way."""
    shop = read_shop(SHOP)
    for seed in seeds:
        rules, cart = offers_and_cart(seed, units=5 if per == "unit" else 9, offers=3, per=per, simple=0.3)
        plain = read_cart(json.dumps(cart), shop)
        running = enter_lane("item", plain, rules_of([parse(json.dumps(rules))]))
        evaluation = evaluate(*loaded(rules, cart, euro_shop))
        assert evaluation.totals.discounts_minor == best_value(running, plain, "half_up", per), f"seed {seed}"
        assert all(search.gap_minor == 0 for search in evaluation.searches)


@pytest.mark.parametrize("per", ["unit", "line"])
def test_a_unit_that_fits_two_groups_of_a_bundle_is_still_one_unit(per: str, euro_shop: Shop) -> None:
    pair = {"bundle": {"groups": [{}, {}], "percent": "50%"}}
    assert priced(euro_shop, {"cup": ("10.00", 1)}, pair, per=per).totals.discounts_minor == 0
    assert priced(euro_shop, {"cup": ("10.00", 3)}, pair, per=per).totals.discounts_minor == 1000


def test_a_way_that_is_promised_last_is_tried_too(euro_shop: Shop) -> None:
    """The prices of the last round may be the first at which everybody wants what makes the best way."""
    goods = {"a": ("5.00", 2), "b": ("19.99", 2), "c": ("18.82", 1)}
    two_off = {"quantity": 2, "on": {"sku": ["a", "c"]}, "percent": "14%"}
    evaluation = priced(
        euro_shop,
        goods,
        {"buy_get": {"buy": {"quantity": 1, "on": {"sku": "a"}}, "get": two_off, "pick": "dearest", "max_sets": 2}},
        {"fixed_price": {"price": "0.50 EUR", "on": {"sku": ["a", "c"]}, "pick": {"nth": 2}}},
        {"fixed_price": {"price": "5 EUR", "max_units": 3, "pick": "dearest", "at_most_per_line": "1 EUR"}},
    )
    assert evaluation.totals.discounts_minor == 650


def test_a_cap_and_a_number_of_units_bound_an_offer_each_by_itself() -> None:
    """The unit that brings most by itself brings less under the cap than one that costs next to nothing."""
    one_up_to_ten = EachUnit([100, 10], Limits(most_units=1, line_cap_minor=None, cap_minor=10))
    assert one_up_to_ten.bid([(0, 1, 50.0), (1, 1, 1.0)]).gain >= 9


def each_line(wants: list[int], most_units: int | None = None, cap_minor: int | None = None) -> EachLine:
    """Return how somebody bids who wants so much of one unit of each stock, each a line, and picks them in this order."""
    places = list(range(len(wants)))
    limits = Limits(most_units=most_units, line_cap_minor=None, cap_minor=cap_minor)
    return EachLine(wants, lambda stock, units: wants[stock] * units, places, places, limits)


def test_who_wants_some_units_of_a_line_pays_for_all_of_it() -> None:
    assert each_line([50, 30], most_units=1).bid([(0, 6, 10.0), (1, 1, 5.0)]) == (25.0, {1: 1})
    assert each_line([10], cap_minor=20).bid([(0, 6, 3.0)]) == (2.0, {0: 6})


def test_the_first_lines_in_picking_order_take_part() -> None:
    assert each_line([10, 50], most_units=2).bid([(0, 2, 1.0), (1, 1, 1.0)]).gain == 49, "with both it is 20 - 3"


def test_a_cap_is_filled_with_lines_that_fit() -> None:
    """By what they cost for what they bring the first would go first, and half of the second."""
    assert each_line([60, 50, 50], cap_minor=100).bid([(0, 1, 6.0), (1, 1, 6.0), (2, 1, 7.0)]) == (88.0, {0: 1, 1: 1})
    assert each_line([60, 50, 50], cap_minor=100).bid([(0, 1, 6.0), (1, 1, 6.0), (2, 1, 6.0)]).gain == 88
    assert each_line([60, 50, 50], cap_minor=100).bid([(0, 1, 20.0), (1, 1, 18.0), (2, 1, 19.0)]).gain == 63


@pytest.mark.parametrize("seed", range(200))
def test_no_choice_of_lines_brings_more_than_is_bid(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - a corpus, no secret
    number, most, cap_minor = draw.randint(1, 9), draw.choice((None, 1, 3)), draw.choice((None, 40, 150))
    wants = [draw.randint(1, 60) for _ in range(number)]
    offered = [(stock, draw.randint(1, 4), draw.choice((0.0, wants[stock] * draw.random()))) for stock in range(number)]
    limits = Limits(most_units=most, line_cap_minor=draw.choice((None, 70)), cap_minor=cap_minor)
    if most is None and cap_minor is None:
        limits = limits._replace(cap_minor=100)
    bidding = EachLine(wants, lambda stock, units: wants[stock] * units, range(number), range(number), limits)

    def brings(chosen: tuple[tuple[int, int, float], ...]) -> float:
        left = number * 4 if most is None else most
        given_minor = 0
        for stock, units, _ in chosen:
            given_minor += min(wants[stock] * min(left, units), limits.line_cap_minor or 10_000)
            left -= min(left, units)
        return min(given_minor, limits.cap_minor or 10_000) - sum(units * cost for _, units, cost in chosen)

    ways = chain.from_iterable(combinations(offered, size) for size in range(number + 1))
    most_minor = max(map(brings, ways))
    bid = bidding.bid(offered)
    assert bid.gain >= most_minor - 1e-9
    if limits.cap_minor is None:
        assert bid.gain == pytest.approx(most_minor), "where only the number of units is limited, it is exact"


@pytest.mark.parametrize("seed", range(100))
def test_the_best_choice_of_lines_for_a_row_is_found(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - a corpus, no secret
    number, nth, most_sets = draw.randint(1, 8), draw.randint(1, 4), draw.choice((None, 1, 2))
    prices = sorted((draw.randint(1, 60) for _ in range(number)), reverse=True)
    stocks = [Stock(place, 0, 4, price) for place, price in enumerate(prices)]
    offered = [(stock, draw.randint(1, 4), price * draw.choice((0.0, 0.1, 0.3))) for stock, price in enumerate(prices)]

    def brings(chosen: tuple[tuple[int, int, float], ...]) -> float:
        row = [prices[stock] for stock, units, _ in chosen for _ in range(units)]
        return sum(row[nth - 1 :: nth][:most_sets]) - sum(units * cost for _, units, cost in chosen)

    ways = chain.from_iterable(combinations(offered, size) for size in range(number + 1))
    bid = RowOfLines(stocks, prices, [True] * number, nth, most_sets).bid(offered)
    assert bid.gain == pytest.approx(max(map(brings, ways)))
    assert bid.gain == pytest.approx(brings(tuple(each for each in offered if each[0] in bid.taken)))


def test_a_percentage_of_the_list_price_may_fall_on_the_dear_units_of_a_line(euro_shop: Shop) -> None:
    """An earlier lane took one cup to nothing, so the other bears what is asked of both: the bound must know."""
    lanes = [{"name": "early"}, {"name": "item", "mode": "best", "per": "line"}]
    gives = {
        "early": {"fixed_price": {"price": "0.01 EUR", "max_units": 2}},
        "list": {"percent_off": {"percent": "33.33%", "amount_of": "list", "on": {"sku": ["a", "b"]}, "max_units": 3}},
        "pairs": {
            "bundle": {"groups": [{"quantity": 2, "on": {"sku": ["a", "b"]}}, {"quantity": 2}], "percent": "27%"}
        },
    }
    promotions = [{"id": id_, "lane": "item" if id_ != "early" else id_, "give": give} for id_, give in gives.items()]
    goods = [("x", "19.99", 1), ("a", "0.64", 3), ("b", "0.10", 3)]
    lines = [
        {"product": {"sku": sku, "tax_category": "standard"}, "price": price, "quantity": number}
        for sku, price, number in goods
    ]
    cart = {"at": "2026-06-01T12:00:00Z", "lines": lines}
    outcomes = evaluate(*loaded({"lanes": lanes, "promotions": promotions}, cart, euro_shop)).outcomes
    assert sum(outcome.granted_minor for id_, outcome in outcomes.items() if id_ != "early") == 72


def test_in_large_carts_a_run_is_used_for_what_is_free_and_for_what_is_paid(euro_shop: Shop) -> None:
    three_for_two = {"n_for_m": {"take": 3, "pay": 2}}
    assert priced(euro_shop, {"cup": ("1.00", 999)}, three_for_two).totals.discounts_minor == 33300


def test_however_many_offers_share_no_goods_all_are_handed_out(euro_shop: Shop) -> None:
    gives = [{"n_for_m": {"take": 3, "pay": 2, "on": {"sku": f"s{number}"}}} for number in range(70)]
    goods = {f"s{number}": ("1.00", 3) for number in range(70)}
    evaluation = priced(euro_shop, goods, *gives)
    assert evaluation.totals.discounts_minor == 7000
    assert evaluation.searches[0].gap_minor == 0


@pytest.mark.parametrize(
    "give",
    [
        {"every_nth": {"nth": 1_000_000, "free": True}},
        {"every_nth": {"nth": 2, "max_sets": 1_000_000, "free": True}},
        {"percent_off": {"percent": "100%", "pick": {"nth": 2}, "max_units": 1_000_000}},
        {"buy_get": {"buy": {"quantity": 1_000_000}, "get": {"free": True, "quantity": 1_000_000}}},
        {"n_for_m": {"take": 1_000_000, "pay": 999_999, "max_sets": 1_000_000}},
        {"bundle": {"groups": [{"quantity": 1_000_000}], "free": True, "max_sets": 1_000_000}},
    ],
    ids=str,
)
@pytest.mark.parametrize("number", [300, 999_999])
def test_numbers_that_no_cart_reaches_cost_no_time(give: dict[str, Any], number: int, euro_shop: Shop) -> None:
    """What is worked out grows with the units of the cart, never with a number in a rule; else this does not end."""
    given = priced(euro_shop, {"cup": ("1.00", number)}, give).totals.discounts_minor
    assert given in (0, number // 2 * 100, (number - 1) * 100)


def test_many_offers_on_many_goods_get_fewer_nodes(euro_shop: Shop) -> None:
    """The limit bounds what is done, not only how often: with two hundred offers on three hundred units, no search."""
    goods = {f"s{number}": (f"{1 + number}.00", 10) for number in range(30)}
    gives = [{"n_for_m": {"take": 3 + number % 3, "pay": 2, "max_sets": 1 + number}} for number in range(200)]
    nodes = []
    for number in (1, 20, 200):
        evaluation = priced(euro_shop, goods, *gives[:number])
        assert evaluation.totals.discounts_minor > 0
        nodes.append(evaluation.searches[0].nodes)
    assert nodes == [1, 1, 0]


def test_a_bundle_whose_groups_overlap_is_not_lost_to_a_small_offer(euro_shop: Shop) -> None:
    """What is promised counts units twice; that it makes something of all of them must be found out anyway."""
    goods = {"a": ("10.00", 2), "b": ("5.00", 1), "c": ("0.05", 1), "d": ("0.95", 1)}
    groups = [{"quantity": 2}, {"quantity": 1}, {"quantity": 2, "on": {"sku": ["a", "d"]}}]
    bundle = {"bundle": {"groups": groups, "percent": "65%", "pick": "cheapest"}}
    capped = {"percent_off": {"percent": "75%", "on": {"sku": ["a", "c"]}, "at_most": "1 EUR"}}
    evaluation = priced(euro_shop, goods, bundle, capped)
    assert evaluation.totals.discounts_minor == 1690
    assert evaluation.searches[0].gap_minor == 0


@pytest.mark.parametrize("per", ["unit", "line"])
def test_no_other_way_gives_more_under_any_benefit(per: str) -> None:
    """Small carts by chance under every benefit on items, against the oracle."""
    lane = {"name": "mine", "mode": "best", "per": per}
    for seed in range(100):
        drawn = few_units(random.Random(seed), lane)  # noqa: S311 - no secret
        scenario = with_rules(drawn, *(text.replace("rounding: order", "rounding: unit") for text in drawn.rules))
        plain = read_cart(json.dumps(scenario.cart), oracle_shop(scenario.shop))
        running = enter_lane("mine", plain, rules_of([parse(text) for text in scenario.rules]))
        evaluation = evaluated(scenario)
        given = sum(outcome.granted_minor for id_, outcome in evaluation.outcomes.items() if id_ != "z")
        gap_minor = sum(each.gap_minor for each in evaluation.searches)
        best = best_value(running, plain, "half_up", per)
        assert given <= best <= given + gap_minor, f"seed {seed}"
