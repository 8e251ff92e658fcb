"""Lanes in which units or lines go to whoever makes most of them, for the oracle: every way to hand them out is tried.

A promotion sees only what it was handed, on the cart as the lane found it, so what it grants depends on nobody else.
That makes the best way a matter of adding up; it is for carts of about seven units and four promotions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from engine.rules.benefits.gift import Gift
from engine.rules.benefits.issue_code import IssueCode
from engine.rules.benefits.percent_off import PercentOff
from engine.rules.benefits.points import Points
from engine.rules.model import Promotion
from tests.oracle.benefits import Proposal, propose
from tests.oracle.cart import Cart, Line
from tests.oracle.rules import benefit_here
from tests.oracle.sets import Piece, pieces_of

Handed = Mapping[str, Mapping[str, int]]
"""By promotion and line, how many units it has; goods sold by measure are one unit."""


@dataclass(frozen=True)
class Lot:
    """Units that make no difference to anybody. They are handed out `step` at a time."""

    pieces: list[Piece]
    step: int

    @property
    def line(self) -> Line:
        return self.pieces[0].line


Held = tuple[int, ...]
"""Of each lot, how many units."""


def lots_of(cart: Cart, per: str) -> list[Lot]:
    """Return what there is to hand out: whole lines, or units, those of a line that are alike together."""
    if per == "line":
        return [Lot(pieces_of([line]), len(line.units)) for line in cart.goods]
    alike: dict[tuple[object, ...], list[Piece]] = {}
    for piece in pieces_of(cart.goods):
        unit = piece.unit
        key = (piece.line.id, unit.list_minor, unit.current_minor, unit.may_trigger, unit.may_be_rewarded)
        alike.setdefault(key, []).append(piece)
    return [Lot(pieces, 1) for pieces in alike.values()]


def proposal_for(
    promotion: Promotion, held: Held, lots: Sequence[Lot], cart: Cart, rounding: str, per: str
) -> Proposal:
    """Return what a promotion would take from what it holds, as if nothing else were in the cart."""
    benefit = benefit_here(promotion, cart)
    assert not isinstance(benefit, Gift | Points | IssueCode), "such lanes take benefits on goods only"
    if per == "unit" and isinstance(benefit, PercentOff) and benefit.rounding == "line":
        benefit = benefit.model_copy(update={"rounding": "unit"})
    return propose(benefit, part_of(cart, held, lots), rounding)


def best_value(running: Sequence[Promotion], cart: Cart, rounding: str, per: str) -> int:
    """Return the most, in minor units, that the promotions can grant together; `per` is ``unit`` or ``line``.

    `cart` is as the lane found it and `running` are those whose conditions hold: see `tests.oracle.price.enter_lane`.
    """
    lots = lots_of(cart, per)

    @cache
    def granted(place: int, held: Held) -> int:
        return proposal_for(running[place], held, lots, cart, rounding, per).amount_minor

    @cache
    def most(place: int, left: Held) -> int:
        """Return the most that this promotion and those behind it can grant out of what is left."""
        if place == len(running):
            return 0
        return max(granted(place, held) + most(place + 1, _without(left, held)) for held in _parts(left, lots))

    return most(0, _all_of(lots))


def best_way(running: Sequence[Promotion], cart: Cart, rounding: str, per: str) -> tuple[Held, ...]:
    """Return what each promotion holds in the best way; of equally good ones that which gives the first ones most."""
    lots = lots_of(cart, per)

    @cache
    def granted(place: int, held: Held) -> int:
        return proposal_for(running[place], held, lots, cart, rounding, per).amount_minor

    @cache
    def best(place: int, left: Held) -> tuple[int, tuple[int, ...], tuple[Held, ...]]:
        """Return the sum, what each of these promotions is granted, and what it holds."""
        if place == len(running):
            return 0, (), ()
        ways = []
        for held in _parts(left, lots):
            total, grants, hands = best(place + 1, _without(left, held))
            mine = granted(place, held)
            ways.append((total + mine, (mine, *grants), (held, *hands)))
        return max(ways)

    return best(0, _all_of(lots))[2]


def without(lots: Sequence[Lot], held: Held) -> list[Lot]:
    """Return the lots without what somebody holds of them."""
    return [replace(lot, pieces=lot.pieces[number:]) for lot, number in zip(lots, held, strict=True)]


def part_of(cart: Cart, held: Held, lots: Sequence[Lot]) -> Cart:
    """Return a cart of these units alone; they are the same units as in the whole cart."""
    mine = {id(piece.unit) for lot, number in zip(lots, held, strict=True) for piece in lot.pieces[:number]}
    lines = []
    for line in cart.goods:
        units = [unit for unit in line.units if id(unit) in mine]
        if units:
            lines.append(replace(line, units=units, quantity=line.quantity if line.product.measured else len(units)))
    return replace(cart, lines=lines)


def faults_of(
    handed: Handed, granted: Mapping[str, int], running: Sequence[Promotion], cart: Cart, rounding: str, per: str
) -> list[str]:
    """Return what is wrong with a way to hand out the units, and with what promotions are said to grant by it.

    Both are by promotion, and one that has nothing may be left out. Where the units of a line are not alike, numbers do
    not say which of them somebody has: it is right if some choice of them grants what is said.
    """
    lots = lots_of(cart, per)
    known, lines = {promotion.id for promotion in running}, {line.id: line for line in cart.goods}
    faults = [f"{name} does not run" for name in sorted({*handed, *granted} - known)]
    faults += [
        f"there is no line {id_}" for id_ in sorted({id_ for held in handed.values() for id_ in held} - set(lines))
    ]
    for id_, line in lines.items():
        numbers = [held.get(id_, 0) for held in handed.values()]
        if min(numbers, default=0) < 0 or sum(numbers) > len(line.units):
            faults.append(f"line {id_}: {numbers} of {len(line.units)} units")
        elif per == "line" and any(number not in (0, len(line.units)) for number in numbers):
            faults.append(f"line {id_} is torn: {numbers} of {len(line.units)} units")
    if faults:
        return faults

    def comes_true(place: int, left: Held) -> bool:
        if place == len(running):
            return True
        promotion = running[place]
        wanted = {line: number for line, number in handed.get(promotion.id, {}).items() if number}
        return any(
            _by_line(held, lots) == wanted
            and proposal_for(promotion, held, lots, cart, rounding, per).amount_minor == granted.get(promotion.id, 0)
            and comes_true(place + 1, _without(left, held))
            for held in _parts(left, lots)
        )

    return [] if comes_true(0, _all_of(lots)) else [f"{handed} does not grant {granted}"]


def _all_of(lots: Sequence[Lot]) -> Held:
    return tuple(len(lot.pieces) for lot in lots)


def _parts(left: Held, lots: Sequence[Lot]) -> Iterator[Held]:
    """Return everything that can be taken out of what is left."""
    return product(*(range(0, number + 1, lot.step) for number, lot in zip(left, lots, strict=True)))


def _without(left: Held, held: Held) -> Held:
    return tuple(have - take for have, take in zip(left, held, strict=True))


def _by_line(held: Held, lots: Sequence[Lot]) -> dict[str, int]:
    found: dict[str, int] = {}
    for lot, number in zip(lots, held, strict=True):
        if number:
            found[lot.line.id] = found.get(lot.line.id, 0) + number
    return found
