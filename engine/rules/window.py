"""When a promotion is active: dates and recurring hours, by the clock on the wall of one time zone."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import gcd
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from engine.errors import did_you_mean
from engine.fields import CalendarDay, InWords, TimeZone, When, Written, instant_ms, one_text
from engine.types import InstantMs

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
MINUTE_MS: Final = 60_000


def _read_day(value: Any) -> str:
    text = one_text(value).lower()[:3]
    if text not in DAYS:
        help_ = did_you_mean(str(value), DAYS, "write mon, tue, wed, thu, fri, sat or sun")
        raise ValueError(f"unknown_day: `{value}` is not a day of the week; help: {help_}")
    return text


def _read_clock(value: Any) -> int:
    hours, colon, minutes = one_text(value).partition(":")
    if colon and hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and int(minutes) < 60:
        total = int(hours) * 60 + int(minutes)
        if total <= DAY_MINUTES:
            return total
    raise ValueError(f"invalid_time: `{value}` is not a time of day; help: write it like 17:30, at most 24:00")


Day = Annotated[
    str,
    BeforeValidator(_read_day),
    WithJsonSchema({"enum": list(DAYS)}),
    InWords("day of the week", "`mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`"),
]
Clock = Annotated[
    int,
    BeforeValidator(_read_clock),
    PlainSerializer(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,2}:[0-9]{2}$"}),
    InWords("time of day", "`17:30`, at most `24:00`"),
]
"""Minutes since midnight."""


EXCEPT_DAYS_MAX = 366


class Hours(Written):
    """Recurring hours: on these days, from one time of day until another; without times, the whole day."""

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)
    """Days of the week; by default all."""
    from_: Clock = Field(default=0, alias="from")
    """From this time of day; by default midnight."""
    until: Clock = DAY_MINUTES
    """Until this time of day, not included; by default midnight. At or before `from` it is one of the next morning."""

    def cover(self, weekday: int, minute: int, *, night: bool = True) -> bool:
        """Say whether that minute of that day of the week is inside; `night`: so are hours of the evening before."""
        today = DAYS[weekday] in self.days
        if self.from_ < self.until:
            return today and self.from_ <= minute < self.until
        yesterday = DAYS[weekday - 1] in self.days
        return (today and minute >= self.from_) or (night and yesterday and minute < self.until)


class Active(Written):
    """When a promotion is active: every key is optional, and all that are written must agree."""

    from_: When | None = Field(default=None, alias="from")
    """The first day, or the first moment."""
    until: When | None = None
    """The last day, which is included; with a time, the moment when it is over."""
    timezone: TimeZone | None = None
    """Whose clock it goes by; by default that of the cart's store."""
    weekly: tuple[Hours, ...] | None = Field(default=None, min_length=1)
    """Recurring hours; one of them suffices."""
    except_days: tuple[CalendarDay, ...] = Field(default=(), max_length=EXCEPT_DAYS_MAX)
    """Days on which it is closed from midnight to midnight, and a night that would begin on one is left out whole."""

    @model_validator(mode="after")
    def _in_order(self) -> "Active":
        # As written: on the night when the clocks skip an hour, a window may begin and end at the same instant.
        if self.from_ and self.until and self.from_.starts_local() >= self.until.ends_local():
            if self.from_.starts_local() == self.until.starts_local():
                raise ValueError(f"empty_window: it ends when it begins ({self.from_}); help: write a later `until`")
            raise ValueError(
                f"empty_window: it ends ({self.until}) before it begins ({self.from_}); help: swap the two"
            )
        return self


ALWAYS = Active()


