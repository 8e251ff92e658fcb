"""Every mutation: what it does, what it refuses, and what sending it twice does."""

from typing import Any

from engine.callers import CallerKind
from tests.http.service import ADD, CART, CREATE, READ, Client, Service

PAYLOAD = "{ ...payload } }" + CART
LINES_UPDATE = (
    "mutation($id: ID!, $lines: [CartLineUpdateInput!]!, $version: Int, $op: ID)"
    " { cartLinesUpdate(cartId: $id, lines: $lines, ifVersion: $version, operationId: $op) " + PAYLOAD
)
LINES_REMOVE = (
    "mutation($id: ID!, $lines: [ID!]!, $version: Int)"
    " { cartLinesRemove(cartId: $id, lineIds: $lines, ifVersion: $version) " + PAYLOAD
)
CLEAR = "mutation($id: ID!) { cartClear(cartId: $id) " + PAYLOAD
CODES_ADD = "mutation($id: ID!, $codes: [String!]!) { cartCodesAdd(cartId: $id, codes: $codes) " + PAYLOAD
CODES_REMOVE = "mutation($id: ID!, $codes: [String!]!) { cartCodesRemove(cartId: $id, codes: $codes) " + PAYLOAD
FEES_ADD = "mutation($id: ID!, $fees: [CartFeeInput!]!) { cartFeesAdd(cartId: $id, fees: $fees) " + PAYLOAD
FEES_REMOVE = "mutation($id: ID!, $fees: [String!]!) { cartFeesRemove(cartId: $id, fees: $fees) " + PAYLOAD
CONTEXT = (
    "mutation($id: ID!, $context: CartContextInput!, $version: Int)"
    " { cartContextUpdate(cartId: $id, context: $context, ifVersion: $version) " + PAYLOAD
)
NOTE = (
    "mutation($id: ID!, $note: String!, $version: Int) { cartNoteUpdate(cartId: $id, note: $note, ifVersion: $version) "
    + PAYLOAD
)
ATTACH = (
    "mutation($id: ID!, $guest: String, $customer: ID, $op: ID)"
    " { cartCustomerAttach(cartId: $id, guestToken: $guest, customerId: $customer, operationId: $op) " + PAYLOAD
)
UPSERT = """
mutation($customers: [CustomerInput!]!) {
  customersUpsert(customers: $customers) { customers { id version tier segments points firstOrderAt
    customerSince birthday orders orderedCategories }
    userErrors { code field message } }
}
"""


def only(data: dict[str, Any]) -> dict[str, Any]:
    """Return the one payload of an answer."""
    (payload,) = data.values()
    assert isinstance(payload, dict)
    return payload


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def test_a_session_names_its_place_or_says_what_is_wrong(service: Service) -> None:
    start = (
        "mutation($c: String, $s: String)"
        " { sessionCreate(channel: $c, store: $s) { token expiresAt userErrors { code field } } }"
    )
    session = only(service.client().run(start, c="app", s="north"))
    caller = service.tokens.caller(session["token"])
    assert (caller.kind, caller.channel, caller.store) == (CallerKind.GUEST, "app", "north")
    wrong = only(service.client().run(start, c="nowhere", s="nowhere"))
    assert wrong["token"] is None
    assert wrong["userErrors"] == [
        {"code": "UNKNOWN_CHANNEL", "field": ["channel"]},
        {"code": "UNKNOWN_STORE", "field": ["store"]},
    ]


def test_a_cart_is_made_once_for_an_operation(guest: Client) -> None:
    first, again = (only(guest.run(CREATE, op="first", input={"lines": [{"sku": "milk"}]})) for _ in range(2))
    assert first["cart"]["id"] == again["cart"]["id"]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["cart"]["lines"]["nodes"][0]["quantity"] == 1


def test_a_new_cart_is_refused_with_every_fault(guest: Client) -> None:
    wrong = {"channel": "nowhere", "lines": [{"sku": "mlik"}], "codes": ["!"]}
    refused = only(guest.run(CREATE, input=wrong))
    assert refused["cart"] is None
    assert codes(refused) == ["UNKNOWN_CHANNEL", "UNKNOWN_SKU", "INVALID_CODE"]


