"""Those who look at carts, in the store: who has one open, and what each saw when they last looked."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from engine.cart.codec import decode_cart, decode_log, decode_seen, decode_viewer, encode_seen, encode_viewer, pack
from engine.cart.model import LogEntry
from engine.cart.viewing import Seen, Viewer
from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, MemberId

VIEWERS_MOST: Final = 200
"""How many viewers of a cart are told apart; whoever comes on top is served and not shown."""

_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class SeenRead:
    """What a member saw, None where they never looked or too long ago, and the operations since, oldest first.

    ``complete`` is False where the log no longer reaches back so far.
    """

    seen: Seen | None
    entries: tuple[LogEntry, ...] = ()
    complete: bool = True


class ViewerStore:
    """Keeps viewers, who lapse unless they are renewed. All methods are one round trip.

    They raise `StoreUnavailableError`. ``presence_ms`` is how long a viewer is there without being renewed,
    ``seen_ms`` how long it is remembered what somebody saw.
    """

    def __init__(
        self, connection: Connection, names: KeyNames, *, presence_ms: int = 30_000, seen_ms: int = 30 * _DAY_MS
    ) -> None:
        self.presence_ms = presence_ms
        self._connection = connection
        self._names = names
        self._seen_ms = seen_ms
        self._worker = uuid.uuid4().hex

    async def present(
        self, cart: CartId, here: Iterable[Viewer] = (), left: Iterable[Viewer] = ()
    ) -> tuple[Viewer, ...]:
        """Renew those who are here, take away those who left, and return everybody who has the cart open."""
        keys = (self._names.viewers(cart), self._names.wake_up(cart))
        arguments = (self.presence_ms, VIEWERS_MOST, self._packed(here), self._packed(left))
        _, entries = await self._connection.run(scripts.VIEWERS, keys, arguments)
        return tuple(sorted({decode_viewer(entry) for entry in entries}, key=_order))

    async def remember(self, cart: CartId, member: MemberId, seen: Seen) -> None:
        """Keep what a member saw."""
        await self._connection.command("SET", self._names.seen(cart, member), encode_seen(seen), "PX", self._seen_ms)

    async def seen(self, cart: CartId, member: MemberId) -> SeenRead:
        """Return what a member saw when they last looked, and what was done since."""
        keys = (self._names.cart(cart), self._names.log(cart), self._names.seen(cart, member))
        _, blob, packed, entries = await self._connection.run(scripts.READ_SEEN, keys, ())
        if not blob or not packed:
            return SeenRead(None)
        seen = decode_seen(packed)
        return SeenRead(seen, decode_log(blob, entries), len(entries) >= decode_cart(blob).version - seen.version)

    def _packed(self, viewers: Iterable[Viewer]) -> bytes:
        return pack([encode_viewer(viewer, self._worker) for viewer in viewers])


def _order(viewer: Viewer) -> tuple[str, ...]:
    return viewer.member, viewer.channel, viewer.store or "", viewer.device
