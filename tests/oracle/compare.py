"""What the engine answered and what the oracle answered, in one plain form, and where they differ.

Of the engine it sees what `panier price` writes and nothing else.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.burning import Burning
from tests.oracle.cart import Line
from tests.oracle.price import Outcome, Priced

Plain = dict[str, Any]
"""Nested maps down to numbers and texts. Every discount, share, tax, total and verdict has a place in it."""

# For these verdicts an engine states what was wanted; elsewhere the number means nothing.
_GRANTED = ("applied", "capped")


def plain_of_oracle(priced: Priced) -> Plain:
    """Return the oracle's answer in the common form."""
    cart, taxes = priced.cart, priced.taxes
    return {
        "currency": cart.store.currency,
        "lines": {
            line.id: {
                "sku": line.product.sku,
                "quantity": line.quantity,
                "unavailable": line.unavailable,
                "gift_of": line.gift_of,
                **(
                    {}
                    if line.unavailable
                    else {
                        "unit_list": line.tag_minor if line.tag_before_minor is None else line.tag_before_minor,
                        "list": line.list_minor - line.price_change_minor,
                        "discount": line.discount_minor,
                        "order_discount": line.order_discount_minor,
                        "adjustment": line.price_change_minor - line.staff_minor,
                        "points_discount": line.points_minor,
                        "total": line.current_minor,
                        "tax": taxes.of("line", line.id),
                        "tax_category": line.product.tax_category,
                        "tax_rate_ppm": cart.country.rates_ppm[line.product.tax_category],
                        "tax_included": line.tax_included,
                        "price_list": line.price_list,
                        "allocations": sorted(line.given),
                        "units": _units_of(line),
                    }
                ),
            }
            for line in [*cart.lines, *cart.gifts]
        },
        "points": priced.points,
        "codes": {code: {"state": state, "unlocks": unlocked} for code, (state, unlocked) in priced.codes.items()},
        "codes_to_issue": priced.codes_to_issue,
        "deliveries": {
            "/".join(each.key): {
                "lines": sorted(line.id for line in each.lines),
                "list": each.list_minor,
                "discount": each.list_minor - each.current_minor,
                "total": each.current_minor,
                "tax": taxes.of("delivery", *each.key),
                "tax_included": cart.country.included,
                "allocations": sorted(each.given),
                "available": each.available,
            }
            for each in cart.deliveries
        },
        "fees": {
            fee.fee: {
                "quantity": fee.quantity,
                "unit": fee.unit_minor,
                "discount": fee.list_minor - fee.current_minor,
                "total": fee.current_minor,
                "tax": taxes.of("fee", fee.fee),
                "tax_included": cart.country.included,
                "allocations": sorted(fee.given),
                "available": fee.available,
            }
            for fee in cart.fees
        },
        "adjustments": [
            {
                "kind": each.kind,
                "line": each.line,
                "state": each.state,
                "wanted": each.wanted_minor,
                "amount": each.amount_minor,
                "shares": each.shares,
            }
            for each in priced.adjustments
        ],
        "burned": _burned(cart.burning) if cart.burning else None,
        "discounts": [
            {
                "promotion": each.promotion,
                "lane": each.lane,
                "target": each.target,
                "wanted": each.wanted_minor,
                "amount": each.amount_minor,
            }
            for each in priced.discounts
        ],
        "taxes": {f"{key[0]} {key[1]}": value for key, value in taxes.by_category().items() if any(value)},
        "totals": priced.totals,
        "outcomes": {promotion: _plain_outcome(outcome) for promotion, outcome in priced.outcomes.items()},
    }


def _units_of(line: Line) -> list[str]:
    """Return how the units of a line came out, where one of them was in a set."""
    if all(unit.role == "none" for unit in line.units):
        return []
    units = [f"{unit.current_minor} {unit.role}" for unit in line.units]
    return sorted(f"{units.count(each)} at {each}" for each in set(units))


def _burned(burning: Burning) -> Plain:
    return {
        "state": burning.state,
        "points": burning.points,
        "amount": burning.amount_minor,
        "as": "tender" if burning.tender else "discount",
        "shares": burning.shares,
    }


def _engine_burned(burned: Plain) -> Plain:
    shares = {share["line"]: share["amount_minor"] for share in burned["lines"]}
    return {
        **{key: burned[key] for key in ("state", "points", "as")},
        "amount": burned["amount_minor"],
        "shares": shares,
    }


def _plain_outcome(outcome: Outcome) -> Plain:
    plain: Plain = {"code": outcome.code, "condition": outcome.condition, "granted": outcome.granted_minor}
    if outcome.numbers is not None:
        plain["wanted, measured, distance"] = outcome.numbers
    if outcome.code in _GRANTED:
        plain["wanted"] = outcome.wanted_minor
    if outcome.code == "lost_to":
        plain["rival"] = outcome.rival
    return plain


