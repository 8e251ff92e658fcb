"""From a document to its plan: which field is read for each key of the answer, type by type.

Fragments, aliases and merged selections are gone in a plan, and so are fields that `@skip` or `@include` leave out:
a plan holds for the values of the variables that these name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeNameMetaFieldDef,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from schema.compiled import NotCoveredError

DEFINITION: str = GraphQLCoreConverter.DEFINITION_BACKREF
"""Under this name graphql-core's types and fields keep the strawberry definition that they were made from."""


@dataclass(frozen=True, slots=True)
class PlannedField:
    """One key of an object in the answer.

    ``below`` holds what is selected of the field's value, by the types that the value may be of; empty for leaves.
    """

    key: str
    definition: GraphQLField
    node: FieldNode
    below: Mapping[GraphQLObjectType, "Selection"]

    @property
    def is_typename(self) -> bool:
        """Whether it is `__typename`, which is read from no value."""
        return self.definition is TypeNameMetaFieldDef

    @property
    def view_field(self) -> StrawberryField:
        """The strawberry field that says how it is read."""
        return cast("StrawberryField", self.definition.extensions[DEFINITION])


Selection = tuple[PlannedField, ...]


FIELDS_MAX: Final = 1_000
"""A function of so many fields takes some 800 kB; larger operations are left to the ordinary way."""


class Planner:
    """Plans one operation of a document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._variables = variables
        self._fields = 0
        self._fragments = {
            definition.name.value: FragmentDetails(definition)
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def plan(self) -> Selection:
        """Return what the operation selects. Raises `NotCoveredError`."""
        root = self._schema.get_root_type(self._operation.operation)
        if root is None:
            raise NotCoveredError
        # graphql-core's own reading of a selection, so that there is no second one to be wrong.
        collected = collect_fields(self._schema, self._fragments, self._variables, root, self._operation)
        return tuple(self._planned(root, collected.grouped_field_set))

    def _planned(self, parent: GraphQLObjectType, grouped: Mapping[str, FieldDetailsList]) -> Iterator[PlannedField]:
        for key, details in grouped.items():
            node = details[0].node
            definition = self._schema.get_field(parent, node.name.value)
            if definition is None or (node.name.value.startswith("__") and definition is not TypeNameMetaFieldDef):
                raise NotCoveredError
            self._fields += 1
            if self._fields > FIELDS_MAX:
                raise NotCoveredError
            yield PlannedField(key, definition, node, self._below(definition, details))

    def _below(self, definition: GraphQLField, details: FieldDetailsList) -> dict[GraphQLObjectType, Selection]:
        named = get_named_type(definition.type)
        if is_leaf_type(named):
            return {}
        types = (
            self._schema.get_possible_types(named) if is_abstract_type(named) else [cast("GraphQLObjectType", named)]
        )
        return {type_: self._selected(type_, details) for type_ in types}

    def _selected(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        collected = collect_subfields(self._schema, self._fragments, self._variables, self._operation, type_, details)
        return tuple(self._planned(type_, collected.grouped_field_set))
