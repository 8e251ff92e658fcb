"""Short words for the store's tests: who edits, what, and what is expected."""

import itertools
from collections.abc import Sequence

from engine.cart.codec import encode_new_cart
from engine.cart.commands import Command, NewLine, Op
from engine.cart.model import Cart, Facts, LineItem, Member, Role
from engine.errors import UserErrorCode
from engine.storage.carts import Actor, CartLimits, CartStore, Committed, Edit, Missing, Refused
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, ChannelId, CustomerId, LineId, MemberId, OperationId, Sku, StoreId

WEB, POS = ChannelId("web"), ChannelId("pos")
CART = CartId("cart-1")
ANN, BEN, EVE = MemberId("guest:ann"), MemberId("customer:ben"), MemberId("guest:eve")
STAFF = MemberId("staff:7")
LIMITS = CartLimits(lines=5, quantity=20, codes=2, fees=2, adjustments=3, cart_bytes=4000, log=30)

_numbers = itertools.count(1)


def caller(member: MemberId = ANN, *, by_scope: bool = False) -> Actor:
    return Actor(member, WEB, None, "phone", by_scope)


STAFF_CALLER = Actor(STAFF, POS, StoreId("lyon"), "till-3", by_scope=True)


def edit(*ops: Op, by: Actor | None = None, operation: str = "", content: bytes = b"", new_cart: bytes = b"") -> Edit:
    """Return an edit by Ann, with an operation id of its own unless one is given."""
    fresh = OperationId(operation or f"op-{next(_numbers)}")
    return Edit(by or caller(), fresh, ops, content, new_cart)


def add(sku: str = "mug", quantity: int = 1, **attributes: object) -> Op:
    return NewLine(Sku(sku), quantity, **attributes).op()  # type: ignore[arg-type]


def line(sku: str = "mug") -> LineId:
    return NewLine(Sku(sku), 1).id


def start(cart: CartId = CART, **values: object) -> bytes:
    """Return a new cart owned by Ann, with Ben as an editor."""
    members = (Member(ANN, Role.OWNER), Member(BEN, Role.EDITOR))
    asked: dict[str, object] = {"members": members, "channel": WEB, "store": None, "locale": "fr", **values}
    return encode_new_cart(Cart(id=cart, version=0, **asked))  # type: ignore[arg-type]


def facts(customer: str = "ben", version: int = 1, tier: str = "gold") -> Facts:
    return Facts(CustomerId(customer), version, tier, frozenset({"vip", "early"}), 120, None)


async def made(carts: CartStore, *ops: Op, cart: CartId = CART, **values: object) -> Cart:
    """Make a cart as version 1 and, where there are operations, edit it as version 2."""
    created = await committed(carts, edit(new_cart=start(cart, **values)), cart)
    return await committed(carts, edit(*ops), cart) if ops else created


async def committed(carts: CartStore, asked: Edit, cart: CartId = CART) -> Cart:
    answer = await carts.commit(cart, asked)
    assert isinstance(answer, Committed), answer
    assert not answer.replayed
    assert answer.version == answer.cart.version
    return answer.cart


async def done(carts: CartStore, *commands: Command, by: Actor | None = None) -> Cart:
    ops: Sequence[Op] = [op for command in commands for op in command.ops()]
    return await committed(carts, edit(*ops, by=by))


async def refused(
    connection: Connection, carts: CartStore, code: UserErrorCode, asked: Edit, index: int | None = 0
) -> None:
    """Expect a refusal that leaves every byte and the life span of every key as they were."""
    before = await everything(connection)
    answer = await carts.commit(CART, asked)
    assert isinstance(answer, Refused), answer
    assert (answer.code, answer.op_index) == (code, index)
    assert answer.cart == (await carts.read(CART)).cart
    assert await everything(connection) == before


async def missing(connection: Connection, carts: CartStore, asked: Edit) -> None:
    before = await everything(connection)
    assert isinstance(await carts.commit(CART, asked), Missing)
    assert await everything(connection) == before


async def everything(connection: Connection) -> dict[bytes, tuple[bytes, int]]:
    """Return all keys with their serialised values and the instants at which they end."""
    keys: list[bytes] = await connection.command("KEYS", "*")
    return {key: (await connection.command("DUMP", key), await connection.command("PEXPIRETIME", key)) for key in keys}


def only(cart: Cart) -> LineItem:
    (single,) = cart.lines
    return single


async def usage(connection: Connection, names: KeyNames, cart: CartId = CART) -> int:
    """Return the bytes of memory that the three keys of a cart take."""
    sizes = [int(await connection.command("MEMORY", "USAGE", key) or 0) for key in names.commit(cart)[:3]]
    return sum(sizes)
