"""All that the service keeps, on one connection."""

from dataclasses import dataclass

from engine.storage.carts import CartLimits, CartStore
from engine.storage.checkouts import CheckoutStore
from engine.storage.connection import Connection
from engine.storage.customers import CustomerStore
from engine.storage.groups import GroupStore
from engine.storage.handoffs import HandoffStore
from engine.storage.invites import InviteCodes
from engine.storage.journeys import JourneyStore
from engine.storage.keys import KeyNames
from engine.storage.ledger import LedgerStore
from engine.storage.limits import LimitStore
from engine.storage.merges import MergeStore
from engine.storage.offline import OfflineStore
from engine.storage.pairings import PairingStore
from engine.storage.phones import PhoneStore
from engine.storage.pointers import PointerStore
from engine.storage.uses import UseStore
from engine.storage.viewers import ViewerStore
from engine.storage.vouchers import VoucherStore


@dataclass(frozen=True, slots=True)
class Stores:
    """One for each kind of state."""

    carts: CartStore
    customers: CustomerStore
    viewers: ViewerStore
    handoffs: HandoffStore
    pairings: PairingStore
    invites: InviteCodes
    groups: GroupStore
    group_invites: InviteCodes
    pointers: PointerStore
    journeys: JourneyStore
    phones: PhoneStore
    offline: OfflineStore
    merges: MergeStore
    limits: LimitStore
    checkouts: CheckoutStore
    ledger: LedgerStore
    uses: UseStore
    vouchers: VoucherStore

    @classmethod
    def on(
        cls, connection: Connection, names: KeyNames, limits: CartLimits | None = None, *, phone_secret: str = ""
    ) -> "Stores":
        """Return the stores on a connection; they open nothing of their own.

        ``phone_secret`` is what customers are found by phone with, see `PhoneStore`.
        """
        known = limits or CartLimits()
        carts = CartStore(connection, names, limits)
        counters, ledger = LimitStore(connection, names), LedgerStore(connection, names)
        return cls(
            carts,
            CustomerStore(connection, names),
            ViewerStore(connection, names),
            HandoffStore(connection, names, limits),
            PairingStore(connection, names),
            InviteCodes(connection, names.invite),
            GroupStore(connection, names, limits),
            InviteCodes(connection, names.group_invite),
            PointerStore(connection, names),
            JourneyStore(connection, names, limits),
            PhoneStore(connection, names, phone_secret),
            OfflineStore(connection, names, limits),
            carts.merges,
            counters,
            CheckoutStore(connection, names, log_length=known.log),
            ledger,
            UseStore(counters, ledger),
            VoucherStore(connection, names),
        )
