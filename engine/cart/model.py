"""What shoppers want, as data: a cart holds intents, never a price."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine.types import (
    EPOCH,
    AdjustmentId,
    CartId,
    ChannelId,
    Currency,
    CustomerId,
    InstantMs,
    InviteId,
    LineId,
    MemberId,
    OperationId,
    OrderNumber,
    PromotionId,
    QuoteId,
    Sku,
    StoreId,
    record,
)

QUANTITY_SCALE = 1000
"""Goods sold by weight or length are counted in thousandths of their unit (grams, millimetres)."""


class Role(StrEnum):
    """What a member may do. Staff and terminals act by scope instead and are no members."""

    OWNER = "owner"
    EDITOR = "editor"
    ADDER = "adder"
    """May add, and change what they put in themselves."""
    SUGGESTER = "suggester"
    """What they add waits until an editor or the owner approves it."""
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent; suspended while the cart is in another currency."""

    amount_minor: int
    currency: Currency


@dataclass(frozen=True, slots=True)
class Member:
    """A participant of a cart. ``blocked`` are the paths of categories that are not for them.

    A screen takes part until ``until_ms``, and whatever it does makes that ``stay_ms`` from then; None for all others.
    """

    id: MemberId
    role: Role
    budget: Budget | None = None
    blocked: tuple[str, ...] = ()
    until_ms: InstantMs | None = None
    stay_ms: int = 0


@dataclass(frozen=True, slots=True)
class LimitsLeft:
    """What was said of somebody who left a cart by themselves: it holds for what they left behind."""

    id: MemberId
    budget: Budget | None
    blocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Invite:
    """A code that lets ``uses_left`` more people take part until ``ends_ms``. Whoever knows the code can."""

    id: InviteId
    code: str = field(repr=False)
    role: Role
    uses: int
    uses_left: int
    ends_ms: InstantMs


@dataclass(frozen=True, slots=True)
class DeliveryChoice:
    """How goods reach the shopper: a delivery method of the shop, and where it matters a place and a slot."""

    method: str
    place: str = ""
    slot: str = ""


@record
class LineItem:
    """A wish for some of a product.

    ``quantity`` counts pieces, or thousandths of the product's unit where it is sold by measure. ``shares`` says
    which member put how much, oldest first; they sum to the quantity. ``label_price_minor`` is the price printed on
    an in-store label, in ``label_currency``: such a pack is sold at that price.
    """

    id: LineId
    sku: Sku
    shares: tuple[tuple[MemberId, int], ...]
    options: tuple[tuple[str, str], ...] = ()
    seller: str = ""
    line_key: str = ""
    measured: bool = False
    note: str = ""
    delivery: DeliveryChoice | None = None
    label_price_minor: int | None = None
    label_currency: str = ""
    added_version: int = 1
    changed_version: int = 1
    changed_at_ms: InstantMs = EPOCH

    @property
    def quantity(self) -> int:
        """The total over the members' shares."""
        shares = self.shares
        return shares[0][1] if len(shares) == 1 else sum([share for _, share in shares])


class VoucherEnd(StrEnum):
    """Why a voucher is good for nothing any more."""

    USED = "used"
    EXPIRED = "expired"
    VOID = "void"
    """The order that brought it was cancelled."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """What is known of a code that an order brought: good for one later cart, before an instant.

    ``series`` is what rules know it by. ``ended`` is how it was when the code was entered; a checkout looks again.
    """

    series: str
    expires_ms: InstantMs
    ended: VoucherEnd | None = None

    def ended_at(self, at_ms: InstantMs) -> VoucherEnd | None:
        """Return why it is good for nothing at an instant, None where it is good."""
        return self.ended or (VoucherEnd.EXPIRED if at_ms >= self.expires_ms else None)


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """A code as the shopper typed it, and in the canonical form that rules compare.

    ``voucher`` is what is known of it where an order brought it, None for the codes that rules list.
    """

    canonical: str
    entered: str
    voucher: Voucher | None = None


@dataclass(frozen=True, slots=True)
class FeeChoice:
    """A fee of the shop's list that the shopper chose, such as two gift wraps."""

    fee: str
    quantity: int


