"""Gifts that shoppers choose, points, codes for later and fees, over HTTP."""

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
  - {id: pick, label: Pick one, when: {spend: {at_least: 4 EUR}}, give: {gift: {choice_of: [milk, oat], price: 0.10 EUR}}}
  - {id: euros, label: A point a euro, give: {points: {per: 1 EUR, add: 1}}}
  - {id: later, label: Next time, give: {issue_code: {series: next-visit, valid_days: 30}}}
  - {id: for-testers, hidden: true, when: {spend: {at_least: 900 EUR}}, give: {gift: {choice_of: [milk, oat]}}}
  - {id: tons, when: {weight: {at_least: 3000000, unit: kg}}, give: {order_percent_off: {percent: 5%}}}
  - {id: trio, label: Three for two, give: {n_for_m: {take: 3, pay: 2, on: {sku: milk-6}}}}
  - {id: quiet-trio, hidden: true, priority: -1, give: {n_for_m: {take: 3, pay: 2, on: {sku: milk-6}}}}
  - {id: wrap, give: {fee_amount_off: {amount: 1 EUR, fees: [gift-wrap]}}}
"""
CART = """
query($id: ID!) { cart(id: $id) {
  version pointsEarned points { promotionId label points } codesToIssue { promotionId label series validDays }
  giftChoices { promotionId label chosen options { sku } }
  lines { totalCount nodes { lineId sku giftOf quantity addedVersion total { amount } discountAmount { amount } } }
  fees { fee unitPrice { amount } discountAmount { amount } total { amount } allocations { promotionId } }
  discounts { promotionId target amount { amount } lines { lineId } }
  totals { fees { amount } feesDiscounts { amount } total { amount } } warnings { code message }
} }
"""
CHOOSE = """
mutation($id: ID!, $promotion: ID!, $sku: String) {
  cartGiftChoose(cartId: $id, promotionId: $promotion, sku: $sku) { userErrors { code field } version }
}
"""


@pytest.fixture(scope="module")
def generous(store_url: str, shop: Snapshot) -> Iterator[Service]:
    rules = load_rule_sources([Source("rules.yaml", RULES)], shop.shop).ruleset
    with Service(store_url, Snapshot(shop.shop, rules)).run() as running:
        yield running


@pytest.fixture
def shopper(generous: Service) -> Client:
    token = generous.client().run("mutation { sessionCreate { token } }")["sessionCreate"]["token"]
    return generous.client(token)


def seen(client: Client, cart: str) -> dict[str, Any]:
    found: dict[str, Any] = client.run(CART, id=cart)["cart"]
    return found


def test_a_gift_is_chosen_kept_and_vanishes_with_its_condition(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 2}])
    before = seen(shopper, cart)
    assert before["giftChoices"] == [
        {"promotionId": "pick", "label": "Pick one", "chosen": None, "options": [{"sku": "milk"}, {"sku": "oat"}]}
    ]
    assert [warning["code"] for warning in before["warnings"]] == ["GIFT_CHOICE_OPEN"]
    assert before["lines"]["totalCount"] == 1

    assert shopper.run(CHOOSE, id=cart, promotion="pick", sku="milk")["cartGiftChoose"] == {
        "userErrors": [],
        "version": 2,
    }
    after = seen(shopper, cart)
    own, gift = after["lines"]["nodes"]
    assert (own["sku"], own["giftOf"]) == ("oat", None)
    assert gift == {
        "lineId": gift["lineId"],
        "sku": "milk",
        "giftOf": "pick",
        "quantity": 1,
        "addedVersion": 0,
        "total": {"amount": "0.10"},
        "discountAmount": {"amount": "1.10"},
    }
    assert after["discounts"] == [
        {"promotionId": "pick", "target": "GIFT", "amount": {"amount": "1.10"}, "lines": [{"lineId": gift["lineId"]}]}
    ]
    assert (after["totals"]["total"]["amount"], after["warnings"]) == ("4.90", [])
    assert after["giftChoices"][0]["chosen"] == "milk"

    update = "mutation($id: ID!, $line: ID!, $n: Quantity!) { cartLinesUpdate(cartId: $id, lines: [{lineId: $line, quantity: $n}]) { userErrors { code } } }"
    assert shopper.run(update, id=cart, line=gift["lineId"], n=5)["cartLinesUpdate"]["userErrors"] == [
        {"code": "LINE_NOT_FOUND"}
    ]
    shopper.run(update, id=cart, line=own["lineId"], n=1)
    assert seen(shopper, cart)["lines"]["totalCount"] == 1
    shopper.run(update, id=cart, line=own["lineId"], n=2)
    assert seen(shopper, cart)["lines"]["totalCount"] == 2, "the choice was kept"
    shopper.run(CHOOSE, id=cart, promotion="pick")
    assert seen(shopper, cart)["lines"]["totalCount"] == 1


def test_a_wrong_choice_is_refused(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 2}])
    refusal = shopper.run(CHOOSE, id=cart, promotion="pick", sku="ham")["cartGiftChoose"]
    assert refusal["userErrors"] == [{"code": "UNKNOWN_GIFT", "field": ["sku"]}]
    refusal = shopper.run(CHOOSE, id=cart, promotion="euros", sku="oat")["cartGiftChoose"]
    assert refusal["userErrors"] == [{"code": "UNKNOWN_GIFT", "field": ["promotionId"]}]


def test_a_choice_that_was_never_made_cannot_be_taken_back(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 2}])
    for promotion in ("pick", "x" * 3000):
        refusal = shopper.run(CHOOSE, id=cart, promotion=promotion)["cartGiftChoose"]
        assert refusal["userErrors"] == [{"code": "UNKNOWN_GIFT", "field": ["promotionId"]}]
    assert seen(shopper, cart)["version"] == 1


def test_guessing_at_a_promotion_tells_nothing_of_it(shopper: Client) -> None:
    """Nobody learns from a refusal that a hidden promotion is there, or what it would give."""
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 2}])
    messages = 'mutation($id: ID!, $promotion: ID!) { cartGiftChoose(cartId: $id, promotionId: $promotion, sku: "ham") { userErrors { code field message } } }'
    [hidden, unknown] = [
        shopper.run(messages, id=cart, promotion=promotion)["cartGiftChoose"]["userErrors"]
        for promotion in ("for-testers", "for-nobody")
    ]
    assert hidden[0] | {"message": ""} == unknown[0] | {"message": ""}
    assert "milk" not in hidden[0]["message"]


def test_a_large_distance_is_a_number_too(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "ham", "quantity": "1.5"}])
    misses = "query($id: ID!) { cart(id: $id) { nearMisses { promotionId missingUnits } } }"
    assert {"promotionId": "tons", "missingUnits": 2_999_998_500} in shopper.run(misses, id=cart)["cart"]["nearMisses"]


def test_another_place_prices_the_same_lines_without_the_gift(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 2}])
    shopper.run(CHOOSE, id=cart, promotion="pick", sku="milk")
    query = (
        'query($id: ID!) { cart(id: $id) { priceOn(channel: "pos") { differences { lineId } lines { totalCount } } } }'
    )
    elsewhere = shopper.run(query, id=cart)["cart"]["priceOn"]
    assert (len(elsewhere["differences"]), elsewhere["lines"]["totalCount"]) == (1, 2)


def test_points_and_codes_are_told_before_they_are_given(shopper: Client, generous: Service) -> None:
    cart = shopper.create(lines=[{"sku": "oat", "quantity": 3}])
    found = seen(shopper, cart)
    assert found["pointsEarned"] == 7
    assert found["points"] == [{"promotionId": "euros", "label": "A point a euro", "points": 7}]
    assert found["codesToIssue"] == [
        {"promotionId": "later", "label": "Next time", "series": "next-visit", "validDays": 30}
    ]
    assert [discount["promotionId"] for discount in found["discounts"]] == []
    staff = generous.client(generous.token(CallerKind.STAFF, "maria", scopes=frozenset({"cart:read", "offers:read"})))
    assert seen(staff, cart)["pointsEarned"] == 7


def test_a_fee_shows_what_promotions_take_off_it(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "milk"}])
    shopper.run(
        'mutation($id: ID!) { cartFeesAdd(cartId: $id, fees: [{fee: "gift-wrap", quantity: 2}]) { version } }', id=cart
    )
    found = seen(shopper, cart)
    assert found["fees"] == [
        {
            "fee": "gift-wrap",
            "unitPrice": {"amount": "2.50"},
            "discountAmount": {"amount": "2.00"},
            "total": {"amount": "3.00"},
            "allocations": [{"promotionId": "wrap"}],
        }
    ]
    assert found["totals"] == {
        "fees": {"amount": "5.00"},
        "feesDiscounts": {"amount": "2.00"},
        "total": {"amount": "4.20"},
    }


def test_one_unit_more_is_a_near_miss_and_units_in_sets_have_roles(shopper: Client) -> None:
    cart = shopper.create(lines=[{"sku": "milk-6", "quantity": 2}])
    seen_by_shopper = """query($id: ID!) { cart(id: $id) {
      nearMisses { promotionId label condition measure missingAmount { amount } missingUnits text }
      lines { nodes { units { quantity price { amount } role } } } } }"""
    before = shopper.run(seen_by_shopper, id=cart)["cart"]
    assert {
        "promotionId": "trio",
        "label": "Three for two",
        "condition": "n_for_m",
        "measure": "UNITS",
        "missingAmount": None,
        "missingUnits": 1,
        "text": "Three for two: 1 more is needed (2 of 3): sku milk-6.",
    } in before["nearMisses"]
    assert "quiet-trio" not in {miss["promotionId"] for miss in before["nearMisses"]}
    assert before["lines"]["nodes"][0]["units"] == []
    shopper.add(cart, sku="milk-6", quantity=2)
    after = shopper.run(seen_by_shopper, id=cart)["cart"]
    assert after["lines"]["nodes"][0]["units"] == [
        {"quantity": 1, "price": {"amount": "6.00"}, "role": "NONE"},
        {"quantity": 2, "price": {"amount": "6.00"}, "role": "TRIGGER"},
        {"quantity": 1, "price": {"amount": "0.00"}, "role": "REWARD"},
    ]
