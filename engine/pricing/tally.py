"""The working state of one evaluation: what is left to pay while promotions take their discounts.

A promotion never changes it. It makes a `Proposal`, and `grant` is the one place where a discount is cut to what is
left, capped, and spread: shares always sum to the discount, and no line or delivery ever goes below zero.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.money import allocate
from engine.pricing.basket import Basket, BasketLine
from engine.pricing.evaluation import Burned, EvaluatedAdjustment, LaneSearch, OutcomeCode, Shortfall, Target
from engine.pricing.extras import Extra
from engine.pricing.units import LineUnits, Pick, Run, Taking, Use
from engine.types import Currency, PromotionId, record

Postings = Mapping[tuple[str, ...], Sequence[int]]
"""The places of a basket's lines by every key of their products, in rising order."""


def postings_of(basket: Basket) -> Postings:
    """Return where in a basket there is what selectors name goods by: worked out once an evaluation."""
    postings: dict[tuple[str, ...], list[int]] = {}
    for place, line in enumerate(basket.lines):
        for key in line.product.keys:
            places = postings.get(key)
            if places is None:
                postings[key] = [place]
            else:
                places.append(place)
    return postings


class Selects(Protocol):
    """A compiled choice of lines, as `Tally.selected` needs it: a key that names it, and the test of one line."""

    key: str
    keys: frozenset[tuple[str, ...]] | None
    """Keys of which a product must have one to be chosen; None where any product may be."""
    keys_suffice: bool
    """Whether every product with one of the keys is chosen, unless it is regulated."""
    regulated: bool
    """Whether regulated goods may be chosen."""
    words: str
    """How people name it; empty for all goods."""
    asks_discounted: bool
    """Whether it depends on what earlier lanes took, and must be worked out anew for each lane."""

    def matches(self, line: BasketLine, currency: Currency, *, discounted: bool = False) -> bool:
        """Say whether the line is chosen; `discounted`: earlier lanes took something off it."""


Shares = Sequence[tuple[int, int]]
"""Pairs of a place of a line, delivery or fee in the basket, and minor units there."""

Missing = Callable[[], Shortfall | None]
"""Says what more of something would bring, None where nothing would. Asked before the tally changes, or never."""


@dataclass(slots=True)
class Proposal:
    """What a benefit asks for.

    ``shares`` say what is wanted where. ``wanted_minor`` may exceed their sum: ten off an order of eight. ``picks``
    says, line by line, which units it is about, for benefits that look at units; elsewhere a share falls on all units
    of its line. ``may`` is what the units that it uses may be to later promotions that build sets. ``line_cap_minor``
    caps what one line gets.
    """

    target: Target
    shares: Shares
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


