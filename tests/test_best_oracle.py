"""The oracle's best way to hand out units and lines, against what was worked out by hand."""

import json
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from engine.rules.model import Promotion
from tests.cases.golden import SHOP, SOME_MONDAY
from tests.cases.running import Scenario, engine_rules, evaluated, oracle_shop
from tests.generator.scenarios import few_units
from tests.oracle.best import best_value, faults_of, lots_of, proposal_for
from tests.oracle.cart import Cart, read_cart
from tests.oracle.price import enter_lane
from tests.oracle.rules import parse, rules_of

Goods = dict[str, tuple[str, int]]
"""Price and number of pieces, by SKU."""

THREE_FOR_TWO = "n_for_m: {take: 3, pay: 2}"
TWO_FOR_5 = "bundle: {groups: [{quantity: 2}], price: 5 EUR}"
FIFTH_OFF = "percent_off: {percent: 20%}"


@dataclass(frozen=True)
class Lane:
    """A lane as it begins: its promotions are `a`, `b`, … in the order of their benefits."""

    running: list[Promotion]
    cart: Cart

    def best(self, per: str) -> int:
        """Return the most that it can give."""
        return best_value(self.running, self.cart, "half_up", per)

    def faults(self, handed: dict[str, dict[str, int]], granted: dict[str, int], per: str = "unit") -> list[str]:
        """Return what is wrong with a way to hand out units, lines being named by their SKU."""
        ids = {line.product.sku: line.id for line in self.cart.goods}
        by_id = {each: {ids.get(sku, sku): units for sku, units in held.items()} for each, held in handed.items()}
        return faults_of(by_id, granted, self.running, self.cart, "half_up", per)


def lane(goods: Goods, *gives: str, before: str = "", when: str = "") -> Lane:
    """Run the lane before, and begin that of the benefits; `when` is what all of them ask for."""
    entries = [f"{{id: {'abcd'[place]}, lane: mine, {when} give: {{{give}}}}}" for place, give in enumerate(gives)]
    entries += [f"{{id: z, lane: early, give: {{{before}}}}}"] if before else []
    text = f"lanes: [{{name: early}}, {{name: mine, mode: best}}]\npromotions: [{', '.join(entries)}]"
    product = {"tax_category": "standard"}
    lines = [
        {"product": {"sku": sku, **product}, "price": price, "quantity": number}
        for sku, (price, number) in goods.items()
    ]
    cart = read_cart(json.dumps({"at": SOME_MONDAY, "lines": lines}), oracle_shop(tuple(sorted(SHOP.items()))))
    return Lane(enter_lane("mine", cart, rules_of([parse(text)])), cart)


def test_a_set_leaves_out_what_would_make_it_poor() -> None:
    mixed = lane({"ten": ("10.00", 3), "one": ("1.00", 3)}, THREE_FOR_TWO)
    assert mixed.best("unit") == 1000, "of all six, two sets would make only 1.00 + 1.00 free"
    assert mixed.best("line") == 1000


def test_units_of_one_line_go_to_different_promotions() -> None:
    socks = lane({"sock": ("4.00", 3)}, TWO_FOR_5, FIFTH_OFF)
    assert socks.best("unit") == 380, "two for 5.00 instead of 8.00, and 0.80 off the third"
    assert socks.best("line") == 300, "0.80 three times would be 2.40"
    cheaper = lane({"sock": ("3.00", 3)}, TWO_FOR_5, FIFTH_OFF)
    assert cheaper.best("unit") == cheaper.best("line") == 180, "1.00 and 0.60 are less than three times 0.60"


def test_lines_go_to_different_promotions() -> None:
    goods: Goods = {"shoe": ("30.00", 1), "lace": ("2.00", 1)}
    both = lane(goods, "percent_off: {percent: 50%, at_most: 3 EUR}", FIFTH_OFF)
    assert both.best("line") == both.best("unit") == 700, "6.00 off the shoe, 1.00 off the lace; else 3.00 and 0.40"


def test_a_cap_and_an_amount_are_per_promotion() -> None:
    goods: Goods = {"a": ("5.00", 2), "b": ("4.00", 1)}
    once = "amount_off: {amount: 6 EUR, per: selection}"
    assert lane(goods, once).best("unit") == 600
    assert lane(goods, once, once).best("unit") == 1100, "6.00 out of 5.00 + 4.00, and 5.00 of the other"
    assert lane(goods, once, once).best("line") == 1000, "6.00 out of 10.00, and 4.00"


