"""Handing carts over, as front ends and tills do it."""

from typing import Any

import pytest

from engine.callers import CallerKind
from engine.cart.handoff import read_code
from engine.handoff_service import ADDRESS_ATTEMPTS, DEVICE_ATTEMPTS, STORE_ATTEMPTS
from engine.storage.carts import CartLimits
from engine.types import StoreId
from tests.http.following import FOLLOW, event_stream
from tests.http.service import CART, READ, Client, Service
from tests.http.test_mutations import only

MAKE = """
mutation($id: ID!, $mode: HandoffMode!, $form: HandoffCodeForm! = LETTERS, $ttl: Int! = 600, $lease: Int! = 1800,
         $store: String, $channel: String, $share: [HandoffShare!], $op: ID) {
  cartHandoffCreate(cartId: $id, mode: $mode, form: $form, ttl: $ttl, lease: $lease, forStore: $store,
                    forChannel: $channel, share: $share, operationId: $op) {
    handoff { code qr ean13 mode expiresAt forStore forChannel } userErrors { code field message }
  }
}
"""
CLAIM = """
mutation($code: String!) {
  cartHandoffClaim(code: $code) {
    receipt { id mode cartId at leaseUntil } replayed userErrors { code field message }
    claimedBy { member device channel store at }
    cart { ...cart lease { member device channel store since until } members { memberId role } }
  }
}
""" + CART.split("fragment payload")[0]
LEASE = """
mutation($id: ID!, $op: ID) {
  %s(cartId: $id, operationId: $op) {
    cart { version lease { device store until } } userErrors { code message } replayed
  }
}
"""
RENEW, RETURN, TAKE_BACK = (LEASE % f"cartLease{name}" for name in ("Renew", "Return", "TakeBack"))
REVOKE = """
mutation($code: String!) {
  cartHandoffRevoke(code: $code) { revoked claimedBy { device member } userErrors { code } }
}
"""


def till(service: Service, number: int = 4, store: str = "south", **more: Any) -> Client:
    name = f"{store}-{number}"
    return service.client(service.token(CallerKind.TERMINAL, name, "pos", store, device=f"till-{number}", **more))


def customer(service: Service, name: str, device: str = "phone") -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, name, "app", device=device))


def code_for(client: Client, cart: str, mode: str = "MOVE", **more: Any) -> dict[str, Any]:
    payload = only(client.run(MAKE, id=cart, mode=mode, **more))
    assert payload["userErrors"] == []
    handoff: dict[str, Any] = payload["handoff"]
    return handoff


def claim(client: Client, code: str) -> dict[str, Any]:
    payload: dict[str, Any] = only(client.run(CLAIM, code=code))
    return payload


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


@pytest.fixture(autouse=True)
def _budgets(service: Service) -> None:
    """All tests call from one address and some from the same store."""
    service.forget_attempts()


def test_from_the_phone_to_the_till_and_back(service: Service) -> None:
    phone, pc, desk = (customer(service, "story", "phone"), customer(service, "story", "pc"), till(service))
    cart = phone.create(lines=[{"sku": "milk", "quantity": 2}])
    assert desk.run(READ, id=cart)["cart"] is None
    handoff = code_for(phone, cart)

    with event_stream(service.url, str(pc.token), FOLLOW, id=cart) as stream:
        assert stream.event()["reason"] == "SNAPSHOT"
        claimed = claim(desk, handoff["ean13"])
        assert codes(claimed) == []
        told = stream.event()["operations"][0]
    assert (told["member"], told["device"]) == ("terminal:south-4", "till-4")
    assert told["changes"] == [{"verb": "handoff", "details": ["move", "till-4"]}]

    assert claimed["receipt"]["cartId"] == cart
    assert (claimed["cart"]["channel"], claimed["cart"]["store"]) == ("pos", "south")
    lease = claimed["cart"]["lease"]
    assert (lease["device"], lease["until"]) == ("till-4", claimed["receipt"]["leaseUntil"])

    assert codes(desk.add(cart, "oat")) == []
    refused = phone.add(cart, "cake")
    assert codes(refused) == ["CART_HELD"]
    read = "query($id: ID!) { cart(id: $id) { lease { member device store until } totals { total { amount } } } }"
    seen = [client.run(read, id=cart)["cart"] for client in (phone, pc, desk)]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["lease"] == {
        "member": "terminal:south-4",
        "device": "till-4",
        "store": "south",
        "until": lease["until"],
    }

    renewed = only(desk.run(RENEW, id=cart))
    assert renewed["cart"]["lease"]["until"] > lease["until"]
    returned = only(desk.run(RETURN, id=cart, op="back"))
    assert (codes(returned), returned["cart"]["lease"]) == ([], None)
    assert desk.run(READ, id=cart)["cart"] is None
    again = only(desk.run(RETURN, id=cart, op="back"))
    assert (codes(again), again["replayed"], again["cart"]) == ([], True, None)
    assert codes(phone.add(cart, "cake")) == []


