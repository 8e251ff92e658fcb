"""Tax, after discounts: contained in an amount, or on top of it.

A taxed amount is one line, fee or delivery share. Rounding is per amount (``line``), or once on the sum at each rate
(``rate``) with the parts then falling on the amounts by largest remainder, so that they sum to what a receipt shows.
"""

from collections.abc import Sequence

from engine.money import RATE_PPM, allocate, ratio_of
from engine.pricing.evaluation import TaxAmount
from engine.types import record


@record
class Taxable:
    """An amount to tax."""

    category: str
    rate_ppm: int
    included: bool
    amount_minor: int


def taxes_of(amounts: Sequence[Taxable], rounding: str) -> list[int]:
    """Return the tax of each amount, in minor units."""
    if rounding == "line":
        return [_tax_minor(amount.amount_minor, amount.rate_ppm, included=amount.included) for amount in amounts]
    taxes = [0] * len(amounts)
    for rate_ppm, included in sorted({(amount.rate_ppm, amount.included) for amount in amounts}):
        places = [i for i, amount in enumerate(amounts) if (amount.rate_ppm, amount.included) == (rate_ppm, included)]
        weights = [amounts[i].amount_minor for i in places]
        tax_minor = _tax_minor(sum(weights), rate_ppm, included=included)
        for i, part in zip(places, allocate(tax_minor, weights) if tax_minor else [0] * len(places), strict=True):
            taxes[i] = part
    return taxes


def summary(amounts: Sequence[Taxable], taxes: Sequence[int]) -> tuple[TaxAmount, ...]:
    """Return base and tax by category and rate, as receipts show them."""
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for amount, tax_minor in zip(amounts, taxes, strict=True):
        key = (amount.category, amount.rate_ppm)
        base, tax = sums.get(key, (0, 0))
        net = amount.amount_minor - tax_minor if amount.included else amount.amount_minor
        sums[key] = (base + net, tax + tax_minor)
    return tuple(TaxAmount(category, rate, base, tax) for (category, rate), (base, tax) in sorted(sums.items()))


def _tax_minor(amount_minor: int, rate_ppm: int, *, included: bool) -> int:
    return ratio_of(amount_minor, rate_ppm, RATE_PPM + rate_ppm if included else RATE_PPM)
