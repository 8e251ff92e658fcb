"""Tills that are offline at times: a part of the shell, beside `engine.service`.

A till takes a snapshot of a cart along, works on that by itself, and sends what it did later. What it did to the cart
goes in as differences to what it saw; what it sold is kept as it was told, because the goods are gone.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from engine.callers import Caller, CallerKind, Scope
from engine.cart.commands import Command, Op
from engine.cart.model import Cart, Facts, Role
from engine.cart.offline import BelievedCart
from engine.cart.refusals import argument_of, sentence_of
from engine.cart.snapshot import CartSnapshot, taken_along
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.priced import PricedCart
from engine.pricing.admission import admit_codes
from engine.pricing.basket import Basket, build_basket
from engine.pricing.sales import (
    KeptSale,
    Sale,
    SaleRequest,
    Verification,
    Verified,
    read_sale,
    sold_cart,
    sold_for,
    verified,
)
from engine.pricing.since import SinceSeen, since_seen
from engine.pricing.too_large import amounts_too_large
from engine.rules.evaluate import evaluate
from engine.rules.uses import allowances, closed_by, limited_by, limits_at_issue, uses_told
from engine.sale_points import post_points_of_sale, spendable_points
from engine.service import Admit, Panier, actor_of, read_operation
from engine.storage.offline import Applied, LateEdit, NewSale, NotApplied, Overshoot
from engine.types import CartId, InstantMs, OperationId, PromotionId
from engine.viewing import seen_of
from engine.vouchers import looked_up

SNAPSHOT_S: Final = 24 * 60 * 60
SNAPSHOT_S_LEAST: Final = 60
SNAPSHOT_S_MOST: Final = 7 * 24 * 60 * 60
OPERATIONS_MOST: Final = 250
"""So many operations may be sent in one call."""

_MISSING: Final = UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",))
_EDITS: Final = frozenset({Role.OWNER, Role.EDITOR, Role.ADDER})
_KEPT: Final = TypeAdapter(KeptSale)


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot with the cart that it is of, or why there is none."""

    snapshot: CartSnapshot | None = None
    priced: PricedCart | None = None
    errors: tuple[UserError, ...] = ()


