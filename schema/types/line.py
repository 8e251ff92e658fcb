"""The lines of a cart as clients see them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

import strawberry
from strawberry import ID

from engine.cart.handoff import Discretion
from engine.cart.model import DeliveryChoice, LineItem
from engine.fields import label_in
from engine.priced import PricedCart
from engine.pricing.evaluation import Allocation, EvaluatedLine, EvaluatedUnits, Unavailable, UnitRole
from engine.pricing.shop import PIECE, Product
from engine.types import Currency, LineId, MemberId, PromotionId
from schema.scalars import DecimalText, QuantityOut, quantity_out
from schema.types.catalogue import AlternativeView, AttributeView, ProductView
from schema.types.members import MemberShareView
from schema.types.money import MoneyView
from schema.types.paging import Page, PageInfoView
from schema.views import object_type

strawberry.enum(UnitRole, name="UnitRole", description="What a unit was to promotions that make sets of units.")

_PERCENT_DECIMALS: Final = 4


@lru_cache(maxsize=256)
def percent_text(rate_ppm: int) -> DecimalText:
    """Write a rate in percent: 88750 parts per million are "8.875"."""
    whole, fraction = divmod(rate_ppm, 10**_PERCENT_DECIMALS)
    return DecimalText(f"{whole}.{fraction:0{_PERCENT_DECIMALS}}".rstrip("0").rstrip("."))


def label_of(promotion: PromotionId, priced: PricedCart) -> str:
    """Return what shoppers call a promotion, in the cart's language."""
    known = priced.snapshot.ruleset.by_id.get(promotion)
    return (label_in(known.written.label, priced.cart.locale) if known else "") or promotion


@object_type("DeliveryChoice")
class DeliveryChoiceView:
    """How goods are to reach the shopper."""

    __slots__ = ("_choice",)

    def __init__(self, choice: DeliveryChoice) -> None:
        self._choice = choice

    @property
    def method(self) -> str:
        """The code of the delivery method."""
        return self._choice.method

    @property
    def place(self) -> str | None:
        """Where to: a postal code, a zone."""
        return self._choice.place or None

    @property
    def slot(self) -> str | None:
        """When."""
        return self._choice.slot or None


@object_type("Allocation")
class AllocationView:
    """The share of one promotion's discount that falls here."""

    __slots__ = ("_allocation", "_owner")

    def __init__(self, allocation: Allocation, owner: PricedCart) -> None:
        self._allocation = allocation
        self._owner = owner

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._allocation.promotion)

    @property
    def label(self) -> str:
        """What shoppers call the promotion, in the cart's language."""
        return label_of(self._allocation.promotion, self._owner)

    @property
    def amount(self) -> MoneyView:
        """What it takes off, not negative."""
        return MoneyView(self._allocation.amount_minor, self._owner.evaluation.currency)


@object_type("LineUnits")
class LineUnitsView:
    """Some units of a line that came out alike."""

    __slots__ = ("_currency", "_units")

    def __init__(self, units: EvaluatedUnits, currency: Currency) -> None:
        self._units = units
        self._currency = currency

    @property
    def quantity(self) -> int:
        """How many units."""
        return self._units.units

    @property
    def price(self) -> MoneyView:
        """What is left to pay for one of them."""
        return MoneyView(self._units.unit_minor, self._currency)

    @property
    def role(self) -> UnitRole:
        """What they were to promotions that make sets of units."""
        return self._units.role


@object_type("LineTax")
class LineTaxView:
    """The tax on a line, after its discounts."""

    __slots__ = ("_currency", "_price")

    def __init__(self, price: EvaluatedLine, currency: Currency) -> None:
        self._price = price
        self._currency = currency

    @property
    def amount(self) -> MoneyView:
        """How much."""
        return MoneyView(self._price.tax_minor, self._currency)

    @property
    def rate(self) -> DecimalText:
        """In percent: "8.875"."""
        return percent_text(self._price.tax_rate_ppm)

    @property
    def included(self) -> bool:
        """Whether the line's total contains it; else it comes on top."""
        return self._price.tax_included

    @property
    def category(self) -> str:
        """The tax category of the product."""
        return self._price.tax_category


