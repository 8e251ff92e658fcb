"""The ASGI application: where GraphQL, GraphiQL and the health check are served."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
from graphql import ExecutionResult, GraphQLError, GraphQLResolveInfo, OperationType
from graphql.execution import execute
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from engine.errors import StoreUnavailableError
from engine.live import LiveCarts
from engine.service import Panier
from engine.types import InstantMs
from schema import build_schema, core_schema
from schema.auth import TokenAuthority
from schema.callers import checked_caller
from schema.compiled.answers import AnswerCounts, Attempt, CompiledAnswers, Outcome, note_failed
from schema.compiled.plan import DEFINITION
from schema.context import RequestContext
from schema.documents import DocumentLimits, Documents
from schema.errors import ErrorCode, RequestRefusedError, fault, is_ours, presented
from schema.http import (
    EVENT_STREAM,
    GRAPHQL_JSON,
    JSON,
    GraphQLRequest,
    accepts_events,
    answer,
    header,
    json_answer,
    media_type,
    read_request,
    refusal,
    wrong_method,
)
from schema.socket import PROTOCOL, Socket
from schema.sse import respond
from schema.streams import EventWriter, StreamLimits, Streams

GRAPHQL_PATH: Final = "/graphql"
GRAPHIQL_PATH: Final = "/graphiql"
HEALTH_PATH: Final = "/health"

_GRAPHIQL_FOLDER: Final = Path(__file__).parent / "graphiql"
_GRAPHIQL_TYPES: Final = {
    "graphiql.js": "text/javascript",
    "graphiql.css": "text/css",
    "LICENSES.txt": "text/plain",
}
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""GraphiQL loads from here only. Its editor writes styles into the page, hence ``unsafe-inline`` for those."""

_NO_ATTEMPT: Final = Attempt()

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]
Ping = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """How the service behaves over HTTP.

    ``development`` serves GraphiQL and introspection, with ``graphiql_token`` in its headers and ``graphiql_query`` in
    its editor. ``cors_origins`` are the sites whose pages may call. ``session_life_s`` is how long a guest's token is
    good. ``ping`` asks the store whether it is there, for the health check; it raises `StoreUnavailableError`.
    ``compiled_answers`` writes answers by functions compiled for their documents, where it can; else strawberry does.
    """

    development: bool = False
    cors_origins: tuple[str, ...] = ()
    body_bytes_max: int = 256 * 1024
    documents: DocumentLimits = field(default_factory=DocumentLimits)
    streams: StreamLimits = field(default_factory=StreamLimits)
    session_life_s: int = 12 * 60 * 60
    graphiql_token: str = ""
    graphiql_query: str = ""
    ping: Ping | None = None
    compiled_answers: bool = True


def build_app(
    engine: Panier,
    tokens: TokenAuthority,
    config: HttpConfig | None = None,
    lifespan: Lifespan | None = None,
    live: LiveCarts | None = None,
) -> Starlette:
    """Build the application. Nothing is shared between two of them but the classes of the schema.

    Without `live` there are no subscriptions. Its ``state.answers`` are the `AnswerCounts`.
    """
    chosen = config or HttpConfig()
    endpoint = _Endpoint(engine, tokens, chosen, live)
    routes: list[BaseRoute] = [
        Route(GRAPHQL_PATH, endpoint, methods=["GET", "POST"]),
        Route(HEALTH_PATH, _health(chosen.ping, endpoint.counts, engine), methods=["GET"]),
    ]
    if endpoint.streams is not None:
        routes.append(WebSocketRoute(GRAPHQL_PATH, Socket(endpoint.streams, chosen.cors_origins).serve))
    if chosen.development:
        routes += _graphiql_routes(chosen)
    app = Starlette(
        routes=routes, middleware=_middleware(chosen), exception_handlers={405: _wrong_method}, lifespan=lifespan
    )
    app.state.answers = endpoint.counts
    return app


async def _wrong_method(request: Request, refused: Exception) -> Response:
    allowed = (refused.headers or {}).get("Allow", "") if isinstance(refused, HTTPException) else ""
    return wrong_method(request, allowed)


