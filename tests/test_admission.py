"""Requests against the shop: what becomes of good ones, and every reason to refuse one."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cart.codes import canonical_code, check_digit
from engine.cart.commands import LineChange, SetContext, SetNote, SoldWhere
from engine.cart.model import DeliveryChoice
from engine.errors import RefusedError, UserErrorCode
from engine.pricing.admission import (
    admit_changes,
    admit_code_removals,
    admit_codes,
    admit_context,
    admit_fees,
    admit_lines,
    admit_note,
    sold_where,
)
from engine.pricing.requests import ContextRequest, FeeRequest, Limits, LineChangeRequest, LineRequest
from engine.pricing.shop import Product, Shop
from engine.types import ChannelId, Currency, LineId, OperationId, Sku, StoreId
from tests.shops import FILES, small_shop

LIMITS = Limits(quantity_max=9999)
OPERATION = OperationId("op-1")
HOME = DeliveryChoice("home", "75001", "day")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return small_shop(tmp_path_factory.mktemp("shop"))


def refused(attempt: Callable[[], object]) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(RefusedError) as caught:
        attempt()
    assert all(error.message for error in caught.value.errors)
    return [(error.code.value, error.field) for error in caught.value.errors]


def message_of(attempt: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        attempt()
    (error,) = caught.value.errors
    return error.message


def label(payload: str) -> str:
    return payload + check_digit(payload)


def sold(channels: list[str] | None, stores: list[str] | None, storeless: list[str]) -> SoldWhere:
    return SoldWhere(
        None if channels is None else tuple(map(ChannelId, channels)),
        None if stores is None else tuple(map(StoreId, stores)),
        tuple(map(ChannelId, storeless)),
    )


# --- Lines -----------------------------------------------------------------------------------------------------------


def test_a_full_line(shop: Shop) -> None:
    request = LineRequest(
        sku="cake",
        quantity=Decimal("2.000"),
        options={"message": " Bonne fe\u0302te ", "cut": "sliced"},
        note=" soon\n",
        delivery=HOME,
        line_key="mine",
        seller="baker",
    )
    (line,) = admit_lines([request], shop, LIMITS, OPERATION).lines
    assert (line.sku, line.quantity, line.measured) == ("cake", 2, False)
    assert line.options == (("cut", "sliced"), ("message", "Bonne fête"))
    assert (line.note, line.delivery, line.line_key, line.seller) == ("soon", HOME, "mine", "baker")
    assert line.sold_where == sold(None, ["south"], ["pos"])


def test_quantities_of_counted_and_measured_goods(shop: Shop) -> None:
    requests = [LineRequest(sku="milk"), LineRequest(sku="ham", quantity=Decimal("0.250"))]
    lines = admit_lines(requests, shop, LIMITS, OPERATION).lines
    assert [(line.quantity, line.measured) for line in lines] == [(1, False), (250, True)]


COUNTED_WRONG = ["0", "-1", "1.5", "NaN", "sNaN", "Infinity", "-Infinity", "10000", "1e999999", "1e-999999", "9999.001"]


@pytest.mark.parametrize("quantity", COUNTED_WRONG)
def test_what_is_no_quantity_of_counted_goods(shop: Shop, quantity: str) -> None:
    request = LineRequest(sku="milk", quantity=Decimal(quantity))
    assert refused(lambda: admit_lines([request], shop, LIMITS, OPERATION)) == [
        ("INVALID_QUANTITY", ("lines", "0", "quantity"))
    ]


@pytest.mark.parametrize(
    "quantity", ["0", "-0.5", "0.0001", "NaN", "9999.001", "1.0000000000000000000000000000001", None]
)
def test_what_is_no_quantity_of_measured_goods(shop: Shop, quantity: str | None) -> None:
    request = LineRequest(sku="ham", quantity=None if quantity is None else Decimal(quantity))
    assert refused(lambda: admit_lines([request], shop, LIMITS, OPERATION)) == [
        ("INVALID_QUANTITY", ("lines", "0", "quantity"))
    ]


@given(st.decimals(min_value=0, max_value=10_000, places=3))
def test_thousandths_are_exact(shop: Shop, quantity: Decimal) -> None:
    request = LineChangeRequest(LineId("x"), quantity)
    if quantity <= LIMITS.quantity_max:
        (change,) = admit_changes([request], shop, LIMITS).changes
        assert change.quantity_thousandths == int(quantity.scaleb(3))
    else:
        assert refused(lambda: admit_changes([request], shop, LIMITS))


def test_messages_say_what_was_expected(shop: Shop) -> None:
    half = LineRequest(sku="milk", quantity=Decimal("1.5"))
    assert message_of(lambda: admit_lines([half], shop, LIMITS, OPERATION)) == (
        "`1.5` is not a quantity of `milk`: expected a whole number from 1 to 9999, for it is sold by the piece"
    )
    unsaid = LineRequest(sku="ham")
    assert message_of(lambda: admit_lines([unsaid], shop, LIMITS, OPERATION)) == (
        "`ham` is sold by the kg: say how much, such as 0.250"
    )
    unknown = LineRequest(sku="mlik")
    assert message_of(lambda: admit_lines([unknown], shop, LIMITS, OPERATION)) == (
        "there is no product `mlik`: did you mean `milk`?"
    )


def test_every_fault_of_a_request_is_named(shop: Shop) -> None:
    requests = [
        LineRequest(sku="mlik", note="x" * 501, delivery=DeliveryChoice("drone")),
        LineRequest(sku="ham", quantity=Decimal(1), options={"cut": "cubes", "color": "red"}),
        LineRequest(barcode="4006381333932"),
        LineRequest(barcode="96385074"),
        LineRequest(barcode=label("210999900456")),
        LineRequest(),
        LineRequest(sku="milk", barcode="4006381333931"),
        LineRequest(sku="milk", seller="s" * 65, line_key="\x00", note="a\x07b"),
    ]
    assert refused(lambda: admit_lines(requests, shop, LIMITS, OPERATION)) == [
        ("UNKNOWN_SKU", ("lines", "0", "sku")),
        ("INVALID_NOTE", ("lines", "0", "note")),
        ("UNKNOWN_DELIVERY", ("lines", "0", "delivery", "method")),
        ("INVALID_OPTION", ("lines", "1", "options", "color")),
        ("INVALID_OPTION", ("lines", "1", "options", "cut")),
        ("INVALID_BARCODE", ("lines", "2", "barcode")),
        ("UNKNOWN_BARCODE", ("lines", "3", "barcode")),
        ("UNKNOWN_BARCODE", ("lines", "4", "barcode")),
        ("UNKNOWN_SKU", ("lines", "5")),
        ("UNKNOWN_SKU", ("lines", "6")),
        ("INVALID_NOTE", ("lines", "7", "note")),
        ("INVALID_OPTION", ("lines", "7", "seller")),
        ("INVALID_OPTION", ("lines", "7", "lineKey")),
    ]


@pytest.mark.parametrize("text", ["", "x" * 21, "two\nlines", "\ud800"])
def test_what_is_no_text_of_an_option(shop: Shop, text: str) -> None:
    request = LineRequest(sku="cake", options={"message": text})
    assert refused(lambda: admit_lines([request], shop, LIMITS, OPERATION)) == [
        ("INVALID_OPTION", ("lines", "0", "options", "message"))
    ]


def test_requests_have_a_size(shop: Shop) -> None:
    many = [LineRequest(sku="milk")] * 251
    assert refused(lambda: admit_lines(many, shop, LIMITS, OPERATION)) == [("LINE_LIMIT", ("lines",))]
    assert refused(lambda: admit_lines([], shop, LIMITS, OPERATION)) == [("NOTHING_TO_DO", ("lines",))]


def test_a_huge_wrong_word_is_shortened(shop: Shop) -> None:
    request = LineRequest(sku="x\n" * 100_000)
    assert len(message_of(lambda: admit_lines([request], shop, LIMITS, OPERATION))) < 100


# --- Where it is sold ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sku", "expected"),
    [
        ("milk", None),
        ("milk-6", sold(["app", "web"], None, ["app", "web"])),
        ("cake", sold(None, ["south"], ["pos"])),
        ("gift", SoldWhere((), None, ())),
    ],
)
def test_a_line_is_guarded_by_its_range(shop: Shop, sku: str, expected: SoldWhere | None) -> None:
    assert sold_where(shop.products[Sku(sku)], shop) == expected


def test_a_range_that_is_not_declared_is_sold_nowhere(shop: Shop) -> None:
    assert sold_where(Product(Sku("x"), range="gone"), shop) == SoldWhere((), (), ())


# --- Barcodes and labels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("barcode", ["012345678905", "0012345678905", "00012345678905"])
def test_a_barcode_finds_its_product_in_every_form(shop: Shop, barcode: str) -> None:
    (line,) = admit_lines([LineRequest(barcode=barcode, quantity=Decimal(3))], shop, LIMITS, OPERATION).lines
    assert (line.sku, line.quantity, line.line_key) == ("milk-6", 3, "")


def test_each_labelled_pack_is_its_own_line_and_a_replay_makes_the_same(shop: Shop) -> None:
    requests = [LineRequest(barcode=label("210123400456"))] * 2
    lines = admit_lines(requests, shop, LIMITS, OPERATION).lines
    assert [(line.sku, line.quantity, line.measured) for line in lines] == [("ham", 456, True)] * 2
    assert [line.line_key for line in lines] == ["op-1.0", "op-1.1"]
    assert lines[0].id != lines[1].id
    assert admit_lines(requests, shop, LIMITS, OPERATION).lines == lines
    other = admit_lines(requests, shop, LIMITS, OperationId("op-2")).lines
    assert {line.id for line in lines}.isdisjoint(line.id for line in other)


def test_a_price_on_a_label_is_kept_and_buys_a_weight(shop: Shop) -> None:
    (line,) = admit_lines([LineRequest(barcode=label("220123400995"))], shop, LIMITS, OPERATION).lines
    assert (line.label_price_minor, line.label_currency) == (995, "EUR")
    assert line.quantity == 500  # 9.95 at 19.90 a kilogram
    (line,) = admit_lines([LineRequest(barcode=label("220123502500"))], shop, LIMITS, OPERATION).lines
    assert (line.sku, line.quantity, line.label_price_minor) == ("gift", 1, 2500)


def test_a_price_without_a_unit_price_buys_one_unit(tmp_path: Path) -> None:
    prices = "".join(row for row in FILES["prices.csv"].splitlines(keepends=True) if ",ham," not in row)
    shop = small_shop(tmp_path, {"prices.csv": prices})
    (line,) = admit_lines([LineRequest(barcode=label("220123400995"))], shop, LIMITS, OPERATION).lines
    assert (line.quantity, line.label_price_minor) == (1000, 995)


def test_a_price_in_a_currency_of_no_store(shop: Shop) -> None:
    """The loader refuses such a layout; a shop that was built otherwise may have one."""
    stores = {id_: replace(store, currency=Currency("USD")) for id_, store in shop.stores.items()}
    abroad = replace(shop, stores=stores)
    request = LineRequest(barcode=label("220123400995"))
    assert refused(lambda: admit_lines([request], abroad, LIMITS, OPERATION)) == [
        ("WRONG_CURRENCY", ("lines", "0", "barcode"))
    ]


def test_labels_that_do_not_fit(shop: Shop) -> None:
    requests = [
        LineRequest(barcode=label("210123500456")),  # a weight of a gift card
        LineRequest(barcode=label("210123400000")),
        LineRequest(barcode=label("210123400456"), quantity=Decimal(2)),
        LineRequest(barcode=label("210123400456"), quantity=Decimal("sNaN")),
    ]
    assert refused(lambda: admit_lines(requests, shop, LIMITS, OPERATION)) == [
        ("INVALID_BARCODE", ("lines", "0", "barcode")),
        ("INVALID_BARCODE", ("lines", "1", "barcode")),
        ("INVALID_QUANTITY", ("lines", "2", "quantity")),
        ("INVALID_QUANTITY", ("lines", "3", "quantity")),
    ]


# --- Changes ---------------------------------------------------------------------------------------------------------


def test_changes(shop: Shop) -> None:
    requests = [
        LineChangeRequest(LineId("a"), Decimal("1.5"), if_version=7),
        LineChangeRequest(LineId("b"), Decimal(0)),
        LineChangeRequest(LineId("c"), note=" hi "),
        LineChangeRequest(LineId("d"), clear_delivery=True),
    ]
    assert admit_changes(requests, shop, LIMITS).changes == (
        LineChange(LineId("a"), 1500, if_version=7),
        LineChange(LineId("b"), 0),
        LineChange(LineId("c"), note="hi"),
        LineChange(LineId("d"), clear_delivery=True),
    )


def test_changes_that_are_refused(shop: Shop) -> None:
    requests = [
        LineChangeRequest(LineId("a"), Decimal(-1)),
        LineChangeRequest(LineId("b")),
        LineChangeRequest(LineId("c"), delivery=HOME, clear_delivery=True),
    ]
    assert refused(lambda: admit_changes(requests, shop, LIMITS)) == [
        ("INVALID_QUANTITY", ("lines", "0", "quantity")),
        ("NOTHING_TO_DO", ("lines", "1")),
        ("UNKNOWN_DELIVERY", ("lines", "2", "delivery")),
    ]


# --- Codes, fees, context, note --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered", "canonical"),
    [
        (" summer-26 ", "SUMMER26"),
        ("été 2026", "ÉTÉ2026"),
        ("A\u2013B\u00a0C", "ABC"),
        ("\uff21\uff22\uff23\uff11", "ABC1"),
        ("x" * 64, "X" * 64),
    ],
)
def test_codes_in_their_canonical_form(entered: str, canonical: str) -> None:
    assert canonical_code(entered) == canonical


@pytest.mark.parametrize("entered", ["", " - ", "a_b", "10%", "a\x00b", "\ud800", "x" * 65, "x " * 10_000])
def test_what_cannot_be_a_code(entered: str) -> None:
    assert canonical_code(entered) is None
    assert refused(lambda: admit_codes(["GOOD", entered], LIMITS)) == [("INVALID_CODE", ("codes", "1"))]


@given(st.text(max_size=80))
def test_a_canonical_code_stays_what_it_is(entered: str) -> None:
    canonical = canonical_code(entered)
    if canonical is not None:
        assert canonical_code(canonical) == canonical


def test_codes_are_added_once_and_removed_in_any_form() -> None:
    assert admit_codes(["summer-26", "SUMMER 26", "x"], LIMITS).codes == (("SUMMER26", "summer-26"), ("X", "x"))
    assert admit_code_removals(["summer 26"], LIMITS).codes == ("SUMMER26",)
    assert refused(lambda: admit_codes(["x"] * 21, LIMITS)) == [("CODE_LIMIT", ("codes",))]


def test_fees(shop: Shop) -> None:
    assert admit_fees([FeeRequest("gift-wrap", 2), FeeRequest("gift-wrap")], shop, LIMITS).fees == (("gift-wrap", 3),)
    assert refused(lambda: admit_fees([FeeRequest("gift-wrp", 0)], shop, LIMITS)) == [
        ("UNKNOWN_FEE", ("fees", "0", "fee")),
        ("INVALID_QUANTITY", ("fees", "0", "quantity")),
    ]


def test_context(shop: Shop) -> None:
    request = ContextRequest(channel="app", store="south", locale="fr", delivery=HOME, if_version=3)
    assert admit_context(request, shop) == SetContext(
        channel=ChannelId("app"),
        store=StoreId("south"),
        locale="fr",
        delivery=HOME,
        if_version=3,
    )
    assert admit_context(ContextRequest(clear_store=True), shop) == SetContext(clear_store=True)
    assert admit_context(ContextRequest(payment_method="card"), shop) == SetContext(payment_method="card")
    assert admit_context(ContextRequest(payment_method=""), shop) == SetContext(payment_method="")


def test_a_context_that_is_refused(shop: Shop) -> None:
    request = ContextRequest(channel="ap", store="sout", clear_store=True, locale="de", delivery=DeliveryChoice("home"))
    assert refused(lambda: admit_context(request, shop)) == [
        ("UNKNOWN_CHANNEL", ("channel",)),
        ("UNKNOWN_STORE", ("store",)),
        ("UNKNOWN_STORE", ("clearStore",)),
        ("UNKNOWN_LOCALE", ("locale",)),
        ("UNKNOWN_DELIVERY", ("delivery", "slot")),
    ]
    assert refused(lambda: admit_context(ContextRequest(), shop)) == [("NOTHING_TO_DO", ())]


@pytest.mark.parametrize(
    ("choice", "at"),
    [
        (DeliveryChoice("hom"), "method"),
        (DeliveryChoice("home", "75001"), "slot"),
        (DeliveryChoice("home", "75001", "night"), "slot"),
        (DeliveryChoice("pickup", "", "day"), "slot"),
        (DeliveryChoice("pickup", "x" * 65), "place"),
        (DeliveryChoice("pickup", "a\nb"), "place"),
    ],
)
def test_delivery_choices_that_are_refused(shop: Shop, choice: DeliveryChoice, at: str) -> None:
    assert refused(lambda: admit_context(ContextRequest(delivery=choice), shop)) == [
        (UserErrorCode.UNKNOWN_DELIVERY.value, ("delivery", at))
    ]


def test_notes() -> None:
    assert admit_note(" ring\ntwice ", LIMITS, 4) == SetNote("ring\ntwice", 4)
    assert admit_note("", LIMITS) == SetNote("")
    assert admit_note("👩‍👧 ok", LIMITS).note == "👩‍👧 ok"
    for wrong in ("x" * 501, "a\x00b", "\ud800"):
        assert refused(lambda wrong=wrong: admit_note(wrong, LIMITS)) == [("INVALID_NOTE", ("note",))]  # type: ignore[misc]
