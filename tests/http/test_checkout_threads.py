"""What happened to users of other carts at checkout, and must not happen here: a test for each thread, named by it."""

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from engine.callers import CallerKind
from tests.http.service import RULES, Client, Service, snapshot
from tests.http.test_checkout import CANCEL, ORDERS, begun, codes, filled, paid
from tests.http.test_handoffs import customer
from tests.http.test_members import changed, joined
from tests.http.test_merging import active, held, sign_in, together, visitor
from tests.http.test_mutations import only

QUOTED = """
query($quote: ID!) {
  quote(id: $quote) { id cartId orderNumber totals { total { amount } taxIncluded { amount } } taxes { rate amount { amount } }
                      lines { nodes { sku tax { rate amount { amount } } } } }
}
"""
GIFT_CARD = """\
  - id: gift-card
    label: Gift card
    codes: [GIFT-CARD-1]
    limits: {per_code: 1}
    give: {order_amount_off: {amount: 2 EUR}}
"""

CARD = """
mutation($id: ID!) {
  a: cartCodesAdd(cartId: $id, codes: ["GIFT-CARD-1"]) { cart { id totals { total { amount } } } userErrors { code } }
}
"""
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


def provider(service: Service) -> Client:
    """Return what reports payments: a back office that a payment provider calls."""
    return service.client(service.token(CallerKind.SERVICE, "provider", scopes=frozenset({"checkout"})))


def test_saleor_17789_a_report_of_the_payment_that_races_the_storefront_and_a_cancelling_shopper_ends_one_way(
    service: Service,
) -> None:
    """A report of the payment came while the checkout was completed, and what was done with it went both ways."""
    for turn in range(6):
        phone, webhook = customer(service, f"s17789-{turn}"), provider(service)
        cart = filled(phone)
        quote = begun(phone, cart)["quote"]
        completing = [partial(paid, who, quote, "transaction") for who in (phone, webhook, webhook)]
        *_, cancelled = together(*completing, partial(phone.run, CANCEL, quote=quote["id"]))
        # What was told to be busy is sent again, and whatever it is then is final.
        ends = [paid(who, quote, "transaction") for who in (phone, webhook)]
        numbers = {end["order"]["number"] if end["order"] else None for end in ends}
        assert len(numbers) == 1
        ordered = numbers != {None}
        assert [end["refundDue"] for end in ends] == [not ordered] * 2
        assert phone.run(ORDERS)["orders"]["totalCount"] == int(ordered)
        assert bool(only(cancelled)["userErrors"]) == ordered
        assert codes(phone.add(cart["id"], "oat")) == (["CART_ORDERED"] if ordered else [])


def test_medusa_16347_one_gift_card_is_redeemed_once_by_checkouts_that_race(service: Service, tmp_path: Path) -> None:
    """Checkouts that were under way together each redeemed the same gift card."""
    before, service.engine.snapshot = service.engine.snapshot, snapshot(tmp_path / "cards", RULES + GIFT_CARD)
    try:
        phones = [customer(service, f"m16347-{number}") for number in range(6)]
        carts = [phone.run(CARD, id=filled(phone)["id"])["a"]["cart"] for phone in phones]
        answers = together(*[partial(begun, *each) for each in zip(phones, carts, strict=True)])
        quotes = [answer["quote"] for answer in answers]
        assert sum(quote is not None for quote in quotes) == 1
        refused = [answer for answer in answers if not answer["quote"]]
        assert {tuple(codes(answer)) for answer in refused} == {("LIMIT_REACHED", "TOTAL_CHANGED")}
        # They can pay without it, and nobody has it again once it was redeemed.
        for phone, cart, quote in zip(phones, carts, quotes, strict=True):
            total = quote or begun(phone, {**cart, "totals": {"total": {"amount": _dearer(cart)}}})["quote"]
            assert paid(phone, total)["order"]["quote"]["total"]["amount"] == total["total"]["amount"]
        late = customer(service, "m16347-late")
        again = late.run(CARD, id=filled(late)["id"])["a"]["cart"]
        assert codes(begun(late, again)) == ["LIMIT_REACHED", "TOTAL_CHANGED"]
    finally:
        service.engine.snapshot = before


def test_medusa_2341_completing_at_once_by_webhook_and_storefront_leaves_every_tax_line(service: Service) -> None:
    """The one that came second deleted the tax lines of the order, or wrote them twice."""
    for turn in range(4):
        phone = customer(service, f"m2341-{turn}")
        quote = begun(phone, filled(phone))["quote"]
        before = phone.run(QUOTED, quote=quote["id"])["quote"]
        completing = [partial(paid, who, quote) for who in (phone, provider(service)) * 3]
        together(*completing, *[partial(phone.run, QUOTED, quote=quote["id"])] * 2)
        after = phone.run(QUOTED, quote=quote["id"])["quote"]
        assert after["orderNumber"]
        assert after == {**before, "orderNumber": after["orderNumber"]}
        (tax,) = after["taxes"]
        assert sum(Decimal(line["tax"]["amount"]["amount"]) for line in after["lines"]["nodes"]) > 0
        assert (tax["rate"], tax["amount"]) == ("5.5", after["totals"]["taxIncluded"])


def test_medusa_6331_every_quote_is_of_its_cart_however_often_and_at_once_one_begins(service: Service) -> None:
    """Payment sessions were kept without the id of their cart, and paying failed by chance."""
    phone = customer(service, "m6331")
    cart = filled(phone)
    for _ in range(5):
        answers = together(*[partial(begun, phone, cart) for _ in range(3)])
        (quote,) = {answer["quote"]["id"]: answer["quote"] for answer in answers if answer["quote"]}.values()
        assert (quote["cartId"], phone.run(QUOTED, quote=quote["id"])["quote"]["cartId"]) == (cart["id"], cart["id"])
        together(*[partial(phone.run, CANCEL, quote=quote["id"])] * 2)
    quote = begun(phone, cart)["quote"]
    assert (quote["cartId"], codes(paid(phone, quote))) == (cart["id"], [])


def test_spartacus_9644_whoever_registers_during_or_after_a_guest_checkout_loses_nothing(service: Service) -> None:
    """Registering after a guest's checkout lost the cart."""
    guest = visitor(service, "9644-pays-g")
    cart = filled(guest)
    quote = begun(guest, cart)["quote"]
    newcomer = customer(service, "9644-pays")
    answer = sign_in(newcomer, cart["id"], guest)
    assert (codes(answer), answer["cart"]["id"], held(active(newcomer))) == ([], cart["id"], {"oat": 1, "milk": 2})
    assert codes(paid(newcomer, quote)) == []

    guest = visitor(service, "9644-paid-g")
    paid(guest, begun(guest, filled(guest))["quote"])
    following = guest.create(lines=[{"sku": "milk", "quantity": 3}])
    newcomer = customer(service, "9644-paid")
    assert codes(sign_in(newcomer, following, guest)) == []
    assert held(active(newcomer)) == {"milk": 3}


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


def _dearer(cart: dict[str, Any]) -> str:
    """Return what a cart costs without the gift card."""
    return str(Decimal(cart["totals"]["total"]["amount"]) + 2)
