"""Tills that lose the line: a snapshot, what they did to it, what they sold, as they do it."""

import itertools
import json
from typing import Any

import jwt
import pytest
from redis import Redis

from engine.callers import CallerKind
from engine.signed_snapshots import checked_snapshot, key_set
from engine.storage.keys import KeyNames
from engine.types import CustomerId
from schema.ids import key_of
from tests.http.service import CART, READ, Client, Service
from tests.http.test_checkout import begun, paid
from tests.http.test_handoffs import MAKE, RETURN, TAKE_BACK, claim, code_for, codes, customer, till
from tests.http.test_mutations import only

SNAPSHOT = """
mutation($id: ID!, $life: Int! = 3600) {
  cartSnapshot(cartId: $id, life: $life) {
    snapshot { signed cartId version rulesetHash priceBookVersion takenAt expiresAt allowances { points uses { uses } } }
    cart { id version } userErrors { code field message }
  }
}
"""
SYNC = """
mutation($snapshot: String!, $operations: [OfflineOperationInput!]!) {
  cartSync(snapshot: $snapshot, operations: $operations) {
    results { operationId outcome version error { code field message } } rulesChanged pricesChanged
    difference { version totalBefore { minorUnits } lines { sku news quantityBefore quantity }
                 offersEnded { promotionId } offersBegun { promotionId } }
    cart { ...cart sold { sale device } } userErrors { code field message }
  }
}
""" + CART.split("fragment payload", maxsplit=1)[0]
SALE = """
mutation($snapshot: String!, $sale: OfflineSaleInput!) {
  offlineSale(snapshot: $snapshot, sale: $sale) {
    sale { saleId at recordedAt total { amount } verification expectedTotal { amount } differingLines second overshoot }
    cart { ...cart sold { sale member device channel store at } } replayed userErrors { code field message }
  }
}
""" + CART.split("fragment payload")[0]
AT = "2026-06-01T12:00:00Z"
TOTAL = (
    "query($id: ID!) { cart(id: $id) { version totals { total { minorUnits } } sold { sale member device store } } }"
)


@pytest.fixture(autouse=True)
def _budgets(service: Service) -> None:
    service.forget_attempts()


def desk(service: Service, number: int = 4, **more: Any) -> Client:
    """Return a till that may change every cart."""
    return till(service, number, scopes=frozenset({"cart:read", "cart:write"}), **more)


def snapshot(client: Client, cart: str, **more: Any) -> dict[str, Any]:
    payload = only(client.run(SNAPSHOT, id=cart, **more))
    assert payload["userErrors"] == []
    taken: dict[str, Any] = payload["snapshot"]
    return taken


