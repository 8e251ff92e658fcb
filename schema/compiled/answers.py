"""Compiled answers, kept and run."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson
from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    Undefined,
    is_non_null_type,
)

from schema.compiled import NotCoveredError
from schema.compiled.inputs import Arguments, Variables
from schema.compiled.plan import PlannedField, Planner
from schema.compiled.write import Ask, Later, Module, Write
from schema.context import Info, RequestContext
from schema.documents import Document
from schema.views import KeepsAnswers

_LOG: Final = logging.getLogger("panier.graphql")
_REMEMBERED_MAX: Final = 256
"""Operations, each under one decision of its conditions; None is one that is not covered."""


@dataclass(slots=True)
class Outcome:
    """What the resolver of a root field gave: a value, or the fault that it raised."""

    value: Any = None
    fault: Exception | None = None

    def again(self) -> Any:
        """Give the same once more."""
        if self.fault is not None:
            raise self.fault
        return self.value

    async def again_later(self) -> Any:
        """Give the same once more to whoever awaits it."""
        return self.again()


@dataclass(slots=True)
class Attempt:
    """The answer as JSON, None where the ordinary way has to give it; and the root fields that were resolved by then.

    ``fault`` is what kept the answer from being written, None where it was not even begun.
    """

    answer: bytes | None = None
    roots: dict[str, Outcome] = field(default_factory=dict)
    fault: Exception | None = None


@dataclass(slots=True)
class AnswerCounts:
    """How many answers were written in which way, since the start; refused requests count for neither."""

    compiled: int = 0
    ordinary: int = 0


@dataclass(frozen=True, slots=True)
class _Root:
    key: str
    resolver: Callable[..., Any]
    is_async: bool
    required: bool
    """Whether it may not be null."""
    place: int
    """Where its arguments are in `Ask`."""
    write: Write


@dataclass(frozen=True, slots=True, eq=False)
class _Compiled:
    """An operation under one decision of its conditions."""

    keys: dict[str, str | None]
    """All keys of the answer in their order, with the values of those that no resolver gives: `__typename`."""
    roots: tuple[_Root, ...]
    variables: Variables
    arguments: tuple[Arguments, ...]
    run: Callable[["_Compiled", Ask], Awaitable[Attempt]]


@dataclass(slots=True)
class _RequestInfo:
    """All that resolvers here may ask of graphql-core: the context."""

    context: RequestContext


class CompiledAnswers:
    """Answers documents that were validated; compiles each at first sight."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._remembered: OrderedDict[tuple[str, ...], _Compiled | None] = OrderedDict()

    async def attempt(
        self,
        text: str,
        document: Document,
        operation: OperationDefinitionNode,
        given: Mapping[str, Any],
        context: RequestContext,
    ) -> Attempt:
        """Answer an operation with the variables that were given, or say how far that came."""
        try:
            compiled, ask = self._asked(text, document, operation, given, context)
        except (NotCoveredError, GraphQLError, RecursionError):
            return Attempt()
        try:
            return await compiled.run(compiled, ask)
        finally:
            ask.abandon()

    def attempt_event(
        self,
        text: str,
        document: Document,
        operation: OperationDefinitionNode,
        given: Mapping[str, Any],
        context: RequestContext,
        event: object,
    ) -> Attempt | Awaitable[Attempt]:
        """Answer a subscription for one event, the value of its only field: at once, unless something has to wait."""
        try:
            compiled, ask = self._asked(text, document, operation, given, context)
        except (NotCoveredError, GraphQLError, RecursionError):
            return Attempt()
        data: dict[str, Any] = dict(compiled.keys)
        try:
            for root in compiled.roots:
                data[root.key] = root.write(event, ask)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the ordinary way meets it again, and says so
            ask.abandon()
            return Attempt(fault=fault)
        return _written_later(data, ask) if ask.later else _written(data, {})

    def _asked(
        self,
        text: str,
        document: Document,
        operation: OperationDefinitionNode,
        given: Mapping[str, Any],
        context: RequestContext,
    ) -> tuple[_Compiled, Ask]:
        compiled = self._compiled(text, document, operation, given)
        variables = compiled.variables.values(given)
        info = Info(cast("GraphQLResolveInfo[Any]", _RequestInfo(context)), cast("Any", None))
        return compiled, Ask([arguments.values(variables, info) for arguments in compiled.arguments])

    def _compiled(
        self, text: str, document: Document, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> _Compiled:
        # As given, not as coerced: the same values under the same document are coerced to the same.
        decided = [repr(given.get(name, Undefined)) for name in document.conditions]
        key = (text, operation.name.value if operation.name else "", *decided)
        if key in self._remembered:
            self._remembered.move_to_end(key)
        else:
            self._remembered[key] = self._compile(document, operation, given)
            if len(self._remembered) > _REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        compiled = self._remembered[key]
        if compiled is None:
            raise NotCoveredError
        return compiled

    def _compile(
        self, document: Document, operation: OperationDefinitionNode, given: Mapping[str, Any]
    ) -> _Compiled | None:
        kind = operation.operation
        root_type = self._schema.get_root_type(kind)
        variables = Variables(self._schema, operation)
        values = variables.values(given)
        try:
            selection = Planner(self._schema, document.node, operation, values).plan()
            fields = [each for each in selection if not each.is_typename]
            module = Module()
            placed = [(each, module.argument_place(each), module.root(each)) for each in fields]
            function = module.compiled()
            roots = tuple(_root(each, place, function(name)) for each, place, name in placed)
        except (NotCoveredError, RecursionError):
            return None
        run = _together
        if kind is OperationType.MUTATION:
            run = _one_by_one
        elif len(roots) == 1 and roots[0].is_async and module.holds_for_a_moment:
            run = _kept
        keys = {each.key: str(root_type) if each.is_typename else None for each in selection}
        return _Compiled(keys, roots, variables, tuple(module.arguments), run)


def note_failed(fault: Exception) -> None:
    """Log what kept an answer from being written that the ordinary way wrote without a fault."""
    _LOG.error("a compiled answer failed where the ordinary one did not", exc_info=fault)


def _root(field_: PlannedField, place: int, write: Write) -> _Root:
    view_field = field_.view_field
    resolver = view_field.base_resolver
    if resolver is None or view_field.extensions:
        raise NotCoveredError
    required = is_non_null_type(field_.definition.type)
    return _Root(field_.key, resolver, view_field.is_async, required, place, write)


async def _one_by_one(compiled: _Compiled, ask: Ask) -> Attempt:
    """Run a mutation: what a field did is written before the next one does anything."""
    data: dict[str, Any] = dict(compiled.keys)
    roots: dict[str, Outcome] = {}
    for root in compiled.roots:
        outcome = roots[root.key] = await _resolved(root, ask)
        if outcome.fault is not None:
            return Attempt(None, roots, outcome.fault)
        try:
            data[root.key] = root.write(outcome.value, ask)
            if ask.later:
                await _settled(ask)
        except Exception as fault:  # noqa: BLE001  # whatever it is, the ordinary way meets it again, and says so
            return Attempt(None, roots, fault)
    return _written(data, roots)


async def _kept(compiled: _Compiled, ask: Ask) -> Attempt:
    """Run a query of one field, of which the answer may have been written a moment ago, for the same value."""
    [root] = compiled.roots
    outcome = await _resolved(root, ask)
    roots = {root.key: outcome}
    if outcome.fault is not None:
        return Attempt(None, roots, outcome.fault)
    known = outcome.value.answers_kept() if isinstance(outcome.value, KeepsAnswers) else None
    key: Hashable = None
    if known is not None:
        # The value stands for the arguments of its own field, which come first.
        key = (compiled, known[1], repr(ask.values[1:]))
        answer = known[0].get(key)
        if answer is not None:
            return Attempt(answer, roots)
    data: dict[str, Any] = dict(compiled.keys)
    try:
        data[root.key] = root.write(outcome.value, ask)
    except Exception as fault:  # noqa: BLE001  # as above
        return Attempt(None, roots, fault)
    attempt = _written(data, roots)
    if known is not None and attempt.answer is not None:
        known[0].keep(key, attempt.answer, len(attempt.answer))
    return attempt


async def _together(compiled: _Compiled, ask: Ask) -> Attempt:
    """Run a query: the round trips of its fields are under way together.

    Where a field that may not be null fails, there is no answer but its error: the others are not waited for.
    """
    roots: dict[str, Outcome] = {}
    waiting = [root for root in compiled.roots if root.is_async]
    try:
        for root in compiled.roots:
            if not root.is_async:
                await _settle(root, ask, roots)
        if len(waiting) == 1:
            await _settle(waiting[0], ask, roots)
        elif waiting:
            async with asyncio.TaskGroup() as group:
                for root in waiting:
                    group.create_task(_settle(root, ask, roots))
        data: dict[str, Any] = dict(compiled.keys)
        for root in compiled.roots:
            outcome = roots[root.key]
            if outcome.fault is not None:
                return Attempt(None, roots, outcome.fault)
            data[root.key] = root.write(outcome.value, ask)
        if ask.later:
            await _settled(ask)
    except Exception as fault:  # noqa: BLE001  # as above
        return Attempt(None, roots, fault)
    return _written(data, roots)


async def _settle(root: _Root, ask: Ask, roots: dict[str, Outcome]) -> None:
    """Note what the resolver of a field gives. Raises its fault where the field may not be null."""
    outcome = roots[root.key] = await _resolved(root, ask)
    if outcome.fault is not None and root.required:
        raise outcome.fault


async def _resolved(root: _Root, ask: Ask) -> Outcome:
    try:
        value = root.resolver(None, **ask.values[root.place])
        return Outcome(await value if root.is_async else value)
    except Exception as fault:  # noqa: BLE001  # as above
        return Outcome(fault=fault)


async def _settled(ask: Ask) -> None:
    """Await what fields below the root have to be awaited for, together, and what comes up with their values."""
    while ask.later:
        later, ask.later = ask.later, []
        await asyncio.gather(*[each.settle(ask) for each in later])


async def _written_later(data: dict[str, Any], ask: Ask) -> Attempt:
    try:
        await _settled(ask)
    except Exception as fault:  # noqa: BLE001  # as above
        return Attempt(fault=fault)
    finally:
        ask.abandon()
    return _written(data, {})


def _written(data: dict[str, Any], roots: dict[str, Outcome]) -> Attempt:
    try:
        return Attempt(orjson.dumps({"data": data}, default=_settled_value), roots)
    except TypeError as fault:  # a text that is no Unicode, a number beyond 64 bits
        return Attempt(None, roots, fault)


def _settled_value(value: Any) -> Any:
    """Say what orjson is to write for a value that is no JSON. Raises `TypeError` for what has no business there."""
    if isinstance(value, Later):
        return value.settled
    raise TypeError(f"{value!r} is no JSON")
