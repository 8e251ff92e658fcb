"""How much of the store a cart takes: the workload's 20 lines, a log of 20 entries, and the ids of its operations."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from bench import table, workload
from bench.generator import CHANGED
from bench.served import panier_on
from engine.storage.connection import Connection
from engine.storage.embedded import EmbeddedServer

CHANGES = 20


def test_what_a_cart_takes(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "store") as store:
        total_bytes = asyncio.run(_bytes_of_a_cart(store.url, tmp_path / "shop"))
    table.at_most("a 20-line cart with 20 log entries and their ids, in the store", total_bytes, 4_000, "bytes")


async def _bytes_of_a_cart(store_url: str, folder: Path) -> int:
    """Return the bytes of all keys of a store that has seen one cart."""
    connection = Connection(store_url)
    app = await panier_on(connection, workload.snapshot(folder))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://panier") as client:

        async def run(query: str, **variables: object) -> Any:
            answered = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
            assert "errors" not in answered, answered
            return answered["data"]

        token = (await run(workload.SESSION))["sessionCreate"]["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        cart = (await run(workload.CREATE, lines=workload.lines()))["cartCreate"]["cart"]["id"]
        for _ in range(CHANGES):
            await run(workload.ADD, id=cart, lines=[{"sku": CHANGED, "quantity": 1}])
    keys: list[bytes] = await connection.command("KEYS", "*")
    sizes = [int(await connection.command("MEMORY", "USAGE", key) or 0) for key in keys]
    await connection.close()
    print({key.decode(): size for key, size in zip(keys, sizes, strict=True)})
    return sum(sizes)
