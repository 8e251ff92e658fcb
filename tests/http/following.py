"""Front ends that follow carts, over WebSocket and as event streams."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

FOLLOW = """
subscription($id: ID!, $since: Int) { cartChanged(cartId: $id, fromVersion: $since) {
  reason version
  operations { version operationId member channel device changes { verb details } }
  cart { version lines { nodes { lineId sku quantity } } totals { total { minorUnits } } }
} }
"""
PRESENCE = """
subscription($id: ID!) { cartChanged(cartId: $id) { reason version presence { member channel store device } } }
"""
PROTOCOL = "graphql-transport-ws"
WAIT_S = 20.0
"""How long a test waits for what must come; it fails after that."""


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what must become true."""
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


class Socket:
    """A connection that speaks graphql-transport-ws; it answers nothing by itself."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def init(self, token: str | None) -> dict[str, Any]:
        payload = {"authorization": f"Bearer {token}"} if token else None
        self.send(type="connection_init", **({"payload": payload} if payload else {}))
        return self.receive()

    def receive(self, timeout_s: float = WAIT_S) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=timeout_s))
        return message

    def silent(self, for_s: float) -> bool:
        """Say whether nothing comes for a while."""
        try:
            self.connection.recv(timeout=for_s)
        except TimeoutError:
            return True
        return False

    def subscribe(self, name: str, query: str = FOLLOW, **variables: Any) -> "Following":
        self.send(id=name, type="subscribe", payload={"query": query, "variables": variables})
        return Following(self, name)

    def closed(self) -> tuple[int, str]:
        """Read until the service closes the connection; return its code and reason."""
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=WAIT_S)
        return self.connection.close_code or 0, self.connection.close_reason or ""


class Following:
    """One subscription of a connection that has no other."""

    def __init__(self, socket: Socket, id: str) -> None:
        self.socket = socket
        self.id = id

    def message(self) -> dict[str, Any]:
        message = self.socket.receive()
        assert message["id"] == self.id
        return message

    def event(self) -> dict[str, Any]:
        """Return the next event."""
        message = self.message()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        event: dict[str, Any] = message["payload"]["data"]["cartChanged"]
        return event

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the events up to the first one that is wanted."""
        events = []
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            events.append(self.event())
            if wanted(events[-1]):
                return events
        raise AssertionError(f"it did not come: {[(event['reason'], event['version']) for event in events]}")

    def until_version(self, version: int) -> list[dict[str, Any]]:
        """Return the events up to the one of a version."""
        return self.until(lambda event: bool(event["version"] == version))

    def error(self) -> dict[str, Any]:
        """Return the error that ends it."""
        message = self.message()
        assert message["type"] == "error", message
        error: dict[str, Any] = message["payload"][0]
        return error


@contextmanager
def socket(url: str, token: str | None = None, *, init: bool = True, **options: Any) -> Iterator[Socket]:
    """Connect, and unless told otherwise say who we are."""
    address = url.replace("http", "ws", 1) + "/graphql"
    given = {"subprotocols": [Subprotocol(PROTOCOL)], "compression": None, "open_timeout": WAIT_S, **options}
    with connect(address, **given) as connection:
        opened = Socket(connection)
        if init:
            assert opened.init(token) == {"type": "connection_ack"}
        yield opened


class EventStream:
    """An event stream that is being read."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def next(self) -> tuple[str, Any]:
        """Return the name and data of the next event; what is said in between is passed over."""
        name = ""
        for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data:") and name:
                data = line.removeprefix("data:").strip()
                return name, json.loads(data) if data else None
        raise AssertionError("the stream has ended")

    def ended(self) -> bool:
        """Say whether nothing comes any more."""
        return not any(self._lines)

    def event(self) -> dict[str, Any]:
        name, data = self.next()
        assert name == "next", (name, data)
        assert "errors" not in data, data
        event: dict[str, Any] = data["data"]["cartChanged"]
        return event


@contextmanager
def event_stream(url: str, token: str | None, query: str = FOLLOW, **variables: Any) -> Iterator[EventStream]:
    """Ask for an event stream."""
    headers = {"accept": "text/event-stream"} | ({"authorization": f"Bearer {token}"} if token else {})
    body = {"query": query, "variables": variables}
    with (
        httpx.Client(base_url=url, timeout=WAIT_S) as client,
        client.stream("POST", "/graphql", json=body, headers=headers) as response,
    ):
        yield EventStream(response)
