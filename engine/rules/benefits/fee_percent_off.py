"""``fee_percent_off``: a percentage off fees such as gift wrap."""

from typing import ClassVar

from engine.fields import PercentBp
from engine.money import PERCENT_BP, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import Benefit, CompileEnv, Propose


class FeePercentOff(Benefit):
    """Take a percentage off each fee that the shopper chose, of all fees or of those named.

    It is taken of what is left of the fee, all units of it together, and rounded once for each fee.
    """

    word: ClassVar[str] = "fee_percent_off"
    lane: ClassVar[str] = "shipping"
    example: ClassVar[str] = "fee_percent_off: {percent: 100%, fees: [gift-wrap]}"
    carts: ClassVar[tuple[str, ...]] = ("{cart: [{sku: mug}], fees: [{fee: gift-wrap}], expect: {discount: 2.50 EUR}}",)

    percent: PercentBp
    """How much; `100%` makes it free."""
    fees: Words | None = None
    """Ids of fees; by default all."""

    def keys(self) -> tuple[Key, ...] | None:
        """Fees go with any goods."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Ask of each chosen fee."""
        percent_bp, mode = self.percent, env.rounding
        named = frozenset(self.fees) if self.fees else None

        def propose(tally: Tally) -> Proposal:
            shares = [
                (place, ratio_of(tally.fees[place], percent_bp, PERCENT_BP, mode))
                for place, fee in enumerate(tally.basket.fees)
                if fee.unit_minor is not None and (named is None or fee.fee in named)
            ]
            return Proposal(Target.FEE, shares, sum(minor for _, minor in shares))

        return propose
