"""Named groups: what people may ask and do about those that they share carts with."""

import strawberry
from strawberry import ID

from engine.cart.groups import DeleteGroup, HandOverGroup
from engine.cart.members import RevokeInvite
from engine.cart.model import Role
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.group_service import (
    Admit,
    Grouped,
    admits_limits,
    admits_name,
    admits_role,
    change_group,
    create_group,
    group_of,
    groups_of,
    invite_to_group,
    join_group,
    part_from_group,
    share_new_carts,
)
from engine.membership import carts_of
from engine.types import CartId, GroupId, InviteId, MemberId
from schema.context import Info
from schema.ids import encode_id, key_of
from schema.members import BudgetInput, MembersLines, written_budget
from schema.mutations import UserErrorView
from schema.types.cart import CartConnectionView
from schema.types.groups import GroupView
from schema.types.members import InviteView
from schema.types.paging import page_of
from schema.views import field, object_type

NO_GROUP = Grouped(errors=(UserError(UserErrorCode.GROUP_NOT_FOUND, "there is no such group", ("groupId",)),))


@object_type("GroupPayload")
class GroupPayloadView:
    """The answer to a change of a group."""

    __slots__ = ("_grouped",)

    def __init__(self, grouped: Grouped) -> None:
        self._grouped = grouped

    @property
    def group(self) -> GroupView | None:
        """The group as it is now; null where the caller is of none, or the request was refused."""
        return GroupView(self._grouped.group) if self._grouped.group else None

    @property
    def held_cart_ids(self) -> list[ID]:
        """Carts that are with another device, where somebody still takes part: send the same again later."""
        return [encode_id("Cart", cart) for cart in self._grouped.held]

    @property
    def replayed(self) -> bool:
        """Whether this operation had been done before: it was not done again."""
        return self._grouped.replayed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was changed; empty where it was."""
        return [UserErrorView(error) for error in self._grouped.errors]


@object_type("GroupInvitePayload")
class GroupInvitePayloadView:
    """The answer to a new invite to a group."""

    __slots__ = ("_grouped",)

    def __init__(self, grouped: Grouped) -> None:
        self._grouped = grouped

    @property
    def invite(self) -> InviteView | None:
        """The invite, whose code `groupJoin` takes; null where it was refused."""
        return InviteView(self._grouped.invite) if self._grouped.invite else None

    @property
    def replayed(self) -> bool:
        """Whether this operation had been done before: it was not done again."""
        return self._grouped.replayed

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why there is no invite; empty where there is one."""
        return [UserErrorView(error) for error in self._grouped.errors]


@strawberry.type
class GroupQueries:
    """Queries about groups, and about the carts that people share."""

    @field(
        "The carts that the caller takes part in, the one they came to last first: a customer's own and those of "
        "others; a guest's own once they have invited somebody."
    )
    async def my_carts(self, info: Info, first: int | None = None, after: str | None = None) -> CartConnectionView:
        """One round trip to the store, two for a customer, and one for each cart."""
        caller = info.context.known_caller()
        return CartConnectionView(page_of(await carts_of(info.context.engine, caller), first, after), caller)

    @field("The named groups that the caller is of, the one they came to last first.")
    async def groups(self, info: Info) -> list[GroupView]:
        """One round trip to the store, and one for each group."""
        caller = info.context.known_caller()
        return [GroupView(group) for group in await groups_of(info.context.engine, caller)]

    @field("The group that every cart which the calling customer newly opens is shared with; null for none.")
    async def new_carts_group(self, info: Info) -> GroupView | None:
        """Two round trips to the store."""
        caller, engine = info.context.known_caller(), info.context.engine
        chosen = await engine.stores.customers.shares_with(caller.customer) if caller.customer else None
        group = await group_of(engine, caller, chosen) if chosen else None
        return GroupView(group) if group else None

    @field("The invites to a group that have not ended, with their codes; for its owner. Null for another group.")
    async def group_invites(self, info: Info, group_id: ID) -> list[InviteView] | None:
        """One round trip to the store."""
        caller, id_ = info.context.known_caller(), GroupId(key_of(group_id, "Group"))
        group = await group_of(info.context.engine, caller, id_) if id_ else None
        if group is None:
            return None
        if group.owner != caller.member:
            message = "only the owner of a group sees its invites"
            raise RefusedError.because(UserErrorCode.ROLE_FORBIDS, message, "groupId")
        return [InviteView(invite) for invite in group.invites]


