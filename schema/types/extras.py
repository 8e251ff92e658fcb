"""What promotions give beside discounts, and how sure it is that they give the most, as clients see it."""

import strawberry
from strawberry import ID

from engine.priced import PricedCart
from engine.pricing.evaluation import Burned, BurnState, EarnedPoints, IssuedCode, LaneSearch
from engine.rules.gift_choices import GiftChoice
from engine.rules.loyalty import BurnAs
from engine.types import Currency
from schema.scalars import Long
from schema.types.amounts import LineShareView
from schema.types.catalogue import ProductView
from schema.types.line import label_of
from schema.types.money import MoneyView
from schema.views import object_type

strawberry.enum(BurnState, name="BurnState", description="What became of points that were to be spent.")
strawberry.enum(BurnAs, name="BurnAs", description="What paying with points is.")


@object_type("BurnedPoints")
class BurnedView:
    """What points pay of a cart, see `loyaltyBurn`."""

    __slots__ = ("_burned", "_owner")

    def __init__(self, burned: Burned, owner: PricedCart) -> None:
        self._burned = burned
        self._owner = owner

    @property
    def wanted(self) -> Long | None:
        """How many were to be spent; null for as many as the cart takes."""
        return None if self._burned.wanted is None else Long(self._burned.wanted)

    @property
    def points(self) -> Long:
        """How many are spent when the cart is paid for."""
        return Long(self._burned.points)

    @property
    def amount(self) -> MoneyView:
        """What they pay."""
        return MoneyView(self._burned.amount_minor, self._owner.evaluation.currency)

    @property
    def as_(self) -> BurnAs:
        """A discount lowers the goods and their tax, a tender pays a part of the total."""
        return BurnAs.TENDER if self._burned.tender else BurnAs.DISCOUNT

    @property
    def state(self) -> BurnState:
        """Why it is not what was wished for; a warning says it in words."""
        return self._burned.state

    @property
    def lines(self) -> list[LineShareView]:
        """What they take off each line, as a discount."""
        currency = self._owner.evaluation.currency
        return [LineShareView(line, amount_minor, currency) for line, amount_minor in self._burned.lines]


@object_type("GiftChoice")
class GiftChoiceView:
    """A promotion that gives what the shopper chooses: see `cartGiftChoose`."""

    __slots__ = ("_choice",)

    def __init__(self, choice: GiftChoice) -> None:
        self._choice = choice

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._choice.promotion)

    @property
    def label(self) -> str:
        """What shoppers call the promotion, in the cart's language."""
        return self._choice.label

    @property
    def options(self) -> list[ProductView]:
        """The products to choose from that can be had where the cart is."""
        return [ProductView(product) for product in self._choice.options]

    @property
    def chosen(self) -> str | None:
        """The SKU that was chosen, null while the choice is open."""
        return self._choice.chosen


@object_type("EarnedPoints")
class EarnedPointsView:
    """What one promotion adds to the points that the cart earns when it is paid for."""

    __slots__ = ("_earned", "_owner")

    def __init__(self, earned: EarnedPoints, owner: PricedCart) -> None:
        self._earned = earned
        self._owner = owner

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._earned.promotion)

    @property
    def label(self) -> str:
        """What shoppers call the promotion, in the cart's language."""
        return label_of(self._earned.promotion, self._owner)

    @property
    def points(self) -> Long:
        """How many."""
        return Long(self._earned.points)


@object_type("CodeToIssue")
class CodeToIssueView:
    """A code for a later cart that is made when this one is paid for."""

    __slots__ = ("_code", "_owner")

    def __init__(self, code: IssuedCode, owner: PricedCart) -> None:
        self._code = code
        self._owner = owner

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file of the promotion that gives it."""
        return ID(self._code.promotion)

    @property
    def label(self) -> str:
        """What shoppers call that promotion, in the cart's language."""
        return label_of(self._code.promotion, self._owner)

    @property
    def series(self) -> str:
        """The series that the code will be one of."""
        return self._code.series

    @property
    def valid_days(self) -> int:
        """For how many days from the payment it will be good."""
        return self._code.valid_days


@object_type("LaneSearch")
class LaneSearchView:
    """How a lane that gives each line or unit to its best promotion found out which."""

    __slots__ = ("_currency", "_search")

    def __init__(self, search: LaneSearch, currency: Currency) -> None:
        self._search = search
        self._currency = currency

    @property
    def lane(self) -> str:
        """The name of the lane."""
        return self._search.lane

    @property
    def exact(self) -> bool:
        """Whether it is certain that its promotions can give no more."""
        return self._search.gap_minor == 0

    @property
    def gap(self) -> MoneyView:
        """How much more they might give together at most."""
        return MoneyView(self._search.gap_minor, self._currency)
