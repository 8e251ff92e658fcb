"""One cart from phone to PC, to the television, to the family, to the till, offline and back: the same total everywhere."""

from typing import Any

import pytest

from engine.callers import CallerKind
from tests.http.following import FOLLOW, socket
from tests.http.service import Client, Service
from tests.http.test_checkout import begun, paid
from tests.http.test_handoffs import RETURN, claim, code_for, codes, customer
from tests.http.test_members import changed, joined
from tests.http.test_mutations import only
from tests.http.test_offline import desk, outcomes, snapshot, synced
from tests.http.test_pairing import approve, start, tv

CART = "query($id: ID!) { cart(id: $id) { id version lines { nodes { sku quantity } } totals { total { amount } } } }"


@pytest.fixture(autouse=True)
def _budgets(service: Service) -> None:
    service.forget_attempts()


class Devices:
    """Everything that shows the cart."""

    def __init__(self, cart: str, *clients: Client) -> None:
        self._cart = cart
        self._clients = list(clients)

    def join(self, client: Client) -> Client:
        self._clients.append(client)
        return client

    def agree(self) -> dict[str, Any]:
        """Look at the cart on each of them, and return what all of them show."""
        seen = [client.run(CART, id=self._cart)["cart"] for client in self._clients]
        assert all(each == seen[0] for each in seen)
        cart: dict[str, Any] = seen[0]
        return cart


def quantities(cart: dict[str, Any]) -> dict[str, Any]:
    return {line["sku"]: line["quantity"] for line in cart["lines"]["nodes"]}


def test_a_cart_stays_one_cart_through_all_hands(service: Service) -> None:
    phone, pc = customer(service, "mother", "phone"), customer(service, "mother", "pc")
    cart = phone.create(lines=[{"sku": "milk", "quantity": 2}])
    devices = Devices(cart, phone, pc)
    with socket(service.url, str(phone.token)) as live:
        follower = live.subscribe("story", FOLLOW, id=cart)
        assert follower.event()["reason"] == "SNAPSHOT"

        assert codes(pc.add(cart, "oat")) == []
        assert quantities(devices.agree()) == {"milk": 2, "oat": 1}

        screen = devices.join(tv(service, "story-tv"))
        assert approve(phone, start(screen)["code"], cart)["userErrors"] == []
        assert codes(screen.add(cart, "ham", "0.500")) == []
        assert quantities(devices.agree())["ham"] == "0.500"

        father = devices.join(joined(phone, cart, "ADDER", customer(service, "father", "phone")))
        kid = service.client(service.token(CallerKind.GUEST, "story-kid", "app", device="tablet"))
        devices.join(joined(phone, cart, "SUGGESTER", kid))
        assert codes(father.add(cart, "milk")) == []
        assert codes(kid.add(cart, "oat", 2)) == []
        assert quantities(devices.agree()) == {"milk": 3, "oat": 1, "ham": "0.500"}
        wished = changed(phone, "cartSuggestionsApprove", cart, ", lineIds: [$line]", line=_suggested(phone, cart))
        assert codes(wished) == []
        assert quantities(devices.agree())["oat"] == 3

        till = devices.join(desk(service, 9))
        assert codes(claim(till, code_for(phone, cart)["code"])) == []
        at_the_till = devices.agree()
        assert codes(phone.add(cart, "oat")) == ["CART_HELD"]

        taken = snapshot(till, cart)
        sent: list[dict[str, Any]] = [{"add": [{"sku": "cake"}]}, {"add": [{"sku": "milk", "quantity": 2}]}]
        answer = synced(till, taken, *sent)
        assert outcomes(answer) == ["APPLIED", "APPLIED"]
        assert outcomes(synced(till, taken, *sent)) == ["DUPLICATE", "DUPLICATE"]
        after = devices.agree()
        assert after["version"] > at_the_till["version"]
        assert quantities(after) == {"milk": 5, "oat": 3, "ham": "0.500", "cake": 1}

        told = follower.until_version(after["version"])[-1]
        assert told["cart"]["totals"]["total"]["minorUnits"] == _minor(after)

        assert codes(only(till.run(RETURN, id=cart))) == []
        quote = begun(phone, devices.agree())["quote"]
        assert quote["total"]["amount"] == after["totals"]["total"]["amount"]
        order = paid(phone, quote)["order"]
        assert order["quote"]["total"] == devices.agree()["totals"]["total"]


def _suggested(client: Client, cart: str) -> str:
    seen = client.run("query($id: ID!) { cart(id: $id) { suggestions { lineId } } }", id=cart)["cart"]
    line: str = seen["suggestions"][0]["lineId"]
    return line


def _minor(cart: dict[str, Any]) -> int:
    return int(cart["totals"]["total"]["amount"].replace(".", ""))
