"""Promotions that do not go together: which of them give way, wherever in the cart they would apply.

Lanes settle who competes inside them. `exclusive`, `excludes` and `combines_with` reach across lanes: each way to be
rid of the conflicts is priced whole, and the one that leaves the shopper the least to pay is kept. The search goes by
priority and is bounded by a number of alternatives, never by time, so that a till and a server agree.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.pricing.evaluation import Evaluation, OutcomeCode
from engine.rules.model import Promotion
from engine.rules.ruleset import CompiledPromotion, Ruleset
from engine.types import PromotionId

ALTERNATIVES_MAX: Final = 8
"""How many conflict-free alternatives are compared."""
NODES_MAX: Final = 64
"""How many ways to drop rivals are priced at most once a first alternative is found."""

_APPLIED: Final = {OutcomeCode.APPLIED, OutcomeCode.CAPPED}
Losers = Mapping[PromotionId, PromotionId]
"""Promotions that may not apply, each with the one it gives way to."""


def settle(price: Callable[[Losers], Evaluation], ruleset: Ruleset) -> Evaluation:
    """Return the cheapest conflict-free evaluation; of equals, the one that keeps what has priority.

    `price` evaluates the cart without some promotions. Keeping the promotion that goes first and dropping its rivals is
    tried before dropping it.
    """
    best: Evaluation | None = None
    found = nodes = 0
    pending: list[dict[PromotionId, PromotionId]] = [{}]
    seen: set[frozenset[PromotionId]] = set()
    while pending and (best is None or (found < ALTERNATIVES_MAX and nodes < NODES_MAX)):
        losers = pending.pop()
        if frozenset(losers) in seen:
            continue
        seen.add(frozenset(losers))
        nodes += 1
        evaluation = price(losers)
        rivalry = _first_rivalry(evaluation, ruleset)
        if rivalry is None:
            found += 1
            evaluation = _with_the_idle(price, losers, evaluation, ruleset)
            if best is None or _cost_minor(evaluation) < _cost_minor(best):
                best = evaluation
        else:
            favourite, rivals = rivalry
            pending.append(losers | {favourite: rivals[0]})
            pending.append(losers | dict.fromkeys(rivals, favourite))
    if best is None:
        raise AssertionError("dropping every rival always ends without a conflict")
    return best


def _cost_minor(evaluation: Evaluation) -> int:
    """Return what a cart costs in money and in points: those that pay for a discount that was lost are no gain."""
    return evaluation.totals.total_minor + evaluation.totals.points_discount_minor


def _with_the_idle(
    price: Callable[[Losers], Evaluation], losers: Losers, evaluation: Evaluation, ruleset: Ruleset
) -> Evaluation:
    """Let those back in that gave way to a promotion which then gave way itself; tell the others who keeps them out."""
    applied, renamed = set(_applied(evaluation)), False
    idle = [loser for loser, winner in losers.items() if winner not in applied]
    for loser in sorted(idle, key=lambda each: _rank(ruleset.by_id[each])):
        written = ruleset.by_id[loser].written
        rivals = [each for each in _applied(evaluation) if conflict(written, ruleset.by_id[each].written)]
        if rivals:
            losers, renamed = {**losers, loser: rivals[0]}, True
            continue
        fewer = {each: winner for each, winner in losers.items() if each != loser}
        with_it = price(fewer)
        if _first_rivalry(with_it, ruleset) is None:
            losers, evaluation = fewer, with_it
    return price(losers) if renamed else evaluation


def conflict(one: Promotion, other: Promotion) -> bool:
    """Say whether two promotions may not apply to the same cart; the same whichever is asked first."""
    return _objects(one, other) or _objects(other, one)


def _objects(one: Promotion, other: Promotion) -> bool:
    tags = set(other.tags or ())
    return (
        one.exclusive
        or not tags.isdisjoint(one.excludes or ())
        or (one.combines_with is not None and tags.isdisjoint(one.combines_with))
    )


def _first_rivalry(evaluation: Evaluation, ruleset: Ruleset) -> tuple[PromotionId, Sequence[PromotionId]] | None:
    """Return the applied promotion that goes first among those with a conflict, and its rivals."""
    applied = sorted((ruleset.by_id[each] for each in _applied(evaluation)), key=_rank)
    for place, favourite in enumerate(applied):
        rivals = [other.id for other in applied[place + 1 :] if _conflict(favourite, other)]
        if rivals:
            return favourite.id, rivals
    return None


def _conflict(one: CompiledPromotion, other: CompiledPromotion) -> bool:
    return one is not other and conflict(one.written, other.written)


def _applied(evaluation: Evaluation) -> list[PromotionId]:
    return [outcome.promotion for outcome in evaluation.outcomes.values() if outcome.code in _APPLIED]


def _rank(promotion: CompiledPromotion) -> tuple[int, int]:
    """Put first by priority, because that is what a merchandiser sets to say which matters; then the total order."""
    return -promotion.written.priority, promotion.place
