"""What led to a cart and what happened to it, in words."""

import strawberry
from strawberry import ID

from engine.callers import Caller
from engine.cart.journey import Journey, Step, StepKind
from engine.cart.model import Cart, LogEntry
from engine.pricing.shop import Shop
from engine.pricing.timeline import Contribution, in_words
from engine.types import InstantMs
from schema.scalars import QuantityOut, quantity_out
from schema.types.log import LogEntryView
from schema.types.paging import Page, PageInfoView
from schema.views import object_type

strawberry.enum(StepKind, name="JourneyStepKind", description="What a shopper did on the way to a cart.")


@object_type("JourneyStep")
class StepView:
    """A search, or a product that was looked at."""

    __slots__ = ("_step",)

    def __init__(self, step: Step) -> None:
        self._step = step

    @property
    def kind(self) -> StepKind:
        """Which of the two."""
        return self._step.kind

    @property
    def text(self) -> str:
        """What was searched for, or the SKU."""
        return self._step.text

    @property
    def at(self) -> InstantMs:
        """When, by the clock of the store."""
        return self._step.at_ms

    @property
    def channel(self) -> str:
        """The channel that it was in."""
        return self._step.channel

    @property
    def store(self) -> str | None:
        """The store that it was in."""
        return self._step.store

    @property
    def device(self) -> str | None:
        """The device."""
        return self._step.device or None


@object_type("JourneyConnection")
class JourneyConnectionView:
    """Steps, newest first."""

    __slots__ = ("_journey", "_page")

    def __init__(self, page: Page[Step], journey: Journey) -> None:
        self._page = page
        self._journey = journey

    @property
    def nodes(self) -> list[StepView]:
        """The steps."""
        return [StepView(step) for step in self._page.items]

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many are kept."""
        return self._page.count

    @property
    def recorded(self) -> bool:
        """Whether steps are kept at all: false where the shopper switched it off."""
        return self._journey.recorded


@object_type("TimelineEntry")
class TimelineEntryView(LogEntryView):
    """Something that was done to a cart, in words."""

    __slots__ = ("_cart", "_shop")

    def __init__(self, entry: LogEntry, cart: Cart, shop: Shop, *, staff: bool) -> None:
        super().__init__(entry, staff=staff)
        self._cart = cart
        self._shop = shop

    @property
    def text(self) -> str:
        """What it did: an English sentence without its subject, with labels in the cart's language."""
        return in_words(self._entry, self._cart, self._shop)


@object_type("TimelineConnection")
class TimelineConnectionView:
    """Everything that was done to a cart and that the viewer may know of, newest first."""

    __slots__ = ("_cart", "_complete", "_page", "_shop", "_staff")

    def __init__(self, page: Page[LogEntry], cart: Cart, shop: Shop, viewer: Caller, *, complete: bool) -> None:
        self._page = page
        self._cart = cart
        self._shop = shop
        self._staff = viewer.sees_staff
        self._complete = complete

    @property
    def nodes(self) -> list[TimelineEntryView]:
        """What was done."""
        return [TimelineEntryView(entry, self._cart, self._shop, staff=self._staff) for entry in self._page.items]

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many there are."""
        return self._page.count

    @property
    def complete(self) -> bool:
        """Whether it reaches back to the beginning: old entries are forgotten, and newcomers may not know them."""
        return self._complete


@object_type("LineContribution")
class ContributionView:
    """What one channel contributed to a line."""

    __slots__ = ("_contribution", "_measured")

    def __init__(self, contribution: Contribution, *, measured: bool) -> None:
        self._contribution = contribution
        self._measured = measured

    @property
    def line_id(self) -> ID:
        """The line."""
        return ID(self._contribution.line)

    @property
    def channel(self) -> str:
        """The channel."""
        return self._contribution.channel

    @property
    def found_at(self) -> InstantMs | None:
        """When the cart's owner looked at the product there, before it was added; for them and staff by scope."""
        return self._contribution.found_ms

    @property
    def added(self) -> QuantityOut:
        """How much was added there."""
        return quantity_out(self._contribution.added, measured=self._measured)

    @property
    def changes(self) -> int:
        """How often it was changed there."""
        return self._contribution.changes

    @property
    def handed_over(self) -> bool:
        """Whether the cart was handed over to this channel with the line in it."""
        return self._contribution.handed_over
