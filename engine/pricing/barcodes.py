"""Barcodes: check digits, one form for every GTIN, and the labels that a shop prints itself.

Source: GS1 General Specifications. Section 7.9: the check digit. Application identifier (01): GTIN-8, -12, -13 and -14
are one number in a field of 14 digits, padded with zeros on the left. The table of GS1 Prefixes: 02 and 20 to 29 are
for restricted circulation, each country or shop decides what the digits mean. The price verifier digit that some
layouts have (section 7.9 too) is passed over: the check digit of the whole already guards the scan.

UPC-E (six digits behind zero suppression) must be expanded by the scanner: as text it cannot be told from a GTIN-8.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.cart.codes import check_digit
from engine.money import exponent_of
from engine.pricing.shop import LabelLayout
from engine.types import Currency

GTIN_LENGTHS = (8, 12, 13, 14)
CANONICAL_LENGTH = 14
LABEL_LENGTH = 13
LABEL_PREFIXES = ("02", *(str(prefix) for prefix in range(20, 30)))
"""What a shop's own labels may start with; a 12-digit label that starts with 2 is one of 13 that starts with 02."""
_WEIGHT_DECIMALS = 3


class BarcodeError(ValueError):
    """A barcode that cannot be one: what is wrong with it, and the likely repair."""

    def __init__(self, message: str, repair: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.repair = repair


@dataclass(frozen=True, slots=True)
class Label:
    """What an in-store label says: which item, and either its weight or its price.

    ``weight_thousandths`` is of the product's unit; ``price_minor`` is what the pack costs, in ``currency``.
    """

    item: str
    weight_thousandths: int | None = None
    price_minor: int | None = None
    currency: Currency | None = None


def canonical_gtin(text: str) -> str:
    """Return a GTIN of 8, 12, 13 or 14 digits as 14 digits, so that a UPC-A and its EAN-13 form are the same.

    Spaces and hyphens are passed over. Raises `BarcodeError` for another length, another character or a wrong check
    digit.
    """
    digits = text.replace(" ", "").replace("-", "")
    shown = text if len(text) <= 32 else text[:32] + "…"
    if not digits or not digits.isascii() or not digits.isdigit():
        raise BarcodeError(f"`{shown}` is not a barcode number", "write digits only")
    if len(digits) not in GTIN_LENGTHS:
        raise BarcodeError(
            f"`{shown}` has {len(digits)} digits, a barcode number has 8, 12, 13 or 14",
            "add the zeros on the left that a spreadsheet takes away" if len(digits) in {7, 10, 11} else "",
        )
    right = check_digit(digits[:-1])
    if digits[-1] != right:
        raise BarcodeError(
            f"the check digit of `{shown}` is {digits[-1]}, it should be {right}",
            f"compare it with the barcode; with these digits it would end in {right}",
        )
    return digits.zfill(CANONICAL_LENGTH)


def read_label(gtin: str, layouts: Iterable[LabelLayout]) -> Label | None:
    """Read an in-store label from its canonical 14 digits; None where no layout is for its prefix.

    Raises `BarcodeError` for a label that carries a weight or price of zero.
    """
    digits = gtin[CANONICAL_LENGTH - LABEL_LENGTH :]
    if gtin[0] != "0" or not digits.startswith(LABEL_PREFIXES):
        return None
    layout = next((layout for layout in layouts if digits.startswith(layout.prefixes)), None)
    if layout is None:
        return None
    item, value = digits[slice(*layout.item)], int(digits[slice(*layout.value)])
    if value == 0:
        raise BarcodeError(f"the label `{digits}` carries a {layout.value_kind} of zero", "weigh the pack again")
    if layout.value_kind == "price" and layout.currency is not None:
        return Label(
            item,
            price_minor=value * 10 ** (exponent_of(layout.currency) - layout.decimals),
            currency=layout.currency,
        )
    return Label(item, weight_thousandths=value * 10 ** (_WEIGHT_DECIMALS - layout.decimals))
