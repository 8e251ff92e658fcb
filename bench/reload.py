"""Ten thousand promotions loaded while carts are changed: ``python -m bench.reload``.

1. `panier serve` on one core, the load, the store and the process that checks on the others. It starts without a rule;
   ten thousand are put into its folder and a signal has them loaded. How long that takes, how long the slowest of the
   requests took that came at a steady rate all the while, and what a promotion takes of the service's memory.
2. The same taken over in this process, beside a task that notes each time it does not get its turn: the longest slice.
"""

import asyncio
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from bench import generator, table, workload
from bench.generator import ADD
from bench.servers import panier
from engine.cli.handover import checked
from engine.cli.reload import collector_resting
from engine.pricing.load import load_shop
from engine.storage.embedded import EmbeddedServer

PROMOTIONS: Final = 10_000
PER_S: Final = 100.0
"""Requests that come all the while: few enough that none waits for another one."""
SECONDS: Final = 20.0
ROUNDS: Final = 3


def rules() -> str:
    """Return ten thousand promotions, none of which is for the cart of the workload, so that its total stays."""
    return "promotions:\n" + "".join(
        f"  - id: p-{number}\n    label: Offer {number}\n    codes: [CODE{number}]\n"
        f"    when: {{spend: {{at_least: {number % 90 + 10} EUR}}}}\n"
        f"    give: {{percent_off: {{percent: {number % 50 + 1}%, on: {{category: goods/c{number % 32:02}}}}}}}\n"
        for number in range(PROMOTIONS)
    )


def measure_service(folder: Path, store_url: str, core: int) -> None:
    """Load the rules while requests come, and state what that costs them."""
    shop = workload.write_shop(folder / "served")
    with panier(shop, store_url, {core}, reload="false") as server:
        # A first load of the same rules as before, so that what any load leaves behind is no part of the difference.
        os.kill(server.pid, signal.SIGHUP)
        server.said("reloaded")
        before_bytes = server.resident_bytes()
        (shop / "rules" / "more.yaml").write_text(rules(), encoding="utf-8")
        quiet_ms = max(generator.opened(server.host, server.port, ADD, connections=32, seconds=5, per_s=PER_S))
        took_s: list[float] = []

        def load_again() -> None:
            time.sleep(2)
            started = time.monotonic()
            os.kill(server.pid, signal.SIGHUP)
            server.said("reloaded")
            took_s.append(time.monotonic() - started)

        loading = threading.Thread(target=load_again)
        loading.start()
        took_ms = generator.opened(server.host, server.port, ADD, connections=32, seconds=SECONDS, per_s=PER_S)
        loading.join()
        promotion_bytes = (server.resident_bytes() - before_bytes) / PROMOTIONS
    ordered = sorted(took_ms)
    print(
        f"{PROMOTIONS:,} promotions loaded in {took_s[0]:.1f} s; of {len(ordered):,} requests meanwhile half took"
        f" {ordered[len(ordered) // 2]:.1f} ms at most, the slowest {ordered[-1]:.1f} ms"
        f" (before, with nothing to load, {quiet_ms:.1f} ms)"
    )
    what = f"{PROMOTIONS:,} promotions checked in another process"
    table.at_most(f"{what} and taken over", took_s[0], 10, "s")
    table.at_most(f"{what}: the slowest request meanwhile", ordered[-1], 20, "ms")
    table.at_most(f"{what}: resident for each", promotion_bytes / 1000, 6, "kB")


async def longest_slice_ms(folder: Path) -> float:
    """Return how long the longest slice takes in which rules are taken over, the shortest of a few tries."""
    shop_folder = workload.write_shop(folder / "sliced")
    (shop_folder / "rules" / "more.yaml").write_text(rules(), encoding="utf-8")
    shop = load_shop(shop_folder)
    handover = await checked(shop_folder, None, served=shop.id, catalogue=False)
    tries = []
    for _ in range(ROUNDS):
        longest_s, over = 0.0, False

        async def look() -> None:
            nonlocal longest_s
            last = time.process_time()
            while not over:  # noqa: B023 - awaited below
                await asyncio.sleep(0)
                now = time.process_time()
                longest_s, last = max(longest_s, now - last), now

        looking = asyncio.create_task(look())
        await asyncio.sleep(0)
        with collector_resting():
            await handover.taken_over(shop)
        over = True
        await looking
        tries.append(longest_s * 1000)
    handover.close()
    return min(tries)


def main() -> None:
    """State the rows."""
    everywhere = os.sched_getaffinity(0)
    first, *others = sorted(everywhere)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.sched_setaffinity(0, set(others) or everywhere)
        try:
            with EmbeddedServer(folder / "store") as store:
                measure_service(folder, store.url, first)
        finally:
            os.sched_setaffinity(0, everywhere)
        slice_ms = asyncio.run(longest_slice_ms(folder))
    table.at_most(f"{PROMOTIONS:,} promotions taken over: the longest slice", slice_ms, 5, "ms")


if __name__ == "__main__":
    main()
