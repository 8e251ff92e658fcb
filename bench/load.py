"""Load over HTTP: the service beside the bare route, in one run, on the same store. ``python -m bench.load``.

The server has the first core for itself; this process and the store share the others. Each connection works on a cart
of its own and sends the next request when the answer is there; each answer is compared with the total that is right.

Beside the throughput stands what a request costs the server in processor time (Linux only). Where the server is what
limits the throughput, the two ratios are the same; where something else keeps the machine busy, the second one holds.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench import workload
from engine.storage.embedded import EmbeddedServer

CONNECTIONS: Final = 8
ROUNDS: Final = 5
ROUND_S: Final = 2.0
CHANGED: Final = "p00-0"
"""The product that `cartLinesAdd` adds one more of."""

Check = Callable[[bytes], bool]


@dataclass
class Shopper:
    """One connection with its cart."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    token: str = ""
    cart: str = ""
    added: int = 0

    async def ask(self, body: bytes) -> bytes:
        """Send a request and return the body of its answer."""
        head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        self.writer.write(f"{head}\r\n".encode() + body)
        answered = await self.reader.readuntil(b"\r\n\r\n")
        length = answered.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return await self.reader.readexactly(int(length))

    async def begin(self) -> None:
        """Start a session and fill a cart."""
        session = json.loads(await self.ask(_body(workload.SESSION)))
        self.token = session["data"]["sessionCreate"]["token"]
        created = json.loads(await self.ask(_body(workload.CREATE, lines=workload.lines())))
        self.cart = created["data"]["cartCreate"]["cart"]["id"]

    def right(self, answer: bytes) -> bool:
        """Say whether an answer has no error and the right total."""
        quantities = {line["sku"]: line["quantity"] for line in workload.lines()}
        quantities[CHANGED] += self.added
        total = b'"minorUnits":%d,' % workload.expected_total_minor(quantities)
        return total in answer and b'"errors"' not in answer and b'"userErrors":[{' not in answer


async def read(shopper: Shopper) -> bool:
    """Look at the cart."""
    return shopper.right(await shopper.ask(_body(workload.READ, id=shopper.cart)))


async def add(shopper: Shopper) -> bool:
    """Add one piece to a line of the cart."""
    line = {"sku": CHANGED, "quantity": 1}
    answer = await shopper.ask(_body(workload.ADD, id=shopper.cart, lines=[line]))
    shopper.added += 1
    return shopper.right(answer)


async def nothing(shopper: Shopper) -> bool:
    """Ask the bare route."""
    return len(await shopper.ask(b"{}")) > 1_900


def _body(query: str, **variables: object) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    host: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one round measured."""

    per_s: float
    cpu_us: float


async def rate(server: Served, work: Callable[[Shopper], object], *, begin: bool) -> Rate:
    """Return how many requests a second were answered, all of them rightly, and what each cost."""
    shoppers = [Shopper(*await asyncio.open_connection(server.host, server.port)) for _ in range(CONNECTIONS)]
    if begin:
        await asyncio.gather(*(shopper.begin() for shopper in shoppers))
    until = time.perf_counter() + ROUND_S

    async def loop(shopper: Shopper) -> int:
        done = 0
        while time.perf_counter() < until:
            assert await work(shopper), "a wrong answer"  # type: ignore[misc]  # work is a coroutine function
            done += 1
        return done

    started, cpu_s = time.perf_counter(), server.cpu_s()
    done = sum(await asyncio.gather(*(loop(shopper) for shopper in shoppers)))
    measured = Rate(done / (time.perf_counter() - started), (server.cpu_s() - cpu_s) / done * 10**6)
    for shopper in shoppers:
        shopper.writer.close()
    return measured


@contextmanager
def served(what: str, store_url: str, folder: Path) -> Iterator[Served]:
    """Run a server on the first core."""
    command = [sys.executable, "-m", "bench.served", what, store_url, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module
    try:
        os.sched_setaffinity(process.pid, {0})
        assert process.stdout
        host, port = process.stdout.readline().strip().split(":")
        yield Served(host, int(port), process.pid)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Print throughputs and their ratios to that of the bare route."""
    os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    with tempfile.TemporaryDirectory() as name, EmbeddedServer(Path(name) / "store") as store:
        folder = Path(name) / "shop"
        with served("panier", store.url, folder) as panier, served("bare", store.url, folder) as bare:
            rates: dict[str, list[Rate]] = {"bare route": [], "cart": [], "cartLinesAdd": []}
            for _ in range(ROUNDS):
                rates["bare route"].append(asyncio.run(rate(bare, nothing, begin=False)))
                rates["cart"].append(asyncio.run(rate(panier, read, begin=True)))
                rates["cartLinesAdd"].append(asyncio.run(rate(panier, add, begin=True)))
    limit = _median(rates["bare route"])
    for name, measured in rates.items():
        found = _median(measured)
        print(
            f"{name:12} {found.per_s:7.0f} requests/s, {found.per_s / limit.per_s:.2f} of the bare route;"
            f" {found.cpu_us:5.0f} us of the server's processor, {limit.cpu_us / found.cpu_us:.2f}"
        )


def _median(measured: list[Rate]) -> Rate:
    return Rate(median(each.per_s for each in measured), median(each.cpu_us for each in measured))


if __name__ == "__main__":
    main()
