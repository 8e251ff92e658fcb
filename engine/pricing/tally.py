"""The working state of one evaluation: what is left to pay while promotions take their discounts.

A promotion never changes it. It makes a `Proposal`, and `grant` is the one place where a discount is cut to what is
left, capped, and spread: shares always sum to the discount, and no line or delivery ever goes below zero.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Protocol

from engine.money import allocate
from engine.pricing.basket import Basket, BasketLine
from engine.pricing.evaluation import EvaluatedAdjustment, LaneSearch, OutcomeCode, Shortfall, Target
from engine.pricing.extras import Extra
from engine.pricing.units import LineUnits, Pick, Run, Taking, Use
from engine.types import Currency, PromotionId


class Selects(Protocol):
    """A compiled choice of lines, as `Tally.selected` needs it: a key that names it, and the test of one line."""

    key: str
    words: str
    """How people name it; empty for all goods."""
    asks_discounted: bool
    """Whether it depends on what earlier lanes took, and must be worked out anew for each lane."""

    def matches(self, line: BasketLine, currency: Currency, *, discounted: bool = False) -> bool:
        """Say whether the line is chosen; `discounted`: earlier lanes took something off it."""


Missing = Callable[[], Shortfall | None]
"""Says what more of something would bring, None where nothing would. Asked before the tally changes, or never."""


@dataclass(slots=True)
class Proposal:
    """What a benefit asks for.

    ``shares`` are pairs of (place of the line, delivery or fee in the basket, minor units wanted there).
    ``wanted_minor`` may exceed their sum: ten off an order of eight. ``picks`` says, line by line, which units it is
    about, for benefits that look at units; elsewhere a share falls on all units of its line. ``may`` is what the units
    that it uses may be to later promotions that build sets. ``line_cap_minor`` caps what one line gets.
    """

    target: Target
    shares: Sequence[tuple[int, int]]
    wanted_minor: int
    picks: dict[int, list[Pick]] = field(default_factory=dict)
    may: Use = Use.BOTH
    line_cap_minor: int | None = None
    extra: Extra | None = None
    """What it gives beside a discount. The shares of a gift are its own discount, at place 0."""
    why_nothing: OutcomeCode = OutcomeCode.NO_TARGET
    """The verdict where nothing can be granted."""
    detail: str = ""
    """For the outcome: the gift, or why there is none."""
    missing: Missing | None = None
    """Where it asks for nothing, for lack of goods or spend."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a promotion got: shares by place, and what it had wanted."""

    promotion: PromotionId
    lane: str
    target: Target
    shares: tuple[tuple[int, int], ...]
    wanted_minor: int
    granted_minor: int
    extra: Extra | None = None

    @property
    def gave(self) -> bool:
        """Whether it got anything at all."""
        return self.granted_minor > 0 or self.extra is not None


Holding = Mapping[int, Mapping[int, int]]
"""Some goods of a cart: units by run, by place of the line."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a promotion does with goods that it holds alone: its proposal, cut to what it may have of them.

    Every share has its picks, so that nothing falls on units of the line that others hold.
    """

    proposal: Proposal
    shares: Sequence[tuple[int, int]]

    @property
    def granted_minor(self) -> int:
        """What it takes off all together."""
        return sum(minor for _, minor in self.shares)

    def units_used(self) -> dict[tuple[int, int], int]:
        """Return the units that it is about, by line and run: of one run some may be rewarded and others paid for."""
        used: dict[tuple[int, int], int] = {}
        for place, picks in self.proposal.picks.items():
            for pick in picks:
                used[place, pick.run] = used.get((place, pick.run), 0) + pick.units
        return used


