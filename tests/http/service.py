"""A real service on a real port, over a small shop and a real store."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from redis import Redis
from starlette.applications import Starlette

from engine.callers import Caller, CallerKind
from engine.live import LiveCarts
from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.rules.load import load_rules
from engine.service import Panier
from engine.settings import variable
from engine.storage.carts import CartLimits
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.storage.viewers import ViewerStore
from engine.storage.wake_ups import WakeUps
from engine.types import ChannelId, StoreId
from schema.app import HttpConfig, build_app
from schema.auth import TokenAuthority
from schema.documents import DocumentLimits
from tests.shops import small_shop

COMPILED = os.environ.get(variable("compiled_answers"), "true") == "true"
"""These tests run in both ways; `.ci/run` says how."""
SECRET = "a secret of the tests, long enough for HS256"  # of the tests only
RULES = """\
loyalty:
  pending: {event: delivered}
  expires: {days: 30}
  burn: {points: 100, worth: 1 EUR}
  tiers: {levels: [{id: silver, label: {en: Silver, fr: Argent}, from_points: 100}]}
promotions:
  - id: dairy-week
    label: {en: 10% off dairy, fr: 10 % sur la crèmerie}
    give: {percent_off: {percent: 10%, on: {category: grocery/dairy}}}
  - id: app-only
    label: 1 € off in the app
    channels: [app]
    give: {order_amount_off: {amount: 1 EUR}}
  - id: free-delivery
    label: Free delivery from 60 €
    when: {spend: {at_least: 60 EUR}}
    give: {delivery_percent_off: {percent: 100%}}
  - id: welcome
    label: Welcome
    codes: [WELCOME5]
    when: {spend: {at_least: 20 EUR}}
    give: {order_amount_off: {amount: 5 EUR}}
  - id: family-only
    label: For families
    customers: {segments: [family]}
    give: {percent_off: {percent: 5%, on: {sku: cake}}}
  - id: secret-test
    hidden: true
    when: {spend: {at_least: 500 EUR}}
    give: {order_percent_off: {percent: 1%}}
  - id: evenings
    label: Evenings
    active:
      {from: 2026-01-01, until: 2030-12-31, timezone: Europe/Paris, weekly: [{days: [fri], from: "17:00", until: "21:00"}]}
    give: {percent_off: {percent: 1%, on: {sku: gift}}}
"""
LIMITS = Limits(lines_max=8, quantity_max=9999, codes_max=3, fees_max=3, lines_per_request_max=20)
CART_LIMITS = CartLimits(lines=8, quantity=9999, codes=3, fees=3, cart_bytes=16 * 1024)


def snapshot(folder: Path, written: str = RULES) -> Snapshot:
    """Load the small shop and rules."""
    folder.mkdir(exist_ok=True)
    shop = small_shop(folder)
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "all.yaml").write_text(written, encoding="utf-8")
    return Snapshot(shop, load_rules(rules, shop).ruleset)


class Service:
    """The service under test: its address, its tokens and what it keeps its carts in."""

    def __init__(
        self,
        store_url: str,
        shop: Snapshot,
        config: HttpConfig | None = None,
        tokens: TokenAuthority | None = None,
    ) -> None:
        self.store_url = store_url
        self.tokens = tokens or TokenAuthority(SECRET)
        self.connection = Connection(store_url, timeout_s=10)
        names = KeyNames()
        self.viewers = ViewerStore(self.connection, names, presence_ms=3_000)
        stores = replace(Stores.on(self.connection, names, CART_LIMITS, phone_secret=SECRET), viewers=self.viewers)
        self.engine = engine = Panier(shop, stores, LIMITS)
        self.live = LiveCarts(engine, WakeUps(self.connection))
        asked = replace(config or HttpConfig(), ping=lambda: self.connection.command("PING"), compiled_answers=COMPILED)
        self.app = build_app(engine, self.tokens, asked, self._lifespan, self.live)
        self.url = ""
        self._clients: list[Client] = []

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.connection.load()
        yield
        await self.live.close()
        await self.connection.close()

    @contextlib.contextmanager
    def run(self) -> Iterator["Service"]:
        """Serve on a free port of the loopback until left."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server = uvicorn.Server(
                uvicorn.Config(
                    self.app,
                    log_level="warning",
                    access_log=False,
                    loop="uvloop",
                    http="httptools",
                    ws="websockets-sansio",
                    ws_per_message_deflate=False,
                )
            )
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                while not server.started and thread.is_alive():
                    time.sleep(0.01)
                yield self
            finally:
                for client in self._clients:
                    client.http.close()
                server.should_exit = True
                thread.join()

    def token(
        self, kind: CallerKind, id: str, channel: str | None = None, store: str | None = None, **more: Any
    ) -> str:
        """Mint a token; `more` is the caller's device and scopes."""
        here = ChannelId(channel) if channel else None
        return self.tokens.mint(Caller(kind, id, here, StoreId(store) if store else None, **more), 600)

    def client(self, token: str | None = None) -> "Client":
        """Return a front end."""
        self._clients.append(Client(self.url, token))
        return self._clients[-1]

    def forget_attempts(self) -> None:
        """Give everybody a new budget for codes."""
        with Redis.from_url(self.store_url) as redis:
            for key in redis.scan_iter("*:b:*"):
                redis.delete(key)

    def scripts_run(self) -> int:
        """Return how many scripts the store has run."""
        with Redis.from_url(self.store_url) as redis:
            stats: Any = redis.info("commandstats")
            return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval", "fcall"))


