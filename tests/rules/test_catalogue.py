"""What a product costs before it is in any cart."""

from dataclasses import replace

import pytest

from engine.cart.model import Cart, Facts
from engine.pricing.shop import Shop
from engine.rules.catalogue import CataloguePrice, catalogue_price, catalogue_rules
from engine.types import CartId, ChannelId, CustomerId, InstantMs, PromotionId, Sku, StoreId
from tests.rules.conftest import Load

SOME_DAY = InstantMs(1_780_315_200_000)  # 2026-06-01T12:00Z
SHOPPER = Cart(id=CartId(""), version=0, members=(), channel=ChannelId("web"), store=None, locale="en")
GOLD = replace(SHOPPER, facts=Facts(CustomerId("ada"), tier="gold", segments=frozenset({"vegan"})))

RULES = """\
promotions:
  - {id: dairy, label: {en: 10% off dairy}, lane: price, give: {percent_off: {percent: 10%, on: {category: grocery/dairy}}}}
  - {id: more, lane: price, priority: -1, give: {amount_off: {amount: 0.10 EUR, per: unit, on: {sku: milk}}}}
  - {id: till, lane: price, channels: [pos], give: {percent_off: {percent: 50%, on: {sku: milk}}}}
  - {id: golden, lane: price, customers: {tiers: [gold]}, give: {fixed_price: {price: 0.50 EUR, on: {sku: milk}}}}
  - {id: coded, lane: price, codes: [SAVE], give: {percent_off: {percent: 50%, on: {sku: milk}}}}
  - {id: secret, hidden: true, lane: price, give: {percent_off: {percent: 50%, on: {sku: milk}}}}
  - {id: many, lane: price, when: {quantity: {at_least: 2}}, give: {percent_off: {percent: 50%, on: {sku: milk}}}}
  - {id: later, give: {percent_off: {percent: 50%, on: {sku: milk}}}}
  - {id: meat, lane: price, give: {percent_off: {percent: 20%, on: {category: grocery/meat}}}}
  - {id: cards, lane: price, give: {percent_off: {percent: 20%}}, active: {until: 2020-01-01}}
"""


def priced(load: Load, shop: Shop, sku: str, shopper: Cart = SHOPPER, rules: str = RULES) -> CataloguePrice | None:
    of_catalogue = catalogue_rules(load(rules).ruleset)
    return catalogue_price(shop.products[Sku(sku)], shopper, shop, of_catalogue, SOME_DAY)


@pytest.mark.parametrize(
    ("shopper", "now_minor", "offers"),
    [
        # 1.20: 12 off, then 10.
        (SHOPPER, 98, [("dairy", 12), ("more", 10)]),
        (replace(SHOPPER, channel=ChannelId("pos")), 44, [("dairy", 12), ("till", 54), ("more", 10)]),
        (replace(SHOPPER, store=StoreId("south")), 98, [("dairy", 12), ("more", 10)]),
        (GOLD, 40, [("dairy", 12), ("golden", 58), ("more", 10)]),
    ],
)
def test_the_offers_of_the_catalogue_lower_the_price_of_who_asks(
    load: Load, shop: Shop, shopper: Cart, now_minor: int, offers: list[tuple[str, int]]
) -> None:
    found = priced(load, shop, "milk", shopper)
    assert found is not None
    assert (found.currency, found.was_minor, found.now_minor) == ("EUR", 120, now_minor)
    assert [(offer.promotion, offer.amount_minor) for offer in found.offers] == offers


def test_an_offer_has_the_label_of_its_promotion(load: Load, shop: Shop) -> None:
    found = priced(load, shop, "milk")
    assert found is not None
    assert found.offers[0].label == {"en": "10% off dairy"}


def test_measured_goods_have_the_price_of_a_whole_unit(load: Load, shop: Shop) -> None:
    found = priced(load, shop, "ham")
    assert found is not None
    assert (found.was_minor, found.now_minor) == (1990, 1592)


def test_what_is_not_sold_here_has_no_price(load: Load, shop: Shop) -> None:
    assert priced(load, shop, "cake") is None
    assert priced(load, shop, "cake", replace(SHOPPER, store=StoreId("south"))) is not None


def test_regulated_goods_keep_their_price(load: Load, shop: Shop) -> None:
    everywhere = {**shop.ranges, "hidden": replace(shop.ranges["hidden"], channels=None)}
    found = priced(load, replace(shop, ranges=everywhere), "gift", rules=RULES.replace("2020", "2030"))
    assert found is not None
    assert (found.was_minor, found.now_minor, found.offers) == (5000, 5000, ())


def test_lanes_of_other_names_have_no_offers_of_the_catalogue(load: Load, shop: Shop) -> None:
    rules = "lanes: [{name: item}]\npromotions: [{id: a, give: {percent_off: {percent: 50%}}}]\n"
    found = priced(load, shop, "milk", rules=rules)
    assert found is not None
    assert (found.was_minor, found.now_minor) == (120, 120)


def test_a_rule_set_of_the_catalogue_keeps_the_order(load: Load) -> None:
    rules = catalogue_rules(load(RULES).ruleset)
    assert [promotion.place for promotion in rules.promotions] == list(range(len(rules.promotions)))
    assert list(rules.by_id)[:2] == [PromotionId("cards"), PromotionId("dairy")]
