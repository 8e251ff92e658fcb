"""The committed schema is the one that is served, and keeps its promises."""

from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_specified_scalar_type,
)
from graphql import (
    build_schema as build_from_text,
)

import schema
from engine.errors import UserErrorCode
from schema.errors import ErrorCode

COMMITTED = Path(schema.__file__).parent / "schema.graphql"
ABOUT = Path(schema.__file__).parent.parent / "docs" / "graphql.md"


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    """After a wanted change: `python -m schema > schema/schema.graphql`."""
    assert COMMITTED.read_text(encoding="utf-8") == schema.printed_schema()


def test_everything_is_described() -> None:
    types = build_from_text(COMMITTED.read_text(encoding="utf-8")).type_map
    bare = [
        f"{type_.name}.{name}"
        for type_ in types.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if not field.description
    ]
    undescribed = [
        name
        for name, type_ in types.items()
        if not type_.description and not name.startswith("__") and not is_specified_scalar_type(type_)
    ]
    assert (bare, undescribed) == ([], [])


def test_only_what_is_one_thing_everywhere_has_an_id() -> None:
    """Caches of clients keep each object once, by its type and `id`: what is named within its cart has no such field."""
    types = build_from_text(COMMITTED.read_text(encoding="utf-8")).type_map.values()
    named = {type_.name for type_ in types if isinstance(type_, GraphQLObjectType) and "id" in type_.fields}
    nodes = {"Cart", "Channel", "Product", "Promotion", "Store"}
    assert named == nodes | {"Customer", "Group", "HandoffReceipt", "LoyaltyTier", "Quote"}


def test_money_is_never_a_32_bit_integer() -> None:
    money = build_from_text(COMMITTED.read_text(encoding="utf-8")).type_map["Money"]
    assert isinstance(money, GraphQLObjectType)
    assert {name: str(field.type) for name, field in money.fields.items()} == {
        "amount": "Decimal!",
        "minorUnits": "Long!",
        "currency": "String!",
    }


def test_every_code_is_in_the_guide() -> None:
    text = ABOUT.read_text(encoding="utf-8")
    enum = build_from_text(COMMITTED.read_text(encoding="utf-8")).type_map["WarningCode"]
    assert isinstance(enum, GraphQLEnumType)
    missing = [code for code in (*ErrorCode, *UserErrorCode, *enum.values) if f"`{code}`" not in text]
    assert missing == []
