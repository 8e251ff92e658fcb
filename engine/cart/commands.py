"""What a caller may do to a cart: one small class each, and the operations it turns into.

A command's `ops` needs no read of the cart: a line's id is a hash of what is wished, so adding to it and creating it
are the same operation, and adds from many devices commute. Commands are built by `engine.pricing.admission`, which
checks requests against the shop first; the script `storage/lua/commit.lua` applies the operations.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from engine.cart.model import AdjustmentKind, CodeEntry, DeliveryChoice, Facts, Voucher
from engine.types import (
    AdjustmentId,
    CartId,
    ChannelId,
    CustomerId,
    LineId,
    MemberId,
    PromotionId,
    Sku,
    StoreId,
)

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]
Op = list[Plain]
"""An operation as the script reads it: a verb and its arguments; ``False`` stands for an absent one."""


def line_id(sku: Sku, options: Iterable[tuple[str, str]] = (), seller: str = "", line_key: str = "") -> LineId:
    """Return the id of the line that holds this wish: 16 hexadecimal digits, the same on every machine."""
    parts = [sku, seller, line_key]
    for name, value in sorted(options):
        parts += [name, value]
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return LineId(hashlib.blake2b(framed.encode(), digest_size=8).hexdigest())


@dataclass(frozen=True, slots=True)
class SoldWhere:
    """Where a line may be added: what the script compares the cart's own channel and store with.

    None means no restriction. ``storeless`` are the channels in which it is sold to a cart that names no store.
    """

    channels: tuple[ChannelId, ...] | None
    stores: tuple[StoreId, ...] | None
    storeless: tuple[ChannelId, ...]


@dataclass(frozen=True, slots=True)
class NewLine:
    """A wish to add. ``quantity`` counts pieces, or thousandths where ``measured``."""

    sku: Sku
    quantity: int
    measured: bool = False
    options: tuple[tuple[str, str], ...] = ()
    seller: str = ""
    line_key: str = ""
    note: str = ""
    delivery: DeliveryChoice | None = None
    label_price_minor: int | None = None
    label_currency: str = ""
    sold_where: SoldWhere | None = None

    @property
    def id(self) -> LineId:
        """The line it goes to."""
        return line_id(self.sku, self.options, self.seller, self.line_key)

    def attributes(self) -> dict[str, Plain]:
        """Return what a line that is made of it holds, besides quantities."""
        attributes: dict[str, Plain] = {"s": self.sku}
        if self.measured:
            attributes["m"] = 1
        if self.options:
            attributes["o"] = [list(option) for option in self.options]
        if self.seller:
            attributes["e"] = self.seller
        if self.line_key:
            attributes["k"] = self.line_key
        if self.note:
            attributes["n"] = self.note
        if self.delivery:
            attributes["d"] = _delivery(self.delivery)
        if self.label_price_minor is not None:
            attributes["p"] = self.label_price_minor
            attributes["pc"] = self.label_currency
        return attributes

    def op(self) -> Op:
        """Return the operation; attributes only count where the line does not exist yet."""
        return ["add", self.id, self.quantity, self.attributes(), _guard(self.sold_where)]


@dataclass(frozen=True, slots=True)
class AddLines:
    """Add to lines, creating those that are not there. Commutes with every other add."""

    lines: tuple[NewLine, ...]

    def ops(self) -> list[Op]:
        """One operation a line."""
        return [line.op() for line in self.lines]


@dataclass(frozen=True, slots=True)
class LineChange:
    """New values for an existing line; None leaves a value as it is.

    ``quantity_thousandths`` is in thousandths for every product, because only the script knows how the line counts; 0
    removes the line. ``if_version`` makes the change conditional on the line not having changed since that version.
    """

    line: LineId
    quantity_thousandths: int | None = None
    note: str | None = None
    delivery: DeliveryChoice | None = None
    clear_delivery: bool = False
    if_version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeLines:
    """Set quantities, notes or delivery choices of lines."""

    changes: tuple[LineChange, ...]

    def ops(self) -> list[Op]:
        """One operation for each value that is set."""
        ops: list[Op] = []
        for change in self.changes:
            guard = _version(change.if_version)
            if change.note is not None:
                ops.append(["line_put", change.line, "n", change.note, guard])
            if change.delivery is not None or change.clear_delivery:
                value = _delivery(change.delivery) if change.delivery else False
                ops.append(["line_put", change.line, "d", value, guard])
            if change.quantity_thousandths is not None:
                ops.append(["set", change.line, change.quantity_thousandths, guard])
        return ops


@dataclass(frozen=True, slots=True)
class RemoveLines:
    """Remove lines, whoever put them; a line that is not there is refused."""

    lines: tuple[LineId, ...]
    if_version: int | None = None

    def ops(self) -> list[Op]:
        """One operation a line."""
        return [["del", line, _version(self.if_version)] for line in self.lines]


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove all that is wished: lines, codes, fees, gifts, adjustments, points and the note; all else stays."""

    def ops(self) -> list[Op]:
        """One operation."""
        return [["clear"]]


