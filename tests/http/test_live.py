"""Following a cart over WebSocket, on a real store."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest
from redis import Redis

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rules
from schema.ids import decode_id
from schema.streams import Stream
from tests.http.following import FOLLOW, PRESENCE, Following, socket
from tests.http.service import Client, Service
from tests.http.test_members import joined
from tests.shops import small_shop

TOTAL = "query($id: ID!) { cart(id: $id) { version totals { total { minorUnits } } } }"
LOG = "query($id: ID!) { cartLog(cartId: $id, first: 500) { nodes { version operationId } } }"
ATTACH = (
    "mutation($id: ID!, $guest: String) { cartCustomerAttach(cartId: $id, guestToken: $guest) { userErrors { code } } }"
)


@pytest.fixture
def cart(guest: Client) -> str:
    return guest.create(lines=[{"sku": "milk", "quantity": 2}])


@pytest.fixture
def following(service: Service, guest: Client, cart: str) -> Iterator[Following]:
    """Follow the guest's cart from now on."""
    with socket(service.url, guest.token) as connection:
        started = connection.subscribe("1", id=cart)
        assert started.event()["reason"] == "SNAPSHOT"
        yield started


def write(service: Service, token: str | None, cart: str, times: int) -> None:
    writer = service.client(token)
    for _ in range(times):
        assert not writer.add(cart, "oat")["userErrors"]


def versions_of(events: list[dict[str, Any]]) -> list[int]:
    return [operation["version"] for event in events for operation in event["operations"]]


def test_a_change_is_told_with_who_did_what_and_the_new_price(guest: Client, cart: str, following: Following) -> None:
    guest.add(cart, "oat", 3)
    event = following.event()
    assert (event["reason"], event["version"], event["cart"]["version"]) == ("CHANGED", 2, 2)
    assert event["cart"]["totals"] == guest.run(TOTAL, id=cart)["cart"]["totals"]
    (operation,) = event["operations"]
    assert operation["member"].startswith("guest:")
    assert operation["channel"] == "web"
    assert [(change["verb"], change["details"][1]) for change in operation["changes"]] == [("add", "3")]


def test_who_comes_back_gets_everything_once_while_eight_write(service: Service, guest: Client, cart: str) -> None:
    each, writers = 12, 8
    last = 1 + each * writers
    events: list[dict[str, Any]] = []
    version = 1
    with ThreadPoolExecutor(writers) as pool:
        done = [pool.submit(write, service, guest.token, cart, each) for _ in range(writers)]
        while version < last:
            with socket(service.url, guest.token) as connection:
                following = connection.subscribe("1", id=cart, since=version)
                resumed = following.event()
                assert resumed["reason"] == "RESUMED"
                seen = [resumed]
                while len(seen) < 3 and seen[-1]["version"] < last:
                    seen.append(following.event())
                events += seen
                version = events[-1]["version"]
        for writer in done:
            writer.result()
    told = [operation["operationId"] for event in events for operation in event["operations"]]
    logged = guest.run(LOG, id=cart)["cartLog"]["nodes"]
    assert versions_of(events) == list(range(2, last + 1))
    assert told == [entry["operationId"] for entry in logged if entry["version"] > 1]
    assert events[-1]["cart"]["lines"]["nodes"][1]["quantity"] == each * writers


def test_a_wake_up_that_is_lost_loses_no_event(
    service: Service, guest: Client, cart: str, following: Following
) -> None:
    with Redis.from_url(service.store_url) as redis:
        version = 1
        for _ in range(5):
            redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            write(service, guest.token, cart, 2)
            redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            version += 2
            assert versions_of(following.until_version(version)) == [version - 1, version]


def test_too_far_back_is_a_snapshot_that_says_so(service: Service, guest: Client, cart: str) -> None:
    write(service, guest.token, cart, 205)
    with socket(service.url, guest.token) as connection:
        for name, version, reason, told in (
            ("back", 1, "SNAPSHOT", 0),
            ("near", 10, "RESUMED", 196),
            ("here", 206, "RESUMED", 0),
            ("ahead", 207, "SNAPSHOT", 0),
            ("never", None, "SNAPSHOT", 0),
        ):
            event = connection.subscribe(name, id=cart, since=version).event()
            assert (event["reason"], len(event["operations"]), event["version"]) == (reason, told, 206), name
            connection.send(id=name, type="complete")
        assert connection.subscribe("no", id=cart, since=-1).error()["extensions"]["code"] == "INVALID_ARGUMENT"


