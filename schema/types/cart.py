"""The cart as clients see it."""

from collections.abc import Hashable, Iterable
from functools import cached_property

from strawberry import ID

from engine.callers import Caller, Scope
from engine.cart.handoff import Discretion, Share, discretion_towards
from engine.cart.viewing import Viewer
from engine.journey_service import journey_of_cart, told_log
from engine.loyalty_service import loyalty_of_cart
from engine.priced import PricedCart
from engine.pricing.differences import LineDifference, line_differences, total_difference_minor
from engine.pricing.evaluation import EvaluatedLine
from engine.pricing.member_totals import member_totals
from engine.pricing.notices import Notice, NoticeCode
from engine.pricing.timeline import contributions
from engine.remembered import Remembered
from engine.types import ChannelId, InstantMs, PromotionId, StoreId
from engine.viewing import since_last_seen
from schema.context import Info
from schema.ids import encode_id, key_of
from schema.types.adjustments import AdjustmentView
from schema.types.amounts import (
    CartCodeView,
    CartWarningView,
)
from schema.types.checkout import CartCheckoutView
from schema.types.extras import GiftChoiceView
from schema.types.handoffs import LeaseView, SoldView
from schema.types.journey import ContributionView, JourneyConnectionView, TimelineConnectionView
from schema.types.line import DeliveryChoiceView, LineItemConnectionView, LineItemView, priced_lines
from schema.types.loyalty import CartLoyaltyView
from schema.types.members import MemberTotalView, MemberView, SuggestionView, budget_view, suggestions_of
from schema.types.money import MoneyView
from schema.types.node import Node
from schema.types.offers import ExplanationView, NearMissView
from schema.types.paging import Page, PageInfoView, page_of
from schema.types.priced import PricedParts
from schema.types.viewing import SinceSeenView, ViewerView
from schema.views import KeepsAnswers, field, object_type


def warnings_for(notices: Iterable[Notice], discretion: Discretion) -> list[CartWarningView]:
    """Return the warnings for a viewer; the one about delivery names the place, which `deliveries` may withhold."""
    secret = {NoticeCode.DELIVERY_UNAVAILABLE} if Share.ADDRESS in discretion.withheld else set()
    return [CartWarningView(notice) for notice in notices if notice.code not in secret]


class _Priced(PricedParts):
    """What a cart shows wherever it is priced now."""

    __slots__ = ()

    _staff: bool
    """Whether the viewer may be told of all promotions."""

    @property
    def warnings(self) -> list[CartWarningView]:
        """What its shopper may not expect."""
        return warnings_for(self._priced.notices(staff=self._staff), self._discretion)


@object_type("LinePriceSide")
class LineSideView:
    """A line as one of two places prices it."""

    __slots__ = ("_line", "_owner")

    def __init__(self, line: EvaluatedLine, owner: PricedCart) -> None:
        self._line = line
        self._owner = owner

    @property
    def available(self) -> bool:
        """Whether it is sold there."""
        return self._line.unavailable is None

    @property
    def unit_list_price(self) -> MoneyView | None:
        """What one unit costs before discounts, null where it is not available."""
        return MoneyView(self._line.unit_list_minor, self._owner.evaluation.currency) if self.available else None

    @property
    def total(self) -> MoneyView:
        """What is left after all discounts."""
        return MoneyView(self._line.total_minor, self._owner.evaluation.currency)

    @property
    def price_list(self) -> str | None:
        """The price list it comes from."""
        return self._line.price_list


@object_type("LineDifference")
class LineDifferenceView:
    """A line where the cart is, and in another place."""

    __slots__ = ("_difference", "_here", "_there")

    def __init__(self, difference: LineDifference, here: PricedCart, there: PricedCart) -> None:
        self._difference = difference
        self._here = here
        self._there = there

    @property
    def line_id(self) -> ID:
        """The line."""
        return ID(self._difference.here.line)

    @property
    def here(self) -> LineSideView:
        """Where the cart is."""
        return LineSideView(self._difference.here, self._here)

    @property
    def there(self) -> LineSideView:
        """In the other place."""
        return LineSideView(self._difference.there, self._there)

    @property
    def total_difference(self) -> MoneyView | None:
        """What it costs more there, negative where less; null where the currencies differ."""
        minor = self._difference.total_minor
        return MoneyView(minor, self._here.evaluation.currency) if minor is not None else None


