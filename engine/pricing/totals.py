"""The sums of an evaluation: what the lanes left, taxed and added up, each invariant checked on the way out."""

from collections.abc import Mapping, Sequence
from typing import cast

from engine.money import allocate
from engine.pricing.basket import Basket, BasketDelivery, BasketFee, BasketLine
from engine.pricing.evaluation import (
    Allocation,
    CodeVerdict,
    ComputedFrom,
    Discount,
    EarnedPoints,
    EvaluatedDelivery,
    EvaluatedFee,
    EvaluatedLine,
    EvaluatedUnits,
    Evaluation,
    IssuedCode,
    Outcome,
    Target,
    Totals,
    UnitRole,
)
from engine.pricing.extras import CodeToIssue, GiftLine
from engine.pricing.tally import Grant, Tally
from engine.pricing.tax import Taxable, summary, taxes_of
from engine.pricing.units import LineUnits, Use
from engine.types import LineId, PromotionId

Owner = tuple[str, int | str]
"""What an amount to tax belongs to: a kind, and which of that kind."""

_ROLES = {
    Use.NONE: UnitRole.NONE,
    Use.TRIGGER: UnitRole.TRIGGER,
    Use.REWARD: UnitRole.REWARD,
    Use.BOTH: UnitRole.BOTH,
}


def total_up(
    tally: Tally, outcomes: Mapping[PromotionId, Outcome], codes: tuple[CodeVerdict, ...], ruleset_hash: str
) -> Evaluation:
    """Build the evaluation out of what the lanes left."""
    basket = tally.basket
    gifts = [grant for grant in tally.grants if isinstance(grant.extra, GiftLine)]
    taxables, owners = _taxables(tally, gifts)
    taxes = taxes_of(taxables, basket.tax_rounding)
    goods = len(basket.lines)
    taxes_by_owner: dict[Owner, int] = {}
    for owner, tax_minor in zip(owners, taxes[goods:], strict=True):
        taxes_by_owner[owner] = taxes_by_owner.get(owner, 0) + tax_minor
    items, order = _OnLines(tally, Target.ITEM), _OnLines(tally, Target.ORDER)
    lines = [
        _line(tally, place, line, items, order, taxables[place], taxes[place])
        for place, line in enumerate(basket.lines)
    ]
    lines += [_unavailable(basket, place) for place in range(len(basket.unavailable))]
    lines.sort(key=lambda line: basket.order[line.line])
    lines += [_gift(tally, gift, taxes_by_owner) for gift in gifts]
    deliveries = tuple(
        _delivery(tally, place, delivery, taxes_by_owner.get(("delivery", place), 0))
        for place, delivery in enumerate(basket.deliveries)
    )
    fees = tuple(
        _fee(tally, place, fee, taxes_by_owner.get(("fee", place), 0)) for place, fee in enumerate(basket.fees)
    )
    ids = [line.id for line in basket.lines]
    evaluation = Evaluation(
        currency=basket.currency,
        lines=tuple(lines),
        deliveries=deliveries,
        fees=fees,
        discounts=tuple([_discount(grant, ids) for grant in tally.grants if grant.granted_minor]),
        taxes=summary(taxables, taxes),
        totals=_totals(tally, lines, deliveries, fees, taxables, taxes),
        codes=codes,
        outcomes=outcomes,
        adjustments=tally.adjusted,
        burned=tally.burned,
        searches=tuple(tally.searches),
        points=tuple(EarnedPoints(promotion, points) for promotion, points in tally.points.items() if points),
        codes_to_issue=tuple(
            IssuedCode(grant.promotion, grant.extra.series, grant.extra.valid_days)
            for grant in tally.grants
            if isinstance(grant.extra, CodeToIssue)
        ),
        computed_from=ComputedFrom(
            ruleset_hash=ruleset_hash,
            price_book_version=basket.price_book_version,
            as_of_ms=basket.as_of_ms,
            facts_version=basket.facts.version if basket.facts else None,
            limits_version=basket.closed.version or None,
        ),
    )
    _check(evaluation)
    return evaluation


