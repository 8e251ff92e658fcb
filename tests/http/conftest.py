from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from schema.app import HttpConfig
from tests.http.service import SMALL_LIMITS, Client, Service, snapshot
from tests.servers import plain_server


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with plain_server(tmp_path_factory.mktemp("http-store")) as server:
        yield server.url


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="session")
def shop(shop_folder: Path) -> Snapshot:
    return snapshot(shop_folder)


@pytest.fixture(scope="session")
def service(store_url: str, shop: Snapshot) -> Iterator[Service]:
    """As in production: no introspection, no GraphiQL."""
    config = HttpConfig(documents=SMALL_LIMITS, body_bytes_max=20_000, cors_origins=("https://shop.example",))
    with Service(store_url, shop, config).run() as running:
        yield running


@pytest.fixture
def guest(service: Service) -> Client:
    token = service.client().run('mutation { sessionCreate(channel: "web") { token } }')["sessionCreate"]["token"]
    return service.client(token)


@pytest.fixture
def staff(service: Service) -> Client:
    scopes = frozenset({"cart:read", "cart:write", "offers:read"})
    return service.client(service.token(CallerKind.STAFF, "maria", "pos", "south", scopes=scopes))
