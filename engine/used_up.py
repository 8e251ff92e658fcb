"""Limits that are used up, mirrored in each process: a part of the shell, beside `engine.service`.

A cart is priced without asking what others have used meanwhile; what it says is at most as old as the mirror. Only a
checkout decides (`engine.checkout_service`).
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from engine.cart.model import Cart
from engine.errors import PanierError, StoreUnavailableError
from engine.limits import Limit, LimitKind
from engine.priced import Snapshot
from engine.pricing.basket import build_basket
from engine.rules.uses import watched_limits
from engine.service import Panier
from engine.types import CartId, InstantMs

EVERY_S: Final = 1.0
_MINUTE_MS: Final = 60_000
_LOG: Final = logging.getLogger("panier.limits")


class UsedUp:
    """Keeps what is left of limits in the engine's snapshot: a new one whenever that changes what carts get."""

    def __init__(self, engine: Panier) -> None:
        self._engine = engine
        self._watched: Mapping[Limit, int] = {}
        self._watched_for: tuple[object, int] | None = None

    async def keep(self, every_s: float = EVERY_S) -> None:
        """Look again and again until cancelled; while the store does not answer, what was known goes on."""
        while True:
            try:
                await self.look()
            except StoreUnavailableError:
                pass  # the connection says so, once
            except PanierError as fault:
                _LOG.warning("what is left of limits is not known at present: %s", fault)
            await asyncio.sleep(every_s)

    async def look(self) -> None:
        """Look at what is left of the limits that may be used up. Raises `StoreUnavailableError`."""
        snapshot = self._engine.snapshot
        watched = self._watch(snapshot, InstantMs(time.time_ns() // 10**6))
        counted = await self._engine.stores.limits.read(list(watched))
        left = {limit: found.left(watched[limit]) for limit, found in zip(watched, counted, strict=True)}
        known = {
            limit: max(0, rest)
            for limit, rest in left.items()
            if rest <= 0 or (rest < watched[limit] and _is_given_in_part(snapshot, limit))
        }
        if self._engine.snapshot is snapshot and known != snapshot.short:
            self._engine.snapshot = replace(snapshot, short=known)

    def _watch(self, snapshot: Snapshot, now_ms: InstantMs) -> Mapping[Limit, int]:
        """Return the limits that may be used up in any store now, with their ceilings; worked out once a minute."""
        key = (snapshot.ruleset, now_ms // _MINUTE_MS)
        if self._watched_for is None or self._watched_for[0] is not key[0] or self._watched_for[1] != key[1]:
            self._watched, self._watched_for = _watched(snapshot, now_ms), key
        return self._watched


def _is_given_in_part(snapshot: Snapshot, limit: Limit) -> bool:
    return limit.kind is LimitKind.BUDGET and snapshot.ruleset.by_id[limit.promotion].partial_budget


def _watched(snapshot: Snapshot, now_ms: InstantMs) -> Mapping[Limit, int]:
    if not snapshot.ruleset.limited_places:
        return {}
    shop, found = snapshot.shop, dict[Limit, int]()
    for store in shop.stores:
        cart = Cart(CartId(""), 0, (), shop.default_channel, store, shop.locales[0])
        found |= watched_limits(build_basket(cart, shop, now_ms), snapshot.ruleset)
    return found
