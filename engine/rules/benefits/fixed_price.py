"""``fixed_price``: chosen goods at one price a unit."""

from typing import ClassVar

from pydantic import Field

from engine.cart.model import QUANTITY_SCALE
from engine.fields import Amounts
from engine.money import ratio_of
from engine.pricing.evaluation import Target
from engine.pricing.tally import Proposal, Tally
from engine.rules.selectors import Key, Selector
from engine.rules.vocabulary import Benefit, CompileEnv, Propose, keys_of


class FixedPrice(Benefit):
    """Sell each chosen unit at this price, only where that lowers it; without `on`, all goods.

    For goods sold by weight or length it is the price of a whole unit (a kilogram, a metre).
    """

    word: ClassVar[str] = "fixed_price"
    lane: ClassVar[str] = "item"
    example: ClassVar[str] = "fixed_price: {price: 8 EUR, on: {sku: [mug, bowl]}}"

    price: Amounts
    on: Selector | None = None
    except_: Selector | None = Field(default=None, alias="except")

    def keys(self) -> tuple[Key, ...] | None:
        """Nothing to discount without a chosen product."""
        return keys_of(self.on)

    def compile(self, env: CompileEnv) -> Propose:
        """Ask for the difference, unit by unit."""
        selection = env.selections.get(self.on, self.except_)
        prices, mode = self.price, env.rounding

        def propose(tally: Tally) -> Proposal:
            price_minor = prices[tally.basket.currency]
            proposal = Proposal(Target.ITEM, shares := [], 0)
            for place in tally.selected(selection):
                line = tally.basket.lines[place]
                measured = line.product.measured
                unit_price = ratio_of(price_minor, line.quantity, QUANTITY_SCALE, mode) if measured else price_minor
                runs = tally.lines[place].runs()
                wants = [max(0, unit_minor - unit_price) for unit_minor, _ in runs]
                proposal.unit_wants[place] = wants
                shares.append((place, sum(want * count for want, (_, count) in zip(wants, runs, strict=True))))
            proposal.wanted_minor = sum(minor for _, minor in shares)
            return proposal

        return propose
