"""Discounts that cost more than they give: without one of them a threshold would be reached, and the cart be cheaper.

A promotion of an earlier lane takes 2.00 off, and free delivery from 50.00 is lost. What that costs is not estimated:
the cart is priced again without each promotion that may be to blame, and the totals are compared. Only what depends on
thresholds counts; rivals inside a lane are settled by its mode. It is worked out only where somebody asks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.money import format_minor
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation, Outcome, OutcomeCode, Target
from engine.pricing.notices import Notice, NoticeCode
from engine.rules.benefits.tiers import Tiers
from engine.rules.evaluate import evaluate
from engine.rules.explain import label_of, may_see
from engine.rules.ruleset import CompiledPromotion, Ruleset
from engine.rules.thresholds import Threshold
from engine.types import PromotionId

ALTERNATIVES_MAX: Final = 8
"""Without how many promotions, of those that go first in the total order, the cart is priced again."""

_BENEFIT_ASKED: Final = {OutcomeCode.NO_TARGET, OutcomeCode.APPLIED, OutcomeCode.CAPPED}


@dataclass(frozen=True, slots=True)
class Loss:
    """A promotion without which the cart would cost ``more_minor`` less.

    ``given_minor`` is what it gives, ``lost`` are those that would then give more, in the total order.
    """

    promotion: PromotionId
    given_minor: int
    lost: tuple[PromotionId, ...]
    more_minor: int


def losses(basket: Basket, ruleset: Ruleset, evaluation: Evaluation) -> list[Loss]:
    """Return the applied promotions without which this cart would cost less, in the total order.

    `evaluation` is of this basket and rule set. Each is left out alone: what only two together cost is not found.
    """
    asking = [
        (promotion, thresholds)
        for outcome in evaluation.outcomes.values()
        if (thresholds := _thresholds(promotion := ruleset.by_id[outcome.promotion], outcome))
    ]
    lowered = [discount for discount in evaluation.discounts if discount.target in (Target.ITEM, Target.ORDER)]
    if not asking or not lowered:
        return []
    givers = sorted((ruleset.by_id[discount.promotion] for discount in lowered), key=lambda giver: giver.place)
    list_minor = sum(line.list_minor for line in basket.lines)
    threatened = [
        promotion
        for promotion, thresholds in asking
        if _comes_before(givers[0], promotion)
        # What asks more money than the goods cost before any discount is out of reach anyway.
        and any(threshold.get(basket.currency, 0) <= list_minor for threshold in thresholds)
    ]
    last = _last(threatened)
    suspects = [giver for giver in givers if any(_comes_before(giver, other) for other in last)]
    found = [_loss(suspect, threatened, basket, ruleset, evaluation) for suspect in suspects[:ALTERNATIVES_MAX]]
    return [loss for loss in found if loss is not None]


def _last(threatened: list[CompiledPromotion]) -> list[CompiledPromotion]:
    """Return those that whatever comes before any of them comes before: the last, and the last with tiers."""
    tiers = [promotion for promotion in threatened if isinstance(promotion.written.benefit(), Tiers)]
    return [max(some, key=lambda promotion: promotion.place) for some in (threatened, tiers) if some]


def _loss(
    suspect: CompiledPromotion,
    threatened: list[CompiledPromotion],
    basket: Basket,
    ruleset: Ruleset,
    evaluation: Evaluation,
) -> Loss | None:
    """Price the cart without one promotion; None where that is no cheaper, or not because of a threshold."""
    alternative = evaluate(basket, ruleset, without={suspect.id})
    more_minor = evaluation.totals.total_minor - alternative.totals.total_minor
    lost = [promotion for promotion in threatened if _given(promotion, alternative) > _given(promotion, evaluation)]
    if more_minor <= 0 or not lost:
        return None
    lost.sort(key=lambda promotion: promotion.place)
    return Loss(suspect.id, _given(suspect, evaluation), tuple(promotion.id for promotion in lost), more_minor)


def _given(promotion: CompiledPromotion, evaluation: Evaluation) -> int:
    outcome = evaluation.outcomes.get(promotion.id)
    return outcome.granted_minor if outcome else 0


def _comes_before(one: CompiledPromotion, other: CompiledPromotion) -> bool:
    """Say whether what one takes may matter to the other: conditions look at earlier lanes, tiers at what is left."""
    return one.place < other.place and (one.lane != other.lane or isinstance(other.written.benefit(), Tiers))


def _thresholds(promotion: CompiledPromotion, outcome: Outcome) -> Sequence[Threshold]:
    """Return from which amounts on a promotion might give more if earlier ones took less; none where it would not."""
    if outcome.code is OutcomeCode.CONDITION_FAILED:
        return promotion.test_thresholds if outcome.measure is not None else ()
    return promotion.give_thresholds if outcome.code in _BENEFIT_ASKED else ()


def loss_notices(found: list[Loss], basket: Basket, ruleset: Ruleset, *, staff: bool) -> list[Notice]:
    """Say losses as warnings: to shoppers only where they may be told of every promotion that is part of it."""
    basket = ruleset.with_codes_meant(basket)
    return [
        Notice(NoticeCode.BETTER_WITHOUT, loss_sentence(loss, basket, ruleset))
        for loss in found
        if all(may_see(ruleset.by_id[id_], basket, staff=staff) for id_ in (loss.promotion, *loss.lost))
    ]


def loss_sentence(loss: Loss, basket: Basket, ruleset: Ruleset) -> str:
    """Say one loss, without a full stop."""
    name, *lost = (label_of(ruleset.by_id[id_], basket.locale) for id_ in (loss.promotion, *loss.lost))
    given, more = (
        f"{format_minor(minor, basket.currency)} {basket.currency}" for minor in (loss.given_minor, loss.more_minor)
    )
    at_the_expense = f"{name} takes {given} off at the expense of {' and '.join(lost)}"
    return f"{at_the_expense}: without it the cart would cost {more} less"
