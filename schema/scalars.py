"""The scalars that GraphQL lacks: 64-bit integers, decimals, quantities and instants."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from engine.cart.model import QUANTITY_SCALE
from engine.types import InstantMs

Long = NewType("Long", int)
DecimalText = NewType("DecimalText", str)
QuantityIn = NewType("QuantityIn", Decimal)
"""Pieces, or whole units of measured goods."""
QuantityOut = NewType("QuantityOut", object)
"""An ``int`` of pieces, or a ``str`` such as ``"1.250"`` of measured goods."""

_LONG_MAX: Final = 2**63 - 1
_PLAIN_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_DECIMALS_MAX: Final = 3
_SHOWN_MAX: Final = 40


def quantity_out(quantity: int, *, measured: bool) -> QuantityOut:
    """Write a quantity: pieces as they are, thousandths of a unit as a decimal with three places."""
    if not measured:
        return QuantityOut(quantity)
    whole, thousandths = divmod(quantity, QUANTITY_SCALE)
    return QuantityOut(f"{whole}.{thousandths:03}")


def read_quantity(value: Any) -> QuantityIn:
    """Read a quantity: a whole number, a decimal text such as ``"1.250"``, or a number with at most three decimals.

    Whether there can be so much of a product is decided where the product is known. Raises `GraphQLError`.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return QuantityIn(Decimal(value))
    text = repr(value) if isinstance(value, float) else value
    if not isinstance(text, str) or not _PLAIN_DECIMAL.fullmatch(text):
        raise _wrong("Quantity", value, 'expected a whole number, or a decimal text such as "1.250"')
    if isinstance(value, float) and len(text.partition(".")[2]) > _DECIMALS_MAX:
        raise _wrong("Quantity", value, f"expected at most {_DECIMALS_MAX} decimals")
    return QuantityIn(Decimal(text))


def read_long(value: Any) -> Long:
    """Read a 64-bit integer, written as a number. Raises `GraphQLError`."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LONG_MAX:
        raise _wrong("Long", value, "expected a whole number of at most 64 bits")
    return Long(value)


def read_decimal(value: Any) -> DecimalText:
    """Read a decimal, written as a text. Raises `GraphQLError`."""
    if not isinstance(value, str) or not _PLAIN_DECIMAL.fullmatch(value):
        raise _wrong("Decimal", value, 'expected a text such as "12.30"')
    return DecimalText(value)


def read_instant(value: Any) -> InstantMs:
    """Read an instant with its offset from UTC. Raises `GraphQLError`."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _wrong("DateTime", value, 'expected ISO 8601 with an offset, such as "2026-10-01T12:00:00Z"')
    return InstantMs(round(moment.timestamp() * 1000))


def write_instant(instant: InstantMs) -> str:
    """Write an instant as ISO 8601 in UTC with milliseconds: ``2026-10-01T12:00:00.000Z``."""
    moment = datetime.fromtimestamp(instant / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _wrong(scalar: str, value: Any, expected: str) -> GraphQLError:
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN_MAX else shown[:_SHOWN_MAX] + "…"
    return GraphQLError(f"{scalar} cannot be `{shown}`: {expected}")


_QUANTITY: Final = strawberry.scalar(
    name="Quantity",
    description=(
        'How much: a whole number of pieces, or a decimal text such as "1.250" (kilograms, metres, …) of goods that '
        "are sold by measure. Both forms are taken for both; numbers may have up to three decimals."
    ),
    parse_value=read_quantity,
)

SCALARS: Final[dict[object, ScalarDefinition]] = {
    Long: strawberry.scalar(
        name="Long", description="A whole number of up to 64 bits.", serialize=int, parse_value=read_long
    ),
    DecimalText: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, written as a text: "12.30".',
        serialize=str,
        parse_value=read_decimal,
    ),
    QuantityIn: _QUANTITY,
    QuantityOut: _QUANTITY,
    InstantMs: strawberry.scalar(
        name="DateTime",
        description='An instant in ISO 8601, such as "2026-10-01T12:00:00.000Z".',
        serialize=write_instant,
        parse_value=read_instant,
    ),
}
