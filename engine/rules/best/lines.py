"""What a promotion can gain from whole lines that cost something, where a lane decides line by line.

Who wants a few units of a line, or has only a part of a cap left for it, pays for all of the line: a bid that pays for
those units alone promises far too much, and the search must find that out line by line.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.rules.best.bids import Bid, Limits, Offered, Stock, dearest_first

SPLITS_MAX: Final = 5
"""Of so many lines that do not fit into what is left of a cap it is tried both to take them and to leave them."""


class _Line(NamedTuple):
    """What is wanted of a whole line, what it costs, and its units by stock."""

    want: int
    cost: float
    units: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class EachLine:
    """Something off each unit by itself up to a limit, where every line that it falls on is taken whole.

    ``places`` are the lines of the stocks, ``ranks`` their places in picking order. ``want`` says what is taken at most
    off so many units of a stock; it may be less than so many times what is taken off one, which is rounded by itself.
    """

    wants: Sequence[int]
    want: Callable[[int, int], int]
    places: Sequence[int]
    ranks: Sequence[int]
    limits: Limits

    @property
    def useful(self) -> Sequence[bool]:
        """Units that get nothing are of no use."""
        return [want > 0 for want in self.wants]

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Choose the lines that bring most under each limit: each limit is a bound by itself."""
        most_units, _, cap_minor = self.limits
        bids = []
        if most_units is not None:
            bids.append(self._in_picking_order(offered, most_units))
        if cap_minor is not None:
            lines = sorted(self._lines(offered), key=lambda line: line.cost / line.want)
            gain, taken = _under_cap(lines, cap_minor, SPLITS_MAX, 0.0)
            bids.append(Bid(gain, {stock: units for line in taken for stock, units in line.units.items()}))
        return min(bids, key=lambda bid: bid.gain)

    def work(self, units: int) -> int:
        """Each is looked at once, or stock by stock for every number of units that are taken already."""
        return units + len(self.wants) * min(self.limits.most_units or 0, units)

    def _in_picking_order(self, offered: Sequence[Offered], most: int) -> Bid:
        """Go along the stocks and keep, for each number of units that took part so far, the best way to it.

        Stocks of one line are chosen apart, as if it could be divided: that promises too much, never too little.
        """
        ways: dict[int, _Way] = {0: (0.0, None)}
        for _, stock, units, cost in sorted((self.ranks[stock], stock, units, cost) for stock, units, cost in offered):
            for taken, way in list(ways.items()):
                count = min(units, most - taken)
                gain = way[0] + self._capped(stock, count) - cost * units
                if count and (taken + count not in ways or gain > ways[taken + count][0]):
                    ways[taken + count] = (gain, (stock, units, way))
        return _bid_of(max(ways.values(), key=_gain_of))

    def _capped(self, stock: int, units: int) -> int:
        want, line_cap_minor = self.want(stock, units), self.limits.line_cap_minor
        return want if line_cap_minor is None else min(want, line_cap_minor)

    def _lines(self, offered: Sequence[Offered]) -> list[_Line]:
        """Return the lines that bring more than they cost; another one brings no more beside them."""
        of_lines: dict[int, list[Offered]] = {}
        for each in offered:
            of_lines.setdefault(self.places[each[0]], []).append(each)
        lines = []
        for parts in of_lines.values():
            want = sum([self.want(stock, units) for stock, units, _ in parts])
            if self.limits.line_cap_minor is not None:
                want = min(want, self.limits.line_cap_minor)
            cost = sum([cost * units for _, units, cost in parts])
            if want > cost:
                lines.append(_Line(want, cost, {stock: units for stock, units, _ in parts}))
        return lines


@dataclass(frozen=True, slots=True)
class RowOfLines:
    """Units in a row, the dearest first, of which every nth is rewarded, where every line in it is taken whole."""

    stocks: Sequence[Stock]
    wants: Sequence[int]
    useful: Sequence[bool]
    nth: int
    most_sets: int | None

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Go along the row stock by stock and keep, for each place in a set, the best way to have come there."""
        nth = self.nth
        end = nth * self.most_sets if self.most_sets is not None else None
        ways: dict[int, _Way] = {0: (0.0, None)}
        for _, stock, cost, units in dearest_first(self.stocks, self.useful, offered):
            want, cost_of_all = self.wants[stock], cost * units
            for place, way in list(ways.items()):
                to = place + units if end is None else min(end, place + units)
                gain = way[0] + (to // nth - place // nth) * want - cost_of_all
                at = to % nth if end is None else to
                if at not in ways or gain > ways[at][0]:
                    ways[at] = (gain, (stock, units, way))
        return _bid_of(max(ways.values(), key=_gain_of))

    def work(self, units: int) -> int:
        """Each stock is looked at for every place."""
        return units + len(self.stocks) * min(self.nth * (self.most_sets or 1), units)


_Way = tuple[float, "tuple[int, int, _Way] | None"]
"""What some stocks bring, and the last one of them with its units and the way without it."""


def _gain_of(way: _Way) -> float:
    return way[0]


def _bid_of(way: _Way) -> Bid:
    gain, last = way
    taken = {}
    while last is not None:
        stock, units, (_, before) = last
        taken[stock] = units
        last = before
    return Bid(gain, taken)


def _under_cap(lines: list[_Line], cap_minor: int, splits: int, known: float) -> tuple[float, list[_Line]]:
    """Return what lines bring at most under a cap, if that is more than what is known, and these lines.

    `lines` cost least for what they bring first. Of the one that does not fit, the part that fits would be best; it is
    taken whole or not at all, unless `splits` are used up.
    """
    gain, left_minor = 0.0, cap_minor
    for at, line in enumerate(lines):
        if line.want <= left_minor:
            gain += line.want - line.cost
            left_minor -= line.want
            continue
        bound = gain + left_minor * (1 - line.cost / line.want)
        if not (left_minor and splits) or bound <= known:
            return bound, lines[: at + 1] if left_minor else lines[:at]
        others = lines[:at] + lines[at + 1 :]
        with_it = cap_minor - line.cost, [line]  # a cap that it fills alone leaves nothing to the others
        if line.want < cap_minor:
            more, beside = _under_cap(others, cap_minor - line.want, splits - 1, known - line.want + line.cost)
            with_it = more + line.want - line.cost, [line, *beside]
        without = _under_cap(others, cap_minor, splits - 1, max(known, with_it[0]))
        return max(with_it, without, key=lambda each: each[0])
    return gain, lines
