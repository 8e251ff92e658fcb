"""``percent_off``: a percentage off chosen goods."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from engine.fields import PercentBp, PositiveAmounts
from engine.money import PERCENT_BP, Rounding, allocate, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.sets import Order, Unit
from engine.pricing.tally import Proposal, Tally
from engine.pricing.units import Pick
from engine.rules.best.bids import Bids, Limits, Stock
from engine.rules.picking import (
    Count,
    UnitPick,
    ask_units,
    capped_per_line,
    from_place,
    lowest,
    picked_units,
    takes_all,
    unit_bids,
)
from engine.rules.selectors import Key, Selection, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of


class PercentOff(Benefit):
    """Take a percentage off the chosen goods; without `on`, off all goods.

    Rounded over the `order`, its shares fall on the lines by largest remainder. No line goes below zero.
    """

    word: ClassVar[str] = "percent_off"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "percent_off: {percent: 20%, on: {category: shoes}, except: {tag: clearance}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}, {sku: sandals}], expect: {discount: 20.00 EUR}}",
        "{cart: [{sku: sandals}], expect: {outcome: no_target}}",
    )

    percent: PercentBp
    """How much."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    amount_of: Literal["current", "list"] = "current"
    """Of what is left when it is this promotion's turn, or of the price before any discount (`list`)."""
    rounding: Literal["unit", "line", "order"] = "line"
    """Where halves of a cent are decided: once a line, for each unit, or once over all chosen goods (`order`)."""
    max_units: Count | None = None
    """Only so many units, in the order of `pick`; by default all."""
    pick: UnitPick = Order.CHEAPEST
    """Which units take part. `cheapest` or `dearest`: these first, where `max_units` counts them. `{nth: 3}`: the third
    dearest alone; with `max_units: 2`, the fourth too.
    """
    at_most_per_line: PositiveAmounts | None = None
    """The most that it takes off one line."""

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Return the variant for the declared rounding."""
        selection = env.selections.get(self.on, self.except_)
        if self.rounding == "unit" or env.by_unit:
            propose = self._off_units(selection, env.rounding)
        elif self.rounding == "line" and takes_all(self.pick, self.max_units):
            propose = self._off_whole_lines(selection, env.rounding)
        else:
            propose = self._off_sums(selection, env.rounding)
        propose_from = from_place(self.word, propose, selection, self.pick)
        return capped_per_line(propose_from, self.at_most_per_line)

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for each unit by itself."""
        selection, percent_bp = env.selections.get(self.on, self.except_), self.percent
        # Where a whole line is rounded, one of its units may get up to a minor unit more than by itself.
        up, mode = not env.by_unit and self.rounding != "unit", env.rounding

        def make(tally: Tally, stocks: Sequence[Stock]) -> Bids:
            def want(stock: Stock) -> int:
                line, by_list = tally.basket.lines[stock.place], self.amount_of == "list"
                each = line.unit_minor if by_list else stock.unit_minor
                share = -(-each * percent_bp // PERCENT_BP) if up else ratio_of(each, percent_bp, PERCENT_BP, mode)
                if up and by_list and len(tally.lines[stock.place].runs()) > 1:
                    share *= line.units  # what is too much for the cheaper units of a line falls on the dearer ones
                return min(share, stock.unit_minor)

            def together(stock: Stock, units: int) -> int:
                """Round once a line, which is only certain where its units are alike."""
                if len(tally.lines[stock.place].runs()) > 1:
                    return want(stock) * units
                each = tally.basket.lines[stock.place].unit_minor if self.amount_of == "list" else stock.unit_minor
                return min(ratio_of(each * units, percent_bp, PERCENT_BP, mode), stock.unit_minor * units)

            currency, chosen = tally.basket.currency, tally.selected(selection)
            limits = Limits(self.max_units, lowest(currency, self.at_most_per_line), lowest(currency, self.at_most))
            return unit_bids(
                stocks,
                chosen,
                want,
                self.pick,
                limits,
                by_unit=env.by_unit,
                together=together if self.rounding != "unit" else None,
            )

        return make

    def _off_whole_lines(self, selection: Selection, mode: Rounding) -> Propose:
        percent_bp, by_list = self.percent, self.amount_of == "list"

        def propose(tally: Tally) -> Proposal:
            lines, left = tally.basket.lines, tally.current_minor
            shares = [
                (
                    place,
                    ratio_of(lines[place].list_minor if by_list else left[place], percent_bp, PERCENT_BP, mode),
                )
                for place in tally.selected(selection)
            ]
            return Proposal(Target.ITEM, shares, sum(minor for _, minor in shares))

        return propose

    def _off_units(self, selection: Selection, mode: Rounding) -> Propose:
        percent_bp, by_list = self.percent, self.amount_of == "list"

        def propose(tally: Tally) -> Proposal:
            units = self._picked(tally, selection)
            if not by_list:
                return ask_units(
                    units, lambda now_minor, _: ratio_of(now_minor, percent_bp, PERCENT_BP, mode), tally.basket.currency
                )
            lines = tally.basket.lines
            wants = [ratio_of(lines[unit.place].unit_minor, percent_bp, PERCENT_BP, mode) for unit in units]
            proposal = Proposal(Target.ITEM, [], 0)
            sums: dict[int, int] = {}
            for unit, want in zip(units, wants, strict=True):
                sums[unit.place] = sums.get(unit.place, 0) + min(want, unit.now_minor) * unit.count
                picks = proposal.picks.setdefault(unit.place, [])
                picks.append(Pick(unit.run, unit.count, min(want, unit.now_minor)))
                proposal.wanted_minor += want * unit.count
            proposal.shares = sorted(sums.items())
            return proposal

        return propose

    def _off_sums(self, selection: Selection, mode: Rounding) -> Propose:
        """Round once a line, or once over all picked units."""
        percent_bp, once = self.percent, self.rounding == "order"

        def propose(tally: Tally) -> Proposal:
            units = self._picked(tally, selection)
            bases: dict[int, int] = {}
            left: dict[int, int] = {}
            proposal = Proposal(Target.ITEM, [], 0)
            for unit in units:
                bases[unit.place] = bases.get(unit.place, 0) + self._base_minor(tally, unit)
                left[unit.place] = left.get(unit.place, 0) + unit.now_minor * unit.count
                proposal.picks.setdefault(unit.place, []).append(Pick(unit.run, unit.count, unit.now_minor))
            if once:
                proposal.wanted_minor = ratio_of(sum(bases.values()), percent_bp, PERCENT_BP, mode)
                parts = allocate(
                    min(proposal.wanted_minor, sum(left.values())), [left[place] for place in sorted(left)]
                )
                proposal.shares = list(zip(sorted(left), parts, strict=True))
            else:
                wanted = {place: ratio_of(base, percent_bp, PERCENT_BP, mode) for place, base in bases.items()}
                proposal.wanted_minor = sum(wanted.values())
                proposal.shares = [(place, min(wanted[place], left[place])) for place in sorted(wanted)]
            return proposal

        return propose

    def _picked(self, tally: Tally, selection: Selection) -> list[Unit]:
        return picked_units(tally, selection, self.pick, self.max_units)

    def _base_minor(self, tally: Tally, unit: Unit) -> int:
        each = tally.basket.lines[unit.place].unit_minor if self.amount_of == "list" else unit.now_minor
        return each * unit.count
