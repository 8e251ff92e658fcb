"""Codes as people and scanners see them: every form means the same code, and a typo is told from another code."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cart.codes import CODE_ALPHABET, check_digit
from engine.cart.handoff import (
    KEYPAD_NUMBERS,
    NUMBERS,
    RESTRICTED_PREFIXES,
    HandoffCode,
    code_of_name,
    free_prefix,
    read_code,
)
from engine.errors import RefusedError, UserErrorCode
from engine.types import StoreId

LYON = StoreId("lyon")
LETTERS = st.integers(KEYPAD_NUMBERS, NUMBERS - 1).map(HandoffCode)
KEYPAD = st.integers(0, KEYPAD_NUMBERS - 1).map(lambda number: HandoffCode(number, LYON))


def is_mistyped(entered: str, store: StoreId | None = None) -> bool:
    try:
        read_code(entered, store)
    except RefusedError as refused:
        return [error.code for error in refused.errors] == [UserErrorCode.MISTYPED_CODE]
    return False


@given(LETTERS | KEYPAD, st.sampled_from(RESTRICTED_PREFIXES))
def test_every_form_of_a_code_is_that_code(code: HandoffCode, prefix: str) -> None:
    forms = [code.text, code.shown, code.shown.lower(), f"  {code.shown.replace('-', ' ')} ", code.ean13(prefix)]
    for form in (*forms, code.uri("handoff"), code.uri("handoff").upper()):
        assert read_code(form, LYON) == code
    assert code_of_name(code.name) == code


@given(LETTERS)
def test_a_code_has_eight_characters_and_a_check_character(code: HandoffCode) -> None:
    assert len(code.text) == 9
    assert set(code.text) <= set(CODE_ALPHABET)
    assert not set(CODE_ALPHABET) & set("AEIOUY01LQSBZ")


@given(LETTERS, st.integers(0, 8), st.sampled_from(string.ascii_uppercase + string.digits))
def test_one_wrong_character_is_a_typo(code: HandoffCode, at: int, wrong: str) -> None:
    text = code.text
    mistyped = text[:at] + wrong + text[at + 1 :]
    assert is_mistyped(mistyped) == (mistyped != text)


@given(LETTERS, st.integers(0, 7))
def test_two_neighbours_swapped_are_a_typo(code: HandoffCode, at: int) -> None:
    text = code.text
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert is_mistyped(swapped) == (swapped != text)


@given(LETTERS | KEYPAD, st.sampled_from(RESTRICTED_PREFIXES), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_of_a_barcode_is_a_typo(code: HandoffCode, prefix: str, at: int, by: int) -> None:
    scanned = code.ean13(prefix)
    wrong = str((int(scanned[at]) + by) % 10)
    assert is_mistyped(scanned[:at] + wrong + scanned[at + 1 :], LYON)


def test_a_barcode_is_an_ean_13_under_a_restricted_prefix() -> None:
    scanned = HandoffCode(4_815_162_342).ean13("29")
    assert (scanned[:12], scanned[12], len(scanned)) == ("294815162342", check_digit("294815162342"), 13)
    foreign = "3017620422003"
    assert is_mistyped(foreign)


def test_six_digits_mean_something_in_a_store_only() -> None:
    code = HandoffCode(42, LYON)
    assert (code.text, code.shown, code.name) == ("000042", "000 042", "lyon/000042")
    assert is_mistyped("000042")
    assert read_code("000042", StoreId("paris")) != code


@pytest.mark.parametrize("entered", ["", "-", "CDFG-HJKM", "12345", "1234567", "ÀÉÎÕÜ", "x" * 5000, "panier:handoff:"])
def test_what_cannot_be_a_code_is_a_typo(entered: str) -> None:
    assert is_mistyped(entered, LYON)


@pytest.mark.parametrize(("number", "store"), [(KEYPAD_NUMBERS - 1, None), (NUMBERS, None), (KEYPAD_NUMBERS, LYON)])
def test_numbers_of_one_form_are_not_taken_for_the_other(number: int, store: StoreId | None) -> None:
    with pytest.raises(ValueError, match="the number of a code"):
        HandoffCode(number, store)


def test_the_prefix_is_one_that_no_label_of_the_shop_has() -> None:
    assert free_prefix(frozenset()) == "29"
    assert free_prefix(frozenset({"29", "28"})) == "27"
