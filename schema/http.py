"""GraphQL over HTTP: what a request must look like, and how its answer is written.

The specification is https://graphql.github.io/graphql-over-http/draft/ (media types, methods, status codes).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.errors import ErrorCode, RequestRefusedError, fault, presented

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
EVENT_STREAM: Final = "text/event-stream"
_FITS: Final = ("*/*", "application/*")
"""The ranges that hold what is offered, beside its own name, the wider one first."""
_QUALITY: Final = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)")
_HEADERS: Final[dict[int, dict[str, str]]] = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "POST"}}
"""What HTTP asks for beside a status (RFC 9110, sections 11.6.1 and 10.2.1)."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client asks to run."""

    query: str
    variables: dict[str, Any]
    operation_name: str | None


def header(request: Request, name: bytes) -> str | None:
    """Return the first header of a name, which is in lower case; Starlette's own way takes six times as long."""
    for known, value in request.scope["headers"]:
        if known == name:
            text: str = value.decode("latin-1")
            return text
    return None


async def read_request(request: Request, body_bytes_max: int) -> GraphQLRequest:
    """Read a GET or POST request. Raises `RequestRefusedError`."""
    if request.method in {"GET", "HEAD"}:
        return _from_query_string(request)
    _check_content_type(header(request, b"content-type") or "")
    return request_of(_parsed(await _body(request, body_bytes_max), "the body"))


@lru_cache(maxsize=64)
def media_type(accept: str | None) -> str:
    """Choose the media type of the answer: event streams only where nothing else is accepted.

    Raises `RequestRefusedError` where none that is offered is accepted.
    """
    if not accept:
        return GRAPHQL_JSON
    ranges = [_range(part) for part in accept.split(",")]
    # Of two that are wanted alike, the one that is named; of two of those, the one that says more.
    best = max((_wanted(offered, ranges), offered == GRAPHQL_JSON, offered) for offered in (GRAPHQL_JSON, JSON))
    (quality, _), _, chosen = best
    if quality > 0:
        return chosen
    if accepts_events(accept):
        return EVENT_STREAM
    message = f"answers are `{GRAPHQL_JSON}` or `{JSON}`: accept one of them"
    raise RequestRefusedError.because(406, ErrorCode.NOT_ACCEPTABLE, message)


@lru_cache(maxsize=64)
def accepts_events(accept: str | None) -> bool:
    """Say whether a client names event streams as something that it takes."""
    ranges = [_range(part) for part in (accept or "").split(",")]
    return any(name == EVENT_STREAM and quality > 0 for name, quality in ranges)


def answer(result: dict[str, Any], status: int, media: str, headers: Mapping[str, str] | None = None) -> Response:
    """Write an answer, with the headers that its status asks for unless others are given."""
    return json_answer(orjson.dumps(result), status, media, headers)


def json_answer(body: bytes, status: int, media: str, headers: Mapping[str, str] | None = None) -> Response:
    """Send an answer that is JSON already, with headers as `answer` does."""
    shown = GRAPHQL_JSON if media == EVENT_STREAM else media
    return Response(body, status, headers or _HEADERS.get(status), media_type=f"{shown}; charset=utf-8")


def wrong_method(request: Request, allowed: str) -> Response:
    """Write the answer to a method that a path does not have."""
    try:
        media = media_type(header(request, b"accept"))
    except RequestRefusedError:
        media = GRAPHQL_JSON
    methods = ", ".join(sorted(method.strip() for method in allowed.split(",")))
    told = fault(ErrorCode.METHOD_NOT_ALLOWED, f"`{request.method[:20]}` is not served here: use {methods}")
    return answer({"errors": [presented(told)]}, 405, media, {"Allow": methods})


def refusal(refused: RequestRefusedError, media: str) -> Response:
    """Write a refusal. Old clients, who take plain JSON, expect 200 for all that is about the document."""
    about_document = refused.status == 400 and not any(
        (error.extensions or {}).get("code") == ErrorCode.MALFORMED_REQUEST for error in refused.errors
    )
    status = 200 if media == JSON and about_document else refused.status
    return answer({"errors": [presented(error) for error in refused.errors]}, status, media)


def _range(part: str) -> tuple[str, float]:
    """Return a media range of `Accept` and how much it is wanted (RFC 9110, section 12.4.2)."""
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    for parameter in parameters:
        match = _QUALITY.fullmatch(parameter)
        if match:
            return name, float(match[1])
    return name, 1.0


def _wanted(offered: str, ranges: Iterable[tuple[str, float]]) -> tuple[float, int]:
    """Return how much a media type is wanted, as the range says that fits it best, and how well that fits."""
    fits = [
        (_FITS.index(name) if name in _FITS else len(_FITS), quality)
        for name, quality in ranges
        if name in {*_FITS, offered}
    ]
    fit, quality = max(fits, default=(0, 0.0))
    return quality, fit


def _check_content_type(content_type: str) -> None:
    """Take JSON only: a page of another site cannot send that without the browser asking us first (CSRF)."""
    essence = content_type.partition(";")[0].strip().lower()
    charset = content_type.lower().partition("charset=")[2].strip('" ')
    if essence != JSON or charset not in {"", "utf-8", "utf8"}:
        message = f"the content type is `{content_type[:80]}`: expected `{JSON}`"
        raise RequestRefusedError.because(415, ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)


async def _body(request: Request, most: int) -> bytes:
    """Read the body, whether its length is announced or it comes in chunks, and never more than allowed."""
    announced = header(request, b"content-length") or ""
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most)
    chunks, read = [], 0
    async for chunk in request.stream():
        read += len(chunk)
        if read > most:
            raise _too_large(most)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(most: int) -> RequestRefusedError:
    return RequestRefusedError.because(413, ErrorCode.BODY_TOO_LARGE, f"the body has more than {most} bytes")


def _from_query_string(request: Request) -> GraphQLRequest:
    given = request.query_params
    read: dict[str, Any] = {"query": given.get("query"), "operationName": given.get("operationName")}
    if variables := given.get("variables"):
        read["variables"] = _parsed(variables.encode(), "`variables`")
    return request_of(read)


def _parsed(raw: bytes, what: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"{what} is not JSON: {error}") from error


def request_of(read: Any) -> GraphQLRequest:
    """Check the JSON of a request. Raises `RequestRefusedError`."""
    if isinstance(read, list):
        raise _malformed("batches are not served: send each request by itself")
    if not isinstance(read, dict):
        raise _malformed("a request is a JSON object with `query`, `variables` and `operationName`")
    query, variables, name = read.get("query"), read.get("variables"), read.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise _malformed("`query` is not a text with a GraphQL document")
    if variables is not None and not isinstance(variables, dict):
        raise _malformed("`variables` is not a JSON object")
    if name is not None and not isinstance(name, str):
        raise _malformed("`operationName` is not a text")
    return GraphQLRequest(query, variables or {}, name or None)


def _malformed(message: str) -> RequestRefusedError:
    return RequestRefusedError.because(400, ErrorCode.MALFORMED_REQUEST, message)
