"""Whom a promotion is for: what must be known of the customer."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from engine.cart.model import Facts
from engine.fields import Written
from engine.pricing.basket import Basket
from engine.rules.selectors import Key, Words
from engine.types import InstantMs

Unmet = Callable[[Facts, Basket], str]
"""Names the first key that does not hold of a customer; empty where all hold."""
_Check = Callable[[Facts, Basket], bool]


class Points(Written):
    """A balance of points."""

    at_least: int = Field(ge=1, le=10**12)
    """So many points, before this order."""


class AccountAge(Written):
    """How many days ago the account was opened, by the calendar of the cart's store."""

    at_least_days: int = Field(ge=1, le=100_000)
    """So many days or more."""


class Birthday(Written):
    """So many days before and after the birthday, by the calendar of the cart's store; 0 is the day itself.

    Whoever was born on 29 February has their birthday on the 28th in other years.
    """

    within_days: int = Field(ge=0, le=182)
    """So many days before and after it; 0 is the day itself."""

    def holds(self, birthday: str, today: date) -> bool:
        """Say whether `today` is near enough to a birthday, ``MM-DD``, of this year or the ones beside it."""
        birthdays = [birthday_in(year, birthday) for year in (today.year - 1, today.year, today.year + 1)]
        return any(abs((day - today).days) <= self.within_days for day in birthdays)


class Orders(Written):
    """How many orders there were before this one: from `at_least` up to, and not including, `below`."""

    at_least: int | None = Field(default=None, ge=0, le=1_000_000)
    """So many or more."""
    below: int | None = Field(default=None, ge=1, le=1_000_000)
    """Fewer than this."""

    @model_validator(mode="after")
    def _one_bound(self) -> "Orders":
        if self.at_least is None and self.below is None:
            raise ValueError("empty_orders: `orders` needs a bound; help: add `at_least:` or `below:`")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError("empty_orders: no number is `at_least` this and `below` that; help: swap the two")
        return self

    def holds(self, orders: int) -> bool:
        """Say whether the number of orders is within the bounds."""
        return (self.at_least is None or orders >= self.at_least) and (self.below is None or orders < self.below)


class FirstOrderIn(Written):
    """No order so far held anything of these categories or below them."""

    category: Words
    """The categories; everything below them counts."""

    def holds(self, ordered: frozenset[str]) -> bool:
        """Say whether none of the ordered categories is one of these, or below one."""
        return not any(f"{path}/".startswith(f"{category}/") for path in ordered for category in self.category)


class Customers(Written):
    """Whom a promotion is for. All keys given must hold; of a list, any one. What is not known does not hold."""

    tiers: Words | None = None
    """One of these loyalty tiers."""
    segments: Words | None = None
    """In one of these segments."""
    first_order: bool | None = None
    """`true`: they have not ordered yet; `false`: they have."""
    points: Points | None = None
    """A balance of points."""
    account_age: AccountAge | None = None
    """How long they have had an account."""
    birthday: Birthday | None = None
    """It is their birthday, or nearly."""
    orders: Orders | None = None
    """How many orders they have placed."""
    nth_order: tuple[int, ...] | None = Field(default=None, min_length=1)
    """The number of this order is one of these: `[3, 10]`."""
    first_order_in: FirstOrderIn | None = None
    """They never ordered anything of these categories."""

    @model_validator(mode="after")
    def _one_key(self) -> "Customers":
        if not self.model_fields_set:
            raise ValueError(
                "empty_customers: `customers` needs a key; help: write `tiers:`, `segments:` or `first_order:`"
            )
        if self.nth_order is not None and min(self.nth_order) < 1:
            raise ValueError("invalid_order: the first order is number 1; help: write 1 or more")
        return self

    def index_keys(self) -> tuple[Key, ...] | None:
        """Return index keys of which a customer must have one: segments let less through than tiers."""
        if self.segments:
            return tuple(("segment", segment) for segment in self.segments)
        return tuple(("tier", tier) for tier in self.tiers) if self.tiers else None

    def compiled(self) -> Unmet:
        """Return the function that names the first key that does not hold."""
        checks = tuple(self._checks())

        def unmet(facts: Facts, basket: Basket) -> str:
            return next((name for name, holds in checks if not holds(facts, basket)), "")

        return unmet

    def _checks(self) -> Iterator[tuple[str, _Check]]:
        """Yield a check for each key that is given, the cheapest first."""
        if (tiers := self.tiers) is not None:
            yield "tiers", lambda facts, _: facts.tier in tiers
        if (segments := self.segments) is not None:
            yield "segments", lambda facts, _: not facts.segments.isdisjoint(segments)
        if (first_order := self.first_order) is not None:
            yield "first_order", lambda facts, basket: is_first_order(facts, basket.as_of_ms) is first_order
        if (points := self.points) is not None:
            yield "points", lambda facts, _: facts.points >= points.at_least
        if (orders := self.orders) is not None:
            yield "orders", lambda facts, _: facts.orders is not None and orders.holds(facts.orders)
        if (nth_order := self.nth_order) is not None:
            yield "nth_order", lambda facts, _: facts.orders is not None and facts.orders + 1 in nth_order
        if (account_age := self.account_age) is not None:
            yield "account_age", lambda facts, basket: _age_days(facts, basket) >= account_age.at_least_days
        if (birthday := self.birthday) is not None:
            yield (
                "birthday",
                lambda facts, basket: facts.birthday != "" and birthday.holds(facts.birthday, _today(basket)),
            )
        if (first_in := self.first_order_in) is not None:
            yield (
                "first_order_in",
                lambda facts, _: facts.ordered_categories is not None and first_in.holds(facts.ordered_categories),
            )


def is_first_order(facts: Facts, as_of_ms: InstantMs) -> bool:
    """Say whether there was no order yet; one placed at this very instant or later does not make this the second."""
    return facts.first_order_ms is None or facts.first_order_ms >= as_of_ms


def _age_days(facts: Facts, basket: Basket) -> int:
    """Return the age of the account in days; 0 where it is not known, which is never enough."""
    if facts.customer_since_ms is None:
        return 0
    return (_today(basket) - _day_of(facts.customer_since_ms, basket)).days


def _today(basket: Basket) -> date:
    return _day_of(basket.as_of_ms, basket)


def _day_of(instant: InstantMs, basket: Basket) -> date:
    """Return the date that a calendar in the cart's store shows."""
    return datetime.fromtimestamp(instant / 1000, ZoneInfo(basket.store.timezone)).date()


def birthday_in(year: int, birthday: str) -> date:
    """Return the day on which somebody has their birthday, ``MM-DD``, in a year."""
    month, day = int(birthday[:2]), int(birthday[3:])
    try:
        return date(year, month, day)
    except ValueError:  # 29 February in a year without one
        return date(year, month, day - 1)
