"""Every benefit occurs in the golden cases with everything that its result depends on: base, rounding, lane mode.

A combination occurs where a promotion applies by it; one with a rounding mode, where another one would give something else.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from engine.money import Rounding
from engine.pricing.evaluation import Outcome, OutcomeCode
from engine.rules.benefits.amount_off import AmountOff
from engine.rules.benefits.percent_off import PercentOff
from engine.rules.benefits.tiers import Tiers
from engine.rules.evaluate import evaluate
from engine.rules.model import BENEFITS, LaneMode
from engine.rules.ruleset import Ruleset
from engine.rules.vocabulary import Benefit
from engine.types import PromotionId
from tests.cases.golden import CASES, Case, read_cases, scenario_of
from tests.cases.running import engine_basket, engine_rules

BASES: Final = {
    **{word: [""] for word in BENEFITS},
    "percent_off": [f"of {base}, by {step}" for base in ("current", "list") for step in ("unit", "line", "order")],
    "amount_off": [f"per {base}" for base in ("unit", "line", "selection")],
    "tiers": [f"by {base}, {mode}" for base in ("quantity", "spend") for mode in ("whole", "slab")],
}
"""What a benefit is measured by, where there is a choice. All others know one base only: what is left to pay."""

NEVER_ROUNDED: Final = {
    *("amount_off", "order_amount_off", "delivery_amount_off", "delivery_price", "fee_amount_off"),  # whole amounts
    *("n_for_m", "gift"),  # whole units, given whole
    *("points", "issue_code"),  # what is left of an amount earns nothing, always
}
"""Benefits of which the `rounding` of the rule set decides nothing."""


def base_of(benefit: Benefit) -> str:
    """Return what a benefit is measured by, as in `BASES`."""
    match benefit:
        case PercentOff():
            return f"of {benefit.amount_of}, by {benefit.rounding}"
        case AmountOff():
            return f"per {benefit.per}"
        case Tiers():
            return f"by {'quantity' if benefit.by_quantity else 'spend'}, {benefit.mode}"
        case _:
            return ""


@pytest.fixture(scope="module")
def occurring() -> set[tuple[str, ...]]:
    """Return word, base and lane mode, and with the rounding where it decides, of promotions that apply in the golden cases."""
    cases = [case for path in CASES.glob("*.yaml") for case in read_cases(path.read_text(encoding="utf-8"))]
    return {found for case in cases for found in _in_case(case)}


def _in_case(case: Case) -> Iterator[tuple[str, ...]]:
    rules, applied = _applied(case)
    lanes = {lane.name: lane for lane in rules.lanes}
    others = [_applied({**case, "rounding": other.value})[1] for other in Rounding if other is not rules.rounding]
    for id_, outcome in applied.items():
        promotion = rules.by_id[id_]
        benefit = promotion.written.benefit()
        lane = lanes[promotion.lane]
        combination = benefit.word, base_of(benefit), lane.mode.value
        yield combination
        yield benefit.word, base_of(benefit), f"best by {lane.per}"
        if any(other.get(id_) != outcome for other in others):
            yield *combination, rules.rounding.value


def _applied(case: Case) -> tuple[Ruleset, dict[PromotionId, Outcome]]:
    scenario = scenario_of(case)
    rules = engine_rules(scenario)
    outcomes = evaluate(engine_basket(scenario), rules).outcomes
    given = (OutcomeCode.APPLIED, OutcomeCode.CAPPED)
    return rules, {id_: outcome for id_, outcome in outcomes.items() if outcome.code in given}


def test_every_benefit_on_every_base_in_every_lane_mode(occurring: set[tuple[str, ...]]) -> None:
    needed = {(word, base, mode.value) for word in BENEFITS for base in BASES[word] for mode in LaneMode}
    assert not sorted(needed - occurring)


def test_every_benefit_on_items_is_the_best_by_line_and_by_unit(occurring: set[tuple[str, ...]]) -> None:
    on_items = [word for word, benefit in BENEFITS.items() if benefit.bids is not Benefit.bids]
    needed = {(word, base, f"best by {per}") for word in on_items for base in BASES[word] for per in ("line", "unit")}
    refused = {each for each in needed if each[1].endswith("by order")}  # nothing is rounded over the order there
    assert not sorted(needed - refused - occurring)
    assert not sorted(refused & occurring)


def test_every_rounding_decides_in_every_lane_mode(occurring: set[tuple[str, ...]]) -> None:
    needed = {
        (word, base, mode.value, rounding.value)
        for word in BENEFITS.keys() - NEVER_ROUNDED
        for base in BASES[word]
        for mode in LaneMode
        for rounding in Rounding
    }
    assert not sorted(needed - occurring)


def test_rounding_decides_nothing_where_it_is_said_to(occurring: set[tuple[str, ...]]) -> None:
    assert not sorted(each for each in occurring if each[0] in NEVER_ROUNDED and len(each) == 4)
