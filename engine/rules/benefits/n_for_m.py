"""``n_for_m``: so many units for the price of fewer."""

from typing import ClassVar

from pydantic import Field, model_validator

from engine.pricing.sets import Group, Order
from engine.pricing.units import Use
from engine.rules.picking import Count, UnitReuse, reward_sets, set_bids
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, MakeBids, Propose, keys_of
from engine.types import Currency


class NForM(Benefit):
    """Take `take` units of the chosen goods and pay `pay` of them: 3 for the price of 2.

    It is repeated as often as the units allow. Six units in a 3 for 2 are two sets, whose two free units are the
    cheapest of all six.
    """

    word: ClassVar[str] = "n_for_m"
    lane: ClassVar[str] = "bundle"
    example: ClassVar[str] = "n_for_m: {take: 3, pay: 2, on: {category: socks}}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: wool-socks, quantity: 2}, {sku: sport-socks}], expect: {discount: 5.00 EUR}}",
        "{cart: [{sku: wool-socks, quantity: 2}], expect: {outcome: no_target}}",
    )

    take: Count
    """How many units a set has."""
    pay: Count
    """How many of them are paid for."""
    on: Selector | None = None
    """The goods it is about; by default all."""
    except_: Selector | None = Field(default=None, alias="except")
    """Goods that are left out of them."""
    pick: Order = Order.CHEAPEST
    """Which units are free: the `cheapest` or the `dearest` of all that are chosen. Those that are paid for are the
    dearest of the rest.
    """
    max_sets: Count | None = None
    """How many sets one cart can get; by default as many as its units make."""
    unit_reuse: UnitReuse = UnitReuse.NONE
    """What the units of a set may be to later promotions that make sets; by default nothing."""

    @model_validator(mode="after")
    def _fewer(self) -> "NForM":
        if self.pay >= self.take:
            raise ValueError(
                f"nothing_free: {self.take} for the price of {self.pay}; help: pay for fewer than are taken"
            )
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Without chosen goods there is no set."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Make as many sets as fit; some of their units are free."""
        return reward_sets(self.word, self._groups(env), _all_of_it, self.max_sets, self.unit_reuse)

    def bids(self, env: CompileEnv) -> MakeBids:
        """Bid for sets."""
        return set_bids(*self._groups(env), _all_of_it, self.max_sets)

    def _groups(self, env: CompileEnv) -> tuple[Group, Group]:
        """Return the units that are free and those that are paid for."""
        selection = env.selections.get(self.on, self.except_)
        rewarded = Group(self.take - self.pay, selection, self.pick, Use.REWARD)
        return rewarded, Group(self.pay, selection, Order.DEAREST, Use.TRIGGER)


def _all_of_it(now_minor: int, _: Currency) -> int:
    return now_minor
