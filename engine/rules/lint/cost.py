"""Promotions that sell a product below what it cost."""

from collections.abc import Hashable, Iterator
from typing import NamedTuple

from engine.errors import Diagnostic
from engine.money import format_minor
from engine.pricing.evaluation import Target
from engine.rules.lint.context import QUANTITIES, Context, Entry
from engine.types import Currency, Sku


def below_cost(context: Context) -> Iterator[Diagnostic]:
    """Find promotions that by themselves take a product below its cost (`cost` in products.csv).

    One on the whole order is tried on carts of that product alone: in a mixed one each bears the same share of it.
    """
    costly = {sku for sku, product in context.shop.products.items() if product.cost_minor}
    for entry in context.entries:
        known: dict[Hashable, _Sold | None] = {}
        for sku in sorted(context.target(entry.promotion) & costly):
            alike = context.likeness(sku, [entry])
            sold = known[alike] if alike in known else known.setdefault(alike, _sold(context, entry, sku))
            cost_minor = context.shop.products[sku].cost_minor.get(sold.currency) if sold else None
            if sold is not None and cost_minor is not None and sold.minor < cost_minor * sold.quantity:
                message = (
                    f"`{entry.promotion.id}` sells {_goods(sku, sold)},"
                    f" below the cost of {format_minor(cost_minor * sold.quantity, sold.currency)} {sold.currency}"
                )
                yield entry.warn(
                    "below_cost", message, "give", help="leave the product out with `except`, or give less"
                )
                break  # one product shows it


class _Sold(NamedTuple):
    """What so many of a product cost together, less what a promotion takes off them."""

    quantity: int
    minor: int
    currency: Currency


def _goods(sku: Sku, sold: _Sold) -> str:
    number = f"{sold.quantity} of " if sold.quantity > 1 else ""
    return f"{number}`{sku}` at {format_minor(sold.minor, sold.currency)} {sold.currency}"


def _sold(context: Context, entry: Entry, sku: Sku) -> _Sold | None:
    """Return the smallest cart of a product in which the promotion takes something off it; None where it never does."""
    rules = context.rules(entry)
    for quantity in QUANTITIES:
        evaluation = context.priced(rules, [sku], quantity, [entry])
        if evaluation is None:
            return None
        if any(discount.target in (Target.ITEM, Target.ORDER) for discount in evaluation.discounts):
            line = evaluation.lines[0]
            left_minor = line.list_minor - line.discount_minor - line.order_discount_minor
            return _Sold(quantity, left_minor, evaluation.currency)
    return None
