"""The engine against the oracle: on the real baskets of the example shop, and on generated shops, rules and carts."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.pricing.evaluation import Evaluation
from engine.rules.evaluate import evaluate
from tests.cases.golden import as_golden_case, read_cases, wrong_in
from tests.cases.running import Scenario, by_engine, disagreements, engine_basket, engine_rules, evaluated
from tests.generator.scenarios import anything, by_staff, scenario, with_lines, with_rules
from tests.generator.shop import text_of
from tests.oracle.cart import read_cart
from tests.oracle.compare import differences, plain_of_engine, plain_of_oracle
from tests.oracle.price import Priced, price
from tests.oracle.rules import is_open, parse, read_rules
from tests.oracle.shop import read_shop

DAY_MS = 86_400_000
QUARTER_MS = 900_000

GROCER = Path(__file__).parents[1] / "examples" / "grocer"
BASKETS = GROCER / "baskets.jsonl"


# The real baskets


def test_the_real_baskets_agree_to_the_cent() -> None:
    """Every line, allocation, delivery, tax, total and verdict of what `panier price` writes is the oracle's."""
    priced = list(_by_oracle())
    command = [str(Path(sys.executable).with_name("panier")), "price", "--shop", str(GROCER), str(BASKETS)]
    with tempfile.TemporaryFile() as written:
        subprocess.run(command, stdout=written, check=True)
        written.seek(0)
        documents = [plain_of_engine(json.loads(line)) for line in written]
    assert len(documents) == len(priced)
    wrong = {
        number: found
        for number, (document, expected) in enumerate(zip(documents, priced, strict=True), 1)
        if (found := differences(document, plain_of_oracle(expected), all_outcomes=True))
    }
    print(_distribution(priced))  # noqa: T201 - shown by `pytest -rP`
    assert not wrong, "\n".join(f"basket {number}: {found}" for number, found in list(wrong.items())[:10])
    kinds = [len({discount.word for discount in each.discounts}) for each in priced]
    assert len(priced) >= 1000
    assert sum(count >= 1 for count in kinds) >= 400
    assert sum(count >= 3 for count in kinds) >= 100


def _by_oracle() -> Iterator[Priced]:
    shop, rules = read_shop(GROCER), read_rules(GROCER / "rules")
    for text in BASKETS.read_text(encoding="utf-8").splitlines():
        yield price(read_cart(text, shop), rules, shop.tax_rounding)


def _distribution(priced: list[Priced]) -> str:
    promotions = Counter(min(len(each.discounts), 3) for each in priced)
    kinds = Counter(len({discount.word for discount in each.discounts}) for each in priced)
    words = Counter(discount.word for each in priced for discount in each.discounts)
    codes = Counter(outcome.code for each in priced for outcome in each.outcomes.values())
    given_minor: Counter[str] = Counter()
    for each in priced:
        given_minor[each.cart.store.currency] += sum(discount.amount_minor for discount in each.discounts)
    lines = [
        f"{len(priced)} baskets of {sum(len(each.cart.lines) for each in priced)} lines",
        "with 0, 1, 2, 3 and more promotions: " + ", ".join(str(promotions[count]) for count in range(4)),
        "with 0, 1, 2, ... kinds of benefit: " + ", ".join(str(kinds[count]) for count in range(max(kinds) + 1)),
        "discounts: " + ", ".join(f"{count} {word}" for word, count in words.most_common()),
        "verdicts: " + ", ".join(f"{count} {code}" for code, count in codes.most_common()),
        "given in all: " + ", ".join(f"{amount} minor units of {money}" for money, amount in given_minor.items()),
    ]
    return "\n".join(lines)


# Generated shops, rules and carts

QUICK = [range(first, first + 250) for first in range(0, 2500, 250)]
SLOW = [range(first, first + 2000) for first in range(2500, 42_500, 2000)]


