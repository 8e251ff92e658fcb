"""Codes that screens show: whoever reads one on a television or kiosk gives it a cart."""

import secrets
from typing import Final

from engine.cart.codec import pack
from engine.cart.handoff import KEYPAD_NUMBERS, NUMBERS, Access, HandoffCode, Pairing, Place
from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, ChannelId, InstantMs, MemberId, StoreId

_FIELDS: Final = ("member", "device", "channel", "store", "expires", "cart", "access", "by")


class PairingStore:
    """Keeps codes in partitions of their own: which cart it will be is not known when a screen asks.

    Methods are one round trip and raise `StoreUnavailableError`. ``ttl_ms`` is how long a code is good, ``kept_ms`` how
    long the screen may ask what became of it.
    """

    def __init__(
        self, connection: Connection, names: KeyNames, *, ttl_ms: int = 10 * 60_000, kept_ms: int = 60 * 60_000
    ) -> None:
        self._connection = connection
        self._names = names
        self._ttl_ms = ttl_ms
        self._kept_ms = kept_ms

    async def start(self, screen: Place) -> tuple[HandoffCode, InstantMs]:
        """Make a code for a screen; return it and when it stops being good."""
        known = zip(_FIELDS, (screen.member, screen.device, screen.channel, screen.store or ""), strict=False)
        fields = pack([word for pair in known for word in pair])
        while True:
            code = HandoffCode(KEYPAD_NUMBERS + secrets.randbelow(NUMBERS - KEYPAD_NUMBERS))
            keys, arguments = (self._names.pairing(code.name),), (self._ttl_ms, fields)
            status, _, *expires = await self._connection.run(scripts.PAIRING_START, keys, arguments)
            if status == b"made":
                return code, InstantMs(expires[0])

    async def look_up(self, code: HandoffCode) -> Pairing | None:
        """Return which screen shows a code and what became of it, None where there is none."""
        answer = await self._connection.command("HMGET", self._names.pairing(code.name), *_FIELDS)
        member, device, channel, store, expires, cart, access, by = [
            value.decode() if value else "" for value in answer
        ]
        if not expires:
            return None
        return Pairing(
            Place(MemberId(member), device, ChannelId(channel), StoreId(store) if store else None),
            InstantMs(int(expires)),
            CartId(cart) if cart else None,
            Access(access) if access else None,
            MemberId(by) if by else None,
        )

    async def approve(self, code: HandoffCode, by: MemberId, cart: CartId, access: Access) -> bool:
        """Give the screen a cart; say whether it is theirs who ask, now or since they last sent it."""
        keys, arguments = (self._names.pairing(code.name),), (by, cart, access.value, self._kept_ms)
        status, _ = await self._connection.run(scripts.PAIRING_APPROVE, keys, arguments)
        return bool(status == b"approved")

    async def give_back(self, code: HandoffCode, by: MemberId, cart: CartId) -> None:
        """Let others approve a code again: the cart of who did is not to be had."""
        await self._connection.run(scripts.PAIRING_GIVE_BACK, (self._names.pairing(code.name),), (by, cart))
