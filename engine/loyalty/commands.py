"""What can be done to a points account, as data: `engine.loyalty.ledger.apply` does it.

A command with an ``operation`` is done once however often it is sent. Those on a hold go by the hold's id and come to
the same however often they are sent.
"""

from dataclasses import dataclass
from enum import StrEnum

from engine.loyalty.account import AccountId, FamilyRole, Taken
from engine.types import CustomerId, InstantMs, OperationId


class ClawBack(StrEnum):
    """How much of reversed points is taken back that was spent since."""

    PENDING = "pending"
    """Only what is still pending."""
    TO_ZERO = "to_zero"
    """As much as the account has."""
    NEGATIVE = "negative"
    """All: what is not there is owed, and paid by the next points that come in."""


@dataclass(frozen=True, slots=True)
class Earn:
    """Points that something brought. Pending until an instant or an event, active at once where both are empty.

    ``qualifying`` points count for a tier on ``day``; what does not qualify leaves it at 0. ``note`` names the order.
    """

    operation: OperationId
    points: int
    activates_ms: InstantMs | None = None
    event: str = ""
    expires_ms: InstantMs | None = None
    qualifying: int = 0
    day: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """What the points of an earning waited for: its event activates them; also before their time, if they have one."""

    operation: OperationId
    earning: OperationId


@dataclass(frozen=True, slots=True)
class Reverse:
    """Take back points of an earning, because it was cancelled in whole (``points`` None) or in part.

    A tier that was reached since ``placed_ms`` is not kept for it.
    """

    operation: OperationId
    earning: OperationId
    claw_back: ClawBack
    points: int | None = None
    day: str = ""
    note: str = ""
    placed_ms: InstantMs | None = None


@dataclass(frozen=True, slots=True)
class Adjust:
    """Staff add points, or take them (below zero); ``note`` says why and who."""

    operation: OperationId
    points: int
    note: str
    expires_ms: InstantMs | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """Points that were spent at a till that was offline: what is not there is owed. ``note`` names the sale."""

    operation: OperationId
    points: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class HoldPoints:
    """Set active points aside until an instant, the oldest expiring first; all of them or none."""

    hold: str
    points: int
    deadline_ms: InstantMs
    owner: str


@dataclass(frozen=True, slots=True)
class ExtendHold:
    """Give a hold another deadline."""

    hold: str
    deadline_ms: InstantMs


@dataclass(frozen=True, slots=True)
class PinHold:
    """Let a hold lapse no more. It is the pin of the latest of the attempts, which are numbered, that pinned it."""

    hold: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class UnpinHold:
    """Let a pinned hold lapse again, at an instant.

    ``attempt`` is the one that is over: what a later one has pinned meanwhile stays pinned. None: all are over.
    """

    hold: str
    deadline_ms: InstantMs
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Give held points up. A pinned hold stays."""

    hold: str


@dataclass(frozen=True, slots=True)
class PostHold:
    """Spend held points; ``note`` names the order."""

    hold: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ReturnPoints:
    """Give back what a hold spent, to the lots it came from; what has expired since is kept until ``grace_ms``."""

    hold: str
    grace_ms: InstantMs
    note: str = ""


@dataclass(frozen=True, slots=True)
class SendPoints:
    """First step of a transfer: points leave for another account."""

    operation: OperationId
    to: AccountId
    points: int


@dataclass(frozen=True, slots=True)
class ReceivePoints:
    """Second step: they arrive, to expire when they would have."""

    operation: OperationId
    source: AccountId
    taken: tuple[Taken, ...]


@dataclass(frozen=True, slots=True)
class PointsArrived:
    """Third step: the sender forgets that they are on their way."""

    operation: OperationId


@dataclass(frozen=True, slots=True)
class SetTier:
    """Note the tier that an account has reached or fallen to; see `engine.loyalty.tiers`."""

    tier: str


@dataclass(frozen=True, slots=True)
class JoinFamily:
    """Let a customer pool their points here, or give a member another role; with ``members_only`` nobody joins."""

    customer: CustomerId
    role: FamilyRole
    members_only: bool = False


@dataclass(frozen=True, slots=True)
class LeaveFamily:
    """Let a member go; what they earned for the family stays."""

    customer: CustomerId


@dataclass(frozen=True, slots=True)
class Settle:
    """Do only what time has brought: points that become active or expire, holds that lapse."""


OnHold = HoldPoints | ExtendHold | PinHold | UnpinHold | ReleaseHold | PostHold | ReturnPoints
Once = Earn | Happened | Reverse | Adjust | Spend | SendPoints | ReceivePoints
Command = OnHold | Once | PointsArrived | SetTier | JoinFamily | LeaveFamily | Settle
