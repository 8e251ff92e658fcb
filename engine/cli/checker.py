"""The process that loads and checks: ``python -m engine.cli.checker SHOP RULES SERVED catalogue|rules``.

RULES is empty for the folder in the shop's own. It writes to its standard output what `engine.cli.handover` reads.
"""

import gc
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.cli.handover import Part, Refused, loaded, write
from engine.cli.loading import rules_of
from engine.errors import Diagnostic, FilesRefusedError, Span
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.types import InstantMs

_NICE: Final = 10
"""Requests go first where there are not enough processors."""


def checked(shop_folder: Path, rules_folder: Path | None, served: str, *, catalogue: bool) -> Iterator[Part]:
    """Yield what is in the files, with the shop where `catalogue` says so, or why it is refused."""
    at_ms = InstantMs(time.time_ns() // 10**6)
    try:
        shop = _shop(shop_folder, served)
        ruleset = rules_of(shop, shop_folder, rules_folder).ruleset
    except FilesRefusedError as refused:
        yield Refused(at_ms, refused.what, refused.diagnostics)
        return
    yield from loaded(shop, ruleset, at_ms, catalogue=catalogue)


def _shop(folder: Path, served: str) -> Shop:
    shop = load_shop(folder)
    if shop.id != served:
        message = f"the shop was `{served}` and is `{shop.id}` now: its carts are kept under its id"
        fault = Diagnostic("shop_id_changed", message, Span("shop.yaml", 1, 1), "start the service again for it")
        raise FilesRefusedError("the shop folder", (fault,))
    return shop


if __name__ == "__main__":
    gc.disable()  # the process ends before there is anything to collect
    if hasattr(os, "nice"):
        os.nice(_NICE)
    shop, rules, served, what = sys.argv[1:]
    parts = checked(Path(shop), Path(rules) if rules else None, served, catalogue=what == "catalogue")
    write(parts, sys.stdout.buffer)
