"""What was priced a moment ago need not be priced again: when two prices of a cart cannot differ.

A price follows from the cart, the shop, the rule set and the instant, and from nothing else. Shop and rule set are the
same as long as nothing is loaded, the cart where it is the same object, which the store hands out for the same bytes.
What the clock changes, it changes where minutes begin: hours, days and nearly all dates. Where a date is written with
seconds, or less, instants are told apart as finely.
"""

from math import gcd
from typing import Final, Generic, NamedTuple, TypeVar

from engine.cart.model import Cart
from engine.pricing.shop import Shop
from engine.remembered import Remembered
from engine.rules.customers import is_first_order
from engine.rules.ruleset import Ruleset
from engine.rules.window import pace_ms
from engine.types import CartId, ChannelId, InstantMs, StoreId

P = TypeVar("P")

LINES_MAX: Final = 4_000
"""So many lines are remembered, each cart counted as one more: some 10 MB."""


_Where = tuple[CartId, ChannelId, StoreId | None]
"""A cart and where it is: it may be priced as if it were elsewhere in between."""


class _From(NamedTuple):
    """What a price was computed from: as long as it is equal, no price differs."""

    cart: int
    """The identity of the object. It is kept as well, so that as long as this is, no other one gets it."""
    moment: int
    first_order: bool


class PricedLately(Generic[P]):
    """The carts that one shop and rule set priced last, in whatever form, each as it was last.

    An older version of a cart is hardly asked for again, and every object that is kept costs the cycle collector time.
    What lies longest unused is forgotten. ``hits`` and ``misses`` count how often something was found, and not.
    """

    def __init__(self, shop: Shop, ruleset: Ruleset) -> None:
        dates = [date for each in shop.prices.lists for date in (each.from_ms, each.until_ms) if date is not None]
        self._pace_ms = gcd(pace_ms(ruleset.windows), *dates)
        self._kept: Remembered[_Where, tuple[_From, Cart, P]] = Remembered(LINES_MAX)
        self.hits = 0
        self.misses = 0

    def found(self, cart: Cart, as_of_ms: InstantMs, priced: P) -> P | None:
        """Return what was given for the same cart at an instant that makes no difference; if nothing was, keep this."""
        facts = cart.facts
        # Of whoever orders for the first time right now, the order itself decides, to the millisecond.
        first_order = facts is not None and is_first_order(facts, as_of_ms)
        made_from = _From(id(cart), as_of_ms // self._pace_ms, first_order)
        where = (cart.id, cart.channel, cart.store)
        known = self._kept.get(where)
        if known is not None and known[0] == made_from:
            self.hits += 1
            return known[2]
        self.misses += 1
        self._kept.keep(where, (made_from, cart, priced), 1 + len(cart.lines))
        return None
