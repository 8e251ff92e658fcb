"""Whom a promotion reaches, compared with another: all whom the other one reaches, or at least somebody of them."""

from typing import Final

from engine.rules.lint.context import Context
from engine.rules.model import Promotion
from engine.rules.window import DAYS, Hours, Window

WHO_AND_WHAT: Final = frozenset(
    {"id", "label", "priority", "hidden", "lane", "active", "channels", "stores", "customers", "codes", "codes_from"}
    | {"when", "give", "examples", "tags"}
)
"""Fields of a promotion that are compared here by their meaning, or decide nothing; all others must be equal."""


def covers(context: Context, wide: Promotion, narrow: Promotion) -> bool:
    """Say whether `wide` holds whenever and wherever `narrow` does. False where that cannot be told."""
    others = [name for name in Promotion.model_fields if name not in WHO_AND_WHAT]
    return (
        _all_of(wide.channels, narrow.channels)
        and _all_of(wide.stores, narrow.stores)
        and (wide.customers is None or wide.customers == narrow.customers)
        and _all_of(wide.codes, narrow.codes)
        and (wide.when is None or wide.when == narrow.when)
        and all(getattr(wide, name) == getattr(narrow, name) for name in others)
        and all(map(_window_covers, context.windows(wide), context.windows(narrow)))
    )


def may_meet(context: Context, one: Promotion, other: Promotion) -> bool:
    """Say whether one shopper may get both at once."""
    return (
        bool(context.places([one, other]))
        and (one.customers is None or other.customers is None or _some_of(one.customers.tiers, other.customers.tiers))
        and any(map(_windows_meet, context.windows(one), context.windows(other)))
    )


def _all_of(wide: tuple[str, ...] | None, narrow: tuple[str, ...] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def _some_of(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> bool:
    return one is None or other is None or not set(one).isdisjoint(other)


def _window_covers(wide: Window, narrow: Window) -> bool:
    begins = wide.from_ms is None or (narrow.from_ms is not None and wide.from_ms <= narrow.from_ms)
    ends = wide.until_ms is None or (narrow.until_ms is not None and narrow.until_ms <= wide.until_ms)
    days = wide.except_days <= narrow.except_days
    return begins and ends and days and (wide.weekly is None or wide.weekly == narrow.weekly)


def _windows_meet(one: Window, other: Window) -> bool:
    def ends_first(earlier: Window, later: Window) -> bool:
        return earlier.until_ms is not None and later.from_ms is not None and earlier.until_ms <= later.from_ms

    return not ends_first(one, other) and not ends_first(other, one) and _hours_meet(one.weekly, other.weekly)


def _hours_meet(one: tuple[Hours, ...] | None, other: tuple[Hours, ...] | None) -> bool:
    """Two sets of hours share a minute exactly if one of them begins during the other."""
    if one is None or other is None:
        return True
    return _begins_during(one, other) or _begins_during(other, one)


def _begins_during(beginning: tuple[Hours, ...], running: tuple[Hours, ...]) -> bool:
    return any(
        hours.cover(DAYS.index(day), start.from_) for start in beginning for day in start.days for hours in running
    )