class AdjustmentKind(StrEnum):
    """What staff change by hand."""

    PRICE = "price"
    """The price of one piece or one whole unit is another one."""
    AMOUNT = "amount"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of the price by staff: of one line, or where ``line`` is None of the whole cart.

    ``value`` is in minor units of ``currency``, or in basis points of a percentage, which has no currency. ``role`` is
    whose ceiling holds for it, ``reason`` one of the shop's list, ``note`` what else there is to say.
    """

    id: AdjustmentId
    kind: AdjustmentKind
    line: LineId | None
    value: int
    currency: str
    reason: str
    role: str
    member: MemberId
    note: str = ""
    added_version: int = 1
    added_at_ms: InstantMs = EPOCH


@dataclass(frozen=True, slots=True)
class Burn:
    """Points of its owner that are to be spent on a cart: so many, or where ``points`` is None as many as it takes.

    ``balance`` is what ``member``, who wished it, could spend on it when that was last looked up.
    """

    points: int | None
    balance: int
    member: MemberId


@dataclass(frozen=True, slots=True)
class Lease:
    """A cart is with one device, which its holder's token names, until an instant: everybody else reads only."""

    member: MemberId
    device: str
    channel: ChannelId
    store: StoreId | None
    since_ms: InstantMs
    until_ms: InstantMs


@dataclass(frozen=True, slots=True)
class Sold:
    """A cart was paid for at a device, and is closed."""

    sale: str
    member: MemberId
    device: str
    channel: ChannelId
    store: StoreId | None
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class Freeze:
    """A cart is in checkout: nobody changes it, until an instant or until whoever began that ends it."""

    quote: QuoteId
    member: MemberId
    since_ms: InstantMs
    until_ms: InstantMs


