"""Amounts and percentages that staff take off, once the promotions on goods have taken theirs.

Those on lines go first, then those on the cart, each in the order in which they were added. Nobody goes below the floor
of a line, above the ceiling of their role, or near regulated goods; what was cut is told, never moved elsewhere.
"""

from collections.abc import Sequence

from engine.cart.model import Adjustment, AdjustmentKind
from engine.money import PERCENT_BP, Rounding, allocate, ratio_of
from engine.pricing.basket import BasketLine
from engine.pricing.evaluation import AdjustmentState, EvaluatedAdjustment
from engine.pricing.tally import Tally
from engine.types import AdjustmentId

ORDER_LANE = "order"


def adjusted_after(lanes: Sequence[str]) -> str:
    """Return the lane after which staff take theirs: that of the order; the last one where none is called so."""
    return ORDER_LANE if ORDER_LANE in lanes else lanes[-1]


def adjust(tally: Tally, rounding: Rounding) -> None:
    """Take the adjustments of the basket off the tally's lines, and note what became of each."""
    if tally.basket.adjustments:
        tally.adjusted = _Adjusting(tally, rounding).verdicts()


class _Adjusting:
    """Works on one tally; a place is that of a line in the basket."""

    def __init__(self, tally: Tally, rounding: Rounding) -> None:
        self.tally = tally
        self.basket = tally.basket
        self.rounding = rounding
        self.places = {line.id: place for place, line in enumerate(self.basket.lines)}
        # What staff lowered so far, by set prices to begin with: a ceiling bounds all of it together.
        self.lowered = [max(0, -line.staff_change_minor) for line in self.basket.lines]

    def verdicts(self) -> tuple[EvaluatedAdjustment, ...]:
        verdicts: dict[AdjustmentId, EvaluatedAdjustment] = {}
        for adjustment in sorted(self.basket.adjustments, key=lambda each: each.line is None):
            verdicts[adjustment.id] = self.verdict(adjustment)
        return tuple(verdicts[adjustment.id] for adjustment in self.basket.adjustments)

    def verdict(self, adjustment: Adjustment) -> EvaluatedAdjustment:
        if adjustment.currency and adjustment.currency != self.basket.currency:
            return _without_effect(adjustment, AdjustmentState.OTHER_CURRENCY)
        if adjustment.line is None:
            every = range(len(self.basket.lines))
            return self.take(adjustment, [place for place in every if _may_change(self.basket.lines[place])])
        place = self.places.get(adjustment.line)
        if place is None:
            return _without_effect(adjustment, AdjustmentState.NO_TARGET)
        line = self.basket.lines[place]
        if not _may_change(line):
            return _without_effect(adjustment, AdjustmentState.REGULATED)
        return (
            _of_price(adjustment, line) if adjustment.kind is AdjustmentKind.PRICE else self.take(adjustment, [place])
        )

    def take(self, adjustment: Adjustment, places: list[int]) -> EvaluatedAdjustment:
        """Take an amount or a percentage off these lines together, in proportion to what may be taken off each."""
        lines = [self.basket.lines[place] for place in places]
        current = [self.tally.current_minor[place] for place in places]
        room = [max(0, minor - line.floor_minor) for line, minor in zip(lines, current, strict=True)]
        base_minor = sum(line.list_minor - line.staff_change_minor for line in lines)
        ceiling_minor = self.basket.adjustment_rules.most_minor(adjustment.role, base_minor, self.basket.currency)
        left_minor = max(0, ceiling_minor - sum(self.lowered[place] for place in places))
        wanted_minor = self.wanted(adjustment, sum(current))
        granted_minor = min(wanted_minor, sum(room), left_minor)
        parts = allocate(granted_minor, room) if granted_minor else [0] * len(places)
        for place, part in zip(places, parts, strict=True):
            self.lowered[place] += part
            self.tally.take_by_staff(place, part)
        shares = tuple((line.id, -part) for line, part in zip(lines, parts, strict=True) if part)
        if not sum(current):
            return _without_effect(adjustment, AdjustmentState.NO_TARGET)
        state = AdjustmentState.APPLIED if granted_minor == wanted_minor else AdjustmentState.CUT
        return EvaluatedAdjustment(adjustment, state, -wanted_minor, -granted_minor, shares)

    def wanted(self, adjustment: Adjustment, current_minor: int) -> int:
        if adjustment.kind is AdjustmentKind.PERCENT:
            return ratio_of(current_minor, adjustment.value, PERCENT_BP, self.rounding)
        return adjustment.value


def _may_change(line: BasketLine) -> bool:
    return not line.product.never_discount


def _of_price(adjustment: Adjustment, line: BasketLine) -> EvaluatedAdjustment:
    """Tell what became of a set price, which is in the basket's prices already; only the newest one holds."""
    staff = line.staff_price
    if staff is None or staff.adjustment != adjustment.id:
        return _without_effect(adjustment, AdjustmentState.REPLACED)
    state = AdjustmentState.APPLIED if staff.change_minor == staff.wanted_minor else AdjustmentState.CUT
    shares = ((line.id, staff.change_minor),) if staff.change_minor else ()
    return EvaluatedAdjustment(adjustment, state, staff.wanted_minor, staff.change_minor, shares)


def _without_effect(adjustment: Adjustment, state: AdjustmentState) -> EvaluatedAdjustment:
    return EvaluatedAdjustment(adjustment, state, 0, 0)
