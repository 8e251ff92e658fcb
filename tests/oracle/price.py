"""Pricing, written to be obviously right: `price` is what the engine's `evaluate` is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

from engine.rules.benefits.amount_off import AmountOff
from engine.rules.benefits.delivery_amount_off import DeliveryAmountOff
from engine.rules.benefits.delivery_percent_off import DeliveryPercentOff
from engine.rules.benefits.fixed_price import FixedPrice
from engine.rules.benefits.order_amount_off import OrderAmountOff
from engine.rules.benefits.order_percent_off import OrderPercentOff
from engine.rules.benefits.percent_off import PercentOff
from engine.rules.model import Promotion
from tests.oracle.arith import rounded, share_out
from tests.oracle.cart import Cart, Delivery, DeliveryKey, Line, Unit
from tests.oracle.rules import AnyBenefit, Rules, Verdict, benefit_of, chosen, closed_gate, failed_condition
from tests.oracle.tax import Taxes, tax_of


@dataclass(frozen=True)
class Outcome:
    """The verdict on one promotion. `rival` is who won, where it lost."""

    code: str
    granted_minor: int = 0
    wanted_minor: int = 0
    condition: str = ""
    numbers: tuple[int, int, int] | None = None
    rival: str = ""


@dataclass(frozen=True)
class Discount:
    promotion: str
    lane: str
    target: str
    word: str
    wanted_minor: int
    amount_minor: int


@dataclass
class Proposal:
    """What a benefit would take now, already cut at what is left and at its cap.

    `of_units` says, for benefits that look at each unit, how much they take of each unit of a line.
    """

    target: str
    wanted_minor: int
    of_lines: dict[str, int] = field(default_factory=dict)
    of_units: dict[str, list[int]] = field(default_factory=dict)
    of_deliveries: dict[DeliveryKey, int] = field(default_factory=dict)

    @property
    def amount_minor(self) -> int:
        return sum(self.of_lines.values()) + sum(self.of_deliveries.values())


@dataclass(frozen=True)
class Priced:
    """The result: the cart with what was taken from its lines, and the sums."""

    cart: Cart
    discounts: list[Discount]
    outcomes: dict[str, Outcome]
    taxes: Taxes
    totals: dict[str, int]


def price(cart: Cart, rules: Rules, tax_rounding: str) -> Priced:
    """Price a cart. The cart's units are changed on the way: read it anew to price it again."""
    discounts: list[Discount] = []
    outcomes: dict[str, Outcome] = {}
    for name, mode in rules.lanes:
        _run_lane(name, mode, cart, rules, discounts, outcomes)
    taxes = tax_of(cart, tax_rounding)
    return Priced(cart, discounts, outcomes, taxes, _totals(cart, taxes))


def _totals(cart: Cart, taxes: Taxes) -> dict[str, int]:
    goods = sum(line.list_minor for line in cart.goods)
    item_discounts = sum(line.discount_minor for line in cart.goods)
    order_discounts = sum(line.order_discount_minor for line in cart.goods)
    fees = sum(fee.total_minor for fee in cart.fees)
    delivery = sum(each.list_minor for each in cart.deliveries)
    delivery_discounts = sum(amount for each in cart.deliveries for _, amount in each.given)
    added = sum(part.tax_minor for part in taxes.parts if not part.included)
    return {
        "goods": goods,
        "item_discounts": item_discounts,
        "order_discounts": order_discounts,
        "fees": fees,
        "delivery": delivery,
        "delivery_discounts": delivery_discounts,
        "tax_included": sum(part.tax_minor for part in taxes.parts if part.included),
        "tax_added": added,
        "total": goods - item_discounts - order_discounts + fees + delivery - delivery_discounts + added,
    }


# Lanes


def _run_lane(
    lane: str, mode: str, cart: Cart, rules: Rules, discounts: list[Discount], outcomes: dict[str, Outcome]
) -> None:
    at_lane_start = {line.id: line.current_minor for line in cart.goods}
    running = []
    for promotion in rules.of_lane(lane):
        verdict = closed_gate(promotion, cart) or failed_condition(promotion, cart, at_lane_start)
        if verdict is None:
            running.append(promotion)
        else:
            outcomes[promotion.id] = _refused(verdict)
    run = {"stack": _run_all, "first": _run_first, "best": _run_best}[mode]
    for promotion, proposal, outcome in run(running, cart, rules.rounding):
        outcomes[promotion.id] = outcome
        if proposal is not None:
            word = benefit_of(promotion).word
            discounts.append(
                Discount(promotion.id, lane, proposal.target, word, proposal.wanted_minor, proposal.amount_minor)
            )


def _refused(verdict: Verdict) -> Outcome:
    return Outcome(verdict.code, condition=verdict.condition, numbers=verdict.numbers)


