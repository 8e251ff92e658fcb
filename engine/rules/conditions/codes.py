"""``codes``: what the shopper typed in."""

import re
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field

from engine.cart.codes import SERIES, SERIES_PATTERN, canonical_code
from engine.fields import InWords
from engine.pricing.evaluation import Shortfall
from engine.rules.selectors import WORDS_SCHEMA, Key, listed
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test

_SERIES: Final = re.compile(SERIES_PATTERN)


def _canonical(entered: str) -> str:
    if entered.startswith(SERIES):
        if not _SERIES.fullmatch(entered.removeprefix(SERIES)):
            message = f"invalid_series: `{entered}` names no series; help: write it as `issue_code` does"
            raise ValueError(message)
        return entered
    code = canonical_code(entered)
    if code is None:
        raise ValueError(
            f"invalid_code: `{entered}` cannot be a code; help: use letters and digits, at most 64 of them"
        )
    return code


CodeWords = Annotated[
    tuple[Annotated[str, AfterValidator(_canonical)], ...],
    BeforeValidator(listed),
    Field(min_length=1),
    WORDS_SCHEMA,
    InWords(
        "codes",
        "one code, or a list of codes; case, spaces and dashes do not count; `series:x` is any code of the series `x`",
    ),
]
"""One code or a list of codes, in the form in which they are compared; `series:x` is any code of a series."""


class Codes(Condition):
    """One of these codes must be in the cart; case, spaces and dashes do not count.

    The same as `codes` of a promotion, for use inside `or` and `not`.
    """

    word: ClassVar[str] = "codes"
    example: ClassVar[str] = "codes: {any: [SPRING10, WELCOME]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], codes: [spring-10], expect: {discount: 10.00 EUR}}",
        "{cart: [{sku: boots}], expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it needs a code"
    excludes: ClassVar[str | None] = "a code in the cart excludes it"

    any_of: CodeWords = Field(alias="any")
    """One of these suffices."""

    def keys(self) -> tuple[Key, ...] | None:
        """One of the codes is there."""
        return tuple(("code", code) for code in self.any_of)

    def compile(self, env: CompileEnv) -> Test:
        """Compare the codes of the cart."""
        codes = frozenset(self.any_of)

        def test(start: LaneStart) -> Shortfall | None:
            return Shortfall("codes") if codes.isdisjoint(start.tally.basket.codes) else None

        return test
