"""Outcomes in words: why a promotion applied or not, how far the cart is from it, and who may be told.

The sentences are English; front ends that speak other languages build theirs from the stable codes and the numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast

from engine.fields import label_in
from engine.money import format_minor
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation, Measure, Outcome, OutcomeCode
from engine.pricing.shop import Store
from engine.rules.benefits.gift import Gift, candidates
from engine.rules.benefits.issue_code import IssueCode
from engine.rules.benefits.points import Points
from engine.rules.conflicts import conflict
from engine.rules.evaluate import APPLIED, evaluate
from engine.rules.model import LaneMode
from engine.rules.ruleset import CompiledPromotion, Ruleset
from engine.rules.when import CONDITIONS
from engine.rules.window import iso
from engine.types import PromotionId, Sku

NEAR_MISSES_MAX = 20


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on one promotion, and the sentence that says it."""

    outcome: Outcome
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A promotion that one thing keeps from applying, and how much of that is missing."""

    promotion: PromotionId
    label: str
    condition: str
    measure: Measure
    distance: int
    text: str


def may_see(promotion: CompiledPromotion, basket: Basket, *, staff: bool) -> bool:
    """Say whether a viewer may be told of a promotion's outcome.

    Shoppers see what is open to everybody, and what a code in the cart unlocks; staff by scope see all.
    """
    entered = not promotion.unlocked_by.isdisjoint(basket.codes)
    return staff or promotion.for_everybody or (entered and not promotion.written.hidden)


def explain_all(
    basket: Basket,
    ruleset: Ruleset,
    evaluation: Evaluation,
    *,
    staff: bool,
    only: PromotionId | None = None,
) -> list[Explanation]:
    """Explain every candidate the viewer may see; or one promotion, candidate or not."""
    basket, outcomes = ruleset.with_codes_meant(basket), evaluation.outcomes
    if only is not None and only in ruleset.by_id and only not in outcomes:
        outcomes = evaluate(basket, ruleset, also={only}).outcomes
    wanted = outcomes.values() if only is None else [outcomes[only]] if only in outcomes else []
    return [
        Explanation(
            _without_secrets(outcome, ruleset, basket, staff=staff),
            label_of(promotion, basket.locale),
            sentence(outcome, ruleset, basket, staff=staff),
        )
        for outcome in _in_order(wanted, ruleset)
        if may_see(promotion := ruleset.by_id[outcome.promotion], basket, staff=staff)
    ]


def _without_secrets(outcome: Outcome, ruleset: Ruleset, basket: Basket, *, staff: bool) -> Outcome:
    """Return the verdict without the name of a rival that the viewer may not be told of."""
    if outcome.code is not OutcomeCode.LOST_TO or _rival(outcome, ruleset, basket, staff=staff):
        return outcome
    return replace(outcome, detail="")


def _rival(outcome: Outcome, ruleset: Ruleset, basket: Basket, *, staff: bool) -> CompiledPromotion | None:
    """Return who a promotion lost to, None where the viewer may not be told."""
    rival = ruleset.by_id[PromotionId(outcome.detail)]
    return rival if may_see(rival, basket, staff=staff) else None


def near_misses(basket: Basket, ruleset: Ruleset, evaluation: Evaluation, *, staff: bool) -> list[NearMiss]:
    """Return the promotions that more money or more goods would unlock, those in money first, then nearest first.

    Where a lane gives only to the first, those behind it are left out: nothing that is put into the cart helps them.
    """
    basket = ruleset.with_codes_meant(basket)
    taken = _lanes_taken(ruleset, evaluation)
    found = [
        NearMiss(
            outcome.promotion,
            label_of(promotion, basket.locale),
            outcome.condition,
            outcome.measure,
            outcome.distance,
            sentence(outcome, ruleset, basket, staff=staff),
        )
        for outcome in evaluation.outcomes.values()
        if outcome.measure is not None
        and outcome.distance > 0
        and may_see(promotion := ruleset.by_id[outcome.promotion], basket, staff=staff)
        and promotion.place < taken.get(promotion.lane, promotion.place + 1)
    ]
    ranks = list(Measure)
    found.sort(key=lambda miss: (ranks.index(miss.measure), miss.distance, miss.promotion))
    return found[:NEAR_MISSES_MAX]


def _lanes_taken(ruleset: Ruleset, evaluation: Evaluation) -> dict[str, int]:
    """Return the place of the promotion that applies in each lane in which only the first one does."""
    first = {lane.name for lane in ruleset.lanes if lane.mode is LaneMode.FIRST}
    applied = (ruleset.by_id[each.promotion] for each in evaluation.outcomes.values() if each.code in APPLIED)
    return {promotion.lane: promotion.place for promotion in applied if promotion.lane in first}


def label_of(promotion: CompiledPromotion, locale: str) -> str:
    """Return what shoppers call it: the label, else the id."""
    return label_in(promotion.written.label, locale) or promotion.id


def sentence(  # noqa: PLR0911 - one a verdict
    outcome: Outcome, ruleset: Ruleset, basket: Basket, *, staff: bool
) -> str:
    """Say one outcome as a sentence, without what its reader may not be told."""
    promotion = ruleset.by_id[outcome.promotion]
    name = label_of(promotion, basket.locale)
    match outcome.code:
        case OutcomeCode.APPLIED:
            return f"{name}: applied, {_given(outcome, promotion, basket)}."
        case OutcomeCode.CAPPED:
            wanted = _money(outcome.wanted_minor, basket)
            return f"{name}: applied, {_money(outcome.granted_minor, basket)} off, cut from {wanted}."
        case OutcomeCode.CHOICE_OPEN:
            return f"{name}: choose a gift, {_gifts(outcome, promotion, basket)}."
        case OutcomeCode.NO_TARGET if outcome.measure is None:
            return f"{name}: {_no_target(outcome, promotion)}."
        case OutcomeCode.NO_TARGET | OutcomeCode.CONDITION_FAILED:
            return f"{name}: {_failure(outcome, basket)}."
        case OutcomeCode.OUTSIDE_WINDOW if outcome.opens_ms is None:
            return f"{name}: it {_ended(promotion, basket)}."
        case OutcomeCode.OUTSIDE_WINDOW if outcome.opens_ms is not None:
            return f"{name}: not active now, opens {iso(outcome.opens_ms, basket.store.timezone)}."
        case OutcomeCode.LOST_TO:
            return f"{name}: {_lost(outcome, ruleset, basket, staff=staff)}."
        case OutcomeCode.WRONG_CHANNEL:
            return f"{name}: not offered in the channel {outcome.detail}, only in {_list(promotion.channels)}."
        case OutcomeCode.WRONG_STORE:
            return f"{name}: not offered in the store {outcome.detail}, only in {_where(promotion, basket.store)}."
        case OutcomeCode.CURRENCY:
            return f"{name}: it states no amount in {outcome.detail}."
        case _:
            return f"{name}: {_stamps(promotion, basket) if outcome.condition == 'stamps' else _PLAIN[outcome.code]}."


def _stamps(promotion: CompiledPromotion, basket: Basket) -> str:
    asked = promotion.written.limits.stamps if promotion.written.limits else None
    assert asked is not None  # noqa: S101 - it was refused for lack of them
    there = basket.facts.stamps.get(asked.card, 0) if basket.facts else 0
    return f"it takes {asked.take} stamps, and there are {there}"


_PLAIN = {
    OutcomeCode.CODE_MISSING: "it needs a code",
    OutcomeCode.SIGN_IN: "sign in to see whether it is for you",
    OutcomeCode.NOT_FOR_CUSTOMER: "it is for other customers",
    OutcomeCode.LIMIT_REACHED: "it has been used as often as it may be",
    OutcomeCode.BUDGET_SPENT: "all of its money has been given away",
}


def _lost(outcome: Outcome, ruleset: Ruleset, basket: Basket, *, staff: bool) -> str:
    """Say to whom it lost, as far as the viewer may be told, and whether the two may never be had together."""
    promotion, winner = ruleset.by_id[outcome.promotion], ruleset.by_id[PromotionId(outcome.detail)]
    rival = _rival(outcome, ruleset, basket, staff=staff)
    named = f" ({label_of(rival, basket.locale)})" if rival else ""
    if conflict(promotion.written, winner.written):
        return f"it cannot be combined with another offer that is better or goes first{named}"
    return f"another offer is better or goes first{named}"


def _no_target(outcome: Outcome, promotion: CompiledPromotion) -> str:
    """Say why there was nothing to give."""
    match promotion.written.benefit():
        case Gift():
            return f"there is no gift to be had here ({outcome.detail})"
        case Points():
            return "nothing in the cart earns its points"
        case _:
            return "nothing in the cart can take this discount"


def _given(outcome: Outcome, promotion: CompiledPromotion, basket: Basket) -> str:
    """Say what an applied promotion gives."""
    match promotion.written.benefit():
        case Gift():
            return f"{_gifts(outcome, promotion, basket)} is a gift"
        case Points():
            return f"{outcome.points} points"
        case IssueCode():
            return "a code for a later cart"
        case _:
            return f"{_money(outcome.granted_minor, basket)} off"


def _failure(outcome: Outcome, basket: Basket) -> str:
    """Say what is missing, as it is measured; where more of something cannot help, what the condition says."""
    if outcome.condition == "not":
        excluding = (CONDITIONS[word] for word in outcome.detail.split(", "))
        return " or ".join(dict.fromkeys(each.excludes or each.unmet for each in excluding))
    if outcome.distance == 0:
        return CONDITIONS[outcome.condition].unmet
    missing, wanted, has = (_amount(n, outcome, basket) for n in (outcome.distance, outcome.wanted, outcome.measured))
    goods = f": {outcome.detail}" if outcome.detail and outcome.measure is not Measure.THOUSANDTHS else ""
    if outcome.measure is Measure.MONEY or outcome.measure is Measure.THOUSANDTHS:
        return f"{missing} more is needed ({has} of {wanted}){goods}"
    what = "more" if outcome.measure is Measure.UNITS else "more different product"
    plural = "s" if outcome.measure is Measure.PRODUCTS and outcome.distance > 1 else ""
    verb = "is" if outcome.distance == 1 else "are"
    return f"{missing} {what}{plural} {verb} needed ({has} of {wanted}){goods}"


def _amount(measured: int, outcome: Outcome, basket: Basket) -> str:
    if outcome.measure is Measure.MONEY:
        return _money(measured, basket)
    if outcome.measure is Measure.THOUSANDTHS:
        return f"{Decimal(measured).scaleb(-3).normalize():f} {outcome.detail}"
    return str(measured)


def _ended(promotion: CompiledPromotion, basket: Basket) -> str:
    zone = basket.store.timezone
    until_ms = promotion.window(zone).until_ms
    return "never opens again" if until_ms is None else f"ended {iso(until_ms, zone)}"


def _money(amount_minor: int, basket: Basket) -> str:
    return f"{format_minor(amount_minor, basket.currency)} {basket.currency}"


def _gifts(outcome: Outcome, promotion: CompiledPromotion, basket: Basket) -> str:
    """Name the product that is given, or those out of which the shopper has to choose."""
    benefit = cast("Gift", promotion.written.benefit())
    skus = benefit.skus() if outcome.code is OutcomeCode.CHOICE_OPEN else [Sku(outcome.detail)]
    lines, _ = candidates(skus, benefit.quantity, promotion.id, basket)
    return " or ".join(line.product.name or line.product.sku for line in lines)


def _where(promotion: CompiledPromotion, store: Store) -> str:
    """Say where a promotion is offered: by the first key that a store does not fit."""
    if promotion.stores is not None and store.id not in promotion.stores:
        return _list(promotion.stores)
    if promotion.store_groups is not None and promotion.store_groups.isdisjoint(store.groups):
        return f"stores of {_list(promotion.store_groups)}"
    return f"stores in {_list(promotion.countries)}"


def _list(words: frozenset[str] | None) -> str:
    return ", ".join(sorted(words or ()))


def _in_order(outcomes: Iterable[Outcome], ruleset: Ruleset) -> list[Outcome]:
    """Sort: what applied first, then by the total order."""
    return sorted(outcomes, key=lambda o: (o.code not in APPLIED, ruleset.by_id[o.promotion].place))
