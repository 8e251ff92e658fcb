"""What a start in development prints for who tries Panier out: a token for each kind of caller, and a line to paste."""

import json
import shlex
from itertools import islice

from engine.callers import Caller, CallerKind, Scope
from engine.pricing.shop import Shop
from engine.types import ChannelId, StoreId
from schema.auth import KeysError, TokenAuthority


def demo_callers(shop: Shop) -> tuple[Caller, ...]:
    """Return one caller of each kind, at home in the shop's channels."""

    def at(*channels: str) -> ChannelId:
        """Return the first of these that the shop has, else its default."""
        return next((ChannelId(name) for name in channels if name in shop.channels), shop.default_channel)

    customer = next(iter(shop.customers), "demo-customer")
    here = StoreId(shop.default_store)
    cart_rights = frozenset({Scope.CART_READ.value, Scope.CART_WRITE.value})
    return (
        Caller(CallerKind.GUEST, "demo-guest", at("web"), device="browser"),
        Caller(CallerKind.CUSTOMER, customer, at("app", "web"), device="phone"),
        Caller(
            CallerKind.STAFF,
            "demo-staff",
            at("associate", "pos"),
            here,
            "tablet",
            cart_rights | {Scope.OFFERS_READ.value, Scope.CART_ADJUST.value},
        ),
        Caller(CallerKind.TERMINAL, "demo-till", at("pos"), here, "till-1", cart_rights),
        Caller(CallerKind.SERVICE, "demo-back-office", scopes=frozenset(Scope)),
    )


def demo_tokens(shop: Shop, tokens: TokenAuthority, life_s: int) -> dict[CallerKind, str]:
    """Return a token for each kind of caller; none where there is no secret to sign them with."""
    try:
        return {caller.kind: tokens.mint(caller, life_s) for caller in demo_callers(shop)}
    except KeysError:
        return {}


def demo_query(shop: Shop) -> str:
    """Return a query that shows two of the shop's products with their prices."""
    here = (shop.default_channel, shop.default_store)
    sold = (sku for sku, product in shop.products.items() if shop.sold_in(product, *here))
    skus = json.dumps(list(islice(sold, 2)))
    return f"{{ products(skus: {skus}) {{ product {{ sku name }} price {{ amount currency }} }} }}"


def curl_line(address: str, token: str, query: str) -> str:
    """Return a command that asks a query."""
    headers = ("Content-Type: application/json", f"Authorization: Bearer {token}")
    words = ["curl", "-s", address, *(word for header in headers for word in ("-H", header))]
    return shlex.join([*words, "-d", json.dumps({"query": query})])
