"""Handing carts over, as clients see it."""

import strawberry
from strawberry import ID

from engine.cart.handoff import CodeForm, HandoffMode, Place, Receipt, Share
from engine.cart.model import Lease, Sold
from engine.handoff_service import Handoff
from engine.types import InstantMs
from schema.ids import encode_id
from schema.views import object_type

strawberry.enum(HandoffMode, name="HandoffMode", description="What whoever claims a code gets.")
strawberry.enum(CodeForm, name="HandoffCodeForm", description="How a code is typed.")
strawberry.enum(
    Share,
    name="HandoffShare",
    description="What another person is told only where the giver says so; their own devices and the shop's know it.",
)


@object_type("CartLease")
class LeaseView:
    """A cart is with one device for a while: everybody else reads only."""

    __slots__ = ("_lease", "_sees_staff")

    def __init__(self, lease: Lease, *, sees_staff: bool) -> None:
        self._lease = lease
        self._sees_staff = sees_staff

    @property
    def member(self) -> ID:
        """Who has it: the kind of caller and their id; of staff, shoppers are told the kind alone."""
        member = self._lease.member
        return ID(member if self._sees_staff or not member.startswith("staff:") else "staff")

    @property
    def device(self) -> str | None:
        """What their token calls the device."""
        return self._lease.device or None

    @property
    def channel(self) -> str:
        """The channel that it is in."""
        return self._lease.channel

    @property
    def store(self) -> str | None:
        """The store that it is in."""
        return self._lease.store

    @property
    def since(self) -> InstantMs:
        """Since when."""
        return self._lease.since_ms

    @property
    def until(self) -> InstantMs:
        """Until when, unless it is renewed, returned or taken back."""
        return self._lease.until_ms


@object_type("CartSold")
class SoldView:
    """A cart was paid for, and is closed."""

    __slots__ = ("_sees_staff", "_sold")

    def __init__(self, sold: Sold, *, sees_staff: bool) -> None:
        self._sold = sold
        self._sees_staff = sees_staff

    @property
    def sale(self) -> ID:
        """The sale, as the till named it."""
        return ID(self._sold.sale)

    @property
    def member(self) -> ID:
        """Who sold it: the kind of caller and their id; of staff, shoppers are told the kind alone."""
        member = self._sold.member
        return ID(member if self._sees_staff or not member.startswith("staff:") else "staff")

    @property
    def device(self) -> str | None:
        """What their token calls the device."""
        return self._sold.device or None

    @property
    def channel(self) -> str:
        """The channel that it was sold in."""
        return self._sold.channel

    @property
    def store(self) -> str | None:
        """The store that it was sold in."""
        return self._sold.store

    @property
    def at(self) -> InstantMs:
        """When that came to be known here."""
        return self._sold.at_ms


@object_type("Handoff")
class HandoffView:
    """A code, in every form that it can be shown in. It is good once."""

    __slots__ = ("_handoff",)

    def __init__(self, handoff: Handoff) -> None:
        self._handoff = handoff

    @property
    def code(self) -> str:
        """What people read and type, such as "CDFG-HJKM-N", or six digits; case, spaces and dashes do not matter."""
        return self._handoff.code.shown

    @property
    def qr(self) -> str:
        """What a QR code of it says: a URI, which claims may send as it is."""
        return self._handoff.code.uri("handoff")

    @property
    def ean13(self) -> str:
        """For linear scanners: 13 digits under a prefix for restricted circulation that no label of the shop has."""
        return self._handoff.code.ean13(self._handoff.prefix)

    @property
    def mode(self) -> HandoffMode:
        """What whoever claims it gets."""
        return self._handoff.terms.mode

    @property
    def expires_at(self) -> InstantMs:
        """When it stops being good."""
        return self._handoff.expires_ms

    @property
    def for_store(self) -> str | None:
        """The only store in which it is good; null for everywhere."""
        return self._handoff.terms.for_store

    @property
    def for_channel(self) -> str | None:
        """The only channel in which it is good; null for everywhere."""
        return self._handoff.terms.for_channel


@object_type("HandoffClaimant")
class ClaimantView:
    """The device that claimed a code."""

    __slots__ = ("_at_ms", "_place", "_tells_name")

    def __init__(self, place: Place, at_ms: InstantMs, *, tells_name: bool) -> None:
        self._place = place
        self._at_ms = at_ms
        self._tells_name = tells_name

    @property
    def member(self) -> ID | None:
        """Who; null for those who are no members of the cart."""
        return ID(self._place.member) if self._tells_name else None

    @property
    def device(self) -> str | None:
        """What their token calls the device."""
        return self._place.device or None

    @property
    def channel(self) -> str:
        """The channel that it is in."""
        return self._place.channel

    @property
    def store(self) -> str | None:
        """The store that it is in."""
        return self._place.store

    @property
    def at(self) -> InstantMs:
        """When, by the clock of the store."""
        return self._at_ms


@object_type("HandoffReceipt")
class ReceiptView:
    """What a claim came to. Whoever claimed a code and asks again gets the same receipt."""

    __slots__ = ("_receipt",)

    def __init__(self, receipt: Receipt) -> None:
        self._receipt = receipt

    @property
    def id(self) -> ID:
        """Names this claim."""
        return ID(self._receipt.id)

    @property
    def mode(self) -> HandoffMode:
        """What was claimed."""
        return self._receipt.mode

    @property
    def cart_id(self) -> ID:
        """The cart; after a COPY, the new one."""
        return encode_id("Cart", self._receipt.cart)

    @property
    def at(self) -> InstantMs:
        """When it was claimed."""
        return self._receipt.at_ms

    @property
    def lease_until(self) -> InstantMs | None:
        """Until when a MOVE was for at first; `Cart.lease` says what holds now."""
        return self._receipt.until_ms
