"""Carts under overlapping offers, the same ones for the same seed: what the search for the best deal is measured on.

Forty units in a dozen or two of lines, out of six kinds of goods with their own prices; three tags that cut across the
kinds. Twelve offers, all in one lane: three quarters take something off each unit, the others need several units or
have caps or steps. Seven in ten are about one kind, two about a tag, one about everything, so that most goods are under
two to four offers.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, parse_cart_line, read_cart
from engine.pricing.shop import Shop
from engine.rules.load import load_rule_sources
from engine.rules.ruleset import Ruleset
from engine.source import Source

PRICES_MINOR: Final[Mapping[str, int]] = {
    "shirts": 1999,
    "socks": 499,
    "shoes": 5999,
    "mugs": 899,
    "toys": 1499,
    "books": 1299,
}
USUAL_MINOR: Final = 1500
TAGS: Final = ("summer", "basics", "kids")
SIMPLE_SHARE: Final = 3 / 4
"""How many offers take something off each unit; with fewer of them the search is harder."""
Document = dict[str, Any]


def offers_and_cart(
    seed: int, *, units: int = 40, offers: int = 12, per: str = "unit", simple: float = SIMPLE_SHARE
) -> tuple[Document, Document]:
    """Return a rule file and a cart document."""
    draw = random.Random(seed)  # noqa: S311 - a corpus, no secret
    lines: list[Document] = []
    left = units
    while left:
        quantity = min(left, draw.choice((1, 1, 1, 2, 2, 3, 4, 6)))
        left -= quantity
        kind = draw.choice(list(PRICES_MINOR))
        tags = [tag for tag in TAGS if draw.random() < 0.3]
        price_minor = round(PRICES_MINOR[kind] * draw.uniform(0.5, 1.6))
        product = {"sku": f"sku-{len(lines):02d}", "category": kind, "tax_category": "standard", "tags": tags}
        lines.append({"product": product, "price": f"{price_minor / 100:.2f}", "quantity": quantity})
    promotions = [
        {"id": f"offer-{number:02d}", "lane": "item", "give": _offer(draw, simple)} for number in range(offers)
    ]
    rules = {"lanes": [{"name": "item", "mode": "best", "per": per}], "promotions": promotions}
    return rules, {"at": "2026-05-01T12:00", "lines": lines}


def loaded(rules: Document, cart: Document, shop: Shop) -> tuple[Basket, Ruleset]:
    """Return both as the engine takes them. The shop only says where, in which currency and under which taxes."""
    document = parse_cart_line(json.dumps(cart), "corpus.jsonl", 1)
    assert isinstance(document, CartDocument), document
    read, as_of_ms = read_cart(document, shop), document.at_ms("UTC")
    assert as_of_ms is not None
    ruleset = load_rule_sources([Source("corpus.yaml", json.dumps(rules))], shop).ruleset
    return build_basket(read.cart, shop, as_of_ms, read.explicit), ruleset


@dataclass(frozen=True)
class _Goods:
    """What an offer is about, and what one of these costs as a rule."""

    on: Document
    usual_minor: int


def _goods(draw: random.Random) -> _Goods:
    kind, dice = draw.choice(list(PRICES_MINOR)), draw.random()
    if dice < 0.7:
        return _Goods({"on": {"category": kind}}, PRICES_MINOR[kind])
    return _Goods({"on": {"tag": draw.choice(TAGS)}} if dice < 0.9 else {}, USUAL_MINOR)


def _offer(draw: random.Random, simple: float) -> Document:
    makers = _SIMPLE if draw.random() < simple else _DEMANDING
    return draw.choice(makers)(draw, _goods(draw))


def _eur(amount_minor: float) -> str:
    return f"{max(1, round(amount_minor)) / 100:.2f} EUR"


def _percent(draw: random.Random, goods: _Goods) -> Document:
    return {"percent_off": {"percent": f"{draw.choice((5, 10, 15, 20, 25, 30))}%", **goods.on}}


def _amount(draw: random.Random, goods: _Goods) -> Document:
    return {
        "amount_off": {"amount": _eur(goods.usual_minor * draw.choice((0.1, 0.15, 0.2))), "per": "unit", **goods.on}
    }


def _fixed(draw: random.Random, goods: _Goods) -> Document:
    return {"fixed_price": {"price": _eur(goods.usual_minor * draw.choice((0.7, 0.8, 0.9))), **goods.on}}


def _capped(draw: random.Random, goods: _Goods) -> Document:
    at_most = draw.choice(("5.00 EUR", "10.00 EUR", "20.00 EUR"))
    return {"percent_off": {"percent": f"{draw.choice((20, 30, 40, 50))}%", "at_most": at_most, **goods.on}}


def _some_units(draw: random.Random, goods: _Goods) -> Document:
    return {"percent_off": {"percent": f"{draw.choice((30, 40, 50))}%", "max_units": draw.randint(1, 4), **goods.on}}


def _n_for_m(draw: random.Random, goods: _Goods) -> Document:
    take = draw.choice((2, 3, 3, 4))
    return {"n_for_m": {"take": take, "pay": take - 1, **goods.on}}


def _every_nth(draw: random.Random, goods: _Goods) -> Document:
    return {"every_nth": {"nth": draw.choice((2, 2, 3)), "percent": draw.choice(("50%", "70%")), **goods.on}}


def _buy_get(draw: random.Random, goods: _Goods) -> Document:
    reward = draw.choice(({"free": True}, {"percent": "50%"}))
    got = {"on": {"category": draw.choice(list(PRICES_MINOR))}}
    return {"buy_get": {"buy": {"quantity": draw.choice((1, 2, 3)), **goods.on}, "get": {**got, **reward}}}


def _multipack(draw: random.Random, goods: _Goods) -> Document:
    quantity = draw.choice((2, 3, 4))
    price = _eur(quantity * goods.usual_minor * draw.choice((0.6, 0.7, 0.8)))
    return {"bundle": {"groups": [{"quantity": quantity, **goods.on}], "price": price}}


def _pairing(draw: random.Random, goods: _Goods) -> Document:
    del goods
    (one, other), quantity = draw.sample(list(PRICES_MINOR), 2), draw.choice((1, 2))
    cost = PRICES_MINOR[one] + quantity * PRICES_MINOR[other]
    way: Document = draw.choice(({"price": _eur(cost * 0.75)}, {"percent": "25%"}, {"amount": _eur(cost * 0.2)}))
    groups = [{"quantity": 1, "on": {"category": one}}, {"quantity": quantity, "on": {"category": other}}]
    return {"bundle": {"groups": groups, **way}}


def _tiers(draw: random.Random, goods: _Goods) -> Document:
    if draw.random() < 0.5:
        steps = [
            {"quantity": draw.choice((2, 3)), "percent": "10%"},
            {"quantity": draw.choice((5, 6)), "percent": "25%"},
        ]
        return {"tiers": {"by_quantity": steps, **goods.on}}
    steps = [
        {"spend": _eur(goods.usual_minor * 2), "percent": "10%"},
        {"spend": _eur(goods.usual_minor * 6), "percent": "22%"},
    ]
    return {"tiers": {"by_spend": steps, **goods.on}}


_Maker = Callable[[random.Random, _Goods], Document]
_SIMPLE: Final[tuple[_Maker, ...]] = (_percent, _percent, _amount, _fixed)
_DEMANDING: Final[tuple[_Maker, ...]] = (
    *(_capped, _some_units, _n_for_m, _every_nth, _every_nth),
    *(_buy_get, _multipack, _pairing, _tiers, _tiers),
)
