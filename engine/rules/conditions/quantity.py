"""``quantity``: enough units of some goods."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test, keys_of


class Quantity(Condition):
    """There must be at least this many units of the chosen goods; a line sold by weight or length counts as 1."""

    word: ClassVar[str] = "quantity"
    example: ClassVar[str] = "quantity: {at_least: 3, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}, {sku: sandals, quantity: 2}], expect: {discount: 18.00 EUR}}",
        "{cart: [{sku: boots, quantity: 2}], expect: {outcome: condition_failed}}",
    )

    at_least: int = Field(ge=1, le=1_000_000)
    """How many."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    counting: Literal["goods", "regulated"] = "goods"
    """`regulated` counts regulated goods too."""

    def keys(self) -> tuple[Key, ...] | None:
        """Units of a chosen product are needed."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Test:
        """Compare the number of units on the chosen lines."""
        selection = env.selections.get(self.on, self.except_, regulated=self.counting == "regulated")
        wanted = self.at_least

        def test(start: LaneStart) -> Shortfall | None:
            lines = start.tally.basket.lines
            units = sum(lines[place].units for place in start.tally.selected(selection))
            return None if units >= wanted else Shortfall("quantity", Measure.UNITS, wanted, units, wanted - units)

        return test
