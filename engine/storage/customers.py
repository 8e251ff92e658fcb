"""Customers in the store: what is known of them, and which cart is theirs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.codec import decode_facts, encode_facts, pack
from engine.cart.history import History
from engine.cart.model import Facts
from engine.storage import scripts
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import EPOCH, CartId, CustomerId, GroupId, InstantMs, OrderNumber

OPEN_CARTS_MOST: Final = 64
"""How many carts of a customer are told of new facts, the newest; older ones are told when they are next used."""

_BETWEEN_STEPS_MS: Final = 10_000
"""A claim is followed by its second step sooner, or never."""


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer as the store knows them; ``facts`` is None where nobody told the store about them.

    ``history`` is what Panier found out by itself, None where that is nothing.

    ``claimed`` says that this very call made the cart the active one, so that only then a failed second step takes
    it away again. ``chosen`` is the cart that a claim came to, ``shares_with`` the named group that their new carts are
    shared with, which a claim tells.
    """

    facts: Facts | None
    history: History | None
    active: CartId | None
    superseded: CartId | None
    at_ms: InstantMs
    claimed: bool = False
    chosen: CartId | None = None
    shares_with: GroupId | None = None


@dataclass(frozen=True, slots=True)
class FactsWritten:
    """The facts that were told last, what Panier found out by itself, and the open carts of both, newest first."""

    facts: Facts
    history: History | None
    open_carts: tuple[CartId, ...]
    at_ms: InstantMs


