"""``payment``: how the shopper is going to pay."""

from typing import ClassVar

from engine.pricing.evaluation import Shortfall
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test


class Payment(Condition):
    """The shopper must pay by one of these methods; until the method is known, the condition fails."""

    word: ClassVar[str] = "payment"
    example: ClassVar[str] = "payment: {methods: [card, gift-card]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], payment_method: card, expect: {discount: 10.00 EUR}}",
        "{cart: [{sku: boots}], expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it needs another payment method"

    methods: Words
    """What the shop's front ends call the methods."""

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may be paid for."""
        return None

    def compile(self, env: CompileEnv) -> Test:
        """Compare the cart's method."""
        methods = frozenset(self.methods)

        def test(start: LaneStart) -> Shortfall | None:
            return None if start.tally.basket.payment_method in methods else Shortfall("payment")

        return test
