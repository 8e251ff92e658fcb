"""Random steps on a limit with shards, crashes between the steps of a transfer among them, against plain numbers."""

import uuid
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import StoreUnavailableError
from engine.limits import Limit, LimitKind, Use
from engine.storage.keys import KeyNames
from engine.storage.limits import Counted, HoldState, LimitStore
from engine.types import InstantMs, PromotionId
from tests.storage.crashing import CrashingConnection
from tests.storage.test_limits import soon

CEILING, SHARDS = 20, 3
HOLDS = tuple(f"q{number}" for number in range(12))


@dataclass
class PlainLimit:
    """What should be: the state and amount of each hold."""

    holds: dict[str, tuple[HoldState, int]] = field(default_factory=dict)

    def counted(self) -> Counted:
        spent = sum(amount for state, amount in self.holds.values() if state is HoldState.POSTED)
        held = sum(amount for state, amount in self.holds.values() if state in (HoldState.HELD, HoldState.PINNED))
        return Counted(spent, held)

    def step(self, verb: str, hold: str, amount: int) -> HoldState:
        state, held = self.holds.get(hold, (HoldState.GONE, amount))
        if verb == "hold" and state is HoldState.GONE:
            if self.counted().left(CEILING) < amount:
                return HoldState.SHORT
            self.holds[hold] = (HoldState.HELD, amount)
            return HoldState.HELD
        if verb == "beyond" and state is HoldState.GONE:
            self.holds[hold] = (HoldState.POSTED, amount)
            return HoldState.POSTED
        turns = {
            "beyond": {HoldState.HELD: HoldState.POSTED, HoldState.PINNED: HoldState.POSTED},
            "pin": {HoldState.HELD: HoldState.PINNED},
            "unpin": {HoldState.PINNED: HoldState.HELD},
            "release": {HoldState.HELD: HoldState.GONE},
            "post": {HoldState.HELD: HoldState.POSTED, HoldState.PINNED: HoldState.POSTED},
            "give_back": {HoldState.POSTED: HoldState.RETURNED},
        }
        state = turns.get(verb, {}).get(state, state)
        if state is HoldState.GONE:
            self.holds.pop(hold, None)
        else:
            self.holds[hold] = (state, held)
        return state


amounts = {hold: 1 + number % 6 for number, hold in enumerate(HOLDS)}
verbs = st.sampled_from(["hold"] * 6 + ["pin", "unpin", "release", "release", "post", "give_back", "beyond"])
crashes = st.one_of(st.none(), st.tuples(st.integers(0, 8), st.booleans()))
steps = st.lists(st.tuples(verbs, st.sampled_from(HOLDS), crashes), min_size=15, max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
async def test_a_limit_with_shards_agrees_with_plain_numbers(
    server_url: str, names: KeyNames, steps: list[tuple[str, str, tuple[int, bool] | None]]
) -> None:
    connection = CrashingConnection(server_url)
    limits = LimitStore(connection, names, hot_shards=SHARDS)
    limit = Limit(PromotionId(uuid.uuid4().hex), LimitKind.BUDGET, "EUR")
    plain, at = PlainLimit(), await soon(connection)
    try:
        for verb, hold, crash_at in steps:
            connection.crash_at = crash_at
            with suppress(StoreUnavailableError):  # whoever asked asks again
                await _step(limits, limit, verb, hold, at)
            connection.crash_at = None
            assert await _step(limits, limit, verb, hold, at) is plain.step(verb, hold, amounts[hold])
            assert await limits.read([limit]) == (plain.counted(),)
        rest = plain.counted().left(CEILING)
        for number in range(rest):
            assert (await limits.hold(Use(limit, CEILING), f"rest-{number}", at, "")).made
        assert (await limits.hold(Use(limit, CEILING), "one more", at, "")).state is HoldState.SHORT
    finally:
        await connection.close()


async def _step(limits: LimitStore, limit: Limit, verb: str, hold: str, at: InstantMs) -> HoldState:
    match verb:
        case "hold":
            return (await limits.hold(Use(limit, CEILING, amounts[hold]), hold, at, "")).state
        case "beyond":
            over = await limits.post_beyond(Use(limit, CEILING, amounts[hold]), hold, "")
            (counted,) = await limits.read([limit])
            assert over == max(0, counted.spent - CEILING)
            return (await limits.post(limit, hold)).state
        case "pin":
            return (await limits.pin(limit, hold, 1)).state
        case "unpin":
            return (await limits.unpin(limit, hold, at, None)).state
        case _:
            step = {"release": limits.release, "post": limits.post, "give_back": limits.give_back}
            return (await step[verb](limit, hold)).state
