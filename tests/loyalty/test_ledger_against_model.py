"""Random commands on two accounts, with time going on between them, against points that are counted one by one."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.loyalty.account import Account, AccountId, Entry
from engine.loyalty.audit import faults_of
from engine.loyalty.codec import (
    decode_account,
    decode_entry,
    decode_record,
    encode_account,
    encode_entry,
    encode_record,
)
from engine.loyalty.commands import (
    ClawBack,
    Command,
    Earn,
    HoldPoints,
    PinHold,
    PointsArrived,
    PostHold,
    ReceivePoints,
    ReleaseHold,
    ReturnPoints,
    Reverse,
    SendPoints,
    Settle,
    Spend,
)
from engine.loyalty.ledger import Status, Step, apply, asks_about
from engine.types import InstantMs, OperationId
from tests.loyalty.plain_ledger import PlainLedger

NAMES = ("ann", "ben")
HOLDS = ("q1", "q2", "q3")


class Kept:
    """An account as a store keeps it: bytes, its entries, and what it remembers."""

    def __init__(self, name: str) -> None:
        self.account = Account(AccountId(name))
        self.entries: list[Entry] = []
        self.records: dict[str, bytes] = {}

    def do(self, command: Command, now: int) -> Step:
        """Do a command twice: the second must come to the same, and change nothing."""
        step = self._once(command, now)
        again = self._once(command, now)
        assert (again.status, again.entries) == (step.status, ())
        assert not faults_of(self.account, self.entries)
        return step

    def _once(self, command: Command, now: int) -> Step:
        known = [decode_record(self.records.get(operation)) for operation in asks_about(command)]
        step = apply(self.account, command, known, InstantMs(now))
        assert decode_account(encode_account(step.account)) == step.account
        self.account = step.account
        self.entries += [decode_entry(encode_entry(entry)) for entry in step.entries]
        self.records.update({operation: encode_record(record) for operation, record in step.records.items()})
        return step


class Both:
    """Two accounts and their plain counterparts."""

    def __init__(self) -> None:
        self.now, self.number = 1000, 0
        self.kept = {name: Kept(name) for name in NAMES}
        self.plain = {name: PlainLedger() for name in NAMES}
        self.earnings: list[tuple[str, str]] = []

    def next_id(self, kind: str) -> OperationId:
        self.number += 1
        return OperationId(f"{self.number:03}-{kind}")

    def earn(self, name: str, points: int, pending: int, lives: int) -> None:
        operation, activates = self.next_id("earn"), self.now + pending
        expires = activates + lives * 100 + self.number if lives else None
        command = Earn(operation, points, InstantMs(activates) if pending else None, "", _instant(expires))
        assert self.kept[name].do(command, self.now).status is Status.DONE
        self.plain[name].earn(operation, points, self.now, activates, expires)
        self.earnings.append((name, operation))

    def hold(self, name: str, hold: str, points: int) -> None:
        deadline = self.now + 300
        step = self.kept[name].do(HoldPoints(hold, points, InstantMs(deadline), ""), self.now)
        assert step.status == self.plain[name].hold(hold, points, deadline)

    def step(self, name: str, verb: str, hold: str) -> None:
        kept, plain, grace = self.kept[name], self.plain[name], self.now + 1000 + self.number
        commands: dict[str, tuple[Command, Callable[[], str]]] = {
            "pin": (PinHold(hold), lambda: plain.pin(hold)),
            "release": (ReleaseHold(hold), lambda: plain.release(hold, self.now)),
            "post": (PostHold(hold), lambda: plain.post(hold)),
            "return": (ReturnPoints(hold, InstantMs(grace)), lambda: plain.give_back(hold, self.now, grace)),
        }
        command, expected = commands[verb]
        assert kept.do(command, self.now).status == expected()

    def reverse(self, which: int) -> None:
        if self.earnings:
            name, earning = self.earnings[which % len(self.earnings)]
            command = Reverse(self.next_id("reverse"), OperationId(earning), ClawBack.TO_ZERO)
            assert self.kept[name].do(command, self.now).status is Status.DONE
            self.plain[name].reverse(earning)

    def spend(self, name: str, points: int) -> None:
        step = self.kept[name].do(Spend(self.next_id("spend"), points), self.now)
        assert (step.status, step.points) == (Status.DONE, self.plain[name].spend(points))

    def send(self, name: str, points: int) -> None:
        (to,) = set(NAMES) - {name}
        operation = self.next_id("send")
        step = self.kept[name].do(SendPoints(operation, AccountId(to), points), self.now)
        arrives = self.plain[name].send(points, self.plain[to], self.now)
        assert step.status is (Status.DONE if arrives else Status.SHORT)
        for each in step.account.outgoing:
            self.kept[to].do(ReceivePoints(each.operation, AccountId(name), each.taken), self.now)
            self.kept[name].do(PointsArrived(each.operation), self.now)

    def wait(self, ms: int) -> None:
        self.now += ms
        for name in NAMES:
            self.kept[name].do(Settle(), self.now)
            self.plain[name].wait_until(self.now)

    def compare(self) -> None:
        for name in NAMES:
            account, plain = self.kept[name].account, self.plain[name]
            sums = (account.pending, account.active, account.held)
            assert sums == (plain.count("pending"), plain.count("active") - plain.owed, plain.count("held"))
            assert account.owed == plain.owed


def _instant(at: int | None) -> InstantMs | None:
    return None if at is None else InstantMs(at)


names, holds, points = st.sampled_from(NAMES), st.sampled_from(HOLDS), st.integers(1, 12)
earns = st.tuples(st.just("earn"), names, points, st.sampled_from([0, 0, 100, 400]), st.integers(0, 6))
steps = st.one_of(
    earns,
    earns,
    st.tuples(st.just("hold"), names, holds, points),
    st.tuples(st.just("step"), names, st.sampled_from(["pin", "release", "post", "post", "return"]), holds),
    st.tuples(st.just("reverse"), st.integers(0, 20)),
    st.tuples(st.just("spend"), names, points),
    st.tuples(st.just("send"), names, points),
    st.tuples(st.just("wait"), st.sampled_from([50, 150, 400])),
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(steps, min_size=10, max_size=50))
def test_the_ledger_agrees_with_points_counted_one_by_one(steps: list[tuple[object, ...]]) -> None:
    both = Both()
    for verb, *arguments in steps:
        getattr(both, str(verb))(*arguments)
        both.compare()