@dataclass(frozen=True, slots=True)
class Ordered:
    """A cart became an order, and changes no more."""

    number: OrderNumber
    member: MemberId
    at_ms: InstantMs


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Another person who came by a code. ``shared`` is what its giver wanted them to know, see `handoff.Share`.

    What was done before ``since_version`` is history to them.
    """

    member: MemberId
    shared: tuple[str, ...]
    since_version: int


class TransferState(StrEnum):
    """How far a cart is on its way into another one, see `docs/decisions/013-merging-carts.md`."""

    MERGING = "merging"
    """Sealed: whether the target takes it is not decided yet, or not known here yet."""
    MERGED = "merged"
    RETURNING = "returning"
    """Sealed likewise, on its way back."""


@dataclass(frozen=True, slots=True)
class Mover:
    """Who has a cart merged or brought back, and from where: whoever carries it out does so in their name."""

    member: MemberId
    by_scope: bool
    operation: OperationId
    channel: ChannelId
    store: StoreId | None
    device: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where a cart went, or is going. ``version`` is the one that sealed it, and with its id names the merge.

    ``attempt`` is the version that sealed it for the last time: that of the merge, or of its undoing. ``policy`` is a
    word of `engine.cart.merging.MergePolicy`.
    """

    target: CartId
    state: TransferState
    version: int
    policy: str
    attempt: int
    by: Mover

    @property
    def pending(self) -> bool:
        """Whether it has yet to be carried out."""
        return self.state is not TransferState.MERGED


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a cart's owner: a small versioned copy of the customer record.

    ``first_order_ms`` is the instant of the first order, None before it. ``birthday`` is ``MM-DD``; ``orders`` counts
    those placed so far, ``ordered_categories`` are the category paths of what was in them; ``stamps`` are those on each
    card. What nobody told is None, or empty for the birthday: a promotion that asks for it is not for this customer.
    """

    customer: CustomerId
    version: int = 0
    tier: str = ""
    segments: frozenset[str] = frozenset()
    points: int = 0
    first_order_ms: InstantMs | None = None
    customer_since_ms: InstantMs | None = None
    birthday: str = ""
    orders: int | None = None
    ordered_categories: frozenset[str] | None = None
    stamps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart at one version.

    ``field_versions`` says at which version the note, the channel and the other single fields last changed; it is
    what ``ifVersion`` is compared with. ``payment_method`` is empty until it is known; ``draw`` decides the arm of
    experiments, see `engine.cart.draw`. ``gift_choices`` says which gift is wished where a promotion offers several.
    ``suggestions`` are lines that wait for approval and are in no total; ``budget`` and ``deadline_ms`` are for all
    members together. ``lease`` and ``freeze`` may have lapsed, see `lease_at` and `freeze_at`. A cart with a
    ``transfer`` is read only: what it holds is in another one, or on the way.
    """

    id: CartId
    version: int
    members: tuple[Member, ...]
    channel: ChannelId
    store: StoreId | None
    locale: str
    lines: tuple[LineItem, ...] = ()
    codes: tuple[CodeEntry, ...] = ()
    fees: tuple[FeeChoice, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    gift_choices: Mapping[PromotionId, Sku] = field(default_factory=dict)
    delivery: DeliveryChoice | None = None
    payment_method: str = ""
    note: str = ""
    customer: CustomerId | None = None
    facts: Facts | None = None
    burn: Burn | None = None
    lease: Lease | None = None
    sold: Sold | None = None
    freeze: Freeze | None = None
    ordered: Ordered | None = None
    newcomers: tuple[Newcomer, ...] = ()
    draw: int = 0
    created_ms: InstantMs = EPOCH
    updated_ms: InstantMs = EPOCH
    expires_ms: InstantMs = EPOCH
    field_versions: Mapping[str, int] = field(default_factory=dict)
    suggestions: tuple[LineItem, ...] = ()
    invites: tuple[Invite, ...] = ()
    budget: Budget | None = None
    deadline_ms: InstantMs | None = None
    transfer: Transfer | None = None
    left: tuple[LimitsLeft, ...] = ()

    def member(self, member: MemberId) -> Member | None:
        """Return the participant with that id."""
        return next((known for known in self.members if known.id == member), None)

    def newcomer(self, member: MemberId) -> Newcomer | None:
        """Return how somebody came, None unless a code of another person's brought them."""
        return next((known for known in self.newcomers if known.member == member), None)

    def loses_a_member_by(self, at_ms: InstantMs) -> bool:
        """Say whether somebody who takes part does not any more at an instant."""
        return any(known.until_ms is not None and known.until_ms <= at_ms for known in self.members)

    @property
    def waits(self) -> bool:
        """Whether an instant changes what is said of it beside its price: the end of a lease, a checkout, its time."""
        return self.lease is not None or self.freeze is not None or self.deadline_ms is not None

    def lease_at(self, at_ms: InstantMs) -> Lease | None:
        """Return which device has the cart at an instant, None where it is with nobody."""
        return self.lease if self.lease is not None and at_ms < self.lease.until_ms else None

    @property
    def superseded_by(self) -> CartId | None:
        """The cart that holds what this one held, None where it is a cart of its own."""
        return self.transfer.target if self.transfer is not None and not self.transfer.pending else None

    def freeze_at(self, at_ms: InstantMs) -> Freeze | None:
        """Return the checkout that the cart is in at an instant, None where it is in none."""
        return self.freeze if self.freeze is not None and at_ms < self.freeze.until_ms else None

    def is_closed_at(self, at_ms: InstantMs) -> bool:
        """Say whether it changes no more at an instant: it is in checkout, paid for, or in another cart."""
        return bool(self.freeze_at(at_ms) or self.ordered or self.sold or self.transfer)

    def line(self, line: LineId) -> LineItem | None:
        """Return the line with that id."""
        return next((known for known in self.lines if known.id == line), None)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One applied operation: which version it made, who sent it from where and when, and what it did."""

    version: int
    operation: OperationId
    at_ms: InstantMs
    member: MemberId
    channel: ChannelId
    store: StoreId | None
    device: str
    changes: tuple[tuple[str, ...], ...]
    """What it did: (verb, subject, detail), such as ``("add", line id, "2")`` or ``("put", "note", "")``."""
