"""Loading again while the service runs: swapped whole, refused whole, and out of nobody's way."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from engine.callers import Caller, CallerKind
from engine.cart.model import Cart, Member, Role
from engine.cli.reload import Folders, Intake, Reloader
from engine.priced import Snapshot
from engine.pricing.load import load_shop
from engine.pricing.requests import Limits
from engine.rules.load import load_rules
from engine.service import Panier
from engine.storage.carts import CartRead
from engine.types import CartId, ChannelId, InstantMs, StoreId
from tests.shops import write_shop
from tests.test_cli import Serving, serving

POLL_S = 0.02
RULE = "promotions: [{id: dairy, label: Dairy, give: {percent_off: {percent: %s, on: {category: grocery/dairy}}}}]\n"
BROKEN = "promotions: [{id: dairy, give: {percent_of: {percent: 10%}}}]\n"


class SlowStore:
    """Keeps one cart of one milk, and answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def read(self, cart: CartId) -> CartRead:
        await self.may_answer.wait()
        owner = Member(Caller(CallerKind.STAFF, "s").member, Role.OWNER)
        return CartRead(Cart(cart, 1, (owner,), ChannelId("web"), StoreId("north"), "en"), InstantMs(1))


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    write_shop(folder)
    (folder / "rules").mkdir()
    (folder / "rules" / "dairy.yaml").write_text(RULE % "10%")
    return folder


@asynccontextmanager
async def watching(shop: Path, tell: Callable[[str], None] | None = None) -> AsyncIterator[Panier]:
    """Serve a shop without a store, and watch its files."""
    folders = Folders(shop)
    seen, loaded = folders.fingerprint(), load_shop(shop)
    ruleset = load_rules(shop / "rules", loaded).ruleset
    engine = Panier(Snapshot(loaded, ruleset), SimpleNamespace(carts=SlowStore()), Limits())  # type: ignore[arg-type]
    reloader = Reloader(folders, seen, loaded.id, tell)
    task = asyncio.create_task(reloader.watch(Intake(engine).take, POLL_S))
    try:
        yield engine
    finally:
        task.cancel()


async def until(happened: Callable[[], object]) -> None:
    """Wait for something that must happen within seconds."""
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(POLL_S)


async def test_changed_rules_are_taken_and_the_catalogue_is_kept(shop: Path) -> None:
    told: list[str] = []
    async with watching(shop, told.append) as engine:
        before = engine.snapshot
        (shop / "rules" / "dairy.yaml").write_text(RULE % "20%")
        await until(lambda: engine.snapshot is not before)
        assert engine.snapshot.ruleset.hash != before.ruleset.hash
        assert engine.snapshot.shop is before.shop
        assert engine.snapshot.loaded_ms > before.loaded_ms
        assert told == [f"reloaded: rules {engine.snapshot.ruleset.hash}, 1 promotion"]


async def test_a_file_that_is_added_or_taken_away_counts(shop: Path) -> None:
    async with watching(shop) as engine:
        more = shop / "rules" / "below" / "more.yml"
        more.parent.mkdir()
        more.write_text("promotions: [{id: more, give: {percent_off: {percent: 1%}}}]\n")
        await until(lambda: len(engine.snapshot.ruleset.promotions) == 2)
        more.unlink()
        await until(lambda: len(engine.snapshot.ruleset.promotions) == 1)


async def test_a_changed_catalogue_is_taken_with_the_rules(shop: Path) -> None:
    async with watching(shop) as engine:
        before = engine.snapshot
        prices = shop / "prices.csv"
        prices.write_text(prices.read_text().replace("base,oat,2.40", "base,oat,2.50"))
        await until(lambda: engine.snapshot is not before)
        assert engine.snapshot.shop.version != before.shop.version
        assert engine.snapshot.ruleset.hash == before.ruleset.hash


