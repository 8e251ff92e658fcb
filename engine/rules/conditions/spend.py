"""``spend``: enough money on some goods."""

from typing import ClassVar, Literal

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.enough import Enough
from engine.rules.vocabulary import CompileEnv, LaneStart, Test


class Spend(Enough):
    """The chosen goods must cost at least this much; without `on`, all goods."""

    word: ClassVar[str] = "spend"
    example: ClassVar[str] = "spend: {at_least: 50 EUR, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: sneakers}], expect: {discount: 6.00 EUR}}",
        "{cart: [{sku: sandals}, {sku: mug}], expect: {outcome: condition_failed}}",
    )

    at_least: PositiveAmounts
    """How much."""
    threshold_on: Literal["current", "list"] = "current"
    """What they cost when the lane starts, after earlier lanes, or before any discount (`list`)."""

    def compile(self, env: CompileEnv) -> Test:
        """Compare the sum over the chosen lines."""
        selection = self.selection(env)
        at_least, by_list = self.at_least, self.threshold_on == "list"

        def test(start: LaneStart) -> Shortfall | None:
            basket = start.tally.basket
            places = start.tally.selected(selection)
            costs = [line.list_minor for line in basket.lines] if by_list else start.current_minor
            return self.compare(Measure.MONEY, at_least[basket.currency], sum([costs[place] for place in places]))

        return test
