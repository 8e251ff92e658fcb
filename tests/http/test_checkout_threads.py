"""What happened to users of other carts at checkout, and must not happen here: a test for each thread, named by it."""

from functools import partial

from tests.http.service import Service
from tests.http.test_checkout import ORDERS, begun, codes, filled, paid
from tests.http.test_handoffs import customer
from tests.http.test_members import changed, joined
from tests.http.test_merging import together

LIMITS = 'budget: {amount: "%s", currency: "EUR"}, blockedCategories: [%s]'


def test_woocommerce_62659_concurrent_checkouts_of_a_cart_are_one(service: Service) -> None:
    """Requests that came together each made an order of the same cart."""
    phone = customer(service, "w62659")
    cart = filled(phone)
    answers = together(*[partial(begun, phone, cart) for _ in range(8)])
    quotes = {answer["quote"]["id"] for answer in answers if answer["quote"]}
    assert len(quotes) == 1
    assert {code for answer in answers for code in codes(answer)} <= {"CART_FROZEN", "CART_CHANGED"}


def test_saleor_12652_a_webhook_and_a_storefront_that_complete_at_once_get_the_same_order(service: Service) -> None:
    """The checkout vanished under whichever of the two came second."""
    phone = customer(service, "s12652")
    quote = begun(phone, filled(phone))["quote"]
    answers = together(*[partial(paid, phone, quote) for _ in range(8)])
    assert {answer["order"]["number"] for answer in answers} == {answers[0]["order"]["number"]}
    assert [answer["refundDue"] for answer in answers] == [False] * 8
    assert phone.run(ORDERS)["orders"]["totalCount"] == 1


def test_saleor_15956_a_second_payment_during_completion_is_refunded(service: Service) -> None:
    """An order had two payments."""
    phone = customer(service, "s15956")
    quote = begun(phone, filled(phone))["quote"]
    answers = together(*[partial(paid, phone, quote, f"payment-{number}") for number in range(6)])
    again = [paid(phone, quote, f"payment-{number}") for number in range(6)]
    assert [answer["refundDue"] for answer in again].count(False) == 1
    assert {answer["order"]["number"] for answer in again} == {again[0]["order"]["number"]}
    assert all(answer["order"] or codes(answer) == ["CHECKOUT_BUSY"] for answer in answers)


def test_medusa_14758_a_payment_that_is_sent_again_is_not_in_its_own_way(service: Service) -> None:
    """The cart was "already being completed by another request": real payments were blocked."""
    phone = customer(service, "m14758")
    quote = begun(phone, filled(phone))["quote"]
    answers = together(*[partial(paid, phone, quote, "the same") for _ in range(6)])
    assert all(answer["userErrors"] == [] for answer in answers)


def test_spree_11286_what_is_added_during_checkout_is_refused_and_the_order_is_what_was_paid(service: Service) -> None:
    """Adding wiped the shipments, and the order was completed with a wrong amount."""
    phone = customer(service, "s11286")
    cart = filled(phone)
    quote = begun(phone, cart)["quote"]
    assert codes(phone.add(cart["id"], "oat")) == ["CART_FROZEN"]
    order = paid(phone, quote)["order"]
    assert (
        order["quote"]["total"] == {"amount": quote["total"]["amount"]} == {"amount": cart["totals"]["total"]["amount"]}
    )


def test_what_members_agreed_on_is_kept_to_at_checkout(service: Service) -> None:
    """A budget and blocked categories warn at once, and keep the cart from being sold."""
    phone = customer(service, "agreed")
    kid = joined(phone, (cart := filled(phone))["id"], "ADDER", customer(service, "agreed-kid"))
    assert codes(kid.add(cart["id"], "milk", 3)) == []
    limits = LIMITS % ("1.00", '"grocery/dairy"')
    shown = changed(
        phone, "cartMemberLimitsUpdate", cart["id"], f", memberId: $member, {limits}", member="customer:agreed-kid"
    )
    assert codes(shown) == []
    now = phone.run("query($id: ID!) { cart(id: $id) { id totals { total { amount } } } }", id=cart["id"])["cart"]
    assert set(codes(begun(phone, now))) == {"BUDGET_EXCEEDED", "CATEGORY_BLOCKED"}
    eased = changed(phone, "cartMemberLimitsUpdate", cart["id"], ", memberId: $member", member="customer:agreed-kid")
    assert codes(eased) == []
    assert begun(phone, now)["quote"] is not None
