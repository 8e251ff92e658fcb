"""The bench of live carts, as a test of what it checks beside the time it measures."""

import asyncio
import os
from pathlib import Path

import pytest

from bench.live import GROCER, measure
from bench.servers import panier
from tests.servers import plain_server


@pytest.mark.slow
def test_five_hundred_followers_end_on_the_last_version_and_miss_nothing(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    with plain_server(tmp_path) as store, panier(GROCER, store.url, {core}) as server:
        figures = asyncio.run(measure(server, followers=500, rate=20, seconds=10))
    assert (figures["followers"], figures["changes"]) == (500, 200)
