"""Quotes and orders in the store.

A quote lies beside its cart, an order in the cart's partition under a number of its own, and what is still to be done
for orders in an outbox of the partition: placing an order writes all of it in one script.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.codec import decode_cart, pack
from engine.cart.model import Cart
from engine.checkout.codec import decode_quote, encode_quote
from engine.checkout.model import (
    ORDER_NUMBERS,
    Cancellation,
    IssuedVoucher,
    Order,
    Quote,
    order_number,
)
from engine.loyalty.account import AccountId
from engine.storage import scripts
from engine.storage.carts import Actor
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.pins import Pin, unfinished
from engine.types import CartId, CustomerId, InstantMs, MemberId, OperationId, OrderNumber, QuoteId

PLACING: Final = "place"
"""What the outbox says of a new order."""
CANCELLING: Final = "cancel"
"""What it says of one that was cancelled."""
_DAY_MS: Final = 24 * 60 * 60 * 1000
_KEPT_MS: Final = 30 * _DAY_MS
"""For how long a quote is known: a payment that comes later than that is a matter for people."""


@dataclass(frozen=True, slots=True)
class QuoteRead:
    """A quote beside its cart as it is now, None where that is gone; ``order`` is what it became."""

    quote: Quote
    cart: Cart | None
    at_ms: InstantMs
    order: OrderNumber | None
    refunds_due: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The quote is this payment's to complete, for a while."""

    number: int
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class Placed:
    """There is an order. ``paid`` False: another payment paid for it."""

    order: OrderNumber
    paid: bool = True


@dataclass(frozen=True, slots=True)
class Busy:
    """Another payment completes the quote at this moment."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The payment was for something else."""


@dataclass(frozen=True, slots=True)
class Over:
    """The checkout was cancelled, or the cart was changed after it had expired."""


@dataclass(frozen=True, slots=True)
class Refunded:
    """It was said before that the payment is to be refunded, or that too many are: it pays for nothing."""


@dataclass(frozen=True, slots=True)
class UnknownQuote:
    """There is no such quote."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The attempt places no order. The cart stays frozen until an instant; None where it is not.

    ``attempt`` is the number of the one that is over; None where no other can follow.
    """

    frozen_until_ms: InstantMs | None
    attempt: int | None


_NO_ATTEMPT: Final[Mapping[bytes, type[Busy | Mismatch | Refunded | Over | UnknownQuote]]] = {
    b"busy": Busy,
    b"mismatch": Mismatch,
    b"refunded": Refunded,
    b"over": Over,
    b"unknown": UnknownQuote,
}


