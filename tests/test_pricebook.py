"""Which price holds."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.pricing.pricebook import Buyer, PriceBook, PriceList
from engine.types import ChannelId, Currency, InstantMs, PriceListId, Sku, StoreId

EUR = Currency("EUR")
SKU = Sku("milk")
BUYER = Buyer(
    channel=ChannelId("web"),
    store=StoreId("north"),
    store_groups=("city",),
    currency=EUR,
    tier="gold",
    segments=frozenset({"family"}),
    as_of_ms=InstantMs(1_000),
)
BASE = PriceList(PriceListId("base"), EUR, tax_included=True)


def book(*lists: PriceList, breaks: tuple[tuple[int, ...], tuple[int, ...]] = ((1,), (100,))) -> PriceBook:
    ranked = tuple(sorted(lists, key=PriceList.rank))
    return PriceBook(ranked, {SKU: {price_list.id: breaks for price_list in lists}})


def winner(*lists: PriceList, buyer: Buyer = BUYER) -> str | None:
    prices = book(*lists)
    price = prices.unit_price(SKU, 1, prices.lists_for(buyer))
    return price.price_list.id if price else None


def variant(id_: str, **changes: Any) -> PriceList:
    return replace(BASE, id=PriceListId(id_), **changes)


CHANNEL = variant("channel", channels=frozenset({"web"}))
GROUP = variant("group", store_groups=frozenset({"city"}))
STORE = variant("store", stores=frozenset({"north"}))
TIER = variant("tier", tiers=frozenset({"gold", "silver"}))
SEGMENT = variant("segment", segments=frozenset({"family", "vegan"}))
DATED = variant("dated", from_ms=InstantMs(0))


def test_more_restrictions_win_then_their_kind() -> None:
    best_first = [SEGMENT, TIER, STORE, GROUP, CHANNEL, DATED, BASE]
    for better, worse in pairwise(best_first):
        assert winner(worse, better) == better.id
    both = variant("both", channels=frozenset({"web"}), from_ms=InstantMs(0))
    assert winner(SEGMENT, both) == "both"


def test_priority_beats_everything() -> None:
    assert winner(SEGMENT, variant("loud", priority=1)) == "loud"


def test_a_tie_goes_to_the_first_id() -> None:
    assert winner(variant("b"), variant("a")) == "a"


def test_a_list_holds_from_its_first_instant_until_before_its_last() -> None:
    dated = variant("dated", from_ms=InstantMs(1_000), until_ms=InstantMs(2_000))
    at = {
        instant: winner(dated, buyer=replace(BUYER, as_of_ms=InstantMs(instant))) for instant in (999, 1000, 1999, 2000)
    }
    assert at == {999: None, 1000: "dated", 1999: "dated", 2000: None}


def test_a_list_that_does_not_hold_is_passed_over() -> None:
    stranger = replace(
        BUYER, tier="", segments=frozenset(), store=StoreId("south"), store_groups=(), channel=ChannelId("pos")
    )
    assert winner(BASE, SEGMENT, TIER, STORE, GROUP, CHANNEL, buyer=stranger) == "base"
    assert winner(variant("dollars", currency=Currency("USD"))) is None


def test_the_deepest_quantity_break_that_is_reached_holds() -> None:
    prices = book(BASE, breaks=((1, 6, 12), (120, 110, 100)))
    found = [prices.unit_price(SKU, quantity, prices.lists) for quantity in (1, 5, 6, 11, 12, 999)]
    assert [price.amount_minor for price in found if price] == [120, 120, 110, 110, 100, 100]
    assert [price.from_quantity for price in found if price] == [1, 1, 6, 6, 12, 12]


def test_a_better_list_whose_break_is_not_reached_leaves_the_price_to_the_next() -> None:
    prices = PriceBook((SEGMENT, BASE), {SKU: {SEGMENT.id: ((6,), (90,)), BASE.id: ((1,), (100,))}})
    assert [getattr(prices.unit_price(SKU, q, prices.lists), "amount_minor", None) for q in (5, 6)] == [100, 90]
    assert prices.unit_price(Sku("unknown"), 1, prices.lists) is None


def subset(word: str) -> st.SearchStrategy[frozenset[str]]:
    return st.sampled_from([frozenset(), frozenset({word}), frozenset({"other"})])


@st.composite
def price_lists(draw: st.DrawFn) -> list[PriceList]:
    count = draw(st.integers(1, 8))
    return [
        variant(
            f"list-{index}",
            channels=draw(subset("web")),
            stores=draw(subset("north")),
            tiers=draw(subset("gold")),
            segments=draw(subset("family")),
            from_ms=draw(st.sampled_from([None, InstantMs(500), InstantMs(1_500)])),
            priority=draw(st.integers(0, 1)),
        )
        for index in range(count)
    ]


@given(price_lists(), st.data())
def test_the_order_of_lists_never_matters(lists: list[PriceList], data: st.DataObject) -> None:
    assert winner(*data.draw(st.permutations(lists))) == winner(*lists)