@dataclass(frozen=True, slots=True)
class AddCodes:
    """Add codes: pairs of (canonical, as entered). A code that is there already stays as it was entered.

    ``vouchers`` say what is known of those that orders brought, by the canonical code; it is looked up, not asked for.
    """

    codes: tuple[tuple[str, str], ...]
    vouchers: Mapping[str, Voucher] = field(default_factory=dict, repr=False)

    def ops(self) -> list[Op]:
        """One operation a code."""
        return [["code", canonical, entered, *self._told(canonical)] for canonical, entered in self.codes]

    def entries(self) -> tuple[CodeEntry, ...]:
        """Return the codes as a cart holds them."""
        return tuple(CodeEntry(canonical, entered, self.vouchers.get(canonical)) for canonical, entered in self.codes)

    def _told(self, canonical: str) -> list[str | int]:
        voucher = self.vouchers.get(canonical)
        return [voucher.series, voucher.expires_ms, voucher.ended or ""] if voucher else []


@dataclass(frozen=True, slots=True)
class RemoveCodes:
    """Remove codes, by their canonical form; one that is not there is refused."""

    codes: tuple[str, ...]

    def ops(self) -> list[Op]:
        """One operation a code."""
        return [["uncode", canonical] for canonical in self.codes]


@dataclass(frozen=True, slots=True)
class AddFees:
    """Add to chosen fees."""

    fees: tuple[tuple[str, int], ...]

    def ops(self) -> list[Op]:
        """One operation a fee."""
        return [["fee", fee, quantity] for fee, quantity in self.fees]


@dataclass(frozen=True, slots=True)
class RemoveFees:
    """Take fees out of the cart; one that is not there is refused."""

    fees: tuple[str, ...]

    def ops(self) -> list[Op]:
        """One operation a fee."""
        return [["unfee", fee] for fee in self.fees]


@dataclass(frozen=True, slots=True)
class ChooseGift:
    """Choose the gift of a promotion that offers several; ``sku`` None takes the choice back."""

    promotion: PromotionId
    sku: Sku | None

    def ops(self) -> list[Op]:
        """One operation."""
        return [["choose", self.promotion, self.sku or False]]


@dataclass(frozen=True, slots=True)
class AddAdjustment:
    """Change the price by hand. ``line`` None is the cart; ``value`` is in minor units, or basis points."""

    id: AdjustmentId
    kind: AdjustmentKind
    line: LineId | None
    value: int
    currency: str
    reason: str
    role: str
    note: str = ""

    def attributes(self) -> dict[str, Plain]:
        """Return what is kept of it, besides who made it and when."""
        attributes: dict[str, Plain] = {"k": self.kind.value, "v": self.value, "r": self.reason, "o": self.role}
        if self.currency:
            attributes["u"] = self.currency
        if self.note:
            attributes["n"] = self.note
        return attributes

    def ops(self) -> list[Op]:
        """One operation; its last argument is what the log says of it."""
        told = " ".join(filter(None, (self.kind, str(self.value), self.currency, self.reason)))
        return [["adjust", self.id, False if self.line is None else self.line, self.attributes(), told]]


@dataclass(frozen=True, slots=True)
class RemoveAdjustment:
    """Take a change of the price back; one that is not there is refused."""

    id: AdjustmentId

    def ops(self) -> list[Op]:
        """One operation."""
        return [["unadjust", self.id]]


@dataclass(frozen=True, slots=True)
class BurnPoints:
    """Spend points of the cart's customer on it; None is as many as it takes, 0 takes the wish back.

    ``balance`` is what whoever asks could spend on it a moment ago.
    """

    points: int | None
    customer: CustomerId | None = None
    balance: int = 0

    def ops(self) -> list[Op]:
        """One operation."""
        return [["burn", False if self.points is None else self.points, self.customer or False, self.balance]]


@dataclass(frozen=True, slots=True)
class RefreshBalance:
    """Note what can be spent on the cart by now, where points are to be."""

    balance: int

    def ops(self) -> list[Op]:
        """One operation."""
        return [["balance", self.balance]]


@dataclass(frozen=True, slots=True)
class SetContext:
    """Move the cart to another channel, store, locale, delivery choice or payment method; None leaves a value as it is.

    An empty payment method takes it away.
    """

    channel: ChannelId | None = None
    store: StoreId | None = None
    clear_store: bool = False
    locale: str | None = None
    delivery: DeliveryChoice | None = None
    clear_delivery: bool = False
    payment_method: str | None = None
    if_version: int | None = None

    def ops(self) -> list[Op]:
        """One operation for each value that is set."""
        guard = _version(self.if_version)
        ops: list[Op] = []
        if self.channel is not None:
            ops.append(["put", "channel", self.channel, guard])
        if self.store is not None or self.clear_store:
            ops.append(["put", "store", self.store or False, guard])
        if self.locale is not None:
            ops.append(["put", "locale", self.locale, guard])
        if self.delivery is not None or self.clear_delivery:
            value = _delivery(self.delivery) if self.delivery else False
            ops.append(["put", "delivery", value, guard])
        if self.payment_method is not None:
            ops.append(["put", "payment", self.payment_method or False, guard])
        return ops


