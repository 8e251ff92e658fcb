"""Money: integer arithmetic against exact fractions."""

from decimal import ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.money import (
    AMOUNT_MINOR_MAX,
    Rounding,
    allocate,
    exponent_of,
    format_minor,
    parse_amount,
    parse_percent_bp,
    parse_rate_ppm,
    ratio_of,
)
from engine.types import Currency

EUR, JPY, KWD = Currency("EUR"), Currency("JPY"), Currency("KWD")
AMOUNTS = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
DECIMAL_MODES = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_DOWN: ROUND_HALF_DOWN,
}


@given(AMOUNTS, st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.sampled_from(Rounding))
def test_ratio_of_is_the_nearest_whole_number(amount: int, num: int, den: int, rounding: Rounding) -> None:
    exact = Fraction(amount * num, den)
    got = ratio_of(amount, num, den, rounding)
    assert abs(got - exact) <= Fraction(1, 2)
    assert ratio_of(-amount, num, den, rounding) == -got


@given(st.integers(-(10**9), 10**9), st.sampled_from(Rounding))
def test_ratio_of_decides_halves_as_decimal_does(twice: int, rounding: Rounding) -> None:
    expected = (Decimal(twice) / 2).to_integral_value(DECIMAL_MODES[rounding])
    assert ratio_of(twice, 1, 2, rounding) == expected


WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=30)


@given(WEIGHTS, st.data())
def test_allocated_parts_sum_to_the_total_and_never_exceed_their_weight(
    weights: list[int], data: st.DataObject
) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(WEIGHTS.filter(any), st.integers(0, 10**9))
def test_each_part_is_within_one_of_its_exact_share(weights: list[int], total: int) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(WEIGHTS.filter(any), st.integers(0, 10**9), st.data())
def test_the_same_weights_get_the_same_parts_in_any_order(weights: list[int], total: int, data: st.DataObject) -> None:
    """Which of two equal weights gets the last cent depends on their order, what the weights get together does not."""
    shuffled = data.draw(st.permutations(weights))
    pairs = sorted(zip(weights, allocate(total, weights), strict=True))
    assert sorted(zip(shuffled, allocate(total, shuffled), strict=True)) == pairs


def test_a_tie_goes_to_the_larger_weight_then_to_the_earlier_place() -> None:
    assert allocate(1, [1, 1]) == [1, 0]
    assert allocate(2, [1, 3]) == [0, 2]  # both remainders are a half
    assert allocate(0, [0, 0]) == [0, 0]


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1, 2]), (1, []), (1, [0, 0])])
def test_what_cannot_be_allocated_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot allocate"):
        allocate(total, weights)


@given(AMOUNTS, st.sampled_from([EUR, JPY, KWD]))
def test_what_is_written_is_read_back(amount_minor: int, currency: Currency) -> None:
    assert parse_amount(format_minor(amount_minor, currency), currency) == amount_minor


@pytest.mark.parametrize(
    ("text", "currency", "amount_minor"),
    [
        ("12", EUR, 1200),
        ("12.3", EUR, 1230),
        ("12.300", EUR, 1230),
        (" -.5 ", EUR, -50),
        ("1.234", KWD, 1234),
        ("7", JPY, 7),
        ("7.", JPY, 7),
        ("0007.00", JPY, 7),
    ],
)
def test_amounts_as_people_write_them(text: str, currency: Currency, amount_minor: int) -> None:
    assert parse_amount(text, currency) == amount_minor


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "-", "1.234", "1,20", "1_000", "1e3", "١٢", "Infinity", "NaN", "0x10", "12 EUR", "9" * 40),
        "1.000000000000000000000000000001",  # more digits than a Decimal keeps by default
    ],
)
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an amount in EUR: expected a number such as 12\.34"):
        parse_amount(text, EUR)


def test_a_huge_amount_is_refused() -> None:
    with pytest.raises(ValueError, match=r"too large: at most 100000000000\.00"):
        parse_amount("100000000000.01", EUR)


def test_percentages_and_rates() -> None:
    assert parse_percent_bp("12.5 %") == 1250
    assert parse_rate_ppm("8.875%") == 88750
    for wrong in ("20", "20.001%", "%", "1e1%"):
        with pytest.raises(ValueError, match="is not a percentage"):
            parse_percent_bp(wrong)
    for wrong in ("-1%", "100.01%"):
        with pytest.raises(ValueError, match="outside 0% to 100%"):
            parse_percent_bp(wrong)


def test_exponents() -> None:
    assert [exponent_of(currency) for currency in (EUR, JPY, KWD)] == [2, 0, 3]
