"""Two carts become one in the store: for every reader in one step, and whatever is cut off in the middle."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.cart.commands import AttachCustomer, ChangeLines, ComeBack, LineChange, MergeInto, Op, SetNote
from engine.cart.handoff import HandoffMode, Place, Terms
from engine.cart.merging import UNDO_MS, MergePolicy
from engine.cart.model import Cart, Member, Role
from engine.errors import StoreUnavailableError, UserErrorCode
from engine.storage.carts import Actor, CartStore, Committed, Missing, Refused
from engine.storage.connection import Argument, Connection
from engine.storage.handoffs import Claimant, HandoffStore, Made, NotMade, Unknown
from engine.storage.keys import KeyNames
from engine.storage.scripts import Script
from engine.types import CartId, CustomerId, InstantMs, OperationId, StoreId
from tests.storage.shopper import (
    ANN,
    BEN,
    EVE,
    LIMITS,
    POS,
    STAFF_CALLER,
    add,
    caller,
    committed,
    edit,
    everything,
    facts,
    start,
)

SOURCE, TARGET = CartId("source"), CartId("target")
OWN = (Member(ANN, Role.OWNER),)


class Stopped(Exception):  # noqa: N818  # it is no error, but the end of a process
    """The process that did this is gone."""


class Mortal:
    """A connection of a process that ends before its `left`-th step, or once it is done and nobody is told."""

    def __init__(self, connection: Connection, left: int, *, late: bool) -> None:
        self._connection = connection
        self._left = left
        self._late = late

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> list[Any]:
        answer: list[Any] = await self._step(lambda: self._connection.run(script, keys, arguments))
        return answer

    async def command(self, *words: Argument) -> Any:
        return await self._step(lambda: self._connection.command(*words))

    async def _step(self, work: Callable[[], Awaitable[Any]]) -> Any:
        self._left -= 1
        if self._left < 0 and not self._late:
            raise Stopped
        answer = await work()
        if self._left < 0:
            raise Stopped
        return answer


def process(connection: Connection, names: KeyNames, left: int, *, late: bool) -> CartStore:
    """Return the store as a process sees it that is about to end."""
    mortal: Any = Mortal(connection, left, late=late)
    return CartStore(mortal, names, LIMITS)


async def two_carts(carts: CartStore) -> None:
    """Make a cart with three mugs and a pen, and one with two mugs."""
    await committed(carts, edit(new_cart=start(SOURCE, members=OWN)), SOURCE)
    await committed(carts, edit(add("mug", 3), add("pen", 1), ["code", "X", "x"]), SOURCE)
    await committed(carts, edit(new_cart=start(TARGET, members=OWN)), TARGET)
    await committed(carts, edit(add("mug", 2)), TARGET)


async def merge(
    carts: CartStore, policy: MergePolicy = MergePolicy.SUM, operation: str = "m", by: Actor | None = None
) -> Committed | Refused | Missing:
    await carts.merges.begin(SOURCE, InstantMs(1))
    return await carts.commit(SOURCE, edit(*MergeInto(TARGET, policy).ops(), operation=operation, by=by))


async def merged(carts: CartStore, policy: MergePolicy = MergePolicy.SUM) -> Committed:
    answer = await merge(carts, policy)
    assert isinstance(answer, Committed), answer
    assert answer.cart.superseded_by == TARGET
    return answer


async def undo(carts: CartStore, operation: str = "u", by: Actor | None = None) -> Committed | Refused | Missing:
    await carts.merges.begin(SOURCE, InstantMs(1))
    return await carts.commit(SOURCE, edit(*ComeBack().ops(), operation=operation, by=by))


async def read(carts: CartStore, cart: CartId) -> Cart:
    found = (await carts.read(cart)).cart
    assert found is not None
    return found


def held(cart: Cart) -> dict[str, int]:
    return {line.sku: line.quantity for line in cart.lines}


async def goods(carts: CartStore) -> tuple[dict[str, int], dict[str, int], bool]:
    """Read source, target, and whether the source is merged, the target last."""
    source, target = await read(carts, SOURCE), await read(carts, TARGET)
    return held(source), held(target), source.superseded_by == TARGET


BEFORE = ({"mug": 3, "pen": 1}, {"mug": 2}, False)
AFTER = ({"mug": 3, "pen": 1}, {"mug": 5, "pen": 1}, True)


async def test_two_carts_become_one(carts: CartStore, connection: Connection, names: KeyNames) -> None:
    await two_carts(carts)
    assert names.partition(SOURCE) != names.partition(TARGET)
    answer = await merged(carts)
    assert await goods(carts) == AFTER
    target = await read(carts, TARGET)
    assert [code.canonical for code in target.codes] == ["X"]
    decision = await carts.merges.decision(SOURCE, TARGET, answer.version)
    assert decision is not None
    assert (decision.refused, decision.report.version, decision.report.undone) == (None, target.version, False)
    until_ms = await connection.command("PEXPIRETIME", names.merge(TARGET, SOURCE, answer.version))
    assert until_ms < answer.cart.expires_ms + 2 * UNDO_MS, "a cart of the same id is another one"
    log = (await carts.read_log(TARGET, target.version - 1)).entries[-1]
    assert (log.operation, log.member, log.device) == ("m", ANN, "phone")
    assert [change[0] for change in log.changes] == ["merge", "set", "set", "code"]
    told = [change for entry in (await carts.read_log(SOURCE, 0)).entries for change in entry.changes]
    assert told[-2:] == [("merge", TARGET, "sum"), ("merged", TARGET, "sum")]
    assert await connection.command("ZCARD", "panier:merging") == 0


async def test_a_merge_that_is_sent_again_adds_nothing(carts: CartStore) -> None:
    await two_carts(carts)
    await merged(carts)
    again = await merge(carts)
    assert isinstance(again, Committed)
    assert again.replayed
    other = await merge(carts, operation="another")
    assert isinstance(other, Refused)
    assert other.code is UserErrorCode.CART_MERGED
    assert await goods(carts) == AFTER
    reused = await carts.commit(SOURCE, edit(*MergeInto(CartId("third"), "sum").ops(), operation="m"))
    assert isinstance(reused, Refused)
    assert reused.code is UserErrorCode.OPERATION_ID_REUSED


async def test_a_merged_cart_changes_no_more(carts: CartStore) -> None:
    await two_carts(carts)
    await merged(carts)
    ops: list[Op] = [add("pen"), ["clear"], *SetNote("late").ops(), ["facts", "ben", {"c": "ben"}], ["leave", True]]
    for op in ops:
        answer = await carts.commit(SOURCE, edit(op))
        assert isinstance(answer, Refused)
        assert answer.code is UserErrorCode.CART_MERGED
        assert answer.cart is not None
        assert answer.cart.superseded_by == TARGET


async def test_an_invite_to_a_merged_cart_is_good_for_nothing(carts: CartStore) -> None:
    await two_carts(carts)
    await committed(carts, edit(["invite", "i", "CODE", "e", 1, 60_000]), SOURCE)
    await merged(carts)
    answer = await carts.commit(SOURCE, edit(["join", "CODE"], by=caller(EVE)))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.cart) == (UserErrorCode.INVITE_NOT_FOUND, None)


async def test_an_undo_takes_away_what_came_and_keeps_what_was_done_since(carts: CartStore) -> None:
    await two_carts(carts)
    await merged(carts)
    await committed(carts, edit(add("tea", 2), add("mug", 1)), TARGET)
    answer = await undo(carts)
    assert isinstance(answer, Committed)
    assert answer.cart.transfer is None
    assert await goods(carts) == ({"mug": 3, "pen": 1}, {"mug": 3, "tea": 2}, False)
    again = await undo(carts)
    assert isinstance(again, Committed)
    assert again.replayed
    twice = await undo(carts, "another")
    assert isinstance(twice, Refused)
    assert twice.code is UserErrorCode.NOT_MERGED
    await committed(carts, edit(add("pen", 1)), SOURCE)
    assert isinstance(await merge(carts, MergePolicy.MAX, "once more"), Committed)
    assert await goods(carts) == ({"mug": 3, "pen": 2}, {"mug": 3, "tea": 2, "pen": 2}, True)


async def test_an_undo_comes_too_late(carts: CartStore, connection: Connection, names: KeyNames) -> None:
    await two_carts(carts)
    answer = await merged(carts)
    await connection.command("DEL", names.before_merge(TARGET, SOURCE, answer.version))  # as after an hour
    late = await undo(carts)
    assert isinstance(late, Committed)
    assert late.cart.superseded_by == TARGET
    decision = await carts.merges.decision(SOURCE, TARGET, late.version)
    assert decision is not None
    assert decision.refused is UserErrorCode.TOO_LATE_TO_UNDO
    assert await goods(carts) == AFTER


# Cut off in the middle.

STEPS = 6
"""More than a merge has: begun, sealed, looked at, decided, finished, ended."""


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("left", range(STEPS))
async def test_whatever_is_cut_off_is_all_or_nothing(
    connection: Connection, carts: CartStore, names: KeyNames, left: int, *, late: bool
) -> None:
    """Whoever reads next sees both carts as before, or as after, and then for ever so; the sender's retry ends it."""
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, left, late=late))
    seen = await goods(carts)
    assert seen in (BEFORE, AFTER)
    assert seen == (BEFORE if left + late < 2 else AFTER), "sealed is as good as done"
    again = await merge(carts)
    assert isinstance(again, Committed)
    assert await goods(carts) == AFTER


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("left", range(STEPS))
async def test_an_undo_that_is_cut_off_likewise(
    connection: Connection, carts: CartStore, names: KeyNames, left: int, *, late: bool
) -> None:
    await two_carts(carts)
    await merged(carts)
    with pytest.raises(Stopped):
        await undo(process(connection, names, left, late=late))
    assert await goods(carts) == (AFTER if left + late < 2 else BEFORE)
    again = await undo(carts)
    assert isinstance(again, Committed)
    assert await goods(carts) == BEFORE


