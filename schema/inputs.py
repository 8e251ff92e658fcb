"""What clients send, and how it becomes the engine's requests. Whether it makes sense is decided by the engine."""

from collections.abc import Sequence
from typing import Final

import strawberry
from strawberry import ID

from engine.cart.commands import Clear, RemoveFees, RemoveLines
from engine.cart.model import DeliveryChoice, Facts
from engine.cart.phones import canonical_phone
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.fields import is_birthday
from engine.pricing.admission import (
    admit_changes,
    admit_code_removals,
    admit_codes,
    admit_context,
    admit_fees,
    admit_lines,
    admit_note,
)
from engine.pricing.requests import (
    AdjustmentRequest,
    ContextRequest,
    FeeRequest,
    Limits,
    LineChangeRequest,
    LineRequest,
)
from engine.pricing.shop import Shop
from engine.rules.gift_choices import admit_gift_choice
from engine.rules.ruleset import Ruleset
from engine.service import Admit, NewCart
from engine.types import ChannelId, CustomerId, InstantMs, LineId, OperationId, StoreId
from schema.ids import key_of
from schema.scalars import DecimalText, Long, QuantityIn

CUSTOMERS_MAX: Final = 100
_WORD_LENGTH_MAX: Final = 128
_WORDS_MAX: Final = 200
_POINTS_MAX: Final = 10**12


@strawberry.input(description="How goods are to reach the shopper.")
class DeliveryChoiceInput:
    """See `DeliveryChoice`."""

    method: str = strawberry.field(description="The code of a delivery method.")
    place: str = strawberry.field(default="", description="Where to: a postal code, a zone.")
    slot: str = strawberry.field(default="", description="When, for a method with slots.")

    def choice(self) -> DeliveryChoice:
        """Return the engine's form."""
        return DeliveryChoice(self.method, self.place, self.slot)


@strawberry.input(description="A value of an option, such as the text of an engraving.")
class OptionInput:
    """One option of a line."""

    name: str = strawberry.field(description="The option.")
    value: str = strawberry.field(description="The value: one of the option's, or a text.")


@strawberry.input(description="Goods to add, named by SKU or by what was scanned.")
class CartLineInput:
    """See `LineRequest`."""

    sku: str | None = strawberry.field(default=None, description="The product; or give `barcode`.")
    barcode: str | None = strawberry.field(
        default=None, description="A scanned GTIN, or the label of a pack that carries its weight or price."
    )
    quantity: QuantityIn | None = strawberry.field(
        default=None, description="How much; by default one piece, or what the label of a pack says."
    )
    options: list[OptionInput] = strawberry.field(default_factory=list, description="Choices such as engraving.")
    note: str = strawberry.field(default="", description="For this line; counts where the line is new.")
    delivery: DeliveryChoiceInput | None = strawberry.field(
        default=None, description="For this line only; counts where the line is new."
    )
    line_key: str = strawberry.field(
        default="", description="Keeps lines of the same product apart; by default they are one line."
    )
    seller: str = strawberry.field(default="", description="Who sells it, on a marketplace.")

    def request(self) -> LineRequest:
        """Return the engine's form."""
        return LineRequest(
            sku=self.sku,
            barcode=self.barcode,
            quantity=self.quantity,
            options={option.name: option.value for option in self.options},
            note=self.note,
            delivery=self.delivery.choice() if self.delivery else None,
            line_key=self.line_key,
            seller=self.seller,
        )


@strawberry.input(description="New values for a line; what is not given stays as it is.")
class CartLineUpdateInput:
    """See `LineChangeRequest`."""

    line_id: ID = strawberry.field(description="The line.")
    quantity: QuantityIn | None = strawberry.field(default=None, description="The new quantity; 0 removes the line.")
    note: str | None = strawberry.field(default=None, description="The new note; empty takes it away.")
    delivery: DeliveryChoiceInput | None = strawberry.field(default=None, description="The line's own delivery choice.")
    clear_delivery: bool = strawberry.field(default=False, description="Takes the line's own delivery choice away.")
    if_version: int | None = strawberry.field(
        default=None,
        description="Refuses the change with STALE_VERSION if the line changed after this version of the cart.",
    )

    def request(self, if_version: int | None) -> LineChangeRequest:
        """Return the engine's form; `if_version` holds where the line names none."""
        return LineChangeRequest(
            line=LineId(self.line_id),
            quantity=self.quantity,
            note=self.note,
            delivery=self.delivery.choice() if self.delivery else None,
            clear_delivery=self.clear_delivery,
            if_version=self.if_version if self.if_version is not None else if_version,
        )


