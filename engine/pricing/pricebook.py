"""All dated prices of a shop, and how one is found: the most specific list that has a price wins."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from engine.types import ChannelId, Currency, InstantMs, PriceListId, Sku, StoreId, record

FOREVER_MS = InstantMs(1 << 62)


@dataclass(frozen=True, slots=True)
class PriceList:
    """One list of prices and where, for whom and when it holds. An empty set means no restriction.

    ``from_ms`` is inclusive, ``until_ms`` exclusive.
    """

    id: PriceListId
    currency: Currency
    tax_included: bool
    channels: frozenset[ChannelId] = frozenset()
    stores: frozenset[StoreId] = frozenset()
    store_groups: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    from_ms: InstantMs | None = None
    until_ms: InstantMs | None = None
    priority: int = 0

    def holds_at(self, as_of_ms: InstantMs) -> bool:
        """Say whether its dates include an instant."""
        return (self.from_ms is None or self.from_ms <= as_of_ms) and (
            self.until_ms is None or as_of_ms < self.until_ms
        )

    def rank(self) -> tuple[int, int, tuple[bool, ...], str]:
        """Order lists, best first: priority, number of restrictions, their kinds, id.

        Of two lists with as many restrictions, one for a customer beats one for a place, a store beats a group of
        stores, a place beats a channel, a channel beats a date. The id decides the rest, so that there is no tie.
        """
        kinds = (
            bool(self.segments),
            bool(self.tiers),
            bool(self.stores),
            bool(self.store_groups),
            bool(self.channels),
            self.from_ms is not None or self.until_ms is not None,
        )
        return (-self.priority, -sum(kinds), tuple(not kind for kind in kinds), self.id)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Where, for whom and when a price is asked."""

    channel: ChannelId
    store: StoreId
    store_groups: tuple[str, ...]
    currency: Currency
    tier: str
    segments: frozenset[str]
    as_of_ms: InstantMs


@record
class UnitPrice:
    """One resolved price: of a piece, or of one whole unit (a kilogram, a metre) where sold by measure."""

    amount_minor: int
    price_list: PriceList
    from_quantity: int


@dataclass(frozen=True, slots=True)
class PriceBook:
    """All price lists, best first, and the breaks of each product in each list.

    ``breaks[sku][list id]`` holds the quantities from which a price holds and the prices, both ascending by quantity;
    quantities are pieces, or thousandths of the unit where sold by measure.
    """

    lists: tuple[PriceList, ...]
    breaks: Mapping[Sku, Mapping[PriceListId, tuple[tuple[int, ...], tuple[int, ...]]]]

    def lists_for(self, buyer: Buyer) -> tuple[PriceList, ...]:
        """Return the lists that hold for this buyer, best first. Do it once a cart, not once a line."""
        return tuple(price_list for price_list in self.lists if _holds(price_list, buyer))

    def edges_between(self, after_ms: InstantMs, until_ms: InstantMs) -> list[tuple[InstantMs, PriceListId]]:
        """Return the instants after one and up to another at which a list begins or ends to hold, and which."""
        return [
            (edge_ms, price_list.id)
            for price_list in self.lists
            for edge_ms in (price_list.from_ms, price_list.until_ms)
            if edge_ms is not None and after_ms < edge_ms <= until_ms
        ]

    def unit_price(self, sku: Sku, quantity: int, lists: tuple[PriceList, ...]) -> UnitPrice | None:
        """Return the price of `sku` at that quantity from the first of `lists` that has one."""
        of_sku = self.breaks.get(sku)
        if of_sku is None:
            return None
        for price_list in lists:
            breaks = of_sku.get(price_list.id)
            if breaks is not None:
                index = bisect_right(breaks[0], quantity) - 1
                if index >= 0:
                    return UnitPrice(breaks[1][index], price_list, breaks[0][index])
        return None


def _holds(price_list: PriceList, buyer: Buyer) -> bool:
    return (
        price_list.currency == buyer.currency
        and price_list.holds_at(buyer.as_of_ms)
        and (not price_list.channels or buyer.channel in price_list.channels)
        and (not price_list.stores or buyer.store in price_list.stores)
        and (not price_list.store_groups or not price_list.store_groups.isdisjoint(buyer.store_groups))
        and (not price_list.tiers or buyer.tier in price_list.tiers)
        and (not price_list.segments or not price_list.segments.isdisjoint(buyer.segments))
    )
