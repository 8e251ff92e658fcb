"""graphql-transport-ws, message by message: what the protocol says, and how its breaches end."""

import contextlib
import json
from collections.abc import Iterator
from socket import SHUT_RDWR

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from engine.callers import CallerKind
from engine.priced import Snapshot
from schema import socket as socket_module
from schema.app import HttpConfig
from schema.streams import StreamLimits
from tests.http.following import FOLLOW, PROTOCOL, Socket, socket, wait_until
from tests.http.service import SMALL_LIMITS, Client, Service

LIMITS = StreamLimits(connections=3, subscriptions=2, message_bytes=4_000)


@pytest.fixture(scope="module")
def narrow(store_url: str, shop: Snapshot) -> Iterator[Service]:
    """Run a service with low limits."""
    config = HttpConfig(documents=SMALL_LIMITS, streams=LIMITS, cors_origins=("https://shop.example",))
    with Service(store_url, shop, config).run() as running:
        yield running


@pytest.fixture
def cart(guest: Client) -> str:
    return guest.create(lines=[{"sku": "milk", "quantity": 2}])


BREACHES = {
    "no JSON": ("}{", 4400, "a message is not JSON"),
    "no object": ("[]", 4400, "a message is not a JSON object"),
    "no type": ("{}", 4400, "there is no message `None`"),
    "a message of the server": ('{"type": "connection_ack"}', 4400, "there is no message `connection_ack`"),
    "a message of the old protocol": ('{"type": "start", "id": "1"}', 4400, "there is no message `start`"),
    "a payload that is none": ('{"type": "ping", "payload": 1}', 4400, "`payload` is not a JSON object"),
    "no id": (
        '{"type": "subscribe", "payload": {"query": "{ a }"}}',
        4400,
        "`id` is not a text of 1 to 128 characters",
    ),
    "no payload": ('{"type": "subscribe", "id": "1"}', 4400, "MALFORMED_REQUEST: a request is a JSON object"),
    "a second start": ('{"type": "connection_init"}', 4429, "Too many initialisation requests"),
    "too long": ('{"type": "ping", "payload": {"a": "' + "x" * 4_000 + '"}}', 1009, "a message has at most 4000 bytes"),
    "bytes": (b"{}", 4400, "messages are texts"),
}


@pytest.mark.parametrize(("sent", "code", "reason"), BREACHES.values(), ids=BREACHES.keys())
def test_a_breach_closes_the_connection(narrow: Service, sent: str | bytes, code: int, reason: str) -> None:
    with socket(narrow.url) as connection:
        connection.connection.send(sent)
        closed_code, closed_reason = connection.closed()
    assert closed_code == code
    assert closed_reason.startswith(reason)


def test_a_subscription_before_the_start_is_unauthorized(narrow: Service, cart: str) -> None:
    with socket(narrow.url, init=False) as connection:
        connection.subscribe("1", id=cart)
        assert connection.closed() == (4401, "Unauthorized")


def test_who_does_not_start_in_time_is_closed(narrow: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_module, "INIT_S", 0.3)
    with socket(narrow.url, init=False) as connection:
        connection.send(type="ping")
        assert connection.receive() == {"type": "pong"}
        assert connection.closed() == (4408, "Connection initialisation timeout")


def test_a_bad_token_is_forbidden_and_says_why(narrow: Service) -> None:
    for token, reason in (
        ("nonsense", "TOKEN_INVALID: the token is not valid: it is not a signed JWT"),
        (narrow.tokens.mint(narrow.tokens.caller(narrow.token(CallerKind.GUEST, "g")), -60), "TOKEN_EXPIRED: "),
        (narrow.token(CallerKind.GUEST, "g", "fax"), "UNKNOWN_CHANNEL: the token names the channel `fax`"),
    ):
        with socket(narrow.url, init=False) as connection:
            connection.send(type="connection_init", payload={"authorization": f"Bearer {token}"})
            code, said = connection.closed()
        assert code == 4403
        assert said.startswith(reason)


def test_the_token_may_come_in_the_header(narrow: Service, guest: Client, cart: str) -> None:
    headers = {"Authorization": f"Bearer {guest.token}"}
    with socket(narrow.url, additional_headers=headers) as connection:
        assert connection.subscribe("1", id=cart).event()["version"] == 1


def test_the_old_protocol_is_not_spoken(narrow: Service) -> None:
    url = narrow.url.replace("http", "ws") + "/graphql"
    for offered in (None, [Subprotocol("graphql-ws")]):
        with connect(url, compression=None, subprotocols=offered) as connection:
            assert connection.subprotocol is None
            assert Socket(connection).closed() == (4406, "Subprotocol not acceptable")


def test_nothing_is_compressed(narrow: Service) -> None:
    with socket(narrow.url, compression="deflate") as connection:
        assert connection.connection.protocol.extensions == []


def test_pages_of_other_sites_may_not_connect(narrow: Service) -> None:
    for origin in ("https://shop.example", narrow.url):
        with socket(narrow.url, origin=origin) as connection:
            connection.send(type="ping")
            assert connection.receive() == {"type": "pong"}
    with pytest.raises(InvalidStatus) as refused, socket(narrow.url, origin="https://evil.example"):
        pass
    assert refused.value.response.status_code == 403


