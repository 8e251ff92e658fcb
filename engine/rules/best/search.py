"""Branch and bound: who gets which lots, so that what everybody gives together is the most.

A *lot* is what is decided as a whole: a line, or some units that are alike, one step each. Each step is worth something
without a bidder, because a simple offer discounts it; a bidder gains what its steps bring beyond that. The search
relaxes one thing only: that no step can go to two bidders. Instead a step has a price, at least its worth, and each
bidder says what it gains at most at these prices; that, and what the prices make of all steps, bounds every way
(Lagrangian relaxation; M. L. Fisher, Management Science 27, 1981). Prices rise where more is wanted than there is and
fall where less is. Where that does not settle it, the search splits on how many steps of a lot a bidder gets. The most
promising part comes first, so what is left when the limit is reached bounds the gap.
"""

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import add, gt, mul, sub
from typing import Final, NamedTuple, Protocol

Steps = tuple[int, ...]
"""A number of steps of each lot."""
Prices = tuple[float, ...]
"""What a step of each lot costs a bidder."""

ROUNDS_FIRST: Final = 16
"""How often prices are changed before the first split."""
ROUNDS: Final = 2
"""How often they are changed for each part."""


class Lot(NamedTuple):
    """``steps`` equal steps, each of which is worth ``worth_minor`` to whoever is no bidder."""

    steps: int
    worth_minor: int


class Promise(NamedTuple):
    """What a bidder gains at most beyond the price of what it takes, and the steps with which it would."""

    gain: float
    steps: Steps


class Bidder(Protocol):
    """Somebody who can do something with several lots together."""

    most: Steps
    """All that it has any use for."""
    work: int
    """About how many steps it takes to make it promise something and to see what that brings."""

    def promise(self, least: Steps, most: Steps, prices: Prices) -> Promise:
        """Return a bound on `gain` over all choices between `least` and `most` steps of each lot, at these prices."""

    def gain(self, steps: Steps) -> int:
        """Return what exactly these steps bring beyond their worth."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best way to hand out the lots that was found: steps by bidder.

    ``gap_minor`` is how much more another way may bring at most: 0 means that there is none.
    """

    steps: tuple[Steps, ...]
    gain_minor: int
    gap_minor: int
    nodes: int


def work_of(lots: Sequence[Lot], bidders: Sequence[Bidder]) -> int:
    """Return about how many steps it takes to ask every bidder once."""
    return sum(bidder.work + len(lots) for bidder in bidders)


