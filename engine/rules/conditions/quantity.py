"""``quantity``: enough units of some goods."""

from typing import ClassVar

from pydantic import Field

from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.enough import Enough
from engine.rules.vocabulary import CompileEnv, LaneStart, Test


class Quantity(Enough):
    """There must be at least this many units of the chosen goods; a line sold by weight or length counts as 1."""

    word: ClassVar[str] = "quantity"
    example: ClassVar[str] = "quantity: {at_least: 3, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}, {sku: sandals, quantity: 2}], expect: {discount: 18.00 EUR}}",
        "{cart: [{sku: boots, quantity: 2}], expect: {outcome: condition_failed}}",
    )

    at_least: int = Field(ge=1, le=1_000_000)
    """How many."""

    def compile(self, env: CompileEnv) -> Test:
        """Compare the number of units on the chosen lines."""
        selection = self.selection(env)

        def test(start: LaneStart) -> Shortfall | None:
            lines = start.tally.basket.lines
            units = sum(lines[place].units for place in start.tally.selected(selection))
            return self.compare(Measure.UNITS, self.at_least, units)

        return test
