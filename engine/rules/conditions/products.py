"""``products``: enough different products."""

from typing import ClassVar

from pydantic import Field

from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.enough import Enough
from engine.rules.vocabulary import CompileEnv, LaneStart, Test


class Products(Enough):
    """There must be at least this many different products among the chosen goods, however many units of each.

    Lines of one SKU with different options are one product.
    """

    word: ClassVar[str] = "products"
    example: ClassVar[str] = "products: {at_least: 3, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}, {sku: sneakers}, {sku: sandals}], expect: {discount: 20.00 EUR}}",
        "{cart: [{sku: boots, quantity: 3}], expect: {outcome: condition_failed}}",
    )

    at_least: int = Field(ge=1, le=1_000_000)
    """How many."""

    def compile(self, env: CompileEnv) -> Test:
        """Compare the number of SKUs on the chosen lines."""
        selection = self.selection(env)

        def test(start: LaneStart) -> Shortfall | None:
            lines = start.tally.basket.lines
            found = len({lines[place].product.sku for place in start.tally.selected(selection)})
            return self.compare(Measure.PRODUCTS, self.at_least, found)

        return test
