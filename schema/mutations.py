"""What clients may do. Each change of a cart is one round trip to the store, and answers the whole priced cart."""

import uuid
from typing import Final

import strawberry
from strawberry import ID

from engine.callers import Caller, CallerKind, Scope
from engine.cart.handoff import Discretion, discretion_towards
from engine.cart.merging import MergePolicy
from engine.cart.model import Facts
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.merge_service import sign_in
from engine.pricing.requests import AdjustmentRequest
from engine.service import Admit, Changed
from engine.types import AdjustmentId, CartId, ChannelId, CustomerId, InstantMs, StoreId
from engine.viewing import mark_seen
from schema.auth import KeysError, TokenError
from schema.context import Info
from schema.ids import key_of
from schema.inputs import (
    CartAdjustmentInput,
    CartContextInput,
    CartCreateInput,
    CartFeeInput,
    CartLineInput,
    CartLineUpdateInput,
    CustomerInput,
    admits_changes,
    admits_clear,
    admits_code_removals,
    admits_codes,
    admits_context,
    admits_fee_removals,
    admits_fees,
    admits_gift,
    admits_lines,
    admits_note,
    admits_removals,
    customer_facts,
    customer_phones,
    new_cart,
)
from schema.scalars import Long
from schema.types.amounts import CartWarningView
from schema.types.cart import CartView, warnings_for
from schema.types.merging import CartMergeView
from schema.types.stamps import StampsView
from schema.views import field, object_type

strawberry.enum(UserErrorCode, name="UserErrorCode", description="Stable codes of refused requests.")

_DEVICE_LENGTH_MAX = 128


@object_type("UserError")
class UserErrorView:
    """Why a request was refused. Nothing was written."""

    __slots__ = ("_error",)

    def __init__(self, error: UserError) -> None:
        self._error = error

    @property
    def code(self) -> UserErrorCode:
        """For programs."""
        return self._error.code

    @property
    def field(self) -> list[str]:
        """The path of the argument at fault, such as ["lines", "0", "quantity"]; empty where it is the request."""
        return list(self._error.field)

    @property
    def message(self) -> str:
        """For people: an English sentence."""
        return self._error.message


