"""What heals what a crash left: a part of the shell, beside `engine.checkout_service`.

Most of it heals by itself, because holds lapse. What does not lapse is what was pinned for an order, and what an order
still has to do: a sweeper looks for both. Any number of sweepers may run at once.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Final

from engine.checkout_service import settle
from engine.errors import PanierError, StoreUnavailableError
from engine.loyalty.commands import PostHold, UnpinHold
from engine.offline_service import post_sale
from engine.service import Panier
from engine.storage.checkouts import Busy, Placed
from engine.storage.pins import Pin
from engine.types import CartId, OperationId, QuoteId

EVERY_S: Final = 15
AGE_MS: Final = 60_000
"""What is younger is most probably somebody's work."""
_LOG: Final = logging.getLogger("panier.sweeping")


async def sweep_for_ever(engine: Panier, every_s: float = EVERY_S, age_ms: int = AGE_MS) -> None:
    """Sweep again and again until cancelled; a store that does not answer is asked again."""
    while True:
        try:
            await sweep(engine, age_ms)
        except StoreUnavailableError:
            pass  # the connection says so, once
        except PanierError as fault:
            _LOG.warning("sweeping was cut off, and goes on in %s s: %s", every_s, fault)
        await asyncio.sleep(every_s)


async def sweep(engine: Panier, age_ms: int = AGE_MS) -> None:
    """Finish or undo all that is unfinished since so long. Raises `StoreUnavailableError`.

    What cannot be finished is told of and left for the next time: it must not keep from it what comes behind.
    """
    checkouts, offline = engine.stores.checkouts, engine.stores.offline
    for partition in range(checkouts.partitions):
        for number in await checkouts.unfinished(partition):
            await _healed(f"the order {number}", settle(engine, number))
        for pin in await checkouts.left_pinned(partition, age_ms):
            await _healed(f"what {pin.owner or pin.hold} has pinned", _resolve(engine, pin))
    for place in offline.partitions:
        for cart, sale in await offline.to_post(place):
            await _healed(f"the sale {sale} of the cart {cart}", post_sale(engine, cart, sale))


async def _healed(what: str, healing: Awaitable[object]) -> None:
    try:
        await healing
    except StoreUnavailableError:
        raise
    except Exception:  # noqa: BLE001  # whatever it is, it is the fault of this one alone
        _LOG.exception("%s is unfinished, and could not be finished: the next sweep tries again", what)


async def _resolve(engine: Panier, pin: Pin) -> None:
    """Bring points home that are on their way; of what a quote has pinned, ask the slot of its cart what became of it.

    There is an order, or never will be by that attempt.
    """
    limits, ledger = engine.stores.limits, engine.stores.ledger
    points, use = ledger.pinned_points(pin), limits.pinned_use(pin)
    if points is not None and points.transfer:
        await ledger.finish(points.account, OperationId(points.hold))
        return
    pinned = points or use
    if pinned is None:
        return
    cart, _, quote = pinned.owner.partition("/")
    verdict = await engine.stores.checkouts.give_up(CartId(cart), QuoteId(quote))
    if isinstance(verdict, Busy):
        return
    if isinstance(verdict, Placed):
        if use is not None:
            await limits.post(use.limit, use.hold)
        if points is not None:
            await ledger.do(points.account, PostHold(points.hold, verdict.order))
        return
    until_ms = verdict.frozen_until_ms or pin.at_ms
    if use is not None:
        await limits.unpin(use.limit, use.hold, until_ms, verdict.attempt)
    if points is not None:
        await ledger.do(points.account, UnpinHold(points.hold, until_ms, verdict.attempt))
