"""A code for a later cart, as front ends see it: brought by an order, entered in another cart, used once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service
from tests.http.test_checkout import CANCEL_ORDER, begun, codes, paid
from tests.http.test_handoffs import customer
from tests.http.test_loyalty import staff
from tests.http.test_mutations import only

RULES = """\
promotions:
  - {id: next-time, codes: [BRING], give: {issue_code: {series: next-visit, valid_days: 30}}}
  - {id: again, label: Welcome back, codes: "series:next-visit", give: {order_amount_off: {amount: 1 EUR}}}
"""
ISSUED = "{ code series expiresAt used void }"
ORDER = "query($number: String!) { order(number: $number) { issuedCodes " + ISSUED + " } }"
LIST = "query($customer: ID) { issuedCodes(customerId: $customer) " + ISSUED + " }"
ADD = """
mutation($id: ID!, $codes: [String!]!) {
  cartCodesAdd(cartId: $id, codes: $codes) {
    cart { id totals { total { amount } } codes { code state reason series } discounts { label } } userErrors { code }
  }
}
"""


@pytest.fixture(scope="module")
def issuing(store_url: str, shop: Snapshot) -> Iterator[Service]:
    ruleset = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, replace(shop, ruleset=ruleset)).run() as running:
        yield running


def with_codes(caller: Client, *entered: str) -> dict[str, Any]:
    """Return a new cart of a caller with codes."""
    cart: dict[str, Any] = only(
        caller.run(ADD, id=caller.create(lines=[{"sku": "milk", "quantity": 3}]), codes=entered)
    )["cart"]
    return cart


def bought(caller: Client, *entered: str) -> str:
    number: str = paid(caller, begun(caller, with_codes(caller, *entered))["quote"])["order"]["number"]
    return number


def issued(caller: Client, number: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.run(ORDER, number=number)["order"]["issuedCodes"]
    return found


def test_an_order_brings_a_code_for_the_next_one(issuing: Service) -> None:
    phone, friend, other = (customer(issuing, name) for name in ("code-regular", "code-friend", "code-rival"))
    number = bought(phone, "bring")
    (code,) = issued(phone, number)
    assert (code["series"], code["used"], code["void"]) == ("next-visit", False, False)
    assert phone.run(LIST)["issuedCodes"] == [code]
    assert staff(issuing, "cart:read").run(LIST, customer="code-regular")["issuedCodes"] == [code]
    assert friend.run(LIST, customer="code-regular")["issuedCodes"] == []

    cart = with_codes(friend, code["code"].lower())
    entered = code["code"].replace("-", "")
    assert cart["codes"] == [{"code": entered, "state": "APPLIED", "reason": None, "series": "next-visit"}]
    assert cart["discounts"] == [{"label": "Welcome back"}]
    rival = with_codes(other, entered)
    quote = begun(friend, cart)["quote"]
    refused = begun(other, rival)
    assert (refused["quote"], codes(refused)) == (None, ["LIMIT_REACHED", "TOTAL_CHANGED"])
    paid(friend, quote)
    assert [(each["used"], each["void"]) for each in phone.run(LIST)["issuedCodes"]] == [(True, False)]
    (told,) = with_codes(customer(issuing, "code-later"), entered)["codes"]
    assert (told["state"], told["reason"]) == ("NOT_APPLIED", "It was used before.")


def test_a_cancelled_order_takes_its_code_along(issuing: Service) -> None:
    phone = customer(issuing, "code-undecided")
    number = bought(phone, "bring")
    staff(issuing, "checkout").run(CANCEL_ORDER, number=number)
    (code,) = issued(phone, number)
    assert (code["used"], code["void"]) == (False, True)
    (told,) = with_codes(customer(issuing, "code-late-too"), code["code"])["codes"]
    assert told["state"] == "NOT_APPLIED"
    assert told["reason"] == "The order that it came with was cancelled."


def test_a_code_that_nobody_got_is_as_unknown_as_any(issuing: Service) -> None:
    guessed, typed = with_codes(customer(issuing, "code-guesser"), "2345-6789-2342", "nonsense")["codes"]
    assert (guessed["state"], guessed["reason"], guessed["series"]) == (
        typed["state"],
        typed["reason"],
        typed["series"],
    )