@object_type("CartPayload")
class CartPayloadView:
    """The answer to a change of a cart."""

    def __init__(self, changed: Changed, caller: Caller) -> None:
        self._changed = changed
        self._caller = caller

    @property
    def cart(self) -> CartView | None:
        """The cart as it is now; null where the caller may see none, or the request itself was refused."""
        priced = self._changed.priced
        return CartView(priced, self._caller) if priced else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was changed; empty where it was."""
        return [UserErrorView(error) for error in self._changed.errors]

    @property
    def warnings(self) -> list[CartWarningView]:
        """What changed under the shopper, and what else they may not expect."""
        staff = self._caller.may(Scope.OFFERS_READ)
        priced = self._changed.priced
        discretion = discretion_towards(priced.cart, self._caller.member) if priced else Discretion()
        return warnings_for(self._changed.notices(staff=staff), discretion)

    @property
    def replayed(self) -> bool:
        """Whether this operation had been done before: it was not done again."""
        return self._changed.replayed

    @property
    def version(self) -> int | None:
        """The version that the operation made, now or the first time; null where it was refused."""
        return self._changed.version

    @property
    def merge(self) -> CartMergeView | None:
        """What became of each thing, where two carts were put together or taken apart; null for all other changes."""
        return CartMergeView(self._changed.merge) if self._changed.merge else None


@object_type("SessionPayload")
class SessionPayloadView:
    """A guest's session."""

    __slots__ = ("_errors", "_expires_ms", "_token")

    def __init__(self, token: str | None, expires_ms: InstantMs | None, errors: tuple[UserError, ...] = ()) -> None:
        self._token = token
        self._expires_ms = expires_ms
        self._errors = errors

    @property
    def token(self) -> str | None:
        """Send it as `Authorization: Bearer …`, and keep it: it is what owns the guest's cart."""
        return self._token

    @property
    def expires_at(self) -> InstantMs | None:
        """When the token stops being good."""
        return self._expires_ms

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why there is no session."""
        return [UserErrorView(error) for error in self._errors]


@object_type("Customer")
class CustomerView:
    """What is known of a customer."""

    __slots__ = ("_facts",)

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @property
    def id(self) -> ID:
        """The customer: what `sub` is in their tokens."""
        return ID(self._facts.customer)

    @property
    def version(self) -> int:
        """Goes up with every write."""
        return self._facts.version

    @property
    def tier(self) -> str | None:
        """Such as "gold"."""
        return self._facts.tier or None

    @property
    def segments(self) -> list[str]:
        """Groups they belong to."""
        return sorted(self._facts.segments)

    @property
    def points(self) -> Long:
        """The balance of their points."""
        return Long(self._facts.points)

    @property
    def first_order_at(self) -> InstantMs | None:
        """When they first ordered, null before."""
        return self._facts.first_order_ms

    @property
    def customer_since(self) -> InstantMs | None:
        """When their account was opened, null where nobody told."""
        return self._facts.customer_since_ms

    @property
    def birthday(self) -> str | None:
        """Month and day, such as "02-29", null where nobody told."""
        return self._facts.birthday or None

    @property
    def orders(self) -> int | None:
        """How many orders they have placed, null where nobody told."""
        return self._facts.orders

    @property
    def ordered_categories(self) -> list[str] | None:
        """Category paths of what they have ordered, null where nobody told."""
        categories = self._facts.ordered_categories
        return None if categories is None else sorted(categories)

    @property
    def stamps(self) -> list[StampsView]:
        """The stamps on their cards, those without any left out."""
        return [StampsView(card, count) for card, count in sorted(self._facts.stamps.items()) if count]


@object_type("CustomersPayload")
class CustomersPayloadView:
    """The answer to a write of customer records."""

    __slots__ = ("_customers", "_errors")

    def __init__(self, customers: list[Facts], errors: tuple[UserError, ...] = ()) -> None:
        self._customers = customers
        self._errors = errors

    @property
    def customers(self) -> list[CustomerView]:
        """The records as they are now."""
        return [CustomerView(facts) for facts in self._customers]

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was written; empty where it was."""
        return [UserErrorView(error) for error in self._errors]


MUTATIONS: Final = (
    "What can be done. An `operationId` makes it safe to send a change again: it is done once. Adds commute; "
    "a set with `ifVersion` is refused with STALE_VERSION, and answered with the current cart, if what it sets "
    "changed after that version."
)


