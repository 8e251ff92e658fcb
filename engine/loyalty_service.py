"""Points of orders, and accounts as people see and change them: a part of the shell, beside `engine.checkout_service`.

Who gets the points of an order, and how many, is written down with the order before the first one is credited. So it
stays what it was when a crash cuts the work off, whatever programme and families are by the time it goes on.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.callers import Caller, Scope, customer_fault, customer_of
from engine.checkout.model import Order
from engine.errors import UserError, UserErrorCode
from engine.loyalty import programme as programmes
from engine.loyalty.account import Account, AccountId, account_of_customer
from engine.loyalty.commands import Adjust, Command, Earn, SetTier, Settle
from engine.loyalty.ledger import Status
from engine.loyalty.tiers import Standing
from engine.pricing.member_totals import member_totals
from engine.rules.loyalty import Loyalty, SharedCart
from engine.service import Panier, derived_id, read_operation
from engine.storage.ledger import Booked
from engine.types import CustomerId, MemberId, OperationId

POINTS_PER_ADJUSTMENT_MAX: Final = 1_000_000
REASON_LENGTH_MAX: Final = 200
_DEFAULTS: Final = Loyalty()
"""By what an order is taken back whose programme is gone."""


async def post_earned(engine: Panier, order: Order) -> None:
    """Credit what an order earns, once however often this is called; without a programme that is nothing."""
    programme = engine.snapshot.ruleset.loyalty
    if programme is None:
        return
    shares: Counter[AccountId] = Counter()
    for customer, points in _earners(programme, order).items():
        shares[await account_for(engine, programme, customer)] += points
    if shares:
        for account, points in (await engine.stores.checkouts.earned_once(order.number, shares)).items():
            await _do(engine, programme, account, order, _earning(engine, programme, order, points))


async def take_back_earned(engine: Panier, order: Order) -> None:
    """Take back what a cancelled order earned as the programme says, once however often this is called."""
    programme = engine.snapshot.ruleset.loyalty or _DEFAULTS
    operation = OperationId(f"cancel:{order.number}")
    for account, points in (await engine.stores.checkouts.earned(order.number)).items():
        earned = _earning(engine, programme, order, points)
        await _do(engine, programme, account, order, programmes.reversal(programme, earned, operation))


async def account_for(engine: Panier, programme: Loyalty, customer: CustomerId) -> AccountId:
    """Return the account a customer earns for: that of their family if they have one that pools, else their own."""
    return await engine.stores.ledger.account_of(customer) if programme.family.pooled else account_of_customer(customer)


@dataclass(frozen=True, slots=True)
class AccountShown:
    """An account as it is at an instant, in a programme; ``standing`` is None where there are no tiers."""

    account: Account
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An account after staff changed it, or why they did not."""

    shown: AccountShown | None = None
    errors: tuple[UserError, ...] = ()


async def find_account(engine: Panier, caller: Caller, customer: CustomerId) -> AccountShown | None:
    """Return the account that a customer earns for: their own, or any for staff with scope `cart:read`.

    None for others, and in a shop without a programme. Two round trips, one more where time has brought something.
    """
    programme = engine.snapshot.ruleset.loyalty
    if programme is None or not (caller.customer == customer or caller.may(Scope.CART_READ)):
        return None
    account = await account_for(engine, programme, customer)
    return _shown(engine, programme, await engine.stores.ledger.do(account, Settle()))


async def adjust_points(
    engine: Panier, caller: Caller, customer: CustomerId, points: int, reason: str, operation_id: str | None
) -> Adjusted:
    """Add points to a customer's account, or take them (below zero), with a reason. Needs scope `loyalty:write`."""
    operation, programme = read_operation(operation_id), engine.snapshot.ruleset.loyalty
    if fault := _adjustment_fault(caller, customer, points, reason):
        return Adjusted(errors=(fault,))
    if isinstance(operation, UserError):
        return Adjusted(errors=(operation,))
    if programme is None:
        return Adjusted(errors=(UserError(UserErrorCode.NO_PROGRAMME, "the shop has no loyalty programme"),))
    account = await account_for(engine, programme, customer)
    now_ms = (await engine.stores.ledger.do(account, Settle())).at_ms
    named = OperationId(f"adjust:{derived_id(caller, operation, size=16)}")
    expires_ms = programmes.credit(programme, points, named, now_ms, _shops_zone(engine)).expires_ms
    command = Adjust(named, points, f"{caller.member}: {reason}", expires_ms if points > 0 else None)
    booked = await engine.stores.ledger.do(account, command)
    shown = _shown(engine, programme, booked)
    if booked.status is Status.SHORT:
        message = f"there are {max(0, booked.account.active)} points that can be taken"
        return Adjusted(shown, (UserError(UserErrorCode.POINTS_SHORT, message, ("points",)),))
    if booked.points != points:
        message = "the operation id was used for another change"
        return Adjusted(shown, (UserError(UserErrorCode.OPERATION_ID_REUSED, message, ("operationId",)),))
    return Adjusted(shown)


