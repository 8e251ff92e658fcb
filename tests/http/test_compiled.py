"""The compiled answer is the ordinary one, byte for byte: over the whole schema, errors included."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import GraphQLObjectType, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import schema
from bench import workload
from engine.callers import Caller, CallerKind, Scope
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from engine.types import CartId, ChannelId, StoreId
from schema.compiled.answers import Attempt, CompiledAnswers
from schema.documents import Document
from schema.ids import encode_id, key_of
from tests.http.both_ways import AWAY, BROKEN, UNFIT, UNPRICED, Answer, BothWays, both_ways, cart_id
from tests.http.service import CREATE, RULES
from tests.http.test_extras import RULES as EXTRA_RULES
from tests.strategies_documents import everything, requests

CORE = schema.core_schema(schema.build_schema())
GUEST = Caller(CallerKind.GUEST, "both-ways", ChannelId("web"))
STAFF = Caller(CallerKind.STAFF, "maria", ChannelId("pos"), StoreId("south"), scopes=frozenset(Scope), role="manager")
ADA = Caller(CallerKind.CUSTOMER, "ada", ChannelId("app"))


@pytest.fixture(scope="module")
def ways(store_url: str, shop: Snapshot) -> Iterator[BothWays]:
    with populated(store_url, shop) as ways:
        yield ways


@contextmanager
def populated(store_url: str, shop: Snapshot) -> Iterator[BothWays]:
    """Yield both services, over a cart that has something of everything."""
    more = EXTRA_RULES.removeprefix("promotions:\n")
    ruleset = load_rule_sources([Source("rules.yaml", RULES + more)], shop.shop).ruleset
    with both_ways(store_url, Snapshot(shop.shop, ruleset)) as ways:
        ways.pools = _populated(ways)
        yield ways


def _populated(ways: BothWays) -> dict[str, list[Any]]:
    """Fill a cart to look at and some to play with, make the others known by name, and return what requests may name."""
    guest, staff, ada = (ways.token(caller) for caller in (GUEST, STAFF, ADA))

    # Who comes before in the same store leaves carts behind that random requests have sold or merged.
    fresh = uuid.uuid4().hex

    def run(query: str, token: str, **variables: Any) -> Any:
        ordinary, compiled = ways.ask(query.replace("FRESH", fresh), variables, token)
        assert ordinary.body == compiled.body
        answered = json.loads(ordinary.body)
        assert "errors" not in answered
        return answered["data"]

    lines = [
        {"sku": "milk", "quantity": 7, "note": "cold"},
        {"sku": "oat", "quantity": 2, "delivery": {"method": "home", "place": "75001", "slot": "day"}},
        {"sku": "ham", "quantity": "1.250", "options": [{"name": "cut", "value": "sliced"}]},
        {"sku": "milk-6"},
    ]
    begin = {"lines": lines, "codes": ["welcome5", "nothing"], "channel": "web"}
    cart, one, other, *playgrounds = [
        run(CREATE, guest, input=begin, op=f"{fresh}-{number}")["cartCreate"]["cart"]["id"] for number in range(6)
    ]
    ways.cart = cart
    run(
        'mutation($id: ID!) { cartFeesAdd(cartId: $id, fees: [{fee: "gift-wrap", quantity: 2}]) { version } }',
        guest,
        id=cart,
    )
    run('mutation($id: ID!) { cartNoteUpdate(cartId: $id, note: "ring \\"twice\\"") { version } }', guest, id=cart)
    run(
        'mutation($id: ID!) { cartAdjustmentAdd(cartId: $id, adjustment: {reason: "damaged", percent: "10"}) { version } }',
        staff,
        id=cart,
    )
    own = 'mutation { cartCreate(input: {lines: [{sku: "oat"}]}, operationId: "FRESH-ada") { cart { id } } }'
    adas = run(own, ada)["cartCreate"]["cart"]["id"]
    run(f'mutation {{ loyaltyBurn(cartId: "{adas}", all: true) {{ version }} }}', ada)
    seen = run(
        "query($id: ID!) { cart(id: $id) { lines { nodes { lineId } edges { cursor } } adjustments { adjustmentId } } }",
        guest,
        id=cart,
    )["cart"]
    group = run('mutation { groupCreate(name: "Martins", operationId: "FRESH-group") { group { id } } }', ada)
    group = group["groupCreate"]["group"]["id"]
    along = 'mutation { cartCreate(input: {lines: [{sku: "milk"}]}, operationId: "FRESH-along") { cart { id } } }'
    taken = run(
        "mutation($id: ID!) { cartSnapshot(cartId: $id) { snapshot { signed } } }",
        staff,
        id=run(along, guest)["cartCreate"]["cart"]["id"],
    )
    buys = run(
        'mutation { cartCreate(input: {lines: [{sku: "oat"}]}, operationId: "FRESH-buys") { cart { id totals { total { amount } } } } }',
        guest,
    )["cartCreate"]["cart"]
    quote = run(
        "mutation($id: ID!, $total: Decimal!) { checkoutBegin(cartId: $id, expectedTotal: $total) { quote { id amountHash } } }",
        guest,
        id=buys["id"],
        total=buys["totals"]["total"]["amount"],
    )["checkoutBegin"]["quote"]
    number = run(
        'mutation($id: ID!, $hash: String!) { checkoutComplete(quoteId: $id, paymentReference: "p", amountHash: $hash)'
        " { order { number issuedCodes { code series expiresAt used void } } } }",
        guest,
        id=quote["id"],
        hash=quote["amountHash"],
    )["checkoutComplete"]["order"]["number"]
    ways.engine.example = ways.loop.run(ways.engine.cart(GUEST, CartId(key_of(cart, "Cart"))))
    faulty = [cart_id("gone"), cart_id(AWAY), cart_id(BROKEN), cart_id(UNPRICED), cart_id(UNFIT), "", "é"]
    line_ids = [line["lineId"] for line in seen["lines"]["nodes"]]
    named = [("Product", "milk"), ("Product", "no"), ("Promotion", "dairy-week"), ("Promotion", "secret-test")]
    nodes = [encode_id(*key) for key in [*named, ("Channel", "web"), ("Store", "south")]]
    return {
        "cartId": [*playgrounds * 3, adas, adas, *faulty],
        "id": [*[cart] * 8, *faulty, *nodes, *line_ids],
        "sourceId": [*[one, other] * 4, *faulty],
        "targetId": [*[one, other] * 4, *faulty],
        "lineId": [*line_ids, "x"],
        "adjustmentId": [seen["adjustments"][0]["adjustmentId"], "x"],
        "sku": ["milk", "oat", "ham", "cake", "mlik"],
        "barcode": ["4006381333931", "x"],
        "channel": ["web", "app", "pos", "wbe"],
        "store": ["north", "south", "east"],
        "locale": ["en", "fr", "de"],
        "code": ["WELCOME5", "nope", ""],
        "fee": ["gift-wrap", "x"],
        "method": ["home", "pickup", "bike"],
        "place": ["75001", ""],
        "slot": ["day", ""],
        "first": [0, 1, 2, 501, -1],
        "after": [seen["lines"]["edges"][0]["cursor"], "x", 0, 2, -1],
        "promotionId": ["dairy-week", "welcome", "pick", "secret-test", "x"],
        "operationId": [f"operation-{number}" for number in range(40)],
        "reason": ["damaged", "match", "x"],
        "customerId": ["ada", "ben", ""],
        "guestToken": [guest, staff, "x"],
        "ifVersion": [1, 5, 100],
        "quantity": [1, 2, "1.5", 0],
        "memberId": ["guest:both-ways", "customer:ada", "x"],
        "category": ["grocery/dairy", "x"],
        "uses": [1, 5, 0],
        "lifeSeconds": [3600, 1],
        "ttl": [600, 1],
        "lease": [1800, 1],
        "groupId": [*[group] * 3, "", "x"],
        "name": ["Martins", ""],
        "text": ["oat", "", "bread and butter"],
        "phone": ["+33 6 12 34 56 78", "06"],
        "life": [3600, 1],
        "snapshot": [*[taken["cartSnapshot"]["snapshot"]["signed"]] * 4, "x"],
        "currency": ["EUR", "JPY"],
        "total": ["1.20", "1"],
        "points": [50, -5, 0],
        "event": ["delivered", "x"],
        "number": [number, number, "x"],
        "from": ["ada", "ben"],
        "to": ["ada", "ben"],
    }


def answered(ways: BothWays, query: str, variables: dict[str, Any], caller: Caller | None) -> Answer:
    """Ask in both ways, compare, and return the answer. Where there is no fault, it must have been compiled."""
    ordinary, compiled = ways.ask(query, variables, ways.token(caller) if caller else None)
    asked = f"{query}\n{variables}"
    assert (compiled.status, compiled.headers, compiled.body) == (ordinary.status, ordinary.headers, ordinary.body), (
        asked
    )
    assert compiled.compiled == (ordinary.status == 200 and b'"errors":' not in ordinary.body), asked
    return compiled


@pytest.mark.parametrize("kind", ["query", "mutation"])
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_both_ways_answer_alike(ways: BothWays, kind: str, data: st.DataObject) -> None:
    asked = data.draw(requests(CORE, ways.pools, kind, often={"cart", "lines", "nodes"}))
    answered(ways, asked.query, asked.variables, data.draw(st.sampled_from([GUEST, GUEST, STAFF, ADA, None])))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_was_written_for_one_is_right_for_the_next(ways: BothWays, data: st.DataObject) -> None:
    selected = data.draw(requests(CORE, {**ways.pools, "id": [ways.cart]}, "query", often={"cart", "lines", "nodes"}))
    for caller in data.draw(st.permutations([GUEST, STAFF, GUEST, ADA])):
        answered(ways, selected.query, selected.variables, caller)


def everything_of(name: str, depth: int = 6) -> str:
    type_ = CORE.type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return everything(type_, depth)


@pytest.mark.parametrize("caller", [GUEST, STAFF, ADA], ids=lambda caller: caller.kind.value)
@pytest.mark.parametrize(
    "query",
    [
        f"query($id: ID!) {{ cart(id: $id) {everything_of('Cart')} }}",
        f'query($id: ID!) {{ cart(id: $id) {{ priceOn(channel: "pos") {everything_of("CartPricedElsewhere")} }} }}',
        f"query($id: ID!) {{ cart(id: $id) {{ explanations {everything_of('Explanation')} }} }}",
        f"query($id: ID!) {{ cartLog(cartId: $id) {everything_of('LogEntryConnection')} }}",
        f"query($id: ID!) {{ node(id: $id) {{ __typename id ... on Cart {everything_of('Cart', 3)} }} }}",
        f'{{ products(skus: ["milk", "mlik", "ham", "cake", "gift"]) {everything_of("PricedProduct")} }}',
        f"{{ channels {everything_of('Channel')} stores {everything_of('Store')} fees {everything_of('Fee')} }}",
        f"{{ deliveryMethods {everything_of('DeliveryMethod')} ruleset {everything_of('Ruleset')} __typename }}",
        f'{{ loyaltyAccount(customerId: "ada") {everything_of("LoyaltyAccount")} }}',
        f"{{ activeCart {everything_of('Cart', 4)} supersededCart {{ id }} }}",
        f"query($id: ID!) {{ cartMergePreview(sourceId: $id, targetId: $id) {everything_of('CartMergePreview', 4)} }}",
    ],
)
def test_every_field_is_compiled(ways: BothWays, query: str, caller: Caller) -> None:
    variables = {"id": ways.cart} if "$id" in query else {}
    assert answered(ways, query, variables, caller).compiled


def test_a_payload_is_compiled_for_every_mutation(ways: BothWays) -> None:
    cart = ways.cart
    document = f"""
    mutation($id: ID!, $lines: [CartLineInput!]!, $seen: Int = 1) {{
      cartLinesAdd(cartId: $id, lines: $lines, operationId: "all") {everything_of("CartPayload", 5)}
      cartLinesUpdate(cartId: $id, lines: [{{lineId: "x", quantity: "1"}}], ifVersion: $seen) {{ userErrors {{ code field }} }}
    }}
    """
    given = {"id": cart, "lines": [{"sku": "milk", "options": [], "quantity": "2"}, {"sku": "oat", "note": "é"}]}
    assert answered(ways, document, given, GUEST).compiled


def test_a_merge_and_what_takes_it_back_are_compiled(ways: BothWays) -> None:
    guest = Caller(CallerKind.GUEST, "both-merged", ChannelId("web"))
    begin = {"lines": [{"sku": "milk"}]}
    source, target = (
        json.loads(answered(ways, CREATE, {"input": begin, "op": op}, guest).body)["data"]["cartCreate"]["cart"]["id"]
        for op in ("source", "target")
    )
    payload = everything_of("CartPayload", 4)
    for call in ("cartMerge(sourceId: $source, targetId: $target)", "cartMergeUndo(sourceId: $source)"):
        target_used = ", $target: ID!" if "$target" in call else ""
        document = f"mutation($source: ID!{target_used}) {{ {call} {payload} }}"
        variables = {"source": source, **({"target": target} if target_used else {})}
        answer = answered(ways, document, variables, guest)
        assert answer.compiled
        assert b'"changes":[{' in answer.body


CONDITIONAL = """
query($id: ID!, $short: Boolean!, $money: Boolean = true) {
  cart(id: $id) { id @skip(if: $short) ...totals @include(if: $money) ... @skip(if: $short) { version note } }
}
fragment totals on Cart { totals { total { amount } } }
"""


def test_conditions_are_decided_by_each_request(ways: BothWays) -> None:
    seen = set()
    for short in (True, False):
        for money in ({}, {"money": True}, {"money": False}):
            answer = answered(ways, CONDITIONAL, {"id": ways.cart, "short": short, **money}, GUEST)
            assert answer.compiled
            seen.add(tuple(json.loads(answer.body)["data"]["cart"]))
    assert seen == {("totals",), (), ("id", "totals", "version", "note"), ("id", "version", "note")}


@pytest.mark.parametrize(
    ("selected", "code"),
    [
        ('cart { priceOn(channel: "wbe") { channel } } version', "UNKNOWN_CHANNEL"),
        ("cart { lines(first: -1) { totalCount } } version", "INVALID_ARGUMENT"),
    ],
)
def test_what_was_done_is_not_done_again_for_an_error(ways: BothWays, selected: str, code: str) -> None:
    """The engine repeats each answer once only: a second call to it would find nothing recorded."""
    query = f'mutation($id: ID!) {{ cartLinesAdd(cartId: $id, lines: [{{sku: "milk"}}]) {{ {selected} }} }}'
    answer = answered(ways, query, {"id": ways.cart}, GUEST)
    body = json.loads(answer.body)
    assert body["data"]["cartLinesAdd"]["cart"] is None
    assert body["data"]["cartLinesAdd"]["version"] > 1
    assert [error["extensions"]["code"] for error in body["errors"]] == [code]


@pytest.mark.parametrize("cart", [AWAY, BROKEN, UNPRICED])
def test_faults_look_alike(ways: BothWays, cart: str) -> None:
    change = 'mutation($id: ID!) { cartLinesAdd(cartId: $id, lines: [{sku: "milk"}]) { cart { totals { goods { amount } } } } }'
    look = "query($id: ID!) { a: cart(id: $id) { id lines { totalCount } } channels { code } }"
    for query in (change, look):
        body = json.loads(answered(ways, query, {"id": cart_id(cart)}, GUEST).body)
        assert body["errors"][0]["extensions"]["code"] in {"STORE_UNAVAILABLE", "INTERNAL"}
        assert "inside of the service" not in json.dumps(body)


def test_a_value_that_does_not_fit_is_our_fault_and_an_argument_the_clients(ways: BothWays) -> None:
    look = "query($id: ID!) { cart(id: $id) { version } }"
    unfit = answered(ways, look, {"id": cart_id(UNFIT)}, GUEST)
    [error] = json.loads(unfit.body)["errors"]
    assert (unfit.status, error["path"], error["extensions"]["code"]) == (200, ["cart", "version"], "INTERNAL")
    assert str(2**31) not in error["message"]
    wrong = "query($id: ID!) { cart(id: $id) { lines(first: 2147483648) { totalCount } } }"
    refused = answered(ways, wrong, {"id": ways.cart}, GUEST)
    assert refused.status == 400


@pytest.mark.parametrize("query", workload.DOCUMENTS)
def test_the_documents_of_the_bench_are_compiled(ways: BothWays, query: str) -> None:
    variables = {"id": ways.cart, "lines": [{"sku": "milk", "quantity": 1}]}
    assert answered(
        ways, query, {name: value for name, value in variables.items() if f"${name}" in query}, GUEST
    ).compiled


def test_a_failing_writer_is_told_of_and_costs_no_answer(
    ways: BothWays, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Attempt:
        return Attempt(None, {}, TypeError("no such thing"))

    monkeypatch.setattr("schema.compiled.answers._written", fail)
    ordinary, compiled = ways.ask("{ channels { code } }", {}, None)
    assert (compiled.body, compiled.compiled) == (ordinary.body, 0)
    assert [record.message for record in caplog.records] == ["a compiled answer failed where the ordinary one did not"]


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema.compiled.answers._REMEMBERED_MAX", 3)
    answers = CompiledAnswers(CORE)
    for number in range(10):
        text = f"query($a: Boolean = true) {{ a{number}: __typename @skip(if: $a) __typename }}"
        document = Document.of(parse(text))
        operation = document.operation(None)
        attempt = await answers.attempt(text, document, operation, {"a": bool(number % 2)}, None)  # type: ignore[arg-type]  # nothing is resolved
        assert attempt.answer is not None
    assert len(answers._remembered) == 3


def test_what_is_too_large_is_left_to_the_ordinary_way(ways: BothWays) -> None:
    query = f"{{ {' '.join(f'c{number}: channels {{ id code store }}' for number in range(251))} }}"
    ordinary, compiled = ways.ask(query, {}, None)
    assert (compiled.body, compiled.compiled) == (ordinary.body, 0)
    assert b'"errors":' not in compiled.body