class Tally:
    """What is left to pay on each line, delivery and fee."""

    __slots__ = (
        *("_discounted", "_selected", "_selected_in_lane"),
        *(
            "adjusted",
            "basket",
            "deliveries",
            "fees",
            "grants",
            "held_lines",
            "lines",
            "points",
            "searches",
            "staff_minor",
        ),
    )

    def __init__(self, basket: Basket) -> None:
        self.basket = basket
        self.lines = [LineUnits([Run(line.unit_minor, line.units, line.unit_minor)]) for line in basket.lines]
        self.deliveries = [delivery.fee_minor or 0 for delivery in basket.deliveries]
        self.fees = [(fee.unit_minor or 0) * fee.quantity for fee in basket.fees]
        self.grants: list[Grant] = []
        self.points: dict[PromotionId, int] = {}
        """What promotions on points earn, once all lanes have run."""
        self._selected: dict[str, list[int]] = {}
        self._selected_in_lane: dict[str, list[int]] = {}
        self._discounted: frozenset[int] = frozenset()
        self.held_lines: frozenset[int] | None = None
        """The lines that a part of a cart has; None for a whole cart."""
        self.searches: list[LaneSearch] = []
        self.adjusted: tuple[EvaluatedAdjustment, ...] = ()
        self.staff_minor = [0] * len(self.lines)
        """What staff took off each line, set prices aside."""

    def begin_lane(self) -> list[int]:
        """Let picks go by what units cost from here on; return what each line costs to thresholds.

        What staff took off counts in none of them.
        """
        for line in self.lines:
            line.begin_lane()
        self._discounted = frozenset(
            place
            for grant in self.grants
            if grant.target is Target.ITEM or grant.target is Target.ORDER
            for place, _ in grant.shares
        )
        self._selected_in_lane.clear()
        return [line.current_minor + staff for line, staff in zip(self.lines, self.staff_minor, strict=True)]

    def take_by_staff(self, place: int, amount_minor: int) -> None:
        """Take a manual amount off a line."""
        self.staff_minor[place] += amount_minor
        self.lines[place].take(amount_minor)

    def selected(self, selection: Selects) -> list[int]:
        """Return the places of the lines that a selection chooses; worked out once an evaluation, or once a lane."""
        known = self._selected_in_lane if selection.asks_discounted else self._selected
        places = known.get(selection.key)
        if places is None:
            currency = self.basket.currency
            places = known[selection.key] = [
                place
                for place, line in enumerate(self.basket.lines)
                if selection.matches(line, currency, discounted=place in self._discounted)
            ]
        return places if self.held_lines is None else [place for place in places if place in self.held_lines]

    def spread(self, total_minor: int, places: Iterable[int]) -> list[tuple[int, int]]:
        """Split an amount over lines in proportion to what they still cost, at most all of it."""
        left = [(place, self.lines[place].current_minor) for place in places]
        weights = [minor for _, minor in left]
        parts = allocate(min(total_minor, sum(weights)), weights)
        return [(place, part) for (place, _), part in zip(left, parts, strict=True)]

    def cut(self, proposal: Proposal, cap_minor: int | None) -> list[tuple[int, int]]:
        """Return the shares that can be granted: none more than is left, together no more than the cap."""
        if proposal.target is Target.GIFT:
            return list(proposal.shares)
        left = self._costs(proposal.target)
        line_cap = proposal.line_cap_minor
        cut = [
            (place, min(wanted, self.lines[place].current_minor if left is None else left[place]))
            for place, wanted in proposal.shares
        ]
        if line_cap is not None:
            cut = [(place, min(minor, line_cap)) for place, minor in cut]
        if cap_minor is not None and sum(minor for _, minor in cut) > cap_minor:
            parts = allocate(cap_minor, [minor for _, minor in cut])
            cut = [(place, part) for (place, _), part in zip(cut, parts, strict=True)]
        return [(place, minor) for place, minor in cut if minor]

    def would_give(self, proposal: Proposal, cap_minor: int | None) -> bool:
        """Say whether a proposal would get anything at all."""
        return proposal.extra is not None or bool(self.cut(proposal, cap_minor))

    def grant(self, promotion: PromotionId, lane: str, proposal: Proposal, cap_minor: int | None) -> Grant:
        """Take what a proposal may have; the grant says how much that was."""
        shares = self.cut(proposal, cap_minor)
        granted_minor = sum(minor for _, minor in shares)
        if granted_minor:
            self._take(proposal, dict(shares))
        grant = Grant(
            promotion, lane, proposal.target, tuple(shares), proposal.wanted_minor, granted_minor, proposal.extra
        )
        if grant.gave:
            self.grants.append(grant)
        return grant

    def ask_about(self, holding: Holding, propose: "Callable[[Tally], Proposal]", cap_minor: int | None) -> Held:
        """Return what a promotion does with some goods, as if the cart held no others."""
        part = copy(self)
        nothing = LineUnits([])
        part.lines = [nothing] * len(self.lines)
        for place, units_by_run in holding.items():
            part.lines[place] = self.lines[place].part(units_by_run)
        part.held_lines = frozenset(holding)
        proposal = propose(part)
        shares = part.cut(proposal, cap_minor)
        for place, _ in shares:
            if place not in proposal.picks:
                runs = part.lines[place].runs()
                proposal.picks[place] = [Pick(i, run.units, run.now_minor) for i, run in enumerate(runs) if run.units]
        return Held(proposal, shares)

    def grant_held(self, lane: str, granted: Sequence[tuple[PromotionId, Held]]) -> None:
        """Take what promotions take off the goods in their hands. No unit is in two hands."""
        takings: dict[int, list[Taking]] = {}
        for promotion, held in granted:
            proposal, shares = held.proposal, dict(held.shares)
            for place, picks in proposal.picks.items():
                takings.setdefault(place, []).append(Taking(shares.get(place, 0), picks, proposal.may))
            if held.granted_minor:
                self.grants.append(
                    Grant(
                        promotion, lane, proposal.target, tuple(held.shares), proposal.wanted_minor, held.granted_minor
                    )
                )
        for place in sorted(takings):
            self.lines[place].take_from(*takings[place])

    def _costs(self, target: Target) -> list[int] | None:
        """Return what is left of the deliveries or fees, whichever a discount lowers; None where it lowers lines."""
        return {Target.DELIVERY: self.deliveries, Target.FEE: self.fees}.get(target)

    def _take(self, proposal: Proposal, shares: dict[int, int]) -> None:
        if proposal.target is Target.GIFT:
            return
        costs = self._costs(proposal.target)
        if costs is not None:
            for place, minor in shares.items():
                costs[place] -= minor
            return
        for place in shares.keys() | proposal.picks.keys():
            if place in proposal.picks:
                # Units that only triggered a reward elsewhere get no share, but they have been used.
                self.lines[place].take_from(Taking(shares.get(place, 0), proposal.picks[place], proposal.may))
            else:
                self.lines[place].take(shares[place])
