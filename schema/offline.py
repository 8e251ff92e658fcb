"""What tills may do that are offline at times: take a cart along, send what they did to it, tell what they sold."""

import json
from typing import Final

import strawberry
from strawberry import ID

from engine.cart.commands import Command
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.offline_service import (
    SNAPSHOT_S,
    LateOperation,
    SaleResult,
    SyncResult,
    Taken,
    record_sale,
    sync,
    take_snapshot,
)
from engine.pricing.sales import SaleRequest, SoldLineRequest, UseRequest
from engine.rules.ruleset import Ruleset
from engine.service import Admit
from engine.signed_snapshots import SnapshotError, SnapshotSigner
from engine.types import CartId, InstantMs, LineId, PromotionId
from schema.context import Info
from schema.ids import key_of
from schema.inputs import (
    CartContextInput,
    CartFeeInput,
    CartLineInput,
    CartLineUpdateInput,
    admits_changes,
    admits_code_removals,
    admits_codes,
    admits_context,
    admits_fee_removals,
    admits_fees,
    admits_gift,
    admits_lines,
    admits_note,
    admits_removals,
)
from schema.scalars import DecimalText, Long
from schema.types.offline import SalePayloadView, SnapshotPayloadView, SyncPayloadView
from schema.views import field

_ONE: Final = (
    "exactly one of `add`, `update`, `remove`, `codesAdd`, `codesRemove`, `feesAdd`, `feesRemove`, `gift`, `context` "
    "and `note`"
)


@strawberry.input(description="A gift that was chosen; without a SKU, none.")
class OfflineGiftInput:
    """See `cartGiftChoose`."""

    promotion_id: ID = strawberry.field(description="The promotion that offers several.")
    sku: str | None = strawberry.field(default=None, description="The product that was chosen.")


@strawberry.input(description=f"What a till did to a cart while it was offline: an id, an instant, and {_ONE}.")
class OfflineOperationInput:
    """See `LateOperation`."""

    id: ID = strawberry.field(description="Makes it safe to send it again: it is done once.")
    at: InstantMs = strawberry.field(description="When it was done, by the clock of the till.")
    add: list[CartLineInput] | None = strawberry.field(default=None, description="Goods that were added.")
    update: list[CartLineUpdateInput] | None = strawberry.field(
        default=None,
        description="New values of lines; a quantity counts as the difference to what the till saw.",
    )
    remove: list[ID] | None = strawberry.field(
        default=None, description="Lines that were removed: as much of them as the till saw."
    )
    codes_add: list[str] | None = strawberry.field(default=None, description="Codes that were added.")
    codes_remove: list[str] | None = strawberry.field(default=None, description="Codes that were removed.")
    fees_add: list[CartFeeInput] | None = strawberry.field(default=None, description="Fees that were chosen.")
    fees_remove: list[str] | None = strawberry.field(default=None, description="Fees that were taken out.")
    gift: OfflineGiftInput | None = strawberry.field(default=None, description="A gift that was chosen.")
    context: CartContextInput | None = strawberry.field(
        default=None, description="Where the cart was moved; refused where that changed since the snapshot."
    )
    note: str | None = strawberry.field(
        default=None, description="The cart's note; refused where it changed since the snapshot."
    )

    def operation(self, ruleset: Ruleset) -> LateOperation:
        """Return the engine's form."""
        return LateOperation(self.id, self.at, repr(self), self._admits(ruleset))

    def _admits(self, ruleset: Ruleset) -> Admit:
        asked = [
            admits_lines(self.add) if self.add is not None else None,
            admits_changes(self.update, None) if self.update is not None else None,
            admits_removals(self.remove, None) if self.remove is not None else None,
            admits_codes(self.codes_add) if self.codes_add is not None else None,
            admits_code_removals(self.codes_remove) if self.codes_remove is not None else None,
            admits_fees(self.fees_add) if self.fees_add is not None else None,
            admits_fee_removals(self.fees_remove) if self.fees_remove is not None else None,
            admits_gift(self.gift.promotion_id, self.gift.sku, ruleset) if self.gift is not None else None,
            admits_context(self.context, None) if self.context is not None else None,
            admits_note(self.note, None) if self.note is not None else None,
        ]
        given = [admit for admit in asked if admit is not None]
        return given[0] if len(given) == 1 else _refuse_operation


def _refuse_operation(*_: object) -> Command:
    raise RefusedError.because(UserErrorCode.NOTHING_TO_DO, f"an operation has {_ONE}")


@strawberry.input(description="A line of a receipt.")
class SoldLineInput:
    """See `SoldLineRequest`."""

    total: DecimalText = strawberry.field(description="What the line came to, in the currency of the sale.")
    line_id: ID | None = strawberry.field(
        default=None, description="The line, where the snapshot has it: then `goods` say the quantity at most."
    )
    goods: CartLineInput = strawberry.field(default_factory=CartLineInput, description="What was sold, as one adds it.")

    def request(self) -> SoldLineRequest:
        """Return the engine's form."""
        return SoldLineRequest(LineId(self.line_id) if self.line_id else None, self.goods.request(), self.total)


@strawberry.input(description="A promotion that gave something.")
class PromotionUseInput:
    """See `UseRequest`."""

    promotion_id: ID = strawberry.field(description="The promotion, as rule files name it.")
    amount: DecimalText = strawberry.field(default=DecimalText("0"), description="What it gave.")

    def request(self) -> UseRequest:
        """Return the engine's form."""
        promotion = key_of(self.promotion_id, "Promotion") or self.promotion_id
        return UseRequest(PromotionId(promotion), self.amount)


