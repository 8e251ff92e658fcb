"""Following a cart that `panier serve` keeps."""

import signal
import time
from pathlib import Path

from tests.http.following import WAIT_S, event_stream, socket
from tests.shops import write_shop
from tests.test_cli import Serving, serving
from tests.test_reload import RULE


def running(folder: Path) -> Path:
    folder.mkdir()
    write_shop(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "dairy.yaml").write_text(RULE % "10%")
    return folder


def cart_of(service: Serving) -> tuple[str, str, str]:
    """Make a cart; return where it is served, the token it was made with, and its id."""
    made = service.ask('mutation { cartCreate(input: {lines: [{sku: "milk", quantity: 1}]}) { cart { id } } }')
    cart: str = made["cartCreate"]["cart"]["id"]
    return service.address.removesuffix("/graphql"), service.said(r"^customer +(\S+)$"), cart


def test_rules_that_are_loaded_again_are_told(tmp_path: Path) -> None:
    shop = running(tmp_path / "shop")
    with serving(tmp_path, "--shop", shop) as service:
        url, token, cart = cart_of(service)
        with socket(url, token) as connection:
            following = connection.subscribe("1", id=cart)
            before = following.event()["cart"]["totals"]["total"]["minorUnits"]
            (shop / "rules" / "dairy.yaml").write_text(RULE % "50%")
            event = following.event()
    assert (event["reason"], before, event["cart"]["totals"]["total"]["minorUnits"]) == ("PRICED", 108, 60)


def test_a_service_that_stops_lets_its_followers_go_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", running(tmp_path / "shop")) as service:
        url, token, cart = cart_of(service)
        with socket(url, token) as connection, event_stream(url, token, id=cart) as stream:
            assert connection.subscribe("1", id=cart).event()["version"] == 1
            assert stream.event()["version"] == 1
            asked_s = time.monotonic()
            code, said = service.end(signal.SIGTERM)
            closed, _ = connection.closed()
            # No `complete`: they are to come back.
            assert (stream.ended(), closed in {1001, 1012}) == (True, True)
        assert (code, said) == (0, "stopped\n")
        assert time.monotonic() - asked_s < WAIT_S
