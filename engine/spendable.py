"""Which account a cart's points come from, and how many can be spent on it. A part of the shell.

A cart in which points are to be spent holds a copy of the balance, as it holds one of its owner's facts: so its price
follows from the cart, and a push to those who follow it asks nobody. The copy is brought up to date when the cart is
read; only a checkout, which holds the points, is definitive.
"""

from engine.callers import customer_of
from engine.cart.model import Burn, Cart
from engine.loyalty.account import Account, AccountId, account_of_customer
from engine.rules.loyalty import Loyalty
from engine.storage.stores import Stores
from engine.types import CartId, CustomerId, MemberId


async def account_for(stores: Stores, programme: Loyalty, customer: CustomerId) -> AccountId:
    """Return the account a customer earns for: that of their family if they have one that pools, else their own."""
    return await stores.ledger.account_of(customer) if programme.family.pooled else account_of_customer(customer)


async def balance_now(stores: Stores, programme: Loyalty, cart: Cart, burn: Burn) -> int:
    """Return how many points can be spent on a cart where it has a wish for that. Two round trips."""
    if cart.customer is None:
        return 0
    account = (await stores.ledger.settled(await account_for(stores, programme, cart.customer))).account
    return spendable(account, cart.id, burn.member)


def spendable(account: Account, cart: CartId, member: MemberId) -> int:
    """Return how many points somebody can spend on a cart: what is held for it already is not lost to it.

    A customer whose family says that they only earn can spend none; staff spend for whom they serve.
    """
    customer = customer_of(member)
    if customer is not None and not account.may_burn(customer):
        return 0
    own = sum(hold.points for hold in account.holds if hold.pinned_ms is None and is_of_cart(hold.owner, cart))
    return max(0, account.active + own)


def is_of_cart(owner: str, cart: CartId) -> bool:
    """Say whether a hold was made for a quote of this cart: its owner names both."""
    return owner.partition("/")[0] == cart