def _taxables(tally: Tally, gifts: Sequence[Grant]) -> tuple[list[Taxable], list[Owner]]:
    """Return every amount to tax: one of each line first, then the others, whose owners come beside them."""
    basket, rules = tally.basket, tally.basket.taxes
    rates = rules.rates_ppm
    taxables = [
        Taxable(category := line.product.tax_category, rates.get(category, 0), line.tax_included, amount_minor)
        for line, amount_minor in zip(basket.lines, tally.current_minor, strict=True)
    ]
    owners: list[Owner] = []

    def add(owner: Owner, category: str, amount_minor: int, *, included: bool) -> None:
        taxables.append(Taxable(category, rates.get(category, 0), included, amount_minor))
        owners.append(owner)

    for grant in gifts:
        gift = cast("GiftLine", grant.extra).line
        amount_minor = gift.list_minor - grant.granted_minor
        add(("gift", gift.id), gift.product.tax_category, amount_minor, included=gift.tax_included)
    for place, fee_minor in enumerate(tally.deliveries):
        if rules.delivery_category is not None:
            add(("delivery", place), rules.delivery_category, fee_minor, included=rules.included)
        else:
            for category, part in _over_goods(tally, basket.deliveries[place], fee_minor):
                add(("delivery", place), category, part, included=rules.included)
    for place, fee in enumerate(basket.fees):
        if fee.unit_minor is not None:
            add(("fee", place), fee.tax_category, tally.fees[place], included=rules.included)
    return taxables, owners


def _over_goods(tally: Tally, delivery: BasketDelivery, fee_minor: int) -> list[tuple[str, int]]:
    """Spread a delivery fee over the tax categories of its goods, in proportion to what they cost.

    Goods that are all free weigh by their list amounts, and by their number where even those are zero.
    """
    sent = set(delivery.lines)
    places = [place for place, line in enumerate(tally.basket.lines) if line.id in sent]
    lines = tally.basket.lines
    current = {place: tally.current_minor[place] for place in places}
    listed = {place: lines[place].list_minor for place in places}
    weights = next(each for each in (current, listed, dict.fromkeys(places, 1)) if any(each.values()))
    categories = sorted({lines[place].product.tax_category for place in places})
    sums = [sum(weights[p] for p in places if lines[p].product.tax_category == category) for category in categories]
    parts = allocate(fee_minor, sums)
    return list(zip(categories, parts, strict=True))


class _OnLines:
    """What discounts of one kind take off each line: their shares by place, and the sums of these."""

    __slots__ = ("shares", "sums_minor")

    def __init__(self, tally: Tally, target: Target) -> None:
        lines = tally.basket.lines
        self.shares: list[list[Allocation]] = [[] for _ in lines]
        self.sums_minor = [0] * len(lines)
        shares, sums_minor = self.shares, self.sums_minor
        for grant in tally.grants:
            if grant.target is target:
                promotion = grant.promotion
                for place, minor in grant.shares:
                    shares[place].append(Allocation(promotion, minor))
                    sums_minor[place] += minor


def _on_fee(tally: Tally, place: int, target: Target) -> tuple[Allocation, ...]:
    """Return what discounts take off one delivery or fee."""
    return tuple(
        Allocation(grant.promotion, minor)
        for grant in tally.grants
        if grant.target is target
        for share_place, minor in grant.shares
        if share_place == place
    )