@strawberry.type(description=MUTATIONS)
class Mutation:
    """The root of mutations."""

    @field("Start as a guest. Needs no token.")
    def session_create(
        self, info: Info, channel: str | None = None, store: str | None = None, device: str = ""
    ) -> SessionPayloadView:
        """Mint a token for a new guest. No round trip to the store."""
        context = info.context
        errors = _place_errors(info, channel, store)
        if len(device) > _DEVICE_LENGTH_MAX or not device.isprintable():
            message = f"a device is named by at most {_DEVICE_LENGTH_MAX} printable characters"
            errors = (*errors, UserError(UserErrorCode.FORBIDDEN, message, ("device",)))
        if errors:
            return SessionPayloadView(None, None, errors)
        guest = Caller(
            CallerKind.GUEST,
            uuid.uuid4().hex,
            channel=ChannelId(channel) if channel is not None else None,
            store=StoreId(store) if store is not None else None,
            device=device,
        )
        try:
            token = context.tokens.mint(guest, context.session_life_s)
        except KeysError:
            message = "this service issues no tokens: get one where the shop's tokens are made"
            return SessionPayloadView(None, None, (UserError(UserErrorCode.FORBIDDEN, message),))
        return SessionPayloadView(token, InstantMs(context.now_ms + context.session_life_s * 1000))

    @field("Make a cart. A customer who has an active cart gets that one, with what is new in it.")
    async def cart_create(
        self, info: Info, input: CartCreateInput | None = None, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store, two for a customer."""
        caller, given = info.context.known_caller(), input or CartCreateInput()
        changed = await info.context.engine.create(
            caller, operation_id, lambda shop, limits, operation: new_cart(given, shop, limits, operation)
        )
        return CartPayloadView(changed, caller)

    @field("Add goods. Adding what is there already adds up.")
    async def cart_lines_add(
        self, info: Info, cart_id: ID, lines: list[CartLineInput], operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_lines(lines))

    @field("Set quantities, notes and delivery choices of lines.")
    async def cart_lines_update(
        self,
        info: Info,
        cart_id: ID,
        lines: list[CartLineUpdateInput],
        if_version: int | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_changes(lines, if_version))

    @field("Remove lines.")
    async def cart_lines_remove(
        self,
        info: Info,
        cart_id: ID,
        line_ids: list[ID],
        if_version: int | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_removals(line_ids, if_version))

    @field("Remove all lines, codes, fees and changes by staff, and the note.")
    async def cart_clear(self, info: Info, cart_id: ID, operation_id: ID | None = None) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_clear())

    @field("Add codes. One that gives nothing stays, and says why.")
    async def cart_codes_add(
        self, info: Info, cart_id: ID, codes: list[str], operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_codes(codes))

    @field("Remove codes, written in any form.")
    async def cart_codes_remove(
        self, info: Info, cart_id: ID, codes: list[str], operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_code_removals(codes))

    @field("Choose fees, such as gift wrap. Choosing what is there already adds up.")
    async def cart_fees_add(
        self, info: Info, cart_id: ID, fees: list[CartFeeInput], operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_fees(fees))

    @field("Take fees out, by their codes.")
    async def cart_fees_remove(
        self, info: Info, cart_id: ID, fees: list[str], operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_fee_removals(fees))

    @field(
        "Remember what the caller sees of a cart, for `Cart.sinceLastSeen`. With `version`, the one that was shown, it "
        "is refused with STALE_VERSION where the cart has changed since. The cart stays as it is."
    )
    async def cart_seen(self, info: Info, cart_id: ID, version: int | None = None) -> CartPayloadView:
        """Two round trips to the store: the price that is remembered is worked out between them."""
        caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
        seen = await mark_seen(info.context.engine, caller, cart, version) if cart else NO_CART
        return CartPayloadView(seen, caller)

    @field("Choose the gift of a promotion that offers several (see `Cart.giftChoices`); without a SKU, none.")
    async def cart_gift_choose(
        self, info: Info, cart_id: ID, promotion_id: ID, sku: str | None = None, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_gift(promotion_id, sku, info.context.snapshot.ruleset))

    @field("Change a price by hand. Needs the scope `cart:adjust`, and a role that may.")
    async def cart_adjustment_add(
        self, info: Info, cart_id: ID, adjustment: CartAdjustmentInput, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await _adjust(info, cart_id, operation_id, adjustment.request())

    @field("Take a change by hand back. Needs the scope `cart:adjust`.")
    async def cart_adjustment_remove(
        self, info: Info, cart_id: ID, adjustment_id: ID, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await _adjust(info, cart_id, operation_id, AdjustmentId(adjustment_id))

    @field("Move the cart to another channel, store, language or delivery choice.")
    async def cart_context_update(
        self,
        info: Info,
        cart_id: ID,
        context: CartContextInput,
        if_version: int | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_context(context, if_version))

    @field("Set the cart's note; an empty one takes it away.")
    async def cart_note_update(
        self, info: Info, cart_id: ID, note: str, if_version: int | None = None, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, admits_note(note, if_version))

    @field(
        "Make a cart a customer's, and their active one. A customer who signs in sends the guest's token with it; if "
        "they have an active cart, what the guest put in goes into that by `policy` (see `cartMerge`), and the guest's "
        "cart stays readable as `supersededCart`. Staff with scope `cart:write` name the customer; nothing is merged "
        "then unless they name a policy."
    )
    async def cart_customer_attach(
        self,
        info: Info,
        cart_id: ID,
        guest_token: str | None = None,
        customer_id: ID | None = None,
        policy: MergePolicy | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """Four round trips to the store, about a dozen where two carts become one."""
        caller = info.context.known_caller()
        try:
            guest = guest_of(info, guest_token)
            customer = _customer(caller, customer_id)
        except RefusedError as refused:
            return CartPayloadView(Changed(errors=refused.errors), caller)
        cart = CartId(key_of(cart_id, "Cart"))
        if not cart:
            return CartPayloadView(NO_CART, caller)
        changed = await sign_in(info.context.engine, caller, cart, customer, operation_id, guest, policy)
        return CartPayloadView(changed, caller)

    @field("Write customer records, and copy them into the customers' open carts. Needs the scope `service`.")
    async def customers_upsert(self, info: Info, customers: list[CustomerInput]) -> CustomersPayloadView:
        """One round trip to the store for each customer, and one for each of their open carts."""
        caller = info.context.known_caller()
        try:
            written = await info.context.engine.upsert_customers(
                caller, customer_facts(customers), customer_phones(customers)
            )
            return CustomersPayloadView(written)
        except RefusedError as refused:
            return CustomersPayloadView([], refused.errors)


NO_CART = Changed(errors=(UserError(UserErrorCode.CART_NOT_FOUND, "there is no such cart", ("cartId",)),))


async def apply(info: Info, cart_id: ID, operation_id: ID | None, admit: Admit) -> CartPayloadView:
    """Check and commit a change of a cart. One round trip."""
    caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
    changed = await info.context.engine.apply(caller, cart, operation_id, admit) if cart else NO_CART
    return CartPayloadView(changed, caller)


async def _adjust(
    info: Info, cart_id: ID, operation_id: ID | None, request: AdjustmentRequest | AdjustmentId
) -> CartPayloadView:
    caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
    changed = await info.context.engine.adjust(caller, cart, operation_id, request) if cart else NO_CART
    return CartPayloadView(changed, caller)


def _place_errors(info: Info, channel: str | None, store: str | None) -> tuple[UserError, ...]:
    shop = info.context.snapshot.shop
    errors = []
    if channel is not None and channel not in shop.channels:
        message = f"`{channel[:40]}` is not a channel of this shop"
        errors.append(UserError(UserErrorCode.UNKNOWN_CHANNEL, message, ("channel",)))
    if store is not None and store not in shop.stores:
        message = f"`{store[:40]}` is not a store of this shop"
        errors.append(UserError(UserErrorCode.UNKNOWN_STORE, message, ("store",)))
    return tuple(errors)


def guest_of(info: Info, token: str | None) -> Caller | None:
    """Return the guest whose token was sent along. Raises `RefusedError`."""
    if token is None:
        return None
    try:
        guest = info.context.tokens.caller(token)
    except TokenError as error:
        message = f"the guest's token is not taken: {error}"
        raise RefusedError.because(UserErrorCode.FORBIDDEN, message, "guestToken") from error
    if guest.kind is not CallerKind.GUEST:
        raise RefusedError.because(UserErrorCode.FORBIDDEN, "this is not a guest's token", "guestToken")
    return guest


def _customer(caller: Caller, named: ID | None) -> CustomerId:
    """Return whose the cart is to be: the customer that calls, or whom staff name. Raises `RefusedError`."""
    own = caller.customer
    if own is not None and (named is None or str(named) == own):
        return own
    if not caller.may(Scope.CART_WRITE):
        message = "only a customer can do this for themselves, and staff with the scope `cart:write` for others"
        raise RefusedError.because(UserErrorCode.FORBIDDEN, message, "customerId")
    if not named:
        raise RefusedError.because(UserErrorCode.UNKNOWN_CUSTOMER, "say which customer", "customerId")
    return CustomerId(named)
