"""Warnings of a cart that several share: budgets, a deadline, and goods that are not for a member."""

from typing import Final

from engine.cart.model import Budget, Cart, LimitsLeft, Member
from engine.money import format_minor
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation
from engine.pricing.member_totals import member_totals
from engine.pricing.notices import Notice, NoticeCode

_NOTHING: Final[frozenset[str]] = frozenset()


def member_notices(cart: Cart, basket: Basket, evaluation: Evaluation) -> list[Notice]:
    """Return what the members agreed on and the cart does not keep to."""
    notices: list[Notice] = []
    if cart.budget:
        notices += _over(cart.budget, "all members together", evaluation.totals.total_minor, evaluation)
    limited = [(member.id, member.budget) for member in _people(cart) if member.budget]
    spent = {each.member: each.shares.total_minor for each in member_totals(cart, evaluation)} if limited else {}
    for member, budget in limited:
        if member in spent:  # somebody who left may have left nothing behind
            notices += _over(budget, member, spent[member], evaluation)
    if cart.deadline_ms is not None and basket.as_of_ms >= cart.deadline_ms:
        notices.append(Notice(NoticeCode.DEADLINE_PASSED, "the deadline for changes to this cart has passed"))
    return [*notices, *_blocked(cart, basket)]


def _people(cart: Cart) -> list[Member | LimitsLeft]:
    return [*cart.members, *cart.left]


def _over(budget: Budget, whose: str, spent_minor: int, evaluation: Evaluation) -> list[Notice]:
    if budget.currency != evaluation.currency:
        text = f"the budget of {whose} is in {budget.currency} and suspended while the cart is in {evaluation.currency}"
        return [Notice(NoticeCode.BUDGET_SUSPENDED, text)]
    if spent_minor <= budget.amount_minor:
        return []
    limit, over = (format_minor(m, budget.currency) for m in (budget.amount_minor, spent_minor - budget.amount_minor))
    return [Notice(NoticeCode.BUDGET_EXCEEDED, f"{over} {budget.currency} above the budget of {whose}, {limit}")]


def _blocked(cart: Cart, basket: Basket) -> list[Notice]:
    """Name the lines into which a member put what is not for them."""
    blocked = {member.id: set(member.blocked) for member in _people(cart) if member.blocked}
    if not blocked:
        return []
    products = {line.id: line.product for line in basket.lines}
    products |= {line.id: line.product for line in basket.unavailable}
    return [
        Notice(
            NoticeCode.CATEGORY_BLOCKED,
            f"{products[line.id].name or line.sku} is in a category that is not for {member}",
            line.id,
        )
        for line in cart.lines
        for member, _ in line.shares
        if not blocked.get(member, _NOTHING).isdisjoint(products[line.id].categories())
    ]