def test_an_operation_sent_again_is_done_once(guest: Client) -> None:
    cart = guest.create()
    first, again = (only(guest.run(ADD, id=cart, op="add-1", lines=[{"sku": "milk", "quantity": 2}])) for _ in range(2))
    assert (first["version"], first["replayed"]) == (2, False)
    assert (again["version"], again["replayed"]) == (2, True)
    assert again["cart"]["lines"]["nodes"][0]["quantity"] == 2
    other = only(guest.run(ADD, id=cart, op="add-1", lines=[{"sku": "oat"}]))
    assert codes(other) == ["OPERATION_ID_REUSED"]
    assert codes(only(guest.run(ADD, id=cart, op="x" * 200, lines=[{"sku": "oat"}]))) == ["INVALID_OPERATION_ID"]


def test_lines_are_set_and_a_stale_set_answers_the_current_cart(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk", "quantity": 2}])
    line = guest.run(READ, id=cart)["cart"]["lines"]["nodes"][0]
    guest.add(cart, "milk", 1)
    stale = only(
        guest.run(
            LINES_UPDATE, id=cart, lines=[{"lineId": line["lineId"], "quantity": 5}], version=line["changedVersion"]
        )
    )
    assert codes(stale) == ["STALE_VERSION"]
    assert stale["userErrors"][0]["field"] == ["lines", "0"]
    assert stale["version"] is None
    current = stale["cart"]["lines"]["nodes"][0]
    assert current["quantity"] == 3
    set_ = only(
        guest.run(
            LINES_UPDATE,
            id=cart,
            lines=[{"lineId": line["lineId"], "quantity": 5, "ifVersion": current["changedVersion"]}],
        )
    )
    assert set_["cart"]["lines"]["nodes"][0]["quantity"] == 5
    gone = only(guest.run(LINES_UPDATE, id=cart, lines=[{"lineId": line["lineId"], "quantity": 0}]))
    assert gone["cart"]["lines"]["totalCount"] == 0
    assert codes(only(guest.run(LINES_UPDATE, id=cart, lines=[{"lineId": line["lineId"], "quantity": 1}]))) == [
        "LINE_NOT_FOUND"
    ]


def test_a_line_has_its_own_delivery(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}, {"sku": "oat", "delivery": {"method": "pickup"}}])
    line = guest.run(READ, id=cart)["cart"]["lines"]["nodes"][0]["lineId"]
    home = {"method": "home", "place": "75001", "slot": "evening"}
    changed = only(guest.run(LINES_UPDATE, id=cart, lines=[{"lineId": line, "delivery": home, "note": "ring"}]))
    assert {d["method"]: d["total"]["amount"] for d in changed["cart"]["deliveries"]} == {
        "home": "4.90",
        "pickup": "0.00",
    }


def test_lines_are_removed(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}, {"sku": "oat"}])
    ids = [line["lineId"] for line in guest.run(READ, id=cart)["cart"]["lines"]["nodes"]]
    assert codes(only(guest.run(LINES_REMOVE, id=cart, lines=[]))) == ["NOTHING_TO_DO"]
    left = only(guest.run(LINES_REMOVE, id=cart, lines=[ids[0], ids[0]]))
    assert [line["sku"] for line in left["cart"]["lines"]["nodes"]] == ["oat"]
    assert codes(only(guest.run(LINES_REMOVE, id=cart, lines=[ids[0]]))) == ["LINE_NOT_FOUND"]
    assert codes(only(guest.run(LINES_REMOVE, id=cart, lines=["x"] * 21))) == ["LINE_LIMIT"]


def test_a_cart_is_emptied(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}], codes=["welcome5"])
    emptied = only(guest.run(CLEAR, id=cart))
    assert (emptied["cart"]["lines"]["totalCount"], emptied["cart"]["codes"]) == (0, [])


