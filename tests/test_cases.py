"""The golden cases of `tests/cases/`: what was worked out by hand, against the engine and against the oracle.

A case names its promotions (beside them `lanes` and `rounding` where it matters), a cart document and what is expected,
in minor units and by the names of `tests.oracle.compare`; ``*`` stands for any value, a bare number of a line for its total,
a bare word of an outcome for its code; adjustments stand in their order, each as its state and its amount. A product that the cart brings along is standard goods unless it says so. Its shop is `tests/cases/shop/`, with the files changed that it has under `shop`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cases.running import Scenario, by_engine, by_oracle, disagreements

CASES = Path(__file__).parent / "cases"
SHOP = {path.name: path.read_text(encoding="utf-8") for path in sorted((CASES / "shop").iterdir())}
SOME_MONDAY = "2026-06-01T12:00:00Z"

Case = dict[str, Any]


def cases() -> list[Any]:
    """Return every case of every file."""
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob("*.yaml"))
        # Every value is the text it is written as, here as in the engine.
        for case in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["cases"]  # noqa: S506
    ]


def scenario_of(case: Case) -> Scenario:
    """Return the scenario of a case."""
    rules = {key: case[key] for key in ("lanes", "rounding", "promotions") if key in case}
    cart = {"at": SOME_MONDAY, **_with_booleans(case["cart"])}
    for line in cart["lines"]:
        if "product" in line:
            line["product"] = {"tax_category": "standard", **line["product"]}
    shop = {**SHOP, **case.get("shop", {})}
    return Scenario(tuple(sorted(shop.items())), (yaml.safe_dump(rules, sort_keys=False),), cart)


def _with_booleans(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_booleans(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_booleans(each) for each in value]
    return {"true": True, "false": False}.get(value, value)


@pytest.mark.parametrize("case", cases())
def test_case(case: Case) -> None:
    scenario = scenario_of(case)
    wrong = [f"oracle: {each}" for each in _unexpected(case["expect"], by_oracle(scenario))]
    wrong += [f"engine: {each}" for each in _unexpected(case["expect"], by_engine(scenario))]
    wrong += disagreements(scenario)
    assert not wrong, "\n".join(wrong)


def _unexpected(expect: Case, answer: Case) -> Iterator[str]:
    by_sku = {line["sku"]: line for line in answer["lines"].values()}
    known = {
        "total": answer["totals"]["total"],
        "discounts": {each["promotion"]: each["amount"] for each in answer["discounts"]},
        "adjustments": [f"{each['state']} {each['amount']}" for each in answer["adjustments"]],
        **{key: answer[key] for key in ("totals", "deliveries", "fees", "taxes", "outcomes", "currency")},
        "points": answer["points"],
        "codes_to_issue": answer["codes_to_issue"],
        "gifts": {line["gift_of"]: line["sku"] for line in answer["lines"].values() if line["gift_of"]},
        "lines": by_sku,
    }
    assert expect.keys() <= known.keys(), f"a case cannot expect {sorted(expect.keys() - known.keys())}"
    for key, expected in expect.items():
        if (
            key in ("discounts", "deliveries", "gifts", "points", "codes_to_issue")
            and expected.keys() != known[key].keys()
        ):
            yield f"{key}: expected {sorted(expected)}, found {sorted(known[key])}"
        else:
            yield from _differing(expected, known[key], key)


_SHORT = {"lines": "total", "outcomes": "code"}
"""What a bare value stands for."""


def _differing(expected: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            short = _SHORT.get(path) if isinstance(value, str) else None
            here = found[key][short] if short else found.get(key, "nothing")
            yield from _differing(value, here, f"{path}/{key}")
    elif isinstance(expected, list):
        if expected != [str(each) for each in found]:
            yield f"{path}: expected {expected}, found {found}"
    elif expected not in ("*", _written(found)):
        yield f"{path}: expected {expected}, found {found}"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_there_are_cases_for_every_word() -> None:
    from engine.rules.model import BENEFITS
    from engine.rules.when import CONDITIONS

    text = "".join(path.read_text(encoding="utf-8") for path in CASES.glob("*.yaml"))
    assert all(f"{word}: {{" in text for word in (*BENEFITS, *CONDITIONS))
    assert len(cases()) >= 250
