"""What clients may do to make one cart of two, and two of one again."""

import strawberry
from strawberry import ID

from engine.callers import Caller, Scope
from engine.cart.handoff import Discretion, discretion_towards
from engine.cart.merging import MergePolicy
from engine.errors import RefusedError
from engine.merge_service import Preview, merge_carts, preview_merge, undo_merge
from engine.types import CartId
from schema.context import Info
from schema.ids import key_of
from schema.mutations import CartPayloadView, UserErrorView, guest_of
from schema.types.amounts import CartWarningView
from schema.types.cart import CartPreviewView, warnings_for
from schema.types.merging import CartMergeView
from schema.views import field, object_type


@object_type("CartMergePreview")
class CartMergePreviewView:
    """What a merge would come to now. Nothing is changed by asking."""

    __slots__ = ("_caller", "_preview")

    def __init__(self, preview: Preview, caller: Caller) -> None:
        self._preview = preview
        self._caller = caller

    @property
    def cart(self) -> CartPreviewView | None:
        """The target as it would be, priced, at the version that it has now; null where it cannot be."""
        priced = self._preview.priced
        return CartPreviewView(priced, self._caller) if priced else None

    @property
    def merge(self) -> CartMergeView | None:
        """What would become of each thing; null where it cannot be."""
        return CartMergeView(self._preview.report) if self._preview.report else None

    @property
    def warnings(self) -> list[CartWarningView]:
        """What the shopper may not expect, of the merge and of the cart."""
        priced = self._preview.priced
        discretion = discretion_towards(priced.cart, self._caller.member) if priced else Discretion()
        return warnings_for(self._preview.notices(staff=self._caller.may(Scope.OFFERS_READ)), discretion)

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why it cannot be."""
        return [UserErrorView(error) for error in self._preview.errors]


@strawberry.type
class MergeQueries:
    """A part of the root of queries."""

    @field(
        "What `cartMerge` would come to now, or with `guestToken` a sign-in with that guest's cart. The policy is the "
        "shop's where none is named."
    )
    async def cart_merge_preview(
        self,
        info: Info,
        source_id: ID,
        target_id: ID,
        policy: MergePolicy | None = None,
        guest_token: str | None = None,
    ) -> CartMergePreviewView:
        """Two round trips to the store."""
        caller = info.context.known_caller()
        try:
            guest = guest_of(info, guest_token)
        except RefusedError as refused:
            return CartMergePreviewView(Preview(errors=refused.errors), caller)
        source, target = CartId(key_of(source_id, "Cart")), CartId(key_of(target_id, "Cart"))
        return CartMergePreviewView(
            await preview_merge(info.context.engine, caller, source, target, policy, guest), caller
        )


@strawberry.type
class MergeMutations:
    """A part of the root of mutations."""

    @field(
        "Put what one cart holds into another one: the answer is that one. Who owns the source and may edit the target "
        "may, and staff with scope `cart:write`. The source stays readable, as it was, with `supersededBy`. Sent "
        "again, or from another device, it adds nothing. The policy is the shop's where none is named."
    )
    async def cart_merge(
        self,
        info: Info,
        source_id: ID,
        target_id: ID,
        policy: MergePolicy | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """About ten round trips to the store."""
        caller = info.context.known_caller()
        source, target = CartId(key_of(source_id, "Cart")), CartId(key_of(target_id, "Cart"))
        changed = await merge_carts(info.context.engine, caller, source, target, operation_id, policy)
        return CartPayloadView(changed, caller)

    @field(
        "Take back a merge within an hour (`CartMerge.undoUntil`): what it added goes, down to nothing, what was "
        "changed since stays, and the source is a cart of its own again, which is the answer. For whom `cartMerge` is."
    )
    async def cart_merge_undo(self, info: Info, source_id: ID, operation_id: ID | None = None) -> CartPayloadView:
        """About eight round trips to the store."""
        caller, source = info.context.known_caller(), CartId(key_of(source_id, "Cart"))
        return CartPayloadView(await undo_merge(info.context.engine, caller, source, operation_id), caller)
