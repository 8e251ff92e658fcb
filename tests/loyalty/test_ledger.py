"""What single commands do to an account: the cases that points counted one by one do not show."""

import pytest

from engine.loyalty.account import Account, AccountId, EntryKind
from engine.loyalty.commands import (
    Adjust,
    ClawBack,
    Earn,
    Happened,
    HoldPoints,
    PinHold,
    PostHold,
    ReleaseHold,
    ReturnPoints,
    Reverse,
    SetTier,
    Settle,
    Spend,
    UnpinHold,
)
from engine.loyalty.ledger import Status
from engine.types import InstantMs, OperationId
from tests.loyalty.test_ledger_against_model import Kept

ORDER, SECOND = OperationId("order-1"), OperationId("order-2")


@pytest.fixture
def kept() -> Kept:
    return Kept("customer:ann")


def spend(kept: Kept, points: int, now: int = 10) -> None:
    assert kept.do(HoldPoints("q", points, InstantMs(now + 1), ""), now).status is Status.HELD
    kept.do(PostHold("q"), now)


def sums(account: Account) -> tuple[int, int, int, int]:
    return account.pending, account.active, account.held, account.owed


def test_points_wait_for_an_event_or_for_their_time_whichever_comes_first(kept: Kept) -> None:
    kept.do(Earn(ORDER, 10, event="delivered", activates_ms=InstantMs(500)), 10)
    kept.do(Earn(SECOND, 5, event="delivered", activates_ms=InstantMs(500)), 10)
    assert sums(kept.account) == (15, 0, 0, 0)
    assert kept.do(Happened(OperationId("delivery"), ORDER), 20).points == 10
    assert sums(kept.account) == (5, 10, 0, 0)
    kept.do(Settle(), 500)
    assert sums(kept.account) == (0, 15, 0, 0)
    assert kept.do(Happened(OperationId("late"), SECOND), 600).points == 0
    assert kept.do(Happened(OperationId("wrong"), OperationId("nothing")), 600).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("claw_back", "taken", "left"),
    [(ClawBack.PENDING, 0, (0, 4, 0, 0)), (ClawBack.TO_ZERO, 4, (0, 0, 0, 0)), (ClawBack.NEGATIVE, 10, (0, -6, 0, 6))],
)
def test_what_was_spent_is_taken_back_as_far_as_the_programme_says(
    kept: Kept, claw_back: ClawBack, taken: int, left: tuple[int, int, int, int]
) -> None:
    kept.do(Earn(ORDER, 10), 10)
    spend(kept, 6)
    assert kept.do(Reverse(OperationId("cancel"), ORDER, claw_back), 20).points == taken
    assert sums(kept.account) == left


def test_what_was_held_or_spent_when_it_was_taken_back_is_lost_when_it_comes_back(kept: Kept) -> None:
    """Else whoever has two orders cancelled, the second paid with the points of the first, has points for nothing."""
    kept.do(Earn(ORDER, 10, expires_ms=InstantMs(200)), 10)
    spend(kept, 3)
    kept.do(HoldPoints("held", 4, InstantMs(99), ""), 15)
    assert kept.do(Reverse(OperationId("cancel"), ORDER, ClawBack.TO_ZERO), 20).points == 3
    assert sums(kept.account) == (0, 0, 4, 0)
    kept.do(Earn(SECOND, 5), 30)
    kept.do(ReleaseHold("held"), 40)
    assert sums(kept.account) == (0, 5, 0, 0)
    kept.do(ReturnPoints("q", InstantMs(500)), 300)
    assert sums(kept.account) == (0, 5, 0, 0)
    assert not kept.account.recalled


def test_points_that_come_back_first_are_taken_back_with_the_others(kept: Kept) -> None:
    kept.do(Earn(ORDER, 10, expires_ms=InstantMs(200)), 10)
    spend(kept, 6)
    kept.do(ReturnPoints("q", InstantMs(500)), 300)
    kept.do(HoldPoints("held", 6, InstantMs(400), ""), 310)
    kept.do(Reverse(OperationId("cancel"), ORDER, ClawBack.TO_ZERO), 320)
    kept.do(ReleaseHold("held"), 330)
    assert sums(kept.account) == (0, 0, 0, 0)


def test_a_pin_is_that_of_the_latest_attempt(kept: Kept) -> None:
    """Whoever comes late with an attempt that is over leaves alone what the next one has pinned meanwhile."""
    kept.do(Earn(ORDER, 10), 10)
    kept.do(HoldPoints("q", 4, InstantMs(99), "cart/q"), 20)
    for attempt in (1, 2, 1):
        assert kept.do(PinHold("q", attempt), 30).status is Status.PINNED
    assert kept.do(UnpinHold("q", InstantMs(40), attempt=1), 50).status is Status.PINNED
    assert kept.do(UnpinHold("q", InstantMs(60), attempt=2), 50).status is Status.HELD
    kept.do(Settle(), 60)
    assert sums(kept.account) == (0, 10, 0, 0)


