"""``contains``: the presence or absence of goods, in numbers."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from engine.fields import Written
from engine.pricing.evaluation import Measure, Shortfall
from engine.rules.selectors import Key, Selection, Selector, missing_in_words
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test, best_keys


class Several(Written):
    """So many units of what a selector chooses; a line sold by weight or length counts as 1."""

    of: Selector
    """Which goods."""
    at_least: int = Field(ge=1, le=1_000_000)
    """How many units of them."""


def _kind(written: Any) -> str:
    return "several" if isinstance(written, Several) or (isinstance(written, dict) and "of" in written) else "selector"


Goods = Annotated[Annotated[Several, Tag("several")] | Annotated[Selector, Tag("selector")], Discriminator(_kind)]
"""A selector, which asks for one unit, or several."""


class Contains(Condition):
    """The cart must hold at least one entry of `any`, every one of `all`, and no one of `none`.

    An entry is a selector, which asks for one unit, or `{of: selector, at_least: 2}` for several. A unit may count
    for more entries than one.
    """

    word: ClassVar[str] = "contains"
    example: ClassVar[str] = "contains: {all: [{category: shoes}, {category: socks}], none: [{tag: clearance}]}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}, {sku: wool-socks}], expect: {discount: 10.80 EUR}}",
        "{cart: [{sku: sandals}, {sku: wool-socks}], expect: {outcome: condition_failed}}",
    )

    any_of: tuple[Goods, ...] = Field(default=(), alias="any")
    """At least one of these entries must be there."""
    all_of: tuple[Goods, ...] = Field(default=(), alias="all")
    """Every one of these entries must be there."""
    none_of: tuple[Goods, ...] = Field(default=(), alias="none")
    """No one of these entries may be there; an entry with `at_least` forbids that many."""
    counting: Literal["goods", "regulated"] = "goods"
    """`regulated` counts regulated goods too."""

    @model_validator(mode="after")
    def _one_list(self) -> "Contains":
        if not (self.any_of or self.all_of or self.none_of):
            raise ValueError("empty_contains: `contains` needs a list; help: write `any:`, `all:` or `none:`")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """One of `any`, or any one of `all`, must be there."""
        anyone = [_selector(goods).keys() for goods in self.any_of]
        union = tuple(key for keys in anyone for key in keys or ())
        return best_keys(
            keys
            for keys in (
                union if anyone and all(keys is not None for keys in anyone) else None,
                *(_selector(goods).keys() for goods in self.all_of),
            )
        )

    def compile(self, env: CompileEnv) -> Test:
        """Count the units of each entry."""
        regulated = self.counting == "regulated"
        anyone, everyone, nobody = (
            [_Entry(env.selections.get(_selector(goods), regulated=regulated), _at_least(goods)) for goods in written]
            for written in (self.any_of, self.all_of, self.none_of)
        )
        wanted = sum(entry.at_least for entry in everyone)

        def test(start: LaneStart) -> Shortfall | None:
            unwanted = sum(1 for entry in nobody if not entry.missing(start))
            if unwanted:
                return Shortfall("contains", Measure.UNITS, 0, unwanted, 0)
            each = [entry.missing(start) for entry in everyone]
            missing = sum(each)
            if missing:
                goods = missing_in_words(zip(each, (entry.selection.words for entry in everyone), strict=True))
                return Shortfall("contains", Measure.UNITS, wanted, wanted - missing, missing, goods)
            if anyone:
                nearest = min(anyone, key=lambda entry: entry.missing(start))
                missing = nearest.missing(start)
                if missing:
                    wants, goods = nearest.at_least, nearest.selection.words
                    return Shortfall("contains", Measure.UNITS, wants, wants - missing, missing, goods)
            return None

        return test


@dataclass(frozen=True, slots=True)
class _Entry:
    """A compiled entry."""

    selection: Selection
    at_least: int

    def missing(self, start: LaneStart) -> int:
        """Return how many units are missing."""
        lines = start.tally.basket.lines
        return max(0, self.at_least - sum(lines[place].units for place in start.tally.selected(self.selection)))


def _selector(goods: Several | Selector) -> Selector:
    return goods.of if isinstance(goods, Several) else goods


def _at_least(goods: Several | Selector) -> int:
    return goods.at_least if isinstance(goods, Several) else 1
