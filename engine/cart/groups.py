"""Named groups: people who share carts again and again, such as a family, and what each of them may do there."""

from dataclasses import dataclass

from engine.cart.commands import Op
from engine.cart.members import ChangeRole, CreateInvite, Join, LimitMember, RemoveMember, RevokeInvite
from engine.cart.model import Budget, Invite, Role
from engine.types import GroupId, InstantMs, MemberId

NAME_LENGTH_MAX = 80


@dataclass(frozen=True, slots=True)
class GroupMember:
    """Somebody of a group. ``role`` is what they may do in the carts that others share with it.

    So are ``budget`` and ``blocked``, the paths of categories that are not for them.
    """

    id: MemberId
    role: Role
    budget: Budget | None = None
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """People with a name for all of them. ``owner`` is one of the members, and decides who else is."""

    id: GroupId
    version: int
    name: str
    owner: MemberId
    members: tuple[GroupMember, ...]
    invites: tuple[Invite, ...]
    created_ms: InstantMs

    def member(self, member: MemberId) -> GroupMember | None:
        """Return the member with that id."""
        return next((known for known in self.members if known.id == member), None)


@dataclass(frozen=True, slots=True)
class CreateGroup:
    """Make a group of the given members; the caller owns it."""

    name: str
    members: tuple[GroupMember, ...]


@dataclass(frozen=True, slots=True)
class RenameGroup:
    """Give a group another name."""

    name: str

    def ops(self) -> list[Op]:
        """One operation."""
        return [["rename", self.name]]


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Give one's own part up; refused for the owner."""

    def ops(self) -> list[Op]:
        """One operation."""
        return [["leave"]]


@dataclass(frozen=True, slots=True)
class HandOverGroup:
    """Make another member the owner."""

    member: MemberId

    def ops(self) -> list[Op]:
        """One operation."""
        return [["own", self.member]]


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """Take a group apart; carts that were shared with it stay as they are."""

    def ops(self) -> list[Op]:
        """One operation."""
        return [["delete"]]


GroupCommand = (
    RenameGroup
    | LeaveGroup
    | HandOverGroup
    | DeleteGroup
    | Join
    | CreateInvite
    | RevokeInvite
    | ChangeRole
    | RemoveMember
    | LimitMember
)
"""What may be done to a group that is there. Those of `engine.cart.members` mean the group in place of a cart."""
