"""Limits as data: what a promotion may be used for in all, and what one order uses of it.

The rule language says which limits a promotion has (`engine.rules.limits`), an evaluation says what it used of them
(`engine.rules.uses`), and the store counts (`engine.storage.limits`). This is what the three talk in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from engine.types import CustomerId, PromotionId

AMOUNT_MOST: Final = 2**53 - 1
"""The most that a counter counts to: more is not exact in the store's scripts, whose numbers are doubles."""


class LimitKind(StrEnum):
    """What a limit counts by."""

    TOTAL = "total"
    PER_CUSTOMER = "customer"
    """The subject is the customer's id."""
    PER_STORE = "store"
    """The subject is the store's id."""
    PER_DAY = "day"
    """The subject is the day, ``2026-12-24``, by the calendar of the promotion."""
    PER_CODE = "code"
    """The subject is the canonical code; a ceiling of 1 makes it a code that can be used once."""
    VOUCHER = "voucher"
    """The subject is the canonical code that an order brought, of no promotion: it can be used once."""
    STAMPS = "stamps"
    """The subject is the card and its customer, amounts are stamps: what is counted lies in the account of the card."""
    BUDGET = "budget"
    """The subject is the currency, amounts are minor units of it."""


HOT_KINDS: Final = frozenset({LimitKind.TOTAL, LimitKind.PER_DAY, LimitKind.BUDGET})
"""What every order of a promotion counts on, whoever places it: their counters are split in shards."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One counter: a promotion, what is counted by, and of whom or what. Never changes its name, unlike its ceiling."""

    promotion: PromotionId
    kind: LimitKind
    subject: str = ""


def voucher_limit(code: str) -> Limit:
    """Return the counter of a code that an order brought, whatever promotions it unlocks."""
    return Limit(PromotionId(""), LimitKind.VOUCHER, code)


def card_of(card: str, customer: CustomerId) -> str:
    """Return the subject that the stamps of a customer on a card are: their own, also where they pool points."""
    return f"{card}:{customer}"


@dataclass(frozen=True, slots=True)
class Use:
    """What one order uses of a limit.

    ``amount`` is 1 for uses, minor units for budgets, a number of stamps; ``ceiling`` is what the rules allow in all,
    now. ``partial``: a budget gives what is left of it where that is less. ``returns``: a cancelled order gives its use
    back.
    """

    limit: Limit
    ceiling: int
    amount: int = 1
    partial: bool = False
    returns: bool = True

    def __post_init__(self) -> None:
        """Refuse what a counter cannot count exactly."""
        if not 0 < self.amount <= AMOUNT_MOST or not 0 <= self.ceiling <= AMOUNT_MOST:
            raise ValueError(f"a use is of 1 to {AMOUNT_MOST}, under a ceiling of at most that: {self}")


class Closing(StrEnum):
    """Why a promotion is closed for a cart."""

    LIMIT = "limit"
    """Its uses are used up: in all, of this customer, in this store, on this day, of this code."""
    BUDGET = "budget"
    """Its money is spent, or what is left is less than it would give here."""


@dataclass(frozen=True, slots=True)
class ClosedLimits:
    """What limits leave of promotions, for one cart: what an evaluation has to know of them.

    ``closed`` are the promotions that give nothing any more. ``left_minor`` caps what others give: the rest of a
    budget that may be given in part, in the cart's currency. ``version`` names this state wherever a price says what
    it was computed from.
    """

    closed: Mapping[PromotionId, Closing] = field(default_factory=dict)
    left_minor: Mapping[PromotionId, int] = field(default_factory=dict)
    version: str = ""


NOTHING_CLOSED: Final = ClosedLimits()
