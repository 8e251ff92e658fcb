"""``percent_off``: a percentage off chosen goods."""

from typing import ClassVar, Literal

from pydantic import Field

from engine.fields import PercentBp
from engine.money import PERCENT_BP, ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of


class PercentOff(Benefit):
    """Take a percentage off the chosen goods; without `on`, off all goods.

    `amount_of: current` (the default) takes it of what is left, `list` of the price before any discount. `rounding`
    says where halves of a cent are decided: once a `line` (default), for each `unit`, or once over the `order`, whose
    shares then fall on the lines by largest remainder. `at_most` caps the sum.
    """

    word: ClassVar[str] = "percent_off"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "percent_off: {percent: 20%, on: {category: shoes}, except: {tag: clearance}}"

    percent: PercentBp
    on: Selector | None = None
    except_: Selector | None = Field(default=None, alias="except")
    amount_of: Literal["current", "list"] = "current"
    rounding: Literal["unit", "line", "order"] = "line"

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Return the variant for the declared rounding."""
        selection = env.selections.get(self.on, self.except_)
        percent_bp, by_list, mode = self.percent, self.amount_of == "list", env.rounding

        def base_minor(tally: Tally, place: int) -> int:
            return tally.basket.lines[place].list_minor if by_list else tally.lines[place].current_minor

        def per_line(tally: Tally) -> Proposal:
            shares = [
                (place, ratio_of(base_minor(tally, place), percent_bp, PERCENT_BP, mode))
                for place in tally.selected(selection)
            ]
            return Proposal(Target.ITEM, shares, sum(minor for _, minor in shares))

        def per_order(tally: Tally) -> Proposal:
            places = tally.selected(selection)
            wanted = ratio_of(sum(base_minor(tally, place) for place in places), percent_bp, PERCENT_BP, mode)
            return Proposal(Target.ITEM, tally.spread(wanted, places), wanted)

        def per_unit(tally: Tally) -> Proposal:
            proposal = Proposal(Target.ITEM, shares := [], 0)
            for place in tally.selected(selection):
                runs = tally.lines[place].runs()
                list_minor = tally.basket.lines[place].unit_minor
                wants = [
                    ratio_of(list_minor if by_list else unit_minor, percent_bp, PERCENT_BP, mode)
                    for unit_minor, _ in runs
                ]
                proposal.unit_wants[place] = wants
                shares.append((place, sum(want * count for want, (_, count) in zip(wants, runs, strict=True))))
            proposal.wanted_minor = sum(minor for _, minor in shares)
            return proposal

        return {"line": per_line, "order": per_order, "unit": per_unit}[self.rounding]
