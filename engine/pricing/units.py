"""What is left to pay on one line while lanes take discounts off it, down to its single units.

Units are counted runs, never one object each: 999 pieces at one price are one run. Most promotions only ask what the
line still costs, so its runs are worked out when somebody asks for them.
"""

from collections.abc import Mapping, Sequence
from enum import IntFlag
from typing import NamedTuple


class Use(IntFlag):
    """What a unit can be to a promotion that builds sets: it triggers a reward, or it is rewarded."""

    NONE = 0
    TRIGGER = 1
    REWARD = 2
    BOTH = 3


class Run(NamedTuple):
    """Some equal units of a line.

    ``now_minor`` is what one of them still costs, ``start_minor`` what it cost when the lane began (picks go by that,
    so that one promotion of a lane does not change which units another one finds). ``was`` says what they have been
    to promotions so far, ``may`` what they may still be.
    """

    now_minor: int
    units: int
    start_minor: int
    was: Use = Use.NONE
    may: Use = Use.BOTH


class Pick(NamedTuple):
    """Some units that a benefit asks something of.

    ``run`` is the place of their run in `LineUnits.runs`. What is granted on the line falls on its picked units in
    proportion to ``weight_minor``, which also bounds what one of them can be asked. ``use`` is what they become.
    """

    run: int
    units: int
    weight_minor: int
    use: Use = Use.NONE


class Taking(NamedTuple):
    """A discount on picked units of a line; `may` is what used ones may still be."""

    amount_minor: int
    picks: Sequence[Pick]
    may: Use


_LANE_BEGINS = -1
"""Stands among amounts, none of which is negative."""


class LineUnits:
    """The units of one line. ``current_minor`` is what the whole line still costs."""

    __slots__ = ("_pending", "_runs", "current_minor")

    def __init__(self, runs: list[Run]) -> None:
        self.current_minor = sum([run.now_minor * run.units for run in runs])
        self._runs = runs
        self._pending: list[int] = []
        """What happened since the runs were last worked out: amounts taken, and beginnings of lanes."""

    def runs(self) -> Sequence[Run]:
        """Return the units as runs, dearest first."""
        if not self._pending:
            return self._runs
        for amount_minor in self._pending:
            if amount_minor == _LANE_BEGINS:
                self._runs = _merged([run._replace(start_minor=run.now_minor) for run in self._runs])
            else:
                self._runs = _take(self._runs, amount_minor, [run.now_minor for run in self._runs])
        self._pending.clear()
        return self._runs

    @property
    def in_sets(self) -> bool:
        """Whether promotions that build sets used some of the units."""
        return any(run.was for run in self._runs)

    def begin_lane(self) -> None:
        """Let picks go by what units cost from here on."""
        self._pending.append(_LANE_BEGINS)

    def take(self, amount_minor: int) -> None:
        """Take a discount off the line; it is spread over the units in proportion to what they cost."""
        self.current_minor -= amount_minor
        self._pending.append(amount_minor)

    def take_from(self, *takings: Taking) -> None:
        """Take discounts off picked units, each spread over its own by their weights; no unit is in two of them."""
        runs = self.runs()
        left = [run.units for run in runs]
        parted: list[Run] = []
        for amount_minor, in_any_order, may in takings:
            picks = sorted(in_any_order, key=lambda pick: pick.run)
            picked = [_used(runs[pick.run], pick, may) for pick in picks]
            parted += _take(picked, amount_minor, [pick.weight_minor for pick in picks])
            self.current_minor -= amount_minor
            for pick in picks:
                left[pick.run] -= pick.units
        self._runs = _merged([*parted, *(run._replace(units=count) for run, count in zip(runs, left, strict=True))])

    def part(self, units_by_run: Mapping[int, int]) -> "LineUnits":
        """Return some of the units as a line of its own; its runs keep their places."""
        return LineUnits(
            [
                Run(now_minor, units_by_run.get(place, 0), start_minor, was, may)
                for place, (now_minor, _, start_minor, was, may) in enumerate(self.runs())
            ]
        )


def _used(run: Run, pick: Pick, may: Use) -> Run:
    """Return the picked units of a run, as they are from now on."""
    allowed = run.may & may if pick.use else run.may
    return run._replace(units=pick.units, was=run.was | pick.use, may=allowed)


def _take(runs: Sequence[Run], amount_minor: int, weights: Sequence[int]) -> list[Run]:
    """Allocate `amount_minor` over all units by largest remainder; of equal shares the earlier run goes first.

    The same as `money.allocate` over a list of single units, in time that grows with the runs and not with the units.
    """
    whole = sum(weight * run.units for weight, run in zip(weights, runs, strict=True))
    if not amount_minor or not whole:
        return _merged(runs)
    shares = [divmod(amount_minor * weight, whole) for weight in weights]
    left = amount_minor - sum(share * run.units for (share, _), run in zip(shares, runs, strict=True))
    taken: list[Run] = []
    for index in sorted(range(len(runs)), key=lambda i: (-shares[i][1], -weights[i])):
        run, share = runs[index], shares[index][0]
        more = min(left, run.units)
        left -= more
        now_minor, units, start_minor, was, may = run
        taken.append(Run(now_minor - share - 1, more, start_minor, was, may))
        taken.append(Run(now_minor - share, units - more, start_minor, was, may))
    return _merged(taken)


def _merged(runs: Sequence[Run]) -> list[Run]:
    """Join equal units into one run and put the dearest first; of these, the ones that may be used for least.

    How many there are decides nothing: a cent may not move because one more was bought.
    """
    there = [run for run in runs if run.units]
    if len(there) < 2:
        return there
    counts: dict[tuple[int, int, Use, Use], int] = {}
    for now_minor, units, start_minor, was, may in there:
        alike = now_minor, start_minor, was, may
        counts[alike] = counts.get(alike, 0) + units
    merged = [Run(now, units, start, was, may) for (now, start, was, may), units in counts.items()]
    merged.sort(key=lambda run: (_rank(run), run.was))
    return merged


_FREEDOM = {Use.NONE: 0, Use.REWARD: 1, Use.TRIGGER: 2, Use.BOTH: 3}
"""Ranks what units may still be used for."""


def _rank(run: Run) -> tuple[int, int, int]:
    """Put the dearest first; of these, the ones that were dearer, then the ones that may be used for least."""
    return -run.now_minor, -run.start_minor, _FREEDOM[run.may]
