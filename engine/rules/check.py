"""Checks across rule files, and against the shop that they are written for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.errors import Diagnostic, Severity, did_you_mean, one_of
from engine.pricing.shop import Shop
from engine.rules.model import Lane, Promotion, RuleFile
from engine.rules.selectors import Selector
from engine.source import Node, Source


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A rule file with its text, its nodes and its model."""

    source: Source
    node: Node
    model: RuleFile

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


def check_together(files: Iterable[ParsedFile]) -> Iterator[Diagnostic]:
    """Find what is only wrong across files: the same id twice, lanes or rounding said twice, an unknown lane."""
    ids: dict[str, str] = {}
    said: dict[str, str] = {}
    listed = list(files)
    lanes = [lane.name for lane in lanes_of(listed)]
    for file in listed:
        for key in ("lanes", "rounding"):
            if getattr(file.model, key) is not None:
                if key in said:
                    yield file.fault(
                        "said_twice", f"`{key}` is also written in {said[key]}", (key,), "keep one of the two"
                    )
                said.setdefault(key, file.source.name)
        for position, promotion in enumerate(file.model.promotions):
            path = ("promotions", position)
            if promotion.id in ids:
                message = f"promotion `{promotion.id}` is also written in {ids[promotion.id]}"
                yield file.fault("duplicate_promotion", message, (*path, "id"), "give each promotion its own id")
            ids.setdefault(promotion.id, f"{file.source.name}:{file.node.place_of((*path, 'id')).line}")
            if promotion.lane_name() not in lanes:
                name = promotion.lane_name()
                help_ = did_you_mean(name, lanes, f"expected one of {one_of(lanes)}")
                yield file.fault("unknown_lane", f"there is no lane `{name}`", (*path, "lane"), help_)


def lanes_of(files: Iterable[ParsedFile]) -> tuple[Lane, ...]:
    """Return the lanes that the files define, else the default ones."""
    from engine.rules.model import DEFAULT_LANES

    return next((file.model.lanes for file in files if file.model.lanes is not None), DEFAULT_LANES)


def check_against_shop(files: Iterable[ParsedFile], shop: Shop) -> Iterator[Diagnostic]:
    """Find names that the shop does not know: channels and stores are errors, products and customers warnings.

    A product, category or segment may come later; a channel that does not exist is a typing error.
    """
    known = _Known(shop)
    for file in files:
        for position, promotion in enumerate(file.model.promotions):
            yield from _check_promotion(file, promotion, ("promotions", position), known)


class _Known:
    """Every name that a rule may use, gathered once a load."""

    def __init__(self, shop: Shop) -> None:
        products = shop.products.values()
        lists = shop.prices.lists
        self.channels = {str(channel) for channel in shop.channels}
        self.stores = {str(store) for store in shop.stores}
        self.methods = set(shop.delivery_methods)
        self.skus = {str(sku) for sku in shop.products}
        self.categories = {path for product in products for path in product.categories()}
        self.tags = {tag for product in products for tag in product.tags}
        self.attributes: dict[str, set[str]] = {}
        for product in products:
            for name, value in product.attributes.items():
                self.attributes.setdefault(name, set()).add(value)
        facts = shop.customers.values()
        self.tiers = {record.tier for record in facts} | {tier for price_list in lists for tier in price_list.tiers}
        self.segments = {segment for record in facts for segment in record.segments} | {
            segment for price_list in lists for segment in price_list.segments
        }


def _check_promotion(
    file: ParsedFile, promotion: Promotion, path: tuple[str | int, ...], known: _Known
) -> Iterator[Diagnostic]:
    def unknown(
        what: str, words: Iterable[str] | None, names: set[str], *steps: str | int, severity: Severity
    ) -> Iterator[Diagnostic]:
        for place, word in enumerate(words or ()):
            if word not in names:
                help_ = did_you_mean(
                    word, names, f"the shop has {one_of(list(names))}" if names else "the shop has none"
                )
                message = f"the shop has no {what} `{word}`"
                yield file.fault(f"unknown_{what}", message, (*path, *steps, place), help_, severity)

    error, warning = Severity.ERROR, Severity.WARNING
    yield from unknown("channel", promotion.channels, known.channels, "channels", severity=error)
    yield from unknown("store", promotion.stores, known.stores, "stores", severity=error)
    if promotion.customers:
        customers = promotion.customers
        yield from unknown("tier", customers.tiers, known.tiers, "customers", "tiers", severity=warning)
        yield from unknown("segment", customers.segments, known.segments, "customers", "segments", severity=warning)
    benefit = promotion.benefit()
    methods = getattr(benefit, "methods", None)
    yield from unknown("method", methods, known.methods, "give", benefit.word, "methods", severity=error)
    for steps, selector in _selectors(promotion):
        yield from _check_selector(selector, steps, known, unknown)


def _selectors(promotion: Promotion) -> Iterator[tuple[tuple[str | int, ...], Selector]]:
    """Yield every selector of a promotion with its path."""
    words = [("give", promotion.benefit()), *(("when", condition) for condition in promotion.conditions())]
    for parent, word in words:
        for name, field in type(word).model_fields.items():
            value, key = getattr(word, name), field.alias or name
            if isinstance(value, Selector):
                yield (parent, word.word, key), value
            elif isinstance(value, tuple):
                for position, item in enumerate(value):
                    if isinstance(item, Selector):
                        yield (parent, word.word, key, position), item


def _check_selector(
    selector: Selector,
    steps: tuple[str | int, ...],
    known: _Known,
    unknown: Callable[..., Iterator[Diagnostic]],
) -> Iterator[Diagnostic]:
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
    nested = [
        *((("and", i), part) for i, part in enumerate(selector.all_of or ())),
        *((("or", i), part) for i, part in enumerate(selector.any_of or ())),
        *([(("not",), selector.none_of)] if selector.none_of else []),
    ]
    for more, part in nested:
        yield from _check_selector(part, (*steps, *more), known, unknown)
