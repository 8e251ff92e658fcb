"""What a sweeper looks for: holds that were pinned, and points on their way, that nobody came back to.

Each partition has one sorted set of them, which the scripts write that pin and unpin.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import InstantMs

_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Pin:
    """Something unfinished: the key of the counter or account, the hold's id, what its maker said of it, since when."""

    key: str
    hold: str
    owner: str
    at_ms: InstantMs


async def unfinished(connection: Connection, names: KeyNames, partition: int, age_ms: int) -> list[Pin]:
    """Return what is pinned in a partition since so long, by the store's clock, the oldest first.

    At most 100: a sweeper that has finished these asks again. `LimitStore.pinned_use` and `LedgerStore.pinned_points`
    say what one is about. Raises `StoreUnavailableError`.
    """
    found = await connection.run(scripts.PINS, (names.pins(partition),), (age_ms, _AT_ONCE))
    return [_pin(member, at_ms) for member, at_ms in found]


def packed_pin(key: str, hold: str, owner: str) -> bytes:
    """Return the member that stands for a pin."""
    return packed_list([key, hold, owner])


def packed_list(values: list[Any]) -> bytes:
    """Return a list as scripts read it."""
    packed: bytes = msgpack.packb(values, use_bin_type=False)
    return packed


def _pin(member: bytes, at_ms: int) -> Pin:
    key, hold, owner = msgpack.unpackb(member)
    return Pin(key, hold, owner, InstantMs(at_ms))
