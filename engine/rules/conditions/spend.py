"""``spend``: enough money on some goods."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test, keys_of


class Spend(Condition):
    """The chosen goods must cost at least this much; without `on`, all goods."""

    word: ClassVar[str] = "spend"
    example: ClassVar[str] = "spend: {at_least: 50 EUR, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: sneakers}], expect: {discount: 6.00 EUR}}",
        "{cart: [{sku: sandals}, {sku: mug}], expect: {outcome: condition_failed}}",
    )

    at_least: PositiveAmounts
    """How much."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    threshold_on: Literal["current", "list"] = "current"
    """What they cost when the lane starts, after earlier lanes, or before any discount (`list`)."""
    counting: Literal["goods", "regulated"] = "goods"
    """`regulated` counts regulated goods too."""

    def keys(self) -> tuple[Key, ...] | None:
        """Money is spent on a chosen product or not at all."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Test:
        """Compare the sum over the chosen lines."""
        selection = env.selections.get(self.on, self.except_, regulated=self.counting == "regulated")
        at_least, by_list = self.at_least, self.threshold_on == "list"

        def test(start: LaneStart) -> Shortfall | None:
            basket = start.tally.basket
            places = start.tally.selected(selection)
            costs = [line.list_minor for line in basket.lines] if by_list else start.current_minor
            spent = sum([costs[place] for place in places])
            wanted = at_least[basket.currency]
            return None if spent >= wanted else Shortfall("spend", Measure.MONEY, wanted, spent, wanted - spent)

        return test