@strawberry.input(description="A fee to choose.")
class CartFeeInput:
    """See `FeeRequest`."""

    fee: str = strawberry.field(description="The code of the fee.")
    quantity: int = strawberry.field(default=1, description="How often.")

    def request(self) -> FeeRequest:
        """Return the engine's form."""
        return FeeRequest(self.fee, self.quantity)


@strawberry.input(description="A change of a price by hand: one of `price`, `amount` and `percent`.")
class CartAdjustmentInput:
    """See `AdjustmentRequest`."""

    reason: str = strawberry.field(description="The code of one of the shop's reasons.")
    line_id: ID | None = strawberry.field(default=None, description="The line; by default the whole cart.")
    price: DecimalText | None = strawberry.field(
        default=None, description="The new price of one piece or one whole unit, options included; for a line."
    )
    amount: DecimalText | None = strawberry.field(default=None, description="An amount to take off.")
    percent: DecimalText | None = strawberry.field(
        default=None, description="A percentage to take off of what is left after the promotions: `12.5`."
    )
    currency: str = strawberry.field(default="", description="Of the price or amount (ISO 4217).")
    note: str = strawberry.field(default="", description="What else there is to say; shown to staff only.")

    def request(self) -> AdjustmentRequest:
        """Return the engine's form."""
        return AdjustmentRequest(
            reason=self.reason,
            line=LineId(self.line_id) if self.line_id is not None else None,
            price=self.price,
            amount=self.amount,
            percent=self.percent,
            currency=self.currency,
            note=self.note,
        )


@strawberry.input(description="Where a cart is to be; what is not given stays as it is.")
class CartContextInput:
    """See `ContextRequest`."""

    channel: str | None = strawberry.field(default=None, description="The code of a channel.")
    store: str | None = strawberry.field(default=None, description="The code of a store.")
    clear_store: bool = strawberry.field(default=False, description="Leaves the choice of store to the channel.")
    locale: str | None = strawberry.field(default=None, description="One of the shop's languages.")
    delivery: DeliveryChoiceInput | None = strawberry.field(
        default=None, description="For all lines that have no choice of their own."
    )
    clear_delivery: bool = strawberry.field(default=False, description="Takes the cart's delivery choice away.")
    payment_method: str | None = strawberry.field(
        default=None, description="How the shopper is going to pay, once that is known; empty takes it away."
    )

    def request(self, if_version: int | None) -> ContextRequest:
        """Return the engine's form."""
        return ContextRequest(
            channel=self.channel,
            store=self.store,
            clear_store=self.clear_store,
            locale=self.locale,
            delivery=self.delivery.choice() if self.delivery else None,
            clear_delivery=self.clear_delivery,
            payment_method=self.payment_method,
            if_version=if_version,
        )


@strawberry.input(description="What a new cart starts with.")
class CartCreateInput:
    """See `NewCart`."""

    channel: str | None = strawberry.field(default=None, description="The code of a channel; by default the caller's.")
    store: str | None = strawberry.field(default=None, description="The code of a store; by default the caller's.")
    locale: str | None = strawberry.field(default=None, description="By default the shop's first language.")
    lines: list[CartLineInput] = strawberry.field(default_factory=list, description="Goods to begin with.")
    codes: list[str] = strawberry.field(default_factory=list, description="Codes to begin with.")