def test_every_form_of_a_code_is_taken(service: Service) -> None:
    phone, desk = customer(service, "forms"), till(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    for form in ("code", "qr", "ean13"):
        assert codes(claim(desk, code_for(phone, cart, "COPY")[form].lower())) == []
    keypad = code_for(phone, cart, "COPY", form="DIGITS", store="south", ttl=300)
    assert len(keypad["code"].replace(" ", "")) == 6
    assert codes(claim(till(service, store="north"), keypad["code"])) == ["UNKNOWN_HANDOFF"]
    assert codes(claim(customer(service, "forms"), keypad["code"])) == ["MISTYPED_CODE"]
    assert codes(claim(desk, keypad["code"])) == []


def test_who_comes_late_is_told_who_was_faster(service: Service) -> None:
    phone = customer(service, "late")
    cart = phone.create(lines=[{"sku": "milk"}])
    code = code_for(phone, cart)["code"]
    won = claim(till(service, 1), code)
    again = claim(till(service, 1), code)
    assert (again["receipt"], again["replayed"]) == (won["receipt"], True)
    colleague, owner, stranger = claim(till(service, 2), code), claim(phone, code), claim(customer(service, "x"), code)
    by = {"device": "till-1", "channel": "pos", "store": "south", "at": won["receipt"]["at"]}
    assert (codes(colleague), colleague["claimedBy"], colleague["cart"]) == (
        ["ALREADY_CLAIMED"],
        {"member": None, **by},
        None,
    )
    assert owner["claimedBy"] == {"member": "terminal:south-1", **by}
    unknown = claim(customer(service, "y"), "CDFG-HJKM-5")
    assert codes(unknown) == ["MISTYPED_CODE"]
    assert stranger == claim(customer(service, "y"), _wrong(code))
    assert codes(stranger) == ["UNKNOWN_HANDOFF"]
    revoked = only(phone.run(REVOKE, code=code))
    assert (revoked["revoked"], revoked["claimedBy"]) == (False, {"device": "till-1", "member": "terminal:south-1"})


def _wrong(code: str, by: int = 1) -> str:
    """Return another code that can be one."""
    known = read_code(code, StoreId("south"))
    return type(known)(known.number + by if known.number + by < 10**10 else known.number - by).text


def test_the_owner_takes_the_cart_back_and_a_code_too(service: Service) -> None:
    phone, desk = customer(service, "back"), till(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    claim(desk, code_for(phone, cart)["code"])
    assert codes(only(desk.run(TAKE_BACK, id=cart))) == ["ROLE_FORBIDS"]
    taken = only(phone.run(TAKE_BACK, id=cart))
    assert (codes(taken), taken["cart"]["lease"]) == ([], None)
    assert codes(desk.add(cart, "oat")) == ["CART_NOT_FOUND"]
    code = code_for(phone, cart)["code"]
    assert only(desk.run(REVOKE, code=code))["revoked"] is False
    assert only(phone.run(REVOKE, code=code))["revoked"] is True
    assert codes(claim(desk, code)) == ["UNKNOWN_HANDOFF"]


def test_a_till_follows_a_cart_as_long_as_it_has_it(service: Service) -> None:
    phone, desk = customer(service, "followed"), till(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    claim(desk, code_for(phone, cart)["code"])
    with event_stream(service.url, str(desk.token), FOLLOW, id=cart) as stream:
        assert stream.event()["reason"] == "SNAPSHOT"
        desk.add(cart, "oat")
        assert stream.event()["reason"] == "CHANGED"
        phone.run(TAKE_BACK, id=cart)
        _, data = stream.next()
        assert data["errors"][0]["extensions"]["code"] == "CART_NOT_FOUND"


def test_a_thousand_guesses_find_nothing_and_are_stopped(service: Service) -> None:
    """Of every one the answer is the same whether there is a code or not; beyond the budget even the right one is."""
    phone = customer(service, "guessed")
    cart = phone.create(lines=[{"sku": "milk"}])
    code = code_for(phone, cart)["code"]
    answers = []
    for number in range(100):
        guesser = till(service, 100 + number)
        answers += [codes(claim(guesser, _wrong(code, 1 + 10 * number + at)))[0] for at in range(10)]
    assert (answers.count("UNKNOWN_HANDOFF"), answers.count("TOO_MANY_ATTEMPTS")) == (
        STORE_ATTEMPTS,
        1000 - STORE_ATTEMPTS,
    )
    assert codes(claim(till(service), code)) == ["TOO_MANY_ATTEMPTS"]
    assert codes(claim(till(service), "CDFG-HJKM-5")) == ["MISTYPED_CODE"]
    service.forget_attempts()
    assert codes(claim(till(service), code)) == []


def test_a_device_and_an_address_have_budgets_of_their_own(service: Service) -> None:
    phone = customer(service, "budgets")
    code = code_for(phone, phone.create(lines=[{"sku": "milk"}]))["code"]
    one = till(service, 7)
    answers = [codes(claim(one, _wrong(code, 1 + number)))[0] for number in range(DEVICE_ATTEMPTS + 2)]
    assert answers == ["UNKNOWN_HANDOFF"] * DEVICE_ATTEMPTS + ["TOO_MANY_ATTEMPTS"] * 2
    guests = [customer(service, f"guesser-{number}") for number in range(ADDRESS_ATTEMPTS + 2)]
    answers = [codes(claim(guest, _wrong(code, 100 + number)))[0] for number, guest in enumerate(guests)]
    assert answers == ["UNKNOWN_HANDOFF"] * ADDRESS_ATTEMPTS + ["TOO_MANY_ATTEMPTS"] * 2
    assert codes(claim(till(service, 8), code)) == [], "shoppers do not lock the tills out"


def test_a_device_that_goes_on_guessing_locks_nobody_else_out(service: Service) -> None:
    phone = customer(service, "jammed")
    code = code_for(phone, phone.create(lines=[{"sku": "milk"}]))["code"]
    jammed, shopper = till(service, 11), customer(service, "jammed-guesser")
    for number in range(STORE_ATTEMPTS + 1):
        claim(jammed, _wrong(code, 1 + number))
        claim(shopper, _wrong(code, 1 + number))
    assert codes(claim(customer(service, "typist"), _wrong(code))) == ["UNKNOWN_HANDOFF"]
    assert codes(claim(till(service, 12), code)) == []


def test_a_code_is_asked_for_with_what_can_be(service: Service, guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}])
    for more, error in (
        ({"ttl": 1}, "INVALID_HANDOFF"),
        ({"lease": 10**6}, "INVALID_HANDOFF"),
        ({"form": "DIGITS"}, "INVALID_HANDOFF"),
        ({"form": "DIGITS", "store": "south", "ttl": 86_400}, "INVALID_HANDOFF"),
        ({"store": "moon"}, "UNKNOWN_STORE"),
        ({"channel": "moon"}, "UNKNOWN_CHANNEL"),
        ({"op": ""}, "INVALID_OPERATION_ID"),
    ):
        assert codes(only(guest.run(MAKE, id=cart, mode="MOVE", **more))) == [error]
    assert codes(only(customer(service, "z").run(MAKE, id=cart, mode="COPY"))) == ["CART_NOT_FOUND"]
    assert code_for(guest, cart, op="same") == code_for(guest, cart, op="same")


def test_a_code_that_was_claimed_or_revoked_is_open_no_more(service: Service) -> None:
    phone = customer(service, "many-codes")
    cart = phone.create(lines=[{"sku": "milk"}])
    code_for(phone, cart, "COPY", op="first")
    for number in range(12):
        code = code_for(phone, cart, "COPY")["code"]
        assert codes(claim(till(service, 20 + number), code)) == []
        assert only(phone.run(REVOKE, code=code_for(phone, cart, "COPY")["code"]))["revoked"]
    assert code_for(phone, cart, "COPY", op="first") == code_for(phone, cart, "COPY", op="first")
    for _ in range(CartLimits().handoffs - 1):
        code_for(phone, cart, "COPY")
    assert codes(only(phone.run(MAKE, id=cart, mode="COPY"))) == ["HANDOFF_LIMIT"]


# What another person is not told.

ADDRESS = {"method": "home", "place": "75011", "slot": "day"}
TOLD = """
query($id: ID!) {
  cart(id: $id) {
    note paymentMethod delivery { method place } deliveries { method place } lines { nodes { delivery { method place } } }
    priceOn(channel: "web") { deliveries { place } lines { nodes { delivery { place } } } } warnings { message }
  }
  cartLog(cartId: $id) { nodes { version } }
}
"""
FOLLOW_ALL = """
subscription($id: ID!) { cartChanged(cartId: $id, fromVersion: 1) {
  operations { version } cart { note paymentMethod delivery { place } }
} }
"""


def _personal(service: Service, name: str) -> tuple[Client, str]:
    phone = customer(service, name)
    cart = phone.create(lines=[{"sku": "milk", "delivery": ADDRESS}])
    phone.run(
        """mutation($id: ID!, $delivery: DeliveryChoiceInput!) {
          cartContextUpdate(cartId: $id, context: {delivery: $delivery, paymentMethod: "card"}) { version }
          cartNoteUpdate(cartId: $id, note: "the key is under the mat") { version }
        }""",
        id=cart,
        delivery=ADDRESS,
    )
    return phone, cart


@pytest.mark.parametrize("mode", ["MOVE", "JOIN"])
def test_another_person_is_told_nothing_of_the_givers(service: Service, mode: str) -> None:
    phone, cart = _personal(service, f"discreet-{mode}")
    friend = customer(service, f"friend-{mode}", "tablet")
    claimed = claim(friend, code_for(phone, cart, mode)["code"])
    assert (codes(claimed), claimed["cart"]["note"]) == ([], None)
    with event_stream(service.url, str(friend.token), FOLLOW_ALL, id=cart) as stream:
        event = stream.event()
    version = claimed["cart"]["version"]
    assert event["operations"] == [{"version": version}]
    assert event["cart"] == {"note": None, "paymentMethod": None, "delivery": {"place": None}}
    told = friend.run(TOLD, id=cart)
    assert [entry["version"] for entry in told["cartLog"]["nodes"]] == [version]
    assert told["cart"]["lines"]["nodes"][0]["delivery"]["method"] == "home"
    for secret in ("75011", "mat", "card"):
        assert secret not in str(told)
        assert secret in str(phone.run(TOLD, id=cart))
        assert secret in str(customer(service, f"discreet-{mode}", "pc").run(TOLD, id=cart))


def test_another_person_is_told_what_the_giver_said(service: Service) -> None:
    phone, cart = _personal(service, "generous")
    friend = customer(service, "trusted", "tablet")
    claim(friend, code_for(phone, cart, "JOIN", share=["ADDRESS", "PAYMENT", "HISTORY"])["code"])
    assert friend.run(TOLD, id=cart) == phone.run(TOLD, id=cart)


def test_the_shops_own_devices_price_what_they_see(service: Service) -> None:
    phone, cart = _personal(service, "at-the-till")
    desk = till(service)
    assert codes(claim(desk, code_for(phone, cart)["code"])) == []
    assert desk.run(TOLD, id=cart) == phone.run(TOLD, id=cart)


def test_a_copy_is_the_claimers_own(service: Service) -> None:
    phone, cart = _personal(service, "copied")
    friend = customer(service, "copier", "tablet")
    copied = claim(friend, code_for(phone, cart, "COPY")["code"])
    own = copied["cart"]["id"]
    assert (own != cart, copied["receipt"]["cartId"], copied["cart"]["customerId"]) == (True, own, "copier")
    assert copied["cart"]["members"] == [{"memberId": "customer:copier", "role": "OWNER"}]
    assert [line["sku"] for line in copied["cart"]["lines"]["nodes"]] == ["milk"]
    assert "75011" not in str(friend.run(TOLD, id=own))
    assert (phone.run(READ, id=own)["cart"], friend.run(READ, id=cart)["cart"]) == (None, None)
