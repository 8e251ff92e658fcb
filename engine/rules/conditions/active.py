"""``active``: when."""

from typing import ClassVar

from engine.pricing.evaluation import Shortfall
from engine.rules.selectors import Key
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test
from engine.rules.window import Active, Window, window_in


class ActiveCondition(Active, Condition):
    """It must be such a time, by the clock on the wall of the cart's store or of `timezone`.

    The same as `active` of a promotion, for use inside `or` and `not`.
    """

    word: ClassVar[str] = "active"
    example: ClassVar[str] = 'active: {weekly: [{days: [fri], from: "17:00", until: "21:00"}]}'
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], at: 2026-01-02T18:00, expect: {discount: 10.00 EUR}}",
        "{cart: [{sku: boots}], at: 2026-01-02T21:00, expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it is not the time for it"

    def keys(self) -> tuple[Key, ...] | None:
        """Any cart may be looked at then."""
        return None

    def compile(self, env: CompileEnv) -> Test:
        """Look at the clock. Windows are resolved once for each zone."""
        windows: dict[str, Window] = {}

        def test(start: LaneStart) -> Shortfall | None:
            basket = start.tally.basket
            zone = basket.store.timezone
            window = windows.get(zone) or windows.setdefault(zone, window_in(self, zone))
            return None if window.is_open(basket.as_of_ms) else Shortfall("active")

        return test
