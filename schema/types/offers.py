"""Promotions as clients see them: which there are, and what became of each for a cart."""

from collections.abc import Sequence
from typing import Final

import strawberry
from strawberry import ID

from engine.errors import Diagnostic
from engine.fields import label_in
from engine.priced import RefusedLoad
from engine.pricing.evaluation import Measure, Outcome, OutcomeCode
from engine.rules.explain import Explanation, NearMiss
from engine.rules.packed import PromotionsAt
from engine.rules.ruleset import CompiledPromotion
from engine.rules.window import Hours, Window
from engine.types import Currency, InstantMs
from schema.context import Info, RequestContext
from schema.ids import encode_id
from schema.scalars import Long
from schema.types.money import MoneyView
from schema.types.node import Node
from schema.types.paging import Page, PageInfoView, page_of
from schema.views import field, object_type

strawberry.enum(OutcomeCode, name="OutcomeCode", description="The verdict on one promotion for one cart.")
strawberry.enum(Measure, name="Measure", description="What the numbers of an outcome count.")

_MONEY: Final = Measure.MONEY


@object_type("WeeklyHours")
class WeeklyHoursView:
    """Recurring hours, by the clock on the wall of the window's time zone."""

    __slots__ = ("_hours",)

    def __init__(self, hours: Hours) -> None:
        self._hours = hours.model_dump(mode="json", by_alias=True)

    @property
    def days(self) -> list[str]:
        """The days of the week: "mon" to "sun"."""
        return list(self._hours["days"])

    @property
    def from_(self) -> str:
        """The time of day when it opens: "17:00"."""
        return str(self._hours["from"])

    @property
    def until(self) -> str:
        """The time of day when it closes; at or before `from`, it is that of the next morning."""
        return str(self._hours["until"])


@object_type("PromotionWindow")
class PromotionWindowView:
    """When a promotion is active."""

    __slots__ = ("_window",)

    def __init__(self, window: Window) -> None:
        self._window = window

    @property
    def from_(self) -> InstantMs | None:
        """The instant at which it begins, null where it has always been."""
        return self._window.from_ms

    @property
    def until(self) -> InstantMs | None:
        """The instant at which it ends (it is not active at it any more), null where it does not end."""
        return self._window.until_ms

    @property
    def timezone(self) -> str:
        """The IANA zone of its hours."""
        return self._window.zone.key

    @property
    def weekly(self) -> list[WeeklyHoursView] | None:
        """Its recurring hours, null where it is active at all hours."""
        weekly = self._window.weekly
        return [WeeklyHoursView(hours) for hours in weekly] if weekly is not None else None