@object_type("LineItem")
class LineItemView:
    """A wish for some of a product, priced where the cart is."""

    __slots__ = ("_currency", "_owner", "_price", "_product", "_wish")

    def __init__(
        self, wish: LineItem, price: EvaluatedLine, product: Product | None, owner: PricedCart, currency: Currency
    ) -> None:
        self._wish = wish
        self._price = price
        self._product = product
        self._owner = owner
        self._currency = currency

    @property
    def line_id(self) -> ID:
        """Means this line within its cart: the same product with the same options is the same line."""
        return ID(self._wish.id)

    @property
    def sku(self) -> str:
        """The product's SKU."""
        return self._wish.sku

    @property
    def product(self) -> ProductView | None:
        """The product, null where it has left the catalogue."""
        return ProductView(self._product) if self._product is not None else None

    @property
    def gift_of(self) -> ID | None:
        """For a gift the id of the promotion that gives it; such a line cannot be changed. Null for goods."""
        promotion = self._price.gift_of
        return ID(promotion) if promotion is not None else None

    @property
    def quantity(self) -> QuantityOut:
        """How much of it."""
        # Pieces are written as they are, which takes no call in the twenty lines of an answer.
        return (
            quantity_out(self._wish.quantity, measured=True)
            if self._wish.measured
            else QuantityOut(self._wish.quantity)
        )

    @property
    def shares(self) -> list[MemberShareView]:
        """Who put how much in, oldest first; empty for a gift."""
        return [] if self._price.gift_of else [MemberShareView(self._wish, share) for share in self._wish.shares]

    @property
    def unit(self) -> str:
        """What the quantity counts: "piece", or a measure such as "kg"."""
        return self._product.unit if self._product is not None else PIECE

    @property
    def options(self) -> list[AttributeView]:
        """The chosen options, such as an engraving."""
        return [AttributeView(name, value) for name, value in self._wish.options]

    @property
    def seller(self) -> str | None:
        """Who sells it, where that is not the shop itself."""
        return self._wish.seller or None

    @property
    def note(self) -> str | None:
        """The shopper's note on this line."""
        return self._wish.note or None

    @property
    def delivery(self) -> DeliveryChoiceView | None:
        """The line's own delivery choice, null where the cart's holds."""
        choice = self._wish.delivery
        return DeliveryChoiceView(choice) if choice else None

    @property
    def added_version(self) -> int:
        """The version of the cart that put the line in; 0 for a gift, which nobody put in."""
        return self._wish.added_version

    @property
    def changed_version(self) -> int:
        """The version of the cart that last changed the line: what `ifVersion` is compared with."""
        return self._wish.changed_version

    @property
    def available(self) -> bool:
        """Whether it is sold where the cart is; else it is kept, and left out of the total."""
        return self._price.unavailable is None

    @property
    def unavailable_reason(self) -> Unavailable | None:
        """Why it is not available, null where it is."""
        return self._price.unavailable

    @property
    def alternatives(self) -> list[AlternativeView]:
        """For a line that is not available: what the catalogue names instead."""
        shop = self._owner.snapshot.shop
        return [AlternativeView(alternative, shop) for alternative in self._price.alternatives]

    @property
    def unit_list_price(self) -> MoneyView | None:
        """What one piece, or one whole unit of measured goods, costs before discounts; null where not available."""
        return MoneyView(self._price.unit_list_minor, self._currency) if self._price.unavailable is None else None

    @property
    def unit_price(self) -> MoneyView | None:
        """What one unit costs at a price set by staff and after discounts on items; null where that is not exact."""
        minor = self._price.unit_price_minor if self._price.unavailable is None else None
        return MoneyView(minor, self._currency) if minor is not None else None

    @property
    def list_amount(self) -> MoneyView:
        """The line before any discount."""
        return MoneyView(self._price.list_minor, self._currency)

    @property
    def discount_amount(self) -> MoneyView:
        """What promotions on items take off, not negative."""
        return MoneyView(self._price.discount_minor, self._currency)

    @property
    def order_discount_amount(self) -> MoneyView:
        """The line's share of discounts on the whole order, not negative."""
        return MoneyView(self._price.order_discount_minor, self._currency)

    @property
    def adjustment_amount(self) -> MoneyView:
        """What staff changed by hand, a set price and shares of what is off the cart included; negative is lower."""
        return MoneyView(self._price.adjustment_minor, self._currency)

    @property
    def points_discount_amount(self) -> MoneyView:
        """What points take off it, not negative."""
        return MoneyView(self._price.points_discount_minor, self._currency)

    @property
    def total(self) -> MoneyView:
        """What is left after discounts, changes by staff and points; it contains tax where `tax.included`."""
        return MoneyView(self._price.total_minor, self._currency)

    @property
    def tax(self) -> LineTaxView:
        """The tax on it."""
        return LineTaxView(self._price, self._currency)

    @property
    def price_list(self) -> str | None:
        """The price list that its unit price comes from."""
        return self._price.price_list

    @property
    def allocations(self) -> list[AllocationView]:
        """The shares of discounts that fall on this line; they sum to its two discount amounts."""
        return [AllocationView(allocation, self._owner) for allocation in self._price.allocations]

    @property
    def units(self) -> list[LineUnitsView]:
        """How its units came out, the dearest first, where promotions made sets of some of them; else empty."""
        return [LineUnitsView(units, self._currency) for units in self._price.units]


