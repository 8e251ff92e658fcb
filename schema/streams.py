"""Subscriptions, whatever carries them: a request comes in, texts of results go out one after the other.

An answer depends on the event, on what is selected, and on what the caller may see, but not on who they are. So it is
written once for all followers of a cart who ask alike and may see alike, on behalf of a caller without a name.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution import create_source_event_stream, execute
from graphql.execution.executor import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.callers import Caller
from engine.cart.handoff import Discretion, discretion_towards
from engine.live import CartEvent, Follower, LiveCarts
from engine.service import Panier
from engine.types import InstantMs
from schema.auth import Checked, TokenAuthority
from schema.callers import checked_caller
from schema.compiled.answers import AnswerCounts, Attempt, CompiledAnswers, note_failed
from schema.context import RequestContext
from schema.documents import Document, Documents
from schema.errors import ErrorCode, RequestRefusedError, fault, presented
from schema.http import GraphQLRequest
from schema.types.events import CartEventView

TOKEN_EXPIRED: Final = fault(
    ErrorCode.TOKEN_EXPIRED, "the token has expired: subscribe again with a new one, from the last version you have"
)


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How much one caller may follow. Callers without a token count by their address.

    ``connections`` are WebSockets and event streams of one caller, ``subscriptions`` those of one WebSocket.
    """

    connections: int = 100
    subscriptions: int = 50
    message_bytes: int = 256 * 1024


class Stream:
    """One subscription under way. It must be closed."""

    def __init__(
        self,
        asked: GraphQLRequest,
        document: Document,
        context: RequestContext,
        follower: Follower,
        writer: "EventWriter",
    ) -> None:
        self._asked = asked
        self._document = document
        self._context = context
        self._follower = follower
        self._writer = writer
        self._key = b""
        self.renew(follower.caller)

    def renew(self, caller: Caller) -> None:
        """Go on for the same caller with a newer token."""
        self._follower.caller = caller
        nameless = replace(caller, id="", device="", role="")
        self._context = replace(self._context, caller=nameless)
        self._key = self._sharing_key(nameless)

    async def texts(self) -> AsyncIterator[str]:
        """Yield the result of each event as JSON. Raises like `Follower.__anext__`."""
        async for event in self._follower:
            discretion = discretion_towards(event.priced.cart, self._follower.caller.member)
            answer = event.answers.get((self._key, discretion))
            if answer is None:
                answer = event.answers[self._key, discretion] = self._written(event, discretion)
            yield answer if isinstance(answer, str) else await asyncio.shield(answer)

    def close(self) -> None:
        """End it."""
        self._follower.close()

    def _written(self, event: CartEvent, discretion: Discretion) -> str | asyncio.Future[str]:
        """Write what is selected of an event.

        What has to wait for something becomes a task: whoever asked first may leave, and the others get it all the
        same.
        """
        context = replace(self._context, snapshot=event.priced.snapshot, now_ms=event.priced.as_of_ms)
        root = CartEventView(event, context.known_caller(), discretion)
        written = self._writer.written(self._asked, self._document, context, root)
        return written if isinstance(written, str) else asyncio.ensure_future(written)

    def _sharing_key(self, nameless: Caller) -> bytes:
        """Return what all have in common whose answers are the same: document, variables and visibility.

        Variables that only say which cart is followed, and from when, do not count.
        """
        used = _variables_selected_with(self._document, self._document.operation(self._asked.operation_name))
        variables = {name: value for name, value in self._asked.variables.items() if name in used}
        told = (
            self._asked.query,
            self._asked.operation_name,
            orjson.dumps(variables, option=orjson.OPT_SORT_KEYS),
            nameless.kind,
            nameless.channel,
            nameless.store,
            sorted(nameless.scopes),
        )
        return hashlib.blake2b(repr(told).encode(), digest_size=16).digest()


class EventWriter:
    """Writes events as JSON: compiled where that is on and covers it, else as strawberry does."""

    def __init__(self, schema: GraphQLSchema, compiled: CompiledAnswers | None, counts: AnswerCounts) -> None:
        self.schema = schema
        self._compiled = compiled
        self._counts = counts

    def written(
        self, asked: GraphQLRequest, document: Document, context: RequestContext, root: CartEventView
    ) -> str | Awaitable[str]:
        """Return the result of a subscription for an event, at once where nothing has to wait."""
        attempt: Attempt | Awaitable[Attempt] = Attempt()
        if self._compiled is not None:
            operation = document.operation(asked.operation_name)
            attempt = self._compiled.attempt_event(asked.query, document, operation, asked.variables, context, root)

        def finished(attempt: Attempt) -> str | Awaitable[str]:
            if attempt.answer is None:
                return self._executed(asked, document, context, root, attempt.fault)
            self._counts.compiled += 1
            return attempt.answer.decode()

        async def finished_later(attempt: Awaitable[Attempt]) -> str:
            text = finished(await attempt)
            return text if isinstance(text, str) else await text

        return finished(attempt) if isinstance(attempt, Attempt) else finished_later(attempt)

    def _executed(
        self,
        asked: GraphQLRequest,
        document: Document,
        context: RequestContext,
        root: CartEventView,
        fault: Exception | None,
    ) -> str | Awaitable[str]:
        """Write in the ordinary way; `fault` is what the compiled one met, if it was tried."""
        executed = execute(
            self.schema,
            document.node,
            root_value=root,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
            executor_class=StrawberryGraphQLCoreExecutionContext,
            operation_extensions=None,
        )
        self._counts.ordinary += 1
        return _text(executed, fault) if isinstance(executed, ExecutionResult) else _awaited(executed, fault)


