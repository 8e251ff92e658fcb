"""Carts in the store: one round trip to change one, one to read one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeGuard

from engine.cart.codec import decode_cart, decode_log, pack, pack_ops
from engine.cart.commands import Op
from engine.cart.merging import Caps
from engine.cart.model import Cart, LogEntry
from engine.errors import UserErrorCode
from engine.remembered import Remembered
from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.storage.merges import MergeStore
from engine.types import CartId, ChannelId, InstantMs, MemberId, OperationId, StoreId

_DAY_MS: Final = 24 * 60 * 60 * 1000
_KNOWN_BYTES_MAX: Final = 2**20
"""Carts of so many bytes together are known by what they are in the store, some 500 of 20 lines."""


@dataclass(frozen=True, slots=True)
class CartLimits:
    """The guard rails that the script keeps, whoever asks.

    ``quantity`` bounds the pieces of a line or fee, and a thousand times as much in thousandths of measured goods;
    ``fees`` how many different fees, ``adjustments`` how many changes by staff; ``members`` are those with a role,
    ``invites`` those still open, ``suggestions`` lines that wait for approval, ``handoffs`` codes that hand it over;
    ``journey_steps`` and ``journey_ms`` are of its owner's journey. Life spans count from the last change.
    ``log`` is how many versions a returning subscriber can catch up on. ``applied_ms`` is how long an operation is
    recognised when it is sent again.
    """

    lines: int = 500
    quantity: int = 99_999
    codes: int = 20
    fees: int = 20
    adjustments: int = 20
    members: int = 100
    invites: int = 20
    suggestions: int = 50
    handoffs: int = 20
    cart_bytes: int = 128 * 1024
    guest_ms: int = 30 * _DAY_MS
    customer_ms: int = 180 * _DAY_MS
    log: int = 200
    journey_steps: int = 200
    journey_ms: int = 90 * _DAY_MS
    applied_ms: int = _DAY_MS


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes a cart, from where. ``by_scope`` acts by right of a token's scope instead of by membership."""

    member: MemberId
    channel: ChannelId
    store: StoreId | None = None
    device: str = ""
    by_scope: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """A request to change a cart: all of its operations or none, and one version however many there are.

    ``operation`` is what makes sending it twice safe; it counts per member. ``content`` is a digest of what the
    caller asked for, at most 16 bytes, to notice the same id with another request; left out, it is one of the
    operations, which is only right where these do not depend on more than the request (the shop may be reloaded
    between two tries). ``new_cart``, from `encode_new_cart`, makes the cart where there is none; with ``adopt`` the
    operations go into a cart that is there already, else such a cart says that the operation was applied.
    """

    actor: Actor
    operation: OperationId
    ops: Sequence[Op]
    content: bytes = b""
    new_cart: bytes = b""
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """The edit is in the cart: ``version`` is the one it made, ``cart`` is the newest.

    ``replayed`` says that it had been there before this call.
    """

    cart: Cart
    version: int
    at_ms: InstantMs
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written. ``op_index`` is the operation at fault, None where it is the request as a whole.

    ``cart`` is None where the request would have made it.
    """

    code: UserErrorCode
    op_index: int | None
    cart: Cart | None
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such cart, or the caller has no right to change it: the two look alike on purpose."""

    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class CartRead:
    """A cart, None where there is none, and the store's time. Whether the caller may see it is not decided yet."""

    cart: Cart | None
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class LogRead:
    """What happened after a version, oldest first; ``complete`` is False where the log no longer reaches back so far.

    Whether the caller may see it is not decided yet.
    """

    cart: Cart | None
    entries: tuple[LogEntry, ...]
    complete: bool
    at_ms: InstantMs


