"""An account while a command changes it: what every command writes, takes and puts, so that entries and lots agree."""

from dataclasses import replace
from typing import Final

from engine.loyalty.account import NO_LOT, Account, Entry, EntryKind, Lot, PointsHold, Record, Taken
from engine.types import InstantMs

_FOREVER: Final = 2**62
_BY_TIME: Final = "time"
"""What caused an entry that nobody asked for."""
_QUALIFYING_DAYS_MOST: Final = 1500
"""Of so many days it is known what they brought for a tier; windows are shorter."""
_RECALLED_MOST: Final = 200
"""Of so many earnings, the newest, it is known that points of theirs are to be taken back when they come back."""
_RETURNED: Final = "+"


def spending_order(lot: Lot) -> tuple[int, str]:
    """Sort lots as they are spent: the oldest expiring first, those that never expire last, then by id."""
    return _FOREVER if lot.expires_ms is None else lot.expires_ms, lot.id


def returned_lot(lot: str, hold: str) -> str:
    """Return the lot of points that come back when theirs has expired: what else it had must not live on with them."""
    return f"{lot}{_RETURNED}{hold}"


class Book:
    """An account that is being changed, with the entries and the records that this makes."""

    def __init__(self, account: Account, now_ms: InstantMs) -> None:
        self.before, self.now_ms = account, now_ms
        self.entries: list[Entry] = []
        self.records: dict[str, Record] = {}
        self.lots = {lot.id: lot for lot in account.lots}
        self.holds = {hold.id: hold for hold in account.holds}
        self.outgoing = {each.operation: each for each in account.outgoing}
        self.pending, self.active, self.held = account.pending, account.active, account.held
        self.owed = account.owed
        self.qualifying = dict(account.qualifying)
        self.members = dict(account.members)
        self.recalled = dict(account.recalled)
        self.tier, self.tier_since_ms, self.tier_before = account.tier, account.tier_since_ms, account.tier_before

    def closed(self) -> Account:
        """Return the account after all of it, the same object where nothing changed."""
        after = replace(
            self.before,
            entries=self.before.entries + len(self.entries),
            pending=self.pending,
            active=self.active,
            held=self.held,
            owed=self.owed,
            lots=tuple(sorted((lot for lot in self.lots.values() if lot.left), key=spending_order)),
            holds=tuple(self.holds.values()),
            outgoing=tuple(self.outgoing.values()),
            qualifying=dict(sorted(self.qualifying.items())[-_QUALIFYING_DAYS_MOST:]),
            tier=self.tier,
            tier_since_ms=self.tier_since_ms,
            tier_before=self.tier_before,
            members=self.members,
            recalled=dict(list(self.recalled.items())[-_RECALLED_MOST:]),
        )
        return self.before if after == self.before else replace(after, version=self.before.version + 1)

    def write(
        self,
        kind: EntryKind,
        operation: str,
        lot: str,
        note: str = "",
        *,
        pending: int = 0,
        active: int = 0,
        held: int = 0,
    ) -> None:
        """Add an entry; the numbers are by how much the sums change."""
        number = self.before.entries + len(self.entries) + 1
        self.entries.append(Entry(number, kind, self.now_ms, operation, lot, pending, active, held, note))
        self.pending += pending
        self.active += active
        self.held += held

    def lose(self, kind: EntryKind, operation: str, lot: Lot, points: int, note: str = "") -> None:
        """Take points of a lot that nobody gets, in the state that it is in."""
        self.lots[lot.id] = replace(lot, left=lot.left - points)
        if lot.is_pending:
            self.write(kind, operation, lot.id, note, pending=-points)
        else:
            self.write(kind, operation, lot.id, note, active=-points)

    def settle(self) -> None:
        """Do what time has brought."""
        for hold in list(self.holds.values()):
            if hold.pinned_ms is None and hold.deadline_ms <= self.now_ms:
                self.void(hold, _BY_TIME)
        for lot in list(self.lots.values()):
            if lot.activates_ms is not None and lot.activates_ms <= self.now_ms:
                self.activate(lot, _BY_TIME)
        for lot in sorted(self.lots.values(), key=spending_order):
            if lot.left and lot.expires_ms is not None and lot.expires_ms <= self.now_ms:
                self.lose(EntryKind.EXPIRE, _BY_TIME, lot, lot.left)

    def activate(self, lot: Lot, operation: str) -> None:
        """Make a pending lot active."""
        self.lots[lot.id] = replace(lot, left=0, activates_ms=None, event="")
        self.write(EntryKind.ACTIVATE, operation, lot.id, pending=-lot.left, active=lot.left)
        self.fill(operation, Taken(lot.id, lot.left, lot.expires_ms))

    def put(self, kind: EntryKind, operation: str, taken: Taken, note: str = "", *, held: bool = False) -> None:
        """Put points, free or ``held`` before, into a lot as active ones."""
        self.write(kind, operation, taken.lot, note, active=taken.points, held=-taken.points if held else 0)
        self.fill(operation, taken)

    def fill(self, operation: str, taken: Taken) -> None:
        """Fill a lot, which may be gone by now, with points that became active; they pay first for what is owed."""
        lot = self.lots.get(taken.lot) or Lot(taken.lot, 0, expires_ms=taken.expires_ms)
        paid = min(self.owed, taken.points)
        self.lots[lot.id] = replace(lot, left=lot.left + taken.points - paid)
        if paid:
            self.owed -= paid
            self.write(EntryKind.SETTLE, operation, lot.id, active=-paid)
            self.write(EntryKind.SETTLE, operation, NO_LOT, active=paid)
        self._take_recalled(operation, self.lots[lot.id])

    def recall(self, earning: str, points: int) -> None:
        """Remember points of an earning that are to be taken back and are held or spent: they go once they are back."""
        self.recalled[earning] = self.recalled.pop(earning, 0) + points

    def _take_recalled(self, operation: str, lot: Lot) -> None:
        earning = lot.id.partition(_RETURNED)[0]
        points = min(self.recalled.get(earning, 0), lot.left)
        if points:
            self.lose(EntryKind.REVERSE, operation, lot, points)
            self.recalled[earning] -= points
            if not self.recalled[earning]:
                del self.recalled[earning]

    def take(
        self, points: int, kind: EntryKind, operation: str, note: str = "", *, hold: bool = False
    ) -> tuple[Taken, ...]:
        """Take active points, at most those that there are, the oldest expiring first."""
        taken = []
        for lot in sorted(self.lots.values(), key=spending_order):
            part = min(points, lot.left)
            if part and not lot.is_pending:
                points -= part
                self.lots[lot.id] = replace(lot, left=lot.left - part)
                self.write(kind, operation, lot.id, note, active=-part, held=part if hold else 0)
                taken.append(Taken(lot.id, part, lot.expires_ms))
        return tuple(taken)

    def owe(self, points: int, kind: EntryKind, operation: str, note: str) -> None:
        """Take points that are not there: the next ones that come in pay for them."""
        self.owed += points
        self.write(kind, operation, NO_LOT, note, active=-points)

    def void(self, hold: PointsHold, operation: str) -> None:
        """Free held points: they go back to their lots."""
        del self.holds[hold.id]
        for each in hold.taken:
            self.put(EntryKind.VOID, operation, each, held=True)
