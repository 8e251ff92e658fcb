"""`evaluate`: a basket and a rule set in, the priced cart with a verdict on every candidate out. A pure function."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from engine.limits import Closing
from engine.pricing.adjusting import adjust, adjusted_after
from engine.pricing.basket import Basket
from engine.pricing.evaluation import CodeState, CodeVerdict, Evaluation, Outcome, OutcomeCode, Shortfall
from engine.pricing.points import points_of
from engine.pricing.tally import Held, Postings, Proposal, Tally, postings_of
from engine.pricing.totals import total_up
from engine.rules.best.lane import hand_out
from engine.rules.burning import burn
from engine.rules.conflicts import Losers, settle
from engine.rules.model import Lane, LaneMode, Per
from engine.rules.ruleset import CompiledPromotion, Ruleset
from engine.rules.vocabulary import LaneStart
from engine.types import PromotionId

APPLIED = frozenset({OutcomeCode.APPLIED, OutcomeCode.CAPPED})
Outcomes = dict[PromotionId, Outcome]


def evaluate(
    basket: Basket,
    ruleset: Ruleset,
    *,
    every_outcome: bool = False,
    also: Collection[PromotionId] = (),
    without: Collection[PromotionId] = (),
) -> Evaluation:
    """Price a basket under a rule set.

    Lanes run in their order, each on what the one before left; promotions that do not go together are settled by
    `engine.rules.conflicts`. Points are spent on what all of them leave. The outcomes are those of the promotions that
    the index finds and of those asked for by `also`; with `every_outcome` those of all promotions, which costs time.
    Neither changes a cent. `without` some promotions it is as if they did not exist.
    """
    meant = ruleset.with_codes_meant(basket)
    postings = postings_of(meant)
    by_lane: dict[str, list[CompiledPromotion]] = {}
    for promotion in ruleset.promotions if every_outcome else _candidates(meant, postings, ruleset, also):
        if promotion.id not in without:
            by_lane.setdefault(promotion.lane, []).append(promotion)
    if not ruleset.may_conflict:
        return _run(basket, Tally(meant, postings), ruleset, by_lane, {})
    return settle(lambda losers: _run(basket, Tally(meant, postings), ruleset, by_lane, losers), ruleset)


def _candidates(
    meant: Basket, postings: Postings, ruleset: Ruleset, also: Collection[PromotionId]
) -> Iterator[CompiledPromotion]:
    """Yield the promotions that the index finds, and those asked for, in the total order."""
    places: Iterable[int] = ruleset.index.places(meant, postings)
    if also:
        places = sorted({*places, *(ruleset.by_id[promotion].place for promotion in also)})
    return map(ruleset.promotions.__getitem__, places)


def _run(
    basket: Basket,
    tally: Tally,
    ruleset: Ruleset,
    by_lane: Mapping[str, Sequence[CompiledPromotion]],
    losers: Losers,
) -> Evaluation:
    """Run all lanes, without the promotions that give way to others."""
    outcomes: Outcomes = {}
    staff_after = adjusted_after([lane.name for lane in ruleset.lanes]) if basket.adjustments else None
    for lane in ruleset.lanes:
        tally.begin_lane()
        if lane.name in by_lane:
            _run_lane(lane, by_lane[lane.name], tally, outcomes, losers)
        if lane.name == staff_after:
            adjust(tally, ruleset.rounding)
    burn(tally, ruleset.loyalty)
    _award_points(tally, outcomes)
    return total_up(tally, outcomes, _code_verdicts(basket, ruleset, outcomes), ruleset.hash)


def _award_points(tally: Tally, outcomes: Outcomes) -> None:
    """Note what is earned on what is left now, after every lane; whoever earns nothing had no target."""
    tally.points = points_of(tally)
    for promotion, points in tally.points.items():
        applied = replace(outcomes[promotion], points=points)
        outcomes[promotion] = applied if points else Outcome(promotion, OutcomeCode.NO_TARGET)


def _run_lane(
    lane: Lane, promotions: Sequence[CompiledPromotion], tally: Tally, outcomes: Outcomes, losers: Losers
) -> None:
    """Let the promotions of one lane compete; conditions see the cart as the lane found it."""
    start = LaneStart(tally, tally.thresholds_minor())
    entrants = []
    for promotion in promotions:
        refused = _refusal(promotion, start)
        if refused is None and promotion.id in losers:
            refused = _lost(promotion, losers[promotion.id], tally)
        if refused is None:
            entrants.append(promotion)
        else:
            outcomes[promotion.id] = refused
    if entrants:
        compete = _COMPETE[lane.mode] if lane.per is Per.CART else _hand_out
        compete(lane, entrants, tally, outcomes)


def _refusal(promotion: CompiledPromotion, start: LaneStart) -> Outcome | None:
    """Return why a promotion may not compete, None if it may. The cheapest questions come first."""
    basket = start.tally.basket
    if promotion.channels is not None and basket.channel not in promotion.channels:
        return Outcome(promotion.id, OutcomeCode.WRONG_CHANNEL, detail=basket.channel)
    if not promotion.offered_in(basket.store):
        return Outcome(promotion.id, OutcomeCode.WRONG_STORE, detail=basket.store.id)
    if promotion.codes is not None and promotion.codes.isdisjoint(basket.codes):
        return Outcome(promotion.id, OutcomeCode.CODE_MISSING)
    window = promotion.window(basket.store.timezone)
    if not window.is_open(basket.as_of_ms):
        return Outcome(promotion.id, OutcomeCode.OUTSIDE_WINDOW, opens_ms=window.opens_ms(basket.as_of_ms))
    if promotion.currencies is not None and basket.currency not in promotion.currencies:
        return Outcome(promotion.id, OutcomeCode.CURRENCY, detail=basket.currency)
    return (
        _limit_refusal(promotion, basket)
        or _customer_refusal(promotion, basket)
        or _condition_refusal(promotion, start)
    )


_CLOSED = {Closing.LIMIT: OutcomeCode.LIMIT_REACHED, Closing.BUDGET: OutcomeCode.BUDGET_SPENT}


def _limit_refusal(promotion: CompiledPromotion, basket: Basket) -> Outcome | None:
    """Refuse what is used up, and what takes more stamps than there are; a use by customer asks who that is."""
    limits = promotion.written.limits
    if limits is None:
        return None
    closing = basket.closed.closed.get(promotion.id)
    if closing is not None:
        return Outcome(promotion.id, _CLOSED[closing])
    if basket.facts is None:
        asks_customer = limits.per_customer is not None or limits.stamps is not None
        return Outcome(promotion.id, OutcomeCode.SIGN_IN) if asks_customer else None
    if limits.stamps is not None and basket.facts.stamps.get(limits.stamps.card, 0) < limits.stamps.take:
        return Outcome(promotion.id, OutcomeCode.NOT_FOR_CUSTOMER, condition="stamps")
    return None


def _customer_refusal(promotion: CompiledPromotion, basket: Basket) -> Outcome | None:
    if promotion.not_for is None:
        return None
    if basket.facts is None:
        return Outcome(promotion.id, OutcomeCode.SIGN_IN)
    lacking = promotion.not_for(basket.facts, basket)
    return Outcome(promotion.id, OutcomeCode.NOT_FOR_CUSTOMER, condition=lacking) if lacking else None


def _condition_refusal(promotion: CompiledPromotion, start: LaneStart) -> Outcome | None:
    shortfall = promotion.test(start) if promotion.test else None
    return _short(promotion, OutcomeCode.CONDITION_FAILED, shortfall) if shortfall else None


def _short(promotion: CompiledPromotion, code: OutcomeCode, shortfall: Shortfall) -> Outcome:
    return Outcome(
        promotion.id,
        code,
        condition=shortfall.word,
        measure=shortfall.measure,
        wanted=shortfall.wanted,
        measured=shortfall.measured,
        distance=shortfall.distance,
        detail=shortfall.detail,
    )


def _stack(lane: Lane, entrants: Sequence[CompiledPromotion], tally: Tally, outcomes: Outcomes) -> None:
    for promotion in entrants:
        outcomes[promotion.id] = _grant(lane, promotion, promotion.propose(tally), tally)


def _first(lane: Lane, entrants: Sequence[CompiledPromotion], tally: Tally, outcomes: Outcomes) -> None:
    winner: PromotionId | None = None
    for promotion in entrants:
        if winner is None:
            outcomes[promotion.id] = _grant(lane, promotion, promotion.propose(tally), tally)
            winner = promotion.id if outcomes[promotion.id].code in APPLIED else None
        else:
            outcomes[promotion.id] = _lost(promotion, winner, tally)


def _best(lane: Lane, entrants: Sequence[CompiledPromotion], tally: Tally, outcomes: Outcomes) -> None:
    def gives(promotion: CompiledPromotion) -> tuple[int, bool]:
        proposal, cap_minor = promotion.propose(tally), promotion.cap_minor(tally)
        shares = tally.cut(proposal, cap_minor)
        return sum(minor for _, minor in shares), tally.would_give(proposal, cap_minor)

    best = max(entrants, key=gives)  # of equals the first: the total order decides
    losers = [promotion for promotion in entrants if promotion is not best]
    for promotion in losers:
        outcomes[promotion.id] = _lost(promotion, best.id, tally)
    outcomes[best.id] = _grant(lane, best, best.propose(tally), tally)


def _hand_out(lane: Lane, entrants: Sequence[CompiledPromotion], tally: Tally, outcomes: Outcomes) -> None:
    """Give each line or unit to at most one promotion."""
    alone = [promotion.propose(tally) for promotion in entrants]
    wished = [tally.cut(each, promotion.cap_minor(tally)) for each, promotion in zip(alone, entrants, strict=True)]
    helds, searched = hand_out(lane, entrants, tally)
    tally.searches.append(searched)
    for promotion, proposal, shares, held in zip(entrants, alone, wished, helds, strict=True):
        if held.granted_minor:
            outcomes[promotion.id] = _given(promotion, held.proposal, held.granted_minor)
        elif shares:
            winner = _winner(proposal.picks.keys() | {place for place, _ in shares}, entrants, helds)
            outcomes[promotion.id] = Outcome(
                promotion.id, OutcomeCode.LOST_TO, wanted_minor=proposal.wanted_minor, detail=winner
            )
        else:
            outcomes[promotion.id] = _nothing(promotion, proposal)
    tally.grant_held(lane.name, [(promotion.id, held) for promotion, held in zip(entrants, helds, strict=True)])


def _winner(places: Collection[int], entrants: Sequence[CompiledPromotion], helds: Sequence[Held]) -> PromotionId:
    """Return who was given most, preferably of these lines; the total order decides between equals."""
    rivals = [
        (not held.proposal.picks.keys().isdisjoint(places), held.granted_minor, -promotion.place, promotion.id)
        for promotion, held in zip(entrants, helds, strict=True)
        if held.granted_minor
    ]
    return max(rivals)[3]


_COMPETE: dict[LaneMode, Callable[[Lane, Sequence[CompiledPromotion], Tally, Outcomes], None]] = {
    LaneMode.STACK: _stack,
    LaneMode.FIRST: _first,
    LaneMode.BEST: _best,
}


def _grant(lane: Lane, promotion: CompiledPromotion, proposal: Proposal, tally: Tally) -> Outcome:
    grant = tally.grant(promotion.id, lane.name, proposal, promotion.cap_minor(tally))
    if not grant.gave:
        return _nothing(promotion, proposal)
    return _given(promotion, proposal, grant.granted_minor)


def _nothing(promotion: CompiledPromotion, proposal: Proposal) -> Outcome:
    shortfall = proposal.missing() if proposal.missing else None
    if shortfall is None:
        return Outcome(promotion.id, proposal.why_nothing, detail=proposal.detail)
    return _short(promotion, proposal.why_nothing, shortfall)


def _given(promotion: CompiledPromotion, proposal: Proposal, granted_minor: int) -> Outcome:
    capped = granted_minor < proposal.wanted_minor
    return Outcome(
        promotion.id,
        OutcomeCode.CAPPED if capped else OutcomeCode.APPLIED,
        granted_minor,
        proposal.wanted_minor,
        detail=proposal.detail,
    )


def _lost(promotion: CompiledPromotion, winner: PromotionId, tally: Tally) -> Outcome:
    """Tell a promotion that lost from one that had nothing to give anyway."""
    proposal = promotion.propose(tally)
    if not tally.would_give(proposal, promotion.cap_minor(tally)):
        return _nothing(promotion, proposal)
    return Outcome(promotion.id, OutcomeCode.LOST_TO, wanted_minor=proposal.wanted_minor, detail=winner)


def _code_verdicts(basket: Basket, ruleset: Ruleset, outcomes: Outcomes) -> tuple[CodeVerdict, ...]:
    verdicts = []
    for code in basket.codes:
        unlocked = ruleset.by_code.get(ruleset.word_meant(code, basket), ())
        of_code = tuple(outcomes[promotion.id] for promotion in unlocked if promotion.id in outcomes)
        if not unlocked and code not in basket.vouchers:
            state = CodeState.UNKNOWN
        elif any(outcome.code in APPLIED for outcome in of_code):
            state = CodeState.APPLIED
        else:
            state = CodeState.NOT_APPLIED
        verdicts.append(CodeVerdict(code, state, of_code))
    return tuple(verdicts)
