"""Documents made ready to run: parsed, measured and validated once, and remembered by their text."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)

from schema.errors import ErrorCode, RequestRefusedError, fault

_REMEMBERED_MAX: Final = 512
_REMEMBERED_LENGTH_MAX: Final = 16_384
"""Longer documents are made ready anew each time, so that what is remembered stays small."""
_ERRORS_MAX: Final = 10
_ABORTED: Final = " Parsing aborted."
"""How graphql-core ends its message when a document has too many tokens or is nested too deeply to be parsed."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """How large a document may be.

    ``fields`` counts what it selects with its fragments written out. ``aliases`` is also how often it may repeat a
    field where it has it already: comparing those with each other takes time that grows with their number squared.
    """

    depth: int = 12
    tokens: int = 2_000
    aliases: int = 30
    fields: int = 2_000


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be run."""

    node: DocumentNode
    operations: Mapping[str, OperationDefinitionNode]
    conditions: tuple[str, ...]
    """The variables that decide, in `@skip` and `@include`, which fields are selected."""

    @classmethod
    def of(cls, node: DocumentNode) -> "Document":
        """Look through a valid document."""
        operations = {
            definition.name.value if definition.name else "": definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        found = _Conditions()
        visit(node, found)
        return cls(node, operations, tuple(sorted(found.names)))

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation to run. Raises `RequestRefusedError` where the request does not say which."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name or "")
        if found is None:
            message = "name one of the document's operations in `operationName`"
            message += f": there is no `{name[:80]}`" if name else ", there are several"
            raise RequestRefusedError.because(400, ErrorCode.UNKNOWN_OPERATION, message)
        return found


class Documents:
    """Makes documents ready. Hides the schema from whoever guesses, unless `introspection` is on."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._remembered: OrderedDict[str, Document] = OrderedDict()

    def ready(self, text: str) -> Document:
        """Parse, measure and validate. Raises `RequestRefusedError` with every fault of the first step that fails."""
        known = self._remembered.get(text)
        if known is not None:
            self._remembered.move_to_end(text)
            return known
        try:
            node = self._parsed(text)
            _Measure(node, self._limits).check()
            document = self._validated(node)
        except RecursionError as error:
            raise _too_complex("the document is nested too deep") from error
        if len(text) <= _REMEMBERED_LENGTH_MAX:
            self._remembered[text] = document
            if len(self._remembered) > _REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        return document

    def _parsed(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_lexical_tokens=self._limits.tokens)
        except GraphQLSyntaxError as error:
            if error.message.endswith(_ABORTED):
                said = error.message.removeprefix("Syntax Error: ").removesuffix(_ABORTED)
                raise _too_complex(said) from error
            coded = _coded(error, ErrorCode.GRAPHQL_PARSE_FAILED)
            raise RequestRefusedError(400, [coded]) from error

    def _validated(self, node: DocumentNode) -> Document:
        hide = not self._introspection
        errors = validate(self._schema, node, self._rules, max_errors=_ERRORS_MAX, hide_suggestions=hide)
        if errors:
            raise RequestRefusedError(400, [_coded(error, ErrorCode.GRAPHQL_VALIDATION_FAILED) for error in errors])
        document = Document.of(node)
        if not document.operations:
            raise RequestRefusedError.because(400, ErrorCode.GRAPHQL_VALIDATION_FAILED, "the document has no operation")
        return document


class _Conditions(Visitor):
    """Collects the variables that arguments of directives are."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        """Look at one directive."""
        values = [argument.value for argument in node.arguments or ()]
        self.names |= {value.name.value for value in values if isinstance(value, VariableNode)}


class _Measure:
    """Measures a document that is not validated yet: each fragment once, cycles and unknown fragments as nothing."""

    def __init__(self, node: DocumentNode, limits: DocumentLimits) -> None:
        self._node = node
        self._limits = limits
        self._aliases = 0
        self._repeated = 0
        self._fragments = {
            definition.name.value: definition
            for definition in node.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._sizes: dict[str, tuple[int, int]] = {}

    def check(self) -> None:
        """Raise `RequestRefusedError` where the document is too large."""
        depth = fields = 0
        for definition in self._node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                size = self._size(definition.selection_set)
                depth, fields = max(depth, size[0]), fields + size[1]
        if depth > self._limits.depth:
            raise _too_complex(f"fields are nested {depth} deep, at most {self._limits.depth} is served")
        if self._aliases > self._limits.aliases:
            raise _too_complex(f"the document has {self._aliases} aliases, at most {self._limits.aliases} are served")
        if self._repeated > self._limits.aliases:
            raise _too_complex(
                f"the document repeats {self._repeated} fields, at most {self._limits.aliases} are served"
            )
        if fields > self._limits.fields:
            raise _too_complex(f"the document selects {fields} fields, at most {self._limits.fields} are served")

    def _size(self, selections: SelectionSetNode | None, above: set[str] | None = None) -> tuple[int, int]:
        """Return depth and number of fields of a selection. `above` are the names around an inline fragment."""
        depth = fields = 0
        names = above if above is not None else set()
        for selection in selections.selections if selections else ():
            match selection:
                case FieldNode():
                    name = (selection.alias or selection.name).value
                    self._aliases += selection.alias is not None
                    self._repeated += name in names
                    names.add(name)
                    below = self._below(selection)
                    below = (below[0] + 1, below[1] + 1)
                case InlineFragmentNode():
                    below = self._size(selection.selection_set, names)
                case FragmentSpreadNode():
                    below = self._fragment(selection.name.value)
                case _:
                    continue
            depth, fields = max(depth, below[0]), fields + below[1]
        return depth, fields

    def _below(self, field: FieldNode) -> tuple[int, int]:
        # What asks for the schema itself has rules of its own, and is off outside development.
        return (0, 0) if field.name.value.startswith("__") else self._size(field.selection_set)

    def _fragment(self, name: str) -> tuple[int, int]:
        if name not in self._sizes:
            self._sizes[name] = (0, 0)
            fragment = self._fragments.get(name)
            self._sizes[name] = self._size(fragment.selection_set) if fragment else (0, 0)
        return self._sizes[name]


def _too_complex(message: str) -> RequestRefusedError:
    return RequestRefusedError(400, [fault(ErrorCode.QUERY_TOO_COMPLEX, message)])


def _coded(error: GraphQLError, code: ErrorCode) -> GraphQLError:
    return GraphQLError(
        error.message, error.nodes, error.source, error.positions, error.path, extensions={"code": code.value}
    )
