"""Checkout: a part of the shell, beside `engine.service`.

A checkout begins with a price and ends with an order or with nothing. In between lie steps in several slots of the
store, and a crash may come after each. Everything is held before the cart is frozen, so that what is left of a crash
lapses by itself. Completing pins the holds, places the order in one script in the cart's slot, which alone decides, and
then posts what was pinned from the outbox that was written with the order. What is found pinned later is resolved by
asking that slot (`engine.sweeping`).
"""

import hashlib
from asyncio import gather
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Final

from engine.callers import Caller, Scope
from engine.cart.commands import Command
from engine.cart.model import Cart, Freeze, Role
from engine.cart.refusals import REFUSALS
from engine.checkout.commands import ExtendFreeze, FreezeCart, ThawCart
from engine.checkout.model import Order, PointsUse, Quote
from engine.checkout.steps import Step
from engine.errors import UserError, UserErrorCode
from engine.holdings import GRACE_MS, Holdings, limit_error, points_error
from engine.limits import Use
from engine.loyalty_service import points_given_back, post_earned, reason_fault, take_back_earned
from engine.money import format_minor, parse_amount
from engine.priced import PricedCart
from engine.pricing.notices import NoticeCode
from engine.rules.uses import uses_of
from engine.service import Changed, Panier, actor_of, derived_id, read_operation
from engine.spendable import account_for
from engine.standing import count_order, touch
from engine.storage.carts import Edit, Missing, Refused
from engine.storage.checkouts import (
    CANCELLING,
    PLACING,
    Attempt,
    Busy,
    GivenUp,
    Mismatch,
    Over,
    Placed,
    Refunded,
    UnknownQuote,
)
from engine.types import CartId, CustomerId, InstantMs, OperationId, OrderNumber, QuoteId
from engine.vouchers import gone_among, issue, make_void, with_issued

LIFE_S: Final = 15 * 60
LIFE_S_LEAST: Final = 30
LIFE_S_MOST: Final = 60 * 60
REFERENCE_LENGTH_MAX: Final = 128
_ROUNDS_MOST: Final = 8
"""How often a price is tried again without what turned out to be used up."""
_BLOCKING: Final = frozenset(
    {
        NoticeCode.NOT_SOLD_HERE,
        NoticeCode.NO_PRICE,
        NoticeCode.UNKNOWN_PRODUCT,
        NoticeCode.OTHER_CURRENCY,
        NoticeCode.TOO_LARGE,
        NoticeCode.DELIVERY_UNAVAILABLE,
        NoticeCode.FEE_UNAVAILABLE,
        NoticeCode.BUDGET_EXCEEDED,
        NoticeCode.CATEGORY_BLOCKED,
    }
)
"""Warnings with which a cart is not sold: what is not there, and what its members agreed on."""
_NO_CART: Final = UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",))
_NO_QUOTE: Final = UserError(UserErrorCode.QUOTE_NOT_FOUND, "there is no such quote", ("quoteId",))
_MISMATCH: Final = UserError(
    UserErrorCode.AMOUNT_MISMATCH,
    "the amount hash is not that of the quote: the payment was for something else",
    ("amountHash",),
)
_REFUND_DUE: Final = UserError(
    UserErrorCode.REFUND_DUE,
    "this payment is to be refunded, as was said before, or too many for this quote are: pay anew",
    ("paymentReference",),
)


@dataclass(frozen=True, slots=True)
class QuotedCart:
    """A quote, and until when its cart is frozen for it; None where it is not (any more)."""

    quote: Quote
    frozen: Freeze | None
    order: OrderNumber | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The answer to a checkout: a quote, or why there is none and what the cart would cost now.

    ``told_meanwhile``: its owner became better known at that moment, and nothing else was in the way.
    """

    quoted: QuotedCart | None = None
    priced: PricedCart | None = None
    errors: tuple[UserError, ...] = ()
    replayed: bool = False
    told_meanwhile: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer to a payment.

    ``order`` is what the quote became, by this payment or another one; ``refund_due`` says that this one paid for
    nothing.
    """

    order: Order | None = None
    errors: tuple[UserError, ...] = ()
    refund_due: bool = False
    replayed: bool = False


