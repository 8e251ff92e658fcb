"""Carts out of files: the same checks as for live carts, and every fault with its place."""

import json
import re
from pathlib import Path

import pytest

from engine.cart.commands import line_id
from engine.errors import Diagnostic, RefusedError
from engine.pricing.cartfile import CartDocument, parse_cart_line
from engine.pricing.shop import Shop
from engine.pricing.too_large import amounts_too_large
from engine.types import Sku
from tests.carts import basket_of, cart_of
from tests.shops import small_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder: Path = tmp_path_factory.mktemp("shop")
    return small_shop(folder)


def refused(shop: Shop, **document: object) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(RefusedError) as refusal:
        cart_of(shop, **document)
    return [(error.code, error.field) for error in refusal.value.errors]


def test_lines_that_wish_for_the_same_thing_are_one(shop: Shop) -> None:
    cart = cart_of(shop, lines=[{"sku": "milk", "quantity": 2}, {"sku": "oat"}, {"sku": "milk"}]).cart
    assert [(line.id, line.quantity) for line in cart.lines] == [(line_id(Sku("milk")), 3), (line_id(Sku("oat")), 1)]


def test_the_same_sku_at_two_prices_is_two_lines(shop: Shop) -> None:
    own = {"product": {"sku": "mug"}}
    cart = cart_of(shop, lines=[{**own, "price": "1.00"}, {**own, "price": "2.00"}, {**own, "price": "1.0"}]).cart
    assert [line.quantity for line in cart.lines] == [2, 1]


def test_a_product_that_is_described_in_two_ways_is_refused_in_either_order(shop: Shop) -> None:
    """Added up, they would mix pieces with kilograms, and the total would depend on which came first."""
    lines = [
        {"product": {"sku": "x"}, "price": "1.00"},
        {"product": {"sku": "x", "unit": "kg", "never_discount": True}, "price": "1.00", "quantity": "1.5"},
    ]
    expected = [("INVALID_PRODUCT", ("lines", "1", "product"))]
    assert refused(shop, lines=lines) == refused(shop, lines=lines[::-1]) == expected
    lines[1]["line_key"] = "other"
    assert len(cart_of(shop, lines=lines).cart.lines) == 2


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ({"sku": "milk", "quantity": "0"}, "INVALID_QUANTITY", "quantity"),
        ({"sku": "milk", "quantity": "1.5"}, "INVALID_QUANTITY", "quantity"),
        ({"sku": "milk", "price": "1"}, "INVALID_PRODUCT", "price"),
        ({"product": {"sku": "x"}}, "INVALID_PRODUCT", "price"),
        ({"product": {"sku": "x"}, "price": "-1"}, "INVALID_PRODUCT", "price"),
        ({"product": {"sku": "x"}, "price": "1.001"}, "INVALID_PRODUCT", "price"),
        ({"product": {"sku": "x"}, "price": "1", "quantity": "0.5"}, "INVALID_QUANTITY", "quantity"),
        ({"product": {"sku": "x", "tax_category": "none"}, "price": "1"}, "INVALID_PRODUCT", "product"),
        ({"sku": "mlik"}, "UNKNOWN_SKU", "sku"),
    ],
)
def test_a_line_that_cannot_be(shop: Shop, line: dict[str, object], code: str, field: str) -> None:
    ((found, path),) = refused(shop, lines=[{"sku": "oat"}, line])
    assert (found, path[:3]) == (code, ("lines", "1", field))


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{", "json_syntax", "not readable as JSON"),
        ('{"lines": [{"sku": "milk", "quantity": NaN}]}', "json_syntax", "NaN is not a number"),
        ('{"lines": [{"sku": "milk", "quantity": true}]}', "not_a_number", "lines.0.quantity"),
        ('{"line": []}', "unknown_field", "line: this is not a field of a cart"),
        ('{"at": "noon"}', "invalid_instant", "at: `noon` is not a date and time"),
        ("[]", "invalid_value", "expected an object, found a list"),
        ('{"at": "0001-01-01T00:00+14:00"}', "invalid_instant", "at: the year 1 is outside 1970 to 2999"),
        ('{"at": "9999-12-31T23:59-12:00"}', "invalid_instant", "at: the year 9999 is outside 1970 to 2999"),
        ('{"customer": {"first_order": "0001-01-01"}}', "invalid_instant", "customer.first_order: the year 1 is"),
        ('{"lines": 3}', "invalid_value", "lines: expected a list, found `3`"),
        ('{"lines": {}}', "invalid_value", "lines: expected a list, found an object"),
        ('{"lines": [null]}', "invalid_value", "lines.0: expected an object, found `null`"),
        ('{"id": 7}', "invalid_value", "id: expected a text, found `7`"),
        (
            '{"lines": [{"product": {"sku": ""}, "price": 1}]}',
            "invalid_value",
            "lines.0.product.sku: expected a text of",
        ),
        ('{"lines": [{"sku": "milk", "quantity": []}]}', "not_a_number", "lines.0.quantity: a list is no number"),
        ('{"lines": [{"sku": "milk", "tax_included": "so"}]}', "invalid_value", "expected true or false, found `so`"),
        ('{"lines": [{"sku": "milk", "options": []}]}', "invalid_value", "lines.0.options: expected an object"),
        ('{"customer": {"points": -1}}', "not_a_whole_number", "customer.points: `-1` is not a whole number from 0"),
        ('{"customer": {"points": true}}', "not_a_whole_number", "customer.points: `true` is not a whole number"),
        ('{"fees": [{"fee": "wrap", "quantity": "1_0"}]}', "not_a_whole_number", "fees.0.quantity: `1_0` is not"),
        ('{"id": "a", "lines": [], "id": "b"}', "duplicate_key", "the key `id` is there twice"),
        ('{"lines": [{"sku": "milk", "quantity": 1, "quantity": 2}]}', "duplicate_key", "the key `quantity` is there"),
        (r'{"id": "\ud800", "lines": []}', "half_a_character", "id: this text holds half of a character"),
        (r'{"at": "\ud800", "lines": []}', "half_a_character", "at: this text holds half of a character"),
        (r'{"lines": [{"sku": "m", "options": {"\udc00": "x"}}]}', "half_a_character", "lines.0.options: a key holds"),
        (
            '{"lines": [{"sku": "milk", "quantity": 1e999999999}]}',
            "invalid_value",
            "lines.0.quantity: expected a number of",
        ),
        ("[" * 100_000, "json_syntax", "not readable as JSON"),
    ],
)
def test_a_line_of_the_file_that_is_no_cart(text: str, code: str, message: str) -> None:
    faults = parse_cart_line(text, "carts.jsonl", 7)
    assert isinstance(faults, list)
    (fault,) = faults
    assert isinstance(fault, Diagnostic)
    assert (fault.code, fault.span.file, fault.span.line) == (code, "carts.jsonl", 7)
    assert message in fault.message