def plain_of_engine(document: Plain) -> Plain:
    """Return an evaluation as `panier price` writes it in the common form."""
    plain = {
        "currency": document["currency"],
        "lines": {line["line"]: _engine_line(line) for line in document["lines"]},
        "points": {each["promotion"]: each["points"] for each in document["points"]},
        "codes": {
            each["code"]: {"state": each["state"], "unlocks": sorted(each["promotions"])} for each in document["codes"]
        },
        "codes_to_issue": {
            each["promotion"]: (each["series"], each["valid_days"]) for each in document["codes_to_issue"]
        },
        "deliveries": {
            f"{each['method']}/{each['place']}/{each['slot']}": {
                "lines": sorted(each["lines"]),
                "list": each["list_minor"],
                "discount": each["discount_minor"],
                "total": each["total_minor"],
                "tax": each["tax_minor"],
                "tax_included": each["tax_included"],
                "allocations": _shares(each),
                "available": each["available"],
            }
            for each in document["deliveries"]
        },
        "fees": {
            each["fee"]: {
                "quantity": each["quantity"],
                "unit": each["unit_minor"],
                "discount": each["discount_minor"],
                "allocations": _shares(each),
                "total": each["total_minor"],
                "tax": each["tax_minor"],
                "tax_included": each["tax_included"],
                "available": each["available"],
            }
            for each in document["fees"]
        },
        "adjustments": [
            {
                "kind": each["kind"],
                "line": each["line"],
                "state": each["state"],
                "wanted": each["wanted_minor"],
                "amount": each["amount_minor"],
                "shares": {share["line"]: share["amount_minor"] for share in each["lines"]},
            }
            for each in document["adjustments"]
        ],
        "burned": _engine_burned(document["burned"]) if document["burned"] else None,
        "discounts": [
            {
                "promotion": each["promotion"],
                "lane": each["lane"],
                "target": each["target"],
                "wanted": each["wanted_minor"],
                "amount": each["amount_minor"],
            }
            for each in document["discounts"]
        ],
        "taxes": {
            f"{each['category']} {each['rate_ppm']}": (each["base_minor"], each["tax_minor"])
            for each in document["taxes"]
            if each["base_minor"] or each["tax_minor"]
        },
        "totals": {
            name.removesuffix("_minor"): amount
            for name, amount in document["totals"].items()
            if name not in ("subtotal_minor", "discounts_minor")
        },
        "outcomes": {promotion: _engine_outcome(outcome) for promotion, outcome in document["outcomes"].items()},
    }
    assert len(plain["lines"]) == len(document["lines"]), "two lines with one id"
    return plain


def _engine_line(line: Plain) -> Plain:
    if line["unavailable"] is not None:
        assert line["list_minor"] == line["total_minor"] == line["tax_minor"] == 0
        kept = {"sku": line["sku"], "quantity": line["quantity"], "unavailable": line["unavailable"]}
        return kept | {"gift_of": None}
    return {
        "sku": line["sku"],
        "quantity": line["quantity"],
        "unavailable": "",
        "gift_of": line["gift_of"],
        "unit_list": line["unit_list_minor"],
        "list": line["list_minor"],
        "discount": line["discount_minor"],
        "order_discount": line["order_discount_minor"],
        "adjustment": line["adjustment_minor"],
        "points_discount": line["points_discount_minor"],
        "total": line["total_minor"],
        "tax": line["tax_minor"],
        "tax_category": line["tax_category"],
        "tax_rate_ppm": line["tax_rate_ppm"],
        "tax_included": line["tax_included"],
        "price_list": line["price_list"],
        "allocations": _shares(line),
        "units": sorted(f"{each['units']} at {each['unit_minor']} {each['role']}" for each in line["units"]),
    }


def _shares(owner: Plain) -> list[tuple[str, int]]:
    return sorted((each["promotion"], each["amount_minor"]) for each in owner["allocations"] if each["amount_minor"])


def _engine_outcome(outcome: Plain) -> Plain:
    code = outcome["code"]
    failed = code in ("condition_failed", "no_target")
    plain: Plain = {
        "code": code,
        "condition": outcome.get("condition", "") if failed else "",
        "granted": outcome.get("granted_minor", 0),
    }
    if failed and "measure" in outcome:
        plain["wanted, measured, distance"] = (outcome["wanted"], outcome["measured"], outcome["distance"])
    if code in _GRANTED:
        plain["wanted"] = outcome.get("wanted_minor", 0)
    if code == "lost_to":
        plain["rival"] = outcome["detail"]
    return plain


def differences(engine: Plain, oracle: Plain, *, all_outcomes: bool) -> list[str]:
    """Return a readable line for each place where the two differ.

    Without `all_outcomes` the engine may be silent about a promotion that gives this cart nothing: its index did not
    find it.
    """
    if not all_outcomes:
        known = engine["outcomes"]
        kept = {
            promotion: outcome
            for promotion, outcome in oracle["outcomes"].items()
            if promotion in known or outcome["code"] in _GRANTED
        }
        codes = {
            code: {**each, "unlocks": [promotion for promotion in each["unlocks"] if promotion in known]}
            for code, each in oracle["codes"].items()
        }
        oracle = {**oracle, "outcomes": kept, "codes": codes}
    return list(_differences(engine, oracle, ""))


def _differences(engine: Any, oracle: Any, path: str) -> Iterator[str]:
    if isinstance(engine, Mapping) and isinstance(oracle, Mapping):
        for key in sorted({*engine, *oracle}):
            yield from _differences(engine.get(key, "-"), oracle.get(key, "-"), f"{path}/{key}")
    elif engine != oracle:
        yield f"{path}: engine {engine}, oracle {oracle}"
