"""What an order uses of the limits of its promotions, and what the limits leave of promotions for a cart.

Both ways between the rules and the counters: `uses_of` says what a checkout has to hold, `closed_limits` what an
evaluation has to know. Promotions without limits have no part in either.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.cart.codes import series_word
from engine.cart.model import VoucherEnd
from engine.cart.snapshot import Allowances
from engine.limits import ClosedLimits, Closing, Limit, LimitKind, Use, card_of, voucher_limit
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation
from engine.rules.evaluate import APPLIED
from engine.rules.limits import Limits
from engine.rules.ruleset import CompiledPromotion, Ruleset
from engine.types import PromotionId

_BY_CHECKOUT: Final = frozenset({LimitKind.PER_CUSTOMER, LimitKind.PER_CODE, LimitKind.STAMPS})
"""Of these there are too many to be watched: a used-up one is found when a checkout holds it, or is asked for."""


def uses_of(basket: Basket, ruleset: Ruleset, evaluation: Evaluation) -> tuple[Use, ...]:
    """Return what an order of this evaluation uses, in the total order of its promotions.

    A budget that gave nothing is not used, nor are uses of a promotion that did not apply. Of several codes of one
    series, which orders brought, the first is used.
    """
    basket = ruleset.with_codes_meant(basket)
    applied = [ruleset.by_id[outcome.promotion] for outcome in evaluation.outcomes.values() if outcome.code in APPLIED]
    applied.sort(key=lambda promotion: promotion.place)
    given: dict[PromotionId, int] = {}
    for discount in evaluation.discounts:
        given[discount.promotion] = given.get(discount.promotion, 0) + discount.amount_minor
    counted = (
        use
        for promotion in applied
        if promotion.written.limits is not None
        for use in _uses(promotion, promotion.written.limits, basket, given.get(promotion.id, 0))
    )
    return (*counted, *_vouchers_used(applied, basket))


def uses_told(basket: Basket, ruleset: Ruleset, given_minor: Mapping[PromotionId, int]) -> tuple[Use, ...]:
    """Return what a sale uses that says itself what each promotion gave; what has no limits here uses none."""
    basket = ruleset.with_codes_meant(basket)
    known = [(ruleset.by_id[id_], minor) for id_, minor in given_minor.items() if id_ in ruleset.by_id]
    counted = (
        use
        for promotion, minor in known
        if promotion.written.limits is not None
        for use in _uses(promotion, promotion.written.limits, basket, minor)
    )
    return (*counted, *_vouchers_used([promotion for promotion, _ in known], basket))


def limited_by(
    limit: Limit, basket: Basket, ruleset: Ruleset, given_minor: Mapping[PromotionId, int]
) -> list[PromotionId]:
    """Return the promotions of a sale that a limit is of: its own, or those that a code unlocked which it counts."""
    voucher = basket.vouchers.get(limit.subject) if limit.kind is LimitKind.VOUCHER else None
    if voucher is None:
        return [limit.promotion]
    unlocked = ruleset.by_code.get(series_word(voucher.series), ())
    return [promotion.id for promotion in unlocked if promotion.id in given_minor]


def allowances(ruleset: Ruleset, left: Mapping[Limit, int], points: int) -> Allowances:
    """Return what a device may give away, of what is ``left`` of the limits of a cart and its owner's points."""
    uses: dict[PromotionId, int] = {}
    budgets_minor: dict[PromotionId, int] = {}
    for limit, known in left.items():
        rest = max(0, known)
        if limit.kind is not LimitKind.BUDGET:
            uses[limit.promotion] = min(uses.get(limit.promotion, rest), rest)
        elif not rest or ruleset.by_id[limit.promotion].partial_budget:
            budgets_minor[limit.promotion] = rest
    return Allowances(points, uses, budgets_minor)


def stamps_taken(ruleset: Ruleset, card: str) -> int | None:
    """Return how many stamps of a card its cheapest reward takes, None where nothing takes any."""
    written = [promotion.written.limits.stamps for promotion in _limited(ruleset) if promotion.written.limits]
    return min((asked.take for asked in written if asked and asked.card == card), default=None)


def closed_by(allowed: Allowances) -> ClosedLimits:
    """Return what limits leave of promotions for a device that has these allowances: what `closed_limits` says."""
    spent = {promotion: Closing.BUDGET for promotion, rest in allowed.budgets_minor.items() if not rest}
    used_up = {promotion: Closing.LIMIT for promotion, left in allowed.uses.items() if not left}
    left_minor = {promotion: rest for promotion, rest in allowed.budgets_minor.items() if rest}
    return ClosedLimits(spent | used_up, left_minor)


def watched_limits(basket: Basket, ruleset: Ruleset) -> dict[Limit, int]:
    """Return the limits that may be used up for a cart like this one, with their ceilings: what a worker mirrors.

    They depend on the cart's store, currency and day alone; those of single customers and codes are left out.
    """
    return {
        limit: ceiling
        for promotion in _limited(ruleset)
        for limit, ceiling in _counters(promotion, basket)
        if limit.kind not in _BY_CHECKOUT
    }