class _Endpoint:
    """Answers GraphQL requests."""

    def __init__(self, engine: Panier, tokens: TokenAuthority, config: HttpConfig, live: LiveCarts | None) -> None:
        self._engine = engine
        self._tokens = tokens
        self._config = config
        self._schema = core_schema(build_schema())
        self._documents = Documents(self._schema, config.documents, introspection=config.development)
        self._compiled = CompiledAnswers(self._schema) if config.compiled_answers else None
        self.counts = AnswerCounts()
        writer = EventWriter(self._schema, self._compiled, self.counts)
        self.streams = Streams(engine, live, tokens, self._documents, writer, config.streams) if live else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as an ASGI application: for a function, Starlette wraps each request in three others."""
        response = await self._response(Request(scope, receive, send))
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        """Answer one request: a result, or errors only."""
        accept = header(request, b"accept")
        if self._config.development and request.method == "GET" and "text/html" in (accept or ""):
            return RedirectResponse(GRAPHIQL_PATH)
        media = GRAPHQL_JSON
        try:
            media = media_type(accept)
            return await self._answered(request, accept, media)
        except RequestRefusedError as refused:
            return refusal(refused, media)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a masked error, not a bare 500
            return refusal(RequestRefusedError(500, [GraphQLError("fault", original_error=error)]), media)

    async def _answered(self, request: Request, accept: str | None, media: str) -> Response:
        engine = self._engine.pinned()
        snapshot = engine.snapshot
        checked = checked_caller(header(request, b"authorization"), self._tokens, snapshot)
        asked = await read_request(request, self._config.body_bytes_max)
        if accepts_events(accept) and self._is_subscription(asked) and self.streams is not None:
            return await respond(request, asked, self.streams)
        if media == EVENT_STREAM:
            message = "only subscriptions are answered by event streams"
            raise RequestRefusedError.because(406, ErrorCode.NOT_ACCEPTABLE, message)
        context = RequestContext(
            engine,
            snapshot,
            self._tokens,
            self._config.session_life_s,
            checked.caller if checked else None,
            InstantMs(time.time_ns() // 10**6),
            address=request.client.host if request.client else "",
        )
        result, changes = await self._executed(asked, context, mutations=request.method == "POST")
        if isinstance(result, bytes):
            return json_answer(result, 200, media)
        if result.errors is None:
            return answer({"data": result.data}, 200, media)
        return answer(
            {"data": result.data, "errors": [presented(error, changes=changes) for error in result.errors]},
            _status(result, media),
            media,
        )

    def _is_subscription(self, asked: GraphQLRequest) -> bool:
        operation = self._documents.ready(asked.query).operation(asked.operation_name)
        return operation.operation is OperationType.SUBSCRIPTION

    async def _executed(
        self, asked: GraphQLRequest, context: RequestContext, *, mutations: bool
    ) -> tuple[ExecutionResult | bytes, bool]:
        """Run an operation; return its result, JSON where it was compiled, and whether it may have changed things."""
        document = self._documents.ready(asked.query)
        operation = document.operation(asked.operation_name)
        if operation.operation is OperationType.SUBSCRIPTION:
            message = f"subscriptions are served over WebSocket (`{PROTOCOL}`) and as `{EVENT_STREAM}`: accept that"
            raise RequestRefusedError.because(406, ErrorCode.NOT_ACCEPTABLE, message)
        if operation.operation is not OperationType.QUERY and not mutations:
            message = "a GET request runs queries only: send this by POST"
            raise RequestRefusedError.because(405, ErrorCode.METHOD_NOT_ALLOWED, message)
        changes = operation.operation is OperationType.MUTATION
        attempt = _NO_ATTEMPT
        if self._compiled is not None:
            attempt = await self._compiled.attempt(asked.query, document, operation, asked.variables, context)
        if attempt.answer is not None:
            self.counts.compiled += 1
            return attempt.answer, changes
        # What strawberry's own view would do, less its hooks; root fields that are resolved already are not again.
        result = execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
            hide_suggestions=not self._config.development,
            executor_class=StrawberryGraphQLCoreExecutionContext,
            middleware=[_known(attempt.roots)] if attempt.roots else None,
            operation_extensions=None,
        )
        finished = result if isinstance(result, ExecutionResult) else await result
        _refuse_variables(finished)
        self.counts.ordinary += 1
        if attempt.fault is not None and finished.errors is None:
            note_failed(attempt.fault)
        return finished, changes


def _known(roots: Mapping[str, Outcome]) -> Callable[..., Any]:
    """Return a middleware of graphql-core that answers for root fields which are resolved already.

    Those that were awaited are awaited again: which of several errors comes first hangs on that.
    """

    def resolve(next_: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        outcome = roots.get(str(info.path.key)) if info.path.prev is None else None
        if outcome is None:
            return next_(source, info, **arguments)
        is_async = info.parent_type.fields[info.field_name].extensions[DEFINITION].is_async
        return outcome.again_later() if is_async else outcome.again()

    return resolve


def _refuse_variables(result: ExecutionResult) -> None:
    """Refuse variables that do not fit: such errors come before any field is run, and so have no path."""
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        coded = [_invalid_variable(error) for error in errors]
        raise RequestRefusedError(400, coded)


def _invalid_variable(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    reason = cause.message if isinstance(cause, GraphQLError) and cause.message not in error.message else ""
    message = f"{error.message} {reason}".strip()
    return GraphQLError(message, error.nodes, extensions={"code": ErrorCode.INVALID_VARIABLES.value})


def _status(result: ExecutionResult, media: str) -> int:
    """Return why there is no data at all, for clients and proxies that read statuses; 200 where there is some."""
    if media == JSON or result.data is not None:
        return 200
    return max(_status_of(error) for error in result.errors or ())


def _status_of(error: GraphQLError) -> int:
    if isinstance(error.original_error, StoreUnavailableError):
        return 503
    if is_ours(error):
        return 500
    return 401 if (error.extensions or {}).get("code") == ErrorCode.TOKEN_MISSING else 200


def _health(ping: Ping | None, counts: AnswerCounts, engine: Panier) -> Callable[[Request], Awaitable[Response]]:
    async def health(_: Request) -> Response:
        """Say whether requests can be served: 200, or 503 where the store does not answer."""
        try:
            if ping is not None:
                await ping()
        except StoreUnavailableError:
            down = {"status": "unavailable", "errors": [presented(fault(ErrorCode.STORE_UNAVAILABLE, "no store"))]}
            return answer(down, 503, JSON)
        priced = engine.snapshot.priced
        evaluations = {"hits": priced.hits, "misses": priced.misses}
        return answer({"status": "ok", "answers": asdict(counts), "evaluations": evaluations}, 200, JSON)

    return health


def _middleware(config: HttpConfig) -> list[Middleware]:
    if not config.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(config.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            max_age=600,
        )
    ]


def _graphiql_routes(config: HttpConfig) -> list[BaseRoute]:
    """Return the routes of GraphiQL's page, its parts, and what it starts with."""
    start = _script(
        {
            "url": GRAPHQL_PATH,
            "headers": _headers_text(config.graphiql_token),
            "query": config.graphiql_query,
        }
    )

    async def page(_: Request) -> Response:
        return FileResponse(_GRAPHIQL_FOLDER / "index.html", headers={"Content-Security-Policy": _CSP})

    async def part(request: Request) -> Response:
        name = request.path_params["name"]
        if name == "config.js":
            return Response(start, media_type="text/javascript", headers={"Cache-Control": "no-store"})
        if name not in _GRAPHIQL_TYPES:
            return Response("not found", 404, media_type="text/plain")
        return FileResponse(_GRAPHIQL_FOLDER / name, media_type=_GRAPHIQL_TYPES[name])

    return [Route(GRAPHIQL_PATH, page), Route(f"{GRAPHIQL_PATH}/{{name}}", part)]


def _headers_text(token: str) -> str:
    """Return what GraphiQL's header tab holds: JSON that a person edits."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return orjson.dumps(headers, option=orjson.OPT_INDENT_2).decode()


def _script(config: Mapping[str, Any]) -> bytes:
    return b"window.__PANIER__ = " + orjson.dumps(config) + b";\n"
