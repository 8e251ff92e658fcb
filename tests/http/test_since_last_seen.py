"""What is new to somebody who looks at a cart again."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rules
from tests.http.following import socket
from tests.http.service import Client, Service

NEWS = """
query($id: ID!) { cart(id: $id) { version sinceLastSeen {
  version complete totalBefore { minorUnits }
  lines { sku news members quantityBefore quantity amountBefore { minorUnits } amount { minorUnits } }
  offersEnded { promotionId label } offersBegun { promotionId label }
} } }
"""
SEEN = "mutation($id: ID!, $version: Int) { cartSeen(cartId: $id, version: $version) { version cart { version } userErrors { code field } } }"
SET = "mutation($id: ID!, $lines: [CartLineUpdateInput!]!) { cartLinesUpdate(cartId: $id, lines: $lines) { userErrors { code } } }"
REMOVE = "mutation($id: ID!, $ids: [ID!]!) { cartLinesRemove(cartId: $id, lineIds: $ids) { userErrors { code } } }"


@pytest.fixture(name="own_service")
def _own_service(store_url: str, shop: Snapshot) -> Iterator[Service]:
    """Run a service whose rules the test may change."""
    with Service(store_url, shop).run() as running:
        yield running


@pytest.fixture
def ada(own_service: Service) -> Client:
    return own_service.client(own_service.token(CallerKind.CUSTOMER, f"ada-{time.time_ns()}", "app"))


@pytest.fixture
def till(own_service: Service) -> Client:
    scopes = frozenset({"cart:read", "cart:write"})
    return own_service.client(own_service.token(CallerKind.TERMINAL, "till-4", "pos", "south", scopes=scopes))


def news(client: Client, cart: str) -> dict[str, Any]:
    found: dict[str, Any] = client.run(NEWS, id=cart)["cart"]["sinceLastSeen"]
    return found


def seen(client: Client, cart: str, version: int | None = None) -> dict[str, Any]:
    payload: dict[str, Any] = client.run(SEEN, id=cart, version=version)["cartSeen"]
    return payload


def lines_of(client: Client, cart: str) -> dict[str, str]:
    nodes = client.run("query($id: ID!) { cart(id: $id) { lines { nodes { lineId sku } } } }", id=cart)["cart"][
        "lines"
    ]["nodes"]
    return {line["sku"]: line["lineId"] for line in nodes}


def test_lines_of_others_are_news_and_own_ones_are_not(own_service: Service, ada: Client, till: Client) -> None:
    cart = ada.create(
        lines=[{"sku": "milk", "quantity": 2}, {"sku": "ham", "quantity": "0.500"}, {"sku": "milk-6", "quantity": 1}]
    )
    assert ada.run(NEWS, id=cart)["cart"]["sinceLastSeen"] is None
    assert seen(ada, cart, 1) == {"version": 1, "cart": {"version": 1}, "userErrors": []}
    before = ada.run(NEWS, id=cart)["cart"]["sinceLastSeen"]
    assert (before["version"], before["lines"], before["complete"]) == (1, [], True)

    ids = lines_of(ada, cart)
    till.add(cart, "oat", 1)
    till.run(SET, id=cart, lines=[{"lineId": ids["ham"], "quantity": "0.750"}])
    till.run(REMOVE, id=cart, ids=[ids["milk-6"]])
    ada.run(SET, id=cart, lines=[{"lineId": ids["milk"], "quantity": 3}])
    scripts = own_service.scripts_run()
    told = news(ada, cart)
    assert own_service.scripts_run() - scripts == 2, "one round trip for the cart, one for what is new"
    assert [
        (line["sku"], line["news"], line["members"], line["quantityBefore"], line["quantity"]) for line in told["lines"]
    ] == [
        ("ham", "QUANTITY", ["terminal:till-4"], "0.500", "0.750"),
        ("oat", "ADDED", ["terminal:till-4"], None, 1),
        ("milk-6", "REMOVED", ["terminal:till-4"], 1, None),
    ]
    assert (told["lines"][1]["amountBefore"], told["lines"][1]["amount"]) == (None, {"minorUnits": 216})
    assert (told["lines"][2]["amountBefore"], told["lines"][2]["amount"]) == ({"minorUnits": 540}, None)
    assert till.run(NEWS, id=cart)["cart"]["sinceLastSeen"] is None, "what one has seen is nobody else's"
    assert seen(ada, cart)["version"] == 5
    assert news(ada, cart)["lines"] == []


def test_prices_and_offers_that_changed_are_news(
    own_service: Service, ada: Client, shop: Snapshot, tmp_path: Path
) -> None:
    def rules(name: str, text: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "all.yaml").write_text(f"promotions:\n{text}", encoding="utf-8")
        own_service.engine.snapshot = replace(shop, ruleset=load_rules(folder, shop.shop).ruleset)

    milk = "  - {id: milk-week, label: Milk week, give: {percent_off: {percent: 10%, on: {sku: milk}}}}\n"
    oats = "  - {id: oats, label: Oats, give: {percent_off: {percent: 10%, on: {sku: oat}}}}\n"
    cart = ada.create(lines=[{"sku": "milk", "quantity": 2}, {"sku": "oat", "quantity": 1}])
    rules("a", milk)
    seen(ada, cart)
    rules("b", oats)
    told = news(ada, cart)
    assert [
        (line["sku"], line["news"], line["amountBefore"]["minorUnits"], line["amount"]["minorUnits"])
        for line in told["lines"]
    ] == [
        ("milk", "DEARER", 216, 240),
        ("oat", "CHEAPER", 240, 216),
    ]
    assert told["offersEnded"] == [{"promotionId": "milk-week", "label": "Milk week"}]
    assert told["offersBegun"] == [{"promotionId": "oats", "label": "Oats"}]
    assert told["totalBefore"]["minorUnits"] == 456


def test_what_was_not_shown_is_not_marked_as_seen(ada: Client, till: Client, own_service: Service) -> None:
    cart = ada.create(lines=[{"sku": "milk", "quantity": 2}])
    till.add(cart, "oat")
    stale = seen(ada, cart, 1)
    assert (stale["userErrors"], stale["cart"]["version"]) == ([{"code": "STALE_VERSION", "field": ["version"]}], 2)
    stranger = own_service.client(own_service.token(CallerKind.CUSTOMER, "stranger"))
    assert seen(stranger, cart)["userErrors"][0]["code"] == "CART_NOT_FOUND"
    assert seen(ada, "nonsense")["userErrors"][0]["code"] == "CART_NOT_FOUND"


def test_where_the_log_is_too_short_everything_counts(ada: Client, till: Client) -> None:
    cart = ada.create(lines=[{"sku": "milk", "quantity": 2}])
    seen(ada, cart)
    ada.add(cart, "ham", "0.500")
    for _ in range(205):
        till.add(cart, "oat")
    told = news(ada, cart)
    assert (told["complete"], [(line["sku"], line["members"]) for line in told["lines"]]) == (
        False,
        [("ham", []), ("oat", ["terminal:till-4"])],
    )


def test_it_is_forgotten_in_time_and_left_out_of_feeds(own_service: Service, ada: Client) -> None:
    cart = ada.create(lines=[{"sku": "milk", "quantity": 2}])
    seen(ada, cart)
    with Redis.from_url(own_service.store_url) as redis:
        (key,) = [key for key in redis.scan_iter("*:s:*") if ada.token and b"ada-" in key and redis.pttl(key) > 0][-1:]
        assert 29 * 86_400_000 < int(redis.pttl(key)) <= 30 * 86_400_000
    query = "subscription($id: ID!) { cartChanged(cartId: $id) { cart { version sinceLastSeen { version } } } }"
    with socket(own_service.url, ada.token) as connection:
        assert connection.subscribe("1", query, id=cart).event() == {"cart": {"version": 1, "sinceLastSeen": None}}
