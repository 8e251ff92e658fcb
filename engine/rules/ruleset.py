"""The compiled rule set: immutable, named by the hash of its canonical form, found through an index."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from engine.cart.codes import look_alike, series_word
from engine.money import Rounding
from engine.pricing.basket import Basket
from engine.pricing.shop import Store
from engine.pricing.tally import Tally
from engine.rules.best.bids import Bids, Stock
from engine.rules.conditions.active import ActiveCondition
from engine.rules.conditions.codes import Codes
from engine.rules.customers import Customers, Unmet
from engine.rules.index import Entry, Index, entry_of
from engine.rules.loyalty import Loyalty
from engine.rules.model import DEFAULT_LANES, Lane, Per, Promotion
from engine.rules.selectors import Selections
from engine.rules.thresholds import Threshold, thresholds
from engine.rules.vocabulary import CompileEnv, MakeBids, Propose, Test
from engine.rules.walk import parts
from engine.rules.window import ALWAYS, Active, Window, window_in
from engine.types import Currency, PromotionId

K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P")


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
    test_thresholds: tuple[Threshold, ...]
    """Of its conditions, from which amounts on they depend on what others take off."""
    propose: Propose
    give_thresholds: tuple[Threshold, ...]
    """Of its benefit, likewise."""
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

    @property
    def partial_budget(self) -> bool:
        """Whether the last order gets what is left of its budget."""
        return self.written.limits is not None and self.written.limits.partial

    def cap_minor(self, tally: Tally) -> int | None:
        """Return the most that it gives a cart: by its own cap, and by what is left of a budget."""
        basket = tally.basket
        cap_minor = self.at_most[basket.currency] if self.at_most else None
        limits = self.written.limits
        if limits is None or not limits.partial or limits.budget is None:
            return cap_minor
        # Of a budget that nobody has touched all is left, which may be less than it would give here.
        left_minor = basket.closed.left_minor.get(self.id, limits.budget.get(basket.currency))
        return min((cap for cap in (cap_minor, left_minor) if cap is not None), default=None)

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


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All promotions of a shop, compiled. ``promotions`` stand in the total order."""

    hash: str
    lanes: tuple[Lane, ...]
    rounding: Rounding
    promotions: Sequence[CompiledPromotion]
    by_id: Mapping[PromotionId, CompiledPromotion]
    by_code: Mapping[str, Sequence[CompiledPromotion]]
    look_alikes: Mapping[str, str | None]
    """The one code that looks so, by what it looks like (see `engine.cart.codes.look_alike`); None where several do."""
    by_lane: Mapping[str, Sequence[int]]
    """The places of the promotions of each lane that has any."""
    open_places: Sequence[int]
    """The places of the promotions that any shopper may be told about."""
    limited_places: Sequence[int]
    """The places of the promotions that have limits."""
    windows: Collection[Active]
    """Each window in which some promotion is active or a condition holds, once; not the one that is always open."""
    index: Index
    may_conflict: bool
    """Whether some promotion keeps others from the cart."""
    loyalty: Loyalty | None
    """The loyalty programme, None where there is none."""

    def code_meant(self, entered: str) -> str:
        """Return the code that is meant: itself where it is known, else the only known one that looks the same."""
        return entered if entered in self.by_code else self.look_alikes.get(look_alike(entered)) or entered

    def word_meant(self, code: str, basket: Basket) -> str:
        """Return what a code of a basket stands for: of one that an order brought its series, as long as it is good."""
        voucher = basket.vouchers.get(code)
        if voucher is None:
            return self.code_meant(code)
        return code if voucher.ended_at(basket.as_of_ms) else series_word(voucher.series)

    def with_codes_meant(self, basket: Basket) -> Basket:
        """Return the basket with the codes that are meant in place of those that were typed."""
        meant = tuple(dict.fromkeys(self.word_meant(code, basket) for code in basket.codes))
        return basket if meant == basket.codes else replace(basket, codes=meant)


def compile_ruleset(
    promotions: Iterable[Promotion],
    lanes: tuple[Lane, ...] = DEFAULT_LANES,
    rounding: Rounding = Rounding.HALF_UP,
    loyalty: Loyalty | None = None,
) -> Ruleset:
    """Compile checked promotions. Their order does not matter: the result is ordered by lane, priority and id."""
    rank = {lane.name: position for position, lane in enumerate(lanes)}
    ordered = sorted(promotions, key=lambda p: (rank[p.lane_name()], -p.priority, p.id))
    compiler = Compiler(lanes, rounding)
    compiled = tuple(compiler.compiled(promotion, place) for place, promotion in enumerate(ordered))
    assembly = Assembly()
    for promotion in compiled:
        assembly.add(head_of(promotion))
    name = RulesetName(
        hash=_hash(ordered, lanes, rounding, loyalty),
        lanes=lanes,
        rounding=rounding,
        may_conflict=any(promotion.may_conflict() for promotion in ordered),
        loyalty=loyalty,
    )
    return assembly.ruleset(name, compiled)


@dataclass(frozen=True, slots=True)
class RulesetName:
    """What a rule set is beside its promotions."""

    hash: str
    lanes: tuple[Lane, ...]
    rounding: Rounding
    may_conflict: bool
    loyalty: Loyalty | None


