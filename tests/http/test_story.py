"""One cart, three front ends: what the issue asks for, over real HTTP."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.callers import CallerKind
from tests.http.service import READ, Client, Service

UPDATE = """
mutation($id: ID!, $lines: [CartLineUpdateInput!]!, $version: Int) {
  cartLinesUpdate(cartId: $id, lines: $lines, ifVersion: $version) { cart { id version totals { total { amount } } }
    userErrors { code field message } }
}
"""
ACTIVE = (
    "{ activeCart { id version lines { nodes { lineId sku quantity changedVersion } } totals { total { amount } } } }"
)
OFFERS = """
query($id: ID!) {
  cart(id: $id) {
    version channel customerId codes { entered } delivery { method place slot }
    totals { subtotal { minorUnits } discounts { minorUnits } delivery { minorUnits } taxIncluded { minorUnits }
             total { amount minorUnits } }
    discounts { promotionId amount { minorUnits } }
    lines { nodes { lineId sku quantity total { minorUnits } tax { amount { minorUnits } } } }
    computedFrom { cartVersion rulesetHash priceBookVersion }
  }
}
"""


def priced_by_the_command(cart: dict[str, Any], folder: Path, tmp_path: Path) -> dict[str, Any]:
    """Price a cart, as the API shows it, with `panier price`."""
    file = tmp_path / "carts.jsonl"
    written = {
        "channel": cart["channel"],
        "customer": {"id": cart["customerId"]},
        "lines": [{"sku": line["sku"], "quantity": line["quantity"]} for line in cart["lines"]["nodes"]],
        "codes": [code["entered"] for code in cart["codes"]],
        "delivery": cart["delivery"],
    }
    file.write_text(json.dumps(written), encoding="utf-8")
    program = "from engine.cli import main; main()"
    command = [sys.executable, "-c", program, "price", "--shop", str(folder), str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # our own program
    priced: dict[str, Any] = json.loads(done.stdout)
    return priced


def test_the_phone_fills_the_pc_changes_and_the_till_reads_the_same_offers(
    service: Service, shop_folder: Path, tmp_path: Path
) -> None:
    phone = service.client(service.token(CallerKind.CUSTOMER, "ada", "app", device="phone"))
    pc = service.client(service.token(CallerKind.CUSTOMER, "ada", "web", device="pc"))
    till = service.client(
        service.token(CallerKind.TERMINAL, "till-4", "pos", "south", scopes=frozenset({"cart:read", "offers:read"}))
    )

    cart = phone.create()
    for sku, quantity in (("milk", 2), ("oat", 1), ("ham", "0.500")):
        assert not phone.add(cart, sku, quantity)["userErrors"]

    found = pc.run(ACTIVE)["activeCart"]
    assert found["id"] == cart
    assert [(line["sku"], line["quantity"]) for line in found["lines"]["nodes"]] == [
        ("milk", 2),
        ("oat", 1),
        ("ham", "0.500"),
    ]
    milk = found["lines"]["nodes"][0]
    changed = pc.run(UPDATE, id=cart, lines=[{"lineId": milk["lineId"], "quantity": 6}], version=milk["changedVersion"])
    assert not changed["cartLinesUpdate"]["userErrors"]
    pc.run(
        """mutation($id: ID!) {
          cartCodesAdd(cartId: $id, codes: ["welcome5"]) { version }
          cartContextUpdate(cartId: $id, context: {delivery: {method: "home", place: "75001", slot: "evening"}}) { version }
        }""",
        id=cart,
    )

    seen = [client.run(OFFERS, id=cart)["cart"] for client in (phone, pc, till)]
    for one in seen:
        # The cart is priced where it is (the app), for its owner (gold), whoever looks at it.
        assert one["totals"] == seen[0]["totals"]
        assert one["discounts"] == seen[0]["discounts"]
        assert one["computedFrom"] == seen[0]["computedFrom"]
    # 6 milk at the price of six and an oat drink for gold, 10 % off; ham; 1 € off in the app; delivery in the evening.
    assert seen[2]["totals"]["total"]["amount"] == "21.77"

    told = priced_by_the_command(seen[2], shop_folder, tmp_path)
    shown = seen[2]["totals"]
    for name, key in (
        ("subtotal", "subtotal_minor"),
        ("discounts", "discounts_minor"),
        ("delivery", "delivery_minor"),
        ("taxIncluded", "tax_included_minor"),
        ("total", "total_minor"),
    ):
        assert shown[name]["minorUnits"] == told["totals"][key], name
    lines = {line["line"]: (line["total_minor"], line["tax_minor"]) for line in told["lines"]}
    for line in seen[2]["lines"]["nodes"]:
        assert (line["total"]["minorUnits"], line["tax"]["amount"]["minorUnits"]) == lines[line["lineId"]]
    given = {discount["promotion"]: discount["amount_minor"] for discount in told["discounts"]}
    assert {each["promotionId"]: each["amount"]["minorUnits"] for each in seen[2]["discounts"]} == given
    assert set(given) == {"dairy-week", "app-only"}
    assert told["computed_from"]["ruleset_hash"] == seen[2]["computedFrom"]["rulesetHash"]


def test_a_cart_is_priced_elsewhere_without_moving(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk", "quantity": 1}, {"sku": "milk-6", "quantity": 1}])
    query = """
    query($id: ID!) { cart(id: $id) { channel version
      priceOn(channel: "pos", store: "south") { channel store totals { total { amount } } totalDifference { amount }
        lines { nodes { sku available } }
        differences { lineId here { available total { amount } } there { available total { amount } }
                      totalDifference { minorUnits } } } } }
    """
    seen = guest.run(query, id=cart)["cart"]
    there = seen["priceOn"]
    assert (seen["channel"], seen["version"], there["channel"], there["store"]) == ("web", 1, "pos", "south")
    assert there["totals"]["total"]["amount"] == "1.08"
    assert there["totalDifference"]["amount"] == "-5.40"
    assert [line["available"] for line in there["lines"]["nodes"]] == [True, False]
    case = there["differences"][1]
    assert (case["here"]["total"]["amount"], case["there"]["available"]) == ("5.40", False)
    assert case["totalDifference"]["minorUnits"] == -540
    assert guest.run(READ, id=cart)["cart"]["channel"] == "web"


def test_a_shopper_is_told_what_is_open_to_everybody_and_staff_all(guest: Client, staff: Client) -> None:
    cart = guest.create(lines=[{"sku": "ham", "quantity": "2.5"}])
    query = """
    query($id: ID!, $only: ID) { cart(id: $id) { explanations(promotionId: $only) { promotionId text outcome { code } }
      nearMisses { promotionId text missingAmount { amount } missingUnits } } }
    """
    told, all_of_it = (client.run(query, id=cart)["cart"] for client in (guest, staff))
    shown = {explanation["promotionId"] for explanation in told["explanations"]}
    assert "free-delivery" in shown
    assert not shown & {"secret-test", "welcome", "family-only"}
    assert "secret-test" in {explanation["promotionId"] for explanation in all_of_it["explanations"]}
    assert told["nearMisses"][0]["missingAmount"]["amount"] == "15.25"
    assert "15.25 EUR more is needed" in told["nearMisses"][0]["text"]
    assert guest.run(query, id=cart, only="secret-test")["cart"]["explanations"] == []
    evenings = guest.run(query, id=cart, only="evenings")["cart"]["explanations"]
    assert [explanation["promotionId"] for explanation in evenings] == ["evenings"]


def test_products_are_priced_for_who_asks(service: Service, guest: Client) -> None:
    query = """
    query($skus: [String!]!, $channel: String, $store: String) {
      products(skus: $skus, channel: $channel, store: $store) { product { id sku name unit } available unavailableReason
        price { amount } priceList taxIncluded quantityBreaks { fromQuantity price { amount } }
        alternatives { kind product { sku } } }
    }
    """
    milk, unknown, oat = service.client().run(query, skus=["milk", "nothing", "oat"])["products"]
    assert unknown is None
    assert (milk["price"]["amount"], milk["priceList"], milk["taxIncluded"]) == ("1.20", "base", True)
    assert [(b["fromQuantity"], b["price"]["amount"]) for b in milk["quantityBreaks"]] == [(1, "1.20"), (6, "1.10")]
    assert oat["price"]["amount"] == "2.40"
    ada = service.client(service.token(CallerKind.CUSTOMER, "ada", "web"))
    assert ada.run(query, skus=["oat"])["products"][0]["price"]["amount"] == "2.20"
    (case,) = guest.run(query, skus=["milk-6"], channel="pos")["products"]
    assert (case["available"], case["unavailableReason"], case["price"]) == (False, "NOT_SOLD_HERE", None)


def test_every_node_is_found_by_its_id(guest: Client) -> None:
    cart = guest.create()
    listed = guest.run(
        '{ channels { id code label } stores { id code label(locale: "fr") }'
        " deliveryMethods { code slots } fees { code }"
        ' products(skus: ["milk"]) { product { id } } ruleset { hash promotions { totalCount nodes { id promotionId } } } }'
    )
    promotion = listed["ruleset"]["promotions"]["nodes"][0]["id"]
    ids = [
        cart,
        listed["channels"][0]["id"],
        listed["stores"][0]["id"],
        listed["products"][0]["product"]["id"],
        promotion,
    ]
    found = [guest.run("query($id: ID!) { node(id: $id) { __typename id } }", id=each)["node"] for each in ids]
    assert [node["__typename"] for node in found] == ["Cart", "Channel", "Store", "Product", "Promotion"]
    assert [node["id"] for node in found] == ids
    for unknown in ("", "x", "Q2FydDp4eA", "not an id", "é", "a" * 1000):
        assert guest.run("query($id: ID!) { node(id: $id) { id } }", id=unknown)["node"] is None


def test_the_ruleset_shows_windows_and_hides_what_is_not_for_everybody(guest: Client, staff: Client) -> None:
    query = """
    { ruleset { hash lanes promotions(first: 100) { totalCount pageInfo { hasNextPage } nodes {
        promotionId label(locale: "fr") lane active needsCode window { from until timezone weekly { days from until } } } } } }
    """
    shown = {each["promotionId"]: each for each in guest.run(query)["ruleset"]["promotions"]["nodes"]}
    assert set(shown) == {"dairy-week", "app-only", "free-delivery", "evenings"}
    assert shown["dairy-week"]["label"] == "10 % sur la crèmerie"
    assert shown["dairy-week"]["active"] is True
    assert shown["evenings"]["window"] == {
        "from": "2025-12-31T23:00:00.000Z",
        "until": "2030-12-31T23:00:00.000Z",
        "timezone": "Europe/Paris",
        "weekly": [{"days": ["fri"], "from": "17:00", "until": "21:00"}],
    }
    assert staff.run(query)["ruleset"]["promotions"]["totalCount"] == 7


def test_long_lists_come_in_pages(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}, {"sku": "oat"}, {"sku": "milk-6"}])
    query = """
    query($id: ID!, $first: Int, $after: String) { cart(id: $id) { lines(first: $first, after: $after) {
      totalCount edges { cursor node { sku } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }
    """
    first = guest.run(query, id=cart, first=2)["cart"]["lines"]
    assert [edge["node"]["sku"] for edge in first["edges"]] == ["milk", "oat"]
    assert first["pageInfo"]["hasNextPage"] is True
    rest = guest.run(query, id=cart, first=2, after=first["pageInfo"]["endCursor"])["cart"]["lines"]
    assert [edge["node"]["sku"] for edge in rest["edges"]] == ["milk-6"]
    assert (rest["totalCount"], rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (
        3,
        False,
        True,
    )
    assert guest.error(query, id=cart, first=-1)["extensions"]["code"] == "INVALID_ARGUMENT"
    assert guest.error(query, id=cart, after="nonsense")["extensions"]["code"] == "INVALID_ARGUMENT"