async def test_what_is_wrong_is_refused_and_said_until_it_is_mended(
    shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(shop) as engine:
        before = engine.snapshot
        (shop / "rules" / "dairy.yaml").write_text(BROKEN)
        await until(lambda: engine.last_refused)
        assert engine.snapshot is before
        assert engine.last_refused is not None
        [fault] = engine.last_refused.diagnostics
        assert (fault.span.file, fault.span.line, fault.help) == ("dairy.yaml", 1, "did you mean `percent_off`?")
        assert str(fault) in caplog.text
        (shop / "rules" / "dairy.yaml").write_text(RULE % "30%")
        await until(lambda: engine.snapshot is not before)
        assert engine.last_refused is None


async def test_a_broken_catalogue_is_not_forgotten_when_a_rule_changes(shop: Path) -> None:
    async with watching(shop) as engine:
        before = engine.snapshot
        fees = (shop / "fees.yaml").read_text()
        (shop / "fees.yaml").write_text("fees: [{}]\n")
        await until(lambda: engine.last_refused)
        first = engine.last_refused
        (shop / "rules" / "dairy.yaml").write_text(RULE % "30%")
        await until(lambda: engine.last_refused is not first)
        assert engine.last_refused is not None
        assert engine.snapshot is before
        (shop / "fees.yaml").write_text(fees)
        await until(lambda: engine.snapshot is not before)


async def test_examples_that_fail_are_refused(shop: Path) -> None:
    async with watching(shop) as engine:
        example = "examples: [{cart: [{sku: milk}], expect: {discount: 1.00 EUR}}]"
        (shop / "rules" / "dairy.yaml").write_text((RULE % "10%").replace("label: Dairy", f"label: Dairy, {example}"))
        await until(lambda: engine.last_refused)
        assert engine.last_refused is not None
        assert [fault.code for fault in engine.last_refused.diagnostics] == ["example_failed"]


async def test_another_shop_needs_another_start(shop: Path) -> None:
    async with watching(shop) as engine:
        text = (shop / "shop.yaml").read_text()
        (shop / "shop.yaml").write_text(text.replace("id: corner", "id: market"))
        await until(lambda: engine.last_refused)
        assert engine.last_refused is not None
        assert [fault.code for fault in engine.last_refused.diagnostics] == ["shop_id_changed"]


async def test_files_that_still_move_are_waited_for(shop: Path) -> None:
    async with watching(shop) as engine:
        for number in range(25):
            (shop / "rules" / "dairy.yaml").write_text(BROKEN + "#" * number)
            await asyncio.sleep(POLL_S / 2)
        assert engine.last_refused is None
        (shop / "rules" / "dairy.yaml").write_text(RULE % "40%")
        before = engine.snapshot
        await until(lambda: engine.snapshot is not before)
        assert engine.last_refused is None


async def test_a_request_in_flight_finishes_on_what_it_started_with(shop: Path) -> None:
    async with watching(shop) as engine:
        before, store = engine.snapshot, engine.stores.carts
        assert isinstance(store, SlowStore)
        reading = asyncio.create_task(engine.cart(Caller(CallerKind.STAFF, "s"), CartId("c")))
        pinned = engine.pinned()
        (shop / "rules" / "dairy.yaml").write_text(RULE % "20%")
        await until(lambda: engine.snapshot is not before)
        store.may_answer.set()
        priced = await reading
        assert priced is not None
        assert priced.evaluation.computed_from.ruleset_hash == before.ruleset.hash
        assert pinned.snapshot is before


async def test_requests_do_not_stand_still_meanwhile(shop: Path) -> None:
    """A catalogue of 20,000 products is loaded; the loop goes on all the while."""
    rows = "".join(f"p{number},P,grocery,food\n" for number in range(20_000))
    (shop / "products.csv").write_text("sku,name,category,tax_category\nmilk,M,grocery/dairy,food\n" + rows)
    (shop / "prices.csv").write_text("price_list,sku,amount\nbase,milk,1.00\n")
    async with watching(shop) as engine:
        before, longest, last = engine.snapshot, 0.0, time.monotonic()
        (shop / "fees.yaml").write_text((shop / "fees.yaml").read_text() + "\n")
        while engine.snapshot is before:
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert longest < 0.5, "so long that it cannot be the machine's fault alone"


# The service as it is run


def asked(service: Serving, kind: str, query: str) -> dict[str, Any]:
    """Ask with one of the demo tokens that the start printed."""
    found = re.search(r"http://\S+/graphql", service.printed)
    token = re.search(rf"^{kind} +(\S+)$", service.printed, re.MULTILINE)
    assert found
    assert token
    headers = {"Authorization": f"Bearer {token[1]}"}
    body = httpx.post(found[0], json={"query": query}, headers=headers, timeout=20).json()
    assert "errors" not in body, body
    data: dict[str, Any] = body["data"]
    return data


NEW_CART = 'mutation { cartCreate(input: {lines: [{sku: "milk"}]}) { cart { totals { total { minorUnits } } } } }'
STATE = "{ ruleset { hash loadedAt lastRefused { at messages { file line column severity code message help } } } }"


def total_minor(service: Serving) -> int:
    total: int = asked(service, "guest", NEW_CART)["cartCreate"]["cart"]["totals"]["total"]["minorUnits"]
    return total


def soon(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_prices_follow_the_files_and_survive_a_broken_one(shop: Path, tmp_path: Path) -> None:
    rules = shop / "rules" / "dairy.yaml"
    with serving(tmp_path, "--shop", shop) as service:
        assert total_minor(service) == 108
        first = asked(service, "staff", STATE)["ruleset"]
        assert first["lastRefused"] is None
        rules.write_text(RULE % "50%")
        soon(lambda: total_minor(service) == 60)
        assert asked(service, "staff", STATE)["ruleset"]["hash"] != first["hash"]

        rules.write_text(BROKEN)
        soon(lambda: asked(service, "staff", STATE)["ruleset"]["lastRefused"] is not None)
        [message] = asked(service, "staff", STATE)["ruleset"]["lastRefused"]["messages"]
        assert (message["file"], message["line"], message["severity"]) == ("dairy.yaml", 1, "error")
        assert message["help"] == "did you mean `percent_off`?"
        assert asked(service, "guest", STATE)["ruleset"]["lastRefused"] is None, "this is for staff"
        assert total_minor(service) == 60

        rules.write_text(RULE % "10%")
        soon(lambda: total_minor(service) == 108)
        assert asked(service, "staff", STATE)["ruleset"]["lastRefused"] is None
        service.process.send_signal(signal.SIGTERM)
        logged = service.process.communicate(timeout=20)[0]
        assert re.search(r"^dairy.yaml:1:\d+: error unknown_field: ", logged, re.MULTILINE), logged
        assert logged.count("reloaded: rules ") == 2


def test_a_signal_loads_again_where_nothing_is_watched(shop: Path, tmp_path: Path) -> None:
    with serving(tmp_path, "--shop", shop, PANIER_RELOAD="false") as service:
        (shop / "rules" / "dairy.yaml").write_text(RULE % "50%")
        time.sleep(2.5)
        assert total_minor(service) == 108
        service.process.send_signal(signal.SIGHUP)
        soon(lambda: total_minor(service) == 60)


def test_it_is_on_in_development_only_unless_it_is_set() -> None:
    from engine.settings import Settings

    secret = "s" * 32
    assert Settings(development=True).reloads
    assert not Settings(jwt_secret=secret).reloads
    assert Settings(jwt_secret=secret, reload=True).reloads
    assert not Settings(development=True, reload=False).reloads
