"""What staff may change by hand: the shop's reasons, and the ceiling of each role. Read from ``adjustments.yaml``.

An adjustment is never a promotion: it is an intent of staff in the cart, kept with who and why, and worked out anew at
every pricing by `engine.pricing.basket` (prices) and `engine.pricing.adjusting` (amounts and percentages).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.cart.model import AdjustmentKind
from engine.money import PERCENT_BP, ratio_of
from engine.types import AdjustmentId, Currency


@dataclass(frozen=True, slots=True)
class Reason:
    """Why staff may change a price, and by which kinds of adjustment."""

    id: str
    label: Mapping[str, str]
    kinds: frozenset[AdjustmentKind]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How far a role may lower what something costs before promotions: all changes of a line, or of a cart, together.

    ``max_minor`` None sets no bound by amount; a currency that it lacks is a bound of nothing.
    """

    role: str
    max_percent_bp: int
    max_minor: Mapping[Currency, int] | None
    may_set_price: bool

    def most_minor(self, base_minor: int, currency: Currency) -> int:
        """Return the most that may be taken off an amount."""
        by_percent = ratio_of(base_minor, self.max_percent_bp, PERCENT_BP)
        return by_percent if self.max_minor is None else min(by_percent, self.max_minor.get(currency, 0))


@dataclass(frozen=True, slots=True)
class AdjustmentRules:
    """The content of ``adjustments.yaml``; a shop without one allows no adjustment.

    ``floor_is_cost`` says that nobody may go below what a product costs the shop; a regulated minimum always holds.
    """

    reasons: Mapping[str, Reason] = field(default_factory=dict)
    ceilings: Mapping[str, Ceiling] = field(default_factory=dict)
    default_role: str | None = None
    floor_is_cost: bool = False

    def most_minor(self, role: str, base_minor: int, currency: Currency) -> int:
        """Return the most that a role may take off an amount; nothing where the shop no longer knows the role."""
        ceiling = self.ceilings.get(role)
        return ceiling.most_minor(base_minor, currency) if ceiling else 0

    def may_set_price(self, role: str) -> bool:
        """Say whether a role may set prices."""
        ceiling = self.ceilings.get(role)
        return ceiling is not None and ceiling.may_set_price


@dataclass(frozen=True, slots=True)
class StaffPrice:
    """What a set price did to a line, in signed minor units of the whole line. ``unit_list_minor`` was on the tag."""

    adjustment: AdjustmentId
    wanted_minor: int
    change_minor: int
    unit_list_minor: int
