"""Many followers of one cart: how long from a change to the last one who is told.

``python -m bench.live`` starts a store and a service on the example shop, has 500 front ends follow one cart of 20
lines over WebSocket, and changes it 20 times a second for ten seconds. The service has one core for itself; the load
and the store share another. Every follower must end on the last version and have been told every operation once.

A change counts from just before it is sent until the last follower has it: the commit, the wake-up, reading, pricing,
writing the answer and sending it 500 times are all in it.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from bench import table
from bench.servers import SECRET, Server, panier, waited_s
from engine.callers import Caller, CallerKind
from engine.pricing.load import load_shop
from engine.storage.embedded import EmbeddedServer
from engine.types import ChannelId
from schema.auth import TokenAuthority

GROCER: Final = Path(__file__).parents[1] / "examples" / "grocer"
LINES: Final = 20
CART: Final = """
fragment cart on Cart {
  id version currency
  lines { totalCount nodes {
    lineId sku quantity unit available note priceList product { name }
    unitPrice { amount } listAmount { amount } discountAmount { amount } total { amount } tax { rate }
  } }
  discounts { promotionId label amount { amount } }
  totals { subtotal { amount } discounts { amount } taxIncluded { amount } total { amount minorUnits currency } }
}
"""
FOLLOW: Final = (
    "subscription($id: ID!) { cartChanged(cartId: $id) { version reason "
    "operations { version member channel changes { verb details } } cart { ...cart } } }" + CART
)
CREATE: Final = "mutation($lines: [CartLineInput!]!) { cartCreate(input: {lines: $lines}) { cart { id version } } }"
ADD: Final = """
mutation($id: ID!, $lines: [CartLineInput!]!) {
  cartLinesAdd(cartId: $id, lines: $lines) { cart { version } version userErrors { code } }
}
"""
_VERSION: Final = re.compile(rb'"cartChanged":\{"version":([0-9]+)')
_OPERATION: Final = re.compile(rb'\{"version":([0-9]+),"member"')


class Clock:
    """Notes when each version was sent for, and when the last follower had it."""

    def __init__(self, followers: int) -> None:
        self.followers = followers
        self.had: dict[int, int] = {}
        self.last_s: dict[int, float] = {}
        self.news = asyncio.Event()
        self.events = 0
        self.bytes = 0

    def arrived(self, before: int, version: int) -> None:
        """Note that one more follower has come from one version to another."""
        now = time.perf_counter()
        for each in range(before + 1, version + 1):
            self.had[each] = self.had.get(each, 0) + 1
            if self.had[each] == self.followers:
                self.last_s[each] = now
                self.news.set()


class Follower(asyncio.Protocol):
    """A front end that reads frames and looks at nothing in them but versions, so that the load stays light."""

    def __init__(self, host: str, token: str, cart: str, clock: Clock) -> None:
        self.version = 0
        self.operations = 0
        self.started = asyncio.get_running_loop().create_future()
        self._clock = clock
        self._buffer = bytearray()
        self._upgraded = False
        self._request = (
            f"GET /graphql HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: graphql-transport-ws\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._subscribe = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW, "variables": {"id": cart}}}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take the answer to that, then frames."""
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert buffer.startswith(b"HTTP/1.1 101"), bytes(buffer)
            del buffer[: end + 4]
            self._upgraded = True
            self._send({"type": "connection_init"})
            self._send(self._subscribe)
        while len(buffer) >= 2:
            head, length = 2, buffer[1]
            if length == 126:
                head, length = 4, int.from_bytes(buffer[2:4])
            elif length == 127:
                head, length = 10, int.from_bytes(buffer[2:10])
            if len(buffer) < head + length:
                return
            if buffer[0] == 0x89:
                self._frame(0x8A, bytes(buffer[head : head + length]))
            else:
                self._read(buffer[head : head + length])
            del buffer[: head + length]

    def _read(self, message: bytearray) -> None:
        found = _VERSION.search(message, 0, 200)
        if found is None:
            assert b"connection_ack" in message, bytes(message[:300])
            return
        version = int(found[1])
        self._clock.events += 1
        self._clock.bytes += len(message)
        if self.started.done():
            self._clock.arrived(self.version, version)
            self.operations += len(_OPERATION.findall(message))
        else:
            self.started.set_result(None)
        self.version = version

    def _send(self, message: dict[str, Any]) -> None:
        self._frame(0x81, orjson.dumps(message))

    def _frame(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([opcode, 0x80 | size]) if size < 126 else bytes([opcode, 0xFE]) + size.to_bytes(2)
        self.transport.write(head + b"\0\0\0\0" + payload)  # a mask of zeros changes nothing


def percentile_ms(values_s: list[float], percent: float) -> float:
    """Return a percentile in milliseconds."""
    ordered = sorted(values_s)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


async def measure(server: Server, *, followers: int, rate: int, seconds: int) -> dict[str, Any]:
    """Follow and change one cart; return the figures."""
    tokens = TokenAuthority(SECRET, issuer="panier", audience="panier")

    def token(name: str, channel: str) -> str:
        caller = Caller(CallerKind.STAFF, name, ChannelId(channel), scopes=frozenset({"cart:read", "cart:write"}))
        return tokens.mint(caller, 600)

    shop = load_shop(GROCER)
    sold = (
        sku for sku, product in shop.products.items() if shop.sold_in(product, ChannelId("web"), shop.default_store)
    )
    skus = list(islice((sku for sku in sold if not shop.products[sku].measured), LINES))
    loop, clock = asyncio.get_running_loop(), Clock(followers)
    headers = {"Authorization": f"Bearer {token('writer', 'web')}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:

        async def run(query: str, **variables: Any) -> Any:
            body = (await http.post(server.url, json={"query": query, "variables": variables})).json()
            assert "errors" not in body, body
            return body["data"]

        cart = (await run(CREATE, lines=[{"sku": sku, "quantity": 2} for sku in skus]))["cartCreate"]["cart"]["id"]
        host, port = server.host, server.port

        async def connected(number: int) -> Follower:
            follower = Follower(f"{host}:{port}", token(f"viewer-{number}", "web"), cart, clock)
            await loop.create_connection(lambda: follower, host, port)
            await follower.started
            return follower

        connections = [await connected(number) for number in range(followers)]
        await asyncio.sleep(1)
        sent_s: dict[int, float] = {}
        answered_s: dict[int, float] = {}
        clock.events = clock.bytes = 0
        service_s, load_s, begun_s = server.cpu_s(), time.process_time(), time.perf_counter()
        disturbed_s = server.waited_s(), waited_s(os.getpid())

        async def change(number: int) -> None:
            at_s = time.perf_counter()
            done = await run(ADD, id=cart, lines=[{"sku": skus[number % LINES], "quantity": 1}])
            version = done["cartLinesAdd"]["version"]
            sent_s[version], answered_s[version] = at_s, time.perf_counter()

        changes = []
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, begun_s + number / rate - time.perf_counter()))
            changes.append(asyncio.create_task(change(number)))
        await asyncio.gather(*changes)
        took_s = time.perf_counter() - begun_s
        service_s, load_s = server.cpu_s() - service_s, time.process_time() - load_s
        disturbed_s = server.waited_s() - disturbed_s[0], waited_s(os.getpid()) - disturbed_s[1]
        last = max(sent_s)
        async with asyncio.timeout(30):
            while last not in clock.last_s:
                clock.news.clear()
                await clock.news.wait()
    for follower in connections:
        assert follower.version == last
        assert follower.operations == len(sent_s), "an operation was lost or told twice"
        follower.transport.abort()
    latencies = [clock.last_s[version] - at_s for version, at_s in sent_s.items()]
    answers = [answered_s[version] - at_s for version, at_s in sent_s.items()]
    afterwards = [clock.last_s[version] - at_s for version, at_s in answered_s.items()]
    return {
        "followers": followers,
        "changes": len(sent_s),
        "events a follower": round(clock.events / followers, 1),
        "bytes an event": clock.bytes // max(1, clock.events),
        "change to last follower, p50 ms": round(percentile_ms(latencies, 50), 1),
        "change to last follower, p99 ms": round(percentile_ms(latencies, 99), 1),
        "change to last follower, worst ms": round(max(latencies) * 1000, 1),
        "change answered, p99 ms": round(percentile_ms(answers, 99), 1),
        "answer to last follower, p50 ms": round(percentile_ms(afterwards, 50), 1),
        "answer to last follower, p99 ms": round(percentile_ms(afterwards, 99), 1),
        "service, part of its core": round(service_s / took_s, 2),
        "load, part of its core": round(load_s / took_s, 2),
        "service and load, part of the time waiting for a core": [round(each / took_s, 2) for each in disturbed_s],
    }


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--followers", type=int, default=500)
    parser.add_argument("--rate", type=int, default=20, help="changes a second")
    parser.add_argument("--seconds", type=int, default=10)
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})  # the store, which is started next, stays here too
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder)) as store,
        panier(GROCER, store.url, cores[:1]) as server,
    ):
        work = measure(server, followers=asked.followers, rate=asked.rate, seconds=asked.seconds)
        figures = asyncio.run(work)
    print(json.dumps(figures, indent=2))
    what = f"{asked.followers} followers of one cart, {asked.rate} changes a second, p99 until the last is told"
    table.at_most(what, figures["change to last follower, p99 ms"], 120, "ms")


if __name__ == "__main__":
    main()
