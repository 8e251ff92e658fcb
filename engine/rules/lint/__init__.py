"""Warnings about rules that load and yet cannot be what their author meant: one small function for each."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from engine.errors import Diagnostic, in_order
from engine.pricing.shop import Shop
from engine.rules.check import ParsedFile
from engine.rules.lint import codes, combinations, cost, free, limits, never, rivals, stacking, windows
from engine.rules.lint.context import Context
from engine.types import InstantMs

WARNINGS: Final[tuple[Callable[[Context], Iterator[Diagnostic]], ...]] = (
    windows.ended,
    windows.never_open,
    never.selects_nothing,
    never.selects_regulated,
    never.sold_nowhere,
    never.for_nobody,
    never.contradiction,
    rivals.beaten,
    stacking.stacks_high,
    cost.below_cost,
    free.makes_free,
    codes.used_twice,
    codes.look_alikes,
    combinations.one_sided,
    combinations.unknown_tags,
    limits.never_reached,
    limits.budget_of_one_cart,
)


def lint(
    files: Sequence[ParsedFile], shop: Shop, as_of_ms: InstantMs, stacks_above_bp: int | None = None
) -> tuple[Diagnostic, ...]:
    """Return every warning about files that load, in the order of their places.

    `as_of_ms` is now, for what is past; `stacks_above_bp` is what two promotions together may take off a product, in
    basis points of its list price, None to leave that alone.
    """
    context = Context(files, shop, as_of_ms, stacks_above_bp)
    return in_order(warning for find in WARNINGS for warning in find(context))
