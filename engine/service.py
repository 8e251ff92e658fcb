"""The shell: the one place where the pure engine meets the store, the clock and chance.

A change is one commit and then a price; a read is one read and then a price. The snapshot (shop and rule set) is one
immutable value, swapped whole: a request in flight finishes on the one it started with.
"""

import asyncio
import copy
import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from engine.callers import Caller, CallerKind, Scope, customer_fault
from engine.cart.codec import encode_new_cart
from engine.cart.commands import (
    AddLines,
    AttachCustomer,
    Command,
    MergeInto,
    Op,
    RefreshBalance,
    RefreshFacts,
    RemoveAdjustment,
    as_asked,
    content_version,
)
from engine.cart.draw import draw_of
from engine.cart.handoff import discretion_towards
from engine.cart.history import with_history
from engine.cart.members import SignIn, StayOnScreen
from engine.cart.merging import MergeReport
from engine.cart.model import Cart, Facts, LogEntry, Member, Role
from engine.cart.refusals import argument_of, sentence_of
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.priced import PricedCart, RefusedLoad, Snapshot
from engine.pricing.admission_adjustments import admit_adjustment
from engine.pricing.notices import ADOPTED, Notice, merge_notices
from engine.pricing.requests import AdjustmentRequest, Limits
from engine.pricing.shop import Shop
from engine.sharing import Sharing, settle, sharing_of
from engine.spendable import balance_now
from engine.storage.carts import Actor, Committed, Edit, Missing, Refused
from engine.storage.customers import CustomerRecord
from engine.storage.stores import Stores
from engine.types import (
    AdjustmentId,
    CartId,
    ChannelId,
    CustomerId,
    MemberId,
    OperationId,
    StoreId,
)
from engine.vouchers import looked_up

OPERATION_ID_LENGTH_MAX = 128
_NOT_ACTIVE = frozenset({UserErrorCode.CART_NOT_FOUND, UserErrorCode.CART_SOLD, UserErrorCode.CART_ORDERED})
_KEEPS_ITS_OWNER = frozenset({UserErrorCode.ROLE_FORBIDS, UserErrorCode.CART_SOLD, UserErrorCode.CART_ORDERED})
_MISSING = UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",))
PAUSES_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
"""How long a device waits for another one of the same customer, which is between two steps."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The answer to a change: the cart as it is now, and why nothing changed if it was refused.

    ``version`` is the one that the operation made, now or, where ``replayed``, the first time it was sent. ``adopted``
    says that a new cart was asked for and the customer's active one taken instead. ``merge`` is what a merge came to,
    and ``more`` what else there is to say.
    """

    priced: PricedCart | None = None
    errors: tuple[UserError, ...] = ()
    version: int | None = None
    replayed: bool = False
    adopted: bool = False
    merge: MergeReport | None = None
    more: tuple[Notice, ...] = ()

    def seen_by(self, caller: Caller) -> "Changed":
        """Return it without the cart where the caller may not see that: not yet, or not any more."""
        if self.priced is None or caller.may_read(self.priced.cart, self.priced.as_of_ms):
            return self
        return replace(self, priced=None)

    def notices(self, *, staff: bool) -> list[Notice]:
        """Return what the caller may not expect of the cart."""
        notices = self.priced.notices(staff=staff) if self.priced else []
        told = merge_notices(self.merge) if self.merge else []
        return [*([ADOPTED] if self.adopted else ()), *self.more, *told, *notices]


@dataclass(frozen=True, slots=True)
class NewCart:
    """What a cart starts with; None takes the caller's channel and store, else the shop's defaults."""

    channel: ChannelId | None = None
    store: StoreId | None = None
    locale: str | None = None
    commands: Sequence[Command] = field(default=())


Admit = Callable[[Shop, Limits, OperationId], Command]
"""Checks a request against the shop and builds its command, or raises `RefusedError`."""


