"""What the seeded scenarios of `make test` hold: every word and key of the language, and often enough to matter.

Counted are promotions that applied, so a word that is written and never does anything is not covered. What is expected is
read off the models: a word or key that is new must be generated before this passes.
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from random import Random
from typing import Any, Final, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from engine.fields import Written
from engine.money import Rounding
from engine.pricing.evaluation import CodeState, Evaluation, OutcomeCode
from engine.rules.evaluate import evaluate
from engine.rules.model import BENEFITS, Example, LaneMode, Promotion
from engine.rules.ruleset import Ruleset
from engine.rules.walk import parts
from engine.rules.when import CONDITIONS
from engine.types import PromotionId
from tests.cases.running import engine_basket, engine_rules
from tests.generator.scenarios import scenario
from tests.test_differential import QUICK

SEEDS: Final = range(QUICK[0].start, QUICK[-1].stop)
APPLIED: Final = {OutcomeCode.APPLIED, OutcomeCode.CAPPED}

WITHOUT_PRICE: Final = {"Promotion.label", "Promotion.hidden", "Promotion.examples", "Promotion.codes_from"}
"""Keys on which no price depends, or (a file of codes) that are resolved before rules are compiled."""
REFUSED: Final = {"Gift.at_most", "IssueCode.at_most", "Points.at_most"}
"""Keys that every benefit has and these may not use."""


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    """Count what the engine made of every seeded scenario."""
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        drawn = scenario(Random(seed))  # noqa: S311 - no secret
        rules = engine_rules(drawn)
        counts.update(_seen_in(evaluate(engine_basket(drawn), rules, every_outcome=True), rules))
    return counts


def _seen_in(evaluation: Evaluation, rules: Ruleset) -> Iterator[str]:
    modes = {lane.name: lane.mode for lane in rules.lanes}
    for id_, outcome in evaluation.outcomes.items():
        promotion = rules.by_id[id_]
        word = promotion.written.benefit().word
        yield f"outcome {outcome.code}"
        if outcome.code is OutcomeCode.CONDITION_FAILED:
            yield f"failed {outcome.condition}"
        if outcome.code is OutcomeCode.LOST_TO:
            rival = rules.by_id[PromotionId(outcome.detail)]
            yield f"lost in {modes[promotion.lane] if rival.lane == promotion.lane else 'another lane'}"
        if outcome.code in APPLIED:
            yield f"{word} in {modes[promotion.lane]}"
            yield f"{word} {rules.rounding}"
            yield from _keys_of(promotion.written)
    for code in evaluation.codes:
        yield f"code {code.state}"
        if code.state is CodeState.APPLIED and rules.code_meant(code.canonical) != code.canonical:
            yield "code that looks like another one"
    for each in evaluation.adjustments:
        yield f"staff {each.adjustment.kind} {each.state}"


def _keys_of(promotion: Promotion) -> set[str]:
    """Return the keys that are written in a promotion, and with them their values."""
    found = set()
    for _, part in parts(promotion):
        for name in part.model_fields_set:
            found |= {f"{type(part).__name__}.{name}", f"{type(part).__name__}.{name}: {getattr(part, name)}"}
    return found


def _keys_in(model: type[BaseModel], known: set[type[BaseModel]]) -> Iterator[str]:
    """Yield the keys of a model and of those in it, and their values where these are a few known ones."""
    if model in known:
        return
    known.add(model)
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}"
        for kind in _kinds_in(field.annotation):
            if get_origin(kind) is Literal:
                yield from (f"{model.__name__}.{name}: {value}" for value in get_args(kind))
            elif isinstance(kind, type) and issubclass(kind, Enum):
                yield from (f"{model.__name__}.{name}: {value}" for value in kind)
            elif isinstance(kind, type) and issubclass(kind, Written) and kind is not Example:
                yield from _keys_in(kind, known)


def _kinds_in(annotation: Any) -> Iterator[Any]:
    """Yield what an annotation is made of."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for each in get_args(annotation):
            yield from _kinds_in(each)


def _short(counts: Counter[str], expected: Iterator[str], least: int) -> dict[str, int]:
    """Return what occurs less often than it must."""
    return {each: counts[each] for each in sorted(expected) if counts[each] < least}


def test_every_key_of_the_language_applies(seen: Counter[str]) -> None:
    expected = (key for key in _keys_in(Promotion, set()) if key not in WITHOUT_PRICE | REFUSED)
    assert not _short(seen, expected, 5)


def test_every_benefit_applies_in_every_lane_mode_and_rounding(seen: Counter[str]) -> None:
    expected = [f"{word} in {mode}" for word in BENEFITS for mode in LaneMode]
    expected += [f"{word} {rounding}" for word in BENEFITS for rounding in Rounding]
    assert not _short(seen, iter(expected), 5)


def test_every_condition_fails_too(seen: Counter[str]) -> None:
    assert not _short(seen, (f"failed {word}" for word in (*CONDITIONS, "not")), 20)


def test_every_verdict_occurs(seen: Counter[str]) -> None:
    expected = [f"outcome {code}" for code in OutcomeCode] + [f"code {state}" for state in CodeState]
    expected += ["lost in first", "lost in best", "lost in another lane", "code that looks like another one"]
    assert not _short(seen, iter(expected), 20)


def test_staff_change_prices_in_every_way(seen: Counter[str]) -> None:
    states = [f"staff {kind} {state}" for kind in ("amount", "percent") for state in ("applied", "cut", "no_target")]
    states += [f"staff price {state}" for state in ("applied", "cut", "replaced", "other_currency", "regulated")]
    assert not _short(seen, iter(states), 10)
