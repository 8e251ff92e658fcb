"""What scalars and enums look like in JSON.

A view nearly always gives a value of the very class that the scalar writes, and it is taken as it is after one look
at its class. Any other value goes through the scalar's own conversion, which also refuses what cannot be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, cast

from graphql import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT, GraphQLEnumType, GraphQLLeafType, Undefined
from strawberry.schema.schema_converter import CustomGraphQLEnumType

_AS_IT_IS: Final = {
    "String": "{0}.__class__ is str",
    "ID": "{0}.__class__ is str",
    "Decimal": "{0}.__class__ is str",
    "Boolean": "{0}.__class__ is bool",
    "Int": f"{{0}}.__class__ is int and {GRAPHQL_MIN_INT} <= {{1}} <= {GRAPHQL_MAX_INT}",
    "Long": "{0}.__class__ is int",
    "Quantity": "{0}.__class__ is int or {1}.__class__ is str",
}
"""When a scalar's value needs no conversion: Python, in which {0} reads the value, and {1} is the value just read."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """How values of one type are written.

    ``as_it_is`` is the condition under which a value stays what it is, empty for none. ``convert`` takes all other
    values; it raises where there is nothing to write, for None too.
    """

    as_it_is: str
    convert: Callable[[Any], Any]


def leaf_of(type_: GraphQLLeafType) -> Leaf:
    """Return how values of a scalar or enum are written."""
    if isinstance(type_, GraphQLEnumType):
        names: dict[Any, str] = {value.value: name for name, value in type_.values.items()}
        if isinstance(type_, CustomGraphQLEnumType):
            names |= {member: names[member.value] for member in cast("type[Enum]", type_.wrapped_cls)}
        # A value that is no member of the enum is a KeyError, and so is left to the ordinary way.
        return Leaf("", names.__getitem__)

    def convert(value: Any) -> Any:
        converted = type_.coerce_output_value(value) if value is not None else None
        if converted is None or converted is Undefined:
            raise TypeError(f"{type_} has no form for {value!r}")
        return converted

    return Leaf(_AS_IT_IS.get(type_.name, ""), convert)
