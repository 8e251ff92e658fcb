"""Points as front ends and staff see them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service
from tests.http.test_checkout import CANCEL_ORDER, begun, codes, filled, paid
from tests.http.test_handoffs import customer
from tests.http.test_members import joined
from tests.http.test_mutations import only

RULES = """\
loyalty:
  pending: {event: delivered}
  expires: {days: 30}
  burn: {points: 100, worth: 1 EUR, minimum: 50, at_most: 50%}
  tiers: {levels: [{id: silver, label: {en: Silver, fr: Argent}, from_points: 3}, {id: gold, from_points: 500}]}
promotions:
  - {id: base, give: {points: {per: 1 EUR, add: 1}}}
"""
ACCOUNT = """
query($customer: ID, $first: Int, $after: String) {
  loyaltyAccount(customerId: $customer) {
    pending active held nextExpiry { points } tierPoints pointsToNextTier
    tier { id fromPoints label french: label(locale: "fr") } nextTier { id }
    entries(first: $first, after: $after) {
      nodes { number kind pending active note } totalCount pageInfo { hasNextPage endCursor }
    }
  }
}
"""
OF_CART = """
query($id: ID!) {
  cart(id: $id) {
    pointsEarned
    loyalty { toEarn balance worth { amount } burnable burnableWorth { amount } tier { id } nextTier { id } pointsToNextTier }
  }
}
"""
ADJUST = """
mutation($customer: ID!, $points: Int!, $reason: String! = "sour milk", $op: ID) {
  loyaltyAdjust(customerId: $customer, points: $points, reason: $reason, operationId: $op) {
    account { active entries { nodes { kind active note } } } userErrors { code field }
  }
}
"""


@pytest.fixture(scope="module")
def earning(store_url: str, shop: Snapshot) -> Iterator[Service]:
    ruleset = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, replace(shop, ruleset=ruleset)).run() as running:
        yield running


def staff(service: Service, *scopes: str) -> Client:
    return service.client(service.token(CallerKind.STAFF, "maria", "pos", "south", scopes=frozenset(scopes)))


def account(client: Client, **variables: Any) -> Any:
    return client.run(ACCOUNT, **variables)["loyaltyAccount"]


def test_an_order_is_seen_in_the_account_and_so_is_its_cancellation(earning: Service) -> None:
    phone = customer(earning, "collector")
    before = account(phone)
    assert (before["pending"], before["tier"], before["nextTier"]["id"]) == (0, None, "silver")
    order = paid(phone, begun(phone, filled(phone))["quote"])["order"]
    seen = account(phone)
    (entry,) = seen["entries"]["nodes"]
    points = entry["pending"]
    assert points > 3
    assert entry == {"number": 1, "kind": "EARN", "pending": points, "active": 0, "note": order["number"]}
    assert (seen["pending"], seen["active"], seen["tierPoints"]) == (points, 0, points)
    assert seen["tier"] == {"id": "silver", "fromPoints": 3, "label": "Silver", "french": "Argent"}
    assert (seen["nextTier"], seen["pointsToNextTier"]) == ({"id": "gold"}, 500 - points)
    staff(earning, "checkout").run(CANCEL_ORDER, number=order["number"])
    after = account(phone)
    assert (after["pending"], after["tier"]) == (0, None)
    assert [each["kind"] for each in after["entries"]["nodes"]] == ["REVERSE", "EARN"]


def test_staff_correct_an_account_once_with_a_reason(earning: Service) -> None:
    clerk = staff(earning, "loyalty:write")
    for _ in range(2):
        given = only(clerk.run(ADJUST, customer="sorry", points=50, op="sour"))
        assert codes(given) == []
        assert given["account"]["active"] == 50
    assert codes(only(clerk.run(ADJUST, customer="sorry", points=70, op="sour"))) == ["OPERATION_ID_REUSED"]
    taken = only(clerk.run(ADJUST, customer="sorry", points=-20))["account"]
    assert (taken["active"], [each["active"] for each in taken["entries"]["nodes"]]) == (30, [-20, 50])
    assert taken["entries"]["nodes"][0]["note"] == "staff:maria: sour milk"
    refused = only(clerk.run(ADJUST, customer="sorry", points=-31))
    assert refused["userErrors"] == [{"code": "POINTS_SHORT", "field": ["points"]}]
    mine = account(customer(earning, "sorry"))
    assert (mine["active"], mine["nextExpiry"]) == (30, {"points": 30})


def test_a_cart_shows_points_to_come_and_to_spend_to_those_whose_they_are(earning: Service) -> None:
    phone, clerk = customer(earning, "spender"), staff(earning, "loyalty:write", "cart:read")
    cart = phone.create(lines=[{"sku": "milk", "quantity": "4"}])  # 4.80 EUR
    clerk.run(ADJUST, customer="spender", points=1000)
    for client in (phone, clerk):
        seen = client.run(OF_CART, id=cart)["cart"]
        assert seen["loyalty"] == {
            "toEarn": seen["pointsEarned"],
            "balance": 1000,
            "worth": {"amount": "10.00"},
            "burnable": 240,
            "burnableWorth": {"amount": "2.40"},
            "tier": None,
            "nextTier": {"id": "silver"},
            "pointsToNextTier": 3,
        }
    friend = joined(phone, cart, "EDITOR", customer(earning, "friend"))
    seen = friend.run(OF_CART, id=cart)["cart"]
    assert (seen["loyalty"], seen["pointsEarned"]) == (None, 4)
    guest = earning.client(earning.token(CallerKind.GUEST, "passing"))
    assert guest.run(OF_CART, id=guest.create(lines=[{"sku": "milk"}]))["cart"]["loyalty"] is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"points": 0}, "INVALID_POINTS"),
        ({"points": 1_000_001}, "INVALID_POINTS"),
        ({"points": 1, "reason": ""}, "INVALID_NOTE"),
        ({"points": 1, "customer": ""}, "INVALID_CUSTOMER"),
        ({"points": 1, "op": ""}, "INVALID_OPERATION_ID"),
    ],
)
def test_what_cannot_be_corrected_is_said(earning: Service, wrong: dict[str, Any], code: str) -> None:
    clerk = staff(earning, "loyalty:write")
    assert codes(only(clerk.run(ADJUST, **{"customer": "nobody", **wrong}))) == [code]


def test_an_account_is_its_customers_and_staffs_by_scope(earning: Service) -> None:
    assert codes(only(customer(earning, "own").run(ADJUST, customer="own", points=9))) == ["FORBIDDEN"]
    assert codes(only(staff(earning, "cart:read").run(ADJUST, customer="own", points=9))) == ["FORBIDDEN"]
    assert account(customer(earning, "other"), customer="own") is None
    assert account(staff(earning, "loyalty:write"), customer="own") is None
    assert account(staff(earning, "cart:read"), customer="own")["active"] == 0
    assert account(staff(earning, "cart:read")) is None


def test_entries_come_in_pages(earning: Service) -> None:
    clerk, phone = staff(earning, "loyalty:write"), customer(earning, "reader")
    for points in range(1, 6):
        clerk.run(ADJUST, customer="reader", points=points)
    seen, after = [], None
    for more in (True, True, False):
        page = account(phone, first=2, after=after)["entries"]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (5, more)
        seen += [each["active"] for each in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == [5, 4, 3, 2, 1]


def test_a_shop_without_a_programme_has_no_accounts(store_url: str, shop: Snapshot) -> None:
    ruleset = load_rule_sources([], shop.shop).ruleset
    with Service(store_url, replace(shop, ruleset=ruleset)).run() as plain:
        assert account(customer(plain, "plain")) is None
        clerk = staff(plain, "loyalty:write")
        assert codes(only(clerk.run(ADJUST, customer="plain", points=1))) == ["NO_PROGRAMME"]


EVENT = """
mutation($event: String! = "delivered", $number: String, $customer: ID) {
  loyaltyEvent(event: $event, number: $number, customerId: $customer) { activated userErrors { code field } }
}
"""


def test_points_wait_for_what_the_back_office_reports(earning: Service) -> None:
    phone, clerk = customer(earning, "waiting"), staff(earning, "loyalty:write")
    numbers = [paid(phone, begun(phone, filled(phone))["quote"])["order"]["number"] for _ in range(3)]
    pending = account(phone)["pending"]
    wrong = only(clerk.run(EVENT, number=numbers[0], event="lost"))
    assert wrong["userErrors"] == [{"code": "INVALID_EVENT", "field": ["event"]}]
    first = only(clerk.run(EVENT, number=numbers[0]))["activated"]
    assert first == pending // 3 > 0
    assert only(clerk.run(EVENT, number=numbers[0])) == {"activated": 0, "userErrors": []}
    seen = account(phone)
    assert (seen["pending"], seen["active"]) == (pending - first, first)
    # Of what was cancelled there is nothing to wait for any more.
    staff(earning, "checkout").run(CANCEL_ORDER, number=numbers[1])
    assert only(clerk.run(EVENT, number=numbers[1])) == {"activated": 0, "userErrors": []}
    assert only(clerk.run(EVENT, customer="waiting"))["activated"] == first
    seen = account(phone)
    assert (seen["pending"], seen["active"]) == (0, 2 * first)


def test_an_event_is_of_something_that_is_there(earning: Service) -> None:
    clerk = staff(earning, "loyalty:write")
    assert codes(only(clerk.run(EVENT, number="nothing"))) == ["ORDER_NOT_FOUND"]
    assert codes(only(clerk.run(EVENT))) == codes(only(clerk.run(EVENT, number="x", customer="y"))) == ["INVALID_EVENT"]
    assert codes(only(customer(earning, "own").run(EVENT, customer="own"))) == ["FORBIDDEN"]
