"""Codes that hand carts over, in the store: made, claimed by exactly one, revoked; and budgets of attempts."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final

from engine.cart.codec import decode_cart, pack
from engine.cart.handoff import (
    KEYPAD_NUMBERS,
    NUMBERS,
    CodeForm,
    HandoffCode,
    HandoffMode,
    Place,
    Receipt,
    Terms,
    code_of_name,
)
from engine.cart.model import Cart
from engine.errors import UserErrorCode
from engine.storage import scripts
from engine.storage.carts import Actor, CartLimits
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, ChannelId, InstantMs, MemberId, OperationId, StoreId

_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Made:
    """A code, and when it stops being good."""

    code: HandoffCode
    expires_ms: InstantMs


@dataclass(frozen=True, slots=True)
class NotMade:
    """Why there is no code; ``CART_NOT_FOUND`` also where the caller has no right to hand the cart over."""

    why: UserErrorCode


@dataclass(frozen=True, slots=True)
class KnownCode:
    """What a look at a code tells: the cart it is of, and who may claim it."""

    cart: CartId
    mode: HandoffMode
    for_store: StoreId | None
    for_channel: ChannelId | None


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims a code, from where. ``is_shops`` is a terminal, staff or a service: no other person."""

    place: Place
    is_shops: bool


@dataclass(frozen=True, slots=True)
class Won:
    """The code is the claimant's, now or where ``replayed`` since an earlier claim. The cart may be gone meanwhile."""

    receipt: Receipt
    cart: Cart | None
    at_ms: InstantMs
    replayed: bool


@dataclass(frozen=True, slots=True)
class TooLate:
    """Another one has it. ``tells_name`` says that the claimant is a member of the cart, who may know who that is."""

    receipt: Receipt
    tells_name: bool = True


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The code is good, but the cart is with a device that its giver has no say over now, or in checkout."""

    why: UserErrorCode = UserErrorCode.CART_HELD


@dataclass(frozen=True, slots=True)
class Full:
    """The code is good, but the cart has as many members as it may have."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No such code, or one that does not concern whoever asks: the two look alike on purpose."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The code is good for nothing any more."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often somebody may be wrong: ``name`` is who, ``most`` how often within ``window_ms`` of the first time."""

    name: str
    most: int
    window_ms: int


