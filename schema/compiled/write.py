"""From a plan to a function: Python source is made for it, compiled, and kept.

For `cart(id: $id) { id note totals { total { amount } } lines { nodes { sku } } }` the source is, less the names::

    def root_1(value, ask):
        return ({
            "id": (t1 if (t1 := value.id).__class__ is str else convert_id(t1)),
            "note": (None if (t2 := value.note) is None else (t2 if t2.__class__ is str else convert_string(t2))),
            "totals": ({"total": ({"amount": ...} if (t4 := t3.total) is not None else absent())}
                       if (t3 := value.totals) is not None else absent()),
            "lines": ({"nodes": [(item_2(each, ask) if each is not None else absent()) for each in t5.nodes]}
                      if (t5 := resolver_3(value, **ask.values[0])) is not None else absent()),
        } if value is not None else None)

Nothing that a client wrote enters the source but keys of the answer, which are GraphQL names: letters, digits, `_`.
"""

import ast
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

from schema.compiled import NotCoveredError
from schema.compiled.inline import Names, NotInlinedError, Subject, Unmade, unmade
from schema.compiled.inline import expression as inlined
from schema.compiled.inputs import Arguments, arguments_of
from schema.compiled.leaves import leaf_of
from schema.compiled.plan import DEFINITION, PlannedField, Selection
from schema.views import holds_for_a_moment


class Later:
    """Stands in an answer for a field that has to be awaited, until `settled` says what is written there."""

    __slots__ = ("_value", "_write", "settled")

    def __init__(self, value: Coroutine[Any, Any, Any], write: "Write", ask: "Ask") -> None:
        self._value = value
        self._write = write
        self.settled: Any = None
        ask.later.append(self)

    async def settle(self, ask: "Ask") -> None:
        """Await the value and write it."""
        self.settled = self._write(await self._value, ask)

    def close(self) -> None:
        """Never begin."""
        self._value.close()


@dataclass(slots=True)
class Ask:
    """One request, for the functions that write its answer."""

    values: Sequence[Mapping[str, Any]]
    """What resolvers are called with, in the order of `Module.arguments`."""
    later: list[Later] = field(default_factory=list)
    """What is still to be awaited."""

    def abandon(self) -> None:
        """Let go of what nobody is going to await."""
        for each in self.later:
            each.close()


Write = Callable[[Any, Ask], Any]
"""Turns the value of a root field into what JSON holds: dicts, lists and leaves. Raises where a value is at fault."""

_ITEM: Final = "each"


def _absent() -> Any:
    """Stand for a value that may not be null and is: how far the null reaches is left to the ordinary way."""
    raise TypeError("a value is null that cannot be")


