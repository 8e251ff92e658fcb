"""An answer that was written a moment ago is sent again, to those alone for whom it would be the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.cart.model import Freeze, Lease
from engine.priced import PricedCart, Snapshot
from engine.types import ChannelId, InstantMs, MemberId, QuoteId
from schema.compiled import answers
from tests.carts import cart_of
from tests.http.service import Client, Service
from tests.http.test_handoffs import claim, code_for, customer

LOOK = "query($id: ID!) { cart(id: $id) { version note totals { total { minorUnits } } } }"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that says how many answers were written since."""
    count = 0
    really = answers._written

    def counted(*given: Any) -> answers.Attempt:
        nonlocal count
        count += 1
        return really(*given)

    monkeypatch.setattr(answers, "_written", counted)
    return lambda: count


def asked_twice(client: Client, query: str, **variables: Any) -> Any:
    """Ask, and ask again: within a minute, but for the one time that it ends in between."""
    first, second = (client.run(query, **variables) for _ in range(2))
    assert first == second
    return second


def test_a_version_is_written_once_for_those_who_see_it_alike(guest: Client, written: Callable[[], int]) -> None:
    cart = guest.create(lines=[{"sku": "milk", "quantity": 2}])
    before = written()
    for _ in range(5):
        assert guest.run(LOOK, id=cart)["cart"] == {
            "version": 1,
            "note": None,
            "totals": {"total": {"minorUnits": 216}},
        }
    assert written() <= before + 2, "once, or twice where a minute ends in between"
    guest.add(cart, "milk")
    assert guest.run(LOOK, id=cart)["cart"]["totals"]["total"]["minorUnits"] == 324


def test_another_document_or_argument_is_another_answer(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}, {"sku": "oat"}, {"sku": "milk-6"}])
    page = "query($id: ID!, $first: Int) { cart(id: $id) { lines(first: $first) { nodes { sku } } } }"
    for first in (1, 2, 3, 1):
        assert len(asked_twice(guest, page, id=cart, first=first)["cart"]["lines"]["nodes"]) == first
    skipped = "query($id: ID!, $no: Boolean!) { cart(id: $id) { version note @skip(if: $no) } }"
    assert [len(asked_twice(guest, skipped, id=cart, no=no)["cart"]) for no in (True, False, True)] == [1, 2, 1]
    aliased = asked_twice(guest, LOOK.replace("cart(", "mine: cart("), id=cart)
    assert aliased["mine"] == asked_twice(guest, LOOK, id=cart)["cart"]


def test_who_may_see_less_is_not_shown_what_was_written_for_others(service: Service) -> None:
    owner, friend = customer(service, "keeps"), customer(service, "keeps-not", "tablet")
    cart = owner.create(lines=[{"sku": "milk"}])
    owner.run('mutation($id: ID!) { cartNoteUpdate(cartId: $id, note: "ring at Martin") { version } }', id=cart)
    claim(friend, code_for(owner, cart, "JOIN")["code"])
    for _ in range(3):
        assert owner.run(LOOK, id=cart)["cart"]["note"] == "ring at Martin"
        assert friend.run(LOOK, id=cart)["cart"]["note"] is None
        assert customer(service, "stranger").run(LOOK, id=cart)["cart"] is None


def test_staff_are_told_of_what_shoppers_are_not(guest: Client, staff: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk", "quantity": 3}])
    why = "query($id: ID!) { cart(id: $id) { explanations { promotionId } } }"
    told = [len(client.run(why, id=cart)["cart"]["explanations"]) for client in (guest, staff, guest, staff)]
    assert told[:2] == told[2:]
    assert told[0] < told[1]


def test_what_the_clock_or_others_change_is_not_kept(service: Service, guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}])
    instant = "query($id: ID!) { cart(id: $id) { computedFrom { asOf } } }"
    instants = [guest.run(instant, id=cart)["cart"]["computedFrom"]["asOf"] for _ in range(3)]
    assert instants[0] < instants[2]
    seen = "query($id: ID!) { cart(id: $id) { sinceLastSeen { version } } }"
    before = guest.run(seen, id=cart)
    guest.run("mutation($id: ID!) { cartSeen(cartId: $id, version: 1) { userErrors { code } } }", id=cart)
    assert guest.run(seen, id=cart) != before


def test_a_cart_that_an_instant_ends_something_of_keeps_none(shop: Snapshot) -> None:
    cart, then = cart_of(shop.shop, lines=[{"sku": "milk"}]).cart, InstantMs(60_000)
    lease = Lease(MemberId("terminal:1"), "till-1", ChannelId("pos"), None, InstantMs(0), then)
    frozen = Freeze(QuoteId("quote"), MemberId("guest:1"), InstantMs(0), then)
    for waiting in (replace(cart, lease=lease), replace(cart, freeze=frozen), replace(cart, deadline_ms=then)):
        assert PricedCart(waiting, shop, then).answers is None
    assert PricedCart(cart, shop, then).answers is not None
