"""Limits that limit nothing, because another one is reached first."""

from collections.abc import Iterator

from engine.errors import Diagnostic
from engine.rules.lint.context import Context


def never_reached(context: Context) -> Iterator[Diagnostic]:
    """Find limits by customer, store, day or code that are not below the limit of all orders."""
    for entry in context.entries:
        limits = entry.promotion.limits
        if limits is None or limits.total is None:
            continue
        for key in ("per_customer", "per_store", "per_day", "per_code"):
            ceiling = getattr(limits, key)
            if ceiling is not None and ceiling >= limits.total:
                message = f"`{key}: {ceiling}` is never reached: after {limits.total} orders in all it is over"
                yield entry.warn("limit_never_reached", message, "limits", key, help="lower it, or leave it out")


def budget_of_one_cart(context: Context) -> Iterator[Diagnostic]:
    """Find budgets that are smaller than what one cart may get: unless it is given in part, it may never be spent."""
    for entry in context.entries:
        limits, at_most = entry.promotion.limits, entry.promotion.benefit().at_most
        if limits is None or limits.budget is None or limits.partial or at_most is None:
            continue
        if any(minor < at_most.get(currency, 0) for currency, minor in limits.budget.items()):
            message = "the budget is smaller than what `at_most` lets one cart have, which then gets nothing"
            yield entry.warn("budget_below_cap", message, "limits", "budget", help="raise it, or add `partial: true`")
