"""What conditions share that ask for enough of some goods: enough money, units, products or weight."""

from typing import Literal

from pydantic import Field

from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.selectors import Key, Selection, Selector
from engine.rules.vocabulary import CompileEnv, Condition, keys_of


class Enough(Condition):
    """There must be at least so much of the chosen goods. How much, in what, is for the word to say."""

    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    counting: Literal["goods", "regulated"] = "goods"
    """`regulated` counts regulated goods too."""

    def keys(self) -> tuple[Key, ...] | None:
        """There is nothing to count without a chosen product."""
        return keys_of(self.on)

    def selection(self, env: CompileEnv) -> Selection:
        """Return the choice of the lines that count."""
        return env.selections.get(self.on, self.except_, regulated=self.counting == "regulated")

    def compare(self, measure: Measure, wanted: int, found: int, unit: str = "") -> Shortfall | None:
        """Return what is missing; None where there is enough."""
        return None if found >= wanted else Shortfall(self.word, measure, wanted, found, wanted - found, unit)
