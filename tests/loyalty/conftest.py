"""Programmes are tested against the small shop."""

from pathlib import Path

import pytest

from engine.pricing.shop import Shop
from tests.shops import small_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder: Path = tmp_path_factory.mktemp("shop")
    return small_shop(folder)