def priced_lines(priced: PricedCart, discretion: Discretion) -> list[LineItemView]:
    """Return the lines of a cart in the order in which they were added, and behind them its gifts."""
    evaluation, products = priced.evaluation, priced.snapshot.shop.products
    prices: Mapping[LineId, EvaluatedLine] = {line.line: line for line in evaluation.lines}
    gifts = [_as_wish(line) for line in evaluation.lines if line.gift_of is not None]
    lines = priced.cart.lines
    if discretion.withheld:
        lines = tuple([replace(line, delivery=discretion.shown(line.delivery)) for line in lines])
    return [
        LineItemView(wish, prices[wish.id], products.get(wish.sku), priced, evaluation.currency)
        for wish in (*lines, *gifts)
    ]


def _as_wish(gift: EvaluatedLine) -> LineItem:
    """Return what a line of the cart would be that wishes for a gift: nobody's, and of no version."""
    shares = ((MemberId(""), gift.quantity),)
    return LineItem(gift.line, gift.sku, shares, added_version=0, changed_version=0)


@object_type("LineItemEdge")
class LineItemEdgeView:
    """A line and its place in the list."""

    __slots__ = ("_index", "_page")

    def __init__(self, page: Page[LineItemView], index: int) -> None:
        self._page = page
        self._index = index

    @property
    def cursor(self) -> str:
        """For `after`."""
        return self._page.cursor(self._index)

    @property
    def node(self) -> LineItemView:
        """The line."""
        return self._page.items[self._index]


@object_type("LineItemConnection")
class LineItemConnectionView:
    """Lines, in the order in which they were added."""

    __slots__ = ("_page",)

    def __init__(self, page: Page[LineItemView]) -> None:
        self._page = page

    @property
    def edges(self) -> list[LineItemEdgeView]:
        """The lines with their cursors."""
        return [LineItemEdgeView(self._page, index) for index in range(len(self._page.items))]

    @property
    def nodes(self) -> list[LineItemView]:
        """The lines themselves."""
        return list(self._page.items)

    @property
    def page_info(self) -> PageInfoView:
        """Where this page lies."""
        return PageInfoView(self._page)

    @property
    def total_count(self) -> int:
        """How many lines there are in the whole cart."""
        return self._page.count
