"""``delivery_amount_off``: an amount off delivery."""

from typing import ClassVar

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class DeliveryAmountOff(Benefit):
    """Take an amount off each delivery fee, of all methods or of those named; no fee goes below zero.

    A delivery that cannot be had here has no fee, and nothing is wanted of it.
    """

    word: ClassVar[str] = "delivery_amount_off"
    lane: ClassVar[str] = "shipping"
    example: ClassVar[str] = "delivery_amount_off: {amount: 3 EUR, methods: [home]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: mug}], delivery: {method: home, slot: day}, expect: {discount: 3.00 EUR}}",
    )

    amount: PositiveAmounts
    """How much off each fee."""
    methods: Words | None = None
    """Ids of delivery methods; by default all."""

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may be delivered."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Ask of each delivery fee."""
        amounts = self.amount
        methods = frozenset(self.methods) if self.methods else None

        def propose(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = [
                (place, amount_minor)
                for place, delivery in enumerate(tally.basket.deliveries)
                if delivery.fee_minor is not None and (methods is None or delivery.choice.method in methods)
            ]
            return Proposal(Target.DELIVERY, shares, amount_minor * len(shares))

        return propose
