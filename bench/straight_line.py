"""The workload priced by hand: what evaluating it would cost if nobody ever wrote another rule.

It knows that a category has percentages off and that the order has more, and nothing else: no lanes, conditions, windows,
gifts, deliveries, staff or measured goods. The answer says what an `Evaluation` of the same cart says, as plain maps.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation

Percents = Sequence[tuple[str, int]]
"""Promotions with what they take off, in percent, in the order in which they apply."""
Answer = dict[str, Any]


def priced(basket: Basket, item_percents: Mapping[str, Percents], order_percents: Percents) -> Answer:
    """Price a basket: percentages off the goods of each category, then percentages off what is left of the order."""
    rates_ppm = basket.taxes.rates_ppm
    lines: list[Answer] = []
    discounts: dict[str, Answer] = {}
    left: list[int] = []
    for line in basket.lines:
        list_minor = minor = line.units * line.unit_minor
        allocations = []
        for promotion, percent in item_percents.get(line.product.category, ()):
            share = (minor * percent + 50) // 100
            if share:
                minor -= share
                allocations.append((promotion, share))
                discount = discounts.get(promotion)
                if discount is None:
                    discount = discounts[promotion] = {"lane": "item", "target": "item", "amount_minor": 0, "lines": []}
                discount["amount_minor"] += share
                discount["lines"].append((line.id, share))
        left.append(minor)
        lines.append(
            {
                "line": line.id,
                "sku": line.product.sku,
                "quantity": line.quantity,
                "unit_list_minor": line.unit_list_minor,
                "list_minor": list_minor,
                "discount_minor": list_minor - minor,
                "tax_category": line.product.tax_category,
                "tax_included": line.tax_included,
                "price_list": line.price_list,
                "allocations": allocations,
            }
        )
    after_items = list(left)
    for promotion, percent in order_percents:
        whole = sum(left)
        amount_minor = (whole * percent + 50) // 100
        if not amount_minor:
            continue
        shares = [amount_minor * minor // whole for minor in left]
        missing = amount_minor - sum(shares)
        if missing:
            ranked = sorted(range(len(left)), key=lambda i: (-(amount_minor * left[i] % whole), -left[i], i))
            for place in ranked[:missing]:
                shares[place] += 1
        of_lines = []
        for place, share in enumerate(shares):
            if share:
                left[place] -= share
                lines[place]["allocations"].append((promotion, share))
                of_lines.append((lines[place]["line"], share))
        discounts[promotion] = {"lane": "order", "target": "order", "amount_minor": amount_minor, "lines": of_lines}
    taxes: dict[tuple[str, int], tuple[int, int]] = {}
    taxed_minor = 0
    for line, before, minor in zip(lines, after_items, left, strict=True):
        category = line["tax_category"]
        rate_ppm = rates_ppm[category]
        tax_minor = (2 * minor * rate_ppm + 1_000_000 + rate_ppm) // (2 * (1_000_000 + rate_ppm))
        line["order_discount_minor"] = before - minor
        line["total_minor"] = minor
        line["tax_minor"] = tax_minor
        line["tax_rate_ppm"] = rate_ppm
        taxed_minor += tax_minor
        net, tax = taxes.get((category, rate_ppm), (0, 0))
        taxes[category, rate_ppm] = (net + minor - tax_minor, tax + tax_minor)
    order = basket.order
    lines.sort(key=lambda line: order[line["line"]])
    list_minor, items_minor, total_minor = sum(line["list_minor"] for line in lines), sum(after_items), sum(left)
    return {
        "currency": basket.currency,
        "lines": lines,
        "discounts": discounts,
        "taxes": taxes,
        "totals": {
            "goods_minor": list_minor,
            "item_discounts_minor": list_minor - items_minor,
            "order_discounts_minor": items_minor - total_minor,
            "tax_included_minor": taxed_minor,
            "total_minor": total_minor,
        },
        "outcomes": {promotion: ("applied", discount["amount_minor"]) for promotion, discount in discounts.items()},
        "computed_from": (basket.price_book_version, basket.as_of_ms),
    }


def as_answer(evaluation: Evaluation) -> Answer:
    """Return what an evaluation says of a cart that has nothing but lines, in the same shape."""
    totals, source = evaluation.totals, evaluation.computed_from
    return {
        "currency": evaluation.currency,
        "lines": [
            {
                "line": line.line,
                "sku": line.sku,
                "quantity": line.quantity,
                "unit_list_minor": line.unit_list_minor,
                "list_minor": line.list_minor,
                "discount_minor": line.discount_minor,
                "order_discount_minor": line.order_discount_minor,
                "total_minor": line.total_minor,
                "tax_minor": line.tax_minor,
                "tax_rate_ppm": line.tax_rate_ppm,
                "tax_category": line.tax_category,
                "tax_included": line.tax_included,
                "price_list": line.price_list,
                "allocations": [(share.promotion, share.amount_minor) for share in line.allocations],
            }
            for line in evaluation.lines
        ],
        "discounts": {
            discount.promotion: {
                "lane": discount.lane,
                "target": discount.target,
                "amount_minor": discount.amount_minor,
                "lines": list(discount.lines),
            }
            for discount in evaluation.discounts
        },
        "taxes": {(tax.category, tax.rate_ppm): (tax.base_minor, tax.tax_minor) for tax in evaluation.taxes},
        "totals": {
            "goods_minor": totals.goods_minor,
            "item_discounts_minor": totals.item_discounts_minor,
            "order_discounts_minor": totals.order_discounts_minor,
            "tax_included_minor": totals.tax_included_minor,
            "total_minor": totals.total_minor,
        },
        "outcomes": {
            outcome.promotion: (outcome.code, outcome.granted_minor) for outcome in evaluation.outcomes.values()
        },
        "computed_from": (source.price_book_version, source.as_of_ms),
    }
