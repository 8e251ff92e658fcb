"""``contains``: the presence or absence of goods."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from engine.pricing.evaluation import Measure
from engine.rules.selectors import Key, Selection, Selector
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Shortfall, Test, best_keys


class Contains(Condition):
    """The cart must hold goods of at least one selector of `any`, of every one of `all`, and of no one of `none`.

    Regulated goods count only with `counting: regulated`.
    """

    word: ClassVar[str] = "contains"
    example: ClassVar[str] = "contains: {all: [{category: shoes}, {category: socks}], none: [{tag: clearance}]}"

    any_of: tuple[Selector, ...] = Field(default=(), alias="any")
    all_of: tuple[Selector, ...] = Field(default=(), alias="all")
    none_of: tuple[Selector, ...] = Field(default=(), alias="none")
    counting: Literal["goods", "regulated"] = "goods"

    @model_validator(mode="after")
    def _one_list(self) -> "Contains":
        if not (self.any_of or self.all_of or self.none_of):
            raise ValueError("empty_contains: `contains` needs a list; help: write `any:`, `all:` or `none:`")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """One of `any`, or any one of `all`, must be there."""
        anyone = [selector.keys() for selector in self.any_of]
        union = tuple(key for keys in anyone for key in keys or ())
        return best_keys(
            keys
            for keys in (
                union if anyone and all(keys is not None for keys in anyone) else None,
                *(selector.keys() for selector in self.all_of),
            )
        )

    def compile(self, env: CompileEnv) -> Test:
        """Count the selectors that are present, and those that should not be."""
        regulated = self.counting == "regulated"
        anyone, everyone, nobody = (
            [env.selections.get(selector, regulated=regulated) for selector in selectors]
            for selectors in (self.any_of, self.all_of, self.none_of)
        )

        def present(selections: list[Selection], start: LaneStart) -> int:
            return sum(1 for selection in selections if start.tally.selected(selection))

        def test(start: LaneStart) -> Shortfall | None:
            unwanted = present(nobody, start)
            if unwanted:
                return Shortfall("contains", Measure.UNITS, 0, unwanted, 0)
            held = present(everyone, start)
            if held < len(everyone):
                return Shortfall("contains", Measure.UNITS, len(everyone), held, len(everyone) - held)
            if anyone and not present(anyone, start):
                return Shortfall("contains", Measure.UNITS, 1, 0, 1)
            return None

        return test
