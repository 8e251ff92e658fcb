"""What each member of a cart has in it: their goods, and their part of everything that goes by goods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import starmap

from engine.cart.model import Cart, Role
from engine.money import allocate
from engine.pricing.evaluation import EvaluatedDelivery, EvaluatedFee, EvaluatedLine, Evaluation
from engine.types import LineId, MemberId

Parts = list[int]
"""An amount for each person, in the order of their ids."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Amounts of one person in minor units of the cart's currency.

    ``goods_minor`` is before discounts; ``discounts_minor``, not negative, are those on goods; ``adjustments_minor`` is
    what staff changed, negative where they lowered it; ``points_minor`` what points took off goods. ``delivery_minor``
    and ``fees_minor`` are after their discounts. ``tax_minor`` is what comes on top of the rest, ``tender_minor`` what
    points pay of it all.
    """

    goods_minor: int
    discounts_minor: int
    adjustments_minor: int
    delivery_minor: int
    fees_minor: int
    tax_minor: int
    points_minor: int = 0
    tender_minor: int = 0

    @property
    def goods_paid_minor(self) -> int:
        """What this person's goods come to after discounts, changes by staff and points that lower them."""
        return self.goods_minor - self.discounts_minor + self.adjustments_minor - self.points_minor

    @property
    def total_minor(self) -> int:
        """What this person's part of the cart costs."""
        return self.goods_paid_minor + self.delivery_minor + self.fees_minor + self.tax_minor

    @property
    def due_minor(self) -> int:
        """What this person would have to pay."""
        return self.total_minor - self.tender_minor


@dataclass(frozen=True, slots=True)
class MemberTotal:
    """What one person has in a cart; ``role`` is None for somebody who put something in and is no member (any more)."""

    member: MemberId
    role: Role | None
    shares: Shares


def member_totals(cart: Cart, evaluation: Evaluation) -> tuple[MemberTotal, ...]:
    """Return what each member and everybody else who has goods in the cart comes to, in the order of their ids.

    They sum to the totals of the evaluation, each kind of amount for itself. A line is split by the quantities that
    each put in, a delivery by what its goods come to, fees and gifts by all goods. Where there are no goods, the owner
    has all of it. Empty where nobody takes part and nobody put anything in. What is only suggested does not count.
    """
    roles = {member.id: member.role for member in cart.members}
    people = sorted(roles.keys() | {member for line in cart.lines for member, _ in line.shares})
    if not people:
        return ()
    owner = next((id_ for id_, role in roles.items() if role is Role.OWNER), people[0])
    split = _Split(people, owner, {line.id: dict(line.shares) for line in cart.lines})
    for line in evaluation.lines:
        if line.gift_of is None:
            split.line(line)
    split.goods_are_known()
    for line in evaluation.lines:
        if line.gift_of is not None:
            split.gift(line)
    for delivery in evaluation.deliveries:
        split.delivery(delivery)
    for fee in evaluation.fees:
        split.fee(fee)
    split.tender(evaluation.totals.tender_minor)
    return tuple(MemberTotal(id_, roles.get(id_), shares) for id_, shares in zip(people, split.shares(), strict=True))


def _spread(amount_minor: int, *weights: Sequence[int]) -> Parts:
    """Split a signed amount by the first weights that are not all nothing."""
    chosen = next((each for each in weights if any(each)), weights[-1])
    parts = allocate(abs(amount_minor), chosen)
    return [-part for part in parts] if amount_minor < 0 else parts


class _Split:
    """Sums by person while the parts of an evaluation are split.

    Each step is split by what the step before left, so that nobody is taken off more than they have.
    """

    def __init__(
        self, people: Sequence[MemberId], owner: MemberId, put_in: Mapping[LineId, Mapping[MemberId, int]]
    ) -> None:
        self._people = people
        self._owner = [int(id_ == owner) for id_ in people]
        self._put_in = put_in
        self._sums: dict[str, Parts] = {each.name: [0] * len(people) for each in fields(Shares)}
        self._left: dict[LineId, Parts] = {}
        self._goods: Parts = self._owner

    def line(self, line: EvaluatedLine) -> None:
        """Split a line by who put how much in."""
        own = self._put_in[line.line]
        self._goods_line(line, [own.get(id_, 0) for id_ in self._people])

    def goods_are_known(self) -> None:
        """Take what the lines left as the weights of everything that goes by goods."""
        goods = [sum(parts) for parts in zip(*self._left.values(), strict=True)]
        self._goods = next((each for each in (goods, self._sums["goods_minor"]) if any(each)), self._owner)

    def gift(self, line: EvaluatedLine) -> None:
        """Split what a gift is worth, and what is paid for it."""
        self._goods_line(line, self._goods)

    def delivery(self, delivery: EvaluatedDelivery) -> None:
        """Split a delivery by what its goods come to, by their quantities where that is nothing."""
        goods = [sum(self._left[line][place] for line in delivery.lines) for place in range(len(self._people))]
        pieces = [sum(self._put_in[line].get(id_, 0) for line in delivery.lines) for id_ in self._people]
        parts = _spread(delivery.total_minor, goods, pieces, self._owner)
        self._add("delivery_minor", parts)
        if not delivery.tax_included:
            self._add("tax_minor", _spread(delivery.tax_minor, parts, goods, pieces, self._owner))

    def fee(self, fee: EvaluatedFee) -> None:
        """Split a fee by all goods."""
        parts = _spread(fee.total_minor, self._goods)
        self._add("fees_minor", parts)
        if not fee.tax_included:
            self._add("tax_minor", _spread(fee.tax_minor, parts, self._goods))

    def tender(self, amount_minor: int) -> None:
        """Split what points pay by all goods."""
        self._add("tender_minor", _spread(amount_minor, self._goods))

    def shares(self) -> list[Shares]:
        """Return the sums of each person."""
        return list(starmap(Shares, zip(*self._sums.values(), strict=True)))

    def _goods_line(self, line: EvaluatedLine, weights: Sequence[int]) -> None:
        listed = _spread(line.list_minor, weights)
        price_change = _spread(line.price_change_minor, listed, weights)
        asked = [minor + change for minor, change in zip(listed, price_change, strict=True)]
        discounts = _spread(line.discount_minor + line.order_discount_minor, asked, weights)
        after = [minor - discount for minor, discount in zip(asked, discounts, strict=True)]
        by_staff = _spread(line.adjustment_minor - line.price_change_minor, after, weights)
        before_points = [minor + change for minor, change in zip(after, by_staff, strict=True)]
        points = _spread(line.points_discount_minor, before_points, weights)
        left = [minor - point for minor, point in zip(before_points, points, strict=True)]
        self._add("goods_minor", listed)
        self._add("discounts_minor", discounts)
        self._add("adjustments_minor", price_change)
        self._add("adjustments_minor", by_staff)
        self._add("points_minor", points)
        if not line.tax_included:
            self._add("tax_minor", _spread(line.tax_minor, left, weights))
        self._left[line.line] = left

    def _add(self, name: str, parts: Parts) -> None:
        self._sums[name] = [known + part for known, part in zip(self._sums[name], parts, strict=True)]
