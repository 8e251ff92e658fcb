"""What leads to a cart and what happens to it: journeys, timelines, and how staff find carts, over HTTP."""

from typing import Any

import pytest
from redis import Redis

from engine.callers import CallerKind
from tests.http.following import socket
from tests.http.service import Client, Service
from tests.http.test_handoffs import claim, code_for, till
from tests.http.test_members import codes, joined
from tests.http.test_mutations import only
from tests.http.test_pairing import approve, start, tv

JOURNEY = "{ recorded totalCount nodes { kind text channel device } }"
RECORD = f"""
mutation($steps: [JourneyStepInput!]!) {{ journeyRecord(steps: $steps) {{ journey {JOURNEY} userErrors {{ code field }} }} }}
"""
MINE = f"{{ myJourney {JOURNEY} }}"
OF_CART = f"query($id: ID!) {{ cart(id: $id) {{ journey {JOURNEY} }} }}"
TIMELINE = """
query($id: ID!, $first: Int, $after: String) { cart(id: $id) { timeline(first: $first, after: $after) {
  complete totalCount nodes { version text member channel store device at changes { verb } } pageInfo { endCursor }
} } }
"""
CONTRIBUTIONS = """
query($id: ID!) { cart(id: $id) { contributions { lineId channel foundAt added changes handedOver } lines { nodes { lineId sku } } } }
"""
FIND = "query($id: ID, $phone: String) { customerCarts(customerId: $id, phone: $phone) { nodes { id } } }"
UPSERT = """
mutation($id: ID!, $phone: String) { customersUpsert(customers: [{id: $id, phone: $phone}]) { userErrors { code field } } }
"""


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def ann(service: Service, name: str) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, f"ann-{name}", "app", device="phone"))


@pytest.fixture
def office(service: Service) -> Client:
    return service.client(service.token(CallerKind.SERVICE, "crm", scopes=frozenset({"service"})))


def record(client: Client, *steps: tuple[str, str]) -> dict[str, Any]:
    return only(client.run(RECORD, steps=[{"kind": kind, "text": text} for kind, text in steps]))


def texts(client: Client, cart: str, **page: Any) -> list[str]:
    return [entry["text"] for entry in client.run(TIMELINE, id=cart, **page)["cart"]["timeline"]["nodes"]]


def mine(client: Client) -> list[str]:
    return [step["text"] for step in client.run(MINE)["myJourney"]["nodes"]]


def test_a_journey_is_the_shoppers_and_follows_a_guest_who_signs_in(service: Service, ann: Client, name: str) -> None:
    token = service.token(CallerKind.GUEST, f"guest-{name}", "web", device="PC")
    guest = service.client(token)
    cart = guest.create(lines=[{"sku": "milk"}])
    recorded = record(guest, ("SEARCH", " oat drink "), ("PRODUCT", "oat"))["journey"]
    assert {(step["kind"], step["text"], step["channel"], step["device"]) for step in recorded["nodes"]} == {
        ("SEARCH", "oat drink", "web", "PC"),
        ("PRODUCT", "oat", "web", "PC"),
    }
    record(ann, ("PRODUCT", "cake"))
    attach = "mutation($id: ID!, $guest: String) { cartCustomerAttach(cartId: $id, guestToken: $guest) { userErrors { code } } }"
    for _ in range(2):
        assert not ann.run(attach, id=cart, guest=token)["cartCustomerAttach"]["userErrors"]
    assert sorted(mine(ann)) == ["cake", "oat", "oat drink"]
    assert mine(guest) == []
    seen = ann.run(OF_CART, id=cart)["cart"]["journey"]
    assert sorted(step["text"] for step in seen["nodes"]) == ["cake", "oat", "oat drink"]


