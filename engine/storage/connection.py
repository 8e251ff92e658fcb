"""The connection to the store: a line for scripts, a small pool for the rest, deadlines, and errors in our words."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig

from engine.errors import PanierError, StoreUnavailableError
from engine.storage import scripts
from engine.storage.line import Line
from engine.storage.scripts import Script

Answer = TypeVar("Answer")
Argument = bytes | str | int

_LOG: Final = logging.getLogger("panier.store")
_RETRIES: Final = 2
_BACKOFF: Final = ExponentialWithJitterBackoff(base=0.02, cap=0.2)

_NOT_NOW: Final = ("BUSY", "CLUSTERDOWN", "MASTERDOWN", "MISCONF", "NOREPLICAS", "UNKILLABLE")
"""How error answers begin that speak of the server's state and have no class of their own in redis-py."""
_NO_FILE: Final = "WAITAOF cannot be used when numlocal is set but appendonly is disabled"
"""How a server answers that has no append-only file."""
_PASSWORD_WANTED: Final = ("NOAUTH", "HELLO must be called", "Authentication required")
_PASSWORD_WRONG: Final = ("WRONGPASS", "invalid username-password", "invalid password")


class StoreFaultError(PanierError):
    """The store refused a command for what it is: a fault in Panier, or a user without the rights it needs."""


class _State(Enum):
    UNKNOWN = 0
    THERE = 1
    AWAY = 2


class StoreAccessError(StoreUnavailableError):
    """The store does not let us in: it wants a password, or another one."""


