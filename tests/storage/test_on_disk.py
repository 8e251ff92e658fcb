"""An order is on disk before its answer leaves: seen in the system calls of the store, since a kill proves nothing."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.embedded import EmbeddedServer
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import ADA, paid, quoted
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # a fixture, found by its name

CALLS = "trace=write,writev,sendto,sendmsg,fsync,fdatasync"
SYNCED = r"f(data)?sync\(\d+\)"
ANSWERED = r'"\*\d\\r\\n\$6\\r\\nplaced'
WAIT_S = 10


@contextmanager
def traced(pid: int, into: Path) -> Iterator[None]:
    """Write down what a process says and what it brings to disk; skip where that cannot be seen."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = ["strace", "-f", "-s", "65535", "-e", CALLS, "-o", str(into), "-p", str(pid)]
    tracing = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # ours
    assert tracing.stderr is not None
    first = tracing.stderr.readline()
    if "attached" not in first:
        tracing.wait(WAIT_S)
        tracing.stderr.close()
        pytest.skip(f"this machine lets nobody look: {first.strip()}")
    try:
        yield
    finally:
        time.sleep(0.2)
        tracing.terminate()
        tracing.wait(WAIT_S)
        tracing.stderr.close()


def test_an_order_is_on_disk_before_its_answer_leaves(tmp_path: Path, snapshot: Snapshot) -> None:
    trace = tmp_path / "trace"

    async def order(engine: Panier, store: EmbeddedServer) -> str:
        quote = await quoted(engine, ADA, "ONLY-ONE")
        with traced(store.pid, trace):
            answer = await paid(engine, ADA, quote)
        assert answer.order is not None
        return f":order:{answer.order.number}"

    calls, written = _traced(tmp_path, snapshot, trace, order)
    synced = next(at for at in range(written, len(calls)) if re.search(SYNCED, calls[at]))
    answered = next(at for at, call in enumerate(calls) if re.search(ANSWERED, call))
    assert written < synced < answered


def test_so_it_is_before_a_replay_tells_of_it(tmp_path: Path, snapshot: Snapshot) -> None:
    """Whoever placed it may have died while it waited for the disk."""
    trace = tmp_path / "trace"

    async def order_again(engine: Panier, store: EmbeddedServer) -> str:
        quote = await quoted(engine, ADA, "ONLY-ONE")
        await paid(engine, ADA, quote)
        with traced(store.pid, trace):
            assert (await paid(engine, ADA, quote)).replayed
        return f":quote:{quote.cart.id}:{quote.id}"

    calls, written = _traced(tmp_path, snapshot, trace, order_again)
    synced = next(at for at in range(written, len(calls)) if re.search(SYNCED, calls[at]))
    answered = max(at for at, call in enumerate(calls) if re.search(ANSWERED, call))
    assert written < synced < answered


def _traced(
    folder: Path, snapshot: Snapshot, trace: Path, work: Callable[[Panier, EmbeddedServer], Awaitable[str]]
) -> tuple[list[str], int]:
    """Do some traced work on a store; return the calls, and which first tells of the key that the work names."""

    async def run(store: EmbeddedServer) -> str:
        connection = Connection(store.url, timeout_s=WAIT_S)
        await connection.load()
        key = await work(Panier(snapshot, Stores.on(connection, KeyNames(), LIMITS), Limits()), store)
        await connection.close()
        return key

    with EmbeddedServer(folder / "store") as store:
        key = asyncio.run(run(store))
    calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    return calls, next(at for at, call in enumerate(calls) if key in call)