class Head(NamedTuple):
    """What a rule set knows of a promotion that no cart has met yet."""

    id: PromotionId
    lane: str
    for_everybody: bool
    limited: bool
    unlocked_by: tuple[str, ...]
    windows: tuple[Active, ...]
    entry: Entry


def head_of(promotion: CompiledPromotion) -> Head:
    """Return what is known of a promotion without compiling it."""
    conditions = [word for word in promotion.written.conditions() if isinstance(word, ActiveCondition)]
    return Head(
        promotion.id,
        promotion.lane,
        promotion.for_everybody,
        promotion.written.limits is not None,
        tuple(sorted(promotion.unlocked_by)),
        tuple(window for window in (promotion.written.active, *conditions) if window != ALWAYS),
        entry_of(promotion.written, promotion.place, with_code=bool(promotion.unlocked_by)),
    )


class Assembly:
    """Puts a rule set together, one promotion after the other in the total order."""

    def __init__(self) -> None:
        self._places: dict[PromotionId, int] = {}
        self._by_code: dict[str, list[int]] = {}
        self._look_alikes: dict[str, str | None] = {}
        self._by_lane: dict[str, list[int]] = {}
        self._open_places: list[int] = []
        self._limited_places: list[int] = []
        self._windows: dict[Active, None] = {}
        self._index = Index()

    def add(self, head: Head) -> None:
        """Add the next promotion."""
        place = self._places[head.id] = head.entry.place
        self._by_lane.setdefault(head.lane, []).append(place)
        if head.for_everybody:
            self._open_places.append(place)
        if head.limited:
            self._limited_places.append(place)
        for code in head.unlocked_by:
            if code not in self._by_code:
                looks = look_alike(code)
                self._look_alikes[looks] = None if looks in self._look_alikes else code
            self._by_code.setdefault(code, []).append(place)
        self._windows.update(dict.fromkeys(head.windows))
        self._index.add(head.entry)

    def ruleset(self, name: RulesetName, promotions: Sequence[CompiledPromotion]) -> Ruleset:
        """Return the rule set of the promotions that were added."""
        return Ruleset(
            hash=name.hash,
            lanes=name.lanes,
            rounding=name.rounding,
            promotions=promotions,
            by_id=_Through(self._places, promotions.__getitem__),
            by_code=_Through(self._by_code, lambda places: tuple(promotions[place] for place in places)),
            look_alikes=self._look_alikes,
            by_lane=self._by_lane,
            open_places=self._open_places,
            limited_places=self._limited_places,
            windows=self._windows.keys(),
            index=self._index,
            may_conflict=name.may_conflict,
            loyalty=name.loyalty,
        )


class _Through(Mapping[K, V]):
    """Looks up where something is, then what is there: nothing is made that nobody asks for."""

    __slots__ = ("_places", "_there")

    def __init__(self, places: Mapping[K, P], there: Callable[[P], V]) -> None:
        self._places = places
        self._there = there

    def __getitem__(self, key: K) -> V:
        return self._there(self._places[key])

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[K]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Compiler:
    """Compiles promotions; those that choose the same goods share one selection."""

    def __init__(self, lanes: Iterable[Lane], rounding: Rounding) -> None:
        self._env = CompileEnv(Selections(), rounding, PromotionId(""))
        self._by_unit = {lane.name: lane.per is Per.UNIT for lane in lanes}

    def compiled(self, written: Promotion, place: int) -> CompiledPromotion:
        """Compile a checked promotion that stands at this place in the total order."""
        by_unit = self._by_unit[written.lane_name()]
        return _compile(written, place, replace(self._env, promotion=PromotionId(written.id), by_unit=by_unit))


def _compile(written: Promotion, place: int, env: CompileEnv) -> CompiledPromotion:
    benefit, conditions = written.benefit(), written.conditions()
    stated = [currencies for word in (benefit, *conditions) if (currencies := word.currencies()) is not None]
    if written.limits is not None and written.limits.budget is not None:
        stated.append(frozenset(written.limits.budget))
    asked_codes = [condition.any_of for condition in conditions if isinstance(condition, Codes)]
    asked_customers = [part for _, part in parts(written) if isinstance(part, Customers)]
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
        test_thresholds=tuple(thresholds(written.when)),
        propose=benefit.compile(env),
        give_thresholds=tuple(thresholds(benefit)),
        make_bids=benefit.bids(env),
        at_most=benefit.at_most,
    )


def _set(words: tuple[str, ...] | None) -> frozenset[str] | None:
    return frozenset(words) if words is not None else None


def _meaning(promotion: Promotion) -> dict[str, Any]:
    """Return a promotion as what it does: its lane even where it is the default, its codes wherever they stand."""
    apart = {"examples", "codes", "codes_from"} | ({"limits"} if promotion.limits is None else set())
    written = promotion.model_dump(mode="json", exclude=apart)
    return written | {"lane": promotion.lane_name(), "codes": sorted(set(promotion.codes or ()))}


def _hash(ordered: Iterable[Promotion], lanes: tuple[Lane, ...], rounding: Rounding, loyalty: Loyalty | None) -> str:
    """Name a rule set by what it means: file names, order, comments and examples do not matter."""
    canonical: dict[str, Any] = {
        "lanes": [lane.model_dump(mode="json") for lane in lanes],
        "rounding": rounding,
        "promotions": [_meaning(promotion) for promotion in ordered],
    }
    if loyalty is not None:
        canonical["loyalty"] = loyalty.model_dump(mode="json")
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
