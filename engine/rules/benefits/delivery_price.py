"""``delivery_price``: delivery at a set price."""

from typing import ClassVar

from engine.fields import Amounts
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class DeliveryPrice(Benefit):
    """Set each delivery fee to this price, only where that lowers it, of all methods or of those named."""

    word: ClassVar[str] = "delivery_price"
    lane: ClassVar[str] = "shipping"
    example: ClassVar[str] = "delivery_price: {price: 2.90 EUR, methods: [home]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: mug}], delivery: {method: home, slot: day}, expect: {discount: 3.00 EUR}}",
    )

    price: Amounts
    """What delivery costs then; `0 EUR` is free delivery."""
    methods: Words | None = None
    """Ids of delivery methods; by default all."""

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may be delivered."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Ask of each delivery fee what exceeds the price."""
        prices = self.price
        methods = frozenset(self.methods) if self.methods else None

        def propose(tally: Tally) -> Proposal:
            price_minor = prices[tally.basket.currency]
            shares = [
                (place, max(0, tally.deliveries[place] - price_minor))
                for place, delivery in enumerate(tally.basket.deliveries)
                if delivery.fee_minor is not None and (methods is None or delivery.choice.method in methods)
            ]
            return Proposal(Target.DELIVERY, shares, sum(minor for _, minor in shares))

        return propose
