"""Strategies for requests: GraphQL documents over a whole schema, with variables that mostly fit.

A document uses what documents may: aliases, named and inline fragments, merged selections, `__typename`, arguments as
literals and as variables, defaults, nulls, `@skip` and `@include`. It is valid but for some arguments, on purpose.
"""

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

Pools = Mapping[str, Sequence[Any]]
"""Values for arguments and input fields, by their names."""

_BY_SCALAR: Pools = {
    "Boolean": [True, False],
    "DateTime": ["2026-06-01T12:00:00Z", "soon"],
    "Decimal": ["1.00", "12.5", "-1", "x"],
    "ID": ["x", ""],
    "Int": [0, 1, 3, -1],
    "Long": [0, 7, 2**40],
    "Quantity": [1, 2, "1.5", 0, -1],
    "String": ["x", "", "é"],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    query: str
    variables: dict[str, Any]


def requests(schema: GraphQLSchema, pools: Pools, kind: str, often: Collection[str] = ()) -> st.SearchStrategy[Asked]:
    """Draw a request of a kind, `query`, `mutation` or `subscription`. Fields named in `often` are chosen wherever there is one.

    A document hangs on one number and is not made smaller when it fails: that takes longer than to read it.
    """
    seeds = st.integers(0, 2**32)
    return seeds.map(lambda seed: _Author(random.Random(seed), schema, pools, often).request(kind))  # noqa: S311


def everything(type_: GraphQLObjectType, depth: int) -> str:
    """Write a selection of all fields that need no argument, down to a depth."""
    parts = ["__typename"]
    for name, each in type_.fields.items():
        below = get_named_type(each.type)
        if any(is_required_argument(argument) for argument in each.args.values()):
            continue
        if is_leaf_type(below):
            parts.append(name)
        elif depth > 1 and isinstance(below, GraphQLObjectType):
            parts.append(f"{name} {everything(below, depth - 1)}")
    return f"{{ {' '.join(parts)} }}"


@dataclass
class _Author:
    """Writes one document."""

    random: random.Random
    schema: GraphQLSchema
    pools: Pools
    often: Collection[str]
    declared: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    names: int = 0
    fields_left: int = 0
    """When they are used up, a selection ends as soon as it may."""

    def request(self, kind: str) -> Asked:
        root = self.schema.get_root_type(OperationType(kind))
        assert root is not None
        self.fields_left = self._one_of([10, 40, 100])
        depth = self._one_of(range(3, 8))
        body = (
            f"{{ {self._followed(root, depth)} }}"
            if kind == "subscription"
            else self._selection(root, depth, least=1, most=3)
        )
        declared = (
            f"({', '.join(f'${name}: {type_}' for name, type_ in self.declared.items())})" if self.declared else ""
        )
        return Asked(f"{kind} Drawn{declared} {body} {' '.join(self.fragments)}", self.variables)

    def _one_of(self, choices: Sequence[Any]) -> Any:
        return self.random.choice(choices)

    def _often(self, of_ten: int) -> bool:
        return self.random.randrange(10) < of_ten

    def _name(self) -> str:
        self.names += 1
        return f"d{self.names}"

    def _selection(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int, least: int, most: int) -> str:
        depth, most = (depth, most) if self.fields_left > 0 else (1, least)
        parts = [self._part(type_, depth) for _ in range(self.random.randint(least, most))]
        return f"{{ {' '.join(parts)} }}"

    def _part(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        """Write a field, `__typename`, or a fragment that holds some."""
        what = self.random.randrange(20)
        if what == 0:
            return f"__typename {self._condition()}"
        if what in {1, 2} and depth > 1:
            return f"... {self._on(type_)} {self._condition()} {self._selection(type_, depth - 1, 1, 3)}"
        if what == 3 and depth > 1:
            name = self._name()
            self.fragments.append(f"fragment {name} on {type_.name} {self._selection(type_, depth - 1, 1, 3)}")
            return " ".join(f"...{name} {self._condition()}" for _ in range(self._one_of([1, 1, 2])))
        if isinstance(type_, GraphQLInterfaceType) and depth > 1:
            concrete = self._one_of(self.schema.get_possible_types(type_))
            return f"... on {concrete.name} {self._selection(concrete, depth - 1, 1, 4)}"
        return self._field(type_, depth)

    def _followed(self, root: GraphQLObjectType, depth: int) -> str:
        """Write the field of a subscription: there is one only, and no condition on it."""
        name, field_ = self._one_of(sorted(root.fields.items()))
        below: Any = get_named_type(field_.type)
        return f"{name}{self._arguments(field_.args)} {self._selection(below, depth, 1, 6)}"

    def _on(self, type_: GraphQLObjectType | GraphQLInterfaceType) -> str:
        interfaces = [each.name for each in type_.interfaces]
        return f"on {type_.name}" if self._often(7) or not interfaces or isinstance(type_, GraphQLObjectType) else ""

    def _field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        fields = {
            name: each for name, each in type_.fields.items() if depth > 1 or is_leaf_type(get_named_type(each.type))
        }
        if not fields:
            return "__typename"
        favourites = [name for name in fields if name in self.often]
        self.fields_left -= 1
        name = self._one_of(favourites if favourites and self._often(5) else sorted(fields))
        chosen: GraphQLField = fields[name]
        arguments = self._arguments(chosen.args)
        # A field with arguments, or with something below, has a name of its own: two of them must not conflict.
        alias = f"{self._name()}: " if arguments or chosen.args or self._often(3) else ""
        below = get_named_type(chosen.type)
        selected = "" if is_leaf_type(below) else self._selection(below, depth - 1, 1, 10)  # type: ignore[arg-type]
        return f"{alias}{name}{arguments} {self._condition()} {selected}"

    def _condition(self) -> str:
        if not self._often(2):
            return ""
        value = str(self._one_of([True, False])).lower()
        if self._often(6):
            value = f"${self._name()}"
            self.declared[value[1:]] = self._one_of(["Boolean!", "Boolean! = true", "Boolean! = false"])
            if self.declared[value[1:]] == "Boolean!" or self._often(5):
                self.variables[value[1:]] = self._one_of([True, False])
        return f"@{self._one_of(['skip', 'include'])}(if: {value})"

    def _arguments(self, arguments: Mapping[str, GraphQLArgument]) -> str:
        written = [
            f"{name}: {self._argument(name, argument)}"
            for name, argument in arguments.items()
            if is_required_argument(argument) or self._often(5)
        ]
        return f"({', '.join(written)})" if written else ""

    def _argument(self, name: str, argument: GraphQLArgument) -> str:
        value = self._value(argument.type, name)
        if self._often(4):
            return _literal(value)
        variable = self._name()
        type_ = str(argument.type)
        if self._often(2) and not type_.endswith("!"):
            # It may be null where it says so, and may be left out for its default.
            self.declared[variable] = f"{type_} = {_literal(value)}"
            if self._often(5):
                self.variables[variable] = value
        else:
            self.declared[variable] = type_
            if self._often(9) or type_.endswith("!"):
                self.variables[variable] = value
        return f"${variable}"

    def _value(self, type_: GraphQLInputType, name: str) -> Any:
        if is_non_null_type(type_):
            type_ = type_.of_type
        elif self._often(2):
            return None
        if is_list_type(type_):
            count = self.random.randint(0, 2)
            return [self._value(type_.of_type, name.removesuffix("s")) for _ in range(count)]
        if is_input_object_type(type_):
            fields: Mapping[str, GraphQLInputField] = type_.fields
            return {
                key: self._value(each.type, key)
                for key, each in fields.items()
                if is_required_input_field(each) or self._often(4)
            }
        if is_enum_type(type_):
            return _Bare(self._one_of(list(type_.values)))
        named = str(type_)
        choices = self.pools.get(name) or self.pools.get(f"{name}s") or _BY_SCALAR[named]
        classes = {"Int": int, "String": str, "ID": str}
        fitting = [value for value in choices if isinstance(value, classes.get(named, object))]
        return self._one_of(list(fitting) or list(_BY_SCALAR[named]))


class _Bare(str):
    """A value of an enumeration: no quotes in a document, a string among the variables."""

    __slots__ = ()


def _literal(value: Any) -> str:
    """Write a value as GraphQL does: keys of objects stand bare."""
    if isinstance(value, _Bare):
        return value
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_literal(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value)
