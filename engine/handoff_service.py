"""Handing carts over: a part of the shell, beside `engine.service`.

A code is looked at, then an attempt is asked for or spent, then it is claimed. The attempt is one step in the store,
with one answer: however many guesses are under way at once, no more than the budget come to anything.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from engine.callers import Caller
from engine.cart.codec import encode_new_cart
from engine.cart.commands import ChangeLease, LeaseChange
from engine.cart.draw import draw_of
from engine.cart.handoff import (
    CodeForm,
    HandoffCode,
    HandoffMode,
    Place,
    Receipt,
    Share,
    Terms,
    free_prefix,
    read_code,
)
from engine.cart.model import Cart, Member, Role
from engine.cart.refusals import REFUSALS
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.priced import PricedCart
from engine.pricing.shop import Shop
from engine.service import Changed, Panier, actor_of, read_operation
from engine.storage.handoffs import (
    Budget,
    Claimant,
    Elsewhere,
    Full,
    KnownCode,
    NotMade,
    TooLate,
    Unknown,
    Won,
)
from engine.types import CartId, ChannelId, InstantMs, StoreId

TTL_S: Final = 10 * 60
TTL_S_LEAST: Final = 10
TTL_S_MOST: Final = 24 * 60 * 60
KEYPAD_TTL_S_MOST: Final = 15 * 60
"""Six digits are soon guessed: they live for minutes."""
LEASE_S: Final = 30 * 60
LEASE_S_LEAST: Final = 60
LEASE_S_MOST: Final = 4 * 60 * 60

_WINDOW_MS: Final = 10 * 60 * 1000
DEVICE_ATTEMPTS: Final = 10
STORE_ATTEMPTS: Final = 50
ADDRESS_ATTEMPTS: Final = 30
"""Of shoppers behind one address, whose sessions cost nothing. Tills have that of their store instead, or a shopper in
the store's network could lock them out."""

_MISSING: Final = UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",))
UNKNOWN: Final = UserError(
    UserErrorCode.UNKNOWN_HANDOFF,
    "this code is good for nothing here: it may have expired, so ask for a new one",
    ("code",),
)
EXHAUSTED: Final = UserError(
    UserErrorCode.TOO_MANY_ATTEMPTS, "too many codes were wrong: wait ten minutes, then type it again", ("code",)
)
_LATE: Final = UserError(UserErrorCode.ALREADY_CLAIMED, "another device has claimed this code", ("code",))
_HELD: Final = UserError(UserErrorCode.CART_HELD, "the cart is with another device", ("code",))
_IN_CHECKOUT: Final = UserError(UserErrorCode.CART_FROZEN, REFUSALS[UserErrorCode.CART_FROZEN], ("code",))
_FULL: Final = UserError(UserErrorCode.MEMBER_LIMIT, REFUSALS[UserErrorCode.MEMBER_LIMIT], ("code",))


@dataclass(frozen=True, slots=True)
class HandoffRequest:
    """What a code is asked for."""

    mode: HandoffMode
    ttl_s: int = TTL_S
    lease_s: int = LEASE_S
    for_store: str | None = None
    for_channel: str | None = None
    form: CodeForm = CodeForm.LETTERS
    shares: frozenset[Share] = frozenset()


@dataclass(frozen=True, slots=True)
class Handoff:
    """A code and what it is for. ``prefix`` is that of its EAN-13."""

    code: HandoffCode
    terms: Terms
    expires_ms: InstantMs
    prefix: str


