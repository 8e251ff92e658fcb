"""A lane that decides line by line or unit by unit: hands out the goods of a cart so that the shopper pays the least.

Every line, or unit, is in the hands of at most one promotion of the lane. A promotion is asked about the goods in its
hands as if the cart held no others: what it would do with them alone is what it gives. Simple offers, which take
something off each by itself, make up what everything is worth anyway; the others bid against that (`bids`), and
`search` finds out who gets what.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter, mul
from typing import Final, NamedTuple

from engine.pricing.evaluation import LaneSearch
from engine.pricing.tally import Held, Holding, Tally
from engine.rules.best.bids import Bids, EachUnit, Offered, Stock
from engine.rules.best.search import Found, Lot, Prices, Promise, Steps, search, work_of
from engine.rules.model import Lane, Per
from engine.rules.ruleset import CompiledPromotion

NODES_MAX: Final = 60
"""So many nodes are searched at most; a number and never a time, so that a till and a server agree."""
UNITS_MAX: Final = 300
"""The search takes apart carts of so many units at most; in larger ones each promotion takes what it can, in turn."""
WORK_MAX: Final = 300_000
"""About so many units are looked at: with many promotions that want many units there are fewer nodes, or no search."""


def hand_out(lane: Lane, entrants: Sequence[CompiledPromotion], tally: Tally) -> tuple[list[Held], LaneSearch]:
    """Return what each promotion holds and gets, so that together they give the most, and how sure that is."""
    goods = _Goods(lane, entrants, tally)
    found = goods.found()
    held = [
        tally.ask_about(holding, promotion.propose, promotion.cap_minor(tally))
        for promotion, holding in zip(entrants, goods.holdings(found), strict=True)
    ]
    return held, LaneSearch(lane.name, found.nodes, found.gap_minor)


class _Owned(NamedTuple):
    """A lot with the stocks in it, how many units of each one step is, and the simple offer that takes most off it."""

    lot: Lot
    stocks: tuple[int, ...]
    units_a_step: tuple[int, ...]
    owner: int | None

    @property
    def units(self) -> int:
        """How many units one step is, of all stocks together."""
        return sum(self.units_a_step)


class _Goods:
    """The goods of a cart as lots, and who can do something with them."""

    def __init__(self, lane: Lane, entrants: Sequence[CompiledPromotion], tally: Tally) -> None:
        self.tally = tally
        self.by_unit = lane.per is Per.UNIT
        self.stocks = [
            Stock(place, index, run.units, run.now_minor)
            for place, line in enumerate(tally.lines)
            for index, run in enumerate(line.runs())
        ]
        self.bids = [promotion.bids(tally, self.stocks) for promotion in entrants]
        self.entrants = entrants
        simple = [self._is_simple(promotion, bids) for promotion, bids in zip(entrants, self.bids, strict=True)]
        owned = self._by_unit(simple) if self.by_unit else self._by_line(simple)
        bidding = [bids.useful for bids, is_simple in zip(self.bids, simple, strict=True) if not is_simple]
        wanted = [any(useful[number] for useful in bidding for number in each.stocks) for each in owned]
        self.open = [each for each, is_wanted in zip(owned, wanted, strict=True) if is_wanted]
        """The lots that some bidder has a use for: `Steps` are steps of these."""
        self.settled = [each for each, is_wanted in zip(owned, wanted, strict=True) if not is_wanted]
        """The others, which go to the simple offers whoever bids."""
        self.bidders = [
            _Bidder(self, promotion, bids)
            for promotion, bids, is_simple in zip(entrants, self.bids, simple, strict=True)
            if not is_simple
        ]
        self.places = [place for place, is_simple in enumerate(simple) if not is_simple]
        """Of the bidders among the entrants."""

    def _is_simple(self, promotion: CompiledPromotion, bids: Bids) -> bool:
        """Say whether a promotion does the same to a line or unit whatever else is in its hands."""
        if not isinstance(bids, EachUnit) or promotion.cap_minor(self.tally) is not None:
            return False
        most_units, line_cap_minor, cap_minor = bids.limits
        return most_units is None and cap_minor is None and not (self.by_unit and line_cap_minor)

    def _by_unit(self, simple: Sequence[bool]) -> list[_Owned]:
        owned = []
        for number, stock in enumerate(self.stocks):
            wants = [bids.wants[number] if yes else 0 for bids, yes in zip(self.bids, simple, strict=True)]
            owned.append(_owned(wants, stock.units, (number,), (1,)))
        return owned

    def _by_line(self, simple: Sequence[bool]) -> list[_Owned]:
        of_lines = [
            dict(self.tally.cut(promotion.propose(self.tally), None)) if yes else {}
            for promotion, yes in zip(self.entrants, simple, strict=True)
        ]
        owned = []
        for place in range(len(self.tally.lines)):
            stocks = tuple(number for number, stock in enumerate(self.stocks) if stock.place == place)
            units = tuple(self.stocks[number].units for number in stocks)
            owned.append(_owned([shares.get(place, 0) for shares in of_lines], 1, stocks, units))
        return owned

    def found(self) -> Found:
        """Return how many steps of each lot each bidder gets."""
        lots = [each.lot for each in self.open]
        units = sum(stock.units for stock in self.stocks)
        if self.bidders and (units > UNITS_MAX or work_of(lots, self.bidders) > WORK_MAX):
            return self._in_turn(lots)
        return search(lots, self.bidders, NODES_MAX, WORK_MAX)

    def _in_turn(self, lots: Sequence[Lot]) -> Found:
        """Let each bidder take what it can use of what is left, whoever brings most with everything first."""
        left = [lot.steps for lot in lots]
        steps = [(0,) * len(lots) for _ in self.bidders]
        gain_minor = 0
        order = sorted(self.bidders, key=lambda bidder: -bidder.gain(bidder.most))
        for bidder in order:
            can_have = tuple(min(free, most) for free, most in zip(left, bidder.most, strict=True))
            wish = max(bidder.used(can_have), can_have, key=bidder.gain)  # of equals what it uses
            gain = bidder.gain(wish)
            if gain > 0:
                gain_minor += gain
                steps[self.bidders.index(bidder)] = wish
                left = [free - taken for free, taken in zip(left, wish, strict=True)]
        ceiling = sum(
            (max(bidder.bids.wants[number] for bidder in self.bidders) * stock.units)
            for number, stock in enumerate(self.stocks)
        )
        return Found(tuple(steps), gain_minor, max(0, ceiling - gain_minor), 0)

    def holdings(self, found: Found) -> list[Holding]:
        """Return the units that each entrant holds; what no bidder takes goes to its lot's simple offer."""
        holdings: list[Holding] = [{} for _ in self.entrants]
        left = [each.lot.steps for each in self.open]
        for place, steps in zip(self.places, found.steps, strict=True):
            holdings[place] = self.holding(steps)
            left = [free - taken for free, taken in zip(left, steps, strict=True)]
        rest = [*zip(left, self.open, strict=True), *((each.lot.steps, each) for each in self.settled)]
        for place in range(len(self.entrants)):
            if place not in self.places:
                holdings[place] = self._units((free, each) for free, each in rest if each.owner == place)
        return holdings

    def holding(self, steps: Steps) -> Holding:
        """Return so many steps of each open lot as units of the cart."""
        return self._units(zip(steps, self.open, strict=True))

    def _units(self, taken: Iterable[tuple[int, _Owned]]) -> Holding:
        holding: dict[int, dict[int, int]] = {}
        for steps, owned in taken:
            if steps:
                for number, units in zip(owned.stocks, owned.units_a_step, strict=True):
                    stock = self.stocks[number]
                    holding.setdefault(stock.place, {})[stock.run] = units * steps
        return holding