@dataclass(frozen=True, slots=True)
class Window:
    """An `Active` in a known zone."""

    zone: ZoneInfo
    from_ms: InstantMs | None
    until_ms: InstantMs | None
    weekly: tuple[Hours, ...] | None
    except_days: frozenset[date] = frozenset()
    closed: dict[InstantMs, InstantMs] = field(default_factory=dict, compare=False, repr=False)
    """The last closed stretch that was asked for, from then until the opening: worked out once, not for each cart."""

    def is_open(self, as_of_ms: InstantMs) -> bool:
        """Say whether the promotion is active at that instant."""
        if self.from_ms is not None and as_of_ms < self.from_ms:
            return False
        if self.until_ms is not None and as_of_ms >= self.until_ms:
            return False
        if self.weekly is None and not self.except_days:
            return True
        local = datetime.fromtimestamp(as_of_ms / 1000, self.zone)
        if local.date() in self.except_days:
            return False
        if self.weekly is None:
            return True
        minute = local.hour * 60 + local.minute
        night = local.date() - timedelta(days=1) not in self.except_days
        return any(hours.cover(local.weekday(), minute, night=night) for hours in self.weekly)

    def opens_ms(self, as_of_ms: InstantMs) -> InstantMs | None:
        """Return the first instant at or after `as_of_ms` when it is active; None when there is none."""
        for closed_ms, opens_ms in tuple(self.closed.items()):
            if closed_ms <= as_of_ms < opens_ms:
                return opens_ms
        found = self._next_opening_ms(as_of_ms)
        if found is not None and found > as_of_ms:
            self.closed.clear()
            self.closed[as_of_ms] = found
        return found

    def _next_opening_ms(self, as_of_ms: InstantMs) -> InstantMs | None:
        if self.until_ms is not None and as_of_ms >= self.until_ms:
            return None
        earliest = max(as_of_ms, self.from_ms) if self.from_ms is not None else as_of_ms
        if self.is_open(earliest):
            return earliest
        return next((start for start in self._starts(earliest) if start >= earliest and self.is_open(start)), None)

    def _starts(self, after_ms: InstantMs) -> Iterator[InstantMs]:
        """Yield the beginnings of days and of recurring hours, and changes of the clocks, around and after an instant.

        They come in order. A change opens what it skips the beginning of, and what it lets come a second time. Sixteen
        days hold each weekly hour twice: once is not enough, because the clocks may skip it. Each excluded day
        may take one of them away.
        """
        first = datetime.fromtimestamp(after_ms / 1000, self.zone).date() - timedelta(days=1)
        for day in (first + timedelta(days=offset) for offset in range(17 + 7 * len(self.except_days))):
            minutes = {0} | {
                hours.from_
                for hours in self.weekly or ()
                if DAYS[day.weekday()] in hours.days and hours.from_ < DAY_MINUTES
            }
            yield from _starts_on(day, frozenset(minutes), self.zone)


@lru_cache(maxsize=2**14)  # the hours of one promotion are those of others, and tomorrow's are asked for all day
def _starts_on(day: date, minutes: frozenset[int], zone: ZoneInfo) -> tuple[InstantMs, ...]:
    """Return when clocks on the wall show these times of a day, and when they are changed on it, in order."""
    walls = [datetime.combine(day, time(minute // 60, minute % 60), zone) for minute in minutes]
    # A time that the clocks repeat has two instants.
    starts = {instant_ms(wall.replace(fold=fold)) for wall in walls for fold in (0, 1)}
    return tuple(sorted(starts | _clock_changes(day, zone)))


def _clock_changes(day: date, zone: ZoneInfo) -> set[InstantMs]:
    """Return when the clocks of a zone are changed on a day, if they are."""

    def offset(ms: InstantMs) -> timedelta | None:
        return datetime.fromtimestamp(ms / 1000, zone).utcoffset()

    before = instant_ms(datetime.combine(day, time(), zone))
    after = instant_ms(datetime.combine(day + timedelta(days=1), time(), zone).replace(fold=1))
    if offset(before) == offset(after):
        return set()
    while before + 1 < after:
        middle = InstantMs((before + after) // 2)
        before, after = (middle, after) if offset(middle) == offset(before) else (before, middle)
    return {after}


def pace_ms(written: Collection[Active]) -> int:
    """Return the longest time, a minute at most, such that they open and close only where a multiple of it has passed.

    Days and recurring hours begin with a minute, in whatever zone; a date may be written with seconds and less.
    """
    utc = ZoneInfo("UTC")
    dates = [active.from_.starts_ms(utc) for active in written if active.from_]
    dates += [active.until.ends_ms(utc) for active in written if active.until]
    return gcd(MINUTE_MS, *dates)


def window_in(active: Active, store_zone: str) -> Window:
    """Resolve dates and hours in the promotion's own zone, else in that of the store."""
    zone = ZoneInfo(active.timezone or store_zone)
    return Window(
        zone,
        active.from_.starts_ms(zone) if active.from_ else None,
        active.until.ends_ms(zone) if active.until else None,
        active.weekly,
        frozenset(active.except_days),
    )


def iso(instant: InstantMs, zone: str = "UTC") -> str:
    """Write an instant for people."""
    moment = datetime.fromtimestamp(instant / 1000, UTC if zone == "UTC" else ZoneInfo(zone))
    return moment.isoformat(timespec="seconds")
