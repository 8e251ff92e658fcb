"""Promotions that never win, because another one of their lane always goes before them."""

from collections.abc import Iterator
from typing import Final

from engine.errors import Diagnostic
from engine.rules.lint.audience import covers
from engine.rules.lint.context import QUANTITIES, Context, Entry
from engine.rules.model import LaneMode
from engine.types import Sku

MORE_QUANTITIES: Final = (2, 3, 5, 7, 10, 1000)
"""Beside the usual ones: to tell two promotions apart, every step counts, and where a cap cuts one of them."""
PRODUCTS_MAX: Final = 200
"""So many products are tried one by one, and as many together."""


def beaten(context: Context) -> Iterator[Diagnostic]:
    """Find promotions of a lane where one wins that another one always goes before, on all that they discount."""
    lanes = [lane for lane in context.lanes if lane.mode is not LaneMode.STACK]
    for lane in lanes:
        rank = sorted(
            (entry for entry in context.entries if entry.promotion.lane_name() == lane.name),
            key=lambda entry: (-entry.promotion.priority, entry.promotion.id),
        )
        for place, entry in enumerate(rank):
            before = rank[:place] if lane.mode is LaneMode.FIRST else [*rank[:place], *rank[place + 1 :]]
            winner = next((other for other in before if _always_wins(context, other, entry, lane.mode)), None)
            if winner is not None:
                why = "always goes first" if lane.mode is LaneMode.FIRST else "is never worse"
                message = (
                    f"`{entry.promotion.id}` never wins: `{winner.promotion.id}` ({winner.at}) of the same lane {why}"
                    " on all goods that it discounts"
                )
                help_ = "give it a higher priority, other goods, or take it out"
                yield entry.warn("always_beaten", message, "id", help=help_)


def _always_wins(context: Context, winner: Entry, loser: Entry, mode: LaneMode) -> bool:
    goods = context.target(loser.promotion)
    if not goods or not covers(context, winner.promotion, loser.promotion):
        return False
    if not goods <= context.target(winner.promotion):
        return False
    trials = _trials(context, goods, winner, loser)
    compared = [pair for skus in trials for pair in _compared(context, winner, loser, skus)]
    gains = [(mine, other) for mine, other in compared if other]
    if mode is LaneMode.FIRST:
        return bool(gains) and all(mine for mine, _ in gains)
    # Of equals the one that goes first wins; the other one is then told of in its own turn.
    is_first = (-winner.promotion.priority, winner.promotion.id) < (-loser.promotion.priority, loser.promotion.id)
    return bool(gains) and all(mine > other or (is_first and mine == other) for mine, other in gains)


def _trials(context: Context, goods: frozenset[Sku], *entries: Entry) -> list[list[Sku]]:
    """Return carts to try: each product by itself, and all together; of products that are alike only one."""
    unlike = {context.likeness(sku, entries): sku for sku in sorted(goods, reverse=True)}
    listed = sorted(unlike.values())
    spaced = listed[:: -(-len(listed) // PRODUCTS_MAX)]
    return [*([sku] for sku in spaced), spaced]


def _compared(context: Context, winner: Entry, loser: Entry, skus: list[Sku]) -> Iterator[tuple[int, int]]:
    """Yield what each gives alone, for several quantities."""
    rules = [context.rules(winner), context.rules(loser)]
    for quantity in (*QUANTITIES, *MORE_QUANTITIES):
        evaluations = [context.priced(alone, skus, quantity, [winner, loser]) for alone in rules]
        given = [evaluation.totals.discounts_minor for evaluation in evaluations if evaluation is not None]
        if len(given) == len(evaluations):
            yield given[0], given[1]
