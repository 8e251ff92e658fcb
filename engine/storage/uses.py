"""What an order uses, wherever it is counted: limits in their counters, stamps in the accounts of their cards.

A checkout takes the same steps with both: hold, pin, post, give back. Here they are told apart.
"""

from asyncio import gather
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from engine.limits import AMOUNT_MOST, Limit, LimitKind, Use
from engine.loyalty.account import card_account
from engine.loyalty.commands import (
    ExtendHold,
    HoldPoints,
    OnHold,
    PinHold,
    PostHold,
    ReleaseHold,
    ReturnPoints,
    UnpinHold,
)
from engine.loyalty.ledger import Status
from engine.storage.ledger import LedgerStore
from engine.storage.limits import Hold, HoldState, LimitStore
from engine.types import InstantMs

_FOREVER: Final = InstantMs(AMOUNT_MOST)
_STATES: Final = {
    Status.HELD: HoldState.HELD,
    Status.PINNED: HoldState.PINNED,
    Status.POSTED: HoldState.POSTED,
    Status.RETURNED: HoldState.RETURNED,
    Status.GONE: HoldState.GONE,
    Status.SHORT: HoldState.SHORT,
    Status.LATE: HoldState.LATE,
}


class UseStore:
    """Takes the steps of `LimitStore` with every use of an order, in methods of the same names."""

    def __init__(self, limits: LimitStore, ledger: LedgerStore) -> None:
        self._limits = limits
        self._ledger = ledger

    async def hold(self, use: Use, hold: str, deadline_ms: InstantMs, owner: str) -> Hold:
        """Hold a use until an instant; see `LimitStore.hold`."""
        if use.limit.kind is not LimitKind.STAMPS:
            return await self._limits.hold(use, hold, deadline_ms, owner)
        return await self._step(use.limit, HoldPoints(_name(use.limit, hold), use.amount, deadline_ms, owner))

    async def hold_all(self, uses: Sequence[Use], hold: str, deadline_ms: InstantMs, owner: str) -> tuple[Hold, ...]:
        """Hold all uses of an order or none; see `LimitStore.hold_all`."""
        holds = await gather(*(self.hold(use, hold, deadline_ms, owner) for use in uses))
        if not all(each.made for each in holds):
            made = [use.limit for use, each in zip(uses, holds, strict=True) if each.state is HoldState.HELD]
            await gather(*(self.release(limit, hold) for limit in made))
        return tuple(holds)

    async def extend(self, limit: Limit, hold: str, deadline_ms: InstantMs) -> Hold:
        """Set another deadline."""
        if limit.kind is not LimitKind.STAMPS:
            return await self._limits.extend(limit, hold, deadline_ms)
        return await self._step(limit, ExtendHold(_name(limit, hold), deadline_ms))

    async def pin(self, limit: Limit, hold: str, attempt: int) -> Hold:
        """Let a hold lapse no more."""
        if limit.kind is not LimitKind.STAMPS:
            return await self._limits.pin(limit, hold, attempt)
        return await self._step(limit, PinHold(_name(limit, hold), attempt))

    async def unpin(self, limit: Limit, hold: str, deadline_ms: InstantMs, attempt: int | None) -> Hold:
        """Let a pinned hold lapse again, at an instant."""
        if limit.kind is not LimitKind.STAMPS:
            return await self._limits.unpin(limit, hold, deadline_ms, attempt)
        return await self._step(limit, UnpinHold(_name(limit, hold), deadline_ms, attempt))

    async def release(self, limit: Limit, hold: str) -> Hold:
        """Give up a hold."""
        if limit.kind is not LimitKind.STAMPS:
            return await self._limits.release(limit, hold)
        return await self._step(limit, ReleaseHold(_name(limit, hold)))

    async def post(self, limit: Limit, hold: str) -> Hold:
        """Turn a hold into a spent use."""
        if limit.kind is not LimitKind.STAMPS:
            return await self._limits.post(limit, hold)
        return await self._step(limit, PostHold(_name(limit, hold), hold))

    async def give_back(self, limit: Limit, hold: str) -> Hold:
        """Give back what an order had used; stamps that have expired since come back for good."""
        if limit.kind is not LimitKind.STAMPS:
            return await self._limits.give_back(limit, hold)
        return await self._step(limit, ReturnPoints(_name(limit, hold), _FOREVER, hold))

    async def post_beyond(self, use: Use, hold: str, owner: str) -> int:
        """Spend a use that has happened, whatever is left; return by how much that is too little."""
        if use.limit.kind is not LimitKind.STAMPS:
            return await self._limits.post_beyond(use, hold, owner)
        held = await self.hold(use, hold, _FOREVER, owner)
        while held.state is HoldState.SHORT and held.left:
            held = await self.hold(replace(use, amount=held.left), hold, _FOREVER, owner)
        return use.amount - (await self.post(use.limit, hold)).amount

    async def _step(self, limit: Limit, command: OnHold) -> Hold:
        booked = await self._ledger.do(card_account(limit.subject), command)
        state = _STATES[booked.status]
        return Hold(state, 0, booked.points) if state is HoldState.SHORT else Hold(state, booked.points)


def _name(limit: Limit, hold: str) -> str:
    """Return what a hold is called in the account of a card: several promotions may take stamps from it."""
    return f"{hold}/{limit.promotion}"