class Connection:
    """A line to one server, and a pool of connections beside it, shared by all requests of a worker.

    Scripts go over the line, one after the other. What keeps a connection waiting at the server has one of the pool.

    One instance belongs to one event loop. A lost connection is made anew and the command sent again, at most twice:
    safe because every script does its work once, however often it is sent. A timeout is not tried again, because
    the caller has waited long enough.
    """

    def __init__(self, url: str, *, connections: int = 32, timeout_s: float = 5.0) -> None:
        """Prepare a pool for ``redis://``, ``rediss://`` or ``unix://``; nothing is sent before the first command.

        ``timeout_s`` bounds each of: waiting for a free connection, connecting, sending, and awaiting an answer.
        Raises `ValueError` where the URL is none of those, or has an option that no connection has.
        """
        retry = Retry(_BACKOFF, _RETRIES, supported_errors=(redis_errors.ConnectionError,))
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=retry,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        try:
            pool.make_connection()  # type: ignore[no-untyped-call]  # it is the connection that looks at options, and it opens nothing yet
        except (TypeError, redis_errors.RedisError) as error:
            raise ValueError(f"an option of the address cannot be: {error}") from error
        self._redis = Redis.from_pool(pool)
        # The server gives up before we do: its answer says why, and ours would only say that there is none.
        self._disk_ms = int(timeout_s * 800)
        self._timeout_s = timeout_s
        self._line: Line | None = None
        self._opening: asyncio.Future[Line] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._state = _State.UNKNOWN

    async def load(self) -> None:
        """Give all scripts to the server, so that the first requests need no second round trip."""
        for script in scripts.ALL:
            await self.command("SCRIPT", "LOAD", script.source)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run a script in one round trip and return its answer; texts come as bytes.

        A server that does not know the script, such as one that was restarted, is given it once.
        Raises `StoreUnavailableError`, and `StoreFaultError` where the script itself failed.
        """
        try:
            answer: list[Any] = await self._run(script, keys, arguments)
        except redis_errors.RedisError as error:
            raise self._noted(error) from error
        self._note(None)
        return answer

    async def run_durably(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run a script like `run`, and return its answer when what it wrote is in the append-only file on disk.

        The wait goes out with the script, on the same connection, so it is one round trip. The server waits for what
        this connection wrote and not for what others did: a script that finds its work done already must write some of
        it once more. A server without an append-only file has nothing to wait for; `engine.storage.checks` says so.

        Raises like `run`, and `StoreUnavailableError` where the disk does not follow in time: what was done may be
        lost, and whoever sends it again finds out.
        """
        answer: list[Any] = await self._finished(self._run_durably(script, keys, arguments))
        return answer

    async def command(self, *words: Argument) -> Any:
        """Run one command and return its answer. Raises like `run`."""
        return await self._finished(self._redis.execute_command(*words))  # type: ignore[no-untyped-call]

    async def info(self, section: str) -> Mapping[str, Any]:
        """Return a section of what the server tells of itself, numbers as numbers. Raises like `run`."""
        return await self._finished(self._redis.info(section))

    async def setting(self, name: str) -> str | None:
        """Return one of the server's settings, None where it has none of that name. Raises like `run`."""
        answer = await self._finished(self._redis.config_get(name))
        return next((_text(value) for key, value in answer.items() if _text(key) == name), None)

    def pubsub(self) -> PubSub:
        """Return a listener with a connection of its own, beside the pool; nothing is sent yet.

        Once the connection is lost it stays lost, and whoever uses it gets `redis.exceptions.ConnectionError`.
        """
        pool = self._redis.connection_pool
        return PubSub(ConnectionPool(_opened_once(pool.connection_class), max_connections=1, **pool.connection_kwargs))

    async def close(self) -> None:
        """Let the commands under way finish and close all connections."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._line is not None:
            await self._line.close()
        await self._redis.aclose(close_connection_pool=True)

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        words = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        try:
            return await self._asked(words)
        except redis_errors.NoScriptError:
            await self._asked(("SCRIPT", "LOAD", script.source))
            return await self._asked(words)

    async def _asked(self, words: tuple[Argument, ...]) -> Any:
        """Send a command on the line; where that is lost, on a new one, a little later each time."""
        for failures in range(1, _RETRIES + 1):
            try:
                line = self._line if self._line is not None and self._line.is_open else await self._opened()
                return await line.ask(words)
            except redis_errors.ConnectionError:
                await asyncio.sleep(_BACKOFF.compute(failures))
        return await (await self._opened()).ask(words)

    async def _opened(self) -> Line:
        """Return the line, opened if need be: by one task for all who wait, so that none of them cuts it off."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Line:
        if self._line is None or not self._line.is_open:
            connection = self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            self._line = await Line.through(connection, self._timeout_s)
        return self._line

    async def _run_durably(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        answer, written = await self._run_and_wait(script, keys, arguments)
        if isinstance(answer, redis_errors.NoScriptError):
            await self._redis.script_load(script.source)
            answer, written = await self._run_and_wait(script, keys, arguments)
        for outcome in (answer, written):
            if isinstance(outcome, Exception) and not str(outcome).startswith(_NO_FILE):
                raise outcome
        if not isinstance(written, Exception) and written[0] < 1:
            raise redis_errors.TimeoutError("what was done is not known to be on disk")
        return answer

    async def _run_and_wait(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Send both at once; return what came of each, which may be an error."""
        both = self._redis.pipeline(transaction=False)
        both.evalsha(script.sha, len(keys), *keys, *arguments)
        both.execute_command("WAITAOF", 1, 0, self._disk_ms)
        outcomes: list[Any] = await both.execute(raise_on_error=False)
        return outcomes

    async def _finished(self, work: Awaitable[Answer]) -> Answer:
        """Await a command to its end even if the caller is cancelled, and translate its errors.

        A request is cancelled whenever a shopper closes a page. redis-py drops a connection that is cancelled while
        it waits for an answer, but not in every line between taking it from the pool and giving it back: shielding
        the whole command leaves no such line, and an edit that was sent is not cut in half.
        """
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            answer = await asyncio.shield(task)
        except redis_errors.RedisError as error:
            raise self._noted(error) from error
        self._note(None)
        return answer

    def _noted(self, error: redis_errors.RedisError) -> PanierError:
        translated = _translated(error)
        self._note(translated)
        return translated

    def _note(self, fault: PanierError | None) -> None:
        """Log that the store went away or came back: once, and not for each request that meets it.

        A store that has not answered yet is no news: whoever asks it first says so.
        """
        if not isinstance(fault, StoreUnavailableError):
            if self._state is _State.AWAY:
                _LOG.warning("the store answers again")
            self._state = _State.THERE
        elif self._state is _State.THERE:
            _LOG.warning("the store does not answer: requests that need it fail until it does (%s)", fault)
            self._state = _State.AWAY


def _opened_once(kind: type[AbstractConnection]) -> type[AbstractConnection]:
    """Return a kind of connection that is never opened a second time.

    redis-py opens a lost connection again wherever it is used next. Where one task reads from it and others send, each
    of them does so, and of two that were opened one stays open for good.
    """

    class OpenedOnce(kind):  # type: ignore[misc, valid-type]  # which of three it is depends on the URL
        _opened = False

        async def connect_check_health(self, *given: Any, **named: Any) -> None:
            if self._opened and not self.is_connected:
                raise redis_errors.ConnectionError("the connection was lost")
            self._opened = True
            await super().connect_check_health(*given, **named)

    return OpenedOnce


def _text(value: bytes | str | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _translated(error: redis_errors.RedisError) -> PanierError:
    unavailable = (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.ClusterError)
    states = (redis_errors.OutOfMemoryError, redis_errors.ReadOnlyError, redis_errors.TryAgainError)
    text = str(error)
    if any(words in text for words in _PASSWORD_WANTED):
        return StoreAccessError("it wants a password")
    if any(words in text for words in _PASSWORD_WRONG):
        return StoreAccessError("it refuses the user name or password")
    if isinstance(error, unavailable + states) or text.startswith(_NOT_NOW):
        return StoreUnavailableError(f"the store did not answer: {text}")
    return StoreFaultError(f"the store refused a command: {text}")
