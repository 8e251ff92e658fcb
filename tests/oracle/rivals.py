"""Promotions that do not go together, for the oracle: every way to be rid of the rivals is priced whole."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tests.oracle.rules import lane_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.rules.model import Promotion
    from tests.oracle.price import Priced
    from tests.oracle.rules import Rules

WAYS_MOST = 8
Losers = dict[str, str]
"""Who may not apply, by whom it gives way to."""


def cheapest(price_without: Callable[[Losers], Priced], rules: Rules) -> Priced:
    """Return the price under which nobody applies beside a rival: the first of the lowest among the first eight ways."""
    return min(islice(_ways({}, set(), price_without, rules), WAYS_MOST), key=lambda each: each.totals["total"])


def _ways(
    losers: Losers, tried: set[frozenset[str]], price_without: Callable[[Losers], Priced], rules: Rules
) -> Iterator[Priced]:
    """Yield all prices without a conflict: first those that keep what has priority and drop its rivals."""
    if frozenset(losers) in tried:
        return
    tried.add(frozenset(losers))
    priced = price_without(losers)
    favourite, its_rivals = _first_with_rivals(priced, rules)
    if favourite is None:
        yield priced
    else:
        yield from _ways(losers | dict.fromkeys(its_rivals, favourite), tried, price_without, rules)
        yield from _ways(losers | {favourite: its_rivals[0]}, tried, price_without, rules)


def _first_with_rivals(priced: Priced, rules: Rules) -> tuple[str | None, list[str]]:
    """Return which of the promotions that applied goes first among those that have rivals, and these."""
    lanes = [lane for lane, _ in rules.lanes]
    applied = [each for each in rules.promotions if priced.outcomes[each.id].code in ("applied", "capped")]
    applied.sort(key=lambda each: (-each.priority, lanes.index(lane_of(each)), each.id))
    for place, favourite in enumerate(applied):
        its_rivals = [
            other.id for other in applied[place + 1 :] if _forbids(favourite, other) or _forbids(other, favourite)
        ]
        if its_rivals:
            return favourite.id, its_rivals
    return None, []


def _forbids(promotion: Promotion, other: Promotion) -> bool:
    """Say whether a promotion, as it is written, keeps the other one away."""
    tags = other.tags or ()
    return (
        promotion.exclusive
        or any(tag in tags for tag in promotion.excludes or ())
        or (promotion.combines_with is not None and not any(tag in tags for tag in promotion.combines_with))
    )
