"""Points of orders: a part of the shell, beside `engine.checkout_service`.

Who gets the points of an order, and how many, is written down with the order before the first one is credited. So it
stays what it was when a crash cuts the work off, whatever programme and families are by the time it goes on.
"""

from collections import Counter
from typing import Final

from engine.callers import customer_of
from engine.checkout.model import Order
from engine.loyalty import programme as programmes
from engine.loyalty.account import AccountId, account_of_customer
from engine.loyalty.commands import Command, Earn, SetTier
from engine.pricing.member_totals import member_totals
from engine.rules.loyalty import Loyalty, SharedCart
from engine.service import Panier
from engine.types import CustomerId, OperationId

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


def _earners(programme: Loyalty, order: Order) -> dict[CustomerId, int]:
    """Return who gets how many points of an order. What a guest would get is the owner's; of guests alone, nobody's."""
    owner, points = order.customer, order.quote.evaluation.points_earned
    shares: Counter[CustomerId | None] = Counter({owner: points})
    match programme.family.shared_cart:
        case SharedCart.PAYER:
            shares = Counter({customer_of(order.quote.by) or owner: points})
        case SharedCart.LINES:
            totals = member_totals(order.quote.cart, order.quote.evaluation)
            paid_minor = {each.member: max(0, each.shares.goods_paid_minor) for each in totals}
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
    booked = await engine.stores.ledger.do(account, command)
    standing = programmes.standing_of(programme, booked.account, booked.at_ms, _zone(engine, order))
    tier = standing.tier.id if standing and standing.tier else ""
    if tier != booked.account.tier:
        await engine.stores.ledger.do(account, SetTier(tier))
