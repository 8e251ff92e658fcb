"""Exact arithmetic: money in whole minor units, fractions on the way, one rounding at the end."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

# ISO 4217: currencies whose minor unit is not a hundredth.
_DECIMALS = {
    **dict.fromkeys(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"], 0),
    **dict.fromkeys(["VUV", "XAF", "XOF", "XPF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}


def minor(text: str | Decimal, currency: str) -> int:
    """Return a decimal amount in minor units: ``4.90`` EUR is 490."""
    return whole(Fraction(text) * 10 ** _DECIMALS.get(currency, 2))


def thousandths(text: str | Decimal) -> int:
    """Return a decimal in thousandths: ``1.5`` is 1500."""
    return whole(Fraction(text) * 1000)


def ppm(percent: str) -> int:
    """Return a percentage in millionths: ``5.5%`` is 55000."""
    return whole(Fraction(percent.strip().removesuffix("%").strip()) * 10_000)


def whole(value: Fraction) -> int:
    """Return a fraction that must be a whole number."""
    assert value.denominator == 1, value
    return value.numerator


def rounded(value: Fraction, mode: str = "half_up") -> int:
    """Return the nearest whole number; `mode` decides exact halves."""
    assert value >= 0
    below = value.numerator // value.denominator
    rest = value - below
    if rest < Fraction(1, 2):
        return below
    if rest > Fraction(1, 2):
        return below + 1
    return {"half_up": below + 1, "half_down": below, "half_even": below + below % 2}[mode]


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights` by largest remainder.

    Everybody gets the whole part of their exact share. What is missing goes, one by one, to those with the largest
    remainders; a tie goes to the larger weight, then to the earlier place.
    """
    if total == 0:
        return [0] * len(weights)
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    waiting = sorted(range(len(weights)), key=lambda place: (parts[place] - exact[place], -weights[place], place))
    for place in waiting[: total - sum(parts)]:
        parts[place] += 1
    return parts
