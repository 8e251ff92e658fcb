"""What was priced a moment ago is priced again wherever that could make a difference."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.cart.model import Adjustment, AdjustmentKind, Cart, CodeEntry, DeliveryChoice, FeeChoice
from engine.fields import instant_ms
from engine.priced import PricedCart, Snapshot
from engine.pricing.basket import build_basket
from engine.pricing.evaluation import Evaluation
from engine.pricing.shop import Shop
from engine.remembered import Remembered
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rule_sources
from engine.rules.losses import losses
from engine.rules.packed import kept_packed
from engine.rules.priced_lately import LINES_MAX
from engine.rules.ruleset import Ruleset
from engine.source import Source
from engine.types import AdjustmentId, CartId, ChannelId, InstantMs, MemberId, PromotionId, Sku, StoreId
from tests.carts import cart_of
from tests.shops import small_shop

RULES = """\
promotions:
  - {id: many, label: M, when: {quantity: {at_least: 3, on: {sku: milk}}}, give: {order_amount_off: {amount: 0.11 EUR}}}
  - {id: code, label: C, codes: [CODE], give: {order_amount_off: {amount: 0.12 EUR}}}
  - {id: app, label: A, channels: [app], give: {order_amount_off: {amount: 0.13 EUR}}}
  - {id: south, label: S, stores: [south], give: {order_amount_off: {amount: 0.14 EUR}}}
  - {id: gold, label: G, customers: {tiers: [gold]}, give: {order_amount_off: {amount: 0.15 EUR}}}
  - {id: family, label: F, customers: {segments: [family]}, give: {order_amount_off: {amount: 0.16 EUR}}}
  - {id: rich, label: R, customers: {points: {at_least: 200}}, give: {order_amount_off: {amount: 0.17 EUR}}}
  - {id: third, label: T, customers: {nth_order: [3]}, give: {order_amount_off: {amount: 0.18 EUR}}}
  - {id: card, label: P, when: {payment: {methods: [card]}}, give: {order_amount_off: {amount: 0.19 EUR}}}
  - {id: arm, label: X, when: {experiment: {name: e, arms: {a: 50%, b: 50%}, arm: a}},
     give: {order_amount_off: {amount: 0.21 EUR}}}
  - {id: never-meat, label: N, customers: {first_order_in: {category: grocery/meat}},
     give: {order_amount_off: {amount: 0.22 EUR}}}
  - {id: choice, label: H, give: {gift: {choice_of: [oat, milk-6]}}}
"""
CLOCK = """\
promotions:
  - {id: first, label: F, customers: {first_order: true}, give: {order_amount_off: {amount: 0.11 EUR}}}
  - {id: birthday, label: B, customers: {birthday: {within_days: 0}}, give: {order_amount_off: {amount: 0.12 EUR}}}
  - {id: old, label: O, customers: {account_age: {at_least_days: 30}}, give: {order_amount_off: {amount: 0.13 EUR}}}
  - id: evenings
    label: E
    active: {weekly: [{days: [fri, sat], from: "17:30", until: "21:00"}], except_days: [2026-03-27]}
    give: {order_amount_off: {amount: 0.14 EUR}}
  - id: nights
    label: N
    when: {or: [{active: {weekly: [{from: "22:00", until: "02:00"}]}}, {quantity: {at_least: 9, on: {sku: milk}}}]}
    give: {order_amount_off: {amount: 0.15 EUR}}
  - id: once
    label: W
    active: {from: 2026-03-28, until: "2026-03-28T12:00UNTIL"}
    give: {percent_off: {percent: 10%, on: {sku: milk}}}
  - id: threshold
    label: T
    when: {spend: {at_least: 2.30 EUR, threshold_on: current}}
    give: {order_amount_off: {amount: 1.00 EUR}}
