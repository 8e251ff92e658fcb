"""Points of orders and sales, and accounts as people see and change them: a part of the shell.

Who gets the points of an order, and how many, is written down with the order before the first one is credited. So it
stays what it was when a crash cuts the work off, whatever programme and families are by the time it goes on. The same
goes for what a till sold by itself.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.callers import Caller, Scope, customer_fault, customer_of
from engine.cart.model import Cart
from engine.checkout.model import Order
from engine.errors import UserError, UserErrorCode
from engine.loyalty import programme as programmes
from engine.loyalty.account import Account, AccountId, account_of_customer
from engine.loyalty.commands import Adjust, Command, Earn, SetTier, Settle, Spend
from engine.loyalty.ledger import Status
from engine.loyalty.tiers import Standing
from engine.pricing.member_totals import member_totals
from engine.pricing.sales import KeptSale
from engine.rules.loyalty import Loyalty, SharedCart
from engine.service import Panier, derived_id, read_operation
from engine.storage.ledger import Booked
from engine.storage.offline import PointsOfSale
from engine.types import CartId, CustomerId, InstantMs, MemberId, OperationId

POINTS_PER_ADJUSTMENT_MAX: Final = 1_000_000
REASON_LENGTH_MAX: Final = 200
_DEFAULTS: Final = Loyalty()
"""By what an order is taken back whose programme is gone."""


async def post_earned(engine: Panier, order: Order) -> None:
    """Credit what an order earns, once however often this is called; without a programme that is nothing."""
    programme = engine.snapshot.ruleset.loyalty
    if programme is None:
        return
    quote, owner = order.quote, order.customer
    totals = member_totals(quote.cart, quote.evaluation)
    paid_minor = {each.member: max(0, each.shares.goods_paid_minor) for each in totals}
    payer = customer_of(quote.by) or owner
    earners = _earners(programme, quote.evaluation.points_earned, owner, payer, paid_minor)
    if shares := await _accounts(engine, programme, earners):
        for account, points in (await engine.stores.checkouts.earned_once(order.number, shares)).items():
            await _do(engine, programme, account, _zone(engine, order), _earning(engine, programme, order, points))


async def take_back_earned(engine: Panier, order: Order) -> None:
    """Take back what a cancelled order earned as the programme says, once however often this is called."""
    programme = engine.snapshot.ruleset.loyalty or _DEFAULTS
    operation = OperationId(f"cancel:{order.number}")
    for account, points in (await engine.stores.checkouts.earned(order.number)).items():
        earned = _earning(engine, programme, order, points)
        await _do(engine, programme, account, _zone(engine, order), programmes.reversal(programme, earned, operation))


async def post_points_of_sale(engine: Panier, cart: CartId, kept: KeptSale, came_ms: InstantMs) -> int:
    """Credit and take what a till said of points, once however often this is called.

    Return how many more were spent than there were: they are owed. Without an account nothing is credited, and none of
    what was spent was there. Points count from the day of the sale, unless the clock of the till was ahead.
    """
    programme, sale, whose = engine.snapshot.ruleset.loyalty, kept.sale, kept.sold_for
    if programme is None or not (sale.points_spent or sale.points_earned):
        return sale.points_spent
    earners = _earners(programme, sale.points_earned, whose.customer, whose.customer, whose.paid_minor)
    spender = await account_for(engine, programme, whose.customer) if whose.customer else None
    found = PointsOfSale(await _accounts(engine, programme, earners), spender)
    points_of = await engine.stores.offline.points_once(cart, sale.id, found)
    zone = engine.snapshot.shop.store_of(whose.channel, whose.store).timezone
    operation, missing = OperationId(f"sale:{cart}/{sale.id}"), sale.points_spent
    if points_of.spender is not None and sale.points_spent:
        spend = Spend(OperationId(f"spend:{cart}/{sale.id}"), sale.points_spent, operation)
        missing -= (await engine.stores.ledger.do(points_of.spender, spend)).points
    for account, points in points_of.earned.items():
        earn = programmes.earning(programme, points, operation, min(sale.at_ms, came_ms), zone)
        await _do(engine, programme, account, zone, earn)
    return missing


async def account_for(engine: Panier, programme: Loyalty, customer: CustomerId) -> AccountId:
    """Return the account a customer earns for: that of their family if they have one that pools, else their own."""
    return await engine.stores.ledger.account_of(customer) if programme.family.pooled else account_of_customer(customer)


async def spendable_points(engine: Panier, cart: Cart) -> int:
    """Return how many points the owner of a cart can spend; without a programme those that their record tells."""
    programme, owner = engine.snapshot.ruleset.loyalty, cart.customer
    if programme is None or owner is None:
        return cart.facts.points if cart.facts else 0
    account = (await engine.stores.ledger.do(await account_for(engine, programme, owner), Settle())).account
    return max(0, account.active) if account.may_burn(owner) else 0


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


def _earners(
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


async def _accounts(engine: Panier, programme: Loyalty, earners: Mapping[CustomerId, int]) -> dict[AccountId, int]:
    """Return the accounts that get the points of these customers."""
    shares: Counter[AccountId] = Counter()
    for customer, points in earners.items():
        shares[await account_for(engine, programme, customer)] += points
    return dict(shares)


def _zone(engine: Panier, order: Order) -> str:
    cart = order.quote.cart
    return engine.snapshot.shop.store_of(cart.channel, cart.store).timezone


def _earning(engine: Panier, programme: Loyalty, order: Order, points: int) -> Earn:
    """Return the command that credits points of an order, as of when it was placed."""
    zone, operation = _zone(engine, order), OperationId(order.number)
    return programmes.earning(programme, points, operation, order.placed_ms, zone)


async def _do(engine: Panier, programme: Loyalty, account: AccountId, zone: str, command: Command) -> None:
    """Do a command, and note the tier that it leads to."""
    booked = await engine.stores.ledger.do(account, command)
    standing = programmes.standing_of(programme, booked.account, booked.at_ms, zone)
    tier = standing.tier.id if standing and standing.tier else ""
    if tier != booked.account.tier:
        await engine.stores.ledger.do(account, SetTier(tier))
