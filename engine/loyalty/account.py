"""A points account as data: its lots, what is held of them, and the entries that made it so.

Points are whole numbers. An account has three sums: ``pending`` points were earned and cannot be spent yet, ``active``
ones can, ``held`` ones are set aside for a checkout. Each entry says by how much it changed each of them, so each sum
is that of its entries, always. Entries are never changed; a correction is one more entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NewType

from engine.types import CustomerId, GroupId, InstantMs, OperationId

AccountId = NewType("AccountId", str)
"""Whose points they are: ``customer:42``, or ``family:7`` where several pool them.

Stamps are points of another kind, in an account for each card: ``stamps:coffee:42``.
"""

_FAMILY: Final = "family:"
_STAMPS: Final = "stamps"
NO_LOT: Final = ""
"""The lot of an entry about points that are owed and not there."""


def account_of_customer(customer: CustomerId) -> AccountId:
    """Return the account of a customer who shares it with nobody."""
    return AccountId(f"customer:{customer}")


def account_of_family(group: GroupId) -> AccountId:
    """Return the account in which members of a named group pool their points."""
    return AccountId(f"{_FAMILY}{group}")


def card_in(account: AccountId) -> str | None:
    """Return the card whose stamps an account holds; None for an account of points."""
    kind, _, name = account.partition(":")
    return name.partition(":")[0] if kind == _STAMPS else None


def card_account(name: str) -> AccountId:
    """Return the account of the stamps on a customer's card; ``name`` is that of both, see `engine.limits.card_of`."""
    return AccountId(f"{_STAMPS}:{name}")


def family_of(account: AccountId) -> GroupId | None:
    """Return the named group whose members pool their points in an account; None for that of a customer."""
    return GroupId(account.removeprefix(_FAMILY)) if account.startswith(_FAMILY) else None


class EntryKind(StrEnum):
    """What an entry records."""

    EARN = "earn"
    ACTIVATE = "activate"
    """Pending points became active: their time came, or what they waited for happened."""
    HOLD = "hold"
    VOID = "void"
    """Held points are free again: released, or their deadline was over."""
    POST = "post"
    """Held points were spent."""
    SPEND = "spend"
    """Points were spent that nobody had set aside, at a till that was offline."""
    RETURN = "return"
    """Spent points came back: their order was cancelled."""
    EXPIRE = "expire"
    REVERSE = "reverse"
    """Earned points were taken back: what earned them was cancelled."""
    ADJUST = "adjust"
    """Staff added or took points, with a reason."""
    SETTLE = "settle"
    """Points that came in paid for points that were owed."""
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one lot. ``number`` counts from 1 in each account; ``operation`` is what caused it.

    ``pending``, ``active`` and ``held`` are by how much each sum changed. ``note`` is what there is to say: an order,
    a reason and who gave it, the account at the other end of a transfer.
    """

    number: int
    kind: EntryKind
    at_ms: InstantMs
    operation: str
    lot: str
    pending: int = 0
    active: int = 0
    held: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of points that came together. ``id`` is the operation that brought them.

    Pending until ``activates_ms``, or until ``event`` happens to it before; where both are empty it is active. It
    expires at ``expires_ms``, never where that is None.
    """

    id: str
    left: int
    activates_ms: InstantMs | None = None
    event: str = ""
    expires_ms: InstantMs | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it cannot be spent yet."""
        return self.activates_ms is not None or bool(self.event)


@dataclass(frozen=True, slots=True)
class Taken:
    """Points that were taken from a lot, and when that expires: so that they can go back to it."""

    lot: str
    points: int
    expires_ms: InstantMs | None


@dataclass(frozen=True, slots=True)
class Record:
    """What an account remembers for ever of an operation: the points it moved, and from which lots.

    ``reversed`` are those points of an earning that were taken back since, or tried to be. ``to`` is where points went
    that were sent.
    """

    points: int
    taken: tuple[Taken, ...] = ()
    reversed: int = 0
    to: str = ""


@dataclass(frozen=True, slots=True)
class PointsHold:
    """Points set aside. It lapses at ``deadline_ms`` unless ``pinned_ms`` says since when it does not.

    ``attempt`` is the latest of the numbered attempts that pinned it.
    """

    id: str
    taken: tuple[Taken, ...]
    deadline_ms: InstantMs
    owner: str
    pinned_ms: InstantMs | None = None
    attempt: int = 0

    @property
    def points(self) -> int:
        """All points that it holds."""
        return sum(each.points for each in self.taken)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Points that left for another account and may not have arrived yet."""

    operation: OperationId
    to: AccountId
    taken: tuple[Taken, ...]
    at_ms: InstantMs


class FamilyRole(StrEnum):
    """What a member of a pooled account may do."""

    BURN = "burn"
    """Earn for it, and spend from it."""
    EARN = "earn"
    """Earn for it only."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account at one version. ``entries`` is how many there are; ``owed`` points were taken and not there.

    ``qualifying`` are points by day, ``2026-12-24``, that count for a tier; ``tier`` is the one that was reached, since
    ``tier_since_ms``, and ``tier_before`` the one before it, since when. ``members`` are those who pool their points
    here; an account of one customer has none. ``recalled`` are points, by their earning, that were held or spent when
    they were to be taken back: they are lost when they come back.
    """

    id: AccountId
    version: int = 0
    entries: int = 0
    pending: int = 0
    active: int = 0
    held: int = 0
    owed: int = 0
    lots: tuple[Lot, ...] = ()
    holds: tuple[PointsHold, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    qualifying: Mapping[str, int] = field(default_factory=dict)
    tier: str = ""
    tier_since_ms: InstantMs | None = None
    tier_before: tuple[str, InstantMs | None] = ("", None)
    members: Mapping[CustomerId, FamilyRole] = field(default_factory=dict)
    recalled: Mapping[str, int] = field(default_factory=dict)

    @property
    def next_expiry(self) -> tuple[InstantMs, int] | None:
        """When active points expire next, and how many; None where none do."""
        due = [lot for lot in self.lots if lot.expires_ms is not None and not lot.is_pending]
        first_ms = min((lot.expires_ms for lot in due if lot.expires_ms is not None), default=None)
        if first_ms is None:
            return None
        return first_ms, sum(lot.left for lot in due if lot.expires_ms == first_ms)

    def may_burn(self, customer: CustomerId) -> bool:
        """Say whether a customer may spend from it: their own, or as a member with that role."""
        if self.members:
            return self.members.get(customer) is FamilyRole.BURN
        return self.id == account_of_customer(customer)
