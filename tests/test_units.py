"""Units as runs agree with units one by one."""

from hypothesis import given
from hypothesis import strategies as st

from engine.money import allocate
from engine.pricing.units import LineUnits


@given(st.integers(0, 500), st.integers(1, 12), st.lists(st.integers(0, 10_000), max_size=5))
def test_taking_discounts_off_runs_is_allocating_them_over_single_units(
    unit_minor: int, count: int, wanted: list[int]
) -> None:
    line, units = LineUnits(unit_minor, count), [unit_minor] * count
    for want in wanted:
        amount = min(want, sum(units))
        line.take(amount)
        units.sort(reverse=True)
        units = [unit - part for unit, part in zip(units, allocate(amount, units), strict=True)] if amount else units
    runs = line.runs()
    assert sorted((price for price, number in runs for _ in range(number)), reverse=True) == sorted(units, reverse=True)
    assert line.current_minor == sum(units)


@given(st.integers(1, 500), st.integers(2, 9), st.integers(0, 300), st.data())
def test_a_discount_wanted_of_units_never_takes_more_of_one_than_was_wanted(
    unit_minor: int, count: int, first: int, data: st.DataObject
) -> None:
    line = LineUnits(unit_minor, count)
    line.take(min(first, unit_minor * count))
    runs = list(line.runs())
    wants = [data.draw(st.integers(0, price)) for price, _ in runs]
    most = sum(want * number for want, (_, number) in zip(wants, runs, strict=True))
    amount = data.draw(st.integers(0, most))
    line.take_from_units(amount, wants)
    left = sum(price * number for price, number in line.runs())
    assert left == line.current_minor == unit_minor * count - min(first, unit_minor * count) - amount
    assert min(price for price, _ in line.runs()) >= 0


def test_a_thousand_pieces_cost_as_much_as_one() -> None:
    """However many units there are, they stay a few runs."""
    line = LineUnits(199, 999_999)
    for amount in (1, 33_333, 7, 1_000_003):
        line.take(amount)
    assert len(line.runs()) <= 5
