"""The load: shoppers with a cart and a connection each, that send one request after the other and check each answer.

A request is made once and sent as it is; of an answer only the total and the absence of errors is looked at, so the
load takes a tenth of what the service takes, and the two can share a small machine. A wrong answer ends the run.

Two ways to send. *Closed*: the next request goes out when the answer is there, which finds the highest rate. *Open*:
requests are due at a steady rate, and each waits for a connection that is free; how long one takes counts from when it
was due, so a service that stands still for a moment is charged with everybody who came meanwhile.
"""

import asyncio
import json
import selectors
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

import uvloop

from bench import workload

CHANGED: Final = "p00-0"
"""The product that `cartLinesAdd` adds one more of."""
_ENDED: Final = b"the connection was closed"


class Shopper(asyncio.Protocol):
    """One connection, over which a request at a time is answered."""

    def __init__(self) -> None:
        self.token = ""
        self.cart = ""
        self.added = 0
        self._buffer = b""
        self._needed = 0
        self._answered: Callable[[bytes], None] = self._unasked

    @staticmethod
    def _unasked(answer: bytes) -> None:
        if answer is not _ENDED:
            raise AssertionError(answer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        del exc
        self._answered(_ENDED)

    def data_received(self, data: bytes) -> None:
        """Collect an answer: head and body."""
        buffer = self._buffer = self._buffer + data if self._buffer else data
        if not self._needed:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            start = buffer.find(b"content-length: ") + 16
            self._needed = end + 4 + int(buffer[start : buffer.find(b"\r", start)])
        if len(buffer) >= self._needed:
            self._buffer, self._needed = b"", 0
            self._answered(buffer)

    def request(self, query: str, **variables: object) -> bytes:
        """Return a request of this shopper as it is sent."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        return f"{head}\r\n".encode() + body

    def send(self, request: bytes, answered: Callable[[bytes], None]) -> None:
        """Send a request; `answered` gets head and body of its answer."""
        self._answered = answered
        self.transport.write(request)

    async def ask(self, query: str, **variables: object) -> Any:
        """Send a document and return its data."""
        answer = asyncio.get_running_loop().create_future()
        self.send(self.request(query, **variables), answer.set_result)
        body = json.loads((await answer).partition(b"\r\n\r\n")[2])
        self._answered = self._unasked
        assert "errors" not in body, body
        return body["data"]

    async def begin(self) -> None:
        """Start a session and fill a cart."""
        self.token = (await self.ask(workload.SESSION))["sessionCreate"]["token"]
        created = await self.ask(workload.CREATE, lines=workload.lines())
        self.cart = created["cartCreate"]["cart"]["id"]

    def right(self, answer: bytes) -> bool:
        """Say whether an answer has no error and the right total."""
        return (
            answer.startswith(b"HTTP/1.1 200")
            and _total(self.added) in answer
            and b'"errors"' not in answer
            and b'"userErrors":[{' not in answer
        )


@cache
def _total(added: int) -> bytes:
    """Return how the total of a cart is written to which so many pieces were added."""
    quantities = {line["sku"]: line["quantity"] for line in workload.lines()}
    quantities[CHANGED] += added
    return b'"minorUnits":%d,' % workload.expected_total_minor(quantities)


class Work:
    """What a shopper does again and again."""

    def __init__(self, document: str, *, changes: bool = False) -> None:
        self._document = document
        self._changes = changes

    def request(self, shopper: Shopper) -> bytes:
        """Return what is sent."""
        if self._changes:
            return shopper.request(self._document, id=shopper.cart, lines=[{"sku": CHANGED, "quantity": 1}])
        return shopper.request(self._document, id=shopper.cart)

    async def begin(self, shopper: Shopper) -> None:
        """Do what comes before."""
        await shopper.begin()

    def check(self, shopper: Shopper, answer: bytes) -> None:
        """Raise `AssertionError` where an answer is wrong."""
        shopper.added += self._changes
        assert shopper.right(answer), answer


class Nothing(Work):
    """Ask the bare route."""

    def __init__(self) -> None:
        super().__init__("")

    def request(self, shopper: Shopper) -> bytes:
        """Return what is sent: the bare route looks at none of it."""
        return shopper.request("")

    async def begin(self, shopper: Shopper) -> None:
        """Need nothing."""

    def check(self, shopper: Shopper, answer: bytes) -> None:
        """Look at the size."""
        del shopper
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert len(answer) > 2_000, answer


READ: Final = Work(workload.READ)
ADD: Final = Work(workload.ADD, changes=True)
NOTHING: Final = Nothing()


async def _connected(host: str, port: int, work: Work, connections: int) -> list[Shopper]:
    loop = asyncio.get_running_loop()
    shoppers = [(await loop.create_connection(Shopper, host, port))[1] for _ in range(connections)]
    await asyncio.gather(*map(work.begin, shoppers))
    return shoppers


class _Run:
    """A time of load. It ends when everything that was sent is answered, or with what was wrong."""

    def __init__(self, work: Work, shoppers: list[Shopper]) -> None:
        self.work = work
        self.shoppers = shoppers
        self.requests = [work.request(shopper) for shopper in shoppers]
        self.done = 0
        self.over = asyncio.get_running_loop().create_future()

    def checked(self, shopper: Shopper, answer: bytes) -> bool:
        """Count an answer; return False where the run ends because it is wrong."""
        try:
            self.work.check(shopper, answer)
        except AssertionError as fault:
            if not self.over.done():
                self.over.set_exception(fault)
            return False
        self.done += 1
        return True

    async def end(self) -> None:
        """Wait for the end."""
        try:
            await self.over
        finally:
            for shopper in self.shoppers:
                shopper._answered = shopper._unasked  # noqa: SLF001 - nothing is asked any more
                shopper.transport.close()


def closed(host: str, port: int, work: Work, *, connections: int, seconds: float) -> tuple[float, float, float]:
    """Send as much as is answered; return answers a second, seconds, and the processor time of the load."""

    async def run() -> tuple[float, float, float]:
        load = _Run(work, await _connected(host, port, work, connections))
        left = set(range(connections))
        started, load_s = time.perf_counter(), time.process_time()

        def start(number: int) -> None:
            shopper, request = load.shoppers[number], load.requests[number]

            def answered(answer: bytes) -> None:
                if not load.checked(shopper, answer):
                    return
                if time.perf_counter() < started + seconds:
                    shopper.send(request, answered)
                    return
                left.discard(number)
                if not left and not load.over.done():
                    load.over.set_result(None)

            shopper.send(request, answered)

        for number in range(connections):
            start(number)
        await load.end()
        took_s = time.perf_counter() - started
        return load.done / took_s, took_s, time.process_time() - load_s

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def opened(host: str, port: int, work: Work, *, connections: int, seconds: float, per_s: float) -> list[float]:
    """Send at a steady rate; return how long each answer took from when its request was due, in milliseconds."""

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        load = _Run(work, await _connected(host, port, work, connections))
        free, waiting, took_ms = deque(range(connections)), deque[float](), list[float]()
        total = max(1, int(seconds * per_s))
        started = loop.time() + 0.01

        def send(number: int, due: float) -> None:
            shopper = load.shoppers[number]

            def answered(answer: bytes) -> None:
                took_ms.append((loop.time() - due) * 1000)
                if not load.checked(shopper, answer):
                    return
                if waiting:
                    send(number, waiting.popleft())
                else:
                    free.append(number)
                if len(took_ms) == total and not load.over.done():
                    load.over.set_result(None)

            shopper.send(load.requests[number], answered)

        def tick(sent: int) -> None:
            due = started + sent / per_s
            now = loop.time()
            while sent < total and due <= now:
                if free:
                    send(free.popleft(), due)
                else:
                    waiting.append(due)
                sent += 1
                due = started + sent / per_s
            if sent < total and not load.over.done():
                loop.call_at(due, tick, sent)

        tick(0)
        await load.end()
        return took_ms

    # `select` wakes up when it is told to; `epoll`, which others use, up to a millisecond later.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(run())