def _error(code: UserErrorCode) -> UserError:
    return UserError(code, REFUSALS[code])


_NOT_COMPLETED: Final = {
    Busy: Completed(errors=(_error(UserErrorCode.CHECKOUT_BUSY),)),
    Mismatch: Completed(errors=(_MISMATCH,), refund_due=True),
    Refunded: Completed(errors=(_REFUND_DUE,), refund_due=True),
    Over: Completed(errors=(_error(UserErrorCode.QUOTE_EXPIRED),), refund_due=True),
    UnknownQuote: Completed(errors=(_NO_QUOTE,)),
}
"""What becomes of a payment for which there can be no order."""


async def begin_checkout(
    engine: Panier, caller: Caller, cart_id: CartId, expected_total: str, operation_id: str | None, life_s: int = LIFE_S
) -> Begun:
    """Price a cart, hold what it uses and freeze it. Raises `StoreUnavailableError`; then nothing is left for long."""
    operation = read_operation(operation_id)
    fault = operation if isinstance(operation, UserError) else _life_fault(life_s)
    if fault or isinstance(operation, UserError):
        return Begun(errors=(fault,) if fault else ())
    begun = await _begin(engine, caller, cart_id, expected_total, operation, life_s)
    for _ in range(_ROUNDS_MOST):
        if not begun.told_meanwhile:
            break
        begun = await _begin(engine, caller, cart_id, expected_total, operation, life_s)
    return begun


async def _begin(
    engine: Panier, caller: Caller, cart_id: CartId, expected_total: str, operation: OperationId, life_s: int
) -> Begun:
    read = await engine.kept_cart(caller, cart_id)
    if read is None or not may_check_out(caller, read.cart, read.as_of_ms):
        # Nothing is held for whoever may not pay, not even for a moment.
        is_member = read is not None and read.cart.member(caller.member) is not None
        return Begun(errors=(_error(UserErrorCode.ROLE_FORBIDS) if is_member else _NO_CART,))
    if read.cart.customer:
        await touch(engine, read.cart.customer)
    priced = await engine.with_fresh_facts(read)
    if priced.cart.ordered is not None or priced.cart.freeze_at(priced.as_of_ms) is not None:
        # Of a checkout that is under way, only the one that the same request began is of interest.
        return await _frozen(engine, caller, _quote(priced, caller, operation), operation, life_s * 1000)
    if errors := _not_sold(priced):
        return Begun(priced=priced, errors=errors)
    held = await _held(engine, await engine.with_fresh_balance(priced), caller, operation, life_s)
    if errors := _unexpected(held.priced, expected_total):
        await Holdings(engine.stores, held.quote).release()
        return Begun(priced=held.priced, errors=(*_used_up(held.priced), *_points_short(priced, held.priced), *errors))
    engine.reached(Step.HELD)
    return await _frozen(engine, caller, held.quote, operation, life_s * 1000)


@dataclass(frozen=True, slots=True)
class _Held:
    """A price of which every limit is held, and the points that pay for it."""

    priced: PricedCart
    quote: Quote


def _quote(
    priced: PricedCart,
    caller: Caller,
    operation: OperationId,
    uses: tuple[Use, ...] = (),
    points: PointsUse | None = None,
) -> Quote:
    """Return a quote whose id follows from the request and from what it uses: sent again, it holds nothing twice."""
    used = repr((uses, points)).encode()
    digest = hashlib.blake2b(used, digest_size=8, key=derived_id(caller, operation, size=16).encode())
    cart, evaluation, at_ms = priced.cart, priced.evaluation, priced.as_of_ms
    return Quote(QuoteId(digest.hexdigest()), cart, evaluation, uses, caller.member, at_ms, points)


