"""What changes under a shopper is told, and nothing is corrected in silence."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.cart.model import Cart
from engine.fields import instant_ms
from engine.pricing.basket import build_basket
from engine.pricing.notices import NoticeCode, notices_of
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.model import Promotion
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.types import InstantMs
from tests.carts import cart_of
from tests.shops import small_shop

NO_RULES = compile_ruleset([])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder: Path = tmp_path_factory.mktemp("shop")
    return small_shop(folder)


def at(text: str) -> InstantMs:
    return instant_ms(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris")))


def changed_at(cart: Cart, instant: InstantMs) -> Cart:
    return replace(cart, lines=tuple(replace(line, changed_at_ms=instant) for line in cart.lines))


def told(cart: Cart, shop: Shop, instant: InstantMs, rules: Ruleset = NO_RULES) -> list[tuple[NoticeCode, str]]:
    basket = build_basket(cart, shop, instant)
    return [(notice.code, notice.message) for notice in notices_of(cart, basket, evaluate(basket, rules), shop)]


def test_a_price_list_that_ended_since_the_line_was_changed(shop: Shop) -> None:
    cart = changed_at(cart_of(shop, lines=[{"sku": "milk"}]).cart, at("2026-03-29T12:00"))
    assert told(cart, shop, at("2026-03-30T08:00")) == [
        (NoticeCode.PRICE_LIST_ENDED, "Milk 1 l: the price list promo has ended, 0.99 is now 1.20 EUR")
    ]


def test_a_price_list_that_began_since(shop: Shop) -> None:
    cart = changed_at(cart_of(shop, lines=[{"sku": "milk"}]).cart, at("2026-03-27T12:00"))
    assert told(cart, shop, at("2026-03-28T08:00")) == [
        (NoticeCode.PRICE_CHANGED, "Milk 1 l: the price was 1.20 and is now 0.99 EUR")
    ]


def test_nothing_is_said_where_nothing_changed(shop: Shop) -> None:
    cart = changed_at(cart_of(shop, lines=[{"sku": "milk"}, {"sku": "oat"}]).cart, at("2026-03-28T12:00"))
    assert told(cart, shop, at("2026-03-29T23:59")) == []


def test_a_line_that_is_not_sold_here_is_kept_and_said_so_with_what_there_is_instead(shop: Shop) -> None:
    cart = replace(cart_of(shop, lines=[{"sku": "milk-6"}]).cart, channel="pos")  # type: ignore[arg-type]
    ((code, message),) = told(cart, shop, at("2026-06-01T12:00"))
    assert code is NoticeCode.NOT_SOLD_HERE
    assert message.startswith(
        "Milk 6 x 1 l is not sold in this channel or store: kept in the cart, left out of the total"
    )


def test_a_code_that_nobody_knows_and_one_that_gives_nothing(shop: Shop) -> None:
    rules = compile_ruleset(
        [
            Promotion.model_validate(
                {
                    "id": "big",
                    "codes": ["BIG"],
                    "when": {"spend": {"at_least": "500 EUR"}},
                    "give": {"order_percent_off": {"percent": "5%"}},
                }
            )
        ]
    )
    cart = cart_of(shop, lines=[{"sku": "milk"}], codes=["big", "Bog"]).cart
    assert told(cart, shop, at("2026-06-01T12:00"), rules) == [
        (NoticeCode.CODE_NOT_APPLIED, "the code big is not applied: it gives nothing at present"),
        (NoticeCode.CODE_UNKNOWN, "the code Bog is not known: check how it is written"),
    ]


def test_a_delivery_that_is_not_offered_in_the_channel(shop: Shop) -> None:
    cart = cart_of(shop, lines=[{"sku": "milk"}], delivery={"method": "home", "place": "75001", "slot": "day"}).cart
    moved = replace(cart, channel="pos")  # type: ignore[arg-type]
    assert told(moved, shop, at("2026-06-01T12:00")) == [
        (NoticeCode.DELIVERY_UNAVAILABLE, "delivery home 75001 day is not offered here: choose another one")
    ]
