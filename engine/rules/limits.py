"""How often a promotion may be used, and for how much money: `limits` as merchandisers write it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.fields import PositiveAmounts, Written
from engine.limits import LimitKind

Uses = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""A number of orders."""


class Stamps(Written):
    """What a promotion costs: stamps that a customer has collected. They are taken when it is used."""

    card: Annotated[str, Field(min_length=1, max_length=64)]
    """Which stamps: the id of a card of the programme, `loyalty: {stamps: …}`."""
    take: int = Field(ge=1, le=1000)
    """So many of them."""


class Limits(Written):
    """How many orders may use a promotion, and how much it may give in all.

    One use is one order, however much it gives there. What is used up gives nothing any more. A checkout holds what it
    uses until it is paid for, so the last use is never sold twice; a cart before that shows what is left at present.
    """

    total: Uses | None = None
    """So many orders in all."""
    per_customer: Uses | None = None
    """So many of each customer, who has to be signed in."""
    per_store: Uses | None = None
    """So many in each store."""
    per_day: Uses | None = None
    """So many on each day, by the clock of `active`, and without a `timezone` there by that of the cart's store."""
    per_code: Uses | None = None
    """So many with each of its codes; with 1, a code can be used once."""
    stamps: Stamps | None = None
    """Stamps that it takes from the customer's card: who has fewer does not get it."""
    budget: PositiveAmounts | None = None
    """So much money in all, counted by what it takes off; a currency that is not stated has none."""
    partial: bool = False
    """`true`: the last order gets what is left of the budget; `false`: a rest that is too small gives nothing."""
    on_cancel: Literal["return", "keep"] = "return"
    """What a cancelled order does with its use and its money: `return` gives them back, `keep` does not."""

    @model_validator(mode="after")
    def _one_limit(self) -> "Limits":
        if not self.ceilings() and self.budget is None and self.stamps is None:
            raise ValueError("empty_limits: `limits` limits nothing; help: add `per_customer:`, `total:` or `budget:`")
        if self.partial and self.budget is None:
            raise ValueError("partial_without_budget: only a budget has a rest; help: add `budget:` or leave it out")
        return self

    def ceilings(self) -> dict[LimitKind, int]:
        """Return the limits that count orders, by what they are counted by."""
        written = {
            LimitKind.TOTAL: self.total,
            LimitKind.PER_CUSTOMER: self.per_customer,
            LimitKind.PER_STORE: self.per_store,
            LimitKind.PER_DAY: self.per_day,
            LimitKind.PER_CODE: self.per_code,
        }
        return {kind: ceiling for kind, ceiling in written.items() if ceiling is not None}
