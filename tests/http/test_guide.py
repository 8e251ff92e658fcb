"""Every example of docs/graphql.md runs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.callers import CallerKind
from tests.http.following import event_stream
from tests.http.service import COMPILED, Client, Service
from tests.http.test_checkout import begun
from tests.http.test_families import JOIN, given
from tests.http.test_groups import create
from tests.http.test_handoffs import code_for
from tests.http.test_merging import merge
from tests.http.test_mutations import only
from tests.http.test_offline import snapshot
from tests.http.test_pairing import start

GUIDE = (Path(__file__).parents[2] / "docs" / "graphql.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```graphql\n(.*?)```\n(?:```json\n(.*?)```\n)?", GUIDE, re.DOTALL)


def test_the_guide_has_examples() -> None:
    assert len(EXAMPLES) == GUIDE.count("```graphql") >= 8


def _staff(service: Service) -> str:
    return service.token(CallerKind.STAFF, "guide", scopes=frozenset({"cart:adjust"}), role="manager")


def _till(service: Service) -> str:
    return service.token(
        CallerKind.TERMINAL, "guide", "pos", "south", device="till-1", scopes=frozenset({"cart:write"})
    )


def _taken(service: Service, document: str, cart: str) -> dict[str, str]:
    """Return what an example says of a snapshot, if it speaks of one."""
    if "$snapshot" not in document:
        return {}
    taken = snapshot(service.client(_till(service)), cart)
    return {
        "SNAPSHOT": taken["signed"],
        "RULESET_HASH": taken["rulesetHash"],
        "PRICE_BOOK_VERSION": taken["priceBookVersion"],
    }


def _checkout(guest: Client, cart: dict[str, Any]) -> dict[str, str]:
    quote = begun(guest, cart)["quote"]
    return {"QUOTE_ID": quote["id"], "AMOUNT_HASH": quote["amountHash"]}


def _pooling(service: Service) -> str:
    """Return the token of a customer whose family has points in its pool."""
    token = service.token(CallerKind.CUSTOMER, "guide-points")
    caller = service.client(token)
    assert not only(caller.run(JOIN, group=create(caller)))["userErrors"]
    given(service, "guide-points", 20)
    return token


def _saving(service: Service) -> tuple[str, str]:
    """Return the token of a customer who has points, and their cart."""
    token = service.token(CallerKind.CUSTOMER, "guide-saves")
    given(service, "guide-saves", 500)
    return token, service.client(token).create(lines=[{"sku": "oat"}])


@pytest.mark.parametrize(("document", "variables"), EXAMPLES)
def test_an_example_of_the_guide_runs(service: Service, document: str, variables: str) -> None:
    guest_token = service.token(CallerKind.GUEST, f"guide-{hash(document)}", "web")
    guest = service.client(guest_token)
    payload = guest.add(guest.create(lines=[{"sku": "oat"}]), "milk")
    said = variables or "{}"
    other, merged = (guest.create(lines=[{"sku": "oat"}]) for _ in range(2))
    merge(guest, merged, guest.create())
    saves, saved = _saving(service) if "loyaltyBurn" in document else ("", "")
    for word, value in {
        "POINTS_CART_ID": saved,
        "OTHER_CART_ID": other,
        "MERGED_CART_ID": merged,
        "CART_ID": payload["cart"]["id"],
        "LINE_ID": payload["cart"]["lines"]["nodes"][0]["lineId"],
        "GUEST_TOKEN": guest_token,
        "HANDOFF_CODE": code_for(guest, payload["cart"]["id"])["code"],
        "SCREEN_CODE": start(guest)["code"],
        **_taken(service, document, payload["cart"]["id"]),
        "CART_TOTAL": payload["cart"]["totals"]["total"]["amount"],
        **(_checkout(guest, payload["cart"]) if "checkoutComplete" in document else {}),
    }.items():
        said, document = said.replace(word, value), document.replace(word, value)
    if "GROUP_ID" in said:
        guest_token = service.token(CallerKind.CUSTOMER, "guide-group", "web")
        said = said.replace("GROUP_ID", create(service.client(guest_token)))
    callers = {
        "guestToken": service.token(CallerKind.CUSTOMER, "guide"),
        "cartAdjustmentAdd": _staff(service),
        "loyaltyAccount": service.token(CallerKind.CUSTOMER, "guide-points"),
        **({"loyaltyTransfer": _pooling(service)} if "loyaltyTransfer" in document else {}),
        "loyaltyBurn": saves,
        "loyaltyEvent": service.token(CallerKind.SERVICE, "guide", scopes=frozenset({"service"})),
        "loyaltyAdjust": service.token(CallerKind.STAFF, "guide", scopes=frozenset({"loyalty:write"})),
        "customerCarts": service.token(CallerKind.STAFF, "guide", scopes=frozenset({"cart:read"})),
        **dict.fromkeys(("cartSnapshot", "cartSync", "offlineSale"), _till(service)),
        "cartHandoffClaim": service.token(CallerKind.TERMINAL, "guide", "pos", "south", device="till-1"),
    }
    token = next((token for word, token in callers.items() if word in document), guest_token)
    if document.startswith("subscription"):
        with event_stream(service.url, token, document, **json.loads(said)) as stream:
            assert stream.event()["reason"] == "RESUMED"
        return
    caller = service.client(token)
    counts = service.app.state.answers
    before = (counts.compiled, counts.ordinary)
    data = caller.run(document, **json.loads(said))
    assert (counts.compiled - before[0], counts.ordinary - before[1]) == ((1, 0) if COMPILED else (0, 1))
    for answer in data.values():
        assert not (isinstance(answer, dict) and answer.get("userErrors"))