def _line(
    tally: Tally,
    place: int,
    line: BasketLine,
    items: _OnLines,
    order: _OnLines,
    taxable: Taxable,
    tax_minor: int,
) -> EvaluatedLine:
    staff, change_minor = line.staff_price, line.staff_change_minor
    return EvaluatedLine(
        line=line.id,
        sku=line.product.sku,
        quantity=line.quantity,
        unit_list_minor=staff.unit_list_minor if staff else line.unit_list_minor,
        list_minor=line.list_minor - change_minor,
        discount_minor=items.sums_minor[place],
        order_discount_minor=order.sums_minor[place],
        total_minor=taxable.amount_minor,
        tax_minor=tax_minor,
        tax_rate_ppm=taxable.rate_ppm,
        tax_category=taxable.category,
        tax_included=taxable.included,
        price_list=line.price_list,
        allocations=(*items.shares[place], *order.shares[place]),
        adjustment_minor=change_minor - tally.staff_minor[place],
        price_change_minor=change_minor,
        points_discount_minor=tally.points_minor.get(place, 0),
        units=_units(units) if (units := tally.units_in_sets(place)) else (),
    )


def _units(line: LineUnits) -> tuple[EvaluatedUnits, ...]:
    """Return the runs of a line by what one unit costs and what it was to sets."""
    counts: dict[tuple[int, Use], int] = {}
    for run in line.runs():
        counts[run.now_minor, run.was] = counts.get((run.now_minor, run.was), 0) + run.units
    ordered = sorted(counts, key=lambda alike: (-alike[0], alike[1]))
    return tuple(EvaluatedUnits(counts[minor, was], minor, _ROLES[was]) for minor, was in ordered)


def _gift(tally: Tally, grant: Grant, taxes_by_owner: Mapping[Owner, int]) -> EvaluatedLine:
    """Return the line of a gift: its tax is on what is paid for it."""
    gift = cast("GiftLine", grant.extra).line
    category = gift.product.tax_category
    return EvaluatedLine(
        line=gift.id,
        sku=gift.product.sku,
        quantity=gift.quantity,
        unit_list_minor=gift.unit_list_minor,
        list_minor=gift.list_minor,
        discount_minor=grant.granted_minor,
        order_discount_minor=0,
        total_minor=gift.list_minor - grant.granted_minor,
        tax_minor=taxes_by_owner[("gift", gift.id)],
        tax_rate_ppm=tally.basket.taxes.rates_ppm.get(category, 0),
        tax_category=category,
        tax_included=gift.tax_included,
        price_list=gift.price_list,
        allocations=(Allocation(grant.promotion, grant.granted_minor),) if grant.granted_minor else (),
        gift_of=grant.promotion,
    )


def _unavailable(basket: Basket, place: int) -> EvaluatedLine:
    line = basket.unavailable[place]
    return EvaluatedLine(
        line=line.id,
        sku=line.product.sku,
        quantity=line.quantity,
        unit_list_minor=0,
        list_minor=0,
        discount_minor=0,
        order_discount_minor=0,
        total_minor=0,
        tax_minor=0,
        tax_rate_ppm=0,
        tax_category=line.product.tax_category,
        tax_included=False,
        price_list=None,
        unavailable=line.reason,
        alternatives=line.alternatives,
    )


def _delivery(tally: Tally, place: int, delivery: BasketDelivery, tax_minor: int) -> EvaluatedDelivery:
    list_minor = delivery.fee_minor or 0
    return EvaluatedDelivery(
        method=delivery.choice.method,
        place=delivery.choice.place,
        slot=delivery.choice.slot,
        lines=delivery.lines,
        list_minor=list_minor,
        discount_minor=list_minor - tally.deliveries[place],
        total_minor=tally.deliveries[place],
        tax_minor=tax_minor,
        tax_included=tally.basket.taxes.included,
        allocations=_on_fee(tally, place, Target.DELIVERY),
        available=delivery.fee_minor is not None,
    )


def _fee(tally: Tally, place: int, fee: BasketFee, tax_minor: int) -> EvaluatedFee:
    unit_minor, total_minor = fee.unit_minor or 0, tally.fees[place]
    return EvaluatedFee(
        fee=fee.fee,
        quantity=fee.quantity,
        unit_minor=unit_minor,
        total_minor=total_minor,
        tax_minor=tax_minor,
        tax_included=tally.basket.taxes.included,
        available=fee.unit_minor is not None,
        discount_minor=unit_minor * fee.quantity - total_minor,
        allocations=_on_fee(tally, place, Target.FEE),
    )