@pytest.mark.parametrize("first", ["source", "target"])
@pytest.mark.parametrize("left", range(2, STEPS))
async def test_no_reader_sees_the_goods_twice_or_not_at_all(
    connection: Connection, carts: CartStore, names: KeyNames, left: int, first: str
) -> None:
    """Whichever cart is read first: goods of a source that is not merged yet are not in the target that is read later."""
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, left, late=False))
    if first == "source":
        assert (await read(carts, SOURCE)).superseded_by == TARGET
        assert held(await read(carts, TARGET)) == AFTER[1]
    else:
        seen = held(await read(carts, TARGET))
        assert (await read(carts, SOURCE)).superseded_by == TARGET
        assert seen in (BEFORE[1], AFTER[1])
        assert held(await read(carts, TARGET)) == AFTER[1]


@pytest.mark.parametrize("left", range(1, STEPS))
async def test_several_go_on_at_once_with_what_was_cut_off(
    connection: Connection, carts: CartStore, names: KeyNames, left: int
) -> None:
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, left, late=True))
    await asyncio.gather(*[carts.read(SOURCE) for _ in range(5)], merge(carts), carts.read_log(SOURCE, 0))
    assert await goods(carts) == AFTER
    log = (await carts.read_log(TARGET, 0)).entries
    assert [entry.changes[0][0] for entry in log].count("merge") == 1


