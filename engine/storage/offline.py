"""What tills do by themselves, in the store: snapshots that are open, operations that are sent later, sales.

A sale is written with its *uses*, what it took of limits and what it says of points, for a poster to post: `to_post`
lists the sales whose uses are not posted yet, `posted` takes one off that list and keeps what went beyond.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.codec import decode_cart, pack
from engine.cart.commands import Op
from engine.cart.model import Cart
from engine.errors import UserErrorCode
from engine.loyalty.account import AccountId
from engine.storage import scripts
from engine.storage.carts import Actor, CartLimits, CartRead, operation_key, packed_actor, packed_limits
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, InstantMs, OperationId, PromotionId

_NOTHING: Final = pack(())


@dataclass(frozen=True, slots=True)
class OpenSnapshot:
    """A cart that was read to be taken along, and until when it is good. Who may have it is not decided yet."""

    read: CartRead
    expires_ms: InstantMs


@dataclass(frozen=True, slots=True)
class LateEdit:
    """A request that was made offline. ``told`` is when, for the log; ``ops`` None stands for one that cannot be.

    ``content`` is a digest of what the device asked for: the operations follow from all that it did before, too.
    """

    operation: OperationId
    content: bytes
    told: str
    ops: Sequence[Op] | None


@dataclass(frozen=True, slots=True)
class Applied:
    """The request is in the cart: ``version`` is the one that it made, now or where ``duplicate`` an earlier time."""

    version: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class NotApplied:
    """Why the request is not in the cart; ``NOTHING_TO_DO`` where it had no operations."""

    code: UserErrorCode
    op_index: int | None


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of each request, in their order, and the cart as it is now; None where it is gone."""

    results: tuple[Applied | NotApplied, ...]
    cart: Cart | None
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class NewSale:
    """A sale to record: ``content`` is a digest of what the till told, ``kept`` what is kept of it.

    ``posts`` says whether it has uses.
    """

    id: str
    payment_reference: str
    content: bytes
    kept: bytes
    posts: bool


@dataclass(frozen=True, slots=True)
class Overshoot:
    """What a sale took that was not there: of promotions beyond a limit, and so many points beyond a balance."""

    promotions: tuple[PromotionId, ...] = ()
    points: int = 0


@dataclass(frozen=True, slots=True)
class PointsOfSale:
    """Which accounts get how many points of a sale, and from which one was spent; None from nobody's."""

    earned: Mapping[AccountId, int]
    spender: AccountId | None


