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
    """Return the price under which nobody applies beside a rival: the first of the lowest among the first eight ways.

    Points that lower it cost the shopper what they are worth.
    """
    ways = islice(_ways({}, set(), price_without, rules), WAYS_MOST)
    return min(ways, key=lambda each: each.totals["total"] + each.totals["points_discount"])


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
        yield _let_in(losers, priced, price_without, rules)
    else:
        yield from _ways(losers | dict.fromkeys(its_rivals, favourite), tried, price_without, rules)
        yield from _ways(losers | {favourite: its_rivals[0]}, tried, price_without, rules)


def _let_in(losers: Losers, priced: Priced, price_without: Callable[[Losers], Priced], rules: Rules) -> Priced:
    """Let those back in, one after the other, who gave way to somebody who does not apply himself.

    Who has another rival among those that apply stays out, and gives way to the first of them in the order of lanes.
    """
    applied = {promotion.id for promotion in _applied(priced, rules)}
    lost = [promotion for promotion in rules.promotions if promotion.id in losers]
    waiting = [promotion for promotion in _by_priority(lost, rules) if losers[promotion.id] not in applied]
    for promotion in waiting:
        its_rivals = [each.id for each in _applied(priced, rules) if _are_rivals(promotion, each)]
        if its_rivals:
            losers = {**losers, promotion.id: its_rivals[0]}
            continue
        fewer = {loser: winner for loser, winner in losers.items() if loser != promotion.id}
        with_it = price_without(fewer)
        if _first_with_rivals(with_it, rules)[0] is None:
            losers, priced = fewer, with_it
    return price_without(losers) if waiting else priced


def _first_with_rivals(priced: Priced, rules: Rules) -> tuple[str | None, list[str]]:
    """Return which of the promotions that applied goes first among those that have rivals, and these."""
    applied = _by_priority(_applied(priced, rules), rules)
    for place, favourite in enumerate(applied):
        its_rivals = [other.id for other in applied[place + 1 :] if _are_rivals(favourite, other)]
        if its_rivals:
            return favourite.id, its_rivals
    return None, []


def _applied(priced: Priced, rules: Rules) -> list[Promotion]:
    """Return who applied, in the order in which lanes run."""
    applied = [each for each in rules.promotions if priced.outcomes[each.id].code in ("applied", "capped")]
    return sorted(applied, key=lambda each: (_lane_place(each, rules), -each.priority, each.id))


def _by_priority(promotions: list[Promotion], rules: Rules) -> list[Promotion]:
    """Put promotions in the order in which rivals are asked: over all lanes, priority goes first."""
    return sorted(promotions, key=lambda each: (-each.priority, _lane_place(each, rules), each.id))


def _lane_place(promotion: Promotion, rules: Rules) -> int:
    return [name for name, _ in rules.lanes].index(lane_of(promotion))


def _are_rivals(one: Promotion, other: Promotion) -> bool:
    return _forbids(one, other) or _forbids(other, one)


def _forbids(promotion: Promotion, other: Promotion) -> bool:
    """Say whether a promotion, as it is written, keeps the other one away."""
    tags = other.tags or ()
    return (
        promotion.exclusive
        or any(tag in tags for tag in promotion.excludes or ())
        or (promotion.combines_with is not None and not any(tag in tags for tag in promotion.combines_with))
    )