def _adjustment_fault(caller: Caller, customer: CustomerId, points: int, reason: str) -> UserError | None:
    if not caller.may(Scope.LOYALTY_WRITE):
        return UserError(UserErrorCode.FORBIDDEN, "this needs the scope `loyalty:write`")
    if not 1 <= abs(points) <= POINTS_PER_ADJUSTMENT_MAX:
        message = f"a change is by 1 to {POINTS_PER_ADJUSTMENT_MAX} points, more or less"
        return UserError(UserErrorCode.INVALID_POINTS, message, ("points",))
    if not 1 <= len(reason) <= REASON_LENGTH_MAX or not reason.isprintable():
        message = f"a reason has 1 to {REASON_LENGTH_MAX} printable characters"
        return UserError(UserErrorCode.INVALID_NOTE, message, ("reason",))
    return customer_fault(customer)


def _shown(engine: Panier, programme: Loyalty, booked: Booked) -> AccountShown:
    account = booked.account
    return AccountShown(account, programmes.standing_of(programme, account, booked.at_ms, _shops_zone(engine)))


def _shops_zone(engine: Panier) -> str:
    """Return where days begin for what concerns no cart."""
    shop = engine.snapshot.shop
    return shop.stores[shop.default_store].timezone


def _earners(programme: Loyalty, order: Order) -> dict[CustomerId, int]:
    """Return who gets how many points of an order."""
    quote, owner = order.quote, order.customer
    totals = member_totals(quote.cart, quote.evaluation)
    paid_minor = {each.member: max(0, each.shares.goods_paid_minor) for each in totals}
    return earners(programme, quote.evaluation.points_earned, owner, customer_of(quote.by) or owner, paid_minor)


def earners(
    programme: Loyalty,
    points: int,
    owner: CustomerId | None,
    payer: CustomerId | None,
    paid_minor: Mapping[MemberId, int],
) -> dict[CustomerId, int]:
    """Return who gets how many points of a cart; ``paid_minor`` is what the goods of each member came to.

    What a guest would get is the owner's; of guests alone, nobody's.
    """
    shares: Counter[CustomerId | None] = Counter({owner: points})
    match programme.family.shared_cart:
        case SharedCart.PAYER:
            shares = Counter({payer: points})
        case SharedCart.LINES:
            if any(paid_minor.values()):
                shares = Counter()
                for member, part in programmes.split(points, paid_minor).items():
                    shares[customer_of(member) or owner] += part
        case SharedCart.POOL:
            pass
    return {customer: part for customer, part in shares.items() if customer and part}


def _zone(engine: Panier, order: Order) -> str:
    cart = order.quote.cart
    return engine.snapshot.shop.store_of(cart.channel, cart.store).timezone


def _earning(engine: Panier, programme: Loyalty, order: Order, points: int) -> Earn:
    """Return the command that credits points of an order, as of when it was placed."""
    zone, operation = _zone(engine, order), OperationId(order.number)
    return programmes.earning(programme, points, operation, order.placed_ms, zone)


async def _do(engine: Panier, programme: Loyalty, account: AccountId, order: Order, command: Command) -> None:
    """Do a command, and note the tier that it leads to."""
    await with_tier(engine, programme, await engine.stores.ledger.do(account, command), _zone(engine, order))


async def with_tier(engine: Panier, programme: Loyalty, booked: Booked, store_zone: str) -> Booked:
    """Note the tier that an account leads to."""
    standing = programmes.standing_of(programme, booked.account, booked.at_ms, store_zone)
    tier = standing.tier.id if standing and standing.tier else ""
    if tier != booked.account.tier:
        return await engine.stores.ledger.do(booked.account.id, SetTier(tier))
    return booked