@pytest.mark.parametrize("quantity", ["1e3", "1_0", " 3 ", "\u0663", "", ".5", "1.", "NaN", "0x1"])
def test_a_number_in_quotes_is_a_plain_decimal_as_in_graphql(quantity: str) -> None:
    text = json.dumps({"lines": [{"sku": "milk", "quantity": quantity}]})
    faults = parse_cart_line(text, "carts.jsonl", 1)
    assert isinstance(faults, list)
    assert [(fault.code, fault.message) for fault in faults] == [
        ("not_a_number", f"lines.0.quantity: `{quantity}` is not a plain number")
    ]


def test_no_message_speaks_python() -> None:
    values: list[object] = [None, True, 3, "x", [], {}, [[]], {"x": 1}]
    for name in CartDocument.model_fields:
        for value in values:
            faults = parse_cart_line(json.dumps({name: value}), "c", 1)
            for fault in faults if isinstance(faults, list) else ():
                assert not re.search(r"tuple|dictionary|instance|Document|input|NoneType", fault.message), fault


def test_a_byte_order_mark_is_taken_at_the_beginning_of_a_file_only() -> None:
    assert isinstance(parse_cart_line('\ufeff{"lines": []}', "c", 1), CartDocument)
    assert isinstance(parse_cart_line('\ufeff{"lines": []}', "c", 2), list)


def test_an_amount_too_large_for_sums_is_refused(shop: Shop) -> None:
    own = {"product": {"sku": "n"}, "price": "100000000000"}
    assert amounts_too_large(basket_of(shop, lines=[{**own, "quantity": 1}])) == ()
    [fault] = amounts_too_large(basket_of(shop, lines=[{"sku": "oat"}, {**own, "quantity": 10_000_000}]))
    assert fault.message == ("10000000 of `n` come to more than 100000000000.00, the largest amount that is priced")


def test_too_much_of_measured_goods_is_said_in_their_unit(shop: Shop) -> None:
    lines = [{"product": {"sku": "n", "unit": "kg"}, "price": "100000000000", "quantity": "1.5"}]
    [fault] = amounts_too_large(basket_of(shop, lines=lines))
    assert fault.message.startswith("1.500 kg of `n` come to more than")


def test_numbers_mean_what_is_written() -> None:
    document = parse_cart_line(
        '{"lines": [{"sku": "ham", "quantity": 0.1}, {"sku": "ham", "quantity": "0.2"}]}', "c", 1
    )
    assert isinstance(document, CartDocument)
    assert [str(line.quantity) for line in document.lines] == ["0.1", "0.2"]
