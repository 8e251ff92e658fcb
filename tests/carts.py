"""Carts for tests, written as cart documents."""

from typing import Any

from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, CartToPrice, read_cart
from engine.pricing.evaluation import EvaluatedLine, Evaluation, Outcome
from engine.pricing.shop import Shop
from engine.rules.compare import given_by
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rule_sources
from engine.source import Source
from engine.types import InstantMs, PromotionId


def cart_of(shop: Shop, **document: Any) -> CartToPrice:
    """Return the cart that a document describes."""
    return read_cart(CartDocument.model_validate(document), shop)


def basket_of(shop: Shop, **document: Any) -> Basket:
    """Return the basket of a document, at its ``at`` or at noon of 2026-06-01 in Greenwich."""
    read = CartDocument.model_validate(document)
    cart = read_cart(read, shop)
    store = shop.store_of(cart.cart.channel, cart.cart.store)
    at_ms = read.at_ms(store.timezone)
    return build_basket(
        cart.cart, shop, InstantMs(1_780_315_200_000) if at_ms is None else at_ms, cart.explicit, cart.closed
    )


def item(sku: str, price: str, quantity: int | str = 1, **product: Any) -> dict[str, Any]:
    """Return a line with a product of its own; `product` are more of its fields, such as its category."""
    return {"product": {"sku": sku, **product}, "price": price, "quantity": quantity}


def priced(shop: Shop, rules: str, *lines: dict[str, Any], **document: Any) -> Evaluation:
    """Price lines under rules that stand in one text, as `basket_of` does, with the outcomes of all promotions."""
    ruleset = load_rule_sources([Source("rules.yaml", rules)], shop).ruleset
    return evaluate(basket_of(shop, lines=lines, **document), ruleset, every_outcome=True)


def line_of(evaluation: Evaluation, sku: str) -> EvaluatedLine:
    """Return the one line of a product."""
    (line,) = (line for line in evaluation.lines if line.sku == sku)
    return line


def given(evaluation: Evaluation) -> dict[str, int]:
    """Return what each promotion gave, in minor units."""
    return {str(promotion): minor for promotion, minor in given_by(evaluation).items()}


def outcome_of(evaluation: Evaluation, promotion: str) -> Outcome:
    """Return the verdict on one promotion."""
    return evaluation.outcomes[PromotionId(promotion)]


def codes_of(evaluation: Evaluation) -> dict[str, str]:
    """Return the verdict on each promotion, with the rival after ``lost_to``."""
    return {
        id_: f"{outcome.code} {outcome.detail}" if outcome.code == "lost_to" else str(outcome.code)
        for id_, outcome in sorted(evaluation.outcomes.items())
    }
