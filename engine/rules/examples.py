"""Examples are tests: the carts beside a promotion, priced with that promotion alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.errors import Diagnostic, RefusedError, Span
from engine.money import Rounding, format_minor
from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import read_cart
from engine.pricing.evaluation import Outcome
from engine.pricing.shop import Shop
from engine.rules.check import ParsedFile, ParsedPromotion
from engine.rules.evaluate import evaluate
from engine.rules.explain import sentence
from engine.rules.loyalty import Loyalty
from engine.rules.model import Example, Lane
from engine.rules.ruleset import CompiledPromotion, Ruleset, compile_ruleset
from engine.types import InstantMs, PromotionId

_ORDINARY_DAY_MS = InstantMs(1_767_265_200_000)
"""When an example of a promotion without dates takes place unless it says: 2026-01-01T11:00Z, an ordinary Thursday."""


@dataclass(frozen=True, slots=True)
class ExampleRun:
    """One example: where it stands, what happened as a sentence, and a fault for each thing that was not expected."""

    promotion: PromotionId
    place: Span
    text: str
    faults: tuple[Diagnostic, ...]


def failed_examples(
    written: Sequence[tuple[ParsedFile, ParsedPromotion]],
    shop: Shop,
    roundings: Sequence[Rounding],
    loyalty: Loyalty | None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[Diagnostic]:
    """Run every example; yield a diagnostic at each one that does not come out as expected."""
    for run in run_examples(written, shop, roundings, loyalty, progress):
        yield from run.faults


def run_examples(
    written: Sequence[tuple[ParsedFile, ParsedPromotion]],
    shop: Shop,
    roundings: Sequence[Rounding],
    loyalty: Loyalty | None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[ExampleRun]:
    """Run every example with its promotion alone, in the programme that there is.

    With several `roundings`, because which one holds cannot be told, one fails that fails under all of them.
    """
    total = sum(len(promotion.examples) for _, promotion in written)
    done = 0
    for file, promotion in written:
        # Alone in its lane, whatever the others are.
        lanes = (Lane(name=promotion.model.lane_name()),)
        alone = [compile_ruleset([promotion.model], lanes, rounding, loyalty) for rounding in roundings]
        for number, example in promotion.examples.items():
            path = (*promotion.path, "examples", number)
            runs = [_run(example, ruleset, shop, file, path) for ruleset in alone]
            yield min(runs, key=lambda run: len(run.faults))
            done += 1
            if progress:
                progress("running examples", done, total)


def _run(example: Example, alone: Ruleset, shop: Shop, file: ParsedFile, path: tuple[str | int, ...]) -> ExampleRun:
    promotion, span = alone.promotions[0], file.node.place_of(path)
    try:
        basket = example_basket(example, promotion, shop)
    except RefusedError as refused:
        faults = tuple(
            file.fault("example_refused", error.message, (*path, *_steps(error.field))) for error in refused.errors
        )
        return ExampleRun(promotion.id, span, str(refused), faults)
    outcome = evaluate(basket, alone, every_outcome=True).outcomes[promotion.id]
    text = sentence(outcome, alone, basket, staff=True)
    mismatches = _mismatches(example, outcome, basket)
    faults = tuple(file.fault("example_failed", message, (*path, "expect", key), text) for key, message in mismatches)
    return ExampleRun(promotion.id, span, text, faults)


def example_basket(example: Example, promotion: CompiledPromotion, shop: Shop) -> Basket:
    """Build the example's basket; the codes of the promotion are entered unless the example names its own."""
    read = read_cart(example, shop, default_codes=(promotion.written.codes or ())[:1])
    store = shop.store_of(read.cart.channel, read.cart.store)
    as_of_ms = example.at_ms(store.timezone)
    if as_of_ms is None:
        window = promotion.window(store.timezone)
        starts_ms = window.from_ms if window.from_ms is not None else _ORDINARY_DAY_MS
        opens_ms = window.opens_ms(starts_ms)
        as_of_ms = starts_ms if opens_ms is None else opens_ms
    return build_basket(read.cart, shop, as_of_ms, read.explicit, read.closed)


def _mismatches(example: Example, outcome: Outcome, basket: Basket) -> Iterator[tuple[str, str]]:
    expect = example.expect
    if expect.outcome is not None and outcome.code is not expect.outcome:
        yield "outcome", f"expected the outcome `{expect.outcome}`, got `{outcome.code}`"
    if expect.points is not None and expect.points != outcome.points:
        yield "points", f"expected {expect.points} points, got {outcome.points}"
    if expect.discount is not None:
        wanted = expect.discount.get(basket.currency)
        if wanted is None:
            yield "discount", f"the example is priced in {basket.currency}, but expects another currency"
        elif wanted != outcome.granted_minor:
            got = format_minor(outcome.granted_minor, basket.currency)
            yield "discount", f"expected {format_minor(wanted, basket.currency)} {basket.currency} off, got {got}"


def _steps(field: tuple[str, ...]) -> tuple[str | int, ...]:
    """Return the path of a cart's field in an example, where the lines are called `cart`."""
    return ("cart", *(int(step) if step.isdigit() else step for step in field))
