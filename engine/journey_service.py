"""Journeys, and finding a customer's carts: a part of the shell, beside `engine.service`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engine.callers import Caller, CallerKind, Scope
from engine.cart.journey import TEXT_LENGTH_MAX, Journey, Step, StepKind
from engine.cart.model import Cart, LogEntry, Role
from engine.cart.phones import canonical_phone
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.priced import PricedCart
from engine.service import Panier
from engine.types import EPOCH, CustomerId, MemberId

STEPS_PER_REQUEST_MAX = 50


@dataclass(frozen=True, slots=True)
class Recorded:
    """A journey as it is now, or why nothing was done."""

    journey: Journey | None = None
    errors: tuple[UserError, ...] = ()


async def record_steps(engine: Panier, caller: Caller, steps: Sequence[tuple[StepKind, str]]) -> Recorded:
    """Add to the calling shopper's journey. One round trip."""
    refused = _not_a_shopper(caller) or _fault(steps)
    if refused:
        return Recorded(errors=(refused,))
    channel = caller.channel or engine.snapshot.shop.default_channel
    made = [Step(kind, text.strip(), EPOCH, channel, caller.store, caller.device) for kind, text in steps]
    return Recorded(await engine.stores.journeys.record(caller.member, made))


async def switch_journey(engine: Panier, caller: Caller, *, on: bool) -> Recorded:
    """Switch the calling shopper's journey on or off; off forgets it. One round trip."""
    refused = _not_a_shopper(caller)
    if refused:
        return Recorded(errors=(refused,))
    return Recorded(await engine.stores.journeys.switch(caller.member, on=on))


async def erase_journey(engine: Panier, caller: Caller) -> Recorded:
    """Forget the calling shopper's journey so far. Two round trips."""
    refused = _not_a_shopper(caller)
    if refused:
        return Recorded(errors=(refused,))
    await engine.stores.journeys.erase(caller.member)
    return Recorded(await engine.stores.journeys.read(caller.member))


async def journey_of_cart(engine: Panier, caller: Caller, cart: Cart) -> Journey | None:
    """Return the journey of a cart's owner, None for everybody but the owner and staff by scope. One round trip."""
    owner = owner_of(cart)
    if owner is None or not (owner == caller.member or caller.may(Scope.JOURNEY_READ)):
        return None
    return await engine.stores.journeys.read(owner)


async def told_log(engine: Panier, caller: Caller, priced: PricedCart) -> tuple[LogEntry, ...]:
    """Return what was done to a cart up to the version that is shown, of what the caller may know. One round trip."""
    entries = await engine.log(caller, priced.cart.id, 0) or ()
    return tuple([entry for entry in entries if entry.version <= priced.cart.version])


async def carts_of_customers(
    engine: Panier, caller: Caller, customer: CustomerId | None, phone: str | None
) -> list[PricedCart]:
    """Return the carts of a customer, or of all who have a number, newest first. Needs `cart:read`.

    Raises `RefusedError`. Two round trips for each customer, and one for each cart.
    """
    if not caller.may(Scope.CART_READ):
        message = "finding the carts of a customer needs the scope `cart:read`"
        raise RefusedError.because(UserErrorCode.FORBIDDEN, message)
    if (customer is None) == (phone is None):
        message = "say either which customer or which phone"
        raise RefusedError.because(UserErrorCode.UNKNOWN_CUSTOMER, message, "customerId")
    customers = [customer] if customer is not None else await _with_phone(engine, phone or "")
    found = await asyncio.gather(*[_carts_of(engine, caller, each) for each in customers])
    carts = {priced.cart.id: priced for each in found for priced in each}
    return sorted(carts.values(), key=lambda priced: (-priced.cart.updated_ms, priced.cart.id))


def owner_of(cart: Cart) -> MemberId | None:
    """Return whose cart it is."""
    return next((member.id for member in cart.members if member.role is Role.OWNER), None)


async def _with_phone(engine: Panier, written: str) -> list[CustomerId]:
    phone = canonical_phone(written)
    if phone is None:
        message = "write a phone number with its country, such as +33 6 12 34 56 78"
        raise RefusedError.because(UserErrorCode.INVALID_CUSTOMER, message, "phone")
    return await engine.stores.phones.customers_with(phone)


async def _carts_of(engine: Panier, caller: Caller, customer: CustomerId) -> list[PricedCart]:
    member = MemberId(f"{CallerKind.CUSTOMER}:{customer}")
    own, (_, shared) = await asyncio.gather(
        engine.stores.customers.open_carts(customer), engine.stores.pointers.carts_of(member)
    )
    found = await asyncio.gather(*[engine.cart(caller, cart) for cart in own | shared])
    return [priced for priced in found if priced is not None and priced.cart.member(member)]


def _not_a_shopper(caller: Caller) -> UserError | None:
    if not caller.is_shops:
        return None
    message = "only shoppers have a journey: a device of the shop serves many of them"
    return UserError(UserErrorCode.FORBIDDEN, message)


def _fault(steps: Sequence[tuple[StepKind, str]]) -> UserError | None:
    if not 1 <= len(steps) <= STEPS_PER_REQUEST_MAX:
        message = f"record 1 to {STEPS_PER_REQUEST_MAX} steps in one request, not {len(steps)}"
        return UserError(UserErrorCode.INVALID_JOURNEY, message, ("steps",))
    for place, (_, text) in enumerate(steps):
        if not 1 <= len(text.strip()) <= TEXT_LENGTH_MAX or not text.isprintable():
            message = f"a search or a SKU is a text of 1 to {TEXT_LENGTH_MAX} printable characters"
            return UserError(UserErrorCode.INVALID_JOURNEY, message, ("steps", str(place), "text"))
    return None
