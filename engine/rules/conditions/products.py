"""``products``: enough different products."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.pricing.evaluation import Measure
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Shortfall, Test, keys_of


class Products(Condition):
    """There must be at least this many different products among the chosen goods, however many units of each.

    Lines of one SKU with different options are one product. Regulated goods count only with `counting: regulated`.
    """

    word: ClassVar[str] = "products"
    example: ClassVar[str] = "products: {at_least: 3, on: {category: shoes}}"

    at_least: int = Field(ge=1, le=1_000_000)
    on: Selector | None = None
    except_: Selector | None = Field(default=None, alias="except")
    counting: Literal["goods", "regulated"] = "goods"

    def keys(self) -> tuple[Key, ...] | None:
        """Return those of the chosen products."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Test:
        """Compare the number of SKUs on the chosen lines."""
        selection = env.selections.get(self.on, self.except_, regulated=self.counting == "regulated")
        wanted = self.at_least

        def test(start: LaneStart) -> Shortfall | None:
            lines = start.tally.basket.lines
            found = len({lines[place].product.sku for place in start.tally.selected(selection)})
            return None if found >= wanted else Shortfall("products", Measure.PRODUCTS, wanted, found, wanted - found)

        return test
