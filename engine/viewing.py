"""What is new to somebody who looks at a cart again: a part of the shell, beside `engine.service`."""

from engine.callers import Caller
from engine.cart.viewing import Seen
from engine.errors import UserError, UserErrorCode
from engine.priced import PricedCart
from engine.pricing.since import SinceSeen, offers_of, seen_now, since_seen
from engine.rules.explain import label_of
from engine.service import Changed, Panier
from engine.types import CartId


async def since_last_seen(engine: Panier, caller: Caller, priced: PricedCart) -> SinceSeen | None:
    """Return what is new in a cart since the caller marked it as seen; None where they never did. One round trip."""
    read = await engine.stores.viewers.seen(priced.cart.id, caller.member)
    if read.seen is None:
        return None
    # The cart may have been changed between the two reads: what is not shown yet is not told either.
    entries = [entry for entry in read.entries if entry.version <= priced.cart.version]
    return since_seen(read.seen, priced.cart, priced.evaluation, entries, caller.member, complete=read.complete)


async def mark_seen(engine: Panier, caller: Caller, cart_id: CartId, version: int | None) -> Changed:
    """Remember what the caller sees of a cart now. Refused where it is not at `version` any more. Two round trips."""
    priced = await engine.cart(caller, cart_id)
    if priced is None:
        return Changed(errors=(UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",)),))
    if version is not None and version != priced.cart.version:
        message = "the cart has changed since: look at it as it is now"
        return Changed(priced, (UserError(UserErrorCode.STALE_VERSION, message, ("version",)),))
    await engine.stores.viewers.remember(cart_id, caller.member, seen_of(priced))
    return Changed(priced, (), priced.cart.version)


def seen_of(priced: PricedCart) -> Seen:
    """Return what whoever is shown a cart sees of it."""
    known, locale = priced.snapshot.ruleset.by_id, priced.cart.locale
    labels = {promotion: label_of(known[promotion], locale) for promotion in offers_of(priced.evaluation)}
    return seen_now(priced.cart, priced.evaluation, priced.as_of_ms, labels)
