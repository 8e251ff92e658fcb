"""What a promotion can gain from units that cost something: the bounds that the search for the best deal goes by.

In a lane that decides unit by unit, a unit that one promotion gets is lost to the others: it costs what the best simple
offer would have taken off it. A benefit answers with a *bid*: no choice of the offered units gains more than that, and
these units gain about as much. A bid may promise too much, never too little; what units really bring is asked of the
promotion itself.
"""

from bisect import insort
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple, Protocol

from engine.pricing.sets import Order


class Stock(NamedTuple):
    """Some equal units of the cart: a run of a line, and what one of them costs as the lane begins."""

    place: int
    run: int
    units: int
    unit_minor: int


class Offered(NamedTuple):
    """Some units of a stock (by its place among the stocks), and what taking one of them costs elsewhere."""

    stock: int
    units: int
    cost: float


class Bid(NamedTuple):
    """`gain`: what the offered units bring at most, less what they cost; `taken`: units by stock that bring it."""

    gain: float
    taken: dict[int, int]


def wants_of(chosen: Collection[int], stocks: Sequence[Stock], want: Callable[[Stock], int]) -> list[int]:
    """Return what is wanted of one unit of each stock: nothing of lines that are not chosen."""
    return [want(stock) if stock.place in chosen else 0 for stock in stocks]


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


class _Single(NamedTuple):
    """One unit that is offered: what taking it does harm, less than nothing where it brings something."""

    harm: float
    stock: int


def _counted(units: Iterable[_Single]) -> dict[int, int]:
    taken: dict[int, int] = {}
    for unit in units:
        taken[unit.stock] = taken.get(unit.stock, 0) + 1
    return taken


class _Part(NamedTuple):
    """Some units that a benefit has the same use for."""

    want: int
    cost: float
    units: int
    stock: int


@dataclass(frozen=True, slots=True)
class EachUnit:
    """Something off each unit by itself; off no more than so many units, so much a line and so much together."""

    wants: Sequence[int]
    most_units: int | None = None
    line_cap_minor: int | None = None
    cap_minor: int | None = None

    @property
    def useful(self) -> Sequence[bool]:
        """Units that get nothing are of no use."""
        return [want > 0 for want in self.wants]

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Take what brings most; under a cap, what costs least for what it brings."""
        parts = [part for each in offered for part in self._parts(each) if part.want > part.cost]
        if self.most_units is not None:
            parts = _first(parts, self.most_units)
        gain = sum((part.want - part.cost) * part.units for part in parts)
        bid = Bid(gain, _summed(parts))
        if self.cap_minor is None or sum(part.want * part.units for part in parts) <= self.cap_minor:
            return bid
        capped = _filled(parts, self.cap_minor)
        return capped if capped.gain < gain else bid

    def _parts(self, offered: Offered) -> list[_Part]:
        """Return the units that get all of what is wanted, and the one that gets what is left of its line's cap."""
        stock, units, cost = offered
        want = self.wants[stock]
        if self.line_cap_minor is None or want * units <= self.line_cap_minor:
            return [_Part(want, cost, units, stock)]
        whole, rest_minor = divmod(self.line_cap_minor, want)
        return [_Part(want, cost, whole, stock), _Part(rest_minor, cost, 1, stock)]


def _summed(parts: Iterable[_Part]) -> dict[int, int]:
    taken: dict[int, int] = {}
    for part in parts:
        if part.units:
            taken[part.stock] = taken.get(part.stock, 0) + part.units
    return taken


def _first(parts: Iterable[_Part], most: int) -> list[_Part]:
    """Return the units that bring most, at most so many."""
    taken = []
    for part in sorted(parts, key=lambda part: part.cost - part.want):
        count = min(part.units, most)
        most -= count
        taken.append(part._replace(units=count))
    return taken


