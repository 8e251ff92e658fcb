"""The names of things: ids and other plain values that must not be mixed up, and how records of them are made."""

from dataclasses import dataclass, field
from typing import Final, NewType, TypeVar, dataclass_transform

R = TypeVar("R")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[R]) -> type[R]:
    """Make a slotted dataclass that nobody changes: `frozen`, but for the price of it.

    The type checker refuses an assignment, so nothing has to at run time, where refusing makes it three times as
    expensive to make one. For what an evaluation makes by the hundred; anything else may as well be frozen.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


CartId = NewType("CartId", str)
"""Opaque; the partition a cart lives in is a hash of it."""
LineId = NewType("LineId", str)
"""Hash of SKU, canonical options, seller and line key: the same wish is the same line, without a look-up."""
MemberId = NewType("MemberId", str)
"""Who takes part in a cart: ``customer:42``, ``guest:…``, ``staff:…``, ``terminal:…``, ``service:…``."""
OperationId = NewType("OperationId", str)
AdjustmentId = NewType("AdjustmentId", str)
"""Made from who adjusts and their operation: the same request sent again is the same adjustment."""
InviteId = NewType("InviteId", str)
"""Made from who invites and their operation; the code, which is the secret, is another thing."""
GroupId = NewType("GroupId", str)
"""Made from who makes a named group and their operation."""
QuoteId = NewType("QuoteId", str)
"""Made from who begins a checkout and their operation; it means something within its cart."""
OrderNumber = NewType("OrderNumber", str)
"""What people read and say; it hashes to the partition of its cart."""
CustomerId = NewType("CustomerId", str)
Sku = NewType("Sku", str)
ChannelId = NewType("ChannelId", str)
StoreId = NewType("StoreId", str)
PriceListId = NewType("PriceListId", str)
PromotionId = NewType("PromotionId", str)
Currency = NewType("Currency", str)
"""ISO 4217 alphabetic code."""
InstantMs = NewType("InstantMs", int)
"""Milliseconds since 1970-01-01T00:00Z."""
EPOCH: Final = InstantMs(0)