def synced(client: Client, taken: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    named = [{"at": AT, "id": f"offline-{number}", **each} for number, each in enumerate(operations)]
    payload: dict[str, Any] = only(client.run(SYNC, snapshot=taken["signed"], operations=named))
    return payload


def outcomes(payload: dict[str, Any]) -> list[str]:
    return [result["error"]["code"] if result["error"] else result["outcome"] for result in payload["results"]]


def lines(cart: dict[str, Any]) -> dict[str, Any]:
    return {line["sku"]: line["quantity"] for line in cart["lines"]["nodes"]}


def ids(client: Client, cart: str) -> dict[str, str]:
    return {line["sku"]: line["lineId"] for line in client.run(READ, id=cart)["cart"]["lines"]["nodes"]}


def sale_of(taken: dict[str, Any], *sold: dict[str, Any], total: str, **more: Any) -> dict[str, Any]:
    known = {name: taken[name] for name in ("rulesetHash", "priceBookVersion")}
    paid = {"paymentMethod": "card", "paymentReference": f"pay-{total}-{taken['cartId']}", "currency": "EUR"}
    return {"id": f"sale-{taken['cartId']}", "at": AT, "lines": list(sold), "total": total, **paid, **known, **more}


def sold(client: Client, taken: dict[str, Any], sale: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = only(client.run(SALE, snapshot=taken["signed"], sale=sale))
    return payload


def test_the_till_claims_by_code_goes_offline_and_syncs_what_the_phone_changed_meanwhile(service: Service) -> None:
    phone, till_4 = customer(service, "offline-story"), till(service)
    cart = phone.create(lines=[{"sku": "milk", "quantity": 2}, {"sku": "oat", "quantity": 3}])
    claim(till_4, code_for(phone, cart)["code"])
    taken = snapshot(till_4, cart)
    only(phone.run(TAKE_BACK, id=cart))
    phone.add(cart, "milk", 5)
    claim(till_4, code_for(phone, cart)["code"])

    of = ids(till_4, cart)
    done: list[dict[str, Any]] = [
        {"update": [{"lineId": of["milk"], "quantity": 1}]},
        {"add": [{"sku": "cake"}]},
        {"remove": [of["oat"]]},
        {"add": [{"sku": "no such thing"}]},
        {"codesAdd": ["welcome5"]},
    ]
    first = synced(till_4, taken, *done)
    assert outcomes(first) == ["APPLIED", "APPLIED", "APPLIED", "UNKNOWN_SKU", "APPLIED"]
    assert first["results"][3]["error"]["field"] == ["operations", "3", "lines", "0", "sku"]
    assert lines(first["cart"]) == {"milk": 6, "cake": 1}
    assert first["difference"]["lines"] == [
        {"sku": "milk", "news": "QUANTITY", "quantityBefore": 1, "quantity": 6},
    ]
    assert (first["rulesChanged"], first["pricesChanged"]) == (False, False)

    again = synced(till_4, taken, *done)
    assert outcomes(again) == ["DUPLICATE", "DUPLICATE", "DUPLICATE", "UNKNOWN_SKU", "DUPLICATE"]
    assert (again["cart"], again["difference"]) == (first["cart"], first["difference"])
    assert [each["version"] for each in again["results"]] == [each["version"] for each in first["results"]]

    only(till_4.run(RETURN, id=cart))
    shown = phone.run(READ, id=cart)["cart"]
    assert (shown["totals"], lines(shown)) == (first["cart"]["totals"], {"milk": 6, "cake": 1})


def test_what_was_removed_at_one_end_does_not_come_back_from_the_other(service: Service) -> None:
    phone, till_4 = customer(service, "offline-gone"), desk(service)
    cart = phone.create(lines=[{"sku": "milk", "quantity": 2}, {"sku": "oat"}, {"sku": "milk-6"}])
    taken, of = snapshot(till_4, cart), ids(phone, cart)
    phone.run(
        "mutation($id: ID!, $l: [ID!]!) { cartLinesRemove(cartId: $id, lineIds: $l) { version } }",
        id=cart,
        l=[of["milk"], of["oat"]],
    )
    phone.add(cart, "oat", 4)
    answer = synced(till_4, taken, {"remove": [of["oat"]]}, {"update": [{"lineId": of["milk-6"], "quantity": 3}]})
    assert outcomes(answer) == ["APPLIED", "APPLIED"]
    assert lines(answer["cart"]) == {"oat": 4, "milk-6": 3}
    assert {(each["sku"], each["news"]) for each in answer["difference"]["lines"]} == {
        ("milk", "REMOVED"),
        ("oat", "ADDED"),
    }


def test_a_field_that_changed_at_both_ends_is_told_and_the_devices_own_changes_are_none(service: Service) -> None:
    phone, till_4 = customer(service, "offline-note"), desk(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    taken = snapshot(till_4, cart)
    twice = [{"note": "one"}, {"note": "two"}]
    assert outcomes(synced(till_4, taken, *twice)) == ["APPLIED", "APPLIED"]
    assert outcomes(synced(till_4, taken, *twice, {"note": "three"})) == ["DUPLICATE", "DUPLICATE", "APPLIED"]
    note = 'mutation($id: ID!) { cartNoteUpdate(cartId: $id, note: "phone") { version } }'
    phone.run(note, id=cart)
    answer = synced(till_4, taken, *twice, {"note": "three"}, {"note": "four"})
    assert outcomes(answer) == ["DUPLICATE", "DUPLICATE", "DUPLICATE", "STALE_VERSION"]
    assert answer["cart"]["note"] == "phone"


def test_a_snapshot_a_sync_and_a_sale_are_one_round_trip_each(service: Service) -> None:
    till_4 = desk(service)
    cart = till_4.create(lines=[{"sku": "milk"}], channel="pos")
    counts = [service.scripts_run()]
    taken = snapshot(till_4, cart)
    counts.append(service.scripts_run())
    synced(till_4, taken, *[{"add": [{"sku": "oat"}]}] * 20)
    counts.append(service.scripts_run())
    sold(till_4, taken, sale_of(taken, {"goods": {"sku": "milk"}, "total": "1.08"}, total="1.08"))
    counts.append(service.scripts_run())
    assert [after - before for before, after in itertools.pairwise(counts)] == [1, 1, 1]


def test_the_log_says_that_and_when_it_was_done_offline(service: Service) -> None:
    till_4 = desk(service)
    cart = till_4.create(lines=[{"sku": "milk"}])
    synced(till_4, snapshot(till_4, cart), {"add": [{"sku": "oat"}], "id": "late"})
    log = "query($id: ID!) { cartLog(cartId: $id, after: 1) { nodes { operationId device changes { verb details } } } }"
    [entry] = till_4.run(log, id=cart)["cartLog"]["nodes"]
    assert (entry["operationId"], entry["device"]) == ("late", "till-4")
    assert entry["changes"][0] == {"verb": "offline", "details": ["1780315200000"]}
    assert entry["changes"][1]["verb"] == "add"


def test_a_lease_that_ended_is_answered_for_each_operation(service: Service) -> None:
    phone, till_4 = customer(service, "offline-lease"), till(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    claim(till_4, code_for(phone, cart)["code"])
    taken = snapshot(till_4, cart)
    add = {"add": [{"sku": "oat"}]}
    assert outcomes(synced(till_4, taken, add)) == ["APPLIED"]
    only(phone.run(TAKE_BACK, id=cart))
    ended = synced(till_4, taken, add, {"add": [{"sku": "cake"}]})
    assert outcomes(ended) == ["DUPLICATE", "NOT_HELD"]
    assert (ended["cart"], ended["difference"]) == (None, None)
    claim(till(service, 5), code_for(phone, cart)["code"])
    assert outcomes(synced(till_4, taken, add, {"add": [{"sku": "cake"}]})) == ["DUPLICATE", "NOT_HELD"]
    assert lines(phone.run(READ, id=cart)["cart"]) == {"milk": 1, "oat": 1}


def test_a_cart_that_another_device_has_is_answered_for_each_operation(service: Service) -> None:
    phone, office = customer(service, "offline-held"), desk(service, 9)
    cart = phone.create(lines=[{"sku": "milk"}])
    taken = snapshot(office, cart)
    claim(till(service), code_for(phone, cart)["code"])
    assert outcomes(synced(office, taken, {"add": [{"sku": "oat"}]}, {"codesAdd": ["x"]})) == ["CART_HELD"] * 2
    assert codes(only(office.run(SNAPSHOT, id=cart))) == ["CART_HELD"]


def test_who_may_take_a_cart_along(service: Service) -> None:
    phone = customer(service, "offline-who")
    cart = phone.create(lines=[{"sku": "milk"}])
    assert codes(only(phone.run(SNAPSHOT, id=cart))) == ["FORBIDDEN"]
    assert codes(only(till(service).run(SNAPSHOT, id=cart))) == ["CART_NOT_FOUND"]
    assert codes(only(till(service, scopes=frozenset({"cart:read"})).run(SNAPSHOT, id=cart))) == ["ROLE_FORBIDS"]
    clerk = service.client(service.token(CallerKind.STAFF, "clerk", "pos", "south"))
    assert codes(only(clerk.run(SNAPSHOT, id=cart))) == ["FORBIDDEN"]
    assert codes(only(desk(service).run(SNAPSHOT, id=cart, life=59))) == ["INVALID_SNAPSHOT"]
    assert codes(only(desk(service).run(SNAPSHOT, id="x"))) == ["CART_NOT_FOUND"]
    lead = service.client(service.token(CallerKind.STAFF, "lead", "pos", "south", scopes=frozenset({"cart:write"})))
    assert snapshot(lead, cart)["version"] == 1


def test_a_till_can_check_a_snapshot_and_the_service_takes_no_other(service: Service) -> None:
    till_4 = desk(service)
    cart = till_4.create(lines=[{"sku": "milk"}])
    taken = snapshot(till_4, cart)
    keys = key_set(till_4.run("{ snapshotKey }")["snapshotKey"])
    assert "d" not in keys[0]
    read = checked_snapshot(taken["signed"], keys)
    assert (read.cart.version, read.ruleset_hash) == (taken["version"], taken["rulesetHash"])
    assert read.member == "terminal:south-4"

    head, body, signature = taken["signed"].split(".")
    forged = jwt.encode(jwt.decode(taken["signed"], options={"verify_signature": False}), "x" * 32, algorithm="HS256")
    for text in ("", "x", f"{head}.{body}.{signature[:-4]}AAAA", forged, str(till_4.token)):
        assert codes(synced(till_4, {"signed": text}, {"note": "x"})) == ["INVALID_SNAPSHOT"]
    assert codes(synced(desk(service, 5), taken, {"note": "x"})) == ["INVALID_SNAPSHOT"]


def test_the_facts_of_the_owner_go_along_and_the_secrets_of_the_cart_do_not(service: Service) -> None:
    ada, till_4 = customer(service, "ada"), desk(service)
    office = service.client(service.token(CallerKind.STAFF, "office", scopes=frozenset({"loyalty:write"})))
    give = 'mutation { loyaltyAdjust(customerId: "ada", points: 75, reason: "hello") { userErrors { code } } }'
    assert codes(only(office.run(give))) == []
    cart = ada.create(lines=[{"sku": "milk"}])
    invite = (
        "mutation($id: ID!) { cartInviteCreate(cartId: $id, role: EDITOR) { invite { code } userErrors { code } } }"
    )
    code = only(ada.run(invite, id=cart))["invite"]["code"]
    taken = snapshot(till_4, cart)
    assert taken["allowances"] == {"points": 75, "uses": []}, "as the account says"
    claims = jwt.decode(taken["signed"], options={"verify_signature": False})
    assert (claims["cart"]["facts"]["tier"], claims["allowances"]) == ("gold", {"points": 75})
    assert code.replace("-", "") not in json.dumps(claims).replace("-", "")
    assert claims["cart"]["members"] == []
    # Whoever comes next as this customer finds no cart of theirs.
    assert paid(ada, begun(ada, ada.run(READ, id=cart)["cart"])["quote"])["userErrors"] == []


def test_too_many_operations_and_one_that_says_nothing(service: Service) -> None:
    till_4 = desk(service)
    taken = snapshot(till_4, till_4.create())
    many = [{"note": "x"}] * 251
    assert codes(synced(till_4, taken, *many)) == ["TOO_MANY_OPERATIONS"]
    answer = synced(
        till_4,
        taken,
        {},
        {"note": "x", "add": []},
        {"note": "x", "id": ""},
        {"note": "x", "id": "twice"},
        {"note": "y", "id": "twice"},
    )
    assert outcomes(answer) == [
        "NOTHING_TO_DO",
        "NOTHING_TO_DO",
        "INVALID_OPERATION_ID",
        "APPLIED",
        "OPERATION_ID_REUSED",
    ]


def test_a_sale_is_recorded_once_and_closes_the_cart(service: Service) -> None:
    phone, till_4 = customer(service, "offline-sale"), desk(service)
    cart = phone.create(channel="web", lines=[{"sku": "milk", "quantity": 2}])
    taken = snapshot(till_4, cart)
    sale = sale_of(
        taken,
        {"goods": {"sku": "milk", "quantity": 2}, "total": "2.16"},
        {"goods": {"sku": "oat"}, "total": "2.16"},
        total="4.32",
        uses=[{"promotionId": "dairy-week", "amount": "0.48"}],
    )
    first = sold(till_4, taken, sale)
    assert codes(first) == []
    kept = first["sale"]
    assert (kept["total"], kept["verification"], kept["second"]) == ({"amount": "4.32"}, "SAME", False)
    assert (kept["differingLines"], kept["overshoot"], first["replayed"]) == ([], [], False)
    closed = first["cart"]["sold"]
    assert (closed["member"], closed["device"], closed["store"]) == ("terminal:south-4", "till-4", "south")

    again = sold(till_4, taken, sale)
    assert (again["sale"], again["replayed"], again["cart"]) == (kept, True, first["cart"])
    renamed = sold(till_4, taken, {**sale, "id": "other"})
    assert (renamed["sale"], renamed["replayed"]) == (kept, True)
    assert codes(sold(till_4, taken, {**sale, "total": "4.33"})) == ["OPERATION_ID_REUSED"]

    refused = phone.add(cart, "cake")
    assert codes(refused) == ["CART_SOLD"]
    assert "till-4 in south on 20" in refused["userErrors"][0]["message"]
    assert phone.run(TOTAL, id=cart)["cart"]["sold"]["device"] == "till-4"
    assert outcomes(synced(till_4, taken, {"note": "x"})) == ["CART_SOLD"]
    assert codes(only(till_4.run(SNAPSHOT, id=cart))) == ["CART_SOLD"]
    assert phone.create() != cart


def test_points_of_a_sale_are_credited_and_taken_and_what_was_not_there_is_told(service: Service) -> None:
    phone, till_4 = customer(service, "offline-points"), desk(service)
    taken = snapshot(till_4, phone.create(lines=[{"sku": "milk"}]))
    receipt = {"goods": {"sku": "milk"}, "total": "1.08"}
    sale = sale_of(taken, receipt, total="1.08", at=taken["takenAt"], pointsSpent=3, pointsEarned=10)
    answer = only(
        till_4.run(SALE.replace("overshoot", "overshoot pointsOvershoot"), snapshot=taken["signed"], sale=sale)
    )
    assert (answer["sale"]["overshoot"], answer["sale"]["pointsOvershoot"]) == ([], 3)
    account = phone.run("{ loyaltyAccount { pending active entries { nodes { kind } } } }")["loyaltyAccount"]
    kinds = [entry["kind"] for entry in account["entries"]["nodes"]]
    assert (account["pending"] + account["active"], kinds[-2:]) == (7, ["EARN", "SPEND"])


def test_a_sale_that_comes_to_something_else_is_kept_as_told_and_flagged(service: Service) -> None:
    till_4 = desk(service)
    cart = till_4.create(lines=[{"sku": "milk"}, {"sku": "oat"}], channel="pos")
    taken, of = snapshot(till_4, cart), ids(till_4, cart)
    lines_sold: list[dict[str, Any]] = [
        {"lineId": of["milk"], "total": "1.00"},
        {"lineId": of["oat"], "goods": {"quantity": 2}, "total": "4.32"},
    ]
    kept = sold(till_4, taken, sale_of(taken, *lines_sold, total="5.32"))["sale"]
    assert (kept["verification"], kept["total"], kept["expectedTotal"]) == (
        "DIFFERENT",
        {"amount": "5.32"},
        {"amount": "5.40"},
    )
    assert kept["differingLines"] == [0]


@pytest.mark.parametrize(
    "change",
    [
        {"rulesetHash": "0" * 32},
        {"priceBookVersion": "x"},
        {"lines": [{"goods": {"sku": "was sold out"}, "total": "1"}]},
    ],
)
def test_a_sale_under_rules_or_goods_that_are_not_known_any_more_is_kept(
    service: Service, change: dict[str, Any]
) -> None:
    till_4 = desk(service)
    taken = snapshot(till_4, till_4.create(lines=[{"sku": "milk"}]))
    sale = sale_of(taken, {"goods": {"sku": "milk"}, "total": "1.08"}, total="1.08")
    kept = sold(till_4, taken, {**sale, **change})["sale"]
    assert (kept["verification"], kept["expectedTotal"]) == ("NOT_POSSIBLE", None)


def test_a_second_sale_of_a_cart_is_kept_and_flagged(service: Service) -> None:
    phone, one, two = customer(service, "offline-two"), desk(service, 1), desk(service, 2)
    cart = phone.create(lines=[{"sku": "milk"}])
    snapshots = [snapshot(each, cart) for each in (one, two)]
    receipt = {"goods": {"sku": "milk"}, "total": "1.08"}
    first = sold(one, snapshots[0], sale_of(snapshots[0], receipt, total="1.08"))
    late = sale_of(snapshots[1], receipt, total="1.08", id="two", paymentReference="pay-two")
    second = sold(two, snapshots[1], late)
    assert (first["sale"]["second"], second["sale"]["second"]) == (False, True)
    assert second["cart"]["sold"]["device"] == "till-1"


def test_a_till_without_any_right_left_still_gets_rid_of_its_sale(service: Service) -> None:
    phone, till_4 = customer(service, "offline-late"), till(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    claim(till_4, code_for(phone, cart)["code"])
    taken = snapshot(till_4, cart)
    only(phone.run(TAKE_BACK, id=cart))
    late = sold(till_4, taken, sale_of(taken, {"goods": {"sku": "milk"}, "total": "1.08"}, total="1.08"))
    assert (codes(late), late["sale"]["verification"], late["cart"]) == ([], "SAME", None)
    assert codes(phone.add(cart, "oat")) == ["CART_SOLD"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"paymentReference": "x" * 129}, "paymentReference"),
        ({"total": "1.081"}, "total"),
        ({"lines": []}, "lines"),
        ({"at": "0001-01-01T00:00:00Z"}, "at"),
        ({"at": "9999-12-31T23:59:59Z"}, "at"),
        ({"pointsEarned": -1}, "pointsEarned"),
        ({"pointsSpent": 1_000_000_001}, "pointsSpent"),
        ({"uses": [{"promotionId": "x", "amount": "1.001"}]}, "uses"),
        ({"uses": [{"promotionId": "x", "amount": "-1.00"}]}, "uses"),
    ],
)
def test_a_sale_that_cannot_be_understood(service: Service, change: dict[str, Any], field: str) -> None:
    till_4 = desk(service)
    cart = till_4.create(lines=[{"sku": "milk"}])
    taken = snapshot(till_4, cart)
    sale = sale_of(taken, {"goods": {"sku": "milk"}, "total": "1.08"}, total="1.08")
    refused = sold(till_4, taken, {**sale, **change})
    assert (codes(refused), refused["sale"]) == (["INVALID_SALE"], None)
    assert refused["userErrors"][0]["field"][:2] == ["sale", field]
    assert till_4.run(TOTAL, id=cart)["cart"]["sold"] is None


def sold_cart(service: Service, name: str) -> tuple[Client, str]:
    """Return a customer, and a cart of theirs that a till has sold."""
    phone, till_4 = customer(service, name), desk(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    taken = snapshot(till_4, cart)
    sold(till_4, taken, sale_of(taken, {"goods": {"sku": "milk"}, "total": "1.08"}, total="1.08"))
    return phone, cart


def test_a_sold_cart_is_handed_over_as_a_copy_only(service: Service) -> None:
    phone, till_4 = customer(service, "offline-codes"), desk(service)
    cart = phone.create(lines=[{"sku": "milk"}])
    early = code_for(phone, cart, "JOIN")["code"]
    taken = snapshot(till_4, cart)
    sold(till_4, taken, sale_of(taken, {"goods": {"sku": "milk"}, "total": "1.08"}, total="1.08"))
    friend = customer(service, "offline-friend")
    assert codes(claim(friend, early)) == ["UNKNOWN_HANDOFF"]
    assert codes(only(phone.run(MAKE, id=cart, mode="MOVE"))) == ["CART_SOLD"]
    copied = claim(friend, code_for(phone, cart, "COPY")["code"])["cart"]
    assert lines(copied) == {"milk": 1}
    assert codes(friend.add(copied["id"], "oat")) == []


def test_a_sale_that_was_cut_off_before_the_customer_was_told_leaves_no_closed_cart_active(service: Service) -> None:
    """The pointer to the active cart is taken away after the sale: until then, the next wish does it."""
    phone, cart = sold_cart(service, "offline-cut")
    with Redis.from_url(service.store_url) as redis:
        names = KeyNames().customer(CustomerId("offline-cut"))
        redis.hset(names[0], "a", key_of(cart, "Cart"))
    fresh = phone.create(lines=[{"sku": "oat"}])
    assert fresh != cart
    assert lines(phone.run(READ, id=fresh)["cart"]) == {"oat": 1}
    assert phone.create() == fresh


def test_codes_of_the_snapshot_are_those_of_a_sale_that_names_none(service: Service) -> None:
    """They are kept with it, and posted like the uses that it names."""
    till_4 = desk(service)
    cart = till_4.create(lines=[{"sku": "oat", "quantity": 10}], codes=["Welcome-5"], channel="pos")
    taken = snapshot(till_4, cart)
    receipt = {"goods": {"sku": "oat", "quantity": 10}, "total": "16.60"}
    kept = sold(till_4, taken, sale_of(taken, receipt, total="16.60"))["sale"]
    assert (kept["verification"], kept["expectedTotal"]) == ("SAME", {"amount": "16.60"})
    key = KeyNames().sales_to_post(KeyNames().partition(key_of(cart, "Cart")))
    with Redis.from_url(service.store_url) as redis:
        waiting = b"".join(redis.zrange(key, 0, -1))
    assert (kept["overshoot"], kept["saleId"].encode() in waiting) == ([], False)
