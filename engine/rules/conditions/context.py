"""``context``: where the cart is."""

from typing import ClassVar

from pydantic import model_validator

from engine.pricing.evaluation import Shortfall
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test


class Context(Condition):
    """The cart must be in one of `channels`, `stores`, `store_groups` and `countries`, as far as given.

    The same as the keys of a promotion, for use inside `or` and `not`.
    """

    word: ClassVar[str] = "context"
    example: ClassVar[str] = "context: {channels: [web, app], countries: [FR]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], store: lyon, expect: {discount: 10.00 EUR}}",
        "{cart: [{sku: boots}], store: lisbon, expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it is not offered here"

    channels: Words | None = None
    """Ids of channels."""
    stores: Words | None = None
    """Ids of stores."""
    store_groups: Words | None = None
    """Groups of stores."""
    countries: Words | None = None
    """Countries of stores, in two letters."""

    @model_validator(mode="after")
    def _one_key(self) -> "Context":
        if all(value is None for value in (self.channels, self.stores, self.store_groups, self.countries)):
            raise ValueError(
                "empty_context: `context` needs a key; help: write `channels:`, `stores:`, `store_groups:` or "
                "`countries:`"
            )
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Return those of its channels."""
        return tuple(("channel", channel) for channel in self.channels) if self.channels else None

    def compile(self, env: CompileEnv) -> Test:
        """Compare channel and store."""

        def test(start: LaneStart) -> Shortfall | None:
            store = start.tally.basket.store
            here = (
                (self.channels is None or start.tally.basket.channel in self.channels)
                and (self.stores is None or store.id in self.stores)
                and (self.store_groups is None or not set(store.groups).isdisjoint(self.store_groups))
                and (self.countries is None or store.country in self.countries)
            )
            return None if here else Shortfall("context")

        return test
