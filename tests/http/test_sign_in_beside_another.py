"""Two devices of a customer at once: one signs in with a guest's cart, another one makes a cart. It becomes one cart."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.cart.commands import AddLines, NewLine
from engine.merge_service import sign_in
from engine.priced import Snapshot
from engine.service import NewCart, Panier
from engine.storage.connection import Argument, Connection
from engine.storage.scripts import Script
from engine.types import CustomerId, Sku
from tests.http.test_sign_in_cut_off import connection, engine, filled, held, somebody

__all__ = ["connection"]


class Halting:
    """A connection of a device that falls asleep before its `left`-th step, until it is `woken`."""

    def __init__(self, connection: Connection, left: int) -> None:
        self._connection = connection
        self._left = left
        self.asleep = asyncio.Event()
        self.woken = asyncio.Event()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        answer: list[Any] = await self._step(lambda: self._connection.run(script, keys, arguments))
        return answer

    async def command(self, *words: Argument) -> Any:
        return await self._step(lambda: self._connection.command(*words))

    async def _step(self, work: Callable[[], Awaitable[Any]]) -> Any:
        self._left -= 1
        if self._left == -1:
            self.asleep.set()
            await self.woken.wait()
        return await work()


async def beside(sleeper: Awaitable[Any], halting: Halting, other: Awaitable[Any]) -> tuple[Any, Any]:
    """Do one thing up to where it falls asleep, then most of another one, then the rest of both."""
    first = asyncio.ensure_future(sleeper)
    asleep = asyncio.ensure_future(halting.asleep.wait())
    await asyncio.wait({first, asleep}, return_when=asyncio.FIRST_COMPLETED)
    asleep.cancel()
    second = asyncio.ensure_future(other)
    await asyncio.wait({second}, timeout=0.05)
    halting.woken.set()
    return await first, await second


@pytest.mark.parametrize("patient", [True, False])
@pytest.mark.parametrize("sleeps", ["sign_in", "create"])
@pytest.mark.parametrize("left", range(8))
async def test_it_becomes_one_cart(
    connection: Connection, shop: Snapshot, monkeypatch: pytest.MonkeyPatch, left: int, sleeps: str, *, patient: bool
) -> None:
    """Wherever one of them falls asleep, and where the one that makes a cart does not wait for the other."""
    if not patient:
        monkeypatch.setattr("engine.service.PAUSES_S", ())
    halting: Any = Halting(connection, left)
    panier, slow = engine(connection, shop), engine(halting, shop)
    ben, guest = somebody(CallerKind.CUSTOMER), somebody(CallerKind.GUEST)
    cart = await filled(panier, guest, "milk", 3)
    lines = AddLines((NewLine(Sku("oat"), 2),))

    def signs_in(by: Panier) -> Awaitable[Any]:
        return sign_in(by, ben, cart, CustomerId(ben.id), None, guest, None)

    def creates(by: Panier) -> Awaitable[Any]:
        return by.create(ben, None, lambda *_: NewCart(commands=(lines,)))

    works = (signs_in(slow), creates(panier)) if sleeps == "sign_in" else (creates(slow), signs_in(panier))
    for done in await beside(works[0], halting, works[1]):
        assert done.errors == ()
    active = await panier.active_cart(ben)
    assert active is not None
    assert held(active.cart) == {"milk": 3, "oat": 2}
