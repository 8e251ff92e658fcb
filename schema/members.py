"""What members may do about each other: invite, join, change roles, leave, approve, and set limits."""

from enum import StrEnum

import strawberry
from strawberry import ID

from engine.callers import Caller
from engine.cart.members import DecideSuggestions, RemoveMember, RevokeInvite
from engine.cart.model import Role
from engine.membership import Invited, create_invite, hand_over, join, leave
from engine.pricing.admission_members import admit_group, admit_member_limits, admit_role
from engine.types import CartId, InstantMs, InviteId, LineId, MemberId
from schema.context import Info
from schema.ids import key_of
from schema.mutations import NO_CART, CartPayloadView, UserErrorView, apply
from schema.scalars import DecimalText
from schema.types.cart import CartView
from schema.types.members import InviteView
from schema.views import field, object_type


@strawberry.enum(name="MembersLines", description="What happens to the goods of a member who goes.")
class MembersLines(StrEnum):
    """Chosen whenever somebody goes."""

    KEEP = "keep"
    REMOVE = "remove"


@strawberry.input(name="BudgetInput", description="How much may be spent.")
class BudgetInput:
    """See `engine.cart.model.Budget`."""

    amount: DecimalText = strawberry.field(description="The amount.")
    currency: str = strawberry.field(description="What it is in (ISO 4217).")


