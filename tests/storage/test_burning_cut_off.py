"""A worker dies at each single thing that it asks of the store while a cart is paid for with a code and with points."""

import pytest

from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.sweeping import sweep
from engine.types import CartId
from tests.storage.shopper import LIMITS
from tests.storage.test_burning import begun, given, let_lapse, sums, wishing
from tests.storage.test_burning import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_burning import snapshot as snapshot  # noqa: PLC0414  # likewise
from tests.storage.test_checkout import ADA, SINGLE, KilledError, counted, lapsed, paid
from tests.storage.test_checkout_cut_off import MortalConnection, time_passes
from tests.storage.test_checkout_cut_off import names as names  # noqa: PLC0414  # likewise
from tests.storage.test_earning import ADAS, sound


async def died(worker: Panier, connection: MortalConnection, asks: int, *, arrives: bool) -> tuple[CartId, bool]:
    """Have a cart paid for by a worker that dies; return the cart, and whether the worker came to the end."""
    connection.asks_left, connection.arrives = 10**9, arrives
    await given(worker, 100)
    cart = await wishing(worker, ADA, None, "ONLY-ONE")
    assert cart.evaluation.totals.due_minor == 40
    connection.asks_left = asks
    try:
        answer = await begun(worker, ADA, cart, "to pay")
        assert answer.quoted is not None
        assert (await paid(worker, ADA, answer.quoted.quote)).order is not None
    except KilledError:
        return cart.cart.id, False
    return cart.cart.id, True


async def is_sound(engine: Panier, cart: CartId) -> bool:
    """Check that all is spent once and nothing else held, or nothing at all; return whether there is an order."""
    read = await engine.cart(ADA, cart)
    assert read is not None
    is_ordered = read.cart.ordered is not None
    account, _ = await sound(engine, ADAS)
    assert all(hold.pinned_ms is None for hold in account.holds)
    for hold in account.holds:
        await let_lapse(engine, hold.id)
    assert await sums(engine) == ((0, 0) if is_ordered else (100, 0))
    assert await counted(engine, SINGLE) == (1 if is_ordered else 0, 0)
    for partition in range(engine.stores.checkouts.partitions):
        assert not await engine.stores.checkouts.left_pinned(partition, 0)
    return is_ordered


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("sent_again", [False, True], ids=["swept", "sent again"])
async def test_wherever_a_worker_dies_points_are_spent_with_an_order_or_free(
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
        if sent_again and read.cart.ordered is None:
            answer = await begun(engine, ADA, read, "to pay")
            assert answer.quoted is not None, answer.errors
            assert (await paid(engine, ADA, answer.quoted.quote)).order is not None
        elif not sent_again and read.cart.freeze is not None:
            known = await engine.stores.checkouts.read(cart, read.cart.freeze.quote)
            assert known is not None
            await lapsed(connection, names, known.quote)
        await sweep(engine, age_ms=0)
        await time_passes(connection)
        ordered.append(await is_sound(engine, cart))
        await connection.command("FLUSHALL")
        await connection.load()
    await mortal.close()
    assert asks > 25, "so many things are asked of the store at least"
    assert ordered == sorted(ordered), "nothing before the one that commits, and an order ever after"
    assert all(ordered) if sent_again else not ordered[0]
