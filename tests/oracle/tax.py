"""Tax after discounts, for the oracle."""

from dataclasses import dataclass
from fractions import Fraction

from tests.oracle.arith import rounded, share_out
from tests.oracle.cart import Cart, Delivery


@dataclass
class Part:
    """An amount that is taxed at one rate. `owner` is the line, delivery or fee it belongs to."""

    owner: tuple[str, ...]
    category: str
    amount_minor: int
    included: bool
    rate: Fraction
    tax_minor: int = 0


@dataclass(frozen=True)
class Taxes:
    parts: list[Part]

    def of(self, *owner: str) -> int:
        """Return the tax on a line, delivery or fee."""
        return sum(part.tax_minor for part in self.parts if part.owner == owner)

    def by_category(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Return (base without tax, tax) by category and rate in millionths."""
        sums: dict[tuple[str, int], tuple[int, int]] = {}
        for part in self.parts:
            key = part.category, int(part.rate * 1_000_000)
            base, tax = sums.get(key, (0, 0))
            net = part.amount_minor - part.tax_minor if part.included else part.amount_minor
            sums[key] = base + net, tax + part.tax_minor
        return sums


def tax_of(cart: Cart, tax_rounding: str) -> Taxes:
    """Tax what goods, delivery and fees cost after discounts, rounded by each of them or once at each rate."""
    parts = _parts(cart)
    if tax_rounding == "line":
        for part in parts:
            part.tax_minor = _tax(part.amount_minor, part.rate, included=part.included)
    else:
        for rate, included in {(part.rate, part.included) for part in parts}:
            same = [part for part in parts if (part.rate, part.included) == (rate, included)]
            amounts = [part.amount_minor for part in same]
            whole_tax = _tax(sum(amounts), rate, included=included)
            for part, share in zip(same, share_out(whole_tax, amounts), strict=True):
                part.tax_minor = share
    return Taxes(parts)


def _tax(amount_minor: int, rate: Fraction, *, included: bool) -> int:
    return rounded(amount_minor * rate / (1 + rate) if included else amount_minor * rate)


def _parts(cart: Cart) -> list[Part]:
    """Return all that is taxed: lines by id, deliveries by method, place and slot, fees as chosen."""
    country = cart.country

    def rate(category: str) -> Fraction:
        return Fraction(country.rates_ppm[category], 1_000_000)

    parts = [
        Part(
            ("line", line.id),
            line.product.tax_category,
            line.current_minor,
            line.tax_included,
            rate(line.product.tax_category),
        )
        for line in [*cart.goods, *cart.gifts]
    ]
    for delivery in cart.deliveries:
        for category, amount in _by_category(delivery, country.delivery):
            parts.append(Part(("delivery", *delivery.key), category, amount, country.included, rate(category)))
    for fee in cart.fees:
        category = fee.tax_category
        parts.append(Part(("fee", fee.fee), category, fee.current_minor, country.included, rate(category)))
    return parts


def _by_category(delivery: Delivery, taxed_as: str) -> list[tuple[str, int]]:
    """Return the parts of a delivery fee by tax category: one, or as its goods share it."""
    if taxed_as != "goods":
        return [(taxed_as, delivery.current_minor)]
    categories = sorted({line.product.tax_category for line in delivery.lines})
    of_category = [[line for line in delivery.lines if line.product.tax_category == each] for each in categories]
    cost = [sum(line.current_minor for line in lines) for lines in of_category]
    list_cost = [sum(line.list_minor for line in lines) for lines in of_category]
    count = [len(lines) for lines in of_category]
    weights = next(each for each in (cost, list_cost, count) if sum(each))
    return list(zip(categories, share_out(delivery.current_minor, weights), strict=True))