@record
class Grant:
    """What a promotion got: shares by place, and what it had wanted."""

    promotion: PromotionId
    lane: str
    target: Target
    shares: Shares
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
    shares: Shares

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
        *("_any_regulated", "_before_lane", "_happened", "_postings", "_selected", "_selected_in_lane", "_units"),
        *(
            "adjusted",
            "basket",
            "burned",
            "current_minor",
            "deliveries",
            "fees",
            "grants",
            "held_lines",
            "points",
            "points_minor",
            "searches",
            "staff_minor",
        ),
    )

    def __init__(self, basket: Basket, postings: Postings) -> None:
        self.basket = basket
        self.current_minor = [line.list_minor for line in basket.lines]
        """What each whole line still costs."""
        self._units: list[LineUnits] = []
        self._happened: list[Shares | None] = []
        """What the units have not been told yet: shares that were taken off lines, None where a lane began."""
        self._postings = postings
        self.deliveries = [delivery.fee_minor or 0 for delivery in basket.deliveries]
        self.fees = [(fee.unit_minor or 0) * fee.quantity for fee in basket.fees]
        self.grants: list[Grant] = []
        self.points: dict[PromotionId, int] = {}
        """What promotions on points earn, once all lanes have run."""
        self._any_regulated = any(line.product.never_discount for line in basket.lines)
        self._selected: dict[str, Sequence[int]] = {}
        self._selected_in_lane: dict[str, Sequence[int]] = {}
        self._before_lane = 0
        """How many grants there were when the lane began."""
        self.held_lines: frozenset[int] | None = None
        """The lines that a part of a cart has; None for a whole cart."""
        self.searches: list[LaneSearch] = []
        self.adjusted: tuple[EvaluatedAdjustment, ...] = ()
        self.staff_minor = [0] * len(basket.lines)
        """What staff took off each line, set prices aside."""
        self.burned: Burned | None = None
        self.points_minor: Mapping[int, int] = {}
        """What points that are spent took off lines, by place."""

    @property
    def lines(self) -> list[LineUnits]:
        """The units of each line. Most carts meet promotions on whole lines only, so they are made when first asked."""
        if not self._units:
            self._units = [LineUnits([Run(line.unit_minor, line.units, line.unit_minor)]) for line in self.basket.lines]
        for shares in self._happened:
            if shares is None:
                for line in self._units:
                    line.begin_lane()
            else:
                for place, minor in shares:
                    self._units[place].take(minor)
        self._happened.clear()
        return self._units

    def units_in_sets(self, place: int) -> LineUnits | None:
        """Return the units of a line if some of them have been in sets."""
        return self.lines[place] if self._units and self._units[place].in_sets else None

    def begin_lane(self) -> None:
        """Let picks go by what units cost from here on.

        Lanes without a promotion for this cart begin too: whether there is one that gives nothing must move no cent.
        """
        if self._happened[-1:] != [None]:
            self._happened.append(None)
        self._before_lane = len(self.grants)
        self._selected_in_lane.clear()

    def thresholds_minor(self) -> list[int]:
        """Return what each line now costs to thresholds, in which nothing counts that staff took off."""
        return [minor + staff for minor, staff in zip(self.current_minor, self.staff_minor, strict=True)]

    def take_by_staff(self, place: int, amount_minor: int) -> None:
        """Take a manual amount off a line."""
        self.staff_minor[place] += amount_minor
        self._take_shares([(place, amount_minor)])

    def take_by_points(self, shares: Shares) -> None:
        """Take what points pay off lines, once all lanes have run."""
        self.points_minor = dict(shares)
        self._take_shares(shares)

    def selected(self, selection: Selects) -> Sequence[int]:
        """Return the places of the lines that a selection chooses; worked out once an evaluation, or once a lane."""
        known = self._selected_in_lane if selection.asks_discounted else self._selected
        places = known.get(selection.key)
        if places is None:
            places = known[selection.key] = self._chosen(selection)
        return places if self.held_lines is None else [place for place in places if place in self.held_lines]

    def _chosen(self, selection: Selects) -> Sequence[int]:
        places, lines = self._places(selection.keys), self.basket.lines
        if selection.keys_suffice:
            if selection.regulated or not self._any_regulated:
                return places
            return [place for place in places if not lines[place].product.never_discount]
        currency = self.basket.currency
        discounted = self._discounted() if selection.asks_discounted else frozenset()
        return [place for place in places if selection.matches(lines[place], currency, discounted=place in discounted)]

    def _places(self, keys: frozenset[tuple[str, ...]] | None) -> Sequence[int]:
        """Return the places of the lines that have one of these keys."""
        if keys is None:
            return range(len(self.basket.lines))
        postings = self._postings
        # The shorter of the two is gone through: a coupon may be on hundreds of products.
        there = keys & postings.keys() if len(keys) < len(postings) else keys.intersection(postings)
        found = [postings[key] for key in there]
        return found[0] if len(found) == 1 else sorted(set().union(*found))

    def _discounted(self) -> frozenset[int]:
        """Return the lines that earlier lanes took something off."""
        return frozenset(
            place
            for grant in self.grants[: self._before_lane]
            if grant.target is Target.ITEM or grant.target is Target.ORDER
            for place, _ in grant.shares
        )

    def spread(self, total_minor: int, places: Sequence[int]) -> list[tuple[int, int]]:
        """Split an amount over lines in proportion to what they still cost, at most all of it."""
        weights = [self.current_minor[place] for place in places]
        return list(zip(places, allocate(min(total_minor, sum(weights)), weights), strict=True))

    def cut(self, proposal: Proposal, cap_minor: int | None) -> Shares:
        """Return the shares that can be granted: none more than is left, together no more than the cap."""
        if proposal.target is Target.GIFT:
            return proposal.shares
        left, line_cap = self._costs(proposal.target), proposal.line_cap_minor
        if cap_minor is None and line_cap is None:
            for place, wanted in proposal.shares:
                if not 0 < wanted <= left[place]:
                    break
            else:
                return proposal.shares
        cut = [(place, min(wanted, left[place])) for place, wanted in proposal.shares]
        if line_cap is not None:
            cut = [(place, min(minor, line_cap)) for place, minor in cut]
        if cap_minor is not None and sum([minor for _, minor in cut]) > cap_minor:
            parts = allocate(cap_minor, [minor for _, minor in cut])
            cut = [(place, part) for (place, _), part in zip(cut, parts, strict=True)]
        return [(place, minor) for place, minor in cut if minor]

    def would_give(self, proposal: Proposal, cap_minor: int | None) -> bool:
        """Say whether a proposal would get anything at all."""
        return proposal.extra is not None or bool(self.cut(proposal, cap_minor))

    def grant(self, promotion: PromotionId, lane: str, proposal: Proposal, cap_minor: int | None) -> Grant:
        """Take what a proposal may have; the grant says how much that was."""
        shares = self.cut(proposal, cap_minor)
        granted_minor = sum([minor for _, minor in shares])
        if granted_minor and proposal.target is not Target.GIFT:
            self._take(proposal, shares)
        grant = Grant(promotion, lane, proposal.target, shares, proposal.wanted_minor, granted_minor, proposal.extra)
        if grant.gave:
            self.grants.append(grant)
        return grant

    def ask_about(self, holding: Holding, propose: "Callable[[Tally], Proposal]", cap_minor: int | None) -> Held:
        """Return what a promotion does with some goods, as if the cart held no others."""
        lines, nothing = self.lines, LineUnits([])
        part = Tally.__new__(Tally)
        for name in Tally.__slots__:  # `copy.copy` takes four times as long
            setattr(part, name, getattr(self, name))
        part._happened = []  # noqa: SLF001 - a part of itself
        part._units = [nothing] * len(lines)  # noqa: SLF001
        part.current_minor = [0] * len(lines)
        for place, units_by_run in holding.items():
            held = part._units[place] = lines[place].part(units_by_run)  # noqa: SLF001
            part.current_minor[place] = held.current_minor
        part.held_lines = frozenset(holding)
        proposal = propose(part)
        shares = part.cut(proposal, cap_minor)
        for place, _ in shares:
            if place not in proposal.picks:
                runs = part.lines[place].runs()
                proposal.picks[place] = [Pick(i, run.units, run.now_minor) for i, run in enumerate(runs) if run.units]
        return Held(proposal, shares)

    def grant_held(self, lane: str, granted: Sequence[tuple[PromotionId, Held]]) -> None:
        """Take what promotions take off the goods in their hands, of which no unit is in two hands.

        Who gives nothing uses no unit, as elsewhere.
        """
        takings: dict[int, list[Taking]] = {}
        for promotion, held in granted:
            if not held.granted_minor:
                continue
            proposal, shares = held.proposal, dict(held.shares)
            for place, picks in proposal.picks.items():
                takings.setdefault(place, []).append(Taking(shares.get(place, 0), picks, proposal.may))
            self.grants.append(
                Grant(promotion, lane, proposal.target, held.shares, proposal.wanted_minor, held.granted_minor)
            )
        for place in sorted(takings):
            self._take_units(place, *takings[place])

    def _costs(self, target: Target) -> list[int]:
        """Return what is left of what a discount lowers."""
        if target is Target.DELIVERY:
            return self.deliveries
        return self.fees if target is Target.FEE else self.current_minor

    def _take(self, proposal: Proposal, shares: Shares) -> None:
        costs = self._costs(proposal.target)
        if costs is not self.current_minor:
            for place, minor in shares:
                costs[place] -= minor
            return
        picks = proposal.picks
        if not picks:
            self._take_shares(shares)
            return
        of_places = dict(shares)
        for place in of_places.keys() | picks.keys():
            if place in picks:
                # Units that only triggered a reward elsewhere get no share, but they have been used.
                self._take_units(place, Taking(of_places.get(place, 0), picks[place], proposal.may))
            else:
                self._take_shares([(place, of_places[place])])

    def _take_shares(self, shares: Shares) -> None:
        """Take something off whole lines."""
        current_minor = self.current_minor
        for place, minor in shares:
            current_minor[place] -= minor
        self._happened.append(shares)

    def _take_units(self, place: int, *takings: Taking) -> None:
        """Take something off units of one line."""
        self.lines[place].take_from(*takings)
        self.current_minor[place] -= sum(taking.amount_minor for taking in takings)
