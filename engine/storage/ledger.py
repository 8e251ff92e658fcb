"""Points accounts in the store: each in one slot, its entries beside it, never changed.

What a command does is decided by `engine.loyalty.ledger`, a pure function; the store keeps the outcome unless the
account has changed since it was read, and then it is decided anew. So there is no arithmetic in a script, and one place
knows what points do. In a process, commands on one account wait for each other, and only other processes make it twice.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from engine.errors import StoreUnavailableError
from engine.loyalty.account import Account, AccountId, Entry, FamilyRole, account_of_customer
from engine.loyalty.codec import (
    decode_account,
    decode_entry,
    decode_record,
    encode_account,
    encode_entry,
    encode_record,
)
from engine.loyalty.commands import (
    Command,
    JoinFamily,
    LeaveFamily,
    PointsArrived,
    ReceivePoints,
    SendPoints,
    Settle,
)
from engine.loyalty.ledger import Status, Step, apply, asks_about
from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.pins import Pin, packed_list, packed_pin
from engine.types import CustomerId, InstantMs, OperationId

_TRIES_MOST: Final = 200
_AT_ONCE: Final = 500
_SENT: Final = "sent"
"""How the hold of a pin begins that stands for points on their way."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What a command came to, and the account then.

    ``points`` are those that it moved; with `Status.SHORT` those that there are.
    """

    status: Status
    points: int
    account: Account
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class PinnedPoints:
    """Something unfinished of an account.

    With ``transfer`` points on their way, which `LedgerStore.finish` brings home; else a pinned hold, for whom it was
    made (a cart and its quote) and since when.
    """

    account: AccountId
    hold: str
    owner: str
    pinned_ms: InstantMs
    transfer: bool


class LedgerStore:
    """Keeps points accounts, which have no life span. All methods raise `StoreUnavailableError`.

    A command may be sent again after that: one with an operation id is done once, and one on a hold comes to the same.
    It is two round trips, reading is one.
    """

    def __init__(self, connection: Connection, names: KeyNames) -> None:
        self._connection = connection
        self._names = names
        self._turns: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()

    async def do(self, account: AccountId, command: Command) -> Booked:
        """Do a command to an account, which is there as soon as somebody does something to it.

        Raises `InvalidCommandError` for what no account could obey.
        """
        turn = self._turns.setdefault(account, asyncio.Lock())
        async with turn:
            for _ in range(_TRIES_MOST):
                step, before, at_ms = await self._decided(account, command)
                if step.account is before or await self._kept(step, before):
                    return Booked(step.status, step.points, step.account, at_ms)
        raise StoreUnavailableError(f"too many others change the account `{account}`")

    async def settled(self, account: AccountId) -> Booked:
        """Return an account with what time has brought by now, which is written down. One round trip, two for that."""
        return await self.do(account, Settle())

    async def read(self, account: AccountId) -> Account:
        """Return an account as it was kept; what time has brought since, the next command writes down."""
        _, blob = await self._connection.run(scripts.LEDGER_READ, self._names.account(account)[:3:2], ())
        return decode_account(blob) if blob else Account(account)

    async def entries(self, account: AccountId, first: int, before: int | None = None) -> tuple[Entry, ...]:
        """Return entries, the newest first: at most ``first``, of those with numbers below ``before``."""
        key = self._names.account(account)[1]
        end = (before - 1 if before is not None else int(await self._connection.command("LLEN", key))) - 1
        if end < 0 or first < 1:
            return ()
        found = await self._connection.command("LRANGE", key, max(0, end - first + 1), end)
        return tuple([decode_entry(each) for each in reversed(found)])

    async def every_entry(self, account: AccountId) -> AsyncIterator[Entry]:
        """Yield all entries, the oldest first."""
        start, key = 0, self._names.account(account)[1]
        while found := await self._connection.command("LRANGE", key, start, start + _AT_ONCE - 1):
            for each in found:
                yield decode_entry(each)
            start += len(found)

    async def transfer(self, operation: OperationId, source: AccountId, to: AccountId, points: int) -> Booked:
        """Send points from one account to another, in steps each of which is done once.

        Answers `Status.DONE`, `SHORT` or `REUSED`, with the sender's account. A crash after the first step leaves the
        points on their way, in neither sum; `finish` brings them there, or this very call sent again.
        """
        sent = await self.do(source, SendPoints(operation, to, points))
        await self._finish(sent.account, operation)
        return sent

    async def finish(self, source: AccountId, operation: OperationId) -> None:
        """Bring points that are on their way to where they were sent; that they have arrived already is no fault."""
        await self._finish(await self.read(source), operation)

    async def _finish(self, source: Account, operation: OperationId) -> None:
        for each in source.outgoing:
            if each.operation == operation:
                await self.do(each.to, ReceivePoints(operation, source.id, each.taken))
                await self.do(source.id, PointsArrived(operation))

    async def account_of(self, customer: CustomerId) -> AccountId:
        """Return the account a customer earns for: that of a family, else their own."""
        family = await self._connection.command("GET", self._names.family(customer))
        return AccountId(family.decode()) if family else account_of_customer(customer)

    async def join(self, customer: CustomerId, family: AccountId, role: FamilyRole) -> Account:
        """Let a customer pool points in the account of a family from now on; what they have stays theirs until sent.

        Whoever pooled with another family leaves that first.
        """
        known = await self.account_of(customer)
        if known not in (family, account_of_customer(customer)):
            await self.leave(customer)
        joined = await self.do(family, JoinFamily(customer, role))
        await self._connection.command("SET", self._names.family(customer), family)
        return joined.account

    async def leave(self, customer: CustomerId, family: AccountId | None = None) -> None:
        """Let a customer go back to an account of their own, out of any family or of this one only.

        What they earned for the family stays there. Sent again, it finishes what was cut off.
        """
        known = await self.account_of(customer)
        left = family or known
        if left != account_of_customer(customer):
            await self.do(left, LeaveFamily(customer))
        if left == known:
            await self._connection.command("DEL", self._names.family(customer))

    def pinned_points(self, pin: Pin) -> PinnedPoints | None:
        """Return what a pin is about; None where it is no account's (see `engine.storage.pins`)."""
        account = self._names.account_of(pin.key)
        if account is None:
            return None
        kind, _, hold = pin.hold.partition(":")
        return PinnedPoints(account, hold, pin.owner, pin.at_ms, transfer=kind == _SENT)

    async def accounts(self) -> AsyncIterator[AccountId]:
        """Yield every account of the store, in no order; one that is made meanwhile may be missed."""
        cursor: int | str = 0
        while True:
            cursor, keys = await self._connection.command(
                "SCAN", cursor, "MATCH", f"{{p*}}:a:{self._names.shop}:*", "COUNT", _AT_ONCE
            )
            for key in keys:
                account = self._names.account_of(key.decode())
                if account is not None:
                    yield account
            if int(cursor) == 0:
                return

    async def _decided(self, account: AccountId, command: Command) -> tuple[Step, Account, InstantMs]:
        keys = self._names.account(account)
        at_ms, blob, *records = await self._connection.run(scripts.LEDGER_READ, keys[:3:2], asks_about(command))
        before = decode_account(blob) if blob else Account(account)
        known = [decode_record(each) for each in records]
        return apply(before, command, known, InstantMs(at_ms)), before, InstantMs(at_ms)

    async def _kept(self, step: Step, before: Account) -> bool:
        keys = self._names.account(before.id)
        pins, pinned_before = dict(_pins(step.account, keys[0])), dict(_pins(before, keys[0]))
        new = [(pin, at_ms) for pin, at_ms in pins.items() if pin not in pinned_before]
        arguments = (
            before.version,
            encode_account(step.account),
            packed_list([(operation, encode_record(record)) for operation, record in step.records.items()]),
            packed_list([encode_entry(entry) for entry in step.entries]),
            packed_list(new),
            packed_list([pin for pin in pinned_before if pin not in pins]),
        )
        (kept,) = await self._connection.run(scripts.LEDGER_COMMIT, keys, arguments)
        return bool(kept)


def _pins(account: Account, key: str) -> Iterator[tuple[bytes, InstantMs]]:
    """Yield what a sweeper has to look after, and since when."""
    for hold in account.holds:
        if hold.pinned_ms is not None:
            yield packed_pin(key, f"hold:{hold.id}", hold.owner), hold.pinned_ms
    for each in account.outgoing:
        yield packed_pin(key, f"{_SENT}:{each.operation}", each.to), each.at_ms
