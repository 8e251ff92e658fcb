"""Pricing, written to be obviously right: `price` is what the engine's `evaluate` is compared with."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial

from engine.rules.benefits.gift import Gift
from engine.rules.benefits.issue_code import IssueCode
from engine.rules.benefits.points import Points
from engine.rules.model import Promotion
from tests.oracle.adjustments import Adjustment, take_off
from tests.oracle.arith import share_out
from tests.oracle.benefits import Proposal, propose
from tests.oracle.best import best_way, lots_of, part_of, proposal_for, without
from tests.oracle.burning import burn
from tests.oracle.cart import Cart, Line, Unit
from tests.oracle.extras import earned_on, gift_of, gives_points, lacks_for_points, points_of
from tests.oracle.rivals import Losers, cheapest
from tests.oracle.rules import Rules, Verdict, benefit_here, benefit_of, closed_gate, code_meant, failed_condition
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


@dataclass(frozen=True)
class Priced:
    """The result: the cart with what was taken from its lines, and the sums."""

    cart: Cart
    discounts: list[Discount]
    outcomes: dict[str, Outcome]
    taxes: Taxes
    totals: dict[str, int]
    adjustments: list[Adjustment]
    points: dict[str, int]
    codes_to_issue: dict[str, tuple[str, int]]
    """Series and days, by promotion."""
    codes: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """By each code as it was typed, what became of it and the promotions that it unlocks."""


def price(cart: Cart, rules: Rules, tax_rounding: str) -> Priced:
    """Price a cart, which stays as it is."""
    meant = {typed: code_meant(typed, rules) for typed in cart.codes}
    cart = replace(cart, codes=set(meant.values()))
    priced = cheapest(lambda losers: _price(_copy_of(cart), rules, tax_rounding, losers), rules)
    priced.codes.update({typed: _code_verdict(code, priced, rules) for typed, code in meant.items()})
    return priced


def _copy_of(cart: Cart) -> Cart:
    """Return a cart of its own; what is never changed is shared."""
    shared = [cart.store, cart.country, *(line.product for line in cart.lines)]
    return deepcopy(cart, {id(each): each for each in shared})


def _price(cart: Cart, rules: Rules, tax_rounding: str, losers: Losers) -> Priced:
    """Price a cart without some promotions; its units are changed on the way."""
    discounts: list[Discount] = []
    outcomes: dict[str, Outcome] = {}
    _run_lanes(rules.lanes, cart, rules, losers, discounts, outcomes)
    burn(cart, rules.loyalty)
    points, codes = _points_and_codes(cart, rules, outcomes)
    taxes = tax_of(cart, tax_rounding)
    return Priced(cart, discounts, outcomes, taxes, _totals(cart, taxes), cart.adjustments, points, codes)


def _code_verdict(code: str, priced: Priced, rules: Rules) -> tuple[str, list[str]]:
    """Return what became of a code, and the promotions that it unlocks."""
    unlocked = sorted(id_ for id_, codes in rules.codes.items() if code in codes)
    applied = any(priced.outcomes[id_].code in ("applied", "capped") for id_ in unlocked)
    return "applied" if applied else "not_applied" if unlocked else "unknown", unlocked


def _points_and_codes(
    cart: Cart, rules: Rules, outcomes: dict[str, Outcome]
) -> tuple[dict[str, int], dict[str, tuple[str, int]]]:
    """Return the points and the codes that promotions give; who turns out to give no points had no target."""
    applied = {each.id: benefit_of(each) for each in rules.promotions if outcomes[each.id].code == "applied"}
    earning = {id_: benefit for id_, benefit in applied.items() if isinstance(benefit, Points)}
    points = {id_: points_of(id_, earning, cart) for id_ in earning}
    for id_, earned in points.items():
        if not earned:
            outcomes[id_] = Outcome("no_target")
    codes = {
        id_: (benefit.series, benefit.valid_days) for id_, benefit in applied.items() if isinstance(benefit, IssueCode)
    }
    return {id_: earned for id_, earned in points.items() if earned}, codes


def _totals(cart: Cart, taxes: Taxes) -> dict[str, int]:
    sold = [*cart.goods, *cart.gifts]
    goods = sum(line.list_minor - line.price_change_minor for line in sold)
    adjustments = sum(line.price_change_minor - line.staff_minor for line in sold)
    by_points = sum(line.points_minor for line in sold)
    item_discounts = sum(line.discount_minor for line in sold)
    order_discounts = sum(line.order_discount_minor for line in sold)
    fees = sum(fee.list_minor for fee in cart.fees)
    fees_discounts = sum(amount for fee in cart.fees for _, amount in fee.given)
    delivery = sum(each.list_minor for each in cart.deliveries)
    delivery_discounts = sum(amount for each in cart.deliveries for _, amount in each.given)
    added = sum(part.tax_minor for part in taxes.parts if not part.included)
    total = goods - item_discounts - order_discounts + adjustments - by_points
    total += fees - fees_discounts + delivery - delivery_discounts + added
    tender = cart.burning.amount_minor if cart.burning and cart.burning.tender else 0
    return {
        "goods": goods,
        "item_discounts": item_discounts,
        "order_discounts": order_discounts,
        "fees": fees,
        "fees_discounts": fees_discounts,
        "delivery": delivery,
        "delivery_discounts": delivery_discounts,
        "tax_included": sum(part.tax_minor for part in taxes.parts if part.included),
        "tax_added": added,
        "adjustments": adjustments,
        "points_discount": by_points,
        "total": total,
        "tender": tender,
        "due": total - tender,
    }


# Lanes


def enter_lane(lane: str, cart: Cart, rules: Rules) -> list[Promotion]:
    """Run all lanes before this one and begin it: the cart is then as the lane finds it.

    Returns the promotions of the lane that may compete, in their order.
    """
    names = [name for name, _ in rules.lanes]
    _run_lanes(rules.lanes[: names.index(lane)], cart, rules, {}, [], {})
    return _begin_lane(lane, cart, rules, {}, {})


def _run_lanes(
    lanes: list[tuple[str, str]],
    cart: Cart,
    rules: Rules,
    losers: Losers,
    discounts: list[Discount],
    outcomes: dict[str, Outcome],
) -> None:
    names = [name for name, _ in rules.lanes]
    staff_after = "order" if "order" in names else names[-1]
    for name, mode in lanes:
        running = _begin_lane(name, cart, rules, losers, outcomes)
        _run_lane(name, mode, running, cart, rules, discounts, outcomes)
        if name == staff_after:
            take_off(cart.adjustments, cart, rules.rounding)


def _begin_lane(lane: str, cart: Cart, rules: Rules, losers: Losers, outcomes: dict[str, Outcome]) -> list[Promotion]:
    """Note what everything costs now, and ask who qualifies; the others get their verdict."""
    # What staff took off counts in no threshold.
    at_lane_start = {line.id: line.current_minor + line.staff_minor for line in cart.goods}
    for line in cart.goods:
        line.discounted_before = bool(line.given)
        for unit in line.units:
            unit.lane_start_minor = unit.current_minor
    running = []
    for promotion in rules.of_lane(lane):
        verdict = closed_gate(promotion, cart) or failed_condition(promotion, cart, at_lane_start)
        if verdict is not None:
            outcomes[promotion.id] = _refused(verdict)
        elif promotion.id in losers:
            proposal = _proposal(promotion, cart, rules.rounding)
            _, _, outcomes[promotion.id] = _lost(promotion, proposal, losers[promotion.id])
        else:
            running.append(promotion)
    return running


def _run_lane(
    lane: str,
    mode: str,
    running: list[Promotion],
    cart: Cart,
    rules: Rules,
    discounts: list[Discount],
    outcomes: dict[str, Outcome],
) -> None:
    ways: dict[str, Callable[[list[Promotion], Cart, str], Results]] = {
        "stack": _run_all,
        "first": _run_first,
        "best": _run_best,
        "best per line": partial(_run_best_of_goods, per="line"),
        "best per unit": partial(_run_best_of_goods, per="unit"),
    }
    for promotion, proposal, outcome in ways[mode](running, cart, rules.rounding):
        outcomes[promotion.id] = outcome
        if proposal is not None and proposal.amount_minor:
            word = benefit_of(promotion).word
            discounts.append(
                Discount(promotion.id, lane, proposal.target, word, proposal.wanted_minor, proposal.amount_minor)
            )


def _proposal(promotion: Promotion, cart: Cart, rounding: str) -> Proposal:
    match benefit_here(promotion, cart):
        case Gift() as benefit:
            gift = gift_of(benefit, promotion.id, cart)
            if isinstance(gift, str):
                return Proposal("gift", 0, refused=gift)
            return Proposal("gift", gift.list_minor - gift.current_minor, gift=gift)
        case Points() as benefit:
            goods = earned_on(benefit, cart)
            gives = gives_points(benefit, goods, cart)
            lack = None if gives else lacks_for_points(benefit, goods, cart)
            return Proposal("points", 0, gives_other=gives, earned_on=goods, missing=lack)
        case IssueCode():
            return Proposal("code", 0, gives_other=True)
        case benefit:
            return propose(benefit, cart, rounding)


def _refused(verdict: Verdict) -> Outcome:
    return Outcome(verdict.code, condition=verdict.condition, numbers=verdict.numbers)


Results = list[tuple[Promotion, Proposal | None, Outcome]]


def _run_all(running: list[Promotion], cart: Cart, rounding: str) -> Results:
    """Grant everybody, in order, on what is left."""
    results: Results = []
    for promotion in running:
        proposal = _proposal(promotion, cart, rounding)
        results.append(_grant(promotion, proposal, cart))
    return results


def _run_first(running: list[Promotion], cart: Cart, rounding: str) -> Results:
    """Grant the first that gives something; those behind it lost if they would give something too."""
    results: Results = []
    winner = ""
    for promotion in running:
        proposal = _proposal(promotion, cart, rounding)
        if winner:
            results.append(_lost(promotion, proposal, winner))
        else:
            results.append(_grant(promotion, proposal, cart))
            winner = promotion.id if proposal.gives else ""
    return results


def _run_best(running: list[Promotion], cart: Cart, rounding: str) -> Results:
    """Grant the one that gives most of the cart as the lane finds it; of equals the first in order."""
    proposals = {promotion.id: _proposal(promotion, cart, rounding) for promotion in running}
    most = max((proposal.amount_minor for proposal in proposals.values()), default=0)
    best = [each for each in running if proposals[each.id].gives and proposals[each.id].amount_minor == most]
    winner = best[0] if best else None
    results: Results = []
    for promotion in running:
        if winner is None or promotion is winner:
            results.append(_grant(promotion, proposals[promotion.id], cart))
        else:
            results.append(_lost(promotion, proposals[promotion.id], winner.id))
    return results


def _run_best_of_goods(running: list[Promotion], cart: Cart, rounding: str, per: str) -> Results:
    """Hand out the lines or units in the best way, and grant each promotion what it makes of its own."""
    alone = [_proposal(promotion, cart, rounding) for promotion in running]
    lots, mine, parts = lots_of(cart, per), [], []
    for promotion, held in zip(running, best_way(running, cart, rounding, per), strict=True):
        mine.append(proposal_for(promotion, held, lots, cart, rounding, per))
        parts.append(part_of(cart, held, lots))
        lots = without(lots, held)
    results: Results = []
    for promotion, proposal, part, wish in zip(running, mine, parts, alone, strict=True):
        if proposal.gives:
            results.append(_grant(promotion, proposal, part))
            for line in cart.goods:
                line.discount_minor += proposal.of_lines.get(line.id, 0)
        else:
            lines = {line for line, amount in wish.of_lines.items() if amount} | {p.line.id for p in wish.in_sets}
            rivals = [
                (other.amount_minor, -place)
                for place, other in enumerate(mine)
                if other.gives and not lines.isdisjoint({*other.of_lines, *(p.line.id for p in other.in_sets)})
            ]
            results.append(_lost(promotion, wish, running[-max(rivals)[1]].id if rivals else ""))
    return results


def _lost(promotion: Promotion, proposal: Proposal, winner: str) -> tuple[Promotion, None, Outcome]:
    return promotion, None, Outcome("lost_to", rival=winner) if proposal.gives else _nothing(promotion, proposal)


def _nothing(promotion: Promotion, proposal: Proposal) -> Outcome:
    word = benefit_of(promotion).word if proposal.missing else ""
    return Outcome(proposal.refused, condition=word, numbers=proposal.missing)


def _grant(promotion: Promotion, proposal: Proposal, cart: Cart) -> tuple[Promotion, Proposal | None, Outcome]:
    """Take what is proposed from the units and delivery fees."""
    granted, wanted = proposal.amount_minor, proposal.wanted_minor
    if not proposal.gives:
        return promotion, None, _nothing(promotion, proposal)
    if proposal.gift is not None:
        _add_gift(promotion.id, proposal.gift, granted, cart)
    cart.earned_on[promotion.id] = proposal.earned_on
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
    for fee in cart.fees:
        amount = proposal.of_fees.get(fee.fee, 0)
        if amount:
            fee.current_minor -= amount
            fee.given.append((promotion.id, amount))
    for piece in proposal.in_sets:
        rewarded = any(piece is each for each in proposal.rewarded)
        piece.unit.rewarded |= rewarded
        piece.unit.triggered |= not rewarded
        piece.unit.may_trigger &= proposal.unit_reuse in ("trigger", "both")
        piece.unit.may_be_rewarded &= proposal.unit_reuse in ("reward", "both")
    return promotion, proposal, Outcome("applied" if granted >= wanted else "capped", granted, wanted)


def _add_gift(promotion: str, gift: Line, granted: int, cart: Cart) -> None:
    gift.gift_of = promotion
    gift.discount_minor = granted
    if granted:
        gift.given.append((promotion, granted))
    cart.gifts.append(gift)


def _take_from_units(units: list[Unit], amount: int, of_units: list[int] | None) -> None:
    """Allocate a line's share to its units: as asked of each, else in proportion to what each costs.

    Among equal shares their rank decides.
    """
    weights = [unit.current_minor for unit in units] if of_units is None else of_units
    order = sorted(range(len(units)), key=lambda place: units[place].rank)
    for place, share in zip(order, share_out(amount, [weights[place] for place in order]), strict=True):
        units[place].current_minor -= share
        assert units[place].current_minor >= 0