def test_a_journey_is_told_to_nobody_else(service: Service, ann: Client, staff: Client, name: str) -> None:
    record(ann, ("SEARCH", "surprise party"))
    cart = ann.create(lines=[{"sku": "milk"}])
    ben = joined(ann, cart, "EDITOR", service.client(service.token(CallerKind.CUSTOMER, f"ben-{name}", "web")))
    claimer = service.client(service.token(CallerKind.GUEST, f"friend-{name}", "web"))
    claim(claimer, code_for(ann, cart, "JOIN", share=["HISTORY", "ADDRESS", "PAYMENT"])["code"])
    screen = tv(service, f"tv-{name}")
    approve(ann, start(screen)["code"], cart)
    device = till(service, 81)
    claim(device, code_for(ann, cart)["code"])
    for other in (ben, claimer, screen, device, staff):
        assert other.run(OF_CART, id=cart)["cart"]["journey"] is None
        contributed = other.run(CONTRIBUTIONS, id=cart)["cart"]["contributions"]
        assert all(each["foundAt"] is None for each in contributed)
    scopes = frozenset({"cart:read", "journey:read"})
    clerk = service.client(service.token(CallerKind.STAFF, "clerk", "pos", "south", scopes=scopes))
    assert clerk.run(OF_CART, id=cart)["cart"]["journey"]["nodes"][0]["text"] == "surprise party"
    with socket(service.url, ann.token) as connection:
        document = "subscription($id: ID!) { cartChanged(cartId: $id) { cart { journey { totalCount } timeline { totalCount } contributions { channel } } } }"
        event = connection.subscribe("1", document, id=cart).event()
    assert event["cart"] == {"journey": None, "timeline": None, "contributions": None}
    assert codes(record(device, ("SEARCH", "x"))) == ["FORBIDDEN"]


def test_a_journey_is_capped_erased_and_switched_off(service: Service, ann: Client, name: str) -> None:
    for begin in range(0, 220, 44):
        record(ann, *[("SEARCH", f"word {number}") for number in range(begin, begin + 44)])
    assert ann.run(MINE)["myJourney"]["totalCount"] == 200
    erased = only(ann.run(f"mutation {{ journeyErase {{ journey {JOURNEY} }} }}"))["journey"]
    assert (erased["totalCount"], erased["recorded"]) == (0, True)
    record(ann, ("SEARCH", "again"))
    switch = f"mutation($on: Boolean!) {{ journeySwitch(on: $on) {{ journey {JOURNEY} }} }}"
    off = only(ann.run(switch, on=False))["journey"]
    assert (off["totalCount"], off["recorded"]) == (0, False)
    assert record(ann, ("SEARCH", "secret"))["journey"] == off
    token = service.token(CallerKind.GUEST, f"guest-{name}", "web")
    guest = service.client(token)
    record(guest, ("SEARCH", "as a guest"))
    attach = "mutation($id: ID!, $guest: String) { cartCustomerAttach(cartId: $id, guestToken: $guest) { userErrors { code } } }"
    ann.run(attach, id=guest.create(lines=[]), guest=token)
    assert (mine(ann), mine(guest)) == ([], [])
    assert only(ann.run(switch, on=True))["journey"] == {"recorded": True, "totalCount": 0, "nodes": []}
    assert codes(record(ann)) == codes(record(ann, ("SEARCH", " "))) == ["INVALID_JOURNEY"]
    assert record(ann, ("SEARCH", "ok"), ("PRODUCT", "x" * 201))["userErrors"][0]["field"] == ["steps", "1", "text"]


def test_a_timeline_tells_every_touch_in_words(service: Service, ann: Client, name: str) -> None:
    record(ann, ("PRODUCT", "milk"))
    cart = ann.create(lines=[{"sku": "milk", "quantity": 2}])
    milk = ann.add(cart, "ham", "1.250")["cart"]["lines"]["nodes"][0]["lineId"]
    ann.run('mutation($id: ID!) { cartNoteUpdate(cartId: $id, note: "ring") { version } }', id=cart)
    kid = joined(ann, cart, "SUGGESTER", service.client(service.token(CallerKind.GUEST, f"kid-{name}", "web")))
    kid.add(cart, "oat", 3)
    device = till(service, 82)
    claim(device, code_for(ann, cart)["code"])
    set_line = "mutation($id: ID!, $line: ID!) { cartLinesUpdate(cartId: $id, lines: [{lineId: $line, quantity: 5}]) { version } }"
    device.run(set_line, id=cart, line=milk)
    timeline = ann.run(TIMELINE, id=cart)["cart"]["timeline"]
    assert [entry["text"] for entry in timeline["nodes"]] == [
        "Set Milk 1 l to 5",
        "Took the cart over",
        "Suggested 3 x Oat drink",
        "Joined as suggester",
        "Made an invite",
        "Changed the note",
        "Added 1.250 x Ham",
        "Made the cart; added 2 x Milk 1 l",
    ]
    assert (timeline["complete"], timeline["totalCount"]) == (True, 8)
    last = timeline["nodes"][0]
    assert (last["version"], last["member"], last["channel"], last["store"], last["device"]) == (
        8,
        "terminal:south-82",
        "pos",
        "south",
        "till-82",
    )
    assert texts(ann, cart, first=1) == ["Set Milk 1 l to 5"]
    end = ann.run(TIMELINE, id=cart, first=1)["cart"]["timeline"]["pageInfo"]["endCursor"]
    assert texts(ann, cart, first=1, after=end) == ["Took the cart over"]
    found = ann.run(CONTRIBUTIONS, id=cart)["cart"]
    skus = {line["lineId"]: line["sku"] for line in found["lines"]["nodes"]}
    told = {
        (skus[each["lineId"]], each["channel"]): (
            each["foundAt"] is not None,
            each["added"],
            each["changes"],
            each["handedOver"],
        )
        for each in found["contributions"]
    }
    assert told == {
        ("milk", "app"): (True, 2, 0, False),
        ("milk", "pos"): (False, 0, 1, True),
        ("ham", "app"): (False, "1.250", 0, False),
        ("ham", "pos"): (False, "0.000", 0, True),
    }


