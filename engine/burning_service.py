"""Spending points on a cart, up to its checkout: a part of the shell, beside `engine.loyalty_service`."""

from dataclasses import replace
from typing import Final

from engine.callers import Caller, Scope
from engine.cart.commands import BurnPoints
from engine.errors import UserError, UserErrorCode
from engine.service import Changed, Panier
from engine.spendable import account_for, spendable
from engine.types import CartId

POINTS_PER_CART_MAX: Final = 1_000_000_000

_NO_CART: Final = UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",))
_NOT_TAKEN: Final = UserError(UserErrorCode.NO_PROGRAMME, "the shop takes no points")
_NO_ACCOUNT: Final = UserError(
    UserErrorCode.NO_ACCOUNT, "the cart has no customer whose points could be spent: sign in"
)
_NOT_THEIRS: Final = UserError(UserErrorCode.ROLE_FORBIDS, "only those may spend points whose account says so")


async def burn_points(
    engine: Panier, caller: Caller, cart_id: CartId, points: int | None, operation_id: str | None
) -> Changed:
    """Wish that points of the cart's customer are spent on it: so many, as many as it takes (None), or none again (0).

    For those who edit the cart and may spend from the account, and staff with `cart:write`. The wish is not cut: what
    the cart takes of it follows from its price. Four round trips; one to take it back.
    """
    if points is not None and not 0 <= points <= POINTS_PER_CART_MAX:
        message = f"a cart takes 0 to {POINTS_PER_CART_MAX} points"
        return Changed(errors=(UserError(UserErrorCode.INVALID_POINTS, message, ("points",)),))
    command = BurnPoints(points)
    if points != 0:
        found = await _with_balance(engine, caller, cart_id, command)
        if isinstance(found, UserError):
            return Changed(errors=(found,))
        command = found
    return await engine.apply(caller, cart_id, operation_id, lambda *_: command)


async def _with_balance(engine: Panier, caller: Caller, cart_id: CartId, command: BurnPoints) -> BurnPoints | UserError:
    """Return the command with whose points these are, and how many there are; or why they cannot be spent."""
    programme = engine.snapshot.ruleset.loyalty
    if programme is None or programme.burn is None:
        return _NOT_TAKEN
    read = await engine.stores.carts.read(cart_id)
    if read.cart is None or not caller.may_read(read.cart, read.at_ms):
        return _NO_CART
    customer = read.cart.customer
    if customer is None:
        return _NO_ACCOUNT
    booked = await engine.stores.ledger.settled(await account_for(engine.stores, programme, customer))
    if not caller.may(Scope.CART_WRITE) and not (caller.customer and booked.account.may_burn(caller.customer)):
        return _NOT_THEIRS
    return replace(command, customer=customer, balance=spendable(booked.account, cart_id, caller.member))
