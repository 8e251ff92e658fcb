"""What every priced cart shows."""

from dataclasses import replace

from engine.cart.handoff import Discretion, Share
from engine.priced import PricedCart
from schema.scalars import Long
from schema.types.amounts import (
    CartFeeView,
    ComputedFromView,
    DeliveryView,
    DiscountView,
    TaxAmountView,
    TotalsView,
)
from schema.types.extras import BurnedView, CodeToIssueView, EarnedPointsView, LaneSearchView


class PricedParts:
    """What is shown of every priced cart: as it is, as another place would price it, and as it was sold."""

    __slots__ = ()

    _priced: PricedCart
    _discretion: Discretion

    @property
    def currency(self) -> str:
        """What its amounts are in (ISO 4217)."""
        return self._priced.evaluation.currency

    @property
    def totals(self) -> TotalsView:
        """What it comes to."""
        return TotalsView(self._priced.evaluation.totals, self._priced.evaluation.currency)

    @property
    def taxes(self) -> list[TaxAmountView]:
        """The tax by category and rate."""
        evaluation = self._priced.evaluation
        return [TaxAmountView(tax, evaluation.currency) for tax in evaluation.taxes]

    @property
    def discounts(self) -> list[DiscountView]:
        """What each promotion gives, in the order in which they were applied."""
        return [DiscountView(discount, self._priced) for discount in self._priced.evaluation.discounts]

    @property
    def deliveries(self) -> list[DeliveryView]:
        """The goods that go together, and what that costs: one for each method, place and slot."""
        deliveries = self._priced.evaluation.deliveries
        if Share.ADDRESS in self._discretion.withheld:
            deliveries = tuple([replace(delivery, place="", slot="") for delivery in deliveries])
        return [DeliveryView(delivery, self._priced) for delivery in deliveries]

    @property
    def fees(self) -> list[CartFeeView]:
        """The chosen fees."""
        return [CartFeeView(fee, self._priced) for fee in self._priced.evaluation.fees]

    @property
    def burned(self) -> BurnedView | None:
        """What points pay of it; null where none are to be spent."""
        burned = self._priced.evaluation.burned
        return BurnedView(burned, self._priced) if burned else None

    @property
    def points_earned(self) -> Long:
        """All points that the cart earns when it is paid for."""
        return Long(self._priced.evaluation.points_earned)

    @property
    def points(self) -> list[EarnedPointsView]:
        """What each promotion adds to them."""
        return [EarnedPointsView(earned, self._priced) for earned in self._priced.evaluation.points]

    @property
    def codes_to_issue(self) -> list[CodeToIssueView]:
        """The codes for a later cart that are made when this one is paid for."""
        return [CodeToIssueView(code, self._priced) for code in self._priced.evaluation.codes_to_issue]

    @property
    def lane_searches(self) -> list[LaneSearchView]:
        """For each lane that gives lines or units to their best promotions: whether nothing better exists."""
        evaluation = self._priced.evaluation
        return [LaneSearchView(search, evaluation.currency) for search in evaluation.searches]

    @property
    def computed_from(self) -> ComputedFromView:
        """Everything the price depends on."""
        return ComputedFromView(self._priced)
