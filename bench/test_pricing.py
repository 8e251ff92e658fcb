"""How long the pure core takes on the example shop: run with ``pytest bench``.

Compare the groups of one run with each other, not with another machine.
"""

import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench import table
from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, CartToPrice, parse_cart_line, read_cart
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rules
from engine.rules.ruleset import Ruleset
from engine.types import InstantMs

GROCER = Path(__file__).parents[1] / "examples" / "grocer"
CARTS = 200


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load_shop(GROCER)


@pytest.fixture(scope="module")
def ruleset(shop: Shop) -> Ruleset:
    return load_rules(GROCER / "rules", shop).ruleset


@pytest.fixture(scope="module")
def carts(shop: Shop) -> list[tuple[CartToPrice, InstantMs]]:
    return read_carts(shop, CARTS)


def read_carts(shop: Shop, most: int | None) -> list[tuple[CartToPrice, InstantMs]]:
    """Read the baskets of the example shop, at most so many."""
    lines = (GROCER / "baskets.jsonl").read_text().splitlines()[:most]
    read = []
    for number, line in enumerate(lines):
        document = parse_cart_line(line, "baskets.jsonl", number + 1)
        assert isinstance(document, CartDocument)
        at_ms = document.at_ms("UTC")
        assert at_ms is not None
        read.append((read_cart(document, shop), at_ms))
    return read


@pytest.fixture(scope="module")
def baskets(shop: Shop, carts: list[tuple[CartToPrice, InstantMs]]) -> list[Basket]:
    return [build_basket(cart.cart, shop, at_ms) for cart, at_ms in carts]


@pytest.mark.benchmark(group="200 real carts")
def test_join_to_prices(benchmark: BenchmarkFixture, shop: Shop, carts: list[tuple[CartToPrice, InstantMs]]) -> None:
    benchmark(lambda: [build_basket(cart.cart, shop, at_ms) for cart, at_ms in carts])


@pytest.mark.benchmark(group="200 real carts")
def test_evaluate_candidates(benchmark: BenchmarkFixture, ruleset: Ruleset, baskets: list[Basket]) -> None:
    benchmark(lambda: [evaluate(basket, ruleset) for basket in baskets])


@pytest.mark.benchmark(group="200 real carts")
def test_evaluate_every_promotion(benchmark: BenchmarkFixture, ruleset: Ruleset, baskets: list[Basket]) -> None:
    benchmark(lambda: [evaluate(basket, ruleset, every_outcome=True) for basket in baskets])


@pytest.mark.benchmark(group="load")
def test_load_the_shop(benchmark: BenchmarkFixture) -> None:
    benchmark(load_shop, GROCER)


@pytest.mark.benchmark(group="load")
def test_load_the_rules(benchmark: BenchmarkFixture, shop: Shop) -> None:
    benchmark(load_rules, GROCER / "rules", shop)


def test_all_real_baskets(shop: Shop, ruleset: Ruleset) -> None:
    """Joined to their prices and evaluated, in the processor time of one core: the best of a few runs."""
    carts = read_carts(shop, None)
    took_s = []
    for _ in range(5):
        started = time.process_time()
        for cart, at_ms in carts:
            evaluate(build_basket(cart.cart, shop, at_ms), ruleset)
        took_s.append(time.process_time() - started)
    table.at_least(f"real baskets ({len(carts):,}) priced, one core", len(carts) / min(took_s), 5000, "a second")
