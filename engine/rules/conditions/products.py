"""``products``: enough different products."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test, keys_of


class Products(Condition):
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
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    counting: Literal["goods", "regulated"] = "goods"
    """`regulated` counts regulated goods too."""

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
