"""What promotions give beside discounts, as data: gifts, points, and codes for a later cart."""

from dataclasses import dataclass

from engine.cart.commands import line_id
from engine.pricing.basket import BasketLine
from engine.types import LineId, PromotionId, Sku


@dataclass(frozen=True, slots=True)
class GiftLine:
    """Units that a promotion adds to the cart: list price with a discount, down to nothing or to a token price.

    The line is derived: nothing of it is stored, no promotion and no condition sees it.
    """

    line: BasketLine
    discount_minor: int


@dataclass(frozen=True, slots=True)
class FixedPoints:
    """So many points."""

    points: int


@dataclass(frozen=True, slots=True)
class PointsPerAmount:
    """Some points for every whole ``step_minor`` that the lines at ``places`` cost when all lanes have run."""

    points: int
    step_minor: int
    places: frozenset[int]


@dataclass(frozen=True, slots=True)
class MultipliedPoints:
    """So many hundredths of what all points per amount give on the lines at ``places``; 200 doubles."""

    multiplier_hundredths: int
    places: frozenset[int]


@dataclass(frozen=True, slots=True)
class CodeToIssue:
    """A code of a series for a later cart, to be made when this one is paid for, good for so many days."""

    series: str
    valid_days: int


Extra = GiftLine | FixedPoints | PointsPerAmount | MultipliedPoints | CodeToIssue


def gift_line_id(promotion: PromotionId, sku: Sku) -> LineId:
    """Return the id of the line of a gift. No wish has the same: what shoppers write is printable."""
    return line_id(sku, line_key=f"\x1fgift {promotion}")