def test_a_newcomer_sees_what_was_done_since_they_came(service: Service, ann: Client, name: str) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    ann.add(cart, "oat")
    friend = service.client(service.token(CallerKind.GUEST, f"friend-{name}", "web"))
    claim(friend, code_for(ann, cart, "JOIN")["code"])
    assert not friend.add(cart, "oat")["userErrors"]
    timeline = friend.run(TIMELINE, id=cart)["cart"]["timeline"]
    assert [entry["version"] for entry in timeline["nodes"]] == [4, 3]
    assert timeline["complete"] is False
    contributed = friend.run(CONTRIBUTIONS, id=cart)["cart"]["contributions"]
    assert {(each["channel"], each["added"]) for each in contributed} == {("web", 0), ("web", 1)}


def test_a_timeline_says_that_its_beginning_is_missing(service: Service, ann: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    ann.add(cart, "oat")
    with Redis.from_url(service.store_url) as redis:
        for key in redis.scan_iter("*:l:*"):
            if redis.llen(key) == 2 and b"create" in redis.lindex(key, 0):
                redis.ltrim(key, 1, -1)
    timeline = ann.run(TIMELINE, id=cart)["cart"]["timeline"]
    assert ([entry["version"] for entry in timeline["nodes"]], timeline["complete"]) == ([2], False)


def test_staff_find_the_carts_of_a_customer(
    service: Service, ann: Client, staff: Client, office: Client, name: str
) -> None:
    own = ann.create(lines=[{"sku": "milk"}])
    ben = service.client(service.token(CallerKind.CUSTOMER, f"ben-{name}", "web"))
    shared = ben.create(lines=[{"sku": "oat"}])
    joined(ben, shared, "EDITOR", ann)

    def found(**by: str) -> list[str]:
        return sorted(cart["id"] for cart in staff.run(FIND, **by)["customerCarts"]["nodes"])

    both = sorted([shared, own])
    assert found(id=f"ann-{name}") == both
    assert found(phone="+33 6 12 34 56 78") == []
    assert codes(only(office.run(UPSERT, id=f"ann-{name}", phone="06 12 34 56 78"))) == ["INVALID_CUSTOMER"]
    for written in ("+33 (6) 12-34-56-78", "0033612345678"):
        assert not only(office.run(UPSERT, id=f"ann-{name}", phone=written))["userErrors"]
        assert found(phone="+33.6.12.34.56.78") == both
    office.run(UPSERT, id=f"ann-{name}", phone=None)
    office.run(UPSERT, id=f"ben-{name}", phone="+33612345678")
    assert found(phone="+33612345678") == both, "two who share a number"
    office.run(UPSERT, id=f"ann-{name}", phone="+4930123456")
    assert (found(phone="+33612345678"), found(phone="+49 30 123456")) == ([shared], both)
    office.run(UPSERT, id=f"ann-{name}", phone="")
    assert found(phone="+49 30 123456") == []
    with Redis.from_url(service.store_url) as redis:
        assert not [key for key in redis.scan_iter("*") if b"3361234" in key or b"4930123" in key]
    assert ann.error(FIND, id=f"ann-{name}")["extensions"]["code"] == "FORBIDDEN"
    assert staff.error(FIND)["extensions"]["code"] == "UNKNOWN_CUSTOMER"
    assert staff.error(FIND, phone="12")["extensions"]["code"] == "INVALID_CUSTOMER"
