"""One cart priced twice, in two places or at two instants, compared."""

from dataclasses import dataclass

from engine.pricing.evaluation import EvaluatedLine, Evaluation


@dataclass(frozen=True, slots=True)
class LineDifference:
    """A line here and elsewhere. ``total_minor`` is there less here, None where the two currencies differ."""

    here: EvaluatedLine
    there: EvaluatedLine
    total_minor: int | None


def line_differences(here: Evaluation, there: Evaluation) -> list[LineDifference]:
    """Compare the lines of one cart in two places, in the order in which they were added; gifts are none of them."""
    one_currency = here.currency == there.currency
    own_lines, other_lines = ([line for line in each.lines if line.gift_of is None] for each in (here, there))
    return [
        LineDifference(own, other, other.total_minor - own.total_minor if one_currency else None)
        for own, other in zip(own_lines, other_lines, strict=True)
    ]


def total_difference_minor(here: Evaluation, there: Evaluation) -> int | None:
    """Return what the cart costs more elsewhere, None where the two currencies differ."""
    if here.currency != there.currency:
        return None
    return there.totals.total_minor - here.totals.total_minor


def same_price(before: Evaluation, after: Evaluation) -> bool:
    """Say whether a shopper would notice no difference: the same amounts, and the same verdict on each promotion."""
    return _shown(before) == _shown(after)


def _shown(evaluation: Evaluation) -> tuple[object, ...]:
    """Return what is shown of a price, without what it was computed from and when something opens next."""
    return (
        evaluation.currency,
        evaluation.lines,
        evaluation.totals,
        evaluation.discounts,
        evaluation.deliveries,
        evaluation.fees,
        evaluation.taxes,
        evaluation.adjustments,
        evaluation.burned,
        evaluation.points,
        evaluation.codes_to_issue,
        [(code.canonical, code.state) for code in evaluation.codes],
        {promotion: outcome.code for promotion, outcome in evaluation.outcomes.items()},
    )
