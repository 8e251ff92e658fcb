"""``tiers``: the more is bought, the more is taken off."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from engine.fields import PercentBp, PositiveAmounts, Written
from engine.money import PERCENT_BP, Rounding, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.sets import Group, Order, Unit, ordered
from engine.pricing.tally import Proposal, Tally
from engine.pricing.units import Use
from engine.rules.best.bids import Step, Steps, Stock, wants_of
from engine.rules.picking import Count, Reward, ask_each, ask_units, lacking, lacking_spend, nothing, units_of
from engine.rules.selectors import Key, Selection, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of
from engine.types import Currency


class SpendStep(Written):
    """From this much spent on, a percentage, or an amount once over the chosen goods."""

    spend: PositiveAmounts
    """From this much spent on the chosen goods on."""
    percent: PercentBp | None = None
    """A percentage off them."""
    amount: PositiveAmounts | None = None
    """An amount once over all of them; not with `mode: slab`."""

    @model_validator(mode="after")
    def _one_way(self) -> "SpendStep":
        if (self.percent is None) == (self.amount is None):
            raise ValueError("one_reward: say in one way what is taken off; help: write `percent:` or `amount:`")
        return self


class QuantityStep(Reward):
    """From this many units on, a percentage or an amount off each unit, or a price a unit."""

    quantity: Count
    """From this many units on."""


class Tiers(Benefit):
    """Steps by what is spent on the chosen goods, or by how many units are bought; one of `by_spend`, `by_quantity`.

    A percentage is rounded for each unit by quantity, and once on the sum by spend.
    """

    word: ClassVar[str] = "tiers"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = (
        "tiers: {by_quantity: [{quantity: 3, percent: 5%}, {quantity: 6, percent: 10%}], on: {category: socks}}"
    )
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: sport-socks, quantity: 3}], expect: {discount: 0.75 EUR}}",
        "{cart: [{sku: sport-socks, quantity: 6}], expect: {discount: 3.00 EUR}}",
        "{cart: [{sku: sport-socks, quantity: 2}], expect: {outcome: no_target}}",
    )

    by_spend: tuple[SpendStep, ...] | None = Field(default=None, min_length=1)
    """Steps by what the chosen goods cost when it is this promotion's turn, in rising order."""
    by_quantity: tuple[QuantityStep, ...] | None = Field(default=None, min_length=1)
    """Steps by how many units are bought, in rising order."""
    mode: Literal["whole", "slab"] = "whole"
    """`whole` gives all chosen goods what the highest step that is reached gives. `slab` gives each step only the part
    from it up to the next: by quantity of the units in a row, the dearest first; by spend of the sum.
    """
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""

    @model_validator(mode="after")
    def _steps(self) -> "Tiers":
        if (self.by_spend is None) == (self.by_quantity is None):
            raise ValueError("one_kind: steps go by spend or by quantity; help: write `by_spend:` or `by_quantity:`")
        for lower, upper in pairwise(self.by_quantity or ()):
            if lower.quantity >= upper.quantity:
                raise ValueError(
                    "overlapping_tiers: each step must be higher than the one before; help: sort the steps"
                )
        for low, high in pairwise(self.by_spend or ()):
            if low.spend.keys() != high.spend.keys():
                raise ValueError(
                    "overlapping_tiers: all steps must state the same currencies; help: add the missing ones"
                )
            if any(low.spend[currency] >= high.spend[currency] for currency in low.spend):
                raise ValueError(
                    "overlapping_tiers: each step must be higher than the one before; help: sort the steps"
                )
        if self.mode == "slab" and any(step.amount for step in self.by_spend or ()):
            raise ValueError("slab_amount: slabs by spend take percentages; help: write `percent:`, or `mode: whole`")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Return the variant for kind and mode."""
        selection = env.selections.get(self.on, self.except_)
        if self.by_quantity is not None:
            return _by_quantity(self.by_quantity, selection, env.rounding, slab=self.mode == "slab")
        steps = self.by_spend or ()
        return (
            _spend_slabs(steps, selection, env.rounding)
            if self.mode == "slab"
            else _spend(steps, selection, env.rounding)
        )

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for what reaches a step."""
        selection, mode = env.selections.get(self.on, self.except_), env.rounding

        def make(tally: Tally, stocks: Sequence[Stock]) -> Steps:
            chosen, currency = set(tally.selected(selection)), tally.basket.currency
            costs = wants_of(chosen, stocks, lambda stock: stock.unit_minor)
            if self.by_spend is not None:
                return Steps(_spend_steps(self.by_spend, costs, currency, slab=self.mode == "slab"), costs, costs)
            weights = wants_of(chosen, stocks, lambda _: 1)
            steps = _quantity_steps(self.by_quantity or (), costs, currency, mode, slab=self.mode == "slab")
            return Steps(steps, weights, costs)

        return make


