"""`panier serve --workers`: real processes, that end when they should and only then."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.http.following import socket
from tests.shops import write_shop
from tests.storage.test_embedded import servers_on
from tests.test_cli import START_S, Serving, gone, is_alive, serving
from tests.test_reload import BROKEN, RULE, STATE, asked

NEW_CART = 'mutation { cartCreate(input: {lines: [{sku: "milk"}]}) { cart { id totals { total { minorUnits } } } } }'


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    write_shop(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "dairy.yaml").write_text(RULE % "10%")
    return folder


def workers_of(service: Serving) -> set[int]:
    """Return the ids of the workers of a service: its children that are neither the store nor a checker."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == service.process.pid and b"engine.cli.worker" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + START_S
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def totals(service: Serving, times: int = 12) -> set[int]:
    """Return what a milk costs, asked over so many connections that each worker has answered some."""
    asked_ = [asked(service, "guest", NEW_CART)["cartCreate"]["cart"]["totals"] for _ in range(times)]
    return {totals["total"]["minorUnits"] for totals in asked_}


def test_workers_share_a_port_a_store_and_the_rules(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop, "--workers", 2) as service:
        workers = workers_of(service)
        assert len(workers) == 2
        assert len(servers_on(tmp_path)) == 1
        made = service.ask(NEW_CART)["cartCreate"]["cart"]["id"]
        assert {service.ask("{ activeCart { id } }")["activeCart"]["id"] for _ in range(12)} == {made}

        (shop / "rules" / "dairy.yaml").write_text(RULE % "50%")
        until(lambda: totals(service, 1) == {60})
        assert totals(service) == {60}
        loaded = {asked(service, "staff", STATE)["ruleset"]["loadedAt"] for _ in range(12)}
        assert len(loaded) == 1, "one check for all of them"

        (shop / "rules" / "dairy.yaml").write_text(BROKEN)
        until(lambda: asked(service, "staff", STATE)["ruleset"]["lastRefused"])
        time.sleep(0.5)
        refused = [asked(service, "staff", STATE)["ruleset"]["lastRefused"] for _ in range(12)]
        assert all(each == refused[0] for each in refused)
        assert totals(service) == {60}

        code, rest = service.end(signal.SIGINT)
    assert code == 0
    assert rest.rstrip().endswith("stopped")
    assert rest.count("reloaded: rules ") == 1
    assert rest.count("what was loaded before goes on") == 1, "told once"
    assert not any(map(is_alive, workers))
    assert gone(service.store_pid)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_parent_is_the_end_of_all(shop: Path, tmp_path: Path, sign: signal.Signals) -> None:
    with serving(tmp_path, "--shop", shop, "--workers", 2) as service:
        workers = workers_of(service)
        token = service.said(r"^customer +(\S+)$")
        cart = service.ask(NEW_CART)["cartCreate"]["cart"]["id"]
        with socket(service.address.removesuffix("/graphql"), token) as connection:
            assert connection.subscribe("1", id=cart).event()["version"] == 1
            code, _ = service.end(sign)
            assert connection.closed()[0] in {1001, 1012}, "they are to come back"
    assert code == (-signal.SIGKILL if sign is signal.SIGKILL else 0)
    assert all(map(gone, workers))
    assert gone(service.store_pid)


def test_a_worker_that_ends_is_replaced_and_serves_what_the_others_do(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop, "--workers", 2, PANIER_RELOAD="false") as service:
        (shop / "rules" / "dairy.yaml").write_text(RULE % "50%")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: totals(service) == {60})
        (shop / "rules" / "dairy.yaml").write_text(BROKEN)  # not what a new worker is to read
        before = workers_of(service)
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        until(lambda: len(workers_of(service) - before) == 2)
        assert totals(service) == {60}
        code, rest = service.end(signal.SIGTERM)
    assert code == 0
    assert len(re.findall(r"worker \d \(process \d+\) ended \(signal 9\): starting another", rest)) == 2, rest
    assert "Traceback" not in rest


@pytest.mark.slow  # it waits longer before each try
def test_workers_that_cannot_be_kept_end_the_service(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop, "--workers", 1, PANIER_WORKERS="2") as alone:
        assert not workers_of(alone), "the command line goes before the environment"
    with serving(tmp_path, "--shop", shop, "--workers", 2) as service:
        end = time.monotonic() + 2 * START_S
        while service.process.poll() is None and time.monotonic() < end:
            for worker in workers_of(service):
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.05)
        rest, _ = service.process.communicate(timeout=START_S)
    assert service.process.returncode == 2, rest
    assert re.search(r"error: worker \d ended 6 times, the last time with signal 9", rest), rest
    assert "Traceback" not in rest
    assert gone(service.store_pid)