async def _held(engine: Panier, priced: PricedCart, caller: Caller, operation: OperationId, life_s: int) -> _Held:
    """Hold what a cart uses; what is used up is taken out of the price, until all that is left in it is held."""
    deadline_ms = InstantMs(priced.as_of_ms + life_s * 1000 + GRACE_MS)
    for _ in range(_ROUNDS_MOST):
        uses = uses_of(priced.basket, priced.snapshot.ruleset, priced.evaluation)
        quote = _quote(priced, caller, operation, uses, await _points_of(engine, priced))
        holdings = Holdings(engine.stores, quote)
        short = await holdings.hold(deadline_ms)
        gone = {} if short else await gone_among(engine.stores, uses)
        if not short and not gone:
            return _Held(priced, quote)
        await holdings.release()
        priced = replace(priced, short={**priced.short, **short.limits, **gone})
        if short.points is not None:
            priced = await engine.with_fresh_balance(priced, short.points)
    # What is contested so hard is taken for used up.
    uses = uses_of(priced.basket, priced.snapshot.ruleset, priced.evaluation)
    priced = replace(priced, short={**priced.short, **{use.limit: 0 for use in uses}})
    priced = await engine.with_fresh_balance(priced, 0)
    return _Held(priced, _quote(priced, caller, operation))


async def _points_of(engine: Panier, priced: PricedCart) -> PointsUse | None:
    """Return what a cart spends of its customer's points. One round trip where it does."""
    burned, programme, customer = priced.evaluation.burned, priced.snapshot.ruleset.loyalty, priced.cart.customer
    if burned is None or not burned.points or programme is None or customer is None:
        return None
    return PointsUse(await account_for(engine.stores, programme, customer), burned.points)


async def _frozen(engine: Panier, caller: Caller, quote: Quote, operation: OperationId, life_ms: int) -> Begun:
    """Freeze the cart for a quote that is held, or give up what it holds."""
    checkouts, cart_id = engine.stores.checkouts, quote.cart.id
    await checkouts.keep(quote, life_ms + GRACE_MS)
    engine.reached(Step.KEPT)
    command = FreezeCart(quote.id, life_ms, quote.cart.version)
    # What it uses may be something else when the request is sent again, but the request is the same.
    edit = Edit(actor_of(caller, engine.snapshot.shop, Scope.CHECKOUT), operation, command.ops(), content=b"checkout")
    answer = await engine.stores.carts.commit(cart_id, edit)
    cart = None if isinstance(answer, Missing) else answer.cart
    frozen = cart.freeze if cart else None
    if frozen is None or frozen.quote != quote.id:
        await Holdings(engine.stores, quote).release()
    if cart is None or isinstance(answer, Missing):
        return Begun(errors=(_NO_CART,))
    priced = _priced(engine, cart, answer.at_ms)
    if isinstance(answer, Refused):
        told = answer.code is UserErrorCode.CART_CHANGED and _same_but_for_copies(quote.cart, cart)
        return Begun(priced=priced, errors=(_error(answer.code),), told_meanwhile=told)
    engine.reached(Step.FROZEN)
    kept = await checkouts.keep_for_payments(cart_id, frozen.quote) if frozen else ""
    if kept != quote.amount_hash:
        # The same request was sent before, or at this moment too: what was kept for it counts.
        read = await checkouts.read(cart_id, frozen.quote) if frozen else None
        if read is None or read.quote.cart.version + 1 != answer.version:
            over = UserErrorCode.CART_ORDERED if cart.ordered else UserErrorCode.QUOTE_EXPIRED
            return Begun(priced=priced, errors=(_error(over),), replayed=True)
        quote = read.quote
    engine.reached(Step.BEGUN)
    return Begun(QuotedCart(quote, frozen), priced, replayed=answer.replayed)


def _same_but_for_copies(before: Cart, after: Cart) -> bool:
    """Say whether nothing of a cart changed but what is known of its owner, which another order of theirs may do."""
    burn = before.burn and after.burn and replace(before.burn, balance=after.burn.balance)
    told = replace(before, version=after.version, facts=after.facts, burn=burn)
    return replace(told, updated_ms=after.updated_ms, expires_ms=after.expires_ms) == after


