"""The compiled rule set: immutable, named by the hash of its canonical form, found through an index."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

from engine.cart.codes import look_alike
from engine.money import Rounding
from engine.pricing.basket import Basket
from engine.pricing.shop import Store
from engine.pricing.tally import Postings, Tally
from engine.rules.best.bids import Bids, Stock
from engine.rules.conditions.codes import Codes
from engine.rules.customers import Customers, Unmet
from engine.rules.model import DEFAULT_LANES, Lane, Per, Promotion
from engine.rules.selectors import Key, Selections, keys_cost
from engine.rules.vocabulary import CompileEnv, MakeBids, Propose, Test
from engine.rules.walk import parts
from engine.rules.window import Window, window_in
from engine.types import Currency, InstantMs, PromotionId


@dataclass(frozen=True, slots=True)
class CompiledPromotion:
    """A promotion ready to run. ``place`` is its rank in the total order: lane, priority, id."""

    id: PromotionId
    place: int
    lane: str
    written: Promotion
    channels: frozenset[str] | None
    stores: frozenset[str] | None
    store_groups: frozenset[str] | None
    countries: frozenset[str] | None
    not_for: Unmet | None
    """Names what a customer lacks; None where anybody will do."""
    codes: frozenset[str] | None
    unlocked_by: frozenset[str]
    """Its codes, and those that a condition asks for."""
    asks_segments: bool
    currencies: frozenset[Currency] | None
    test: Test | None
    propose: Propose
    make_bids: MakeBids | None
    """Where its lane decides by line or by unit."""
    at_most: Mapping[Currency, int] | None
    windows: dict[str, Window] = field(default_factory=dict, compare=False)
    """Resolved windows by the store's time zone: filled when first asked, always the same."""

    @property
    def for_everybody(self) -> bool:
        """Whether any shopper may be told about it: no code, no segment, not hidden."""
        return not (self.unlocked_by or self.asks_segments or self.written.hidden)

    def offered_in(self, store: Store) -> bool:
        """Say whether it holds in a store: by its id, its groups and its country."""
        return (
            (self.stores is None or store.id in self.stores)
            and (self.store_groups is None or not self.store_groups.isdisjoint(store.groups))
            and (self.countries is None or store.country in self.countries)
        )

    def cap_minor(self, tally: Tally) -> int | None:
        """Return the most that it gives a cart."""
        return self.at_most[tally.basket.currency] if self.at_most else None

    def bids(self, tally: Tally, stocks: Sequence[Stock]) -> Bids:
        """Return how it bids for the goods of a cart, in a lane that decides by line or by unit."""
        assert self.make_bids is not None  # noqa: S101 - the rule set was checked
        return self.make_bids(tally, stocks)

    def window(self, store_zone: str) -> Window:
        """Return when it is active for a store in that zone."""
        known = self.windows.get(store_zone)
        if known is None:
            known = self.windows[store_zone] = window_in(self.written.active, store_zone)
        return known


_ANYTHING: Key = ("anything",)
"""What every cart has: the key of a promotion for which no list of keys can be given."""
_ANYWHERE: Key = ("anywhere",)
_WESTERNMOST = "Etc/GMT+12"
"""Where a day ends last."""


class _Posting:
    """The promotions under one key, the first to end first: what is over costs nothing, at whatever instant."""

    __slots__ = ("_ends_ms", "_places")

    def __init__(self, filed: Iterable[tuple[float, int]]) -> None:
        by_end = sorted(filed)
        self._ends_ms = [end_ms for end_ms, _ in by_end] if by_end[0][0] < inf else []
        self._places = [place for _, place in by_end]

    def not_over(self, as_of_ms: InstantMs) -> Sequence[int]:
        """Return the places of those that are not over for good."""
        return self._places[bisect_right(self._ends_ms, as_of_ms) :] if self._ends_ms else self._places


class Index:
    """Finds the promotions that can do something for a cart, so that the others cost nothing.

    Each promotion is filed by where it holds, and there under the keys that let least through: a cart elsewhere, or
    without any of the keys, cannot be given anything by it; nor can any cart once it is over. Promotions with codes are
    found wherever and whenever the code is entered, because it is to say why it gives nothing. `all_places` keeps the
    un-indexed answer at hand for explanations and for the tests that compare the two.
    """

    __slots__ = ("_filed", "all_places")

    def __init__(self, promotions: Iterable[CompiledPromotion]) -> None:
        self.all_places: list[int] = []
        filed: dict[Key, dict[Key, list[tuple[float, int]]]] = {}
        for promotion in promotions:
            written, place = promotion.written, promotion.place
            self.all_places.append(place)
            told = bool(promotion.unlocked_by)
            until = None if told else written.active.until
            end_ms = until.ends_ms(ZoneInfo(written.active.timezone or _WESTERNMOST)) if until else inf
            for scope in (_ANYWHERE,) if told else _scopes(written):
                under = filed.setdefault(scope, {})
                for key in dict.fromkeys(index_keys(written)):
                    under.setdefault(key, []).append((end_ms, place))
        self._filed = {scope: {key: _Posting(found) for key, found in under.items()} for scope, under in filed.items()}

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


def index_keys(promotion: Promotion) -> tuple[Key, ...]:
    """Return the keys to file a promotion under: of everything that it needs, what a cart has least often."""
    needs = [
        tuple(("code", code) for code in promotion.codes) if promotion.codes else None,
        promotion.benefit().keys(),
        promotion.when.keys() if promotion.when else None,
        promotion.customers.index_keys() if promotion.customers else None,
    ]
    return min((keys for keys in needs if keys is not None), key=keys_cost, default=(_ANYTHING,))