def test_one_id_is_one_subscription(narrow: Service, guest: Client, cart: str) -> None:
    with socket(narrow.url, guest.token) as connection:
        following = connection.subscribe("1", id=cart)
        following.event()
        connection.send(id="1", type="complete")
        assert connection.subscribe("1", id=cart).event()["version"] == 1, "a completed id is free again"
        connection.subscribe("1", id=cart)
        assert connection.closed() == (4409, "Subscriber for 1 already exists")


def test_nothing_comes_after_complete(narrow: Service, guest: Client, cart: str) -> None:
    with socket(narrow.url, guest.token) as connection:
        connection.subscribe("1", id=cart).event()
        connection.send(id="1", type="complete")
        connection.send(id="unknown", type="complete")
        connection.send(type="ping")
        assert connection.receive() == {"type": "pong"}
        guest.add(cart, "oat")
        assert connection.silent(for_s=0.5)


def test_a_document_that_cannot_run_ends_its_subscription_only(narrow: Service, guest: Client, cart: str) -> None:
    deep = "subscription { cartChanged(cartId: 1) { cart { lines { nodes { product { alternatives { product { alternatives { product { sku } } } } } } } } } }"
    with socket(narrow.url, guest.token) as connection:
        following = connection.subscribe("good", id=cart)
        following.event()
        for name, query, code in (
            ("parse", "subscription {", "GRAPHQL_PARSE_FAILED"),
            ("valid", "subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
            ("deep", deep, "QUERY_TOO_COMPLEX"),
            ("query", "{ channels { id } }", "NOT_A_SUBSCRIPTION"),
            (
                "several",
                "subscription a { cartChanged(cartId: 1) { version } } subscription b { cartChanged(cartId: 1) { version } }",
                "UNKNOWN_OPERATION",
            ),
        ):
            assert connection.subscribe(name, query).error()["extensions"]["code"] == code
        assert connection.subscribe("variable", FOLLOW, id=[]).error()["extensions"]["code"] == "INVALID_VARIABLES"
        guest.add(cart, "oat")
        assert following.event()["version"] == 2


def test_a_caller_has_so_many_connections_and_subscriptions(narrow: Service, guest: Client, cart: str) -> None:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket(narrow.url, guest.token)) for _ in range(3)]
        with socket(narrow.url, guest.token, init=False) as one_more:
            one_more.send(type="connection_init", payload={"authorization": f"Bearer {guest.token}"})
            code, reason = one_more.closed()
            assert code == 4403
            assert reason.startswith("TOO_MANY_CONNECTIONS: there are 3 connections")
        stream = narrow.client(guest.token).http.post(
            "/graphql", json={"query": FOLLOW, "variables": {"id": cart}}, headers={"accept": "text/event-stream"}
        )
        assert (stream.status_code, stream.json()["errors"][0]["extensions"]["code"]) == (429, "TOO_MANY_CONNECTIONS")
        for name in ("1", "2"):
            sockets[0].subscribe(name, id=cart).event()
        assert sockets[0].subscribe("3", id=cart).error()["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        sockets[0].send(id="1", type="complete")
        assert sockets[0].subscribe("3", id=cart).event()["version"] == 1
    with socket(narrow.url, guest.token) as connection:
        assert connection.subscribe("1", id=cart).event()["version"] == 1


def test_messages_are_as_the_protocol_spells_them(narrow: Service, guest: Client, cart: str) -> None:
    with socket(narrow.url, guest.token) as connection:
        connection.subscribe(
            'a "quoted" id', "subscription($id: ID!) { cartChanged(cartId: $id) { version } }", id=cart
        )
        assert connection.receive() == {
            "id": 'a "quoted" id',
            "type": "next",
            "payload": {"data": {"cartChanged": {"version": 1}}},
        }
        connection.send(type="pong", payload={"any": "thing"})
        connection.connection.send(json.dumps({"type": "ping"}))
        assert connection.receive() == {"type": "pong"}


def test_over_plain_http_a_subscription_is_pointed_elsewhere(service: Service, guest: Client, cart: str) -> None:
    answer = guest.post(FOLLOW, id=cart)
    assert answer.status_code == 406
    assert "graphql-transport-ws" in answer.json()["errors"][0]["message"]
    assert PROTOCOL in answer.json()["errors"][0]["message"]


def test_whoever_leaves_in_whatever_way_leaves_nothing_behind(narrow: Service, guest: Client, cart: str) -> None:
    for turn in range(24):
        with socket(narrow.url, guest.token) as connection:
            following = connection.subscribe("1", id=cart)
            if turn % 2:
                following.event()
            if turn % 3 == 0:
                connection.send(id="1", type="complete")
            if turn % 4 == 0:
                connection.connection.socket.shutdown(SHUT_RDWR)
    wait_until(lambda: not narrow.live._live)
    with contextlib.ExitStack() as stack:
        for _ in range(LIMITS.connections):
            connection = stack.enter_context(socket(narrow.url, guest.token))
            for name in ("1", "2"):
                assert connection.subscribe(name, id=cart).event()["version"] == 1
    wait_until(lambda: not narrow.live._live)
    asked = "query($id: ID!) { cart(id: $id) { presence { member } } }"
    wait_until(lambda: guest.run(asked, id=cart)["cart"]["presence"] == [])
