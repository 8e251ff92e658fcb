"""Load over HTTP: the service beside the bare route, in one run, on the same store. ``python -m bench.load``.

The server has the first core for itself; this process and the store share the others. Each connection works on a cart
of its own and sends the next request when the answer is there; each answer is compared with the total that is right.

Beside the throughput stands what a request costs the server in processor time (Linux only). Where the server is what
limits the throughput, the two ratios are the same; where something else keeps the machine busy, the second one holds.

Then requests come at half of the highest rate, whether or not the one before is answered: how long the slowest of a
hundred takes, counted from when it was due. And two servers share a port and two cores with everything else.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench import table, workload
from engine.storage.embedded import EmbeddedServer

CONNECTIONS: Final = 8
ROUNDS: Final = 5
ROUND_S: Final = 2.0
CHANGED: Final = "p00-0"
"""The product that `cartLinesAdd` adds one more of."""


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
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        stats = [Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split() for pid in self.pids]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one round measured. ``load_share`` is how much of a core the load itself took."""

    per_s: float
    cpu_us: float
    load_share: float = 0.0


Work = Callable[[Shopper], Coroutine[None, None, bool]]


async def connected(server: Served, *, begin: bool) -> list[Shopper]:
    """Return the connections, with a cart each where that is asked for."""
    shoppers = [Shopper(*await asyncio.open_connection(server.host, server.port)) for _ in range(CONNECTIONS)]
    if begin:
        await asyncio.gather(*(shopper.begin() for shopper in shoppers))
    return shoppers


async def slowest_ms(server: Served, work: Work, per_s: float, *, begin: bool) -> float:
    """Return how long 99 of 100 requests take at most that come at a steady rate, from when each is due."""
    shoppers = await connected(server, begin=begin)
    took: list[float] = []
    started = time.perf_counter()

    async def loop(number: int, shopper: Shopper) -> None:
        due = started + number / per_s
        while due < started + ROUND_S:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            assert await work(shopper), "a wrong answer"
            took.append(time.perf_counter() - due)
            due += CONNECTIONS / per_s

    await asyncio.gather(*(loop(number, shopper) for number, shopper in enumerate(shoppers)))
    for shopper in shoppers:
        shopper.writer.close()
    return sorted(took)[len(took) * 99 // 100 - 1] * 1000


async def rate(server: Served, work: Work, *, begin: bool) -> Rate:
    """Return how many requests a second were answered, all of them rightly, and what each cost."""
    shoppers = await connected(server, begin=begin)
    until = time.perf_counter() + ROUND_S

    async def loop(shopper: Shopper) -> int:
        done = 0
        while time.perf_counter() < until:
            assert await work(shopper), "a wrong answer"
            done += 1
        return done

    started, cpu_s, load_s = time.perf_counter(), server.cpu_s(), time.process_time()
    done = sum(await asyncio.gather(*(loop(shopper) for shopper in shoppers)))
    took_s = time.perf_counter() - started
    measured = Rate(done / took_s, (server.cpu_s() - cpu_s) / done * 10**6, (time.process_time() - load_s) / took_s)
    for shopper in shoppers:
        shopper.writer.close()
    return measured


@contextmanager
def served(what: str, store_url: str, folder: Path, cores: Sequence[int] = (0,)) -> Iterator[Served]:
    """Run a server on the first core; of several workers, which share a port, each on one of the cores."""
    command = [sys.executable, "-m", "bench.served", what, store_url, str(folder)]
    port, processes = 0, []
    try:
        for core in cores:
            process = subprocess.Popen([*command, str(port)], stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module
            processes.append(process)
            os.sched_setaffinity(process.pid, {core})
            assert process.stdout
            host, written = process.stdout.readline().strip().split(":")
            port = int(written)
        yield Served(host, port, tuple(process.pid for process in processes))
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@dataclass
class Loads:
    """What all rounds measured."""

    rates: dict[str, Rate]
    slowest_ms: dict[str, float]
    slowest_bare_ms: dict[str, float]
    """The bare route at the rate of each of the others."""
    workers: dict[int, Rate]


WORKS: Final[dict[str, Work]] = {"cart": read, "cartLinesAdd": add}


def measure() -> Loads:
    """Put load on the service and the bare route, in turns."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    try:
        with tempfile.TemporaryDirectory() as name, EmbeddedServer(Path(name) / "store") as store:
            return _measured(store.url, Path(name) / "shop", everywhere)
    finally:
        os.sched_setaffinity(0, everywhere)


def _measured(store_url: str, folder: Path, everywhere: set[int]) -> Loads:
    rounds: dict[str, list[Rate]] = {"bare route": [], **{name: [] for name in WORKS}}
    slowest: dict[str, list[float]] = {name: [] for name in WORKS}
    slowest_bare: dict[str, list[float]] = {name: [] for name in WORKS}
    with served("panier", store_url, folder) as panier, served("bare", store_url, folder) as bare:
        for _ in range(ROUNDS):
            rounds["bare route"].append(asyncio.run(rate(bare, nothing, begin=False)))
            for name, work in WORKS.items():
                rounds[name].append(asyncio.run(rate(panier, work, begin=True)))
        for name, work in WORKS.items():
            half = _median(rounds[name]).per_s / 2
            for _ in range(ROUNDS):
                slowest[name].append(asyncio.run(slowest_ms(panier, work, half, begin=True)))
                slowest_bare[name].append(asyncio.run(slowest_ms(bare, nothing, half, begin=False)))
    os.sched_setaffinity(0, everywhere)
    workers: dict[int, list[Rate]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for number, measured in workers.items():
            with served("panier", store_url, folder, sorted(everywhere)[:number]) as panier:
                measured.append(asyncio.run(rate(panier, read, begin=True)))
    return Loads(
        {name: _median(measured) for name, measured in rounds.items()},
        {name: median(each) for name, each in slowest.items()},
        {name: median(each) for name, each in slowest_bare.items()},
        {number: _median(measured) for number, measured in workers.items()},
    )


def main() -> None:
    """Print throughputs and their ratios to that of the bare route, and how long the slowest requests take."""
    loads = measure()
    limit = loads.rates["bare route"]
    for name, found in loads.rates.items():
        print(
            f"{name:12} {found.per_s:7.0f} requests/s, {found.per_s / limit.per_s:.2f} of the bare route;"
            f" {found.cpu_us:5.0f} us of the server's processor, {limit.cpu_us / found.cpu_us:.2f};"
            f" the load took {found.load_share:.0%} of a core"
        )
    for name, found_ms in loads.slowest_ms.items():
        bare_ms = loads.slowest_bare_ms[name]
        print(f"{name:12} p99 {found_ms:.1f} ms at half of that; the bare route {bare_ms:.1f} ms at the same rate")
    one, two = loads.workers[1], loads.workers[2]
    print(f"two workers  {two.per_s / one.per_s:.2f} times one; the load took {two.load_share:.0%} of a core")
    for name, found in loads.rates.items():
        if name != "bare route":
            table.at_least(f"{name} over HTTP, throughput against the bare route", found.per_s / limit.per_s, 0.5)
            slower = loads.slowest_ms[name] / loads.slowest_bare_ms[name]
            table.at_most(f"{name} over HTTP, p99 at half of the maximum, against the bare route", slower, 3)
    table.at_least("two workers on two cores, store and load on them too, against one", two.per_s / one.per_s, 1.5)


def _median(measured: Sequence[Rate]) -> Rate:
    return Rate(*(median(of_rounds) for of_rounds in zip(*(astuple(each) for each in measured), strict=True)))


if __name__ == "__main__":
    main()
