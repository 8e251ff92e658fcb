"""What staff changed by hand, as clients see it."""

import strawberry
from strawberry import ID

from engine.cart.model import AdjustmentKind
from engine.fields import label_in
from engine.priced import PricedCart
from engine.pricing.evaluation import AdjustmentState, EvaluatedAdjustment
from engine.types import Currency, InstantMs
from schema.scalars import DecimalText
from schema.types.amounts import LineShareView
from schema.types.line import percent_text
from schema.types.money import MoneyView
from schema.views import object_type

_PPM_PER_BP = 100

strawberry.enum(AdjustmentKind, name="AdjustmentKind", description="What staff change by hand.")
strawberry.enum(AdjustmentState, name="AdjustmentState", description="What became of a change by staff.")


@object_type("Adjustment")
class AdjustmentView:
    """A change of a price by staff. It is never a promotion."""

    __slots__ = ("_asked", "_evaluated", "_owner", "_staff")

    def __init__(self, evaluated: EvaluatedAdjustment, owner: PricedCart, *, staff: bool) -> None:
        self._evaluated = evaluated
        self._asked = evaluated.adjustment
        self._owner = owner
        self._staff = staff

    @property
    def adjustment_id(self) -> ID:
        """For `cartAdjustmentRemove`."""
        return ID(self._asked.id)

    @property
    def kind(self) -> AdjustmentKind:
        """What was asked for."""
        return self._asked.kind

    @property
    def line_id(self) -> ID | None:
        """The line it is about, null for the whole cart."""
        return ID(self._asked.line) if self._asked.line else None

    @property
    def value(self) -> MoneyView | None:
        """The price or the amount that was asked for; null for a percentage."""
        asked = self._asked
        return MoneyView(asked.value, Currency(asked.currency)) if asked.currency else None

    @property
    def percent(self) -> DecimalText | None:
        """The percentage that was asked for: "12.5"."""
        return None if self._asked.currency else percent_text(self._asked.value * _PPM_PER_BP)

    @property
    def reason(self) -> str:
        """The code of the reason."""
        return self._asked.reason

    @property
    def reason_label(self) -> str:
        """What the reason is called, in the cart's language."""
        known = self._owner.snapshot.shop.adjustments.reasons.get(self._asked.reason)
        return (label_in(known.label, self._owner.cart.locale) if known else "") or self._asked.reason

    @property
    def state(self) -> AdjustmentState:
        """What became of it."""
        return self._evaluated.state

    @property
    def wanted(self) -> MoneyView:
        """What it would have changed without floor and ceiling, negative where it lowers the total."""
        return MoneyView(self._evaluated.wanted_minor, self._owner.evaluation.currency)

    @property
    def amount(self) -> MoneyView:
        """What it changed, negative where it lowered the total."""
        return MoneyView(self._evaluated.amount_minor, self._owner.evaluation.currency)

    @property
    def lines(self) -> list[LineShareView]:
        """Its shares on the lines."""
        currency = self._owner.evaluation.currency
        return [LineShareView(line, amount_minor, currency) for line, amount_minor in self._evaluated.lines]

    @property
    def added_at(self) -> InstantMs:
        """When it was made, by the clock of the store."""
        return self._asked.added_at_ms

    @property
    def member(self) -> ID | None:
        """Who made it; null for shoppers."""
        return ID(self._asked.member) if self._staff else None

    @property
    def role(self) -> str | None:
        """As whom they made it; null for shoppers."""
        return self._asked.role if self._staff else None

    @property
    def note(self) -> str | None:
        """What they said of it; null for shoppers."""
        return (self._asked.note or None) if self._staff else None
