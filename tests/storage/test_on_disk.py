"""An order is on disk before its answer leaves: seen in the system calls of the store, since a kill proves nothing."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
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

    async def order(store: EmbeddedServer) -> str:
        connection = Connection(store.url, timeout_s=WAIT_S)
        await connection.load()
        engine = Panier(snapshot, Stores.on(connection, KeyNames(), LIMITS), Limits())
        quote = await quoted(engine, ADA, "ONLY-ONE")
        with traced(store.pid, trace):
            answer = await paid(engine, ADA, quote)
        await connection.close()
        assert answer.order is not None
        return answer.order.number

    with EmbeddedServer(tmp_path / "store") as store:
        number = asyncio.run(order(store))
    calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    written = next(at for at, call in enumerate(calls) if f":order:{number}" in call)
    synced = next(at for at, call in enumerate(calls) if at > written and re.search(r"f(data)?sync\(\d+\)", call))
    answered = next(at for at, call in enumerate(calls) if re.search(r'"\*4\\r\\n\$6\\r\\nplaced', call))
    assert written < synced < answered
