"""What is left to pay on one line while lanes take discounts off it, down to its single units.

Units are counted runs, never one object each: 999 pieces at one price are one run. Most promotions only ask what the
line still costs, so its runs are worked out when somebody asks for them.
"""

from collections.abc import Sequence

Run = tuple[int, int]
"""(what one unit still costs, how many units cost that)."""


class LineUnits:
    """The units of one line. ``current_minor`` is what the whole line still costs."""

    __slots__ = ("_pending", "_runs", "current_minor")

    def __init__(self, unit_minor: int, units: int) -> None:
        self.current_minor = unit_minor * units
        self._runs: list[Run] = [(unit_minor, units)]
        self._pending: list[int] = []

    def runs(self) -> Sequence[Run]:
        """Return the units as runs, dearest first."""
        for amount_minor in self._pending:
            self._runs = _take(self._runs, amount_minor, [price for price, _ in self._runs])
        self._pending.clear()
        return self._runs

    def take(self, amount_minor: int) -> None:
        """Take a discount off the line; it is spread over the units in proportion to what they cost."""
        self.current_minor -= amount_minor
        self._pending.append(amount_minor)

    def take_from_units(self, amount_minor: int, wants: Sequence[int]) -> None:
        """Take a discount off, spread in proportion to what was wanted of a unit of each of `runs()`."""
        self._runs = _take(list(self.runs()), amount_minor, wants)
        self.current_minor -= amount_minor


def _take(runs: Sequence[Run], amount_minor: int, wants: Sequence[int]) -> list[Run]:
    """Allocate `amount_minor` over all units by largest remainder, weighing each unit by its want.

    The same as `money.allocate` over a list of single units, in time that grows with the runs and not with the units.
    """
    whole = sum(want * count for want, (_, count) in zip(wants, runs, strict=True))
    if not amount_minor or not whole:
        return list(runs)
    shares = [divmod(amount_minor * want, whole) for want in wants]
    left = amount_minor - sum(share * count for (share, _), (_, count) in zip(shares, runs, strict=True))
    counts: dict[int, int] = {}
    for index in sorted(range(len(runs)), key=lambda i: (-shares[i][1], -wants[i], i)):
        price, count = runs[index]
        share = shares[index][0]
        more = min(left, count)
        left -= more
        for unit_price, number in ((price - share - 1, more), (price - share, count - more)):
            if number:
                counts[unit_price] = counts.get(unit_price, 0) + number
    return sorted(counts.items(), reverse=True)
