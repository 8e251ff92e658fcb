"""The names of the store's keys, and the partitions they lie in."""

import hashlib
from dataclasses import dataclass
from typing import Final

from engine.checkout.model import drawn_of
from engine.errors import PanierError
from engine.limits import Limit, LimitKind
from engine.loyalty.account import AccountId
from engine.storage.connection import Connection
from engine.types import CartId, CustomerId, GroupId, MemberId, OrderNumber, PromotionId, QuoteId

PARTITIONS: Final = 256
"""How many partitions a new store gets."""

_META: Final = "panier:partitions"
MERGING: Final = "panier:merging"
"""Carts that are about to be sealed or are (sorted set, by when that began, ms): what a sweep looks at."""


class PartitionsChangedError(PanierError):
    """The store was made with another number of partitions: its carts would be looked for in the wrong places."""


@dataclass(frozen=True, slots=True)
class KeyNames:
    """Names every key of the store.

    All keys of a cart carry one hash tag, its partition, so that they lie in one slot of a cluster. The partition is
    a hash of the id, the same on every machine and for as long as the store lives. ``shop`` keeps the customers of
    several shops in one store apart.
    """

    partitions: int = PARTITIONS
    shop: str = "shop"

    def __post_init__(self) -> None:
        """Refuse what would make two names equal."""
        if ":" in self.shop or not self.shop:
            raise ValueError(f"a shop's name is not empty and has no colon, unlike `{self.shop}`")
        if not 1 <= self.partitions <= 4096:
            raise ValueError(f"the number of partitions is between 1 and 4096, unlike {self.partitions}")

    def partition(self, text: str) -> str:
        """Return the hash tag, with its braces, of a cart's or customer's id."""
        return self._tag(self.partition_number(text))

    def partition_number(self, text: str) -> int:
        """Return the number, from 0, of the partition of a cart's or customer's id."""
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % self.partitions

    def partition_of_order(self, number: OrderNumber) -> int:
        """Return the number of the partition that an order's number says: that of its cart."""
        return drawn_of(number) % self.partitions

    def cart(self, cart: CartId) -> str:
        """Return the key of a cart."""
        return f"{self.partition(cart)}:c:{cart}"

    def log(self, cart: CartId) -> str:
        """Return the key of a cart's log."""
        return f"{self.partition(cart)}:l:{cart}"

    def applied(self, cart: CartId) -> str:
        """Return the key of the operations applied to a cart."""
        return f"{self.partition(cart)}:i:{cart}"

    def sales(self, cart: CartId) -> str:
        """Return the key of the sales that tills made of a cart by themselves."""
        return f"{self.partition(cart)}:x:{cart}"

    def sales_to_post(self, partition: str) -> str:
        """Return the key of the sales of a partition whose uses are to be posted."""
        return f"{partition}:q"

    def all_partitions(self) -> list[str]:
        """Return every hash tag there is."""
        return [f"{{p{number:03x}}}" for number in range(self.partitions)]

    def wake_up(self, cart: CartId) -> str:
        """Return the sharded channel on which a cart's new versions are announced."""
        return f"{self.partition(cart)}:n:{cart}"

    def viewers(self, cart: CartId) -> str:
        """Return the key of those who have a cart open."""
        return f"{self.partition(cart)}:w:{cart}"

    def seen(self, cart: CartId, member: MemberId) -> str:
        """Return the key of what a member saw of a cart."""
        return f"{self.partition(cart)}:s:{cart}:{member}"

    def invite(self, code: str) -> str:
        """Return the key of the cart that an invite's code leads to."""
        return f"{self.partition(code)}:j:{code}"

    def group_invite(self, code: str) -> str:
        """Return the key of the named group that an invite's code leads to."""
        return f"{self.partition(code)}:f:{code}"

    def group(self, group: GroupId) -> tuple[str, str]:
        """Return the keys of a named group and of the carts that are shared with it."""
        tag = self.partition(group)
        return f"{tag}:g:{group}", f"{tag}:y:{group}"

    def carts_of(self, member: MemberId) -> str:
        """Return the key of the carts that somebody takes part in."""
        return f"{self.partition(member)}:m:{self.shop}:{member}"

    def groups_of(self, member: MemberId) -> str:
        """Return the key of the named groups that somebody takes part in."""
        return f"{self.partition(member)}:t:{self.shop}:{member}"

    def handoff(self, name: str) -> str:
        """Return the key of a code, which hashes to the partition of its cart: draw it so."""
        return f"{self.partition(name)}:h:{name}"

    def handoffs(self, cart: CartId) -> str:
        """Return the key of the codes of a cart, by the operations that made them."""
        return f"{self.partition(cart)}:k:{cart}"

    def pairing(self, name: str) -> str:
        """Return the key of a code that a screen shows."""
        return f"{self.partition(name)}:p:{name}"

    def attempts(self, budget: str) -> str:
        """Return the key of what was spent of a budget of attempts."""
        return f"{self.partition(budget)}:b:{budget}"

    def journey(self, member: MemberId) -> tuple[str, str]:
        """Return the key of somebody's journey, and that of their wish to have none."""
        tag = self.partition(member)
        return f"{tag}:d:{self.shop}:{member}", f"{tag}:x:{self.shop}:{member}"

    def phone(self, digest: str) -> str:
        """Return the key of the customers who have a phone."""
        return f"{self.partition(digest)}:v:{self.shop}:{digest}"

    def merge(self, target: CartId, source: CartId, attempt: int) -> str:
        """Return the key of what was decided on an attempt to merge a cart into another one, or to undo that."""
        return f"{self.partition(target)}:g:{target}:{source}:{attempt}"

    def before_merge(self, target: CartId, source: CartId, attempt: int) -> str:
        """Return the key of a cart as it was before and after a merge."""
        return f"{self.partition(target)}:a:{target}:{source}:{attempt}"

    def commit(self, cart: CartId) -> tuple[str, str, str, str]:
        """Return cart, log, applied operations and channel, hashing the id once."""
        tag = self.partition(cart)
        return f"{tag}:c:{cart}", f"{tag}:l:{cart}", f"{tag}:i:{cart}", f"{tag}:n:{cart}"

    def customer(self, customer: CustomerId) -> tuple[str, str]:
        """Return the keys of a customer's record and of their open carts."""
        name = f"{self.shop}:{customer}"
        tag = self.partition(name)
        return f"{tag}:u:{name}", f"{tag}:o:{name}"

    def history(self, customer: CustomerId) -> tuple[str, str]:
        """Return the keys of a customer's orders as they count, and of the categories of what was in them."""
        name = f"{self.shop}:{customer}"
        tag = self.partition(name)
        return f"{tag}:ho:{name}", f"{tag}:hc:{name}"

    def limit(self, limit: Limit, shard: int) -> tuple[str, str, str, str]:
        """Return the keys of one shard of a limit: counter, holds, deadlines, and the pins of its partition."""
        name = f"{self.shop}:{shard}:{limit.kind}:{limit.promotion}:{limit.subject}"
        tag = self.partition(name)
        return f"{tag}:k:{name}", f"{tag}:kh:{name}", f"{tag}:kd:{name}", f"{tag}:pins"

    def limit_of(self, key: str) -> Limit | None:
        """Return the limit that a counter belongs to; None for the key of something else, or of another shop."""
        _, what, shop, *rest = key.split(":", 6)
        if what != "k" or shop != self.shop:
            return None
        _, kind, promotion, subject = rest
        return Limit(PromotionId(promotion), LimitKind(kind), subject)

    def quote(self, cart: CartId, quote: QuoteId) -> str:
        """Return the key of a quote, beside its cart."""
        return f"{self.partition(cart)}:quote:{cart}:{quote}"

    def order(self, number: OrderNumber) -> str:
        """Return the key of an order, in the partition of its cart."""
        return f"{self._tag(self.partition_of_order(number))}:order:{number}"

    def voucher(self, code: str) -> str:
        """Return the key of a code that an order brought, in a partition of its own."""
        name = f"{self.shop}:{code}"
        return f"{self.partition(name)}:voucher:{name}"

    def vouchers(self, customer: CustomerId) -> str:
        """Return the key of the codes that a customer's orders brought."""
        name = f"{self.shop}:{customer}"
        return f"{self.partition(name)}:vouchers:{name}"

    def orders(self, customer: CustomerId) -> str:
        """Return the key of the numbers of a customer's orders."""
        name = f"{self.shop}:{customer}"
        return f"{self.partition(name)}:orders:{name}"

    def outbox(self, partition: int) -> str:
        """Return the key of what is still to be done for orders in a partition, by its number from 0."""
        return f"{self._tag(partition)}:outbox"

    def account(self, account: AccountId) -> tuple[str, str, str, str]:
        """Return the keys of a points account: state, entries, operations, and the pins of its partition."""
        name = f"{self.shop}:{account}"
        tag = self.partition(name)
        return f"{tag}:a:{name}", f"{tag}:ae:{name}", f"{tag}:ao:{name}", f"{tag}:pins"

    def account_of(self, key: str) -> AccountId | None:
        """Return the account whose state a key is; None for the key of something else, or of another shop."""
        _, what, shop, name = key.split(":", 3)
        return AccountId(name) if what == "a" and shop == self.shop else None

    def family(self, customer: CustomerId) -> str:
        """Return the key that says with whom a customer pools points."""
        name = f"{self.shop}:{customer}"
        return f"{self.partition(name)}:af:{name}"

    def pins(self, partition: int) -> str:
        """Return the key of what is pinned in a partition, by its number from 0."""
        return f"{self._tag(partition)}:pins"

    def _tag(self, partition: int) -> str:
        return f"{{p{partition:03x}}}"


async def agree_on_partitions(connection: Connection, names: KeyNames) -> None:
    """Fix the number of partitions at the first start of a store, and compare it at every later one.

    Raises `PartitionsChangedError` where they differ.
    """
    await connection.command("SET", _META, names.partitions, "NX")
    known = int(await connection.command("GET", _META))
    if known != names.partitions:
        raise PartitionsChangedError(
            f"the store was made with {known} partitions and cannot be used with {names.partitions}:"
            f" set the number back to {known}"
        )
