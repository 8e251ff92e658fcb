"""Examples are tests: the carts beside a promotion, priced with that promotion alone."""

from collections.abc import Callable, Iterable, Iterator

from engine.errors import Diagnostic, RefusedError
from engine.money import Rounding, format_minor
from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import read_cart
from engine.pricing.evaluation import Outcome
from engine.pricing.shop import Shop
from engine.rules.check import ParsedFile
from engine.rules.evaluate import evaluate
from engine.rules.explain import sentence
from engine.rules.model import Example, Lane, Promotion
from engine.rules.ruleset import CompiledPromotion, compile_ruleset
from engine.types import InstantMs

_ORDINARY_DAY_MS = InstantMs(1_767_265_200_000)
"""When an example of a promotion without dates takes place unless it says: 2026-01-01T11:00Z, an ordinary Thursday."""


def failed_examples(
    files: Iterable[ParsedFile],
    shop: Shop,
    lanes: tuple[Lane, ...],
    rounding: Rounding,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[Diagnostic]:
    """Run every example; yield a diagnostic at each one that does not come out as expected."""
    listed = list(files)
    total = sum(len(promotion.examples) for file in listed for promotion in file.model.promotions)
    done = 0
    for file in listed:
        for place, promotion in enumerate(file.model.promotions):
            if not promotion.examples:
                continue
            alone = compile_ruleset([promotion], lanes, rounding)
            for number, example in enumerate(promotion.examples):
                path = ("promotions", place, "examples", number)
                try:
                    basket = _basket(example, promotion, alone.promotions[0], shop)
                except RefusedError as refused:
                    for error in refused.errors:
                        yield file.fault("example_refused", error.message, (*path, *_steps(error.field)))
                else:
                    outcome = evaluate(basket, alone, every_outcome=True).outcomes[alone.promotions[0].id]
                    for key, message in _mismatches(example, outcome, basket):
                        yield file.fault(
                            "example_failed",
                            message,
                            (*path, "expect", key),
                            sentence(outcome, alone.promotions[0], basket),
                        )
                done += 1
                if progress:
                    progress("running examples", done, total)


def _basket(example: Example, promotion: Promotion, compiled: CompiledPromotion, shop: Shop) -> Basket:
    """Build the example's basket; the codes of the promotion are entered unless the example names its own."""
    read = read_cart(example, shop, default_codes=(promotion.codes or ())[:1])
    store = shop.store_of(read.cart.channel, read.cart.store)
    as_of_ms = example.at_ms(store.timezone)
    if as_of_ms is None:
        window = compiled.window(store.timezone)
        starts_ms = window.from_ms if window.from_ms is not None else _ORDINARY_DAY_MS
        opens_ms = window.opens_ms(starts_ms)
        as_of_ms = starts_ms if opens_ms is None else opens_ms
    return build_basket(read.cart, shop, as_of_ms, read.explicit)


def _mismatches(example: Example, outcome: Outcome, basket: Basket) -> Iterator[tuple[str, str]]:
    expect = example.expect
    if expect.outcome is not None and outcome.code is not expect.outcome:
        yield "outcome", f"expected the outcome `{expect.outcome}`, got `{outcome.code}`"
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
