"""Points of what tills sell by themselves: a part of the shell, beside `engine.offline_service`.

Whose they are is written down with the sale before the first entry, as it is with an order (`engine.loyalty_service`).
"""

from collections import Counter
from collections.abc import Mapping

from engine.cart.model import Cart
from engine.loyalty import programme as programmes
from engine.loyalty.account import AccountId
from engine.loyalty.commands import Spend
from engine.loyalty_service import earners
from engine.pricing.sales import KeptSale
from engine.rules.loyalty import Loyalty
from engine.service import Panier
from engine.spendable import account_for
from engine.standing import with_tier
from engine.storage.offline import PointsOfSale
from engine.types import CartId, CustomerId, InstantMs, OperationId


async def spendable_points(engine: Panier, cart: Cart) -> int:
    """Return how many points the owner of a cart can spend; without a programme those that their record tells."""
    programme, owner = engine.snapshot.ruleset.loyalty, cart.customer
    if programme is None or owner is None:
        return cart.facts.points if cart.facts else 0
    account = (await engine.stores.ledger.settled(await account_for(engine.stores, programme, owner))).account
    return max(0, account.active) if account.may_burn(owner) else 0


async def post_points_of_sale(engine: Panier, cart: CartId, kept: KeptSale, came_ms: InstantMs) -> int:
    """Credit and take what a till said of points, once however often this is called.

    Return how many more were spent than there were: they are owed. Without an account nothing is credited, and none of
    what was spent was there. Points count from the day of the sale, unless the clock of the till was ahead.
    """
    programme, sale, whose = engine.snapshot.ruleset.loyalty, kept.sale, kept.sold_for
    if programme is None or not (sale.points_spent or sale.points_earned):
        return sale.points_spent
    who = earners(programme, sale.points_earned, whose.customer, whose.customer, whose.paid_minor)
    spender = await account_for(engine.stores, programme, whose.customer) if whose.customer else None
    found = PointsOfSale(await _accounts(engine, programme, who), spender)
    points_of = await engine.stores.offline.points_once(cart, sale.id, found)
    zone = engine.snapshot.shop.store_of(whose.channel, whose.store).timezone
    operation, missing = OperationId(f"sale:{cart}/{sale.id}"), sale.points_spent
    if points_of.spender is not None and sale.points_spent:
        spend = Spend(OperationId(f"spend:{cart}/{sale.id}"), sale.points_spent, operation)
        missing -= (await engine.stores.ledger.do(points_of.spender, spend)).points
    for account, points in points_of.earned.items():
        earn = programmes.earning(programme, points, operation, min(sale.at_ms, came_ms), zone)
        await with_tier(engine, programme, await engine.stores.ledger.do(account, earn), zone)
    return missing


async def _accounts(engine: Panier, programme: Loyalty, who: Mapping[CustomerId, int]) -> dict[AccountId, int]:
    """Return the accounts that get the points of these customers."""
    shares: Counter[AccountId] = Counter()
    for customer, points in who.items():
        shares[await account_for(engine.stores, programme, customer)] += points
    return dict(shares)
