"""Checkout as front ends do it."""

from typing import Any

from engine.callers import CallerKind
from tests.http.following import FOLLOW, event_stream
from tests.http.service import READ, Client, Service
from tests.http.test_handoffs import customer
from tests.http.test_live import ATTACH
from tests.http.test_mutations import only

BEGIN = """
mutation($id: ID!, $total: Decimal!, $ttl: Int! = 900, $op: ID) {
  checkoutBegin(cartId: $id, expectedTotal: $total, ttl: $ttl, operationId: $op) {
    quote { id cartId amountHash expiresAt orderNumber total { amount currency } totals { total { amount } }
            lines { totalCount nodes { sku quantity total { amount } } } computedFrom { cartVersion rulesetHash } }
    cart { version checkout { quoteId member since until } totals { total { amount } } }
    replayed userErrors { code field message }
  }
}
"""
_ORDER = """
fragment order on Order {
  number placedAt customerId paymentReference refundsDue cancelledAt cancelReason
  quote { id total { amount } lines { nodes { sku total { amount } } } orderNumber expiresAt }
}
"""
COMPLETE = (
    """
mutation($quote: ID!, $reference: String!, $hash: String!) {
  checkoutComplete(quoteId: $quote, paymentReference: $reference, amountHash: $hash) {
    order { ...order } refundDue replayed userErrors { code field message }
  }
}
"""
    + _ORDER
)
EXTEND = """
mutation($quote: ID!, $ttl: Int! = 900) {
  checkoutExtend(quoteId: $quote, ttl: $ttl) { quote { id expiresAt } userErrors { code } }
}
"""
CANCEL = """
mutation($quote: ID!) { checkoutCancel(quoteId: $quote) { cart { checkout { until } } userErrors { code } } }
"""
QUOTE = "query($quote: ID!) { quote(id: $quote) { id amountHash orderNumber expiresAt } }"
ORDER = "query($number: String!) { order(number: $number) { ...order } }" + _ORDER
ORDERS = """
query($customer: ID, $first: Int) {
  orders(customerId: $customer, first: $first) { totalCount nodes { number } pageInfo { hasNextPage } }
}
"""
CANCEL_ORDER = (
    'mutation($number: String!) { orderCancel(number: $number, reason: "broken") { order { ...order } userErrors { code } } }'
    + _ORDER
)


