"""A television or kiosk shows a code, a phone approves, and the screen has the cart."""

from datetime import datetime
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.handoff_service import ADDRESS_ATTEMPTS, DEVICE_ATTEMPTS
from tests.http.service import Client, Service
from tests.http.test_checkout import begun
from tests.http.test_handoffs import TAKE_BACK, _wrong, claim, code_for, codes, customer, till
from tests.http.test_mutations import only

PAIRING = "pairing { code qr expiresAt device channel store cartId access } userErrors { code }"
START = f"mutation {{ screenPairingStart {{ {PAIRING} }} }}"
LOOK = f"query($code: String!) {{ screenPairing(code: $code) {{ {PAIRING} }} }}"
APPROVE = f"""
mutation($code: String!, $id: ID!, $access: ScreenAccess!) {{
  screenPairingApprove(code: $code, cartId: $id, access: $access) {{ cart {{ members {{ memberId role }} }} {PAIRING} }}
}}
"""
READ = "query($id: ID!) { cart(id: $id) { totals { total { amount } } } }"


@pytest.fixture(autouse=True)
def _budgets(service: Service) -> None:
    service.forget_attempts()


def tv(service: Service, name: str) -> Client:
    return service.client(service.token(CallerKind.GUEST, name, "web", device="Living room"))


def start(screen: Client) -> dict[str, Any]:
    pairing: dict[str, Any] = only(screen.run(START))["pairing"]
    return pairing


def look(client: Client, code: str) -> dict[str, Any]:
    return only(client.run(LOOK, code=code))


def approve(phone: Client, code: str, cart: str, access: str = "EDIT") -> dict[str, Any]:
    return only(phone.run(APPROVE, code=code, id=cart, access=access))


def test_a_phone_sees_who_asks_approves_and_the_screen_edits(service: Service) -> None:
    screen, phone = tv(service, "tv-1"), customer(service, "viewer-1")
    cart = phone.create(lines=[{"sku": "milk"}])
    shown = start(screen)
    assert (shown["cartId"], shown["access"]) == (None, None)
    assert look(screen, shown["code"])["pairing"] == shown
    asks = look(phone, shown["qr"])["pairing"]
    assert (asks["device"], asks["channel"], asks["store"]) == ("Living room", "web", None)
    assert screen.run(READ, id=cart)["cart"] is None
    approved = approve(phone, shown["code"].lower(), cart)
    assert approved["userErrors"] == []
    assert {"memberId": "guest:tv-1", "role": "EDITOR"} in approved["cart"]["members"]
    given = look(screen, shown["code"])["pairing"]
    assert (given["cartId"], given["access"]) == (cart, "EDIT")
    assert screen.run(READ, id=cart) == phone.run(READ, id=cart)
    assert codes(screen.add(cart, "oat")) == []


def test_a_screen_is_told_nothing_of_the_owners(service: Service) -> None:
    screen, phone = tv(service, "tv-7"), customer(service, "viewer-7")
    cart = phone.create(lines=[{"sku": "milk"}])
    phone.run('mutation($id: ID!) { cartNoteUpdate(cartId: $id, note: "ring twice") { version } }', id=cart)
    approve(phone, start(screen)["code"], cart)
    note = "query($id: ID!) { cart(id: $id) { note } }"
    assert (screen.run(note, id=cart), phone.run(note, id=cart)) == (
        {"cart": {"note": None}},
        {"cart": {"note": "ring twice"}},
    )


def test_a_screen_that_may_read_changes_nothing(service: Service) -> None:
    screen, phone = tv(service, "tv-2"), customer(service, "viewer-2")
    cart = phone.create(lines=[{"sku": "milk"}])
    code = start(screen)["code"]
    assert approve(phone, code, cart, "READ")["userErrors"] == []
    assert screen.run(READ, id=cart) == phone.run(READ, id=cart)
    assert codes(screen.add(cart, "oat")) == ["ROLE_FORBIDS"]


def test_one_approves_and_may_say_it_again(service: Service) -> None:
    screen, phone, other = tv(service, "tv-3"), customer(service, "viewer-3"), customer(service, "other-3")
    cart, others = (client.create(lines=[{"sku": "milk"}]) for client in (phone, other))
    code = start(screen)["code"]
    assert codes(approve(other, code, cart)) == ["CART_NOT_FOUND"], "a cart that is not theirs uses no code up"
    first = approve(phone, code, cart)
    assert approve(phone, code, cart) == first
    assert codes(approve(other, code, others)) == ["UNKNOWN_HANDOFF"]
    assert codes(look(other, code)) == ["UNKNOWN_HANDOFF"]
    assert screen.run(READ, id=others)["cart"] is None