@pytest.mark.parametrize("seeds", QUICK, ids=str)
def test_generated_carts_agree(seeds: range) -> None:
    _agree_on(seeds, Path(tempfile.gettempdir()))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", SLOW, ids=str)
def test_many_generated_carts_agree(seeds: range) -> None:
    _agree_on(seeds, Path(tempfile.gettempdir()))


def _agree_on(seeds: range, folder: Path) -> None:
    for seed in seeds:
        _check(scenario(Random(seed)), f"seed {seed}", folder)  # noqa: S311 - no secret


def _check(scenario: Scenario, name: str, folder: Path) -> None:
    """Fail where engine and oracle disagree, or where one of them breaks, with a golden case to be kept."""
    try:
        found, cause = disagreements(scenario), None
    except Exception as fault:  # noqa: BLE001 - is raised again, with the case
        found, cause = [f"{type(fault).__name__}: {fault}"], fault
    if found:
        text = as_golden_case(scenario, name)
        path = folder / f"panier-{name.replace(' ', '-')}.yaml"
        path.write_text(text, encoding="utf-8")
        raise AssertionError("\n".join([*found, f"as a golden case, in {path}:", text])) from cause


@pytest.mark.parametrize("place", ["tests.oracle.benefits.rounded", "engine.rules.benefits.percent_off.ratio_of"])
def test_a_disagreement_leaves_a_golden_case(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two is wrong, the case fails as it stands in its file, until that one is right."""
    module, name = place.rsplit(".", 1)
    right = getattr(sys.modules[module], name)
    monkeypatch.setattr(place, lambda *numbers: max(0, right(*numbers) - 1))
    with pytest.raises(AssertionError, match="as a golden case"):
        _agree_on(range(100), tmp_path)
    [path] = tmp_path.iterdir()
    text = path.read_text(encoding="utf-8")
    [case] = read_cases(text)
    assert case["name"] in path.stem.replace("-", " ")
    assert wrong_in(case)
    assert len(case["promotions"]) == len(case["cart"]["lines"]) == 1, "it is as small as can be"
    monkeypatch.undo()
    if module.startswith("engine"):
        assert not wrong_in(case), "what the oracle said is what the mended engine says"


def test_what_breaks_leaves_a_golden_case_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("engine.rules.benefits.percent_off.ratio_of", broken)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        _agree_on(range(100), tmp_path)
    [case] = read_cases(next(tmp_path.iterdir()).read_text(encoding="utf-8"))
    with pytest.raises(ZeroDivisionError):
        wrong_in(case)


# What must hold of the engine by itself

few = settings(
    max_examples=120, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
chances = st.randoms(use_true_random=False)
scenarios = chances.map(anything)
adjusted_scenarios = chances.map(by_staff)


def _cents(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation without its verdicts and without what it was computed from."""
    return replace(evaluation, outcomes={}, codes=(), computed_from=None)  # type: ignore[arg-type]


def _sorted(plain: dict[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True)


@few
@given(scenarios, chances)
def test_the_order_of_lines_and_of_rules_does_not_matter(scenario: Scenario, chance: Any) -> None:
    lines = [{**line, "line_key": f"k{place}"} for place, line in enumerate(scenario.cart["lines"])]
    scenario = with_lines(scenario, lines)
    order = chance.sample(range(len(lines)), len(lines))
    shuffled = with_lines(scenario, [lines[place] for place in order], order)
    shuffled = with_rules(shuffled, *reversed(scenario.rules))
    assert _sorted(by_engine(shuffled)) == _sorted(by_engine(scenario))
    assert engine_rules(shuffled).hash == engine_rules(scenario).hash


@few
@given(scenarios)
def test_the_index_changes_no_cent_and_no_verdict(scenario: Scenario) -> None:
    found, every = evaluated(scenario, every_outcome=False), evaluated(scenario)
    assert _cents(found) == _cents(every)
    for promotion, outcome in found.outcomes.items():
        assert every.outcomes[promotion] == outcome
    given_something = {promotion for promotion, outcome in every.outcomes.items() if outcome.granted_minor}
    assert given_something <= set(found.outcomes), "the index missed a promotion"


@few
@given(scenarios)
def test_a_promotion_that_does_not_match_changes_nothing(scenario: Scenario) -> None:
    stranger = "{id: z-other, priority: 9, %s, give: {percent_off: {percent: 100%%}}}"
    reasons = ["codes: [NOBODY]", "customers: {segments: [nobody]}", "active: {from: 2030-01-01}"]
    for reason in [*reasons, "when: {quantity: {at_least: 999}}"]:
        # Where lanes are declared, the default lane of a benefit may not be one of them.
        more = f"promotions: [{stranger % reason}]".replace("priority: 9", f"priority: 9, lane: {_a_lane(scenario)}")
        with_stranger = with_rules(scenario, *scenario.rules, more)
        assert _cents(evaluated(with_stranger)) == _cents(evaluated(scenario))


def _a_lane(scenario: Scenario) -> str:
    return engine_rules(scenario).lanes[0].name


@few
@given(scenarios)
def test_shares_sum_and_nothing_falls_below_zero(scenario: Scenario) -> None:
    result = evaluated(scenario)
    totals = result.totals
    for line in result.lines:
        assert sum(share.amount_minor for share in line.allocations) == line.discount_minor + line.order_discount_minor
        discounts_minor = line.discount_minor + line.order_discount_minor
        assert line.total_minor == line.list_minor + line.adjustment_minor - discounts_minor >= 0
        assert min(line.discount_minor, line.order_discount_minor, line.tax_minor) >= 0
        assert all(share.amount_minor >= 0 for share in line.allocations)
    for delivery in result.deliveries:
        assert sum(share.amount_minor for share in delivery.allocations) == delivery.discount_minor
        assert delivery.total_minor == delivery.list_minor - delivery.discount_minor >= 0
    shares: Counter[str] = Counter()
    of_services = [each.allocations for each in result.deliveries] + [each.allocations for each in result.fees]
    for allocations in [line.allocations for line in result.lines] + of_services:
        for share in allocations:
            shares[share.promotion] += share.amount_minor
    assert shares == Counter({discount.promotion: discount.amount_minor for discount in result.discounts})
    assert all(0 < discount.amount_minor <= discount.wanted_minor for discount in result.discounts)
    taxes = sum(tax.tax_minor for tax in result.taxes)
    assert taxes == totals.tax_included_minor + totals.tax_added_minor
    of_goods, of_delivery = sum(line.tax_minor for line in result.lines), sum(d.tax_minor for d in result.deliveries)
    assert taxes == of_goods + of_delivery + sum(fee.tax_minor for fee in result.fees)
    assert all(amount >= 0 for name, amount in asdict(totals).items() if name != "adjustments_minor")
    assert totals.total_minor == (
        totals.subtotal_minor
        + totals.fees_minor
        - totals.fees_discounts_minor
        + totals.delivery_minor
        - totals.delivery_discounts_minor
        + totals.tax_added_minor
    )


@few
@given(adjusted_scenarios)
def test_shares_of_staff_sum_and_no_floor_or_ceiling_is_passed(scenario: Scenario) -> None:
    basket, result = engine_basket(scenario), evaluated(scenario)
    shares: Counter[str] = Counter()
    for each in result.adjustments:
        assert sum(minor for _, minor in each.lines) == each.amount_minor
        if each.adjustment.kind != "price":
            assert each.wanted_minor <= each.amount_minor <= 0
        for line_id, minor in each.lines:
            shares[line_id] += minor
    assert result.totals.adjustments_minor == sum(each.amount_minor for each in result.adjustments)
    found = {line.line: line for line in result.lines}
    assert {line: found[line].adjustment_minor for line in found} == {line: shares[line] for line in found}
    for line in basket.lines:
        taken_minor = found[line.id].price_change_minor - found[line.id].adjustment_minor
        if line.product.never_discount:
            assert found[line.id].adjustment_minor == 0
        if taken_minor:
            assert found[line.id].total_minor + _later_discounts(result, line.id, scenario) >= line.floor_minor
    goods_minor = sum(line.list_minor for line in result.lines if line.unavailable is None)
    highest = max((c.max_percent_bp for c in basket.adjustment_rules.ceilings.values()), default=0)
    lowered_minor = sum(min(0, line.adjustment_minor) for line in result.lines)
    assert -lowered_minor * 10_000 <= goods_minor * highest + 10_000 * len(result.lines)


def _later_discounts(result: Evaluation, line: Any, scenario: Scenario) -> int:
    """Return what promotions behind the lane of the order took off a line: they know no floor but zero."""
    names = [lane.name for lane in engine_rules(scenario).lanes]
    later = set(names[names.index("order") + 1 :]) if "order" in names else set()
    of_line = ((discount, minor) for discount in result.discounts for id_, minor in discount.lines if id_ == line)
    return sum(minor for discount, minor in of_line if discount.lane in later)


@few
@given(scenarios)
def test_a_later_lane_never_changes_an_earlier_one(scenario: Scenario) -> None:
    """Without the last lane's promotions, all that came before them stays to the cent.

    Only `exclusive` and the like reach across lanes, as they are meant to.
    """
    ruleset = engine_rules(scenario)
    assume(not ruleset.may_conflict)
    whole = evaluated(scenario)
    last = ruleset.promotions[-1].lane
    gone = {promotion.id for promotion in ruleset.promotions if promotion.lane == last}
    without = with_rules(scenario, *_rules_without(scenario, gone))
    earlier = evaluated(without)
    assert list(earlier.discounts) == [each for each in whole.discounts if each.promotion not in gone]
    assert dict(earlier.outcomes) == {id_: each for id_, each in whole.outcomes.items() if id_ not in gone}


@few
@given(scenarios)
def test_a_closed_window_opens_when_it_is_said_to(scenario: Scenario) -> None:
    """Looked at every quarter of an hour, it stays closed until then; times of day in the rules fall on quarters."""
    at_ms = engine_basket(scenario).as_of_ms
    zone = engine_basket(scenario).store.timezone
    active = {promotion.id: promotion.active for text in scenario.rules for promotion in parse(text).promotions}
    for promotion, outcome in evaluated(scenario).outcomes.items():
        if outcome.code == "outside_window":
            opens_ms = at_ms + 20 * DAY_MS if outcome.opens_ms is None else int(outcome.opens_ms)
            closed = range(at_ms, min(opens_ms, at_ms + 20 * DAY_MS), QUARTER_MS)
            assert not any(is_open(active[promotion], zone, ms - ms % QUARTER_MS) for ms in closed[1:])
            if outcome.opens_ms is not None:
                assert is_open(active[promotion], zone, opens_ms)
                assert not is_open(active[promotion], zone, opens_ms - 1)


def _rules_without(scenario: Scenario, gone: set[Any]) -> list[str]:
    files = [yaml.load(text, Loader=yaml.BaseLoader) for text in scenario.rules]  # noqa: S506 - text, lists, maps
    for file in files:
        file["promotions"] = [each for each in file["promotions"] if each["id"] not in gone]
    return [text_of(file) for file in files]


@few
@given(scenarios)
def test_pricing_again_gives_the_same(scenario: Scenario) -> None:
    basket, ruleset = engine_basket(scenario), engine_rules(scenario)
    assert evaluate(basket, ruleset, every_outcome=True) == evaluate(basket, ruleset, every_outcome=True)
    assert evaluate(engine_basket(scenario), engine_rules(scenario), every_outcome=True) == evaluated(scenario)
