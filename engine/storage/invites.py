"""Where the codes of invites lead: to a cart or to a named group, in which it is written what they are good for."""

from collections.abc import Callable

from engine.storage.connection import Connection


class InviteCodes:
    """Codes that lead to things of one kind. All methods are one round trip and raise `StoreUnavailableError`."""

    def __init__(self, connection: Connection, key_of: Callable[[str], str]) -> None:
        self._connection = connection
        self._key_of = key_of

    async def reserve(self, code: str, leads_to: str, life_ms: int) -> bool:
        """Have a code lead somewhere for a while; False where it leads somewhere already."""
        return bool(await self._connection.command("SET", self._key_of(code), leads_to, "NX", "PX", life_ms))

    async def release(self, code: str) -> None:
        """Have a code lead nowhere."""
        await self._connection.command("DEL", self._key_of(code))

    async def behind(self, code: str) -> str | None:
        """Return where a code leads."""
        found: bytes | None = await self._connection.command("GET", self._key_of(code))
        return found.decode() if found else None
