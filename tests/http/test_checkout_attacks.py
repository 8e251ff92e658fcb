"""Checkout as hostile and clumsy users do it, over two workers on one store: nothing is had twice, lost or found out."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.callers import CallerKind
from tests.http.service import Client, Service, snapshot
from tests.http.test_checkout import (
    BEGIN,
    CANCEL,
    COMPLETE,
    EXTEND,
    ORDER,
    ORDERS,
    QUOTE,
    begun,
    codes,
    filled,
    paid,
)
from tests.http.test_handoffs import customer
from tests.http.test_members import changed, joined
from tests.http.test_merging import together
from tests.http.test_mutations import only

RULES = """\
promotions:
  - id: single
    codes: [ONLY-ONE]
    limits: {total: 1}
    give: {order_amount_off: {amount: 1 EUR}}
  - id: members
    codes: [ONCE-EACH]
    limits: {per_customer: 1}
    give: {order_amount_off: {amount: 1 EUR}}
"""
CANCEL_ORDER = """
mutation($number: String!, $why: String!) {
  orderCancel(number: $number, reason: $why) { order { cancelReason } userErrors { code field } }
}
"""
CODE = "mutation($id: ID!, $code: String!) { cartCodesAdd(cartId: $id, codes: [$code]) { userErrors { code } } }"
TOTAL = "query($id: ID!) { cart(id: $id) { id version totals { total { amount } } } }"
_shops = iter(range(10_000))


@pytest.fixture
def workers(store_url: str, tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """Two workers on a store in which nobody has used anything."""
    written = RULES.replace("id: ", f"id: shop-{next(_shops)}-")
    shop = snapshot(tmp_path / "shop", written)
    with ExitStack() as running:
        one, two = [running.enter_context(Service(store_url, shop).run()) for _ in range(2)]
        yield one, two


@pytest.fixture
def service(workers: tuple[Service, Service]) -> Service:
    return workers[0]


def staff(service: Service, *scopes: str) -> Client:
    return service.client(service.token(CallerKind.STAFF, "desk", "pos", "south", scopes=frozenset(scopes)))


def coded(client: Client, code: str) -> dict[str, Any]:
    """Fill a cart, enter a code, and return it with its total."""
    cart = filled(client)
    assert codes(only(client.run(CODE, id=cart["id"], code=code))) == []
    shown: dict[str, Any] = client.run(TOTAL, id=cart["id"])["cart"]
    return shown


def completed(client: Client, quote: str, reference: str, amount_hash: str) -> dict[str, Any]:
    payload: dict[str, Any] = only(client.run(COMPLETE, quote=quote, reference=reference, hash=amount_hash))
    return payload


# Replays.


def test_a_begin_that_is_sent_again_does_not_get_what_another_one_began(service: Service) -> None:
    phone = customer(service, "again")
    cart = filled(phone)
    first = begun(phone, cart, op="one")["quote"]
    assert begun(phone, cart, op="one", ttl=60)["quote"]["id"] == first["id"]
    only(phone.run(CANCEL, quote=first["id"]))
    second = begun(phone, cart, op="two")["quote"]
    late = begun(phone, cart, op="one")
    assert (late["quote"], codes(late)) == (None, ["QUOTE_EXPIRED"])
    paid(phone, second)
    assert codes(begun(phone, cart, op="one")) == codes(begun(phone, cart, op="two")) == ["CART_ORDERED"]


def test_an_extension_that_is_sent_again_does_not_speak_of_another_checkout(service: Service) -> None:
    phone = customer(service, "extends")
    cart = filled(phone)
    first = begun(phone, cart)["quote"]
    extend = EXTEND.replace("ttl: $ttl", 'ttl: $ttl, operationId: "longer"')
    assert only(phone.run(extend, quote=first["id"], ttl=1800))["quote"]["expiresAt"] > first["expiresAt"]
    only(phone.run(CANCEL, quote=first["id"]))
    assert begun(phone, cart)["quote"] is not None
    again = only(phone.run(extend, quote=first["id"], ttl=1800))["quote"]
    assert again == {"id": first["id"], "expiresAt": None}


def test_an_operation_id_of_an_edit_begins_nothing(service: Service) -> None:
    phone = customer(service, "reuse")
    cart = filled(phone)
    assert codes(changed(phone, "cartClear", cart["id"], ', operationId: "x"')) == []
    now = phone.add(cart["id"], "oat")["cart"]
    assert codes(begun(phone, now, op="x")) == ["OPERATION_ID_REUSED"]
    assert begun(phone, now, op="y")["quote"] is not None


def test_a_payment_that_was_to_be_refunded_pays_for_nothing_ever_after(service: Service) -> None:
    """Its refund may be under way: an order by it would be goods for nothing."""
    phone = customer(service, "refunded")
    quote = begun(phone, filled(phone))["quote"]
    for _ in range(2):
        wrong = completed(phone, quote["id"], "mine", "0" * 32)
        assert (codes(wrong), wrong["refundDue"]) == (["AMOUNT_MISMATCH"], True)
    for _ in range(2):
        again = completed(phone, quote["id"], "mine", quote["amountHash"])
        assert (codes(again), again["refundDue"], again["order"]) == (["REFUND_DUE"], True, None)
    other = paid(phone, quote, "another")
    assert (codes(other), other["order"]["refundsDue"]) == ([], ["mine"])
    assert paid(phone, quote, "mine")["refundDue"] is True


# Ids and amounts of others.


def test_hashes_and_ids_of_other_quotes_buy_nothing(service: Service) -> None:
    phone, eve = customer(service, "mine-2"), customer(service, "eve-2")
    quote, other = begun(phone, filled(phone))["quote"], begun(eve, filled(eve))["quote"]
    assert codes(completed(eve, other["id"], "e1", quote["amountHash"])) == ["AMOUNT_MISMATCH"]
    assert codes(completed(eve, quote["id"], "e2", quote["amountHash"])) == ["QUOTE_NOT_FOUND"]
    for verb in (EXTEND, CANCEL):
        assert codes(only(eve.run(verb, quote=quote["id"]))) == ["QUOTE_NOT_FOUND"]
    cart, quotes = _parts(other["id"]), _parts(quote["id"])
    for key in (f"{cart[0]}/{quotes[1]}", f"{cart[0]}/", "/", "//", f"{cart[0]}/{cart[1]}/{cart[1]}", f"{cart[0]}:x/y"):
        forged = base64.urlsafe_b64encode(f"Quote:{key}".encode()).decode()
        assert codes(completed(eve, forged, "e3", other["amountHash"])) == ["QUOTE_NOT_FOUND"]
    for id_ in ("", "%", filled(eve)["id"], "x" * 500, "\0"):
        assert codes(completed(eve, id_, "e4", other["amountHash"])) == ["QUOTE_NOT_FOUND"]
        assert eve.run(QUOTE, quote=id_)["quote"] is None
    placed = paid(phone, quote)["order"]
    assert placed["refundsDue"] == []


def _parts(id_: str) -> tuple[str, str]:
    text = base64.urlsafe_b64decode(id_ + "=" * (-len(id_) % 4)).decode()
    cart, _, quote = text.partition(":")[2].partition("/")
    return cart, quote


@pytest.mark.parametrize(
    "spelling", ["", " ", "1e1", "0x1", "NaN", "Infinity", "-0", "１", "1,00", "9" * 400, "+", "."]
)
def test_an_expected_total_is_a_plain_number_and_the_right_one(service: Service, spelling: str) -> None:
    phone = customer(service, f"spells-{len(spelling)}-{spelling[:1]}")
    cart = filled(phone)
    answer = phone.post(BEGIN, id=cart["id"], total=spelling, ttl=60).json()
    refused = answer.get("errors") or answer["data"]["checkoutBegin"]["userErrors"]
    assert refused
    assert (answer.get("data") or {"checkoutBegin": {"quote": None}})["checkoutBegin"]["quote"] is None
    assert begun(phone, cart)["quote"] is not None


@pytest.mark.parametrize("ttl", [0, -1, 29, 3601, 2**31 - 1, -(2**31)])
def test_a_life_of_a_quote_has_bounds(service: Service, ttl: int) -> None:
    phone = customer(service, f"life-{ttl}")
    cart = filled(phone)
    assert codes(begun(phone, cart, ttl=ttl)) == ["INVALID_QUOTE_LIFE"]
    quote = begun(phone, cart)["quote"]
    assert codes(only(phone.run(EXTEND, quote=quote["id"], ttl=ttl))) == ["INVALID_QUOTE_LIFE"]


def test_payment_references_are_short_and_printable_and_not_without_number(service: Service) -> None:
    phone = customer(service, "references")
    quote = begun(phone, filled(phone))["quote"]
    for reference in ("", "x" * 129, "a\nb", "a\u2028b", "\0"):
        assert codes(completed(phone, quote["id"], reference, "0" * 32)) == ["INVALID_PAYMENT_REFERENCE"]
    for number in range(120):
        assert completed(phone, quote["id"], f"bad-{number}", "0" * 32)["refundDue"] is True
    assert codes(paid(phone, quote, "too late for this quote")) == ["REFUND_DUE"]
    assert codes(only(phone.run(CANCEL, quote=quote["id"]))) == []
    again = begun(phone, phone.run(TOTAL, id=quote["cartId"])["cart"])["quote"]
    assert paid(phone, again, "good")["order"]["refundsDue"] == []


# Two quotes of a cart, and what comes too late.


def test_of_two_quotes_of_a_cart_the_living_one_sells_it(service: Service) -> None:
    phone = customer(service, "two-quotes")
    cart = filled(phone)
    first = begun(phone, cart)["quote"]
    only(phone.run(CANCEL, quote=first["id"]))
    second = begun(phone, cart)["quote"]
    assert first["id"] != second["id"]
    assert codes(only(phone.run(EXTEND, quote=first["id"]))) == ["QUOTE_EXPIRED"]
    assert codes(only(phone.run(CANCEL, quote=first["id"]))) == ["QUOTE_EXPIRED"]
    late = paid(phone, first, "for the first")
    assert (codes(late), late["refundDue"]) == (["QUOTE_EXPIRED"], True)
    assert paid(phone, second)["userErrors"] == []
    assert codes(only(phone.run(EXTEND, quote=second["id"]))) == ["CART_ORDERED"]
    assert codes(only(phone.run(CANCEL, quote=second["id"]))) == ["CART_ORDERED"]


def test_cancelling_while_completing_is_one_or_the_other(workers: tuple[Service, Service]) -> None:
    one, two = workers
    desk = staff(two, "checkout")
    for number in range(12):
        phone = customer(one, f"both-{number}")
        quote = begun(phone, coded(phone, "ONLY-ONE"))["quote"]
        breaker = desk if number % 2 else customer(two, f"both-{number}")
        payment, end = together(partial(paid, phone, quote), partial(breaker.run, CANCEL, quote=quote["id"]))
        cancelled = only(end)
        if payment["order"]:
            assert codes(cancelled)[0] in {"CHECKOUT_BUSY", "CART_ORDERED"}
            break
        assert (codes(payment), payment["refundDue"], codes(cancelled)) == (["QUOTE_EXPIRED"], True, [])
    else:
        return  # nobody was quick enough to pay, and each next one found the use given back
    late = customer(one, "both-late")
    assert "LIMIT_REACHED" in codes(begun(late, coded(late, "ONLY-ONE")))


# Who may what.


@pytest.mark.parametrize("role", ["EDITOR", "ADDER", "SUGGESTER", "VIEWER"])
def test_in_a_frozen_cart_nobody_changes_anything(workers: tuple[Service, Service], role: str) -> None:
    one, two = workers
    phone = customer(one, f"owner-{role}")
    cart = filled(phone)
    other = joined(phone, cart["id"], role, customer(two, f"other-{role}"))
    now = phone.run(TOTAL, id=cart["id"])["cart"]
    quote = begun(phone, now)["quote"]
    for member in (phone, other):
        assert codes(member.add(cart["id"], "oat")) == ["CART_FROZEN"]
        assert codes(only(member.run(CODE, id=cart["id"], code="ONLY-ONE"))) == ["CART_FROZEN"]
        assert codes(changed(member, "cartClear", cart["id"])) == ["CART_FROZEN"]
    cancelled = codes(only(other.run(CANCEL, quote=quote["id"])))
    assert cancelled == (["ROLE_FORBIDS"] if role == "EDITOR" else ["QUOTE_NOT_FOUND"])
    if role != "EDITOR":
        assert codes(paid(other, quote)) == ["QUOTE_NOT_FOUND"]
    assert paid(phone, quote)["order"]["quote"]["total"]["amount"] == now["totals"]["total"]["amount"]


@pytest.mark.parametrize("role", ["ADDER", "SUGGESTER", "VIEWER"])
def test_who_may_not_pay_holds_nothing_not_even_for_a_moment(service: Service, role: str) -> None:
    phone = customer(service, f"host-{role}")
    cart = coded(phone, "ONLY-ONE")
    other = joined(phone, cart["id"], role, customer(service, f"guest-{role}"))
    before = service.scripts_run()
    assert codes(begun(other, cart)) == ["ROLE_FORBIDS"]
    assert service.scripts_run() - before <= 2, "the cart and what is known of its owner are read, and nothing held"


def test_staff_without_the_scope_neither_pays_nor_breaks_nor_cancels(service: Service) -> None:
    phone, reader = customer(service, "scoped"), staff(service, "cart:read", "cart:write")
    cart = filled(phone)
    assert codes(begun(reader, cart)) == ["CART_NOT_FOUND"]
    quote = begun(phone, cart)["quote"]
    for verb in (EXTEND, CANCEL):
        assert codes(only(reader.run(verb, quote=quote["id"]))) == ["QUOTE_NOT_FOUND"]
    assert codes(paid(reader, quote)) == ["QUOTE_NOT_FOUND"]
    number = paid(phone, quote)["order"]["number"]
    assert codes(only(reader.run(CANCEL_ORDER, number=number, why="x"))) == ["FORBIDDEN"]


def test_orders_of_others_are_not_to_be_found(service: Service) -> None:
    phone, eve = customer(service, "private"), customer(service, "prying")
    number = paid(phone, begun(phone, filled(phone))["quote"])["order"]["number"]
    assert eve.run(ORDER, number=number)["order"] is None
    assert eve.run(ORDERS, customer="private")["orders"]["totalCount"] == 0
    for text in ("", "\0", "é" * 300, number.lower(), f" {number}", number[:-1]):
        assert phone.run(ORDER, number=text)["order"] is None
    guest = service.client(
        service.client().run('mutation { sessionCreate(channel: "web") { token } }')["sessionCreate"]["token"]
    )
    assert guest.run(ORDERS)["orders"]["totalCount"] == 0


def test_an_order_is_cancelled_once_for_a_reason_that_can_be_read(workers: tuple[Service, Service]) -> None:
    one, two = workers
    phone = customer(one, "cancels")
    number = paid(phone, begun(phone, coded(phone, "ONLY-ONE"))["quote"])["order"]["number"]
    desks = [staff(worker, "checkout") for worker in workers]
    for why in ("", "x" * 201, "a\nb"):
        assert codes(only(desks[0].run(CANCEL_ORDER, number=number, why=why))) == ["INVALID_NOTE"]
    answers = together(*[partial(desks[at % 2].run, CANCEL_ORDER, number=number, why=f"why {at}") for at in range(6)])
    assert len({only(answer)["order"]["cancelReason"] for answer in answers}) == 1
    following = customer(two, "follows")
    assert paid(following, begun(following, coded(following, "ONLY-ONE"))["quote"])["order"] is not None
    assert only(desks[0].run(CANCEL_ORDER, number=number, why="again"))["userErrors"] == []
    third = customer(one, "third")
    assert "LIMIT_REACHED" in codes(begun(third, coded(third, "ONLY-ONE"))), "given back once"


# Signing in on the way.


def test_who_signs_in_while_paying_owns_the_order(service: Service) -> None:
    token = service.client().run('mutation { sessionCreate(channel: "web") { token } }')["sessionCreate"]["token"]
    guest = service.client(token)
    quote = begun(guest, filled(guest))["quote"]
    phone = customer(service, "signs-in")
    signed_in = phone.run(
        "mutation($id: ID!, $token: String!) { cartCustomerAttach(cartId: $id, guestToken: $token) { userErrors { code } } }",
        id=quote["cartId"],
        token=token,
    )
    assert codes(only(signed_in)) == []
    order = paid(phone, quote)["order"]
    assert order["customerId"] == "signs-in"
    assert phone.run(ORDERS)["orders"]["nodes"] == [{"number": order["number"]}]
    assert phone.run(ORDER, number=order["number"])["order"]["number"] == order["number"]
