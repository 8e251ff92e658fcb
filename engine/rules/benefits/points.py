"""``points``: points for the customer's account."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from engine.fields import InWords, PositiveAmounts
from engine.pricing.evaluation import Target
from engine.pricing.extras import FixedPoints, MultipliedPoints, PointsPerAmount
from engine.pricing.tally import Proposal, Tally
from engine.rules.picking import lacking_spend
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of

_MULTIPLIER = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,2}))?")
_ONCE = 100


def _read_multiplier(value: Any) -> int:
    written = _MULTIPLIER.fullmatch(str(value).strip())
    hundredths = int(written[1]) * 100 + int((written[2] or "").ljust(2, "0")) if written else 0
    if hundredths <= _ONCE:
        raise ValueError(
            f"invalid_multiplier: `{value}` is not a number above 1 with at most two decimals; help: write 2 or 1.5"
        )
    return hundredths


MultiplierHundredths = Annotated[
    int,
    BeforeValidator(_read_multiplier),
    WithJsonSchema({"type": ["string", "number"], "pattern": "^[0-9]{1,4}(\\.[0-9]{1,2})?$", "examples": ["2", "1.5"]}),
    InWords("multiplier", "`2` or `1.5`: above 1, with at most two decimals"),
]
"""How many times, in hundredths: more than 100."""


class Points(Benefit):
    """Earn points when the cart is paid for: `add` so many, `add` some `per` amount spent, or `multiply` the latter.

    Two multipliers add up (2 and 3 make 4), never multiply each other, and leave points that are added once alone.
    Nothing is earned on delivery, fees and gifts. Nothing gets cheaper by points, so they take no `at_most`; a lane
    that lets the best win takes the first of them.
    """

    word: ClassVar[str] = "points"
    lane: ClassVar[str] = "points"
    takes_money_off: ClassVar[bool] = False
    can_give_less: ClassVar[bool] = False
    example: ClassVar[str] = "points: {per: 1 EUR, add: 1, on: {category: shoes}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], expect: {points: 100}}",
        "{cart: [{sku: mug}], expect: {outcome: no_target}}",
    )

    add: int | None = Field(default=None, ge=1, le=1_000_000)
    """So many points: once, or for every `per`."""
    per: PositiveAmounts | None = None
    """For every whole amount of this that the chosen goods, taken together, cost when all lanes have run; what is left
    over is rounded down.
    """
    multiply: MultiplierHundredths | None = None
    """So many times what all promotions with `per` give on the chosen goods, rounded down: 2 doubles it."""
    on: Selector | None = None
    """The goods that count; by default all. With `per` or `multiply` only."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    counting: Literal["unregulated", "regulated"] = "unregulated"
    """`regulated` counts regulated goods too."""

    @model_validator(mode="after")
    def _one_way(self) -> "Points":
        if (self.add is None) is (self.multiply is None):
            raise ValueError("one_way: points are added or multiplied; help: write one of `add` and `multiply`")
        if self.per is not None and self.multiply is not None:
            raise ValueError("one_way: `per` goes with `add`; help: a multiplier is of what other promotions give")
        once = self.per is None and self.multiply is None
        if once and (self.on or self.except_ or self.counting == "regulated"):
            raise ValueError(
                "points_on: `add` alone looks at no goods; help: add `per:`, or ask for the goods in `when`"
            )
        if self.at_most is not None:
            raise ValueError("points_at_most: `at_most` is an amount of money; help: leave it out")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Points that depend on goods need them."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Propose points; how many is worked out when all lanes have run."""
        add, steps, multiplier = self.add or 0, self.per, self.multiply
        selection = env.selections.get(self.on, self.except_, regulated=self.counting == "regulated")

        def propose(tally: Tally) -> Proposal:
            if steps is None and multiplier is None:
                return Proposal(Target.ORDER, [], 0, extra=FixedPoints(add))
            places = frozenset(tally.selected(selection))
            if multiplier is not None:
                return Proposal(Target.ORDER, [], 0, extra=MultipliedPoints(multiplier, places) if places else None)
            step_minor = steps[tally.basket.currency] if steps else 0
            spent_minor = sum(tally.current_minor[place] for place in places)
            if spent_minor < step_minor:  # nothing gets dearer later: it would only keep others away
                lack = lacking_spend(self.word, step_minor, spent_minor, selection)
                return Proposal(Target.ORDER, [], 0, missing=lack)
            return Proposal(Target.ORDER, [], 0, extra=PointsPerAmount(add, step_minor, places))

        return propose