def _quantity_steps(
    steps: Sequence[QuantityStep], costs: Sequence[int], currency: Currency, mode: Rounding, *, slab: bool
) -> list[Step]:
    """Return what each step brings at most: in slabs the units below it keep what the steps below give."""
    found: list[Step] = []
    most = [0] * len(costs)
    for step in steps:
        want = step.want(mode)
        wants = [want(cost, currency) * PERCENT_BP for cost in costs]
        most = [max(pair) for pair in zip(most, wants, strict=True)]
        found.append(Step(step.quantity, most if slab else wants))
    return found


def _spend_steps(steps: Sequence[SpendStep], costs: Sequence[int], currency: Currency, *, slab: bool) -> list[Step]:
    """Return what each step brings; a percentage of the sum is rounded once."""
    found: list[Step] = []
    below_bp = percent_bp = start = 0
    for step in steps:
        needed = step.spend[currency]
        below_bp += percent_bp * (needed - start)
        percent_bp, start = step.percent or 0, needed
        bonus_bp = step.amount[currency] * PERCENT_BP if step.amount is not None else PERCENT_BP // 2
        if slab:
            bonus_bp += below_bp - percent_bp * needed
        found.append(Step(needed, [percent_bp * cost for cost in costs], bonus_bp))
    return found


def _by_quantity(steps: tuple[QuantityStep, ...], selection: Selection, mode: Rounding, *, slab: bool) -> Propose:
    wants = [step.want(mode) for step in steps]
    bounds = [step.quantity for step in steps]
    first = (Group(bounds[0], selection, Order.DEAREST, Use.NONE),)

    def propose(tally: Tally) -> Proposal:
        row = ordered(units_of(tally, tally.selected(selection)), Order.DEAREST)
        total = sum(unit.count for unit in row)
        reached = sum(1 for bound in bounds if bound <= total)
        if not reached:
            return nothing(lacking(Tiers.word, tally, first))
        if not slab:
            return ask_units(row, wants[reached - 1], tally.basket.currency)
        return _ask_slabs(row, tally)

    def _ask_slabs(row: list[Unit], tally: Tally) -> Proposal:
        wanted: list[tuple[Unit, int]] = []
        passed = 0
        for unit in row:
            for step, low in enumerate(bounds):
                high = bounds[step + 1] if step + 1 < len(bounds) else passed + unit.count + low
                inside = min(passed + unit.count, high - 1) - max(passed, low - 1)
                if inside > 0:
                    part = Unit(unit.place, unit.run, inside, unit.start_minor, unit.now_minor)
                    wanted.append((part, wants[step](unit.now_minor, tally.basket.currency)))
            passed += unit.count
        return ask_each(wanted)

    return propose


def _spend(steps: tuple[SpendStep, ...], selection: Selection, mode: Rounding) -> Propose:
    def propose(tally: Tally) -> Proposal:
        currency, places = tally.basket.currency, tally.selected(selection)
        spent_minor = sum(tally.current_minor[place] for place in places)
        step = next((step for step in reversed(steps) if step.spend[currency] <= spent_minor), None)
        if step is None:
            return nothing(lacking_spend(Tiers.word, steps[0].spend[currency], spent_minor, selection))
        if step.amount is not None:
            wanted = step.amount[currency]
        else:
            wanted = ratio_of(spent_minor, step.percent or 0, PERCENT_BP, mode)
        return Proposal(Target.ITEM, tally.spread(wanted, places), wanted)

    return propose


def _spend_slabs(steps: tuple[SpendStep, ...], selection: Selection, mode: Rounding) -> Propose:
    def propose(tally: Tally) -> Proposal:
        currency, places = tally.basket.currency, tally.selected(selection)
        spent_minor = sum(tally.current_minor[place] for place in places)
        bounds = [step.spend[currency] for step in steps]
        if spent_minor < bounds[0]:
            return nothing(lacking_spend(Tiers.word, bounds[0], spent_minor, selection))
        weighted = sum(
            (step.percent or 0) * max(0, min(spent_minor, high) - low)
            for step, low, high in zip(steps, bounds, [*bounds[1:], spent_minor], strict=True)
        )
        wanted = ratio_of(weighted, 1, PERCENT_BP, mode)
        return Proposal(Target.ITEM, tally.spread(wanted, places), wanted)

    return propose