@object_type("CartPricedElsewhere")
class CartElsewhereView(_Priced):
    """A cart as another channel or store would price it; the cart itself does not move."""

    __slots__ = ("_discretion", "_here", "_priced", "_staff")

    def __init__(self, priced: PricedCart, here: PricedCart, discretion: Discretion, *, staff: bool) -> None:
        self._priced = priced
        self._discretion = discretion
        self._here = here
        self._staff = staff

    @property
    def channel(self) -> str:
        """The code of the other channel."""
        return self._priced.cart.channel

    @property
    def store(self) -> str:
        """The code of the store that decides prices there."""
        return self._priced.basket.store.id

    @property
    def total_difference(self) -> MoneyView | None:
        """What there is to pay more there, negative where less; null where the currencies differ."""
        minor = total_difference_minor(self._here.evaluation, self._priced.evaluation)
        return MoneyView(minor, self._here.evaluation.currency) if minor is not None else None

    @field("The lines, priced there.")
    def lines(self, first: int | None = None, after: str | None = None) -> LineItemConnectionView:
        """Return a page of the lines."""
        return LineItemConnectionView(page_of(priced_lines(self._priced, self._discretion), first, after))

    @property
    def differences(self) -> list[LineDifferenceView]:
        """Each line here and there."""
        return [
            LineDifferenceView(difference, self._here, self._priced)
            for difference in line_differences(self._here.evaluation, self._priced.evaluation)
        ]


class _Content(_Priced):
    """What shoppers put into a cart, priced."""

    def __init__(self, priced: PricedCart, viewer: Caller, discretion: Discretion | None = None) -> None:
        self._priced = priced
        self._discretion = discretion or discretion_towards(priced.cart, viewer.member)
        self._staff = viewer.may(Scope.OFFERS_READ)
        self._sees_staff = viewer.sees_staff

    @cached_property
    def _lines(self) -> list[LineItemView]:
        return priced_lines(self._priced, self._discretion)

    @property
    def version(self) -> int:
        """Goes up by one with every change."""
        return self._priced.cart.version

    @property
    def note(self) -> str | None:
        """The shopper's note."""
        return None if Share.ADDRESS in self._discretion.withheld else self._priced.cart.note or None

    @property
    def members_totals(self) -> list[MemberTotalView]:
        """What each member has in it; they sum to `totals`. What is only suggested does not count."""
        evaluation = self._priced.evaluation
        return [MemberTotalView(total, evaluation.currency) for total in member_totals(self._priced.cart, evaluation)]

    @property
    def suggestions(self) -> list[SuggestionView]:
        """What waits until an editor or the owner approves it; it is in no total."""
        return suggestions_of(self._priced)

    @field("The lines, in the order in which they were added.")
    def lines(self, first: int | None = None, after: str | None = None) -> LineItemConnectionView:
        """Return a page of the lines."""
        return LineItemConnectionView(page_of(self._lines, first, after))

    @property
    def codes(self) -> list[CartCodeView]:
        """The codes that were entered, and what became of them."""
        verdicts = {verdict.canonical: verdict for verdict in self._priced.evaluation.codes}
        return [
            CartCodeView(entry, verdicts[entry.canonical], self._priced, staff=self._staff)
            for entry in self._priced.cart.codes
        ]

    @property
    def adjustments(self) -> list[AdjustmentView]:
        """What staff changed by hand, in the order in which they did. Who, as whom and their note are told to staff."""
        evaluation = self._priced.evaluation
        return [AdjustmentView(each, self._priced, staff=self._sees_staff) for each in evaluation.adjustments]

    @property
    def gift_choices(self) -> list[GiftChoiceView]:
        """The gifts that the shopper may choose, chosen ones too."""
        return [GiftChoiceView(choice) for choice in self._priced.gift_choices(staff=self._staff)]


@object_type("CartPreview")
class CartPreviewView(_Content):
    """A cart as it would be. It has no id, so that no client takes it for the cart as it is."""


