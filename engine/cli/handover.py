"""Rules are loaded and checked in a process of their own, and handed over in slices between requests.

Checking ten thousand promotions takes seconds of one processor, which a thread of the service would take from its
requests. The process loads the shop by itself, since rules are checked against it, and writes what it made to its
standard output: frames of a length and a pickle. The first one is a name, or what was refused with its faults; the
others are slices of promotions, the last of them empty.
"""

import asyncio
import gc
import os
import pickle
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from engine.cli.loading import rules_of
from engine.errors import Diagnostic, FilesRefusedError
from engine.pricing.load import load_shop
from engine.rules.packed import PackedPromotion, Unpacking, name_of, packed
from engine.rules.ruleset import Ruleset, RulesetName

SLICE: Final = 25
"""So many promotions are taken over at a time, which takes a millisecond."""
_LENGTH: Final = struct.Struct(">I")
_NICE: Final = 10
"""Requests go first where there are not enough processors."""


async def taken_over(shop_folder: Path, rules_folder: Path | None) -> Ruleset:
    """Load rules in another process and take them over, without ever holding up what else runs in this loop.

    Raises `FilesRefusedError`, and `asyncio.IncompleteReadError` where the process ends before it is done.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(shop_folder), *([str(rules_folder)] if rules_folder else [])),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the service, which ends it
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        first = await _frame(process.stdout)
        if not isinstance(first, RulesetName):
            raise FilesRefusedError(*first)
        unpacking = Unpacking(first)
        while promotions := await _frame(process.stdout):
            for promotion in promotions:
                unpacking.add(promotion)
            await asyncio.sleep(0)
        return unpacking.ruleset()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _frame(stream: asyncio.StreamReader) -> Any:
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return pickle.loads(await stream.readexactly(length))  # noqa: S301 - from a process of ours


def hand_over(shop_folder: Path, rules_folder: Path | None, out: BinaryIO) -> None:
    """Load rules and write them as frames."""
    for part in _parts(shop_folder, rules_folder):
        frame = pickle.dumps(part, pickle.HIGHEST_PROTOCOL)
        out.write(_LENGTH.pack(len(frame)) + frame)
    out.flush()


def _parts(
    shop_folder: Path, rules_folder: Path | None
) -> Iterator[RulesetName | tuple[str, tuple[Diagnostic, ...]] | list[PackedPromotion]]:
    try:
        ruleset = rules_of(load_shop(shop_folder), shop_folder, rules_folder).ruleset
    except FilesRefusedError as refused:
        yield refused.what, refused.diagnostics
        return
    yield name_of(ruleset)
    promotions = list(packed(ruleset))
    for start in range(0, len(promotions) + SLICE, SLICE):
        yield promotions[start : start + SLICE]


if __name__ == "__main__":
    gc.disable()  # the process ends before there is anything to collect
    if hasattr(os, "nice"):
        os.nice(_NICE)
    shop, *rules = map(Path, sys.argv[1:])
    hand_over(shop, rules[0] if rules else None, sys.stdout.buffer)
