"""A line to the store, on which commands are sent without waiting for the answers to those before.

redis-py opens it, with all that an address may ask for: TLS, a password, a database. From then on commands are written
and answers read here, in the order in which they were sent, which takes a tenth of redis-py's time for each
(`docs/decisions/017`). A line that is lost stays lost.
"""

import asyncio
from collections import deque
from typing import Any, Final, cast

import hiredis
from redis import exceptions as redis_errors
from redis._parsers.base import BaseParser  # the one place where redis-py tells errors apart
from redis.asyncio.connection import AbstractConnection

_INCOMPLETE: Final = object()


class Line(asyncio.Protocol):
    """Commands out and answers in, in one order."""

    def __init__(self, writer: asyncio.StreamWriter, timeout_s: float) -> None:
        self._writer = writer
        """It closes what it writes to when nobody has it any more."""
        self._transport = cast("asyncio.Transport", writer.transport)
        self._transport.set_protocol(self)
        self._reader = hiredis.Reader(
            protocolError=redis_errors.InvalidResponse,
            replyError=BaseParser.parse_error,
            notEnoughData=_INCOMPLETE,
        )
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        """What was sent and is not answered, and when that is too late. Who asked may have gone away."""
        self._lost = ""
        """Why it cannot be used any more."""
        self._timeout_s = timeout_s
        self._watch = self._loop.call_later(timeout_s, self._look)

    @classmethod
    async def through(cls, connection: AbstractConnection, timeout_s: float) -> "Line":
        """Open a connection that nobody uses, and take it over. Raises like `AbstractConnection.connect`."""
        await connection.connect_check_health(retry_socket_connect=False)
        # All that was asked is answered, so nothing is left in the stream that is given up here. There is no public way
        # to its socket; and what it keeps of it, it would close.
        writer = connection._writer  # noqa: SLF001
        connection._writer = connection._reader = None  # noqa: SLF001
        return cls(cast("asyncio.StreamWriter", writer), timeout_s)

    @property
    def is_open(self) -> bool:
        """Whether it can be used, as far as is known."""
        return not self._lost

    def ask(self, words: tuple[bytes | str | int, ...]) -> asyncio.Future[Any]:
        """Send a command; what comes back has its answer.

        That raises the error that the server answers with, `redis.exceptions.ConnectionError` where the line is lost
        before the answer is there, and `redis.exceptions.TimeoutError` where that takes too long.
        """
        answer = self._loop.create_future()
        if self._lost:
            answer.set_exception(redis_errors.ConnectionError(self._lost))
        else:
            self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows one word only
            self._waiting.append((answer, self._loop.time() + self._timeout_s))
        return answer

    async def close(self) -> None:
        """Wait for the answers that are under way, and hang up."""
        await asyncio.gather(*[answer for answer, _ in self._waiting], return_exceptions=True)
        self._hang_up("the connection was closed")

    def data_received(self, data: bytes) -> None:
        """Give answers to those who wait for them."""
        self._reader.feed(data)
        try:
            while (answer := self._reader.gets()) is not _INCOMPLETE:
                self._answered(answer)
        except redis_errors.InvalidResponse as fault:
            self._hang_up(f"what was answered is no RESP: {fault}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait."""
        self._hang_up(f"the connection was lost: {exc or 'the server closed it'}")

    def _answered(self, answer: Any) -> None:
        if not self._waiting:
            raise redis_errors.InvalidResponse("nothing was asked")
        asked, _ = self._waiting.popleft()
        if asked.done():
            return
        if isinstance(answer, Exception):
            asked.set_exception(answer)
        else:
            asked.set_result(answer)

    def _look(self) -> None:
        """Hang up where the oldest command has waited too long; else look again when it will have."""
        now = self._loop.time()
        late = self._waiting[0][1] if self._waiting else now + self._timeout_s
        if now < late:
            self._watch = self._loop.call_at(late, self._look)
            return
        while self._waiting and self._waiting[0][1] <= now:
            self._answered(redis_errors.TimeoutError("there was no answer in time"))
        self._hang_up("a command had no answer in time")

    def _hang_up(self, why: str) -> None:
        if self._lost:
            return
        self._lost = why
        self._watch.cancel()
        self._transport.abort()
        while self._waiting:
            self._answered(redis_errors.ConnectionError(why))
