"""Checkout over HTTP: how many carts a second are begun and completed, and how long each step takes.

``python -m bench.checkout`` runs the service on the first core; this process and the store share the others. Every cart
is the workload's, of a customer of its own, and is made before the time that counts. Each answer is looked at: the
total of the quote, and that there is an order.

1. As many as are answered, over eight connections.
2. Carts that come at half of that rate, whether or not those before are done. A begin counts from when it is due, a
   completion from when its begin was answered.

Both with the rules of the workload, where an order touches no counter, and with limits of five kinds and points on top.
"""

import asyncio
import itertools
import os
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from bench import table, workload
from bench.generator import Shopper
from bench.load import CONNECTIONS, OPEN_CONNECTIONS, percentile
from bench.servers import SECRET, Server, served
from engine.callers import Caller, CallerKind
from engine.storage.embedded import EmbeddedServer
from schema.auth import TokenAuthority

CARTS: Final = 300
ROUNDS: Final = 3
LIMITS: Final = """\
loyalty: {on_cancel: {claw_back: to_zero}}
promotions:
  - {id: points, give: {points: {add: 1, per: 1 EUR}}}
  - id: limited
    limits: {total: 1000000, per_customer: 5, per_store: 1000000, per_day: 1000000, budget: 10000000 EUR}
    give: {order_amount_off: {amount: 1 EUR}}
"""
CREATE: Final = """
mutation($lines: [CartLineInput!]!) {
  cartCreate(input: {lines: $lines}) { cart { id totals { total { amount } } } userErrors { code } }
}
"""
BEGIN: Final = """
mutation($id: ID!, $total: Decimal!) {
  checkoutBegin(cartId: $id, expectedTotal: $total) {
    quote { id amountHash expiresAt total { amount } lines { nodes { sku quantity total { amount } } } }
    userErrors { code message }
  }
}
"""
COMPLETE: Final = """
mutation($quote: ID!, $reference: String!, $hash: String!) {
  checkoutComplete(quoteId: $quote, paymentReference: $reference, amountHash: $hash) {
    order { number placedAt } refundDue userErrors { code message }
  }
}
"""
_customers = itertools.count()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A cart that is to be paid for, with the token of its customer."""

    token: str
    cart: str
    total: str


@dataclass
class Took:
    """How long steps took, in milliseconds."""

    begin_ms: list[float] = field(default_factory=list)
    complete_ms: list[float] = field(default_factory=list)


async def connected(server: Server, connections: int) -> list[Shopper]:
    """Open connections."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Shopper, server.host, server.port))[1] for _ in range(connections)]


async def filled(shoppers: list[Shopper]) -> list[Waiting]:
    """Fill carts, of a customer each."""
    tokens, left = TokenAuthority(SECRET), list(range(CARTS))
    carts: list[Waiting] = []

    async def fill(shopper: Shopper) -> None:
        while left:
            left.pop()
            shopper.token = tokens.mint(Caller(CallerKind.CUSTOMER, f"customer-{next(_customers)}"), 600)
            made = (await shopper.ask(CREATE, lines=workload.lines()))["cartCreate"]
            assert not made["userErrors"], made
            carts.append(Waiting(shopper.token, made["cart"]["id"], made["cart"]["totals"]["total"]["amount"]))

    await asyncio.gather(*map(fill, shoppers))
    return carts


async def bought(shopper: Shopper, cart: Waiting, due_s: float, took: Took) -> None:
    """Begin and complete a checkout."""
    shopper.token = cart.token
    begun = (await shopper.ask(BEGIN, id=cart.cart, total=cart.total))["checkoutBegin"]
    begun_s = time.perf_counter()
    assert not begun["userErrors"], begun
    quote = begun["quote"]
    assert quote["total"]["amount"] == cart.total, begun
    asked = {"quote": quote["id"], "reference": f"payment of {cart.cart}", "hash": quote["amountHash"]}
    done = (await shopper.ask(COMPLETE, **asked))["checkoutComplete"]
    took.begin_ms.append((begun_s - due_s) * 1000)
    took.complete_ms.append((time.perf_counter() - begun_s) * 1000)
    assert done["order"]["number"], done
    assert not done["refundDue"], done


async def closed(server: Server) -> tuple[float, float]:
    """Return how many checkouts a second were answered, and what each took of the server's processor, in ms."""
    shoppers = await connected(server, CONNECTIONS)
    carts, took = await filled(shoppers), Took()

    async def buy(shopper: Shopper) -> None:
        while carts:
            await bought(shopper, carts.pop(), time.perf_counter(), took)

    cpu_s, started_s = server.cpu_s(), time.perf_counter()
    await asyncio.gather(*map(buy, shoppers))
    per_s, cpu_ms = CARTS / (time.perf_counter() - started_s), (server.cpu_s() - cpu_s) / CARTS * 1000
    for shopper in shoppers:
        shopper.transport.close()
    return per_s, cpu_ms


async def opened(server: Server, per_s: float) -> Took:
    """Return how long the steps of checkouts took that came at a steady rate."""
    shoppers = await connected(server, OPEN_CONNECTIONS)
    carts, took = await filled(shoppers), Took()
    free, started_s = deque(shoppers), time.perf_counter()
    buying: list[asyncio.Task[None]] = []
    idle = asyncio.Semaphore(len(shoppers))

    async def buy(cart: Waiting, due_s: float) -> None:
        async with idle:
            shopper = free.popleft()
            await bought(shopper, cart, due_s, took)
            free.append(shopper)

    for number, cart in enumerate(carts):
        due_s = started_s + number / per_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        buying.append(asyncio.create_task(buy(cart, due_s)))
    await asyncio.gather(*buying)
    for shopper in shoppers:
        shopper.transport.close()
    return took


def measure(what: str, server: Server, least_per_s: float) -> None:
    """Measure one kind of carts, and state its rows."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(closed(server))  # what comes first is slower, and counts for nothing
        rates = [runner.run(closed(server)) for _ in range(ROUNDS)]
        per_s, cpu_ms = (median(figure) for figure in zip(*rates, strict=True))
        rounds = [runner.run(opened(server, per_s / 2)) for _ in range(ROUNDS)]
    print(f"checkout, {what}: {per_s:.0f} a second, {cpu_ms:.2f} ms of the server's processor each")
    table.at_least(f"checkout over HTTP, {what}, one core", per_s, least_per_s, "a second")
    for step in ("begin", "complete"):
        measured = [sorted(vars(took)[f"{step}_ms"]) for took in rounds]
        for percent, most_ms in ((50, 20), (99, 50)):
            value_ms = median(percentile(took_ms, percent) for took_ms in measured)
            table.at_most(f"checkout, {what}: {step}, p{percent} at half of that rate", value_ms, most_ms, "ms")


def main() -> None:
    """Print throughputs and latencies, and state the rows."""
    everywhere = os.sched_getaffinity(0)
    first, *others = sorted(everywhere)
    os.sched_setaffinity(0, set(others) or everywhere)
    try:
        with tempfile.TemporaryDirectory() as name, EmbeddedServer(Path(name) / "store") as store:
            for what, rules, least_per_s in (("without limits", "", 200), ("with limits and points", LIMITS, 100)):
                folder = Path(name) / what
                workload.write_shop(folder)
                if rules:
                    (folder / "rules" / "limits.yaml").write_text(rules, encoding="utf-8")
                with served("panier", store.url, folder, first) as server:
                    measure(what, server, least_per_s)
    finally:
        os.sched_setaffinity(0, everywhere)


if __name__ == "__main__":
    main()
