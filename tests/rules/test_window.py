"""Windows: dates, recurring hours, nights, and the days on which the clocks change."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.fields import instant_ms
from engine.rules.window import DAYS, Active, Window, window_in
from engine.types import InstantMs

PARIS = ZoneInfo("Europe/Paris")


def at(text: str, fold: int = 0) -> InstantMs:
    return instant_ms(datetime.fromisoformat(text).replace(tzinfo=PARIS, fold=fold))


def window(**written: object) -> Window:
    return window_in(Active.model_validate(written), "Europe/Paris")


def test_a_date_only_until_includes_that_day() -> None:
    """The offer holds until midnight of the place, not of Greenwich."""
    offer = window(**{"from": "2026-10-01", "until": "2026-11-30"})
    assert not offer.is_open(at("2026-09-30T23:59:59.999"))
    assert offer.is_open(at("2026-10-01T00:00"))
    assert offer.is_open(at("2026-11-30T23:59:59.999"))
    assert not offer.is_open(at("2026-12-01T00:00"))


def test_an_until_with_a_time_is_exclusive() -> None:
    offer = window(until="2026-11-30T20:00")
    assert offer.is_open(at("2026-11-30T19:59:59.999"))
    assert not offer.is_open(at("2026-11-30T20:00"))


def test_its_own_zone_goes_before_that_of_the_store() -> None:
    offer = window(**{"from": "2026-10-01", "timezone": "America/New_York"})
    assert not offer.is_open(at("2026-10-01T05:59"))
    assert offer.is_open(at("2026-10-01T06:00"))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-10-02T16:59", False),  # a Friday
        ("2026-10-02T17:00", True),
        ("2026-10-02T20:59", True),
        ("2026-10-02T21:00", False),
        ("2026-10-04T18:00", False),  # a Sunday
    ],
)
def test_weekly_hours(moment: str, *, is_open: bool) -> None:
    offer = window(weekly=[{"days": ["fri", "sat"], "from": "17:00", "until": "21:00"}])
    assert offer.is_open(at(moment)) is is_open


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    """Friday from 22:00 until 02:00 ends on Saturday morning, and does not begin on Thursday night."""
    offer = window(weekly=[{"days": ["fri"], "from": "22:00", "until": "02:00"}])
    assert not offer.is_open(at("2026-10-02T01:00"))
    assert offer.is_open(at("2026-10-02T22:00"))
    assert offer.is_open(at("2026-10-03T01:59"))
    assert not offer.is_open(at("2026-10-03T02:00"))


def test_it_says_when_it_opens_next() -> None:
    offer = window(
        **{
            "from": "2026-10-01",
            "until": "2026-10-10",
            "weekly": [{"days": ["fri"], "from": "17:00", "until": "21:00"}],
        }
    )
    assert offer.opens_ms(at("2026-09-01T00:00")) == at("2026-10-02T17:00")
    assert offer.opens_ms(at("2026-10-02T18:00")) == at("2026-10-02T18:00"), "an open window opens now"
    assert offer.opens_ms(at("2026-10-02T21:00")) == at("2026-10-09T17:00")
    assert offer.opens_ms(at("2026-10-09T21:00")) is None, "it ends before the next Friday"


def test_an_hour_that_the_clocks_skip_opens_when_they_have_jumped() -> None:
    """On 2026-03-29 Paris goes from 02:00 to 03:00: an offer from 02:30 begins at 03:00."""
    offer = window(weekly=[{"days": ["sun"], "from": "02:30", "until": "04:00"}])
    assert offer.opens_ms(at("2026-03-29T00:00")) == at("2026-03-29T03:00")
    assert at("2026-03-29T03:00") - at("2026-03-29T01:00") == 60 * 60 * 1000


def test_a_window_inside_the_skipped_hour_waits_for_the_next_week() -> None:
    offer = window(weekly=[{"days": ["sun"], "from": "02:15", "until": "02:45"}])
    assert offer.opens_ms(at("2026-03-29T00:00")) == at("2026-04-05T02:15")


def test_an_hour_that_the_clocks_repeat_is_open_twice() -> None:
    """On 2026-10-25 Paris shows 02:30 twice; a clock on the wall cannot tell them apart."""
    offer = window(weekly=[{"days": ["sun"], "from": "02:30", "until": "02:45"}])
    assert offer.opens_ms(at("2026-10-25T00:00")) == at("2026-10-25T02:30")
    assert offer.opens_ms(at("2026-10-25T02:45")) == at("2026-10-25T02:30", fold=1)


def test_hours_that_end_in_what_the_clocks_repeat_open_again_when_they_are_put_back() -> None:
    offer = window(weekly=[{"from": "00:00", "until": "02:30"}])
    assert offer.opens_ms(at("2026-10-25T02:30")) == at("2026-10-25T02:00", fold=1), "not at the next midnight"


def test_after_excluded_days_it_opens_at_midnight() -> None:
    offer = window(except_days=["2026-12-25", "2026-12-26"])
    assert offer.opens_ms(at("2026-12-24T23:59")) == at("2026-12-24T23:59")
    assert offer.opens_ms(at("2026-12-25T10:00")) == at("2026-12-27T00:00")
    ends_before = window(until="2026-12-26", except_days=["2026-12-25", "2026-12-26"])
    assert ends_before.opens_ms(at("2026-12-25T10:00")) is None


def test_recurring_hours_wait_for_a_week_that_is_not_excluded() -> None:
    fridays = ["2026-10-02", "2026-10-09", "2026-10-16", "2026-10-23"]
    offer = window(weekly=[{"days": ["fri"], "from": "17:00", "until": "21:00"}], except_days=fridays)
    assert offer.opens_ms(at("2026-10-01T00:00")) == at("2026-10-30T17:00")


def test_a_night_runs_neither_into_an_excluded_day_nor_out_of_it() -> None:
    offer = window(weekly=[{"from": "22:00", "until": "02:00"}], except_days=["2026-12-25"])
    assert offer.is_open(at("2026-12-24T23:59:59.999"))
    assert not offer.is_open(at("2026-12-25T00:00"))
    assert not offer.is_open(at("2026-12-25T23:00"))
    assert not offer.is_open(at("2026-12-26T01:00"))
    assert offer.opens_ms(at("2026-12-25T00:00")) == at("2026-12-26T22:00")


def test_an_excluded_day_is_as_long_as_the_clocks_make_it() -> None:
    """23 hours in March, 25 in October; in Santiago midnight itself is skipped on 2026-09-06."""
    spring, autumn = window(except_days=["2026-03-29"]), window(except_days=["2026-10-25"])
    assert spring.opens_ms(at("2026-03-29T00:00")) == at("2026-03-29T00:00") + 23 * 3_600_000
    assert autumn.opens_ms(at("2026-10-25T00:00")) == at("2026-10-25T00:00") + 25 * 3_600_000
    santiago = window(except_days=["2026-09-05"], timezone="America/Santiago")
    noon = instant_ms(datetime.fromisoformat("2026-09-05T12:00-04:00"))
    assert santiago.opens_ms(noon) == instant_ms(datetime.fromisoformat("2026-09-06T01:00-03:00"))


def test_what_it_remembers_changes_no_answer() -> None:
    """The stretch that was asked for last is kept; another instant is worked out for itself."""
    hours = [{"days": ["fri"], "from": "17:00", "until": "21:00"}]
    offer = window(weekly=hours)
    moments = [at(f"2026-10-{day:02}T{hour:02}:00") for day in (9, 1, 2, 16, 3, 2, 1) for hour in (23, 3, 18, 17, 16)]
    assert [offer.opens_ms(moment) for moment in moments] == [
        window(weekly=hours).opens_ms(moment) for moment in moments
    ]


HOURS = st.fixed_dictionaries(
    {
        "days": st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True),
        "from": st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}"),
        "until": st.integers(1, 96).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}"),
    }
)


@given(
    st.lists(HOURS, min_size=1, max_size=3),
    st.integers(0, 364 * 24 * 60).map(
        lambda minutes: datetime.fromisoformat("2026-01-01") + timedelta(minutes=minutes)
    ),
    st.lists(st.integers(-1, 9), max_size=4, unique=True),
)
def test_the_next_opening_is_open_and_nothing_before_it_is(
    weekly: list[dict[str, object]], moment: datetime, excluded: list[int]
) -> None:
    """Checked against a walk in steps of five minutes, over both changes of the clocks."""
    except_days = [(moment + timedelta(days=days)).date().isoformat() for days in excluded]
    offer = window(weekly=weekly, except_days=except_days)
    now = instant_ms(moment.replace(tzinfo=PARIS))
    opens = offer.opens_ms(now)
    assert opens is not None
    assert offer.is_open(opens)
    assert opens == now or not offer.is_open(InstantMs(opens - 1))
    step = 5 * 60 * 1000
    walked = range(now - now % step + step, min(opens, now + 3 * 24 * 3600 * 1000), step)
    assert opens == now or not any(offer.is_open(InstantMs(instant)) for instant in walked)


def test_a_window_in_the_hour_that_the_clocks_skip_is_never_open() -> None:
    """In Paris, 02:30 and 03:30 of that night are the same instant; the author may not have thought of that."""
    for first, last in (("02:30", "03:30"), ("02:45", "03:15")):
        offer = window(**{"from": f"2026-03-29T{first}", "until": f"2026-03-29T{last}", "timezone": "Europe/Paris"})
        night = range(at("2026-03-29T00:00"), at("2026-03-29T06:00"), 5 * 60 * 1000)
        assert not any(offer.is_open(InstantMs(moment)) for moment in night)
        assert offer.opens_ms(at("2026-03-28T00:00")) is None


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("2026-03-29T03:30", "2026-03-29T02:30", "before it begins"),
        ("2026-03-29T02:30", "2026-03-29T02:30", "when it begins"),
        ("2026-03-29", "2026-03-28", "before it begins"),
    ],
)
def test_a_window_that_ends_before_it_begins_by_the_clock_is_refused(first: str, last: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        window(**{"from": first, "until": last, "timezone": "Europe/Paris"})
