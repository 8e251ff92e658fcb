"""The edges of a promotion: amounts of money at which it begins to give something, or gives more."""

from collections.abc import Iterator, Mapping, Sequence

from engine.rules.benefits.tiers import Tiers
from engine.rules.conditions.line_amount import LineAmount
from engine.rules.conditions.spend import Spend
from engine.rules.selectors import Selector
from engine.rules.walk import parts
from engine.types import Currency

Edge = Mapping[Currency, int] | None
"""So much by currency; None where it is about whether there was a discount, not about amounts."""


def discount_edges(written: object) -> Sequence[Edge]:
    """Return the edges of a condition or benefit that discounts before it may keep a cart from: each one's lowest."""
    return tuple(_edges(written))


def _edges(written: object) -> Iterator[Edge]:
    for _, part in parts(written):
        match part:
            case Selector() if part.discounted is not None:
                yield None
            case Spend() | LineAmount() if part.threshold_on == "current":
                yield part.at_least
            case Tiers() if part.by_spend is not None:
                yield part.by_spend[0].spend
