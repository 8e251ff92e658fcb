"""What people take part in: pointers to carts and named groups, which lie in partitions of their own.

The cart says who its members are, and a pointer only that it is worth looking there. It is noted before the step that
makes somebody a member, so that none is missing, and taken away by whoever follows it in vain.
"""

from collections.abc import Iterable
from typing import Final

from engine.cart.codec import pack
from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, GroupId, InstantMs, MemberId

POINTERS_MOST: Final = 200
"""How many carts, and how many groups, of somebody are known, the newest."""

_LIFE_MS: Final = 400 * 24 * 60 * 60 * 1000
_GRACE_MS: Final = 60_000
"""A pointer that leads nowhere yet is left alone for so long: somebody may be between two steps."""


class PointerStore:
    """Keeps pointers. All methods are one round trip and raise `StoreUnavailableError`."""

    def __init__(self, connection: Connection, names: KeyNames) -> None:
        self._connection = connection
        self._names = names

    async def note_cart(self, member: MemberId, cart: CartId) -> None:
        """Remember that somebody takes part in a cart, or is about to."""
        await self._run(self._names.carts_of(member), cart)

    async def carts_of(self, member: MemberId) -> tuple[InstantMs, dict[CartId, InstantMs]]:
        """Return the store's time and the carts that somebody may take part in, with when they came to each."""
        at_ms, found = await self._run(self._names.carts_of(member))
        return at_ms, {CartId(id_): came for id_, came in found.items()}

    async def drop_carts(self, member: MemberId, carts: Iterable[CartId], looked_ms: InstantMs) -> None:
        """Forget carts that somebody was found not to take part in, by who looked at that instant."""
        await self._run(self._names.carts_of(member), "", carts, looked_ms - _GRACE_MS)

    async def forget_cart(self, member: MemberId, cart: CartId) -> None:
        """Forget a cart that somebody left."""
        await self._connection.command("ZREM", self._names.carts_of(member), cart)

    async def forget_group(self, member: MemberId, group: GroupId) -> None:
        """Forget a group that somebody left."""
        await self._connection.command("ZREM", self._names.groups_of(member), group)

    async def note_group(self, member: MemberId, group: GroupId) -> None:
        """Remember that somebody takes part in a group, or is about to."""
        await self._run(self._names.groups_of(member), group)

    async def groups_of(self, member: MemberId) -> tuple[InstantMs, list[GroupId]]:
        """Return the store's time and the groups that somebody may take part in, newest first."""
        at_ms, found = await self._run(self._names.groups_of(member))
        return at_ms, [GroupId(id_) for id_ in found]  # they come newest first

    async def drop_groups(self, member: MemberId, groups: Iterable[GroupId], looked_ms: InstantMs) -> None:
        """Forget groups that somebody was found not to take part in, by who looked at that instant."""
        await self._run(self._names.groups_of(member), "", groups, looked_ms - _GRACE_MS)

    async def _run(
        self, key: str, noted: str = "", dropped: Iterable[str] = (), told_before_ms: int = 0
    ) -> tuple[InstantMs, dict[str, InstantMs]]:
        arguments = (noted, POINTERS_MOST, _LIFE_MS, pack(list(dropped)), told_before_ms)
        at_ms, found = await self._connection.run(scripts.POINTERS, (key,), arguments)
        pairs = zip(found[::2], found[1::2], strict=True)
        return InstantMs(at_ms), {id_.decode(): InstantMs(int(came)) for id_, came in pairs}