async def complete_checkout(
    engine: Panier, caller: Caller, cart_id: CartId, quote_id: QuoteId, reference: str, amount_hash: str
) -> Completed:
    """Place the order that a quote was paid for, once, whoever sends what again.

    Where it cannot be placed, the payment's reference is kept as to be refunded. Raises `StoreUnavailableError`: then
    it is not known whether there is an order, and sending it again finds out.
    """
    if not 1 <= len(reference) <= REFERENCE_LENGTH_MAX or not reference.isprintable():
        message = f"a payment reference has 1 to {REFERENCE_LENGTH_MAX} printable characters"
        return Completed(errors=(UserError(UserErrorCode.INVALID_PAYMENT_REFERENCE, message, ("paymentReference",)),))
    read = await engine.stores.checkouts.read(cart_id, quote_id)
    if read is None or not may_check_out(caller, read.cart or read.quote.cart, read.at_ms):
        return Completed(errors=(_NO_QUOTE,))
    attempt = await engine.stores.checkouts.attempt(cart_id, quote_id, reference, amount_hash)
    if isinstance(attempt, Attempt):
        engine.reached(Step.ATTEMPTED)
        return await _paid(engine, caller, read.quote, attempt, reference)
    if isinstance(attempt, Placed):
        order = await settle(engine, attempt.order)
        return Completed(order, refund_due=not attempt.paid, replayed=attempt.paid)
    return _NOT_COMPLETED[type(attempt)]


async def _paid(engine: Panier, caller: Caller, quote: Quote, attempt: Attempt, reference: str) -> Completed:
    holdings = Holdings(engine.stores, quote)
    short = await holdings.pin(attempt)
    if short:
        if await _gave_up(engine, holdings, quote, attempt, refund=reference):
            return Completed(errors=(_error(UserErrorCode.QUOTE_EXPIRED), *short.errors()), refund_due=True)
        # The same request, sent twice, found everything there a moment later.
        return await complete_checkout(engine, caller, quote.cart.id, quote.id, reference, quote.amount_hash)
    engine.reached(Step.PINNED)
    actor = actor_of(caller, engine.snapshot.shop, Scope.CHECKOUT)
    operation = OperationId(f"order-{quote.id}")
    placed = await engine.stores.checkouts.place(quote, attempt, reference, actor, operation)
    if placed is None:
        # Somebody else took this for left behind, and has undone it or placed the order.
        await _gave_up(engine, holdings, quote, attempt)
        return await complete_checkout(engine, caller, quote.cart.id, quote.id, reference, quote.amount_hash)
    engine.reached(Step.PLACED)
    if isinstance(placed, Placed):
        return Completed(await settle(engine, placed.order), refund_due=not placed.paid)
    await _settle(engine, placed, PLACING)
    engine.reached(Step.FINISHED)
    return Completed(await with_issued(engine.stores, placed))


async def _gave_up(engine: Panier, holdings: Holdings, quote: Quote, attempt: Attempt, refund: str = "") -> bool:
    """End an attempt and what it pinned; return whether there is no order."""
    verdict = await engine.stores.checkouts.give_up(quote.cart.id, quote.id, attempt, refund)
    if not isinstance(verdict, GivenUp):
        return False
    # As long as the quote stands it keeps what it holds; else others may have it at once.
    await holdings.unpin(attempt, verdict.frozen_until_ms or attempt.at_ms)
    return True


async def settle(engine: Panier, number: OrderNumber) -> Order | None:
    """Do what is still to be done for an order, each thing once however often this is called; return the order."""
    checkouts = engine.stores.checkouts
    order, work = await gather(checkouts.order(number), checkouts.work_left(number))
    if order is not None and work:
        await _settle(engine, order, work)
    return await with_issued(engine.stores, order) if order is not None else None


async def _settle(engine: Panier, order: Order, work: str) -> None:
    """Do what the outbox says is to be done for an order. What lies in other slots is done all at once."""
    holdings = Holdings(engine.stores, order.quote)
    if PLACING in work.split():
        steps: list[Awaitable[object]] = [
            *(holdings.post(order.number), post_earned(engine, order), issue(engine.stores, order)),
        ]
        if order.customer:
            steps.append(engine.stores.checkouts.list_for(order.customer, order.number, order.placed_ms))
            steps.append(engine.stores.customers.release(order.customer, order.quote.cart.id))
        await gather(*steps)
    if CANCELLING in work.split():
        # First what it spent comes back, so that there is something to take what it earned from.
        await holdings.give_back(points_given_back(engine, order))
        await take_back_earned(engine, order)
        await make_void(engine.stores, order)
    await count_order(engine, order, cancelled=CANCELLING in work.split())
    engine.reached(Step.POSTED)
    await engine.stores.checkouts.finished(order.number, work)


