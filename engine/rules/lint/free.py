"""Amounts off that leave nothing to pay, because no minimum spend keeps small carts out."""

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
"""So many products are tried, the cheapest first: an amount takes all of these before it takes all of others."""


def makes_free(context: Context) -> Iterator[Diagnostic]:
    """Find amounts off that by themselves take all that the smallest cart costs. Who writes ``100%`` means it."""
    for entry in context.entries:
        if isinstance(entry.promotion.benefit(), AmountOff | OrderAmountOff):
            found = next((each for sku in _cheapest(context, entry) if (each := _made_free(context, entry, sku))), None)
            if found is not None:
                line, currency = found.lines[0], found.currency
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


def _made_free(context: Context, entry: Entry, sku: Sku) -> Evaluation | None:
    """Return the smallest cart of a product in which the promotion applies, if it leaves nothing to pay there."""
    for quantity in QUANTITIES:
        evaluation = context.priced(context.rules(entry), [sku], quantity, [entry])
        if evaluation is None:
            return None
        if evaluation.discounts:
            return None if evaluation.totals.subtotal_minor else evaluation
    return None
