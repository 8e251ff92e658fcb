"""Several workers on one port: processes that answer, and a parent that keeps them.

The parent holds the address, the store and what is loaded, and answers nothing itself. Each worker is told through a
channel what to take over: the parent sends the open file, the worker says when it serves what is in it. The end of
that channel is the end of the worker, so it stops when its parent does, however that ended. A worker that ends by
itself is replaced: connections wait for it in its queue of the address, which the parent keeps open.
"""

import asyncio
import contextlib
import logging
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from engine.cli.handover import Accepted, Handover
from engine.cli.service import DRAIN_S, Watch
from engine.errors import PanierError
from engine.settings import Settings

_WORKER: Final = "engine.cli.worker"
_END_S: Final = DRAIN_S + 5.0
"""How long a worker may take to end; then it is killed."""
_RESTART_DELAYS_S: Final = (0.0, 0.5, 2.0, 5.0, 10.0)
"""How long to wait before each try to replace a worker that ended; there are no more tries than these."""
_STEADY_S: Final = 60.0
"""A worker that has run so long has its tries anew."""
_LOG: Final = logging.getLogger("panier.workers")


class WorkersError(PanierError):
    """A worker does not start, or ends again and again; the message says how."""


@dataclass(frozen=True, slots=True)
class Start:
    """What each worker is told before anything else."""

    settings: Settings
    store_url: str


class _Worker:
    """One worker, as its parent sees it."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.process = process
        self._channel = channel

    @classmethod
    async def begun(cls, start: Start, listener: socket.socket) -> "_Worker":
        """Start a process, which is to be given what it serves."""
        ours, its = socket.socketpair()
        with its:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _WORKER, str(listener.fileno()), str(its.fileno())),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(listener.fileno(), its.fileno()),
                start_new_session=True,  # Ctrl-C is for the parent, which ends it
            )
        ours.settimeout(0)
        assert process.stdin is not None  # noqa: S101 - it was asked for
        # Of one that has ended already `take` and `ended` tell; uvloop calls its closed pipe a RuntimeError.
        with contextlib.suppress(OSError, RuntimeError):
            process.stdin.write(pickle.dumps(start))
            process.stdin.close()
        return cls(process, ours)

    async def take(self, handover: Handover) -> bool:
        """Have it serve what is handed over; return False where it ended before."""
        try:
            socket.send_fds(self._channel, [b"\0"], [handover.file.fileno()])
            return bool(await asyncio.get_running_loop().sock_recv(self._channel, 1))
        except OSError:
            return False

    def let_go(self) -> None:
        """Have it finish what is under way, and end."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    async def ended(self) -> str:
        """Wait for its end, and say how it was."""
        code = await self.process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


class Workers:
    """All workers of a service. One instance belongs to one event loop."""

    def __init__(self, start: Start, handover: Handover, listeners: Sequence[socket.socket]) -> None:
        """Prepare workers that serve what is handed over first; more may come (`take`).

        `listeners` are one for each worker, or one for all.
        """
        self._start = start
        self._listeners = listeners
        self._handovers = [handover]
        self._handing = asyncio.Lock()
        self._workers: dict[int, _Worker] = {}
        self._over = asyncio.Event()

    async def take(self, handover: Handover) -> None:
        """Have all workers serve what was loaded, or know that it was refused; returns when all of them do."""
        async with self._handing:
            self._remember(handover)
            await asyncio.gather(*(worker.take(handover) for worker in self._workers.values()))

    async def run(self, ready: Callable[[], None], watch: Watch | None) -> None:
        """Keep the workers until a signal says stop, or `watch` ends. `ready` is called when all of them answer.

        Raises `WorkersError` where they cannot be kept, and what `watch` raises.
        """
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, self._stop)
        tasks = [asyncio.create_task(self._over.wait()), asyncio.create_task(self._keep_all(ready))]
        if watch is not None:
            tasks.append(asyncio.create_task(watch()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over.set()
            for listener in self._listeners:
                listener.close()  # whoever is let go comes back at once, and must not find this service
            await self._end_all()
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome

    def _stop(self) -> None:
        """Stop; asked again, at once."""
        if self._over.is_set():
            for worker in self._workers.values():
                _kill(worker)
        self._over.set()

    async def _keep_all(self, ready: Callable[[], None]) -> None:
        numbers = range(1, self._start.settings.workers + 1)
        await asyncio.gather(*map(self._first, numbers))
        ready()
        await asyncio.gather(*map(self._keep, numbers))

    async def _first(self, number: int) -> None:
        if not await self._begin(number) and not self._over.is_set():
            raise WorkersError(f"worker {number} ended at start ({await self._workers[number].ended()})")

    async def _keep(self, number: int) -> None:
        """Replace a worker whenever it ends."""
        tries, began = 0, time.monotonic()
        while True:
            worker = self._workers[number]
            how = await worker.ended()
            if self._over.is_set():
                return
            worker.let_go()
            if time.monotonic() - began > _STEADY_S:
                tries = 0
            if tries == len(_RESTART_DELAYS_S):
                raise WorkersError(f"worker {number} ended {tries + 1} times, the last time with {how}")
            _LOG.warning("worker %d (process %d) ended (%s): starting another", number, worker.process.pid, how)
            await asyncio.sleep(_RESTART_DELAYS_S[tries])
            tries, began = tries + 1, time.monotonic()
            if await self._begin(number):
                _LOG.warning("worker %d runs again (process %d)", number, self._workers[number].process.pid)

    async def _begin(self, number: int) -> bool:
        """Start a worker and have it serve what all others do; say whether it does."""
        listener = self._listeners[number % len(self._listeners)]
        worker = self._workers[number] = await _Worker.begun(self._start, listener)
        async with self._handing:
            for handover in self._handovers:
                if not await worker.take(handover):
                    return False
        return True

    def _remember(self, handover: Handover) -> None:
        """Keep what a worker that starts later needs: a shop, the rules that replaced its own, the last refusal."""
        head = handover.head
        if isinstance(head, Accepted):
            gone = self._handovers if head.shop is not None else self._handovers[1:]
        else:
            gone = [each for each in self._handovers if not isinstance(each.head, Accepted)]
        for each in gone:
            each.close()
        self._handovers = [*(each for each in self._handovers if each not in gone), handover]

    async def _end_all(self) -> None:
        """Let all workers finish what is under way; kill those that do not end."""
        for worker in self._workers.values():
            worker.let_go()
        ends = [asyncio.create_task(worker.ended()) for worker in self._workers.values()]
        if ends:
            await asyncio.wait(ends, timeout=_END_S)
        for worker in self._workers.values():
            _kill(worker)
        await asyncio.gather(*ends)


def _kill(worker: _Worker) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.process.kill()
