"""`panier ledger verify` on a real server: what adds up, and what somebody changed by hand."""

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

from engine.loyalty.account import AccountId
from engine.loyalty.codec import decode_account, encode_account
from engine.loyalty.commands import Earn
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.ledger import LedgerStore
from engine.types import OperationId
from tests.servers import plain_server
from tests.shops import small_shop
from tests.test_cli import PANIER, environment

ANN, BEN = AccountId("customer:ann"), AccountId("customer:ben")


def verify(url: str, shop: Path, *words: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [PANIER, "ledger", "verify", *words],
        env=environment({"PANIER_REDIS_URL": url, "PANIER_SHOP": str(shop), "PANIER_JWT_SECRET": "s" * 40}),
        cwd=shop.parent,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()[1:]


async def earn(url: str, names: KeyNames) -> None:
    connection = Connection(url)
    ledger = LedgerStore(connection, names)
    for account in (ANN, BEN):
        await ledger.do(account, Earn(OperationId("order-1"), 10))
    await connection.close()


async def change_by_hand(url: str, names: KeyNames) -> None:
    connection = Connection(url)
    key = names.account(BEN)[0]
    account = decode_account(await connection.command("HGET", key, "b"))
    await connection.command("HSET", key, "b", encode_account(replace(account, active=99)))
    await connection.close()


def test_it_tells_which_account_is_not_what_its_entries_say(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    names = KeyNames(shop=small_shop(shop).id)
    with plain_server(tmp_path / "store") as server:
        assert verify(server.url, shop) == (0, ["0 accounts, 0 wrong"])
        asyncio.run(earn(server.url, names))
        assert verify(server.url, shop) == (0, ["2 accounts, 0 wrong"])
        asyncio.run(change_by_hand(server.url, names))
        fault = "customer:ben: active is 99, and its entries make 10"
        assert verify(server.url, shop) == (1, [fault, "2 accounts, 1 wrong"])
        assert verify(server.url, shop, "--account", ANN) == (0, ["1 account, 0 wrong"])
