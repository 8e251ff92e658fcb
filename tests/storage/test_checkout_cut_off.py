"""A worker dies at each single thing that it asks of the store while a cart is paid for, before it or after it."""

from typing import Any

import pytest

from engine.checkout_service import find_order, orders_of
from engine.priced import PricedCart
from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.sweeping import sweep
from engine.types import CartId, CustomerId
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import (
    ADA,
    ONCE,
    SINGLE,
    KilledError,
    begun,
    counted,
    filled,
    lapsed,
    paid,
)
from tests.storage.test_checkout import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # likewise

USED = (SINGLE, ONCE)


@pytest.fixture
def names() -> KeyNames:
    """Few partitions, since a sweep looks at each of them."""
    return KeyNames(8)


class MortalConnection(Connection):
    """The connection of a worker that dies at the last of so many things that it asks: nothing is asked after that."""

    asks_left = 10**9
    arrives = False

    async def run(self, *arguments: Any) -> list[Any]:
        answer: list[Any] = await self._unless_dead(super().run, *arguments)
        return answer

    async def run_durably(self, *arguments: Any) -> list[Any]:
        answer: list[Any] = await self._unless_dead(super().run_durably, *arguments)
        return answer

    async def command(self, *words: Any) -> Any:
        return await self._unless_dead(super().command, *words)

    async def _unless_dead(self, ask: Any, *arguments: Any) -> Any:
        self.asks_left -= 1
        if self.asks_left == 0 and self.arrives:
            await ask(*arguments)
        if self.asks_left <= 0:
            raise KilledError
        return await ask(*arguments)


async def died(worker: Panier, connection: MortalConnection, asks: int, *, arrives: bool) -> tuple[CartId, bool]:
    """Have a cart paid for by a worker that dies; return the cart, and whether the worker came to the end."""
    connection.asks_left, connection.arrives = 10**9, arrives
    cart = await filled(worker, ADA, "ONLY-ONE", "WELCOME")
    connection.asks_left = asks
    try:
        answer = await begun(worker, ADA, cart, "to pay")
        assert answer.quoted is not None
        assert (await paid(worker, ADA, answer.quoted.quote)).order is not None
    except KilledError:
        return cart.cart.id, False
    return cart.cart.id, True


async def time_passes(connection: Connection) -> None:
    """Let all lapse that lapses by itself."""
    for key in await connection.command("KEYS", "*:kd:*"):
        for hold in await connection.command("ZRANGE", key, 0, -1):
            await connection.command("ZADD", key, "XX", 1, hold)


async def is_sound(engine: Panier, cart: CartId) -> bool:
    """Check that all is posted once and nothing else held, or nothing at all; return whether there is an order."""
    read = await engine.cart(ADA, cart)
    assert read is not None
    ordered = read.cart.ordered
    for limit in USED:
        assert await counted(engine, limit) == (1 if ordered else 0, 0)
    numbers = await orders_of(engine, ADA, CustomerId("ada"))
    assert numbers == ([ordered.number] if ordered else [])
    if ordered:
        order = await find_order(engine, ADA, ordered.number)
        assert order is not None
        assert (order.payment_reference, order.refunds_due) == ("pay-1", ())
        assert await engine.stores.checkouts.work_left(ordered.number) == ""
    for partition in range(engine.stores.checkouts.partitions):
        assert not await engine.stores.checkouts.left_pinned(partition, 0)
    return ordered is not None


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("sent_again", [False, True], ids=["swept", "sent again"])
async def test_wherever_a_worker_dies_there_is_an_order_with_everything_or_nothing(
    engine: Panier, connection: Connection, names: KeyNames, server_url: str, *, sent_again: bool, arrives: bool
) -> None:
    mortal = MortalConnection(server_url)
    worker = Panier(engine.snapshot, Stores.on(mortal, names, LIMITS), engine.limits)
    ordered, asks, is_done = [], 0, False
    while not is_done:
        asks += 1
        cart, is_done = await died(worker, mortal, asks, arrives=arrives)
        read = await engine.cart(ADA, cart)
        assert read is not None
        if sent_again:
            await send_again(engine, read)
        elif read.cart.freeze is not None:
            known = await engine.stores.checkouts.read(cart, read.cart.freeze.quote)
            assert known is not None
            await lapsed(connection, names, known.quote)
        await sweep(engine, age_ms=0)
        await time_passes(connection)
        ordered.append(await is_sound(engine, cart))
        await connection.command("FLUSHALL")
        await connection.load()
    await mortal.close()
    assert asks > 15, "so many things are asked of the store at least"
    assert ordered == sorted(ordered), "nothing before the one that commits, and an order ever after"
    assert all(ordered) if sent_again else not ordered[0]


async def send_again(engine: Panier, cart: PricedCart) -> None:
    """Do as a front end does that got no answer: begin again under the same id, and tell the payment again."""
    if cart.cart.ordered is None:
        answer = await begun(engine, ADA, cart, "to pay")
        assert answer.quoted is not None, answer.errors
        assert (await paid(engine, ADA, answer.quoted.quote)).order is not None
