"""``order_percent_off``: a percentage off the goods of the whole order."""

from typing import ClassVar

from pydantic import Field

from engine.fields import PercentBp
from engine.money import PERCENT_BP, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class OrderPercentOff(Benefit):
    """Take a percentage off all goods together, never off delivery or fees; `except` leaves goods out.

    It is rounded once over the order and falls on the lines in proportion to what they cost.
    """

    word: ClassVar[str] = "order_percent_off"
    lane: ClassVar[str] = "order"
    example: ClassVar[str] = "order_percent_off: {percent: 5%, except: {tag: clearance}, at_most: 20 EUR}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}, {sku: sandals}], expect: {discount: 5.00 EUR}}",
        "{cart: [{sku: boots, quantity: 5}], expect: {discount: 20.00 EUR}}",
    )

    percent: PercentBp
    """How much."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that take no part in it."""

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods will do."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Spread the percentage of the sum."""
        selection = env.selections.get(None, self.except_)
        percent_bp, mode = self.percent, env.rounding

        def propose(tally: Tally) -> Proposal:
            places = tally.selected(selection)
            base_minor = sum([tally.current_minor[place] for place in places])
            wanted = ratio_of(base_minor, percent_bp, PERCENT_BP, mode)
            return Proposal(Target.ORDER, tally.spread(wanted, places), wanted)

        return propose