@dataclass(frozen=True, slots=True)
class KnownSale:
    """A sale that is recorded. ``second`` says that its cart had been sold before.

    ``overshoot`` is None until its uses are posted.
    """

    kept: bytes
    came_ms: InstantMs
    second: bool
    overshoot: Overshoot | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The sale is kept; ``replayed`` where it had been before this call. The cart may be gone."""

    sale: KnownSale
    cart: Cart | None
    at_ms: InstantMs
    replayed: bool


class OfflineStore:
    """Keeps what concerns tills that are offline at times. All methods raise `StoreUnavailableError`."""

    def __init__(self, connection: Connection, names: KeyNames, limits: CartLimits | None = None) -> None:
        self._connection = connection
        self._names = names
        self.partitions = tuple(names.all_partitions())
        known = limits or CartLimits()
        self._limits = packed_limits(known)
        self._lives = pack({"guest_ms": known.guest_ms, "customer_ms": known.customer_ms, "log": known.log})

    async def open_snapshot(self, cart: CartId, life_ms: int) -> OpenSnapshot:
        """Read a cart, and remember what is applied to it for as long as the snapshot lives. One round trip."""
        keys = (self._names.cart(cart), self._names.applied(cart))
        at_ms, blob, expires_ms = await self._connection.run(scripts.OPEN_SNAPSHOT, keys, (life_ms,))
        return OpenSnapshot(CartRead(decode_cart(blob, at_ms) if blob else None, at_ms), expires_ms)

    async def sync(self, cart: CartId, actor: Actor, expires_ms: InstantMs, edits: Sequence[LateEdit]) -> Synced:
        """Apply what was done offline, each request by itself, in their order. One round trip.

        ``expires_ms`` is when the snapshot of the device ends: then only what was applied before is recognised.
        """
        requests = [
            (operation_key(actor, each.operation), each.content, each.operation, each.told, _ops(each))
            for each in edits
        ]
        # The script is that of one request, of which only who asks is of any meaning here.
        who = packed_actor(actor, OperationId(""), b"")
        arguments = (who, _NOTHING, self._limits, "", "", pack((expires_ms, requests)))
        _, at_ms, blob, results = await self._connection.run(scripts.COMMIT, self._names.commit(cart), arguments)
        return Synced(tuple([_result(each) for each in results]), decode_cart(blob, at_ms) if blob else None, at_ms)

    async def record_sale(self, cart: CartId, actor: Actor, sale: NewSale) -> Recorded | None:
        """Keep a sale, with its uses to post, and close its cart; None where another sale has its id. One round trip.

        Recognised by its id or its payment. It is kept whatever became of the cart.
        """
        names = self._names
        keys = (
            *(names.cart(cart), names.log(cart), names.wake_up(cart), names.sales(cart)),
            names.sales_to_post(names.partition(cart)),
        )
        who = pack((actor.member, actor.channel, actor.store or False, actor.device))
        entry = pack((cart, sale.id)) if sale.posts else b""
        packed = pack((sale.id, sale.payment_reference, sale.content, sale.kept, entry))
        status, at_ms, *rest = await self._connection.run(scripts.SALE, keys, (who, self._lives, packed))
        if status == b"reused":
            return None
        record, overshoot, blob = rest
        found = decode_cart(blob, at_ms) if blob else None
        return Recorded(_sale(record, overshoot), found, at_ms, replayed=status == b"replayed")

    async def sale(self, cart: CartId, id: str) -> KnownSale | None:
        """Return a sale. One round trip."""
        asked = ("HMGET", self._names.sales(cart), f"s:{id}", f"o:{id}")
        record, overshoot = await self._connection.command(*asked)
        return _sale(record, overshoot) if record else None

    async def to_post(self, partition: str, most: int = 100) -> list[tuple[CartId, str]]:
        """Return the oldest sales of a partition whose uses are not posted: their carts and ids. One round trip."""
        key = self._names.sales_to_post(partition)
        entries = await self._connection.command("ZRANGE", key, 0, most - 1)
        return [(CartId(cart), sale) for cart, sale in map(msgpack.unpackb, entries)]

    async def points_once(self, cart: CartId, id: str, points: PointsOfSale) -> PointsOfSale:
        """Write down whose points a sale is about, unless that is written: then that counts. Two round trips."""
        key, field = self._names.sales(cart), f"e:{id}"
        await self._connection.command("HSETNX", key, field, pack((dict(points.earned), points.spender)))
        earned, spender = msgpack.unpackb(await self._connection.command("HGET", key, field))
        return PointsOfSale(earned, spender)

    async def posted(self, cart: CartId, id: str, overshoot: Overshoot) -> bool:
        """Note that the uses of a sale were posted, and what of them went beyond. One round trip.

        False where that had been noted: what was noted first stays.
        """
        names = self._names
        keys = (names.sales(cart), names.sales_to_post(names.partition(cart)))
        arguments = (id, pack((cart, id)), pack((overshoot.promotions, overshoot.points)))
        _, noted = await self._connection.run(scripts.SALE_POSTED, keys, arguments)
        return bool(noted)


def _ops(edit: LateEdit) -> list[Op] | bool:
    return list(edit.ops) if edit.ops is not None else False


def _result(packed: list[Any]) -> Applied | NotApplied:
    if packed[0] == b"refused":
        _, code, index = packed
        return NotApplied(UserErrorCode(code.decode()), index if index >= 0 else None)
    return Applied(packed[1], duplicate=packed[0] == b"duplicate")


def _sale(record: bytes, overshoot: bytes | None) -> KnownSale:
    _, kept, came_ms, second = msgpack.unpackb(record, raw=True)
    beyond = None
    if overshoot is not None:
        promotions, points = msgpack.unpackb(overshoot)
        beyond = Overshoot(tuple(promotions), points)
    return KnownSale(kept, came_ms, bool(second), beyond)
