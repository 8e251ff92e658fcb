"""Points accounts, as clients see them."""

import strawberry

from engine.fields import label_in
from engine.loyalty.account import Entry, EntryKind
from engine.loyalty.programme import LoyaltySummary
from engine.loyalty_service import AccountShown
from engine.priced import PricedCart
from engine.pricing.shop import Shop
from engine.rules.loyalty import StampCard, Tier
from engine.rules.uses import stamps_taken
from engine.types import InstantMs
from schema.context import Info
from schema.scalars import Long
from schema.types.money import MoneyView
from schema.types.paging import Page, PageInfoView, checked_first, position_after
from schema.views import field, object_type

strawberry.enum(EntryKind, name="LoyaltyEntryKind", description="What an entry of a points account records.")


@object_type("LoyaltyEntry")
class EntryView:
    """One change of an account; it stays as it is for ever."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @property
    def number(self) -> Long:
        """Counts from 1 in each account."""
        return Long(self._entry.number)

    @property
    def kind(self) -> EntryKind:
        """What it records."""
        return self._entry.kind

    @property
    def at(self) -> InstantMs:
        """When, by the clock of the store."""
        return self._entry.at_ms

    @property
    def pending(self) -> Long:
        """By how much the points changed that cannot be spent yet."""
        return Long(self._entry.pending)

    @property
    def active(self) -> Long:
        """By how much the points changed that can be spent."""
        return Long(self._entry.active)

    @property
    def held(self) -> Long:
        """By how much the points changed that are set aside."""
        return Long(self._entry.held)

    @property
    def note(self) -> str:
        """What there is to say: an order, a reason, the account at the other end of a transfer."""
        return self._entry.note


@object_type("LoyaltyEntryConnection")
class EntryConnectionView:
    """Entries, newest first."""

    __slots__ = ("_page",)

    def __init__(self, page: Page[Entry]) -> None:
        self._page = page

    @property
    def nodes(self) -> list[EntryView]:
        """The entries."""
        return [EntryView(entry) for entry in self._page.items]

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many there are."""
        return self._page.count


@object_type("LoyaltyExpiry")
class ExpiryView:
    """Points that will be lost unless they are spent."""

    __slots__ = ("_at_ms", "_points")

    def __init__(self, at_ms: InstantMs, points: int) -> None:
        self._at_ms = at_ms
        self._points = points

    @property
    def at(self) -> InstantMs:
        """When."""
        return self._at_ms

    @property
    def points(self) -> Long:
        """How many."""
        return Long(self._points)


@object_type("LoyaltyTier")
class TierView:
    """A tier of the programme."""

    __slots__ = ("_shop", "_tier")

    def __init__(self, tier: Tier, shop: Shop) -> None:
        self._tier = tier
        self._shop = shop

    @property
    def id(self) -> str:
        """What the rules call it."""
        return self._tier.id

    @property
    def from_points(self) -> Long:
        """From so many points of the window on."""
        return Long(self._tier.from_points)

    @field("What shoppers read, in a locale of the shop; by default in its first one.")
    def label(self, locale: str | None = None) -> str:
        """Return the label, or the id where there is none."""
        return label_in(self._tier.label, locale or self._shop.locales[0]) or self._tier.id


@object_type("StampCard")
class StampCardView:
    """A card on which a customer collects stamps."""

    __slots__ = ("_card", "_count", "_shop")

    def __init__(self, card: StampCard, count: int, shop: Shop) -> None:
        self._card = card
        self._count = count
        self._shop = shop

    @property
    def card(self) -> str:
        """What the rules call it."""
        return self._card.id

    @property
    def count(self) -> int:
        """How many stamps are on it, also those that a checkout holds at present."""
        return self._count

    @field("What shoppers read, in a locale of the shop; by default in its first one.")
    def label(self, locale: str | None = None) -> str:
        """Return the label, or the id where there is none."""
        return label_in(self._card.label, locale or self._shop.locales[0]) or self._card.id

    @field("How many stamps the cheapest reward takes; null where nothing takes any.")
    def needed(self, info: Info) -> int | None:
        """No round trip."""
        return stamps_taken(info.context.engine.snapshot.ruleset, self._card.id)


