"""Sets of units: which units of a cart go together when a promotion needs several of them at once.

Buy X get Y, N for M and bundles are the same question: each of some groups needs a number of units a set, a unit may be
fit for several groups, and no unit can be in two. How many sets fit follows from Hall's theorem: for any choice of
groups, the units fit for at least one of them must cover what these groups need together. The same bound says, while
groups are filled, how many units one may take without starving another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from engine.pricing.tally import Selects, Tally
from engine.pricing.units import Use
from engine.types import record

GROUPS_MAX = 6
"""More groups than this are refused at load: the choices of groups double with each."""


class Order(StrEnum):
    """Which units go first: by what one cost at the start of the lane, then by line id."""

    CHEAPEST = "cheapest"
    DEAREST = "dearest"


@dataclass(frozen=True, slots=True)
class Group:
    """What a set needs: a number of units that `selection` chooses, taken in an order, to be used in a way."""

    quantity: int
    selection: Selects
    order: Order
    use: Use


@record
class Unit:
    """Some equal units: a run of a line, and what one of them costs."""

    place: int
    run: int
    count: int
    start_minor: int
    now_minor: int


def candidates(tally: Tally, groups: Sequence[Group]) -> list[tuple[Unit, int]]:
    """Return the units that may be in a set, each with the groups it is fit for, as a bit mask."""
    fit_places = [set(tally.selected(group.selection)) for group in groups]
    found = []
    for place in sorted(set().union(*fit_places)):
        for index, run in enumerate(tally.lines[place].runs()):
            mask = 0
            for bit, group in enumerate(groups):
                if place in fit_places[bit] and (run.may & group.use) == group.use:
                    mask |= 1 << bit
            if mask:
                found.append((Unit(place, index, run.units, run.start_minor, run.now_minor), mask))
    return found


def ordered(units: Iterable[Unit], order: Order) -> list[Unit]:
    """Return units in the order in which they are picked; the line and the run decide between equals."""
    sign = 1 if order is Order.CHEAPEST else -1
    return sorted(units, key=lambda unit: (sign * unit.start_minor, unit.place, unit.run))


def sets_that_fit(fit: Sequence[tuple[Unit, int]], groups: Sequence[Group]) -> int:
    """Return how many sets can be made."""
    fewest: int | None = None
    for choice in range(1, 1 << len(groups)):
        needed = sum(group.quantity for bit, group in enumerate(groups) if choice >> bit & 1)
        there_are = sum(unit.count for unit, mask in fit if mask & choice)
        fewest = there_are // needed if fewest is None else min(fewest, there_are // needed)
    return fewest or 0


def fill(fit: Sequence[tuple[Unit, int]], groups: Sequence[Group], sets: int) -> list[list[Unit]]:
    """Return the units of each group for that many sets, in picking order. Groups are filled in the order given.

    `sets` must not exceed `sets_that_fit`.
    """
    left = [unit.count for unit, _ in fit]
    by_unit = {(unit.place, unit.run): number for number, (unit, _) in enumerate(fit)}
    spare = _spare(fit, groups, sets)
    filled = []
    for bit, group in enumerate(groups):
        taken, need = [], group.quantity * sets
        for unit in ordered((unit for unit, mask in fit if mask >> bit & 1), group.order):
            number = by_unit[unit.place, unit.run]
            mask = fit[number][1]
            starved = (units for choice, units in spare.items() if mask & choice and not choice >> bit & 1)
            count = min(left[number], need, *starved)
            if count:
                left[number] -= count
                need -= count
                for choice in spare:
                    spare[choice] += count * ((choice >> bit & 1) - bool(mask & choice))
                taken.append(Unit(unit.place, unit.run, count, unit.start_minor, unit.now_minor))
        filled.append(taken)
    return filled


def make_sets(tally: Tally, groups: Sequence[Group], most: int | None) -> tuple[int, list[list[Unit]]]:
    """Return how many sets are made, as many as fit but at most so many, and the units of each group."""
    fit = candidates(tally, groups)
    fitting = sets_that_fit(fit, groups)
    sets = fitting if most is None else min(fitting, most)
    return sets, fill(fit, groups, sets)


def first_set_lacks(tally: Tally, groups: Sequence[Group]) -> list[int]:
    """Return how many units of each group the cart lacks for one set, groups being filled in the order given.

    By Hall's theorem again, the first groups lack the most that any choice of them needs beyond what there is for it.
    Where a set has used up some of these goods nobody can say so, since it may take the next ones as well: then it is
    an empty list.
    """
    fit = candidates(tally, groups)
    chosen = [(place, group.use) for group in groups for place in tally.selected(group.selection)]
    if any((run.may & use) != use for place, use in chosen for run in tally.lines[place].runs()):
        return []
    lacks = [0]
    for number in range(1, len(groups) + 1):
        beyond = lacks[-1]
        for choice in range(1 << (number - 1), 1 << number):
            needed = sum(group.quantity for bit, group in enumerate(groups) if choice >> bit & 1)
            beyond = max(beyond, needed - sum(unit.count for unit, mask in fit if mask & choice))
        lacks.append(beyond)
    return [after - before for before, after in pairwise(lacks)]


def _spare(fit: Sequence[tuple[Unit, int]], groups: Sequence[Group], sets: int) -> dict[int, int]:
    """Return for each choice of groups how many units are fit for one of them beyond what they need."""
    spare = {}
    for choice in range(1, 1 << len(groups)):
        needed = sum(group.quantity for bit, group in enumerate(groups) if choice >> bit & 1)
        spare[choice] = sum(unit.count for unit, mask in fit if mask & choice) - needed * sets
    return spare
