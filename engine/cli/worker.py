"""A worker of `panier serve --workers`: ``python -m engine.cli.worker LISTENER CHANNEL``, two open files.

Its parent says at its standard input what to serve, and through the channel what to take over (`engine.cli.workers`).
"""

import asyncio
import contextlib
import logging
import os
import pickle
import signal
import socket
import sys
from typing import Final

import typer

from engine.cli.console import fail
from engine.cli.handover import Handover
from engine.cli.reload import Intake, collector_resting
from engine.cli.secret import token_authority
from engine.cli.service import Service, in_loop, store_connection
from engine.cli.workers import Start
from engine.errors import PanierError
from engine.storage.keys import KeyNames

_LOG: Final = logging.getLogger("panier.workers")


class _Parent:
    """The parent, as a worker sees it."""

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(0)
        self._channel = channel

    async def handover(self) -> Handover | None:
        """Wait for what is to be taken over; None when the parent is gone, or wants this worker to end."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._channel, readable.set)
        try:
            await readable.wait()
            _, files, _, _ = socket.recv_fds(self._channel, 1, 1)
        except OSError:
            return None
        finally:
            loop.remove_reader(self._channel)
        return Handover(os.fdopen(files[0], "rb")) if files else None

    def served(self) -> None:
        """Say that what was handed over is served."""
        with contextlib.suppress(OSError):
            self._channel.send(b"\0")


async def _work(start: Start, listener: socket.socket, parent: _Parent) -> None:
    """Serve what the parent hands over, until it ends the channel."""
    settings = start.settings
    first = await parent.handover()
    if first is None:
        return
    with collector_resting(), contextlib.closing(first):
        snapshot = await first.taken_over(None)
    names = KeyNames(shop=snapshot.shop.id)
    async with store_connection(settings, start.store_url, names, lambda _: None) as connection:
        service = Service(settings, snapshot, token_authority(settings), connection, names)
        intake = Intake(service.engine)

        async def obey() -> None:
            while (handover := await parent.handover()) is not None:
                try:
                    await intake.take(handover)
                except Exception:  # noqa: BLE001  # whatever it is, prices go on
                    _LOG.exception("what was loaded could not be taken over; what was loaded before goes on")
                parent.served()

        await service.serve(listener, parent.served, obey)


def main() -> None:
    """Be a worker."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent loads again, for all
    start: Start = pickle.load(sys.stdin.buffer)  # noqa: S301 - from a process of ours
    listener, channel = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    try:
        in_loop(_work(start, listener, _Parent(channel)))
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except (PanierError, OSError) as fault:
        fail(str(fault))


if __name__ == "__main__":
    main()
