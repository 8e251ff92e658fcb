"""Spending points as front ends do it: a wish in the cart, a price, an order."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service
from tests.http.test_checkout import BEGIN, CANCEL_ORDER, codes, paid
from tests.http.test_handoffs import claim, code_for, customer, till
from tests.http.test_loyalty import ADJUST, account, staff
from tests.http.test_members import joined
from tests.http.test_merging import merge
from tests.http.test_mutations import only

RULES = """\
loyalty: {burn: {points: 100, worth: 1 EUR, minimum: 50%s}}
promotions:
  - {id: base, give: {points: {per: 1 EUR, add: 1}}}
"""
CART = """
fragment cart on Cart {
  id version pointsEarned warnings { code message }
  totals { subtotal { amount } pointsDiscount { amount } total { amount } tender { amount } amountDue { amount } }
  burned { wanted points amount { amount } as state lines { lineId amount { amount } } }
  lines { nodes { lineId pointsDiscountAmount { amount } total { amount } } }
  membersTotals { memberId pointsDiscount { amount } total { amount } tender { amount } amountDue { amount } }
}
"""
BURN = (
    """
mutation($id: ID!, $points: Int, $all: Boolean! = false, $op: ID) {
  loyaltyBurn(cartId: $id, points: $points, all: $all, operationId: $op) {
    replayed version cart { ...cart } userErrors { code field } warnings { code message }
  }
}
"""
    + CART
)
READ = "query($id: ID!) { cart(id: $id) { ...cart } }" + CART


def served(store_url: str, shop: Snapshot, programme: str) -> Service:
    ruleset = load_rule_sources([Source("rules.yaml", RULES % programme)], shop.shop).ruleset
    return Service(store_url, replace(shop, ruleset=ruleset))


@pytest.fixture(scope="module")
def discounting(store_url: str, shop: Snapshot) -> Iterator[Service]:
    with served(store_url, shop, "").run() as running:
        yield running


@pytest.fixture(scope="module")
def tendering(store_url: str, shop: Snapshot) -> Iterator[Service]:
    with served(store_url, shop, ", as: tender").run() as running:
        yield running


def saver(service: Service, name: str, points: int = 1000) -> tuple[Client, str]:
    """Return a customer with points, and their cart of 4.80 EUR."""
    only(staff(service, "loyalty:write").run(ADJUST, customer=name, points=points))
    phone = customer(service, name)
    return phone, phone.create(lines=[{"sku": "milk", "quantity": "4"}])


def burn(client: Client, cart: str, **wish: Any) -> dict[str, Any]:
    payload: dict[str, Any] = only(client.run(BURN, id=cart, **wish))
    return payload


def burned(client: Client, cart: str) -> Any:
    return client.run(READ, id=cart)["cart"]["burned"]


def test_points_lower_the_goods_and_are_spent_with_the_order(discounting: Service) -> None:
    phone, cart = saver(discounting, "saver")
    wished = burn(phone, cart, points=130, op="spend")
    assert (wished["userErrors"], wished["warnings"]) == ([], [])
    seen = wished["cart"]
    line = seen["lines"]["nodes"][0]
    assert seen["burned"] == {
        "wanted": 130,
        "points": 130,
        "amount": {"amount": "1.30"},
        "as": "DISCOUNT",
        "state": "APPLIED",
        "lines": [{"lineId": line["lineId"], "amount": {"amount": "1.30"}}],
    }
    assert {name: value["amount"] for name, value in seen["totals"].items()} == {
        "subtotal": "3.50",
        "pointsDiscount": "1.30",
        "total": "3.50",
        "tender": "0.00",
        "amountDue": "3.50",
    }
    assert (line["pointsDiscountAmount"]["amount"], line["total"]["amount"]) == ("1.30", "3.50")
    assert seen["pointsEarned"] == 3
    again = burn(phone, cart, points=130, op="spend")
    assert (again["replayed"], again["version"]) == (True, wished["version"])
    assert codes(burn(phone, cart, points=140, op="spend")) == ["OPERATION_ID_REUSED"]

    quote = only(phone.run(BEGIN, id=cart, total="3.50"))["quote"]
    assert quote["total"]["amount"] == "3.50"
    assert (account(phone)["active"], account(phone)["held"]) == (870, 130)
    assert codes(burn(phone, cart, points=0)) == ["CART_FROZEN"]
    assert burned(phone, cart) == seen["burned"]
    order = paid(phone, quote)["order"]
    after = account(phone)
    assert (after["active"], after["held"]) == (873, 0)
    assert [(each["kind"], each["note"]) for each in after["entries"]["nodes"] if each["kind"] == "POST"] == [
        ("POST", order["number"])
    ]
    staff(discounting, "checkout").run(CANCEL_ORDER, number=order["number"])
    assert account(phone)["active"] == 1000


def test_a_tender_leaves_the_total_and_is_not_to_be_paid(tendering: Service) -> None:
    phone, cart = saver(tendering, "tenders")
    friend = joined(phone, cart, "EDITOR", customer(tendering, "payers-friend"))
    friend.add(cart, "oat")
    seen = burn(phone, cart, points=200)["cart"]
    total, due = (float(seen["totals"][name]["amount"]) for name in ("total", "amountDue"))
    assert (seen["burned"]["as"], seen["burned"]["lines"], seen["totals"]["pointsDiscount"]["amount"]) == (
        *("TENDER", []),
        "0.00",
    )
    assert round(total - due, 2) == 2
    for name in ("total", "tender", "amountDue"):
        parts = sum(round(100 * float(each[name]["amount"])) for each in seen["membersTotals"])
        assert parts == round(100 * float(seen["totals"][name]["amount"]))
    refused = only(phone.run(BEGIN, id=cart, total=seen["totals"]["total"]["amount"]))
    assert codes(refused) == ["TOTAL_CHANGED"], "what is expected is what there is to pay"
    quote = only(phone.run(BEGIN, id=cart, total=seen["totals"]["amountDue"]["amount"]))["quote"]
    assert quote["total"] == {**seen["totals"]["total"], "currency": "EUR"}
    assert paid(phone, quote)["userErrors"] == []


def test_a_wish_is_not_cut_and_says_why_less_is_spent(discounting: Service) -> None:
    phone, cart = saver(discounting, "wisher", 300)
    too_many = burn(phone, cart, points=400)
    assert too_many["cart"]["burned"]["state"] == "BALANCE"
    text = "300 of the 400 points are spent: there are no more"
    assert too_many["warnings"] == [{"code": "POINTS_CUT", "message": text}]
    only(staff(discounting, "loyalty:write").run(ADJUST, customer="wisher", points=1000))
    assert burned(phone, cart)["points"] == 400, "the balance is looked up again"
    assert burn(phone, cart, all=True)["cart"]["burned"]["points"] == 480
    phone.add(cart, "milk")
    assert burned(phone, cart)["points"] == 600
    assert burn(phone, cart, points=49)["cart"]["burned"]["state"] == "MINIMUM"
    assert burn(phone, cart, points=0)["cart"]["burned"] is None
    burn(phone, cart, all=True)
    only(phone.run("mutation($id: ID!) { cartClear(cartId: $id) { userErrors { code } } }", id=cart))
    assert burned(phone, cart) is None


def test_who_may_spend(discounting: Service) -> None:
    phone, cart = saver(discounting, "burns-own")
    friend = joined(phone, cart, "EDITOR", customer(discounting, "owners-friend"))
    viewer = joined(phone, cart, "VIEWER", customer(discounting, "owners-viewer"))
    assert codes(burn(friend, cart, points=100)) == ["ROLE_FORBIDS"]
    assert codes(burn(viewer, cart, points=0)) == ["ROLE_FORBIDS"]
    assert codes(burn(customer(discounting, "stranger"), cart, points=100)) == ["CART_NOT_FOUND"]
    assert codes(burn(staff(discounting, "cart:write", "cart:read"), cart, points=100)) == []
    assert burned(friend, cart)["points"] == 100
    assert codes(burn(friend, cart, points=0)) == [], "whoever edits may take it back"
    guest = discounting.client(discounting.token(CallerKind.GUEST, "burner"))
    assert codes(burn(guest, guest.create(), points=100)) == ["NO_ACCOUNT"]
    for wrong in ({}, {"points": 5, "all": True}, {"points": -1}, {"points": 2_000_000_000}):
        assert codes(burn(phone, cart, **wrong)) == ["INVALID_POINTS"]


def test_a_shop_that_takes_no_points_says_so(store_url: str, shop: Snapshot) -> None:
    ruleset = load_rule_sources([], shop.shop).ruleset
    with Service(store_url, replace(shop, ruleset=ruleset)).run() as plain:
        phone = customer(plain, "plain-burner")
        assert codes(burn(phone, phone.create(), points=100)) == ["NO_PROGRAMME"]


@pytest.mark.parametrize("mode", ["MOVE", "JOIN"])
def test_another_person_with_the_cart_spends_no_points_of_its_owner(discounting: Service, mode: str) -> None:
    phone, cart = saver(discounting, f"giver-{mode}")
    burn(phone, cart, points=100)
    assert claim(customer(discounting, f"taker-{mode}"), code_for(phone, cart, mode)["code"])["userErrors"] == []
    assert burned(phone, cart) is None


def test_a_till_spends_what_its_customer_wished(discounting: Service) -> None:
    phone, cart = saver(discounting, "walks-in")
    burn(phone, cart, points=100)
    assert claim(till(discounting), code_for(phone, cart)["code"])["userErrors"] == []
    assert burned(phone, cart)["points"] == 100


def test_points_stay_with_a_cart_that_goes_into_another(discounting: Service) -> None:
    phone, cart = saver(discounting, "merger")
    burn(phone, cart, points=100)
    other = staff(discounting, "cart:write", "cart:read").create(lines=[{"sku": "oat"}])
    merged = merge(staff(discounting, "cart:write", "cart:read"), cart, other)
    assert "the points 100 did not come along: it is still in the other cart" in [
        each["message"] for each in merged["warnings"]
    ]
