"""A sign-in that is cut off in the middle: nothing is lost, and sending it again ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from engine.callers import Caller, CallerKind
from engine.cart.commands import AddLines, NewLine
from engine.cart.model import Cart
from engine.errors import StoreUnavailableError
from engine.merge_service import keep_settled, merge_carts, sign_in
from engine.priced import Snapshot
from engine.service import NewCart, Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.types import CartId, ChannelId, CustomerId, Sku
from tests.http.service import CART_LIMITS, LIMITS
from tests.storage.test_merges import Mortal, Stopped

_numbers = count()


@pytest.fixture
async def connection(store_url: str) -> AsyncIterator[Connection]:
    made = Connection(store_url)
    await made.load()
    yield made
    await made.close()


def engine(connection: Any, shop: Snapshot) -> Panier:
    return Panier(shop, Stores.on(connection, KeyNames(shop="cut-off"), CART_LIMITS), LIMITS)


def somebody(kind: CallerKind) -> Caller:
    return Caller(kind, f"cut-off-{next(_numbers)}", ChannelId("web"))


async def filled(panier: Panier, caller: Caller, sku: str, quantity: int) -> CartId:
    lines = AddLines((NewLine(Sku(sku), quantity),))
    made = await panier.create(caller, f"made-{sku}", lambda *_: NewCart(commands=(lines,)))
    assert made.priced is not None
    return made.priced.cart.id


def held(cart: Cart) -> dict[str, int]:
    return {line.sku: line.quantity for line in cart.lines}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("left", range(14))
async def test_a_sign_in_is_cut_off(connection: Connection, shop: Snapshot, left: int, *, late: bool) -> None:
    """At each of its steps. The customer always has an active cart, with their goods; the guest's are somewhere."""
    panier = engine(connection, shop)
    ben, guest = somebody(CallerKind.CUSTOMER), somebody(CallerKind.GUEST)
    home, cart = await filled(panier, ben, "oat", 2), await filled(panier, guest, "milk", 3)
    asked = (cart, CustomerId(ben.id), "sign-in", guest, None)
    dying = engine(Mortal(connection, left, late=late), shop)
    try:
        await sign_in(dying, ben, *asked)
    except Stopped:
        pass
    else:
        assert left >= 12, "each step of a sign-in is one of those that are cut off"
    active = await panier.active_cart(ben)
    assert active is not None
    assert held(active.cart) in ({"oat": 2}, {"oat": 2, "milk": 3})
    theirs = await panier.cart(guest, cart) or await panier.cart(ben, cart)
    assert theirs is not None
    assert held(theirs.cart) == {"milk": 3}

    again = await sign_in(panier, ben, *asked)
    assert again.errors == ()
    assert again.priced is not None
    assert (again.priced.cart.id, held(again.priced.cart)) == (home, {"oat": 2, "milk": 3})
    active, superseded = await panier.active_cart(ben), await panier.superseded_cart(ben)
    assert active is not None
    assert superseded is not None
    assert (active.cart.id, superseded.cart.id) == (home, cart)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("left", range(6))
async def test_a_first_sign_in_is_cut_off_and_another_device_makes_a_cart(
    connection: Connection, shop: Snapshot, left: int, *, late: bool
) -> None:
    panier = engine(connection, shop)
    ben, guest = somebody(CallerKind.CUSTOMER), somebody(CallerKind.GUEST)
    cart = await filled(panier, guest, "milk", 3)
    asked = (cart, CustomerId(ben.id), "sign-in", guest, None)
    with suppress(Stopped):
        await sign_in(engine(Mortal(connection, left, late=late), shop), ben, *asked)
    await filled(panier, ben, "oat", 2)
    again = await sign_in(panier, ben, *asked)
    assert again.errors == ()
    active = await panier.active_cart(ben)
    assert active is not None
    assert held(active.cart) == {"oat": 2, "milk": 3}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("left", range(10))
async def test_a_merge_of_the_active_cart_is_cut_off(
    connection: Connection, shop: Snapshot, left: int, *, late: bool
) -> None:
    """The customer goes on in the cart that holds both, whether or not the pointer had been moved."""
    panier = engine(connection, shop)
    ben, guest = somebody(CallerKind.CUSTOMER), somebody(CallerKind.GUEST)
    other = await filled(panier, guest, "milk", 3)
    await sign_in(panier, ben, other, CustomerId(ben.id), None, guest, None)
    friend = somebody(CallerKind.GUEST)
    target = await filled(panier, friend, "oat", 2)
    await panier.stores.customers.release(CustomerId(ben.id), other)
    await sign_in(panier, ben, target, CustomerId(ben.id), None, friend, None)
    await panier.stores.customers.claim(CustomerId(ben.id), other)
    dying = engine(Mortal(connection, left, late=late), shop)
    with suppress(Stopped):
        await merge_carts(dying, ben, other, target, "merge", None)
    active = await panier.active_cart(ben)
    assert active is not None
    merged = active.cart.id == target
    assert held(active.cart) == ({"oat": 2, "milk": 3} if merged else {"milk": 3})
    added = await panier.create(ben, "more", lambda *_: NewCart(commands=(AddLines((NewLine(Sku("oat"), 1),)),)))
    assert added.errors == ()
    assert added.priced is not None
    again = await merge_carts(panier, ben, other, target, "merge", None)
    assert again.priced is not None
    assert held(again.priced.cart) == {"oat": 3, "milk": 3}


async def test_what_nobody_comes_back_to_is_gone_on_with(
    connection: Connection, shop: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the store does not answer for a while."""
    panier = engine(connection, shop)
    guest = somebody(CallerKind.GUEST)
    source, target = await filled(panier, guest, "milk", 3), await filled(panier, guest, "oat", 1)
    with pytest.raises(Stopped):
        await merge_carts(engine(Mortal(connection, 4, late=False), shop), guest, source, target, "merge", None)
    sweep, swept = panier.stores.merges.sweep, asyncio.Event()
    answers = iter([False, True])

    async def unsteady(older_than_ms: int) -> None:
        assert older_than_ms > 0
        if not next(answers):
            raise StoreUnavailableError("away")
        await sweep(-1000)
        swept.set()

    monkeypatch.setattr(panier.stores.merges, "sweep", unsteady)
    monkeypatch.setattr("engine.merge_service._SWEEP_S", 0)
    task = asyncio.create_task(keep_settled(panier))
    await asyncio.wait_for(swept.wait(), 20)
    task.cancel()
    found = await connection.command("ZSCORE", "panier:merging", source)
    assert found is None
    merged = await panier.cart(guest, target)
    assert merged is not None
    assert held(merged.cart) == {"oat": 1, "milk": 3}
