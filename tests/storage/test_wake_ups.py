"""The connection that hears wake-ups, where the store keeps cutting it while others ask for channels."""

import asyncio
import gc
import warnings
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import uvloop

from engine.storage.connection import Connection
from engine.storage.wake_ups import WakeUps

WAIT_S = 20


async def _come_and_go(wake_ups: WakeUps, who: int) -> None:
    for turn in range(30):
        await wake_ups.listen(f"{who}-{turn}", lambda _: None)
        if turn % 3 == who % 3:
            await asyncio.sleep(0.001)
        await wake_ups.leave(f"{who}-{turn}")


async def _while_it_is_cut(server_url: str) -> None:
    store = Connection(server_url)
    wake_ups = WakeUps(store)
    heard = asyncio.Event()
    async with asyncio.timeout(WAIT_S):
        await wake_ups.listen("kept", lambda _: heard.set())
        coming_and_going = [asyncio.create_task(_come_and_go(wake_ups, who)) for who in range(4)]
        while not all(task.done() for task in coming_and_going):
            await store.command("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(0.005)
        await asyncio.gather(*coming_and_going)
        # Whatever was lost on the way: it listens again.
        heard.clear()
        while not heard.is_set():
            await store.command("SPUBLISH", "kept", "1")
            await asyncio.sleep(0.01)
        await wake_ups.close()
        await store.close()


def test_nothing_is_left_open_where_the_connection_is_cut_again_and_again(server_url: str) -> None:
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always")
        for _ in range(8):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
                loop.run(_while_it_is_cut(server_url))
            gc.collect()
    assert [str(warning.message) for warning in left_open] == []


class _LosesACancellation:
    """A listener that goes on after it was cancelled, as `asyncio.wait_for` of Python 3.11 sometimes does."""

    def __init__(self) -> None:
        self.connection_pool = self

    async def ssubscribe(self, *_: str) -> None:
        pass

    async def get_message(self, timeout: float) -> dict[str, Any] | None:  # noqa: ASYNC109  # as in redis-py
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(timeout)
        return None

    async def ping(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def test_it_ends_though_a_cancellation_is_lost() -> None:
    wake_ups = WakeUps(cast("Connection", SimpleNamespace(pubsub=_LosesACancellation)))
    await wake_ups.listen("any", lambda _: None)
    await asyncio.sleep(0)  # now it reads
    ended, _ = await asyncio.wait({asyncio.create_task(wake_ups.close())}, timeout=WAIT_S)
    assert ended
