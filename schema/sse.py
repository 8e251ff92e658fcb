"""Subscriptions as server-sent events: GraphQL over SSE in the mode of distinct connections.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md: one request a subscription, answered by events `next`
with a result and `complete` at the end. What is refused before a subscription begins is an ordinary HTTP answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, Final

import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from schema.auth import Checked
from schema.errors import RequestRefusedError, presented
from schema.http import EVENT_STREAM, GraphQLRequest
from schema.streams import TOKEN_EXPIRED, Stream, Streams

_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Nobody on the way may keep events or wait for more of them."""
_COMPLETE: Final = b"event: complete\ndata: \n\n"
_SIGN_OF_LIFE: Final = b":\n\n"
_SIGN_OF_LIFE_S: Final = 10.0


async def respond(request: Request, asked: GraphQLRequest, streams: Streams) -> Response:
    """Answer a request for a subscription. Raises `RequestRefusedError`."""
    checked = streams.checked(request.headers.get("authorization"))
    held = ExitStack()
    try:
        held.enter_context(streams.connected(checked, request.client.host if request.client else ""))
        stream = await streams.start(asked, checked.caller if checked else None)
        held.callback(stream.close)
    except RequestRefusedError as refused:
        held.close()
        if refused.status != 200:
            raise
        return StreamingResponse(_failed(refused), headers=_HEADERS, media_type=EVENT_STREAM)
    except BaseException:
        held.close()
        raise
    return _EventStream(_events(stream, streams, checked), held)


class _EventStream(StreamingResponse):
    """An answer that lets go of what it holds, even where it is never begun."""

    def __init__(self, events: AsyncIterator[bytes], held: ExitStack) -> None:
        super().__init__(events, headers=_HEADERS, media_type=EVENT_STREAM)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


async def _failed(refused: RequestRefusedError) -> AsyncIterator[bytes]:
    yield _errors(*refused.errors)
    yield _COMPLETE


async def _events(stream: Stream, streams: Streams, checked: Checked | None) -> AsyncIterator[bytes]:
    """Yield events until the service ends, the token expires or something goes wrong, with a sign of life meanwhile."""
    texts = stream.texts()
    coming: asyncio.Future[Any] | None = None
    try:
        while True:
            left_s = streams.left_s(checked) if checked else _SIGN_OF_LIFE_S
            if left_s <= 0:
                yield _errors(TOKEN_EXPIRED)
                yield _COMPLETE
                return
            coming = coming or asyncio.ensure_future(anext(texts))
            await asyncio.wait({coming}, timeout=min(left_s, _SIGN_OF_LIFE_S))
            if not coming.done():
                yield _SIGN_OF_LIFE
                continue
            text, coming = coming.result(), None
            yield f"event: next\ndata: {text}\n\n".encode()
    except StopAsyncIteration:
        return  # without `complete`: the client is to come back
    except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a masked error
        yield _errors(GraphQLError("fault", original_error=error))
        yield _COMPLETE
    finally:
        if coming is not None:
            coming.cancel()


def _errors(*errors: GraphQLError) -> bytes:
    return b"event: next\ndata: " + orjson.dumps({"errors": [presented(error) for error in errors]}) + b"\n\n"