@object_type("Promotion", interfaces=(Node,))
class PromotionView:
    """An offer of the shop."""

    __slots__ = ("_context", "_promotion", "_window")

    def __init__(self, promotion: CompiledPromotion, context: RequestContext) -> None:
        shop = context.snapshot.shop
        self._promotion = promotion
        self._context = context
        self._window = promotion.window(shop.store_of(*context.place()).timezone)

    @property
    def id(self) -> ID:
        """Opaque; for `node`."""
        return encode_id("Promotion", self._promotion.id)

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file: what discounts, outcomes and explanations name."""
        return ID(self._promotion.id)

    @field("What shoppers call it, in one of the shop's languages; its first one by default.")
    def label(self, locale: str | None = None) -> str:
        """Return the text in `locale`, or what comes nearest, or the id."""
        locales = self._context.snapshot.shop.locales
        return label_in(self._promotion.written.label, locale or locales[0]) or self._promotion.id

    @property
    def lane(self) -> str:
        """The phase of pricing it competes in."""
        return self._promotion.lane

    @property
    def window(self) -> PromotionWindowView:
        """When it is active."""
        return PromotionWindowView(self._window)

    @property
    def active(self) -> bool:
        """Whether it is active now."""
        return self._window.is_open(self._context.now_ms)

    @property
    def opens_at(self) -> InstantMs | None:
        """The next instant at which it opens; null while it is active, and when it never opens again."""
        return None if self.active else self._window.opens_ms(self._context.now_ms)

    @property
    def channels(self) -> list[str] | None:
        """The codes of the channels it holds in, null for all."""
        return sorted(self._promotion.channels) if self._promotion.channels is not None else None

    @property
    def stores(self) -> list[str] | None:
        """The codes of the stores it holds in, null for all."""
        return sorted(self._promotion.stores) if self._promotion.stores is not None else None

    @property
    def tiers(self) -> list[str] | None:
        """The tiers of customers it is for, null for all."""
        customers = self._promotion.written.customers
        return sorted(set(customers.tiers)) if customers and customers.tiers is not None else None

    @property
    def needs_code(self) -> bool:
        """Whether a code must be entered for it."""
        return self._promotion.codes is not None


@object_type("PromotionEdge")
class PromotionEdgeView:
    """A promotion and its place in the list."""

    __slots__ = ("_context", "_index", "_page")

    def __init__(self, page: Page[CompiledPromotion], index: int, context: RequestContext) -> None:
        self._page = page
        self._index = index
        self._context = context

    @property
    def cursor(self) -> str:
        """For `after`."""
        return self._page.cursor(self._index)

    @property
    def node(self) -> PromotionView:
        """The promotion."""
        return PromotionView(self._page.items[self._index], self._context)


@object_type("PromotionConnection")
class PromotionConnectionView:
    """Promotions, in the order in which they are applied."""

    __slots__ = ("_context", "_page")

    def __init__(self, page: Page[CompiledPromotion], context: RequestContext) -> None:
        self._page = page
        self._context = context

    @property
    def edges(self) -> list[PromotionEdgeView]:
        """The promotions with their cursors."""
        return [PromotionEdgeView(self._page, index, self._context) for index in range(len(self._page.items))]

    @property
    def nodes(self) -> list[PromotionView]:
        """The promotions themselves."""
        return [PromotionView(promotion, self._context) for promotion in self._page.items]

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many there are in the whole list."""
        return self._page.count


@object_type("FileMessage")
class FileMessageView:
    """One fault in a file of the shop or its rules."""

    __slots__ = ("_diagnostic",)

    def __init__(self, diagnostic: Diagnostic) -> None:
        self._diagnostic = diagnostic

    @property
    def file(self) -> str:
        """The file."""
        return self._diagnostic.span.file

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return self._diagnostic.span.line

    @property
    def column(self) -> int:
        """The column, counted from 1."""
        return self._diagnostic.span.column

    @property
    def severity(self) -> str:
        """An "error", or a "warning" that refuses nothing."""
        return self._diagnostic.severity

    @property
    def code(self) -> str:
        """For programs."""
        return self._diagnostic.code

    @property
    def message(self) -> str:
        """What is wrong."""
        return self._diagnostic.message

    @property
    def help(self) -> str | None:
        """The likely repair."""
        return self._diagnostic.help or None


@object_type("RefusedLoad")
class RefusedLoadView:
    """Files that were not taken: what was loaded before goes on."""

    __slots__ = ("_refused",)

    def __init__(self, refused: RefusedLoad) -> None:
        self._refused = refused

    @property
    def at(self) -> InstantMs:
        """When they were looked at."""
        return self._refused.at_ms

    @property
    def messages(self) -> list[FileMessageView]:
        """Every fault, in the order of files and lines."""
        return [FileMessageView(diagnostic) for diagnostic in self._refused.diagnostics]


@object_type("Ruleset")
class RulesetView:
    """The promotions that are running."""

    __slots__ = ("_context",)

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    @property
    def hash(self) -> str:
        """Names the rules by what they mean: the same rules have the same hash everywhere."""
        return self._context.snapshot.ruleset.hash

    @property
    def loaded_at(self) -> InstantMs:
        """When they were loaded, by the clock of the service."""
        return self._context.snapshot.loaded_ms

    @property
    def last_refused(self) -> RefusedLoadView | None:
        """The newer files that were refused, null where there are none. For staff with scope `offers:read`."""
        refused = self._context.engine.last_refused if self._context.sees_all_offers else None
        return RefusedLoadView(refused) if refused else None

    @property
    def lanes(self) -> list[str]:
        """The phases of pricing, in their order."""
        return [lane.name for lane in self._context.snapshot.ruleset.lanes]

    @field("Those open to everybody, without code or segment; all of them for staff with scope `offers:read`.")
    def promotions(self, info: Info, first: int | None = None, after: str | None = None) -> PromotionConnectionView:
        """Return a page of what the caller may see."""
        page = page_of(visible_promotions(info.context), first, after)
        return PromotionConnectionView(page, info.context)