def test_codes_come_and_go_and_say_why(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "ham", "quantity": "1"}])
    added = only(guest.run(CODES_ADD, id=cart, codes=["wel come-5", "NOPE"]))
    states = {code["code"]: code["state"] for code in added["cart"]["codes"]}
    assert states == {"WELCOME5": "NOT_APPLIED", "NOPE": "UNKNOWN"}
    assert {warning["code"] for warning in added["warnings"]} == {"CODE_UNKNOWN", "CODE_NOT_APPLIED"}
    guest.add(cart, "milk", 1)
    applied = guest.run(READ, id=cart)["cart"]["codes"][0]
    assert (applied["state"], applied["reason"]) == ("APPLIED", None)
    removed = only(guest.run(CODES_REMOVE, id=cart, codes=["welcome 5"]))
    assert [code["code"] for code in removed["cart"]["codes"]] == ["NOPE"]
    assert codes(only(guest.run(CODES_REMOVE, id=cart, codes=["welcome5"]))) == ["INVALID_CODE"]
    assert codes(only(guest.run(CODES_ADD, id=cart, codes=["a", "b", "c"]))) == ["CODE_LIMIT"]


def test_fees_come_and_go(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}])
    added = only(guest.run(FEES_ADD, id=cart, fees=[{"fee": "gift-wrap", "quantity": 2}]))
    assert added["cart"]["fees"] == [{"fee": "gift-wrap", "quantity": 2, "total": {"amount": "5.00"}}]
    assert only(guest.run(FEES_REMOVE, id=cart, fees=["gift-wrap"]))["cart"]["fees"] == []
    assert codes(only(guest.run(FEES_REMOVE, id=cart, fees=["gift-wrap"]))) == ["UNKNOWN_FEE"]
    wrong = only(guest.run(FEES_ADD, id=cart, fees=[{"fee": "gift-warp"}]))
    assert codes(wrong) == ["UNKNOWN_FEE"]
    assert "gift-wrap" in wrong["userErrors"][0]["message"]


