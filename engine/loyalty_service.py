"""Points of orders, and accounts as people see and change them: a part of the shell, beside `engine.checkout_service`.

Who gets the points of an order, and how many, is written down with the order before the first one is credited. So it
stays what it was when a crash cuts the work off, whatever programme and families are by the time it goes on.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from engine.callers import Caller, Scope, customer_fault, customer_of
from engine.checkout.model import Order
from engine.errors import UserError, UserErrorCode
from engine.limits import card_of
from engine.loyalty import programme as programmes
from engine.loyalty.account import Account, AccountId, account_of_customer, card_account, card_in
from engine.loyalty.commands import Adjust, Command, Earn, Happened, ReturnPoints
from engine.loyalty.ledger import Status
from engine.loyalty.programme import LoyaltySummary
from engine.loyalty.tiers import Standing
from engine.priced import PricedCart
from engine.pricing.basket import build_basket
from engine.pricing.member_totals import member_totals
from engine.rules.loyalty import Loyalty, SharedCart
from engine.service import Panier, derived_id, read_operation
from engine.spendable import account_for
from engine.standing import cards_of, on_card, shops_zone, touch, with_tier
from engine.storage.ledger import Booked
from engine.types import CustomerId, MemberId, OperationId, OrderNumber

POINTS_PER_ADJUSTMENT_MAX: Final = 1_000_000
REASON_LENGTH_MAX: Final = 200
_DEFAULTS: Final = Loyalty()
"""By what an order is taken back whose programme is gone."""
NO_PROGRAMME: Final = UserError(UserErrorCode.NO_PROGRAMME, "the shop has no loyalty programme")


async def post_earned(engine: Panier, order: Order) -> None:
    """Credit what an order earns, once however often this is called; without a programme that is nothing."""
    programme = engine.snapshot.ruleset.loyalty
    if programme is None:
        return
    shares: Counter[AccountId] = Counter()
    for customer, points in _earners(programme, order).items():
        shares[await account_for(engine.stores, programme, customer)] += points
    shares.update(_stamps(engine, programme, order))
    if shares:
        for account, points in (await engine.stores.checkouts.earned_once(order.number, shares)).items():
            await _do(engine, programme, account, order, _earning(engine, programme, order, account, points))


async def take_back_earned(engine: Panier, order: Order) -> None:
    """Take back what a cancelled order earned as the programme says, once however often this is called."""
    programme = engine.snapshot.ruleset.loyalty or _DEFAULTS
    operation = OperationId(f"cancel:{order.number}")
    for account, points in (await engine.stores.checkouts.earned(order.number)).items():
        earned = _earning(engine, programme, order, account, points)
        await _do(engine, programme, account, order, programmes.reversal(programme, earned, operation, order.placed_ms))


def points_given_back(engine: Panier, order: Order) -> ReturnPoints:
    """Return the command that gives back what a cancelled order spent, as the programme says."""
    programme = engine.snapshot.ruleset.loyalty or _DEFAULTS
    at_ms = order.cancelled.at_ms if order.cancelled else order.placed_ms
    return replace(programmes.giving_back(programme, order.quote.id, at_ms), note=order.number)


@dataclass(frozen=True, slots=True)
class AccountShown:
    """An account as it is at an instant, in a programme; ``standing`` is None where there are no tiers.

    ``stamps`` are those on the cards of the customer who looks at it.
    """

    account: Account
    standing: Standing | None
    stamps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An account after staff changed it, or why they did not."""

    shown: AccountShown | None = None
    errors: tuple[UserError, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """How many points an event made spendable, or why it could not be reported."""

    activated: int = 0
    errors: tuple[UserError, ...] = ()


async def find_account(
    engine: Panier, caller: Caller, customer: CustomerId, *, own: bool = False
) -> AccountShown | None:
    """Return the account that a customer earns for, with `own` the one that is theirs though they pool points.

    It is shown to the customer and to staff with scope `cart:read`; None for others, and in a shop without a programme.
    Looking at it brings what is due by now. Five round trips, more where something is, and one for each card.
    """
    programme = engine.snapshot.ruleset.loyalty
    if programme is None or not (caller.customer == customer or caller.may(Scope.CART_READ)):
        return None
    booked = await touch(engine, customer)
    if own:
        booked = await engine.stores.ledger.settled(account_of_customer(customer))
    if booked is None:
        return None
    cards = await cards_of(engine, programme, customer)
    return replace(shown(engine, programme, booked), stamps={id_: on_card(card) for id_, card in cards.items()})


async def loyalty_of_cart(engine: Panier, caller: Caller, priced: PricedCart) -> LoyaltySummary | None:
    """Return what a cart shows of its owner's points: to the owner, to who shares the account, and to staff by scope.

    None for others, for a guest's cart, and in a shop without a programme. Two round trips.
    """
    programme, owner = priced.snapshot.ruleset.loyalty, priced.cart.customer
    if programme is None or owner is None:
        return None
    account = (await engine.stores.ledger.settled(await account_for(engine.stores, programme, owner))).account
    if not (caller.customer == owner or caller.customer in account.members or caller.may(Scope.CART_READ)):
        return None
    return programmes.summary(programme, account, priced.basket, priced.evaluation)


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
        return Adjusted(errors=(NO_PROGRAMME,))
    account = await account_for(engine.stores, programme, customer)
    now_ms = (await engine.stores.ledger.settled(account)).at_ms
    named = OperationId(f"adjust:{derived_id(caller, operation, size=16)}")
    expires_ms = programmes.credit(programme, points, named, now_ms, shops_zone(engine)).expires_ms
    command = Adjust(named, points, f"{caller.member}: {reason}", expires_ms if points > 0 else None)
    booked = await with_tier(engine, programme, await engine.stores.ledger.do(account, command), shops_zone(engine))
    return adjusted(engine, programme, booked, reused=booked.points != points)


def adjusted(engine: Panier, programme: Loyalty, booked: Booked, *, reused: bool) -> Adjusted:
    """Return what became of points that were to be added, taken or sent; `reused`: the operation id was used before."""
    account = shown(engine, programme, booked)
    if booked.status is Status.SHORT:
        message = f"there are {max(0, booked.account.active)} points that can be taken"
        return Adjusted(account, (UserError(UserErrorCode.POINTS_SHORT, message, ("points",)),))
    if reused:
        message = "the operation id was used for another change"
        return Adjusted(account, (UserError(UserErrorCode.OPERATION_ID_REUSED, message, ("operationId",)),))
    return Adjusted(account)


async def report_event(
    engine: Panier, caller: Caller, event: str, number: OrderNumber | None, customer: CustomerId | None
) -> Happening:
    """Let points be spent that waited for an event: those of an order, or all of a customer's account.

    Needs scope `loyalty:write` or `service`. Reported again, it changes nothing. Five round trips for an order of one
    account, and two for each lot.
    """
    programme = engine.snapshot.ruleset.loyalty
    if not (caller.may(Scope.LOYALTY_WRITE) or caller.may(Scope.SERVICE)):
        message = "this needs the scope `loyalty:write` or `service`"
        return Happening(errors=(UserError(UserErrorCode.FORBIDDEN, message),))
    if programme is None:
        return Happening(errors=(NO_PROGRAMME,))
    if (number is None) is (customer is None):
        message = "an event is of an order or of a customer: name one of them"
        return Happening(errors=(UserError(UserErrorCode.INVALID_EVENT, message),))
    order = await engine.stores.checkouts.order(number) if number is not None else None
    if number is not None and order is None:
        return Happening(errors=(UserError(UserErrorCode.ORDER_NOT_FOUND, "there is no such order", ("number",)),))
    if order is not None:
        await post_earned(engine, order)  # a crash may have left that to the sweeper
        accounts = [*await engine.stores.checkouts.earned(order.number)]
    else:
        accounts = [await account_for(engine.stores, programme, customer)] if customer else []
    waited, activated = programme.pending is not None and programme.pending.event == event, 0
    for id_ in accounts:
        booked = await engine.stores.ledger.settled(id_)
        lots = [lot for lot in booked.account.lots if lot.event == event and (number is None or lot.id == number)]
        for lot in lots:
            happened = Happened(OperationId(f"event:{lot.id}"), OperationId(lot.id))
            booked = await engine.stores.ledger.do(id_, happened)
            waited, activated = True, activated + booked.points
        if lots:
            await with_tier(engine, programme, booked, shops_zone(engine))
    if not waited:
        message = "no points wait for this event: `pending: {event: …}` of the programme names another one, or none"
        return Happening(errors=(UserError(UserErrorCode.INVALID_EVENT, message, ("event",)),))
    return Happening(activated)


def _adjustment_fault(caller: Caller, customer: CustomerId, points: int, reason: str) -> UserError | None:
    if not caller.may(Scope.LOYALTY_WRITE):
        return UserError(UserErrorCode.FORBIDDEN, "this needs the scope `loyalty:write`")
    if not 1 <= abs(points) <= POINTS_PER_ADJUSTMENT_MAX:
        message = f"a change is by 1 to {POINTS_PER_ADJUSTMENT_MAX} points, more or less"
        return UserError(UserErrorCode.INVALID_POINTS, message, ("points",))
    return reason_fault(reason) or customer_fault(customer)


def reason_fault(reason: str) -> UserError | None:
    """Return what is wrong with why staff do something, None where it is fine."""
    if 1 <= len(reason) <= REASON_LENGTH_MAX and reason.isprintable():
        return None
    message = f"a reason has 1 to {REASON_LENGTH_MAX} printable characters"
    return UserError(UserErrorCode.INVALID_NOTE, message, ("reason",))


def shown(engine: Panier, programme: Loyalty, booked: Booked) -> AccountShown:
    """Return an account as people see it."""
    account = booked.account
    return AccountShown(account, programmes.standing_of(programme, account, booked.at_ms, shops_zone(engine)))


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


def _stamps(engine: Panier, programme: Loyalty, order: Order) -> dict[AccountId, int]:
    """Return the stamps of an order, by the cards of its customer."""
    if order.customer is None or not programme.stamps:
        return {}
    basket = build_basket(order.quote.cart, engine.snapshot.shop, order.placed_ms)
    found = programmes.stamps_of(programme, basket, order.quote.evaluation)
    return {card_account(card_of(card, order.customer)): stamps for card, stamps in found.items()}


def _earning(engine: Panier, programme: Loyalty, order: Order, account: AccountId, points: int) -> Earn:
    """Return the command that credits points or stamps of an order, as of when it was placed."""
    zone, operation, card = _zone(engine, order), OperationId(order.number), card_in(account)
    if card is not None:
        return programmes.stamping(programme, card, points, operation, order.placed_ms, zone)
    return programmes.earning(programme, points, operation, order.placed_ms, zone)


async def _do(engine: Panier, programme: Loyalty, account: AccountId, order: Order, command: Command) -> None:
    """Do a command, and note the tier that it leads to; stamps are noted when all is done for an order."""
    booked = await engine.stores.ledger.do(account, command)
    if card_in(account) is None:
        await with_tier(engine, programme, booked, _zone(engine, order))
