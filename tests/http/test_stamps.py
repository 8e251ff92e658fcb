"""Stamps: collected with orders, taken by a reward, given back where its order is cancelled. Over HTTP, on a real store."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service
from tests.http.test_checkout import CANCEL, CANCEL_ORDER, begun, codes, paid
from tests.http.test_handoffs import customer
from tests.http.test_loyalty import staff

RULES = """\
loyalty:
  stamps:
    - {id: dairy, label: {en: Milk card, fr: Carte lait}, on: {sku: milk}}
    - {id: visits, per: order}
promotions:
  - id: free-milk
    limits: {stamps: {card: dairy, take: 3}}
    give: {percent_off: {percent: 100%, on: {sku: milk}, max_units: 1}}
  - {id: visitor, limits: {stamps: {card: visits, take: 5}, on_cancel: keep}, give: {order_percent_off: {percent: 10%}}}
"""
STAMPS = """
query { loyaltyAccount { pending active stamps { card count needed label french: label(locale: "fr") } } }
"""
DISCOUNTS = "query($id: ID!) { cart(id: $id) { discounts { promotionId } } }"


@pytest.fixture(scope="module")
def stamping(store_url: str, shop: Snapshot) -> Iterator[Service]:
    ruleset = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, replace(shop, ruleset=ruleset)).run() as running:
        yield running


def stamps(caller: Client) -> tuple[int, int]:
    """Return the stamps on the cards for milk and for visits."""
    milk, visits = caller.run(STAMPS)["loyaltyAccount"]["stamps"]
    assert (milk["needed"], visits["needed"]) == (3, 5)
    return milk["count"], visits["count"]


def cart_with(caller: Client, milk: int) -> dict[str, Any]:
    return caller.add(caller.create(lines=[{"sku": "oat"}]), "milk", milk)["cart"]  # type: ignore[no-any-return]


def order(caller: Client, milk: int) -> str:
    answer = begun(caller, cart_with(caller, milk))
    assert codes(answer) == []
    number: str = paid(caller, answer["quote"])["order"]["number"]
    return number


def given(caller: Client, cart: str) -> list[str]:
    return [each["promotionId"] for each in caller.run(DISCOUNTS, id=cart)["cart"]["discounts"]]


def test_stamps_are_collected_shown_and_taken_by_a_reward(stamping: Service) -> None:
    phone = customer(stamping, "milk-lover")
    assert stamps(phone) == (0, 0)
    order(phone, 2)
    assert stamps(phone) == (2, 1)
    labels = phone.run(STAMPS)["loyaltyAccount"]["stamps"]
    assert [(card["label"], card["french"]) for card in labels] == [("Milk card", "Carte lait"), ("visits", "visits")]
    assert given(phone, cart_with(phone, 1)["id"]) == []
    order(phone, 1)  # with the milk that is in the cart already: two more
    assert stamps(phone) == (4, 2)
    cart = cart_with(phone, 1)
    assert given(phone, cart["id"]) == ["free-milk"]
    quote = begun(phone, cart)["quote"]
    # What a checkout holds is neither lost to its cart nor spent.
    assert stamps(phone) == (4, 2)
    paid(phone, quote)
    assert stamps(phone) == (1, 3)
    assert given(phone, cart_with(phone, 1)["id"]) == []


def test_a_cancelled_order_gives_back_what_it_took_and_loses_what_it_brought(stamping: Service) -> None:
    phone = customer(stamping, "undecided")
    order(phone, 3)
    number = order(phone, 2)
    assert stamps(phone) == (2, 2)
    for _ in range(2):
        staff(stamping, "checkout").run(CANCEL_ORDER, number=number)
        assert stamps(phone) == (3, 1)
    assert given(phone, cart_with(phone, 1)["id"]) == ["free-milk"]


def test_a_checkout_that_is_given_up_takes_nothing(stamping: Service) -> None:
    phone = customer(stamping, "waverer")
    order(phone, 3)
    cart = cart_with(phone, 1)
    quote = begun(phone, cart)["quote"]
    phone.run(CANCEL, quote=quote["id"])
    assert stamps(phone) == (3, 1)
    again = begun(phone, cart)["quote"]
    assert again["total"] == quote["total"]
    paid(phone, again)
    assert stamps(phone) == (0, 2)


def test_a_reward_that_keeps_its_stamps_does_so_when_cancelled(stamping: Service) -> None:
    phone = customer(stamping, "visitor")
    for _ in range(5):
        order(phone, 1)
    assert stamps(phone)[1] == 5
    number = order(phone, 1)
    assert stamps(phone)[1] == 1
    staff(stamping, "checkout").run(CANCEL_ORDER, number=number)
    assert stamps(phone)[1] == 0
