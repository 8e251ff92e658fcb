"""What `bench.load` puts load on: the service over the workload's shop, or the bare route that sets the limit.

Run as ``python -m bench.served panier|bare STORE_URL FOLDER PORT``; prints its address when it listens. Several may
share a port; port 0 is any.
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
from engine.pricing.requests import Limits
from engine.service import Panier
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.stores import Stores
from schema.app import build_app
from schema.auth import TokenAuthority

SECRET: Final = "a secret of the bench, long enough for HS256"  # noqa: S105  # of the bench only
BARE_SCRIPT: Final = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"
BARE_BYTES: Final = 2_000
LIMITS: Final = Limits(lines_max=500, quantity_max=99_999, codes_max=20, fees_max=20)


async def panier(store_url: str, folder: Path) -> Any:
    """Return the service over the workload's shop."""
    return await panier_on(Connection(store_url), folder)


async def panier_on(connection: Connection, folder: Path) -> Any:
    """Return the service over the workload's shop, on a connection that the caller closes."""
    await connection.load()
    engine = Panier(workload.snapshot(folder), Stores.on(connection, KeyNames()), LIMITS)
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


async def _serve(what: str, store_url: str, folder: Path, port: int) -> None:
    app = await {"panier": panier, "bare": bare}[what](store_url, folder)
    with socket.create_server(("127.0.0.1", port), backlog=128, reuse_port=True) as listening:
        print(f"127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, http="httptools", ws="none", log_level="warning", access_log=False)
        await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
