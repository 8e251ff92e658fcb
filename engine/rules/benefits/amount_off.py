"""``amount_off``: an amount off chosen goods."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.fields import PositiveAmounts
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of


class AmountOff(Benefit):
    """Take an amount off the chosen goods; without `on`, off all goods.

    `per` must be said, because "2 off" alone has three meanings: off each `unit`, off each `line`, or once over the
    whole `selection`, where it falls on the lines in proportion to what they cost. No unit or line goes below zero.
    """

    word: ClassVar[str] = "amount_off"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "amount_off: {amount: 2 EUR, per: unit, on: {category: socks}}"

    amount: PositiveAmounts
    per: Literal["unit", "line", "selection"]
    on: Selector | None = None
    except_: Selector | None = Field(default=None, alias="except")

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Return the variant for `per`."""
        selection = env.selections.get(self.on, self.except_)
        amounts = self.amount

        def per_line(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = [(place, amount_minor) for place in tally.selected(selection)]
            return Proposal(Target.ITEM, shares, amount_minor * len(shares))

        def per_unit(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            proposal = Proposal(Target.ITEM, shares := [], 0)
            for place in tally.selected(selection):
                runs = tally.lines[place].runs()
                wants = [min(amount_minor, unit_minor) for unit_minor, _ in runs]
                proposal.unit_wants[place] = wants
                proposal.wanted_minor += amount_minor * tally.basket.lines[place].units
                shares.append((place, sum(want * count for want, (_, count) in zip(wants, runs, strict=True))))
            return proposal

        def once(tally: Tally) -> Proposal:
            amount_minor = amounts[tally.basket.currency]
            shares = tally.spread(amount_minor, tally.selected(selection))
            return Proposal(Target.ITEM, shares, amount_minor if shares else 0)

        return {"unit": per_unit, "line": per_line, "selection": once}[self.per]
