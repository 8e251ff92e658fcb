"""Gifts that shoppers choose: what is offered to a cart, what was chosen, and what is still open."""

from dataclasses import dataclass

from engine.cart.commands import ChooseGift
from engine.errors import RefusedError, UserErrorCode, one_of
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation, OutcomeCode
from engine.pricing.notices import Notice, NoticeCode
from engine.pricing.shop import Product
from engine.rules.benefits.gift import Gift, candidates
from engine.rules.explain import label_of
from engine.rules.ruleset import Ruleset
from engine.types import PromotionId, Sku

_OFFERED = {OutcomeCode.APPLIED, OutcomeCode.CHOICE_OPEN, OutcomeCode.NO_TARGET}


@dataclass(frozen=True, slots=True)
class GiftChoice:
    """A promotion that lets the shopper choose, and the products that can be had here. ``chosen`` None: still open."""

    promotion: PromotionId
    label: str
    options: tuple[Product, ...]
    chosen: Sku | None


def gift_choices(basket: Basket, ruleset: Ruleset, evaluation: Evaluation, *, staff: bool) -> list[GiftChoice]:
    """Return the choices that this cart has, in the total order, hidden ones for staff only."""
    found = []
    for outcome in sorted(evaluation.outcomes.values(), key=lambda each: ruleset.by_id[each.promotion].place):
        promotion = ruleset.by_id[outcome.promotion]
        benefit = promotion.written.benefit()
        if not isinstance(benefit, Gift) or benefit.choice_of is None or outcome.code not in _OFFERED:
            continue
        # Whoever is given something may know of it, for which customers it may be; as with discounts.
        if staff or not promotion.written.hidden:
            lines, _ = candidates(benefit.skus(), benefit.quantity, promotion.id, basket)
            chosen = basket.gift_choices.get(promotion.id)
            found.append(
                GiftChoice(
                    promotion.id,
                    label_of(promotion, basket.locale),
                    tuple(line.product for line in lines),
                    chosen if chosen in benefit.skus() else None,
                )
            )
    return found


def open_choices(basket: Basket, ruleset: Ruleset, evaluation: Evaluation) -> list[Notice]:
    """Tell the shopper of gifts that wait for their choice."""
    if all(outcome.code is not OutcomeCode.CHOICE_OPEN for outcome in evaluation.outcomes.values()):
        return []
    return [
        Notice(NoticeCode.GIFT_CHOICE_OPEN, f"{choice.label}: choose a gift, {_names(choice.options)}")
        for choice in gift_choices(basket, ruleset, evaluation, staff=False)
        if choice.chosen is None and choice.options
    ]


def _names(products: tuple[Product, ...]) -> str:
    return " or ".join(product.name or product.sku for product in products)


def admit_gift_choice(promotion: str, sku: str | None, ruleset: Ruleset) -> ChooseGift:
    """Check a choice against the running rules; None takes it back. Raises `RefusedError`.

    Whether the promotion applies to the cart is not asked: it may tomorrow, and the choice is an intent like any other.
    Who guesses at one that is not open to everybody is told neither that it is there nor what it gives.
    """
    if sku is None:
        return ChooseGift(PromotionId(promotion), None)
    known = ruleset.by_id.get(PromotionId(promotion))
    benefit = known.written.benefit() if known else None
    gifts = benefit.skus() if isinstance(benefit, Gift) and benefit.choice_of is not None else ()
    if sku in gifts:
        return ChooseGift(PromotionId(promotion), Sku(sku))
    if known is None or not gifts or not known.for_everybody:
        message = f"`{promotion[:40]}` is not a promotion that lets shoppers choose a gift"
        raise RefusedError.because(UserErrorCode.UNKNOWN_GIFT, message, "promotionId")
    message = f"`{sku[:40]}` is not one of its gifts: expected {one_of(list(gifts))}"
    raise RefusedError.because(UserErrorCode.UNKNOWN_GIFT, message, "sku")
