"""Codes that orders brought: what is known of each, and which a customer has.

Whether one was used its counter says (`engine.limits.voucher_limit`), as with everything that is used up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.codec import pack
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CustomerId, InstantMs, OrderNumber

_KEPT_MS: Final = 400 * 24 * 60 * 60 * 1000
"""For how long after its end it is still said of a code why it is good for nothing."""


@dataclass(frozen=True, slots=True)
class VoucherRecord:
    """A code that an order brought. ``customer`` is whose order it was, None for a guest's."""

    code: str
    series: str
    expires_ms: InstantMs
    order: OrderNumber
    customer: CustomerId | None
    void: bool = False


class VoucherStore:
    """Keeps each code in a partition of its own. All methods raise `StoreUnavailableError`."""

    def __init__(self, connection: Connection, names: KeyNames) -> None:
        self._connection = connection
        self._names = names

    async def add(self, record: VoucherRecord, issued_ms: InstantMs) -> bool:
        """Keep a new code; False where there is such a code already."""
        life_ms = record.expires_ms - issued_ms + _KEPT_MS
        added = await self._connection.command(
            "SET", self._names.voucher(record.code), _packed(record), "NX", "PX", life_ms
        )
        return added is not None

    async def read(self, code: str) -> VoucherRecord | None:
        """Return what is known of a code, None where there is no such code. One round trip."""
        found = await self._connection.command("GET", self._names.voucher(code))
        if found is None:
            return None
        series, expires_ms, order, customer, void = msgpack.unpackb(found)
        return VoucherRecord(
            code, series, InstantMs(expires_ms), OrderNumber(order), CustomerId(customer) if customer else None, void
        )

    async def make_void(self, record: VoucherRecord) -> None:
        """Let a code be entered no more; a second time changes nothing."""
        void = _packed(replace(record, void=True))
        await self._connection.command("SET", self._names.voucher(record.code), void, "XX", "KEEPTTL")

    async def list_for(self, customer: CustomerId, codes: Iterable[tuple[str, InstantMs]]) -> None:
        """Put codes, each with the instant of its end, among a customer's; a second time changes nothing."""
        pairs = [word for code, expires_ms in codes for word in (int(expires_ms), code)]
        await self._connection.command("ZADD", self._names.vouchers(customer), *pairs)

    async def codes_of(self, customer: CustomerId, since_ms: InstantMs) -> list[str]:
        """Return a customer's codes that end after an instant, the next to end first."""
        key = self._names.vouchers(customer)
        found = await self._connection.command("ZRANGE", key, f"({since_ms}", "+inf", "BYSCORE")
        return [code.decode() for code in found]


def _packed(record: VoucherRecord) -> bytes:
    return pack((record.series, record.expires_ms, record.order, record.customer or "", record.void))