@object_type("CartLoyalty")
class CartLoyaltyView:
    """What a cart and its owner's points have to do with each other, before checkout."""

    __slots__ = ("_priced", "_summary")

    def __init__(self, summary: LoyaltySummary, priced: PricedCart) -> None:
        self._summary = summary
        self._priced = priced

    @property
    def to_earn(self) -> Long:
        """Points that the cart earns when it is paid for."""
        return Long(self._summary.to_earn)

    @property
    def balance(self) -> Long:
        """Points that can be spent, on whatever; below zero where points were taken back that had been spent."""
        return Long(self._summary.balance)

    @property
    def worth(self) -> MoneyView | None:
        """What all of these are worth; null where the programme takes none in the cart's currency."""
        minor = self._summary.worth_minor
        return None if minor is None else MoneyView(minor, self._priced.evaluation.currency)

    @property
    def burnable(self) -> Long:
        """How many of them this cart takes at most: within minimum, step and largest share."""
        return Long(self._summary.burnable)

    @property
    def burnable_worth(self) -> MoneyView:
        """What these are worth in this cart."""
        return MoneyView(self._summary.burnable_minor, self._priced.evaluation.currency)

    @property
    def tier(self) -> TierView | None:
        """The tier of the account; null below the first."""
        standing = self._summary.standing
        return TierView(standing.tier, self._priced.snapshot.shop) if standing and standing.tier else None

    @property
    def next_tier(self) -> TierView | None:
        """The tier above; null at the top, and in a programme without tiers."""
        standing = self._summary.standing
        return TierView(standing.next_tier, self._priced.snapshot.shop) if standing and standing.next_tier else None

    @property
    def points_to_next_tier(self) -> Long:
        """How many more lead to the tier above, those that this cart earns not yet counted; 0 where there is none."""
        return Long(self._summary.standing.missing if self._summary.standing else 0)


@object_type("LoyaltyAccount")
class AccountView:
    """A points account; each sum is that of its entries."""

    __slots__ = ("_shop", "_shown")

    def __init__(self, shown: AccountShown, shop: Shop) -> None:
        self._shown = shown
        self._shop = shop

    @property
    def pending(self) -> Long:
        """Points that were earned and cannot be spent yet."""
        return Long(self._shown.account.pending)

    @property
    def active(self) -> Long:
        """Points that can be spent; below zero where points were taken back that had been spent."""
        return Long(self._shown.account.active)

    @property
    def held(self) -> Long:
        """Points that are set aside for a checkout."""
        return Long(self._shown.account.held)

    @property
    def next_expiry(self) -> ExpiryView | None:
        """When points are lost next, and how many; null where none will be."""
        due = self._shown.account.next_expiry
        return ExpiryView(*due) if due else None

    @property
    def tier(self) -> TierView | None:
        """The tier; null below the first."""
        standing = self._shown.standing
        return TierView(standing.tier, self._shop) if standing and standing.tier else None

    @property
    def next_tier(self) -> TierView | None:
        """The tier above; null at the top, and in a programme without tiers."""
        standing = self._shown.standing
        return TierView(standing.next_tier, self._shop) if standing and standing.next_tier else None

    @property
    def tier_points(self) -> Long:
        """Points that count for a tier now: those of its window."""
        return Long(self._shown.standing.points if self._shown.standing else 0)

    @property
    def points_to_next_tier(self) -> Long:
        """How many more lead to the tier above; 0 where there is none."""
        return Long(self._shown.standing.missing if self._shown.standing else 0)

    @field("The cards on which the customer collects stamps, whoever they share points with.")
    def stamps(self, info: Info) -> list[StampCardView]:
        """No round trip."""
        programme = info.context.engine.snapshot.ruleset.loyalty
        cards = programme.stamps if programme else ()
        return [StampCardView(card, self._shown.stamps.get(card.id, 0), self._shop) for card in cards]

    @field("What changed it, newest first.")
    async def entries(self, info: Info, first: int | None = 20, after: str | None = None) -> EntryConnectionView:
        """One round trip to the store."""
        account, start = self._shown.account, position_after(after)
        wanted, newest = checked_first(first), account.entries - start
        found = await info.context.engine.stores.ledger.entries(account.id, wanted, newest + 1) if newest > 0 else ()
        return EntryConnectionView(Page(found, account.entries, start))