def _owned(offers: Sequence[int], steps: int, stocks: tuple[int, ...], units_a_step: tuple[int, ...]) -> _Owned:
    """Return a lot that is worth what the best simple offer takes off it; of equals the first."""
    worth_minor = max(offers, default=0)
    owner = offers.index(worth_minor) if worth_minor else None
    return _Owned(Lot(steps, worth_minor), stocks, units_a_step, owner)


class _Bidder:
    """A promotion that can do something with several lots together."""

    def __init__(self, goods: _Goods, promotion: CompiledPromotion, bids: Bids) -> None:
        self._goods = goods
        self._promotion = promotion
        self.bids = bids
        self._cap_minor = promotion.cap_minor(goods.tally)
        useful = bids.useful
        self.most = tuple(
            owned.lot.steps if any(useful[number] for number in owned.stocks) else 0 for owned in goods.open
        )
        self._parts = [
            (at, number, units, owned.units)
            for at, owned in enumerate(goods.open)
            for number, units in zip(owned.stocks, owned.units_a_step, strict=True)
            if useful[number]
        ]
        self._lot_of = {number: (at, units) for at, number, units, _ in self._parts}
        units = sum(goods.stocks[number].units for _, number, _, _ in self._parts)
        self.work = bids.work(units) + units
        self._worth = [owned.lot.worth_minor for owned in goods.open]
        self._prices_of_mine = itemgetter(*(at for at, *_ in self._parts)) if self._parts else tuple
        self._gains: dict[Steps, int] = {}
        self._promises: dict[tuple[Steps, Steps, object], Promise] = {}

    def promise(self, least: Steps, most: Steps, prices: Prices) -> Promise:
        """Return what the units of these lots bring at most at these prices; a search often asks the same again."""
        asked = least, most, self._prices_of_mine(prices)
        known = self._promises.get(asked)
        if known is None:
            known = self._promises[asked] = self._promised(least, most, prices)
        return known

    def _promised(self, least: Steps, most: Steps, prices: Prices) -> Promise:
        """Make an offer of the units; the certain ones are paid already."""
        offered: list[Offered] = []
        paid = 0.0
        for at, number, units, of_lot in self._parts:
            high = most[at]
            if high:
                low = least[at]
                price = prices[at] / of_lot
                if low:
                    paid += price * units * low
                    offered.append((number, units * low, 0.0))
                if high > low:
                    offered.append((number, units * (high - low), price))
        bid = self.bids.bid(offered)
        gain = bid.gain if self._cap_minor is None else min(bid.gain, self._cap_minor)
        steps = list(least)
        for number, count in bid.taken.items():
            at, units = self._lot_of[number]
            # A bid may count a unit more than once, for several groups of a bundle.
            steps[at] = min(most[at], max(steps[at], -(-count // units)))
        return Promise(gain - paid, tuple(steps))

    def gain(self, steps: Steps) -> int:
        """Return what these steps bring beyond what they are worth to the simple offers."""
        known = self._gains.get(steps)
        if known is None:
            known = 0
            if any(steps):
                known = self._asked(steps).granted_minor - sum(map(mul, steps, self._worth))
            self._gains[steps] = known
        return known

    def used(self, steps: Steps) -> Steps:
        """Return those of these steps that the promotion makes any use of."""
        picked = self._asked(steps).units_used()
        used = []
        for taken, owned in zip(steps, self._goods.open, strict=True):
            stocks = [self._goods.stocks[number] for number in owned.stocks]
            units = [picked.get((stock.place, stock.run), 0) for stock in stocks]
            wished = (-(-count // each) for count, each in zip(units, owned.units_a_step, strict=True))
            used.append(min(taken, max(wished)))
        return tuple(used)

    def _asked(self, steps: Steps) -> Held:
        return self._goods.tally.ask_about(self._goods.holding(steps), self._promotion.propose, self._cap_minor)
