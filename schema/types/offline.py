"""Tills that are offline at times, as clients see what they take along and what becomes of what they did."""

from enum import StrEnum

import strawberry
from strawberry import ID

from engine.callers import Caller
from engine.cart.snapshot import Allowances, CartSnapshot
from engine.errors import UserError
from engine.offline_service import OperationResult, RecordedSale, SaleResult, SyncResult, Taken
from engine.priced import PricedCart
from engine.pricing.sales import Verification
from engine.types import Currency, InstantMs
from schema.ids import encode_id
from schema.mutations import UserErrorView
from schema.scalars import Long
from schema.types.cart import CartView
from schema.types.money import MoneyView
from schema.types.viewing import SinceSeenView
from schema.views import object_type

strawberry.enum(Verification, name="SaleVerification", description="What came of pricing a sale again.")


@strawberry.enum(name="OfflineOutcome", description="What became of an operation that was done offline.")
class Outcome(StrEnum):
    """See `OperationResult`."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@object_type("SnapshotAllowances")
class AllowancesView:
    """What a till may give away without asking while it is offline."""

    __slots__ = ("_allowed", "_currency")

    def __init__(self, allowed: Allowances, currency: Currency) -> None:
        self._allowed = allowed
        self._currency = currency

    @property
    def points(self) -> Long:
        """The balance of the owner's points, as far as it was known."""
        return Long(self._allowed.points)

    @property
    def uses(self) -> list["AllowedUsesView"]:
        """How often promotions with a limit may be granted; one that is not named has none for the cart as it is."""
        return [AllowedUsesView(promotion, uses) for promotion, uses in self._allowed.uses.items()]

    @property
    def budgets(self) -> list["AllowedBudgetView"]:
        """What is left of budgets that are spent, or may be given in part: their promotions give no more than that."""
        left = self._allowed.budgets_minor.items()
        return [AllowedBudgetView(promotion, MoneyView(minor, self._currency)) for promotion, minor in left]


@object_type("AllowedBudget")
class AllowedBudgetView:
    """How much a promotion may still give."""

    __slots__ = ("_left", "_promotion")

    def __init__(self, promotion: str, left: MoneyView) -> None:
        self._promotion = promotion
        self._left = left

    @property
    def promotion_id(self) -> ID:
        """The promotion, as rule files name it."""
        return ID(self._promotion)

    @property
    def amount(self) -> MoneyView:
        """How much."""
        return self._left


@object_type("AllowedUses")
class AllowedUsesView:
    """How often a promotion may still be granted."""

    __slots__ = ("_promotion", "_uses")

    def __init__(self, promotion: str, uses: int) -> None:
        self._promotion = promotion
        self._uses = uses

    @property
    def promotion_id(self) -> ID:
        """The promotion, as rule files name it."""
        return ID(self._promotion)

    @property
    def uses(self) -> int:
        """How often."""
        return self._uses


@object_type("CartSnapshot")
class SnapshotView:
    """A cart to go offline with."""

    __slots__ = ("_currency", "_signed", "_snapshot")

    def __init__(self, snapshot: CartSnapshot, signed: str, currency: Currency) -> None:
        self._snapshot = snapshot
        self._signed = signed
        self._currency = currency

    @property
    def signed(self) -> str:
        """The snapshot: a compact JWS, to be sent back as it is. `snapshotKey` checks it."""
        return self._signed

    @property
    def cart_id(self) -> ID:
        """The cart."""
        return encode_id("Cart", self._snapshot.cart.id)

    @property
    def version(self) -> int:
        """The version of the cart that was taken along."""
        return self._snapshot.cart.version

    @property
    def ruleset_hash(self) -> str:
        """The rules by which it was priced; a bundle names its own."""
        return self._snapshot.ruleset_hash

    @property
    def price_book_version(self) -> str:
        """The prices by which it was priced; a bundle names its own."""
        return self._snapshot.price_book_version

    @property
    def taken_at(self) -> InstantMs:
        """When it was taken, by the clock of the store."""
        return self._snapshot.taken_ms

    @property
    def expires_at(self) -> InstantMs:
        """Until when operations are taken; a sale is taken always."""
        return self._snapshot.expires_ms

    @property
    def allowances(self) -> AllowancesView:
        """What may be given away without asking."""
        return AllowancesView(self._snapshot.allowances, self._currency)