def test_what_is_owed_is_paid_by_what_comes_in_next(kept: Kept) -> None:
    kept.do(Earn(ORDER, 10), 10)
    spend(kept, 10)
    kept.do(Reverse(OperationId("cancel"), ORDER, ClawBack.NEGATIVE), 20)
    kept.do(Earn(SECOND, 4), 30)
    assert sums(kept.account) == (0, -6, 0, 6)
    kept.do(Earn(OperationId("order-3"), 10, activates_ms=InstantMs(50)), 40)
    assert kept.do(HoldPoints("q2", 1, InstantMs(99), ""), 45).status is Status.SHORT
    kept.do(Settle(), 50)
    assert sums(kept.account) == (0, 4, 0, 0)
    assert kept.do(HoldPoints("q2", 4, InstantMs(99), ""), 60).status is Status.HELD


def test_what_a_till_took_offline_is_gone_and_what_was_not_there_is_owed(kept: Kept) -> None:
    kept.do(Earn(ORDER, 10, expires_ms=InstantMs(100)), 10)
    kept.do(Adjust(OperationId("gift"), 5, "sorry, staff:7"), 10)
    assert kept.do(Spend(OperationId("sale"), 12, "till-1/7"), 20).points == 12
    assert sums(kept.account) == (0, 3, 0, 0)
    assert kept.do(Spend(OperationId("sale-2"), 5, "till-1/8"), 30).points == 3
    assert sums(kept.account) == (0, -2, 0, 2)
    assert [(entry.kind, entry.lot, entry.active) for entry in kept.entries[2:]] == [
        (EntryKind.SPEND, "order-1", -10),
        (EntryKind.SPEND, "gift", -2),
        (EntryKind.SPEND, "gift", -3),
        (EntryKind.SPEND, "", -2),
    ]
    kept.do(Earn(SECOND, 4), 40)
    assert sums(kept.account) == (0, 2, 0, 0)


def test_an_order_that_comes_back_in_parts_gives_back_what_it_brought_and_no_more(kept: Kept) -> None:
    kept.do(Earn(ORDER, 10, qualifying=10, day="2026-01-05"), 10)
    kept.do(Earn(SECOND, 50), 10)
    taken = [
        kept.do(Reverse(OperationId(f"part-{n}"), ORDER, ClawBack.TO_ZERO, 4, "2026-01-05"), 20).points
        for n in range(4)
    ]
    assert taken == [4, 4, 2, 0]
    assert sums(kept.account) == (0, 50, 0, 0)
    assert kept.account.qualifying == {"2026-01-05": 0}


def test_a_tier_that_an_order_led_to_is_not_kept_when_that_is_cancelled(kept: Kept) -> None:
    """Else an order is placed for the tier alone, cancelled, and the tier's prices stay for a year."""
    kept.do(SetTier("silver"), 10)
    for number, placed in enumerate((20, 40)):
        kept.do(Earn(OperationId(f"order-{number}"), 10, qualifying=10, day="2026-01-05"), placed)
    kept.do(SetTier("gold"), 30)
    for number, placed, tier in ((1, 40, ("gold", 30)), (0, 20, ("silver", 10))):
        earning, cancel = OperationId(f"order-{number}"), OperationId(f"cancel-{number}")
        kept.do(Reverse(cancel, earning, ClawBack.TO_ZERO, None, "2026-01-05", "", InstantMs(placed)), 50)
        assert (kept.account.tier, kept.account.tier_since_ms) == tier


def test_no_tier_is_kept_that_was_reached_since_the_order_that_is_cancelled(kept: Kept) -> None:
    kept.do(Earn(ORDER, 10, qualifying=10, day="2026-01-05"), 10)
    kept.do(SetTier("silver"), 10)
    kept.do(SetTier("gold"), 20)
    kept.do(Reverse(OperationId("cancel"), ORDER, ClawBack.TO_ZERO, None, "2026-01-05", "", InstantMs(10)), 50)
    assert (kept.account.tier, kept.account.tier_since_ms) == ("", None)


def test_staff_add_and_take_points_with_a_reason(kept: Kept) -> None:
    kept.do(Adjust(OperationId("a"), 20, "sorry, staff:7", InstantMs(100)), 10)
    short = kept.do(Adjust(OperationId("b"), -21, "mistake, staff:7"), 20)
    assert short.status is Status.SHORT
    kept.do(Adjust(OperationId("b"), -5, "mistake, staff:7"), 20)
    assert [(entry.kind, entry.active, entry.note) for entry in kept.entries] == [
        (EntryKind.ADJUST, 20, "sorry, staff:7"),
        (EntryKind.ADJUST, -5, "mistake, staff:7"),
    ]
    assert kept.account.next_expiry == (100, 15)
    kept.do(Settle(), 100)
    assert kept.entries[-1].kind is EntryKind.EXPIRE
    assert sums(kept.account) == (0, 0, 0, 0)


def test_a_tier_is_noted_with_when_it_was_reached(kept: Kept) -> None:
    kept.do(SetTier("gold"), 10)
    kept.do(SetTier("gold"), 20)
    assert (kept.account.tier, kept.account.tier_since_ms) == ("gold", 10)
    assert kept.account.id == AccountId("customer:ann")
