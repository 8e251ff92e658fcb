"""Loading the shop and its rules again while the service runs: checked first, swapped whole, or refused whole.

The files are polled, not watched: comparing times and sizes of some hundred files once a second costs a millisecond,
needs no library, and works on network drives and in containers, where notifications do not arrive. A change is taken
once nothing moved for one poll, so that a half-written file is rarely read, and one that was read is read again.

Loading and checking is another process's work (see `engine.cli.handover`), so `Reloader` may run in the service itself
or in the parent of several workers; `Intake` takes over what it made, wherever requests are answered. The cycle
collector would walk a whole catalogue in one go: it rests meanwhile, and what was loaded is put where it does not look.
A catalogue holds no cycles, so what is replaced is freed all the same, in slices too: to free a hundred thousand
products at once takes longer than a request may wait.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.cli.console import counted
from engine.cli.handover import Handover, Refused, checked, long_parts
from engine.errors import FilesRefusedError
from engine.priced import RefusedLoad, Snapshot
from engine.rules.packed import cooled_down, warmed_up
from engine.service import Panier
from engine.source import files_below
from engine.types import InstantMs

POLL_S: Final = 1.0
_RELEASED: Final = 1_000
"""So many entries are let go of at a time, which takes less than a millisecond."""

_LOG: Final = logging.getLogger("panier.reload")
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".csv"})

HandOver = Callable[[Handover], Awaitable[None]]
"""Gets what was loaded, or why it was refused, to whoever serves it."""
Prints = dict[str, tuple[int, int, int]]
"""By path of a file: when it last changed, its size, and which file it is."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the files looked like at one moment: those of the shop but its rules, and the rules."""

    shop: Prints
    rules: Prints


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the files are. ``rules`` None: in the shop's folder."""

    shop: Path
    rules: Path | None = None

    def fingerprint(self) -> Fingerprint:
        """Look at the files: at all of the rule folder, for rules may name lists of codes."""
        rules = self.rules or self.shop / "rules"
        return Fingerprint(_prints(_files_in(self.shop)), _prints(files_below(rules)))


def _prints(paths: Iterable[Path]) -> Prints:
    """Look at files. One that vanishes meanwhile is not there."""
    prints: Prints = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found = path.stat()
            prints[str(path)] = found.st_mtime_ns, found.st_size, found.st_ino
    return prints


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the YAML and CSV files of a folder itself."""
    with contextlib.suppress(OSError):
        yield from (path for path in folder.iterdir() if path.suffix in _SUFFIXES and not path.name.startswith("."))


class Reloader:
    """Has files loaded again when they change, and handed to whoever serves them."""

    def __init__(
        self,
        folders: Folders,
        loaded: Fingerprint,
        served: str,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Start from what is loaded, whose files looked like `loaded` just before; `served` is the id of the shop.

        `tell` is told of each success.
        """
        self._folders = folders
        self._loaded = self._seen = loaded
        self._served = served
        self._tell = tell or _LOG.info
        self._loading = asyncio.Lock()

    async def watch(self, hand_over: HandOver, poll_s: float = POLL_S) -> None:
        """Load again whenever files changed and then lay still for one poll. Ends by cancellation only."""
        before = self._seen
        while True:
            await asyncio.sleep(poll_s)
            now = await asyncio.to_thread(self._folders.fingerprint)
            if now not in (self._seen, before):
                before = now
            elif now != self._seen:
                await self.reload(hand_over)
                before = self._seen

    @contextlib.contextmanager
    def running(self, hand_over: HandOver, *, watching: bool) -> Iterator[None]:
        """Load again whenever SIGHUP asks for it, and with `watching` when files change."""
        tasks: list[asyncio.Task[Any]] = []
        if watching:
            tasks.append(asyncio.create_task(self.watch(hand_over)))
        if hasattr(signal, "SIGHUP"):

            def reload() -> None:
                tasks[:] = [task for task in tasks if not task.done()]
                tasks.append(asyncio.create_task(self.reload(hand_over, all_of_it=True)))

            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def reload(self, hand_over: HandOver, *, all_of_it: bool = False) -> bool:
        """Load again, check, run the examples, and hand over what came of it; say whether it was accepted.

        Without `all_of_it` the catalogue is kept where only rules changed. What is refused is not tried again before a
        file changes.
        """
        async with self._loading:
            files = await asyncio.to_thread(self._folders.fingerprint)
            catalogue = all_of_it or files.shop != self._loaded.shop
            self._seen = files
            folders = self._folders
            try:
                handover = await checked(folders.shop, folders.rules, served=self._served, catalogue=catalogue)
                await hand_over(handover)
            except Exception:  # noqa: BLE001  # whatever it is, prices go on and the watch does too
                _LOG.exception("the files could not be loaded; what was loaded before goes on")
                return False
            head = handover.head
            if isinstance(head, Refused):
                refused = FilesRefusedError(head.what, head.diagnostics)
                _LOG.warning("%s\n\nwhat was loaded before goes on", refused)
                return False
            self._loaded = files
            self._tell(f"reloaded: rules {head.rules.hash}, {counted(head.promotions, 'promotion')}")
            return True


class Intake:
    """Keeps what an engine serves in step with what is handed over."""

    def __init__(self, engine: Panier) -> None:
        self._engine = engine
        self._releasing: set[asyncio.Task[None]] = set()

    async def take(self, handover: Handover) -> None:
        """Swap what is served for what was loaded, whole; or note why it was refused. The file is closed in the end."""
        with contextlib.closing(handover):
            head = handover.head
            if isinstance(head, Refused):
                self._engine.last_refused = RefusedLoad(head.at_ms, head.diagnostics)
                return
            with collector_resting():
                new = await handover.taken_over(self._engine.snapshot.shop)
        await self._swap(new)

    async def _swap(self, new: Snapshot) -> None:
        engine, old = self._engine, self._engine.snapshot
        await _in_steps(warmed_up(new.ruleset, old.ruleset))
        engine.snapshot = new
        engine.last_refused = None
        await _in_steps(cooled_down(old.ruleset))
        if new.shop is not old.shop:
            held = [list(entries.values()) for entries in long_parts(old.shop).values()]
            unused = asyncio.Event()
            weakref.finalize(old, unused.set).atexit = False
            release = asyncio.create_task(_release(held, unused))
            self._releasing.add(release)
            release.add_done_callback(self._releasing.discard)


async def _release(held: list[list[Any]], unused: asyncio.Event) -> None:
    """Let go of the entries of a catalogue in slices, once nobody uses the snapshot that they belong to."""
    await unused.wait()
    for entries in held:
        while entries:
            del entries[-_RELEASED:]
            await asyncio.sleep(0)


async def _in_steps(work: Iterator[None]) -> None:
    """Do some work between requests."""
    for _ in work:
        await asyncio.sleep(0)


@contextlib.contextmanager
def collector_resting() -> Iterator[None]:
    """Keep the cycle collector from walking what is loaded, now and later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def now_ms() -> InstantMs:
    """Return the instant by the clock of this machine: it dates what was loaded here, not prices."""
    return InstantMs(time.time_ns() // 10**6)
