"""``n_for_m``: so many units for the price of fewer."""

from typing import ClassVar

from pydantic import Field, model_validator

from engine.pricing.sets import Group, Order
from engine.pricing.units import Use
from engine.rules.picking import Count, UnitReuse, reward_sets
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of


class NForM(Benefit):
    """Take `take` units of the chosen goods and pay `pay` of them: 3 for the price of 2.

    It is repeated as often as the units allow, at most `max_sets` times. The units that are free are the `cheapest`
    (default) or the `dearest` of all that are chosen; those that are paid for are then the dearest of the rest.
    """

    word: ClassVar[str] = "n_for_m"
    lane: ClassVar[str] = "bundle"
    example: ClassVar[str] = "n_for_m: {take: 3, pay: 2, on: {category: socks}}"

    take: Count
    pay: Count
    on: Selector | None = None
    except_: Selector | None = Field(default=None, alias="except")
    pick: Order = Order.CHEAPEST
    max_sets: Count | None = None
    unit_reuse: UnitReuse = UnitReuse.NONE

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
        selection = env.selections.get(self.on, self.except_)
        rewarded_units = Group(self.take - self.pay, selection, self.pick, Use.REWARD)
        paid_units = Group(self.pay, selection, Order.DEAREST, Use.TRIGGER)
        return reward_sets(rewarded_units, paid_units, lambda now_minor, _: now_minor, self.max_sets, self.unit_reuse)
