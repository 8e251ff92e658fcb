"""What a programme makes of a priced cart and an account: points to come, points to spend, what they are worth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.fields import instant_ms
from engine.loyalty.account import Account
from engine.loyalty.commands import ClawBack, Earn, ReturnPoints, Reverse
from engine.loyalty.tiers import Standing, standing
from engine.money import allocate
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation
from engine.rules.burning import burnable_on, pays_for, worth_minor
from engine.rules.customers import birthday_in
from engine.rules.loyalty import Expiry, Loyalty
from engine.rules.selectors import Selections
from engine.types import InstantMs, MemberId, OperationId

_DAY_MS: Final = 86_400_000
_BIRTHDAY_LASTS: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LoyaltySummary:
    """What a cart shows of points before checkout.

    ``to_earn`` points come when it is paid for. ``balance`` can be spent on whatever, ``burnable`` of it on this cart,
    where they are worth ``burnable_minor`` of its currency. ``worth_minor`` is what the whole balance would be worth,
    None where the programme takes none in this currency. ``standing`` is None where there are no tiers.
    """

    to_earn: int
    balance: int
    burnable: int
    burnable_minor: int
    worth_minor: int | None
    standing: Standing | None


def summary(programme: Loyalty, account: Account, basket: Basket, evaluation: Evaluation) -> LoyaltySummary:
    """Return what a priced cart shows of points."""
    currency, as_of_ms = evaluation.currency, evaluation.computed_from.as_of_ms
    base_minor = burn_base_minor(programme, basket, evaluation)
    burnable, burnable_minor = burnable_on(programme, account.active, base_minor, currency)
    return LoyaltySummary(
        to_earn=evaluation.points_earned,
        balance=account.active,
        burnable=burnable,
        burnable_minor=burnable_minor,
        worth_minor=worth_minor(programme, max(0, account.active), currency),
        standing=standing_of(programme, account, as_of_ms, basket.store.timezone),
    )


def standing_of(programme: Loyalty, account: Account, now_ms: InstantMs, store_zone: str) -> Standing | None:
    """Return where an account stands at an instant; None in a programme without tiers."""
    if programme.tiers is None:
        return None
    zone = _zone(programme, store_zone)
    since = None if account.tier_since_ms is None else _day(account.tier_since_ms, zone)
    return standing(programme.tiers, account.qualifying, account.tier, since, _day(now_ms, zone))


def burn_base_minor(programme: Loyalty, basket: Basket, evaluation: Evaluation) -> int:
    """Return what points may pay for in a priced cart, those that it takes already not yet taken off."""
    regulated = {line.id for line in basket.lines if line.product.never_discount}
    return sum(
        line.total_minor + line.points_discount_minor
        for line in evaluation.lines
        if line.unavailable is None and line.gift_of is None and pays_for(programme, regulated=line.line in regulated)
    )


def earning(programme: Loyalty, points: int, operation: OperationId, now_ms: InstantMs, store_zone: str) -> Earn:
    """Return the command that credits points that a paid cart earns, named after its order.

    All of them qualify for a tier.
    """
    earned = credit(programme, points, operation, now_ms, store_zone)
    return replace(earned, qualifying=points, day=_day(now_ms, _zone(programme, store_zone)).isoformat())


def stamping(
    programme: Loyalty, card: str, stamps: int, operation: OperationId, now_ms: InstantMs, store_zone: str
) -> Earn:
    """Return the command that puts the stamps of an order on a card; the programme may have the card no more."""
    zone = _zone(programme, store_zone)
    expires = next((each.expires for each in programme.stamps if each.id == card), None)
    lost_ms = _expires_ms(expires, _day(now_ms, zone), zone) if expires else None
    return Earn(operation, stamps, expires_ms=lost_ms, note=operation)


def stamps_of(programme: Loyalty, basket: Basket, evaluation: Evaluation) -> dict[str, int]:
    """Return the stamps that a cart brings when it is paid for, by card; cards without any are left out."""
    priced = {line.line for line in evaluation.lines if line.gift_of is None and line.total_minor > 0}
    bought = [line for line in basket.lines if line.id in priced]
    stamps = {}
    for card in programme.stamps:
        chosen = Selections().get(card.on, card.except_, regulated=True)
        units = [line.units for line in bought if chosen.matches(line, basket.currency)]
        stamps[card.id] = min(len(units), 1) if card.per == "order" else sum(units)
    return {card: count for card, count in stamps.items() if count}


def welcome(programme: Loyalty, now_ms: InstantMs, store_zone: str) -> Earn | None:
    """Return the command that credits the points for joining, once for each account; None where there are none."""
    if programme.welcome is None:
        return None
    return credit(programme, programme.welcome, OperationId("welcome"), now_ms, store_zone)


def birthday(programme: Loyalty, born: str, now_ms: InstantMs, store_zone: str) -> Earn | None:
    """Return the command that credits the points for a birthday, ``MM-DD``, once a year; None where none are due.

    They are on the day itself and for some weeks after it: whoever comes later has to wait for the next one.
    """
    if programme.birthday is None or not born:
        return None
    today = _day(now_ms, _zone(programme, store_zone))
    days = [birthday_in(year, born) for year in (today.year - 1, today.year)]
    latest = max((day for day in days if timedelta() <= today - day <= _BIRTHDAY_LASTS), default=None)
    if latest is None:
        return None
    return credit(programme, programme.birthday, OperationId(f"birthday:{latest.year}"), now_ms, store_zone)


def credit(programme: Loyalty, points: int, operation: OperationId, now_ms: InstantMs, store_zone: str) -> Earn:
    """Return the command that credits points as the programme says: when they can be spent, and when they are lost."""
    pending, zone = programme.pending, _zone(programme, store_zone)
    waits_days = pending.days if pending else None
    return Earn(
        operation=operation,
        points=points,
        activates_ms=None if waits_days is None else InstantMs(now_ms + waits_days * _DAY_MS),
        event=(pending.event or "") if pending else "",
        expires_ms=_expires_ms(programme.expires, _day(now_ms, zone), zone) if programme.expires else None,
        note=operation,
    )


def reversal(
    programme: Loyalty, earned: Earn, operation: OperationId, placed_ms: InstantMs, points: int | None = None
) -> Reverse:
    """Return the command that takes back what an order earned: all of it, or for a part of the order that came back."""
    claw_back = ClawBack(programme.on_cancel.claw_back)
    return Reverse(operation, earned.operation, claw_back, points, earned.day, operation, placed_ms)


def giving_back(programme: Loyalty, hold: str, now_ms: InstantMs) -> ReturnPoints:
    """Return the command that gives back what a cancelled order had spent."""
    return ReturnPoints(hold, InstantMs(now_ms + programme.on_cancel.grace_days * _DAY_MS), hold)


def split(points: int, weights_minor: Mapping[MemberId, int]) -> dict[MemberId, int]:
    """Return the points of each member of a shared cart, by what the lines cost that they wished for."""
    members = sorted(weights_minor)
    return dict(zip(members, allocate(points, [weights_minor[member] for member in members]), strict=True))


def _expires_ms(expiry: Expiry, today: date, zone: ZoneInfo) -> InstantMs:
    """Return the first instant at which points of today are lost."""
    last = today + timedelta(days=expiry.days)
    match expiry.at_end_of:
        case "month":
            following = date(last.year + last.month // 12, last.month % 12 + 1, 1)
        case "year":
            following = date(last.year + 1, 1, 1)
        case _:
            following = last + timedelta(days=1)
    return instant_ms(datetime.combine(following, time(), zone))


def _zone(programme: Loyalty, store_zone: str) -> ZoneInfo:
    return ZoneInfo(programme.timezone or store_zone)


def _day(instant: InstantMs, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(instant / 1000, zone).date()
