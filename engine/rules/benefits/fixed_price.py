"""``fixed_price``: chosen goods at one price a unit."""

from typing import ClassVar

from pydantic import Field

from engine.cart.model import QUANTITY_SCALE
from engine.fields import Amounts, PositiveAmounts
from engine.money import ratio_of
from engine.pricing.sets import Order
from engine.pricing.tally import Proposal, Tally
from engine.rules.picking import Count, UnitPick, ask_each, capped_per_line, picked_units
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of


class FixedPrice(Benefit):
    """Sell each chosen unit at this price, only where that lowers it; without `on`, all goods.

    For goods sold by weight or length it is the price of a whole unit (a kilogram, a metre). `max_units` takes only
    so many units, the `dearest` (default), the `cheapest`, or with `pick: {nth: 3}` those from the third dearest on, by
    default that one alone. `at_most_per_line` caps each line, `at_most` the sum.
    """

    word: ClassVar[str] = "fixed_price"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "fixed_price: {price: 8 EUR, on: {sku: [mug, bowl]}}"

    price: Amounts
    on: Selector | None = None
    except_: Selector | None = Field(default=None, alias="except")
    max_units: Count | None = None
    pick: UnitPick = Order.DEAREST
    at_most_per_line: PositiveAmounts | None = None

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
            wants = []
            for unit in units:
                line = lines[unit.place]
                measured = line.product.measured
                goal = ratio_of(price_minor, line.quantity, QUANTITY_SCALE, mode) if measured else price_minor
                wants.append((unit, max(0, unit.now_minor - goal)))
            return ask_each(wants)

        return capped_per_line(propose, self.at_most_per_line)
