"""Which parts of a promotion look at what earlier promotions took off the goods, and from which amount on."""

from collections.abc import Iterator, Mapping
from typing import Final

from engine.rules.benefits.tiers import Tiers
from engine.rules.conditions.line_amount import LineAmount
from engine.rules.conditions.spend import Spend
from engine.rules.selectors import Selector
from engine.rules.walk import parts
from engine.types import Currency

Threshold = Mapping[Currency, int]
"""What the goods must cost at least before any discount for the part to matter; 0 where a currency is not in it."""
_ANY: Final[Threshold] = {}


def thresholds(written: object) -> Iterator[Threshold]:
    """Yield one for each part of a condition or benefit that depends on what was taken off."""
    for _, part in parts(written):
        match part:
            case Selector() if part.discounted is not None:
                yield _ANY
            case Spend() | LineAmount() if part.threshold_on == "current":
                yield part.at_least
            case Tiers() if part.by_spend is not None:
                yield part.by_spend[0].spend
