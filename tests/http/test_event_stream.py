"""Following a cart by server-sent events: the same story as over WebSocket."""

import time

from engine.callers import CallerKind
from tests.http.following import FOLLOW, event_stream, wait_until
from tests.http.service import Client, Service
from tests.http.test_live import ATTACH, write

EVENTS = {"accept": "text/event-stream"}


def test_changes_are_told_and_a_stream_that_was_lost_is_resumed(service: Service, guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk", "quantity": 2}])
    with event_stream(service.url, guest.token, id=cart) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.event()["reason"] == "SNAPSHOT"
        guest.add(cart, "oat", 3)
        changed = stream.event()
        assert (changed["reason"], [operation["version"] for operation in changed["operations"]]) == ("CHANGED", [2])
        assert changed["cart"]["totals"]["total"]["minorUnits"] == 864
    write(service, guest.token, cart, 4)
    with event_stream(service.url, guest.token, id=cart, since=2) as stream:
        resumed = stream.event()
    assert (resumed["reason"], [operation["version"] for operation in resumed["operations"]]) == (
        "RESUMED",
        [3, 4, 5, 6],
    )


def test_a_stream_may_be_asked_for_by_get(service: Service, guest: Client) -> None:
    cart = guest.create()
    query = f'subscription {{ cartChanged(cartId: "{cart}") {{ version }} }}'
    with guest.http.stream("GET", "/graphql", params={"query": query}, headers=EVENTS) as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ["event: next", 'data: {"data":{"cartChanged":{"version":1}}}']


def test_who_takes_streams_too_gets_queries_as_ever(guest: Client) -> None:
    accept = {"accept": "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"}
    answer = guest.http.post("/graphql", json={"query": "{ channels { code } }"}, headers=accept)
    assert answer.headers["content-type"].startswith("application/graphql-response+json")
    assert answer.status_code == 200
    only_streams = guest.http.post("/graphql", json={"query": "{ channels { code } }"}, headers=EVENTS)
    assert (only_streams.status_code, only_streams.json()["errors"][0]["extensions"]["code"]) == (406, "NOT_ACCEPTABLE")


def test_what_is_refused_at_once_is_an_ordinary_answer(service: Service, guest: Client) -> None:
    for query, status in (("subscription {", 400), ("subscription { nothing }", 400)):
        refused = guest.http.post("/graphql", json={"query": query}, headers=EVENTS)
        assert (refused.status_code, "errors" in refused.json()) == (status, True)
    bad = service.client("nonsense").http.post(
        "/graphql", json={"query": FOLLOW, "variables": {"id": "x"}}, headers=EVENTS
    )
    assert (bad.status_code, bad.headers["www-authenticate"]) == (401, "Bearer")
    with event_stream(service.url, guest.token, id="nonsense") as stream:
        name, told = stream.next()
        assert (name, told["errors"][0]["extensions"]["code"]) == ("next", "CART_NOT_FOUND")
        assert stream.next() == ("complete", None)


def test_a_token_that_expires_and_a_right_that_is_lost_end_the_stream(service: Service, guest: Client) -> None:
    cart = guest.create()
    caller = service.tokens.caller(guest.token or "")
    with event_stream(service.url, service.tokens.mint(caller, 2), id=cart) as stream:
        stream.event()
        name, told = stream.next()
        assert (name, told["errors"][0]["extensions"]["code"]) == ("next", "TOKEN_EXPIRED")
        assert stream.next() == ("complete", None)
    with event_stream(service.url, guest.token, id=cart) as stream:
        stream.event()
        customer = service.client(service.token(CallerKind.CUSTOMER, f"sse-{time.time_ns()}", "web"))
        assert not customer.run(ATTACH, id=cart, guest=guest.token)["cartCustomerAttach"]["userErrors"]
        name, told = stream.next()
        assert (name, told["errors"][0]["extensions"]["code"]) == ("next", "CART_NOT_FOUND")
        assert stream.next() == ("complete", None)


def test_a_stream_that_is_left_is_noticed(service: Service, guest: Client) -> None:
    cart = guest.create()
    asked = "query($id: ID!) { cart(id: $id) { presence { member } } }"

    def present() -> int:
        return len(guest.run(asked, id=cart)["cart"]["presence"])

    with event_stream(service.url, guest.token, id=cart) as stream:
        stream.event()
        wait_until(lambda: present() == 1)
    wait_until(lambda: present() == 0)
