"""``delivery``: how goods reach the shopper."""

from typing import ClassVar

from pydantic import model_validator

from engine.pricing.basket import BasketDelivery
from engine.pricing.evaluation import Shortfall
from engine.rules.selectors import Key, Words
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test


class Delivery(Condition):
    """One delivery of the cart must be by one of `methods`, in one of `slots`, to one of `places`, as far as given.

    A place is a prefix of the delivery place, as in `delivery.yaml`. A delivery that is not offered does not count.
    """

    word: ClassVar[str] = "delivery"
    example: ClassVar[str] = 'delivery: {methods: [home], slots: [evening], places: ["75", "92"]}'
    carts: ClassVar[tuple[str, ...]] = (
        '{cart: [{sku: mug}], delivery: {method: home, slot: evening, place: "75011"}, expect: {discount: 1.20 EUR}}',
        "{cart: [{sku: mug}], delivery: {method: pickup}, expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it needs another delivery choice"

    methods: Words | None = None
    """Ids of delivery methods."""
    slots: Words | None = None
    """Ids of delivery slots."""
    places: Words | None = None
    """What the place begins with, as in `delivery.yaml`: the first figures of a postcode, say."""

    @model_validator(mode="after")
    def _one_key(self) -> "Delivery":
        if self.methods is None and self.slots is None and self.places is None:
            raise ValueError("empty_delivery: `delivery` needs a key; help: write `methods:`, `slots:` or `places:`")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may be delivered."""
        return None

    def compile(self, env: CompileEnv) -> Test:
        """Look for a delivery that fits."""

        def fits(delivery: BasketDelivery) -> bool:
            choice = delivery.choice
            return (
                delivery.fee_minor is not None
                and (self.methods is None or choice.method in self.methods)
                and (self.slots is None or choice.slot in self.slots)
                and (self.places is None or choice.place.startswith(self.places))
            )

        def test(start: LaneStart) -> Shortfall | None:
            return None if any(fits(each) for each in start.tally.basket.deliveries) else Shortfall("delivery")

        return test
