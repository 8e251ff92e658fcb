"""The oracle itself: that it is independent, and that its arithmetic is right on numbers worked out by hand."""

import ast
import random
from datetime import date, time
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import cast

import pytest

from tests.oracle.arith import minor, ppm, rounded, share_out, thousandths
from tests.oracle.cart import Line, Unit, line_id
from tests.oracle.rules import is_open, parse
from tests.oracle.sets import Group, Piece, can_be_filled, fill, number_of_sets
from tests.oracle.shop import Product, end_instant, first_instant

ORACLE = Path(__file__).parent / "oracle"
RULE_MODEL = (
    *("engine.rules.customers", "engine.rules.model", "engine.rules.selectors"),
    *("engine.rules.when", "engine.rules.window"),
)
WORDS = ("engine.rules.benefits.", "engine.rules.conditions.")


def imports_of(path: Path) -> set[str]:
    """Return every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


@pytest.mark.parametrize("path", sorted(ORACLE.glob("*.py")), ids=lambda path: path.name)
def test_it_knows_nothing_of_the_engine_but_the_parsed_rules(path: Path) -> None:
    for module in imports_of(path):
        if module.split(".")[0] == "engine":
            assert module in RULE_MODEL or module.startswith(WORDS), f"{path.name} imports {module}"
        elif module.split(".")[0] == "tests":
            assert module.startswith("tests.oracle"), f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted(ORACLE.glob("*.py")), ids=lambda path: path.name)
def test_it_asks_the_model_to_do_nothing(path: Path) -> None:
    """The models are read as data: their own functions are what the oracle is to check."""
    theirs = {"compile", "keys", "matches", "benefit", "conditions", "lane_name", "currencies", "cover"}
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & theirs


def test_rounding() -> None:
    halves = [Fraction(1, 2), Fraction(3, 2), Fraction(5, 2)]
    assert [rounded(half) for half in halves] == [1, 2, 3]
    assert [rounded(half, "half_even") for half in halves] == [0, 2, 2]
    assert [rounded(half, "half_down") for half in halves] == [0, 1, 2]
    assert [rounded(Fraction(n, 10), "half_down") for n in (4, 6, 10, 14, 16)] == [0, 1, 1, 1, 2]


def test_shares() -> None:
    assert share_out(10, [1, 1, 1]) == [4, 3, 3], "a tie of remainders and weights goes to the earlier"
    assert share_out(1, [3, 5]) == [0, 1], "5/8 is the larger remainder"
    assert share_out(3, [1, 3, 2]) == [0, 2, 1], "remainders 1/2, 1/2, 0: the tie goes to the larger weight"
    assert share_out(0, [0, 0]) == [0, 0]
    assert share_out(7, [7, 0]) == [7, 0]


def test_amounts() -> None:
    assert [minor("4.9", currency) for currency in ("EUR", "KWD")] == [490, 4900]
    assert minor("490", "JPY") == 490
    assert ppm("8.875%") == 88750
    assert thousandths("1.5") == 1500


def test_line_ids_frame_their_parts() -> None:
    assert len(line_id("a", {}, "")) == 16
    assert line_id("a", {"b": "c"}, "") == line_id("a", {"b": "c"}, "")
    assert line_id("ab", {}, "c") != line_id("a", {}, "bc")


def test_a_day_ends_where_the_next_begins() -> None:
    night_of_change = date(2026, 3, 29)
    hours = end_instant(night_of_change, None, "Europe/Paris") - first_instant(night_of_change, None, "Europe/Paris")
    assert hours == 23 * 3_600_000
    assert end_instant(night_of_change, time(20), "UTC") == first_instant(night_of_change, time(20), "UTC")


def test_hours_through_the_night_belong_to_the_day_on_which_they_begin() -> None:
    text = "promotions: [{id: a, active: {weekly: [{days: [fri], from: '22:00', until: '02:00'}]}, "
    [promotion] = parse(text + "give: {percent_off: {percent: 10%}}}]").promotions
    friday = 1_780_610_400_000  # 2026-06-04T22:00Z, in Paris the first instant of Friday 5
    open_hours = [hour for hour in range(48) if is_open(promotion.active, "Europe/Paris", friday + hour * 3_600_000)]
    assert open_hours == [22, 23, 24, 25]


def pieces(number: int) -> list[Piece]:
    """Return so many units of one line."""
    line = Line("a", cast("Product", None), number, None, units=[Unit(10, 10) for _ in range(number)])
    return [Piece(line, unit) for unit in line.units]


def test_rows_can_be_filled_if_some_dealing_out_fills_them() -> None:
    """Hall's theorem against trying every order of the units."""
    chance = random.Random(7)  # noqa: S311 - no secret
    answers = []
    for _ in range(300):
        units = pieces(chance.randint(1, 5))
        rows = [chance.sample(units, chance.randint(0, len(units))) for _ in range(chance.randint(1, 3))]
        needs = [chance.randint(0, 2) for _ in rows]
        places = [row for need, row in zip(needs, rows, strict=True) for _ in range(need)]
        fits = any(
            all(piece in row for piece, row in zip(dealt, places, strict=True))
            for dealt in permutations(units, len(places))
        )
        assert can_be_filled(needs, rows) == fits
        answers.append(fits)
    assert 50 < sum(answers) < 250


def test_sets_of_overlapping_rows() -> None:
    one, two, three = units = pieces(3)
    groups = [Group(1, units), Group(1, [one])]
    assert number_of_sets(groups, None) == 1
    assert fill(groups, 1) == [[two], [one]], "the first unit is kept for the group that has no other"
    assert number_of_sets([Group(1, [one, two]), Group(1, [two, three])], None) == 1
    assert number_of_sets([Group(1, units)], 2) == 2