def test_a_burst_comes_in_few_events(service: Service, guest: Client, cart: str, following: Following) -> None:
    started_s = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for writer in [pool.submit(write, service, guest.token, cart, 15) for _ in range(4)]:
            writer.result()
    events = following.until_version(61)
    assert len(events) <= (time.monotonic() - started_s) / 0.05 + 1
    assert versions_of(events) == list(range(2, 62))


def test_a_slow_client_waits_for_itself_only(service: Service, guest: Client, cart: str, following: Following) -> None:
    # It asks for much and reads nothing, so that what is sent to it stays in the buffers on the way.
    much = " ".join(f"f{index}: cart {{ ...all }}" for index in range(9))
    query = (
        f"subscription($id: ID!) {{ cartChanged(cartId: $id) {{ reason version operations {{ version }} {much} }} }}"
    )
    query += (
        "fragment all on Cart { lines { nodes { lineId sku quantity product { name } unitPrice { amount } } } note }"
    )
    with socket(service.url, guest.token, max_queue=1) as connection:
        slow = connection.subscribe("slow", query, id=cart)
        assert slow.event()["reason"] == "SNAPSHOT"
        guest.run(
            "mutation($id: ID!, $note: String!) { cartNoteUpdate(cartId: $id, note: $note) { version } }",
            id=cart,
            note="n" * 500,
        )
        write(service, guest.token, cart, 230)
        assert versions_of(following.until_version(232)) == list(range(2, 233))
        events = slow.until_version(232)
    told = versions_of(events)
    after = next((event["version"] for event in reversed(events) if event["reason"] == "SNAPSHOT"), 1)
    assert told == sorted(set(told))
    assert [version for version in told if version > after] == list(range(after + 1, 233))


def test_a_guest_who_signed_in_elsewhere_loses_the_feed(
    service: Service, guest: Client, cart: str, following: Following
) -> None:
    customer = service.client(service.token(CallerKind.CUSTOMER, f"new-{cart[-12:]}", "web"))
    assert not customer.run(ATTACH, id=cart, guest=guest.token)["cartCustomerAttach"]["userErrors"]
    assert following.error()["extensions"]["code"] == "CART_NOT_FOUND"
    with socket(service.url, customer.token) as connection:
        assert connection.subscribe("1", id=cart).event()["reason"] == "SNAPSHOT"


def test_who_has_just_joined_follows_at_once(service: Service, guest: Client, cart: str, following: Following) -> None:
    for number in range(5):
        friend = service.client(service.token(CallerKind.CUSTOMER, f"friend-{number}-{cart[-12:]}", "web"))
        with socket(service.url, friend.token) as connection:
            joined(guest, cart, "VIEWER", friend)
            assert connection.subscribe("1", id=cart).event()["reason"] == "SNAPSHOT"


def test_who_has_just_changed_a_cart_goes_on_from_there(
    service: Service, guest: Client, cart: str, following: Following
) -> None:
    with socket(service.url, guest.token) as connection:
        for number in range(5):
            guest.add(cart, "oat")
            version = guest.add(cart, "oat")["version"]
            resumed = connection.subscribe(str(number), id=cart, since=version).event()
            assert (resumed["reason"], resumed["version"]) == ("RESUMED", version)
            connection.send(id=str(number), type="complete")


def test_who_may_not_see_a_cart_is_told_that_there_is_none(service: Service, cart: str) -> None:
    stranger = service.token(CallerKind.CUSTOMER, "stranger")
    with socket(service.url, stranger) as connection:
        for number, id in enumerate((cart, "nonsense", cart[:-4] + "AAAA")):
            error = connection.subscribe(str(number), id=id).error()
            assert (error["extensions"]["code"], error["message"]) == ("CART_NOT_FOUND", "there is no such cart")
    with socket(service.url) as connection:
        assert connection.subscribe("1", id=cart).error()["extensions"]["code"] == "TOKEN_MISSING"


