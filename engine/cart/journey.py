"""The journey that leads to a cart: what its owner searched for and looked at, on which device."""

from dataclasses import dataclass
from enum import StrEnum

from engine.types import ChannelId, InstantMs, StoreId

TEXT_LENGTH_MAX = 200


class StepKind(StrEnum):
    """What somebody did."""

    SEARCH = "search"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``text`` is what was searched for, or the SKU of the product that was looked at."""

    kind: StepKind
    text: str
    at_ms: InstantMs
    channel: ChannelId
    store: StoreId | None
    device: str


@dataclass(frozen=True, slots=True)
class Journey:
    """Steps, newest first. Nothing is kept while ``recorded`` is False: the person switched it off."""

    steps: tuple[Step, ...]
    recorded: bool = True
