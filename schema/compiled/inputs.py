"""From arguments as they were sent to what a resolver takes.

graphql-core checks values and fills in defaults; what remains is to build strawberry's input classes. strawberry
works its way through annotations for that each time; here the way is worked out once for each field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    coerce_input_value,
    get_nullable_type,
    get_variable_values,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_argument_values
from strawberry.types.base import StrawberryMaybe, StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from schema.compiled import NotCoveredError
from schema.compiled.plan import DEFINITION, PlannedField

Convert = Callable[[Any], Any]

_NO_VARIABLES: Final = VariableValues({}, {})
_TEXTS: Final = frozenset({GraphQLID, GraphQLString})
"""Types that take a text as it is, which nearly every variable is."""


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._nodes = operation.variable_definitions or ()
        signatures = [get_variable_signature(schema, node) for node in self._nodes]
        self._signatures = [each for each in signatures if isinstance(each, GraphQLVariableSignature)]
        self._texts = {each.name for each in self._signatures if get_nullable_type(each.type) in _TEXTS}

    def values(self, given: Mapping[str, Any]) -> VariableValues:
        """Return the values in the form that arguments are made from. Raises `NotCoveredError` where they do not fit.

        Where every variable is given, and fits, this is what graphql-core does, with the types looked up before.
        """
        sources, coerced = {}, {}
        for signature in self._signatures:
            value = given.get(signature.name, Undefined)
            if value.__class__ is str and signature.name in self._texts:
                fitting = value
            elif value is Undefined or (fitting := coerce_input_value(value, signature.type)) is Undefined:
                return self._by_core(given)
            sources[signature.name] = VariableValueSource(signature, value)
            coerced[signature.name] = fitting
        return VariableValues(sources, coerced)

    def _by_core(self, given: Mapping[str, Any]) -> VariableValues:
        read = get_variable_values(self._schema, self._nodes, dict(given), max_errors=1)
        if isinstance(read, list):
            raise NotCoveredError
        return read


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one field of a document."""

    definition: GraphQLField
    node: FieldNode
    names: Mapping[str, str]
    """The resolver's name of each argument."""
    converters: Mapping[str, Convert]
    """Only of arguments that have something to convert."""
    info: str | None
    """Under which name the resolver wants to know of the request, None where it does not."""
    always: Mapping[str, Any] | None
    """The values of all requests, where nothing of theirs is in it; resolvers do not change what they are given."""

    def values(self, variables: VariableValues, info: object) -> Mapping[str, Any]:
        """Return what to call the resolver with. Raises `GraphQLError` for a variable that is null and may not be."""
        if self.always is not None:
            return self.always
        given = get_argument_values(self.definition, self.node, variables)
        values = {}
        for name, value in given.items():
            convert = self.converters.get(name)
            values[self.names[name]] = value if convert is None or value is None else convert(value)
        if self.info is not None:
            values[self.info] = info
        return values


def arguments_of(field: PlannedField) -> Arguments:
    """Work out the arguments of a field whose resolver is a function. Raises `NotCoveredError`."""
    resolver = field.view_field.base_resolver
    if resolver is None or resolver.parent_parameter or resolver.root_parameter or not resolver.self_parameter:
        raise NotCoveredError
    defined = field.definition.args
    if any(argument.extensions[DEFINITION].is_maybe for argument in defined.values()):
        raise NotCoveredError
    converters = {name: _converter(argument.type) for name, argument in defined.items()}
    info = resolver.info_parameter
    arguments = Arguments(
        field.definition,
        field.node,
        {name: argument.extensions[DEFINITION].python_name for name, argument in defined.items()},
        {name: convert for name, convert in converters.items() if convert is not None},
        info.name if info is not None else None,
        None,
    )
    if info is not None or field.node.arguments:
        return arguments
    return replace(arguments, always=arguments.values(_NO_VARIABLES, None))


def _converter(type_: GraphQLInputType) -> Convert | None:
    """Return what turns a checked value, not None, into what a resolver takes; None where it is that already."""
    if is_non_null_type(type_):
        return _converter(type_.of_type)
    if is_list_type(type_):
        convert = _converter(type_.of_type)
        # A list is copied: it may be a default that all requests share.
        return list if convert is None else _each(convert)
    if is_input_object_type(type_):
        return _builder(type_)
    return None


def _each(convert: Convert) -> Convert:
    return lambda values: [None if value is None else convert(value) for value in values]


def _builder(type_: GraphQLInputObjectType) -> Convert:
    definition = cast("StrawberryObjectDefinition", type_.extensions[DEFINITION])
    if definition.from_input is not None or any(isinstance(field.type, StrawberryMaybe) for field in definition.fields):
        raise NotCoveredError
    fields = {
        name: (cast("StrawberryField", field.extensions[DEFINITION]).python_name, _converter(field.type))
        for name, field in type_.fields.items()
    }
    make = definition.origin

    def build(value: Mapping[str, Any]) -> object:
        given = {}
        for name, one in value.items():
            python_name, convert = fields[name]
            given[python_name] = one if convert is None or one is None else convert(one)
        return make(**given)

    return build
