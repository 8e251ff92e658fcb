"""What Panier finds out of customers by itself: the orders that they place, and their points."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.cart.model import Facts
from engine.types import InstantMs


@dataclass(frozen=True, slots=True)
class History:
    """What became of a customer here; ``version`` goes up with every change.

    ``orders`` are those that were not cancelled, None where there never was one; ``orders_since_told`` those of them
    that were placed after the customer's record was last written. ``tier`` is empty and ``points`` None without an
    account.
    """

    version: int
    orders: int | None = None
    orders_since_told: int = 0
    first_order_ms: InstantMs | None = None
    ordered_categories: frozenset[str] = frozenset()
    tier: str = ""
    points: int | None = None
    stamps: Mapping[str, int] = field(default_factory=dict)


def with_history(told: Facts, history: History | None, *, told_long_ago: bool = False) -> Facts:
    """Return what is known of a customer: what was told of them, and what they did since.

    A number of orders that was told holds for its time, and those since then add to it: all of them where that was
    `told_long_ago`, before the first order here. A tier and points of an account count in place of those told.
    """
    if history is None:
        return told
    facts = replace(
        told,
        version=told.version + history.version,
        tier=history.tier or told.tier,
        points=told.points if history.points is None else history.points,
        stamps=history.stamps,
    )
    if history.orders is None:
        return facts
    since = history.orders if told.orders is None or told_long_ago else history.orders_since_told
    first_orders = [at_ms for at_ms in (told.first_order_ms, history.first_order_ms) if at_ms is not None]
    return replace(
        facts,
        first_order_ms=min(first_orders, default=None),
        orders=(told.orders or 0) + since,
        ordered_categories=(told.ordered_categories or frozenset()) | history.ordered_categories,
    )
