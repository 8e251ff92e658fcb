"""Loading the shop and its rules again while the service runs: checked first, swapped whole, or refused whole.

The files are polled, not watched: comparing times and sizes of some hundred files once a second costs a millisecond,
needs no library, and works on network drives and in containers, where notifications do not arrive. A change is taken
once nothing moved for one poll, so that a half-written file is rarely read, and one that was read is read again.

Rules, which change most often, are checked in another process (see `engine.cli.handover`). A catalogue that changed too
is loaded in a thread: what that makes cannot be handed over without being built here again. The interpreter switches
between threads every few milliseconds, so requests are slowed down meanwhile and do not stand still. What they would
stand still for is the cycle collector, which walks a whole catalogue in one go: it rests during a load, and what was
loaded is put where it does not look. It holds no cycles, so what is replaced is freed all the same.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.cli.console import counted
from engine.cli.handover import taken_over
from engine.errors import Diagnostic, FilesRefusedError, Span
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.packed import cooled_down, warmed_up
from engine.service import Panier, RefusedLoad, Snapshot
from engine.source import files_below
from engine.types import InstantMs

POLL_S: Final = 1.0

_LOG: Final = logging.getLogger("panier.reload")
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".csv"})

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
    """Keeps what a service serves in step with its files."""

    def __init__(
        self, engine: Panier, folders: Folders, loaded: Fingerprint, tell: Callable[[str], None] | None = None
    ) -> None:
        """Start from what is loaded, whose files looked like `loaded` just before. `tell` is told of each success."""
        self._engine = engine
        self._folders = folders
        self._loaded = self._seen = loaded
        self._tell = tell or _LOG.info
        self._loading = asyncio.Lock()

    async def watch(self, poll_s: float = POLL_S) -> None:
        """Load again whenever files changed and then lay still for one poll. Ends by cancellation only."""
        before = self._seen
        while True:
            await asyncio.sleep(poll_s)
            now = await asyncio.to_thread(self._folders.fingerprint)
            if now not in (self._seen, before):
                before = now
            elif now != self._seen:
                await self.reload()
                before = self._seen

    async def reload(self, *, all_of_it: bool = False) -> bool:
        """Load again, check, run the examples, and swap; say whether that was done.

        Without `all_of_it` the catalogue is kept where only rules changed. What is refused changes nothing but
        `Panier.last_refused`, and is not tried again before a file changes.
        """
        async with self._loading:
            files = await asyncio.to_thread(self._folders.fingerprint)
            engine = self._engine
            kept = engine.snapshot.shop if files.shop == self._loaded.shop and not all_of_it else None
            self._seen = files
            try:
                with collector_resting():
                    shop = kept if kept is not None else await asyncio.to_thread(self._load_shop)
                    ruleset = await taken_over(self._folders.shop, self._folders.rules)
            except FilesRefusedError as refused:
                self._refuse(refused)
                return False
            except Exception:  # noqa: BLE001  # whatever it is, prices go on and the watch does too
                _LOG.exception("the files could not be loaded; what was loaded before goes on")
                return False
            old = engine.snapshot.ruleset
            await _in_steps(warmed_up(ruleset, old))
            engine.snapshot = Snapshot(shop, ruleset, now_ms())
            engine.last_refused = None
            self._loaded = files
            self._tell(f"reloaded: rules {ruleset.hash}, {counted(len(ruleset.promotions), 'promotion')}")
            await _in_steps(cooled_down(old))
            return True

    def _load_shop(self) -> Shop:
        shop = load_shop(self._folders.shop)
        served = self._engine.snapshot.shop.id
        if shop.id != served:
            message = f"the shop was `{served}` and is `{shop.id}` now: its carts are kept under its id"
            fault = Diagnostic("shop_id_changed", message, Span("shop.yaml", 1, 1), "start the service again for it")
            raise FilesRefusedError("the shop folder", (fault,))
        return shop

    def _refuse(self, refused: FilesRefusedError) -> None:
        _LOG.warning("%s\n\nwhat was loaded before goes on", refused)
        self._engine.last_refused = RefusedLoad(now_ms(), refused.diagnostics)


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
