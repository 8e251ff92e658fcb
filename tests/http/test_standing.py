"""What orders and points make of a customer, as rules see it in the next cart: over HTTP, on a real store."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service
from tests.http.test_checkout import CANCEL_ORDER, begun, codes, filled, paid
from tests.http.test_handoffs import customer
from tests.http.test_loyalty import ADJUST, account, staff
from tests.http.test_mutations import only
from tests.http.test_offline import snapshot

RULES = """\
loyalty:
  welcome: 7
  birthday: 30
  tiers: {levels: [{id: silver, from_points: 3}, {id: gold, from_points: 500}]}
promotions:
  - {id: base, give: {points: {per: 1 EUR, add: 1}}}
  - {id: first, customers: {first_order: true}, give: {order_percent_off: {percent: 5%}}}
  - {id: third, customers: {nth_order: [3]}, give: {order_percent_off: {percent: 7%}}}
  - {id: new-here, customers: {first_order_in: {category: grocery}}, give: {order_percent_off: {percent: 3%}}}
  - {id: silver-only, customers: {tiers: [silver]}, give: {order_percent_off: {percent: 2%}}}
  - {id: collectors, customers: {points: {at_least: 100}}, give: {order_percent_off: {percent: 1%}}}
"""
APPLIED = """
query($id: ID!) { cart(id: $id) { discounts { promotionId } } }
"""
UPSERT = "mutation($customers: [CustomerInput!]!) { customersUpsert(customers: $customers) { userErrors { code } } }"


@pytest.fixture(scope="module")
def programme(store_url: str, shop: Snapshot) -> Iterator[Service]:
    ruleset = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, replace(shop, ruleset=ruleset)).run() as running:
        yield running


def applied(caller: Client, cart: str) -> set[str]:
    """Return the promotions of customers that a cart gets."""
    found = caller.run(APPLIED, id=cart)["cart"]["discounts"]
    return {each["promotionId"] for each in found}


def order(caller: Client) -> str:
    """Order something, and return the number."""
    cart = filled(caller)
    answer = begun(caller, cart)
    assert codes(answer) == [], answer
    number: str = paid(caller, answer["quote"])["order"]["number"]
    return number


def told(service: Service, **record: Any) -> None:
    back_office = service.client(service.token(CallerKind.SERVICE, "erp", scopes=frozenset({"service"})))
    assert codes(only(back_office.run(UPSERT, customers=[record]))) == []


def test_offers_for_a_first_order_end_with_it_and_come_back_where_it_is_cancelled(programme: Service) -> None:
    phone = customer(programme, "newcomer")
    assert applied(phone, filled(phone)["id"]) >= {"first"}
    number = order(phone)
    assert applied(phone, filled(phone)["id"]).isdisjoint({"first", "new-here"})
    for _ in range(2):
        staff(programme, "checkout").run(CANCEL_ORDER, number=number)
    assert applied(phone, filled(phone)["id"]) >= {"first", "new-here"}


def test_the_third_order_is_known_for_it(programme: Service) -> None:
    phone = customer(programme, "third-time")
    for _ in range(2):
        assert "third" not in applied(phone, filled(phone)["id"])
        order(phone)
    assert "third" in applied(phone, filled(phone)["id"])


def test_orders_add_to_those_that_were_told(programme: Service) -> None:
    phone = customer(programme, "known")
    order(phone)
    # The back office counts the one that was placed here too.
    told(programme, id="known", orders=1)
    assert "third" not in applied(phone, filled(phone)["id"])
    order(phone)
    assert "third" in applied(phone, filled(phone)["id"])


def test_a_tier_and_points_of_the_account_count_in_the_cart_and_at_the_till(programme: Service) -> None:
    phone = customer(programme, "collector-of-tiers")
    told(programme, id="collector-of-tiers", tier="bronze", segments=["family"])
    assert "silver-only" not in applied(phone, filled(phone)["id"])
    order(phone)
    cart = filled(phone)
    assert applied(phone, cart["id"]) == {"silver-only"}
    clerk = staff(programme, "loyalty:write", "cart:write")
    assert codes(only(clerk.run(ADJUST, customer="collector-of-tiers", points=100))) == []
    # The cart that is open is told at once.
    assert applied(phone, cart["id"]) == {"silver-only", "collectors"}
    points = account(phone)["active"]
    taken = snapshot(clerk, cart["id"])
    assert taken["allowances"]["points"] == points > 100


def test_joining_and_a_birthday_bring_points_once(programme: Service) -> None:
    phone = customer(programme, "born")
    assert (account(phone)["active"], account(phone)["active"]) == (7, 7)
    told(programme, id="born", birthday=f"{datetime.now(UTC):%m-%d}")
    assert account(phone)["active"] == account(phone)["active"] == 37
    kinds = [each["note"] for each in account(phone)["entries"]["nodes"]]
    assert kinds[1:] == ["welcome"]
    assert kinds[0].startswith("birthday:")
