"""Staff change prices by hand: who may, how far, and what shoppers see of it."""

from typing import Any

import pytest

from engine.callers import CallerKind
from tests.http.service import CART, Client, Service

CHANGES = """
fragment changes on Cart {
  adjustments { adjustmentId kind lineId value { amount currency } percent reason reasonLabel state
                wanted { amount } amount { amount } lines { lineId amount { amount } } addedAt member role note }
  totals { goods { amount } adjustments { amount } subtotal { amount } total { amount } }
  lines { nodes { lineId unitListPrice { amount } unitPrice { amount } adjustmentAmount { amount } total { amount } } }
}
"""
ADJUST = (
    "mutation($id: ID!, $what: CartAdjustmentInput!, $op: ID)"
    " { cartAdjustmentAdd(cartId: $id, adjustment: $what, operationId: $op) { ...payload cart { ...changes } } }"
    + CART
    + CHANGES
)
TAKE_BACK = (
    "mutation($id: ID!, $which: ID!) { cartAdjustmentRemove(cartId: $id, adjustmentId: $which)"
    " { ...payload cart { ...changes } } }" + CART + CHANGES
)
READ = "query($id: ID!) { cart(id: $id) { ...changes } }" + CHANGES


def staff_of(service: Service, *scopes: str, role: str = "") -> Client:
    token = service.token(CallerKind.STAFF, "maria", "pos", "south", scopes=frozenset(scopes), role=role)
    return service.client(token)


@pytest.fixture(name="clerk")
def _clerk(service: Service) -> Client:
    return staff_of(service, "cart:adjust")


@pytest.fixture(name="manager")
def _manager(service: Service) -> Client:
    return staff_of(service, "cart:adjust", "cart:read", role="manager")


@pytest.fixture(name="shopper")
def _shopper(service: Service) -> Client:
    return service.client(service.token(CallerKind.GUEST, "visitor", "web"))


def adjust(client: Client, cart: str, op: str | None = None, **what: Any) -> dict[str, Any]:
    payload: dict[str, Any] = client.run(ADJUST, id=cart, what=what, op=op)["cartAdjustmentAdd"]
    return payload


def line_of(client: Client, cart: str) -> str:
    line: str = client.run(READ, id=cart)["cart"]["lines"]["nodes"][0]["lineId"]
    return line


def codes(payload: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["field"]) for error in payload["userErrors"]]


def test_a_percentage_off_the_cart(shopper: Client, clerk: Client) -> None:
    cart = shopper.create(lines=[{"sku": "cake", "quantity": 2}], channel="web", store="south")
    changed = adjust(clerk, cart, reason="damaged", percent="10", note="squashed")
    assert codes(changed) == []
    [change] = changed["cart"]["adjustments"]
    assert change["percent"] == "10"
    assert (change["state"], change["amount"]["amount"], change["value"]) == ("APPLIED", "-5.00", None)
    assert (change["member"], change["role"], change["note"]) == ("staff:maria", "clerk", "squashed")
    totals = {name: money["amount"] for name, money in changed["cart"]["totals"].items() if "amount" in money}
    assert totals == {"goods": "50.00", "adjustments": "-5.00", "subtotal": "45.00", "total": "45.00"}


def test_shoppers_see_the_reason_and_not_who_gave_it(shopper: Client, clerk: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}], locale="fr")
    adjust(clerk, cart, reason="damaged", amount="0.20", currency="EUR", note="a good customer")
    [change] = shopper.run(READ, id=cart)["cart"]["adjustments"]
    assert (change["reasonLabel"], change["amount"]["amount"]) == ("Abîmé", "-0.20")
    assert (change["member"], change["role"], change["note"]) == (None, None, None)


def test_the_log_says_who_changed_a_price_to_staff_only(shopper: Client, clerk: Client, manager: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    adjust(clerk, cart, reason="damaged", amount="0.20", currency="EUR")
    log = "query($id: ID!) { cartLog(cartId: $id) { nodes { member } } }"
    told = [[entry["member"] for entry in each.run(log, id=cart)["cartLog"]["nodes"]] for each in (shopper, manager)]
    assert told == [["guest:visitor", "staff"], ["guest:visitor", "staff:maria"]]


def test_a_manager_sets_a_price_and_promotions_go_on_from_there(shopper: Client, manager: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 2}])
    line = line_of(shopper, cart)
    changed = adjust(manager, cart, reason="match", lineId=line, price="2.00", currency="EUR")
    [shown] = changed["cart"]["lines"]["nodes"]
    assert shown["unitListPrice"]["amount"] == "2.40"
    assert shown["unitPrice"]["amount"] == "1.80"
    assert shown["adjustmentAmount"]["amount"] == "-0.80"
    assert changed["cart"]["totals"]["total"]["amount"] == "3.60"


