"""What `bench.load` puts load on: the service over the workload's shop, or the bare route that sets the limit.

Run as ``python -m bench.served panier|uncached|bare STORE_URL FOLDER [sampled]``; prints its address when it listens.
What is sampled answers at ``/samples`` with what was seen since it was asked last (`bench.sampling`).
"""

import socket
import sys
from pathlib import Path
from typing import Any, Final

import orjson
import uvicorn
import uvloop
from redis.asyncio import BlockingConnectionPool, Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench import workload
from bench.sampling import Sampler
from bench.servers import SECRET
from engine.priced import Snapshot
from engine.pricing.requests import Limits
from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from schema.app import build_app
from schema.auth import TokenAuthority

BARE_SCRIPT: Final = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"
BARE_BYTES: Final = 2_000
LIMITS: Final = Limits(lines_max=500, quantity_max=99_999, codes_max=20, fees_max=20)


class _NothingLately:
    """In place of what a snapshot remembers to have priced lately: nothing."""

    def found(self, *_: object) -> None:
        """Find nothing."""


async def panier(store_url: str, folder: Path) -> Any:
    """Return the service over the workload's shop."""
    return await panier_on(Connection(store_url), workload.snapshot(folder))


async def uncached(store_url: str, folder: Path) -> Any:
    """Return the same, but each cart is evaluated anew whenever it is looked at."""
    snapshot = workload.snapshot(folder)
    vars(snapshot)["priced"] = _NothingLately()  # where `Snapshot.priced` would be kept when it is first asked for
    return await panier_on(Connection(store_url), snapshot)


async def panier_on(connection: Connection, snapshot: Snapshot) -> Any:
    """Return the service, on a connection that the caller closes."""
    await connection.load()
    engine = Panier(snapshot, Stores.on(connection, KeyNames()), LIMITS)
    return build_app(engine, TokenAuthority(SECRET))


async def bare(store_url: str, _: Path) -> Any:
    """Return a route that does one EVALSHA with a payload of 2 kB, and answers 2 kB of JSON."""
    redis = Redis.from_pool(BlockingConnectionPool.from_url(store_url, max_connections=32))
    sha = await redis.script_load(BARE_SCRIPT)
    payload = orjson.dumps({"payload": "x" * (BARE_BYTES - 14)})

    async def route(request: Request) -> Response:
        await request.body()
        return Response(await redis.evalsha(sha, 1, "bare", payload), media_type="application/json")

    return Starlette(routes=[Route("/graphql", route, methods=["POST"])])


def sampled(app: Starlette) -> None:
    """Have the stack of this process looked at."""
    sampler = Sampler()

    async def samples(_: Request) -> Response:
        return Response(orjson.dumps(sampler.taken()), media_type="application/json")

    app.routes.append(Route("/samples", samples))
    sampler.start()


async def _serve(what: str, store_url: str, folder: Path, *options: str) -> None:
    app = await {"panier": panier, "uncached": uncached, "bare": bare}[what](store_url, folder)
    if "sampled" in options:
        sampled(app)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        print(f"127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, http="httptools", ws="none", log_level="warning", access_log=False)
        await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:]))
