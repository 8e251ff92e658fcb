"""A customer's carts: several devices at once, requests sent again, sign-ins, and shops that change underneath."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine.callers import CallerKind
from engine.cart.model import Facts
from engine.priced import Snapshot
from engine.types import CustomerId
from tests.http.service import Client, Service
from tests.http.test_mutations import only
from tests.shops import FILES, small_shop

CREATE = """
mutation($lines: [CartLineInput!], $op: ID, $channel: String) {
  cartCreate(input: {lines: $lines, channel: $channel}, operationId: $op) {
    cart { id version channel lines { nodes { quantity } } } userErrors { code } warnings { code } replayed
  }
}
"""
ACTIVE = "{ activeCart { id lines { nodes { sku quantity } } computedFrom { factsVersion } } }"
ATTACH = """
mutation($id: ID!, $guest: String) {
  cartCustomerAttach(cartId: $id, guestToken: $guest) { cart { id customerId } userErrors { code } }
}
"""


def together(count: int, work: Callable[[], object]) -> None:
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        work()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def customer(service: Service, name: str) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, name, "web"))


def test_devices_that_race_for_a_first_cart_fill_one(service: Service) -> None:
    """The loser adopts the winner's cart even while the winner has not made it yet: nothing is lost."""
    for turn in range(12):
        devices = 2 + turn % 5
        name = f"racer-{turn}"
        racer = customer(service, name)
        together(devices, partial(racer.run, CREATE, lines=[{"sku": "milk"}]))
        active = racer.run(ACTIVE)["activeCart"]
        assert active["lines"]["nodes"] == [{"sku": "milk", "quantity": devices}]


def test_a_create_that_is_sent_again_after_a_sign_in_adds_nothing(service: Service, guest: Client) -> None:
    again = customer(service, "again")
    first = only(again.run(CREATE, lines=[{"sku": "milk", "quantity": 2}], op="X"))
    other = guest.create()
    assert only(again.run(ATTACH, id=other, guest=guest.token))["userErrors"] == []
    second = only(again.run(CREATE, lines=[{"sku": "milk", "quantity": 2}], op="X"))
    assert (second["replayed"], second["cart"]["id"]) == (True, first["cart"]["id"])
    assert again.run(ACTIVE)["activeCart"] == again.run(ACTIVE)["activeCart"]
    assert again.run(ACTIVE)["activeCart"]["lines"]["nodes"] == [{"sku": "milk", "quantity": 2}]


def test_adopting_the_active_cart_is_said_and_moves_nothing(service: Service) -> None:
    one = customer(service, "adopter")
    made = only(one.run(CREATE, lines=[{"sku": "milk"}]))
    assert made["warnings"] == []
    adopted = only(one.run(CREATE, channel="app"))
    assert [warning["code"] for warning in adopted["warnings"]] == ["CART_ADOPTED"]
    assert (adopted["cart"]["id"], adopted["cart"]["channel"]) == (made["cart"]["id"], "web")
    assert adopted["cart"]["version"] == made["cart"]["version"]


def test_an_attach_that_is_sent_again_under_another_id_finds_the_cart_attached(service: Service, guest: Client) -> None:
    cart = guest.create()
    signing_in = customer(service, "twice")
    for _ in range(2):
        answer = only(signing_in.run(ATTACH, id=cart, guest=guest.token))
        assert (answer["userErrors"], answer["cart"]["customerId"]) == ([], "twice")


def test_one_request_may_set_several_values_of_a_line_under_one_version(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}])
    update = """
    mutation($id: ID!, $line: ID!, $version: Int) {
      cartLinesUpdate(cartId: $id, ifVersion: $version, lines: [{lineId: $line, quantity: 3, note: "cold",
        delivery: {method: "pickup"}}]) { cart { version } userErrors { code } }
    }
    """
    read = "query($id: ID!) { cart(id: $id) { version lines { nodes { lineId quantity note } } } }"
    before = guest.run(read, id=cart)["cart"]
    line = before["lines"]["nodes"][0]["lineId"]
    done = only(guest.run(update, id=cart, line=line, version=before["version"]))
    assert done["userErrors"] == []
    assert guest.run(read, id=cart)["cart"]["lines"]["nodes"] == [{"lineId": line, "quantity": 3, "note": "cold"}]
    stale = only(guest.run(update, id=cart, line=line, version=before["version"]))
    assert [error["code"] for error in stale["userErrors"]] == ["STALE_VERSION"]


def test_records_of_the_shop_folder_reach_a_cart_when_the_folder_changed(service: Service, shop: Snapshot) -> None:
    """They have no history, so their version is a hash of what they say: an answer names what it was made from."""
    dora = customer(service, "folder-dora")
    dora.run(CREATE, lines=[{"sku": "oat"}])
    read = "{ activeCart { totals { total { amount } } computedFrom { factsVersion } } }"
    before = dora.run(read)["activeCart"]
    facts = Facts(CustomerId("folder-dora"), tier="gold")
    service.engine.snapshot = Snapshot(replace(shop.shop, customers={facts.customer: facts}), shop.ruleset)
    try:
        after = dora.run(read)["activeCart"]
        assert (before["totals"]["total"]["amount"], after["totals"]["total"]["amount"]) == ("2.16", "1.98")
        assert 0 > before["computedFrom"]["factsVersion"] != after["computedFrom"]["factsVersion"] < 0
        assert dora.run(read)["activeCart"] == after
    finally:
        service.engine.snapshot = shop
    assert dora.run(read)["activeCart"] == before


def test_a_cart_in_a_store_that_closed_is_kept_and_says_so(service: Service, shop: Snapshot, tmp_path: Path) -> None:
    terminal = service.client(service.token(CallerKind.TERMINAL, "t", scopes=frozenset({"cart:read", "cart:write"})))
    made = terminal.run('mutation { cartCreate(input: {store: "south", lines: [{sku: "milk"}]}) { cart { id } } }')
    cart = only(made)["cart"]["id"]
    without = small_shop(
        tmp_path,
        {
            "stores.yaml": FILES["stores.yaml"].split("  - {id: south")[0],
            "channels.yaml": FILES["channels.yaml"].replace(", store: south", ""),
            "ranges.yaml": FILES["ranges.yaml"].replace("south", "north"),
        },
    )
    service.engine.snapshot = Snapshot(without, shop.ruleset)
    try:
        read = "query($id: ID!) { cart(id: $id) { store totals { total { amount } } warnings { code } } }"
        found = terminal.run(read, id=cart)["cart"]
        assert [warning["code"] for warning in found["warnings"]] == ["UNKNOWN_STORE"]
        assert found["store"] == "south"
    finally:
        service.engine.snapshot = shop
