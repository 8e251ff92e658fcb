"""The warning of a discount that costs more than it gives, over HTTP: who is told, and where."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service

RULES = """\
promotions:
  - {id: oats, label: Oats, give: {amount_off: {amount: 2 EUR, per: selection, on: {sku: oat}}}}
  - {id: quiet, label: Milk, hidden: true, give: {amount_off: {amount: 2 EUR, per: selection, on: {sku: milk}}}}
  - id: free
    label: Free delivery
    when: {spend: {at_least: 11 EUR}}
    give: {delivery_percent_off: {percent: 100%}}
"""
SENTENCE = "{} takes 2.00 EUR off at the expense of Free delivery: without it the cart would cost 2.90 EUR less"
CONTEXT = """
mutation($id: ID!) {
  cartContextUpdate(cartId: $id, context: {delivery: {method: "home", place: "75001", slot: "evening"}}) { warnings { code message } }
}
"""
CART = """
query($id: ID!) { cart(id: $id) { warnings { code message lineId } priceOn(channel: "app") { warnings { code } } } }
"""


@pytest.fixture(scope="module")
def service(store_url: str, shop: Snapshot) -> Iterator[Service]:
    rules = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, Snapshot(shop.shop, rules)).run() as running:
        yield running


def client(service: Service, kind: CallerKind, id_: str, *scopes: str) -> Client:
    return service.client(service.token(kind, id_, "web", "north", scopes=frozenset(scopes)))


def warned(caller: Client, cart: str) -> list[dict[str, Any]]:
    """Return the warnings of a change that asks for a delivery."""
    told: list[dict[str, Any]] = caller.run(CONTEXT, id=cart)["cartContextUpdate"]["warnings"]
    return told


def test_the_shopper_is_warned_at_the_change_and_at_the_cart(service: Service) -> None:
    shopper = client(service, CallerKind.GUEST, "g-oats")
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 5}])
    assert warned(shopper, cart) == [{"code": "BETTER_WITHOUT", "message": SENTENCE.format("Oats")}]
    seen = shopper.run(CART, id=cart)["cart"]
    assert seen["warnings"] == [{"code": "BETTER_WITHOUT", "message": SENTENCE.format("Oats"), "lineId": None}]
    assert seen["priceOn"]["warnings"] == [{"code": "BETTER_WITHOUT"}]


def test_only_staff_are_told_of_a_hidden_promotion(service: Service) -> None:
    shopper = client(service, CallerKind.GUEST, "g-milk")
    cart = shopper.create(lines=[{"sku": "milk", "quantity": 10}])
    assert warned(shopper, cart) == []
    assert shopper.run(CART, id=cart)["cart"] == {"warnings": [], "priceOn": {"warnings": []}}
    staff = client(service, CallerKind.STAFF, "maria", "cart:read", "cart:write", "offers:read")
    expected = [{"code": "BETTER_WITHOUT", "message": SENTENCE.format("Milk")}]
    assert warned(staff, cart) == expected
    seen = staff.run(CART, id=cart)["cart"]
    assert [warning["message"] for warning in seen["warnings"]] == [SENTENCE.format("Milk")]
    assert seen["priceOn"]["warnings"] == [{"code": "BETTER_WITHOUT"}]
