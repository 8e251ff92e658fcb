"""Rule files read promotion by promotion, and checked with each other and against the shop they are written for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.errors import Diagnostic, Severity, did_you_mean, one_of
from engine.money import Rounding
from engine.pricing.shop import Shop, Store
from engine.rules.benefits.gift import Gift
from engine.rules.conditions.context import Context
from engine.rules.conditions.delivery import Delivery
from engine.rules.conditions.experiment import Experiment
from engine.rules.conditions.weight import Weight
from engine.rules.customers import Customers
from engine.rules.loyalty import Loyalty
from engine.rules.model import DEFAULT_LANES, Example, Lane, Per, Promotion, RuleFile
from engine.rules.selectors import Selections, Selector
from engine.rules.vocabulary import CompileEnv, Word
from engine.rules.walk import parts, selectors
from engine.source import Node, Source, parse_yaml, validate, validate_parts, what_is_right
from engine.types import PromotionId

W = TypeVar("W")

_STAND_INS = {"id": "x", "give": {"order_percent_off": {"percent": "1%"}}}
_GOODS, _DELIVERY = "goods", "delivery or fees"
_KINDS = {**dict.fromkeys(("price", "item", "bundle", "order"), _GOODS), "shipping": _DELIVERY}
"""What the lanes that everybody has are for."""


@dataclass(frozen=True, slots=True)
class ParsedPromotion:
    """A promotion that was read; of a faulty one what is right of it, with stand-ins for the keys in `wrong`."""

    model: Promotion
    path: tuple[str | int, ...]
    wrong: frozenset[str]
    examples: Mapping[int, Example]
    """Those that can run: none where the promotion itself is not what its author meant."""

    def has(self, key: str) -> bool:
        """Say whether `key` is as its author wrote it."""
        return key not in self.wrong


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A rule file with its text, its nodes, and what of it fits the model."""

    source: Source
    node: Node
    head: RuleFile
    """The file without its promotions."""
    promotions: tuple[ParsedPromotion, ...]

    def fault(
        self,
        code: str,
        message: str,
        path: tuple[str | int, ...],
        repair: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """Build a diagnostic that points at the value at `path`."""
        return self.source.diagnostic(code, message, self.node.place_of(path), repair, severity)


def parse_rule_file(source: Source) -> tuple[ParsedFile | None, list[Diagnostic]]:
    """Read a file, each promotion for itself: a fault in one says nothing of the others. None where it is no YAML."""
    node, faults = parse_yaml(source)
    if node is None:
        return None, faults
    listed = node.child("promotions")
    if not isinstance(node.value, dict) or (listed is not None and not isinstance(listed.value, list)):
        _, more = validate(RuleFile, node, source)
        return ParsedFile(source, node, RuleFile(), ()), faults + more
    outside = replace(node, value={key: value for key, value in node.value.items() if key != "promotions"})
    head, found = validate_parts(RuleFile, outside, source)
    faults += [fault for _, fault in found]
    if head is None:
        head = what_is_right(RuleFile, outside, {str(path[0]) for path, _ in found if path}, {}) or RuleFile()
    promotions = []
    for place, each in enumerate(listed.value if listed is not None else ()):
        assert isinstance(each, Node)  # noqa: S101 - for the type checker
        promotion, more = _parse_promotion(each, ("promotions", place), source)
        faults += more
        promotions += [promotion] if promotion is not None else []
    return ParsedFile(source, node, head, tuple(promotions)), faults


def _parse_promotion(
    node: Node, path: tuple[str | int, ...], source: Source
) -> tuple[ParsedPromotion | None, list[Diagnostic]]:
    model, found = validate_parts(Promotion, node, source)
    faults = [fault for _, fault in found]
    if model is not None and node.sound():
        return ParsedPromotion(model, path, frozenset(), dict(enumerate(model.examples))), faults
    children = node.value if isinstance(node.value, dict) else {}
    unsound = {key for key, child in children.items() if not child.sound()}
    wrong = frozenset(unsound | {str(where[0]) for where, _ in found if where})
    if model is None:
        model = what_is_right(Promotion, node, wrong, _STAND_INS)
    if model is None:
        return None, faults
    examples = {}
    if wrong == {"examples"} and isinstance(children["examples"].value, list):
        for number, each in enumerate(children["examples"].value):
            example = validate(Example, each, source)[0] if each.sound() else None
            if example is not None:
                examples[number] = example
    return ParsedPromotion(model, path, wrong, examples), faults


def check_together(files: Sequence[ParsedFile], *, all_read: bool) -> Iterator[Diagnostic]:
    """Find what is only wrong across files: the same id twice, lanes or rounding said twice, an unknown lane, arms.

    With a file that could not be read, a lane may be one of that file.
    """
    ids: dict[str, str] = {}
    said: dict[str, str] = {}
    lanes = _known_lanes(files, all_read=all_read)
    for file in files:
        for key in ("lanes", "rounding", "loyalty"):
            if file.node.child(key) is not None:
                if key in said:
                    yield file.fault(
                        "said_twice", f"`{key}` is also written in {said[key]}", (key,), "keep one of the two"
                    )
                said.setdefault(key, file.source.name)
        yield from _check_lanes(file)
        yield from _check_ids(file, ids)
        for promotion in file.promotions:
            yield from _check_lane(file, promotion, lanes)
    if lanes is not None:
        per = {lane.name: lane.per for lane in lanes_of(files)}
        for file in files:
            for promotion in file.promotions:
                yield from _check_by_goods(file, promotion, per)
    yield from _check_arms(files)


def _check_arms(files: Iterable[ParsedFile]) -> Iterator[Diagnostic]:
    """Find experiments whose arms are written in two ways: a shopper would be in two arms at once, or in none."""
    said: dict[str, tuple[Experiment, str]] = {}
    sure = ((file, promotion) for file in files for promotion in file.promotions if promotion.has("when"))
    for file, promotion in sure:
        for path, part in parts(promotion.model, promotion.path):
            if isinstance(part, Experiment):
                first, where = said.setdefault(
                    part.name, (part, f"{file.source.name}:{file.node.place_of((*path, 'arms')).line}")
                )
                if part.arms != first.arms:
                    message = f"the arms of `{part.name}` are other ones in {where}"
                    yield file.fault("arms_differ", message, (*path, "arms"), "write the same arms and shares")


def _check_lanes(file: ParsedFile) -> Iterator[Diagnostic]:
    names = set()
    for place, name in enumerate(_texts(file.node, "lanes", "name")):
        if name in names:
            message = f"lane `{name}` is written twice"
            yield file.fault("duplicate_lane", message, ("lanes", place, "name"), "keep one of the two")
        names.add(name or object())


def _check_ids(file: ParsedFile, ids: dict[str, str]) -> Iterator[Diagnostic]:
    for place, id_ in enumerate(_texts(file.node, "promotions", "id")):
        path = ("promotions", place, "id")
        if id_ and id_ in ids:
            message = f"promotion `{id_}` is also written in {ids[id_]}"
            yield file.fault("duplicate_promotion", message, path, "give each promotion its own id")
        elif id_:
            ids[id_] = f"{file.source.name}:{file.node.place_of(path).line}"


def _check_lane(file: ParsedFile, promotion: ParsedPromotion, lanes: frozenset[str] | None) -> Iterator[Diagnostic]:
    written, path = promotion.model.lane, (*promotion.path, "lane")
    if lanes is None or not promotion.has("lane") or (written is None and not promotion.has("give")):
        return
    name, usual = promotion.model.lane_name(), promotion.model.benefit()
    if name not in lanes:
        help_ = did_you_mean(name, lanes, f"expected one of {one_of(list(lanes))}")
        yield file.fault("unknown_lane", f"there is no lane `{name}`", path, help_)
    elif written is not None and promotion.has("give") and usual.lane in lanes:
        here, there = _KINDS.get(name), _KINDS.get(usual.lane)
        if here and there and here != there:
            message = f"`{usual.word}` is about {there}, and lane `{name}` is one for {here}"
            help_ = f"leave `lane` out: it then runs in `{usual.lane}`"
            yield file.fault("unusual_lane", message, path, help_, Severity.WARNING)


def _check_by_goods(file: ParsedFile, promotion: ParsedPromotion, per: Mapping[str, Per]) -> Iterator[Diagnostic]:
    """Find what has no place in a lane that hands out lines or units, each by itself."""
    if not promotion.has("lane") or not promotion.has("give"):
        return
    lane, benefit = promotion.model.lane_name(), promotion.model.benefit()
    by = per.get(lane, Per.CART)
    if by is Per.CART:
        return
    path = (*promotion.path, "give", benefit.word)
    if benefit.bids(CompileEnv(Selections(), Rounding.HALF_UP, PromotionId(promotion.model.id))) is None:
        message = f"lane `{lane}` gives each {by} to its best promotion, and `{benefit.word}` is not about single items"
        yield file.fault("not_by_goods", message, path, "put it in another lane, or give the lane `per: cart`")
    elif getattr(benefit, "rounding", None) == "order":
        message = f"lane `{lane}` decides {by} by {by}, so nothing is rounded once over the order"
        yield file.fault("not_by_goods", message, (*path, "rounding"), "leave `rounding` out")


def _texts(node: Node, key: str, inner: str) -> list[str | None]:
    """Return a text of each entry of a list, None where there is none that is certain."""
    listed = node.child(key)
    entries = listed.value if listed is not None and isinstance(listed.value, list) else []
    texts = (entry.child(inner) for entry in entries)
    return [text.text() if text is not None else None for text in texts]


def _known_lanes(files: Iterable[ParsedFile], *, all_read: bool) -> frozenset[str] | None:
    """Return the names of the lanes, also of faulty ones; None where they cannot be told."""
    written = [(file, lanes) for file in files if (lanes := file.node.child("lanes")) is not None]
    if not written:
        return frozenset(lane.name for lane in DEFAULT_LANES) if all_read else None
    names = [name for file, _ in written for name in _texts(file.node, "lanes", "name")]
    if not names or None in names or any(lanes.hole or lanes.doubtful for _, lanes in written):
        return None
    return frozenset(name for name in names if name is not None)


def lanes_of(files: Iterable[ParsedFile]) -> tuple[Lane, ...]:
    """Return the lanes that the files define, else the default ones."""
    return next((file.head.lanes for file in files if file.head.lanes is not None), DEFAULT_LANES)


def loyalty_of(files: Iterable[ParsedFile]) -> Loyalty | None:
    """Return the loyalty programme, None where no file has one."""
    return next((file.head.loyalty for file in files if file.head.loyalty is not None), None)


def roundings_of(files: Iterable[ParsedFile], *, all_read: bool) -> tuple[Rounding, ...]:
    """Return the mode of rounding; every one that it may be, where that cannot be told."""
    written = [(file.head.rounding, node) for file in files if (node := file.node.child("rounding")) is not None]
    modes = {mode for mode, node in written if mode is not None and node.sound()}
    if len(modes) == len(written) == 1:
        return tuple(modes)
    return (Rounding.HALF_UP,) if not written and all_read else tuple(Rounding)


def check_against_shop(file: ParsedFile, promotion: ParsedPromotion, known: "Known") -> Iterator[Diagnostic]:
    """Find names that the shop does not know: channels and stores are errors, products and customers warnings.

    A product, category or segment may come later; a channel that does not exist is a typing error.
    """
    model, path = promotion.model, promotion.path
    yield from _check_promotion(file, model, path, known)
    for locale in model.label.keys() - known.locales:
        help_ = did_you_mean(locale, known.locales - {""}, f"the shop has {one_of(list(known.locales - {''}))}")
        place = file.node.place_of_key((*path, "label", locale))
        message = f"`{locale}` is not a locale of the shop: nobody reads this"
        yield file.source.diagnostic("unknown_locale", message, place, help_, Severity.WARNING)
    if promotion.wrong.isdisjoint({"give", "when", "stores", "store_groups", "countries"}):
        yield from _check_currencies(file, promotion, known)


def _check_currencies(file: ParsedFile, promotion: ParsedPromotion, known: "Known") -> Iterator[Diagnostic]:
    """Warn where no store of the promotion sells in a currency in which all its amounts are stated."""
    model, path = promotion.model, promotion.path
    left = sold = {store.currency for store in known.places if holds_in(model, store)}
    written = (*parts(model.give, ("give",)), *parts(model.when, ("when",)))
    words = ((steps, word) for steps, word in written if isinstance(word, Word))
    for steps, word in words if left else ():
        stated = word.currencies()
        if stated is not None and not (left & stated):
            why = "its amounts share no currency"
            if stated and not stated & sold:
                why = f"no store of it sells in {one_of(sorted(stated))}"
            message = f"promotion `{model.id}` can never apply: {why}"
            help_ = f"state each amount in {one_of(sorted(sold))} too"
            yield file.fault("unused_currency", message, (*path, *steps), help_, Severity.WARNING)
            return
        left = left & stated if stated is not None else left


def holds_in(promotion: Promotion, store: Store) -> bool:
    """Say whether a promotion holds in a store."""
    return (
        (not promotion.stores or store.id in promotion.stores)
        and (not promotion.store_groups or not set(promotion.store_groups).isdisjoint(store.groups))
        and (not promotion.countries or store.country in promotion.countries)
    )


class Known:
    """Every name that a rule may use, gathered once a load."""

    def __init__(self, shop: Shop, loyalty: Loyalty | None = None) -> None:
        products = shop.products.values()
        lists = shop.prices.lists
        self.channels = {str(channel) for channel in shop.channels}
        self.stores = {str(store) for store in shop.stores}
        self.places = tuple(shop.stores.values())
        self.store_groups = {group for store in self.places for group in store.groups}
        self.countries = {store.country for store in self.places}
        self.methods = set(shop.delivery_methods)
        self.fees = set(shop.fees)
        self.slots = {slot for method in shop.delivery_methods.values() for slot in method.slots}
        self.units = {product.unit for product in products if product.measured}
        self.locales = {"", *shop.locales, *(locale.partition("-")[0] for locale in shop.locales)}
        self.skus = {str(sku) for sku in shop.products}
        self.categories = {path for product in products for path in product.categories()}
        self.tags = {tag for product in products for tag in product.tags}
        self.attributes: dict[str, set[str]] = {}
        for product in products:
            for name, value in product.attributes.items():
                self.attributes.setdefault(name, set()).add(value)
        facts = shop.customers.values()
        self.tiers = {record.tier for record in facts} | {tier for price_list in lists for tier in price_list.tiers}
        if loyalty is not None and loyalty.tiers is not None:
            self.tiers |= {level.id for level in loyalty.tiers.levels}
        self.cards = {card.id for card in loyalty.stamps} if loyalty is not None else set()
        self.segments = {segment for record in facts for segment in record.segments} | {
            segment for price_list in lists for segment in price_list.segments
        }


def names_unknown(selector: Selector, known: Known) -> bool:
    """Say whether a selector, or one inside it, names something that the shop does not have."""

    def unknown(
        _what: str, words: Iterable[str] | None, names: set[str], *_steps: str | int, severity: Severity
    ) -> Iterator[str]:
        del severity
        return (word for word in words or () if word not in names)

    return any(any(_check_selector(part, (), known, unknown)) for _, part in selectors(selector))


def check_programme(file: ParsedFile, known: Known) -> Iterator[Diagnostic]:
    """Find names in the goods of a loyalty programme that the shop does not know."""
    unknown = _unknown_in(file, ("loyalty",))
    for steps, selector in selectors(file.head.loyalty):
        yield from _check_selector(selector, steps, known, unknown)


def _unknown_in(file: ParsedFile, path: tuple[str | int, ...]) -> Callable[..., Iterator[Diagnostic]]:
    """Return what tells of words that are unknown, by their steps from a place in a file."""

    def unknown(
        what: str, words: Iterable[str] | None, names: set[str], *steps: str | int, severity: Severity
    ) -> Iterator[Diagnostic]:
        for place, word in enumerate(words or ()):
            if word not in names and not file.node.at((*path, *steps, place)).hole:
                help_ = did_you_mean(
                    word, names, f"the shop has {one_of(list(names))}" if names else "the shop has none"
                )
                message = f"the shop has no {what} `{word}`"
                yield file.fault(f"unknown_{what}", message, (*path, *steps, place), help_, severity)

    return unknown


def _check_promotion(
    file: ParsedFile, promotion: Promotion, path: tuple[str | int, ...], known: Known
) -> Iterator[Diagnostic]:
    unknown = _unknown_in(file, path)
    error, warning = Severity.ERROR, Severity.WARNING
    for steps, part in parts(promotion):
        if isinstance(part, Promotion | Context):
            yield from unknown("channel", part.channels, known.channels, *steps, "channels", severity=error)
            yield from unknown("store", part.stores, known.stores, *steps, "stores", severity=error)
            yield from unknown("group", part.store_groups, known.store_groups, *steps, "store_groups", severity=error)
            yield from unknown("country", part.countries, known.countries, *steps, "countries", severity=error)
        elif isinstance(part, Customers):
            ordered = part.first_order_in.category if part.first_order_in else None
            of_order = (*steps, "first_order_in", "category")
            yield from unknown("tier", part.tiers, known.tiers, *steps, "tiers", severity=warning)
            yield from unknown("segment", part.segments, known.segments, *steps, "segments", severity=warning)
            yield from unknown("category", ordered, known.categories, *of_order, severity=warning)
        elif isinstance(part, Delivery):
            yield from unknown("method", part.methods, known.methods, *steps, "methods", severity=error)
            yield from unknown("slot", part.slots, known.slots, *steps, "slots", severity=error)
        elif isinstance(part, Weight):
            yield from unknown("unit", [part.unit], known.units, *steps, "unit", severity=warning)
    cards = [promotion.limits.stamps.card] if promotion.limits and promotion.limits.stamps else []
    yield from unknown("card", cards, known.cards, "limits", "stamps", "card", severity=warning)
    benefit = promotion.benefit()
    methods = getattr(benefit, "methods", None)
    yield from unknown("method", methods, known.methods, "give", benefit.word, "methods", severity=error)
    if isinstance(benefit, Gift):
        yield from unknown("sku", benefit.skus(), known.skus, "give", benefit.word, benefit.way(), severity=warning)
    fees = getattr(benefit, "fees", None)
    yield from unknown("fee", fees, known.fees, "give", benefit.word, "fees", severity=error)
    for steps, selector in (*selectors(promotion.when, ("when",)), *selectors(promotion.give, ("give",))):
        yield from _check_selector(selector, steps, known, unknown)


def _check_selector(
    selector: Selector,
    steps: tuple[str | int, ...],
    known: Known,
    unknown: Callable[..., Iterator[W]],
) -> Iterator[W]:
    """Check the words of one selector; those inside it come by themselves."""
    warning = Severity.WARNING
    yield from unknown("sku", selector.sku, known.skus, *steps, "sku", severity=warning)
    yield from unknown("category", selector.category, known.categories, *steps, "category", severity=warning)
    yield from unknown("tag", selector.tag, known.tags, *steps, "tag", severity=warning)
    for name, values in (selector.attribute or {}).items():
        if name not in known.attributes:
            yield from unknown("attribute", [name], set(known.attributes), *steps, "attribute", name, severity=warning)
        else:
            names = known.attributes[name]
            yield from unknown("value", values, names, *steps, "attribute", name, severity=warning)
