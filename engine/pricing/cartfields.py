"""Numbers, moments and points of a cart document, read strictly: JSON brings numbers or texts, YAML texts."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from engine.cart.draw import DRAW_BYTES
from engine.cart.model import Burn, Facts
from engine.fields import YEARS, Written
from engine.pricing.cartjson import shown
from engine.types import MemberId

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
"""What GraphQL takes as a quantity; `Decimal` takes `1_0`, ` 3 ` and digits of other scripts too."""
_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")
_WHOLE_MAX = 2**63 - 1


def _read_number(value: Any) -> Any:
    """Take numbers as they were written: 0.1 is a tenth, and true is no number."""
    if isinstance(value, bool):
        raise ValueError("not_a_number: true and false are no numbers; help: write a number")  # noqa: TRY004 - pydantic reads these
    if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value):
        raise ValueError(f"not_a_number: {shown(value)} is not a plain number; help: write it like 3 or 0.745")
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise ValueError(f"not_a_number: {shown(value)} is no number; help: write a number")


def _read_whole(value: Any) -> int:
    """Read a whole number, in digits as YAML brings it or as a number."""
    digits = isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
    integral = isinstance(value, float | Decimal) and 0 <= value <= _WHOLE_MAX and value == int(value)
    whole = int(value) if digits or integral else value
    if isinstance(whole, bool) or not isinstance(whole, int) or not 0 <= whole <= _WHOLE_MAX:
        raise ValueError(f"not_a_whole_number: {shown(value)} is not a whole number from 0; help: write it like 3")
    return whole


def _read_moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(
            f"invalid_instant: {shown(value)} is not a date and time; help: write it like 2026-10-01T20:00+02:00"
        ) from None
    if moment.year not in YEARS:
        raise ValueError(f"invalid_instant: the year {moment.year} is outside {YEARS.start} to {YEARS.stop - 1}")
    return moment


Number = Annotated[
    Decimal,
    BeforeValidator(_read_number),
    Field(max_digits=24),
    WithJsonSchema({"type": ["number", "string"], "description": "A number, or a decimal in quotes."}),
]
Whole = Annotated[int, BeforeValidator(_read_whole), WithJsonSchema({"type": "integer", "minimum": 0})]
Moment = Annotated[datetime, BeforeValidator(_read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A date and time; without an offset it is the time of the cart's store."""

_DRAWS = 1 << 8 * DRAW_BYTES
DrawNumber = Annotated[
    int,
    Field(lt=_DRAWS),
    BeforeValidator(_read_whole),
    WithJsonSchema({"type": "integer", "minimum": 0, "exclusiveMaximum": _DRAWS}),
]
"""What decides the arms of a cart in experiments."""


class BurnDocument(Written):
    """Points that are to be spent, by default as many as the cart takes; `balance` is by default the customer's."""

    points: Whole | None = None
    balance: Whole | None = None

    def wish(self, facts: Facts | None, member: MemberId) -> Burn:
        """Return the wish of a cart's customer."""
        known = facts.points if facts else 0
        return Burn(self.points, known if self.balance is None else self.balance, member)