@object_type("Cart", interfaces=(Node,))
class CartView(_Content, KeepsAnswers):
    """What shoppers want, priced where the cart is, with its owner's offers, for every viewer alike."""

    def __init__(
        self,
        priced: PricedCart,
        viewer: Caller,
        present: tuple[Viewer, ...] | None = None,
        discretion: Discretion | None = None,
    ) -> None:
        """Show a cart to a viewer; in a feed also to others like them, with those who are `present`."""
        super().__init__(priced, viewer, discretion)
        self._present = present

    def answers_kept(self) -> tuple[Remembered[Hashable, bytes], Hashable] | None:
        """Return what was written of this version, and what makes viewers see it alike."""
        kept = self._priced.answers
        return None if kept is None else (kept, (self._staff, self._sees_staff, self._discretion))

    @property
    def id(self) -> ID:
        """Opaque; what `cart`, `node` and every mutation mean it by."""
        return encode_id("Cart", self._priced.cart.id)

    @property
    def channel(self) -> str:
        """The code of the channel that the cart is priced in."""
        return self._priced.cart.channel

    @property
    def store(self) -> str | None:
        """The code of the store that it was put in, null where the channel decides."""
        return self._priced.cart.store

    @property
    def locale(self) -> str:
        """The language of its labels."""
        return self._priced.cart.locale

    @property
    def customer_id(self) -> ID | None:
        """The customer whose cart it is, null for a guest's."""
        customer = self._priced.cart.customer
        return ID(customer) if customer else None

    @property
    def delivery(self) -> DeliveryChoiceView | None:
        """How the goods are to reach the shopper, where a line does not say otherwise."""
        choice = self._discretion.shown(self._priced.cart.delivery)
        return DeliveryChoiceView(choice) if choice else None

    @property
    def payment_method(self) -> str | None:
        """How the shopper is going to pay, null until that is known."""
        return None if Share.PAYMENT in self._discretion.withheld else self._priced.cart.payment_method or None

    @property
    def checkout(self) -> CartCheckoutView | None:
        """The checkout that the cart is in: nobody changes it meanwhile. Null where it is in none."""
        freeze = self._priced.cart.freeze_at(self._priced.as_of_ms)
        return CartCheckoutView(self._priced.cart.id, freeze, sees_staff=self._sees_staff) if freeze else None

    @property
    def order_number(self) -> str | None:
        """The number of the order that the cart became: it changes no more. Null before."""
        ordered = self._priced.cart.ordered
        return ordered.number if ordered else None

    @property
    def created_at(self) -> InstantMs:
        """When it was made."""
        return self._priced.cart.created_ms

    @property
    def updated_at(self) -> InstantMs:
        """When it was last changed."""
        return self._priced.cart.updated_ms

    @property
    def expires_at(self) -> InstantMs:
        """When it is gone if nobody changes it."""
        return self._priced.cart.expires_ms

    @property
    def lease(self) -> LeaseView | None:
        """The device that has it now, so that all others read only; null where it is with nobody."""
        lease = self._priced.cart.lease_at(self._priced.as_of_ms)
        return LeaseView(lease, sees_staff=self._sees_staff) if lease else None

    @property
    def sold(self) -> SoldView | None:
        """Where and when it was paid for: it is closed since then. Null while it is open."""
        sold = self._priced.cart.sold
        return SoldView(sold, sees_staff=self._sees_staff) if sold else None

    @property
    def superseded_by(self) -> ID | None:
        """The cart that this one went into (`cartMerge`), and reads only since; null for a cart of its own."""
        by = self._priced.cart.superseded_by
        return encode_id("Cart", by) if by else None

    @property
    def members(self) -> list[MemberView]:
        """Who takes part in it."""
        return [MemberView(member) for member in self._priced.cart.members]

    @property
    def budget(self) -> MoneyView | None:
        """How much all members may spend together, null where nobody said so."""
        return budget_view(self._priced.cart.budget)

    @property
    def deadline(self) -> InstantMs | None:
        """Until when members are to be done with it, null where nobody said so."""
        return self._priced.cart.deadline_ms

    @field(
        "The verdict in words on each promotion that has to do with this cart, or on one. Shoppers are told of "
        "those open to everybody and those whose code they entered, staff with scope `offers:read` of all."
    )
    def explanations(self, promotion_id: ID | None = None) -> list[ExplanationView]:
        """Explain what the viewer may see."""
        only = PromotionId(key_of(promotion_id, "Promotion") or promotion_id) if promotion_id is not None else None
        currency = self._priced.evaluation.currency
        found = self._priced.explanations(staff=self._staff, only=only)
        return [ExplanationView(explanation, currency) for explanation in found]

    @property
    def near_misses(self) -> list[NearMissView]:
        """What a little more money or a few more units would unlock, nearest first."""
        currency = self._priced.evaluation.currency
        return [NearMissView(miss, currency) for miss in self._priced.near_misses(staff=self._staff)]

    @field("Who has the cart open now, in a subscription.")
    async def presence(self, info: Info) -> list[ViewerView]:
        """One round trip to the store; none in a feed, which knows."""
        present = self._present
        if present is None:
            present = await info.context.engine.stores.viewers.present(self._priced.cart.id)
        return [ViewerView(viewer) for viewer in present]

    @field(
        "What is new since the viewer marked the cart as seen (`cartSeen`); null where they never did or too long "
        "ago, and in a subscription, which tells every change."
    )
    async def since_last_seen(self, info: Info) -> SinceSeenView | None:
        """One round trip to the store; none in a feed, which many share."""
        if self._present is not None:
            return None
        news = await since_last_seen(info.context.engine, info.context.known_caller(), self._priced)
        return SinceSeenView(news, self._priced) if news else None

    @field(
        "What was done to the cart, by whom, where and on which device, in words, newest first, as far as the viewer "
        "may know and the log reaches back (`complete`). Null in a subscription, which tells every change."
    )
    async def timeline(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> TimelineConnectionView | None:
        """One round trip to the store."""
        if self._present is not None:
            return None
        viewer, shown = info.context.known_caller(), self._priced
        entries = await told_log(info.context.engine, viewer, shown)
        page = page_of(entries[::-1], first, after)
        complete = bool(entries) and entries[0].version == 1
        return TimelineConnectionView(page, shown.cart, shown.snapshot.shop, viewer, complete=complete)

    @field(
        "What each channel contributed to each line: where it was found, added, changed, and handed over with the "
        "cart, as far as `timeline` reaches back. Null in a subscription."
    )
    async def contributions(self, info: Info) -> list[ContributionView] | None:
        """Two round trips to the store."""
        if self._present is not None:
            return None
        viewer, cart = info.context.known_caller(), self._priced.cart
        entries = await told_log(info.context.engine, viewer, self._priced)
        journey = await journey_of_cart(info.context.engine, viewer, cart)
        measured = {line.id for line in cart.lines if line.measured}
        found = contributions(cart, entries, journey)
        return [ContributionView(each, measured=each.line in measured) for each in found]

    @field(
        "What the cart's owner searched for and looked at, newest first: for the owner, and staff with `journey:read`. "
        "Null for everybody else, and in a subscription."
    )
    async def journey(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> JourneyConnectionView | None:
        """One round trip to the store; none for others."""
        if self._present is not None:
            return None
        journey = await journey_of_cart(info.context.engine, info.context.known_caller(), self._priced.cart)
        return JourneyConnectionView(page_of(journey.steps, first, after), journey) if journey else None

    @field(
        "What it earns and what points can pay of it, for its owner, those who share the account, and staff with "
        "`cart:read`. Null for everybody else, for a guest's cart, without a programme, and in a subscription."
    )
    async def loyalty(self, info: Info) -> CartLoyaltyView | None:
        """Two round trips to the store."""
        if self._present is not None:
            return None
        found = await loyalty_of_cart(info.context.engine, info.context.known_caller(), self._priced)
        return CartLoyaltyView(found, self._priced) if found else None

    @field("The same cart as another channel or store would price it, without moving it.")
    def price_on(self, info: Info, channel: str, store: str | None = None) -> CartElsewhereView:
        """Price the cart in another place; its own store does not come along to another channel."""
        info.context.place(channel, store)
        there = self._priced.elsewhere(ChannelId(channel), StoreId(store) if store is not None else None)
        return CartElsewhereView(there, self._priced, self._discretion, staff=self._staff)


@object_type("CartConnection")
class CartConnectionView:
    """Carts that the viewer may see."""

    __slots__ = ("_page", "_viewer")

    def __init__(self, page: Page[PricedCart], viewer: Caller) -> None:
        self._page = page
        self._viewer = viewer

    @property
    def nodes(self) -> list[CartView]:
        """The carts."""
        return [CartView(priced, self._viewer) for priced in self._page.items]

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many there are."""
        return self._page.count
