"""Giving a cart to a screen: it shows a code, and a phone that reads it approves. Beside `engine.service`.

The code and the cart lie in different partitions, so an approval is two steps: the code becomes the cart's, then the
screen gets its place. Whoever is cut off in between sends the same again, which finishes it. Where the cart is not to
be had, the code is anybody's again.
"""

from dataclasses import dataclass

from engine.callers import Caller, CallerKind
from engine.cart.handoff import Access, HandoffCode, Pairing, Place, read_code
from engine.cart.members import AdmitScreen
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.handoff_service import EXHAUSTED, UNKNOWN, attempt
from engine.membership import carts_of, leave
from engine.priced import PricedCart
from engine.service import Panier
from engine.types import CartId


@dataclass(frozen=True, slots=True)
class Paired:
    """A screen's code and what became of it, or why it is not told. ``priced`` is the cart that was given."""

    code: HandoffCode | None = None
    pairing: Pairing | None = None
    priced: PricedCart | None = None
    errors: tuple[UserError, ...] = ()


async def start_pairing(engine: Panier, caller: Caller) -> Paired:
    """Make a code for the calling screen, which shows nobody's cart any more. Two round trips, seldom more."""
    for priced in await carts_of(engine, caller):
        member = priced.cart.member(caller.member)
        if member is not None and member.until_ms is not None:
            await leave(engine, caller, priced.cart.id, None, keep=True)
    channel = caller.channel or engine.snapshot.shop.default_channel
    screen = Place(caller.member, caller.device, channel, caller.store)
    code, expires_ms = await engine.stores.pairings.start(screen)
    return Paired(code, Pairing(screen, expires_ms))


async def pairing_of(engine: Panier, caller: Caller, address: str, entered: str) -> Paired:
    """Return which screen shows a code; the screen itself asks what became of it. Two round trips.

    Once approved it is known to the screen and to who approved it, to nobody else.
    """
    try:
        code = read_code(entered, None)
    except RefusedError as refused:
        return Paired(errors=refused.errors)
    pairing = await engine.stores.pairings.look_up(code)
    concerned = pairing is not None and _concerns(pairing, caller)
    if not await attempt(engine, caller, address, spend=not concerned):
        return Paired(errors=(EXHAUSTED,))
    return Paired(code, pairing) if concerned else Paired(errors=(UNKNOWN,))


async def approve_pairing(
    engine: Panier, caller: Caller, address: str, entered: str, cart: CartId, access: Access
) -> Paired:
    """Give the screen that shows a code a place in the caller's cart. Six round trips, once for each screen."""
    found = await pairing_of(engine, caller, address, entered)
    if found.code is None or found.pairing is None:
        return found
    # The cart is looked at first: a code is not to be used up by somebody who has nothing to give.
    if await engine.cart(caller, cart) is None:
        return Paired(errors=(UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",)),))
    if not await engine.stores.pairings.approve(found.code, caller.member, cart, access):
        return Paired(errors=(UNKNOWN,))
    await engine.stores.pointers.note_cart(found.pairing.screen.member, cart)
    screen = found.pairing.screen.member
    is_persons = screen.partition(":")[0] in {CallerKind.GUEST, CallerKind.CUSTOMER}
    stay_ms = engine.limits.screen_stay_ms if is_persons else engine.limits.kiosk_stay_ms
    command = AdmitScreen(screen, access is Access.EDIT, stay_ms)
    operation = f"pairing-{found.code.text}"
    changed = await engine.apply(caller, cart, operation, lambda *_: command)
    if changed.errors:
        await engine.stores.pairings.give_back(found.code, caller.member, cart)
        return Paired(errors=changed.errors)
    return Paired(found.code, await engine.stores.pairings.look_up(found.code), changed.priced)


def _concerns(pairing: Pairing, caller: Caller) -> bool:
    screen = (pairing.screen.member, pairing.screen.device) == (caller.member, caller.device)
    return screen or pairing.by in {None, caller.member}
