"""``delivery_percent_off``: a percentage off delivery; 100 % makes it free."""

from typing import ClassVar

from engine.fields import PercentBp
from engine.money import PERCENT_BP, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class DeliveryPercentOff(Benefit):
    """Take a percentage off each delivery fee, of all methods or of those named. It is rounded for each fee."""

    word: ClassVar[str] = "delivery_percent_off"
    lane: ClassVar[str] = "shipping"
    example: ClassVar[str] = "delivery_percent_off: {percent: 100%, methods: [home]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: mug}], delivery: {method: home, slot: day}, expect: {discount: 5.90 EUR}}",
        "{cart: [{sku: mug}], delivery: {method: express}, expect: {outcome: no_target}}",
    )

    percent: PercentBp
    """How much; `100%` is free delivery."""
    methods: Words | None = None
    """Ids of delivery methods; by default all."""

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may be delivered."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Ask of each delivery fee."""
        percent_bp, mode = self.percent, env.rounding
        methods = frozenset(self.methods) if self.methods else None

        def propose(tally: Tally) -> Proposal:
            shares = [
                (place, ratio_of(tally.deliveries[place], percent_bp, PERCENT_BP, mode))
                for place, delivery in enumerate(tally.basket.deliveries)
                if methods is None or delivery.choice.method in methods
            ]
            return Proposal(Target.DELIVERY, shares, sum(minor for _, minor in shares))

        return propose
