"""Limits in the store: uses and budgets that are held for a checkout, then spent, given back, or free again.

A hold goes by an id that its maker chooses, one for all limits of a quote. It lapses at its deadline by the store's
clock, without anybody's doing, until it is pinned; what pinned it has to post or unpin it, and `LimitStore.pinned`
tells a sweeper what somebody left. Every step may be sent again, and then changes nothing more.

What every order counts on is split in shards, each in a slot of its own. An order takes from one of them. A shard that
is short sends to the home, shard 0, which alone refuses, and only after the rest of all others was brought there. Room
moves between shards in steps that a crash may interrupt anywhere (`limit_move.lua`): what is then on its way counts as
free for whoever reads, and arrives when somebody next needs it.
"""

import hashlib
from asyncio import gather
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from engine.errors import PanierError
from engine.limits import AMOUNT_MOST, HOT_KINDS, Limit, Use
from engine.storage import scripts
from engine.storage.connection import Argument, Connection
from engine.storage.keys import KeyNames
from engine.storage.pins import Pin
from engine.types import InstantMs

HOT_SHARDS: Final = 8
"""Of how many shards the counters are that every order counts on. Fixed for a store: others would not be looked at."""

_HOME: Final = 0
_PASSES_MOST: Final = 64
"""How often the rest of the shards is brought home for one hold, where the home gives away what it gets meanwhile."""


