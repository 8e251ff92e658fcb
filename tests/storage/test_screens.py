"""Screens in the store: they have their place for a time, which use makes begin anew."""

import asyncio
from pathlib import Path

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest

from engine.callers import Caller, CallerKind
from engine.cart.handoff import HandoffMode, Terms
from engine.cart.members import AdmitScreen, HandOver, LimitMember, StayOnScreen
from engine.cart.model import Budget, Cart
from engine.errors import RefusedError, UserErrorCode
from engine.live import EventReason, LiveCarts
from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.rules.ruleset import compile_ruleset
from engine.service import Panier
from engine.storage.carts import Actor, CartStore
from engine.storage.connection import Connection
from engine.storage.handoffs import HandoffStore, NotMade
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.storage.wake_ups import WakeUps
from engine.types import Currency, InstantMs, MemberId, OperationId
from tests.shops import small_shop
from tests.storage.shopper import ANN, CART, WEB, add, caller, committed, done, edit, made, missing, refused

TV = MemberId("guest:tv")
SCREEN = Actor(TV, WEB, None, "Living room")
HOUR_MS = 3_600_000


def admit(stay_ms: int = HOUR_MS) -> AdmitScreen:
    return AdmitScreen(TV, edits=True, stay_ms=stay_ms)


async def read(carts: CartStore) -> Cart:
    cart = (await carts.read(CART)).cart
    assert cart is not None
    return cart


def ends(cart: Cart) -> InstantMs:
    member = cart.member(TV)
    assert member is not None
    assert member.until_ms is not None
    return member.until_ms


async def test_whatever_a_screen_does_makes_its_time_begin_anew(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    before = ends(await done(carts, admit()))
    for use in (StayOnScreen().ops()[0], add()):
        await asyncio.sleep(0.01)
        after = ends(await committed(carts, edit(use, by=SCREEN)))
        assert after > before
        before = after
    limited = await done(carts, LimitMember(TV, Budget(500, Currency("EUR")), ()))
    assert ends(limited) == before, "limits leave it its time"
    await refused(connection, carts, UserErrorCode.MEMBER_NOT_FOUND, edit(*StayOnScreen().ops()))


async def test_a_screen_whose_time_is_over_is_nobody(connection: Connection, carts: CartStore, names: KeyNames) -> None:
    await made(carts)
    await done(carts, admit(stay_ms=50))
    await asyncio.sleep(0.1)
    await missing(connection, carts, edit(add(), by=SCREEN))
    await missing(connection, carts, edit(*StayOnScreen().ops(), by=SCREEN))
    terms = Terms(HandoffMode.COPY, HOUR_MS, HOUR_MS)
    code = await HandoffStore(connection, names).create(CART, SCREEN, OperationId("h"), terms)
    assert code == NotMade(UserErrorCode.CART_NOT_FOUND)
    assert ends(await done(carts, admit()))


async def test_a_screen_that_is_made_the_owner_stays(carts: CartStore) -> None:
    await made(carts)
    await done(carts, admit(stay_ms=HOUR_MS))
    cart = await done(carts, HandOver(TV, None, None, keep_delivery=True), by=caller(ANN))
    owner = cart.member(TV)
    assert owner is not None
    assert (owner.until_ms, owner.role.value) == (None, "owner")


async def test_who_looks_at_a_screen_uses_it(
    tmp_path: Path, connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    engine = Panier(Snapshot(small_shop(tmp_path), compile_ruleset([])), Stores.on(connection, names), Limits())
    screen = Caller(CallerKind.GUEST, "tv", WEB, device="Living room")
    await made(carts)
    await done(carts, admit(stay_ms=HOUR_MS))
    for _ in range(2):
        assert (await engine.cart(screen, CART)) is not None
    assert (await read(carts)).version == 2, "more than half of its time is left: nothing is written"
    blob = msgpack.unpackb(await connection.command("GET", names.cart(CART)))
    blob["m"][-1][2]["t"] -= HOUR_MS // 2 + 1000
    await connection.command("SET", names.cart(CART), msgpack.packb(blob, use_bin_type=False))
    before = ends(await read(carts))
    assert (await engine.cart(screen, CART)) is not None
    assert ends(await read(carts)) > before


async def test_followers_are_told_when_a_screens_time_is_over(
    tmp_path: Path, connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    engine = Panier(Snapshot(small_shop(tmp_path), compile_ruleset([])), Stores.on(connection, names), Limits())
    live = LiveCarts(engine, WakeUps(connection))
    await made(carts)
    await done(carts, admit(stay_ms=2_500))
    screen = await live.follow(Caller(CallerKind.GUEST, "tv", WEB, device="Living room"), CART)
    ann = await live.follow(Caller(CallerKind.GUEST, "ann", WEB), CART)
    async with asyncio.timeout(20):
        assert [(await anext(each)).priced.cart.version for each in (screen, ann)] == [2, 2]
        over = await anext(ann)
        assert (over.reason, over.operations, over.priced.cart.member(TV)) == (EventReason.LAPSED, (), None)
        with pytest.raises(RefusedError):
            await anext(screen)
    for each in (screen, ann):
        each.close()
    await live.close()
