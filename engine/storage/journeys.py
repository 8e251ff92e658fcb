"""Journeys in the store: by person, in a slot of their own, and never in a cart, which others see."""

from collections.abc import Iterable
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.codec import pack
from engine.cart.journey import Journey, Step, StepKind
from engine.storage import scripts
from engine.storage.carts import CartLimits
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import ChannelId, InstantMs, MemberId, StoreId


class JourneyStore:
    """Keeps the newest steps of each person. All methods are one round trip and raise `StoreUnavailableError`."""

    def __init__(self, connection: Connection, names: KeyNames, limits: CartLimits | None = None) -> None:
        known = limits or CartLimits()
        self._connection = connection
        self._names = names
        self._most = known.journey_steps
        self._life_ms = known.journey_ms

    async def record(self, member: MemberId, steps: Iterable[Step]) -> Journey:
        """Add steps, which happen now by the clock of the store; return the journey."""
        packed = [(step.kind, step.text, step.channel, step.store or False, step.device) for step in steps]
        return await self._run(member, added=packed)

    async def read(self, member: MemberId) -> Journey:
        """Return somebody's journey."""
        return await self._run(member)

    async def switch(self, member: MemberId, *, on: bool) -> Journey:
        """Keep steps from now on, or keep none and forget those that are there."""
        return await self._run(member, switch="on" if on else "off")

    async def erase(self, member: MemberId) -> None:
        """Forget all steps."""
        await self._connection.command("DEL", self._names.journey(member)[0])

    async def go_over(self, guest: MemberId, member: MemberId) -> None:
        """Make a guest's journey that of whom they signed in as. Three round trips; done again it changes nothing.

        It is forgotten where that one keeps none.
        """
        entries = await self._connection.command("ZRANGE", self._names.journey(guest)[0], 0, -1)
        if entries:
            await self._run(member, gone_over=entries)
            await self.erase(guest)

    async def _run(
        self,
        member: MemberId,
        *,
        added: list[Any] | None = None,
        gone_over: list[bytes] | None = None,
        switch: str = "",
    ) -> Journey:
        arguments = (pack(added or []), pack(gone_over or []), self._most, self._life_ms, switch)
        _, on, entries = await self._connection.run(scripts.JOURNEY, self._names.journey(member), arguments)
        return Journey(tuple([_step(entry) for entry in entries]), recorded=on == 1)


def _step(entry: bytes) -> Step:
    kind, text, at_ms, channel, store, device = msgpack.unpackb(entry)
    place = StoreId(store) if store else None
    return Step(StepKind(kind), text, InstantMs(at_ms), ChannelId(channel), place, device)