class CustomerStore:
    """Keeps customers' facts and cart pointers, which have no life span.

    A customer and their carts lie in different partitions, so a change of both is two steps: claim the pointer, then
    commit to the cart, and `release` where that failed and the claim was new. Every step may be sent again. All
    methods are one round trip and raise `StoreUnavailableError`.
    """

    def __init__(self, connection: Connection, names: KeyNames) -> None:
        self._connection = connection
        self._names = names

    async def read(self, customer: CustomerId) -> CustomerRecord:
        """Read a customer."""
        return _record(await self._connection.run(scripts.CUSTOMER_READ, self._known(customer), ()))

    async def claim_first(self, customer: CustomerId, cart: CartId) -> CustomerRecord:
        """Make a cart the active one unless there is one: of two devices that race, the loser adopts the winner's.

        ``cart`` names the request too: sent again, it goes to the same cart (``CustomerRecord.chosen``), whatever is
        active by then. The chosen cart may not exist: not yet, because its maker is between two steps, or no more.
        """
        return await self._open(customer, cart, "if_none")

    async def claim(self, customer: CustomerId, cart: CartId) -> CustomerRecord:
        """Make a cart the active one; the one before becomes the superseded."""
        return await self._open(customer, cart, "replace")

    async def release(self, customer: CustomerId, cart: CartId) -> CartId | None:
        """Take a cart away from a customer and return the active one.

        For a claim whose second step failed, or a cart that is gone; the superseded cart becomes active again.
        """
        _, active = await self._connection.run(scripts.CUSTOMER_RELEASE, self._names.customer(customer), (cart,))
        return _cart(active)

    async def supersede(self, customer: CustomerId, cart: CartId, by: CartId) -> CartId | None:
        """Note that a cart went into another one, and return the active one.

        Where either is the active cart, that is the latter from now on, and the former the superseded one.
        """
        keys = self._names.customer(customer)
        arguments = (cart, by, OPEN_CARTS_MOST)
        _, active = await self._connection.run(scripts.CUSTOMER_SUPERSEDE, keys, arguments)
        return _cart(active)

    async def write_facts(self, facts: Facts) -> FactsWritten:
        """Write facts as the version after the stored one; the version they carry does not count."""
        return await self._upsert(facts, "next")

    async def offer_facts(self, facts: Facts) -> FactsWritten:
        """Write facts with the version they carry, unless the stored are as new: a shop folder may be read again."""
        return await self._upsert(facts, "given")

    async def count_order(
        self, customer: CustomerId, number: OrderNumber, placed_ms: InstantMs, categories: Iterable[str]
    ) -> bool:
        """Count an order among those of a customer, once; say whether that changed something."""
        return await self._count(customer, number, placed_ms, "place", categories)

    async def discount_order(self, customer: CustomerId, number: OrderNumber, categories: Iterable[str]) -> bool:
        """Count an order no more, because it was cancelled, once; say whether that changed something."""
        return await self._count(customer, number, EPOCH, "cancel", categories)

    async def note_points(
        self, customer: CustomerId, account: str, version: int, tier: str, points: int, stamps: Mapping[str, int]
    ) -> bool:
        """Note what an account makes of a customer, unless a newer version of it is noted; say whether it changed."""
        arguments = (account, version, pack((tier, points, dict(sorted(stamps.items())))))
        keys = self._names.customer(customer)[:1]
        (changed,) = await self._connection.run(scripts.CUSTOMER_POINTS, keys, arguments)
        return bool(changed)

    async def _count(
        self, customer: CustomerId, number: OrderNumber, placed_ms: InstantMs, what: str, categories: Iterable[str]
    ) -> bool:
        keys = (self._names.customer(customer)[0], *self._names.history(customer))
        arguments = (number, placed_ms, what, pack(sorted(categories)))
        (changed,) = await self._connection.run(scripts.CUSTOMER_ORDER, keys, arguments)
        return bool(changed)

    async def open_carts(self, customer: CustomerId) -> dict[CartId, InstantMs]:
        """Return the carts of a customer that are known, with when they got each; some may be gone."""
        asked = ("ZREVRANGE", self._names.customer(customer)[1], 0, -1, "WITHSCORES")
        found: list[tuple[bytes, float]] = await self._connection.command(*asked)
        return {CartId(id_.decode()): InstantMs(int(came)) for id_, came in found}

    async def got_lately(self, customer: CustomerId, cart: CartId, at_ms: InstantMs) -> bool:
        """Say whether a cart was claimed so shortly before an instant that who did may be between two steps."""
        came: bytes | None = await self._connection.command("ZSCORE", self._names.customer(customer)[1], cart)
        return came is not None and at_ms - float(came) < _BETWEEN_STEPS_MS

    async def share_with(self, customer: CustomerId, group: GroupId | None) -> None:
        """Remember the named group that a customer's new carts are shared with, None for nobody."""
        key = self._names.customer(customer)[0]
        if group is None:
            await self._connection.command("HDEL", key, "g")
        else:
            await self._connection.command("HSET", key, "g", group)

    async def shares_with(self, customer: CustomerId) -> GroupId | None:
        """Return the named group that a customer's new carts are shared with."""
        found: bytes | None = await self._connection.command("HGET", self._names.customer(customer)[0], "g")
        return GroupId(found.decode()) if found else None

    async def _open(self, customer: CustomerId, cart: CartId, mode: str) -> CustomerRecord:
        arguments = (cart, mode, OPEN_CARTS_MOST)
        return _record(await self._connection.run(scripts.CUSTOMER_OPEN, self._known(customer), arguments))

    async def _upsert(self, facts: Facts, mode: str) -> FactsWritten:
        arguments = (encode_facts(facts), mode)
        keys = self._known(facts.customer)
        at_ms, blob, known, carts = await self._connection.run(scripts.CUSTOMER_UPSERT, keys, arguments)
        open_carts = tuple([CartId(cart.decode()) for cart in carts])
        return FactsWritten(decode_facts(blob), _history(known), open_carts, at_ms)

    def _known(self, customer: CustomerId) -> tuple[str, ...]:
        return (*self._names.customer(customer), *self._names.history(customer))


def _cart(answer: bytes | None) -> CartId | None:
    return CartId(answer.decode()) if answer else None


def _record(answer: list[Any]) -> CustomerRecord:
    at_ms, facts, history, active, superseded, *claim = answer
    known = decode_facts(facts) if facts else None
    claimed, chosen, group = claim or (0, None, None)
    shares_with = GroupId(group.decode()) if group else None
    carts = _cart(active), _cart(superseded)
    return CustomerRecord(known, _history(history), *carts, at_ms, claimed == 1, _cart(chosen), shares_with)


def _history(answer: list[Any] | None) -> History | None:
    if answer is None:
        return None
    version, orders, since, first_ms, categories, points = answer
    tier, balance, stamps = msgpack.unpackb(points) if points else ("", None, {})
    return History(
        version=version,
        orders=orders,
        orders_since_told=since,
        first_order_ms=first_ms,
        ordered_categories=frozenset(path.decode() for path in categories),
        tier=tier,
        points=balance,
        stamps=stamps,
    )
