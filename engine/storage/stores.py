"""All that the service keeps, on one connection."""

from dataclasses import dataclass

from engine.storage.carts import CartLimits, CartStore
from engine.storage.checkouts import CheckoutStore
from engine.storage.connection import Connection
from engine.storage.customers import CustomerStore
from engine.storage.handoffs import HandoffStore
from engine.storage.keys import KeyNames
from engine.storage.ledger import LedgerStore
from engine.storage.limits import LimitStore
from engine.storage.pairings import PairingStore
from engine.storage.viewers import ViewerStore


@dataclass(frozen=True, slots=True)
class Stores:
    """One for each kind of state."""

    carts: CartStore
    customers: CustomerStore
    viewers: ViewerStore
    handoffs: HandoffStore
    pairings: PairingStore
    limits: LimitStore
    checkouts: CheckoutStore
    ledger: LedgerStore

    @classmethod
    def on(cls, connection: Connection, names: KeyNames, limits: CartLimits | None = None) -> "Stores":
        """Return the stores on a connection; they open nothing of their own."""
        known = limits or CartLimits()
        return cls(
            CartStore(connection, names, limits),
            CustomerStore(connection, names),
            ViewerStore(connection, names),
            HandoffStore(connection, names, limits),
            PairingStore(connection, names),
            LimitStore(connection, names),
            CheckoutStore(connection, names, log_length=known.log),
            LedgerStore(connection, names),
        )
