"""One request, answered in both ways over the same state: nothing may differ.

The engine is asked once. What it answers is recorded and given to both services, if they ask for the same; of a change
it is compared what the request would admit. Neither of them waits for the store, then: which of several round trips
ends first decides in which order their errors stand, and would differ between two runs of the same service.
"""

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from engine.callers import Caller
from engine.cart.commands import Command
from engine.errors import RefusedError, StoreUnavailableError
from engine.priced import PricedCart, Snapshot
from engine.pricing.requests import Limits
from engine.service import Changed, NewCart, Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.types import CartId, InstantMs, OperationId
from schema.app import HttpConfig, build_app
from schema.auth import TokenAuthority
from schema.documents import DocumentLimits
from schema.ids import encode_id
from tests.http.service import CART_LIMITS, SECRET

NOW_MS = InstantMs(1_780_315_200_000)
LIMITS = Limits(lines_max=8, quantity_max=9999, codes_max=3, fees_max=3, lines_per_request_max=20)
WIDE = DocumentLimits(depth=30, tokens=20_000, aliases=2_000, fields=20_000)
READS = {
    *("stores.groups.read", "stores.pointers.groups_of", "stores.customers.shares_with"),
    *("cart", "active_cart", "superseded_cart", "log", "facts_of", "stores.viewers.seen", "stores.viewers.present"),
    *("stores.journeys.read", "stores.ledger.entries", "stores.ledger.account_of", "stores.ledger.settled"),
    *("stores.checkouts.read", "stores.checkouts.order", "stores.checkouts.numbers_of", "stores.checkouts.issued"),
    *("stores.vouchers.codes_of", "stores.vouchers.read", "stores.limits.read"),
}
"""What the ordinary way may have been spared, where another field of the query failed before."""
DRAWN = {"stores.handoffs.new_cart_id", "stores.merges.work_out"}
"""What is no question to the store, but drawn at random, or worked out at once."""
AWAY, BROKEN, UNPRICED, UNFIT = CartId("away"), CartId("broken"), CartId("unpriced"), CartId("unfit")
"""Carts that are at fault: the store does not answer, the engine fails, and while it is written pricing fails, or a value
does not fit its field.
"""


CHANCE = random.Random()  # noqa: S311  # in place of secrets, so that both ways draw the same
"""Begins anew each time that a request is asked, elsewhere for each request."""
_FRESH: ContextVar[bool] = ContextVar("fresh", default=False)
"""Whether the engine is really asked: what it draws then is not drawn when its answer is repeated."""


def uuid4() -> Any:
    """Draw an id."""
    return uuid.uuid4() if _FRESH.get() else SimpleNamespace(hex=f"{CHANCE.getrandbits(128):032x}")