@object_type("InvitePayload")
class InvitePayloadView:
    """The answer to a new invite."""

    __slots__ = ("_caller", "_invited")

    def __init__(self, invited: Invited, caller: Caller) -> None:
        self._invited = invited
        self._caller = caller

    @property
    def invite(self) -> InviteView | None:
        """The invite; null where it was refused."""
        return InviteView(self._invited.invite) if self._invited.invite else None

    @property
    def cart(self) -> CartView | None:
        """The cart as it is now; null where the caller may see none."""
        priced = self._invited.changed.priced
        return CartView(priced, self._caller) if priced else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why there is no invite; empty where there is one."""
        return [UserErrorView(error) for error in self._invited.changed.errors]

    @property
    def replayed(self) -> bool:
        """Whether this operation had been done before: it was not done again."""
        return self._invited.changed.replayed


@strawberry.type
class MemberMutations:
    """A part of the root of mutations."""

    @field(
        "Make a code that lets others take part in the cart, with a role, for a time and a number of people. The owner "
        "may, and staff with scope `cart:write`. Whoever was removed from the cart needs a newer one to come back."
    )
    async def cart_invite_create(
        self,
        info: Info,
        cart_id: ID,
        role: Role,
        uses: int = 1,
        life_seconds: int = 24 * 60 * 60,
        operation_id: ID | None = None,
    ) -> InvitePayloadView:
        """Three round trips to the store."""
        caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
        if not cart:
            return InvitePayloadView(Invited(NO_CART), caller)
        engine = info.context.engine
        return InvitePayloadView(
            await create_invite(engine, caller, cart, operation_id, role, uses, life_seconds), caller
        )

    @field("Take an invite back. Those who joined by it stay.")
    async def cart_invite_revoke(
        self, info: Info, cart_id: ID, invite_id: ID, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, lambda *_: RevokeInvite(InviteId(invite_id)))

    @field("Take part in a cart by the code of an invite, written in any form.")
    async def cart_join(self, info: Info, code: str, operation_id: ID | None = None) -> CartPayloadView:
        """Three round trips to the store."""
        caller = info.context.known_caller()
        return CartPayloadView(await join(info.context.engine, caller, code, operation_id), caller)

    @field("Give up one's part in a cart. An owner hands the ownership over first.")
    async def cart_leave(
        self, info: Info, cart_id: ID, lines: MembersLines = MembersLines.KEEP, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
        if not cart:
            return CartPayloadView(NO_CART, caller)
        keep = lines is MembersLines.KEEP
        return CartPayloadView(await leave(info.context.engine, caller, cart, operation_id, keep=keep), caller)

    @field("Give a member another role. The owner may, and staff with scope `cart:write`.")
    async def cart_member_role_update(
        self, info: Info, cart_id: ID, member_id: ID, role: Role, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        return await apply(info, cart_id, operation_id, lambda *_: admit_role(MemberId(member_id), role))

    @field("Take a member out of a cart: they see it no more. The owner may, and staff with scope `cart:write`.")
    async def cart_member_remove(
        self,
        info: Info,
        cart_id: ID,
        member_id: ID,
        lines: MembersLines = MembersLines.KEEP,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """One round trip to the store."""
        command = RemoveMember(MemberId(member_id), lines is MembersLines.KEEP)
        return await apply(info, cart_id, operation_id, lambda *_: command)

    @field(
        "Make another member the owner; the one before becomes an editor. What is known of the customer and how they "
        "pay is not handed over, nor are delivery choices unless `keepDelivery` says so. The owner may, and staff with "
        "scope `cart:write`."
    )
    async def cart_ownership_transfer(
        self, info: Info, cart_id: ID, member_id: ID, *, keep_delivery: bool = False, operation_id: ID | None = None
    ) -> CartPayloadView:
        """Two round trips to the store, and up to three more where customers are concerned."""
        caller, cart = info.context.known_caller(), CartId(key_of(cart_id, "Cart"))
        if not cart:
            return CartPayloadView(NO_CART, caller)
        changed = await hand_over(
            info.context.engine, caller, cart, MemberId(member_id), operation_id, keep_delivery=keep_delivery
        )
        return CartPayloadView(changed, caller)

    @field("Put what was suggested into the cart: all that is suggested of these lines, or what one member suggests.")
    async def cart_suggestions_approve(
        self, info: Info, cart_id: ID, line_ids: list[ID], member_id: ID | None = None, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        command = _decision(line_ids, member_id, approve=True)
        return await apply(info, cart_id, operation_id, lambda *_: command)

    @field("Drop what was suggested: all that is suggested of these lines, or what one member suggests.")
    async def cart_suggestions_decline(
        self, info: Info, cart_id: ID, line_ids: list[ID], member_id: ID | None = None, operation_id: ID | None = None
    ) -> CartPayloadView:
        """One round trip to the store."""
        command = _decision(line_ids, member_id, approve=False)
        return await apply(info, cart_id, operation_id, lambda *_: command)

    @field(
        "Say how much a member may spend and which categories are not for them, in place of what was said before. "
        "Going beyond is warned of. The owner may, and staff with scope `cart:write`."
    )
    async def cart_member_limits_update(
        self,
        info: Info,
        cart_id: ID,
        member_id: ID,
        budget: BudgetInput | None = None,
        blocked_categories: list[str] | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """One round trip to the store."""
        written, blocked = written_budget(budget), blocked_categories or []
        return await apply(
            info,
            cart_id,
            operation_id,
            lambda shop, _, __: admit_member_limits(MemberId(member_id), written, blocked, shop),
        )

    @field(
        "Say how much all members may spend together and until when they are to be done, in place of what was said "
        "before. Going beyond is warned of. The owner may, and staff with scope `cart:write`."
    )
    async def cart_group_update(
        self,
        info: Info,
        cart_id: ID,
        budget: BudgetInput | None = None,
        deadline: InstantMs | None = None,
        operation_id: ID | None = None,
    ) -> CartPayloadView:
        """One round trip to the store."""
        written = written_budget(budget)
        return await apply(info, cart_id, operation_id, lambda shop, _, __: admit_group(written, deadline, shop))


def _decision(line_ids: list[ID], member_id: ID | None, *, approve: bool) -> DecideSuggestions:
    lines = tuple(LineId(line) for line in dict.fromkeys(line_ids))
    return DecideSuggestions(lines, approve, MemberId(member_id) if member_id is not None else None)


def written_budget(budget: BudgetInput | None) -> tuple[str, str] | None:
    """Return a budget as it was written: amount and currency."""
    return (budget.amount, budget.currency) if budget else None
