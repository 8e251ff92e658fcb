"""Rules are tested against the small shop."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.pricing.shop import Shop
from engine.rules.load import LoadedRules, load_rule_sources
from engine.source import Source
from tests.shops import small_shop

Load = Callable[[str], LoadedRules]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder: Path = tmp_path_factory.mktemp("shop")
    return small_shop(folder)


@pytest.fixture
def load(shop: Shop) -> Load:
    """Load rules that stand in one text, ``rules.yaml``."""
    return lambda text: load_rule_sources([Source("rules.yaml", text)], shop)