@strawberry.input(description="What is known of a customer: a whole record, which takes the place of an older one.")
class CustomerInput:
    """See `Facts`."""

    id: ID = strawberry.field(description="The customer: what `sub` is in their tokens.")
    tier: str = strawberry.field(default="", description="Such as `gold`.")
    segments: list[str] = strawberry.field(default_factory=list, description="Groups they belong to.")
    points: Long = strawberry.field(default=Long(0), description="The balance of their points.")
    first_order_at: InstantMs | None = strawberry.field(default=None, description="When they first ordered.")
    customer_since: InstantMs | None = strawberry.field(default=None, description="When their account was opened.")
    birthday: str | None = strawberry.field(default=None, description="Month and day, such as `02-29`.")
    orders: int | None = strawberry.field(default=None, description="How many orders they have placed.")
    ordered_categories: list[str] | None = strawberry.field(
        default=None, description="Category paths of what they have ordered, such as `grocery/bakery`."
    )
    phone: str | None = strawberry.field(
        default=None,
        description="Their phone with its country, such as `+33 6 12 34 56 78`, by which staff find their carts; empty "
        "for none any more. Only a keyed digest of it is kept.",
    )

    def facts(self) -> Facts:
        """Return the engine's form; the version is given by the store."""
        return Facts(
            CustomerId(self.id),
            tier=self.tier,
            segments=frozenset(self.segments),
            points=self.points,
            first_order_ms=self.first_order_at,
            customer_since_ms=self.customer_since,
            birthday=self.birthday or "",
            orders=self.orders,
            ordered_categories=None if self.ordered_categories is None else frozenset(self.ordered_categories),
        )


def admits_lines(lines: Sequence[CartLineInput]) -> Admit:
    """Return the check of goods to add."""
    return lambda shop, limits, operation: admit_lines([line.request() for line in lines], shop, limits, operation)


def admits_changes(lines: Sequence[CartLineUpdateInput], if_version: int | None) -> Admit:
    """Return the check of new values of lines."""
    return lambda shop, limits, _: admit_changes([line.request(if_version) for line in lines], shop, limits)


def admits_removals(line_ids: Sequence[str], if_version: int | None) -> Admit:
    """Return the check of lines to remove; one that is named twice is removed once."""

    def admit(_: Shop, limits: Limits, __: OperationId) -> RemoveLines:
        _refuse_too_many(len(line_ids), limits.lines_per_request_max, UserErrorCode.LINE_LIMIT, "lineIds")
        return RemoveLines(tuple(LineId(line) for line in dict.fromkeys(line_ids)), if_version)

    return admit


def admits_clear() -> Admit:
    """Return the check of emptying a cart: there is nothing to check."""
    return lambda _, __, ___: Clear()


def admits_codes(codes: Sequence[str]) -> Admit:
    """Return the check of codes to add."""
    return lambda _, limits, __: admit_codes(codes, limits)


def admits_code_removals(codes: Sequence[str]) -> Admit:
    """Return the check of codes to remove."""
    return lambda _, limits, __: admit_code_removals(codes, limits)


def admits_fees(fees: Sequence[CartFeeInput]) -> Admit:
    """Return the check of fees to choose."""
    return lambda shop, limits, _: admit_fees([fee.request() for fee in fees], shop, limits)


def admits_fee_removals(fees: Sequence[str]) -> Admit:
    """Return the check of fees to take out; one that is named twice is taken out once."""

    def admit(_: Shop, limits: Limits, __: OperationId) -> RemoveFees:
        _refuse_too_many(len(fees), limits.fees_max, UserErrorCode.QUANTITY_LIMIT, "fees")
        return RemoveFees(tuple(dict.fromkeys(fees)))

    return admit


def admits_gift(promotion: str, sku: str | None, ruleset: Ruleset) -> Admit:
    """Return the check of a gift to choose; a promotion may be named as files do, or by its opaque id."""
    return lambda *_: admit_gift_choice(key_of(ID(promotion), "Promotion") or promotion, sku, ruleset)


def admits_context(context: CartContextInput, if_version: int | None) -> Admit:
    """Return the check of where a cart is to be."""
    return lambda shop, _, __: admit_context(context.request(if_version), shop)


