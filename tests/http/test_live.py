"""Following a cart over WebSocket, on a real store."""

from collections.abc import Iterator

import pytest

from tests.http.following import FOLLOW, Following, socket
from tests.http.service import Client, Service


@pytest.fixture
def cart(guest: Client) -> str:
    return guest.create(lines=[{"sku": "milk", "quantity": 2}])


@pytest.fixture
def following(service: Service, guest: Client, cart: str) -> Iterator[Following]:
    """The guest's cart, followed from now on."""
    with socket(service, guest.token) as connection:
        started = connection.subscribe("1", id=cart)
        assert started.event()["reason"] == "SNAPSHOT"
        yield started


def test_a_change_is_told_with_who_did_what_and_the_new_price(guest: Client, cart: str, following: Following) -> None:
    guest.add(cart, "oat", 3)
    event = following.event()
    assert (event["reason"], event["version"], event["cart"]["version"]) == ("CHANGED", 2, 2)
    assert (
        event["cart"]["totals"]["total"]["minorUnits"]
        == guest.run("query($id: ID!) { cart(id: $id) { totals { total { minorUnits } } } }", id=cart)["cart"][
            "totals"
        ]["total"]["minorUnits"]
    )
    (operation,) = event["operations"]
    assert operation["member"].startswith("guest:")
    assert operation["channel"] == "web"
    assert [(change["verb"], change["details"][1]) for change in operation["changes"]] == [("add", "3")]