def _filled(parts: Iterable[_Part], cap_minor: int) -> Bid:
    """Fill a cap with what costs least for what it brings.

    Of the last unit only the part that fits is paid for. No real choice can do that, so it is a bound.
    """
    gain, taken = 0.0, []
    for part in sorted(parts, key=lambda part: part.cost / part.want):
        whole = min(part.units, cap_minor // part.want)
        gain += whole * (part.want - part.cost)
        cap_minor -= whole * part.want
        if whole < part.units:
            taken.append(part._replace(units=whole + (cap_minor > 0)))
            return Bid(gain + cap_minor * (1 - part.cost / part.want), _summed(taken))
        taken.append(part)
    return Bid(gain, _summed(taken))


class Step(NamedTuple):
    """`needed` so many units, or minor units of spend, bring `bonus` once and `wants` of each unit, by stock."""

    needed: int
    wants: Sequence[float]
    bonus: float = 0.0


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

    def _bid(self, step: Step, offered: Sequence[Offered]) -> Bid:
        gain, reached = step.bonus, 0
        taken: dict[int, int] = {}
        harmful: list[tuple[float, int, int, int]] = []
        for stock, units, cost in offered:
            weight = self.weights[stock]
            if not weight:
                continue
            brings = step.wants[stock] - cost
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

    ``wants`` is what is taken off a rewarded unit; ``rewardable`` and ``payable`` say which stocks may be what.
    """

    stocks: Sequence[Stock]
    wants: Sequence[int]
    rewardable: Sequence[bool]
    payable: Sequence[bool]
    rewarded: int
    paid: int
    order: Order
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
        rewards: list[_Single] = []
        payments: list[_Single] = []
        either: list[tuple[tuple[int, int, int], float, int]] = []
        sign = 1 if self.order is Order.CHEAPEST else -1
        for stock, units, cost in offered:
            if self.rewardable[stock] and self.payable[stock]:
                place, run, _, unit_minor = self.stocks[stock]
                either += [((sign * unit_minor, place, run), cost, stock)] * units
                payments += [_Single(cost, stock)] * units
            elif self.rewardable[stock]:
                rewards += [_Single(cost - self.wants[stock], stock)] * units
            elif self.payable[stock]:
                payments += [_Single(cost, stock)] * units
        rewards.sort()
        payments.sort()
        best = self._sets(rewards, payments, Bid(0.0, {}))
        for _, cost, stock in sorted(either):
            insort(rewards, _Single(cost - self.wants[stock], stock))
            payments.remove(_Single(cost, stock))
            best = self._sets(rewards, payments, best)
        return best

    def _sets(self, rewards: Sequence[_Single], payments: Sequence[_Single], best: Bid) -> Bid:
        """Return the number of sets that brings most, if that is more than the best one so far."""
        rewarding = list(accumulate(unit.harm for unit in rewards))[self.rewarded - 1 :: self.rewarded]
        paying = list(accumulate(unit.harm for unit in payments))[self.paid - 1 :: self.paid]
        for sets, (one, other) in enumerate(zip(rewarding, paying, strict=False), 1):
            if self.most_sets is not None and sets > self.most_sets:
                break
            if -(one + other) > best.gain:
                taken = chain(rewards[: sets * self.rewarded], payments[: sets * self.paid])
                best = Bid(-(one + other), _counted(taken))
        return best


@dataclass(frozen=True, slots=True)
class Row:
    """Units in a row, the dearest first, of which every nth is rewarded."""

    stocks: Sequence[Stock]
    wants: Sequence[int]
    useful: Sequence[bool]
    nth: int
    most_sets: int | None

    def bid(self, offered: Sequence[Offered]) -> Bid:
        """Go along the row and keep, for each number of units taken, the best way to take them."""
        row = sorted(
            ((-self.stocks[stock].unit_minor, stock, cost) for stock, units, cost in offered for _ in range(units))
        )
        most = len(row) if self.most_sets is None else min(len(row), self.most_sets * self.nth)
        best: list[tuple[float, tuple[int, ...]] | None] = [(0.0, ())] + [None] * most
        for _, stock, cost in row:
            if not self.useful[stock]:
                continue
            for count in range(most, 0, -1):
                before = best[count - 1]
                if before is None:
                    continue
                gain = before[0] - cost + (self.wants[stock] if count % self.nth == 0 else 0)
                known = best[count]
                if known is None or gain > known[0]:
                    best[count] = gain, (*before[1], stock)
        whole = [each for each in best[:: self.nth] if each is not None]
        gain, stocks = max(whole, key=lambda each: each[0])
        return Bid(gain, _counted(_Single(0.0, stock) for stock in stocks))


@dataclass(frozen=True, slots=True)
class Groups:
    """Bundles of some units out of each group; each bundle brings `bonus`, each unit what it `wants`.

    A unit that is fit for several groups is counted for each: too much is promised, never too little.
    """

    wants: Sequence[int]
    brings: Sequence[float]
    """By stock, what one unit adds to what a bundle brings."""
    bonus: float
    """What a bundle brings beside its units: less than nothing where it has a price."""
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
                _Single(each.cost - self.brings[each.stock], each.stock)
                for each in offered
                if fit[each.stock]
                for _ in range(each.units)
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
            brings = self.bonus - sum(unit.harm for unit in bundle)
            if brings <= 0:
                break
            gain += brings
            taken += bundle
        return Bid(gain, _counted(taken))