def visible_promotions(context: RequestContext) -> Sequence[CompiledPromotion]:
    """Return the promotions that the caller may be told of."""
    ruleset = context.snapshot.ruleset
    return ruleset.promotions if context.sees_all_offers else PromotionsAt(ruleset.promotions, ruleset.open_places)


@object_type("Outcome")
class OutcomeView:
    """The verdict on one promotion for one cart."""

    __slots__ = ("_currency", "_outcome")

    def __init__(self, outcome: Outcome, currency: Currency) -> None:
        self._outcome = outcome
        self._currency = currency

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._outcome.promotion)

    @property
    def code(self) -> OutcomeCode:
        """The verdict."""
        return self._outcome.code

    @property
    def granted(self) -> MoneyView:
        """What it took off."""
        return MoneyView(self._outcome.granted_minor, self._currency)

    @property
    def wanted(self) -> MoneyView:
        """What it would have taken off without caps and floors."""
        return MoneyView(self._outcome.wanted_minor, self._currency)

    @property
    def condition(self) -> str | None:
        """The word of the condition that failed, or of the benefit that lacks goods or spend: "spend", "n_for_m"."""
        return self._outcome.condition or None

    @property
    def measure(self) -> Measure | None:
        """What the next three numbers count: minor units of the cart's currency, units, products, or thousandths."""
        return self._outcome.measure

    @property
    def needed(self) -> Long | None:
        """What the condition asks for, or the first set or step of the benefit."""
        return Long(self._outcome.wanted) if self._outcome.measure else None

    @property
    def measured(self) -> Long | None:
        """What the cart has."""
        return Long(self._outcome.measured) if self._outcome.measure else None

    @property
    def distance(self) -> Long | None:
        """What is missing; 0 where more of something cannot help."""
        return Long(self._outcome.distance) if self._outcome.measure else None

    @property
    def opens_at(self) -> InstantMs | None:
        """For a closed window: when it next opens, null when it never does."""
        return self._outcome.opens_ms

    @property
    def detail(self) -> str | None:
        """The rival, channel, store, code, unit or goods at issue."""
        return self._outcome.detail or None


@object_type("Explanation")
class ExplanationView:
    """The verdict on one promotion in words."""

    __slots__ = ("_currency", "_explanation")

    def __init__(self, explanation: Explanation, currency: Currency) -> None:
        self._explanation = explanation
        self._currency = currency

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._explanation.outcome.promotion)

    @property
    def label(self) -> str:
        """What shoppers call it, in the cart's language."""
        return self._explanation.label

    @property
    def text(self) -> str:
        """The verdict as an English sentence; build other languages from `outcome`."""
        return self._explanation.text

    @property
    def outcome(self) -> OutcomeView:
        """The verdict as codes and numbers."""
        return OutcomeView(self._explanation.outcome, self._currency)


@object_type("NearMiss")
class NearMissView:
    """A promotion that a little more would unlock."""

    __slots__ = ("_currency", "_miss")

    def __init__(self, miss: NearMiss, currency: Currency) -> None:
        self._miss = miss
        self._currency = currency

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._miss.promotion)

    @property
    def label(self) -> str:
        """What shoppers call it, in the cart's language."""
        return self._miss.label

    @property
    def condition(self) -> str:
        """The word of the condition or benefit that asks for more, such as "spend" or "n_for_m"."""
        return self._miss.condition

    @property
    def measure(self) -> Measure:
        """What is missing: money, units, different products, or thousandths of a unit such as a kilogram."""
        return self._miss.measure

    @property
    def missing_amount(self) -> MoneyView | None:
        """How much money is missing, null where it is something else."""
        return MoneyView(self._miss.distance, self._currency) if self._miss.measure is _MONEY else None

    @property
    def missing_units(self) -> Long | None:
        """How many of them are missing, null where it is money."""
        return Long(self._miss.distance) if self._miss.measure is not _MONEY else None

    @property
    def text(self) -> str:
        """What is missing as an English sentence."""
        return self._miss.text
