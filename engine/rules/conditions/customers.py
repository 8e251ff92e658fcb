"""``customers``: who the shopper is."""

from typing import ClassVar

from engine.pricing.evaluation import Shortfall
from engine.rules.customers import Customers
from engine.rules.selectors import Key
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test


class CustomersCondition(Customers, Condition):
    """The shopper must be such a customer; nobody is, who is not signed in.

    The same as `customers` of a promotion, for use inside `or` and `not`.
    """

    word: ClassVar[str] = "customers"
    example: ClassVar[str] = "customers: {tiers: [gold], account_age: {at_least_days: 30}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], customer: {id: ada}, expect: {discount: 10.00 EUR}}",
        "{cart: [{sku: boots}], customer: {id: ben}, expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it is for other customers"

    def keys(self) -> tuple[Key, ...] | None:
        """Return those of its segments, else of its tiers."""
        return self.index_keys()

    def compile(self, env: CompileEnv) -> Test:
        """Look at the facts."""
        unmet = self.compiled()

        def test(start: LaneStart) -> Shortfall | None:
            basket = start.tally.basket
            holds = basket.facts is not None and not unmet(basket.facts, basket)
            return None if holds else Shortfall("customers")

        return test