@dataclass(frozen=True, slots=True)
class Created:
    """A code, or why there is none."""

    handoff: Handoff | None = None
    errors: tuple[UserError, ...] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of a claim.

    ``receipt`` is the caller's, ``late`` another one's. ``priced`` is the cart that they got, None where they have no
    right to it any more.
    """

    receipt: Receipt | None = None
    priced: PricedCart | None = None
    late: TooLate | None = None
    replayed: bool = False
    errors: tuple[UserError, ...] = ()


async def create_handoff(
    engine: Panier, caller: Caller, cart: CartId, operation_id: str | None, request: HandoffRequest
) -> Created:
    """Make a code for a cart. One round trip, seldom two."""
    shop, operation = engine.snapshot.shop, read_operation(operation_id)
    if isinstance(operation, UserError):
        return Created(errors=(operation,))
    try:
        terms = _terms(request, shop)
    except RefusedError as refused:
        return Created(errors=refused.errors)
    answer = await engine.stores.handoffs.create(cart, actor_of(caller, shop), operation, terms)
    if isinstance(answer, NotMade):
        known = answer.why is UserErrorCode.CART_NOT_FOUND
        return Created(errors=(_MISSING if known else UserError(answer.why, REFUSALS[answer.why]),))
    prefix = free_prefix(frozenset(prefix for layout in shop.label_layouts for prefix in layout.prefixes))
    return Created(Handoff(answer.code, terms, answer.expires_ms, prefix))


async def claim_handoff(engine: Panier, caller: Caller, address: str, entered: str) -> Claimed:
    """Claim a code for the device that calls from `address`. Four round trips, five where another cart is made."""
    try:
        code = read_code(entered, caller.store if caller.is_shops else None)
    except RefusedError as refused:
        return Claimed(errors=refused.errors)
    known = await engine.stores.handoffs.look_up(code)
    concerned = known is not None and _is_for(known, caller)
    if not await attempt(engine, caller, address, spend=not concerned):
        return Claimed(errors=(EXHAUSTED,))
    answer = await _claimed(engine, caller, code, known) if known and concerned else Unknown()
    if isinstance(answer, Unknown):
        left = not concerned or await attempt(engine, caller, address, spend=True)
        return Claimed(errors=(UNKNOWN if left else EXHAUSTED,))
    if isinstance(answer, Won) and answer.receipt.mode is not HandoffMode.MOVE and not caller.is_shops:
        await engine.stores.pointers.note_cart(caller.member, answer.receipt.cart)
    return _told(engine, caller, answer)


async def revoke_handoff(engine: Panier, caller: Caller, entered: str, store: str | None) -> Claimed:
    """Take back a code that nobody has claimed. `store` is the one that six digits are good in. Two round trips.

    It needs no budget: only whoever made a code, or owns its cart, is told that there is one.
    """
    try:
        code = read_code(entered, StoreId(store) if store else None)
    except RefusedError as refused:
        return Claimed(errors=refused.errors)
    known = await engine.stores.handoffs.look_up(code)
    answer = await engine.stores.handoffs.revoke(code, known.cart, caller.member) if known else Unknown()
    match answer:
        case TooLate():
            return Claimed(late=answer, errors=(_LATE,))
        case Unknown():
            return Claimed(errors=(UNKNOWN,))
        case _:
            return Claimed()


async def change_lease(
    engine: Panier, caller: Caller, cart: CartId, operation_id: str | None, change: LeaseChange
) -> Changed:
    """Renew, return or take back. One round trip.

    Whoever returned a cart and sends that again is not shown what became of it since.
    """
    changed = await engine.apply(caller, cart, operation_id, lambda *_: ChangeLease(change))
    return changed.seen_by(caller) if changed.replayed else changed


async def attempt(engine: Panier, caller: Caller, address: str, *, spend: bool) -> bool:
    """Say whether a caller may be wrong about a code once more, and spend that if asked to. Two round trips.

    A device that has no attempt left of its own spends none that it has together with others: it locks out itself only.
    """
    store = engine.stores.handoffs
    device = Budget(f"device:{caller.member}:{caller.device}", DEVICE_ATTEMPTS, _WINDOW_MS)
    if not await store.attempt(device, spend=spend):
        return False
    return all(await asyncio.gather(*[store.attempt(budget, spend=spend) for budget in _shared(caller, address)]))


def _shared(caller: Caller, address: str) -> list[Budget]:
    if not caller.is_shops:
        return [Budget(f"address:{address}", ADDRESS_ATTEMPTS, _WINDOW_MS)]
    return [
        Budget(f"store:{caller.store or ''}", STORE_ATTEMPTS, _WINDOW_MS),
        Budget(f"shops-address:{address}", STORE_ATTEMPTS, _WINDOW_MS),
    ]


def _is_for(known: KnownCode, caller: Caller) -> bool:
    """Say whether a code may concern a caller: in whose store and channel it is good. A shopper is in no store."""
    if known.for_store is not None and not (caller.is_shops and caller.store == known.for_store):
        return False
    return known.for_channel is None or caller.channel == known.for_channel


async def _claimed(
    engine: Panier, caller: Caller, code: HandoffCode, known: KnownCode
) -> Won | TooLate | Elsewhere | Full | Unknown:
    shop, customer = engine.snapshot.shop, caller.customer
    channel = caller.channel or shop.default_channel
    copying = known.mode is HandoffMode.COPY
    copy = Cart(
        id=engine.stores.handoffs.new_cart_id(known.cart) if copying else known.cart,
        version=0,
        members=(Member(caller.member, Role.OWNER),),
        channel=channel,
        store=caller.store,
        locale=shop.locales[0],
        customer=customer,
        facts=await engine.facts_of(customer) if customer and copying else None,
        draw=draw_of(caller.member),
    )
    claimant = Claimant(Place(caller.member, caller.device, channel, caller.store), caller.is_shops)
    return await engine.stores.handoffs.claim(code, known.cart, claimant, copy.id, encode_new_cart(copy))


def _told(engine: Panier, caller: Caller, answer: Won | TooLate | Elsewhere | Full) -> Claimed:
    if isinstance(answer, TooLate):
        return Claimed(late=answer, errors=(_LATE,))
    if isinstance(answer, Elsewhere):
        return Claimed(errors=(_HELD if answer.why is UserErrorCode.CART_HELD else _IN_CHECKOUT,))
    if isinstance(answer, Full):
        return Claimed(errors=(_FULL,))
    cart = answer.cart
    if cart is None or cart.id != answer.receipt.cart or not caller.may_read(cart, answer.at_ms):
        return Claimed(answer.receipt, replayed=answer.replayed)
    return Claimed(answer.receipt, PricedCart(cart, engine.snapshot, answer.at_ms), replayed=answer.replayed)


def _terms(request: HandoffRequest, shop: Shop) -> Terms:
    """Check a request against the shop. Raises `RefusedError`."""
    if request.for_store is not None and request.for_store not in shop.stores:
        message = f"`{request.for_store[:40]}` is not a store of this shop"
        raise RefusedError.because(UserErrorCode.UNKNOWN_STORE, message, "forStore")
    if request.for_channel is not None and request.for_channel not in shop.channels:
        message = f"`{request.for_channel[:40]}` is not a channel of this shop"
        raise RefusedError.because(UserErrorCode.UNKNOWN_CHANNEL, message, "forChannel")
    digits = request.form is CodeForm.DIGITS
    if digits and request.for_store is None:
        message = "six digits are good in one store only: say which"
        raise RefusedError.because(UserErrorCode.INVALID_HANDOFF, message, "forStore")
    most = KEYPAD_TTL_S_MOST if digits else TTL_S_MOST
    return Terms(
        request.mode,
        _span_ms(request.ttl_s, TTL_S_LEAST, most, "ttl"),
        _span_ms(request.lease_s, LEASE_S_LEAST, LEASE_S_MOST, "lease"),
        StoreId(request.for_store) if request.for_store is not None else None,
        ChannelId(request.for_channel) if request.for_channel is not None else None,
        request.shares,
        request.form,
    )


def _span_ms(seconds: int, least: int, most: int, argument: str) -> int:
    if not least <= seconds <= most:
        message = f"{seconds} seconds cannot be: expected {least} to {most}"
        raise RefusedError.because(UserErrorCode.INVALID_HANDOFF, message, argument)
    return seconds * 1000
