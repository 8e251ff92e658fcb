"""Why a code gives nothing: wrong, over, not yet, elsewhere, beaten, or what is missing, in one sentence."""

from collections.abc import Mapping

from engine.cart.model import VoucherEnd
from engine.pricing.basket import Basket
from engine.pricing.evaluation import CodeState, CodeVerdict, Evaluation, Outcome, OutcomeCode
from engine.rules.explain import label_of, may_see, sentence
from engine.rules.ruleset import Ruleset

_NOTHING = "it gives nothing at present"
_RANKS: Mapping[OutcomeCode, int] = {
    OutcomeCode.CONDITION_FAILED: 0,
    OutcomeCode.NO_TARGET: 1,
    OutcomeCode.LOST_TO: 2,
    OutcomeCode.SIGN_IN: 3,
    OutcomeCode.WRONG_CHANNEL: 5,
    OutcomeCode.WRONG_STORE: 6,
    OutcomeCode.CURRENCY: 7,
    OutcomeCode.NOT_FOR_CUSTOMER: 9,
    OutcomeCode.LIMIT_REACHED: 9,
    OutcomeCode.BUDGET_SPENT: 9,
}
"""What a shopper can do most about comes first; verdicts that are not listed stand in the middle."""
_MIDDLE = 4
_ENDED: Mapping[VoucherEnd, str] = {
    VoucherEnd.USED: "it was used before",
    VoucherEnd.EXPIRED: "it has expired",
    VoucherEnd.VOID: "the order that it came with was cancelled",
}
_NOT_YET = 8
_OVER = 10


def code_reason(verdict: CodeVerdict, basket: Basket, ruleset: Ruleset, *, staff: bool) -> str:
    """Return why a code gives nothing, without a full stop; empty where it gives something.

    Where it unlocks several promotions it is the one that is nearest to applying. Shoppers are not told of hidden ones.
    """
    if verdict.state is CodeState.APPLIED:
        return ""
    voucher = basket.vouchers.get(verdict.canonical)
    ended = voucher.ended_at(basket.as_of_ms) if voucher else None
    if ended is not None:
        return _ENDED[ended]
    if verdict.state is CodeState.UNKNOWN:
        return "there is no such code, check how it is written"
    meant = ruleset.with_codes_meant(basket)
    told = [outcome for outcome in verdict.outcomes if may_see(ruleset.by_id[outcome.promotion], meant, staff=staff)]
    if not told:
        return _NOTHING
    nearest = min(told, key=lambda outcome: (_rank(outcome), ruleset.by_id[outcome.promotion].place))
    promotion = ruleset.by_id[nearest.promotion]
    said = sentence(nearest, ruleset, meant, staff=staff)
    return said.removeprefix(f"{label_of(promotion, basket.locale)}: ").removesuffix(".")


def code_reasons(basket: Basket, ruleset: Ruleset, evaluation: Evaluation, *, staff: bool = False) -> dict[str, str]:
    """Return the reasons of all codes that give nothing, by their canonical form."""
    reasons = {
        verdict.canonical: code_reason(verdict, basket, ruleset, staff=staff)
        for verdict in evaluation.codes
        if verdict.state is not CodeState.APPLIED
    }
    return {code: reason for code, reason in reasons.items() if reason}


def _rank(outcome: Outcome) -> int:
    if outcome.code is OutcomeCode.OUTSIDE_WINDOW:
        return _OVER if outcome.opens_ms is None else _NOT_YET
    return _RANKS.get(outcome.code, _MIDDLE)
