"""The index of a rule set: finds the promotions that can do something for a cart, so that the others cost nothing."""

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.pricing.basket import Basket
from engine.pricing.tally import Postings
from engine.rules.model import Promotion
from engine.rules.selectors import Key, keys_cost
from engine.types import InstantMs

_ANYTHING: Key = ("anything",)
"""What every cart has: the key of a promotion for which no list of keys can be given."""
_ANYWHERE: Key = ("anywhere",)
_WESTERNMOST = "Etc/GMT+12"
"""Where a day ends last."""


class Entry(NamedTuple):
    """What the index knows of a promotion: its place, where it holds, its keys, and when it is over for good."""

    place: int
    scopes: tuple[Key, ...]
    keys: tuple[Key, ...]
    over_ms: InstantMs | None


class _Posting:
    """The promotions under one key: those without an end, and the others, the first to end first.

    So what is over costs nothing, at whatever instant.
    """

    __slots__ = ("_ending", "_endless")

    def __init__(self) -> None:
        self._endless: list[int] = []
        self._ending: list[tuple[InstantMs, int]] = []

    def add(self, entry: Entry) -> None:
        if entry.over_ms is None:
            self._endless.append(entry.place)
        else:
            insort(self._ending, (entry.over_ms, entry.place))

    def not_over(self, as_of_ms: InstantMs) -> Sequence[int]:
        """Return the places of those that are not over for good."""
        if not self._ending:
            return self._endless
        ended = bisect_right(self._ending, as_of_ms, key=itemgetter(0))
        return [*self._endless, *(place for _, place in self._ending[ended:])]


class Index:
    """Finds the promotions that can do something for a cart, so that the others cost nothing.

    Each promotion is filed by where it holds, and there under the keys that let least through: a cart elsewhere, or
    without any of the keys, cannot be given anything by it; nor can any cart once it is over. Promotions with codes are
    found wherever and whenever the code is entered, because it is to say why it gives nothing.
    """

    __slots__ = ("_filed",)

    def __init__(self) -> None:
        self._filed: dict[Key, dict[Key, _Posting]] = {}

    def add(self, entry: Entry) -> None:
        """File the next promotion."""
        for scope in entry.scopes:
            under = self._filed.setdefault(scope, {})
            for key in entry.keys:
                posting = under.get(key)
                if posting is None:
                    posting = under[key] = _Posting()
                posting.add(entry)

    def places(self, basket: Basket, postings: Postings) -> list[int]:
        """Return the places of the candidates, in the total order."""
        keys = {_ANYTHING, *postings, *_keys_beside_goods(basket)}
        as_of_ms = basket.as_of_ms
        found: set[int] = set()
        for scope in _scopes_of(basket):
            under = self._filed.get(scope)
            if under is not None:
                found.update(*[under[key].not_over(as_of_ms) for key in under.keys() & keys])
        return sorted(found)


def entry_of(promotion: Promotion, place: int, *, with_code: bool) -> Entry:
    """Return how a promotion is filed. One that a code unlocks is found wherever and whenever it is entered."""
    until = promotion.active.until
    keys = tuple(dict.fromkeys(_keys(promotion)))
    if with_code:
        return Entry(place, (_ANYWHERE,), keys, None)
    zone = ZoneInfo(promotion.active.timezone or _WESTERNMOST)
    return Entry(place, _scopes(promotion), keys, until.ends_ms(zone) if until else None)


def _keys(promotion: Promotion) -> tuple[Key, ...]:
    """Return the keys to file a promotion under: of everything that it needs, what a cart has least often."""
    needs = [
        tuple(("code", code) for code in promotion.codes) if promotion.codes else None,
        promotion.benefit().keys(),
        promotion.when.keys() if promotion.when else None,
        promotion.customers.index_keys() if promotion.customers else None,
    ]
    return min((keys for keys in needs if keys is not None), key=keys_cost, default=(_ANYTHING,))


def _scopes(promotion: Promotion) -> tuple[Key, ...]:
    """Return where a promotion holds, by the narrowest of its bounds; the others are asked when it is a candidate."""
    for kind, names in (
        ("store", promotion.stores),
        ("group", promotion.store_groups),
        ("country", promotion.countries),
        ("channel", promotion.channels),
    ):
        if names:
            return tuple((kind, name) for name in dict.fromkeys(names))
    return (_ANYWHERE,)


def _scopes_of(basket: Basket) -> Iterator[Key]:
    """Yield the scopes that a basket is in."""
    store = basket.store
    yield _ANYWHERE
    yield "store", store.id
    for group in store.groups:
        yield "group", group
    yield "country", store.country
    yield "channel", basket.channel


def _keys_beside_goods(basket: Basket) -> Iterator[Key]:
    """Yield what a basket has beside the keys of its products."""
    yield "channel", basket.channel
    for code in basket.codes:
        yield "code", code
    if basket.facts:
        yield "tier", basket.facts.tier
        for segment in basket.facts.segments:
            yield "segment", segment