def admits_note(note: str, if_version: int | None) -> Admit:
    """Return the check of a note."""
    return lambda _, limits, __: admit_note(note, limits, if_version)


def new_cart(given: CartCreateInput, shop: Shop, limits: Limits, operation: OperationId) -> NewCart:
    """Check what a cart starts with. Raises `RefusedError` with every fault."""
    errors: list[UserError] = []
    commands = []
    if given.channel is not None or given.store is not None or given.locale is not None:
        place = ContextRequest(channel=given.channel, store=given.store, locale=given.locale)
        try:
            admit_context(place, shop)
        except RefusedError as refused:
            errors += refused.errors
    try:
        if given.lines:
            commands.append(admits_lines(given.lines)(shop, limits, operation))
    except RefusedError as refused:
        errors += refused.errors
    try:
        if given.codes:
            commands.append(admits_codes(given.codes)(shop, limits, operation))
    except RefusedError as refused:
        errors += refused.errors
    if errors:
        raise RefusedError(tuple(errors))
    return NewCart(
        channel=ChannelId(given.channel) if given.channel is not None else None,
        store=StoreId(given.store) if given.store is not None else None,
        locale=given.locale,
        commands=commands,
    )


def customer_facts(customers: Sequence[CustomerInput]) -> list[Facts]:
    """Check customer records. Raises `RefusedError` with every fault."""
    errors = [error for index, each in enumerate(customers) for error in _customer_errors(each, str(index))]
    if not 1 <= len(customers) <= CUSTOMERS_MAX:
        message = f"write 1 to {CUSTOMERS_MAX} customers in one request, not {len(customers)}"
        errors = [UserError(UserErrorCode.INVALID_CUSTOMER, message, ("customers",))]
    if errors:
        raise RefusedError(tuple(errors))
    return [customer.facts() for customer in customers]


def customer_phones(customers: Sequence[CustomerInput]) -> dict[CustomerId, str]:
    """Return the phones that records bring, in canonical form, empty where there is none any more."""
    return {CustomerId(each.id): canonical_phone(each.phone) or "" for each in customers if each.phone is not None}


def _customer_errors(customer: CustomerInput, index: str) -> list[UserError]:
    categories = customer.ordered_categories or ()
    words = (
        ("id", customer.id),
        *(("segments", segment) for segment in customer.segments),
        *(("orderedCategories", category) for category in categories),
    )
    faults = [
        (name, f"is a text of 1 to {_WORD_LENGTH_MAX} printable characters")
        for name, word in words
        if not 1 <= len(word) <= _WORD_LENGTH_MAX or not word.isprintable()
    ]
    if len(customer.tier) > _WORD_LENGTH_MAX or not customer.tier.isprintable():
        faults.append(("tier", f"is a text of at most {_WORD_LENGTH_MAX} printable characters"))
    if len(customer.segments) > _WORDS_MAX:
        faults.append(("segments", f"are at most {_WORDS_MAX}"))
    if len(categories) > _WORDS_MAX:
        faults.append(("orderedCategories", f"are at most {_WORDS_MAX}"))
    if customer.birthday and not is_birthday(customer.birthday):
        faults.append(("birthday", "is a month and a day such as 02-29"))
    if customer.phone and canonical_phone(customer.phone) is None:
        faults.append(("phone", "is a number with its country, such as +33 6 12 34 56 78"))
    if customer.orders is not None and customer.orders < 0:
        faults.append(("orders", "are 0 or more"))
    if not 0 <= customer.points <= _POINTS_MAX:
        faults.append(("points", f"are 0 to {_POINTS_MAX}"))
    return [
        UserError(UserErrorCode.INVALID_CUSTOMER, f"a customer's `{name}` {what}", ("customers", index, name))
        for name, what in dict.fromkeys(faults)
    ]


def _refuse_too_many(count: int, most: int, code: UserErrorCode, what: str) -> None:
    if count > most:
        message = f"at most {most} entries of `{what}` in one request, this one has {count}"
        raise RefusedError.because(code, message, what)
