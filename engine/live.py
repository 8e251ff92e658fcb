"""Live carts: whoever follows a cart is told what happens to it, as it happens.

Each cart that is followed in this process is looked at by one task, whatever the number of its followers. Wake-ups make
it read the log at once; they may be lost, so it reads every few seconds without one too. The log is the truth: a
follower says which version it has, and gets everything after it, or a snapshot where the log is not as long.

A follower takes the next event when it is ready for one. What happened meanwhile comes in one piece, so a slow one
waits for nobody but itself, and nothing piles up for it.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from engine.callers import Caller
from engine.cart.handoff import Discretion
from engine.cart.model import Cart, LogEntry
from engine.cart.viewing import Viewer
from engine.errors import RefusedError, StoreUnavailableError, UserErrorCode
from engine.priced import PricedCart, Snapshot
from engine.pricing.differences import same_price
from engine.rules.schedule import Schedule
from engine.service import Panier
from engine.storage.carts import LogRead
from engine.storage.wake_ups import WakeUps
from engine.types import CartId, InstantMs, MemberId

BACKLOG: Final = 200
"""How many operations are told at once: whoever is farther behind gets a snapshot."""

_MERGE_S: Final = 0.05
"""What happens within so long after an event is told in one piece. The first change is told at once."""
_LOOK_S: Final = 5.0
"""A cart is looked at after so long without a wake-up."""
_RETRY_S: Final = 1.0
_TICK_S: Final = 0.25
"""How often the clock and the loaded rules are compared with those of the last tick."""
_READS: Final = 8
"""How many carts are read at a time: the rest of the connections is for requests."""

_LOG: Final = logging.getLogger("panier.live")


class EventReason(StrEnum):
    """Why a follower is told something."""

    SNAPSHOT = "snapshot"
    """The cart as it is: what led to it is not told, because nobody asked or the log is not that long."""
    RESUMED = "resumed"
    """The first event after a version that the follower named: everything since."""
    CHANGED = "changed"
    PRICED = "priced"
    """Nobody changed the cart: new rules were loaded, or the clock opened or closed something."""
    PRESENCE = "presence"
    """Somebody came or left."""
    LAPSED = "lapsed"
    """The time of a device is over: of the one that had the cart, which is free again, or of a screen."""


@dataclass(frozen=True, slots=True, eq=False)
class CartEvent:
    """What followers are told.

    ``answers`` keeps what was written of it, by what was selected, by whom it may be seen and what they are not told.
    """

    reason: EventReason
    operations: tuple[LogEntry, ...]
    priced: PricedCart
    present: tuple[Viewer, ...]
    answers: dict[tuple[bytes, Discretion], str | asyncio.Future[str]] = field(default_factory=dict)


class _Told(NamedTuple):
    """How far a follower is: the version, and the numbers of price, presence and lapsed leases that came with it."""

    version: int | None
    price: int = -1
    presence: int = -1
    lapses: int = -1


class _State:
    """A live cart at one moment, until ``replaced``. ``entries`` are the operations that led to its version."""

    __slots__ = ("_events", "entries", "present", "priced", "replaced", "told")

    def __init__(
        self, priced: PricedCart, entries: tuple[LogEntry, ...], present: tuple[Viewer, ...], told: _Told
    ) -> None:
        """Describe it; `told` is how far a follower is who knows all of it."""
        self.priced = priced
        self.entries = entries
        self.present = present
        self.told = told
        self.replaced = asyncio.Event()
        self._events: dict[_Told, CartEvent | None] = {}

    def event_after(self, told: _Told, *, presence: bool) -> CartEvent | None:
        """Return what brings a follower here, None where it is nothing; `presence` says whether it asks for that.

        All who are equally far get the same event.
        """
        if not presence:
            told = told._replace(presence=self.told.presence)
        if told not in self._events:
            self._events[told] = self._event_after(told)
        return self._events[told]

    def _event_after(self, told: _Told) -> CartEvent | None:
        version = self.priced.cart.version
        if told.version is None or not version - len(self.entries) <= told.version <= version:
            return CartEvent(EventReason.SNAPSHOT, (), self.priced, self.present)
        operations = self.entries[len(self.entries) - (version - told.version) :]
        if told.price < 0:
            reason = EventReason.RESUMED
        elif operations:
            reason = EventReason.CHANGED
        elif told.lapses != self.told.lapses:
            reason = EventReason.LAPSED
        elif told.price != self.told.price:
            reason = EventReason.PRICED
        elif told.presence != self.told.presence:
            reason = EventReason.PRESENCE
        else:
            return None
        return CartEvent(reason, operations, self.priced, self.present)


class Follower:
    """One subscription to a cart: events, one after the other. It is closed by whoever opened it.

    ``caller`` may be replaced by the same one with a newer token.
    """

    def __init__(self, live: "_LiveCart", caller: Caller, told: _Told, viewer: Viewer, *, presence: bool) -> None:
        self.caller = caller
        self.viewer = viewer
        self._live = live
        self._told = told
        self._presence = presence

    def __aiter__(self) -> "Follower":
        return self

    async def __anext__(self) -> CartEvent:
        """Wait for the next event.

        Raises `RefusedError` when the cart is gone or the caller may not see it any more, `StopAsyncIteration` when
        the service ends, and what keeps the cart from being read or priced.
        """
        while True:
            state = await self._live.current()
            if state is None:
                raise StopAsyncIteration
            if not self.caller.may_read(state.priced.cart, state.priced.as_of_ms):
                raise _no_cart()
            event = state.event_after(self._told, presence=self._presence)
            if event is not None:
                self._told = state.told
                return event
            await state.replaced.wait()

    def close(self) -> None:
        """Follow no longer."""
        self._live.leave(self)


class LiveCarts:
    """The carts that are followed in this process. One instance belongs to one event loop."""

    def __init__(self, engine: Panier, wake_ups: WakeUps) -> None:
        self.engine = engine
        self.wake_ups = wake_ups
        self.reading = asyncio.Semaphore(_READS)
        self._live: dict[CartId, _LiveCart] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ahead_ms = 0

    async def follow(
        self, caller: Caller, cart_id: CartId, from_version: int | None = None, *, presence: bool = False
    ) -> Follower:
        """Follow a cart from a version on, or from now on. Raises like `Follower.__anext__`.

        With `presence` the comings and goings of others are events too. The follower must be closed.
        """
        live = followed = self._live.get(cart_id)
        if live is None:
            live = self._live[cart_id] = _LiveCart(self, cart_id)
            self._ticking = self._ticking or self.spawn(self._tick())
        channel = caller.channel or self.engine.snapshot.shop.default_channel
        viewer = Viewer(caller.member, channel, caller.store, caller.device)
        follower = Follower(live, caller, _Told(from_version), viewer, presence=presence)
        live.join(follower)
        try:
            state = await live.current()
            if followed and state is not None and _is_behind(state.priced, caller, from_version):
                state = await live.looked_at_anew()
        except BaseException:
            follower.close()
            raise
        if state is not None and not caller.may_read(state.priced.cart, state.priced.as_of_ms):
            follower.close()
            raise _no_cart()
        live.show(follower)
        return follower

    async def close(self) -> None:
        """End all subscriptions."""
        for live in tuple(self._live.values()):
            live.end()
        if self._ticking is not None:
            self._ticking.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.wake_ups.close()

    def follows(self, cart_id: CartId) -> bool:
        """Say whether somebody follows a cart."""
        return cart_id in self._live

    def forget(self, live: "_LiveCart") -> None:
        """Stop looking at a cart that nobody follows any more."""
        if self._live.get(live.id) is live:
            del self._live[live.id]

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a task until it ends or all of this is closed."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _LOG.error("a task of the live carts ended", exc_info=fault)

    def note_clock(self, at_ms: InstantMs) -> None:
        """Learn how far the clock of the store is ahead of ours, from an answer that has just come.

        The way of the answer makes the store seem a little behind, never ahead: what the ticks find open is open there.
        """
        self._ahead_ms = at_ms - _clock_ms()

    async def _tick(self) -> None:
        """Have all carts priced again when other rules are loaded, or the clock opens or closes something."""
        snapshot: Snapshot | None = None
        schedule: Schedule | None = None
        before: object = None
        while True:
            await asyncio.sleep(_TICK_S)
            if not self._live:
                before = None
                continue
            now = self.engine.snapshot
            if schedule is None or now is not snapshot:
                schedule = await asyncio.to_thread(Schedule, now.ruleset, now.shop)
                snapshot, before = now, None
            at_now = schedule.at(InstantMs(_clock_ms() + self._ahead_ms))
            if at_now != before:
                before = at_now
                for live in self._live.values():
                    live.reprice()


class _LiveCart:
    """One cart that is followed, and the task that looks at it."""

    def __init__(self, carts: LiveCarts, cart_id: CartId) -> None:
        self.id = cart_id
        self._carts = carts
        self._channel = carts.engine.stores.carts.wake_up_channel(cart_id)
        self._followers: set[Follower] = set()
        self._shown: dict[Viewer, set[Follower]] = {}
        self._noted: frozenset[Viewer] = frozenset()
        self._state: _State | None = None
        self._fault: Exception | None = None
        self._over = False
        self._first = asyncio.Event()
        self._woken = asyncio.Event()
        self._next_looked = asyncio.Event()
        self._reprice = False
        self._presence_due_s = 0.0
        self._task = carts.spawn(self._run())

    async def current(self) -> _State | None:
        """Return the cart as it was last seen, None at the end; raises what ended it. Waits for the first look only."""
        await self._first.wait()
        if self._fault is not None:
            raise self._fault
        return None if self._over else self._state

    async def looked_at_anew(self) -> _State | None:
        """Return the cart as a look finds it that has not begun yet."""
        looked = self._next_looked
        self._woken.set()
        await looked.wait()
        return await self.current()

    def join(self, follower: Follower) -> None:
        """Take a follower on."""
        self._followers.add(follower)

    def show(self, follower: Follower) -> None:
        """Let others know that a follower is there."""
        followers = self._shown.setdefault(follower.viewer, set())
        followers.add(follower)
        if len(followers) == 1:
            self._presence_changed()

    def leave(self, follower: Follower) -> None:
        """Let a follower go; the last one takes the cart with it."""
        self._followers.discard(follower)
        if not self._followers and not self._over:
            self.end()
        followers = self._shown.get(follower.viewer, set())
        if follower in followers:
            followers.remove(follower)
            if not followers:
                del self._shown[follower.viewer]
                self._presence_changed()

    def reprice(self) -> None:
        """Price the cart again, and tell if that makes a difference."""
        self._reprice = True
        self._woken.set()

    def end(self, fault: Exception | None = None) -> None:
        """Look no more, and tell the followers so; with a fault, why."""
        self._over, self._fault = True, fault
        self._carts.forget(self)
        self._task.cancel()
        self._carts.spawn(self._clear_away())
        self._first.set()
        self._next_looked.set()
        if self._state is not None:
            self._state.replaced.set()

    def _presence_changed(self) -> None:
        self._presence_due_s = 0.0
        self._woken.set()

    def _heard(self, message: bytes | None) -> None:
        """Look again, unless the message is of a version that is known already."""
        if message == b"viewers":
            self._presence_due_s = 0.0
        elif message is not None and self._state is not None and int(message) <= self._state.priced.cart.version:
            return
        self._woken.set()

    async def _run(self) -> None:
        try:
            await self._carts.wake_ups.listen(self._channel, self._heard)
            while not self._over:
                looked_s = time.monotonic()
                looked, self._next_looked = self._next_looked, asyncio.Event()
                try:
                    pause_s = await self._look()
                finally:
                    looked.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._woken.wait()
                await asyncio.sleep(looked_s + _MERGE_S - time.monotonic())
                self._woken.clear()
        except Exception as fault:  # noqa: BLE001  # whatever it is, the followers are told, and show or log it
            self.end(fault)

    async def _clear_away(self) -> None:
        """Leave the store as if nobody had been there; what cannot be taken back lapses by itself."""
        # Where the cart is followed again meanwhile, whoever looks at it now listens and shows its followers.
        if self._carts.follows(self.id):
            return
        await self._carts.wake_ups.leave(self._channel)
        if self._noted:
            with suppress(StoreUnavailableError):
                await self._carts.engine.stores.viewers.present(self.id, left=self._noted)

    async def _look(self) -> float:
        """Bring the state up to date, and return how long nothing need be done. A store that is away is waited for."""
        try:
            async with self._carts.reading:
                known = self._state
                read = await self._carts.engine.stores.carts.read_log(
                    self.id, known.priced.cart.version if known else 0
                )
                self._carts.note_clock(read.at_ms)
                present = await self._presence()
        except StoreUnavailableError:
            if self._state is None:
                raise
            return _RETRY_S
        self._replace(read, present)
        ends = [until_ms for _, until_ms in _devices(read.cart, read.at_ms)] if read.cart else []
        lapses_s = (min(ends) - read.at_ms) / 1000 if ends else _LOOK_S
        return min(_LOOK_S, lapses_s, max(0.0, self._presence_due_s - time.monotonic()))

    async def _presence(self) -> tuple[Viewer, ...]:
        """Return who has the cart open; ours are renewed when that is due."""
        if self._state is not None and time.monotonic() < self._presence_due_s:
            return self._state.present
        viewers = self._carts.engine.stores.viewers
        self._presence_due_s = time.monotonic() + viewers.presence_ms / 3000
        here = frozenset(self._shown)
        left, self._noted = self._noted - here, here
        return await viewers.present(self.id, here, left)

    def _replace(self, read: LogRead, present: tuple[Viewer, ...]) -> None:
        """Make a new state of what was read, unless it is as before."""
        if read.cart is None:
            raise _no_cart()
        known, snapshot = self._state, self._carts.engine.snapshot
        reprice, self._reprice = self._reprice, False
        read_now = PricedCart(read.cart, snapshot, read.at_ms)
        if known is None:
            state = _State(read_now, read.entries[-BACKLOG:], present, _Told(read.cart.version, 0, 0, 0))
        else:
            priced, entries, told = known.priced, known.entries, known.told
            if read.cart.version != priced.cart.version:
                follows_on = read.complete and read.cart.version > priced.cart.version
                entries = (*(entries if follows_on else ()), *read.entries)[-BACKLOG:]
                told = told._replace(version=read.cart.version, price=told.price + 1)
            elif _devices(priced.cart, priced.as_of_ms) != _devices(read.cart, read.at_ms):
                told = told._replace(lapses=told.lapses + 1)
            elif reprice and not same_price(priced.evaluation, read_now.evaluation):
                told = told._replace(price=told.price + 1)
            if told != known.told:
                priced = read_now
            told = told._replace(presence=told.presence + (present != known.present))
            if told == known.told:
                return
            state = _State(priced, entries, present, told)
        self._state = state
        self._first.set()
        if known is not None:
            known.replaced.set()


def _is_behind(known: PricedCart, caller: Caller, from_version: int | None) -> bool:
    """Say whether a caller may have been told more than a look of a moment ago found: that they joined, say."""
    return not caller.may_read(known.cart, known.as_of_ms) or (from_version or 0) > known.cart.version


def _no_cart() -> RefusedError:
    return RefusedError.because(UserErrorCode.CART_NOT_FOUND, "there is no such cart", "cartId")


def _devices(cart: Cart, at_ms: InstantMs) -> list[tuple[MemberId, InstantMs]]:
    """Return the devices whose time with a cart ends by itself, and when."""
    lease = cart.lease_at(at_ms)
    screens = [(member.id, member.until_ms) for member in cart.members if member.until_ms is not None]
    return [*screens, *([(lease.member, lease.until_ms)] if lease else [])]


def _clock_ms() -> int:
    return time.time_ns() // 10**6