class Recording:
    """The engine behind two services: asked by the first one, repeated to the second."""

    def __init__(self, engine: Panier) -> None:
        self._engine = engine
        self._recorded: dict[str, list[Any]] = {}
        self._left: dict[str, list[Any]] | None = None
        self.snapshot = engine.snapshot
        self.last_refused = engine.last_refused
        self.limits = engine.limits
        self.reached = engine.reached
        self.stores = _Recorded(self, "stores")

    def record(self) -> None:
        """Forget what was recorded, and begin anew."""
        self._recorded, self._left = {}, None

    def repeat(self) -> None:
        """Give from now on what was recorded, each answer once."""
        self._left = {key: list(answers) for key, answers in self._recorded.items()}

    def left(self) -> list[str]:
        """Return the changes that were recorded and have not been asked for again."""
        left = self._left or {}
        return [key for key, answers in left.items() if answers and key.partition("[")[0] not in READS]

    def pinned(self) -> "Recording":
        """Return itself: nothing is loaded while it is asked."""
        return self

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("_"):
            raise AttributeError(verb)
        return partial(self.asked, verb)

    def drawn(self, verb: str, *arguments: Any) -> Any:
        """Return what a part of the engine draws by chance, or repeat it."""
        if self._left is not None:
            return self._left[verb].pop(0)
        outcome = attrgetter(verb)(self._engine)(*arguments)
        self._recorded.setdefault(verb, []).append(outcome)
        return outcome

    async def asked(self, verb: str, *arguments: Any) -> Any:
        """Ask the engine for what `verb` names, a part of it perhaps, or repeat what it answered."""
        key = f"{verb}{[self._comparable(each) for each in arguments]}"
        if self._left is not None and (verb not in READS or self._left.get(key)):
            outcome = self._left[key].pop(0)
        else:
            outcome = await self._outcome(verb, arguments)
            self._recorded.setdefault(key, []).append(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _comparable(self, argument: Any) -> str:
        """Write an argument; of a function that admits a request, what it admits."""
        if not callable(argument):
            return repr(argument)
        try:
            admitted: Command | NewCart = argument(self.snapshot.shop, LIMITS, OperationId("compared"))
        except RefusedError as refused:
            return repr(refused.errors)
        return repr(admitted)

    async def _outcome(self, verb: str, arguments: Any) -> Any:
        _FRESH.set(True)
        try:
            answer = await attrgetter(verb)(self._engine)(*arguments)
        except Exception as fault:  # noqa: BLE001  # whatever it is, both are to have it
            return fault
        finally:
            _FRESH.set(False)
        if AWAY in arguments:
            return StoreUnavailableError("gone")
        if BROKEN in arguments:
            return ValueError("the inside of the service")
        for at_fault, priced in ((UNPRICED, self._unpriced), (UNFIT, self._unfit)):
            if at_fault in arguments:
                return Changed(priced()) if isinstance(answer, Changed) else priced() if verb == "cart" else answer
        return answer

    def _unpriced(self) -> PricedCart:
        """Return a cart whose prices cannot be computed: the tables of taxes are gone."""
        shop = replace(self.snapshot.shop, taxes={})
        cart = self.example.cart
        return PricedCart(cart, Snapshot(shop, self.snapshot.ruleset), self.example.as_of_ms)

    def _unfit(self) -> PricedCart:
        """Return a cart whose version is no `Int`."""
        return replace(self.example, cart=replace(self.example.cart, version=2**31))

    example: PricedCart


class _Recorded:
    """A part of the engine: what it keeps, and what each of those may be asked."""

    def __init__(self, engine: Recording, name: str) -> None:
        self._engine = engine
        self._name = name

    def __getattr__(self, name: str) -> "_Recorded":
        return _Recorded(self._engine, f"{self._name}.{name}")

    def __call__(self, *arguments: Any) -> Any:
        ask = self._engine.drawn if self._name in DRAWN else self._engine.asked
        return ask(self._name, *arguments)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client sees, and how the service came to it."""

    status: int
    headers: dict[str, str]
    body: bytes
    compiled: int


@dataclass
class BothWays:
    """Two services over one engine."""

    engine: Recording
    tokens: TokenAuthority
    compiled: Any
    ordinary: Any
    loop: asyncio.Runner
    cart: str = ""
    """The id of a cart that nothing changes but single tests."""
    pools: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    """What requests may name, see `tests.strategies_documents`."""
    _asked_so_far: int = 0

    def ask(self, query: str, variables: dict[str, Any], token: str | None) -> tuple[Answer, Answer]:
        """Return the ordinary answer and the one of the service that compiles."""
        self._asked_so_far += 1
        self.engine.record()
        self._asked(self.ordinary, query, variables, token)
        answers = []
        for app in (self.ordinary, self.compiled):
            self.engine.repeat()
            answers.append(self._asked(app, query, variables, token))
            assert self.engine.left() == []
        self.engine.record()
        return answers[0], answers[1]

    def token(self, caller: Caller) -> str:
        """Sign a token."""
        return self.tokens.mint(caller, 10**6)

    def _asked(self, app: Any, query: str, variables: dict[str, Any], token: str | None) -> Answer:
        CHANCE.seed(self._asked_so_far)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        before = app.state.answers.compiled

        async def sent() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://panier") as client:
                answered = await client.post("/graphql", json=body, headers=headers)
            # graphql-core lets fields that nobody waits for any more end in the background.
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
            return answered

        response = self.loop.run(sent())
        after = app.state.answers.compiled
        return Answer(response.status_code, dict(response.headers), response.content, after - before)


@contextlib.asynccontextmanager
async def engine_on(store_url: str, shop: Snapshot) -> AsyncIterator[Panier]:
    """Yield an engine of its own over the store."""
    connection = Connection(store_url, timeout_s=5)
    names = KeyNames(shop="both-ways")  # customers of other tests are others
    await connection.load()
    yield Panier(shop, Stores.on(connection, names, CART_LIMITS, phone_secret=SECRET), LIMITS)
    await connection.close()


@contextlib.contextmanager
def standing_still() -> Any:
    """Stop the clock of requests, and the chance in ids, so that both ways see the same."""
    with pytest.MonkeyPatch.context() as patch:
        chance = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex="0" * 32))
        patch.setattr("schema.app.time", SimpleNamespace(time_ns=lambda: NOW_MS * 10**6))
        patch.setattr("schema.mutations.uuid", chance)
        patch.setattr("schema.errors.uuid", chance)
        patch.setattr("engine.membership.secrets", CHANCE)
        patch.setattr("engine.vouchers.secrets", CHANCE)
        patch.setattr("engine.service.uuid", SimpleNamespace(uuid4=uuid4))
        yield


@contextlib.contextmanager
def both_ways(store_url: str, shop: Snapshot) -> Any:
    """Yield the two services."""
    with standing_still(), asyncio.Runner() as loop, contextlib.ExitStack() as stack:
        manager = engine_on(store_url, shop)
        panier = loop.run(manager.__aenter__())
        stack.callback(lambda: loop.run(manager.__aexit__(None, None, None)))
        tokens = TokenAuthority(SECRET, now_s=lambda: NOW_MS / 1000)
        engine: Any = Recording(panier)
        config = HttpConfig(documents=WIDE, body_bytes_max=10**6)
        yield BothWays(
            engine,
            tokens,
            build_app(engine, tokens, replace(config, compiled_answers=True)),
            build_app(engine, tokens, replace(config, compiled_answers=False)),
            loop,
        )


def cart_id(key: str) -> str:
    """Return the id of a cart as clients know it."""
    return encode_id("Cart", key)
