"""The rule files as their authors write them: the models of promotions and lanes, built from the vocabulary."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, create_model, model_validator

from engine.cart.codes import canonical_code
from engine.errors import one_of
from engine.fields import Amounts, Label, Written
from engine.money import Rounding
from engine.pricing.cartfile import CartDocument, LineDocument
from engine.pricing.evaluation import OutcomeCode
from engine.rules import benefits, conditions
from engine.rules.selectors import Words
from engine.rules.vocabulary import Benefit, Condition, Word, words_in
from engine.rules.window import ALWAYS, Active

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def _check_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(
            f"invalid_id: `{text}` is not an id; help: use 1 to 80 letters (a to z), digits, `-`, `_` and `.`,"
            " a letter or digit first"
        )
    return text


Id = Annotated[str, AfterValidator(_check_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"})]

M = TypeVar("M", bound=Written)

CONDITIONS = words_in(conditions, Condition)  # type: ignore[type-abstract]  # only subclasses are made
BENEFITS = words_in(benefits, Benefit)  # type: ignore[type-abstract]  # likewise


class LaneMode(StrEnum):
    """How the promotions of a lane compete."""

    STACK = "stack"
    """All, by priority, each on what is left."""
    FIRST = "first"
    """The first that gives something, by priority."""
    BEST = "best"
    """The one that leaves the shopper the least to pay."""


class Lane(Written):
    """A named phase; lanes run in the order in which they are written."""

    name: Id
    mode: LaneMode = LaneMode.STACK


DEFAULT_LANES = tuple(Lane(name=name) for name in ("price", "item", "bundle", "order", "shipping", "points"))


class Customers(Written):
    """Whom a promotion is for. All keys given must hold; of a list, any one."""

    tiers: Words | None = None
    segments: Words | None = None
    first_order: bool | None = None

    @model_validator(mode="after")
    def _one_key(self) -> "Customers":
        if not self.model_fields_set:
            raise ValueError(
                "empty_customers: `customers` needs a key; help: write `tiers:`, `segments:` or `first_order:`"
            )
        return self


class _When(Written):
    """The conditions of a promotion: all that are written must hold."""

    def conditions(self) -> list[Condition]:
        """Return the conditions in the order of their words."""
        return [value for word in CONDITIONS if (value := getattr(self, word)) is not None]


class _Give(Written):
    """What a promotion gives: one benefit."""

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if isinstance(value, dict):
            known = [word for word in value if word in BENEFITS]
            if len(known) > 1:
                raise ValueError(f"two_benefits: `give` has {one_of(known)}; help: make one promotion of each")
            if not value:
                raise ValueError(f"missing_benefit: `give` is empty; help: write one of {one_of(list(BENEFITS))}")
        return value

    def benefit(self) -> Benefit:
        """Return the one benefit."""
        given: Iterator[Benefit] = (value for word in BENEFITS if (value := getattr(self, word)) is not None)
        return next(given)


def _with_words(base: type[M], words: Mapping[str, type[Word]]) -> type[M]:
    """Return `base` with an optional field for each word of the vocabulary."""
    fields: dict[str, Any] = {word: (model | None, None) for word, model in words.items()}
    return create_model(base.__name__.strip("_"), __base__=base, __doc__=base.__doc__, **fields)


if TYPE_CHECKING:  # a checker sees the bases, whose methods are all that code uses

    class When(_When):
        """The conditions of a promotion."""

    class Give(_Give):
        """The benefit of a promotion."""

else:
    When, Give = _with_words(_When, CONDITIONS), _with_words(_Give, BENEFITS)


class Expect(Written):
    """What an example expects of its promotion; all that is written must come true."""

    discount: Amounts | None = None
    outcome: OutcomeCode | None = None

    @model_validator(mode="after")
    def _one_key(self) -> "Expect":
        if not self.model_fields_set:
            raise ValueError("empty_expect: `expect` needs a key; help: write `discount:` or `outcome:`")
        return self


class Example(CartDocument):
    """A cart and what the promotion, alone, does to it. A rule set whose examples fail is not loaded."""

    lines: tuple[LineDocument, ...] = Field(alias="cart", min_length=1)
    expect: Expect


def _canonical(entered: str) -> str:
    code = canonical_code(entered)
    if code is None:
        raise ValueError(
            f"invalid_code: `{entered}` cannot be a code; help: use letters and digits, at most 64 of them"
        )
    return code


Code = Annotated[str, AfterValidator(_canonical)]


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Promotion(Written):
    """One offer."""

    id: Id
    label: Label = Field(default_factory=dict)
    lane: Id | None = None
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    hidden: bool = False
    active: Active = ALWAYS
    channels: Words | None = None
    stores: Words | None = None
    customers: Customers | None = None
    codes: Annotated[tuple[Code, ...], BeforeValidator(_one_or_more), Field(min_length=1)] | None = None
    when: When | None = None
    give: Give
    examples: tuple[Example, ...] = ()

    def benefit(self) -> Benefit:
        """Return what it gives."""
        return self.give.benefit()

    def conditions(self) -> list[Condition]:
        """Return what must hold."""
        return self.when.conditions() if self.when else []

    def lane_name(self) -> str:
        """Return the lane it competes in."""
        return self.lane or self.benefit().lane


class RuleFile(Written):
    """One file of the rule folder. `lanes` and `rounding` may stand in one file only."""

    promotions: tuple[Promotion, ...] = ()
    lanes: tuple[Lane, ...] | None = Field(default=None, min_length=1)
    rounding: Rounding | None = None
