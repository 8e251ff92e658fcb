"""Which units a benefit is about, where it does not mean all: fields and arithmetic that several words share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from engine.errors import did_you_mean
from engine.fields import Amounts, PercentBp, PositiveAmounts, Written, one_text
from engine.money import PERCENT_BP, Rounding, ratio_of
from engine.pricing.evaluation import Measure, Shortfall, Target
from engine.pricing.sets import Group, Order, Unit, first_set_lacks, make_sets, ordered
from engine.pricing.tally import Missing, Proposal, Selects, Tally
from engine.pricing.units import Pick, Use
from engine.rules.best.bids import Bids, EachUnit, FromPlace, Limits, Sets, Stock, ranks_of, wants_of
from engine.rules.best.lines import EachLine
from engine.rules.selectors import missing_in_words
from engine.rules.vocabulary import MakeBids, Propose
from engine.types import Currency

Count = Annotated[int, Field(ge=1, le=1_000_000)]


class UnitReuse(StrEnum):
    """What the units of a set may be to later promotions that build sets."""

    NONE = "none"
    TRIGGER = "trigger"
    REWARD = "reward"
    BOTH = "both"

    @property
    def use(self) -> Use:
        """The same as flags."""
        return Use[self.name]


class Nth(Written):
    """One place in the row of the chosen units, dearest first: `{nth: 3}` is the third, `from` says the other end."""

    nth: Count
    """Which place: 3 is the third."""
    from_: Order = Field(default=Order.DEAREST, alias="from")
    """Where the row begins."""


def _read_order(value: Any) -> Order:
    text = one_text(value)
    try:
        return Order(text)
    except ValueError:
        help_ = did_you_mean(text, list(Order), "write cheapest, dearest, or {nth: 3} for the third dearest")
        raise ValueError(f"unknown_pick: `{text}` is no way to pick units; help: {help_}") from None


def _kind(written: Any) -> str:
    return "place" if isinstance(written, Nth | dict) else "end"


UnitPick = Annotated[
    Annotated[Order, BeforeValidator(_read_order), Tag("end")] | Annotated[Nth, Tag("place")], Discriminator(_kind)
]
"""Which of the chosen units take part: those at one end of their row, or those from a place in it on."""

UnitWant = Callable[[int, Currency], int]
"""What is asked of one unit that still costs so much, in a currency."""


def units_of(tally: Tally, places: Sequence[int]) -> list[Unit]:
    """Return all units of some lines."""
    return [
        Unit(place, index, run.units, run.start_minor, run.now_minor)
        for place in places
        for index, run in enumerate(tally.lines[place].runs())
    ]


def units_fit_for(tally: Tally, selection: Selects, use: Use) -> list[Unit]:
    """Return the chosen units that no set has used up for that."""
    return [
        Unit(place, index, run.units, run.start_minor, run.now_minor)
        for place in tally.selected(selection)
        for index, run in enumerate(tally.lines[place].runs())
        if (run.may & use) == use
    ]


def nothing(missing: Missing | None = None) -> Proposal:
    """Return the proposal that asks for nothing, perhaps for lack of something."""
    return Proposal(Target.ITEM, [], 0, missing=missing)


def lacking(word: str, tally: Tally, groups: Sequence[Group]) -> Missing:
    """Return what says how many units a benefit lacks for its first set."""

    def missing() -> Shortfall | None:
        lacks = first_set_lacks(tally, groups)
        distance = sum(lacks)
        if not distance:
            return None
        wanted = sum(group.quantity for group in groups)
        goods = missing_in_words(zip(lacks, (group.selection.words for group in groups), strict=True))
        return Shortfall(word, Measure.UNITS, wanted, wanted - distance, distance, goods)

    return missing


def lacking_spend(word: str, wanted_minor: int, spent_minor: int, selection: Selects) -> Missing:
    """Return what says how much more must be spent on goods for the first step of a benefit."""
    distance = wanted_minor - spent_minor
    return lambda: Shortfall(word, Measure.MONEY, wanted_minor, spent_minor, distance, selection.words)


def takes_all(pick: UnitPick, max_units: int | None) -> bool:
    """Say whether all chosen units take part."""
    return max_units is None and not isinstance(pick, Nth)


def picked_units(tally: Tally, selection: Selects, pick: UnitPick, max_units: int | None) -> list[Unit]:
    """Return the chosen units that take part: at most so many, in picking order; of `nth` one unless that says more."""
    units = units_of(tally, tally.selected(selection))
    if takes_all(pick, max_units):
        return units
    order, before = (pick.from_, pick.nth - 1) if isinstance(pick, Nth) else (pick, 0)
    picked, left = [], max_units or 1
    for unit in ordered(units, order):
        passed = min(before, unit.count)
        before -= passed
        count = min(left, unit.count - passed)
        if count:
            picked.append(Unit(unit.place, unit.run, count, unit.start_minor, unit.now_minor))
            left -= count
    return picked


def ask_units(units: Sequence[Unit], want: UnitWant, currency: Currency, use: Use = Use.NONE) -> Proposal:
    """Return the proposal that asks the same of each of these units."""
    return ask_each([(unit, want(unit.now_minor, currency)) for unit in units], use)


def ask_each(wants: Sequence[tuple[Unit, int]], use: Use = Use.NONE) -> Proposal:
    """Return the proposal that asks something of one of each of these units."""
    proposal, sums = nothing(), dict.fromkeys(sorted({unit.place for unit, _ in wants}), 0)
    for unit, wanted in wants:
        sums[unit.place] += wanted * unit.count
        proposal.picks.setdefault(unit.place, []).append(Pick(unit.run, unit.count, wanted, use))
    proposal.shares, proposal.wanted_minor = list(sums.items()), sum(sums.values())
    return proposal


def use_units(proposal: Proposal, units: Sequence[Unit], use: Use) -> None:
    """Mark units as used by a proposal that asks nothing of them."""
    for unit in units:
        proposal.picks.setdefault(unit.place, []).append(Pick(unit.run, unit.count, 0, use))


def reward_sets(word: str, groups: tuple[Group, Group], want: UnitWant, most: int | None, reuse: UnitReuse) -> Propose:
    """Return the benefit that makes sets of rewarded and paid units and asks something of the rewarded ones."""
    rewarded, paid = groups

    def propose(tally: Tally) -> Proposal:
        sets, filled = make_sets(tally, groups, most)
        if not sets:
            return nothing(lacking(word, tally, groups))
        proposal = ask_units(filled[0], want, tally.basket.currency, rewarded.use)
        use_units(proposal, filled[1], paid.use)
        proposal.may = reuse.use
        return proposal

    return propose


def from_place(word: str, propose: Propose, selection: Selects, pick: UnitPick) -> Propose:
    """Return a benefit that says how far the row of its units is from the place where they begin to take part."""
    if not isinstance(pick, Nth):
        return propose
    row = (Group(pick.nth, selection, pick.from_, Use.NONE),)

    def propose_from_place(tally: Tally) -> Proposal:
        proposal = propose(tally)
        if not proposal.picks:
            proposal.missing = lacking(word, tally, row)
        return proposal

    return propose_from_place


def capped_per_line(propose: Propose, caps: Mapping[Currency, int] | None) -> Propose:
    """Return a benefit that gives no line more than a cap."""
    if caps is None:
        return propose

    def propose_capped(tally: Tally) -> Proposal:
        proposal = propose(tally)
        proposal.line_cap_minor = caps[tally.basket.currency]
        return proposal

    return propose_capped


def lowest(currency: Currency, *caps: Mapping[Currency, int] | None) -> int | None:
    """Return the lowest of some caps, None where none is set."""
    return min((cap[currency] for cap in caps if cap is not None), default=None)


def unit_bids(
    stocks: Sequence[Stock],
    chosen: Collection[int],
    want: Callable[[Stock], int],
    pick: UnitPick,
    limits: Limits,
    *,
    by_unit: bool,
    together: Callable[[Stock, int], int] | None = None,
) -> Bids:
    """Return how a benefit bids that takes something off chosen units one by one.

    Which end of their row they are picked from does not matter where units are handed out one by one (`by_unit`), since
    it may leave units to others. From a place in the row on, it needs those before it. `together` says what it takes
    off some units of a line that are rounded once; by default that is what it wants of each.
    """
    wants = wants_of(chosen, stocks, want)
    if not isinstance(pick, Nth):
        if by_unit or (limits.most_units is None and limits.cap_minor is None):
            return EachUnit(wants, limits)

        def want_of(number: int, units: int) -> int:
            return together(stocks[number], units) if together and wants[number] else wants[number] * units

        return EachLine(wants, want_of, [stock.place for stock in stocks], ranks_of(stocks, pick), limits)
    most, before = limits.most_units or 1, pick.nth - 1
    if not before:
        return EachUnit(wants, limits._replace(most_units=most))
    fit = [stock.place in chosen for stock in stocks]
    return FromPlace(ranks_of(stocks, pick.from_), wants, fit, before, most)


def set_bids(rewarded: Group, paid: Group, want: UnitWant, most: int | None) -> MakeBids:
    """Return how a benefit bids that makes sets and asks something of their rewarded units."""

    def make(tally: Tally, stocks: Sequence[Stock]) -> Sets:
        currency = tally.basket.currency
        fit = [fit_for(tally, group.selection, group.use, stocks) for group in (rewarded, paid)]
        wants = [want(stock.unit_minor, currency) if yes else 0 for stock, yes in zip(stocks, fit[0], strict=True)]
        ranks = ranks_of(stocks, rewarded.order)
        return Sets(ranks, wants, fit[0], fit[1], rewarded.quantity, paid.quantity, most)

    return make


def fit_for(tally: Tally, selection: Selects, use: Use, stocks: Sequence[Stock]) -> list[bool]:
    """Say of each stock whether it is chosen and no set has used it up for that."""
    places = set(tally.selected(selection))
    return [stock.place in places and (tally.lines[stock.place].runs()[stock.run].may & use) == use for stock in stocks]


class Reward(Written):
    """What is taken off a rewarded unit: exactly one of a percentage, an amount, a fixed price, or all of it."""

    percent: PercentBp | None = None
    """A percentage off it."""
    amount: PositiveAmounts | None = None
    """An amount off it, never more than it costs."""
    price: Amounts | None = None
    """What it costs then, only where that is lower. Not scaled by weight."""
    free: bool | None = None
    """`true`: all of it."""

    def want(self, rounding: Rounding) -> UnitWant:
        """Return what is asked of a unit; never more than it costs."""
        percent_bp, amounts, prices = self.percent, self.amount, self.price
        if percent_bp is not None:
            return lambda now_minor, _: ratio_of(now_minor, percent_bp, PERCENT_BP, rounding)
        if amounts is not None:
            return lambda now_minor, currency: min(now_minor, amounts[currency])
        if prices is not None:
            return lambda now_minor, currency: max(0, now_minor - prices[currency])
        return lambda now_minor, _: now_minor

    @model_validator(mode="after")
    def _one_way(self) -> "Reward":
        ways = [self.percent is not None, self.amount is not None, self.price is not None, self.free is True]
        if sum(ways) != 1:
            raise ValueError(
                "one_reward: say in one way what is taken off; help: write one of percent, amount, price, `free: true`"
            )
        return self
