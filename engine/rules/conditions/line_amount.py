"""``line_amount``: one line that costs enough."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test, keys_of


class LineAmount(Condition):
    """A single line of the chosen goods must cost at least this much, all its units together."""

    word: ClassVar[str] = "line_amount"
    example: ClassVar[str] = "line_amount: {at_least: 20 EUR, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: sandals}], expect: {discount: 4.00 EUR}}",
        "{cart: [{sku: mug, quantity: 2}], expect: {outcome: condition_failed}}",
    )

    at_least: PositiveAmounts
    """How much."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    threshold_on: Literal["current", "list"] = "current"
    """What the line costs when the lane starts, after earlier lanes, or before any discount (`list`)."""
    counting: Literal["goods", "regulated"] = "goods"
    """`regulated` counts regulated goods too."""

    def keys(self) -> tuple[Key, ...] | None:
        """Return those of the chosen products."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Test:
        """Compare the dearest of the chosen lines."""
        selection = env.selections.get(self.on, self.except_, regulated=self.counting == "regulated")
        at_least, by_list = self.at_least, self.threshold_on == "list"

        def test(start: LaneStart) -> Shortfall | None:
            basket = start.tally.basket
            places = start.tally.selected(selection)
            costs = (basket.lines[place].list_minor if by_list else start.current_minor[place] for place in places)
            dearest, wanted = max(costs, default=0), at_least[basket.currency]
            if dearest >= wanted:
                return None
            return Shortfall("line_amount", Measure.MONEY, wanted, dearest, wanted - dearest)

        return test
