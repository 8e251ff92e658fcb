"""``every_nth``: every second, third, … unit for less."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from engine.pricing.sets import Group, Order, Unit, ordered
from engine.pricing.tally import Proposal, Tally
from engine.pricing.units import Use
from engine.rules.best.bids import Bids, Row, Stock
from engine.rules.best.lines import RowOfLines
from engine.rules.picking import (
    Count,
    Reward,
    UnitReuse,
    ask_units,
    fit_for,
    lacking,
    nothing,
    units_fit_for,
    use_units,
)
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of


class EveryNth(Reward, Benefit):
    """Put the chosen units in a row, the dearest first, and reward every nth: the second at half price.

    Unlike in `buy_get`, the rewarded unit follows directly on those that earn it, so a shopper loses nothing by
    buying more. Exactly one of `percent`, `amount`, `price` and `free` says what is given. Only complete sets use
    their units up; those that are passed over are triggers, in the words of `unit_reuse`.
    """

    word: ClassVar[str] = "every_nth"
    lane: ClassVar[str] = "bundle"
    example: ClassVar[str] = "every_nth: {nth: 2, percent: 50%, on: {category: socks}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: wool-socks}, {sku: sport-socks}], expect: {discount: 2.50 EUR}}",
        "{cart: [{sku: wool-socks}], expect: {outcome: no_target}}",
    )

    nth: Count = Field(ge=2)
    """2 rewards the second, the fourth, …"""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    max_sets: Count | None = None
    """How many units are rewarded; by default every nth."""
    unit_reuse: UnitReuse = UnitReuse.NONE
    """What the units of a set may be to later promotions that make sets; by default nothing."""

    def keys(self) -> tuple[Key, ...] | None:
        """Without chosen goods there is no row."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Count along the row."""
        selection = env.selections.get(self.on, self.except_)
        want, nth, most, may = self.want(env.rounding), self.nth, self.max_sets, self.unit_reuse.use
        one_set = (Group(nth, selection, Order.DEAREST, Use.BOTH),)

        def propose(tally: Tally) -> Proposal:
            row = ordered(units_fit_for(tally, selection, Use.BOTH), Order.DEAREST)
            sets = sum(unit.count for unit in row) // nth
            sets = sets if most is None else min(sets, most)
            if not sets:
                return nothing(lacking(self.word, tally, one_set))
            rewarded, others = _along(row, nth, sets)
            proposal = ask_units(rewarded, want, tally.basket.currency, Use.REWARD)
            use_units(proposal, others, Use.TRIGGER)
            proposal.may = may
            return proposal

        return propose

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for rows of units."""
        selection, want = env.selections.get(self.on, self.except_), self.want(env.rounding)

        bids = Row if env.by_unit else RowOfLines

        def make(tally: Tally, stocks: Sequence[Stock]) -> Bids:
            currency = tally.basket.currency
            fit = fit_for(tally, selection, Use.BOTH, stocks)
            wants = [want(stock.unit_minor, currency) if yes else 0 for stock, yes in zip(stocks, fit, strict=True)]
            return bids(stocks, wants, fit, self.nth, self.max_sets)

        return make


def _along(row: list[Unit], nth: int, sets: int) -> tuple[list[Unit], list[Unit]]:
    """Part the first `nth * sets` units of a row into every nth, and the others."""
    rewarded: list[Unit] = []
    others: list[Unit] = []
    passed = 0
    for unit in row:
        count = min(unit.count, nth * sets - passed)
        hits = (passed + count) // nth - passed // nth
        passed += count
        for units, number in ((rewarded, hits), (others, count - hits)):
            if number:
                units.append(Unit(unit.place, unit.run, number, unit.start_minor, unit.now_minor))
    return rewarded, others
