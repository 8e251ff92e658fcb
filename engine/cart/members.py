"""What can be done about the members of a cart, as commands like those in `engine.cart.commands`.

The script `storage/lua/members.lua` applies them; which role may do what is a table in `storage/lua/commit.lua`.
"""

from dataclasses import dataclass, field
from typing import Final

from engine.cart.commands import Op, Plain, packed_facts
from engine.cart.model import Budget, Facts, Role
from engine.types import CustomerId, InstantMs, InviteId, LineId, MemberId

LETTER_OF: Final = {Role.OWNER: "o", Role.EDITOR: "e", Role.ADDER: "a", Role.SUGGESTER: "s", Role.VIEWER: "v"}
"""How roles are kept."""


@dataclass(frozen=True, slots=True)
class AddMember:
    """Give somebody a role; who takes part already keeps theirs. For whoever proved their right to it otherwise."""

    member: MemberId
    role: Role

    def ops(self) -> list[Op]:
        """One operation."""
        return [["seat", self.member, LETTER_OF[self.role]]]


@dataclass(frozen=True, slots=True)
class CreateInvite:
    """Let whoever knows a code take part: ``uses`` people, for ``life_ms``.

    The code is drawn anew when the request is sent again, and is no part of what was asked for.
    """

    id: InviteId
    code: str = field(repr=False)
    role: Role
    uses: int
    life_ms: int

    def ops(self) -> list[Op]:
        """One operation."""
        return [["invite", self.id, self.code, LETTER_OF[self.role], self.uses, self.life_ms]]


@dataclass(frozen=True, slots=True)
class RevokeInvite:
    """Take an invite back; who joined by it stays."""

    id: InviteId

    def ops(self) -> list[Op]:
        """One operation."""
        return [["uninvite", self.id]]


@dataclass(frozen=True, slots=True)
class Join:
    """Take part by the code of an invite: one use of it, unless the caller takes part already."""

    code: str

    def ops(self) -> list[Op]:
        """One operation."""
        return [["join", self.code]]


@dataclass(frozen=True, slots=True)
class ChangeRole:
    """Give a member another role; refused for the owner."""

    member: MemberId
    role: Role

    def ops(self) -> list[Op]:
        """One operation."""
        return [["role", self.member, LETTER_OF[self.role]]]


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Take a member's role away. With ``keep_lines`` what they put in stays, as theirs; else it goes with them."""

    member: MemberId
    keep_lines: bool

    def ops(self) -> list[Op]:
        """One operation."""
        return [["expel", self.member, self.keep_lines]]


@dataclass(frozen=True, slots=True)
class Leave:
    """Give one's own role up; refused for the owner."""

    keep_lines: bool

    def ops(self) -> list[Op]:
        """One operation."""
        return [["leave", self.keep_lines]]


@dataclass(frozen=True, slots=True)
class HandOver:
    """Make another member the owner; the one before becomes an editor.

    What is known of the customer before, and how they pay, is replaced by what is known of the new one, None for a
    guest. Delivery choices, which may tell an address, are taken away unless they are to be kept.
    """

    member: MemberId
    customer: CustomerId | None
    facts: Facts | None
    keep_delivery: bool

    def ops(self) -> list[Op]:
        """One operation."""
        facts: Plain = packed_facts(self.facts) if self.facts else False
        return [["own", self.member, self.customer or False, facts, self.keep_delivery]]


@dataclass(frozen=True, slots=True)
class SignIn:
    """A guest who takes part in somebody else's cart becomes the customer they signed in as, and keeps their role."""

    guest: MemberId
    member: MemberId

    def ops(self) -> list[Op]:
        """One operation."""
        return [["sign_in", self.guest, self.member]]


@dataclass(frozen=True, slots=True)
class DecideSuggestions:
    """Approve or decline lines that were suggested: those of one member, or of everybody."""

    lines: tuple[LineId, ...]
    approve: bool
    member: MemberId | None = None

    def ops(self) -> list[Op]:
        """One operation a line."""
        verb = "approve" if self.approve else "decline"
        return [[verb, line, self.member or False] for line in self.lines]


@dataclass(frozen=True, slots=True)
class LimitMember:
    """Set how much a member may spend and which categories are not for them, in place of what was set before."""

    member: MemberId
    budget: Budget | None
    blocked: tuple[str, ...]

    def ops(self) -> list[Op]:
        """One operation."""
        return [["limit", self.member, _budget(self.budget), list(self.blocked)]]


@dataclass(frozen=True, slots=True)
class LimitGroup:
    """Set how much all may spend together and until when they may change the cart, in place of what was set before."""

    budget: Budget | None
    deadline_ms: InstantMs | None

    def ops(self) -> list[Op]:
        """One operation."""
        return [["group", _budget(self.budget), self.deadline_ms if self.deadline_ms is not None else False]]


def _budget(budget: Budget | None) -> Plain:
    return [budget.amount_minor, budget.currency] if budget else False


@dataclass(frozen=True, slots=True)
class AdmitScreen:
    """Give a screen a place among the members for a time, to edit or to read only. For the owner."""

    screen: MemberId
    edits: bool
    stay_ms: int

    def ops(self) -> list[Op]:
        """One operation."""
        return [["screen", self.screen, "e" if self.edits else "v", self.stay_ms]]


@dataclass(frozen=True, slots=True)
class StayOnScreen:
    """Have a screen's time begin anew, because it is in use."""

    def ops(self) -> list[Op]:
        """One operation."""
        return [["stay"]]
