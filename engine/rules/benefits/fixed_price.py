"""``fixed_price``: chosen goods at one price a unit."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from engine.cart.model import QUANTITY_SCALE
from engine.fields import Amounts, PositiveAmounts
from engine.money import Rounding, ratio_of
from engine.pricing.basket import BasketLine
from engine.pricing.sets import Order
from engine.pricing.tally import Proposal, Tally
from engine.rules.best.bids import Bids, Limits, Stock
from engine.rules.picking import Count, UnitPick, ask_each, capped_per_line, from_place, lowest, picked_units, unit_bids
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of


class FixedPrice(Benefit):
    """Sell each chosen unit at this price, only where that lowers it; without `on`, all goods."""

    word: ClassVar[str] = "fixed_price"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "fixed_price: {price: 8 EUR, on: {sku: [mug, bowl]}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: mug, quantity: 2}], expect: {discount: 8.00 EUR}}",
        "{cart: [{sku: tea}], expect: {outcome: no_target}}",
    )

    price: Amounts
    """What one unit costs then. Of goods sold by weight or length, a whole kilogram or metre."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    max_units: Count | None = None
    """Only so many units, in the order of `pick`; by default all."""
    pick: UnitPick = Order.DEAREST
    """Which units take part. `cheapest` or `dearest`: these first, where `max_units` counts them. `{nth: 3}`: the third
    dearest alone; with `max_units: 2`, the fourth too.
    """
    at_most_per_line: PositiveAmounts | None = None
    """The most that it takes off one line."""

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Ask for the difference, unit by unit."""
        selection = env.selections.get(self.on, self.except_)
        prices, mode = self.price, env.rounding

        def propose(tally: Tally) -> Proposal:
            price_minor, lines = prices[tally.basket.currency], tally.basket.lines
            units = picked_units(tally, selection, self.pick, self.max_units)
            goals = {place: _goal(price_minor, lines[place], mode) for place in {unit.place for unit in units}}
            return ask_each([(unit, max(0, unit.now_minor - goals[unit.place])) for unit in units])

        propose_from = from_place(self.word, propose, selection, self.pick)
        return capped_per_line(propose_from, self.at_most_per_line)

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for each unit by itself."""
        selection, mode = env.selections.get(self.on, self.except_), env.rounding

        def make(tally: Tally, stocks: Sequence[Stock]) -> Bids:
            currency, lines = tally.basket.currency, tally.basket.lines
            price_minor = self.price[currency]

            def want(stock: Stock) -> int:
                return max(0, stock.unit_minor - _goal(price_minor, lines[stock.place], mode))

            limits = Limits(self.max_units, lowest(currency, self.at_most_per_line), lowest(currency, self.at_most))
            return unit_bids(stocks, tally.selected(selection), want, self.pick, limits, by_unit=env.by_unit)

        return make


def _goal(price_minor: int, line: BasketLine, mode: Rounding) -> int:
    """Return what one unit of a line is to cost: a measured line is one unit."""
    return ratio_of(price_minor, line.quantity, QUANTITY_SCALE, mode) if line.product.measured else price_minor