class Panier:
    """Everything a front door may do. All methods may raise `StoreUnavailableError`."""

    def __init__(self, snapshot: Snapshot, stores: Stores, limits: Limits) -> None:
        self.snapshot = snapshot
        self.stores = stores
        self.last_refused: RefusedLoad | None = None
        self.limits = limits
        self.reached: Callable[[str], None] = lambda step: None
        """Told of each step of a checkout: tests end the process there."""

    def pinned(self) -> "Panier":
        """Return the engine as it is now, for one request: what is loaded meanwhile does not reach it."""
        return copy.copy(self)

    async def cart(self, caller: Caller, cart_id: CartId) -> PricedCart | None:
        """Return a cart that the caller may see. One round trip, three where points are to be spent on it."""
        priced = await self.kept_cart(caller, cart_id)
        return await self.with_fresh_balance(priced) if priced and priced.cart.burn else priced

    async def kept_cart(self, caller: Caller, cart_id: CartId) -> PricedCart | None:
        """Return a cart that the caller may see, with what was known last of points that are to be spent on it.

        One round trip; a second one renews a screen's time now and then.
        """
        snapshot = self.snapshot
        read = await self.stores.carts.read(cart_id)
        if read.cart is None or not caller.may_read(read.cart, read.at_ms):
            return None
        member = read.cart.member(caller.member)
        if member is not None and member.until_ms is not None and member.until_ms - read.at_ms < member.stay_ms // 2:
            # Who looks at a screen uses it. Half of its time is left before that costs a write.
            edit = Edit(self._actor(caller), OperationId(uuid.uuid4().hex), StayOnScreen().ops())
            await self.stores.carts.commit(cart_id, edit)
        return PricedCart(read.cart, snapshot, read.at_ms)

    async def active_cart(self, caller: Caller) -> PricedCart | None:
        """Return the customer's active cart, from whichever device it was filled. Two round trips.

        A third one brings the cart's copy of the customer's facts up to date where it is not.
        """
        customer = caller.customer
        if customer is None:
            return None
        record = await self.stores.customers.read(customer)
        # A sign-in that was cut off in the middle leaves a pointer to a cart that is not the customer's yet.
        for cart_id in (record.active, record.superseded):
            priced = await self.cart(caller, cart_id) if cart_id else None
            while priced is not None and priced.cart.superseded_by is not None:
                priced = await self.cart(caller, priced.cart.superseded_by)
            if priced is not None:
                return await self._with_facts(priced, self._facts(customer, record))
        return None

    async def superseded_cart(self, caller: Caller) -> PricedCart | None:
        """Return the cart that was active before the customer signed in with another one. Two round trips."""
        customer = caller.customer
        record = await self.stores.customers.read(customer) if customer else None
        return await self.cart(caller, record.superseded) if record and record.superseded else None

    async def log(self, caller: Caller, cart_id: CartId, since: int) -> tuple[LogEntry, ...] | None:
        """Return what happened to a cart after a version, oldest first, as far back as the log reaches."""
        read = await self.stores.carts.read_log(cart_id, since)
        if read.cart is None or not caller.may_read(read.cart, read.at_ms):
            return None
        return discretion_towards(read.cart, caller.member).told(read.entries)

    async def apply(
        self,
        caller: Caller,
        cart_id: CartId,
        operation_id: str | None,
        admit: Admit,
        scope: Scope = Scope.CART_WRITE,
    ) -> Changed:
        """Check a request, commit it and return the priced cart. One round trip.

        `scope` is what gives the right to it to somebody who is no member of the cart.
        """
        snapshot, operation = self.snapshot, read_operation(operation_id)
        if isinstance(operation, UserError):
            return Changed(errors=(operation,))
        try:
            command = admit(snapshot.shop, self.limits, operation)
        except RefusedError as refused:
            return Changed(errors=refused.errors)
        if not command.ops():
            return Changed(errors=(UserError(UserErrorCode.NOTHING_TO_DO, "the request changes nothing"),))
        content, command = _content(command), await looked_up(self.stores, command)
        edit = Edit(self._actor(caller, scope), operation, command.ops(), content=content)
        return _changed(await self.stores.carts.commit(cart_id, edit), snapshot, command)

    async def adjust(
        self, caller: Caller, cart_id: CartId, operation_id: str | None, request: AdjustmentRequest | AdjustmentId
    ) -> Changed:
        """Change a price by hand, or take the change with that id back. Needs `cart:adjust`. One round trip."""
        if not caller.may(Scope.CART_ADJUST):
            message = "changing prices by hand needs the scope `cart:adjust`"
            return Changed(errors=(UserError(UserErrorCode.FORBIDDEN, message),))

        def admit(shop: Shop, limits: Limits, operation: OperationId) -> Command:
            if isinstance(request, str):
                return RemoveAdjustment(request)
            id_ = AdjustmentId(derived_id(caller, operation, size=8))
            return admit_adjustment(request, caller.role, id_, shop, limits)

        return await self.apply(caller, cart_id, operation_id, admit, Scope.CART_ADJUST)

    async def create(self, caller: Caller, operation_id: str | None, admit: Callable[..., NewCart]) -> Changed:
        """Make a cart, or adopt the active one that the customer already has: then what is new goes into that.

        The id follows from caller and operation, so that a request sent twice makes one cart. One round trip; two for
        a customer, whose active cart must be found first, and three more where they share new carts with a group.
        """
        snapshot, operation = self.snapshot, read_operation(operation_id)
        if isinstance(operation, UserError):
            return Changed(errors=(operation,))
        try:
            new: NewCart = admit(snapshot.shop, self.limits, operation)
        except RefusedError as refused:
            return Changed(errors=refused.errors)
        cart_id = CartId(derived_id(caller, operation, size=16))
        if caller.customer is None:
            return await self._commit_new(caller, cart_id, new, operation, None)
        record = await self.stores.customers.claim_first(caller.customer, cart_id)
        chosen, facts = record.chosen or cart_id, self._facts(caller.customer, record)
        group = record.shares_with if chosen == cart_id else None
        sharing = await sharing_of(self.stores, caller.customer, caller.member, group, cart_id) if group else None
        changed = await self._commit_new(caller, chosen, new, operation, facts, sharing)
        if sharing:
            await settle(self.stores, sharing, cart_id, self.snapshot.shop.default_channel)
        if changed.errors == (_MISSING,) and await self.stores.customers.got_lately(
            caller.customer, chosen, record.at_ms
        ):
            # Another device signs in with a guest's cart, which is the customer's in a moment.
            for pause_s in PAUSES_S:
                await asyncio.sleep(pause_s)
                changed = await self._commit_new(caller, chosen, new, operation, facts)
                if changed.errors != (_MISSING,):
                    break
        if any(error.code in _NOT_ACTIVE for error in changed.errors):
            # A sign-in or a sale that was cut off in the middle left a pointer to a cart that is not the customer's
            # any more, or not yet.
            await self.stores.customers.release(caller.customer, chosen)
            record = await self.stores.customers.claim_first(caller.customer, cart_id)
            chosen = record.chosen or cart_id
            changed = await self._commit_new(caller, chosen, new, operation, facts)
        while changed.errors and changed.priced and (by := changed.priced.cart.superseded_by):
            # A merge that was cut off in the middle left a pointer to a cart that went into another one.
            await self.stores.customers.supersede(caller.customer, chosen, by)
            chosen = by
            changed = await self._commit_new(caller, chosen, new, operation, facts)
        return replace(changed, adopted=chosen != cart_id and changed.priced is not None)

    async def attach(
        self,
        caller: Caller,
        cart_id: CartId,
        customer: CustomerId,
        operation_id: str | None,
        guest: Caller | None,
        into: MergeInto | None = None,
    ) -> Changed:
        """Make a cart a customer's, and their active one; or with `into` have it go into another one in the same step.

        `guest` is who owned it and signs in now, shown to be the same person by the guest's own token; without one the
        caller must be the customer already or act by scope. The customer's older active cart stays readable. What the
        guest searched for and looked at follows them. Two round trips, and one more for a guest who signs in.
        """
        snapshot, operation = self.snapshot, read_operation(operation_id)
        if isinstance(operation, UserError):
            return Changed(errors=(operation,))
        if caller.customer != customer and not caller.may(Scope.CART_WRITE):
            message = "only the customer, or staff with the scope `cart:write`, can attach this customer"
            return Changed(errors=(UserError(UserErrorCode.FORBIDDEN, message, ("customerId",)),))
        refused = customer_fault(customer)
        if refused is not None:
            return Changed(errors=(refused,))
        customers = self.stores.customers
        record = await customers.read(customer) if into else await customers.claim(customer, cart_id)
        facts = self._facts(customer, record)
        member = MemberId(f"{CallerKind.CUSTOMER}:{customer}")
        command = AttachCustomer(customer, member, facts, guest.member if guest else None)
        actor = replace(self._actor(caller), member=guest.member) if guest else self._actor(caller)
        ops = _ops([command, into] if into else [command])
        edit = Edit(actor, operation, ops, content=_content((customer, command.guest)))
        answer = await self.stores.carts.commit(cart_id, edit)
        if isinstance(answer, Missing) and guest is not None:
            # The guest is no member any more where the cart is the customer's already.
            answer = await self.stores.carts.commit(cart_id, replace(edit, actor=self._actor(caller)))
        if isinstance(answer, Refused) and answer.code in _KEEPS_ITS_OWNER and guest is not None:
            # It is somebody else's cart, in which the guest takes part, or it was paid for: they keep their seat under
            # their name.
            await self.stores.pointers.note_cart(member, cart_id)
            answer = await self.stores.carts.commit(cart_id, replace(edit, ops=SignIn(guest.member, member).ops()))
        if record.claimed and not (isinstance(answer, Committed) and answer.cart.customer == customer):
            await customers.release(customer, cart_id)
        if guest is not None and isinstance(answer, Committed):
            await self.stores.journeys.go_over(guest.member, member)
        return _changed(answer, snapshot, command)

    async def upsert_customers(
        self, caller: Caller, records: Iterable[Facts], phones: Mapping[CustomerId, str]
    ) -> list[Facts]:
        """Write customer records and copy them into the customers' open carts. Needs the scope `service`.

        ``phones`` are in canonical form, empty for none any more; who is not in it keeps theirs. No cart holds them.
        """
        if not caller.may(Scope.SERVICE):
            raise RefusedError.because(UserErrorCode.FORBIDDEN, "writing customers needs the scope `service`")
        if phones and not self.stores.phones.is_kept:
            message = "this service keeps no phone numbers: set PANIER_PHONE_SECRET"
            raise RefusedError.because(UserErrorCode.INVALID_CUSTOMER, message, "customers")
        written = []
        for record in records:
            stored = await self.stores.customers.write_facts(record)
            if record.customer in phones:
                await self.stores.phones.keep(record.customer, phones[record.customer])
            facts = with_history(stored.facts, stored.history)
            for cart_id in stored.open_carts:
                await self._refresh(cart_id, facts)
            written.append(facts)
        return written

    async def tell_carts(self, customer: CustomerId) -> None:
        """Copy what is known of a customer into their open carts, if there are any. Three round trips for one."""
        open_carts = await self.stores.customers.open_carts(customer)
        if open_carts:
            facts = await self.facts_of(customer)
            for cart_id in open_carts:
                await self._refresh(cart_id, facts)

    async def facts_of(self, customer: CustomerId) -> Facts:
        """Return what is known of a customer: the back office's word, else the shop folder's. One round trip."""
        return self._facts(customer, await self.stores.customers.read(customer))

    def _facts(self, customer: CustomerId, record: CustomerRecord) -> Facts:
        if record.facts is not None:
            return with_history(record.facts, record.history)
        of_folder = self.snapshot.shop.customers.get(customer) or Facts(customer)
        facts = with_history(of_folder, record.history, told_long_ago=True)
        return replace(facts, version=content_version(facts))

    async def with_fresh_facts(self, priced: PricedCart) -> PricedCart:
        """Return a cart with what is known of its owner now. One round trip, two where the cart's copy is older."""
        owner = priced.cart.customer
        return await self._with_facts(priced, await self.facts_of(owner)) if owner else priced

    async def _with_facts(self, priced: PricedCart, facts: Facts) -> PricedCart:
        known = priced.cart.facts
        if known is not None and (known.version == facts.version or known.version > max(0, facts.version)):
            return priced
        refreshed = await self._refresh(priced.cart.id, facts)
        return PricedCart(refreshed, priced.snapshot, priced.as_of_ms) if refreshed else priced

    async def _refresh(self, cart_id: CartId, facts: Facts) -> Cart | None:
        """Copy facts into a cart. The operation is named by their version, so that it happens once."""
        member = MemberId(f"{CallerKind.SERVICE}:facts")
        actor = Actor(member, self.snapshot.shop.default_channel, by_scope=True)
        operation = OperationId(f"facts-{facts.customer}-{facts.version}")
        answer = await self.stores.carts.commit(cart_id, Edit(actor, operation, RefreshFacts(facts).ops()))
        return answer.cart if isinstance(answer, Committed) else None

    async def with_fresh_balance(self, priced: PricedCart, balance: int | None = None) -> PricedCart:
        """Return a cart with what can be spent on it by now, as it is looked up or as the caller found out.

        Two round trips where points are to be spent, three where the copy of the balance is another one.
        """
        cart, programme = priced.cart, priced.snapshot.ruleset.loyalty
        if cart.burn is None or programme is None or cart.is_closed_at(priced.as_of_ms):
            return priced
        if balance is None:
            balance = await balance_now(self.stores, programme, cart, cart.burn)
        if balance == cart.burn.balance:
            return priced
        actor = Actor(MemberId(f"{CallerKind.SERVICE}:points"), self.snapshot.shop.default_channel, by_scope=True)
        operation = OperationId(f"balance-{cart.version}-{balance}")
        answer = await self.stores.carts.commit(cart.id, Edit(actor, operation, RefreshBalance(balance).ops()))
        # Where others have changed the cart meanwhile, or closed it, this is how it would be.
        refreshed = replace(cart, burn=replace(cart.burn, balance=balance))
        found = answer.cart if isinstance(answer, Committed) else refreshed
        return PricedCart(found, priced.snapshot, priced.as_of_ms, priced.short)

    async def _commit_new(
        self,
        caller: Caller,
        cart_id: CartId,
        new: NewCart,
        operation: OperationId,
        facts: Facts | None,
        sharing: Sharing | None = None,
    ) -> Changed:
        shop = self.snapshot.shop
        cart = Cart(
            id=cart_id,
            version=0,
            members=(Member(caller.member, Role.OWNER),),
            channel=new.channel or caller.channel or shop.default_channel,
            store=new.store or caller.store,
            locale=new.locale or shop.locales[0],
            customer=caller.customer,
            facts=facts,
            draw=draw_of(caller.member),
        )
        commands = [await looked_up(self.stores, command) for command in new.commands]
        edit = Edit(
            self._actor(caller),
            operation,
            [*_ops(commands), *(sharing.ops() if sharing else ())],
            _content(new),
            encode_new_cart(cart),
            adopt=caller.customer is not None,
        )
        return _changed(await self.stores.carts.commit(cart_id, edit), self.snapshot, *new.commands)

    def _actor(self, caller: Caller, scope: Scope = Scope.CART_WRITE) -> Actor:
        return actor_of(caller, self.snapshot.shop, scope)


