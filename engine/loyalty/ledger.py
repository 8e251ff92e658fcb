"""The ledger: what a command does to an account. A pure function; who keeps accounts calls it until it was kept.

Before each command comes what time has brought by then: holds lapse, pending points become active, lots expire.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from engine.errors import PanierError
from engine.loyalty.account import Account, Entry, EntryKind, Lot, Outgoing, PointsHold, Record, Taken
from engine.loyalty.book import Book, returned_lot
from engine.loyalty.commands import (
    Adjust,
    ClawBack,
    Command,
    Earn,
    ExtendHold,
    Happened,
    HoldPoints,
    JoinFamily,
    LeaveFamily,
    PinHold,
    PointsArrived,
    PostHold,
    ReceivePoints,
    ReleaseHold,
    ReturnPoints,
    Reverse,
    SendPoints,
    SetTier,
    Settle,
    Spend,
    UnpinHold,
)
from engine.types import InstantMs

POINTS_MOST: Final = 10**12
"""The most points that one command moves."""


class Status(StrEnum):
    """What a command came to."""

    DONE = "done"
    HELD = "held"
    PINNED = "pinned"
    POSTED = "posted"
    RETURNED = "returned"
    GONE = "gone"
    """There is no such hold: released, lapsed or never made."""
    SHORT = "short"
    """There are not so many active points."""
    LATE = "late"
    """The deadline is over already."""
    UNKNOWN = "unknown"
    """There is no such earning."""
    REUSED = "reused"
    """The operation was something else: nothing is done."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a command does: the account after it, the entries it adds, and the new records by their operations.

    ``points`` are those that it moved; with `Status.SHORT` those that there are. Where ``account`` is the one before,
    there is nothing to keep.
    """

    account: Account
    entries: tuple[Entry, ...]
    status: Status
    points: int
    records: Mapping[str, Record]


class InvalidCommandError(PanierError):
    """A command that no account could obey, such as to earn less than nothing: a fault of who made it."""


def operation_of(command: Command) -> str | None:
    """Return under what a command is remembered; None for those that come to the same however often they are sent."""
    match command:
        case Earn() | Happened() | Reverse() | Adjust() | Spend():
            return command.operation
        case SendPoints():
            return f"out:{command.operation}"
        case ReceivePoints():
            return f"in:{command.operation}"
        case PostHold():
            return f"post:{command.hold}"
        case ReturnPoints():
            return f"return:{command.hold}"
        case _:
            return None


def asks_about(command: Command) -> tuple[str, ...]:
    """Return the operations whose records decide what a command does; its own is the first where it has one."""
    match command:
        case HoldPoints() | ExtendHold() | PinHold() | UnpinHold() | ReleaseHold() | PostHold() | ReturnPoints():
            posted, returned = f"post:{command.hold}", f"return:{command.hold}"
            return (returned, posted) if isinstance(command, ReturnPoints) else (posted, returned)
        case Happened() | Reverse():
            return command.operation, command.earning
        case _:
            own = operation_of(command)
            return (own,) if own is not None else ()


def apply(account: Account, command: Command, records: Sequence[Record | None], now_ms: InstantMs) -> Step:
    """Do a command at an instant. ``records`` are those of `asks_about`, None for what has not happened.

    Raises `InvalidCommandError`.
    """
    book = Book(account, now_ms)
    book.settle()
    status, record = _DO[type(command)](book, command, records)
    return Step(
        account=book.closed(),
        entries=tuple(book.entries),
        status=status,
        points=record.points if record else 0,
        records=book.records,
    )


Done = tuple[Status, Record | None]
Records = Sequence[Record | None]


def _positive(points: int) -> int:
    if not 0 < points <= POINTS_MOST:
        raise InvalidCommandError(f"points are between 1 and {POINTS_MOST}, unlike {points}")
    return points


def _remembered(book: Book, command: Command, status: Status, record: Record) -> Done:
    """Return what a command did, and remember it."""
    own = operation_of(command)
    assert own is not None  # noqa: S101 - for the type checker
    book.records[own] = record
    return status, record


def _sum(taken: tuple[Taken, ...]) -> int:
    return sum(each.points for each in taken)


def _earn(book: Book, command: Earn, records: Records) -> Done:
    if records[0]:
        return Status.DONE, records[0]
    points, is_pending = _positive(command.points), bool(command.event) or command.activates_ms is not None
    lot = Lot(command.operation, points, command.activates_ms, command.event, command.expires_ms)
    if is_pending:
        book.lots[lot.id] = lot
        book.write(EntryKind.EARN, command.operation, lot.id, command.note, pending=points)
    else:
        book.put(EntryKind.EARN, command.operation, Taken(lot.id, points, lot.expires_ms), command.note)
    if command.qualifying:
        book.qualifying[command.day] = book.qualifying.get(command.day, 0) + command.qualifying
    book.settle()
    return _remembered(book, command, Status.DONE, Record(points))


def _happened(book: Book, command: Happened, records: Records) -> Done:
    own, earned = records
    lot = book.lots.get(command.earning)
    if own or not earned:
        return (Status.DONE, own) if own else (Status.UNKNOWN, None)
    if lot is None or not lot.is_pending:
        return _remembered(book, command, Status.DONE, Record(0))
    book.activate(lot, command.operation)
    return _remembered(book, command, Status.DONE, Record(lot.left))


def _reverse(book: Book, command: Reverse, records: Records) -> Done:
    own, earned = records
    if own or not earned:
        return (Status.DONE, own) if own else (Status.UNKNOWN, None)
    there = earned.points - earned.reversed
    wanted = left = min(there, there if command.points is None else _positive(command.points))
    book.records[command.earning] = replace(earned, reversed=earned.reversed + wanted)
    lot = book.lots.get(command.earning)
    part = min(left, lot.left) if lot else 0
    if lot and part and (lot.is_pending or command.claw_back is not ClawBack.PENDING):
        book.lose(EntryKind.REVERSE, command.operation, lot, part, command.note)
        left -= part
    if command.claw_back is not ClawBack.PENDING:
        left -= _sum(book.take(left, EntryKind.REVERSE, command.operation, command.note))
    if left and command.claw_back is ClawBack.NEGATIVE:
        book.owe(left, EntryKind.REVERSE, command.operation, command.note)
        left = 0
    elif left and command.claw_back is ClawBack.TO_ZERO:
        book.recall(command.earning, left)
    if command.day in book.qualifying:
        book.qualifying[command.day] = max(0, book.qualifying[command.day] - wanted)
        # Tiers since then may be due to what is taken back: where they are not, what is left leads there again.
        placed_ms = command.placed_ms
        while placed_ms is not None and book.tier_since_ms is not None and book.tier_since_ms >= placed_ms:
            book.tier, book.tier_since_ms = book.tier_before
            book.tier_before = "", None
    return _remembered(book, command, Status.DONE, Record(wanted - left))


def _adjust(book: Book, command: Adjust, records: Records) -> Done:
    if records[0]:
        return Status.DONE, records[0]
    points = _positive(abs(command.points))
    if command.points > 0:
        taken = Taken(command.operation, points, command.expires_ms)
        book.put(EntryKind.ADJUST, command.operation, taken, command.note)
        book.settle()
    elif book.active < points:
        return Status.SHORT, None
    else:
        book.take(points, EntryKind.ADJUST, command.operation, command.note)
    return _remembered(book, command, Status.DONE, Record(command.points))


def _spend(book: Book, command: Spend, records: Records) -> Done:
    """Take points that are gone; of the record, and what it is answered with, are those that were there."""
    if records[0]:
        return Status.DONE, records[0]
    taken = book.take(_positive(command.points), EntryKind.SPEND, command.operation, command.note)
    if missing := command.points - _sum(taken):
        book.owe(missing, EntryKind.SPEND, command.operation, command.note)
    return _remembered(book, command, Status.DONE, Record(_sum(taken), taken))


def _hold(book: Book, command: HoldPoints, records: Records) -> Done:
    over = _over(book, command.hold, records)
    if over[0] is not Status.GONE:
        return over
    points = _positive(command.points)
    if command.deadline_ms <= book.now_ms:
        return Status.LATE, None
    if book.active < points:
        return Status.SHORT, Record(max(0, book.active))
    taken = book.take(points, EntryKind.HOLD, command.hold, hold=True)
    book.holds[command.hold] = PointsHold(command.hold, taken, command.deadline_ms, command.owner)
    return Status.HELD, Record(points)


def _over(book: Book, hold: str, records: Records) -> Done:
    """Return what a hold is now."""
    posted, returned = records
    if returned or posted:
        return Status.RETURNED if returned else Status.POSTED, returned or posted
    known = book.holds.get(hold)
    if known is None:
        return Status.GONE, None
    return Status.HELD if known.pinned_ms is None else Status.PINNED, Record(known.points, known.taken)


def _extend(book: Book, command: ExtendHold, records: Records) -> Done:
    if _over(book, command.hold, records)[0] is Status.HELD:
        book.holds[command.hold] = replace(book.holds[command.hold], deadline_ms=command.deadline_ms)
        book.settle()
    return _over(book, command.hold, records)


def _pin(book: Book, command: PinHold, records: Records) -> Done:
    status, record = _over(book, command.hold, records)
    if status not in (Status.HELD, Status.PINNED):
        return status, record
    hold = book.holds[command.hold]
    attempt, since_ms = max(hold.attempt, command.attempt), hold.pinned_ms or book.now_ms
    book.holds[hold.id] = replace(hold, pinned_ms=since_ms, attempt=attempt)
    return Status.PINNED, record


def _unpin(book: Book, command: UnpinHold, records: Records) -> Done:
    if _over(book, command.hold, records)[0] is Status.PINNED:
        hold = book.holds[command.hold]
        if command.attempt is None or hold.attempt <= command.attempt:
            book.holds[hold.id] = replace(hold, pinned_ms=None, deadline_ms=command.deadline_ms)
            book.settle()
    return _over(book, command.hold, records)


def _release(book: Book, command: ReleaseHold, records: Records) -> Done:
    status, record = _over(book, command.hold, records)
    if status is not Status.HELD:
        return status, record
    book.void(book.holds[command.hold], command.hold)
    book.settle()
    return Status.GONE, None


def _post(book: Book, command: PostHold, records: Records) -> Done:
    status, record = _over(book, command.hold, records)
    if status not in (Status.HELD, Status.PINNED):
        return status, record
    taken = book.holds.pop(command.hold).taken
    for each in taken:
        book.write(EntryKind.POST, command.hold, each.lot, command.note, held=-each.points)
    return _remembered(book, command, Status.POSTED, Record(_sum(taken), taken))


def _return(book: Book, command: ReturnPoints, records: Records) -> Done:
    returned, posted = records
    if returned or not posted:
        return _over(book, command.hold, (posted, returned))
    for each in posted.taken:
        expires_ms = each.expires_ms
        if expires_ms is None or expires_ms > book.now_ms:
            book.put(EntryKind.RETURN, command.hold, each, command.note)
        else:
            kept = Taken(returned_lot(each.lot, command.hold), each.points, command.grace_ms)
            book.put(EntryKind.RETURN, command.hold, kept, command.note)
    book.settle()
    return _remembered(book, command, Status.RETURNED, posted)


def _send(book: Book, command: SendPoints, records: Records) -> Done:
    sent = records[0]
    if sent:
        same = (sent.points, sent.to) == (command.points, command.to)
        return (Status.DONE if same else Status.REUSED), sent
    points = _positive(command.points)
    if command.to == book.before.id:
        raise InvalidCommandError("points are sent to another account")
    if book.active < points:
        return Status.SHORT, None
    taken = book.take(points, EntryKind.TRANSFER_OUT, command.operation, command.to)
    book.outgoing[command.operation] = Outgoing(command.operation, command.to, taken, book.now_ms)
    return _remembered(book, command, Status.DONE, Record(points, taken, to=command.to))


def _receive(book: Book, command: ReceivePoints, records: Records) -> Done:
    if records[0]:
        return Status.DONE, records[0]
    for number, each in enumerate(command.taken):
        lot = Taken(f"{command.operation}/{number}", each.points, each.expires_ms)
        book.put(EntryKind.TRANSFER_IN, command.operation, lot, command.source)
    book.settle()
    return _remembered(book, command, Status.DONE, Record(_sum(command.taken)))


def _arrived(book: Book, command: PointsArrived, _records: Records) -> Done:
    book.outgoing.pop(command.operation, None)
    return Status.DONE, None


def _set_tier(book: Book, command: SetTier, _records: Records) -> Done:
    if command.tier != book.tier:
        book.tier_before = book.tier, book.tier_since_ms
        book.tier, book.tier_since_ms = command.tier, book.now_ms
    return Status.DONE, None


def _join(book: Book, command: JoinFamily, _records: Records) -> Done:
    if command.customer in book.members or not command.members_only:
        book.members[command.customer] = command.role
    return Status.DONE, None


def _leave(book: Book, command: LeaveFamily, _records: Records) -> Done:
    book.members.pop(command.customer, None)
    return Status.DONE, None


_DO: Final[dict[type[Any], Callable[[Book, Any, Records], Done]]] = {
    Earn: _earn,
    Happened: _happened,
    Reverse: _reverse,
    Adjust: _adjust,
    Spend: _spend,
    HoldPoints: _hold,
    ExtendHold: _extend,
    PinHold: _pin,
    UnpinHold: _unpin,
    ReleaseHold: _release,
    PostHold: _post,
    ReturnPoints: _return,
    SendPoints: _send,
    ReceivePoints: _receive,
    PointsArrived: _arrived,
    SetTier: _set_tier,
    JoinFamily: _join,
    LeaveFamily: _leave,
    Settle: lambda *_: (Status.DONE, None),
}
