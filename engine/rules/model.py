"""The rule files as their authors write them: the models of promotions and lanes, built from the vocabulary."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, WithJsonSchema, create_model, model_validator

from engine.errors import one_of
from engine.fields import ID_IN_WORDS, Amounts, Label, Written, refuse_parts
from engine.money import Rounding
from engine.pricing.cartfile import CartDocument, LineDocument
from engine.pricing.evaluation import OutcomeCode
from engine.rules import benefits
from engine.rules.conditions.codes import Codes, CodeWords
from engine.rules.customers import Customers
from engine.rules.limits import Limits
from engine.rules.loyalty import Loyalty
from engine.rules.selectors import Words
from engine.rules.vocabulary import Benefit, Condition, Word, words_in
from engine.rules.when import When
from engine.rules.window import ALWAYS, Active

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def _check_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(
            f"invalid_id: `{text}` is not an id; help: use 1 to 80 letters (a to z), digits, `-`, `_` and `.`,"
            " a letter or digit first"
        )
    return text


Id = Annotated[
    str, AfterValidator(_check_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID.pattern}$"}), ID_IN_WORDS
]

M = TypeVar("M", bound=Written)

BENEFITS = words_in(benefits, Benefit)  # type: ignore[type-abstract]  # only subclasses are made


class LaneMode(StrEnum):
    """How the promotions of a lane compete."""

    STACK = "stack"
    """All, by priority, each on what is left."""
    FIRST = "first"
    """The first that gives something, by priority."""
    BEST = "best"
    """The one that leaves the shopper the least to pay."""


class Per(StrEnum):
    """Over what a lane of mode `best` decides."""

    CART = "cart"
    """One promotion for the whole cart."""
    LINE = "line"
    """At most one promotion for each line."""
    UNIT = "unit"
    """At most one promotion for each single unit."""


class Lane(Written):
    """A named phase; lanes run in the order in which they are written."""

    name: Id
    """What `lane` of a promotion calls it."""
    mode: LaneMode = LaneMode.STACK
    """How its promotions compete. `stack`: all apply, by priority, each on what is left. `first`: only the first that
    gives something, by priority. `best`: those that leave the shopper the least to pay, as `per` says.
    """
    per: Per = Per.CART
    """With `mode: best`, over what it decides: one promotion for the whole `cart`, or at most one for each `line` or
    each single `unit`. By line or unit, its promotions give benefits on items.
    """

    @model_validator(mode="after")
    def _best_only(self) -> "Lane":
        if self.per is not Per.CART and self.mode is not LaneMode.BEST:
            raise ValueError(
                f"per_without_best: only the best is found by {self.per}; help: write `mode: best`, or leave `per` out"
            )
        return self


DEFAULT_LANES = tuple(Lane(name=name) for name in ("price", "item", "bundle", "order", "shipping", "points"))


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

    class Give(_Give):
        """The benefit of a promotion."""

else:
    Give = _with_words(_Give, BENEFITS)


class Expect(Written):
    """What an example expects of its promotion; all that is written must come true."""

    discount: Amounts | None = None
    """What the promotion takes off."""
    points: int | None = None
    """How many points it brings."""
    outcome: OutcomeCode | None = None
    """The verdict on it."""

    @model_validator(mode="after")
    def _one_key(self) -> "Expect":
        if not self.model_fields_set:
            raise ValueError("empty_expect: `expect` needs a key; help: write `discount:`, `points:` or `outcome:`")
        return self


class Example(CartDocument):
    """A cart and what the promotion, alone, does to it. A rule set whose examples fail is not loaded.

    Besides `cart` it may say all that a cart file says of a cart, such as `at`, `channel`, `customer` and `delivery`.
    Unless it says `at`, it takes place when the promotion is first active; unless it names `codes`, the promotion's
    first code is in the cart; without `customer` nobody is signed in.
    """

    lines: tuple[LineDocument, ...] = Field(alias="cart", min_length=1)
    """The lines of the cart."""
    expect: Expect
    """What must come of it."""


class Promotion(Written):
    """One offer."""

    id: Id
    """What outcomes, receipts and ties go by; no two promotions have the same."""
    label: Label = Field(default_factory=dict)
    """What shoppers read: a text, or a map from locale to text."""
    lane: Id | None = None
    """Where it competes; by default the lane of its benefit."""
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    """Higher goes first; ties go by id."""
    hidden: bool = False
    """Shoppers see the discount, never an explanation or a hint."""
    active: Active = ALWAYS
    """When; by default always."""
    channels: Words | None = None
    """Ids of channels; by default all."""
    stores: Words | None = None
    """Ids of stores; by default all."""
    store_groups: Words | None = None
    """Groups of stores; by default all."""
    countries: Words | None = None
    """Countries of stores; by default all."""
    customers: Customers | None = None
    """Whom it is for; by default everybody."""
    codes: CodeWords | None = None
    """Any one of these must be in the cart; case, spaces and dashes do not count. `series:next-visit` is any code of a
    series that `issue_code` gives."""
    codes_from: Annotated[str, Field(min_length=1)] | None = None
    """A file with more codes, one a line: a path relative to this file."""
    tags: Words | None = None
    """What other promotions call it by in `excludes` and `combines_with`."""
    exclusive: bool = False
    """It goes with no other promotion."""
    excludes: Words | None = None
    """Tags of promotions that it does not go with."""
    combines_with: Words | None = None
    """Tags of the only promotions that it goes with."""
    when: When | None = None
    """Conditions: all words that are written must hold."""
    limits: Limits | None = None
    """How many orders may use it, and how much it may give in all; by default any number."""
    give: Give
    """What it gives: exactly one benefit."""
    examples: tuple[Example, ...] = ()
    """Carts and what the promotion, alone, does to them: tests that run at load."""

    @model_validator(mode="after")
    def _limits_count_something(self) -> "Promotion":
        if self.limits is None:
            return self
        asks_codes = any(isinstance(condition, Codes) for condition in self.conditions())
        faults: dict[tuple[str, ...], ValueError] = {}
        if self.limits.per_code is not None and not (self.codes or self.codes_from or asks_codes):
            message = "limit_without_code: it asks for no code; help: add `codes:`, or limit it `per_customer`"
            faults["limits", "per_code"] = ValueError(message)
        benefit = self.benefit()
        if self.limits.budget is not None and not benefit.takes_money_off:
            message = f"budget_without_money: `{benefit.word}` takes no money off; help: limit it by `total:`"
            faults["limits", "budget"] = ValueError(message)
        if self.limits.partial and not benefit.can_give_less:
            message = f"partial_whole: `{benefit.word}` is given whole or not at all; help: leave `partial` out"
            faults["limits", "partial"] = ValueError(message)
        refuse_parts(faults)
        return self

    def benefit(self) -> Benefit:
        """Return what it gives."""
        return self.give.benefit()

    def conditions(self) -> list[Condition]:
        """Return every condition that is written, however deep."""
        return list(self.when.every_word()) if self.when else []

    def may_conflict(self) -> bool:
        """Say whether it keeps other promotions from the cart."""
        return self.exclusive or self.excludes is not None or self.combines_with is not None

    def lane_name(self) -> str:
        """Return the lane it competes in."""
        return self.lane or self.benefit().lane


class RuleFile(Written):
    """One file of the rule folder. `lanes`, `rounding` and `loyalty` may stand in one file only."""

    promotions: tuple[Promotion, ...] = ()
    """The offers."""
    lanes: tuple[Lane, ...] | None = Field(default=None, min_length=1)
    """The phases of pricing, in their order; by default `price`, `item`, `bundle`, `order`, `shipping`, `points`."""
    rounding: Rounding | None = None
    """What becomes of half a cent, for the whole rule set; by default `half_up`."""
    loyalty: Loyalty | None = None
    """The loyalty programme; by default there is none."""
