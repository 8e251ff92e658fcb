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

    `sku` is a fixed gift, `cheapest_of` the cheapest of a list that can be had here, `choice_of` what the shopper
    chooses out of a list; until they have, there is no gift. With `price` each unit costs that much instead of nothing.
    The gift is there as long as its condition holds. It counts for no condition, no other promotion touches it, and it
    earns no points. Its tax is on what is paid for it.
    """

    word: ClassVar[str] = "gift"
    lane: ClassVar[str] = "bundle"
    example: ClassVar[str] = "gift: {sku: milk, quantity: 1}"

    sku: Annotated[str, Field(min_length=1)] | None = None
    cheapest_of: Words | None = None
    choice_of: Words | None = None
    quantity: int = Field(default=1, ge=1, le=1000)
    price: Amounts | None = None

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