@strawberry.type
class GroupMutations:
    """Mutations about groups."""

    @field(
        "Make a named group, of the caller alone or of the people in a cart of theirs, who keep the roles and limits "
        "that they have there."
    )
    async def group_create(
        self, info: Info, name: str, cart_id: ID | None = None, operation_id: ID | None = None
    ) -> GroupPayloadView:
        """Two round trips to the store, one more with a cart."""
        caller = info.context.known_caller()
        cart = CartId(key_of(cart_id, "Cart")) if cart_id is not None else None
        return GroupPayloadView(await create_group(info.context.engine, caller, operation_id, name, cart))

    @field("Give a group another name. Its owner may.")
    async def group_rename(
        self, info: Info, group_id: ID, name: str, operation_id: ID | None = None
    ) -> GroupPayloadView:
        """One round trip to the store."""
        return await _change(info, group_id, operation_id, admits_name(name))

    @field("Take a group apart; carts that were shared with it stay as they are. Its owner may.")
    async def group_delete(self, info: Info, group_id: ID, operation_id: ID | None = None) -> GroupPayloadView:
        """One round trip to the store."""
        return await _change(info, group_id, operation_id, lambda *_: DeleteGroup())

    @field("Make a code that lets others into a group, with the role that they will have in carts. Its owner may.")
    async def group_invite_create(
        self,
        info: Info,
        group_id: ID,
        role: Role,
        uses: int = 1,
        life_seconds: int = 24 * 60 * 60,
        operation_id: ID | None = None,
    ) -> GroupInvitePayloadView:
        """Two round trips to the store."""
        caller, group = info.context.known_caller(), GroupId(key_of(group_id, "Group"))
        if not group:
            return GroupInvitePayloadView(NO_GROUP)
        engine = info.context.engine
        return GroupInvitePayloadView(
            await invite_to_group(engine, caller, group, operation_id, role, uses, life_seconds)
        )

    @field("Take an invite to a group back. Those who joined by it stay.")
    async def group_invite_revoke(
        self, info: Info, group_id: ID, invite_id: ID, operation_id: ID | None = None
    ) -> GroupPayloadView:
        """One round trip to the store."""
        return await _change(info, group_id, operation_id, lambda *_: RevokeInvite(InviteId(invite_id)))

    @field("Take part in a group by the code of an invite, written in any form.")
    async def group_join(self, info: Info, code: str, operation_id: ID | None = None) -> GroupPayloadView:
        """Three round trips to the store."""
        caller = info.context.known_caller()
        return GroupPayloadView(await join_group(info.context.engine, caller, code, operation_id))

    @field(
        "Leave a group: carts opened from now on are not shared with the caller. With `leaveCarts` they also leave "
        "those that were, but for their own; `lines` says what becomes of what they put in. An owner hands the group "
        "over first."
    )
    async def group_leave(
        self,
        info: Info,
        group_id: ID,
        *,
        leave_carts: bool = False,
        lines: MembersLines = MembersLines.KEEP,
        operation_id: ID | None = None,
    ) -> GroupPayloadView:
        """Three round trips to the store; with `leaveCarts` another, and one for each cart."""
        return await _part(info, group_id, None, operation_id, lines, out_of_carts=leave_carts)

    @field(
        "Take a member out of a group: carts opened from now on are not shared with them. With `leaveCarts` they are "
        "also taken out of those that were, but for their own. The group's owner may."
    )
    async def group_member_remove(
        self,
        info: Info,
        group_id: ID,
        member_id: ID,
        *,
        leave_carts: bool = False,
        lines: MembersLines = MembersLines.KEEP,
        operation_id: ID | None = None,
    ) -> GroupPayloadView:
        """Three round trips to the store; with `leaveCarts` another, and one for each cart."""
        return await _part(info, group_id, MemberId(member_id), operation_id, lines, out_of_carts=leave_carts)

    @field("Give a member of a group another role in carts that are opened from now on. Its owner may.")
    async def group_member_role_update(
        self, info: Info, group_id: ID, member_id: ID, role: Role, operation_id: ID | None = None
    ) -> GroupPayloadView:
        """One round trip to the store."""
        return await _change(info, group_id, operation_id, admits_role(MemberId(member_id), role))

    @field(
        "Say how much a member of a group may spend in each cart that is opened from now on, and which categories are "
        "not for them, in place of what was said before. Its owner may."
    )
    async def group_member_limits_update(
        self,
        info: Info,
        group_id: ID,
        member_id: ID,
        budget: BudgetInput | None = None,
        blocked_categories: list[str] | None = None,
        operation_id: ID | None = None,
    ) -> GroupPayloadView:
        """One round trip to the store."""
        admit = admits_limits(MemberId(member_id), written_budget(budget), blocked_categories or [])
        return await _change(info, group_id, operation_id, admit)

    @field("Make another member the owner of a group. Its owner may.")
    async def group_ownership_transfer(
        self, info: Info, group_id: ID, member_id: ID, operation_id: ID | None = None
    ) -> GroupPayloadView:
        """One round trip to the store."""
        return await _change(info, group_id, operation_id, lambda *_: HandOverGroup(MemberId(member_id)))

    @field(
        "Have every cart that the calling customer newly opens shared with a group; without one, with nobody any more. "
        "Carts that are there already stay as they are."
    )
    async def new_carts_share(self, info: Info, group_id: ID | None = None) -> GroupPayloadView:
        """Two round trips to the store."""
        caller = info.context.known_caller()
        group = GroupId(key_of(group_id, "Group")) if group_id is not None else None
        return GroupPayloadView(await share_new_carts(info.context.engine, caller, group))


async def _change(info: Info, group_id: ID, operation_id: ID | None, admit: Admit) -> GroupPayloadView:
    caller, group = info.context.known_caller(), GroupId(key_of(group_id, "Group"))
    if not group:
        return GroupPayloadView(NO_GROUP)
    return GroupPayloadView(await change_group(info.context.engine, caller, group, operation_id, admit))


async def _part(
    info: Info,
    group_id: ID,
    member: MemberId | None,
    operation_id: ID | None,
    lines: MembersLines,
    *,
    out_of_carts: bool,
) -> GroupPayloadView:
    caller, group = info.context.known_caller(), GroupId(key_of(group_id, "Group"))
    if not group:
        return GroupPayloadView(NO_GROUP)
    keep = lines is MembersLines.KEEP
    engine = info.context.engine
    parted = part_from_group(engine, caller, group, operation_id, member, out_of_carts=out_of_carts, keep_lines=keep)
    return GroupPayloadView(await parted)
