"""What changes prices by the clock alone: windows of promotions, dates of price lists, and the day in each zone."""

from collections.abc import Hashable
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.pricing.shop import Shop
from engine.rules.ruleset import Ruleset
from engine.rules.window import window_in
from engine.types import InstantMs


class Schedule:
    """Tells whether the clock has changed anything for some cart since it was last asked.

    Each different window is looked at once, however many promotions share it. The day counts because birthdays and the
    ages of accounts go by it.
    """

    def __init__(self, ruleset: Ruleset, shop: Shop) -> None:
        zones = {store.timezone for store in shop.stores.values()}
        self._windows = tuple(dict.fromkeys(window_in(window, zone) for window in ruleset.windows for zone in zones))
        self._lists = tuple(
            price_list
            for price_list in shop.prices.lists
            if price_list.from_ms is not None or price_list.until_ms is not None
        )
        self._zones = tuple(ZoneInfo(zone) for zone in zones)

    def at(self, as_of_ms: InstantMs) -> Hashable:
        """Return what is open at an instant: as long as it is equal, the clock has changed no price."""
        return (
            tuple(window.is_open(as_of_ms) for window in self._windows),
            tuple(price_list.holds_at(as_of_ms) for price_list in self._lists),
            tuple(datetime.fromtimestamp(as_of_ms / 1000, zone).date() for zone in self._zones),
        )
