"""Promotions that are never active again."""

from collections.abc import Iterator

from engine.errors import Diagnostic
from engine.rules.lint.context import Context
from engine.rules.window import iso


def ended(context: Context) -> Iterator[Diagnostic]:
    """Find windows that are in the past, in every store."""
    for entry in context.entries:
        ends = [window.until_ms for window in context.windows(entry.promotion)]
        last = max((end for end in ends if end is not None), default=None)
        if last is not None and None not in ends and last <= context.as_of_ms:
            message = f"`{entry.promotion.id}` ended {iso(last)[:10]}: it never applies again"
            yield entry.warn("window_past", message, "active", "until", help="take it out, or give it a later `until`")


def never_open(context: Context) -> Iterator[Diagnostic]:
    """Find windows that lie ahead while none of their hours do."""
    for entry in context.entries:
        windows = context.windows(entry.promotion)
        active = entry.promotion.active
        if not (active.weekly or active.except_days) or not windows:
            continue
        ahead = [window for window in windows if window.until_ms is None or window.until_ms > context.as_of_ms]
        if ahead and all(window.opens_ms(context.as_of_ms) is None for window in ahead):
            message = f"`{entry.promotion.id}` is never open: none of its hours lie between `from` and `until`"
            key = "weekly" if active.weekly else "except_days"
            yield entry.warn("never_open", message, "active", key, help="check the days against the dates")