def _discount(grant: Grant, ids: Sequence[LineId]) -> Discount:
    shares: tuple[tuple[LineId, int], ...] = ()
    if isinstance(grant.extra, GiftLine):
        shares = ((grant.extra.line.id, grant.granted_minor),)
    elif grant.target is Target.ITEM or grant.target is Target.ORDER:
        shares = tuple([(ids[place], minor) for place, minor in grant.shares])
    return Discount(grant.promotion, grant.lane, grant.target, grant.wanted_minor, grant.granted_minor, shares)


def _totals(
    tally: Tally,
    lines: Sequence[EvaluatedLine],
    deliveries: Sequence[EvaluatedDelivery],
    fees: Sequence[EvaluatedFee],
    taxables: Sequence[Taxable],
    taxes: Sequence[int],
) -> Totals:
    goods = sum([line.list_minor for line in lines])
    item_discounts = sum([line.discount_minor for line in lines])
    order_discounts = sum([line.order_discount_minor for line in lines])
    adjustments = sum([line.adjustment_minor for line in lines])
    points_discount = sum(tally.points_minor.values())
    fees_minor = sum(fee.list_minor for fee in fees)
    fees_discounts = sum(fee.discount_minor for fee in fees)
    delivery = sum(delivery.list_minor for delivery in deliveries)
    delivery_discounts = sum(delivery.discount_minor for delivery in deliveries)
    included = sum([tax for taxable, tax in zip(taxables, taxes, strict=True) if taxable.included])
    added = sum(taxes) - included
    return Totals(
        goods_minor=goods,
        item_discounts_minor=item_discounts,
        order_discounts_minor=order_discounts,
        fees_minor=fees_minor,
        delivery_minor=delivery,
        delivery_discounts_minor=delivery_discounts,
        tax_included_minor=included,
        tax_added_minor=added,
        total_minor=goods
        - item_discounts
        - order_discounts
        + adjustments
        - points_discount
        + fees_minor
        - fees_discounts
        + delivery
        - delivery_discounts
        + added,
        adjustments_minor=adjustments,
        fees_discounts_minor=fees_discounts,
        points_discount_minor=points_discount,
        tender_minor=tally.burned.amount_minor if tally.burned and tally.burned.tender else 0,
    )


def _line_is_sound(line: EvaluatedLine) -> bool:
    """Say whether its discounts fit into what promotions began with, and its sums are right."""
    discounts_minor = line.discount_minor + line.order_discount_minor
    return (
        (not line.units or sum(each.units * each.unit_minor for each in line.units) == line.total_minor)
        and 0 <= discounts_minor <= line.list_minor + line.price_change_minor
        and line.total_minor
        == line.list_minor - discounts_minor + line.adjustment_minor - line.points_discount_minor
        >= 0
    )


def _check(evaluation: Evaluation) -> None:
    """Refuse to answer a price that breaks an invariant: a wrong total must never leave quietly."""
    totals, burned = evaluation.totals, evaluation.burned
    granted = sum(discount.amount_minor for discount in evaluation.discounts)
    sound = (
        granted == totals.discounts_minor
        and totals.total_minor >= totals.tender_minor >= 0
        and totals.points_discount_minor + totals.tender_minor == (burned.amount_minor if burned else 0)
        and all(_line_is_sound(line) for line in evaluation.lines)
        and totals.adjustments_minor == sum(each.amount_minor for each in evaluation.adjustments)
        and all(0 <= delivery.discount_minor <= delivery.list_minor for delivery in evaluation.deliveries)
        and all(0 <= fee.discount_minor <= fee.list_minor for fee in evaluation.fees)
    )
    if not sound:
        raise ArithmeticError(f"an evaluation broke its invariants: {evaluation.computed_from}")
