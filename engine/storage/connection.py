"""The connection to the store: a small pool, deadlines, and errors in our words."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig

from engine.errors import PanierError, StoreUnavailableError
from engine.storage import scripts
from engine.storage.scripts import Script

Answer = TypeVar("Answer")
Argument = bytes | str | int

_RETRIES: Final = 2
_BACKOFF_S: Final = 0.02
_BACKOFF_MOST_S: Final = 0.2

_NOT_NOW: Final = ("BUSY", "CLUSTERDOWN", "MASTERDOWN", "MISCONF", "NOREPLICAS", "UNKILLABLE")
"""How error answers begin that speak of the server's state and have no class of their own in redis-py."""


class StoreFaultError(PanierError):
    """The store refused a command for what it is: a fault in Panier, or a user without the rights it needs."""


class Connection:
    """A pool of connections to one server, shared by all requests of a worker.

    One instance belongs to one event loop. A lost connection is made anew and the command sent again, at most twice:
    safe because every script does its work once, however often it is sent. A timeout is not tried again, because
    the caller has waited long enough.
    """

    def __init__(self, url: str, *, connections: int = 32, timeout_s: float = 5.0) -> None:
        """Prepare a pool for ``redis://``, ``rediss://`` or ``unix://``; nothing is sent before the first command.

        ``timeout_s`` bounds each of: waiting for a free connection, connecting, sending, and awaiting an answer.
        Raises `ValueError` where the URL is none of those.
        """
        retry = Retry(
            ExponentialWithJitterBackoff(base=_BACKOFF_S, cap=_BACKOFF_MOST_S),
            _RETRIES,
            supported_errors=(redis_errors.ConnectionError,),
        )
        self._redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=connections,
                timeout=timeout_s,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=retry,
                maint_notifications_config=MaintNotificationsConfig(enabled=False),
            )
        )
        self._under_way: set[asyncio.Task[Any]] = set()

    async def load(self) -> None:
        """Give all scripts to the server, so that the first requests need no second round trip."""
        for script in scripts.ALL:
            await self.command("SCRIPT", "LOAD", script.source)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        """Run a script in one round trip and return its answer; texts come as bytes.

        A server that does not know the script, such as one that was restarted, is given it once.
        Raises `StoreUnavailableError`, and `StoreFaultError` where the script itself failed.
        """
        answer: list[Any] = await self._finished(self._run(script, keys, arguments))
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

    async def close(self) -> None:
        """Let the commands under way finish and close all connections."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._redis.aclose(close_connection_pool=True)

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        try:
            return await self._redis.evalsha(script.sha, len(keys), *keys, *arguments)
        except redis_errors.NoScriptError:
            await self._redis.script_load(script.source)
            return await self._redis.evalsha(script.sha, len(keys), *keys, *arguments)

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
            return await asyncio.shield(task)
        except redis_errors.RedisError as error:
            raise _translated(error) from error


def _text(value: bytes | str | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _translated(error: redis_errors.RedisError) -> PanierError:
    unavailable = (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.ClusterError)
    states = (redis_errors.OutOfMemoryError, redis_errors.ReadOnlyError, redis_errors.TryAgainError)
    text = str(error)
    if isinstance(error, unavailable + states) or text.startswith(_NOT_NOW):
        return StoreUnavailableError(f"the store did not answer: {text}")
    return StoreFaultError(f"the store refused a command: {text}")