@strawberry.input(description="A sale that a till made by itself. It is kept as it is told.")
class OfflineSaleInput:
    """See `SaleRequest`."""

    id: ID = strawberry.field(description="The till's own name of the sale: it is recorded once.")
    at: InstantMs = strawberry.field(description="When it was paid, by the clock of the till.")
    lines: list[SoldLineInput] = strawberry.field(description="What was sold.")
    currency: str = strawberry.field(description="Of all amounts (ISO 4217).")
    total: DecimalText = strawberry.field(description="What was paid.")
    payment_method: str = strawberry.field(description="How it was paid, such as `card`.")
    payment_reference: str = strawberry.field(
        description="What names the payment: another sale with the same one is the same sale."
    )
    ruleset_hash: str = strawberry.field(description="The rules that the till priced by.")
    price_book_version: str = strawberry.field(description="The prices that the till priced by.")
    codes: list[str] | None = strawberry.field(default=None, description="The codes; by default those of the snapshot.")
    uses: list[PromotionUseInput] = strawberry.field(
        default_factory=list, description="What was taken of promotions; it is posted, beyond a limit too."
    )
    points_spent: Long = strawberry.field(
        default=Long(0), description="Points that were paid with; beyond the balance they are owed."
    )
    points_earned: Long = strawberry.field(default=Long(0), description="Points that were promised: they are credited.")

    def request(self) -> SaleRequest:
        """Return the engine's form."""
        return SaleRequest(
            id=self.id,
            at_ms=self.at,
            lines=tuple(line.request() for line in self.lines),
            codes=None if self.codes is None else tuple(self.codes),
            currency=self.currency,
            total=self.total,
            payment_method=self.payment_method,
            payment_reference=self.payment_reference,
            ruleset_hash=self.ruleset_hash,
            price_book_version=self.price_book_version,
            uses=tuple(use.request() for use in self.uses),
            points_spent=self.points_spent,
            points_earned=self.points_earned,
        )


@strawberry.type
class OfflineQueries:
    """Queries of tills."""

    @field(
        "The public key (a JWK, as JSON) that tills check snapshots with; null where this service has no secret to "
        "sign them with. It changes with the secret."
    )
    def snapshot_key(self, info: Info) -> str | None:
        """From the configuration."""
        signer = info.context.tokens.snapshots
        return json.dumps(dict(signer.key), sort_keys=True) if signer else None


@strawberry.type
class OfflineMutations:
    """Mutations of tills."""

    @field(
        "Take a cart along, to go on with it offline: for terminals, and staff with the scope `cart:write`. It is good "
        "for `life` seconds (24 hours); the cart stays as it is."
    )
    async def cart_snapshot(self, info: Info, cart_id: ID, life: int = SNAPSHOT_S) -> SnapshotPayloadView:
        """One round trip to the store, one for limits, and two for points of the owner."""
        context = info.context
        caller, signer = context.known_caller(), context.tokens.snapshots
        if signer is None:
            message = "this service signs no snapshots: it has no secret"
            return SnapshotPayloadView(Taken(errors=(UserError(UserErrorCode.FORBIDDEN, message),)), "", caller)
        taken = await take_snapshot(context.engine, caller, CartId(key_of(cart_id, "Cart")), life)
        return SnapshotPayloadView(taken, signer.signed(taken.snapshot) if taken.snapshot else "", caller)

    @field(
        "Do to a cart what was done to a snapshot of it, oldest first. Each operation is done once, and done or "
        "refused by itself. Send all of them since the snapshot: quantities count as differences to what the till saw."
    )
    async def cart_sync(self, info: Info, snapshot: str, operations: list[OfflineOperationInput]) -> SyncPayloadView:
        """One round trip to the store."""
        context = info.context
        caller, ruleset = context.known_caller(), context.snapshot.ruleset
        try:
            read = _signer(info).checked(snapshot)
        except SnapshotError as fault:
            return SyncPayloadView(SyncResult(errors=_refusal(fault)), caller)
        late = [operation.operation(ruleset) for operation in operations]
        return SyncPayloadView(await sync(context.engine, caller, read, late), caller)

    @field(
        "Record a sale that a till made by itself, once, and close its cart. It is kept as it is told, whatever became "
        "of the cart; what is doubtful is flagged."
    )
    async def offline_sale(self, info: Info, snapshot: str, sale: OfflineSaleInput) -> SalePayloadView:
        """Two round trips to the store, three for a customer's cart, and some where there is something to post."""
        context = info.context
        caller = context.known_caller()
        try:
            read = _signer(info).checked(snapshot)
        except SnapshotError as fault:
            return SalePayloadView(SaleResult(errors=_refusal(fault)), caller)
        return SalePayloadView(await record_sale(context.engine, caller, read, sale.request()), caller)


def _signer(info: Info) -> SnapshotSigner:
    signer = info.context.tokens.snapshots
    if signer is None:
        raise SnapshotError("this service signs no snapshots: it has no secret")
    return signer


def _refusal(fault: SnapshotError) -> tuple[UserError, ...]:
    return (UserError(UserErrorCode.INVALID_SNAPSHOT, str(fault), ("snapshot",)),)
