"""Named groups as clients see them."""

from strawberry import ID

from engine.cart.groups import Group, GroupMember
from engine.cart.model import Role
from engine.types import InstantMs
from schema.ids import encode_id
from schema.types.members import budget_view
from schema.types.money import MoneyView
from schema.views import object_type


@object_type("GroupMember")
class GroupMemberView:
    """Somebody of a group."""

    __slots__ = ("_member",)

    def __init__(self, member: GroupMember) -> None:
        self._member = member

    @property
    def member_id(self) -> ID:
        """Who: the kind of caller and their id."""
        return ID(self._member.id)

    @property
    def role(self) -> Role:
        """What they may do in the carts that others share with the group."""
        return self._member.role

    @property
    def budget(self) -> MoneyView | None:
        """How much they may spend in each of these, null where nobody said so."""
        return budget_view(self._member.budget)

    @property
    def blocked_categories(self) -> list[str]:
        """The paths of categories that are not for them."""
        return list(self._member.blocked)


@object_type("Group")
class GroupView:
    """People who share carts again and again, such as a family. Only they see it."""

    __slots__ = ("_group",)

    def __init__(self, group: Group) -> None:
        self._group = group

    @property
    def id(self) -> ID:
        """Opaque."""
        return encode_id("Group", self._group.id)

    @property
    def version(self) -> int:
        """Goes up by one with every change."""
        return self._group.version

    @property
    def name(self) -> str:
        """What it is called."""
        return self._group.name

    @property
    def owner_id(self) -> ID:
        """The member who decides who else is of it."""
        return ID(self._group.owner)

    @property
    def members(self) -> list[GroupMemberView]:
        """Who is of it, the owner too."""
        return [GroupMemberView(member) for member in self._group.members]

    @property
    def created_at(self) -> InstantMs:
        """When it was made."""
        return self._group.created_ms
