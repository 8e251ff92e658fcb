"""Subscriptions over WebSocket: the protocol `graphql-transport-ws`, and no other.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md says which messages there are and when a connection is
closed with which code. What it leaves open: the token comes in the payload of `connection_init`, as
``{"authorization": "Bearer …"}``, or in the header of the request; a newer one may come in the payload of a `ping`.
When the token expires, the connection is closed with 4403, after which clients connect and subscribe again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable
from contextlib import ExitStack, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from graphql import GraphQLError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from schema.auth import Checked
from schema.errors import ErrorCode, RequestRefusedError, fault, presented
from schema.http import GraphQLRequest, request_of
from schema.streams import TOKEN_EXPIRED, Stream, Streams

PROTOCOL: Final = "graphql-transport-ws"

BAD_REQUEST: Final = 4400
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
SUBPROTOCOL_NOT_ACCEPTABLE: Final = 4406
INIT_TIMEOUT: Final = 4408
SUBSCRIBER_EXISTS: Final = 4409
TOO_MANY_INITS: Final = 4429
GOING_AWAY: Final = 1001
TOO_BIG: Final = 1009

INIT_S: Final = 10.0
"""How long a client may take to send `connection_init`."""

_CLOSE_S: Final = 5.0
"""How long a client that takes nothing any more is waited for before it is dropped."""
_LEFT: Final = (WebSocketDisconnect, WebSocketDisconnected)
"""What sending raises after the other side, or we, closed the connection."""
_REASON_BYTES_MAX: Final = 123
"""RFC 6455, section 5.5: what is left of a control frame beside the code."""
_ID_LENGTH_MAX: Final = 128


class _CloseError(Exception):
    """The connection is to be closed, with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class Socket:
    """The endpoint for WebSockets. Pages may connect from the service's own site and from `origins`."""

    def __init__(self, streams: Streams, origins: Container[str] = ()) -> None:
        self._streams = streams
        self._origins = origins

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one connection until it is closed."""
        if not self._may_connect(websocket):
            await websocket.close()  # before it is accepted: the answer is 403
            return
        if PROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            return
        await websocket.accept(PROTOCOL)
        with suppress(WebSocketDisconnect):
            await _Session(self._streams, websocket).run()

    def _may_connect(self, websocket: WebSocket) -> bool:
        """Hold pages to the origins that may call: a browser asks nobody before it opens a WebSocket for one."""
        origin = websocket.headers.get("origin")
        same = origin is not None and urlsplit(origin).netloc == websocket.headers.get("host")
        return origin is None or same or origin in self._origins


class _Session:
    """One connection."""

    def __init__(self, streams: Streams, websocket: WebSocket) -> None:
        self._streams = streams
        self._websocket = websocket
        self._checked: Checked | None = None
        self._acknowledged = False
        self._subscriptions: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, Stream] = {}
        self._held = ExitStack()
        self._handlers: dict[object, _Handler] = {
            "connection_init": self._init,
            "ping": self._ping,
            "pong": self._pong,
            "subscribe": self._subscribe,
            "complete": self._complete,
        }

    async def run(self) -> None:
        """Handle messages until the client leaves, breaks the protocol, or its token expires."""
        try:
            with self._held:
                async with asyncio.timeout(INIT_S) as self._life:
                    while True:
                        await self._handle(await self._message())
        except TimeoutError:
            if self._acknowledged:
                await self._close(FORBIDDEN, f"{ErrorCode.TOKEN_EXPIRED}: {TOKEN_EXPIRED.message}")
            else:
                await self._close(INIT_TIMEOUT, "Connection initialisation timeout")
        except _CloseError as wrong:
            await self._close(wrong.code, wrong.reason)
        finally:
            for task in self._subscriptions.values():
                task.cancel()
            await asyncio.gather(*self._subscriptions.values(), return_exceptions=True)

    async def _message(self) -> dict[str, Any]:
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        if text is None:
            raise _CloseError(BAD_REQUEST, "messages are texts")
        if len(text) > self._streams.limits.message_bytes:
            raise _CloseError(TOO_BIG, f"a message has at most {self._streams.limits.message_bytes} bytes")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _CloseError(BAD_REQUEST, "a message is not JSON") from None
        if not isinstance(message, dict):
            raise _CloseError(BAD_REQUEST, "a message is not a JSON object")
        return message

    async def _handle(self, message: dict[str, Any]) -> None:
        handler = self._handlers.get(message.get("type"))
        if handler is None:
            raise _CloseError(BAD_REQUEST, f"there is no message `{str(message.get('type'))[:40]}`")
        await handler(message)

    async def _init(self, message: dict[str, Any]) -> None:
        if self._acknowledged:
            raise _CloseError(TOO_MANY_INITS, "Too many initialisation requests")
        authorization = _authorization(message) or self._websocket.headers.get("authorization")
        client = self._websocket.client
        try:
            self._checked = self._streams.checked(authorization)
            self._held.enter_context(self._streams.connected(self._checked, client.host if client else ""))
        except RequestRefusedError as refused:
            raise _CloseError(FORBIDDEN, _reason(refused)) from refused
        self._acknowledged = True
        self._live_until_expiry()
        await self._send('{"type":"connection_ack"}')

    async def _ping(self, message: dict[str, Any]) -> None:
        """Answer, and take a newer token of the same caller where one comes along."""
        authorization = _authorization(message)
        if authorization is not None and self._acknowledged:
            self._renew(authorization)
        await self._send('{"type":"pong"}')

    async def _pong(self, message: dict[str, Any]) -> None:
        """Clients may send one unasked, as a sign of life."""

    def _renew(self, authorization: str) -> None:
        try:
            renewed = self._streams.checked(authorization)
        except RequestRefusedError as refused:
            raise _CloseError(FORBIDDEN, _reason(refused)) from refused
        before = self._checked
        if renewed is None or before is None or renewed.caller.member != before.caller.member:
            raise _CloseError(FORBIDDEN, "the new token speaks for somebody else")
        self._checked = renewed
        self._live_until_expiry()
        for stream in self._open.values():
            stream.renew(renewed.caller)

    def _live_until_expiry(self) -> None:
        loop, checked = asyncio.get_running_loop(), self._checked
        self._life.reschedule(loop.time() + self._streams.left_s(checked) if checked else None)

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self._acknowledged:
            raise _CloseError(UNAUTHORIZED, "Unauthorized")
        id_ = message.get("id")
        if not isinstance(id_, str) or not 1 <= len(id_) <= _ID_LENGTH_MAX:
            raise _CloseError(BAD_REQUEST, f"`id` is not a text of 1 to {_ID_LENGTH_MAX} characters")
        if id_ in self._subscriptions:
            raise _CloseError(SUBSCRIBER_EXISTS, f"Subscriber for {id_} already exists")
        try:
            asked = request_of(message.get("payload"))
        except RequestRefusedError as refused:
            raise _CloseError(BAD_REQUEST, _reason(refused)) from refused
        if len(self._subscriptions) >= self._streams.limits.subscriptions:
            told = f"there are {len(self._subscriptions)} subscriptions on this connection already: complete some"
            await self._send_error(id_, [fault(ErrorCode.TOO_MANY_SUBSCRIPTIONS, told)])
            return
        self._subscriptions[id_] = asyncio.create_task(self._follow(id_, asked))

    async def _complete(self, message: dict[str, Any]) -> None:
        """End a subscription; one that is unknown has just ended by itself."""
        task = self._subscriptions.pop(str(message.get("id")), None)
        if task is not None:
            task.cancel()

    async def _follow(self, id_: str, asked: GraphQLRequest) -> None:
        """Send the results of one subscription."""
        named = orjson.dumps(id_).decode()
        caller = self._checked.caller if self._checked else None
        try:
            stream = await self._streams.start(asked, caller)
            try:
                self._open[id_] = stream
                async for text in stream.texts():
                    await self._send(f'{{"id":{named},"type":"next","payload":{text}}}')
            finally:
                self._open.pop(id_, None)
                stream.close()
            await self._close(GOING_AWAY, "the service ends")
        except _LEFT:
            pass  # whoever reads notices too
        except RequestRefusedError as refused:
            await self._send_error(id_, refused.errors)
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a masked error
            await self._send_error(id_, [GraphQLError("fault", original_error=error)])
        finally:
            if self._subscriptions.get(id_) is asyncio.current_task():
                del self._subscriptions[id_]

    async def _send_error(self, id_: str, errors: Iterable[GraphQLError]) -> None:
        payload = [presented(error) for error in errors]
        with suppress(*_LEFT):
            await self._send(orjson.dumps({"id": id_, "type": "error", "payload": payload}).decode())

    async def _send(self, text: str) -> None:
        """Send a text, as soon as the client takes what was sent before."""
        await self._websocket.send({"type": "websocket.send", "text": text})

    async def _close(self, code: int, reason: str) -> None:
        short = reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
        with suppress(*_LEFT, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._websocket.close(code, short)


_Handler = Callable[[dict[str, Any]], Awaitable[None]]


def _authorization(message: dict[str, Any]) -> str | None:
    """Return what the payload of a message says in place of the header `Authorization`."""
    payload = message.get("payload")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise _CloseError(BAD_REQUEST, "`payload` is not a JSON object")
    found = payload.get("authorization", payload.get("Authorization"))
    if found is not None and not isinstance(found, str):
        raise _CloseError(BAD_REQUEST, "`authorization` is not a text")
    return found


def _reason(refused: RequestRefusedError) -> str:
    """Say why a connection is closed: the code, as in any other error, and the message."""
    first = refused.errors[0]
    return f"{(first.extensions or {})['code']}: {first.message}"
