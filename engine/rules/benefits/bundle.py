"""``bundle``: goods out of several groups together, at one price or for less."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from engine.fields import Written
from engine.money import PERCENT_BP, allocate, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.sets import GROUPS_MAX, Group, Order, Unit, make_sets
from engine.pricing.tally import Proposal, Tally
from engine.pricing.units import Pick, Use
from engine.rules.best.bids import Groups, Stock
from engine.rules.picking import Count, Reward, UnitReuse, fit_for, lacking, nothing
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, best_keys, keys_of


class BundleGroup(Written):
    """How many units of what each bundle holds."""

    quantity: Count = 1
    """How many units of them a bundle holds."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""


class Bundle(Reward, Benefit):
    """Mix and match: as many bundles as fit, each with its number of units out of every group.

    Groups are filled in the order written; the first bundle gets the first units of each. What a bundle gives falls
    on its lines in proportion to what their units in it cost; a percentage is rounded once a bundle. With one group
    it is "3 for 10". Exactly one of `percent`, `amount`, `price` and `free` says what each bundle is given.
    """

    word: ClassVar[str] = "bundle"
    lane: ClassVar[str] = "bundle"
    example: ClassVar[str] = (
        "bundle: {groups: [{on: {category: shoes}}, {quantity: 2, on: {category: socks}}], price: 60 EUR}"
    )
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: sneakers}, {sku: wool-socks, quantity: 2}], expect: {discount: 16.00 EUR}}",
        "{cart: [{sku: sandals}, {sku: wool-socks, quantity: 2}], expect: {outcome: no_target}}",
    )

    groups: tuple[BundleGroup, ...] = Field(min_length=1, max_length=GROUPS_MAX)
    """What a bundle is made of. A unit that fits two groups counts in one."""
    pick: Order = Order.DEAREST
    """Which units of a group go into bundles first: the `dearest` or the `cheapest`."""
    max_sets: Count | None = None
    """How many bundles one cart can get; by default as many as its units make."""
    unit_reuse: UnitReuse = UnitReuse.NONE
    """What the units of a set may be to later promotions that make sets; by default nothing."""

    def keys(self) -> tuple[Key, ...] | None:
        """Every group is needed."""
        return best_keys(keys_of(group.on) for group in self.groups)

    def compile(self, env: CompileEnv) -> Propose:
        """Make bundles one by one and ask of each."""
        groups = tuple(
            Group(group.quantity, env.selections.get(group.on, group.except_), self.pick, Use.REWARD)
            for group in self.groups
        )
        most, may, mode = self.max_sets, self.unit_reuse.use, env.rounding

        def asked(cost_minor: int, tally: Tally) -> int:
            """Return what is asked of a bundle that costs so much."""
            currency = tally.basket.currency
            if self.price is not None:
                return max(0, cost_minor - self.price[currency])
            if self.amount is not None:
                return min(cost_minor, self.amount[currency])
            return ratio_of(cost_minor, self.percent, PERCENT_BP, mode) if self.percent is not None else cost_minor

        def propose(tally: Tally) -> Proposal:
            sets, filled = make_sets(tally, groups, most)
            if not sets:
                return nothing(lacking(self.word, tally, groups))
            bundles = _bundles(filled, [group.quantity for group in groups], sets)
            return _proposal(bundles, lambda cost: asked(cost, tally), may)

        return propose

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for bundles: each brings what its units cost, less its price, or part of that, or an amount."""
        selections = [(group.quantity, env.selections.get(group.on, group.except_)) for group in self.groups]

        def make(tally: Tally, stocks: Sequence[Stock]) -> Groups:
            currency = tally.basket.currency
            groups = [(quantity, fit_for(tally, chosen, Use.REWARD, stocks)) for quantity, chosen in selections]
            costs = [stock.unit_minor for stock in stocks]
            part_bp, bonus_bp = PERCENT_BP, 0
            if self.price is not None:
                bonus_bp = -self.price[currency] * PERCENT_BP
            elif self.amount is not None:
                part_bp, bonus_bp = 0, self.amount[currency] * PERCENT_BP
            elif self.percent is not None:
                # A bundle is rounded once: half a minor unit more than its exact part, at most.
                part_bp, bonus_bp = self.percent, PERCENT_BP // 2
            return Groups(costs, [cost * part_bp for cost in costs], bonus_bp, groups, self.max_sets)

        return make


@dataclass(frozen=True, slots=True)
class _Bundles:
    """Some equal bundles: how many, and the units of each."""

    number: int
    units: tuple[Unit, ...]


def _bundles(filled: Sequence[Sequence[Unit]], quantities: Sequence[int], sets: int) -> list[_Bundles]:
    """Deal the units of the groups out to bundles; equal ones in a row are counted, not listed."""
    dealt, done = [], 0
    while done < sets:
        parts = [_part(units, quantity * done, quantity) for units, quantity in zip(filled, quantities, strict=True)]
        alike = [
            (left // quantity) if left >= quantity else 1 for (_, left), quantity in zip(parts, quantities, strict=True)
        ]
        number = min(sets - done, *alike)
        dealt.append(_Bundles(number, tuple(unit for units, _ in parts for unit in units)))
        done += number
    return dealt


def _part(units: Sequence[Unit], start: int, quantity: int) -> tuple[list[Unit], int]:
    """Return `quantity` units from `start` on, and how many the first of their runs still holds from there."""
    part: list[Unit] = []
    left, wanted = 0, quantity
    for unit in units:
        if start >= unit.count:
            start -= unit.count
            continue
        here = unit.count - start
        left = left or here
        count = min(here, wanted)
        part.append(Unit(unit.place, unit.run, count, unit.start_minor, unit.now_minor))
        start, wanted = 0, wanted - count
        if not wanted:
            break
    return part, left


def _proposal(bundles: Sequence[_Bundles], asked: Callable[[int], int], may: Use) -> Proposal:
    """Ask of each bundle, spread over its lines in proportion to what its units cost."""
    shares: dict[int, int] = {}
    used: dict[tuple[int, int], Unit] = {}
    wanted_minor = 0
    for bundle in bundles:
        costs: dict[int, int] = {}
        for unit in bundle.units:
            costs[unit.place] = costs.get(unit.place, 0) + unit.now_minor * unit.count
            known = used.get((unit.place, unit.run))
            count = unit.count * bundle.number + (known.count if known else 0)
            used[unit.place, unit.run] = Unit(unit.place, unit.run, count, unit.start_minor, unit.now_minor)
        off = asked(sum(costs.values()))
        wanted_minor += off * bundle.number
        places = sorted(costs)
        for place, part in zip(places, allocate(off, [costs[place] for place in places]), strict=True):
            shares[place] = shares.get(place, 0) + part * bundle.number
    proposal = Proposal(Target.ITEM, sorted(shares.items()), wanted_minor, may=may)
    for unit in used.values():
        proposal.picks.setdefault(unit.place, []).append(Pick(unit.run, unit.count, unit.now_minor, Use.REWARD))
    return proposal