def test_an_empty_line_id_is_no_line_and_not_the_whole_cart(shopper: Client, clerk: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    refused = adjust(clerk, cart, reason="damaged", lineId="", percent="10")
    assert codes(refused) == [("LINE_NOT_FOUND", ["adjustment", "lineId"])]
    assert shopper.run(READ, id=cart)["cart"]["adjustments"] == []


def test_what_was_cut_is_told(shopper: Client, manager: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    changed = adjust(manager, cart, reason="damaged", amount="2.00", currency="EUR")
    assert changed["cart"]["adjustments"][0]["state"] == "CUT"
    [warning] = changed["warnings"]
    assert warning["code"] == "ADJUSTMENT_CUT"
    assert "from -2.00 to -1.20 EUR" in warning["message"]


def test_the_ceiling_holds_for_all_changes_of_a_cart_together(shopper: Client, manager: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    adjust(manager, cart, reason="damaged", percent="50")
    adjust(manager, cart, reason="damaged", percent="50")
    warnings = adjust(manager, cart, reason="damaged", percent="1")["warnings"]
    assert [warning["code"] for warning in warnings] == ["ADJUSTMENT_CUT", "ADJUSTMENT_CUT"]


def test_it_is_done_once_and_can_be_taken_back(shopper: Client, clerk: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    first = adjust(clerk, cart, "op-1", reason="damaged", percent="10")
    again = adjust(clerk, cart, "op-1", reason="damaged", percent="10")
    assert again["replayed"]
    assert again["cart"]["adjustments"] == first["cart"]["adjustments"]
    which = first["cart"]["adjustments"][0]["adjustmentId"]
    back = clerk.run(TAKE_BACK, id=cart, which=which)["cartAdjustmentRemove"]
    assert back["cart"]["adjustments"] == []
    twice = clerk.run(TAKE_BACK, id=cart, which=which)["cartAdjustmentRemove"]
    assert codes(twice) == [("ADJUSTMENT_NOT_FOUND", ["adjustmentId"])]


@pytest.mark.parametrize("scopes", [(), ("cart:write", "cart:read")])
def test_it_needs_its_own_scope(service: Service, shopper: Client, scopes: tuple[str, ...]) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    for client in (shopper, staff_of(service, *scopes)):
        assert codes(adjust(client, cart, reason="damaged", percent="10")) == [("FORBIDDEN", [])]
        refused = client.run(TAKE_BACK, id=cart, which="x")["cartAdjustmentRemove"]
        assert codes(refused) == [("FORBIDDEN", [])]


def test_its_scope_gives_no_other_right(shopper: Client, clerk: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    assert clerk.run(READ, id=cart)["cart"] is None
    assert codes(clerk.add(cart, "milk")) == [("CART_NOT_FOUND", ["cartId"])]


@pytest.mark.parametrize(
    ("what", "code", "field"),
    [
        ({"reason": "mood", "percent": "10"}, "UNKNOWN_REASON", ["reason"]),
        ({"reason": "match", "percent": "10"}, "INVALID_ADJUSTMENT", ["reason"]),
        ({"reason": "damaged"}, "INVALID_ADJUSTMENT", []),
        ({"reason": "damaged", "percent": "10", "amount": "1"}, "INVALID_ADJUSTMENT", []),
        ({"reason": "damaged", "percent": "0"}, "INVALID_ADJUSTMENT", ["percent"]),
        ({"reason": "damaged", "percent": "101"}, "INVALID_ADJUSTMENT", ["percent"]),
        ({"reason": "damaged", "percent": "-1"}, "INVALID_ADJUSTMENT", ["percent"]),
        ({"reason": "damaged", "percent": "20.01"}, "ADJUSTMENT_TOO_LARGE", ["percent"]),
        ({"reason": "damaged", "amount": "5.01", "currency": "EUR"}, "ADJUSTMENT_TOO_LARGE", ["amount"]),
        ({"reason": "damaged", "amount": "0", "currency": "EUR"}, "INVALID_ADJUSTMENT", ["amount"]),
        ({"reason": "damaged", "amount": "1.001", "currency": "EUR"}, "INVALID_ADJUSTMENT", ["amount"]),
        ({"reason": "damaged", "amount": "1", "currency": "USD"}, "WRONG_CURRENCY", ["currency"]),
        ({"reason": "damaged", "amount": "1"}, "WRONG_CURRENCY", ["currency"]),
        ({"reason": "match", "price": "1", "currency": "EUR"}, "INVALID_ADJUSTMENT", ["lineId"]),
        ({"reason": "match", "price": "1", "currency": "EUR", "lineId": "x"}, "FORBIDDEN", ["price"]),
        ({"reason": "damaged", "percent": "10", "lineId": "x"}, "LINE_NOT_FOUND", ["lineId"]),
        ({"reason": "damaged", "percent": "10", "note": "x" * 501}, "INVALID_NOTE", ["note"]),
    ],
)
def test_what_is_refused(shopper: Client, clerk: Client, what: dict[str, str], code: str, field: list[str]) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    assert codes(adjust(clerk, cart, **what)) == [(code, ["adjustment", *field])]
    assert shopper.run(READ, id=cart)["cart"]["adjustments"] == []


def test_a_role_that_the_shop_does_not_know_may_nothing(service: Service, shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat"}])
    stranger = staff_of(service, "cart:adjust", role="president")
    assert codes(adjust(stranger, cart, reason="damaged", percent="1")) == [("FORBIDDEN", ["adjustment"])]