@pytest.mark.parametrize(("one", "other"), list(itertools.product(range(1, STEPS), repeat=2)))
async def test_those_who_go_on_may_be_cut_off_too(
    connection: Connection, carts: CartStore, names: KeyNames, one: int, other: int
) -> None:
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, one, late=True))
    helper = process(connection, names, other - 1, late=True)
    await asyncio.gather(helper.read(SOURCE), carts.commit(TARGET, edit(add("tea"))), return_exceptions=True)
    seen = await goods(carts)
    assert (seen[0], seen[1] | {"tea": 1}, seen[2]) == (AFTER[0], AFTER[1] | {"tea": 1}, True)


async def test_a_sweep_finds_what_nobody_reads(connection: Connection, carts: CartStore, names: KeyNames) -> None:
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, 2, late=False))
    assert await carts.merges.begun(older_than_ms=1000) == (SOURCE,)
    await carts.merges.sweep(older_than_ms=1000)
    assert held(await read(carts, TARGET)) == AFTER[1]
    assert await carts.merges.begun(older_than_ms=0) == ()


async def test_a_sweep_lets_go_of_what_was_never_sealed(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, 1, late=False))
    await carts.merges.begin(CartId("gone"), InstantMs(1))
    await carts.merges.sweep(older_than_ms=1000)
    assert await carts.merges.begun(older_than_ms=0) == ()
    assert await goods(carts) == BEFORE


