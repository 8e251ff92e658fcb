"""What a promotion can gain from units that cost something: the bounds that the search for the best deal goes by.

In a lane that decides unit by unit, a unit that one promotion gets is lost to the others: it costs what the best simple
offer would have taken off it. A benefit answers with a *bid*: no choice of the offered units gains more than that, and
these units gain about as much. A bid may promise too much, never too little; what units really bring is asked of the
promotion itself.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate, chain
from operator import add, itemgetter
from typing import NamedTuple, Protocol

from engine.money import PERCENT_BP
from engine.pricing.sets import Order


class Stock(NamedTuple):
    """Some equal units of the cart: a run of a line, and what one of them costs as the lane begins."""

    place: int
    run: int
    units: int
    unit_minor: int


Offered = tuple[int, int, float]
"""A stock (its place among the stocks), how many units of it, and what taking one of them costs elsewhere."""


class Bid(NamedTuple):
    """`gain`: what the offered units bring at most, less what they cost; `taken`: units by stock that bring it."""

    gain: float
    taken: Mapping[int, int]


def _counted(stocks: Iterable[int]) -> dict[int, int]:
    """Count units by stock; a `Counter` takes several times as long for so few."""
    counts: dict[int, int] = {}
    for stock in stocks:
        counts[stock] = counts.get(stock, 0) + 1
    return counts


def wants_of(chosen: Collection[int], stocks: Sequence[Stock], want: Callable[[Stock], int]) -> list[int]:
    """Return what is wanted of one unit of each stock: nothing of lines that are not chosen."""
    return [want(stock) if stock.place in chosen else 0 for stock in stocks]


def ranks_of(stocks: Sequence[Stock], order: Order) -> list[int]:
    """Return the place of each stock in picking order."""
    sign = 1 if order is Order.CHEAPEST else -1
    row = sorted(range(len(stocks)), key=lambda number: (sign * stocks[number].unit_minor, number))
    ranks = [0] * len(stocks)
    for rank, number in enumerate(row):
        ranks[number] = rank
    return ranks


class Bids(Protocol):
    """How a benefit bids."""

    @property
    def wants(self) -> Sequence[int]:
        """By stock, the most that is taken off one unit of it."""

    @property
    def useful(self) -> Sequence[bool]:
        """By stock, whether the benefit has any use for it, as a trigger perhaps."""

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Return the most that these units bring."""

    def work(self, units: int) -> int:
        """Return about how many steps it takes to bid on so many units: the limits of the search go by it."""


_Part = tuple[int, float, int, int]
"""Some units that a benefit has the same use for: what it wants of one, what one costs, how many, of which stock."""


class Limits(NamedTuple):
    """What bounds an offer: so many units, so much a line, so much together."""

    most_units: int | None
    line_cap_minor: int | None
    cap_minor: int | None


@dataclass(frozen=True, slots=True)
class EachUnit:
    """Something off each unit by itself."""

    wants: Sequence[int]
    limits: Limits

    @property
    def useful(self) -> Sequence[bool]:
        """Units that get nothing are of no use."""
        return [want > 0 for want in self.wants]

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Take what brings most; under a cap, what costs least for what it brings."""
        parts = [part for each in offered for part in self._parts(each) if part[0] > part[1]]
        most_units, _, cap_minor = self.limits
        # Who brings most by itself may be poor under the cap, so each limit is a bound by itself.
        first = parts if most_units is None else _first(parts, most_units)
        bid = Bid(sum([(want - cost) * units for want, cost, units, _ in first]), _summed(first))
        if cap_minor is None or sum([want * units for want, _, units, _ in parts]) <= cap_minor:
            return bid
        return min(_filled(parts, cap_minor), bid, key=lambda each: each.gain)

    def work(self, units: int) -> int:
        """Each is looked at once."""
        return units

    def _parts(self, offered: Offered) -> list[_Part]:
        """Return the units that get all of what is wanted, and the one that gets what is left of its line's cap."""
        stock, units, cost = offered
        want, line_cap_minor = self.wants[stock], self.limits.line_cap_minor
        if line_cap_minor is None or want * units <= line_cap_minor:
            return [(want, cost, units, stock)]
        whole, rest_minor = divmod(line_cap_minor, want)
        return [(want, cost, whole, stock), (rest_minor, cost, 1, stock)]


