"""A rule set as bytes: how one process hands it to another, and how a server keeps it.

Of each promotion a server keeps what the index asks for, and what was written as bytes: a fraction of what the models
take. It is compiled when a cart first meets it, so taking over a rule set costs a few microseconds a promotion, and can
be done a few promotions at a time.
"""

import pickle
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, overload

from engine.money import Rounding
from engine.rules.model import Lane, Promotion
from engine.rules.ruleset import Assembly, CompiledPromotion, Compiler, Head, Ruleset, RulesetName, head_of

READY_MAX: Final = 5_000
"""So many compiled promotions are kept of each rule set; then those give way that no cart has met for longest.

One takes about 8 kB, against 1.3 kB as bytes: 10,000 promotions take 55 MB at most.
"""


class PackedPromotion(NamedTuple):
    """A promotion that was checked, to be compiled."""

    head: Head
    written: bytes


def name_of(ruleset: Ruleset) -> RulesetName:
    """Return what a rule set is beside its promotions."""
    return RulesetName(ruleset.hash, ruleset.lanes, ruleset.rounding, ruleset.may_conflict, ruleset.loyalty)


def packed(ruleset: Ruleset) -> Iterator[PackedPromotion]:
    """Yield the promotions of a rule set in their order, without their examples, which have been run."""
    for promotion in ruleset.promotions:
        written = promotion.written.model_copy(update={"examples": ()})
        yield PackedPromotion(head_of(promotion), pickle.dumps(written, pickle.HIGHEST_PROTOCOL))


class Unpacking:
    """Takes over a rule set, promotion by promotion. The bytes must come from `packed`, in a trusted process."""

    def __init__(self, name: RulesetName) -> None:
        self._name = name
        self._written: list[bytes] = []
        self._assembly = Assembly()

    def add(self, promotion: PackedPromotion) -> None:
        """Take over the next promotion."""
        self._written.append(promotion.written)
        self._assembly.add(promotion.head)

    def ruleset(self) -> Ruleset:
        """Return the rule set of what was taken over."""
        name = self._name
        return self._assembly.ruleset(name, CompiledWhenMet(self._written, name.lanes, name.rounding))


def warmed_up(new: Ruleset, old: Ruleset) -> Iterator[None]:
    """Compile the promotions of `new` that carts met in `old`, one a step: so no cart has to wait for all of them."""
    if isinstance(old.promotions, CompiledWhenMet):
        for promotion in old.promotions.met():
            new.by_id.get(promotion.id)
            yield


def cooled_down(old: Ruleset) -> Iterator[None]:
    """Forget what was compiled of a rule set, one promotion a step: to free all at once would take longer.

    Whoever still uses it goes on: what is forgotten is compiled again.
    """
    if isinstance(old.promotions, CompiledWhenMet):
        for promotion in old.promotions.met():
            old.promotions.forget(promotion.place)
            yield


def kept_packed(ruleset: Ruleset) -> Ruleset:
    """Return the same rule set with its promotions as bytes, for a process that will long keep it."""
    unpacking = Unpacking(name_of(ruleset))
    for promotion in packed(ruleset):
        unpacking.add(promotion)
    return unpacking.ruleset()


class CompiledWhenMet(Sequence[CompiledPromotion]):
    """Promotions as bytes, each compiled when it is asked for by its place, and kept for whoever asks next.

    Whoever goes through all of them leaves what is kept as it was.
    """

    def __init__(self, written: Sequence[bytes], lanes: Sequence[Lane], rounding: Rounding) -> None:
        self._written = written
        self._compiler = Compiler(lanes, rounding)
        self._ready: OrderedDict[int, CompiledPromotion] = OrderedDict()
        """Those that were asked for last stand last."""

    def met(self) -> list[CompiledPromotion]:
        """Return what is compiled at present."""
        return list(self._ready.values())

    def forget(self, place: int) -> None:
        """Keep a promotion as bytes only."""
        self._ready.pop(place, None)

    def __len__(self) -> int:
        return len(self._written)

    @overload
    def __getitem__(self, place: int) -> CompiledPromotion: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[CompiledPromotion]: ...

    def __getitem__(self, place: int | slice) -> CompiledPromotion | Sequence[CompiledPromotion]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        ready = self._ready
        found = ready.get(place)
        if found is None:
            place = range(len(self))[place]
            found = ready[place] = self._compiled(place)
            if len(ready) > READY_MAX:
                ready.popitem(last=False)
        else:
            ready.move_to_end(place)
        return found

    def __iter__(self) -> Iterator[CompiledPromotion]:
        for place in range(len(self)):
            yield self._ready.get(place) or self._compiled(place)

    def _compiled(self, place: int) -> CompiledPromotion:
        written: Promotion = pickle.loads(self._written[place])  # noqa: S301 - our own bytes
        return self._compiler.compiled(written, place)


class PromotionsAt(Sequence[CompiledPromotion]):
    """Some promotions of a rule set, none of them compiled before it is asked for."""

    def __init__(self, promotions: Sequence[CompiledPromotion], places: Sequence[int]) -> None:
        self._promotions = promotions
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, number: int) -> CompiledPromotion: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[CompiledPromotion]: ...

    def __getitem__(self, number: int | slice) -> CompiledPromotion | Sequence[CompiledPromotion]:
        if isinstance(number, slice):
            return [self._promotions[place] for place in self._places[number]]
        return self._promotions[self._places[number]]
