"""What followers of a cart are told, compiled and in the ordinary way: byte for byte the same, faults included."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.live import FOLLOW
from engine.callers import Caller
from engine.cart.handoff import discretion_towards
from engine.cart.viewing import Viewer
from engine.live import CartEvent, EventReason
from engine.priced import Snapshot
from engine.types import CartId, ChannelId, MemberId
from schema.compiled.answers import AnswerCounts, CompiledAnswers
from schema.context import RequestContext
from schema.documents import Documents
from schema.http import GraphQLRequest
from schema.ids import key_of
from schema.streams import EventWriter
from schema.types.events import CartEventView
from tests.http.both_ways import NOW_MS, WIDE, BothWays
from tests.http.test_compiled import CORE, GUEST, STAFF, everything_of, populated
from tests.strategies_documents import Asked, requests


@pytest.fixture(scope="module")
def ways(store_url: str, shop: Snapshot) -> Iterator[BothWays]:
    with populated(store_url, shop) as ways:
        yield ways


@pytest.fixture(scope="module")
def event(ways: BothWays) -> CartEvent:
    """Return an event that has something of everything."""
    entries = ways.loop.run(ways.engine.log(GUEST, CartId(key_of(ways.cart, "Cart")), 0))
    here = Viewer(MemberId(STAFF.member), ChannelId("pos"), device="till 3")
    return CartEvent(EventReason.CHANGED, entries, ways.engine.example, (here,))


def written(ways: BothWays, event: CartEvent, asked: Asked, caller: Caller) -> tuple[str, AnswerCounts]:
    """Write an event in both ways, compare, and return what was written and which way the compiled one took."""
    engine: Any = ways.engine
    context = RequestContext(engine, ways.engine.snapshot, ways.tokens, 0, replace(caller, id="", role=""), NOW_MS)
    document = Documents(CORE, WIDE, introspection=False).ready(asked.query)
    request = GraphQLRequest(asked.query, asked.variables, None)

    async def text(compiled: CompiledAnswers | None, counts: AnswerCounts) -> str:
        root = CartEventView(event, context.known_caller(), discretion_towards(event.priced.cart, caller.member))
        answer = EventWriter(CORE, compiled, counts).written(request, document, context, root)
        return answer if isinstance(answer, str) else await answer

    counts = AnswerCounts()
    ordinary = ways.loop.run(text(None, AnswerCounts()))
    assert ways.loop.run(text(CompiledAnswers(CORE), counts)) == ordinary
    return ordinary, counts


@settings(max_examples=200, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_both_ways_write_events_alike(ways: BothWays, event: CartEvent, data: st.DataObject) -> None:
    often = {"cart", "operations", "lines", "nodes", "presence"}
    asked = data.draw(requests(CORE, ways.pools, "subscription", often))
    text, counts = written(ways, event, asked, data.draw(st.sampled_from([GUEST, STAFF])))
    assert counts.compiled == ('"errors":' not in text)


@pytest.mark.parametrize("caller", [GUEST, STAFF], ids=lambda caller: caller.kind.value)
@pytest.mark.parametrize(
    "query",
    [FOLLOW, f"subscription($id: ID!) {{ cartChanged(cartId: $id) {everything_of('CartEvent', 7)} }}"],
    ids=["bench", "everything"],
)
def test_every_field_of_an_event_is_compiled(ways: BothWays, event: CartEvent, query: str, caller: Caller) -> None:
    text, counts = written(ways, event, Asked(query, {"id": ways.cart}), caller)
    assert (counts.compiled, counts.ordinary) == (1, 0)
    assert text.startswith('{"data":{"cartChanged":{')


def test_what_is_at_fault_is_left_to_the_ordinary_way(ways: BothWays, event: CartEvent) -> None:
    query = 'subscription { cartChanged(cartId: "x") { version cart { priceOn(channel: "wbe") { channel } } } }'
    text, counts = written(ways, event, Asked(query, {}), GUEST)
    assert (counts.compiled, counts.ordinary) == (0, 1)
    assert '"code":"UNKNOWN_CHANNEL"' in text
