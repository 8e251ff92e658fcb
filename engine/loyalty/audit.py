"""Whether an account is what its entries say: each sum, each lot, each hold."""

from collections import Counter
from collections.abc import Iterable

from engine.loyalty.account import NO_LOT, Account, Entry


def faults_of(account: Account, entries: Iterable[Entry]) -> list[str]:
    """Return what does not add up in an account, as sentences; ``entries`` are all of its, the oldest first."""
    faults, number = [], 0
    sums: Counter[str] = Counter()
    free: Counter[tuple[str, bool]] = Counter()
    held: Counter[str] = Counter()
    for number, entry in enumerate(entries, start=1):
        if entry.number != number:
            faults.append(f"entry {number} has the number {entry.number}")
        sums.update(pending=entry.pending, active=entry.active, held=entry.held)
        free[entry.lot, True] += entry.pending
        free[entry.lot, False] += entry.active
        held[entry.lot] += entry.held
    if number != account.entries:
        faults.append(f"there are {number} entries, and the account says {account.entries}")
    told = {"pending": account.pending, "active": account.active, "held": account.held}
    faults += [
        f"{name} is {told[name]}, and its entries make {sums[name]}" for name in told if sums[name] != told[name]
    ]
    faults += _lot_faults(account, free)
    of_holds: Counter[str] = Counter()
    for hold in account.holds:
        for taken in hold.taken:
            of_holds[taken.lot] += taken.points
    faults += [
        f"{of_holds[lot]} points of lot `{lot}` are held, and its entries make {held[lot]}"
        for lot in sorted(of_holds.keys() | held.keys())
        if of_holds[lot] != held[lot]
    ]
    return faults


def _lot_faults(account: Account, free: Counter[tuple[str, bool]]) -> list[str]:
    kept = Counter({(lot.id, lot.is_pending): lot.left for lot in account.lots})
    kept[NO_LOT, False] = -account.owed
    faults = [
        f"lot `{lot}` has {kept[lot, pending]} {'pending' if pending else 'active'} points left,"
        f" and its entries make {free[lot, pending]}"
        for lot, pending in sorted(kept.keys() | free.keys())
        if kept[lot, pending] != free[lot, pending]
    ]
    return faults + [f"lot `{lot.id}` is below zero" for lot in account.lots if lot.left < 0]