class Streams:
    """Starts subscriptions, and counts who holds how many connections."""

    def __init__(
        self,
        engine: Panier,
        live: LiveCarts,
        tokens: TokenAuthority,
        documents: Documents,
        writer: EventWriter,
        limits: StreamLimits,
    ) -> None:
        self.limits = limits
        self._writer = writer
        self._engine = engine
        self._live = live
        self._tokens = tokens
        self._documents = documents
        self._connections: dict[str, int] = {}

    def checked(self, authorization: str | None) -> Checked | None:
        """Return who calls, None for somebody without a token. Raises `RequestRefusedError`."""
        return checked_caller(authorization, self._tokens, self._engine.snapshot)

    def left_s(self, checked: Checked) -> float:
        """Return for how many seconds a token is still good."""
        return self._tokens.left_s(checked)

    @contextmanager
    def connected(self, checked: Checked | None, address: str) -> Iterator[None]:
        """Count a connection as long as it lasts. Raises `RequestRefusedError` where the caller has too many."""
        who = checked.caller.member if checked else f"address:{address}"
        held = self._connections.get(who, 0)
        if held >= self.limits.connections:
            message = f"there are {held} connections of this caller already: close some"
            raise RequestRefusedError.because(429, ErrorCode.TOO_MANY_CONNECTIONS, message)
        self._connections[who] = held + 1
        try:
            yield
        finally:
            self._connections[who] -= 1
            if not self._connections[who]:
                del self._connections[who]

    async def start(self, asked: GraphQLRequest, caller: Caller | None) -> Stream:
        """Start a subscription. Raises `RequestRefusedError` with everything that is wrong with it."""
        document = self._documents.ready(asked.query)
        operation = document.operation(asked.operation_name)
        if operation.operation is not OperationType.SUBSCRIPTION:
            message = "only subscriptions are served here: send queries and mutations by POST"
            raise RequestRefusedError.because(400, ErrorCode.NOT_A_SUBSCRIPTION, message)
        context = RequestContext(
            engine=self._engine,
            snapshot=self._engine.snapshot,
            tokens=self._tokens,
            session_life_s=0,  # no session begins in a subscription
            caller=caller,
            now_ms=InstantMs(time.time_ns() // 10**6),
            live=self._live,
        )
        built = Executor.build(
            self._writer.schema,
            document.node,
            context_value=context,
            raw_variable_values=asked.variables,
            operation_name=asked.operation_name,
            hide_suggestions=True,
        )
        if not isinstance(built, Executor):
            raise RequestRefusedError(400, [_invalid_variable(error) for error in built])
        source = create_source_event_stream(built)
        found = await source if isinstance(source, Awaitable) else source
        if isinstance(found, Follower):
            return Stream(asked, document, context, found, self._writer)
        raise RequestRefusedError(200, found.errors or () if isinstance(found, ExecutionResult) else ())


async def _awaited(executed: Awaitable[ExecutionResult], fault: Exception | None) -> str:
    return _text(await executed, fault)


def _text(result: ExecutionResult, fault: Exception | None) -> str:
    written: dict[str, Any] = {"data": result.data}
    if result.errors:
        written["errors"] = [presented(error) for error in result.errors]
    elif fault is not None:
        note_failed(fault)
    return orjson.dumps(written).decode()


def _invalid_variable(error: GraphQLError) -> GraphQLError:
    return GraphQLError(error.message, error.nodes, extensions={"code": ErrorCode.INVALID_VARIABLES.value})


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)


def _variables_selected_with(document: Document, operation: OperationDefinitionNode) -> set[str]:
    """Return the variables that a document uses anywhere but in the arguments of its root field."""
    found = _Variables()
    used: list[Node] = [definition for definition in document.node.definitions if definition is not operation]
    used += operation.directives or ()
    for root in operation.selection_set.selections:
        if isinstance(root, FieldNode):
            used += root.directives or ()
            used += [root.selection_set] if root.selection_set else []
        else:
            used.append(root)
    for node in used:
        visit(node, found)
    return found.names
