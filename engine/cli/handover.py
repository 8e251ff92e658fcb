"""What is loaded again is loaded and checked in a process of its own, and taken over in slices between requests.

Checking ten thousand promotions takes seconds of one processor, and reading a hundred thousand products another one; a
thread of the service would take them from its requests. What the process made it writes as frames into a file that has
no name: each one a length and a pickle. The first says what follows, or what was refused with its faults; then come
slices of the long parts of the shop, if that was asked for, and of the promotions. Any number of workers read the same
file, each at its own pace, so what is checked once means the same in all of them.
"""

import asyncio
import mmap
import pickle
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from engine.errors import Diagnostic, FilesRefusedError, PanierError
from engine.priced import Snapshot
from engine.pricing.shop import Shop
from engine.rules.packed import Unpacking, name_of, packed
from engine.rules.ruleset import Ruleset, RulesetName
from engine.types import InstantMs

Entry = TypeVar("Entry")

_PROMOTIONS: Final = 25
"""So many are taken over at a time, which takes a millisecond."""
_ENTRIES: Final = 200
"""So many entries of the shop are taken over at a time, which takes half a millisecond."""
_LENGTH: Final = struct.Struct(">I")

_CHECKER: Final = "engine.cli.checker"


class HandoverError(PanierError):
    """The process that loads and checks ended before it was done."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused, with its faults, at which instant."""

    at_ms: InstantMs
    what: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What follows: so many promotions, and a shop that lacks its long parts; None where the shop stays as it is."""

    at_ms: InstantMs
    rules: RulesetName
    promotions: int
    shop: Shop | None


Part = Accepted | Refused | tuple[str, Any]
"""What a frame holds: the first one what follows, each of the others the name of a long part and a slice of it."""


class Handover:
    """One load, to be taken over by whoever has the file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    @cached_property
    def head(self) -> Accepted | Refused:
        """What was loaded, or refused."""
        head: Accepted | Refused = next(self._frames())
        return head

    async def taken_over(self, shop: Shop | None) -> Snapshot:
        """Return what is in it, `shop` where it has none, without ever holding up what else runs in this loop.

        Raises `FilesRefusedError`.
        """
        head = self.head
        if isinstance(head, Refused):
            raise FilesRefusedError(head.what, head.diagnostics)
        unpacking = Unpacking(head.rules)
        parts: dict[str, dict[Any, Any]] = {name: {} for name in _LONG}
        frames = self._frames()
        next(frames)
        for name, entries in frames:
            if name == "promotions":
                for promotion in entries:
                    unpacking.add(promotion)
            else:
                parts[name].update(entries)
            await asyncio.sleep(0)
        if head.shop is not None:
            shop = _with_long_parts(head.shop, parts)
        assert shop is not None  # noqa: S101 - whoever has none asks for one
        return Snapshot(shop, unpacking.ruleset(), head.at_ms)

    def _frames(self) -> Iterator[Any]:
        """Read the frames, wherever others are in the same file."""
        with mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ) as written:
            place = 0
            while place < len(written):
                (length,) = _LENGTH.unpack_from(written, place)
                place += _LENGTH.size + length
                yield pickle.loads(written[place - length : place])  # noqa: S301 - from a process of ours


async def checked(shop_folder: Path, rules_folder: Path | None, *, served: str, catalogue: bool) -> Handover:
    """Load and check in another process: the rules, and with `catalogue` the shop too, whose id is to be `served`.

    Raises `HandoverError`.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is what is returned
    words = [str(shop_folder), str(rules_folder or ""), served, "catalogue" if catalogue else "rules"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", _CHECKER, *words),
        stdout=file,
        start_new_session=True,  # Ctrl-C is for the service, which ends it
    )
    try:
        code = await process.wait()
    except BaseException:
        file.close()
        process.kill()
        await process.wait()
        raise
    if code:
        file.close()
        raise HandoverError(f"the process that loads the files ended with {code}")
    return Handover(file)


def handed_over(shop: Shop, ruleset: Ruleset, at_ms: InstantMs) -> Handover:
    """Return what is loaded in this process already, for others to take over."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is what is returned
    write(loaded(shop, ruleset, at_ms, catalogue=True), file)
    return Handover(file)


_LONG: Final = ("products", "by_gtin", "by_label_item", "breaks", "customers")
"""The parts of a shop that may have as many entries as its catalogue."""


def long_parts(shop: Shop) -> dict[str, Mapping[Any, Any]]:
    """Return the parts of a shop that may have as many entries as its catalogue."""
    return {name: shop.prices.breaks if name == "breaks" else getattr(shop, name) for name in _LONG}


def _with_long_parts(shop: Shop, parts: Mapping[str, dict[Any, Any]]) -> Shop:
    others: dict[str, Any] = {name: entries for name, entries in parts.items() if name != "breaks"}
    return replace(shop, prices=replace(shop.prices, breaks=parts["breaks"]), **others)


def loaded(shop: Shop, ruleset: Ruleset, at_ms: InstantMs, *, catalogue: bool) -> Iterator[Part]:
    """Yield what is loaded, `catalogue` says whether with the shop."""
    short = _with_long_parts(shop, {name: {} for name in _LONG}) if catalogue else None
    yield Accepted(at_ms, name_of(ruleset), len(ruleset.promotions), short)
    if catalogue:
        for name, entries in long_parts(shop).items():
            for some in _slices(entries.items(), _ENTRIES):
                yield name, some
    for promotions in _slices(packed(ruleset), _PROMOTIONS):
        yield "promotions", promotions


def _slices(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while some := list(islice(rest, size)):
        yield some


def write(parts: Iterator[Part], out: BinaryIO) -> None:
    """Write frames."""
    for part in parts:
        frame = pickle.dumps(part, pickle.HIGHEST_PROTOCOL)
        out.write(_LENGTH.pack(len(frame)) + frame)
    out.flush()