def test_units_are_picked_among_those_that_are_held() -> None:
    goods: Goods = {"a": ("8.00", 1), "b": ("2.00", 1)}
    assert lane(goods, "percent_off: {percent: 50%, max_units: 1, pick: cheapest}").best("unit") == 400


def test_steps_count_what_is_held() -> None:
    step = "tiers: {by_quantity: [{quantity: 3, percent: 10%}]}"
    goods: Goods = {"a": ("10.00", 3)}
    assert lane(goods, step, "percent_off: {percent: 50%, max_units: 1}").best("unit") == 500, "two are no step"
    assert lane({"a": ("10.00", 4)}, step, "percent_off: {percent: 50%, max_units: 1}").best("unit") == 800


def test_what_rounds_by_line_rounds_by_unit_where_units_are_handed_out() -> None:
    tenth = lane({"pin": ("0.05", 3)}, "percent_off: {percent: 10%}")
    assert tenth.best("line") == 2, "1.5"
    assert tenth.best("unit") == 3, "three times 0.5"
    assert lane({"pin": ("0.05", 3)}, "percent_off: {percent: 10%, rounding: order}").best("unit") == 2


def test_goods_that_nobody_may_discount_are_left_over() -> None:
    assert lane({"a": ("5.00", 2)}, "percent_off: {percent: 50%, on: {sku: other}}").best("unit") == 0
    assert lane({"a": ("5.00", 2)}).best("line") == 0


def test_conditions_look_at_the_whole_cart() -> None:
    goods: Goods = {"a": ("5.00", 2), "b": ("5.00", 2)}
    four = "when: {quantity: {at_least: 4}},"
    assert lane(goods, FIFTH_OFF, "percent_off: {percent: 30%, on: {sku: a}}", when=four).best("line") == 500
    assert lane(goods, FIFTH_OFF, when="when: {quantity: {at_least: 5}},").best("line") == 0


def test_units_that_an_earlier_lane_made_unlike() -> None:
    """The cheaper one is now 1.00, the others 5.00: a set is best made of the dear ones."""
    pick_one = "percent_off: {percent: 80%, max_units: 1}"
    row = lane({"a": ("5.00", 4)}, THREE_FOR_TWO, before=pick_one)
    assert row.best("unit") == 500
    assert row.best("line") == 100, "the cheapest of all four"
    assert row.faults({"a": {"a": 3}}, {"a": 500}) == []
    assert row.faults({"a": {"a": 3}}, {"a": 100}) == [], "the number three does not say which"
    assert row.faults({"a": {"a": 3}}, {"a": 300}) != []


@pytest.mark.parametrize("per", ["unit", "line"])
def test_one_promotion_alone_that_lowers_everything_gets_everything(per: str) -> None:
    goods: Goods = {"a": ("9.90", 2), "b": ("0.10", 3)}
    assert lane(goods, "percent_off: {percent: 100%}").best(per) == 2010
    assert lane(goods, "percent_off: {percent: 100%}", FIFTH_OFF, TWO_FOR_5).best(per) == 2010


def test_what_is_wrong_with_a_way_to_hand_out_units() -> None:
    socks = lane({"sock": ("4.00", 3), "hat": ("7.00", 1)}, TWO_FOR_5, FIFTH_OFF)
    right = {"a": {"sock": 2}, "b": {"sock": 1, "hat": 1}}
    assert socks.faults(right, {"a": 300, "b": 220}) == []
    assert socks.faults(right, {"a": 300, "b": 221}) != []
    assert socks.faults({"a": {"sock": 2}}, {"a": 300, "b": 80}) != [], "who holds nothing grants nothing"
    assert socks.faults({"a": {"sock": 4}}, {"a": 600}) != []
    assert socks.faults({"a": {"sock": 2}, "b": {"sock": 2}}, {"a": 300, "b": 160}) != []
    assert socks.faults({"a": {"sock": -1}}, {}) != []
    assert socks.faults({"a": {"shirt": 1}}, {}) == ["there is no line shirt"]
    assert socks.faults({"c": {"sock": 1}}, {}) == ["c does not run"]
    assert socks.faults({}, {}) == []


