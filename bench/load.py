"""Load over HTTP: the service beside the bare route, in one run, on the same store. ``python -m bench.load``.

The server has the first core for itself; this process and the store share the others. Each answer is compared with the
total that is right (`bench.generator`).

1. As much as is answered, over eight connections, in turns: throughputs, and beside them what a request costs the
   server in processor time. Where the server is what limits the throughput, the two ratios are the same; where
   something else keeps the machine busy, the second one holds. `cart` is read twice: as it is served, where the
   evaluation of a version that was read before is at hand, and with that turned off.
2. Requests that come at half of that rate, whether or not the one before is answered: how long the slowest of a hundred
   takes, beside the bare route at the same rate.
3. The same from a tenth to nine tenths of each one's own highest rate, for the picture.
4. `panier serve` with one worker and with two, on all cores, with the store and this process on them too.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench import generator, table, workload
from bench.generator import ADD, NOTHING, READ, Work
from bench.servers import Server, panier, served
from engine.storage.embedded import EmbeddedServer

CONNECTIONS: Final = 8
OPEN_CONNECTIONS: Final = 32
"""So many where requests do not wait for each other: enough that none waits for a connection before all of them do."""
ROUNDS: Final = 5
ROUND_S: Final = 2.0
CURVE_S: Final = 3.0
SHARES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the highest rate: where latencies are measured for the picture."""
BARE: Final = "bare route"
UNCACHED: Final = "cart, evaluated anew"
WORKERS: Final = {"cart": READ, "cartLinesAdd": ADD}


@dataclass(frozen=True, slots=True)
class Rate:
    """What one round measured. ``load_share`` is how much of a core the load itself took."""

    per_s: float
    cpu_us: float
    load_share: float


def rate(server: Server, work: Work) -> Rate:
    """Return how many requests a second were answered, all of them rightly, and what each cost."""
    cpu_s = server.cpu_s()
    per_s, took_s, load_s = generator.closed(server.host, server.port, work, connections=CONNECTIONS, seconds=ROUND_S)
    return Rate(per_s, (server.cpu_s() - cpu_s) / (per_s * took_s) * 10**6, load_s / took_s)


def latencies_ms(server: Server, work: Work, per_s: float, seconds: float = ROUND_S) -> list[float]:
    """Return how long requests took that came at a steady rate, in order."""
    took_ms = generator.opened(
        server.host, server.port, work, connections=OPEN_CONNECTIONS, seconds=seconds, per_s=per_s
    )
    return sorted(took_ms)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of values in order."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def middle(measured: Sequence[Rate]) -> Rate:
    """Return the median of each figure of some rounds."""
    return Rate(*(median(of_rounds) for of_rounds in zip(*(astuple(each) for each in measured), strict=True)))


def measure_rates(servers: dict[str, tuple[Server, Work]]) -> dict[str, Rate]:
    """Measure throughputs in turns, and print them."""
    rounds: dict[str, list[Rate]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, (server, work) in servers.items():
            rounds[name].append(rate(server, work))
    rates = {name: middle(measured) for name, measured in rounds.items()}
    bare = rates[BARE]
    for name, found in rates.items():
        print(
            f"{name:26} {found.per_s:7.0f} requests/s, {found.per_s / bare.per_s:.2f} of the bare route;"
            f" {found.cpu_us:5.0f} us of the server's processor, {bare.cpu_us / found.cpu_us:.2f};"
            f" the load took {found.load_share:.0%} of a core"
        )
    return rates


def measure_tails(servers: dict[str, tuple[Server, Work]], rates: dict[str, Rate]) -> None:
    """Measure the slowest of a hundred at half of the highest rate, in turns with the bare route at the same rate."""
    for name in ("cartLinesAdd", "cart"):
        half = rates[name].per_s / 2
        found = {BARE: list[float](), name: list[float]()}
        for _ in range(ROUNDS):
            for each, measured in found.items():
                measured.append(percentile(latencies_ms(*servers[each], half), 99))
        p99, bare = median(found[name]), median(found[BARE])
        print(f"{name:26} p99 {p99:.1f} ms at {half:.0f} requests/s; the bare route {bare:.1f} ms at the same rate")
        table.at_most(f"`{name}` over HTTP, p99 at half of the maximum, against the bare route", p99 / bare, 3)


def measure_curves(servers: dict[str, tuple[Server, Work]], rates: dict[str, Rate]) -> None:
    """Measure latencies from little load to nearly as much as is possible."""
    for name in ("cartLinesAdd", "cart", BARE):
        points = []
        for share in SHARES:
            per_s = rates[name].per_s * share
            took_ms = latencies_ms(*servers[name], per_s, CURVE_S)
            points.append((round(per_s), round(percentile(took_ms, 50), 2), round(percentile(took_ms, 99), 2)))
        table.curve(f"latency: {name}", ("requests/s", "p50 ms", "p99 ms"), points)


def measure_workers(shop: Path, store_url: str, cores: set[int]) -> None:
    """Compare two workers with one, on all cores, which the store and the load use as well."""
    rounds: dict[tuple[str, int], list[Rate]] = {(name, number): [] for name in WORKERS for number in (1, 2)}
    for number in (1, 2):
        with panier(shop, store_url, cores, workers=number) as server:
            for _ in range(ROUNDS):
                for name, work in WORKERS.items():
                    rounds[name, number].append(rate(server, work))
    for name in WORKERS:
        one, two = middle(rounds[name, 1]), middle(rounds[name, 2])
        print(
            f"{name:26} two workers {two.per_s:.0f} requests/s, one {one.per_s:.0f};"
            f" the load took {two.load_share:.0%} of a core, {one.load_share:.0%} beside one"
        )
        what = f"`{name}`, two workers against one, on two cores with store and load"
        table.at_least(what, two.per_s / one.per_s, 1.5)


def main() -> None:
    """Print throughputs and latencies beside those of the bare route, and state the rows."""
    everywhere = os.sched_getaffinity(0)
    first, *others = sorted(everywhere)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.sched_setaffinity(0, set(others) or everywhere)
        try:
            with EmbeddedServer(folder / "store") as store:
                shop = workload.write_shop(folder / "shop")
                with (
                    served("panier", store.url, shop, first) as service,
                    served("uncached", store.url, shop, first) as uncached,
                    served("bare", store.url, shop, first) as bare,
                ):
                    servers = {
                        BARE: (bare, NOTHING),
                        "cart": (service, READ),
                        UNCACHED: (uncached, READ),
                        "cartLinesAdd": (service, ADD),
                    }
                    rates = measure_rates(servers)
                    for what, least in (("cartLinesAdd", 0.5), (UNCACHED, 0.5), ("cart", 0.65)):
                        ratio = rates[what].per_s / rates[BARE].per_s
                        table.at_least(f"`{what}` over HTTP, throughput against the bare route", ratio, least)
                    measure_tails(servers, rates)
                    measure_curves(servers, rates)
        finally:
            os.sched_setaffinity(0, everywhere)
        with EmbeddedServer(folder / "store") as store:
            measure_workers(folder / "shop", store.url, everywhere)


if __name__ == "__main__":
    main()