@dataclass(frozen=True, slots=True)
class SetNote:
    """Set the cart's note; empty takes it away."""

    note: str
    if_version: int | None = None

    def ops(self) -> list[Op]:
        """One operation."""
        return [["put", "note", self.note or False, _version(self.if_version)]]


@dataclass(frozen=True, slots=True)
class AttachCustomer:
    """Make a customer the owner: the guest's member id becomes the customer's in members and shares.

    Refused where the cart belongs to another customer. ``guest`` is the member that signs in, None where staff
    attach a customer to a cart.
    """

    customer: CustomerId
    member: MemberId
    facts: Facts
    guest: MemberId | None = None

    def ops(self) -> list[Op]:
        """One operation."""
        return [["attach", self.customer, self.member, self.guest or False, packed_facts(self.facts)]]


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """Put a newer copy of the owner's facts into the cart; an older one changes nothing."""

    facts: Facts

    def ops(self) -> list[Op]:
        """One operation."""
        return [["facts", self.facts.customer, packed_facts(self.facts)]]


class LeaseChange(StrEnum):
    """What becomes of a lease: its holder renews or returns it, the cart's owner takes it back."""

    RENEW = "renew"
    RETURN = "return"
    TAKE_BACK = "take_back"


@dataclass(frozen=True, slots=True)
class ChangeLease:
    """Renew or end what a MOVE gave to one device."""

    change: LeaseChange

    def ops(self) -> list[Op]:
        """One operation."""
        return [["lease", self.change.value]]


@dataclass(frozen=True, slots=True)
class MergeInto:
    """Seal a cart, so that what it holds goes into another one. For its owner; ``policy`` is a `MergePolicy`."""

    target: CartId
    policy: str

    def ops(self) -> list[Op]:
        """One operation."""
        return [["merge", self.target, self.policy]]


@dataclass(frozen=True, slots=True)
class ComeBack:
    """Undo a merge: the cart is to be one of its own again. For its owner."""

    def ops(self) -> list[Op]:
        """One operation."""
        return [["unmerge"]]


class Command(Protocol):
    """What a caller may do to a cart: any of the classes here and in `engine.cart.members`."""

    def ops(self) -> list[Op]:
        """Return the operations it turns into."""


def as_asked(command: Command) -> Command:
    """Return a command without what the shop added to it, which may be another a moment later."""
    if isinstance(command, BurnPoints):
        return BurnPoints(command.points)
    if not isinstance(command, AddLines):
        return command
    return AddLines(
        tuple(
            replace(line, sold_where=None, quantity=line.quantity if line.label_price_minor is None else 0)
            for line in command.lines
        )
    )


def content_version(facts: Facts) -> int:
    """Return a version below 0, of 31 bits, that names what is known: for records out of files, which have no history.

    Two records with the same content have the same one, so that an answer can name what it was computed from.
    """
    content = packed_facts(replace(facts, version=0))
    return -1 - (zlib.crc32(repr(sorted(content.items())).encode()) >> 1)


def packed_facts(facts: Facts) -> dict[str, Plain]:
    """Return facts as they lie in the store."""
    packed: dict[str, Plain] = {"c": facts.customer, "v": facts.version}
    if facts.tier:
        packed["t"] = facts.tier
    if facts.segments:
        packed["g"] = [*sorted(facts.segments)]
    if facts.points:
        packed["p"] = facts.points
    if facts.first_order_ms is not None:
        packed["f"] = facts.first_order_ms
    if facts.customer_since_ms is not None:
        packed["s"] = facts.customer_since_ms
    if facts.birthday:
        packed["b"] = facts.birthday
    if facts.orders is not None:
        packed["o"] = facts.orders
    if facts.ordered_categories is not None:
        packed["k"] = [*sorted(facts.ordered_categories)]
    if facts.stamps:
        packed["m"] = dict(sorted(facts.stamps.items()))
    return packed


def _version(if_version: int | None) -> Plain:
    return False if if_version is None else if_version


def _delivery(choice: DeliveryChoice) -> list[Plain]:
    return [choice.method, choice.place, choice.slot]


def _guard(sold: SoldWhere | None) -> Plain:
    if sold is None:
        return False
    return [
        list(sold.channels) if sold.channels is not None else False,
        list(sold.stores) if sold.stores is not None else False,
        list(sold.storeless),
    ]
