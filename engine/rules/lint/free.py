"""Amounts off the whole cart that leave nothing to pay, because no minimum spend keeps small carts out."""

from collections.abc import Iterator
from typing import Final

from engine.errors import Diagnostic
from engine.money import format_minor
from engine.pricing.evaluation import Evaluation
from engine.rules.benefits.amount_off import AmountOff
from engine.rules.benefits.order_amount_off import OrderAmountOff
from engine.rules.lint.context import QUANTITIES, Context, Entry
from engine.types import Sku

PRODUCTS_MAX: Final = 20
"""So many products are tried, the cheapest first, until one can be had where the promotion holds."""


def makes_free(context: Context) -> Iterator[Diagnostic]:
    """Find amounts off all goods that by themselves take all that the smallest cart costs.

    Who writes ``100%`` means it, and so may who takes an amount off goods of their choice.
    """
    for entry in context.entries:
        benefit = entry.promotion.benefit()
        if not isinstance(benefit, AmountOff | OrderAmountOff) or getattr(benefit, "on", None) is not None:
            continue
        carts = (_smallest_cart(context, entry, sku) for sku in _cheapest(context, entry))
        cart = next((found for found in carts if found is not None), None)
        if cart is not None and not cart.totals.subtotal_minor:
            line, currency = cart.lines[0], cart.currency
            goods = f"{format_minor(line.list_minor, currency)} {currency} of `{line.sku}`"
            message = f"`{entry.promotion.id}` leaves nothing to pay on {goods}"
            help_ = "ask for a minimum with `when: {spend: {at_least: ...}}`, or give less"
            yield entry.warn("makes_free", message, "give", help=help_)


def _cheapest(context: Context, entry: Entry) -> list[Sku]:
    breaks = context.shop.prices.breaks
    lowest = {
        sku: min(min(prices) for _, prices in breaks[sku].values())
        for sku in context.target(entry.promotion)
        if sku in breaks
    }
    return sorted(lowest, key=lambda sku: (lowest[sku], sku))[:PRODUCTS_MAX]


def _smallest_cart(context: Context, entry: Entry, sku: Sku) -> Evaluation | None:
    """Return the smallest cart of a product in which the promotion applies, None where there is none."""
    for quantity in QUANTITIES:
        evaluation = context.priced(context.rules(entry), [sku], quantity, [entry])
        if evaluation is None:
            return None
        if evaluation.discounts:
            return evaluation
    return None
