"""Verbs about families that share points."""

from typing import Annotated

import strawberry
from strawberry import ID

from engine.family_service import (
    FamilyChanged,
    change_family_role,
    find_family,
    join_family,
    leave_family,
    transfer_points,
)
from engine.loyalty.account import FamilyRole
from engine.types import CustomerId, GroupId
from schema.context import Info
from schema.ids import key_of
from schema.loyalty import LoyaltyPayloadView
from schema.mutations import UserErrorView
from schema.types.families import FamilyView
from schema.views import field, object_type


@object_type("LoyaltyFamilyPayload")
class FamilyPayloadView:
    """The answer to a change of a family."""

    __slots__ = ("_changed",)

    def __init__(self, changed: FamilyChanged) -> None:
        self._changed = changed

    @property
    def family(self) -> FamilyView | None:
        """The family as it is now; null where the caller is of none, or the request was refused."""
        return FamilyView(self._changed.family) if self._changed.family else None

    @property
    def user_errors(self) -> list[UserErrorView]:
        """Why nothing was changed."""
        return [UserErrorView(error) for error in self._changed.errors]


@strawberry.type
class FamilyQueries:
    """Queries about families."""

    @field(
        "The family that a customer shares points with: the caller's own, or any with scope `cart:read`. Null where "
        "there is none."
    )
    async def loyalty_family(self, info: Info, customer_id: ID | None = None) -> FamilyView | None:
        """Two round trips to the store."""
        caller = info.context.known_caller()
        customer = CustomerId(customer_id) if customer_id is not None else caller.customer
        family = await find_family(info.context.engine, caller, customer) if customer else None
        return FamilyView(family) if family else None


@strawberry.type
class FamilyMutations:
    """Mutations about families."""

    @field(
        "Let the calling customer share points with a named group that they are of, as the programme says: its owner "
        "is the first to do so. What they have stays theirs until they send it. They leave the family they were in."
    )
    async def loyalty_family_join(self, info: Info, group_id: ID) -> FamilyPayloadView:
        """Seven round trips to the store."""
        caller, group = info.context.known_caller(), GroupId(key_of(group_id, "Group"))
        return FamilyPayloadView(await join_family(info.context.engine, caller, group))

    @field("Let the calling customer have points of their own again; what they earned for a pool stays there.")
    async def loyalty_family_leave(self, info: Info) -> FamilyPayloadView:
        """Four round trips to the store."""
        return FamilyPayloadView(await leave_family(info.context.engine, info.context.known_caller()))

    @field("Say whether a member of a family may spend from its pool. The owner of the group may.")
    async def loyalty_family_role_update(
        self, info: Info, group_id: ID, customer_id: ID, role: FamilyRole
    ) -> FamilyPayloadView:
        """Three round trips to the store."""
        caller, group = info.context.known_caller(), GroupId(key_of(group_id, "Group"))
        changed = change_family_role(info.context.engine, caller, group, CustomerId(customer_id), role)
        return FamilyPayloadView(await changed)

    @field(
        "Send points within a family, from one account to another: the account of a member's own where "
        "`from` or `to` names one, else the pool. Members send what is theirs, and with the role `BURN` what is in the "
        "pool; staff with scope `loyalty:write` send any. Sent again with its `operationId` it is done once. The "
        "answer shows the account that the points left."
    )
    async def loyalty_transfer(
        self,
        info: Info,
        points: int,
        from_: Annotated[ID | None, strawberry.argument(name="from")] = None,
        to: ID | None = None,
        operation_id: ID | None = None,
    ) -> LoyaltyPayloadView:
        """Nine round trips to the store."""
        caller, engine = info.context.known_caller(), info.context.engine
        source, target = (CustomerId(each) if each is not None else None for each in (from_, to))
        sent = await transfer_points(engine, caller, source, target, points, operation_id)
        return LoyaltyPayloadView(sent, engine.snapshot.shop)