def test_an_editor_gives_no_screen_a_place_in_a_cart_that_is_not_theirs(service: Service) -> None:
    screen, phone, second = tv(service, "tv-4"), customer(service, "viewer-4"), tv(service, "tv-5")
    cart = phone.create(lines=[{"sku": "milk"}])
    approve(phone, start(screen)["code"], cart)
    assert codes(approve(screen, start(second)["code"], cart)) == ["ROLE_FORBIDS"]
    assert second.run(READ, id=cart)["cart"] is None


def test_a_code_that_somebody_could_not_approve_is_good_for_who_can(service: Service, staff: Client) -> None:
    screen, phone, desk = tv(service, "tv-8"), customer(service, "viewer-8"), till(service, 8)
    cart = phone.create(lines=[{"sku": "milk"}])
    code = start(screen)["code"]
    assert codes(approve(staff, code, cart)) == ["ROLE_FORBIDS"]
    claim(desk, code_for(phone, cart)["code"])
    assert codes(approve(phone, code, cart)) == ["CART_HELD"]
    assert look(screen, code)["pairing"]["cartId"] is None
    phone.run(TAKE_BACK, id=cart)
    assert codes(approve(phone, code, cart)) == []
    assert screen.run(READ, id=cart)["cart"] is not None


def test_guessing_what_screens_show_has_a_budget(service: Service) -> None:
    code = start(tv(service, "tv-6"))["code"]
    guests = [customer(service, f"starer-{number}") for number in range(ADDRESS_ATTEMPTS + 2)]
    answers = [codes(look(guest, _wrong(code, 1 + number)))[0] for number, guest in enumerate(guests)]
    assert answers == ["UNKNOWN_HANDOFF"] * ADDRESS_ATTEMPTS + ["TOO_MANY_ATTEMPTS"] * 2
    assert codes(look(guests[0], code)) == ["TOO_MANY_ATTEMPTS"]
    assert codes(look(guests[0], code[:-1])) == ["MISTYPED_CODE"]
    assert DEVICE_ATTEMPTS < ADDRESS_ATTEMPTS


def kiosk(service: Service, number: int) -> Client:
    return service.client(
        service.token(CallerKind.TERMINAL, f"kiosk-{number}", "pos", "south", device=f"kiosk-{number}")
    )


UNTIL = "query($id: ID!) { cart(id: $id) { version members { memberId until } } }"


def until(client: Client, cart: str, screen: str) -> float | None:
    """Return for how many seconds after now a screen stays."""
    for member in client.run(UNTIL, id=cart)["cart"]["members"]:
        if member["memberId"] == screen:
            end = datetime.fromisoformat(member["until"])
            return (end - datetime.now(end.tzinfo)).total_seconds()
    return None


def test_a_screen_stays_for_a_stated_time(service: Service) -> None:
    phone, screen, shops = customer(service, "viewer-20"), tv(service, "tv-20"), kiosk(service, 20)
    cart = phone.create(lines=[{"sku": "milk"}])
    for each in (screen, shops):
        approve(phone, start(each)["code"], cart)
    day_s = 24 * 3600
    assert 29 * day_s < (until(phone, cart, "guest:tv-20") or 0) <= 30 * day_s + 60
    assert 500 < (until(phone, cart, "terminal:kiosk-20") or 0) <= 660
    assert phone.run(UNTIL, id=cart)["cart"]["members"][0]["until"] is None


def test_a_kiosk_forgets_the_cart_of_whoever_was_there_before(service: Service) -> None:
    first, second, shops = customer(service, "viewer-21"), customer(service, "viewer-22"), kiosk(service, 21)
    ones, others = (client.create(lines=[{"sku": "milk"}]) for client in (first, second))
    approve(first, start(shops)["code"], ones)
    assert codes(shops.add(ones, "oat")) == []
    code = start(shops)["code"]
    assert shops.run(READ, id=ones)["cart"] is None
    assert until(first, ones, "terminal:kiosk-21") is None
    approve(second, code, others)
    assert shops.run(READ, id=others)["cart"] is not None
    shops.run("mutation($id: ID!) { cartLeave(cartId: $id) { version } }", id=others)
    assert shops.run(READ, id=others)["cart"] is None


def test_a_kiosk_forgets_a_cart_that_went_on_to_a_till_or_is_paid_for(service: Service) -> None:
    phone, shops, desk = customer(service, "viewer-23"), kiosk(service, 23), till(service, 9)
    held = phone.create(lines=[{"sku": "milk"}])
    approve(phone, start(shops)["code"], held)
    claim(desk, code_for(phone, held)["code"])
    code = start(shops)["code"]
    assert shops.run(READ, id=held)["cart"] is None
    phone.run(TAKE_BACK, id=held)
    approve(phone, code, held)
    cart = shops.add(held, "oat")["cart"]
    assert codes(begun(phone, {"id": held, "totals": cart["totals"]})) == []
    start(shops)
    assert shops.run(READ, id=held)["cart"] is None
