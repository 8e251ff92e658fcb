"""What orders and points make of customers, for the rules that ask: a part of the shell, beside `engine.service`.

A customer's record is told by the back office; their orders and their points account Panier knows by itself. Of both it
keeps a copy with the record, so that a cart has all of it at once (`engine.cart.history`).
"""

import asyncio

from engine.callers import customer_of
from engine.checkout.model import Order
from engine.limits import card_of
from engine.loyalty import programme as programmes
from engine.loyalty.account import Account, account_of_customer, card_account
from engine.loyalty.commands import SetTier
from engine.rules.loyalty import Loyalty
from engine.service import Panier
from engine.spendable import account_for
from engine.storage.ledger import Booked
from engine.types import CustomerId, MemberId


async def count_order(engine: Panier, order: Order, *, cancelled: bool) -> None:
    """Count an order among those of its customer, or a cancelled one no more; once however often this is called.

    What it did to their points and stamps is noted too, so this comes last.
    """
    customer, customers = order.customer, engine.stores.customers
    if customer is None:
        return
    categories = _categories(engine, order)
    changed = await customers.count_order(customer, order.number, order.placed_ms, categories)
    if cancelled:
        changed = await customers.discount_order(customer, order.number, categories) or changed
    if changed:
        await engine.tell_carts(customer)
    programme = engine.snapshot.ruleset.loyalty
    if programme is not None and (cancelled or programme.stamps):
        await touch(engine, customer)


async def touch(engine: Panier, customer: CustomerId) -> Booked | None:
    """Bring a customer's points up to date with the calendar, and return the account that they earn for.

    Presents that are due come first: points for joining, and for a birthday. None without a programme. Three round
    trips, more where something is due or has changed.
    """
    programme = engine.snapshot.ruleset.loyalty
    if programme is None:
        return None
    own, id_ = account_of_customer(customer), await account_for(engine.stores, programme, customer)
    booked = await engine.stores.ledger.settled(id_)
    facts = await engine.facts_of(customer) if programme.birthday else None
    zone = shops_zone(engine)
    for present in (
        programmes.welcome(programme, booked.at_ms, zone),
        programmes.birthday(programme, facts.birthday if facts else "", booked.at_ms, zone),
    ):
        if present is not None:
            given = await engine.stores.ledger.do(own, present)
            booked = given if own == id_ else booked
    return await with_tier(engine, programme, booked, zone)


async def with_tier(engine: Panier, programme: Loyalty, booked: Booked, store_zone: str) -> Booked:
    """Note the tier that an account leads to, and what it makes of those whose it is."""
    standing = programmes.standing_of(programme, booked.account, booked.at_ms, store_zone)
    tier = standing.tier.id if standing and standing.tier else ""
    if tier != booked.account.tier:
        booked = await engine.stores.ledger.do(booked.account.id, SetTier(tier))
    await _note(engine, programme, booked.account)
    return booked


def shops_zone(engine: Panier) -> str:
    """Return where days begin for what concerns no cart."""
    shop = engine.snapshot.shop
    return shop.stores[shop.default_store].timezone


async def _note(engine: Panier, programme: Loyalty, account: Account) -> None:
    """Keep a copy of an account and of stamps with everybody who earns for it, and tell their open carts.

    Of accounts that nothing has happened to there is nothing to tell: what was told of their owner stands.
    """
    for customer in _owners(account):
        if await account_for(engine.stores, programme, customer) != account.id:
            continue
        cards = await cards_of(engine, programme, customer)
        version = account.version + sum(card.version for card in cards.values())
        stamps = {id_: on_card(card) for id_, card in cards.items()}
        noted = (customer, account.id, version, account.tier, max(0, account.active), stamps)
        if version and await engine.stores.customers.note_points(*noted):
            await engine.tell_carts(customer)


async def cards_of(engine: Panier, programme: Loyalty, customer: CustomerId) -> dict[str, Account]:
    """Return the accounts of a customer's stamps, by the ids of the cards."""
    ids = [card.id for card in programme.stamps]
    ledger = engine.stores.ledger
    booked = await asyncio.gather(*[ledger.settled(card_account(card_of(id_, customer))) for id_ in ids])
    return {id_: each.account for id_, each in zip(ids, booked, strict=True)}


def on_card(card: Account) -> int:
    """Return the stamps on a card: also those that a checkout holds, which the cart in question may be about."""
    return card.active + card.held


def _owners(account: Account) -> list[CustomerId]:
    own = customer_of(MemberId(account.id))
    return [own] if own is not None else list(account.members)


def _categories(engine: Panier, order: Order) -> set[str]:
    """Return the category paths of what was ordered, gifts left out."""
    products = engine.snapshot.shop.products
    bought = [line.sku for line in order.quote.evaluation.lines if line.gift_of is None]
    return {products[sku].category for sku in bought if sku in products and products[sku].category}