async def extend_checkout(
    engine: Panier, caller: Caller, cart_id: CartId, quote_id: QuoteId, operation_id: str | None, life_s: int = LIFE_S
) -> Begun:
    """Let a quote stand for so long from now; what lapsed is held again at what was quoted, or it stays expired."""
    read = await engine.stores.checkouts.read(cart_id, quote_id)
    if read is None or not may_check_out(caller, read.cart or read.quote.cart, read.at_ms):
        return Begun(errors=(_NO_QUOTE,))
    if fault := _life_fault(life_s):
        return Begun(errors=(fault,))
    quote, deadline_ms = read.quote, InstantMs(read.at_ms + life_s * 1000 + GRACE_MS)
    if read.order is None and read.cart and _freeze_for(read.cart, quote_id):
        holdings = Holdings(engine.stores, quote)
        short = await holdings.extend(deadline_ms)
        if short:
            await holdings.release()
            return Begun(QuotedCart(quote, read.cart.freeze_at(read.at_ms)), errors=tuple(short.errors()))
    changed = await _apply(engine, caller, cart_id, operation_id, ExtendFreeze(quote_id, life_s * 1000))
    frozen = _freeze_for(changed.priced.cart, quote_id) if changed.priced and not changed.errors else None
    return Begun(QuotedCart(quote, frozen, read.order), changed.priced, changed.errors, changed.replayed)


async def cancel_checkout(
    engine: Panier, caller: Caller, cart_id: CartId, quote_id: QuoteId, operation_id: str | None
) -> Changed:
    """End a checkout: the cart may be changed again, and nothing is held. Staff may, with scope `checkout`."""
    read = await engine.stores.checkouts.read(cart_id, quote_id)
    if read is None or not may_check_out(caller, read.cart or read.quote.cart, read.at_ms):
        return Changed(errors=(_NO_QUOTE,))
    changed = await _apply(engine, caller, cart_id, operation_id, ThawCart(quote_id))
    if not changed.errors:
        await Holdings(engine.stores, read.quote).release()
    return changed


async def find_quote(engine: Panier, caller: Caller, cart_id: CartId, quote_id: QuoteId) -> QuotedCart | None:
    """Return a quote that the caller may see. One round trip."""
    read = await engine.stores.checkouts.read(cart_id, quote_id)
    if read is None or not caller.may_read(read.cart or read.quote.cart, read.at_ms):
        return None
    return QuotedCart(read.quote, _freeze_for(read.cart, quote_id) if read.cart else None, read.order)


def _freeze_for(cart: Cart, quote: QuoteId) -> Freeze | None:
    """Return the freeze of a cart where it is that of a quote, over or not."""
    return cart.freeze if cart.freeze is not None and cart.freeze.quote == quote else None


async def find_order(engine: Panier, caller: Caller, number: OrderNumber) -> Order | None:
    """Return an order that the caller may see: its customer, members of its cart, and staff by scope."""
    order = await engine.stores.checkouts.order(number)
    seen = order is not None and may_see_order(caller, order)
    return await with_issued(engine.stores, order) if order is not None and seen else None


async def orders_of(engine: Panier, caller: Caller, customer: CustomerId) -> list[OrderNumber]:
    """Return the numbers of a customer's orders, newest first; none where the caller may not know."""
    if caller.customer != customer and not caller.may(Scope.CART_READ):
        return []
    return await engine.stores.checkouts.numbers_of(customer)