Results = list[tuple[Promotion, Proposal | None, Outcome]]


def _run_all(running: list[Promotion], cart: Cart, rounding: str) -> Results:
    """Grant everybody, in order, on what is left."""
    results: Results = []
    for promotion in running:
        proposal = _propose(benefit_of(promotion), cart, rounding)
        results.append(_grant(promotion, proposal, cart))
    return results


def _run_first(running: list[Promotion], cart: Cart, rounding: str) -> Results:
    """Grant the first that gives something; those behind it lost if they would give something too."""
    results: Results = []
    winner = ""
    for promotion in running:
        proposal = _propose(benefit_of(promotion), cart, rounding)
        if winner:
            results.append(_lost(promotion, proposal, winner))
        else:
            results.append(_grant(promotion, proposal, cart))
            winner = promotion.id if proposal.amount_minor else ""
    return results


def _run_best(running: list[Promotion], cart: Cart, rounding: str) -> Results:
    """Grant the one that gives most of the cart as the lane finds it; of equals the first in order."""
    proposals = {promotion.id: _propose(benefit_of(promotion), cart, rounding) for promotion in running}
    most = max((proposal.amount_minor for proposal in proposals.values()), default=0)
    winner = next((each for each in running if proposals[each.id].amount_minor == most > 0), None)
    results: Results = []
    for promotion in running:
        if winner is None or promotion is winner:
            results.append(_grant(promotion, proposals[promotion.id], cart))
        else:
            results.append(_lost(promotion, proposals[promotion.id], winner.id))
    return results


def _lost(promotion: Promotion, proposal: Proposal, winner: str) -> tuple[Promotion, None, Outcome]:
    return promotion, None, Outcome("lost_to", rival=winner) if proposal.amount_minor else Outcome("no_target")


def _grant(promotion: Promotion, proposal: Proposal, cart: Cart) -> tuple[Promotion, Proposal | None, Outcome]:
    """Take what is proposed from the units and delivery fees."""
    granted, wanted = proposal.amount_minor, proposal.wanted_minor
    if granted == 0:
        return promotion, None, Outcome("no_target", 0, wanted)
    for line in cart.goods:
        amount = proposal.of_lines.get(line.id, 0)
        if amount:
            _take_from_units(line.units, amount, proposal.of_units.get(line.id))
            line.given.append((promotion.id, amount))
            if proposal.target == "item":
                line.discount_minor += amount
            else:
                line.order_discount_minor += amount
    for delivery in cart.deliveries:
        amount = proposal.of_deliveries.get(delivery.key, 0)
        if amount:
            delivery.current_minor -= amount
            delivery.given.append((promotion.id, amount))
    return promotion, proposal, Outcome("applied" if granted >= wanted else "capped", granted, wanted)


def _take_from_units(units: list[Unit], amount: int, of_units: list[int] | None) -> None:
    """Allocate a line's share to its units: as asked of each, else in proportion to what each costs.

    Among equal shares the dearer unit goes first; which of two equal units it is cannot be told afterwards.
    """
    order = sorted(range(len(units)), key=lambda place: -units[place].current_minor)
    weights = [units[place].current_minor if of_units is None else of_units[place] for place in order]
    for place, share in zip(order, share_out(amount, weights), strict=True):
        units[place].current_minor -= share
        assert units[place].current_minor >= 0


# Benefits: what each would take from the cart as it stands


def _propose(benefit: AnyBenefit, cart: Cart, rounding: str) -> Proposal:
    proposal = _uncapped(benefit, cart, rounding)
    cap = _in_cart_currency(benefit.at_most, cart) if benefit.at_most is not None else None
    if cap is not None and proposal.amount_minor > cap:
        if proposal.target == "delivery":
            proposal.of_deliveries = _spread(cap, proposal.of_deliveries)
        else:
            proposal.of_lines = _spread(cap, proposal.of_lines)
    return proposal


