"""Points that a cart earns: worked out when all lanes have run, on what the goods then cost."""

from engine.pricing.extras import FixedPoints, MultipliedPoints, PointsPerAmount
from engine.pricing.tally import Tally
from engine.types import PromotionId

HUNDREDTHS = 100


def points_of(tally: Tally) -> dict[PromotionId, int]:
    """Return what each promotion on points earns; 0 where nothing is left to earn them on.

    A multiplier adds to what the points per amount give on its goods; several multipliers add up and do not multiply
    each other. Each number is rounded down once.
    """
    granted = {grant.promotion: grant.extra for grant in tally.grants if grant.extra is not None}
    bases = [extra for extra in granted.values() if isinstance(extra, PointsPerAmount)]
    earned = {}
    for promotion, extra in granted.items():
        if isinstance(extra, FixedPoints):
            earned[promotion] = extra.points
        elif isinstance(extra, PointsPerAmount):
            earned[promotion] = _per_amount(tally, extra, extra.places)
        elif isinstance(extra, MultipliedPoints):
            base = sum(_per_amount(tally, each, each.places & extra.places) for each in bases)
            earned[promotion] = base * (extra.multiplier_hundredths - HUNDREDTHS) // HUNDREDTHS
    return earned


def _per_amount(tally: Tally, rule: PointsPerAmount, places: frozenset[int]) -> int:
    spent_minor = sum(tally.current_minor[place] for place in places)
    return spent_minor // rule.step_minor * rule.points
