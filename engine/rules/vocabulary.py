"""What a word of the language is: the two contracts that every file in `conditions/` and `benefits/` fulfils.

A word is one pydantic model in one file. Its fields are what a merchandiser writes, its docstring and ``example`` go
into the reference, `compile` makes the function that evaluates it. Nothing else knows the word.
"""

import importlib
import pkgutil
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.fields import PositiveAmounts, Written
from engine.money import Rounding
from engine.pricing.evaluation import Shortfall
from engine.pricing.tally import Proposal, Tally
from engine.rules.best.bids import Bids, Stock
from engine.rules.selectors import Key, Selections, Selector, keys_cost
from engine.types import Currency, PromotionId, record


@record
class LaneStart:
    """What conditions look at: the cart as the lane found it, so that the order of promotions never matters to them."""

    tally: Tally
    current_minor: list[int]


Test = Callable[[LaneStart], Shortfall | None]
"""A compiled condition: None where it holds."""
Propose = Callable[[Tally], Proposal]
"""A compiled benefit: what it asks of what is left now."""
MakeBids = Callable[[Tally, Sequence[Stock]], Bids]
"""A compiled benefit where lines or units go to the best: what it can do with each."""


@dataclass(frozen=True, slots=True)
class CompileEnv:
    """What words need to compile: shared selections, the rounding mode of the rule set, whose words they are.

    `by_unit`: each unit goes to the best promotion by itself, so what is else rounded by line is rounded by unit.
    """

    selections: Selections
    rounding: Rounding
    promotion: PromotionId
    by_unit: bool = False


class Word(Written):
    """A word of the language."""

    word: ClassVar[str]
    example: ClassVar[str]
    """A fragment of YAML that shows it."""
    carts: ClassVar[tuple[str, ...]]
    """Carts with what comes of the example, as entries of a promotion's `examples`: the reference shows them, tests run
    them. A condition stands in a promotion that takes 10 % off all goods.
    """

    def currencies(self) -> frozenset[Currency] | None:
        """Return the currencies in which all amounts are stated, its selectors' too; None where it has no amount."""
        stated = [frozenset(amounts) for name in type(self).model_fields for amounts in _amounts(getattr(self, name))]
        return frozenset.intersection(*stated) if stated else None

    @abstractmethod
    def keys(self) -> tuple[Key, ...] | None:
        """Return index keys of which a cart must have one for this word to do anything; None where it may always."""


def _amounts(value: object) -> Iterator[Mapping[Currency, int]]:
    """Yield the amounts in the value of a field."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, Selector):
        yield from value.amounts()
    elif isinstance(value, Written):
        for name in type(value).model_fields:
            yield from _amounts(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _amounts(item)


def fields_in_order(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the fields of a model in the order in which people see them: what a word shares with others comes last."""
    own = vars(model).get("__annotations__", {}) if issubclass(model, Word) else model.model_fields
    return sorted(model.model_fields.items(), key=lambda item: item[0] not in own)


W = TypeVar("W", bound=Word)


class Condition(Word):
    """What must hold for a promotion to apply."""

    unmet: ClassVar[str] = "the cart holds something that excludes it"
    """What a shopper is told where it fails and no more of something can help."""
    excludes: ClassVar[str | None] = None
    """What they are told where it holds and must not; the same unless it says so."""

    @abstractmethod
    def compile(self, env: CompileEnv) -> Test:
        """Return the test."""


class Benefit(Word):
    """What a promotion gives."""

    lane: ClassVar[str]
    """Where it competes unless the promotion says otherwise."""
    takes_money_off: ClassVar[bool] = True
    """Whether it lowers what something costs, so that a budget may be spent by it."""
    can_give_less: ClassVar[bool] = True
    """Whether a cap or the rest of a budget may cut what it gives."""

    at_most: PositiveAmounts | None = None
    """The most that it gives one cart; a promotion that was cut by it is `capped`. Not for gifts, points and codes."""

    @abstractmethod
    def compile(self, env: CompileEnv) -> Propose:
        """Return the function that makes the proposal."""

    def bids(self, env: CompileEnv) -> MakeBids | None:
        """Return the function that bids for lines or units; None for what is not about single items."""
        del env
        return None


def keys_of(on: Selector | None) -> tuple[Key, ...] | None:
    """Return the index keys of an optional selector."""
    return on.keys() if on else None


def best_keys(options: Iterator[tuple[Key, ...] | None]) -> tuple[Key, ...] | None:
    """Return the list of keys that lets least through."""
    return min((keys for keys in options if keys is not None), key=keys_cost, default=None)


def words_in(package: ModuleType, kind: type[W]) -> dict[str, type[W]]:
    """Import every file of a package and return the words it defines: a new file is all that a new word takes."""
    found: dict[str, type[W]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, kind) and "word" in vars(value):
                found[value.word] = value
    return dict(sorted(found.items()))