class Module:
    """The source of all functions of one plan, in the making."""

    def __init__(self) -> None:
        self.arguments: list[Arguments] = []
        self.holds_for_a_moment = True
        """Whether equal values are written alike a little later: nothing is awaited, and nothing says the time."""
        self._lines: list[str] = []
        self._names: dict[str, Any] = {"absent": _absent}
        self._bound: dict[int, str] = {}
        self._temporaries = 0

    def root(self, planned: PlannedField) -> str:
        """Add the function that writes the value of a root field, or of one that is awaited; return its name.

        Raises `NotCoveredError`.
        """
        return self._function(self._value(planned.definition.type, planned, "value"))

    def argument_place(self, planned: PlannedField) -> int:
        """Add the arguments of a field and return their place in `Ask`. Raises `NotCoveredError`."""
        self.arguments.append(arguments_of(planned))
        return len(self.arguments) - 1

    def compiled(self) -> Callable[[str], Write]:
        """Return the way from a function's name to the function. Raises `NotCoveredError`."""
        try:
            code = compile("\n".join(self._lines), "<compiled answer>", "exec")
        except (SyntaxError, RecursionError, MemoryError) as error:  # nested deeper than Python can read
            raise NotCoveredError from error
        exec(code, self._names)  # noqa: S102  # the source is ours: see the module's description
        return self._names.__getitem__

    def _function(self, body: str) -> str:
        name = f"f{len(self._lines)}"
        self._lines.append(f"def {name}(value, ask):\n    return {body}")
        return name

    def _named(self, thing: object) -> str:
        name = self._bound.setdefault(id(thing), f"n{len(self._names)}")
        self._names[name] = thing
        return name

    def _held(self, expression: str) -> tuple[str, str]:
        """Return how to read a value for the first time, and how from then on."""
        if expression.isidentifier():
            return expression, expression
        name = self._fresh()
        return f"({name} := {expression})", name

    def _fresh(self) -> str:
        self._temporaries += 1
        return f"t{self._temporaries}"

    def _field(self, type_: GraphQLObjectType, planned: PlannedField, subject: Subject) -> str:
        if planned.is_typename:
            return f'"{type_.name}"'
        self._note(type_, planned)
        try:
            expression = self._expression(type_, planned, subject)
        except NotInlinedError:
            if isinstance(subject, Unmade):
                raise
            read = self._read(planned, subject)
            if planned.view_field.is_async:
                return f"{self._named(Later)}({read}, {self.root(planned)}, ask)"
            return self._value(planned.definition.type, planned, read)
        return self._unmade(planned, expression) or self._value(
            planned.definition.type, planned, ast.unparse(expression)
        )

    def _note(self, type_: GraphQLObjectType, planned: PlannedField) -> None:
        read = planned.view_field
        resolver = read.base_resolver
        of_the_request = read.is_async or (resolver is not None and resolver.info_parameter is not None)
        if of_the_request or not holds_for_a_moment(type_.extensions[DEFINITION].origin, read.python_name):
            self.holds_for_a_moment = False

    def _expression(self, type_: GraphQLObjectType, planned: PlannedField, subject: Subject) -> ast.expr:
        """Return what the property behind a field returns. Raises `NotInlinedError`."""
        if not planned.view_field.is_basic_field:
            raise NotInlinedError
        view = type_.extensions[DEFINITION].origin
        return inlined(view, planned.view_field.python_name, subject, Names(self._named, self._fresh))

    def _unmade(self, planned: PlannedField, expression: ast.expr) -> str:
        """Write an object, or a list of some, of which the views need not be made; empty where they have to be."""
        type_: Any = planned.definition.type
        if isinstance(expression, ast.ListComp):
            type_ = get_nullable_type(type_)
            if not is_list_type(type_):
                return ""
            item = self._unmade_object(planned, type_.of_type, expression.elt)
            [loop] = expression.generators
            return f"[{item} for {ast.unparse(loop.target)} in {ast.unparse(loop.iter)}]" if item else ""
        return self._unmade_object(planned, type_, expression)

    def _unmade_object(self, planned: PlannedField, type_: GraphQLOutputType, expression: ast.expr) -> str:
        if len(planned.below) != 1 or is_list_type(get_nullable_type(type_)):
            return ""
        [(below, selection)] = planned.below.items()
        try:
            part = unmade(expression, self._names)
            written = self._selected(below, selection, part) if part.view is below.extensions[DEFINITION].origin else ""
        except NotInlinedError:
            return ""
        otherwise = "absent()" if is_non_null_type(type_) else "None"
        return f"({written} if {part.condition} else {otherwise})" if written and part.condition else written

    def _value(self, type_: GraphQLOutputType, planned: PlannedField, expression: str) -> str:
        """Write a value of any type, as the expression reads it."""
        if is_non_null_type(type_):
            inner = type_.of_type
            if is_leaf_type(inner):
                return self._leaf(inner, expression)
            if is_list_type(inner):
                return self._list(inner.of_type, planned, expression)
            otherwise = "absent()"
        else:
            inner, otherwise = type_, "None"
        first, again = self._held(expression)
        if is_leaf_type(inner):
            written = self._leaf(inner, again)
        elif is_list_type(inner):
            written = self._list(inner.of_type, planned, again)
        else:
            written = self._object(planned, again)
        return f"({written} if {first} is not None else {otherwise})"

    def _list(self, item: GraphQLOutputType, planned: PlannedField, expression: str) -> str:
        # Iterating over None raises, which is right: a list that may be null was looked at before.
        return f"[{self._value(item, planned, _ITEM)} for {_ITEM} in ({expression})]"

    def _leaf(self, type_: Any, expression: str) -> str:
        leaf = leaf_of(type_)
        convert = self._named(leaf.convert)
        if not leaf.as_it_is:
            return f"{convert}({expression})"
        first, again = self._held(expression)
        return f"({again} if {leaf.as_it_is.format(first, again)} else {convert}({again}))"

    def _object(self, planned: PlannedField, value: str) -> str:
        """Write an object that is there. What lies in a list, or may be of several types, is a function's work."""
        if is_abstract_type(get_named_type(planned.definition.type)):
            by_class = {
                type_.extensions[DEFINITION].origin: self._function(self._selected(type_, selection, "value"))
                for type_, selection in planned.below.items()
            }
            functions = ", ".join(f"{self._named(class_)}: {name}" for class_, name in by_class.items())
            table = f"by{len(self._lines)}"
            self._lines.append(f"{table} = {{{functions}}}")
            return f"{table}[{value}.__class__]({value}, ask)"
        [(type_, selection)] = planned.below.items()
        if value == _ITEM:
            return f"{self._function(self._selected(type_, selection, 'value'))}({value}, ask)"
        return self._selected(type_, selection, value)

    def _selected(self, type_: GraphQLObjectType, selection: Selection, subject: Subject) -> str:
        entries = [f'"{planned.key}": {self._field(type_, planned, subject)}' for planned in selection]
        return f"{{{', '.join(entries)}}}"

    def _read(self, planned: PlannedField, value: str) -> str:
        """Read a field of a view: an attribute, or a method where it has arguments."""
        view_field = planned.view_field
        if view_field.is_basic_field:
            return f"{value}.{view_field.python_name}"
        if view_field.extensions or view_field.base_resolver is None:
            raise NotCoveredError
        method = self._named(view_field.base_resolver.wrapped_func)
        return f"{method}({value}, **ask.values[{self.argument_place(planned)}])"
