"""What staff change by hand, for the oracle: `docs/shop-folder.md`, section "adjustments.yaml", is what it follows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.oracle.arith import minor, rounded, share_out, whole

if TYPE_CHECKING:
    from tests.oracle.cart import Cart, Line
    from tests.oracle.shop import Shop


@dataclass
class Adjustment:
    """`value` is in minor units, or a fraction of 1 where it is a percentage."""

    kind: str
    line: str | None
    value: Fraction
    currency: str
    role: dict[str, Any]
    state: str = ""
    wanted_minor: int = 0
    amount_minor: int = 0
    shares: dict[str, int] = field(default_factory=dict)

    def done(self, wanted_minor: int, shares: dict[str, int]) -> None:
        """Note what it wanted and what it did."""
        self.wanted_minor, self.amount_minor = wanted_minor, sum(shares.values())
        self.shares = {line: amount for line, amount in shares.items() if amount}
        self.state = "applied" if self.amount_minor == wanted_minor else "cut"


def read_adjustments(document: dict[str, Any], line_ids: list[str], currency_here: str, shop: Shop) -> list[Adjustment]:
    """Return the adjustments of a cart document, in their order; `line_ids` are those of the document's lines."""
    roles = {role["id"]: role for role in shop.adjustments.get("roles", ())}
    found = []
    for written in document.get("adjustments", ()):
        [kind] = {"price", "amount", "percent"} & set(written)
        number = Decimal(written[kind])
        currency = "" if kind == "percent" else written.get("currency") or currency_here
        value = Fraction(number) / 100 if kind == "percent" else Fraction(minor(number, currency))
        line = line_ids[int(written["line"])] if "line" in written else None
        role = roles[written.get("role") or shop.adjustments["default_role"]]
        found.append(Adjustment(kind, line, value, currency, role))
    return found


def set_prices(adjustments: list[Adjustment], cart: Cart, shop: Shop) -> None:
    """Give lines the prices that staff set: of several in the cart's currency the last one."""
    for line in cart.goods:
        line.floor_minor = _whole_line(line, _floor(line, cart, shop))
        of_line = [each for each in adjustments if each.kind == "price" and each.line == line.id]
        here = [each for each in of_line if each.currency == cart.store.currency]
        if line.product.never_discount:
            continue
        for replaced in here[:-1]:
            replaced.state = "replaced"
        if here:
            _set_price(here[-1], line, cart, _floor(line, cart, shop))


def _set_price(adjustment: Adjustment, line: Line, cart: Cart, floor_minor: int) -> None:
    before = line.list_minor
    wanted = _whole_line(line, whole(adjustment.value)) - before
    most = _most(adjustment.role, before, cart.store.currency)
    price = whole(adjustment.value)
    if price < floor_minor and price < line.tag_minor:
        # Lowered below the floor: it stops there, and at the tag where that is below the floor itself.
        price = min(floor_minor, line.tag_minor)
    if adjustment.role.get("may_set_price") in ("yes", "true"):
        if line.product.measured:
            # The floor is that of the line: an option may lift it above its floor where its goods alone are below.
            asked = _whole_line(line, whole(adjustment.value))
            amount = max(asked, min(line.floor_minor, before), before - most)
        else:
            # Every piece costs the same, so what may be taken off is cut to what divides evenly.
            amount = price = max(price, line.units[0].list_minor - most // len(line.units))
        line.tag_before_minor, line.tag_minor = line.tag_minor, price
        line.units = [replace(unit, list_minor=amount, current_minor=amount) for unit in line.units]
        line.price_change_minor = line.list_minor - before
    adjustment.done(wanted, {line.id: line.list_minor - before})


def take_off(adjustments: list[Adjustment], cart: Cart, rounding: str) -> None:
    """Take amounts and percentages off: those of lines first, then those of the cart, each in their order."""
    for of_the_cart in (False, True):
        for adjustment in adjustments:
            if (adjustment.line is None) == of_the_cart and not adjustment.state:
                _take_off(adjustment, cart, rounding)


def _take_off(adjustment: Adjustment, cart: Cart, rounding: str) -> None:
    lines = [line for line in cart.goods if adjustment.line in (None, line.id)]
    if adjustment.currency not in ("", cart.store.currency):
        adjustment.state = "other_currency"
    elif adjustment.line is not None and any(line.product.never_discount for line in lines):
        adjustment.state = "regulated"
    else:
        lines = [line for line in lines if not line.product.never_discount]
        left = sum(line.current_minor for line in lines)
        if left == 0:
            adjustment.state = "no_target"
            return
        wanted = rounded(left * adjustment.value, rounding) if adjustment.kind == "percent" else int(adjustment.value)
        above_floor = [max(0, line.current_minor - line.floor_minor) for line in lines]
        before = sum(line.list_minor - line.price_change_minor for line in lines)
        lowered = sum(max(0, -line.price_change_minor) + line.staff_minor for line in lines)
        most = max(0, _most(adjustment.role, before, cart.store.currency) - lowered)
        granted = min(wanted, sum(above_floor), most)
        shares = share_out(granted, above_floor)
        for line, share in zip(lines, shares, strict=True):
            line.take_by_staff(share)
        adjustment.done(-wanted, {line.id: -share for line, share in zip(lines, shares, strict=True)})


def _floor(line: Line, cart: Cart, shop: Shop) -> int:
    """Return the least for one piece or one whole unit."""
    least = line.product.regulated_minimum.get(cart.store.currency, 0)
    if shop.adjustments.get("floor") == "cost":
        least = max(least, line.product.cost.get(cart.store.currency, 0))
    return least


def _whole_line(line: Line, price_minor: int) -> int:
    if line.product.measured:
        return rounded(Fraction(price_minor * line.quantity, 1000))
    return price_minor * len(line.units)


def _most(role: dict[str, Any], before_minor: int, currency: str) -> int:
    """Return the most that a role may take off what costs so much."""
    percent = Fraction(role["max_percent"].removesuffix("%")) / 100
    most = rounded(before_minor * percent)
    if "max_amount" in role:
        amounts = role["max_amount"]
        if isinstance(amounts, str):
            number, only = amounts.split()
            amounts = {only: number}
        most = min(most, minor(amounts[currency], currency) if currency in amounts else 0)
    return most