def test_a_cart_moves_and_keeps_what_is_not_sold_there(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk-6"}])
    moved = only(guest.run(CONTEXT, id=cart, context={"channel": "pos", "store": "south", "locale": "fr"}))
    assert (moved["cart"]["channel"], moved["cart"]["store"], moved["cart"]["locale"]) == ("pos", "south", "fr")
    assert moved["cart"]["lines"]["nodes"][0]["available"] is False
    assert [warning["code"] for warning in moved["warnings"]] == ["NOT_SOLD_HERE"]
    assert "kept in the cart" in moved["warnings"][0]["message"]
    stale = only(guest.run(CONTEXT, id=cart, context={"channel": "web", "clearStore": True}, version=1))
    assert codes(stale) == ["STALE_VERSION"]
    wrong = only(
        guest.run(
            CONTEXT, id=cart, context={"channel": "wbe", "store": "x", "locale": "de", "delivery": {"method": "bike"}}
        )
    )
    assert codes(wrong) == ["UNKNOWN_CHANNEL", "UNKNOWN_STORE", "UNKNOWN_LOCALE", "UNKNOWN_DELIVERY"]


def test_a_note_is_set_and_taken_away(guest: Client) -> None:
    cart = guest.create()
    noted = only(guest.run(NOTE, id=cart, note="leave at the door"))
    assert noted["cart"]["note"] == "leave at the door"
    assert codes(only(guest.run(NOTE, id=cart, note="other", version=1))) == ["STALE_VERSION"]
    assert only(guest.run(NOTE, id=cart, note="", version=2))["cart"]["note"] is None
    assert codes(only(guest.run(NOTE, id=cart, note="x" * 501))) == ["INVALID_NOTE"]


def test_a_guest_who_signs_in_keeps_the_cart(service: Service) -> None:
    ben = service.client(service.token(CallerKind.CUSTOMER, "ben-attach", "web"))
    older = ben.create(lines=[{"sku": "oat"}])
    guest_token = service.token(CallerKind.GUEST, "g-attach", "app")
    cart = service.client(guest_token).create(lines=[{"sku": "milk", "quantity": 2}])
    assert ben.run(READ, id=cart)["cart"] is None

    assert codes(only(ben.run(ATTACH, id=cart))) == ["CART_NOT_FOUND"]
    assert ben.run("{ activeCart { id } }")["activeCart"]["id"] == older
    attached = only(ben.run(ATTACH, id=cart, guest=guest_token))
    assert (attached["cart"]["customerId"], attached["userErrors"]) == ("ben-attach", [])
    assert [(line["sku"], line["quantity"]) for line in attached["cart"]["lines"]["nodes"]] == [("oat", 1), ("milk", 2)]
    assert ben.run("{ activeCart { id } supersededCart { id } }") == {
        "activeCart": {"id": older},
        "supersededCart": {"id": cart},
    }
    assert only(ben.run(ATTACH, id="nonsense", guest=guest_token))["userErrors"][0]["code"] == "CART_NOT_FOUND"


def test_who_may_attach_whom(service: Service, guest: Client, staff: Client) -> None:
    cart = guest.create()
    ben = service.client(service.token(CallerKind.CUSTOMER, "ben"))
    assert codes(only(ben.run(ATTACH, id=cart, customer="ada"))) == ["FORBIDDEN"]
    assert codes(only(ben.run(ATTACH, id=cart, guest="forged"))) == ["FORBIDDEN"]
    own = service.token(CallerKind.CUSTOMER, "eve")
    assert codes(only(ben.run(ATTACH, id=cart, guest=own))) == ["FORBIDDEN"]
    assert codes(only(guest.run(ATTACH, id=cart, customer="ada"))) == ["FORBIDDEN"]
    assert codes(only(staff.run(ATTACH, id=cart))) == ["UNKNOWN_CUSTOMER"]
    assert only(staff.run(ATTACH, id=cart, customer="zoe"))["cart"]["customerId"] == "zoe"


def test_customer_records_reach_their_open_carts(service: Service) -> None:
    office = service.client(service.token(CallerKind.SERVICE, "crm", scopes=frozenset({"service"})))
    customer = service.client(service.token(CallerKind.CUSTOMER, "dora", "web"))
    cart = customer.create(lines=[{"sku": "oat"}])
    record = {
        "id": "dora",
        "tier": "gold",
        "segments": ["b", "a"],
        "points": 2**40 - 1,
        "firstOrderAt": "2024-02-29T12:00:00+01:00",
        "customerSince": "2024-01-31T12:00:00Z",
        "birthday": "02-29",
        "orders": 3,
        "orderedCategories": ["grocery/meat", "grocery/dairy"],
    }
    record["points"] = 10**11
    written = only(office.run(UPSERT, customers=[record]))
    assert written["userErrors"] == []
    assert written["customers"][0] | {"version": 0} == {
        "id": "dora",
        "version": 0,
        "tier": "gold",
        "segments": ["a", "b"],
        "points": 10**11,
        "firstOrderAt": "2024-02-29T11:00:00.000Z",
        "customerSince": "2024-01-31T12:00:00.000Z",
        "birthday": "02-29",
        "orders": 3,
        "orderedCategories": ["grocery/dairy", "grocery/meat"],
    }
    # The gold price list: 2.20 instead of 2.40, less 10 %.
    assert customer.run(READ, id=cart)["cart"]["totals"]["total"]["amount"] == "1.98"
    assert codes(only(customer.run(UPSERT, customers=[record]))) == ["FORBIDDEN"]
    wrong = only(office.run(UPSERT, customers=[{"id": "", "points": -1}]))
    assert codes(wrong) == ["INVALID_CUSTOMER", "INVALID_CUSTOMER"]
    assert wrong["userErrors"][0]["field"] == ["customers", "0", "id"]
    odd = {"id": "dora", "birthday": "02-30", "orders": -1, "orderedCategories": [""]}
    faults = only(office.run(UPSERT, customers=[odd]))["userErrors"]
    assert sorted(fault["field"][2] for fault in faults) == ["birthday", "orderedCategories", "orders"]


def test_the_log_says_who_did_what_from_where(guest: Client, staff: Client) -> None:
    cart = guest.create()
    guest.add(cart, "milk", 2)
    staff.add(cart, "oat", 1)
    query = """
    query($id: ID!, $after: Int) { cartLog(cartId: $id, after: $after) { totalCount
      nodes { version member channel store at changes { verb details } } } }
    """
    entries = guest.run(query, id=cart, after=1)["cartLog"]["nodes"]
    assert [(entry["version"], entry["channel"], entry["store"]) for entry in entries] == [
        (2, "web", None),
        (3, "pos", "south"),
    ]
    assert entries[1]["member"] == "staff:maria"
    assert entries[0]["changes"][0]["verb"] == "add"
    assert guest.run(query, id="nonsense", after=0)["cartLog"] is None
    assert guest.error(query, id=cart, after=-1)["extensions"]["code"] == "INVALID_ARGUMENT"