def test_an_expired_token_ends_the_connection_and_says_why(service: Service, guest: Client, cart: str) -> None:
    caller = service.tokens.caller(guest.token or "")
    with socket(service.url, service.tokens.mint(caller, 2)) as connection:
        assert connection.subscribe("1", id=cart).event()["version"] == 1
        code, reason = connection.closed()
    assert code == 4403
    assert reason.startswith("TOKEN_EXPIRED: the token has expired")


def test_a_newer_token_of_the_same_caller_keeps_it_open(service: Service, guest: Client, cart: str) -> None:
    caller = service.tokens.caller(guest.token or "")
    with socket(service.url, service.tokens.mint(caller, 2)) as connection:
        following = connection.subscribe("1", id=cart)
        assert following.event()["version"] == 1
        connection.send(type="ping", payload={"authorization": f"Bearer {guest.token}"})
        assert connection.receive() == {"type": "pong"}
        assert connection.silent(for_s=2.5)
        guest.add(cart, "oat")
        assert following.event()["version"] == 2
        other = service.token(CallerKind.GUEST, "somebody-else")
        connection.send(type="ping", payload={"authorization": f"Bearer {other}"})
        assert connection.closed() == (4403, "the new token speaks for somebody else")


def test_answers_are_written_once_for_all_who_see_the_same(
    service: Service, guest: Client, cart: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write_answer = Stream._written

    def counted(self: Stream, event: Any, *more: Any) -> Any:
        written.append(event.priced.cart.version)
        return write_answer(self, event, *more)

    monkeypatch.setattr(Stream, "_written", counted)
    scopes = frozenset({"cart:read"})
    staff = [service.token(CallerKind.STAFF, f"s{index}", "pos", scopes=scopes) for index in range(6)]
    all_offers = service.token(CallerKind.STAFF, "boss", "pos", scopes=scopes | {"offers:read"})
    with contextlib.ExitStack() as stack:
        followings = []
        # Which version they come from is theirs; from the first event on all are equally far.
        for index, token in enumerate([*staff, all_offers]):
            connection = stack.enter_context(socket(service.url, token))
            followings.append(connection.subscribe(str(index), id=cart, since=index % 2))
            assert followings[-1].event()["version"] == 1
        guest.add(cart, "oat")
        answers = [following.event() for following in followings]
    assert written.count(2) == 2
    assert all(answer == answers[0] for answer in answers)


# Prices that change by themselves


@pytest.fixture
def own_service(store_url: str, shop: Snapshot) -> Iterator[Service]:
    """Run a service whose rules the test may change."""
    with Service(store_url, shop).run() as running:
        yield running


def rules(shop: Snapshot, folder: Path, text: str) -> Snapshot:
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_text(f"promotions:\n{text}", encoding="utf-8")
    return replace(shop, ruleset=load_rules(folder, shop.shop).ruleset)


def soon(seconds: float) -> str:
    return (datetime.now(ZoneInfo("Europe/Paris")) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")[:-6]


def milk_of(own_service: Service) -> tuple[Client, str]:
    client = own_service.client(own_service.token(CallerKind.GUEST, f"g{time.time_ns()}", "web"))
    return client, client.create(lines=[{"sku": "milk", "quantity": 1}])


def test_new_rules_that_change_the_price_are_told(own_service: Service, shop: Snapshot, tmp_path: Path) -> None:
    client, cart = milk_of(own_service)
    with socket(own_service.url, client.token) as connection:
        following = connection.subscribe("1", id=cart)
        assert following.event()["cart"]["totals"]["total"]["minorUnits"] == 108
        dairy = "  - {id: dairy, label: D, give: {percent_off: {percent: %s, on: {category: grocery/dairy}}}}\n"
        oat = "  - {id: oats, label: Oats, give: {percent_off: {percent: 5%, on: {sku: oat}}}}\n"
        own_service.engine.snapshot = rules(shop, tmp_path / "a", dairy % "20%")
        assert following.event()["cart"]["totals"]["total"]["minorUnits"] == 96
        own_service.engine.snapshot = rules(shop, tmp_path / "b", dairy % "20%" + oat)
        assert connection.silent(for_s=1.0), "the new promotion is of no interest to this cart"
        own_service.engine.snapshot = rules(shop, tmp_path / "c", dairy % "50%" + oat)
        event = following.event()
        assert (event["reason"], event["operations"], event["version"]) == ("PRICED", [], 1)
        assert event["cart"]["totals"]["total"]["minorUnits"] == 60


def test_a_window_that_opens_and_closes_is_told(own_service: Service, shop: Snapshot, tmp_path: Path) -> None:
    client, cart = milk_of(own_service)
    happy = "  - id: happy\n    label: H\n    active: {from: %s, until: %s, timezone: Europe/Paris}\n"
    happy += "    give: {percent_off: {percent: 50%%, on: {sku: milk}}}\n"
    own_service.engine.snapshot = rules(shop, tmp_path / "r", happy % (soon(2), soon(3.5)))
    with socket(own_service.url, client.token) as connection:
        following = connection.subscribe("1", id=cart)
        events = [following.event() for _ in range(3)]
    assert [event["reason"] for event in events] == ["SNAPSHOT", "PRICED", "PRICED"]
    assert [event["cart"]["totals"]["total"]["minorUnits"] for event in events] == [120, 60, 120]


def test_a_price_list_that_begins_is_told(own_service: Service, tmp_path: Path) -> None:
    client, cart = milk_of(own_service)
    lists = "price_lists:\n  - {id: base, currency: EUR, tax: included}\n  - {id: gold, currency: EUR, tax: included, tiers: [gold]}\n"
    lists += f"  - {{id: promo, currency: EUR, tax: included, from: {soon(2.5)}, until: 2031-01-01, timezone: Europe/Paris}}\n"
    changed = small_shop(tmp_path, {"price_lists.yaml": lists})
    own_service.engine.snapshot = Snapshot(changed, own_service.engine.snapshot.ruleset)
    with socket(own_service.url, client.token) as connection:
        following = connection.subscribe("1", id=cart)
        events = [following.event() for _ in range(2)]
    assert [event["reason"] for event in events] == ["SNAPSHOT", "PRICED"]
    assert [event["cart"]["totals"]["total"]["minorUnits"] for event in events] == [108, 89]


# Presence


def present_in(event: dict[str, Any]) -> set[tuple[str, str | None]]:
    return {(viewer["member"], viewer["device"]) for viewer in event["presence"]}


def test_who_has_the_cart_open_is_told_and_shown(service: Service) -> None:
    name = f"p{time.time_ns()}"
    phone = service.token(CallerKind.CUSTOMER, name, "app", device="phone")
    desk = service.token(CallerKind.CUSTOMER, name, "web", device="desk")
    cart = service.client(phone).create()
    on_phone, on_desk = (f"customer:{name}", "phone"), (f"customer:{name}", "desk")
    asked = "query($id: ID!) { cart(id: $id) { presence { member channel store device } } }"
    assert service.client(desk).run(asked, id=cart)["cart"]["presence"] == []
    with socket(service.url, phone) as first:
        following = first.subscribe("1", PRESENCE, id=cart)
        following.until(lambda event: present_in(event) == {on_phone})
        with socket(service.url, desk) as second:
            second.subscribe("1", FOLLOW, id=cart)
            came = following.until(lambda event: present_in(event) == {on_phone, on_desk})
            assert came[-1]["reason"] == "PRESENCE"
            shown = service.client(desk).run(asked, id=cart)["cart"]["presence"]
            assert {(viewer["channel"], viewer["device"]) for viewer in shown} == {("app", "phone"), ("web", "desk")}
        following.until(lambda event: present_in(event) == {on_phone})
        # What a worker that died leaves behind lapses.
        with Redis.from_url(service.store_url) as redis:
            key = next(iter(redis.scan_iter(f"*:w:*{_key_of(cart)}")))
            ghost = msgpack.packb(("guest:ghost", "web", None, "", "a worker"))
            redis.zadd(key, {ghost: time.time() * 1000 + 1500})
            redis.spublish(key.decode().replace(":w:", ":n:"), "viewers")
        following.until(lambda event: ("guest:ghost", None) in present_in(event))
        following.until(lambda event: present_in(event) == {on_phone})


def _key_of(cart: str) -> str:
    found = decode_id(cart)
    assert found is not None
    return found.key


def test_comings_and_goings_are_no_events_for_who_did_not_ask(
    service: Service, guest: Client, cart: str, following: Following
) -> None:
    with socket(service.url, guest.token) as other:
        other.subscribe("1", PRESENCE, id=cart).event()
    guest.add(cart, "oat")
    assert following.event()["reason"] == "CHANGED"
