"""Codes: lists in files of their own, codes that look alike, generated codes, and why one gives nothing."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from engine.cart.codes import CODE_ALPHABET, canonical_code, check_character, is_intact
from engine.errors import Diagnostic, FilesRefusedError
from engine.limits import ClosedLimits, Closing
from engine.pricing.evaluation import CodeState
from engine.pricing.shop import Shop
from engine.rules.code_reasons import code_reasons
from engine.rules.evaluate import evaluate
from engine.rules.load import LoadedRules, load_rules
from engine.types import PromotionId
from tests.carts import basket_of
from tests.rules.conftest import Load

SUMMER = "promotions:\n  - id: summer\n    {codes}\n    give: {{percent_off: {{percent: 10%}}}}\n"
LoadFolder = Callable[..., LoadedRules]


@pytest.fixture(name="load_folder")
def _load_folder(shop: Shop, tmp_path: Path) -> LoadFolder:
    def load_folder(codes: str, **files: str) -> LoadedRules:
        (tmp_path / "rules.yaml").write_text(SUMMER.format(codes=codes))
        for name, text in files.items():
            (tmp_path / f"{name}.txt").write_text(text)
        return load_rules(tmp_path, shop)

    return load_folder


def refused(load_folder: LoadFolder, codes: str, **files: str) -> list[Diagnostic]:
    with pytest.raises(FilesRefusedError) as refusal:
        load_folder(codes, **files)
    return list(refusal.value.diagnostics)


# series


def test_a_series_is_named_as_it_is_issued(load_folder: LoadFolder) -> None:
    example = "examples: [{cart: [{sku: milk}], expect: {outcome: applied}}]"  # with a code of the series
    loaded = load_folder(f"codes: series:next-visit\n    {example}")
    assert loaded.ruleset.by_code.keys() == {"series:next-visit"}
    assert load_folder("codes: series:Next-Visit").ruleset.by_code.keys() == {"series:Next-Visit"}
    (fault,) = refused(load_folder, "codes: ['series:next visit']")
    assert fault.code == "invalid_series"


# codes_from


def test_the_codes_of_a_list_count_like_written_ones(load_folder: LoadFolder, shop: Shop) -> None:
    rules = load_folder(
        "codes: [HELLO]\n    codes_from: list.txt", list="# for July\nab-cd\n\nEF GH # the last\n"
    ).ruleset
    assert rules.by_code.keys() == {"HELLO", "ABCD", "EFGH"}
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["efgh"])
    assert evaluate(basket, rules).totals.total_minor == 108


def test_it_makes_no_difference_where_a_code_stands(load_folder: LoadFolder) -> None:
    listed = load_folder("codes_from: list.txt", list="B\nA\n").ruleset.hash
    assert load_folder("codes: [A, B]").ruleset.hash == listed
    assert load_folder("codes_from: list.txt", list="A\nB\nC\n").ruleset.hash != listed


def test_a_bad_code_in_a_list_is_an_error_and_a_double_one_a_warning(load_folder: LoadFolder) -> None:
    faults = refused(load_folder, "codes_from: list.txt", list="GOOD\n  a_b\ngood  # again\n")
    assert [(f.code, f.severity, f.span.file, f.span.line, f.span.column, f.span.width) for f in faults] == [
        ("invalid_code", "error", "list.txt", 2, 3, 3),
        ("duplicate_code", "warning", "list.txt", 3, 1, 4),
    ]
    assert faults[1].message == "the code `good` is also on line 1"
    assert load_folder("codes_from: list.txt", list="GOOD\ngood\n").warnings[0].code == "duplicate_code"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("codes_from: none.txt", "unreadable_file"),
        ("codes_from: ../list.txt", "outside_folder"),
        ("codes_from: /etc/passwd", "outside_folder"),
        ("codes_from: list.txt", "empty_code_list"),
    ],
)
def test_a_list_that_cannot_be_read_is_named_where_it_is_wanted(
    load_folder: LoadFolder, written: str, code: str
) -> None:
    [fault] = refused(load_folder, written, list="# none yet\n")
    assert (fault.code, fault.span.file, fault.span.line, fault.span.column) == (code, "rules.yaml", 3, 17)


# Codes that look alike


@pytest.mark.parametrize("typed", ["SUMMER10", "summer-1O", "SUMMER I0", "summerlo"])
def test_what_looks_like_a_known_code_is_that_code(load: Load, shop: Shop, typed: str) -> None:
    rules = load(SUMMER.format(codes="codes: [SUMMER10]")).ruleset
    evaluation = evaluate(basket_of(shop, lines=[{"sku": "milk"}], codes=[typed]), rules)
    [verdict] = evaluation.codes
    assert (verdict.canonical, verdict.state) == (canonical_code(typed), CodeState.APPLIED)


def test_where_two_known_codes_look_the_same_only_the_exact_one_counts(load: Load, shop: Shop) -> None:
    rules = load(SUMMER.format(codes="codes: [SUN10, SUNIO]")).ruleset
    states = [
        evaluate(basket_of(shop, lines=[{"sku": "milk"}], codes=[typed]), rules).codes[0].state
        for typed in ("SUN10", "SUNIO", "SUN1O")
    ]
    assert states == [CodeState.APPLIED, CodeState.APPLIED, CodeState.UNKNOWN]


# Generated codes


def test_the_check_character_notices_every_slip() -> None:
    body = "7WXK2CD9H"
    code = body + check_character(body)
    assert is_intact(code)
    wrong = [code[:at] + char + code[at + 1 :] for at in range(len(code)) for char in CODE_ALPHABET if char != code[at]]
    swapped = []
    for first, second in combinations(range(len(code)), 2):
        chars = list(code)
        chars[first], chars[second] = chars[second], chars[first]
        swapped.append("".join(chars))
    assert not [typed for typed in [*wrong, *swapped] if typed != code and is_intact(typed)]
    assert not is_intact("O" + code[1:])
    assert not is_intact("")


# Why a code gives nothing

CODES = """
promotions:
  - {id: big, label: Big, codes: [BIG], when: {spend: {at_least: 50 EUR}}, give: {order_percent_off: {percent: 5%}}}
  - {id: over, codes: [OVER, TWICE], active: {until: 2026-01-01T12:00}, give: {percent_off: {percent: 5%}}}
  - {id: soon, codes: [SOON], active: {from: 2026-12-01}, give: {percent_off: {percent: 5%}}}
  - {id: again, codes: [TWICE], channels: [pos], give: {percent_off: {percent: 5%}}}
  - {id: gold, codes: [GOLD], customers: {tiers: [gold]}, give: {percent_off: {percent: 5%}}}
  - {id: south, codes: [SOUTH], stores: [south], give: {percent_off: {percent: 5%}}}
  - {id: secret, codes: [SECRET], hidden: true, channels: [pos], give: {percent_off: {percent: 5%}}}
  - {id: oats, codes: [OATS], give: {percent_off: {percent: 5%, on: {sku: oat}}}}
  - {id: fine, codes: [FINE], give: {percent_off: {percent: 5%}}}
