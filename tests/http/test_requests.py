"""Bad requests: each a clear error with a stable code, and nothing written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.priced import Snapshot
from schema.app import HttpConfig
from tests.http.service import ADD, READ, SMALL_LIMITS, Client, Service
from tests.http.test_mutations import CODES_ADD, CONTEXT, LINES_UPDATE, codes, only


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ({"sku": "mlik"}, "UNKNOWN_SKU", "there is no product `mlik`: did you mean `milk`?"),
        ({"sku": "cake"}, "NOT_SOLD_HERE", "this product is not sold in the cart's channel or store"),
        (
            {"sku": "milk", "quantity": 0},
            "INVALID_QUANTITY",
            "`0` is not a quantity of `milk`: expected a whole number from 1 to",
        ),
        ({"sku": "milk", "quantity": -1}, "INVALID_QUANTITY", "`-1` is not a quantity of `milk`"),
        (
            {"sku": "milk", "quantity": 1.5},
            "INVALID_QUANTITY",
            "`1.5` is not a quantity of `milk`: expected a whole number from 1 to",
        ),
        ({"sku": "milk", "quantity": 10**18}, "INVALID_QUANTITY", "is not a quantity of `milk`"),
        ({"sku": "ham", "quantity": "0.0001"}, "INVALID_QUANTITY", "`0.0001` is not a quantity of `ham`"),
        ({"sku": "ham"}, "INVALID_QUANTITY", "`ham` is sold by the kg: say how much, such as 0.250"),
        ({"sku": "milk", "barcode": "4006381333931"}, "UNKNOWN_SKU", "name the product by `sku` or by `barcode`"),
        ({"barcode": "4006381333932"}, "INVALID_BARCODE", "check digit"),
        ({"sku": "milk", "options": [{"name": "cut", "value": "x"}]}, "INVALID_OPTION", "`milk` has no option `cut`"),
        ({"sku": "milk", "delivery": {"method": "bike"}}, "UNKNOWN_DELIVERY", "`bike` is not a delivery method"),
    ],
)
def test_a_wrong_line_is_refused_as_data(guest: Client, line: dict[str, Any], code: str, message: str) -> None:
    cart = guest.create()
    payload = only(guest.run(ADD, id=cart, lines=[line]))
    assert codes(payload) == [code]
    assert message in payload["userErrors"][0]["message"]
    assert payload["userErrors"][0]["field"][:2] == ["lines", "0"]
    assert guest.run(READ, id=cart)["cart"]["version"] == 1


@pytest.mark.parametrize(
    "quantity",
    ["NaN", "Infinity", "-Infinity", "1e3", "1_000", "", " 1", "one", "\u0661", True, [1], {"a": 1}, 0.0001, "9" * 30],
)
def test_what_is_no_number_is_refused(guest: Client, quantity: object) -> None:
    cart = guest.create()
    response = guest.post(ADD, id=cart, lines=[{"sku": "milk", "quantity": quantity}])
    assert response.status_code == 400
    error = response.json()["errors"][0]
    assert error["extensions"]["code"] == "INVALID_VARIABLES"
    assert "Quantity cannot be" in error["message"]
    assert guest.run(READ, id=cart)["cart"]["version"] == 1


def test_a_wrong_quantity_in_the_document_is_refused_too(guest: Client) -> None:
    error = guest.error('mutation { cartLinesAdd(cartId: "x", lines: [{sku: "milk", quantity: "NaN"}]) { version } }')
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "Quantity cannot be `NaN`" in error["message"]


def test_every_fault_of_a_request_is_told_at_once(guest: Client) -> None:
    payload = only(
        guest.run(ADD, id=guest.create(), lines=[{"sku": "milk", "quantity": 0}, {"sku": "x"}, {"sku": "oat"}])
    )
    assert codes(payload) == ["INVALID_QUANTITY", "UNKNOWN_SKU"]
    assert [error["field"] for error in payload["userErrors"]] == [["lines", "0", "quantity"], ["lines", "1", "sku"]]


def test_a_cart_that_gets_too_large_is_refused_whole(guest: Client) -> None:
    cart = guest.create()
    keyed = [{"sku": "milk", "lineKey": str(number)} for number in range(9)]
    assert codes(only(guest.run(ADD, id=cart, lines=keyed))) == ["LINE_LIMIT"]
    assert codes(only(guest.run(ADD, id=cart, lines=[{"sku": "milk"}] * 21))) == ["LINE_LIMIT"]
    assert codes(only(guest.run(ADD, id=cart, lines=[{"sku": "milk", "quantity": 9999}, {"sku": "milk"}]))) == [
        "QUANTITY_LIMIT"
    ]
    assert codes(only(guest.run(CODES_ADD, id=cart, codes=["a", "b", "c", "d"]))) == ["CODE_LIMIT"]
    assert guest.run(READ, id=cart)["cart"]["version"] == 1


def test_an_unknown_cart_is_not_found(guest: Client) -> None:
    for unknown in ("", "x", "UHJvZHVjdDptaWxr", "é" * 10):
        payload = only(guest.run(ADD, id=unknown, lines=[{"sku": "milk"}]))
        assert codes(payload) == ["CART_NOT_FOUND"]
        assert payload["userErrors"][0] == {
            "code": "CART_NOT_FOUND",
            "field": ["cartId"],
            "message": "there is no such cart",
        }
        assert guest.run(READ, id=unknown)["cart"] is None


def test_price_on_an_unknown_place_is_an_error_and_the_rest_is_answered(guest: Client) -> None:
    cart = guest.create()
    query = 'query($id: ID!) { cart(id: $id) { id priceOn(channel: "wbe") { channel } } }'
    error = guest.error(query, id=cart)
    assert (error["extensions"]["code"], error["message"]) == ("UNKNOWN_CHANNEL", "`wbe` is not a channel of this shop")
    assert error["path"] == ["cart", "priceOn"]


def send(
    client: Client, body: bytes | Iterator[bytes], content_type: str = "application/json", **headers: str
) -> tuple[int, str, str]:
    """Send a body as it is; return status, code and message."""
    response = client.http.post("/graphql", content=body, headers={"Content-Type": content_type, **headers})
    error = response.json()["errors"][0]
    assert set(error) >= {"message", "extensions"}
    return response.status_code, error["extensions"]["code"], error["message"]


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (b"", 400, "MALFORMED_REQUEST", "the body is not JSON"),
        (b"{", 400, "MALFORMED_REQUEST", "the body is not JSON"),
        (b"\xff\xfe", 400, "MALFORMED_REQUEST", "the body is not JSON"),
        (b'{"query": "{a}", "variables": {"a": NaN}}', 400, "MALFORMED_REQUEST", "the body is not JSON"),
        (b"[]", 400, "MALFORMED_REQUEST", "batches are not served: send each request by itself"),
        (b"3", 400, "MALFORMED_REQUEST", "a request is a JSON object with `query`, `variables` and `operationName`"),
        (b"{}", 400, "MALFORMED_REQUEST", "`query` is not a text with a GraphQL document"),
        (b'{"query": 3}', 400, "MALFORMED_REQUEST", "`query` is not a text with a GraphQL document"),
        (b'{"query": "{a}", "variables": []}', 400, "MALFORMED_REQUEST", "`variables` is not a JSON object"),
        (b'{"query": "{a}", "operationName": 1}', 400, "MALFORMED_REQUEST", "`operationName` is not a text"),
        (b'{"query": "{a"}', 400, "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        (b'{"query": "{cat}"}', 400, "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'cat' on type 'Query'."),
        (b'{"query": "fragment a on Cart { id }"}', 400, "GRAPHQL_VALIDATION_FAILED", "Fragment 'a' is never used."),
        (
            b'{"query": "{__schema {types {name}}}"}',
            400,
            "GRAPHQL_VALIDATION_FAILED",
            "introspection has been disabled",
        ),
        (b'{"query": "query a {channels{id}} query b {channels{id}}"}', 400, "UNKNOWN_OPERATION", "there are several"),
        (b'{"query": "{channels{id}}", "operationName": "x"}', 400, "UNKNOWN_OPERATION", "there is no `x`"),
        (b'{"query": "query($s: [String!]!) {products(skus: $s) {available}}"}', 400, "INVALID_VARIABLES", "$s"),
        (b'{"query": "subscription {cart}"}', 400, "GRAPHQL_VALIDATION_FAILED", "on type 'Subscription'."),
        (b'{"query": "{activeCart {id}}"}', 401, "TOKEN_MISSING", "Authorization: Bearer"),
    ],
)
def test_a_malformed_request_says_what_is_wrong(
    service: Service, body: bytes, status: int, code: str, message: str
) -> None:
    if code == "TOKEN_MISSING":
        response = service.client().http.post("/graphql", content=body, headers={"Content-Type": "application/json"})
        assert response.json()["data"] == {"activeCart": None}
        assert response.json()["errors"][0]["extensions"]["code"] == code
        return
    answered = send(service.client(), body)
    assert answered[:2] == (status, code)
    assert message in answered[2]


def test_a_message_guesses_nothing_for_strangers(service: Service) -> None:
    assert "Did you mean" not in send(service.client(), b'{"query": "{cartt(id: 1) {id}}"}')[2]
    body = json.dumps({"query": ADD, "variables": {"id": "x", "lines": [{"skuu": "milk"}]}}).encode()
    assert "Did you mean" not in send(service.client(), body)[2]


def test_a_cart_that_did_not_change_is_priced_once(service: Service, guest: Client) -> None:
    cart_id = guest.create(lines=[{"sku": "milk", "quantity": 2}])
    asked = "query($id: ID!) { cart(id: $id) { computedFrom { asOf } totals { total { minorUnits } } } }"
    before = guest.http.get("/health").json()["evaluations"]
    answers = [guest.run(asked, id=cart_id)["cart"] for _ in range(5)]
    after = guest.http.get("/health").json()["evaluations"]
    assert after["hits"] + after["misses"] == before["hits"] + before["misses"] + 5
    assert after["hits"] >= before["hits"] + 3, "at most two minutes"
    assert [answer["totals"]["total"]["minorUnits"] for answer in answers] == [216] * 5
    instants = [answer["computedFrom"]["asOf"] for answer in answers]
    assert instants == sorted(instants), "each answer names its own instant"
    assert instants[0] < instants[-1]
    guest.add(cart_id, "milk")
    assert guest.run(asked, id=cart_id)["cart"]["totals"]["total"]["minorUnits"] == 324


def test_a_body_too_large_is_not_read(service: Service, guest: Client) -> None:
    too_large = (413, "BODY_TOO_LARGE", "the body has more than 20000 bytes")
    assert send(guest, b" " * 20_001) == too_large
    assert send(guest, (b" " * 1_000 for _ in range(21))) == too_large
    assert service.client().http.get("/health").status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin-1",
    ],
)
def test_another_content_type_is_refused(guest: Client, content_type: str) -> None:
    status, code, message = send(guest, b'{"query": "{channels{id}}"}', content_type)
    assert (status, code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "expected `application/json`" in message


FIELDS = "lines { nodes { product { id sku name unit gtin category } } } "


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ a " * 200 + "}" * 200, "fields are nested 200 deep, at most 8 is served"),
        ("{ channels { id } " + "channels { id } " * 300 + "}", "Document contains more than 1000 tokens."),
        (
            "{" + " ".join(f"a{n}: channels {{ id }}" for n in range(11)) + "}",
            "the document has 11 aliases, at most 10 are served",
        ),
        (
            "{ channels { id } " + "channels { id } ... { channels { id } } " * 40 + "}",
            "the document repeats 80 fields",
        ),
        ("{a" * 450, "Document is nested too deeply."),
        (
            "query { cart(id: 1) { ...a0 } }"
            + "".join(f"fragment a{n} on Cart {{ ...a{n + 1} ...a{n + 1} }}" for n in range(40))
            + "fragment a40 on Cart { id }",
            "fields, at most 400 are served",
        ),
        ("query { cart(id: 1) { ...a } } fragment a on Cart { id ...a }", None),
        (
            "query { cart(id: 1) { ...a0 } }"
            + "".join(f"fragment a{n} on Cart {{ ...a{n + 1} }}" for n in range(120))
            + "fragment a120 on Cart { nothing }",
            None,
        ),
    ],
)
def test_a_query_too_complex_is_refused(service: Service, document: str, message: str | None) -> None:
    status, code, said = send(service.client(), json.dumps({"query": document}).encode())
    assert status == 400
    if message is not None:
        assert code == "QUERY_TOO_COMPLEX"
        assert message in said


def test_get_runs_queries_only(guest: Client) -> None:
    good = guest.http.get(
        "/graphql",
        params={"query": "query($s: [String!]!) {products(skus: $s) {available}}", "variables": '{"s": ["milk"]}'},
    )
    assert good.json() == {"data": {"products": [{"available": True}]}}
    refused = guest.http.get("/graphql", params={"query": "mutation { sessionCreate { token } }"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert refused.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    assert guest.http.get("/graphql").json()["errors"][0]["extensions"]["code"] == "MALFORMED_REQUEST"
    assert guest.http.get("/graphql", params={"query": "{a}", "variables": "{"}).status_code == 400


def test_head_answers_as_get_without_a_body(guest: Client) -> None:
    for params in ({"query": "{channels{code}}"}, {"query": "{nothing}"}, {}):
        got, head = (guest.http.request(method, "/graphql", params=params) for method in ("GET", "HEAD"))
        assert head.status_code == got.status_code
        assert head.headers["content-length"] == got.headers["content-length"]
        assert head.content == b""


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(("path", "allowed"), [("/graphql", "GET, HEAD, POST"), ("/health", "GET, HEAD")])
def test_another_method_is_refused_as_json(guest: Client, method: str, path: str, allowed: str) -> None:
    for accept, media in (("*/*", "application/graphql-response+json"), ("application/json", "application/json")):
        refused = guest.http.request(method, path, headers={"Accept": accept})
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        assert refused.headers["content-type"] == f"{media}; charset=utf-8"
        assert refused.json()["errors"] == [
            {"message": f"`{method}` is not served here: use {allowed}", "extensions": {"code": "METHOD_NOT_ALLOWED"}}
        ]


@pytest.mark.parametrize(
    ("accept", "status", "media"),
    [
        ("application/graphql-response+json", 400, "application/graphql-response+json"),
        ("application/json", 200, "application/json"),
        ("application/graphql-response+json, application/json;q=0.9", 400, "application/graphql-response+json"),
        ("*/*", 400, "application/graphql-response+json"),
        ("application/json;q=0, */*", 400, "application/graphql-response+json"),
        ("application/graphql-response+json;q=0, */*", 200, "application/json"),
        ("application/graphql-response+json;q=0.1, application/json; charset=utf-8; q=0.9", 200, "application/json"),
        ("application/json, */*;q=0.1", 200, "application/json"),
        ("application/json, */*", 200, "application/json"),
        ("application/json, application/graphql-response+json", 400, "application/graphql-response+json"),
        ("Application/*;Q=0.5", 400, "application/graphql-response+json"),
        ("application/json;q=nonsense", 200, "application/json"),
        ("text/csv", 406, "application/graphql-response+json"),
        ("application/json;q=0", 406, "application/graphql-response+json"),
        ("*/*;q=0", 406, "application/graphql-response+json"),
    ],
)
def test_the_answer_has_the_media_type_that_was_asked_for(
    service: Service, accept: str, status: int, media: str
) -> None:
    response = service.client().http.post("/graphql", json={"query": "{nothing}"}, headers={"Accept": accept})
    assert (response.status_code, response.headers["content-type"]) == (status, f"{media}; charset=utf-8")
    good = service.client().http.post("/graphql", json={"query": "{channels{code}}"}, headers={"Accept": accept})
    assert good.status_code == (406 if status == 406 else 200)


def test_pages_of_other_sites_may_call_where_they_are_configured(service: Service) -> None:
    def preflight(origin: str) -> dict[str, str]:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        return dict(service.client().http.options("/graphql", headers=asked).headers)

    assert preflight("https://shop.example")["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in preflight("https://evil.example")


def test_a_fault_of_ours_is_masked_and_logged(
    service: Service, guest: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cart = guest.create()
    monkeypatch.setattr("schema.queries.CartView", None)
    error = guest.error(READ, id=cart)
    assert error["extensions"]["code"] == "INTERNAL"
    assert "NoneType" not in error["message"]
    assert error["extensions"]["errorId"] in error["message"]
    assert error["extensions"]["errorId"] in caplog.text
    assert "NoneType" in caplog.text


def test_wrong_currency_lines_are_kept_and_said(guest: Client) -> None:
    cart = guest.create(lines=[{"sku": "milk"}])
    assert only(guest.run(CONTEXT, id=cart, context={"store": "south"}))["userErrors"] == []
    assert (
        only(guest.run(LINES_UPDATE, id=cart, lines=[{"lineId": "nope"}]))["userErrors"][0]["code"] == "NOTHING_TO_DO"
    )


@pytest.fixture(scope="module")
def development(store_url: str, shop: Snapshot) -> Iterator[Service]:
    config = HttpConfig(
        development=True,
        graphiql_token="demo",  # not a secret
        graphiql_query="{ channels { code } }",
        documents=SMALL_LIMITS,
    )
    with Service(store_url, shop, config).run() as running:
        yield running


def test_graphiql_is_served_in_development(development: Service) -> None:
    http = development.client().http
    page = http.get("/graphiql")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    for part, media in (
        ("graphiql.js", "text/javascript"),
        ("graphiql.css", "text/css"),
        ("LICENSES.txt", "text/plain"),
    ):
        served = http.get(f"/graphiql/{part}")
        assert served.status_code == 200
        assert served.headers["content-type"].startswith(media)
    config = http.get("/graphiql/config.js").text
    start = json.loads(config.removeprefix("window.__PANIER__ = ").removesuffix(";\n"))
    assert json.loads(start["headers"]) == {"Authorization": "Bearer demo"}
    assert start["query"] == "{ channels { code } }"
    assert http.get("/graphiql/../app.py").status_code == 404
    assert http.get("/graphiql/index.py").status_code == 404
    to_page = http.get("/graphql", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (to_page.status_code, to_page.headers["location"]) == (307, "/graphiql")


def test_development_answers_introspection_and_guesses(development: Service) -> None:
    from graphql import build_client_schema, get_introspection_query

    client = development.client()
    assert build_client_schema(client.run(get_introspection_query())).query_type is not None
    assert "Did you mean" in client.error("{ cartt(id: 1) { id } }")["message"]


def test_graphiql_is_not_served_in_production(service: Service) -> None:
    assert service.client().http.get("/graphiql").status_code == 404
    assert service.client().http.get("/graphiql/graphiql.js").status_code == 404
    assert service.client().http.get("/graphql", headers={"Accept": "text/html"}).status_code == 406