def _summed(parts: Iterable[_Part]) -> dict[int, int]:
    taken: dict[int, int] = {}
    for _, _, units, stock in parts:
        if units:
            taken[stock] = taken.get(stock, 0) + units
    return taken


def _first(parts: Iterable[_Part], most: int) -> list[_Part]:
    """Return the units that bring most, at most so many."""
    taken = []
    for want, cost, units, stock in sorted(parts, key=lambda part: part[1] - part[0]):
        count = min(units, most)
        most -= count
        taken.append((want, cost, count, stock))
    return taken


def _filled(parts: Iterable[_Part], cap_minor: int) -> Bid:
    """Fill a cap with what costs least for what it brings.

    Of the last unit only the part that fits is paid for. No real choice can do that, so it is a bound.
    """
    gain, taken = 0.0, []
    for want, cost, units, stock in sorted(parts, key=lambda part: part[1] / part[0]):
        whole = min(units, cap_minor // want)
        gain += whole * (want - cost)
        cap_minor -= whole * want
        if whole < units:
            taken.append((want, cost, whole + (cap_minor > 0), stock))
            return Bid(gain + cap_minor * (1 - cost / want), _summed(taken))
        taken.append((want, cost, units, stock))
    return Bid(gain, _summed(taken))


class Step(NamedTuple):
    """`needed` so many units, or minor units of spend, bring something once and something more of each unit, by stock.

    Both are stated in ten-thousandths of a minor unit, which is what a percentage of one comes to before it is rounded.
    """

    needed: int
    wants_bp: Sequence[int]
    bonus_bp: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """Something off each chosen unit, and once, which depends on how much there is.

    ``weights`` says by stock what one unit counts towards a step, 0 for those that are not chosen. ``ceilings`` is what
    one unit can ever be given.
    """

    steps: Sequence[Step]
    weights: Sequence[int]
    ceilings: Sequence[int]

    @property
    def wants(self) -> Sequence[int]:
        """The ceilings: which step is reached decides how much of them."""
        return self.ceilings

    @property
    def useful(self) -> Sequence[bool]:
        """Any chosen unit helps to reach a step."""
        return [weight > 0 for weight in self.weights]

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Take for each step what brings something, then what does least harm until the step is reached."""
        best = Bid(0.0, {})
        for step in self.steps:
            bid = self._bid(step, offered)
            if bid.gain > best.gain:
                best = bid
        return best

    def work(self, units: int) -> int:
        """Each is looked at for every step."""
        return units * len(self.steps)

    def _bid(self, step: Step, offered: Sequence[Offered]) -> Bid:
        gain, reached = step.bonus_bp / PERCENT_BP, 0
        taken: dict[int, int] = {}
        harmful: list[tuple[float, int, int, int]] = []
        for stock, units, cost in offered:
            weight = self.weights[stock]
            if not weight:
                continue
            brings = step.wants_bp[stock] / PERCENT_BP - cost
            if brings > 0:
                gain += brings * units
                reached += weight * units
                taken[stock] = taken.get(stock, 0) + units
            else:
                harmful.append((-brings / weight, weight, units, stock))
        for harm, weight, units, stock in sorted(harmful):
            missing = step.needed - reached
            if missing <= 0:
                break
            count = min(units, -(-missing // weight))
            # Of the last unit only what is missing is paid for, which no real choice can do.
            gain -= harm * min(weight * count, missing)
            reached += weight * count
            taken[stock] = taken.get(stock, 0) + count
        return Bid(gain, taken) if reached >= step.needed else Bid(0.0, {})


@dataclass(frozen=True, slots=True)
class Sets:
    """Sets of units of which some are rewarded: those that go first in an order.

    ``ranks`` is their place in it, ``wants`` what is taken off a rewarded unit; ``rewardable`` and ``payable`` say
    which stocks may be what.
    """

    ranks: Sequence[int]
    wants: Sequence[int]
    rewardable: Sequence[bool]
    payable: Sequence[bool]
    rewarded: int
    paid: int
    most_sets: int | None

    @property
    def useful(self) -> Sequence[bool]:
        """Whatever may be in a set."""
        return [one or other for one, other in zip(self.rewardable, self.payable, strict=True)]

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Try every place in the order up to which units are rewarded, and from which on they are paid for.

        A unit that may be both is rewarded before any that goes after it: of those that are taken, the rewarded ones
        all go first. For each such place the best units of both sides are known at once.
        """
        rewards: list[tuple[float, int]] = []
        payments: list[tuple[float, int]] = []
        either: list[tuple[int, float, int]] = []
        for stock, units, cost in offered:
            if self.payable[stock]:
                payments += [(cost, stock)] * units
                if self.rewardable[stock]:
                    either += [(self.ranks[stock], cost, stock)] * units
            elif self.rewardable[stock]:
                rewards += [(cost - self.wants[stock], stock)] * units
        either.sort()
        sets, gain, number = self._best(rewards, payments, either)
        for _, cost, stock in either[:number]:
            rewards.append((cost - self.wants[stock], stock))
            payments.remove((cost, stock))
        taken = chain(sorted(rewards)[: sets * self.rewarded], sorted(payments)[: sets * self.paid])
        return Bid(gain, _counted(stock for _, stock in taken))

    def work(self, units: int) -> int:
        """They are put in order anew for every place in it; that is done fast."""
        return units * units // 32

    def _best(
        self,
        rewards: Sequence[tuple[float, int]],
        payments: Sequence[tuple[float, int]],
        either: Sequence[tuple[int, float, int]],
    ) -> tuple[int, float, int]:
        """Return how many sets bring most, what they bring, and how many of the units that may be both are rewarded."""
        rewarding = sorted(harm for harm, _ in rewards)
        paying = sorted(harm for harm, _ in payments)
        fitting = (len(rewards) + len(payments)) // (self.rewarded + self.paid)
        most = fitting if self.most_sets is None else min(fitting, self.most_sets)
        best = 0, 0.0, 0
        for number in range(len(either) + 1):
            if number:
                _, cost, stock = either[number - 1]
                insort(rewarding, cost - self.wants[stock])
                del paying[bisect_left(paying, cost)]
            if len(rewarding) < self.rewarded or len(paying) < self.paid:
                continue
            harms = map(
                add,
                list(accumulate(rewarding[: most * self.rewarded]))[self.rewarded - 1 :: self.rewarded],
                list(accumulate(paying[: most * self.paid]))[self.paid - 1 :: self.paid],
            )
            for sets, harm in enumerate(harms, 1):
                if -harm > best[1]:
                    best = sets, -harm, number
        return best


@dataclass(frozen=True, slots=True)
class FromPlace:
    """Something off at most so many units from a place in their row on; those before it are only passed.

    ``ranks`` is the place of each stock in that row.
    """

    ranks: Sequence[int]
    wants: Sequence[int]
    useful: Sequence[bool]
    passed: int
    most_units: int

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Cut the row at every place: before it the cheapest are passed, behind it those that bring most are chosen."""
        row = sorted((self.ranks[stock], cost, stock, units) for stock, units, cost in offered if self.useful[stock])
        units = [(cost, stock) for _, cost, stock, count in row for _ in range(count)]
        harms = [(cost - self.wants[stock], stock) for cost, stock in units]
        paid = _running_sums(units, self.passed)
        brought = _running_sums([min((0.0, -1), harm) for harm in reversed(harms)], self.most_units)[::-1]
        cuts = range(self.passed, len(units))
        if not cuts:
            return Bid(0.0, {})
        cut = min(cuts, key=lambda place: paid[place] + brought[place])
        gain = -(paid[cut] + brought[cut])
        if gain <= 0:
            return Bid(0.0, {})
        chosen = [harm for harm in sorted(harms[cut:])[: self.most_units] if harm[0] < 0]
        return Bid(gain, _counted(stock for _, stock in chain(sorted(units[:cut])[: self.passed], chosen)))

    def work(self, units: int) -> int:
        """Each is looked at once."""
        return units


def _running_sums(row: Iterable[tuple[float, int]], most: int) -> list[float]:
    """Return what the lowest so many of the first none, one, two, … sum up to."""
    lowest: list[float] = []
    sums = [0.0]
    for minor, _ in row:
        heappush(lowest, -minor)
        sums.append(sums[-1] + minor + (heappop(lowest) if len(lowest) > most else 0.0))
    return sums


def dearest_first(
    stocks: Sequence[Stock], useful: Sequence[bool], offered: Sequence[Offered]
) -> list[tuple[int, int, float, int]]:
    """Return the useful units as a row: what sorts it, stock, what one unit costs, how many."""
    return sorted((-stocks[stock].unit_minor, stock, cost, units) for stock, units, cost in offered if useful[stock])


@dataclass(frozen=True, slots=True)
class Row:
    """Units in a row, the dearest first, of which every nth is rewarded."""

    stocks: Sequence[Stock]
    wants: Sequence[int]
    useful: Sequence[bool]
    nth: int
    most_sets: int | None

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Go along the row and keep, for each place in a set, the best way to have come there."""
        row = dearest_first(self.stocks, self.useful, offered)
        number = sum(units for *_, units in row)
        if number < self.nth:
            return Bid(0.0, {})
        bounded, places = self._places(number)
        ways: list[_Way | None] = [(0.0, -1, None), *[None] * (places - 1)]
        for _, stock, cost, units in row:
            rewarded = self.wants[stock] - cost
            for _ in range(units):
                last = ways[-1]
                for place in range(places - 1, -1, -1):
                    way = ways[place - 1] if place else last
                    if way is None or (place == 0 and bounded):
                        continue
                    gain = way[0] + (rewarded if place % self.nth == 0 else -cost)
                    known = ways[place]
                    if known is None or gain > known[0]:
                        ways[place] = (gain, stock, way)
        best = max((way for way in ways[:: self.nth] if way is not None), key=itemgetter(0))
        return Bid(best[0], _counted(_stocks(best)))

    def _places(self, units: int) -> tuple[bool, int]:
        """Return whether the sets of so many units are bounded, and how many places a way can have come to.

        Without a bound the sets are all alike: what counts is how many units of the last one are taken.
        """
        if self.most_sets is not None and self.most_sets < units // self.nth:
            return True, self.nth * self.most_sets + 1
        return False, min(self.nth, units)

    def work(self, units: int) -> int:
        """Each is looked at for every place."""
        return units * self._places(units)[1]


_Way = tuple[float, int, "_Way | None"]
"""Some units of a row that are taken: what they bring, the stock of the last one, and the way without it."""


def _stocks(way: _Way) -> Iterator[int]:
    while way[2] is not None:
        yield way[1]
        way = way[2]


@dataclass(frozen=True, slots=True)
class Groups:
    """Bundles of some units out of each group.

    A unit that is fit for several groups is counted for each: too much is promised, never too little.
    """

    wants: Sequence[int]
    brings_bp: Sequence[int]
    """By stock, what one unit adds to what a bundle brings, in ten-thousandths of a minor unit."""
    bonus_bp: int
    """What a bundle brings beside its units, likewise: less than nothing where it has a price."""
    groups: Sequence[tuple[int, Sequence[bool]]]
    """How many units of each group, and by stock which may be in it."""
    most_sets: int | None

    @property
    def useful(self) -> Sequence[bool]:
        """Whatever may be in a group."""
        return [any(fit) for fit in zip(*(fit for _, fit in self.groups), strict=True)]

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Fill each group with what brings most, bundle by bundle, while a bundle brings something."""
        rows = []
        for _, fit in self.groups:
            row = [
                (cost - self.brings_bp[stock] / PERCENT_BP, stock)
                for stock, units, cost in offered
                if fit[stock]
                for _ in range(units)
            ]
            rows.append(sorted(row))
        fitting = min(len(row) // quantity for row, (quantity, _) in zip(rows, self.groups, strict=True))
        most = fitting if self.most_sets is None else min(fitting, self.most_sets)
        gain, taken = 0.0, []
        for number in range(most):
            bundle = [
                unit
                for row, (quantity, _) in zip(rows, self.groups, strict=True)
                for unit in row[number * quantity : (number + 1) * quantity]
            ]
            brings = self.bonus_bp / PERCENT_BP - sum(harm for harm, _ in bundle)
            if brings <= 0:
                break
            gain += brings
            taken += bundle
        return Bid(gain, _counted(stock for _, stock in taken))

    def work(self, units: int) -> int:
        """Each is looked at for every group."""
        return units * len(self.groups)
