"""Carts for tests, written as cart documents."""

from typing import Any

from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, CartToPrice, read_cart
from engine.pricing.shop import Shop
from engine.types import InstantMs


def cart_of(shop: Shop, **document: Any) -> CartToPrice:
    """Return the cart that a document describes."""
    return read_cart(CartDocument.model_validate(document), shop)


def basket_of(shop: Shop, **document: Any) -> Basket:
    """Return the basket of a document, at its ``at`` or at noon of 2026-06-01 in Greenwich."""
    read = CartDocument.model_validate(document)
    cart = read_cart(read, shop)
    store = shop.store_of(cart.cart.channel, cart.cart.store)
    at_ms = read.at_ms(store.timezone)
    return build_basket(cart.cart, shop, InstantMs(1_780_315_200_000) if at_ms is None else at_ms, cart.explicit)
