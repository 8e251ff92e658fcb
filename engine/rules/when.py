"""``when``: the conditions of a promotion, and how they are joined by `and`, `or` and `not`."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model, model_validator

from engine.fields import Written
from engine.pricing.evaluation import Shortfall
from engine.rules import conditions
from engine.rules.selectors import Key
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test, best_keys, words_in

CONDITIONS = words_in(conditions, Condition)  # type: ignore[type-abstract]  # only subclasses are made


class _When(Written):
    """The conditions of a promotion: all that are written must hold.

    Under `and` and `or` stand lists of further conditions, all or one of which must hold; what stands under `not` must
    not hold as a whole.
    """

    if TYPE_CHECKING:  # fields that are of the complete model, which is made below
        all_of: tuple["When", ...]
        any_of: tuple["When", ...]
        none_of: "When | None"

    @model_validator(mode="after")
    def _one_key(self) -> "_When":
        if not self.model_fields_set:
            raise ValueError("empty_when: a condition is missing; help: write one such as `spend: {at_least: 50 EUR}`")
        return self

    def words(self) -> list[Condition]:
        """Return the conditions that stand here, in the order of their words."""
        return [value for word in CONDITIONS if (value := getattr(self, word)) is not None]

    def every_word(self) -> Iterator[Condition]:
        """Yield every condition, however deep."""
        yield from self.words()
        for branch in (*self.all_of, *self.any_of, *([self.none_of] if self.none_of else [])):
            yield from branch.every_word()

    def keys(self) -> tuple[Key, ...] | None:
        """Return index keys of which a cart must have one for all of it to hold; None where there are none."""
        branches = [branch.keys() for branch in self.any_of]
        union = tuple(key for keys in branches for key in keys or ())
        return best_keys(
            iter(
                [
                    *(word.keys() for word in self.words()),
                    *(branch.keys() for branch in self.all_of),
                    union if branches and all(keys is not None for keys in branches) else None,
                ]
            )
        )

    def compile(self, env: CompileEnv) -> Test:
        """Return the test of all of it: what fails first says how, words before `and` before `or` before `not`."""
        tests = [word.compile(env) for word in self.words()]
        tests += [branch.compile(env) for branch in self.all_of]
        if self.any_of:
            tests.append(_one_of([branch.compile(env) for branch in self.any_of]))
        if self.none_of:
            tests.append(_not(self.none_of, env))
        if len(tests) == 1:
            return tests[0]
        return lambda start: next((failed for test in tests if (failed := test(start))), None)


def _one_of(tests: list[Test]) -> Test:
    """Return the test of which one branch must hold; if none does, the nearest one says how it failed."""

    def test(start: LaneStart) -> Shortfall | None:
        failures: list[Shortfall] = []
        for branch in tests:
            failed = branch(start)
            if failed is None:
                return None
            failures.append(failed)
        return min(failures, key=_far)

    return test


def _far(failed: Shortfall) -> tuple[bool, Fraction]:
    """Rank failures by the part that is missing of what is wanted; where more cannot help, it is farthest."""
    if not failed.distance:
        return True, Fraction(0)
    return False, Fraction(failed.distance, failed.wanted)


def _not(branch: "When", env: CompileEnv) -> Test:
    """Return the test of a branch that must not hold; the failure names the words in it."""
    test = branch.compile(env)
    failed = Shortfall("not", detail=", ".join(dict.fromkeys(each.word for each in branch.every_word())))
    return lambda start: failed if test(start) is None else None


def _complete() -> type[_When]:
    """Return the model with a field for each word, and with the branches, which are of the model itself."""
    fields: dict[str, Any] = {word: (model | None, None) for word, model in CONDITIONS.items()}
    fields |= {
        "all_of": (
            tuple["When", ...],
            Field(default=(), alias="and", min_length=1, description="All of these must hold."),
        ),
        "any_of": (
            tuple["When", ...],
            Field(default=(), alias="or", min_length=1, description="One of these must hold."),
        ),
        "none_of": ("When | None", Field(default=None, alias="not", description="This must not hold, as a whole.")),
    }
    return create_model("When", __base__=_When, __module__=__name__, __doc__=_When.__doc__, **fields)


if TYPE_CHECKING:  # a checker sees the base, whose methods are all that code uses

    class When(_When):
        """The conditions of a promotion."""

else:
    When = _complete()
    When.model_rebuild()