"""


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("BIG", "48.86 EUR more is needed (1.14 EUR of 50.00 EUR)"),
        ("B1G", "48.86 EUR more is needed (1.14 EUR of 50.00 EUR)"),
        ("OVER", "it ended 2026-01-01T12:00:00+01:00"),
        ("SOON", "not active now, opens 2026-12-01T00:00:00+01:00"),
        ("TWICE", "not offered in the channel web, only in pos"),
        ("GOLD", "sign in to see whether it is for you"),
        ("SOUTH", "not offered in the store north, only in south"),
        ("SECRET", "it gives nothing at present"),
        ("OATS", "nothing in the cart can take this discount"),
        ("WRONG", "there is no such code, check how it is written"),
    ],
)
def test_a_code_that_gives_nothing_says_exactly_why(load: Load, shop: Shop, typed: str, reason: str) -> None:
    rules = load(CODES).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["FINE", typed])
    assert code_reasons(basket, rules, evaluate(basket, rules)) == {typed: reason}


@pytest.mark.parametrize(
    ("closing", "reason"),
    [
        (Closing.LIMIT, "it has been used as often as it may be"),
        (Closing.BUDGET, "all of its money has been given away"),
    ],
)
def test_a_code_that_is_used_up_says_so(load: Load, shop: Shop, closing: Closing, reason: str) -> None:
    limits = "{total: 1}" if closing is Closing.LIMIT else "{budget: 1 EUR}"
    rules = load(
        f"promotions: [{{id: a, codes: [GONE], limits: {limits}, give: {{order_amount_off: {{amount: 1 EUR}}}}}}]"
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["GONE"])
    assert code_reasons(basket, rules, evaluate(basket, rules)) == {}
    basket = replace(basket, closed=ClosedLimits({PromotionId("a"): closing}))
    assert code_reasons(basket, rules, evaluate(basket, rules)) == {"GONE": reason}


def test_a_code_that_cannot_be_combined_says_so_and_with_what(load: Load, shop: Shop) -> None:
    rules = load(
        """
promotions:
  - {id: small, codes: [SMALL], exclusive: true, give: {percent_off: {percent: 10%}}}
  - {id: large, label: Summer sale, give: {order_percent_off: {percent: 20%}}}
"""
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["SMALL"])
    reason = "it cannot be combined with another offer that is better or goes first (Summer sale)"
    assert code_reasons(basket, rules, evaluate(basket, rules)) == {"SMALL": reason}


def test_a_code_that_lost_to_a_secret_promotion_does_not_name_it(load: Load, shop: Shop) -> None:
    rules = load(
        """
lanes: [{name: item, mode: best}]
promotions:
  - {id: small, codes: [SMALL], give: {percent_off: {percent: 10%}}}
  - {id: for-testers, hidden: true, give: {percent_off: {percent: 20%}}}
"""
    ).ruleset
    basket = basket_of(shop, lines=[{"sku": "milk"}], codes=["SMALL"])
    told = {staff: code_reasons(basket, rules, evaluate(basket, rules), staff=staff) for staff in (False, True)}
    assert told[False] == {"SMALL": "another offer is better or goes first"}
    assert told[True] == {"SMALL": "another offer is better or goes first (for-testers)"}


def test_where_a_list_is_wrong_its_examples_say_nothing(load_folder: LoadFolder) -> None:
    example = "examples: [{cart: [{sku: milk}], expect: {discount: 1 EUR}}]"
    faults = refused(load_folder, f"codes_from: list.txt\n    {example}", list="AB\n!!\n")
    assert [fault.code for fault in faults] == ["invalid_code"]


def test_of_several_codes_the_wrong_one_is_shown(load: Load) -> None:
    with pytest.raises(FilesRefusedError) as refusal:
        load(SUMMER.format(codes='codes: [GOOD, "!!"]'))
    (fault,) = refusal.value.diagnostics
    assert (fault.code, fault.span.line, fault.span.column) == ("invalid_code", 3, 19)
