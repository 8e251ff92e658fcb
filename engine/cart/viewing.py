"""Those who look at a cart: who is there now, and what each saw when they last looked."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.types import ChannelId, Currency, InstantMs, LineId, MemberId, PromotionId, Sku, StoreId


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who has a cart open, and where. The same person on two devices is two viewers."""

    member: MemberId
    channel: ChannelId
    store: StoreId | None = None
    device: str = ""


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line as it was shown: its quantity in pieces, or in thousandths where measured, and what it came to.

    ``amount_minor`` is without its share of what is taken off the order, which changes with every other line.
    """

    sku: Sku
    quantity: int
    measured: bool
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a viewer saw of a cart: enough to say later what is new. ``offers`` are labels by promotion."""

    version: int
    at_ms: InstantMs
    currency: Currency
    total_minor: int
    lines: Mapping[LineId, SeenLine]
    offers: Mapping[PromotionId, str]