class CheckoutStore:
    """Keeps quotes and orders. All methods raise `StoreUnavailableError`, and may be called again after it."""

    def __init__(self, connection: Connection, names: KeyNames, *, log_length: int, attempt_ms: int = 30_000) -> None:
        """Prepare. Whoever completes a quote has `attempt_ms` to do it; then others, or a sweeper, go on with it."""
        self._connection = connection
        self._names = names
        self._log_length = log_length
        self._attempt_ms = attempt_ms
        self.partitions = names.partitions

    async def keep(self, quote: Quote, life_ms: int) -> None:
        """Keep a quote for so long, unless the cart is frozen for it already: then the one that is kept counts."""
        keys = (self._names.cart(quote.cart.id), self._names.quote(quote.cart.id, quote.id))
        arguments = (quote.id, encode_quote(quote), quote.amount_hash, life_ms)
        await self._connection.run(scripts.CHECKOUT_KEEP, keys, arguments)

    async def keep_for_payments(self, cart: CartId, quote: QuoteId) -> str:
        """Keep a quote, for which its cart was frozen, for the payments that may come; return its amount hash.

        Empty where it is not there. Of the same request sent twice at once, the other one's quote may be kept.
        """
        (kept,) = await self._connection.run(scripts.CHECKOUT_STAY, (self._names.quote(cart, quote),), (_KEPT_MS,))
        amount_hash: str = kept.decode()
        return amount_hash

    async def read(self, cart: CartId, quote: QuoteId) -> QuoteRead | None:
        """Return a quote and its cart, None where there is no such quote. One round trip."""
        keys = (self._names.cart(cart), self._names.quote(cart, quote))
        at_ms, blob, packed, order, refunds = await self._connection.run(scripts.CHECKOUT_READ, keys, ())
        if not packed:
            return None
        number = OrderNumber(order.decode()) if order else None
        return QuoteRead(
            decode_quote(packed),
            decode_cart(blob, at_ms) if blob else None,
            InstantMs(at_ms),
            number,
            _refunds(refunds),
        )

    async def attempt(
        self, cart: CartId, quote: QuoteId, reference: str, amount_hash: str
    ) -> Attempt | Placed | Busy | Mismatch | Refunded | Over | UnknownQuote:
        """Begin to complete a quote for one payment; where that cannot be, the payment is kept as to be refunded.

        An order that was placed before is on disk when it is told of.
        """
        keys = (self._names.cart(cart), self._names.quote(cart, quote))
        arguments = (quote, reference, amount_hash, self._attempt_ms)
        status, at_ms, *rest = await self._connection.run(scripts.CHECKOUT_ATTEMPT, keys, arguments)
        if status == b"placed":
            # Whoever placed it may have died while it waited for the disk.
            status, at_ms, *rest = await self._connection.run_durably(scripts.CHECKOUT_ATTEMPT, keys, arguments)
        match status:
            case b"go":
                return Attempt(rest[0], InstantMs(at_ms))
            case b"placed":
                return Placed(OrderNumber(rest[0].decode()), paid=rest[1] == 1)
            case _:
                return _NO_ATTEMPT[status]()

    async def give_up(
        self, cart: CartId, quote: QuoteId, attempt: Attempt | None = None, refund: str = ""
    ) -> GivenUp | Placed | Busy:
        """End an attempt, or for a sweeper one that nobody came back to. A payment may be kept as to be refunded."""
        keys = (self._names.cart(cart), self._names.quote(cart, quote))
        arguments = (quote, attempt.number if attempt else "", refund)
        status, _, *rest = await self._connection.run(scripts.CHECKOUT_GIVE_UP, keys, arguments)
        if status == b"placed":
            return Placed(OrderNumber(rest[0].decode()))
        if status == b"busy":
            return Busy()
        until_ms, over = rest
        return GivenUp(InstantMs(until_ms) if until_ms else None, over if over >= 0 else None)

    async def place(
        self, quote: Quote, attempt: Attempt, reference: str, actor: Actor, operation: OperationId
    ) -> Order | Placed | None:
        """Place the order, on disk before this returns; `PLACING` is then to be done for it.

        Answers `Placed` where it was placed before, None where the attempt was given up meanwhile.
        """
        cart, names = quote.cart.id, self._names
        origin = pack((actor.channel, actor.store or False, actor.device, operation))
        while True:
            number = self._drawn(cart)
            keys = (
                *(names.cart(cart), names.quote(cart, quote.id), names.order(number)),
                *(self._outbox(number), names.log(cart), names.wake_up(cart)),
            )
            asked = (quote.id, attempt.number, reference, number, origin, self._log_length)
            status, at_ms, *rest = await self._connection.run_durably(scripts.CHECKOUT_PLACE, keys, asked)
            if status == b"placed":
                refunds, customer = _refunds(rest[1]), _customer(rest[2])
                return Order(number, quote, InstantMs(at_ms), reference, customer, refunds)
            if status == b"before":
                return Placed(OrderNumber(rest[0].decode()), paid=rest[1] == 1)
            if status == b"stale":
                return None

    async def order(self, number: OrderNumber) -> Order | None:
        """Return an order, None where there is no such number. Two round trips."""
        kept = await self._fields(self._names.order(number))
        if not kept:
            return None
        quote = decode_quote(kept["blob"])
        refunds = await self._connection.command("HGET", self._names.quote(quote.cart.id, quote.id), "refunds")
        cancelled = (
            Cancellation(
                InstantMs(int(kept["cancelled"])), MemberId(kept["cancelled_by"].decode()), kept["why"].decode()
            )
            if "cancelled" in kept
            else None
        )
        placed_ms, reference = InstantMs(int(kept["placed"])), kept["paid"].decode()
        return Order(number, quote, placed_ms, reference, _customer(kept["customer"]), _refunds(refunds), cancelled)

    async def cancel(self, number: OrderNumber, by: MemberId, why: str) -> bool:
        """Cancel an order, once; False where there is none. What it used is given back from the outbox."""
        keys = (self._names.order(number), self._outbox(number))
        status, _ = await self._connection.run_durably(scripts.ORDER_CANCEL, keys, (number, by, why))
        return bool(status == b"cancelled")

    async def unfinished(self, partition: int) -> dict[OrderNumber, str]:
        """Return what is to be done for orders of a partition, by its number from 0: words such as ``place``."""
        found = await self._fields(self._names.outbox(partition))
        return {OrderNumber(number): work.decode() for number, work in found.items()}

    async def left_pinned(self, partition: int, age_ms: int) -> list[Pin]:
        """Return what is pinned in a partition since so long, the oldest 100 of it."""
        return await unfinished(self._connection, self._names, partition, age_ms)

    async def work_left(self, number: OrderNumber) -> str:
        """Return what is to be done for one order, empty where nothing is."""
        found = await self._connection.command("HGET", self._outbox(number), number)
        return found.decode() if found else ""

    async def finished(self, number: OrderNumber, work: str) -> None:
        """Take what was done off the outbox, unless more came meanwhile."""
        keys = (self._outbox(number),)
        await self._connection.run(scripts.OUTBOX_DONE, keys, (number, work))

    async def list_for(self, customer: CustomerId, number: OrderNumber, placed_ms: InstantMs) -> None:
        """Put an order among a customer's; a second time changes nothing."""
        await self._connection.command("ZADD", self._names.orders(customer), placed_ms, number)

    async def numbers_of(self, customer: CustomerId) -> list[OrderNumber]:
        """Return the numbers of a customer's orders, newest first."""
        found = await self._connection.command("ZRANGE", self._names.orders(customer), 0, -1, "REV")
        return [OrderNumber(number.decode()) for number in found]

    async def earned_once(self, number: OrderNumber, points: Mapping[AccountId, int]) -> dict[AccountId, int]:
        """Write down which accounts get how many points of an order, unless that is written: then that counts."""
        await self._connection.command("HSETNX", self._names.order(number), "earned", pack(dict(points)))
        return await self.earned(number)

    async def earned(self, number: OrderNumber) -> dict[AccountId, int]:
        """Return which accounts get how many points of an order, empty where nothing is written down."""
        found = await self._connection.command("HGET", self._names.order(number), "earned")
        return msgpack.unpackb(found) if found else {}

    async def issued_once(self, number: OrderNumber, codes: Sequence[IssuedVoucher]) -> tuple[IssuedVoucher, ...]:
        """Write down which codes an order brings, unless that is written: then that counts."""
        rows = [(each.code, each.series, each.expires_ms) for each in codes]
        await self._connection.command("HSETNX", self._names.order(number), "issued", pack(rows))
        return await self.issued(number)

    async def issued(self, number: OrderNumber) -> tuple[IssuedVoucher, ...]:
        """Return which codes an order brought, empty where nothing is written down."""
        found = await self._connection.command("HGET", self._names.order(number), "issued")
        rows = msgpack.unpackb(found) if found else ()
        return tuple(IssuedVoucher(code, series, InstantMs(expires_ms)) for code, series, expires_ms in rows)

    async def _fields(self, key: str) -> Mapping[str, bytes]:
        found = await self._connection.command("HGETALL", key)
        pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        return {name.decode(): value for name, value in pairs}

    def _outbox(self, number: OrderNumber) -> str:
        return self._names.outbox(self._names.partition_of_order(number))

    def _drawn(self, cart: CartId) -> OrderNumber:
        """Draw a number that says the partition of a cart."""
        drawn = secrets.randbelow(ORDER_NUMBERS // self.partitions)
        return order_number(drawn * self.partitions + self._names.partition_number(cart))


def _customer(kept: bytes) -> CustomerId | None:
    return CustomerId(kept.decode()) if kept else None


def _refunds(packed: bytes | None) -> tuple[str, ...]:
    return tuple(msgpack.unpackb(packed)) if packed else ()
