"""``fixed_price``: chosen goods at one price a unit."""

from typing import ClassVar

from pydantic import Field

from engine.cart.model import QUANTITY_SCALE
from engine.fields import Amounts, PositiveAmounts
from engine.money import ratio_of
from engine.pricing.sets import Order
from engine.pricing.tally import Proposal, Tally
from engine.rules.picking import Count, ask_each, capped_per_line, first_units, units_of
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of


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
    pick: Order = Order.DEAREST
    """Which units go first where `max_units` counts them: the `dearest` or the `cheapest`."""
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
            units = first_units(units_of(tally, tally.selected(selection)), self.pick, self.max_units)
            wants = []
            for unit in units:
                line = lines[unit.place]
                measured = line.product.measured
                goal = ratio_of(price_minor, line.quantity, QUANTITY_SCALE, mode) if measured else price_minor
                wants.append((unit, max(0, unit.now_minor - goal)))
            return ask_each(wants)

        return capped_per_line(propose, self.at_most_per_line)
