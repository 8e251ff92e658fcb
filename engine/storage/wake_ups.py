"""Wake-ups: one connection that hears when a cart that is watched in this process has changed.

A wake-up says that something is new and not what: it may be lost on the way, and whoever hears it reads the log. The
confirmation of every subscription, the first and those after a lost connection, is passed on as a wake-up too, so that
nothing slips through between a read and a subscription, or while nobody listened.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from redis.asyncio.client import PubSub

from engine.storage.connection import Connection

Heard = Callable[[bytes | None], None]
"""Called with what was sent, None where something may have been missed."""

_LOG: Final = logging.getLogger("panier.store")
_SILENCE_S: Final = 2.0
"""After so long without a word the server is asked whether it is there; after twice as long it is not."""
_RETRY_S: Final = 0.2


class WakeUps:
    """Listens to sharded channels. One instance belongs to one event loop."""

    def __init__(self, connection: Connection) -> None:
        """Listen on a connection of its own, made like those of `connection`. Nothing is sent before `listen`."""
        self._connection = connection
        self._heard: dict[bytes, Heard] = {}
        self._pubsub: PubSub | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._lost = False
        self._closed = False

    async def listen(self, channel: str, heard: Heard) -> None:
        """Pass on what is sent to a channel from now on; `heard` is called once more when that has begun."""
        self._heard[channel.encode()] = heard
        self._wanted.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        elif self._pubsub is not None:
            await self._send(self._pubsub.ssubscribe, channel)

    async def leave(self, channel: str) -> None:
        """Stop listening to a channel."""
        self._heard.pop(channel.encode(), None)
        if self._pubsub is not None:
            await self._send(self._pubsub.sunsubscribe, channel)

    async def close(self) -> None:
        """Stop listening at all."""
        self._heard.clear()
        # Python 3.11 may lose a cancellation in `asyncio.wait_for`, which redis-py sends with: so the task looks too.
        self._closed = True
        self._wanted.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _send(self, command: Callable[..., Any], channel: str) -> None:
        """Send a command; where that fails, the reader notices too, and subscribes to everything again.

        redis-py does not expect that one task sends while another one finds that the connection is lost: what then
        comes is as often an `AttributeError`, or a `RuntimeError` of uvloop, as one of its own.
        """
        with suppress(Exception):
            await command(channel)

    async def _run(self) -> None:
        while not self._closed:
            await self._wanted.wait()
            pubsub = self._connection.pubsub()
            try:
                await self._subscribe(pubsub)
                self._pubsub, self._lost = pubsub, False
                await self._read(pubsub)
            except Exception as fault:  # noqa: BLE001  # see `_send`; and nobody else would listen again
                if not self._lost:
                    _LOG.warning("wake-ups from the store are interrupted: %s", fault)
                self._lost = True
            finally:
                self._pubsub = None
                with suppress(Exception):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
                    await pubsub.connection_pool.aclose()  # one that was still being opened
            await asyncio.sleep(_RETRY_S)

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Subscribe to everything that is listened to, that too which was added meanwhile."""
        subscribed: set[bytes] = set()
        while missing := self._heard.keys() - subscribed:
            await pubsub.ssubscribe(*missing)
            subscribed |= missing

    async def _read(self, pubsub: PubSub) -> None:
        """Pass messages on until nobody listens or the connection is lost."""
        asked = False
        while self._heard:
            message = await pubsub.get_message(timeout=_SILENCE_S)
            if message is not None:
                asked = False
                await self._pass_on(pubsub, message)
            elif asked:
                raise ConnectionError("the server is silent")
            else:
                asked = True
                await pubsub.ping()
        self._wanted.clear()

    async def _pass_on(self, pubsub: PubSub, message: dict[str, Any]) -> None:
        channel = message["channel"]
        heard = self._heard.get(channel)
        if heard is None:
            return
        if message["type"] == "sunsubscribe":
            # Nobody here asked for it, or somebody wants it again: a cluster takes channels away with their slot.
            await pubsub.ssubscribe(channel)
        else:
            heard(message["data"] if message["type"] == "smessage" else None)
