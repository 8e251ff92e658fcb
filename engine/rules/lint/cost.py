"""Promotions that sell a product below what it cost."""

from collections.abc import Hashable, Iterator

from engine.errors import Diagnostic
from engine.money import format_minor
from engine.pricing.evaluation import Target
from engine.rules.lint.context import QUANTITIES, Context, Entry
from engine.types import Currency, Sku


def below_cost(context: Context) -> Iterator[Diagnostic]:
    """Find promotions that by themselves take a product below its cost (`cost` in products.csv)."""
    costly = {sku for sku, product in context.shop.products.items() if product.cost_minor}
    for entry in context.entries:
        known: dict[Hashable, tuple[int, Currency] | None] = {}
        for sku in sorted(context.target(entry.promotion) & costly):
            alike = context.likeness(sku, [entry])
            price = known[alike] if alike in known else known.setdefault(alike, _price(context, entry, sku))
            cost_minor = context.shop.products[sku].cost_minor.get(price[1]) if price else None
            if price is not None and cost_minor is not None and price[0] < cost_minor:
                price_minor, currency = price
                message = (
                    f"`{entry.promotion.id}` sells `{sku}` at {format_minor(price_minor, currency)} {currency},"
                    f" below its cost of {format_minor(cost_minor, currency)} {currency}"
                )
                yield entry.warn(
                    "below_cost", message, "give", help="leave the product out with `except`, or give less"
                )
                break  # one product shows it


def _price(context: Context, entry: Entry, sku: Sku) -> tuple[int, Currency] | None:
    """Return what a unit costs in the smallest cart in which the promotion applies; None where it never does."""
    rules = context.rules(entry)
    for quantity in QUANTITIES:
        evaluation = context.priced(rules, [sku], quantity, [entry])
        if evaluation is None:
            return None
        if any(discount.target is Target.ITEM for discount in evaluation.discounts):
            line = evaluation.lines[0]
            return (line.list_minor - line.discount_minor) // quantity, evaluation.currency
    return None
