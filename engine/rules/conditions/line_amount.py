"""``line_amount``: one line that costs enough."""

from typing import ClassVar, Literal

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.enough import Enough
from engine.rules.vocabulary import CompileEnv, LaneStart, Test


class LineAmount(Enough):
    """A single line of the chosen goods must cost at least this much, all its units together."""

    word: ClassVar[str] = "line_amount"
    example: ClassVar[str] = "line_amount: {at_least: 20 EUR, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: sandals}], expect: {discount: 4.00 EUR}}",
        "{cart: [{sku: mug, quantity: 2}], expect: {outcome: condition_failed}}",
    )

    at_least: PositiveAmounts
    """How much."""
    threshold_on: Literal["current", "list"] = "current"
    """What the line costs when the lane starts, after earlier lanes, or before any discount (`list`)."""

    def compile(self, env: CompileEnv) -> Test:
        """Compare the dearest of the chosen lines."""
        selection = self.selection(env)
        at_least, by_list = self.at_least, self.threshold_on == "list"

        def test(start: LaneStart) -> Shortfall | None:
            basket = start.tally.basket
            places = start.tally.selected(selection)
            costs = (basket.lines[place].list_minor if by_list else start.current_minor[place] for place in places)
            return self.compare(Measure.MONEY, at_least[basket.currency], max(costs, default=0))

        return test
