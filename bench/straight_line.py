"""The workload priced by hand: what evaluating it would cost if nobody ever wrote another rule.

It knows that a category has percentages off and that the order has more, and nothing else: no lanes, conditions, codes,
windows, gifts, deliveries, staff or measured goods, no caps and no checks. Its answer is the same `Evaluation`, to the
last share, so the two differ in nothing but how it is found.
"""

from collections.abc import Mapping, Sequence

from engine.pricing.basket import Basket
from engine.pricing.evaluation import (
    Allocation,
    ComputedFrom,
    Discount,
    EvaluatedLine,
    Evaluation,
    Outcome,
    OutcomeCode,
    Target,
    TaxAmount,
    Totals,
)
from engine.types import LineId, PromotionId

Percents = Sequence[tuple[PromotionId, int]]
"""Promotions with what they take off, in percent, in the order in which they apply."""


def priced(  # noqa: PLR0915 - one straight line
    basket: Basket, item_percents: Mapping[str, Percents], order_percents: Percents, rules: str
) -> Evaluation:
    """Price a basket: percentages off the goods of each category, then percentages off what is left of the order.

    All of it is in one function on purpose. `rules` is the hash that the answer names.
    """
    lines = basket.lines
    rates_ppm = basket.taxes.rates_ppm
    left: list[int] = []
    allocations: list[list[Allocation]] = []
    item_shares: dict[PromotionId, list[tuple[LineId, int]]] = {}
    for line in lines:
        minor = line.list_minor
        of_line = []
        for promotion, percent in item_percents.get(line.product.category, ()):
            share = (minor * percent + 50) // 100
            if share:
                minor -= share
                of_line.append(Allocation(promotion, share))
                shares = item_shares.get(promotion)
                if shares is None:
                    shares = item_shares[promotion] = []
                shares.append((line.id, share))
        left.append(minor)
        allocations.append(of_line)
    outcomes = {}
    discounts = []
    for promotion, shares in sorted(item_shares.items()):
        amount_minor = sum([share for _, share in shares])
        outcomes[promotion] = Outcome(promotion, OutcomeCode.APPLIED, amount_minor, amount_minor)
        discounts.append(Discount(promotion, "item", Target.ITEM, amount_minor, amount_minor, tuple(shares)))
    after_items = list(left)
    for promotion, percent in order_percents:
        whole = sum(left)
        amount_minor = (whole * percent + 50) // 100
        outcomes[promotion] = Outcome(promotion, OutcomeCode.APPLIED, amount_minor, amount_minor)
        parts = [amount_minor * minor // whole for minor in left]
        missing = amount_minor - sum(parts)
        if missing:
            ranks = [amount_minor * minor % whole * (whole + 1) + minor for minor in left]
            for place in sorted(range(len(left)), key=ranks.__getitem__, reverse=True)[:missing]:
                parts[place] += 1
        shares = []
        for place, part in enumerate(parts):
            if part:
                left[place] -= part
                allocations[place].append(Allocation(promotion, part))
                shares.append((lines[place].id, part))
        discounts.append(Discount(promotion, "order", Target.ORDER, amount_minor, amount_minor, tuple(shares)))
    evaluated = []
    taxes: dict[tuple[str, int], tuple[int, int]] = {}
    list_minor = tax_included_minor = 0
    for line, before, minor, of_line in zip(lines, after_items, left, allocations, strict=True):
        category = line.product.tax_category
        rate_ppm = rates_ppm[category]
        tax_minor = (2 * minor * rate_ppm + 1_000_000 + rate_ppm) // (2 * (1_000_000 + rate_ppm))
        list_minor += line.list_minor
        tax_included_minor += tax_minor
        net_minor, of_rate_minor = taxes.get((category, rate_ppm), (0, 0))
        taxes[category, rate_ppm] = (net_minor + minor - tax_minor, of_rate_minor + tax_minor)
        evaluated.append(
            EvaluatedLine(
                line=line.id,
                sku=line.product.sku,
                quantity=line.quantity,
                unit_list_minor=line.unit_list_minor,
                list_minor=line.list_minor,
                discount_minor=line.list_minor - before,
                order_discount_minor=before - minor,
                total_minor=minor,
                tax_minor=tax_minor,
                tax_rate_ppm=rate_ppm,
                tax_category=category,
                tax_included=True,
                price_list=line.price_list,
                allocations=tuple(of_line),
            )
        )
    order = basket.order
    evaluated.sort(key=lambda line: order[line.line])
    items_minor, total_minor = sum(after_items), sum(left)
    return Evaluation(
        currency=basket.currency,
        lines=tuple(evaluated),
        deliveries=(),
        fees=(),
        discounts=tuple(discounts),
        taxes=tuple([TaxAmount(category, rate, *sums) for (category, rate), sums in sorted(taxes.items())]),
        totals=Totals(
            goods_minor=list_minor,
            item_discounts_minor=list_minor - items_minor,
            order_discounts_minor=items_minor - total_minor,
            fees_minor=0,
            delivery_minor=0,
            delivery_discounts_minor=0,
            tax_included_minor=tax_included_minor,
            tax_added_minor=0,
            total_minor=total_minor,
        ),
        codes=(),
        outcomes=outcomes,
        computed_from=ComputedFrom(rules, basket.price_book_version, basket.as_of_ms),
    )
