"""``fee_amount_off``: an amount off fees such as gift wrap."""

from typing import ClassVar

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class FeeAmountOff(Benefit):
    """Take an amount off each unit of the fees that the shopper chose, of all fees or of those named.

    No fee goes below zero. A fee that the shop does not have in the cart's currency costs nothing, and nothing is
    wanted of it.
    """

    word: ClassVar[str] = "fee_amount_off"
    lane: ClassVar[str] = "shipping"
    example: ClassVar[str] = "fee_amount_off: {amount: 1 EUR, fees: [gift-wrap]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: mug, quantity: 2}], fees: [{fee: gift-wrap, quantity: 2}], expect: {discount: 2.00 EUR}}",
    )

    amount: PositiveAmounts
    """How much off each unit of a fee: two gift wraps get it twice."""
    fees: Words | None = None
    """Ids of fees; by default all."""

    def keys(self) -> tuple[Key, ...] | None:
        """Fees go with any goods."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Ask of each chosen fee as often as it was chosen."""
        amounts = self.amount
        named = frozenset(self.fees) if self.fees else None

        def propose(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = [
                (place, amount_minor * fee.quantity)
                for place, fee in enumerate(tally.basket.fees)
                if fee.unit_minor is not None and (named is None or fee.fee in named)
            ]
            return Proposal(Target.FEE, shares, sum(minor for _, minor in shares))

        return propose