def actor_of(caller: Caller, shop: Shop, scope: Scope = Scope.CART_WRITE) -> Actor:
    """Return a caller as the store knows them. `scope` is what lets somebody act who is no member of a cart."""
    channel = caller.channel or shop.default_channel
    return Actor(caller.member, channel, caller.store, caller.device, by_scope=caller.may(scope))


def read_operation(given: str | None) -> OperationId | UserError:
    """Return the caller's operation id, or one of our own: the client library sends again on a lost connection."""
    if given is None:
        return OperationId(uuid.uuid4().hex)
    if not given or len(given) > OPERATION_ID_LENGTH_MAX or not given.isprintable():
        message = f"an operation id has 1 to {OPERATION_ID_LENGTH_MAX} printable characters"
        return UserError(UserErrorCode.INVALID_OPERATION_ID, message, ("operationId",))
    return OperationId(given)


def derived_id(caller: Caller, operation: OperationId, size: int) -> str:
    """Return an id that follows from a caller's operation, so that sending it twice makes one thing."""
    member = caller.member
    return hashlib.blake2b(f"{len(member)}:{member}{operation}".encode(), digest_size=size).hexdigest()


def _content(request: object) -> bytes:
    """Return a digest of what was asked for, to tell the same request sent again from another one under its id.

    What the shop adds to a request (where goods are sold, what the price on a label buys) may be another a moment
    later, and is left out.
    """
    asked = request
    if isinstance(request, NewCart):
        asked = (request.channel, request.store, request.locale, [as_asked(command) for command in request.commands])
    elif isinstance(request, AddLines):
        asked = as_asked(request)
    return hashlib.blake2b(repr(asked).encode(), digest_size=8).digest()


def _ops(commands: Iterable[Command]) -> list[Op]:
    return [op for command in commands for op in command.ops()]


def _changed(answer: Committed | Refused | Missing, snapshot: Snapshot, *commands: Command) -> Changed:
    match answer:
        case Committed():
            return Changed(PricedCart(answer.cart, snapshot, answer.at_ms), (), answer.version, answer.replayed)
        case Missing():
            return Changed(errors=(_MISSING,))
        case Refused():
            priced = PricedCart(answer.cart, snapshot, answer.at_ms) if answer.cart else None
            path = argument_of(commands, answer.op_index) if answer.op_index is not None else ()
            return Changed(priced, (UserError(answer.code, sentence_of(answer.code, answer.cart), path),))
