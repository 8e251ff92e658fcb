"""Money as integer minor units, and the only two functions that round: `ratio_of` and `allocate`.

Amounts are ``int`` in the minor unit of one currency (cents for EUR, yen for JPY, fils for KWD).
Discount percentages are basis points (20 % = 2000), tax rates parts per million (8.875 % = 88750).
No float is used on the way.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

from engine.types import Currency

PERCENT_BP: Final = 10_000
"""The whole, in basis points."""
RATE_PPM: Final = 1_000_000
"""The whole, in parts per million."""
AMOUNT_MINOR_MAX: Final = 10**13
"""No single amount in a file or a request may exceed this: sums and products then stay far below 2**63."""

# ISO 4217: every currency whose minor unit is not a hundredth.
_EXPONENTS: Final[dict[str, int]] = {
    **{code: 0 for code in "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()},  # noqa: C420, SIM905
    **{code: 3 for code in "BHD IQD JOD KWD LYD OMR TND".split()},  # noqa: C420, SIM905 - a table reads best as one
    **{code: 4 for code in "CLF UYW".split()},  # noqa: C420, SIM905
}


class Rounding(StrEnum):
    """What happens to exactly half a minor unit."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    HALF_DOWN = "half_down"


def exponent_of(currency: Currency) -> int:
    """Return the number of decimals of a currency's minor unit (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


def ratio_of(amount: int, num: int, den: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """Return ``amount * num / den`` as whole units, halves as `rounding` says.

    Halves are decided on the magnitude, so that a negative amount rounds like its positive twin.
    `den` must be positive.
    """
    product = amount * num
    if product >= 0 and rounding is Rounding.HALF_UP:
        return (2 * product + den) // (2 * den)  # what nearly every call comes to
    quotient, remainder = divmod(abs(product), den)
    twice = remainder * 2
    if twice > den or (
        twice == den and (rounding is Rounding.HALF_UP or (rounding is Rounding.HALF_EVEN and quotient % 2 == 1))
    ):
        quotient += 1
    return -quotient if product < 0 else quotient


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights`; the parts always sum to `total` (largest remainder).

    A tie between remainders goes to the larger weight, then to the earlier place, so callers pass weights in
    the canonical order of line ids. A part never exceeds its weight while ``total <= sum(weights)``.

    Raises ``ValueError`` for a negative total or weight, or when there is something to split and nothing to
    split it over.
    """
    whole = sum(weights)
    if total < 0 or min(weights, default=0) < 0:
        raise ValueError(f"cannot allocate {total} over {list(weights)}: amounts must not be negative")
    if total == 0:
        return [0] * len(weights)
    if whole == 0:
        raise ValueError(f"cannot allocate {total} over nothing")
    parts = [total * weight // whole for weight in weights]
    missing = total - sum(parts)
    if missing:
        # The remainder, then the weight, as one number: a sort that is stable leaves equals in their order.
        ranks = [total * weight % whole * (whole + 1) + weight for weight in weights]
        for i in sorted(range(len(weights)), key=ranks.__getitem__, reverse=True)[:missing]:
            parts[i] += 1
    return parts


def parse_amount(text: str, currency: Currency) -> int:
    """Read ``"12.30"`` as minor units of `currency`.

    Raises ``ValueError`` with what was expected: not a plain decimal, more decimals than the currency has, or
    larger than `AMOUNT_MINOR_MAX`.
    """
    exponent = exponent_of(currency)
    amount_minor = _scaled(text, exponent)
    if amount_minor is None:
        example = "12" if exponent == 0 else "12." + "34567"[:exponent]
        raise ValueError(f"`{text}` is not an amount in {currency}: expected a number such as {example}")
    if abs(amount_minor) > AMOUNT_MINOR_MAX:
        raise ValueError(f"`{text}` is too large: at most {format_minor(AMOUNT_MINOR_MAX, currency)}")
    return amount_minor


@lru_cache(maxsize=16_384)  # the amounts of a shop are few, and an answer has a hundred of them
def format_minor(amount_minor: int, currency: Currency) -> str:
    """Write minor units as a plain decimal: ``1230`` EUR is ``"12.30"``."""
    exponent = exponent_of(currency)
    sign, digits = "-" if amount_minor < 0 else "", str(abs(amount_minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"


def parse_percent_bp(text: str) -> int:
    """Read ``"20%"`` or ``"12.5 %"`` as basis points. Raises ``ValueError`` unless within 0 to 100 %."""
    return _parse_percent(text, 2, PERCENT_BP)


def parse_rate_ppm(text: str) -> int:
    """Read a tax rate such as ``"8.875%"`` as parts per million. Raises ``ValueError`` unless within 0 to 100 %."""
    return _parse_percent(text, 4, RATE_PPM)


def _parse_percent(text: str, decimals: int, whole: int) -> int:
    stripped = text.strip()
    value = _scaled(stripped.removesuffix("%").strip(), decimals) if stripped.endswith("%") else None
    if value is None:
        raise ValueError(
            f"`{text}` is not a percentage: expected a number and a % sign, with at most {decimals} decimals"
        )
    if not 0 <= value <= whole:
        raise ValueError(f"`{text}` is outside 0% to 100%")
    return value


# Not `Decimal`: that takes `1_000`, `1e3` and digits of other scripts, and rounds beyond its context's precision.
_PLAIN_DECIMAL = re.compile(r"([+-]?)([0-9]{0,20})(?:\.([0-9]{0,20}))?")


def _scaled(text: str, decimals: int) -> int | None:
    """Return the decimal `text` times ``10**decimals`` if that is a whole number, else None."""
    match = _PLAIN_DECIMAL.fullmatch(text.strip())
    if match is None:
        return None
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if not (whole or fraction) or fraction[decimals:].strip("0"):
        return None
    magnitude = int(whole + fraction[:decimals].ljust(decimals, "0") or "0")
    return -magnitude if sign == "-" else magnitude
