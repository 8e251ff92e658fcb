"""Evaluations as `panier price` writes them: one JSON document a line.

docs/cart-file.md describes the format and docs/schemas/evaluation.schema.json pins it. The keys are written out here,
so that renaming something in the engine cannot change what other programs read.
"""

from collections.abc import Iterable
from typing import Any

from engine.pricing.basket import Basket
from engine.pricing.evaluation import (
    Allocation,
    Burned,
    CodeVerdict,
    Discount,
    EvaluatedAdjustment,
    EvaluatedDelivery,
    EvaluatedFee,
    EvaluatedLine,
    Evaluation,
    Outcome,
    TaxAmount,
    Totals,
)
from engine.pricing.shop import PIECE
from engine.types import LineId


def evaluation_document(cart: str, basket: Basket, evaluation: Evaluation, *, outcomes: bool = True) -> dict[str, Any]:
    """Return the evaluation of a basket as plain values, ready for JSON. `cart` is the id that its file gave it."""
    units = {line.id: line.product.unit for line in basket.lines}
    units |= {line.id: line.product.unit for line in basket.unavailable}
    made_from = evaluation.computed_from
    document: dict[str, Any] = {
        "id": cart,
        "channel": basket.channel,
        "store": basket.store.id,
        "currency": evaluation.currency,
        "lines": [_line(line, units) for line in evaluation.lines],
        "deliveries": [_delivery(delivery) for delivery in evaluation.deliveries],
        "fees": [_fee(fee) for fee in evaluation.fees],
        "adjustments": [_adjustment(each) for each in evaluation.adjustments],
        "burned": _burned(evaluation.burned) if evaluation.burned else None,
        "discounts": [_discount(discount) for discount in evaluation.discounts],
        "taxes": [_tax(tax) for tax in evaluation.taxes],
        "totals": _totals(evaluation.totals),
        "codes": [_code(verdict) for verdict in evaluation.codes],
        "points_earned": evaluation.points_earned,
        "points": [{"promotion": each.promotion, "points": each.points} for each in evaluation.points],
        "codes_to_issue": [
            {"promotion": each.promotion, "series": each.series, "valid_days": each.valid_days}
            for each in evaluation.codes_to_issue
        ],
        "searches": [
            {"lane": each.lane, "nodes": each.nodes, "gap_minor": each.gap_minor} for each in evaluation.searches
        ],
        "computed_from": {
            "ruleset_hash": made_from.ruleset_hash,
            "price_book_version": made_from.price_book_version,
            "as_of_ms": made_from.as_of_ms,
            "pricing_version": made_from.pricing_version,
            "facts_version": made_from.facts_version,
            "limits_version": made_from.limits_version,
        },
    }
    if outcomes:
        document["outcomes"] = {outcome.promotion: _outcome(outcome) for outcome in evaluation.outcomes.values()}
    return document


def _line(line: EvaluatedLine, units: dict[LineId, str]) -> dict[str, Any]:
    return {
        "line": line.line,
        "sku": line.sku,
        "quantity": line.quantity,
        "unit": units.get(line.line, PIECE),
        "unavailable": line.unavailable,
        "unit_list_minor": line.unit_list_minor,
        "list_minor": line.list_minor,
        "discount_minor": line.discount_minor,
        "order_discount_minor": line.order_discount_minor,
        "adjustment_minor": line.adjustment_minor,
        "points_discount_minor": line.points_discount_minor,
        "total_minor": line.total_minor,
        "tax_minor": line.tax_minor,
        "tax_rate_ppm": line.tax_rate_ppm,
        "tax_category": line.tax_category,
        "tax_included": line.tax_included,
        "price_list": line.price_list,
        "allocations": _allocations(line.allocations),
        "units": [{"units": each.units, "unit_minor": each.unit_minor, "role": each.role} for each in line.units],
        "gift_of": line.gift_of,
        "alternatives": [{"sku": other.sku, "kind": other.kind, "units": other.units} for other in line.alternatives],
    }


def _allocations(allocations: Iterable[Allocation]) -> list[dict[str, Any]]:
    return [{"promotion": share.promotion, "amount_minor": share.amount_minor} for share in allocations]


