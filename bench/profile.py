"""Where the time of one `cartLinesAdd` goes, layer by layer, beside the bare route: ``python -m bench.profile``.

Both are put under load in turns, each alone on the first core, and sampled (`bench.sampling`): a layer's share of the
samples, times the processor time of a request, is what it takes of a request. The store's process is not in it.
"""

import argparse
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from redis import Redis

from bench import generator, table, workload
from bench.generator import ADD, NOTHING, READ, Work
from bench.servers import Server, served
from engine.storage.embedded import EmbeddedServer

WARM_S: Final = 1.5
FUNCTIONS: Final = 25
"""So many of the busiest functions are named."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one request takes, in microseconds: all of it, by layer, by function, and of the script at the store."""

    total_us: float
    layers_us: dict[str, float]
    functions_us: dict[str, float]
    script_us: float


def profile(server: Server, work: Work, store: Redis, seconds: float) -> Profile:
    """Put load on a server and return where a request's time goes."""
    samples_url = f"http://{server.host}:{server.port}/samples"
    generator.closed(server.host, server.port, work, connections=8, seconds=WARM_S)
    httpx.get(samples_url)
    store.config_resetstat()
    cpu_s = server.cpu_s()
    per_s, took_s, _ = generator.closed(server.host, server.port, work, connections=8, seconds=seconds)
    total_us = (server.cpu_s() - cpu_s) / (per_s * took_s) * 1e6
    script_us = float(store.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])
    layers, functions, samples = Counter[str](), Counter[str](), 0
    for layer, function, times in httpx.get(samples_url).json():
        layers[layer] += times
        functions[function] += times
        samples += times
    scale = total_us / samples
    return Profile(
        total_us,
        {layer: times * scale for layer, times in layers.most_common()},
        {function: times * scale for function, times in functions.most_common(FUNCTIONS) if function},
        script_us,
    )


def shown(name: str, found: Profile, bare: Profile) -> str:
    """Return the table of layers in Markdown."""
    lines = [f"| microseconds of the service's processor | bare route | `{name}` |", "|---|---:|---:|"]
    layers = {**found.layers_us, **{layer: 0.0 for layer in bare.layers_us if layer not in found.layers_us}}
    for layer, us in layers.items():
        lines.append(f"| {layer} | {bare.layers_us.get(layer, 0):.0f} | {us:.0f} |")
    lines.append(f"| **together** | **{bare.total_us:.0f}** | **{found.total_us:.0f}** |")
    lines.append(f"| the script, in the store's process | {bare.script_us:.0f} | {found.script_us:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--read", action="store_true", help="the query `cart` in place of `cartLinesAdd`")
    parser.add_argument("--page", action="store_true", help="write the table into docs/performance.md as well")
    asked = parser.parse_args()
    name, work = ("cart", READ) if asked.read else ("cartLinesAdd", ADD)
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, set(others) or {first})
    with tempfile.TemporaryDirectory() as temporary, EmbeddedServer(Path(temporary) / "store") as server:
        shop = workload.write_shop(Path(temporary) / "shop")
        with Redis.from_url(server.url) as store:
            with served("bare", server.url, shop, first, "sampled") as bare:
                of_bare = profile(bare, NOTHING, store, asked.seconds)
            with served("panier", server.url, shop, first, "sampled") as panier:
                found = profile(panier, work, store, asked.seconds)
    layers = shown(name, found, of_bare)
    print(layers)
    if asked.page:
        table.write_into_page("profile", layers + "\n")
    print(f"\nThe busiest functions of `{name}`, with what they call in C:\n")
    for function, us in found.functions_us.items():
        print(f"{us:7.1f} us  {function}")


if __name__ == "__main__":
    main()
