"""Single units, put in order and taken for sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

from tests.oracle.cart import Line, Unit


@dataclass(frozen=True, eq=False)
class Piece:
    """One unit and the line it lies on."""

    line: Line
    unit: Unit


def pieces_of(lines: list[Line]) -> list[Piece]:
    """Return every single unit of the lines."""
    return [Piece(line, unit) for line in lines for unit in line.units]


def in_order(pieces: list[Piece], pick: str) -> list[Piece]:
    """Put units in a row: by what one cost as the lane began, then by line, then the one that now costs more.

    Of those that differ only in what they may be in later sets, those come first that may not be a trigger, then those
    that may not be rewarded; then those that were in no set, were triggers, were rewarded. How many there are decides
    nothing.
    """
    sign = {"cheapest": 1, "dearest": -1}[pick]
    return sorted(
        pieces,
        key=lambda piece: (
            sign * piece.unit.lane_start_minor,
            piece.line.id,
            -piece.unit.current_minor,
            piece.unit.may_trigger,
            piece.unit.may_be_rewarded,
            (piece.unit.rewarded, piece.unit.triggered),
        ),
    )


@dataclass(frozen=True)
class Group:
    """Of these candidates, first come first taken, each set needs so many."""

    each_set: int
    row: list[Piece]
    some_used_up: bool = False
    """Whether earlier sets took units that would else be candidates."""


def can_be_filled(needs: Sequence[int], rows: Sequence[list[Piece]]) -> bool:
    """Say whether every row can give as many units as it needs, no unit being given twice.

    By Hall's theorem it can if no choice of rows needs more than all units in those rows together.
    """
    rows_of = [{id(piece.unit) for piece in row} for row in rows]
    for size in range(1, len(rows) + 1):
        for some in combinations(range(len(rows)), size):
            if sum(needs[place] for place in some) > len(set().union(*(rows_of[place] for place in some))):
                return False
    return True


def number_of_sets(groups: list[Group], max_sets: int | None) -> int:
    """Return how many sets fit: the greatest number for which there are enough different units."""
    number = 0
    while number != max_sets and can_be_filled(
        [(number + 1) * group.each_set for group in groups], [group.row for group in groups]
    ):
        number += 1
    return number


def missing_for_one(groups: list[Group]) -> int:
    """Return how many units of one set are not there: the fullest part of a set that can be had decides."""
    parts = product(*(range(group.each_set + 1) for group in groups))
    rows = [group.row for group in groups]
    return sum(group.each_set for group in groups) - max(sum(part) for part in parts if can_be_filled(part, rows))


def fill(groups: list[Group], sets: int) -> list[list[Piece]]:
    """Take the units for so many sets: group after group, each in its order.

    A unit is passed over if without it the groups that follow could no longer be filled.
    """
    taken: list[list[Piece]] = []
    used: set[int] = set()
    for place, group in enumerate(groups):
        later = groups[place + 1 :]
        mine: list[Piece] = []
        for piece in group.row:
            if len(mine) == sets * group.each_set:
                break
            if id(piece.unit) in used:
                continue
            without = [[other for other in each.row if id(other.unit) not in used | {id(piece.unit)}] for each in later]
            if can_be_filled([sets * each.each_set for each in later], without):
                mine.append(piece)
                used.add(id(piece.unit))
        assert len(mine) == sets * group.each_set
        taken.append(mine)
    return taken
