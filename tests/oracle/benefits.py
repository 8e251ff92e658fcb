"""What each benefit would take from the cart as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

from engine.rules.benefits.amount_off import AmountOff
from engine.rules.benefits.bundle import Bundle
from engine.rules.benefits.buy_get import BuyGet, Get
from engine.rules.benefits.delivery_amount_off import DeliveryAmountOff
from engine.rules.benefits.delivery_percent_off import DeliveryPercentOff
from engine.rules.benefits.delivery_price import DeliveryPrice
from engine.rules.benefits.every_nth import EveryNth
from engine.rules.benefits.fee_amount_off import FeeAmountOff
from engine.rules.benefits.fee_percent_off import FeePercentOff
from engine.rules.benefits.fixed_price import FixedPrice
from engine.rules.benefits.n_for_m import NForM
from engine.rules.benefits.order_amount_off import OrderAmountOff
from engine.rules.benefits.order_percent_off import OrderPercentOff
from engine.rules.benefits.percent_off import PercentOff
from engine.rules.benefits.tiers import QuantityStep, SpendStep, Tiers
from tests.oracle.arith import rounded, share_out
from tests.oracle.cart import Cart, Delivery, DeliveryKey, Line
from tests.oracle.extras import asked_of_fees
from tests.oracle.rules import DeliveryBenefit, MoneyBenefit, chosen
from tests.oracle.sets import Group, Piece, fill, in_order, missing_for_one, number_of_sets, pieces_of


@dataclass
class Proposal:
    """What a benefit would take now, already cut at what is left and at its caps.

    `of_units` says, for benefits that look at single units, by what weights the share of a line falls on its units. What
    built sets says of which units (`in_sets`), and what those may be to later promotions (`unit_reuse`).
    """

    target: str
    wanted_minor: int
    of_lines: dict[str, int] = field(default_factory=dict)
    of_units: dict[str, list[int]] = field(default_factory=dict)
    of_deliveries: dict[DeliveryKey, int] = field(default_factory=dict)
    of_fees: dict[str, int] = field(default_factory=dict)
    in_sets: list[Piece] = field(default_factory=list)
    unit_reuse: str = "none"
    gift: Line | None = None
    gives_other: bool = False
    """Whether it gives something that is no money: points, a code for a later cart."""
    rewarded: list[Piece] = field(default_factory=list)
    """Of those in sets, the ones that are rewarded; the others trigger that."""
    earned_on: list[Line] = field(default_factory=list)
    """On which goods it gives points."""
    refused: str = "no_target"
    """The verdict where it gives nothing."""
    missing: tuple[int, int, int] | None = None
    """Wanted, measured and distance where units or spend lack for the first set or step."""

    @property
    def amount_minor(self) -> int:
        of_gift = self.gift.list_minor - self.gift.current_minor if self.gift else 0
        of_services = sum(self.of_deliveries.values()) + sum(self.of_fees.values())
        return sum(self.of_lines.values()) + of_services + of_gift

    @property
    def gives(self) -> bool:
        return self.amount_minor > 0 or self.gift is not None or self.gives_other


def propose(benefit: MoneyBenefit, cart: Cart, rounding: str) -> Proposal:
    """Return what a benefit would take, after its caps: first of each line, then of the cart."""
    proposal = _uncapped(benefit, cart, rounding)
    line_cap = getattr(benefit, "at_most_per_line", None)
    if line_cap is not None:
        most = _in_cart_currency(line_cap, cart)
        proposal.of_lines = {line: min(amount, most) for line, amount in proposal.of_lines.items()}
    cap = _in_cart_currency(benefit.at_most, cart) if benefit.at_most is not None else None
    if cap is not None and proposal.amount_minor > cap:
        if proposal.target == "delivery":
            proposal.of_deliveries = _spread(cap, proposal.of_deliveries)
        elif proposal.target == "fee":
            proposal.of_fees = _spread(cap, proposal.of_fees)
        else:
            proposal.of_lines = _spread(cap, proposal.of_lines)
    return proposal


def _uncapped(benefit: MoneyBenefit, cart: Cart, rounding: str) -> Proposal:  # noqa: C901, PLR0911, PLR0912 - one for each benefit
    match benefit:
        case PercentOff():
            return _percent_off(benefit, cart, rounding)
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
        case Tiers():
            return _tiers(benefit, cart, rounding)
        case BuyGet():
            return _buy_get(benefit, cart, rounding)
        case NForM():
            return _n_for_m(benefit, cart)
        case EveryNth():
            return _every_nth(benefit, cart, rounding)
        case Bundle():
            return _bundle(benefit, cart, rounding)
        case OrderPercentOff():
            lines = chosen(cart, None, benefit.except_)
            base = sum(line.current_minor for line in lines)
            return _from_all(lines, _percent(base, benefit.percent, rounding), "order")
        case OrderAmountOff():
            lines = chosen(cart, None, benefit.except_)
            return _from_all(lines, _in_cart_currency(benefit.amount, cart), "order")
        case DeliveryPercentOff() | DeliveryAmountOff() | DeliveryPrice():
            return _of_delivery(benefit, cart, rounding)
        case FeePercentOff() | FeeAmountOff():
            wanted = asked_of_fees(benefit, cart, rounding)
            left = {fee.fee: fee.current_minor for fee in cart.fees}
            cut = {id_: min(each, left[id_]) for id_, each in wanted.items()}
            return Proposal("fee", sum(wanted.values()), of_fees=cut)


# Off chosen goods


def _picked(benefit: PercentOff | AmountOff | FixedPrice, cart: Cart) -> list[Piece]:
    """Return the units that take part: all that are chosen, or only so many of them."""
    pieces = pieces_of(chosen(cart, benefit.on, benefit.except_))
    pick = benefit.pick
    if isinstance(pick, str):
        return pieces if benefit.max_units is None else in_order(pieces, pick)[: benefit.max_units]
    last = pick.nth + (benefit.max_units or 1) - 1
    return [piece for place, piece in enumerate(in_order(pieces, pick.from_), 1) if pick.nth <= place <= last]


def _too_few_for_place(benefit: PercentOff | AmountOff | FixedPrice, cart: Cart) -> Proposal:
    """Ask for nothing; where units are counted from a place in their row on, say how many lack."""
    there = len(pieces_of(chosen(cart, benefit.on, benefit.except_)))
    return Proposal("item", 0) if isinstance(benefit.pick, str) else _too_little(benefit.pick.nth, there)


def _too_little(wanted: int, there: int) -> Proposal:
    return Proposal("item", 0, missing=(wanted, there, wanted - there))


def _percent_off(benefit: PercentOff, cart: Cart, rounding: str) -> Proposal:
    def base(pieces: list[Piece]) -> int:
        of_list = benefit.amount_of == "list"
        return sum(piece.unit.list_minor if of_list else piece.unit.current_minor for piece in pieces)

    picked = _picked(benefit, cart)
    if not picked:
        return _too_few_for_place(benefit, cart)
    if benefit.rounding == "unit":
        asked = [_percent(base([piece]), benefit.percent, rounding) for piece in picked]
        cut = [min(amount, piece.unit.current_minor) for amount, piece in zip(asked, picked, strict=True)]
        return _unit_by_unit(sum(asked), picked, cut, cart)
    by_line = _by_line(picked, cart)
    left = {line: sum(piece.unit.current_minor for piece in pieces) for line, pieces in by_line.items()}
    if benefit.rounding == "line":
        of_lines = {line: _percent(base(pieces), benefit.percent, rounding) for line, pieces in by_line.items()}
        wanted = sum(of_lines.values())
        of_lines = {line: min(amount, left[line]) for line, amount in of_lines.items()}
    else:
        wanted = _percent(base(picked), benefit.percent, rounding)
        of_lines = _spread(min(wanted, sum(left.values())), left)
    return Proposal("item", wanted, of_lines, _weights(picked, [piece.unit.current_minor for piece in picked]))


def _amount_of_each_unit(benefit: AmountOff, cart: Cart) -> Proposal:
    amount = _in_cart_currency(benefit.amount, cart)
    picked = _picked(benefit, cart)
    if not picked:
        return _too_few_for_place(benefit, cart)
    cut = [min(amount, piece.unit.current_minor) for piece in picked]
    return _unit_by_unit(amount * len(picked), picked, cut, cart)


def _down_to_fixed_price(benefit: FixedPrice, cart: Cart, rounding: str) -> Proposal:
    price_minor = _in_cart_currency(benefit.price, cart)

    def goal(line: Line) -> int:
        return rounded(Fraction(price_minor * line.quantity, 1000), rounding) if line.product.measured else price_minor

    picked = _picked(benefit, cart)
    if not picked:
        return _too_few_for_place(benefit, cart)
    asked = [max(0, piece.unit.current_minor - goal(piece.line)) for piece in picked]
    return _unit_by_unit(sum(asked), picked, asked, cart)


def _tiers(benefit: Tiers, cart: Cart, rounding: str) -> Proposal:
    lines = chosen(cart, benefit.on, benefit.except_)
    if benefit.by_quantity is not None:
        row = in_order(pieces_of(lines), "dearest")
        first = min(step.quantity for step in benefit.by_quantity)
        if len(row) < first:
            return _too_little(first, len(row))
        asked = []
        for place, piece in enumerate(row, 1):
            reached = place if benefit.mode == "slab" else len(row)
            steps = [step for step in benefit.by_quantity if step.quantity <= reached]
            step = max(steps, key=lambda each: each.quantity, default=None)
            asked.append(0 if step is None else _reward(step, piece.unit.current_minor, cart, rounding))
        return _unit_by_unit(sum(asked), row, asked, cart)
    assert benefit.by_spend is not None
    spent = sum(line.current_minor for line in lines)
    bounds = [(_in_cart_currency(step.spend, cart), step) for step in benefit.by_spend]
    reached_steps = [(bound, step) for bound, step in bounds if bound <= spent]
    if not reached_steps:
        return _too_little(min(bound for bound, _ in bounds), spent)
    if benefit.mode == "slab":
        return _from_all(lines, _of_slabs(reached_steps, spent, rounding), "item")
    _, highest = max(reached_steps, key=lambda each: each[0])
    if highest.percent is not None:
        return _from_all(lines, _percent(spent, highest.percent, rounding), "item")
    assert highest.amount is not None
    return _from_all(lines, _in_cart_currency(highest.amount, cart), "item")


def _of_slabs(reached: list[tuple[int, SpendStep]], spent: int, rounding: str) -> int:
    """Return the sum of what each step takes of the money between its bound and the next, rounded once."""
    ends = [*(bound for bound, _ in reached[1:]), spent]
    asked = Fraction(0)
    for (bound, step), end in zip(reached, ends, strict=True):
        assert step.percent is not None
        asked += Fraction((end - bound) * step.percent, 10_000)
    return rounded(asked, rounding)


# Off units in sets


def _group(each_set: int, lines: list[Line], pick: str, *, trigger: bool = False, reward: bool = False) -> Group:
    """Return the units of some lines that may still be what is asked, in order."""
    pieces = pieces_of(lines)
    fit = [
        piece
        for piece in pieces
        if (not trigger or piece.unit.may_trigger) and (not reward or piece.unit.may_be_rewarded)
    ]
    return Group(each_set, in_order(fit, pick), some_used_up=len(fit) < len(pieces))


def _no_set(groups: list[Group]) -> Proposal:
    """Ask for nothing, and say how many units lack; not where earlier sets might take further ones as well."""
    if any(group.some_used_up for group in groups):
        return Proposal("item", 0)
    wanted = sum(group.each_set for group in groups)
    return _too_little(wanted, wanted - missing_for_one(groups))


def _buy_get(benefit: BuyGet, cart: Cart, rounding: str) -> Proposal:
    buy, get = benefit.buy, benefit.get
    bought_lines, rewarded_lines = chosen(cart, buy.on, buy.except_), chosen(cart, get.on, get.except_)
    if get.on is None:
        rewarded_lines = [line for line in rewarded_lines if any(line is bought for bought in bought_lines)]
    groups = [
        _group(get.quantity, rewarded_lines, benefit.pick, reward=True),
        _group(buy.quantity, bought_lines, "dearest", trigger=True),
    ]
    if not number_of_sets(groups, 1):
        return _no_set(groups)
    rewarded, bought = fill(groups, number_of_sets(groups, benefit.max_sets))
    asked = [_reward(get, piece.unit.current_minor, cart, rounding) for piece in rewarded]
    return _from_sets(benefit, rewarded, asked, rewarded + bought, cart)


def _n_for_m(benefit: NForM, cart: Cart) -> Proposal:
    lines = chosen(cart, benefit.on, benefit.except_)
    groups = [
        _group(benefit.take - benefit.pay, lines, benefit.pick, reward=True),
        _group(benefit.pay, lines, "dearest", trigger=True),
    ]
    if not number_of_sets(groups, 1):
        return _no_set(groups)
    free, paid = fill(groups, number_of_sets(groups, benefit.max_sets))
    return _from_sets(benefit, free, [piece.unit.current_minor for piece in free], free + paid, cart)


def _every_nth(benefit: EveryNth, cart: Cart, rounding: str) -> Proposal:
    lines = chosen(cart, benefit.on, benefit.except_)
    units = _group(benefit.nth, lines, "dearest", trigger=True, reward=True)
    sets = number_of_sets([units], benefit.max_sets)
    if not sets:
        return _no_set([units])
    in_sets = units.row[: sets * benefit.nth]
    rewarded = [piece for place, piece in enumerate(in_sets, 1) if place % benefit.nth == 0]
    asked = [_reward(benefit, piece.unit.current_minor, cart, rounding) for piece in rewarded]
    return _from_sets(benefit, rewarded, asked, in_sets, cart)


def _from_sets(
    benefit: BuyGet | NForM | EveryNth, rewarded: list[Piece], asked: list[int], in_sets: list[Piece], cart: Cart
) -> Proposal:
    proposal = _unit_by_unit(sum(asked), rewarded, asked, cart)
    proposal.in_sets, proposal.rewarded, proposal.unit_reuse = in_sets, rewarded, benefit.unit_reuse.value
    return proposal


def _bundle(benefit: Bundle, cart: Cart, rounding: str) -> Proposal:
    groups = [
        _group(group.quantity, chosen(cart, group.on, group.except_), benefit.pick, reward=True)
        for group in benefit.groups
    ]
    bundles = number_of_sets(groups, benefit.max_sets)
    if not bundles:
        return _no_set(groups)
    taken = fill(groups, bundles)
    used = [piece for mine in taken for piece in mine]
    wanted = 0
    of_lines = dict.fromkeys(_by_line(used, cart), 0)
    for number in range(bundles):
        content = []
        for group, mine in zip(groups, taken, strict=True):
            content += mine[number * group.each_set : (number + 1) * group.each_set]
        cost = {line: sum(p.unit.current_minor for p in pieces) for line, pieces in _by_line(content, cart).items()}
        asked = _reward(benefit, sum(cost.values()), cart, rounding)
        wanted += asked
        for line, share in _spread(asked, cost).items():
            of_lines[line] += share
    weights = _weights(used, [piece.unit.current_minor for piece in used])
    return Proposal("item", wanted, of_lines, weights, in_sets=used, rewarded=used, unit_reuse=benefit.unit_reuse.value)


def _reward(reward: Get | QuantityStep | EveryNth | Bundle, cost_minor: int, cart: Cart, rounding: str) -> int:
    """Return what is asked of something that now costs so much."""
    if reward.percent is not None:
        return _percent(cost_minor, reward.percent, rounding)
    if reward.amount is not None:
        return min(_in_cart_currency(reward.amount, cart), cost_minor)
    if reward.price is not None:
        return max(0, cost_minor - _in_cart_currency(reward.price, cart))
    assert reward.free
    return cost_minor


# Off delivery


def _of_delivery(benefit: DeliveryBenefit, cart: Cart, rounding: str) -> Proposal:
    fees = [
        each
        for each in cart.deliveries
        if each.available and (benefit.methods is None or each.key[0] in benefit.methods)
    ]

    def asked_of(fee: Delivery) -> int:
        match benefit:
            case DeliveryPercentOff():
                return _percent(fee.current_minor, benefit.percent, rounding)
            case DeliveryAmountOff():
                return _in_cart_currency(benefit.amount, cart)
            case DeliveryPrice():
                return max(0, fee.current_minor - _in_cart_currency(benefit.price, cart))

    asked = {fee.key: asked_of(fee) for fee in fees}
    cut = {fee.key: min(asked[fee.key], fee.current_minor) for fee in fees}
    return Proposal("delivery", sum(asked.values()), of_deliveries=cut)


# What they share


def _by_line(pieces: list[Piece], cart: Cart) -> dict[str, list[Piece]]:
    """Return the pieces of each line that has any, lines in their order."""
    by_line = {line.id: [piece for piece in pieces if piece.line is line] for line in cart.goods}
    return {line: mine for line, mine in by_line.items() if mine}


def _weights(pieces: list[Piece], weights: list[int]) -> dict[str, list[int]]:
    """Return the weight of every unit of every line; those that are no piece have none."""
    weight_of = {id(piece.unit): weight for piece, weight in zip(pieces, weights, strict=True)}
    lines = {piece.line.id: piece.line for piece in pieces}
    return {id_: [weight_of.get(id(unit), 0) for unit in line.units] for id_, line in lines.items()}


def _unit_by_unit(wanted: int, pieces: list[Piece], asked: list[int], cart: Cart) -> Proposal:
    of_units = _weights(pieces, asked)
    return Proposal("item", wanted, {line: sum(of_units[line]) for line in _by_line(pieces, cart)}, of_units)


def _from_all(lines: list[Line], asked_minor: int, target: str) -> Proposal:
    """Take one amount from all lines together, in proportion to what they cost, at most all of it."""
    left = {line.id: line.current_minor for line in lines}
    wanted = asked_minor if lines else 0
    return Proposal(target, wanted, of_lines=_spread(min(wanted, sum(left.values())), left))


K = TypeVar("K")


def _spread(amount: int, weights: dict[K, int]) -> dict[K, int]:
    """Split an amount by largest remainder; lines and deliveries stand in their canonical order already."""
    return dict(zip(weights, share_out(amount, list(weights.values())), strict=True))


def _percent(base_minor: int, percent_bp: int, rounding: str) -> int:
    return rounded(Fraction(base_minor * percent_bp, 10_000), rounding)


def _in_cart_currency(amounts: Mapping[Any, int], cart: Cart) -> int:
    return amounts[cart.store.currency]
