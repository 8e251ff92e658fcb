"""``issue_code``: a code for a later cart."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints, model_validator

from engine.cart.codes import SERIES_PATTERN
from engine.fields import ID_IN_WORDS
from engine.pricing.evaluation import Target
from engine.pricing.extras import CodeToIssue
from engine.pricing.tally import Proposal
from engine.rules.selectors import Key
from engine.rules.vocabulary import Benefit, CompileEnv, Propose

Series = Annotated[str, StringConstraints(pattern=f"^{SERIES_PATTERN}$"), ID_IN_WORDS]


class IssueCode(Benefit):
    """Give a code for a later cart: one of a series, good for some days from the payment.

    Pricing only says that a code is due (`codes_to_issue`); it is made when the cart is paid for. Whoever has it can
    use it, once: it unlocks promotions that ask for `codes: series:next-visit`. Nothing in this cart gets cheaper, so
    it takes no `at_most`.
    """

    word: ClassVar[str] = "issue_code"
    lane: ClassVar[str] = "points"
    takes_money_off: ClassVar[bool] = False
    can_give_less: ClassVar[bool] = False
    example: ClassVar[str] = "issue_code: {series: next-visit, valid_days: 30}"
    carts: ClassVar[tuple[str, ...]] = ("{cart: [{sku: mug}], expect: {outcome: applied}}",)

    series: Series
    """Which series the code is of: what other promotions know it by."""
    valid_days: int = Field(ge=1, le=3650)
    """How many days it is good for, from the payment."""

    @model_validator(mode="after")
    def _no_cap(self) -> "IssueCode":
        if self.at_most is not None:
            raise ValueError("code_at_most: a code has no amount to cap; help: leave `at_most` out")
        return self

    def keys(self) -> tuple[Key, ...] | None:
        """Any goods may bring a code."""
        return None

    def compile(self, env: CompileEnv) -> Propose:
        """Propose the same code whatever is in the cart."""
        code = CodeToIssue(self.series, self.valid_days)
        return lambda tally: Proposal(Target.ORDER, [], 0, extra=code)