class CartStore:
    """Changes and reads carts. All methods raise `StoreUnavailableError`."""

    def __init__(self, connection: Connection, names: KeyNames, limits: CartLimits | None = None) -> None:
        self._connection = connection
        self._names = names
        rails = limits or CartLimits()
        self._limits = packed_limits(rails)
        caps = Caps(rails.lines, rails.quantity, rails.codes, rails.fees, rails.adjustments, rails.suggestions)
        self.merges = MergeStore(connection, names, self._limits, caps)
        self._known: Remembered[CartId, tuple[bytes, Cart]] = Remembered(_KNOWN_BYTES_MAX)

    async def commit(self, cart: CartId, edit: Edit) -> Committed | Refused | Missing:
        """Apply an edit to a cart in one round trip.

        A cart that this or somebody else has sealed for a merge is brought to its end first, in a few more.
        """
        outcome = await self._commit(cart, edit)
        if isinstance(outcome, Missing) or not _is_pending(outcome.cart):
            return outcome
        settled = await self.merges.settle(outcome.cart)
        if isinstance(outcome, Refused) and outcome.code is UserErrorCode.CART_MERGED:
            return await self._commit(cart, edit)
        if isinstance(outcome, Refused):
            return replace(outcome, cart=settled)
        return replace(outcome, cart=settled or outcome.cart)

    async def read(self, cart: CartId) -> CartRead:
        """Read a cart in one round trip. Reading does not lengthen its life, but drives on a merge that it is in."""
        at_ms, blob = await self._connection.run(scripts.READ, (self._names.cart(cart),), ())
        found = self._decoded(cart, blob, at_ms) if blob else None
        if _is_pending(found):
            found = await self.merges.settle(found)
        return CartRead(found, at_ms)

    async def read_log(self, cart: CartId, since: int) -> LogRead:
        """Read a cart and what made the versions after ``since``, in one round trip."""
        keys = (self._names.cart(cart), self._names.log(cart))
        at_ms, blob, packed = await self._connection.run(scripts.READ_LOG, keys, (since,))
        if not blob:
            return LogRead(None, (), complete=True, at_ms=at_ms)
        found = self._decoded(cart, blob, at_ms)
        if _is_pending(found):
            await self.merges.settle(found)
            return await self.read_log(cart, since)
        complete = len(packed) >= found.version - since
        return LogRead(found, decode_log(blob, packed), complete, at_ms)

    def wake_up_channel(self, cart: CartId) -> str:
        """Return the sharded channel that carries each new version number of a cart; a message may be lost."""
        return self._names.wake_up(cart)

    async def _commit(self, cart: CartId, edit: Edit) -> Committed | Refused | Missing:
        ops = pack_ops(edit.ops)
        who = packed_actor(edit.actor, edit.operation, edit.content or _digest(ops, edit.new_cart))
        arguments = (who, ops, self._limits, edit.new_cart, 1 if edit.adopt else "")
        return self._outcome(cart, await self._connection.run(scripts.COMMIT, self._names.commit(cart), arguments))

    def _decoded(self, cart: CartId, blob: bytes, at_ms: InstantMs) -> Cart:
        """Return the cart that the bytes hold: for the same bytes the very same object, which others go by.

        It is another one as soon as the time of a member is over.
        """
        known = self._known.get(cart)
        if known is not None and known[0] == blob and not known[1].loses_a_member_by(at_ms):
            return known[1]
        decoded = decode_cart(blob, at_ms)
        self._known.keep(cart, (blob, decoded), len(blob))
        return decoded

    def _outcome(self, cart: CartId, answer: list[Any]) -> Committed | Refused | Missing:
        status, at_ms, *rest = answer
        if status == b"missing":
            return Missing(at_ms)
        if status == b"refused":
            blob, code, index = rest
            found = self._decoded(cart, blob, at_ms) if blob else None
            return Refused(UserErrorCode(code.decode()), index if index >= 0 else None, found, at_ms)
        blob, version = rest
        return Committed(self._decoded(cart, blob, at_ms), version, at_ms, replayed=status == b"replayed")


def packed_limits(limits: CartLimits) -> bytes:
    """Return the guard rails as the script reads them."""
    return pack(
        {
            "lines": limits.lines,
            "quantity": limits.quantity,
            "codes": limits.codes,
            "fees": limits.fees,
            "adjustments": limits.adjustments,
            "members": limits.members,
            "invites": limits.invites,
            "suggestions": limits.suggestions,
            "bytes": limits.cart_bytes,
            "guest_ms": limits.guest_ms,
            "customer_ms": limits.customer_ms,
            "log": limits.log,
            "ids_ms": limits.applied_ms,
        }
    )


def _digest(*parts: bytes) -> bytes:
    """Return 8 bytes that name the parts: only the caller's own operations on one cart are told apart by them."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(4))
        digest.update(part)
    return digest.digest()


def operation_key(actor: Actor, operation: OperationId) -> bytes:
    """Return what a cart remembers an operation by."""
    return _digest(actor.member.encode(), operation.encode())


def packed_actor(actor: Actor, operation: OperationId, content: bytes) -> bytes:
    """Return who asks for an operation, as the script reads it."""
    where = (actor.channel, actor.store or False, actor.device)
    return pack((actor.member, actor.by_scope, operation_key(actor, operation), content, operation, *where))


def _is_pending(cart: Cart | None) -> TypeGuard[Cart]:
    """Say whether a cart is sealed, and what becomes of it has yet to be carried out."""
    return cart is not None and cart.transfer is not None and cart.transfer.pending
