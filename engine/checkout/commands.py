"""What a checkout does to its cart, as commands like those in `engine.cart.commands`.

The script `storage/lua/checkout.lua` applies them.
"""

from dataclasses import dataclass

from engine.cart.commands import Op
from engine.types import QuoteId


@dataclass(frozen=True, slots=True)
class FreezeCart:
    """Freeze a cart for a quote, for so long, as it was at the version that was priced."""

    quote: QuoteId
    life_ms: int
    version: int

    def ops(self) -> list[Op]:
        """One operation."""
        return [["freeze", self.quote, self.life_ms, self.version]]


@dataclass(frozen=True, slots=True)
class ExtendFreeze:
    """Keep a cart frozen for so long from now."""

    quote: QuoteId
    life_ms: int

    def ops(self) -> list[Op]:
        """One operation."""
        return [["extend", self.quote, self.life_ms]]


@dataclass(frozen=True, slots=True)
class ThawCart:
    """End the checkout of a quote, whose cart may be changed again."""

    quote: QuoteId

    def ops(self) -> list[Op]:
        """One operation."""
        return [["thaw", self.quote]]
