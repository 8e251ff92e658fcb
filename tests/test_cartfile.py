"""Carts out of files: the same checks as for live carts, and every fault with its place."""

from pathlib import Path

import pytest

from engine.cart.commands import line_id
from engine.errors import Diagnostic, RefusedError
from engine.pricing.cartfile import CartDocument, parse_cart_line
from engine.pricing.shop import Shop
from engine.types import Sku
from tests.carts import cart_of
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
        ("[]", "invalid_value", "expected a mapping"),
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


def test_numbers_mean_what_is_written() -> None:
    document = parse_cart_line(
        '{"lines": [{"sku": "ham", "quantity": 0.1}, {"sku": "ham", "quantity": "0.2"}]}', "c", 1
    )
    assert isinstance(document, CartDocument)
    assert [str(line.quantity) for line in document.lines] == ["0.1", "0.2"]