def _scopes(promotion: Promotion) -> Sequence[Key]:
    """Return where a promotion holds, by the narrowest of its bounds; the others are asked when it is a candidate."""
    for kind, names in (
        ("store", promotion.stores),
        ("group", promotion.store_groups),
        ("country", promotion.countries),
        ("channel", promotion.channels),
    ):
        if names:
            return [(kind, name) for name in dict.fromkeys(names)]
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


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All promotions of a shop, compiled. ``promotions`` stand in the total order."""

    hash: str
    lanes: tuple[Lane, ...]
    rounding: Rounding
    promotions: tuple[CompiledPromotion, ...]
    by_id: Mapping[PromotionId, CompiledPromotion]
    by_code: Mapping[str, tuple[CompiledPromotion, ...]]
    look_alikes: Mapping[str, str]
    """The one code that looks so, by what it looks like (see `engine.cart.codes.look_alike`)."""
    index: Index
    may_conflict: bool
    """Whether some promotion keeps others from the cart."""

    def code_meant(self, entered: str) -> str:
        """Return the code that is meant: itself where it is known, else the only known one that looks the same."""
        return entered if entered in self.by_code else self.look_alikes.get(look_alike(entered), entered)

    def with_codes_meant(self, basket: Basket) -> Basket:
        """Return the basket with the codes that are meant in place of those that were typed."""
        meant = tuple(dict.fromkeys(self.code_meant(code) for code in basket.codes))
        return basket if meant == basket.codes else replace(basket, codes=meant)


def compile_ruleset(
    promotions: Iterable[Promotion],
    lanes: tuple[Lane, ...] = DEFAULT_LANES,
    rounding: Rounding = Rounding.HALF_UP,
) -> Ruleset:
    """Compile checked promotions. Their order does not matter: the result is ordered by lane, priority and id."""
    rank = {lane.name: position for position, lane in enumerate(lanes)}
    ordered = sorted(promotions, key=lambda p: (rank[p.lane_name()], -p.priority, p.id))
    env = CompileEnv(Selections(), rounding, PromotionId(""))
    per = {lane.name: lane.per for lane in lanes}
    compiled = tuple(
        _compile(promotion, place, replace(env, by_unit=per[promotion.lane_name()] is Per.UNIT))
        for place, promotion in enumerate(ordered)
    )
    by_code: dict[str, list[CompiledPromotion]] = {}
    for promotion in compiled:
        for code in promotion.unlocked_by:
            by_code.setdefault(code, []).append(promotion)
    return Ruleset(
        hash=_hash(ordered, lanes, rounding),
        lanes=lanes,
        rounding=rounding,
        promotions=compiled,
        by_id={promotion.id: promotion for promotion in compiled},
        by_code={code: tuple(unlocked) for code, unlocked in by_code.items()},
        look_alikes=_look_alikes(by_code),
        index=Index(compiled),
        may_conflict=any(promotion.may_conflict() for promotion in ordered),
    )


def _compile(written: Promotion, place: int, env: CompileEnv) -> CompiledPromotion:
    benefit, conditions = written.benefit(), written.conditions()
    stated = [currencies for word in (benefit, *conditions) if (currencies := word.currencies()) is not None]
    asked_codes = [condition.any_of for condition in conditions if isinstance(condition, Codes)]
    asked_customers = [part for _, part in parts(written) if isinstance(part, Customers)]
    env = replace(env, promotion=PromotionId(written.id))
    return CompiledPromotion(
        id=PromotionId(written.id),
        place=place,
        lane=written.lane_name(),
        written=written,
        channels=_set(written.channels),
        stores=_set(written.stores),
        store_groups=_set(written.store_groups),
        countries=_set(written.countries),
        not_for=written.customers.compiled() if written.customers else None,
        codes=_set(written.codes),
        unlocked_by=frozenset(written.codes or ()).union(*asked_codes),
        asks_segments=any(customers.segments for customers in asked_customers),
        currencies=frozenset.intersection(*stated) if stated else None,
        test=written.when.compile(env) if written.when else None,
        propose=benefit.compile(env),
        make_bids=benefit.bids(env),
        at_most=benefit.at_most,
    )


def _set(words: tuple[str, ...] | None) -> frozenset[str] | None:
    return frozenset(words) if words is not None else None


def _look_alikes(codes: Iterable[str]) -> dict[str, str]:
    """Return codes by what they look like; those that look like another one only count as they are written."""
    found: dict[str, str | None] = {}
    for code in codes:
        looks = look_alike(code)
        found[looks] = None if looks in found else code
    return {looks: code for looks, code in found.items() if code is not None}


def _meaning(promotion: Promotion) -> dict[str, Any]:
    """Return a promotion as what it does: its lane even where it is the default, its codes wherever they stand."""
    written = promotion.model_dump(mode="json", exclude={"examples", "codes", "codes_from"})
    return written | {"lane": promotion.lane_name(), "codes": sorted(set(promotion.codes or ()))}


def _hash(ordered: Iterable[Promotion], lanes: tuple[Lane, ...], rounding: Rounding) -> str:
    """Name a rule set by what it means: file names, order, comments and examples do not matter."""
    canonical: dict[str, Any] = {
        "lanes": [lane.model_dump(mode="json") for lane in lanes],
        "rounding": rounding,
        "promotions": [_meaning(promotion) for promotion in ordered],
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