def test_a_line_is_not_torn_where_lines_are_handed_out() -> None:
    socks = lane({"sock": ("4.00", 3)}, TWO_FOR_5, FIFTH_OFF)
    assert socks.faults({"a": {"sock": 3}}, {"a": 300}, "line") == []
    assert socks.faults({"a": {"sock": 2}}, {"a": 300}, "line") != []


def test_seven_units_and_four_promotions_are_within_reach() -> None:
    goods: Goods = {sku: (f"{place}.00", 1) for place, sku in enumerate("pqrstuv", 1)}
    gives = [THREE_FOR_TWO, TWO_FOR_5, FIFTH_OFF, "percent_off: {percent: 100%, max_units: 1}"]
    # 7.00 free; 6.00 + 5.00 and 4.00 + 3.00 for 5.00 each; 20 % off 2.00 and 1.00. A set of 4.00, 3.00 and 2.00 would
    # make 2.00 free as two for 5.00 does, and leave only 1.00 for the fifth.
    assert lane(goods, *gives).best("unit") == 700 + 600 + 200 + 60


@pytest.mark.parametrize("per", ["unit", "line"])
def test_no_way_by_chance_is_better(per: str) -> None:
    worth_something = 0
    for seed in range(80):
        chance = Random(seed)  # noqa: S311 - no secret
        scenario = few_units(chance, {"name": "mine", "mode": "best"})
        cart = read_cart(json.dumps(scenario.cart), oracle_shop(scenario.shop))
        running = enter_lane("mine", cart, rules_of([parse(text) for text in scenario.rules]))
        best = best_value(running, cart, "half_up", per)
        worth_something += best > 0
        for _ in range(20):
            handed, granted = _some_way(chance, running, cart, per)
            assert not faults_of(handed, granted, running, cart, "half_up", per)
            assert sum(granted.values()) <= best
    assert worth_something > 50


@pytest.mark.parametrize("per", ["unit", "line"])
def test_the_engine_gives_the_most(per: str) -> None:
    """Every benefit on items, with all its keys; the most is stated to be the most."""
    for seed in range(300):
        scenario = few_units(Random(seed), {"name": "mine", "mode": "best", "per": per})  # noqa: S311 - no secret
        cart, rules = read_cart(json.dumps(scenario.cart), oracle_shop(scenario.shop)), engine_rules(scenario)
        running = enter_lane("mine", cart, rules_of([parse(text) for text in scenario.rules]))
        evaluation = evaluated(scenario)
        given = sum(discount.amount_minor for discount in evaluation.discounts if discount.lane == "mine")
        assert given == best_value(running, cart, rules.rounding.value, per), f"seed {seed}"
        assert all(search.gap_minor == 0 for search in evaluation.searches), f"seed {seed}"


def test_a_unit_that_fits_into_two_groups_is_handed_out_once() -> None:
    """It was promised twice, and the search went on for ever between more than there is and more than that."""
    give = "bundle: {groups: [{}, {}], percent: 0.01%}"
    text = f"lanes: [{{name: mine, mode: best, per: unit}}]\npromotions: [{{id: a, lane: mine, give: {{{give}}}}}]"
    product = {"sku": "pin", "tax_category": "standard"}
    cart = {"at": SOME_MONDAY, "lines": [{"product": product, "price": "0.05", "quantity": 2}]}
    assert not evaluated(Scenario(tuple(sorted(SHOP.items())), (text,), cart)).discounts


def _some_way(
    chance: Random, running: list[Promotion], cart: Cart, per: str
) -> tuple[dict[str, Counter[str]], dict[str, int]]:
    """Give every unit or line to somebody or nobody; return who has how many of each line, and what they grant."""
    lots = lots_of(cart, per)
    owners = [[chance.choice([None, *running]) for _ in range(len(lot.pieces) // lot.step)] for lot in lots]
    handed, granted = {}, {}
    for promotion in running:
        held = tuple(mine.count(promotion) * lot.step for mine, lot in zip(owners, lots, strict=True))
        handed[promotion.id] = Counter[str]()
        for number, lot in zip(held, lots, strict=True):
            handed[promotion.id][lot.line.id] += number
        granted[promotion.id] = proposal_for(promotion, held, lots, cart, "half_up", per).amount_minor
    return handed, granted
