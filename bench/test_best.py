"""How long the search for the best deal takes (CPU time of one core), and how often it is exact: 500 carts each."""

import time
from pathlib import Path

import pytest

from bench.corpus import SIMPLE_SHARE, loaded, offers_and_cart
from engine.pricing.load import load_shop
from engine.rules.evaluate import evaluate

CARTS = 500
SHOP = Path(__file__).parents[1] / "tests" / "cases" / "shop"


@pytest.mark.parametrize("per", ["unit", "line"])
@pytest.mark.parametrize("simple", [SIMPLE_SHARE, 0.5])
def test_how_long_and_how_exact(per: str, simple: float) -> None:
    shop = load_shop(SHOP)
    carts = [loaded(*offers_and_cart(seed, per=per, simple=simple), shop) for seed in range(CARTS)]
    times_ms, exact = [], 0
    for basket, ruleset in carts:
        started = time.process_time()
        evaluation = evaluate(basket, ruleset)
        times_ms.append((time.process_time() - started) * 1000)
        exact += all(search.gap_minor == 0 for search in evaluation.searches)
    times_ms.sort()
    quantiles = ", ".join(f"p{share} {times_ms[CARTS * share // 100 - 1]:.1f} ms" for share in (50, 90, 95, 99))
    print(f"\nbest per {per}, {simple:.0%} simple offers: {exact / CARTS:.1%} of {CARTS} carts exact; {quantiles}")