async def cancel_order(engine: Panier, caller: Caller, number: OrderNumber, why: str) -> Completed:
    """Take an order back: what it used is returned where its promotions say so. Needs scope `checkout`."""
    if not caller.may(Scope.CHECKOUT):
        return Completed(errors=(UserError(UserErrorCode.FORBIDDEN, "this needs the scope `checkout`"),))
    if fault := reason_fault(why):
        return Completed(errors=(fault,))
    if not await engine.stores.checkouts.cancel(number, caller.member, why):
        return Completed(errors=(UserError(UserErrorCode.ORDER_NOT_FOUND, "there is no such order", ("number",)),))
    return Completed(await settle(engine, number))


def may_check_out(caller: Caller, cart: Cart, at_ms: InstantMs) -> bool:
    """Say whether a caller may pay for a cart: who edits it, the device that has it, and staff by scope."""
    if caller.may(Scope.CHECKOUT):
        return True
    member = cart.member(caller.member)
    lease = cart.lease_at(at_ms)
    if lease is not None and (lease.member, lease.device) == (caller.member, caller.device):
        return True
    return member is not None and member.role in {Role.OWNER, Role.EDITOR}


def may_see_order(caller: Caller, order: Order) -> bool:
    """Say whether a caller may see an order."""
    if caller.may(Scope.CART_READ) or caller.may(Scope.CHECKOUT):
        return True
    if order.customer is not None and order.customer == caller.customer:
        return True
    return order.quote.by == caller.member or order.quote.cart.member(caller.member) is not None


async def _apply(
    engine: Panier, caller: Caller, cart_id: CartId, operation_id: str | None, command: Command
) -> Changed:
    return await engine.apply(caller, cart_id, operation_id, lambda *_: command, Scope.CHECKOUT)


def _life_fault(life_s: int) -> UserError | None:
    if LIFE_S_LEAST <= life_s <= LIFE_S_MOST:
        return None
    message = f"{life_s} seconds cannot be: expected {LIFE_S_LEAST} to {LIFE_S_MOST}"
    return UserError(UserErrorCode.INVALID_QUOTE_LIFE, message, ("ttl",))


def _not_sold(priced: PricedCart) -> tuple[UserError, ...]:
    """Return what the cart cannot be sold with."""
    if not priced.cart.lines:
        return (UserError(UserErrorCode.NOTHING_TO_DO, "there is nothing in the cart", ("cartId",)),)
    blocking = tuple(
        UserError(UserErrorCode(notice.code.value), notice.message)
        for notice in priced.notices(staff=False)
        if notice.code in _BLOCKING
    )
    deadline_ms = priced.cart.deadline_ms
    late = [line for line in priced.cart.lines if deadline_ms is not None and line.changed_at_ms >= deadline_ms]
    message = f"{len(late)} of the lines were changed after the deadline of the cart"
    return (*blocking, *((UserError(UserErrorCode.DEADLINE_PASSED, message),) if late else ()))


def _unexpected(priced: PricedCart, expected: str) -> tuple[UserError, ...]:
    """Compare what there is to pay with what the caller showed the shopper."""
    evaluation = priced.evaluation
    due_minor, currency = evaluation.totals.due_minor, evaluation.currency
    try:
        if parse_amount(expected, currency) == due_minor:
            return ()
    except ValueError as fault:
        return (UserError(UserErrorCode.TOTAL_CHANGED, str(fault), ("expectedTotal",)),)
    message = f"there is {format_minor(due_minor, currency)} {currency} to pay now, and not {expected[:40]}"
    return (UserError(UserErrorCode.TOTAL_CHANGED, message, ("expectedTotal",)),)


def _points_short(before: PricedCart, now: PricedCart) -> list[UserError]:
    """Tell of points that were spent elsewhere since the shopper saw the cart."""
    shown, left = before.evaluation.burned, now.evaluation.burned
    if shown is None or left is None or left.balance >= shown.balance or left.points >= shown.points:
        return []
    return [points_error(left.balance)]


def _used_up(priced: PricedCart) -> list[UserError]:
    return [limit_error(limit) for limit in priced.short]


def _priced(engine: Panier, cart: Cart, at_ms: InstantMs) -> PricedCart:
    return PricedCart(cart, engine.snapshot, at_ms)
