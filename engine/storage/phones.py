"""Finding customers by phone. The store never holds a number, only a digest of it that a secret is needed for.

There are so few numbers that a bare digest of each is soon worked out; with a secret that is not in the store, whoever
has a copy of the store learns nothing from it.
"""

import hashlib
import hmac

from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CustomerId


class PhoneStore:
    """Keeps which customers have a number; several may share one. Methods raise `StoreUnavailableError`.

    ``secret`` empty means that nothing is kept and nobody found.
    """

    def __init__(self, connection: Connection, names: KeyNames, secret: str = "") -> None:
        self._connection = connection
        self._names = names
        self._secret = secret.encode()

    @property
    def is_kept(self) -> bool:
        """Whether there is a secret to keep numbers with."""
        return bool(self._secret)

    async def keep(self, customer: CustomerId, phone: str) -> None:
        """Have a customer found by a number in canonical form, by none where it is empty. Up to four round trips."""
        key = self._names.customer(customer)[0]
        digest = self._digest(phone) if phone else ""
        former: bytes | None = await self._connection.command("HGET", key, "p")
        if digest:
            await self._connection.command("SADD", self._names.phone(digest), customer)
            await self._connection.command("HSET", key, "p", digest)
        elif former:
            await self._connection.command("HDEL", key, "p")
        if former and former.decode() != digest:
            await self._connection.command("SREM", self._names.phone(former.decode()), customer)

    async def customers_with(self, phone: str) -> list[CustomerId]:
        """Return who has a number in canonical form. One round trip, and one for each that is found."""
        if not self._secret:
            return []
        digest = self._digest(phone)
        found: set[bytes] = await self._connection.command("SMEMBERS", self._names.phone(digest))
        known = sorted(CustomerId(id_.decode()) for id_ in found)
        # A change of number that was cut off in the middle leaves the former one behind: the record decides.
        return [id_ for id_ in known if await self._record(id_) == digest]

    async def _record(self, customer: CustomerId) -> str:
        found: bytes | None = await self._connection.command("HGET", self._names.customer(customer)[0], "p")
        return found.decode() if found else ""

    def _digest(self, phone: str) -> str:
        return hmac.new(self._secret, phone.encode(), hashlib.sha256).hexdigest()