async def test_a_helper_that_is_very_late_does_no_harm(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    """It has read a seal that is gone meanwhile: the merge was refused, or undone, and the source goes on."""
    await two_carts(carts)
    with pytest.raises(Stopped):
        await merge(process(connection, names, 2, late=False))
    blind = CartStore(connection, names, LIMITS)
    sealed = await _as_it_lies(blind, SOURCE)
    await goods(carts)
    await undo(carts)
    await committed(carts, edit(add("pen", 4)), SOURCE)
    before = await everything(connection)
    await carts.merges.settle(sealed)
    assert await everything(connection) == before


async def _as_it_lies(carts: CartStore, cart: CartId) -> Cart:
    """Read a cart without driving anything on."""

    async def unsettled(source: Cart) -> Cart:
        return source

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(carts.merges, "settle", unsettled)
        return await read(carts, cart)


# Several at once.


async def test_devices_that_merge_the_same_pair_merge_it_once(carts: CartStore) -> None:
    await two_carts(carts)
    answers = await asyncio.gather(*[merge(carts, operation=f"device-{number}") for number in range(8)])
    assert sum(isinstance(answer, Committed) for answer in answers) == 1
    assert all(answer.code is UserErrorCode.CART_MERGED for answer in answers if isinstance(answer, Refused))
    assert await goods(carts) == AFTER


async def test_edits_of_the_target_that_land_meanwhile_are_kept(carts: CartStore) -> None:
    await two_carts(carts)
    await asyncio.gather(*[carts.commit(TARGET, edit(add("mug"))) for _ in range(6)], merge(carts))
    assert held(await read(carts, TARGET)) == {"mug": 11, "pen": 1}


async def test_many_carts_into_one_at_once(carts: CartStore) -> None:
    await two_carts(carts)
    others = [CartId(f"source-{number}") for number in range(6)]
    for other in others:
        await committed(carts, edit(new_cart=start(other, members=OWN)), other)
        await committed(carts, edit(add("pen", 2)), other)
    into = MergeInto(TARGET, MergePolicy.SUM).ops()
    await asyncio.gather(*[carts.commit(other, edit(*into)) for other in others])
    assert held(await read(carts, TARGET)) == {"mug": 2, "pen": 12}


async def test_two_carts_into_each_other_lose_nothing(carts: CartStore) -> None:
    for _ in range(5):
        await two_carts(carts)
        there = carts.commit(SOURCE, edit(*MergeInto(TARGET, MergePolicy.SUM).ops()))
        back = carts.commit(TARGET, edit(*MergeInto(SOURCE, MergePolicy.SUM).ops()))
        await asyncio.gather(there, back)
        source, target = await read(carts, SOURCE), await read(carts, TARGET)
        state = (source.superseded_by, target.superseded_by)
        assert state in {(TARGET, None), (None, SOURCE), (None, None)}
        whole = {"mug": 5, "pen": 1}
        assert state == (None, None) or held(target if state[0] else source) == whole
        assert (held(source), held(target)) == BEFORE[:2] or state != (None, None)
        await carts._connection.command("FLUSHALL")


async def test_a_target_that_never_rests_is_said_so_and_merged_later(
    connection: Connection, carts: CartStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_carts(carts)
    work = carts.merges._work

    def too_late(*seen: Any) -> tuple[Argument, ...]:
        version, *rest = work(*seen)
        return (int(version) - 1, *rest)

    monkeypatch.setattr(carts.merges, "_work", too_late)
    with pytest.raises(StoreUnavailableError, match="try again"):
        await merge(carts)
    monkeypatch.setattr(carts.merges, "_work", work)
    assert await goods(carts) == AFTER


# Who may, and what is in the way.


async def refused_in_the_target(carts: CartStore, code: UserErrorCode, by: Actor | None = None) -> None:
    """Expect the target to refuse, so that the source is a cart of its own again."""
    answer = await merge(carts, by=by)
    assert isinstance(answer, Committed), answer
    assert answer.cart.transfer is None
    decision = await carts.merges.decision(SOURCE, TARGET, answer.version)
    assert decision is not None
    assert decision.refused is code
    assert (await goods(carts))[0] == BEFORE[0]
    await committed(carts, edit(add("pen", 1)), SOURCE)


async def test_only_the_owner_has_a_cart_merged(carts: CartStore) -> None:
    await two_carts(carts)
    await committed(carts, edit(["seat", BEN, "e"]), SOURCE)
    answer = await merge(carts, by=caller(BEN))
    assert isinstance(answer, Refused)
    assert answer.code is UserErrorCode.ROLE_FORBIDS
    assert isinstance(await merge(carts, by=caller(EVE)), Missing)
    assert await goods(carts) == BEFORE


@pytest.mark.parametrize(("role", "may"), [("e", True), ("a", False), ("s", False), ("v", False)])
async def test_the_target_is_theirs_to_edit(carts: CartStore, role: str, *, may: bool) -> None:
    await committed(carts, edit(new_cart=start(SOURCE, members=OWN)), SOURCE)
    await committed(carts, edit(add("mug", 3), add("pen", 1)), SOURCE)
    await committed(carts, edit(new_cart=start(TARGET, members=(Member(EVE, Role.OWNER),)), by=caller(EVE)), TARGET)
    await committed(carts, edit(add("mug", 2), ["seat", ANN, role], by=caller(EVE)), TARGET)
    if may:
        await merged(carts)
        assert (await read(carts, TARGET)).lines[0].shares == ((EVE, 2), (ANN, 3))
    else:
        await refused_in_the_target(carts, UserErrorCode.ROLE_FORBIDS)


async def test_staff_may_by_scope(carts: CartStore) -> None:
    await two_carts(carts)
    answer = await merge(carts, by=STAFF_CALLER)
    assert isinstance(answer, Committed)
    assert await goods(carts) == AFTER


async def test_there_is_no_target(carts: CartStore) -> None:
    await committed(carts, edit(new_cart=start(SOURCE, members=OWN)), SOURCE)
    await committed(carts, edit(add("mug", 3), add("pen", 1)), SOURCE)
    answer = await merge(carts)
    assert isinstance(answer, Committed)
    assert answer.cart.transfer is None
    assert held(answer.cart) == BEFORE[0]


@pytest.fixture
def handoffs(connection: Connection, names: KeyNames) -> HandoffStore:
    return HandoffStore(connection, names, LIMITS)


TILL = Claimant(Place(STAFF_CALLER.member, "till-4", POS, StoreId("lyon")), is_shops=True)
MOVE = Terms(HandoffMode.MOVE, 60_000, 60_000)


async def move_to_till(handoffs: HandoffStore, cart: CartId) -> None:
    code = await handoffs.create(cart, caller(ANN), OperationId("h"), MOVE)
    assert isinstance(code, Made)
    await handoffs.claim(code.code, cart, TILL, cart, b"")


async def test_a_target_that_a_till_has_is_not_changed_behind_its_back(
    carts: CartStore, handoffs: HandoffStore
) -> None:
    await two_carts(carts)
    await move_to_till(handoffs, TARGET)
    await refused_in_the_target(carts, UserErrorCode.CART_HELD)


async def test_a_source_that_a_till_has_stays_there(carts: CartStore, handoffs: HandoffStore) -> None:
    await two_carts(carts)
    await move_to_till(handoffs, SOURCE)
    answer = await merge(carts)
    assert isinstance(answer, Refused)
    assert answer.code is UserErrorCode.CART_HELD
    assert await goods(carts) == BEFORE


async def test_codes_of_a_merged_cart_are_good_for_nothing(carts: CartStore, handoffs: HandoffStore) -> None:
    await two_carts(carts)
    code = await handoffs.create(SOURCE, caller(ANN), OperationId("h"), MOVE)
    assert isinstance(code, Made)
    await merged(carts)
    assert isinstance(await handoffs.claim(code.code, SOURCE, TILL, SOURCE, b""), Unknown)
    assert await handoffs.create(SOURCE, caller(ANN), OperationId("i"), MOVE) == NotMade(UserErrorCode.CART_MERGED)


async def test_a_merged_cart_takes_nothing_in(carts: CartStore) -> None:
    await two_carts(carts)
    third = CartId("third")
    await committed(carts, edit(new_cart=start(third, members=OWN)), third)
    await carts.commit(TARGET, edit(*MergeInto(third, MergePolicy.SUM).ops()))
    await refused_in_the_target(carts, UserErrorCode.CART_MERGED)


async def test_signing_in_and_sealing_are_one_step(carts: CartStore) -> None:
    """So what the guest put in is the customer's, in both carts."""
    await committed(carts, edit(new_cart=start(SOURCE, members=OWN)), SOURCE)
    await committed(carts, edit(add("mug", 3)), SOURCE)
    owner = (Member(BEN, Role.OWNER),)
    await committed(
        carts, edit(new_cart=start(TARGET, members=owner, customer=CustomerId("ben")), by=caller(BEN)), TARGET
    )
    attach = AttachCustomer(CustomerId("ben"), BEN, facts(), guest=ANN)
    answer = await carts.commit(SOURCE, edit(*attach.ops(), *MergeInto(TARGET, MergePolicy.SUM).ops()))
    assert isinstance(answer, Committed)
    assert (answer.cart.customer, answer.cart.superseded_by) == ("ben", TARGET)
    assert (await read(carts, TARGET)).lines[0].shares == ((BEN, 3),)


# What fits.


async def test_a_cart_that_becomes_too_large_takes_what_fits(connection: Connection, names: KeyNames) -> None:
    wide = replace(LIMITS, lines=100, cart_bytes=4000)
    small = CartStore(connection, names, wide)
    for cart, skus in ((SOURCE, range(20)), (TARGET, range(100, 110))):
        await committed(small, edit(new_cart=start(cart, members=OWN)), cart)
        await committed(small, edit(*[add(f"sku-{sku}") for sku in skus]), cart)
    size = int(await connection.command("STRLEN", names.cart(SOURCE)))
    small = CartStore(connection, names, replace(wide, cart_bytes=size))
    answer = await merge(small)
    assert isinstance(answer, Committed)
    assert answer.cart.superseded_by == TARGET
    assert len(answer.cart.lines) == 20, "what was left is still there to be read"
    decision = await small.merges.decision(SOURCE, TARGET, answer.version)
    assert decision is not None
    left = [change for change in decision.report.changes if change.left]
    assert 0 < len(left) < 20
    assert len((await read(small, TARGET)).lines) == 30 - len(left)


async def test_a_cart_that_is_as_large_as_may_be_is_merged_all_the_same(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    await two_carts(carts)
    size = int(await connection.command("STRLEN", names.cart(SOURCE)))
    tight = CartStore(connection, names, replace(LIMITS, cart_bytes=size))
    assert isinstance(await merge(tight), Committed)
    assert await goods(tight) == AFTER


async def test_everything_of_a_line_survives_the_way(carts: CartStore) -> None:
    await committed(carts, edit(new_cart=start(SOURCE)), SOURCE)
    await committed(
        carts,
        edit(
            add("ham", 512, measured=True, label_price_minor=480, label_currency="EUR", line_key="pack"),
            add("cake", 1, options=(("message", "é"),), note="soft", seller="bakery"),
        ),
        SOURCE,
    )
    await committed(carts, edit(add("cake", 2, options=(("message", "é"),), seller="bakery"), by=caller(BEN)), SOURCE)
    await committed(carts, edit(new_cart=start(TARGET)), TARGET)
    source = (await merged(carts)).cart
    target = await read(carts, TARGET)
    assert target.lines[1].shares == ((ANN, 1), (BEN, 2))
    for ours, theirs in zip(target.lines, source.lines, strict=True):
        same = replace(
            theirs,
            added_version=target.version,
            changed_version=target.version,
            changed_at_ms=ours.changed_at_ms,
        )
        assert ours == same
        assert target.updated_ms == ours.changed_at_ms
    await committed(carts, edit(*ChangeLines((LineChange(target.lines[1].id, 1000),)).ops()), TARGET)
