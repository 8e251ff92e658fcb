"""How evaluate compares with pricing by hand, and with itself under more promotions: run with ``pytest bench -s``.

The ratios are those of one run: medians of processor time, the two sides in turn. Nothing here fails because of a time;
only a wrong answer does.
"""

import json
import statistics
import time
from collections.abc import Callable

import pytest

from bench import table, workload
from bench.straight_line import priced
from engine.priced import Snapshot
from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, parse_cart_line, read_cart
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.model import Promotion
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.types import PromotionId

ROUNDS = 9
MATCHING = 10
"""Of so many promotions up to all: the same ten match."""
COUNTS = (10, 100, 1_000, 10_000, 100_000)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return workload.snapshot(tmp_path_factory.mktemp("workload"))


@pytest.fixture(scope="module")
def basket(snapshot: Snapshot) -> Basket:
    return basket_in(snapshot.shop)


def basket_in(shop: Shop) -> Basket:
    """Return the cart of the workload, joined to its prices."""
    lines = [{"sku": line["sku"], "quantity": line["quantity"]} for line in workload.lines()]
    document = parse_cart_line(json.dumps({"at": "2026-05-01T12:00", "lines": lines}), "workload.jsonl", 1)
    assert isinstance(document, CartDocument)
    at_ms = document.at_ms("UTC")
    assert at_ms is not None
    return build_basket(read_cart(document, shop).cart, shop, at_ms)


def each_of(category: int) -> list[tuple[PromotionId, int]]:
    """Return the percentages off a category of the workload."""
    return [
        (PromotionId(f"item-{category:02}-{place}"), percent) for place, percent in enumerate(workload.ITEM_PERCENTS)
    ]


ITEMS = {f"goods/c{category:02}": each_of(category) for category in range(workload.CATEGORIES)}
ORDERS = [(PromotionId(f"order-{place}"), percent) for place, percent in enumerate(workload.ORDER_PERCENTS)]


def test_the_workload_against_a_straight_line(snapshot: Snapshot, basket: Basket) -> None:
    ruleset = snapshot.ruleset
    _compare("the workload", 2, lambda: priced(basket, ITEMS, ORDERS, ruleset.hash), lambda: evaluate(basket, ruleset))


def test_all_promotions_on_every_line_against_a_straight_line(basket: Basket) -> None:
    percents = [(PromotionId(f"item-{number:02}"), 1) for number in range(96)]
    ruleset = ruleset_of(
        [_percent_off(id_, percent, {"category": "goods"}) for id_, percent in percents]
        + [{"id": id_, "give": {"order_percent_off": {"percent": f"{percent}%"}}} for id_, percent in ORDERS]
    )
    of_all = dict.fromkeys(ITEMS, percents)
    _compare(
        "all 100 on every line",
        4,
        lambda: priced(basket, of_all, ORDERS, ruleset.hash),
        lambda: evaluate(basket, ruleset),
    )


def test_more_promotions_of_which_the_same_match(basket: Basket) -> None:
    times_us = []
    for count in COUNTS:
        ruleset = ruleset_of([*map(_matching, range(MATCHING)), *map(_other, range(count - MATCHING))])
        assert len(evaluate(basket, ruleset).discounts) == MATCHING
        times_us.append(1e6 * statistics.median(_spent(lambda: evaluate(basket, ruleset)) for _ in range(ROUNDS)))  # noqa: B023 - called at once
    shown = ", ".join(f"{count:,}: {us:.0f} us" for count, us in zip(COUNTS, times_us, strict=True))
    print(f"\n20 lines, {MATCHING} promotions that match of {shown}")
    points = [(count, round(us, 1)) for count, us in zip(COUNTS, times_us, strict=True)]
    table.curve("evaluate: ten of so many match", ("promotions", "us"), points)
    table.at_most(
        f"evaluate, 10 -> 100,000 promotions of which the same {MATCHING} match", times_us[-1] / times_us[0], 1.5
    )


def ruleset_of(promotions: list[dict[str, object]]) -> Ruleset:
    """Compile promotions, all of which are right."""
    return compile_ruleset(Promotion.model_validate(promotion) for promotion in promotions)


def _percent_off(id_: str, percent: int, on: dict[str, str], **more: object) -> dict[str, object]:
    return {"id": id_, **more, "give": {"percent_off": {"percent": f"{percent}%", "on": on}}}


def _matching(number: int) -> dict[str, object]:
    return _percent_off(f"m-{number}", 5, {"category": f"goods/c{number % workload.CART_CATEGORIES:02}"})


def _other(number: int) -> dict[str, object]:
    """Return a promotion on other goods, for others, elsewhere, with a code, or that is over."""
    id_ = f"x-{number}"
    return [
        lambda: _percent_off(id_, 5, {"category": f"other/c{number}"}),
        lambda: _percent_off(id_, 5, {"sku": f"sku-{number}"}),
        lambda: _percent_off(id_, 5, {"category": "goods"}, codes=f"CODE{number}"),
        lambda: _percent_off(id_, 5, {"category": "goods"}, customers={"segments": [f"segment-{number}"]}),
        lambda: _percent_off(id_, 5, {"category": "goods"}, stores=[f"store-{number % 997}"]),
        lambda: _percent_off(id_, 5, {"category": "goods"}, active={"until": f"{2010 + number % 15}-12-31"}),
    ][number % 6]()


def _spent(work: Callable[[], object], times: int = 50) -> float:
    """Return the processor time of doing something once, in seconds."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def _compare(what: str, limit: float, by_hand: Callable[[], object], by_rules: Callable[[], object]) -> None:
    assert by_hand() == by_rules(), "a wrong answer is not a fast one"
    pairs = [(_spent(by_hand), _spent(by_rules)) for _ in range(ROUNDS)]
    hand_us, rules_us = (1e6 * statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(rules / hand for hand, rules in pairs)
    print(f"\n{what}: by hand {hand_us:.0f} us, evaluate {rules_us:.0f} us")
    table.at_most(f"evaluate, {what}, against straight-line Python", ratio, limit)
