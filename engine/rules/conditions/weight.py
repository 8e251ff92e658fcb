"""``weight``: enough of goods sold by measure."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from engine.fields import Thousandths
from engine.pricing.evaluation import Measure, Shortfall
from engine.pricing.shop import PIECE
from engine.rules.enough import Enough
from engine.rules.vocabulary import CompileEnv, LaneStart, Test


def _measured(unit: str) -> str:
    if unit == PIECE:
        raise ValueError("not_measured: pieces have no weight; help: write `quantity:` to count them")
    return unit


class Weight(Enough):
    """There must be at least this much of the chosen goods that are sold by `unit`, such as `kg`, `l` or `m`.

    Goods sold by another unit or by the piece do not count, whatever they weigh.
    """

    word: ClassVar[str] = "weight"
    example: ClassVar[str] = "weight: {at_least: 1.5, unit: kg, on: {category: cheese}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: comte, quantity: 1.0}, {sku: brie, quantity: 0.6}], expect: {discount: 3.48 EUR}}",
        "{cart: [{sku: comte, quantity: 1.2}], expect: {outcome: condition_failed}}",
    )

    at_least: Thousandths
    """How much, in that unit."""
    unit: Annotated[str, AfterValidator(_measured), Field(min_length=1, max_length=64)]
    """The unit that the goods are sold by in the catalogue."""

    def compile(self, env: CompileEnv) -> Test:
        """Compare the sum of the quantities on the chosen lines."""
        selection = self.selection(env)

        def test(start: LaneStart) -> Shortfall | None:
            lines = [start.tally.basket.lines[place] for place in start.tally.selected(selection)]
            found = sum(line.quantity for line in lines if line.product.unit == self.unit)
            return self.compare(Measure.THOUSANDTHS, self.at_least, found, self.unit)

        return test