def _uncapped(benefit: AnyBenefit, cart: Cart, rounding: str) -> Proposal:  # noqa: PLR0911 - one for each benefit
    match benefit:
        case PercentOff(rounding="unit"):
            return _percent_of_each_unit(benefit, cart, rounding)
        case PercentOff(rounding="line"):
            return _percent_of_each_line(benefit, cart, rounding)
        case PercentOff():
            lines = chosen(cart, benefit.on, benefit.except_)
            base = sum(_base(benefit, line) for line in lines)
            return _from_all(lines, _percent(base, benefit.percent, rounding), "item")
        case AmountOff(per="unit"):
            return _amount_of_each_unit(benefit, cart)
        case AmountOff(per="line"):
            lines = chosen(cart, benefit.on, benefit.except_)
            amount = _in_cart_currency(benefit.amount, cart)
            cut = {line.id: min(amount, line.current_minor) for line in lines}
            return Proposal("item", amount * len(lines), of_lines=cut)
        case AmountOff():
            lines = chosen(cart, benefit.on, benefit.except_)
            return _from_all(lines, _in_cart_currency(benefit.amount, cart), "item")
        case FixedPrice():
            return _down_to_fixed_price(benefit, cart, rounding)
        case OrderPercentOff():
            lines = chosen(cart, None, benefit.except_)
            base = sum(line.current_minor for line in lines)
            return _from_all(lines, _percent(base, benefit.percent, rounding), "order")
        case OrderAmountOff():
            lines = chosen(cart, None, benefit.except_)
            return _from_all(lines, _in_cart_currency(benefit.amount, cart), "order")
        case DeliveryPercentOff():
            fees = _delivery_fees(benefit, cart)
            asked = {fee.key: _percent(fee.current_minor, benefit.percent, rounding) for fee in fees}
            return Proposal("delivery", sum(asked.values()), of_deliveries=asked)
        case DeliveryAmountOff():
            fees = _delivery_fees(benefit, cart)
            amount = _in_cart_currency(benefit.amount, cart)
            cut_fees = {fee.key: min(amount, fee.current_minor) for fee in fees}
            return Proposal("delivery", amount * len(fees), of_deliveries=cut_fees)


def _percent_of_each_line(benefit: PercentOff, cart: Cart, rounding: str) -> Proposal:
    lines = chosen(cart, benefit.on, benefit.except_)
    asked = {line.id: _percent(_base(benefit, line), benefit.percent, rounding) for line in lines}
    cut = {line.id: min(asked[line.id], line.current_minor) for line in lines}
    return Proposal("item", sum(asked.values()), of_lines=cut)


def _percent_of_each_unit(benefit: PercentOff, cart: Cart, rounding: str) -> Proposal:
    wanted = 0
    of_units = {}
    for line in chosen(cart, benefit.on, benefit.except_):
        bases = [unit.list_minor if benefit.amount_of == "list" else unit.current_minor for unit in line.units]
        asked = [_percent(base, benefit.percent, rounding) for base in bases]
        wanted += sum(asked)
        of_units[line.id] = [min(a, unit.current_minor) for a, unit in zip(asked, line.units, strict=True)]
    return _unit_by_unit(wanted, of_units)


def _amount_of_each_unit(benefit: AmountOff, cart: Cart) -> Proposal:
    amount = _in_cart_currency(benefit.amount, cart)
    lines = chosen(cart, benefit.on, benefit.except_)
    wanted = amount * sum(len(line.units) for line in lines)
    return _unit_by_unit(wanted, {line.id: [min(amount, unit.current_minor) for unit in line.units] for line in lines})


def _down_to_fixed_price(benefit: FixedPrice, cart: Cart, rounding: str) -> Proposal:
    price_minor = _in_cart_currency(benefit.price, cart)
    of_units = {}
    for line in chosen(cart, benefit.on, benefit.except_):
        goal = rounded(Fraction(price_minor * line.quantity, 1000), rounding) if line.product.measured else price_minor
        of_units[line.id] = [max(0, unit.current_minor - goal) for unit in line.units]
    return _unit_by_unit(sum(sum(asked) for asked in of_units.values()), of_units)


def _unit_by_unit(wanted: int, of_units: dict[str, list[int]]) -> Proposal:
    return Proposal("item", wanted, {line: sum(asked) for line, asked in of_units.items()}, of_units)


def _from_all(lines: list[Line], asked_minor: int, target: str) -> Proposal:
    """Take one amount from all lines together, in proportion to what they cost, at most all of it."""
    left = {line.id: line.current_minor for line in lines}
    wanted = asked_minor if lines else 0
    return Proposal(target, wanted, of_lines=_spread(min(wanted, sum(left.values())), left))


K = TypeVar("K")


def _spread(amount: int, weights: dict[K, int]) -> dict[K, int]:
    """Split an amount by largest remainder; lines and deliveries stand in their canonical order already."""
    return dict(zip(weights, share_out(amount, list(weights.values())), strict=True))


def _delivery_fees(benefit: DeliveryPercentOff | DeliveryAmountOff, cart: Cart) -> list[Delivery]:
    return [
        each
        for each in cart.deliveries
        if each.available and (benefit.methods is None or each.key[0] in benefit.methods)
    ]


def _base(benefit: PercentOff, line: Line) -> int:
    return line.list_minor if benefit.amount_of == "list" else line.current_minor


def _percent(base_minor: int, percent_bp: int, rounding: str) -> int:
    return rounded(Fraction(base_minor * percent_bp, 10_000), rounding)


def _in_cart_currency(amounts: Mapping[Any, int], cart: Cart) -> int:
    return amounts[cart.store.currency]