@object_type("CartSnapshotPayload")
class SnapshotPayloadView:
    """The answer to a till that wants to take a cart along."""

    __slots__ = ("_caller", "_signed", "_taken")

    def __init__(self, taken: Taken, signed: str, caller: Caller) -> None:
        self._taken = taken
        self._signed = signed
        self._caller = caller

    @property
    def snapshot(self) -> SnapshotView | None:
        """The snapshot; null where it was refused."""
        snapshot, priced = self._taken.snapshot, self._taken.priced
        return SnapshotView(snapshot, self._signed, priced.basket.currency) if snapshot and priced else None

    @property
    def cart(self) -> CartView | None:
        """The cart that is in it."""
        return _cart(self._taken.priced, self._caller)

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why there is none."""
        return _errors(self._taken.errors)


@object_type("OfflineOperationResult")
class OperationResultView:
    """What became of an operation that was done offline."""

    __slots__ = ("_result",)

    def __init__(self, result: OperationResult) -> None:
        self._result = result

    @property
    def operation_id(self) -> ID:
        """The operation."""
        return ID(self._result.id)

    @property
    def outcome(self) -> Outcome:
        """Whether it was done: now, before, or not at all."""
        if self._result.error is not None:
            return Outcome.REFUSED
        return Outcome.DUPLICATE if self._result.duplicate else Outcome.APPLIED

    @property
    def version(self) -> int | None:
        """The version of the cart that it made; null where it was refused."""
        return self._result.version

    @property
    def error(self) -> UserErrorView | None:
        """Why it was refused."""
        error = self._result.error
        return UserErrorView(error) if error else None


@object_type("CartSyncPayload")
class SyncPayloadView:
    """The answer to what a till did offline."""

    __slots__ = ("_caller", "_done")

    def __init__(self, done: SyncResult, caller: Caller) -> None:
        self._done = done
        self._caller = caller

    @property
    def results(self) -> list[OperationResultView]:
        """What became of each operation, in their order."""
        return [OperationResultView(result) for result in self._done.results]

    @property
    def cart(self) -> CartView | None:
        """The cart as it is now; null where it is gone or the caller may not see it (any more)."""
        return _cart(self._done.priced, self._caller)

    @property
    def difference(self) -> SinceSeenView | None:
        """What differs from what the till believed, both priced as of now; `version` is that of the snapshot."""
        difference, priced = self._done.difference, self._done.priced
        return SinceSeenView(difference, priced) if difference and priced else None

    @property
    def rules_changed(self) -> bool:
        """Whether other rules hold than those of the snapshot."""
        return self._done.rules_changed

    @property
    def prices_changed(self) -> bool:
        """Whether other prices hold than those of the snapshot."""
        return self._done.prices_changed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was looked at at all."""
        return _errors(self._done.errors)


@object_type("OfflineSale")
class SaleView:
    """A sale as it is kept."""

    __slots__ = ("_kept", "_recorded")

    def __init__(self, recorded: RecordedSale) -> None:
        self._recorded = recorded
        self._kept = recorded.kept

    @property
    def sale_id(self) -> ID:
        """The sale, as the till named it first."""
        return ID(self._kept.sale.id)

    @property
    def at(self) -> InstantMs:
        """When it was made, by the clock of the till."""
        return self._kept.sale.at_ms

    @property
    def recorded_at(self) -> InstantMs:
        """When it was recorded, by the clock of the store."""
        return self._recorded.came_ms

    @property
    def total(self) -> MoneyView:
        """What was paid."""
        return MoneyView(self._kept.sale.total_minor, self._kept.sale.currency)

    @property
    def verification(self) -> Verification:
        """What came of pricing it again under the rules and prices of the till."""
        return self._kept.verified.verification

    @property
    def expected_total(self) -> MoneyView | None:
        """What it should have come to; null where that cannot be said."""
        total_minor = self._kept.verified.total_minor
        return MoneyView(total_minor, self._kept.sale.currency) if total_minor is not None else None

    @property
    def differing_lines(self) -> list[int]:
        """The places, from 0, of lines that should have come to something else."""
        return list(self._kept.verified.lines)

    @property
    def second(self) -> bool:
        """Whether the cart had been sold before: somebody has to look at it."""
        return self._recorded.second

    @property
    def overshoot(self) -> list[ID] | None:
        """The promotions that it used beyond their limits; null until its uses are posted."""
        overshoot = self._recorded.overshoot
        return [ID(promotion) for promotion in overshoot.promotions] if overshoot else None

    @property
    def points_overshoot(self) -> Long | None:
        """How many more points were spent than there were, which are owed now; null until they are posted."""
        overshoot = self._recorded.overshoot
        return Long(overshoot.points) if overshoot else None


@object_type("OfflineSalePayload")
class SalePayloadView:
    """The answer to a till that sold by itself."""

    __slots__ = ("_caller", "_result")

    def __init__(self, result: SaleResult, caller: Caller) -> None:
        self._result = result
        self._caller = caller

    @property
    def sale(self) -> SaleView | None:
        """The sale; null where it could not be understood."""
        return SaleView(self._result.sale) if self._result.sale else None

    @property
    def cart(self) -> CartView | None:
        """The cart, which is closed now; null where it is gone or the caller may not see it."""
        return _cart(self._result.priced, self._caller)

    @property
    def replayed(self) -> bool:
        """Whether it had been recorded before, under this id or with this payment."""
        return self._result.replayed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why it was not recorded."""
        return _errors(self._result.errors)


def _cart(priced: PricedCart | None, caller: Caller) -> CartView | None:
    return CartView(priced, caller) if priced else None


def _errors(errors: tuple[UserError, ...]) -> list[UserErrorView]:
    return [UserErrorView(error) for error in errors]
