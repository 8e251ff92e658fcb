"""The service is killed at every step of a checkout, and once the store with it: an order with everything, or nothing."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from engine.callers import Caller, CallerKind
from engine.cart.codes import drawn_voucher
from engine.checkout.steps import Step
from engine.checkout_service import find_order
from engine.limits import Limit, LimitKind, card_of, voucher_limit
from engine.loyalty.account import account_of_customer, card_account
from engine.loyalty.audit import faults_of
from engine.loyalty.commands import Adjust, ReleaseHold
from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.embedded import EmbeddedServer, EmbeddedServerError
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from engine.storage.vouchers import VoucherRecord
from engine.sweeping import sweep
from engine.types import CartId, CustomerId, InstantMs, OperationId, OrderNumber, PromotionId
from engine.vouchers import vouchers_of
from schema.auth import TokenAuthority
from schema.ids import key_of
from tests.http.dying import ATTEMPT_MS, RULES
from tests.http.service import CART_LIMITS, SECRET, Client, snapshot
from tests.http.test_checkout import begun, paid

ROOT = Path(__file__).parents[2]
ADA = Caller(CallerKind.CUSTOMER, "ada")
POINTS = account_of_customer(CustomerId("ada"))
CARD = card_account(card_of("visits", CustomerId("ada")))
SINGLE = Limit(PromotionId("single"), LimitKind.TOTAL)


@contextlib.contextmanager
def dying_service(store_url: str, folder: Path, step: str) -> Iterator[str]:
    """Run a service that kills itself at a step, in a process of its own."""
    command = [sys.executable, "-m", "tests.http.dying", store_url, str(folder), step]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # ours
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.stdout.close()
        assert process.wait(20) == -signal.SIGKILL


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return snapshot(tmp_path_factory.mktemp("shop"), RULES)


@pytest.mark.parametrize(
    ("step", "store_dies"),
    [*((step, False) for step in Step), (Step.FROZEN, True), (Step.PINNED, True), (Step.PLACED, True)],
)
def test_there_is_an_order_with_everything_posted_or_nothing(
    tmp_path: Path, small: Snapshot, step: Step, *, store_dies: bool
) -> None:
    store = EmbeddedServer(tmp_path / "store")
    with store:
        brought = asyncio.run(_given(store.url))
        with dying_service(store.url, tmp_path / "shop", step) as url:
            client = Client(url, TokenAuthority(SECRET).mint(ADA, 600))
            client.run("{ loyaltyAccount { active } }")
            cart = client.run(
                'mutation { cartCreate(input: {lines: [{sku: "milk", quantity: 2}], codes: ["only one", "'
                + brought
                + '"]})'
                " { cart { id totals { total { amount } } } } }"
            )["cartCreate"]["cart"]
            cart = client.run(
                f'mutation {{ loyaltyBurn(cartId: "{cart["id"]}", points: 20)'
                " { cart { id totals { total { amount } } burned { points } } } }"
            )["loyaltyBurn"]["cart"]
            assert cart["burned"] == {"points": 20}
            with pytest.raises(httpx.TransportError):  # noqa: PT012  # whichever of the two dies
                quote = begun(client, cart)["quote"]
                paid(client, quote)
            client.http.close()
        if store_dies:
            asyncio.run(_killed_and_back(store))
        asyncio.run(_healed(store.url, small, CartId(key_of(cart["id"], "Cart")), brought))


async def _given(store_url: str) -> str:
    """Give points and stamps to spend, and a code that another order brought; return that."""
    connection = Connection(store_url, timeout_s=10)
    await connection.load()
    try:
        stores = Stores.on(connection, KeyNames(), CART_LIMITS)
        ledger = stores.ledger
        await ledger.do(POINTS, Adjust(OperationId("given"), 20, "a present"))
        await ledger.do(CARD, Adjust(OperationId("given"), 4, "a present"))
        code, now_ms = drawn_voucher(secrets.choice), InstantMs(time.time_ns() // 10**6)
        record = VoucherRecord(code, "next-visit", InstantMs(now_ms + 10**9), OrderNumber("another"), None)
        assert await stores.vouchers.add(record, now_ms)
        return code
    finally:
        await connection.close()


async def _killed_and_back(store: EmbeddedServer) -> None:
    """Kill the store, and let its keeper bring it back, as `panier serve` does."""
    killed = store.pid
    os.kill(killed, signal.SIGKILL)
    watching = asyncio.create_task(store.watch())
    back = killed
    for _ in range(200):
        await asyncio.sleep(0.05)
        with contextlib.suppress(EmbeddedServerError):
            back = store.pid
        if back != killed:
            break
    watching.cancel()
    assert back != killed


async def _healed(store_url: str, small: Snapshot, cart_id: CartId, brought: str) -> None:
    """Sweep as the next process would, and look at what there is."""
    connection = Connection(store_url, timeout_s=10)
    await connection.load()
    stores = Stores.on(connection, KeyNames(), CART_LIMITS)
    engine = Panier(small, stores, Limits())
    try:
        priced = await engine.cart(ADA, cart_id)
        assert priced is not None
        freeze = priced.cart.freeze
        await asyncio.sleep(2 * ATTEMPT_MS / 1000)
        await sweep(engine, age_ms=0)
        priced = await engine.cart(ADA, cart_id)
        assert priced is not None
        (counted,) = await stores.limits.read([SINGLE])
        account = (await stores.ledger.settled(POINTS)).account
        card = (await stores.ledger.settled(CARD)).account
        ordered = priced.cart.ordered
        if ordered is None:
            assert counted.spent == 0
            if freeze is not None:
                await stores.limits.release(voucher_limit(brought), freeze.quote)
                await stores.limits.release(SINGLE, freeze.quote)
                (counted,) = await stores.limits.read([SINGLE])
                assert counted.held == 0, "nothing is pinned: what is held lapses"
            (voucher,) = await stores.limits.read([voucher_limit(brought)])
            assert voucher.spent == 0
            assert freeze is None or voucher.held == 0, "likewise"
            for hold in account.holds:
                account = (await stores.ledger.do(POINTS, ReleaseHold(hold.id))).account
            assert (account.active, account.held) == (20, 0), "likewise"
            for hold in card.holds:
                card = (await stores.ledger.do(CARD, ReleaseHold(hold.id))).account
            assert (card.active, card.held) == (4, 0), "likewise"
        else:
            assert (counted.spent, counted.held) == (1, 0)
            assert (account.active, account.held) == (0, 0)
            assert (card.active, card.held) == (1, 0), "four are taken, and the order brought one"
            order = await find_order(engine, ADA, ordered.number)
            assert order is not None
            assert len(order.issued) == 1
            assert await vouchers_of(stores, ADA, CustomerId("ada")) == order.issued
            (voucher,) = await stores.limits.read([voucher_limit(brought)])
            assert (voucher.spent, voucher.held) == (1, 0)
            assert await stores.checkouts.work_left(order.number) == ""
            assert await stores.checkouts.numbers_of(ADA.customer or "") == [order.number]  # type: ignore[arg-type]
        for each in (account, card):
            assert not faults_of(each, [entry async for entry in stores.ledger.every_entry(each.id)])
    finally:
        await connection.close()
