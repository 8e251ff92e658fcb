"""Points that are spent, for the oracle: the page on the rule language, section "Spending points", is what it follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.oracle.arith import share_out

if TYPE_CHECKING:
    from tests.oracle.cart import Cart


@dataclass
class Burning:
    """Points that are to be spent on a cart, of how many, and what became of them."""

    wanted: int | None
    balance: int
    state: str = ""
    points: int = 0
    amount_minor: int = 0
    tender: bool = False
    shares: dict[str, int] = field(default_factory=dict)


def read_burning(document: dict[str, Any]) -> Burning | None:
    """Return the wish of a cart document."""
    if document.get("burn") is None:
        return None
    written, customer = document["burn"], document.get("customer") or {}
    wanted, balance = written.get("points"), written.get("balance", customer.get("points", 0))
    return Burning(None if wanted is None else int(wanted), int(balance))


def burn(cart: Cart, loyalty: Any) -> None:
    """Spend the points, on what the goods cost after everything else."""
    burning, rate = cart.burning, loyalty.burn if loyalty else None
    if burning is None:
        return
    burning.tender = rate is not None and rate.burn_as.value == "tender"
    worth = {str(currency): minor for currency, minor in rate.worth.items()} if rate else {}
    if rate is None or cart.store.currency not in worth:
        burning.state = "not_taken"
        return
    goods = [line for line in cart.goods if burning.tender or not line.product.never_discount]
    point = Fraction(worth[cart.store.currency], rate.points)
    takes = sum(line.current_minor for line in goods) * rate.at_most // 10_000
    burning.points = _best(burning, rate, point, takes)
    burning.amount_minor = int(burning.points * point)
    burning.state = _state(burning, rate, point, takes)
    if not burning.tender:
        shares = share_out(burning.amount_minor, [line.current_minor for line in goods])
        for line, share in zip(goods, shares, strict=True):
            line.take_by_points(share)
            burning.shares |= {line.id: share} if share else {}


def _best(burning: Burning, rate: Any, point: Fraction, takes: int) -> int:
    """Return the number that pays most of what may be paid, of those that pay as much the smallest."""
    there = burning.balance if burning.wanted is None else min(burning.wanted, burning.balance)
    worth, points = point.numerator, point.denominator
    best = paid = 0
    for number in range(rate.step, min(there, int(takes / point)) + 1, rate.step):
        if number >= rate.minimum and number * worth // points > paid:
            best, paid = number, number * worth // points
    return best


def _state(burning: Burning, rate: Any, point: Fraction, takes: int) -> str:
    if burning.points and burning.wanted in (None, burning.points):
        return "applied"
    if burning.wanted is not None and burning.wanted <= burning.balance and burning.wanted * point <= takes:
        return "minimum" if burning.wanted < rate.minimum else "step"
    return "balance" if burning.balance * point <= takes else "share"
