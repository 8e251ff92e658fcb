"""The store behind the API: round trips, many writers, and what happens when it is gone."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from tests.http import test_mutations as mutations
from tests.http.service import ADD, CREATE, READ, Client, Service
from tests.servers import plain_server

WRITERS = 16
ADDS_EACH = 250


def trips(service: Service, act: Callable[[], Any]) -> int:
    """Count the scripts that the store runs for one act; anything else is no way to a cart."""
    before = service.scripts_run()
    act()
    return service.scripts_run() - before


def test_each_query_and_mutation_is_one_round_trip(service: Service, guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}, {"sku": "oat"}])
    milk, oat = (line["lineId"] for line in guest.run(READ, id=cart)["cart"]["lines"]["nodes"])
    counted = {
        "cart": trips(service, lambda: guest.run(READ, id=cart)),
        "node": trips(service, lambda: guest.run("query($id: ID!) { node(id: $id) { id } }", id=cart)),
        "cartLog": trips(
            service, lambda: guest.run("query($id: ID!) { cartLog(cartId: $id) { totalCount } }", id=cart)
        ),
        "cartCreate": trips(service, lambda: guest.run(CREATE, input={"lines": [{"sku": "milk"}]})),
        "cartLinesAdd": trips(service, lambda: guest.run(ADD, id=cart, lines=[{"sku": "milk"}, {"sku": "oat"}])),
        "cartLinesUpdate": trips(
            service, lambda: guest.run(mutations.LINES_UPDATE, id=cart, lines=[{"lineId": milk, "quantity": 3}])
        ),
        "cartLinesRemove": trips(service, lambda: guest.run(mutations.LINES_REMOVE, id=cart, lines=[oat])),
        "cartCodesAdd": trips(service, lambda: guest.run(mutations.CODES_ADD, id=cart, codes=["welcome5"])),
        "cartCodesRemove": trips(service, lambda: guest.run(mutations.CODES_REMOVE, id=cart, codes=["welcome5"])),
        "cartFeesAdd": trips(service, lambda: guest.run(mutations.FEES_ADD, id=cart, fees=[{"fee": "gift-wrap"}])),
        "cartFeesRemove": trips(service, lambda: guest.run(mutations.FEES_REMOVE, id=cart, fees=["gift-wrap"])),
        "cartContextUpdate": trips(service, lambda: guest.run(mutations.CONTEXT, id=cart, context={"channel": "app"})),
        "cartNoteUpdate": trips(service, lambda: guest.run(mutations.NOTE, id=cart, note="hello")),
        "cartClear": trips(service, lambda: guest.run(mutations.CLEAR, id=cart)),
    }
    assert set(counted.values()) == {1}, counted


def test_two_round_trips_where_the_cart_must_first_be_found(service: Service) -> None:
    customer = service.client(service.token(CallerKind.CUSTOMER, "trips", "web"))
    assert trips(service, lambda: customer.run(CREATE)) == 2
    assert trips(service, lambda: customer.run("{ activeCart { id } }")) == 2


def test_a_sign_in_takes_some_more_and_most_where_two_carts_become_one(service: Service) -> None:
    guest_token = service.token(CallerKind.GUEST, "g-trips", "web")
    customer = service.client(service.token(CallerKind.CUSTOMER, "trips-in", "web"))
    for wanted in (5, 10):  # the first looks once more, for a cart that another device made meanwhile
        cart = service.client(guest_token).create()
        assert trips(service, lambda: customer.run(mutations.ATTACH, id=cart, guest=guest_token)) == wanted  # noqa: B023
    assert trips(service, lambda: customer.run("{ supersededCart { id } }")) == 2


def test_what_is_refused_before_the_store_costs_no_round_trip(service: Service, guest: Client) -> None:
    cart = guest.create()
    assert trips(service, lambda: guest.add(cart, "nothing")) == 0
    assert trips(service, lambda: guest.run(READ, id="nonsense")) == 0
    assert trips(service, lambda: service.client().post(READ, id=cart)) == 0


def test_sixteen_writers_lose_nothing(service: Service, guest: Client) -> None:
    cart = guest.create()
    add = (
        'mutation($id: ID!) { cartLinesAdd(cartId: $id, lines: [{sku: "milk", quantity: 1}])'
        " { version replayed userErrors { code message } } }"
    )

    async def write(client: httpx.AsyncClient) -> list[int]:
        versions = []
        for _ in range(ADDS_EACH):
            answer = await client.post("/graphql", json={"query": add, "variables": {"id": cart}})
            body = answer.json()
            assert answer.status_code == 200, body
            payload = body["data"]["cartLinesAdd"]
            assert not payload["userErrors"]
            assert payload["replayed"] is False
            versions.append(payload["version"])
        return versions

    async def write_all() -> list[int]:
        async with httpx.AsyncClient(base_url=service.url, headers=dict(guest.http.headers), timeout=30) as client:
            each = await asyncio.gather(*(write(client) for _ in range(WRITERS)))
        return [version for versions in each for version in versions]

    versions = asyncio.run(write_all())
    total = WRITERS * ADDS_EACH
    assert sorted(versions) == list(range(2, total + 2))
    seen = guest.run(READ, id=cart)["cart"]
    assert (seen["version"], seen["lines"]["nodes"][0]["quantity"]) == (total + 1, total)


def test_a_cart_of_another_looks_as_if_it_did_not_exist(service: Service, guest: Client, staff: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}])
    line = guest.run(READ, id=cart)["cart"]["lines"]["nodes"][0]["lineId"]
    stranger = service.client(service.token(CallerKind.GUEST, "stranger"))
    nobody = "Q2FydDo0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NA"
    attempts: list[tuple[str, dict[str, Any]]] = [
        (ADD, {"lines": [{"sku": "milk"}]}),
        (mutations.LINES_UPDATE, {"lines": [{"lineId": line, "quantity": 9}]}),
        (mutations.LINES_REMOVE, {"lines": [line]}),
        (mutations.CLEAR, {}),
        (mutations.CODES_ADD, {"codes": ["welcome5"]}),
        (mutations.CODES_REMOVE, {"codes": ["welcome5"]}),
        (mutations.FEES_ADD, {"fees": [{"fee": "gift-wrap"}]}),
        (mutations.FEES_REMOVE, {"fees": ["gift-wrap"]}),
        (mutations.CONTEXT, {"context": {"channel": "app"}}),
        (mutations.NOTE, {"note": "mine now"}),
        (READ, {}),
    ]
    for query, variables in attempts:
        there, nowhere = (stranger.post(query, id=one, **variables).json() for one in (cart, nobody))
        assert there == nowhere
        if query is not READ:
            (payload,) = there["data"].values()
            assert [error["code"] for error in payload["userErrors"]] == ["CART_NOT_FOUND"]
    assert guest.run(READ, id=cart)["cart"]["version"] == 1
    assert staff.run(READ, id=cart)["cart"]["id"] == cart


def test_the_store_gone_in_the_middle_loses_nothing(tmp_path: Path, shop: Snapshot) -> None:
    add = (
        "mutation($id: ID!, $op: ID!)"
        ' { cartLinesAdd(cartId: $id, operationId: $op, lines: [{sku: "milk"}]) { version } }'
    )
    folder = tmp_path / "store"
    with plain_server(folder) as first:
        service = Service(first.url, shop)
        with service.run():
            client = service.client(service.token(CallerKind.GUEST, "g", "web"))
            cart = client.create()
            done, unknown = _write_until_gone(client, cart, add, first.stop)
            refused = client.post(add, id=cart, op="after")
            assert refused.status_code == 503
            error = refused.json()["errors"][0]
            assert error["extensions"]["code"] == "STORE_UNAVAILABLE"
            assert "same operationId is safe" in error["message"]
            told = client.error(READ, id=cart)
            assert (told["extensions"]["code"], told["message"]) == (
                "STORE_UNAVAILABLE",
                "the store does not answer: try again",
            )
            assert client.http.get("/health").status_code == 503
            with plain_server(folder):
                assert client.http.get("/health").json()["status"] == "ok"
                for operation in (*done, *unknown):
                    assert "errors" not in client.post(add, id=cart, op=operation).json()
                seen = client.run(READ, id=cart)["cart"]
    # Each operation is there once, whether its first answer arrived or not.
    assert seen["lines"]["nodes"][0]["quantity"] == len(done) + len(unknown) == seen["version"] - 1


def test_a_store_that_is_gone_is_logged_when_that_changes(
    tmp_path: Path, shop: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "store"
    with plain_server(folder) as first:
        service = Service(first.url, shop)
        with service.run():
            client = service.client(service.token(CallerKind.GUEST, "g", "web"))
            cart = client.create()
            first.stop()
            for _ in range(10):
                assert client.error(READ, id=cart)["extensions"]["code"] == "STORE_UNAVAILABLE"
                assert client.http.get("/health").status_code == 503
            with plain_server(folder):
                for _ in range(3):
                    client.run(READ, id=cart)
    said = [record for record in caplog.records if record.name.startswith("panier")]
    assert [record.getMessage().split(":")[0] for record in said] == [
        "the store does not answer",
        "the store answers again",
    ]
    assert not any(record.exc_info for record in said)


def _write_until_gone(client: Client, cart: str, add: str, stop: Callable[[], None]) -> tuple[list[str], list[str]]:
    """Write until the store is stopped under it; return the operations that were answered and those that were not."""
    done: list[str] = []
    unknown: list[str] = []
    stopper = threading.Timer(0.3, stop)
    stopper.start()
    for number in range(100_000):
        body = client.post(add, id=cart, op=f"op-{number}").json()
        if "errors" in body:
            unknown.append(f"op-{number}")
            break
        done.append(f"op-{number}")
    stopper.join()
    assert done
    assert unknown
    return done, unknown