def limits_at_issue(basket: Basket, ruleset: Ruleset) -> dict[Limit, int]:
    """Return every limit that may be used up for this very cart, its customer's and codes' too, with the ceilings.

    Not stamps: how many there are is known of the customer.
    """
    basket = ruleset.with_codes_meant(basket)
    return {
        limit: ceiling
        for promotion in _limited(ruleset)
        for limit, ceiling in _counters(promotion, basket)
        if limit.kind is not LimitKind.STAMPS
    }


def closed_limits(basket: Basket, ruleset: Ruleset, left: Mapping[Limit, int], version: str = "") -> ClosedLimits:
    """Return what limits leave of promotions for a cart, to be set as its ``closed``.

    ``left`` is what is left of each limit that is known, at most 0 where it is used up; what is not known is open.
    """
    basket = ruleset.with_codes_meant(basket)
    closed: dict[PromotionId, Closing] = {}
    left_minor: dict[PromotionId, int] = {}
    for id_ in dict.fromkeys(limit.promotion for limit in left):
        promotion = ruleset.by_id.get(id_)
        if promotion is None:
            continue
        for limit, _ in _counters(promotion, basket):
            if limit not in left:
                continue
            if left[limit] <= 0:
                is_budget = limit.kind is LimitKind.BUDGET
                closed.setdefault(promotion.id, Closing.BUDGET if is_budget else Closing.LIMIT)
            elif limit.kind is LimitKind.BUDGET and promotion.partial_budget:
                left_minor[promotion.id] = left[limit]
    return ClosedLimits(closed, left_minor, version)


def without_used(basket: Basket, left: Mapping[Limit, int]) -> Basket:
    """Return the basket with the codes as used that orders brought and of which nothing is left."""
    used = {limit.subject for limit, rest in left.items() if limit.kind is LimitKind.VOUCHER and rest <= 0}
    if used.isdisjoint(basket.vouchers):
        return basket
    known = basket.vouchers.items()
    vouchers = {code: replace(each, ended=VoucherEnd.USED) if code in used else each for code, each in known}
    return replace(basket, vouchers=vouchers)


def _vouchers_used(applied: Sequence[CompiledPromotion], basket: Basket) -> Iterator[Use]:
    """Yield the use of each code that an order brought and without which a promotion would not have applied."""
    words: set[str] = set()
    for code, voucher in basket.vouchers.items():
        word = series_word(voucher.series)
        unlocked = [promotion for promotion in applied if word in promotion.unlocked_by]
        if unlocked and word not in words and not voucher.ended_at(basket.as_of_ms):
            words.add(word)
            limits = [promotion.written.limits for promotion in unlocked]
            yield Use(
                voucher_limit(code), 1, returns=all(each is None or each.on_cancel == "return" for each in limits)
            )


def _limited(ruleset: Ruleset) -> Iterator[CompiledPromotion]:
    return (ruleset.promotions[place] for place in ruleset.limited_places)


def _uses(promotion: CompiledPromotion, limits: Limits, basket: Basket, given_minor: int) -> Iterator[Use]:
    returns = limits.on_cancel == "return"
    for limit, ceiling in _counters(promotion, basket):
        if limit.kind is LimitKind.STAMPS:
            yield Use(limit, ceiling, ceiling, returns=returns)
        elif limit.kind is not LimitKind.BUDGET:
            yield Use(limit, ceiling, returns=returns)
        elif given_minor:
            yield Use(limit, ceiling, given_minor, partial=limits.partial, returns=returns)


def _counters(promotion: CompiledPromotion, basket: Basket) -> Iterator[tuple[Limit, int]]:
    """Yield the counters of a promotion for a cart, with their ceilings; a guest has none of a customer."""
    limits = promotion.written.limits
    if limits is None:
        return
    for kind, ceiling in limits.ceilings().items():
        subject = _subject(kind, promotion, basket)
        if subject is not None:
            yield Limit(promotion.id, kind, subject), ceiling
    if limits.stamps is not None and basket.facts is not None:
        card = card_of(limits.stamps.card, basket.facts.customer)
        yield Limit(promotion.id, LimitKind.STAMPS, card), limits.stamps.take
    if limits.budget is not None and basket.currency in limits.budget:
        yield Limit(promotion.id, LimitKind.BUDGET, basket.currency), limits.budget[basket.currency]


def _subject(kind: LimitKind, promotion: CompiledPromotion, basket: Basket) -> str | None:
    match kind:
        case LimitKind.PER_CUSTOMER:
            return basket.facts.customer if basket.facts else None
        case LimitKind.PER_STORE:
            return basket.store.id
        case LimitKind.PER_DAY:
            zone = ZoneInfo(promotion.written.active.timezone or basket.store.timezone)
            return datetime.fromtimestamp(basket.as_of_ms / 1000, zone).date().isoformat()
        case LimitKind.PER_CODE:
            word = next((code for code in basket.codes if code in promotion.unlocked_by), None)
            of_series = (code for code, each in basket.vouchers.items() if series_word(each.series) == word)
            return next(of_series, word)
        case _:
            return ""
