"""What callers ask for, as they said it: `engine.pricing.admission` checks it and builds commands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from engine.cart.model import DeliveryChoice
from engine.types import LineId


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one cart and one request may hold. Those of a cart as a whole are enforced by the script."""

    lines_max: int = 500
    quantity_max: int = 99_999
    """Pieces, or whole units of measured goods, of one line or fee."""
    codes_max: int = 20
    fees_max: int = 20
    note_length_max: int = 500
    lines_per_request_max: int = 250
    screen_stay_ms: int = 30 * 24 * 60 * 60 * 1000
    """For how long a paired screen has a cart that it does nothing with."""
    kiosk_stay_ms: int = 10 * 60 * 1000
    """The same of a screen that is the shop's, which strangers use one after the other."""


@dataclass(frozen=True, slots=True)
class LineRequest:
    """Goods to add, named by `sku` or by what was scanned.

    `quantity` is pieces, or units (kilograms, metres) where sold by measure; None means one piece, or what the label
    of a pack says.
    """

    sku: str | None = None
    barcode: str | None = None
    quantity: Decimal | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    delivery: DeliveryChoice | None = None
    line_key: str = ""
    seller: str = ""


@dataclass(frozen=True, slots=True)
class LineChangeRequest:
    """New values of a line; None leaves a value as it is, a quantity of 0 removes the line."""

    line: LineId
    quantity: Decimal | None = None
    note: str | None = None
    delivery: DeliveryChoice | None = None
    clear_delivery: bool = False
    if_version: int | None = None


@dataclass(frozen=True, slots=True)
class FeeRequest:
    """A fee to choose, and how often."""

    fee: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class AdjustmentRequest:
    """A change by hand: exactly one of price, amount and percentage, as they were written.

    `line` None is the whole cart. `currency` goes with a price and an amount.
    """

    reason: str
    line: LineId | None = None
    price: str | None = None
    amount: str | None = None
    percent: str | None = None
    currency: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """Where the cart is to be; None leaves a value as it is."""

    channel: str | None = None
    store: str | None = None
    clear_store: bool = False
    locale: str | None = None
    delivery: DeliveryChoice | None = None
    clear_delivery: bool = False
    payment_method: str | None = None
    """Empty takes it away."""
    if_version: int | None = None