def _delivery(delivery: EvaluatedDelivery) -> dict[str, Any]:
    return {
        "method": delivery.method,
        "place": delivery.place,
        "slot": delivery.slot,
        "available": delivery.available,
        "lines": list(delivery.lines),
        "list_minor": delivery.list_minor,
        "discount_minor": delivery.discount_minor,
        "total_minor": delivery.total_minor,
        "tax_minor": delivery.tax_minor,
        "tax_included": delivery.tax_included,
        "allocations": _allocations(delivery.allocations),
    }


def _fee(fee: EvaluatedFee) -> dict[str, Any]:
    return {
        "fee": fee.fee,
        "quantity": fee.quantity,
        "available": fee.available,
        "unit_minor": fee.unit_minor,
        "discount_minor": fee.discount_minor,
        "total_minor": fee.total_minor,
        "tax_minor": fee.tax_minor,
        "tax_included": fee.tax_included,
        "allocations": _allocations(fee.allocations),
    }


def _discount(discount: Discount) -> dict[str, Any]:
    return {
        "promotion": discount.promotion,
        "lane": discount.lane,
        "target": discount.target,
        "wanted_minor": discount.wanted_minor,
        "amount_minor": discount.amount_minor,
    }


def _adjustment(each: EvaluatedAdjustment) -> dict[str, Any]:
    asked = each.adjustment
    return {
        "id": asked.id,
        "kind": asked.kind,
        "line": asked.line,
        "reason": asked.reason,
        "state": each.state,
        "wanted_minor": each.wanted_minor,
        "amount_minor": each.amount_minor,
        "lines": [{"line": line, "amount_minor": amount_minor} for line, amount_minor in each.lines],
    }


def _burned(burned: Burned) -> dict[str, Any]:
    return {
        "state": burned.state,
        "wanted": burned.wanted,
        "balance": burned.balance,
        "points": burned.points,
        "as": "tender" if burned.tender else "discount",
        "amount_minor": burned.amount_minor,
        "lines": [{"line": line, "amount_minor": amount_minor} for line, amount_minor in burned.lines],
    }


def _tax(tax: TaxAmount) -> dict[str, Any]:
    return {
        "category": tax.category,
        "rate_ppm": tax.rate_ppm,
        "base_minor": tax.base_minor,
        "tax_minor": tax.tax_minor,
    }


def _totals(totals: Totals) -> dict[str, int]:
    return {
        "goods_minor": totals.goods_minor,
        "item_discounts_minor": totals.item_discounts_minor,
        "order_discounts_minor": totals.order_discounts_minor,
        "adjustments_minor": totals.adjustments_minor,
        "points_discount_minor": totals.points_discount_minor,
        "subtotal_minor": totals.subtotal_minor,
        "fees_minor": totals.fees_minor,
        "fees_discounts_minor": totals.fees_discounts_minor,
        "delivery_minor": totals.delivery_minor,
        "delivery_discounts_minor": totals.delivery_discounts_minor,
        "discounts_minor": totals.discounts_minor,
        "tax_included_minor": totals.tax_included_minor,
        "tax_added_minor": totals.tax_added_minor,
        "total_minor": totals.total_minor,
        "tender_minor": totals.tender_minor,
        "due_minor": totals.due_minor,
    }


def _code(verdict: CodeVerdict) -> dict[str, Any]:
    return {
        "code": verdict.canonical,
        "state": verdict.state,
        "promotions": [outcome.promotion for outcome in verdict.outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    """Write the verdict and those measures that belong to it."""
    document: dict[str, Any] = {"code": outcome.code}
    if outcome.wanted_minor:
        document |= {"granted_minor": outcome.granted_minor, "wanted_minor": outcome.wanted_minor}
    if outcome.condition:
        document["condition"] = outcome.condition
    if outcome.measure:
        document |= {
            "measure": outcome.measure,
            "wanted": outcome.wanted,
            "measured": outcome.measured,
            "distance": outcome.distance,
        }
    if outcome.opens_ms is not None:
        document["opens_ms"] = outcome.opens_ms
    if outcome.points:
        document["points"] = outcome.points
    if outcome.detail:
        document["detail"] = outcome.detail
    return document
