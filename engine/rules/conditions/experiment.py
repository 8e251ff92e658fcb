"""``experiment``: a stable share of shoppers."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints, model_validator

from engine.cart.draw import POINTS_BP, point_bp
from engine.errors import one_of
from engine.fields import ID_IN_WORDS, PercentBp
from engine.pricing.evaluation import Shortfall
from engine.rules.selectors import Key
from engine.rules.vocabulary import CompileEnv, Condition, LaneStart, Test
from engine.types import Currency

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"), ID_IN_WORDS]


class Experiment(Condition):
    """The cart must have drawn this arm of an experiment; shoppers outside all arms are in none.

    A number is drawn when a cart is made, from who made it, and stays when they sign in: the same shopper stays in
    the same arm. With it and the name of the experiment, a hash puts the cart at one of 10,000 points, on which the
    arms lie side by side in the order of their names. So `arms` is written in the same words wherever the
    experiment is named.
    """

    word: ClassVar[str] = "experiment"
    example: ClassVar[str] = "experiment: {name: spring, arms: {control: 50%, cheaper: 50%}, arm: cheaper}"
    carts: ClassVar[tuple[str, ...]] = (
        "{cart: [{sku: boots}], draw: 3, expect: {discount: 10.00 EUR}}",
        "{cart: [{sku: boots}], draw: 0, expect: {outcome: condition_failed}}",
    )
    unmet: ClassVar[str] = "it is for other shoppers"

    name: Name
    """What the experiment is called."""
    arms: dict[Name, PercentBp] = Field(min_length=1)
    """All arms with their shares; what they leave of 100 % is in no arm."""
    arm: Name
    """Which of them it is about."""

    @model_validator(mode="after")
    def _consistent(self) -> "Experiment":
        if self.arm not in self.arms:
            raise ValueError(
                f"unknown_arm: there is no arm `{self.arm}`; help: expected one of {one_of(list(self.arms))}"
            )
        whole_bp = sum(self.arms.values())
        if whole_bp > POINTS_BP:
            raise ValueError("too_many_arms: the arms take more than 100% together; help: make them smaller")
        return self

    def currencies(self) -> frozenset[Currency] | None:
        """Shares are no amounts."""
        return None

    def keys(self) -> tuple[Key, ...] | None:
        """Any cart has a draw."""
        return None

    def compile(self, env: CompileEnv) -> Test:
        """Compare where the draw falls; the arms lie side by side in the order of their names."""
        name = self.name
        first_bp = sum(share_bp for arm, share_bp in self.arms.items() if arm < self.arm)
        mine = range(first_bp, first_bp + self.arms[self.arm])

        def test(start: LaneStart) -> Shortfall | None:
            return None if point_bp(name, start.tally.basket.draw) in mine else Shortfall("experiment")

        return test