def search(lots: Sequence[Lot], bidders: Sequence[Bidder], nodes_max: int, work_max: int) -> Found:
    """Return the best way, exactly unless `nodes_max` nodes were not enough, or as many as `work_max` steps allow.

    Bidders that share nothing are searched apart. Each such group gets one node at least, so that nobody goes without.
    """
    nothing = (0,) * len(lots)
    worth = tuple(float(lot.worth_minor) for lot in lots)
    steps = [nothing] * len(bidders)
    gain_minor = gap_minor = nodes = 0
    # At higher prices nobody gains more: who gains nothing now never will.
    able = [i for i, bidder in enumerate(bidders) if bidder.promise(nothing, bidder.most, worth).gain > 0]
    rounds_max = max(1, work_max // max(1, work_of(lots, [bidders[i] for i in able])))
    nodes_max = min(nodes_max, 1 + max(0, rounds_max - ROUNDS_FIRST) // (ROUNDS + 1))
    for group in _independent(able, bidders):
        apart = _Search(lots, [bidders[i] for i in group])
        found = apart.run(max(1, nodes_max - nodes), min(ROUNDS_FIRST, rounds_max))
        gain_minor, gap_minor, nodes = gain_minor + found.gain_minor, gap_minor + found.gap_minor, nodes + found.nodes
        for i, taken in zip(group, found.steps, strict=True):
            steps[i] = taken
    return Found(tuple(steps), gain_minor, gap_minor, nodes)


def _independent(able: Sequence[int], bidders: Sequence[Bidder]) -> Iterator[list[int]]:
    """Yield groups of bidders of which no two have a use for the same lot, unless they are in one group."""
    groups: list[tuple[set[int], list[int]]] = []
    for i in able:
        lots = {lot for lot, steps in enumerate(bidders[i].most) if steps}
        members = [i]
        for group in [group for group in groups if not group[0].isdisjoint(lots)]:
            groups.remove(group)
            lots |= group[0]
            members += group[1]
        groups.append((lots, members))
    return (sorted(members) for _, members in groups)


class _Node(NamedTuple):
    """Part of all ways: each bidder has between so many and so many steps of each lot."""

    least: tuple[Steps, ...]
    most: tuple[Steps, ...]
    prices: Prices
    promises: tuple[Promise, ...]
    bound: float
    """What no way in it exceeds."""


class _Split(NamedTuple):
    """Where a part is split: on whether a bidder gets at least so many steps of a lot, or fewer."""

    bidder: int
    lot: int
    steps: int


class _Search:
    """The search over bidders that get into each other's way."""

    def __init__(self, lots: Sequence[Lot], bidders: Sequence[Bidder]) -> None:
        self._lots = lots
        self._bidders = bidders
        self._worth = tuple(float(lot.worth_minor) for lot in lots)
        self._steps = tuple(lot.steps for lot in lots)
        nothing = (0,) * len(lots)
        self._uses = [frozenset(at for at, steps in enumerate(bidder.most) if steps) for bidder in bidders]
        self._best: tuple[Steps, ...] = (nothing,) * len(bidders)
        self._gain_minor = 0
        self._settled: set[tuple[Steps, ...]] = set()

    def run(self, nodes_max: int, rounds_first: int) -> Found:
        """Search, the most promising part first."""
        root = self._node(self._best, tuple(bidder.most for bidder in self._bidders), self._worth)
        pending = [(-root.bound, 0, root)]
        nodes = made = 0
        while pending and self._may_be_better(pending[0][2]) and nodes < nodes_max:
            node = self._tightened(heapq.heappop(pending)[2], ROUNDS if nodes else rounds_first)
            nodes += 1
            split = self._split(node) if self._may_be_better(node) else None
            for child in self._parts(node, split) if split else ():
                made += 1
                heapq.heappush(pending, (-child.bound, made, child))
        gap_minor = max(0, _whole(pending[0][2].bound) - self._gain_minor) if pending else 0
        return Found(self._best, self._gain_minor, gap_minor, nodes)

    def _node(self, least: tuple[Steps, ...], most: tuple[Steps, ...], prices: Prices) -> _Node:
        promises = tuple(map(self._promise, self._bidders, least, most, [prices] * len(least)))
        return self._bounded(least, most, prices, promises)

    def _promise(self, bidder: Bidder, least: Steps, most: Steps, prices: Prices) -> Promise:
        if least != most:
            return bidder.promise(least, most, prices)
        return Promise(bidder.gain(most) - self._above_worth(most, prices), most)

    def _above_worth(self, steps: Steps, prices: Prices) -> float:
        """Return what steps cost at these prices beyond their worth."""
        above: float = sum(map(mul, steps, map(sub, prices, self._worth)))
        return above

    def _bounded(
        self, least: tuple[Steps, ...], most: tuple[Steps, ...], prices: Prices, promises: tuple[Promise, ...]
    ) -> _Node:
        bound = self._above_worth(self._steps, prices) + sum([promise.gain for promise in promises])
        return _Node(least, most, prices, promises, bound)

    def _tightened(self, node: _Node, rounds: int) -> _Node:
        """Return the node at better prices (a subgradient step each round), and try a real way at each of them."""
        tightest = node
        for _ in range(rounds):
            self._settle(node)
            if not self._may_be_better(tightest):
                break
            prices = self._next_prices(node)
            changed = {at for at, (old, new) in enumerate(zip(node.prices, prices, strict=True)) if old != new}
            if not changed:
                break
            node = self._at_prices(node, prices, changed)
            tightest = min(tightest, node, key=lambda each: each.bound)
        self._settle(tightest)
        return tightest

    def _may_be_better(self, node: _Node) -> bool:
        """Say whether some way in it may bring more than the best that is known."""
        return _whole(node.bound) > self._gain_minor

    def _at_prices(self, node: _Node, prices: Prices, changed: Collection[int]) -> _Node:
        """Return the node at other prices; whoever has no use for what they are of promises the same as before."""
        promises = tuple(
            promise if uses.isdisjoint(changed) else self._promise(bidder, least, most, prices)
            for bidder, uses, least, most, promise in zip(
                self._bidders, self._uses, node.least, node.most, node.promises, strict=True
            )
        )
        return self._bounded(node.least, node.most, prices, promises)

    def _next_prices(self, node: _Node) -> Prices:
        wanted = map(sum, zip(*[promise.steps for promise in node.promises], strict=True))
        allowed = map(sum, zip(*node.most, strict=True))
        prices = list(node.prices)
        slopes = []
        for at, (steps, most, wish, worth) in enumerate(zip(self._steps, allowed, wanted, self._worth, strict=True)):
            if most <= steps:
                prices[at] = worth  # nobody gets into anybody's way
            elif wish > steps or prices[at] > worth:
                slopes.append((at, wish - steps))
        norm = sum(slope * slope for _, slope in slopes)
        if norm:
            length = (node.bound - self._gain_minor) / norm
            for at, slope in slopes:
                prices[at] = max(self._worth[at], prices[at] + length * slope)
        return tuple(prices)

    def _settle(self, node: _Node) -> None:
        """Make real ways of what is promised: who promises most comes first, the others take what is left.

        Whoever was promised too much gets nothing in the first of them, and all that is left in the second.
        """
        wished = tuple(promise.steps for promise in node.promises)
        if self._may_be_better(node) and wished not in self._settled:
            self._settled.add(wished)
            if self._try(node, all_that_is_left=False):
                self._try(node, all_that_is_left=True)

    def _try(self, node: _Node, *, all_that_is_left: bool) -> bool:
        """Say whether somebody who was promised something came away with nothing."""
        disappointed = False
        gain_minor = 0
        left = list(map(sub, self._steps, map(sum, zip(*node.least, strict=True))))
        settled = list(node.least)
        for i in sorted(range(len(settled)), key=lambda i: -node.promises[i].gain):
            bidder, least, promise = self._bidders[i], node.least[i], node.promises[i]
            can_have = tuple(map(min, node.most[i], map(add, least, left)))
            steps = promise.steps
            if any(map(gt, steps, can_have)):
                steps = self._promise(bidder, least, can_have, self._worth).steps
            gain, certain = bidder.gain(steps), bidder.gain(least)
            if gain <= certain:
                disappointed = disappointed or promise.gain > 0
                steps = can_have if all_that_is_left else least
                gain = bidder.gain(steps)
            if gain > certain:
                left = list(map(sub, left, map(sub, steps, least)))
                settled[i] = steps
            gain_minor += max(gain, certain)
        if gain_minor > self._gain_minor:
            self._best, self._gain_minor = tuple(settled), gain_minor
        return disappointed

    def _split(self, node: _Node) -> _Split | None:
        """Return where to split a part; None where its bound is what can be had."""
        return self._contested(node) or self._overstated(node) or self._overpriced(node)

    def _contested(self, node: _Node) -> _Split | None:
        """Return the lot that is wanted most beyond what there is, by who promises most with it."""
        worst, at = 0.0, -1
        wanted = map(sum, zip(*[promise.steps for promise in node.promises], strict=True))
        for place, excess in enumerate(map(sub, wanted, self._steps)):
            if excess > 0 and excess * max(1.0, node.prices[place]) > worst:
                worst, at = excess * max(1.0, node.prices[place]), place
        if at < 0:
            return None
        takers = [i for i, promise in enumerate(node.promises) if promise.steps[at] > node.least[i][at]]
        taker = max(takers, key=lambda i: node.promises[i].gain)
        return _Split(taker, at, node.promises[taker].steps[at])

    def _overstated(self, node: _Node) -> _Split | None:
        """Return where to split for the bidder that promises most beyond what it brings."""
        worst, found = 0.0, None
        for i, (bidder, promise) in enumerate(zip(self._bidders, node.promises, strict=True)):
            brings = bidder.gain(promise.steps) - self._above_worth(promise.steps, node.prices)
            if promise.gain - brings > max(worst, 1e-6):
                ranges = enumerate(zip(node.least[i], node.most[i], strict=True))
                open_lots = [
                    (promise.steps[lot] > 0, most - least, -lot) for lot, (least, most) in ranges if least < most
                ]
                if open_lots:
                    lot = -max(open_lots)[2]
                    worst, found = (
                        promise.gain - brings,
                        _Split(i, lot, max(promise.steps[lot], node.least[i][lot] + 1)),
                    )
        return found

    def _overpriced(self, node: _Node) -> _Split | None:
        """Return where to split for the lot of which most is left over in spite of its price."""
        worst, found = 1e-6, None
        for at, lot in enumerate(self._lots):
            over = lot.steps - sum(promise.steps[at] for promise in node.promises)
            above = over * (node.prices[at] - self._worth[at])
            if above > worst:
                wider = [i for i, most in enumerate(node.most) if most[at] > node.promises[i].steps[at]]
                if wider:
                    worst, found = above, _Split(wider[0], at, node.promises[wider[0]].steps[at] + 1)
        return found

    def _parts(self, node: _Node, split: _Split) -> Iterator[_Node]:
        """Yield the parts in which the bidder gets fewer steps of the lot, and at least so many."""
        i, at, steps = split
        yield self._changed(node, {i: (node.least[i], _at(node.most[i], at, steps - 1))})
        changes = {i: (_at(node.least[i], at, steps), node.most[i])}
        kept = sum(least[at] for least in node.least) - node.least[i][at]
        for other, (least, most) in enumerate(zip(node.least, node.most, strict=True)):
            can_have = self._lots[at].steps - steps - kept + least[at]
            if other != i and most[at] > can_have:
                changes[other] = (least, _at(most, at, can_have))
        yield self._changed(node, changes)

    def _changed(self, node: _Node, changes: dict[int, tuple[Steps, Steps]]) -> _Node:
        least, most, promises = list(node.least), list(node.most), list(node.promises)
        for i, (low, high) in changes.items():
            least[i], most[i] = low, high
            promises[i] = self._promise(self._bidders[i], low, high, node.prices)
        return self._bounded(tuple(least), tuple(most), node.prices, tuple(promises))


def _at(steps: Steps, lot: int, number: int) -> Steps:
    return (*steps[:lot], number, *steps[lot + 1 :])


def _whole(bound: float) -> int:
    """Return what no way exceeds, in whole minor units, whatever floating point has lost."""
    return int(bound + 1e-6 + abs(bound) * 1e-9)
