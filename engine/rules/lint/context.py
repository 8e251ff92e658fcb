"""What the warnings look at: each promotion with its place, the goods it selects, and what it does to a product."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from engine.errors import Diagnostic, RefusedError, Severity
from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, LineDocument, read_cart
from engine.pricing.evaluation import Evaluation
from engine.pricing.shop import Shop
from engine.rules.check import Known, ParsedFile, ParsedPromotion, holds_in, lanes_of, loyalty_of, roundings_of
from engine.rules.evaluate import evaluate
from engine.rules.lint.goods import Goods
from engine.rules.model import Lane, LaneMode, Promotion
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.rules.selectors import Selector
from engine.rules.walk import selectors
from engine.rules.window import ALWAYS, Window, window_in
from engine.types import ChannelId, InstantMs, Sku, StoreId

QUANTITIES: Final = (1, 4, 20, 100)
"""How many of a product a cart is tried with, until the conditions of a promotion hold."""
PLACES_MAX: Final = 4
"""In so many pairs of channel and store a product is tried."""


_WHO_AND_WHERE = ("channels", "stores", "store_groups", "countries", "customers", "codes", "codes_from")


@dataclass(frozen=True, eq=False)
class Entry:
    """A promotion and where it is written."""

    file: ParsedFile
    parsed: ParsedPromotion

    @property
    def promotion(self) -> Promotion:
        """The promotion itself."""
        return self.parsed.model

    def warn(self, code: str, message: str, *steps: str | int, help: str = "") -> Diagnostic:
        """Build a warning that points at one of its values."""
        return self.file.fault(code, message, (*self.parsed.path, *steps), help, Severity.WARNING)

    @property
    def at(self) -> str:
        """Its file and line, for messages about another one."""
        return f"{self.file.source.name}:{self.file.node.place_of((*self.parsed.path, 'id')).line}"

    @cached_property
    def unconditional(self) -> Promotion:
        """The promotion for everybody, everywhere and always; what the cart must hold stays."""
        return self.promotion.model_copy(update={**dict.fromkeys(_WHO_AND_WHERE), "active": ALWAYS})

    def written(self, *steps: str) -> bool:
        """Say whether its author wrote a value there (`codes` may all come from a list)."""
        span = self.file.node.place_of((*self.parsed.path, *steps))
        return span != self.file.node.place_of((*self.parsed.path, *steps[:-1]))


class Context:
    """The rule files of a shop, ready for questions."""

    def __init__(
        self, files: Sequence[ParsedFile], shop: Shop, as_of_ms: InstantMs, stacks_above_bp: int | None
    ) -> None:
        self.shop = shop
        self.as_of_ms = as_of_ms
        self.stacks_above_bp = stacks_above_bp
        self.known = Known(shop, loyalty_of(files))
        self.goods = Goods(shop)
        self.lanes: tuple[Lane, ...] = lanes_of(files)
        self.rounding = roundings_of(files, all_read=True)[0]
        self.entries = [Entry(file, promotion) for file in files for promotion in file.promotions]
        self._rules: dict[tuple[Entry, ...], Ruleset] = {}
        self._places: dict[tuple[Entry, ...], list[tuple[ChannelId, StoreId]]] = {}
        self._kinds: dict[Sku, Hashable] = {}
        self._chosen: dict[Entry, list[frozenset[Sku]]] = {}
        self._baskets: dict[tuple[tuple[Sku, ...], int, ChannelId, StoreId], Basket | None] = {}

    def mode_of(self, promotion: Promotion) -> LaneMode:
        """Return how a promotion competes."""
        return next(lane.mode for lane in self.lanes if lane.name == promotion.lane_name())

    def windows(self, promotion: Promotion) -> list[Window]:
        """Return when it is active in each time zone that its stores have."""
        zones = dict.fromkeys(store.timezone for store in self.shop.stores.values() if holds_in(promotion, store))
        return [window_in(promotion.active, zone) for zone in zones]

    def places(self, promotions: Iterable[Promotion]) -> list[tuple[ChannelId, StoreId]]:
        """Return the pairs of channel and store in which all of these hold."""
        listed = list(promotions)
        return [
            (channel, store_id)
            for channel in self.shop.channels
            if all(not promotion.channels or channel in promotion.channels for promotion in listed)
            for store_id, store in self.shop.stores.items()
            if all(holds_in(promotion, store) for promotion in listed)
        ]

    def target(self, promotion: Promotion) -> frozenset[Sku]:
        """Return the products that its benefit may be on: those of `on`, else all goods, less `except`."""
        benefit = promotion.benefit()
        on, except_ = getattr(benefit, "on", None), getattr(benefit, "except_", None)
        chosen = self.goods.selected(on) if isinstance(on, Selector) else self.goods.all
        left = chosen - self.goods.always_selected(except_) if isinstance(except_, Selector) else chosen
        return left - self.goods.regulated

    def rules(self, *entries: Entry) -> Ruleset:
        """Compile promotions without what only some shoppers meet."""
        if entries not in self._rules:
            promotions = [entry.unconditional for entry in entries]
            self._rules[entries] = compile_ruleset(promotions, self.lanes, self.rounding)
        return self._rules[entries]

    def likeness(self, sku: Sku, entries: Iterable[Entry]) -> Hashable:
        """Return what these promotions see of a product: where two products have the same, they do the same to both."""
        if sku not in self._kinds:
            product, prices = self.shop.products[sku], self.shop.prices.breaks.get(sku, {})
            self._kinds[sku] = (product.range, product.unit, product.never_discount, tuple(sorted(prices.items())))
        return self._kinds[sku], tuple(sku in chosen for entry in entries for chosen in self._chosen_by(entry))

    def _chosen_by(self, entry: Entry) -> list[frozenset[Sku]]:
        if entry not in self._chosen:
            written = (entry.promotion.when, entry.promotion.give)
            self._chosen[entry] = [self.goods.selected(selector) for _, selector in selectors(written)]
        return self._chosen[entry]

    def priced(self, rules: Ruleset, skus: Sequence[Sku], quantity: int, entries: Sequence[Entry]) -> Evaluation | None:
        """Price so many of some products where these promotions hold; None where they cannot be had together."""
        key = tuple(entries)
        if key not in self._places:
            self._places[key] = self.places(entry.promotion for entry in entries)[:PLACES_MAX]
        for channel, store in self._places[key]:
            basket = self._basket(tuple(skus), quantity, channel, store)
            if basket is not None:
                return evaluate(basket, rules, every_outcome=True)
        return None

    def _basket(self, skus: tuple[Sku, ...], quantity: int, channel: ChannelId, store: StoreId) -> Basket | None:
        key = (skus, quantity, channel, store)
        if key not in self._baskets:
            lines = tuple(LineDocument.model_validate({"sku": sku, "quantity": quantity}) for sku in skus)
            try:
                read = read_cart(CartDocument(channel=channel, store=store, lines=lines), self.shop)
            except RefusedError:
                self._baskets[key] = None
            else:
                basket = build_basket(read.cart, self.shop, self.as_of_ms, read.explicit, read.closed)
                self._baskets[key] = None if basket.unavailable else basket
        return self._baskets[key]
