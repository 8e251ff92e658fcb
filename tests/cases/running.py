"""A scenario (shop, rules, cart), priced by the engine the way `panier price` does it, and by the oracle."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, parse_cart_line, read_cart
from engine.pricing.evaluation import Evaluation
from engine.pricing.evaluationfile import evaluation_document
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rule_sources
from engine.rules.ruleset import Ruleset
from engine.source import Source
from tests import oracle
from tests.oracle.compare import Plain, differences, plain_of_engine, plain_of_oracle

Files = tuple[tuple[str, str], ...]
"""Names and texts of the files of a shop folder."""


@dataclass(frozen=True)
class Scenario:
    """All that a price depends on. `rules` are the texts of rule files, `cart` is a cart document with its ``at``."""

    shop: Files
    rules: tuple[str, ...]
    cart: Mapping[str, Any]


@lru_cache(maxsize=100)
def engine_shop(files: Files) -> Shop:
    """Load a shop with the engine."""
    with tempfile.TemporaryDirectory() as folder:
        return load_shop(_written(files, folder))


@lru_cache(maxsize=100)
def oracle_shop(files: Files) -> "oracle.shop.Shop":
    """Read a shop with the oracle."""
    with tempfile.TemporaryDirectory() as folder:
        return oracle.shop.read_shop(_written(files, folder))


def _written(files: Files, folder: str) -> Path:
    for name, text in files:
        (Path(folder) / name).write_text(text, encoding="utf-8")
    return Path(folder)


def engine_rules(scenario: Scenario) -> Ruleset:
    """Load the rules with the engine."""
    sources = [Source(f"rules-{number}.yaml", text) for number, text in enumerate(scenario.rules)]
    return load_rule_sources(sources, engine_shop(scenario.shop)).ruleset


def engine_basket(scenario: Scenario) -> Basket:
    """Build the basket as `panier price` does."""
    shop = engine_shop(scenario.shop)
    document = parse_cart_line(orjson.dumps(scenario.cart).decode(), "cart.jsonl", 1)
    assert isinstance(document, CartDocument), document
    read = read_cart(document, shop)
    at_ms = document.at_ms(shop.store_of(read.cart.channel, read.cart.store).timezone)
    assert at_ms is not None
    return build_basket(read.cart, shop, at_ms, read.explicit, read.closed)


def evaluated(scenario: Scenario, *, every_outcome: bool = True) -> Evaluation:
    """Price it with the engine."""
    return evaluate(engine_basket(scenario), engine_rules(scenario), every_outcome=every_outcome)


def by_engine(scenario: Scenario) -> Plain:
    """Price it with the engine; the answer as `panier price` writes it, in the form of `tests.oracle.compare`."""
    return _answer(engine_basket(scenario), engine_rules(scenario), every_outcome=True)


def _answer(basket: Basket, rules: Ruleset, *, every_outcome: bool) -> Plain:
    evaluation = evaluate(basket, rules, every_outcome=every_outcome)
    return plain_of_engine(orjson.loads(orjson.dumps(evaluation_document("cart", basket, evaluation))))


def by_oracle(scenario: Scenario) -> Plain:
    """Price it with the oracle."""
    shop = oracle_shop(scenario.shop)
    rules = oracle.rules.rules_of([oracle.rules.parse(text) for text in scenario.rules])
    cart = oracle.cart.read_cart(orjson.dumps(scenario.cart).decode(), shop)
    return plain_of_oracle(oracle.price.price(cart, rules, shop.tax_rounding))


def disagreements(scenario: Scenario) -> list[str]:
    """Return where engine and oracle differ, with and without the engine's index."""
    basket, rules, expected = engine_basket(scenario), engine_rules(scenario), by_oracle(scenario)
    full, indexed = (_answer(basket, rules, every_outcome=every) for every in (True, False))
    return [
        *differences(full, expected, all_outcomes=True),
        *(f"with the index: {each}" for each in differences(indexed, expected, all_outcomes=False)),
    ]
