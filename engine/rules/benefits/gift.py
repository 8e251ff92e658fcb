"""``gift``: a product that the cart gets on top."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from engine.cart.model import LineItem
from engine.fields import Amounts
from engine.pricing.basket import Basket, BasketLine
from engine.pricing.evaluation import OutcomeCode, Target
from engine.pricing.extras import GiftLine, gift_line_id
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import Benefit, CompileEnv, Propose
from engine.types import MemberId, PromotionId, Sku

_NOBODY = MemberId("")


class Gift(Benefit):
    """Add a product to the cart, at its list price with an equal discount: a fixed one, the cheapest or a chosen one.

    One of `sku`, `cheapest_of` and `choice_of` is written. The gift is a line of its own, there as long as its
    conditions hold, once a promotion. It counts for no condition, no other promotion and no change by staff touches
    it, it moves no delivery and earns no points. Its tax is on what is paid for it. What is not sold where the cart
    is, sold by weight or regulated is no gift: the outcome is `no_target` and says why. A gift takes no `at_most`.
    """

    word: ClassVar[str] = "gift"
    lane: ClassVar[str] = "bundle"
    can_give_less: ClassVar[bool] = False
    example: ClassVar[str] = "gift: {sku: milk, quantity: 1}"
    carts: ClassVar[tuple[str, ...]] = ("{cart: [{sku: boots}], expect: {discount: 1.20 EUR}}",)

    sku: Annotated[str, Field(min_length=1)] | None = None
    """The product that is given."""
    cheapest_of: Words | None = None
    """Products, of which the cheapest that can be had where the cart is is given; by SKU where two cost the same."""
    choice_of: Words | None = None
    """Products, of which the shopper chooses one; until then there is no gift and the outcome is `choice_open`. A
    chosen product that cannot be had is not replaced by another one.
    """
    quantity: int = Field(default=1, ge=1, le=1000)
    """How many units."""
    price: Amounts | None = None
    """What one unit costs instead of nothing."""

    @model_validator(mode="after")
    def _one_way(self) -> "Gift":
        if sum(way is not None for way in (self.sku, self.cheapest_of, self.choice_of)) != 1:
            raise ValueError(
                "one_gift: say in one way what the gift is; help: write one of sku, cheapest_of, choice_of"
            )
        if self.at_most is not None:
            raise ValueError("gift_at_most: a gift is given whole; help: leave `at_most` out, or write a token `price`")
        return self

    def skus(self) -> tuple[Sku, ...]:
        """Return every product that may be the gift."""
        return tuple(Sku(sku) for sku in ((self.sku,) if self.sku else self.cheapest_of or self.choice_of or ()))

    def way(self) -> str:
        """Return the key under which the gift is written."""
        return next(key for key in ("sku", "cheapest_of", "choice_of") if getattr(self, key) is not None)

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may bring a gift."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Find the gift among what can be had here."""
        skus, quantity, prices, promotion = self.skus(), self.quantity, self.price, env.promotion
        chooses = self.choice_of is not None

        def propose(tally: Tally) -> Proposal:
            basket = tally.basket
            lines, missing = candidates(skus, quantity, promotion, basket)
            if chooses:
                chosen = basket.gift_choices.get(promotion)
                if lines and chosen not in skus:
                    return _nothing(OutcomeCode.CHOICE_OPEN, ", ".join(line.product.sku for line in lines))
                lines = [line for line in lines if line.product.sku == chosen]
            if not lines:
                return _nothing(OutcomeCode.NO_TARGET, ", ".join(missing))
            line = min(lines, key=lambda line: (line.unit_minor, line.product.sku))
            token_minor = min(prices[basket.currency], line.unit_minor) * quantity if prices else 0
            discount_minor = line.list_minor - token_minor
            shares = [(0, discount_minor)] if discount_minor else []
            gift = GiftLine(line, discount_minor)
            return Proposal(Target.GIFT, shares, discount_minor, extra=gift, detail=line.product.sku)

        return propose


def _nothing(code: OutcomeCode, detail: str) -> Proposal:
    return Proposal(Target.GIFT, [], 0, why_nothing=code, detail=detail)


def candidates(
    skus: Sequence[Sku], quantity: int, promotion: PromotionId, basket: Basket
) -> tuple[list[BasketLine], list[str]]:
    """Return the lines that can be given here, and of the others why not."""
    lines, missing = [], []
    for sku in skus:
        wish = LineItem(gift_line_id(promotion, sku), sku, ((_NOBODY, quantity),))
        found = basket.join(wish)
        if not isinstance(found, BasketLine):
            missing.append(f"{sku}: {found.reason}")
        elif found.product.measured:
            missing.append(f"{sku}: sold_by_measure")
        elif found.product.never_discount:
            missing.append(f"{sku}: regulated")
        else:
            lines.append(found)
    return lines, missing