@dataclass(frozen=True, slots=True)
class LateOperation:
    """What a device did: `id` makes sending it twice safe, `at_ms` is by the clock of the device.

    `asked` is what the device asked for, in words that are the same each time it is sent.
    """

    id: str
    at_ms: InstantMs
    asked: str
    admit: Admit


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What became of an operation: it made ``version``, now or where ``duplicate`` before; or why it was refused."""

    id: str
    version: int | None = None
    duplicate: bool = False
    error: UserError | None = None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What became of operations that were done offline.

    ``difference`` is what differs in the cart from what the device believed; None, like ``priced``, where the caller
    may not see the cart (any more). ``errors`` are about the call as a whole: then nothing was done.
    """

    results: tuple[OperationResult, ...] = ()
    priced: PricedCart | None = None
    difference: SinceSeen | None = None
    rules_changed: bool = False
    prices_changed: bool = False
    errors: tuple[UserError, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedSale:
    """A sale, and what became of it since. ``second`` says that its cart had been sold before.

    ``overshoot`` is what it took that was not there; None until its uses are posted.
    """

    kept: KeptSale
    came_ms: InstantMs
    second: bool
    overshoot: Overshoot | None


@dataclass(frozen=True, slots=True)
class SaleResult:
    """A sale as it is recorded, or why it is not."""

    sale: RecordedSale | None = None
    priced: PricedCart | None = None
    replayed: bool = False
    errors: tuple[UserError, ...] = ()


async def take_snapshot(engine: Panier, caller: Caller, cart_id: CartId, life_s: int) -> Taken:
    """Give a terminal, or staff by scope, a cart to go offline with. Up to four round trips."""
    snapshot = engine.snapshot
    if not _may_go_offline(caller):
        message = "only terminals, and staff with the scope `cart:write`, take carts along"
        return Taken(errors=(UserError(UserErrorCode.FORBIDDEN, message),))
    if not SNAPSHOT_S_LEAST <= life_s <= SNAPSHOT_S_MOST:
        message = f"a snapshot is good for {SNAPSHOT_S_LEAST} to {SNAPSHOT_S_MOST} seconds, not {life_s}"
        return Taken(errors=(UserError(UserErrorCode.INVALID_SNAPSHOT, message, ("life",)),))
    opened = await engine.stores.offline.open_snapshot(cart_id, life_s * 1000)
    cart, at_ms = opened.read.cart, opened.read.at_ms
    if cart is None or not (caller.may_read(cart, at_ms) or _may_edit(caller, cart, at_ms)):
        return Taken(errors=(_MISSING,))
    refused = _refusal(caller, cart, at_ms)
    if refused is not None:
        return Taken(errors=(UserError(refused, sentence_of(refused, cart), ("cartId",)),))
    basket = build_basket(cart, snapshot.shop, at_ms)
    limits = limits_at_issue(basket, snapshot.ruleset)
    counted = await engine.stores.limits.read(list(limits))
    left = {limit: found.left(limits[limit]) for limit, found in zip(limits, counted, strict=True)}
    taken = CartSnapshot(
        cart=taken_along(cart),
        member=caller.member,
        device=caller.device,
        ruleset_hash=snapshot.ruleset.hash,
        price_book_version=snapshot.shop.version,
        taken_ms=at_ms,
        expires_ms=opened.expires_ms,
        allowances=allowances(snapshot.ruleset, left, await spendable_points(engine, cart)),
    )
    # What is shown is what the device comes to: it knows of limits what its allowances say.
    return Taken(taken, PricedCart(cart, snapshot, at_ms, short=left))


async def sync(
    engine: Panier, caller: Caller, snapshot: CartSnapshot, operations: Sequence[LateOperation]
) -> SyncResult:
    """Do to a cart what a device did to its snapshot of it, each operation by itself. One round trip.

    A device sends all that it did since the snapshot, from the beginning: what was done before is a duplicate.
    """
    if snapshot.member != caller.member:
        message = "this snapshot was made for another device"
        return SyncResult(errors=(UserError(UserErrorCode.INVALID_SNAPSHOT, message, ("snapshot",)),))
    if len(operations) > OPERATIONS_MOST:
        message = f"at most {OPERATIONS_MOST} operations in one call, this one has {len(operations)}"
        return SyncResult(errors=(UserError(UserErrorCode.TOO_MANY_OPERATIONS, message, ("operations",)),))
    loaded, believed = engine.snapshot, BelievedCart(snapshot.cart)
    read = _Reading(engine, believed, operations)
    await read.begin()
    actor = actor_of(caller, loaded.shop)
    answer = await engine.stores.offline.sync(snapshot.cart.id, actor, snapshot.expires_ms, read.edits())
    results = read.results(answer.results, answer.cart)
    done = SyncResult(
        results,
        rules_changed=snapshot.ruleset_hash != loaded.ruleset.hash,
        prices_changed=snapshot.price_book_version != loaded.shop.version,
    )
    if answer.cart is None or not caller.may_read(answer.cart, answer.at_ms):
        return done
    priced = PricedCart(answer.cart, loaded, answer.at_ms)
    seen = seen_of(PricedCart(believed.cart(), loaded, answer.at_ms))
    news = since_seen(seen, priced.cart, priced.evaluation, (), caller.member, complete=False)
    return replace(done, priced=priced, difference=news)


async def record_sale(engine: Panier, caller: Caller, snapshot: CartSnapshot, request: SaleRequest) -> SaleResult:
    """Keep a sale that a till made by itself, once, close its cart and post what it used and earned.

    Two round trips, one more for a customer's cart, and some where there is something to post.

    It is kept as it was told, whatever became of the cart, the lease and the snapshot; what is doubtful is flagged.
    """
    if snapshot.member != caller.member and not caller.may(Scope.CART_WRITE):
        message = "this snapshot was made for another device"
        return SaleResult(errors=(UserError(UserErrorCode.INVALID_SNAPSHOT, message, ("snapshot",)),))
    try:
        sale = read_sale(request, snapshot.cart)
    except RefusedError as refused:
        return SaleResult(errors=refused.errors)
    seen, loaded = snapshot.cart, engine.snapshot
    kept = KeptSale(sale, caller.member, caller.device, _checked(engine, snapshot, sale), sold_for(seen, sale))
    new = NewSale(sale.id, sale.payment_reference, _digest(sale), _KEPT.dump_json(kept), sale.posts)
    recorded = await engine.stores.offline.record_sale(seen.id, actor_of(caller, loaded.shop), new)
    if recorded is None:
        message = "another sale was recorded under this id: make a new one for each"
        return SaleResult(errors=(UserError(UserErrorCode.OPERATION_ID_REUSED, message, ("sale", "id")),))
    cart = recorded.cart
    if cart is not None and cart.customer is not None:
        # A closed cart is nobody's active one: the next wish makes a new cart.
        await engine.stores.customers.release(cart.customer, cart.id)
    if sale.posts and not recorded.replayed:
        await post_sale(engine, seen.id, sale.id)
    known = await engine.stores.offline.sale(seen.id, sale.id) or recorded.sale
    shown = cart is not None and caller.may_read(cart, recorded.at_ms)
    return SaleResult(
        RecordedSale(_KEPT.validate_json(known.kept), known.came_ms, known.second, known.overshoot),
        PricedCart(cart, loaded, recorded.at_ms) if cart is not None and shown else None,
        recorded.replayed,
    )


async def post_sale(engine: Panier, cart_id: CartId, sale_id: str) -> None:
    """Count what a sale used of limits, and book what it says of points, beyond both too, because the goods are gone.

    Once however often it is called.
    """
    stores, snapshot = engine.stores, engine.snapshot
    known = await stores.offline.sale(cart_id, sale_id)
    if known is None or known.overshoot is not None:
        return
    kept = _KEPT.validate_json(known.kept)
    given: Counter[PromotionId] = Counter()
    for told in kept.sale.uses:
        given[told.promotion] += told.amount_minor
    basket = await _basket_of_sale(engine, cart_id, kept)
    beyond = [
        promotion
        for use in uses_told(basket, snapshot.ruleset, given)
        if await stores.uses.post_beyond(use, f"sale-{cart_id}-{sale_id}", f"{cart_id}/{sale_id}")
        for promotion in limited_by(use.limit, basket, snapshot.ruleset, given)
    ]
    missing = await post_points_of_sale(engine, cart_id, kept, known.came_ms)
    await stores.offline.posted(cart_id, sale_id, Overshoot(tuple(dict.fromkeys(beyond)), missing))


@dataclass(frozen=True, slots=True)
class _Read:
    """An operation, checked. ``ops`` is None where it cannot be, which says nothing of whether it was done before."""

    command: Command | None = None
    ops: list[Op] | None = None
    fault: UserError | None = None


class _Reading:
    """Operations, checked in their order, and what is to be sent to the store of them."""

    def __init__(self, engine: Panier, believed: BelievedCart, operations: Sequence[LateOperation]) -> None:
        self._engine = engine
        self._believed = believed
        self._operations = operations
        self._read: dict[str, _Read] = {}

    async def begin(self) -> None:
        """Check all operations; round trips only for codes that orders may have brought."""
        for each in self._operations:
            # One that is named twice was done once by the device, too.
            if each.id not in self._read:
                self._read[each.id] = await self._checked(each)

    async def _checked(self, asked: LateOperation) -> _Read:
        operation = read_operation(asked.id)
        if isinstance(operation, UserError):
            return _Read(fault=operation)
        try:
            admitted = asked.admit(self._engine.snapshot.shop, self._engine.limits, operation)
            command = await looked_up(self._engine.stores, admitted)
            return _Read(command, self._believed.done(command))
        except RefusedError as refused:
            return _Read(fault=refused.errors[0])

    def edits(self) -> list[LateEdit]:
        """Return what to send, one for each operation."""
        return [
            LateEdit(OperationId(each.id), _content(each), str(each.at_ms), self._read[each.id].ops)
            for each in self._operations
        ]

    def results(self, answers: Sequence[Applied | NotApplied], cart: Cart | None) -> tuple[OperationResult, ...]:
        """Return what became of each operation."""
        asked = zip(self._operations, answers, strict=True)
        return tuple(self._result(place, each.id, answer, cart) for place, (each, answer) in enumerate(asked))

    def _result(self, place: int, id: str, answer: Applied | NotApplied, cart: Cart | None) -> OperationResult:
        if isinstance(answer, Applied):
            return OperationResult(id, answer.version, answer.duplicate)
        read = self._read[id]
        error = read.fault
        # Its own fault is not what keeps it from a cart that is gone, or that knows the id by another content.
        if error is None or answer.code is not UserErrorCode.NOTHING_TO_DO:
            commands = (read.command,) if read.command is not None else ()
            path = argument_of(commands, answer.op_index) if answer.op_index is not None else ()
            error = UserError(answer.code, sentence_of(answer.code, cart), path)
        return OperationResult(id, error=replace(error, field=("operations", str(place), *error.field)))


def _content(asked: LateOperation) -> bytes:
    return hashlib.blake2b(f"{asked.at_ms} {asked.asked}".encode(), digest_size=8).digest()


def _may_go_offline(caller: Caller) -> bool:
    return caller.kind is CallerKind.TERMINAL or caller.may(Scope.CART_WRITE)


def _may_edit(caller: Caller, cart: Cart, at_ms: InstantMs) -> bool:
    member, lease = cart.member(caller.member), cart.lease_at(at_ms)
    here = lease is not None and (lease.member, lease.device) == (caller.member, caller.device)
    return here or caller.may(Scope.CART_WRITE) or (member is not None and member.role in _EDITS)


def _refusal(caller: Caller, cart: Cart, at_ms: InstantMs) -> UserErrorCode | None:
    """Return why a cart cannot be taken along by somebody who may see it."""
    lease = cart.lease_at(at_ms)
    if cart.sold is not None:
        return UserErrorCode.CART_SOLD
    if lease is not None and (lease.member, lease.device) != (caller.member, caller.device):
        return UserErrorCode.CART_HELD
    return None if _may_edit(caller, cart, at_ms) else UserErrorCode.ROLE_FORBIDS


def _checked(engine: Panier, taken: CartSnapshot, sale: Sale) -> Verified:
    """Price a sale again, at its instant, where the rules and prices that it was made under are loaded.

    Of limits counts what the device could know: what others used since does not make its price a wrong one.
    """
    loaded = engine.snapshot
    if (sale.ruleset_hash, sale.price_book_version) != (loaded.ruleset.hash, loaded.shop.version):
        return Verified(Verification.NOT_POSSIBLE)
    try:
        sold = sold_cart(taken.cart, sale, loaded.shop, engine.limits)
    except RefusedError:
        return Verified(Verification.NOT_POSSIBLE)
    basket = build_basket(sold.cart, loaded.shop, sale.at_ms, closed=closed_by(taken.allowances))
    if amounts_too_large(basket):
        return Verified(Verification.NOT_POSSIBLE)
    return verified(sale, sold, evaluate(basket, loaded.ruleset))


async def _basket_of_sale(engine: Panier, cart_id: CartId, kept: KeptSale) -> Basket:
    """Return what the limits of a sale go by: whose cart it was, where, when and with which codes.

    What became of a code that an order brought is left out: the till did not know, and gave what it is for.
    """
    whose, sale, shop = kept.sold_for, kept.sale, engine.snapshot.shop
    facts = Facts(whose.customer) if whose.customer else None
    try:
        known = await looked_up(engine.stores, admit_codes(sale.codes, engine.limits))
        codes = tuple(
            replace(code, voucher=code.voucher and replace(code.voucher, ended=None)) for code in known.entries()
        )
    except RefusedError:
        codes = ()
    cart = Cart(cart_id, 0, (), whose.channel, whose.store, shop.locales[0], facts=facts, codes=codes)
    return build_basket(cart, shop, sale.at_ms)


def _digest(sale: Sale) -> bytes:
    return hashlib.blake2b(repr(sale).encode(), digest_size=8).digest()
