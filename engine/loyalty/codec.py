"""The bytes of a points account: msgpack lists, in the order of the fields of `engine.loyalty.account`.

An account begins with the number of the layout. The store's scripts pass these bytes on and do not look into them.
"""

from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.errors import PanierError
from engine.loyalty.account import Account, Entry, EntryKind, FamilyRole, Lot, Outgoing, PointsHold, Record, Taken

LAYOUT: Final = 1
"""Raised when the meaning of stored bytes changes; a reader refuses what it does not know."""


class UnknownAccountLayoutError(PanierError):
    """The account was written by another version of Panier, and reading it as ours would guess."""


def encode_account(account: Account) -> bytes:
    """Return the bytes of an account."""
    sums = (account.pending, account.active, account.held, account.owed)
    lots = [(lot.id, lot.left, lot.activates_ms, lot.event, lot.expires_ms) for lot in account.lots]
    holds = [
        (each.id, _plain(each.taken), each.deadline_ms, each.owner, each.pinned_ms, each.attempt)
        for each in account.holds
    ]
    outgoing = [(each.operation, each.to, _plain(each.taken), each.at_ms) for each in account.outgoing]
    tier = (account.tier, account.tier_since_ms, *account.tier_before)
    members = {customer: role.value for customer, role in account.members.items()}
    counts = (account.version, account.entries)
    maps = (dict(account.qualifying), tier, members, dict(account.recalled))
    return _packed((LAYOUT, account.id, counts, sums, lots, holds, outgoing, *maps))


def decode_account(blob: bytes) -> Account:
    """Return the account of some bytes. Raises `UnknownAccountLayoutError`."""
    layout, *fields = msgpack.unpackb(blob)
    if layout != LAYOUT:
        raise UnknownAccountLayoutError(f"the account has layout {layout}, this version of Panier knows {LAYOUT}")
    id_, (version, entries), (pending, active, held, owed), lots, holds, outgoing, *rest = fields
    qualifying, tier, members, recalled = (*rest, {})[:4]  # accounts that are older than the last one lack it
    return Account(
        id=id_,
        version=version,
        entries=entries,
        pending=pending,
        active=active,
        held=held,
        owed=owed,
        lots=tuple([Lot(*each) for each in lots]),
        holds=tuple([PointsHold(hold, _taken(taken), *rest) for hold, taken, *rest in holds]),
        outgoing=tuple([Outgoing(operation, to, _taken(taken), at_ms) for operation, to, taken, at_ms in outgoing]),
        qualifying=qualifying,
        tier=tier[0],
        tier_since_ms=tier[1],
        tier_before=(tier[2], tier[3]) if len(tier) > 2 else ("", None),
        members={customer: FamilyRole(role) for customer, role in members.items()},
        recalled=recalled,
    )


def encode_entry(entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    changes = (entry.pending, entry.active, entry.held)
    return _packed((entry.number, entry.kind.value, entry.at_ms, entry.operation, entry.lot, changes, entry.note))


def decode_entry(blob: bytes) -> Entry:
    """Return the entry of some bytes."""
    number, kind, at_ms, operation, lot, changes, note = msgpack.unpackb(blob)
    pending, active, held = changes
    return Entry(number, EntryKind(kind), at_ms, operation, lot, pending, active, held, note)


def encode_record(record: Record) -> bytes:
    """Return the bytes of an operation's record."""
    return _packed((record.points, _plain(record.taken), record.reversed, record.to))


def decode_record(blob: bytes | None) -> Record | None:
    """Return the record of some bytes; None where there are none."""
    if blob is None:
        return None
    points, taken, reversed_, to = msgpack.unpackb(blob)
    return Record(points, _taken(taken), reversed_, to)


def _packed(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def _plain(taken: tuple[Taken, ...]) -> list[tuple[str, int, int | None]]:
    return [(each.lot, each.points, each.expires_ms) for each in taken]


def _taken(plain: list[Any]) -> tuple[Taken, ...]:
    return tuple([Taken(*each) for each in plain])