"""
PARIS = ZoneInfo("Europe/Paris")
FIRST_ORDER = datetime(2026, 3, 28, 15, 0, 20, 123_000, PARIS)
EDGES = [
    datetime(2026, 3, 27, 17, 30, tzinfo=PARIS),  # left out
    datetime(2026, 3, 27, 22, 0, tzinfo=PARIS),
    datetime(2026, 3, 28, tzinfo=PARIS),  # a day, a price list
    datetime(2026, 3, 28, 2, 0, tzinfo=PARIS),
    datetime(2026, 3, 28, 12, 0, tzinfo=PARIS),
    datetime(2026, 3, 28, 12, 0, 30, tzinfo=PARIS),
    datetime(2026, 3, 28, 12, 0, 30, 500_000, PARIS),
    FIRST_ORDER,
    datetime(2026, 3, 28, 17, 30, tzinfo=PARIS),
    datetime(2026, 3, 29, 3, 0, tzinfo=PARIS),  # the clocks skip an hour
    datetime(2026, 3, 30, tzinfo=PARIS),  # a birthday, and thirty days
    datetime(2027, 1, 1, 0, 0, tzinfo=ZoneInfo("Etc/GMT+12")),
]
NOON = InstantMs(1_780_315_200_000)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return small_shop(tmp_path_factory.mktemp("shop"))


def loaded(shop: Shop, rules: str) -> Ruleset:
    return load_rule_sources([Source("rules.yaml", rules)], shop).ruleset


def anew(cart: Cart, snapshot: Snapshot, as_of_ms: InstantMs) -> Evaluation:
    return evaluate(build_basket(cart, snapshot.shop, as_of_ms), snapshot.ruleset)


@pytest.mark.parametrize("until", ["", ":30", ":30.5"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_clock_changes_nothing_unseen(shop: Shop, until: str, packed: bool) -> None:  # noqa: FBT001
    ruleset = loaded(shop, CLOCK.replace("UNTIL", until))
    snapshot = Snapshot(shop, kept_packed(ruleset) if packed else ruleset)
    customer = {"id": "ada", "tier": "", "birthday": "03-30", "since": "2026-02-28T12:00:00+01:00"}
    read = cart_of(shop, lines=[{"sku": "milk", "quantity": 2}], customer=customer).cart
    assert read.facts is not None
    cart = replace(read, facts=replace(read.facts, first_order_ms=instant_ms(FIRST_ORDER)))
    around = (-60_000, -59_999, -30_000, -500, -1, 0, 1, 500, 29_999, 59_999)
    instants = [InstantMs(instant_ms(edge) + offset) for edge in EDGES for offset in around]
    found = []
    for instant in [*instants, *reversed(instants)]:
        priced = PricedCart(cart, snapshot, instant)
        expected = anew(cart, snapshot, instant)
        assert priced.evaluation == expected
        assert priced.evaluation.computed_from.as_of_ms == priced.basket.as_of_ms == instant
        assert priced.basket == build_basket(cart, shop, instant)
        assert priced.losses == losses(priced.basket, snapshot.ruleset, expected)
        found.append({promotion: outcome.code for promotion, outcome in expected.outcomes.items()})
    changes = sum(before != after for before, after in pairwise(found))
    assert changes >= 2 * 10, "the instants are around what the clock changes"
    assert snapshot.priced.hits >= 60


def _with_facts(**changes: Any) -> Callable[[Cart], Cart]:
    def changed(cart: Cart) -> Cart:
        assert cart.facts is not None
        return replace(cart, facts=replace(cart.facts, **changes))

    return changed


OFF = Adjustment(AdjustmentId("a"), AdjustmentKind.AMOUNT, None, 5, "EUR", "damaged", "clerk", MemberId("staff:1"))
CHANGES: dict[str, Callable[[Cart], Cart]] = {
    "quantity": lambda cart: replace(
        cart, lines=tuple(replace(each, shares=((MemberId("m"), 3),)) for each in cart.lines)
    ),
    "lines": lambda cart: replace(cart, lines=()),
    "product": lambda cart: replace(cart, lines=tuple(replace(each, sku=Sku("oat")) for each in cart.lines)),
    "options": lambda cart: replace(
        cart, lines=tuple(replace(each, options=(("cut", "sliced"),)) for each in cart.lines)
    ),
    "line delivery": lambda cart: replace(
        cart, lines=tuple(replace(each, delivery=DeliveryChoice("home", slot="day")) for each in cart.lines)
    ),
    "label price": lambda cart: replace(
        cart, lines=tuple(replace(each, label_price_minor=77, label_currency="EUR") for each in cart.lines)
    ),
    "label currency": lambda cart: replace(
        cart, lines=tuple(replace(each, label_price_minor=77, label_currency="USD") for each in cart.lines)
    ),
    "codes": lambda cart: replace(cart, codes=(CodeEntry("CODE", "code"),)),
    "fees": lambda cart: replace(cart, fees=(FeeChoice("gift-wrap", 1),)),
    "adjustments": lambda cart: replace(cart, adjustments=(OFF,)),
    "gift choices": lambda cart: replace(cart, gift_choices={PromotionId("choice"): Sku("oat")}),
    "delivery": lambda cart: replace(cart, delivery=DeliveryChoice("home", slot="day")),
    "payment": lambda cart: replace(cart, payment_method="card"),
    "channel": lambda cart: replace(cart, channel=ChannelId("app")),
    "store": lambda cart: replace(cart, store=StoreId("south")),
    "draw": lambda cart: replace(cart, draw=cart.draw + 3),
    "no facts": lambda cart: replace(cart, facts=None),
    "tier": _with_facts(tier="gold"),
    "segments": _with_facts(segments=frozenset({"family"})),
    "points": _with_facts(points=500),
    "orders": _with_facts(orders=2),
    "ordered categories": _with_facts(ordered_categories=frozenset({"grocery/meat"})),
    "facts version": _with_facts(version=77),
}
"""All that an evaluation depends on of a cart, each changed alone."""


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_a_price_is_seen(shop: Shop, what: str) -> None:
    snapshot = Snapshot(shop, loaded(shop, RULES))
    customer = {"id": "cy", "tier": "", "orders": 1, "ordered_categories": []}
    cart = cart_of(shop, lines=[{"sku": "milk", "quantity": 1}], customer=customer).cart
    first = PricedCart(cart, snapshot, NOON).evaluation
    assert PricedCart(cart, snapshot, NOON).evaluation == first
    assert (snapshot.priced.hits, snapshot.priced.misses) == (1, 1)
    changed = CHANGES[what](cart)
    again = PricedCart(changed, snapshot, NOON).evaluation
    assert again == anew(changed, snapshot, NOON) != first


def test_what_is_loaded_anew_is_seen(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    cart = cart_of(shop, lines=[{"sku": "milk", "quantity": 3}]).cart
    before = PricedCart(cart, Snapshot(shop, loaded(shop, RULES)), NOON)
    other_rules = PricedCart(cart, Snapshot(shop, loaded(shop, RULES.replace("0.11", "0.10"))), NOON)
    dearer = small_shop(tmp_path_factory.mktemp("dearer"), {"prices.csv": "price_list,sku,amount\nbase,milk,2.00\n"})
    other_prices = PricedCart(cart, Snapshot(dearer, loaded(shop, RULES)), NOON)
    totals = [each.evaluation.totals.total_minor for each in (before, other_rules, other_prices)]
    assert totals == [360 - 11, 360 - 10, 600 - 11]


def test_the_price_elsewhere_does_not_replace_the_price_here(shop: Shop) -> None:
    snapshot = Snapshot(shop, loaded(shop, RULES))
    cart = cart_of(shop, lines=[{"sku": "milk", "quantity": 1}]).cart
    for _ in range(2):
        here = PricedCart(cart, snapshot, NOON)
        totals = [each.evaluation.totals.total_minor for each in (here, here.elsewhere(ChannelId("app"), None))]
        assert totals == [120, 120 - 13]
    assert (snapshot.priced.hits, snapshot.priced.misses) == (1, 3)


def test_a_cart_that_is_forgotten_is_priced_again(shop: Shop) -> None:
    snapshot = Snapshot(shop, loaded(shop, RULES))
    cart = cart_of(shop, lines=[{"sku": "milk", "quantity": 1}]).cart
    carts = [replace(cart, id=CartId(f"cart-{number}")) for number in range(LINES_MAX // 2 + 1)]
    for cart in carts:
        assert PricedCart(cart, snapshot, NOON).evaluation.totals.total_minor == 120
    for cart in (carts[-1], carts[0], carts[1]):
        assert PricedCart(cart, snapshot, NOON).evaluation.totals.total_minor == 120
    assert (snapshot.priced.hits, snapshot.priced.misses) == (1, len(carts) + 2)


def test_what_was_asked_for_longest_ago_is_forgotten_first() -> None:
    kept: Remembered[str, int] = Remembered(10)
    kept.keep("a", 1, 4)
    kept.keep("b", 2, 4)
    assert kept.get("a") == 1
    kept.keep("c", 3, 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    kept.keep("a", 1, 7)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    kept.keep("too heavy", 4, 11)
    assert [kept.get(key) for key in ("too heavy", "a")] == [None, 1]
    kept.keep("d", 5, 10)
    assert [kept.get(key) for key in "acd"] == [None, None, 5]
    kept.keep("d", 6, 11)
    assert kept.get("d") is None, "rather nothing than what it was"
