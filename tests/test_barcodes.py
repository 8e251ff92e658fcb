"""Barcodes: check digits, canonical GTINs, in-store labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cart.codes import check_digit
from engine.pricing.barcodes import BarcodeError, Label, canonical_gtin, read_label
from engine.pricing.shop import LabelLayout
from engine.types import Currency

EUR = Currency("EUR")
WEIGHT = LabelLayout(("02", "21"), item=(2, 7), value=(7, 12), value_kind="weight", decimals=3)
PRICE = LabelLayout(("22",), item=(2, 7), value=(8, 12), value_kind="price", decimals=2, currency=EUR)
LAYOUTS = (WEIGHT, PRICE)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


def label(payload: str) -> str:
    return canonical_gtin(payload + check_digit(payload))


# Examples of the GS1 General Specifications and of well-known goods.
@pytest.mark.parametrize("gtin", ["4006381333931", "012345678905", "96385074", "10614141000415", "9780306406157"])
def test_known_barcodes(gtin: str) -> None:
    assert check_digit(gtin[:-1]) == gtin[-1]
    assert canonical_gtin(gtin) == gtin.zfill(14)


def test_a_upc_and_its_ean_form_are_the_same() -> None:
    assert canonical_gtin("012345678905") == canonical_gtin("0012345678905") == canonical_gtin("0 12345-67890 5")


@given(digits(12), st.integers(0, 12), st.integers(1, 9))
def test_every_wrong_digit_is_found(payload: str, at: int, off: int) -> None:
    right = payload + check_digit(payload)
    wrong = right[:at] + str((int(right[at]) + off) % 10) + right[at + 1 :]
    with pytest.raises(BarcodeError, match="the check digit of"):
        canonical_gtin(wrong)


@pytest.mark.parametrize(
    ("text", "message", "repair"),
    [
        ("4006381333932", "the check digit of `4006381333932` is 2, it should be 1", "compare it with the barcode"),
        ("12345678905", "`12345678905` has 11 digits, a barcode number has 8, 12, 13 or 14", "add the zeros"),
        ("123", "`123` has 3 digits, a barcode number has 8, 12, 13 or 14", ""),
        ("40063813339x1", "`40063813339x1` is not a barcode number", "write digits only"),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "`٤٠٠٦٣٨١٣٣٣٩٣١` is not a barcode number", "write digits only"),
        ("", "`` is not a barcode number", "write digits only"),
        ("1" * 5000, f"`{'1' * 32}…` has 5000 digits, a barcode number has 8, 12, 13 or 14", ""),
    ],
)
def test_faults_say_what_is_wrong_and_the_repair(text: str, message: str, repair: str) -> None:
    with pytest.raises(BarcodeError) as caught:
        canonical_gtin(text)
    assert caught.value.message == message
    assert caught.value.repair.startswith(repair)


def test_labels_carry_a_weight_or_a_price() -> None:
    assert read_label(label("210123400456"), LAYOUTS) == Label("01234", weight_thousandths=456)
    assert read_label(label("220123401299"), LAYOUTS) == Label("01234", price_minor=1299, currency=EUR)
    # A price verifier digit, marked X in the pattern, is passed over.
    assert read_label(label("220123471299"), LAYOUTS) == Label("01234", price_minor=1299, currency=EUR)


def test_a_label_of_twelve_digits_is_one_of_thirteen() -> None:
    assert read_label(label("20123400456"), LAYOUTS) == Label("01234", weight_thousandths=456)


def test_decimals_of_the_value_are_those_of_the_layout() -> None:
    tens = LabelLayout(("23",), (2, 7), (7, 12), "weight", decimals=2)
    assert read_label(label("230123400456"), [tens]) == Label("01234", weight_thousandths=4560)
    whole = LabelLayout(("24",), (2, 7), (7, 12), "price", decimals=1, currency=EUR)
    assert read_label(label("240123400456"), [whole]) == Label("01234", price_minor=4560, currency=EUR)


def test_what_is_no_label_is_none() -> None:
    assert read_label(label("400638133393"), LAYOUTS) is None
    assert read_label(label("290123400456"), LAYOUTS) is None  # no layout
    assert read_label(label("1210123400456"[:13]), LAYOUTS) is None  # 14 digits: a case, not a label


def test_a_label_of_nothing_is_refused() -> None:
    with pytest.raises(BarcodeError, match="carries a weight of zero"):
        read_label(label("210123400000"), LAYOUTS)
