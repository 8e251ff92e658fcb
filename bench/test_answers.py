"""How long an answer takes to write, compiled and in the ordinary way: run with ``pytest bench/test_answers.py``.

From a parsed request to JSON bytes, over a cart that is priced already. The ordinary way is strawberry's own, with its
caches of parsed and of validated documents.
"""

import asyncio
import gc
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, cast

import pytest
import strawberry
from graphql import parse
from pytest_benchmark.fixture import BenchmarkFixture
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from bench import table, workload
from engine.callers import Caller, CallerKind
from engine.cart.commands import line_id
from engine.cart.model import Cart, LineItem, Member, Role
from engine.priced import PricedCart, Snapshot
from engine.service import Panier
from engine.types import CartId, ChannelId, InstantMs, MemberId, Sku
from schema import build_schema, core_schema
from schema.auth import TokenAuthority
from schema.compiled.answers import CompiledAnswers
from schema.context import RequestContext
from schema.documents import Document
from schema.ids import encode_id
from schema.mutations import Mutation
from schema.queries import Query
from schema.scalars import SCALARS
from schema.types.catalogue import ChannelView, ProductView, StoreView
from schema.types.offers import PromotionView

ME = Caller(CallerKind.GUEST, "bench", ChannelId("web"))
CART = CartId("bench")


@dataclass
class Priced:
    """Stands for the engine: it has the one cart, priced."""

    snapshot: Snapshot
    priced: PricedCart

    async def cart(self, _caller: Caller, _cart: CartId) -> PricedCart:
        """Return it."""
        return self.priced


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> RequestContext:
    snapshot = workload.snapshot(tmp_path_factory.mktemp("shop"))
    now = InstantMs(time.time_ns() // 10**6)
    lines = tuple(
        LineItem(line_id(Sku(line["sku"])), line["sku"], ((ME.member, line["quantity"]),), changed_at_ms=now)
        for line in workload.lines()
    )
    member = Member(MemberId(ME.member), Role.OWNER)
    priced = PricedCart(Cart(CART, 21, (member,), ChannelId("web"), None, "en", lines), snapshot, now)
    quantities = {line["sku"]: line["quantity"] for line in workload.lines()}
    assert priced.evaluation.totals.total_minor == workload.expected_total_minor(quantities)
    vars(priced)["answers"] = None  # where it keeps what was written of it: here that is to be written anew
    engine = cast("Panier", Priced(snapshot, priced))
    return RequestContext(engine, snapshot, TokenAuthority("x" * 32), 60, ME, now)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


Ask = Callable[[str], Coroutine[Any, Any, bytes]]
VARIABLES = {"id": encode_id("Cart", CART)}


@pytest.fixture(scope="module")
def compiled(context: RequestContext) -> Ask:
    answers = CompiledAnswers(core_schema(build_schema()))
    parsed = {text: Document.of(parse(text)) for text in workload.DOCUMENTS}

    async def ask(text: str) -> bytes:
        document = parsed[text]
        operation = document.operation(None)
        answer = (await answers.attempt(text, document, operation, VARIABLES, context)).answer
        assert answer
        return answer

    return ask


@pytest.fixture(scope="module")
def ordinary(context: RequestContext) -> Ask:
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[ChannelView, ProductView, PromotionView, StoreView],
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[lambda: parser_cache, lambda: validation_cache],
    )

    async def ask(text: str) -> bytes:
        result: Any = await schema.execute(text, variable_values=VARIABLES, context_value=context)
        assert result.errors is None
        # As strawberry's own view writes it.
        return json.dumps({"data": result.data}, separators=(",", ":")).encode()

    return ask


parser_cache, validation_cache = ParserCache(), ValidationCache()


@pytest.mark.parametrize("way", ["compiled", "ordinary"])
@pytest.mark.benchmark(group="answers")
def test_answer(benchmark: BenchmarkFixture, request: pytest.FixtureRequest, loop: asyncio.Runner, way: str) -> None:
    ask: Ask = request.getfixturevalue(way)
    assert loop.run(ask(workload.READ)) == loop.run(request.getfixturevalue("ordinary")(workload.READ))

    async def ten() -> None:
        for _ in range(10):
            await ask(workload.READ)

    gc.freeze()  # as the service does: what lives for ever is not looked at again
    benchmark.pedantic(lambda: loop.run(ten()), rounds=100, warmup_rounds=5)  # type: ignore[no-untyped-call]


def test_how_much_faster(request: pytest.FixtureRequest, loop: asyncio.Runner) -> None:
    """The two ways in turn, in processor time."""
    compiled, ordinary = request.getfixturevalue("compiled"), request.getfixturevalue("ordinary")

    async def spent(ask: Ask, times: int) -> float:
        started = time.process_time()
        for _ in range(times):
            await ask(workload.READ)
        return (time.process_time() - started) / times

    loop.run(spent(compiled, 200))
    ratios = [loop.run(spent(ordinary, 20)) / loop.run(spent(compiled, 400)) for _ in range(9)]
    table.at_least("the answer of a cart, against strawberry with both caches", median(ratios), 25)
