"""Units as runs agree with units one by one."""

from hypothesis import given
from hypothesis import strategies as st

from engine.money import allocate
from engine.pricing.units import LineUnits, Pick, Run, Taking, Use


@given(st.integers(0, 500), st.integers(1, 12), st.lists(st.integers(0, 10_000), max_size=5))
def test_taking_discounts_off_runs_is_allocating_them_over_single_units(
    unit_minor: int, count: int, wanted: list[int]
) -> None:
    line, units = LineUnits([Run(unit_minor, count, unit_minor)]), [unit_minor] * count
    for want in wanted:
        amount = min(want, sum(units))
        line.take(amount)
        units.sort(reverse=True)
        units = [unit - part for unit, part in zip(units, allocate(amount, units), strict=True)] if amount else units
    runs = line.runs()
    assert sorted((run.now_minor for run in runs for _ in range(run.units)), reverse=True) == sorted(
        units, reverse=True
    )
    assert line.current_minor == sum(units)


@given(st.integers(1, 500), st.integers(2, 9), st.integers(0, 300), st.data())
def test_a_discount_wanted_of_units_never_takes_more_of_one_than_was_wanted(
    unit_minor: int, count: int, first: int, data: st.DataObject
) -> None:
    line = LineUnits([Run(unit_minor, count, unit_minor)])
    line.take(min(first, unit_minor * count))
    picks = [
        Pick(place, data.draw(st.integers(0, run.units)), data.draw(st.integers(0, run.now_minor)))
        for place, run in enumerate(line.runs())
    ]
    amount = data.draw(st.integers(0, sum(pick.weight_minor * pick.units for pick in picks)))
    line.take_from(Taking(amount, picks, Use.BOTH))
    left = sum(run.now_minor * run.units for run in line.runs())
    assert left == line.current_minor == unit_minor * count - min(first, unit_minor * count) - amount
    assert sum(run.units for run in line.runs()) == count
    assert min(run.now_minor for run in line.runs()) >= 0


def test_used_units_are_parted_and_say_what_they_were() -> None:
    line = LineUnits([Run(100, 5, 100)])
    line.take_from(Taking(50, [Pick(0, 2, 0, Use.TRIGGER), Pick(0, 1, 50, Use.REWARD)], Use.NONE))
    assert sorted((run.now_minor, run.units, run.was, run.may) for run in line.runs()) == [
        (50, 1, Use.REWARD, Use.NONE),
        (100, 2, Use.NONE, Use.BOTH),
        (100, 2, Use.TRIGGER, Use.NONE),
    ]


def test_a_thousand_pieces_cost_as_much_as_one() -> None:
    """However many units there are, they stay a few runs."""
    line = LineUnits([Run(199, 999_999, 199)])
    for amount in (1, 33_333, 7, 1_000_003):
        line.take(amount)
    assert len(line.runs()) <= 5