class HoldState(StrEnum):
    """What became of a use that was held."""

    HELD = "h"
    PINNED = "p"
    """It does not lapse any more."""
    POSTED = "x"
    RETURNED = "r"
    """It was posted, and given back since."""
    GONE = ""
    """There is no such hold: released, lapsed, or never made."""
    SHORT = "short"
    """Not made: there is not enough left."""
    LATE = "lapsed"
    """Not made: its deadline is over."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What a step came to. ``amount`` is what is held or spent; less than was asked for only where it was partial.

    ``left`` is what there was where it is short, else 0.
    """

    state: HoldState
    amount: int = 0
    left: int = 0

    @property
    def made(self) -> bool:
        """Whether something is held or spent under this id."""
        return self.state in (HoldState.HELD, HoldState.PINNED, HoldState.POSTED)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was used of a limit. What is left of it is the ceiling less both, and below zero where it was lowered."""

    spent: int
    held: int

    def left(self, ceiling: int) -> int:
        """Return what is left under a ceiling; below zero where more was spent offline, or the ceiling was lowered."""
        return ceiling - self.spent - self.held


@dataclass(frozen=True, slots=True)
class PinnedUse:
    """A pinned hold: of which limit, for whom (what the hold was made with: a cart and its quote), since when."""

    limit: Limit
    hold: str
    owner: str
    pinned_ms: InstantMs


class HoldIdReusedError(PanierError):
    """The id names a hold of another amount: two things would be one."""


class LimitStore:
    """Counts the uses of limits. All methods raise `StoreUnavailableError`, and may be called again after it.

    Most steps are one round trip; near the end of a limit with shards a hold is some for each shard.
    """

    def __init__(self, connection: Connection, names: KeyNames, *, hot_shards: int = HOT_SHARDS) -> None:
        self._connection = connection
        self._names = names
        self._hot_shards = hot_shards

    async def hold(self, use: Use, hold: str, deadline_ms: InstantMs, owner: str) -> Hold:
        """Hold a use until an instant of the store's clock; ``owner`` is for whoever finds it pinned.

        Answers `HoldState.HELD`, `SHORT`, `LATE`, or what had become of the hold before (`PINNED`, `POSTED`,
        `RETURNED`). Made again after it lapsed, it is a new hold. Raises `HoldIdReusedError`.
        """
        return await self._made("hold", use, hold, deadline_ms, owner)

    async def hold_all(self, uses: Sequence[Use], hold: str, deadline_ms: InstantMs, owner: str) -> tuple[Hold, ...]:
        """Hold all uses of an order or none, under one id; the answers stand in the order of ``uses``.

        Where one of them was not made, the others were released again, and say what they would have come to. A crash
        in between leaves holds that lapse. Raises like `hold`.
        """
        holds = await gather(*(self.hold(use, hold, deadline_ms, owner) for use in uses))
        if not all(each.made for each in holds):
            made = [use.limit for use, each in zip(uses, holds, strict=True) if each.state is HoldState.HELD]
            await gather(*(self.release(limit, hold) for limit in made))
        return tuple(holds)

    async def extend(self, limit: Limit, hold: str, deadline_ms: InstantMs) -> Hold:
        """Set another deadline. Answers `HELD`; `PINNED`, `POSTED`, `RETURNED` and `GONE` stay what they are."""
        return await self._step("extend", limit, hold, deadline_ms)

    async def pin(self, limit: Limit, hold: str, attempt: int) -> Hold:
        """Let a hold lapse no more. Answers `PINNED`, or `GONE` where it had lapsed: then nothing is pinned.

        It is the pin of the latest of the attempts, which are numbered, that pinned it.
        """
        return await self._step("pin", limit, hold, attempt)

    async def unpin(self, limit: Limit, hold: str, deadline_ms: InstantMs, attempt: int | None) -> Hold:
        """Let a pinned hold lapse again, at an instant. Answers `HELD`, or what else it is.

        ``attempt`` is the one that is over: what a later one has pinned meanwhile stays `PINNED`. None: all are over.
        """
        return await self._step("unpin", limit, hold, deadline_ms, "" if attempt is None else attempt)

    async def release(self, limit: Limit, hold: str) -> Hold:
        """Give up a hold. Answers `GONE`; a pinned or posted one stays what it is."""
        return await self._step("release", limit, hold)

    async def post(self, limit: Limit, hold: str) -> Hold:
        """Turn a hold, pinned or not, into a spent use. Answers `POSTED`, `RETURNED`, or `GONE` where it lapsed."""
        return await self._step("post", limit, hold)

    async def give_back(self, limit: Limit, hold: str) -> Hold:
        """Give back what an order had used. Answers `RETURNED`; what was never posted stays what it is."""
        return await self._step("return", limit, hold)

    async def post_beyond(self, use: Use, hold: str, owner: str) -> int:
        """Spend a use that has happened, such as a sale of a till that was offline, held or not, whatever is left.

        Return by how much the limit is now exceeded, 0 where it is not.
        """
        if (await self.post(use.limit, hold)).state is HoldState.GONE:
            await self._made("beyond", use, hold, InstantMs(AMOUNT_MOST), owner)
        (counted,) = await self.read([use.limit])
        return max(0, counted.spent - use.ceiling)

    async def read(self, limits: Sequence[Limit]) -> tuple[Counted, ...]:
        """Return what was used of each limit; one round trip for each partition at issue, all at once.

        The shards of a limit are not read at the same instant, so this is for telling people, not for deciding.
        """
        by_tag: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        for place, limit in enumerate(limits):
            for shard in range(self._shards(limit)):
                keys = self._names.limit(limit, shard)[:3]
                by_tag.setdefault(keys[0].partition(":")[0], []).append((place, keys))
        asked = list(by_tag.values())
        answers = await gather(
            *(self._connection.run(scripts.LIMIT_READ, [key for _, keys in some for key in keys], ()) for some in asked)
        )
        spent, held = [0] * len(limits), [0] * len(limits)
        for some, answer in zip(asked, answers, strict=True):
            for (place, _), (spent_here, held_here) in zip(some, answer, strict=True):
                spent[place] += spent_here
                held[place] += held_here
        return tuple(map(Counted, spent, held))

    async def collect(self, limit: Limit, ceiling: int) -> None:
        """Bring the room of all shards home, with what a crash left on its way. Holds do it where they need it."""
        others = range(1, self._shards(limit))
        await self._collected(limit, ceiling, frozenset(others))

    def pinned_use(self, pin: Pin) -> PinnedUse | None:
        """Return what a pin is about; None where it is no limit's (see `engine.storage.pins`)."""
        limit = self._names.limit_of(pin.key)
        return PinnedUse(limit, pin.hold, pin.owner, pin.at_ms) if limit else None

    async def _made(self, verb: str, use: Use, hold: str, deadline_ms: InstantMs, owner: str) -> Hold:
        """Make a hold on the shard that its id falls on, else at the home."""
        asked = (use.ceiling, use.amount, deadline_ms, owner)
        shard = self._shard_of(use.limit, hold) if use.ceiling >= self._shards(use.limit) * use.amount else _HOME
        partial = "1" if use.partial else ""
        if shard != _HOME:
            status, made, _ = await self._run(verb, use.limit, shard, hold, (*asked, "first", partial))
            if status != "home":
                return made
        status, made, extra = await self._run(verb, use.limit, _HOME, hold, (*asked, "first", partial))
        if status == "short":
            return await self._made_of_all(verb, use, hold, (*asked, "last", partial), extra)
        if shard != _HOME and made.state is HoldState.HELD:
            # Most of the rest stays: what is given away has to be fetched again in the end.
            share = extra[0] // (2 * self._shards(use.limit)) if extra else 0
            if share >= use.amount:
                await self._move(use.limit, _HOME, shard, use.ceiling, wanted=share)
        return made

    async def _made_of_all(
        self, verb: str, use: Use, hold: str, arguments: tuple[Argument, ...], extra: Sequence[Any]
    ) -> Hold:
        """Make a hold at the home with the rest of all shards there.

        What the home gave to a shard while the others were asked may have been missed: then it is tried again.
        """
        single = self._shards(use.limit) == 1
        made, gifts, on_the_way = Hold(HoldState.SHORT, left=extra[0]), extra[1], extra[2]
        for _ in range(_PASSES_MOST):
            await self._collected(use.limit, use.ceiling, {int(destination) for destination, *_ in on_the_way})
            status, made, extra = await self._run(verb, use.limit, _HOME, hold, arguments)
            if status != "short" or single or extra[1] == gifts:
                break
            gifts, on_the_way = extra[1:]
        return made

    async def _collected(self, limit: Limit, ceiling: int, sent_to: Collection[int]) -> None:
        """Bring the room of all shards home; ``sent_to`` are those to which something may be on its way from there."""

        async def bring_home(shard: int) -> None:
            if shard in sent_to:
                await self._move(limit, _HOME, shard, ceiling, wanted=0)
            while await self._move(limit, shard, _HOME, ceiling):
                pass

        await gather(*(bring_home(shard) for shard in range(1, self._shards(limit))))

    async def _step(self, verb: str, limit: Limit, hold: str, *arguments: Argument) -> Hold:
        shard = self._shard_of(limit, hold)
        _, found, _ = await self._run(verb, limit, shard, hold, arguments)
        if found.state is HoldState.GONE and shard != _HOME:
            _, found, _ = await self._run(verb, limit, _HOME, hold, arguments)
        return found

    async def _run(
        self, verb: str, limit: Limit, shard: int, hold: str, arguments: tuple[Argument, ...]
    ) -> tuple[str, Hold, Sequence[Any]]:
        """Run a verb on a shard: return the status, what it means, and what comes with some (see `limit.lua`)."""
        keys = self._names.limit(limit, shard)
        answer = await self._connection.run(scripts.LIMIT, keys, (verb, hold, shard, *arguments))
        _, raw, amount, *extra = answer
        status = raw.decode()
        if status == "other":
            raise HoldIdReusedError(f"the hold `{hold}` has another amount: {amount}")
        state = HoldState.GONE if status == "home" else HoldState(status)
        return status, Hold(state, amount, extra[0] if state is HoldState.SHORT else 0), extra

    async def _move(self, limit: Limit, source: int, destination: int, ceiling: int, wanted: int | None = None) -> int:
        """Move room, all there is unless so much is wanted, or what was on its way already; return how much."""
        take = ("take", destination, "" if wanted is None else wanted, ceiling if source == _HOME else "")
        here, there = (self._names.limit(limit, shard)[:3] for shard in (source, destination))
        sent, amount = await self._connection.run(scripts.LIMIT_MOVE, here, take)
        if sent:
            await self._connection.run(scripts.LIMIT_MOVE, there, ("give", source, sent, amount, ceiling))
            await self._connection.run(scripts.LIMIT_MOVE, here, ("settle", destination, sent))
        return int(amount)

    def _shards(self, limit: Limit) -> int:
        return self._hot_shards if limit.kind in HOT_KINDS else 1

    def _shard_of(self, limit: Limit, hold: str) -> int:
        shards = self._shards(limit)
        return int.from_bytes(hashlib.blake2b(hold.encode(), digest_size=8).digest()) % shards if shards > 1 else _HOME
