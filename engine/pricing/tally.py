"""The working state of one evaluation: what is left to pay while promotions take their discounts.

A promotion never changes it. It makes a `Proposal`, and `grant` is the one place where a discount is cut to what is
left, capped, and spread: shares always sum to the discount, and no line or delivery ever goes below zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.money import allocate
from engine.pricing.basket import Basket, BasketLine
from engine.pricing.evaluation import Target
from engine.pricing.units import LineUnits
from engine.types import Currency, PromotionId


class Selects(Protocol):
    """A compiled choice of lines, as `Tally.selected` needs it: a key that names it, and the test of one line."""

    key: str

    def matches(self, line: BasketLine, currency: Currency) -> bool:
        """Say whether the line is chosen."""


@dataclass(slots=True)
class Proposal:
    """What a benefit asks for.

    ``shares`` are pairs of (place of the line or delivery in the basket, minor units wanted there). ``wanted_minor``
    may exceed their sum: ten off an order of eight. ``unit_wants`` says what is wanted of one unit of each run of a
    line, for benefits that look at units.
    """

    target: Target
    shares: Sequence[tuple[int, int]]
    wanted_minor: int
    unit_wants: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a promotion got: shares by place, and what it had wanted."""

    promotion: PromotionId
    lane: str
    target: Target
    shares: tuple[tuple[int, int], ...]
    wanted_minor: int
    granted_minor: int


class Tally:
    """What is left to pay on each line and delivery."""

    __slots__ = ("_selected", "basket", "deliveries", "grants", "lines")

    def __init__(self, basket: Basket) -> None:
        self.basket = basket
        self.lines = [LineUnits(line.unit_minor, line.units) for line in basket.lines]
        self.deliveries = [delivery.fee_minor or 0 for delivery in basket.deliveries]
        self.grants: list[Grant] = []
        self._selected: dict[str, list[int]] = {}

    def current(self) -> list[int]:
        """Return what each line still costs, now."""
        return [line.current_minor for line in self.lines]

    def selected(self, selection: Selects) -> list[int]:
        """Return the places of the lines that a selection chooses; worked out once an evaluation."""
        places = self._selected.get(selection.key)
        if places is None:
            currency = self.basket.currency
            places = [place for place, line in enumerate(self.basket.lines) if selection.matches(line, currency)]
            self._selected[selection.key] = places
        return places

    def spread(self, total_minor: int, places: Iterable[int]) -> list[tuple[int, int]]:
        """Split an amount over lines in proportion to what they still cost, at most all of it."""
        left = [(place, self.lines[place].current_minor) for place in places]
        weights = [minor for _, minor in left]
        parts = allocate(min(total_minor, sum(weights)), weights)
        return [(place, part) for (place, _), part in zip(left, parts, strict=True)]

    def cut(self, proposal: Proposal, cap_minor: int | None) -> list[tuple[int, int]]:
        """Return the shares that can be granted: none more than is left, together no more than the cap."""
        left = self.deliveries if proposal.target is Target.DELIVERY else None
        cut = [
            (place, min(wanted, self.lines[place].current_minor if left is None else left[place]))
            for place, wanted in proposal.shares
        ]
        if cap_minor is not None and sum(minor for _, minor in cut) > cap_minor:
            parts = allocate(cap_minor, [minor for _, minor in cut])
            cut = [(place, part) for (place, _), part in zip(cut, parts, strict=True)]
        return [(place, minor) for place, minor in cut if minor]

    def grant(self, promotion: PromotionId, lane: str, proposal: Proposal, cap_minor: int | None) -> Grant:
        """Take what a proposal may have; the grant says how much that was."""
        shares = self.cut(proposal, cap_minor)
        for place, minor in shares:
            if proposal.target is Target.DELIVERY:
                self.deliveries[place] -= minor
            elif place in proposal.unit_wants:
                self.lines[place].take_from_units(minor, proposal.unit_wants[place])
            else:
                self.lines[place].take(minor)
        granted_minor = sum(minor for _, minor in shares)
        grant = Grant(promotion, lane, proposal.target, tuple(shares), proposal.wanted_minor, granted_minor)
        if granted_minor:
            self.grants.append(grant)
        return grant
