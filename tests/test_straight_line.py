"""What speed is measured against must be right, or it is no measure."""

from pathlib import Path

from bench import workload
from bench.straight_line import priced
from bench.test_evaluate import ITEMS, ORDERS, basket_in
from engine.rules.evaluate import evaluate


def test_the_workload_priced_by_hand_is_the_same_to_the_last_share(tmp_path: Path) -> None:
    snapshot = workload.snapshot(tmp_path)
    basket, ruleset = basket_in(snapshot.shop), snapshot.ruleset
    by_hand = priced(basket, ITEMS, ORDERS, ruleset.hash)
    assert by_hand == evaluate(basket, ruleset)
    quantities = {line["sku"]: line["quantity"] for line in workload.lines()}
    assert by_hand.totals.total_minor == workload.expected_total_minor(quantities)
    assert len(by_hand.discounts) == 16
    assert all(len(line.allocations) == 7 for line in by_hand.lines)
