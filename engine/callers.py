"""Who calls, from where, and what that lets them do."""

from dataclasses import dataclass
from enum import StrEnum

from engine.cart.model import Cart, Role
from engine.errors import UserError, UserErrorCode
from engine.types import ChannelId, CustomerId, InstantMs, MemberId, StoreId

CUSTOMER_ID_LENGTH_MAX = 128


class CallerKind(StrEnum):
    """Who can call."""

    GUEST = "guest"
    CUSTOMER = "customer"
    STAFF = "staff"
    TERMINAL = "terminal"
    SERVICE = "service"


class Scope(StrEnum):
    """What staff, terminals and services may do beyond their own carts."""

    CART_READ = "cart:read"
    CART_WRITE = "cart:write"
    CART_ADJUST = "cart:adjust"
    """Change prices by hand, up to the ceiling of one's role."""
    OFFERS_READ = "offers:read"
    """See the outcome of every promotion, hidden ones and those for other segments too."""
    JOURNEY_READ = "journey:read"
    """See what the owner of a cart searched for and looked at."""
    CHECKOUT = "checkout"
    """Pay for any cart, end a checkout that somebody else began, and cancel orders."""
    LOYALTY_WRITE = "loyalty:write"
    """Add points to accounts and take them, with a reason."""
    SERVICE = "service"
    """Back office: write customer records."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where, with which rights; what a token says."""

    kind: CallerKind
    id: str
    channel: ChannelId | None = None
    store: StoreId | None = None
    device: str = ""
    scopes: frozenset[str] = frozenset()
    role: str = ""
    """What the shop's ``adjustments.yaml`` calls their post, such as ``manager``; empty for its default role."""

    @property
    def member(self) -> MemberId:
        """The id under which this caller takes part in carts."""
        return MemberId(f"{self.kind}:{self.id}")

    @property
    def customer(self) -> CustomerId | None:
        """The customer that calls, None for everybody else."""
        return CustomerId(self.id) if self.kind is CallerKind.CUSTOMER else None

    @property
    def is_shops(self) -> bool:
        """Whether the caller is of the shop, and so where their token says: what a guest says of it is only said."""
        return self.kind not in {CallerKind.GUEST, CallerKind.CUSTOMER}

    @property
    def sees_staff(self) -> bool:
        """Whether they are told which member of staff did something: staff are, by scope, and shoppers are not."""
        return self.may(Scope.CART_READ) or self.may(Scope.CART_ADJUST)

    def may(self, scope: Scope) -> bool:
        """Say whether the caller has a scope. Scopes of shoppers count for nothing."""
        return self.is_shops and scope in self.scopes

    def may_read(self, cart: Cart, at_ms: InstantMs) -> bool:
        """Say whether the caller may see a cart: its members may, the device that has it now, and staff by scope."""
        if cart.member(self.member) is not None or self.may(Scope.CART_READ):
            return True
        lease = cart.lease_at(at_ms)
        return lease is not None and (lease.member, lease.device) == (self.member, self.device)

    def may_manage(self, cart: Cart) -> bool:
        """Say whether the caller decides who takes part in a cart: its owner does, and staff by scope."""
        member = cart.member(self.member)
        return (member is not None and member.role is Role.OWNER) or self.may(Scope.CART_WRITE)


def customer_of(member: MemberId) -> CustomerId | None:
    """Return the customer that takes part in carts under an id, None where that is somebody else's."""
    kind, _, id_ = member.partition(":")
    return CustomerId(id_) if kind == CallerKind.CUSTOMER else None


def customer_fault(customer: CustomerId) -> UserError | None:
    """Return why something cannot be the id of a customer, None where it can."""
    if customer and len(customer) <= CUSTOMER_ID_LENGTH_MAX and customer.isprintable():
        return None
    message = f"a customer id has 1 to {CUSTOMER_ID_LENGTH_MAX} printable characters"
    return UserError(UserErrorCode.INVALID_CUSTOMER, message, ("customerId",))
