"""Two promotions that together take more off a product than the shop wants to give."""

from collections.abc import Hashable, Iterator
from itertools import combinations
from typing import Final

from engine.errors import Diagnostic
from engine.money import PERCENT_BP
from engine.pricing.evaluation import Target
from engine.rules.lint.audience import may_meet
from engine.rules.lint.context import QUANTITIES, Context, Entry
from engine.types import Sku

PRODUCTS_MAX: Final = 50
"""So many products that both discount are tried, those first on which the two take most by themselves."""


def stacks_high(context: Context) -> Iterator[Diagnostic]:
    """Find pairs that may meet on a product and take more than the configured share of its list price."""
    most_bp = context.stacks_above_bp
    if most_bp is None:
        return
    measure = _Measure(context)
    shares = {
        entry: {sku: bp for sku in sorted(context.target(entry.promotion)) if (bp := measure.share_bp((entry,), sku))}
        for entry in context.entries
    }
    by_product: dict[Sku, list[Entry]] = {}
    for entry, of_entry in shares.items():
        for sku in of_entry:
            by_product.setdefault(sku, []).append(entry)
    pairs: dict[tuple[Entry, Entry], list[tuple[int, Sku]]] = {}
    for sku, entries in by_product.items():
        for one, other in combinations(entries, 2):
            together_bp = shares[one][sku] + shares[other][sku]  # together they never take more than that
            if together_bp > most_bp:
                pairs.setdefault((one, other), []).append((-together_bp, sku))
    for (one, other), products in pairs.items():
        if may_meet(context, one.promotion, other.promotion):
            yield from _measured(measure, one, other, [sku for _, sku in sorted(products)[:PRODUCTS_MAX]], most_bp)


class _Measure:
    """Measures what promotions take off products, once for products that are alike to them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[tuple[Entry, ...], Hashable], int] = {}

    def share_bp(self, entries: tuple[Entry, ...], sku: Sku) -> int:
        """Return what promotions together take off, in basis points of the list price; 0 where they never meet."""
        key = (entries, self._context.likeness(sku, entries))
        if key not in self._known:
            self._known[key] = self._measured_bp(entries, sku)
        return self._known[key]

    def _measured_bp(self, entries: tuple[Entry, ...], sku: Sku) -> int:
        """Measure in the smallest cart in which all of them apply."""
        rules = self._context.rules(*entries)
        for quantity in QUANTITIES:
            evaluation = self._context.priced(rules, [sku], quantity, entries)
            if evaluation is None:
                return 0
            given = [discount for discount in evaluation.discounts if discount.target is not Target.DELIVERY]
            goods_minor = evaluation.totals.goods_minor
            if len(given) == len(entries) and goods_minor:
                return sum(discount.amount_minor for discount in given) * PERCENT_BP // goods_minor
        return 0


def _measured(measure: _Measure, one: Entry, other: Entry, skus: list[Sku], most_bp: int) -> Iterator[Diagnostic]:
    for sku in skus:
        together_bp = measure.share_bp((one, other), sku)
        if together_bp > most_bp:
            message = (
                f"`{one.promotion.id}` and `{other.promotion.id}` ({other.at}) together take"
                f" {percent(together_bp)} off `{sku}`, more than {percent(most_bp)}"
            )
            help_ = "put them into one lane that is not `stack`, or let one exclude the other"
            yield one.warn("stacks_high", message, "id", help=help_)
            return


def percent(basis_points: int) -> str:
    """Write basis points as people do: ``62.5%``."""
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02}".rstrip("0").rstrip(".") + "%"
