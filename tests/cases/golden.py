"""Golden cases: what was worked out by hand, and a disagreement between engine and oracle written down as one.

A case names its promotions (beside them `lanes` and `rounding` where it matters), a cart document and what is expected,
in minor units and by the names of `tests.oracle.compare`; ``*`` stands for any value, a bare number of a line for its total,
a bare word of an outcome for its code, `units` of a line are written as ``2 at 500 trigger``; adjustments stand in their order, each as its state and its amount; points that are spent as ``300 for 300 as discount: applied``. A product that
the cart brings along is standard goods unless it says so. Its shop is `tests/cases/shop/`, with the files changed that it
has under `shop`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cases.running import Scenario, by_engine, by_oracle, disagreements

CASES = Path(__file__).parent
SHOP = {path.name: path.read_text(encoding="utf-8") for path in sorted((CASES / "shop").iterdir())}
SOME_MONDAY = "2026-06-01T12:00:00Z"

Case = dict[str, Any]


def read_cases(text: str) -> list[Case]:
    """Read a file of cases: every value is the text it is written as, here as in the engine."""
    cases: list[Case] = yaml.load(text, Loader=yaml.BaseLoader)["cases"]  # noqa: S506 - text, lists, maps
    return cases


def scenario_of(case: Case) -> Scenario:
    """Return the scenario of a case."""
    rules = {key: case[key] for key in ("lanes", "rounding", "loyalty", "promotions") if key in case}
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


# What a case expects


def wrong_in(case: Case) -> list[str]:
    """Return where engine or oracle do not answer as a case expects, and where they differ."""
    scenario = scenario_of(case)
    wrong = [f"oracle: {each}" for each in _unexpected(case["expect"], by_oracle(scenario))]
    wrong += [f"engine: {each}" for each in _unexpected(case["expect"], by_engine(scenario))]
    return wrong + disagreements(scenario)


def _known(answer: Case) -> Case:
    """Return what a case may expect of an answer."""
    return {
        "total": answer["totals"]["total"],
        "discounts": {each["promotion"]: each["amount"] for each in answer["discounts"]},
        "adjustments": [f"{each['state']} {each['amount']}" for each in answer["adjustments"]],
        **{key: answer[key] for key in ("totals", "deliveries", "fees", "taxes", "outcomes", "currency")},
        "burned": _burned(answer["burned"]) if answer["burned"] else "nothing",
        "points": answer["points"],
        "codes": {code: each["state"] for code, each in answer["codes"].items()},
        "codes_to_issue": answer["codes_to_issue"],
        "gifts": {line["gift_of"]: line["sku"] for line in answer["lines"].values() if line["gift_of"]},
        "lines": {line["sku"]: line for line in answer["lines"].values()},
    }


def _burned(burned: Case) -> str:
    return f"{burned['points']} for {burned['amount']} as {burned['as']}: {burned['state']}"


def _unexpected(expect: Case, answer: Case) -> Iterator[str]:
    known = _known(answer)
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


# A disagreement as a case


def as_golden_case(scenario: Scenario, name: str) -> str:
    """Return a file with one case on which engine and oracle disagree as on this scenario, as small as can be.

    It expects what the oracle says, so it fails until the wrong one of the two is mended.
    """
    case = _as_text(_case_of(scenario))
    kind = _trouble(case)
    assert kind is not None, "the scenario shows a disagreement, and the case made of it does not"
    case = _smallest(case, lambda smaller: _trouble(smaller) == kind)
    known = _known(by_oracle(scenario_of(case))) if kind == "" else {}
    expected = ("total", "discounts", "points", "codes_to_issue", "gifts")
    expect: Case = {key: known[key] for key in expected if key in known and known[key] != {}}
    expect["outcomes"] = {promotion: each["code"] for promotion, each in known.get("outcomes", {}).items()}
    return _yaml_of({"name": name, **case, "expect": expect})


def _case_of(scenario: Scenario) -> Case:
    files = [yaml.load(text, Loader=yaml.BaseLoader) for text in scenario.rules]  # noqa: S506 - text, lists, maps
    case: Case = {"shop": dict(scenario.shop)}
    for file in files:
        case |= {key: file[key] for key in ("lanes", "rounding", "loyalty") if key in file}
    promotions = [promotion for file in files for promotion in file.get("promotions", ())]
    return {**case, "promotions": promotions, "cart": dict(scenario.cart)}


def _as_text(case: Case) -> Case:
    """Return the case as it is read from a file."""
    return read_cases(_yaml_of(case))[0]


def _yaml_of(case: Case) -> str:
    shop = {name: _Block(text) for name, text in case.get("shop", {}).items()}
    return _dumped({"cases": [{**case, "shop": shop} if shop else {key: case[key] for key in case if key != "shop"}]})


def _dumped(document: Any) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=118, allow_unicode=True, default_flow_style=None)


class _Block(str):
    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def _trouble(case: Case) -> str | None:
    """Return None where all is well, an empty text for a disagreement, else the name of what was raised."""
    try:
        return "" if disagreements(scenario_of(case)) else None
    except Exception as fault:  # noqa: BLE001 - whatever a scenario makes fail is what is looked for
        return type(fault).__name__


Path_ = tuple[str | int, ...]


def _smallest(case: Case, still_wrong: Callable[[Case], bool]) -> Case:
    """Leave out all that can be left out, whole branches first."""
    tree = {**case, "shop": {name: _opened(name, text) for name, text in case["shop"].items()}}
    shrunk = True
    while shrunk:
        shrunk = False
        for path in list(_paths(tree)):
            smaller = _without(tree, path)
            if smaller != tree and still_wrong(_closed(smaller)):
                tree, shrunk = smaller, True
    return _closed(tree)


def _opened(name: str, text: str) -> Any:
    """Return what can be left out of a file: rows, or branches."""
    return text.splitlines(keepends=True) if name.endswith(".csv") else yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506


def _closed(tree: Case) -> Case:
    shop = tree.get("shop", {})
    texts = {name: "".join(opened) if name.endswith(".csv") else _dumped(opened) for name, opened in shop.items()}
    return {**tree, "shop": texts}


def _paths(tree: Any) -> Iterator[Path_]:
    """Yield the path of everything in a tree, parents first, and of a list the last first: the others keep their place."""
    keys: Sequence[Any] = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in reversed(keys):
        yield (key,)
        yield from ((key, *path) for path in _paths(tree[key]))


def _without(tree: Any, path: Path_) -> Any:
    """Return the tree without what is at the path; unchanged where nothing is there any more."""
    first, *rest = path
    try:
        child = tree[first]
    except (KeyError, IndexError, TypeError):
        return tree
    if isinstance(tree, dict):
        return {
            key: _without(child, tuple(rest)) if key == first else each
            for key, each in tree.items()
            if rest or key != first
        }
    return [
        _without(child, tuple(rest)) if place == first else each
        for place, each in enumerate(tree)
        if rest or place != first
    ]
