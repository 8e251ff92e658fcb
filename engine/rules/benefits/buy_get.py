"""``buy_get``: buy some goods, get others for less."""

from typing import ClassVar

from pydantic import Field

from engine.fields import Written
from engine.pricing.sets import Group, Order
from engine.pricing.units import Use
from engine.rules.picking import Count, Reward, UnitReuse, reward_sets, set_bids
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of


class Buy(Written):
    """How many units of what must be bought for each reward."""

    quantity: Count
    """How many units."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""


class Get(Reward):
    """How many units of what are rewarded, and how; without `on`, of the goods that were bought."""

    quantity: Count = 1
    """How many units."""
    on: Selector | None = None
    """The goods that are rewarded; by default those that are bought."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""


class BuyGet(Benefit):
    """Buy X, get Y: for every `buy.quantity` units, `get.quantity` others for less, or free.

    A set is repeated as often as the units allow, and no unit is in two. Percentages are rounded for each unit.
    "Buy two, get one free" on the same goods takes three units in the cart: nothing is added to it, which is what
    `gift` does.
    """

    word: ClassVar[str] = "buy_get"
    lane: ClassVar[str] = "bundle"
    example: ClassVar[str] = "buy_get: {buy: {quantity: 2, on: {category: shoes}}, get: {free: true}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots, quantity: 2}, {sku: sandals}], expect: {discount: 40.00 EUR}}",
        "{cart: [{sku: boots, quantity: 2}], expect: {outcome: no_target}}",
    )

    buy: Buy
    """What must be bought for each reward."""
    get: Get
    """What is rewarded for it, and how."""
    pick: Order = Order.CHEAPEST
    """Which units are rewarded: the `cheapest` or the `dearest` that can be. Those that are paid for are the dearest of
    the rest.
    """
    max_sets: Count | None = None
    """How many sets one cart can get; by default as many as its units make."""
    unit_reuse: UnitReuse = UnitReuse.NONE
    """What the units of a set may be to later promotions that make sets; by default nothing."""

    def keys(self) -> tuple[Key, ...] | None:
        """Without something bought there is no reward."""
        return keys_of(self.buy.on)

    def _rewarded(self) -> tuple[Selector | None, Selector | None]:
        """Return which goods are rewarded: those of `get`, else those that were bought; both without `get.except`."""
        if self.get.on is not None:
            return self.get.on, self.get.except_
        left_out = [each for each in (self.buy.except_, self.get.except_) if each is not None]
        return self.buy.on, Selector(any_of=tuple(left_out)) if len(left_out) > 1 else next(iter(left_out), None)

    def compile(self, env: CompileEnv) -> Propose:
        """Make as many sets as fit and ask of the rewarded units."""
        return reward_sets(self.word, self._groups(env), self.get.want(env.rounding), self.max_sets, self.unit_reuse)

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for sets."""
        return set_bids(*self._groups(env), self.get.want(env.rounding), self.max_sets)

    def _groups(self, env: CompileEnv) -> tuple[Group, Group]:
        """Return the units that are rewarded and those that are paid for."""
        bought = env.selections.get(self.buy.on, self.buy.except_)
        rewarded = Group(self.get.quantity, env.selections.get(*self._rewarded()), self.pick, Use.REWARD)
        return rewarded, Group(self.buy.quantity, bought, Order.DEAREST, Use.TRIGGER)