def begun(client: Client, cart: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Begin to pay what a cart costs."""
    payload: dict[str, Any] = only(client.run(BEGIN, id=cart["id"], total=cart["totals"]["total"]["amount"], **more))
    return payload


def paid(client: Client, quote: dict[str, Any], reference: str = "payment-1") -> dict[str, Any]:
    payload: dict[str, Any] = only(
        client.run(COMPLETE, quote=quote["id"], reference=reference, hash=quote["amountHash"])
    )
    return payload


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def filled(client: Client) -> dict[str, Any]:
    cart: dict[str, Any] = client.add(client.create(lines=[{"sku": "oat"}]), "milk", 2)["cart"]
    return cart


def test_a_cart_is_paid_for(service: Service) -> None:
    phone, pc = customer(service, "payer", "phone"), customer(service, "payer", "pc")
    cart = filled(phone)
    with event_stream(service.url, str(pc.token), FOLLOW, id=cart["id"]) as stream:
        assert stream.event()["reason"] == "SNAPSHOT"
        answer = begun(phone, cart)
        assert answer["userErrors"] == []
        quote = answer["quote"]
        assert stream.event()["operations"][0]["changes"][0]["verb"] == "freeze"
        assert quote["total"]["amount"] == cart["totals"]["total"]["amount"] == quote["totals"]["total"]["amount"]
        assert [line["sku"] for line in quote["lines"]["nodes"]] == ["oat", "milk"]
        assert quote["computedFrom"]["cartVersion"] == cart["version"]
        checkout = answer["cart"]["checkout"]
        assert (checkout["quoteId"], checkout["member"]) == (quote["id"], "customer:payer")
        assert checkout["until"] == quote["expiresAt"]
        assert codes(pc.add(cart["id"], "cake")) == ["CART_FROZEN"]

        placed = paid(phone, quote)
        assert (placed["userErrors"], placed["refundDue"], placed["replayed"]) == ([], False, False)
        number = placed["order"]["number"]
        assert stream.event()["operations"][0]["changes"][0] == {"verb": "order", "details": [number, ""]}
    assert placed["order"]["quote"]["total"] == {"amount": quote["total"]["amount"]}
    assert paid(phone, quote) == {**placed, "replayed": True}
    assert codes(pc.add(cart["id"], "cake")) == ["CART_ORDERED"]
    assert pc.run("query($id: ID!) { cart(id: $id) { orderNumber } }", id=cart["id"])["cart"] == {"orderNumber": number}
    assert pc.run(QUOTE, quote=quote["id"])["quote"] == {
        "id": quote["id"],
        "amountHash": quote["amountHash"],
        "orderNumber": number,
        "expiresAt": None,
    }
    assert pc.run(ORDER, number=number)["order"]["number"] == number
    assert pc.run(ORDERS)["orders"]["nodes"] == [{"number": number}]
    following = phone.create(lines=[{"sku": "oat"}])
    assert following != cart["id"]


def test_another_total_than_the_shopper_saw_is_refused(service: Service) -> None:
    phone = customer(service, "wary")
    cart = filled(phone)
    other = {**cart, "totals": {"total": {"amount": "0.01"}}}
    refused = begun(phone, other)
    assert (codes(refused), refused["quote"]) == (["TOTAL_CHANGED"], None)
    assert refused["cart"]["totals"] == {"total": {"amount": cart["totals"]["total"]["amount"]}}
    assert refused["cart"]["checkout"] is None
    finer = {**cart, "totals": {"total": {"amount": "1.234"}}}
    assert codes(begun(phone, finer)) == ["TOTAL_CHANGED"]
    assert codes(begun(phone, cart, ttl=5)) == ["INVALID_QUOTE_LIFE"]


def test_strangers_neither_pay_nor_look(service: Service) -> None:
    phone, eve = customer(service, "owner-1"), customer(service, "eve-1")
    quote = begun(phone, filled(phone))["quote"]
    assert eve.run(QUOTE, quote=quote["id"])["quote"] is None
    assert codes(paid(eve, quote)) == ["QUOTE_NOT_FOUND"]
    assert codes(only(eve.run(CANCEL, quote=quote["id"]))) == ["QUOTE_NOT_FOUND"]
    number = paid(phone, quote)["order"]["number"]
    assert eve.run(ORDER, number=number)["order"] is None
    assert eve.run(ORDERS, customer="owner-1")["orders"]["totalCount"] == 0
    assert codes(only(eve.run(CANCEL_ORDER, number=number))) == ["FORBIDDEN"]


def test_payments_that_pay_for_nothing_are_kept(service: Service) -> None:
    phone = customer(service, "twice")
    quote = begun(phone, filled(phone))["quote"]
    wrong = {**quote, "amountHash": "0" * 32}
    mismatch = paid(phone, wrong, "wrong")
    assert (codes(mismatch), mismatch["refundDue"], mismatch["order"]) == (["AMOUNT_MISMATCH"], True, None)
    assert paid(phone, quote)["refundDue"] is False
    second = paid(phone, quote, "second")
    assert (second["userErrors"], second["refundDue"]) == ([], True)
    assert second["order"]["refundsDue"] == ["wrong", "second"]
    assert codes(paid(phone, quote, "")) == ["INVALID_PAYMENT_REFERENCE"]


def test_a_checkout_is_extended_cancelled_and_broken_by_staff(service: Service) -> None:
    phone = customer(service, "waits")
    cart = filled(phone)
    quote = begun(phone, cart, ttl=60)["quote"]
    extended = only(phone.run(EXTEND, quote=quote["id"], ttl=1200))
    assert extended["quote"]["expiresAt"] > quote["expiresAt"]
    assert only(phone.run(CANCEL, quote=quote["id"])) == {"cart": {"checkout": None}, "userErrors": []}
    assert phone.run(READ, id=cart["id"])["cart"]["totals"] == cart["totals"]
    late = paid(phone, quote)
    assert (codes(late), late["refundDue"]) == (["QUOTE_EXPIRED"], True)
    again = begun(phone, cart)["quote"]
    staff = service.client(service.token(CallerKind.STAFF, "desk", "pos", "south", scopes=frozenset({"checkout"})))
    assert only(staff.run(CANCEL, quote=again["id"]))["userErrors"] == []
    assert codes(phone.add(cart["id"], "oat")) == []


def test_an_order_is_cancelled_by_staff(service: Service) -> None:
    phone = customer(service, "regrets")
    number = paid(phone, begun(phone, filled(phone))["quote"])["order"]["number"]
    staff = service.client(service.token(CallerKind.STAFF, "desk", "pos", "south", scopes=frozenset({"checkout"})))
    cancelled = only(staff.run(CANCEL_ORDER, number=number))
    assert cancelled["userErrors"] == []
    assert cancelled["order"]["cancelReason"] == "broken"
    assert phone.run(ORDER, number=number)["order"]["cancelledAt"] == cancelled["order"]["cancelledAt"]
    assert codes(only(staff.run(CANCEL_ORDER, number="nothing"))) == ["ORDER_NOT_FOUND"]


def test_orders_come_in_pages_newest_first(service: Service) -> None:
    phone = customer(service, "regular")
    numbers = [paid(phone, begun(phone, filled(phone))["quote"])["order"]["number"] for _ in range(3)]
    page = phone.run(ORDERS, first=2)["orders"]
    assert [order["number"] for order in page["nodes"]] == numbers[::-1][:2]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)


def test_a_guest_who_ordered_signs_in(service: Service, guest: Client) -> None:
    """The order is shown under their new name; the cart that they have at home stays the active one."""
    cart = filled(guest)
    placed = paid(guest, begun(guest, cart)["quote"], "payment-of-a-guest")
    buyer = customer(service, f"buyer-{cart['id'][-12:]}", "phone")
    signed = only(buyer.run(ATTACH, id=cart["id"], guest=guest.token))
    assert codes(signed) == []
    shown = buyer.run("query($id: ID!) { cart(id: $id) { orderNumber } activeCart { id } }", id=cart["id"])
    assert shown == {"cart": {"orderNumber": placed["order"]["number"]}, "activeCart": None}
    assert buyer.create(lines=[{"sku": "oat"}]) != cart["id"]