class Client:
    """A front end: it knows an address and perhaps a token."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.token = token
        self.http = httpx.Client(base_url=url, headers=headers, timeout=20)

    def post(self, query: str, **variables: Any) -> httpx.Response:
        """Send a document and return the bare response."""
        return self.http.post("/graphql", json={"query": query, "variables": variables})

    def run(self, query: str, **variables: Any) -> Any:
        """Send a document and return its data; there must be no error."""
        body = self.post(query, **variables).json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    def error(self, query: str, **variables: Any) -> dict[str, Any]:
        """Send a document that fails and return its first error."""
        error: dict[str, Any] = self.post(query, **variables).json()["errors"][0]
        return error

    def create(self, **input: Any) -> str:
        """Make a cart and return its id."""
        cart_id: str = self.run(CREATE, input=input)["cartCreate"]["cart"]["id"]
        return cart_id

    def add(self, cart_id: str, sku: str, quantity: object = 1, **more: Any) -> dict[str, Any]:
        """Add to a cart and return the payload."""
        payload: dict[str, Any] = self.run(ADD, id=cart_id, lines=[{"sku": sku, "quantity": quantity, **more}])[
            "cartLinesAdd"
        ]
        return payload


_CART = """
fragment cart on Cart {
  id version channel store locale currency customerId note
  lines { totalCount nodes { lineId sku quantity changedVersion available unitPrice { minorUnits } total { minorUnits }
                             allocations { promotionId label amount { amount } } } }
  codes { code entered state reason }
  fees { fee quantity total { amount } }
  delivery { method place slot }
  deliveries { method available total { amount } }
  discounts { promotionId amount { minorUnits } }
  totals { goods { minorUnits } discounts { minorUnits } total { amount minorUnits currency } }
}
"""
CART = (
    _CART
    + """
fragment payload on CartPayload {
  cart { ...cart } userErrors { code field message } warnings { code message lineId } replayed version
}
"""
)
CREATE = (
    "mutation($input: CartCreateInput, $op: ID) { cartCreate(input: $input, operationId: $op) { ...payload } }" + CART
)
ADD = (
    "mutation($id: ID!, $lines: [CartLineInput!]!, $op: ID)"
    " { cartLinesAdd(cartId: $id, lines: $lines, operationId: $op) { ...payload } }" + CART
)
READ = "query($id: ID!) { cart(id: $id) { ...cart } }" + _CART
SMALL_LIMITS = DocumentLimits(depth=8, tokens=1000, aliases=10, fields=400)
