"""``order_amount_off``: an amount off the goods of the whole order."""

from typing import ClassVar

from pydantic import Field

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class OrderAmountOff(Benefit):
    """Take an amount off all goods together, never off delivery or fees; `except` leaves goods out.

    It falls on the lines in proportion to what they cost.
    """

    word: ClassVar[str] = "order_amount_off"
    lane: ClassVar[str] = "order"
    example: ClassVar[str] = "order_amount_off: {amount: 10 EUR}"
    carts: ClassVar[tuple[str, ...]] = ("{cart: [{sku: boots}, {sku: wool-socks}], expect: {discount: 10.00 EUR}}",)

    amount: PositiveAmounts
    """How much."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that take no part in it."""

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods will do."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Spread the amount."""
        selection = env.selections.get(None, self.except_)
        amounts = self.amount

        def propose(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = tally.spread(amount_minor, tally.selected(selection))
            return Proposal(Target.ORDER, shares, amount_minor if shares else 0)

        return propose
