"""Tiers: which one points lead to, how far the next one is, and when one is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from engine.rules.loyalty import Downgrade, Tier, Tiers


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands: its tier (None below the first), the next one, and how many points lead there.

    ``points`` are those of the window. ``kept_until`` is the first day on which the tier can be lost, None where
    nothing can be lost.
    """

    tier: Tier | None
    points: int
    next_tier: Tier | None
    missing: int
    kept_until: date | None


def standing(tiers: Tiers, qualifying: Mapping[str, int], current: str, since: date | None, today: date) -> Standing:
    """Return where an account stands on a day.

    ``qualifying`` are its points by day, ``2026-12-24``; ``current`` the tier that it was last known to have, since
    that day. A tier is reached at once. It is lost, as the programme says, when the window after it was reached is
    over: a rolling window later, or with the calendar year after that in which it was reached.
    """
    starts = _window_start(tiers, today)
    points = sum(count for day, count in qualifying.items() if starts <= date.fromisoformat(day) <= today)
    ids = [level.id for level in tiers.levels]
    earned = max((place for place, level in enumerate(tiers.levels) if points >= level.from_points), default=-1)
    has = ids.index(current) if current in ids else -1
    kept_until = None
    if earned < has and tiers.downgrade is not Downgrade.NEVER and since is not None:
        kept_until = _kept_until(tiers, since)
    if earned >= has:
        has, kept_until = earned, None
    elif kept_until is not None and kept_until <= today:
        has, kept_until = (has - 1 if tiers.downgrade is Downgrade.STEP else earned), None
    following = tiers.levels[has + 1] if has + 1 < len(ids) else None
    return Standing(
        tier=tiers.levels[has] if has >= 0 else None,
        points=points,
        next_tier=following,
        missing=max(0, following.from_points - points) if following else 0,
        kept_until=kept_until,
    )


def _window_start(tiers: Tiers, today: date) -> date:
    if tiers.window == "calendar_year":
        return date(today.year, 1, 1)
    return today - timedelta(days=tiers.days - 1)


def _kept_until(tiers: Tiers, since: date) -> date:
    if tiers.window == "calendar_year":
        return date(since.year + 2, 1, 1)
    return since + timedelta(days=tiers.days)