class HandoffStore:
    """Keeps codes in the partitions of their carts. All methods raise `StoreUnavailableError`.

    They are one round trip, but for `create` where a code that was drawn is taken already.
    """

    def __init__(
        self, connection: Connection, names: KeyNames, limits: CartLimits | None = None, *, remembered_ms: int = _DAY_MS
    ) -> None:
        """Prepare. A claim is remembered for `remembered_ms`, for those who come late and for the winner's replays."""
        known = limits or CartLimits()
        self._connection = connection
        self._names = names
        kept = {"guest_ms": known.guest_ms, "customer_ms": known.customer_ms, "log": known.log}
        self._limits = pack({**kept, "members": known.members})
        self._open_most = known.handoffs
        self._remembered_ms = remembered_ms

    async def create(self, cart: CartId, giver: Actor, operation: OperationId, terms: Terms) -> Made | NotMade:
        """Make a code for a cart; the same operation sent again has the same code."""
        fields = [
            *("mode", terms.mode.value, "lease", str(terms.lease_ms)),
            *("for_store", terms.for_store or "", "for_channel", terms.for_channel or ""),
            *("share", " ".join(sorted(terms.shares))),
        ]
        key = _digest(giver.member, operation)
        who = pack((giver.member, giver.by_scope, giver.device, key, _digest(repr(terms))))
        while True:
            code = self._drawn(cart, terms)
            keys = (self._names.handoff(code.name), self._names.cart(cart), self._names.handoffs(cart))
            arguments = (who, code.name, self._open_most, terms.ttl_ms, pack(fields))
            status, _, *rest = await self._connection.run(scripts.HANDOFF_CREATE, keys, arguments)
            if status == b"made":
                return Made(code_of_name(rest[0].decode()), rest[1])
            if status == b"missing":
                return NotMade(UserErrorCode.CART_NOT_FOUND)
            if status == b"refused":
                return NotMade(UserErrorCode(rest[0].decode()))

    async def look_up(self, code: HandoffCode) -> KnownCode | None:
        """Return what a code is for, None where there is none. Whether it is still good is not decided yet."""
        asked = ("HMGET", self._names.handoff(code.name), "cart", "mode", "for_store", "for_channel")
        cart, mode, store, channel = [_text(value) for value in await self._connection.command(*asked)]
        if not cart:
            return None
        bound = ChannelId(channel) if channel else None
        return KnownCode(CartId(cart), HandoffMode(mode), StoreId(store) if store else None, bound)

    def new_cart_id(self, beside: CartId) -> CartId:
        """Return the id of a new cart that lies in the partition of another one, so that one script may touch both."""
        wanted = self._names.partition(beside)
        while self._names.partition(drawn := secrets.token_hex(16)) != wanted:
            pass
        return CartId(drawn)

    async def claim(
        self, code: HandoffCode, cart: CartId, claimant: Claimant, copy_id: CartId, copy: bytes
    ) -> Won | TooLate | Elsewhere | Full | Unknown:
        """Claim a code that `look_up` found for a cart. ``copy``, from `encode_new_cart`, is what a COPY starts from.

        ``copy_id`` is its id, from `new_cart_id`. The claim is on disk before it is answered.
        """
        by = claimant.place
        names, receipt = self._names, secrets.token_hex(8)
        where = (by.channel, by.store or False, by.device)
        who = pack((by.member, claimant.is_shops, *where, receipt, f"handoff-{receipt}"))
        keys = (
            names.handoff(code.name),
            *(names.cart(cart), names.log(cart), names.wake_up(cart)),
            *(names.cart(copy_id), names.log(copy_id), names.handoffs(cart)),
        )
        arguments = (who, self._limits, self._remembered_ms, cart, copy, code.name)
        status, at_ms, *rest = await self._connection.run_durably(scripts.HANDOFF_CLAIM, keys, arguments)
        if status in {b"won", b"replayed"}:
            blob = rest[1] if len(rest) > 1 else None
            return Won(_receipt(rest[0]), decode_cart(blob, at_ms) if blob else None, at_ms, status == b"replayed")
        if status == b"claimed":
            return TooLate(_receipt(rest[0]), tells_name=rest[1] == 1)
        if status == b"held":
            return Elsewhere(UserErrorCode(rest[0].decode()))
        return Full() if status == b"full" else Unknown()

    async def revoke(self, code: HandoffCode, cart: CartId, member: MemberId) -> Revoked | TooLate | Unknown:
        """Take a code back that nobody has claimed; a second time changes nothing."""
        keys = (self._names.handoff(code.name), self._names.cart(cart), self._names.handoffs(cart))
        status, _, *rest = await self._connection.run(scripts.HANDOFF_REVOKE, keys, (member, cart, code.name))
        if status == b"claimed":
            return TooLate(_receipt(rest[0]))
        return Revoked() if status == b"revoked" else Unknown()

    async def attempt(self, budget: Budget, *, spend: bool) -> bool:
        """Say whether there is an attempt left in a budget, and spend it if asked to."""
        arguments = (budget.most, budget.window_ms, "1" if spend else "")
        _, left = await self._connection.run(scripts.ATTEMPT, (self._names.attempts(budget.name),), arguments)
        return bool(left)

    def _drawn(self, cart: CartId, terms: Terms) -> HandoffCode:
        """Draw codes until one hashes to the cart's partition, which is soon: there are a few hundred."""
        wanted = self._names.partition(cart)
        store = terms.for_store if terms.form is CodeForm.DIGITS else None
        least, most = (0, KEYPAD_NUMBERS) if store is not None else (KEYPAD_NUMBERS, NUMBERS)
        while True:
            code = HandoffCode(least + secrets.randbelow(most - least), store)
            if self._names.partition(code.name) == wanted:
                return code


def _digest(*parts: str) -> bytes:
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(framed.encode(), digest_size=8).digest()


def _text(value: bytes | None) -> str:
    return value.decode() if value else ""


def _receipt(answer: list[Any]) -> Receipt:
    number, mode, got, member, device, channel, store = [_text(value) for value in answer[:7]]
    at_ms, until_ms = answer[7:]
    return Receipt(
        number,
        HandoffMode(mode),
        CartId(got),
        Place(MemberId(member), device, ChannelId(channel), StoreId(store) if store else None),
        at_ms,
        until_ms or None,
    )
