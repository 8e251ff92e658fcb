"""Every test of the store runs on a plain server and on a cluster-enabled one."""

from collections.abc import AsyncIterator, Iterator

import pytest

from engine.storage.carts import CartStore
from engine.storage.connection import Connection
from engine.storage.customers import CustomerStore
from engine.storage.keys import KeyNames
from tests.servers import cluster_server, plain_server
from tests.storage.shopper import LIMITS


@pytest.fixture(scope="session", params=["plain", "cluster"])
def server_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    start = cluster_server if request.param == "cluster" else plain_server
    with start(tmp_path_factory.mktemp("store")) as server:
        yield server.url


@pytest.fixture
async def connection(server_url: str) -> AsyncIterator[Connection]:
    made = Connection(server_url)
    await made.command("FLUSHALL")
    await made.load()
    yield made
    await made.close()


@pytest.fixture
def names() -> KeyNames:
    return KeyNames()


@pytest.fixture
def carts(connection: Connection, names: KeyNames) -> CartStore:
    return CartStore(connection, names, LIMITS)


@pytest.fixture
def customers(connection: Connection, names: KeyNames) -> CustomerStore:
    return CustomerStore(connection, names)
