"""Families that share points, as clients see them."""

import strawberry
from strawberry import ID

from engine.family_service import Family
from engine.loyalty.account import FamilyRole
from engine.types import CustomerId
from schema.ids import encode_id
from schema.views import object_type

strawberry.enum(FamilyRole, name="LoyaltyFamilyRole", description="What a member of a family may do with its pool.")


@object_type("LoyaltyFamilyMember")
class FamilyMemberView:
    """A customer who shares points with a family."""

    __slots__ = ("_customer", "_role")

    def __init__(self, customer: CustomerId, role: FamilyRole) -> None:
        self._customer = customer
        self._role = role

    @property
    def customer_id(self) -> ID:
        """Who."""
        return ID(self._customer)

    @property
    def role(self) -> FamilyRole:
        """What they may do with the pool."""
        return self._role


@object_type("LoyaltyFamily")
class FamilyView:
    """Members of a named group who share points."""

    __slots__ = ("_family",)

    def __init__(self, family: Family) -> None:
        self._family = family

    @property
    def group_id(self) -> ID:
        """The group."""
        return encode_id("Group", self._family.group)

    @property
    def pooled(self) -> bool:
        """Whether they have one account; else each has their own, and may send points to the others."""
        return self._family.pooled

    @property
    def members(self) -> list[FamilyMemberView]:
        """Who shares points: those of the group who agreed to."""
        return [FamilyMemberView(customer, role) for customer, role in self._family.pool.members.items()]
