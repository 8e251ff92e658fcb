"""The loyalty programme as merchandisers write it: when points come, how long they last, what they are worth.

What earns points is a promotion like any other (`give: {points: …}`, for some goods, channels or tiers, multiplied by
others); the programme says what becomes of them.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.errors import one_of
from engine.fields import Label, PercentBp, PositiveAmounts, TimeZone, Written
from engine.rules.selectors import Selector

Days = Annotated[int, Field(ge=1, le=10_000)]
PointsNumber = Annotated[int, Field(ge=1, le=1_000_000_000)]


class Pending(Written):
    """When points can be spent: after some days, or when something happened to the order, whichever comes first."""

    days: Days | None = None
    """So many days after they were earned."""
    event: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """A word that the back office reports of an order, such as `delivered`."""

    @model_validator(mode="after")
    def _one_end(self) -> "Pending":
        if self.days is None and self.event is None:
            raise ValueError("empty_pending: `pending` never ends; help: add `days:` or `event:`, or leave it out")
        return self


class Expiry(Written):
    """When points are lost that nobody spent; each lot by itself."""

    days: Days
    """So many days after they were earned."""
    at_end_of: Literal["day", "month", "year"] = "day"
    """They last until the end of that day, or of its month or year."""


class BurnAs(StrEnum):
    """What paying with points is."""

    DISCOUNT = "discount"
    """It lowers what the goods cost, and so their tax."""
    TENDER = "tender"
    """It pays a part of the total, whose tax stays."""


class Burn(Written):
    """What points are worth, and how many of them a cart takes."""

    points: PointsNumber
    """So many points …"""
    worth: PositiveAmounts
    """… are worth this much; a currency that is not stated takes no points."""
    burn_as: BurnAs = Field(default=BurnAs.DISCOUNT, alias="as")
    """`discount`: it lowers the goods and their tax; `tender`: it pays, and the tax stays what it is."""
    minimum: PointsNumber = 1
    """Fewer cannot be spent at once."""
    step: PointsNumber = 1
    """They are spent in multiples of this."""
    at_most: PercentBp = 10_000
    """The largest share of what the goods cost, after all discounts; by default all."""


class Tier(Written):
    """A tier: who has collected so many points within the window."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    """What `customers: {tiers: …}` calls it."""
    label: Label = Field(default_factory=dict)
    """What shoppers read."""
    from_points: int = Field(ge=0, le=10**12)
    """From so many points on; the first tier may begin at 0."""


class Downgrade(StrEnum):
    """What becomes of a tier whose points have left the window."""

    NEVER = "never"
    STEP = "step"
    """One tier down, and no further before another window has passed."""
    POINTS = "points"
    """Down to what the points of the window are good for."""


class Tiers(Written):
    """Tiers: reached at once, and kept for a whole window after that, unless an order that led there is cancelled."""

    levels: tuple[Tier, ...] = Field(min_length=1)
    """From the lowest to the highest."""
    window: Literal["rolling", "calendar_year"] = "rolling"
    """`rolling`: the points of the last `days`; `calendar_year`: those of this year."""
    days: Annotated[int, Field(ge=1, le=1460)] = 365
    """How long a rolling window is."""
    downgrade: Downgrade = Downgrade.POINTS
    """`never`, one `step` at a time, or down to what the `points` are good for."""

    @model_validator(mode="after")
    def _ascending(self) -> "Tiers":
        ids, bounds = [level.id for level in self.levels], [level.from_points for level in self.levels]
        if len(set(ids)) < len(ids):
            raise ValueError(f"duplicate_tier: a tier is written twice among {one_of(ids)}; help: keep one of them")
        if bounds != sorted(set(bounds)):
            raise ValueError("tiers_order: each tier begins above the one before; help: write the lowest first")
        return self


class StampCard(Written):
    """Stamps that are collected beside points; promotions with `limits: {stamps: …}` take them."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """What promotions call it."""
    label: Label = Field(default_factory=dict)
    """What shoppers read."""
    on: Selector | None = None
    """The goods that bring stamps; by default all. Gifts and what costs nothing bring none."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    per: Literal["unit", "order"] = "unit"
    """One for each `unit`, of goods by weight one for each line; or one for an `order` with such goods."""
    expires: Expiry | None = None
    """When stamps are lost; by default never."""


class SharedCart(StrEnum):
    """Whose the points of a cart with several members are."""

    POOL = "pool"
    """Those of the owner's account: with a pooled family, the family's."""
    PAYER = "payer"
    """Of whoever pays."""
    LINES = "lines"
    """Of each member by what the lines that they wished for cost."""


class Family(Written):
    """Several people, one programme."""

    pooled: bool = True
    """`true`: a family has one account; `false`: each has their own, and may send points to the others."""
    shared_cart: SharedCart = SharedCart.POOL
    """Who gets the points of a cart that several filled: the owner's `pool`, the `payer`, or each by their `lines`."""
    members_burn: bool = True
    """Whether a member may spend from the pool unless they were given another role."""


class OnCancel(Written):
    """What a cancelled order does with points."""

    claw_back: Literal["pending", "to_zero", "negative"] = "to_zero"
    """Of what it earned: only what is `pending` is taken back, at most all that there is (`to_zero`; what of it is held
    or spent goes when it comes back), or everything (`negative`), which the next points pay.
    """
    grace_days: Days = 30
    """What it spent comes back; points that have expired since can be spent for so many days more."""


class Loyalty(Written):
    """The loyalty programme. Points are earned by promotions that give `points`; this says what becomes of them."""

    timezone: TimeZone | None = None
    """Where days begin and end; by default the cart's store."""
    pending: Pending | None = None
    """When earned points can be spent; by default at once."""
    expires: Expiry | None = None
    """When points are lost; by default never."""
    burn: Burn | None = None
    """What points are worth; by default they cannot be spent."""
    tiers: Tiers | None = None
    """The tiers that points lead to."""
    stamps: tuple[StampCard, ...] = ()
    """Cards on which customers collect stamps; each customer has their own, also in a family."""
    welcome: PointsNumber | None = None
    """So many points for joining: when the account is first used or looked at."""
    birthday: PointsNumber | None = None
    """So many points for each birthday, when the account is used or looked at on the day or in the 30 days after it."""
    family: Family = Family()
    """How families share points."""
    on_cancel: OnCancel = OnCancel()
    """What a cancelled order does with points."""

    @model_validator(mode="after")
    def _cards_once(self) -> "Loyalty":
        ids = [card.id for card in self.stamps]
        if len(set(ids)) < len(ids):
            raise ValueError(f"duplicate_card: a card is written twice among {one_of(ids)}; help: keep one of them")
        return self
