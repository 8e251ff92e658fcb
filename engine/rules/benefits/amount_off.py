"""``amount_off``: an amount off chosen goods."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Target
from engine.pricing.sets import Order
from engine.pricing.tally import Proposal, Tally
from engine.rules.best.bids import Bids, Limits, Stock
from engine.rules.picking import (
    Count,
    Nth,
    UnitPick,
    ask_units,
    capped_per_line,
    from_place,
    lowest,
    picked_units,
    unit_bids,
)
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of


class AmountOff(Benefit):
    """Take an amount off the chosen goods; without `on`, off all goods.

    `per` must be said, because "2 off" alone has three meanings. Off the whole `selection`, the amount falls on the
    lines in proportion to what they cost; `at_most` then cuts these shares in proportion, so a cent can fall on
    another line than if the cap had been shared. No unit or line goes below zero.
    """

    word: ClassVar[str] = "amount_off"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "amount_off: {amount: 2 EUR, per: unit, on: {category: socks}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: wool-socks, quantity: 3}], expect: {discount: 6.00 EUR}}",
        "{cart: [{sku: mug}], expect: {outcome: no_target}}",
    )

    amount: PositiveAmounts
    """How much."""
    per: Literal["unit", "line", "selection"]
    """Off each unit, off each line, or once over the whole selection."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    max_units: Count | None = None
    """Only so many units, in the order of `pick`; by default all. With `per: unit` only."""
    pick: UnitPick = Order.CHEAPEST
    """Which units take part. `cheapest` or `dearest`: these first, where `max_units` counts them. `{nth: 3}`: the third
    dearest alone; with `max_units: 2`, the fourth too.
    """
    at_most_per_line: PositiveAmounts | None = None
    """The most that it takes off one line."""

    @model_validator(mode="after")
    def _units_only(self) -> "AmountOff":
        if self.max_units is not None and self.per != "unit":
            raise ValueError("max_units: it counts units, so it goes with `per: unit`; help: leave `max_units` out")
        if isinstance(self.pick, Nth) and self.per != "unit":
            raise ValueError("pick_nth: it counts units, so it goes with `per: unit`; help: leave `pick` out")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Return the variant for `per`."""
        selection = env.selections.get(self.on, self.except_)
        amounts = self.amount

        def per_line(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = [(place, amount_minor) for place in tally.selected(selection)]
            return Proposal(Target.ITEM, shares, amount_minor * len(shares))

        def per_unit(tally: Tally) -> Proposal:
            currency = tally.basket.currency
            amount_minor = amounts[currency]
            units = picked_units(tally, selection, self.pick, self.max_units)
            proposal = ask_units(units, lambda now_minor, _: min(amount_minor, now_minor), currency)
            proposal.wanted_minor = amount_minor * sum(unit.count for unit in units)
            return proposal

        def once(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = tally.spread(amount_minor, tally.selected(selection))
            return Proposal(Target.ITEM, shares, amount_minor if shares else 0)

        variants: dict[str, Propose] = {"unit": per_unit, "line": per_line, "selection": once}
        propose_from = from_place(self.word, variants[self.per], selection, self.pick)
        return capped_per_line(propose_from, self.at_most_per_line)

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for each unit by itself; an amount off a line or off all is a cap on what its units get."""
        selection = env.selections.get(self.on, self.except_)

        def make(tally: Tally, stocks: Sequence[Stock]) -> Bids:
            currency, chosen = tally.basket.currency, tally.selected(selection)
            amount_minor = self.amount[currency]
            limits = Limits(
                self.max_units,
                lowest(currency, self.at_most_per_line, self.amount if self.per == "line" else None),
                lowest(currency, self.at_most, self.amount if self.per == "selection" else None),
            )

            def want(stock: Stock) -> int:
                return min(amount_minor, stock.unit_minor)

            return unit_bids(stocks, chosen, want, self.pick, limits, by_unit=env.by_unit)

        return make
