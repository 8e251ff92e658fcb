"""What a cart comes to: totals, taxes, discounts, deliveries and fees, codes, and what the price was made from."""

import strawberry
from strawberry import ID

from engine.cart.model import CodeEntry
from engine.fields import label_in
from engine.priced import PricedCart
from engine.pricing.evaluation import (
    CodeState,
    CodeVerdict,
    Discount,
    EvaluatedDelivery,
    EvaluatedFee,
    Target,
    TaxAmount,
    Totals,
)
from engine.pricing.notices import Notice, NoticeCode
from engine.rules.explain import Explanation
from engine.types import Currency, InstantMs
from schema.scalars import DecimalText
from schema.types.line import AllocationView, label_of, percent_text
from schema.types.money import MoneyView
from schema.types.offers import OutcomeView
from schema.views import object_type, of_this_instant

strawberry.enum(Target, name="DiscountTarget", description="What a discount lowers.")
strawberry.enum(CodeState, name="CodeState", description="What became of a code.")
strawberry.enum(NoticeCode, name="WarningCode", description="Stable codes of warnings.")


@object_type("Totals")
class TotalsView:
    """Sums: total = subtotal + fees - feesDiscounts + delivery - deliveryDiscounts + taxAdded."""

    __slots__ = ("_currency", "_totals")

    def __init__(self, totals: Totals, currency: Currency) -> None:
        self._totals = totals
        self._currency = currency

    @property
    def goods(self) -> MoneyView:
        """The available lines before discounts."""
        return MoneyView(self._totals.goods_minor, self._currency)

    @property
    def item_discounts(self) -> MoneyView:
        """What promotions on items take off, not negative."""
        return MoneyView(self._totals.item_discounts_minor, self._currency)

    @property
    def order_discounts(self) -> MoneyView:
        """What promotions on the whole order take off, not negative."""
        return MoneyView(self._totals.order_discounts_minor, self._currency)

    @property
    def adjustments(self) -> MoneyView:
        """What staff changed by hand, negative where they lowered it."""
        return MoneyView(self._totals.adjustments_minor, self._currency)

    @property
    def points_discount(self) -> MoneyView:
        """What points take off goods, where the programme makes them a discount; not negative."""
        return MoneyView(self._totals.points_discount_minor, self._currency)

    @property
    def subtotal(self) -> MoneyView:
        """What the goods come to: goods - itemDiscounts - orderDiscounts + adjustments - pointsDiscount."""
        return MoneyView(self._totals.subtotal_minor, self._currency)

    @property
    def fees(self) -> MoneyView:
        """The chosen fees before discounts."""
        return MoneyView(self._totals.fees_minor, self._currency)

    @property
    def fees_discounts(self) -> MoneyView:
        """What promotions take off fees, not negative."""
        return MoneyView(self._totals.fees_discounts_minor, self._currency)

    @property
    def delivery(self) -> MoneyView:
        """Delivery before discounts."""
        return MoneyView(self._totals.delivery_minor, self._currency)

    @property
    def delivery_discounts(self) -> MoneyView:
        """What promotions take off delivery, not negative."""
        return MoneyView(self._totals.delivery_discounts_minor, self._currency)

    @property
    def discounts(self) -> MoneyView:
        """All discounts of promotions together, not negative."""
        return MoneyView(self._totals.discounts_minor, self._currency)

    @property
    def tax_included(self) -> MoneyView:
        """The tax that the amounts above contain."""
        return MoneyView(self._totals.tax_included_minor, self._currency)

    @property
    def tax_added(self) -> MoneyView:
        """The tax that comes on top."""
        return MoneyView(self._totals.tax_added_minor, self._currency)

    @property
    def total(self) -> MoneyView:
        """What it costs."""
        return MoneyView(self._totals.total_minor, self._currency)

    @property
    def tender(self) -> MoneyView:
        """What points pay of the total, where the programme makes them a means of payment."""
        return MoneyView(self._totals.tender_minor, self._currency)

    @property
    def amount_due(self) -> MoneyView:
        """What is left to pay: total - tender."""
        return MoneyView(self._totals.due_minor, self._currency)


@object_type("TaxAmount")
class TaxAmountView:
    """The tax at one rate of one category."""

    __slots__ = ("_currency", "_tax")

    def __init__(self, tax: TaxAmount, currency: Currency) -> None:
        self._tax = tax
        self._currency = currency

    @property
    def category(self) -> str:
        """The tax category."""
        return self._tax.category

    @property
    def rate(self) -> DecimalText:
        """In percent: "8.875"."""
        return percent_text(self._tax.rate_ppm)

    @property
    def base(self) -> MoneyView:
        """Goods, fees and delivery at this rate after discounts, without the tax."""
        return MoneyView(self._tax.base_minor, self._currency)

    @property
    def amount(self) -> MoneyView:
        """How much tax."""
        return MoneyView(self._tax.tax_minor, self._currency)


@object_type("LineShare")
class LineShareView:
    """The part of a discount, or of a change by staff, that falls on one line."""

    __slots__ = ("_amount_minor", "_currency", "_line")

    def __init__(self, line: str, amount_minor: int, currency: Currency) -> None:
        self._line = line
        self._amount_minor = amount_minor
        self._currency = currency

    @property
    def line_id(self) -> ID:
        """The line."""
        return ID(self._line)

    @property
    def amount(self) -> MoneyView:
        """How much; of a change by staff less than nothing where it lowers the line."""
        return MoneyView(self._amount_minor, self._currency)


@object_type("Discount")
class DiscountView:
    """What one promotion gives."""

    __slots__ = ("_discount", "_owner")

    def __init__(self, discount: Discount, owner: PricedCart) -> None:
        self._discount = discount
        self._owner = owner

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._discount.promotion)

    @property
    def label(self) -> str:
        """What shoppers call the promotion, in the cart's language."""
        return label_of(self._discount.promotion, self._owner)

    @property
    def lane(self) -> str:
        """The phase of pricing it was given in."""
        return self._discount.lane

    @property
    def target(self) -> Target:
        """What it lowers."""
        return self._discount.target

    @property
    def amount(self) -> MoneyView:
        """How much, not negative."""
        return MoneyView(self._discount.amount_minor, self._owner.evaluation.currency)

    @property
    def wanted(self) -> MoneyView:
        """How much it would have been without caps and floors."""
        return MoneyView(self._discount.wanted_minor, self._owner.evaluation.currency)

    @property
    def lines(self) -> list[LineShareView]:
        """Its shares on the lines; those on deliveries and fees are with these."""
        currency = self._owner.evaluation.currency
        return [LineShareView(line, amount_minor, currency) for line, amount_minor in self._discount.lines]


@object_type("Delivery")
class DeliveryView:
    """The goods that go together, and what that costs."""

    __slots__ = ("_delivery", "_owner")

    def __init__(self, delivery: EvaluatedDelivery, owner: PricedCart) -> None:
        self._delivery = delivery
        self._owner = owner

    @property
    def method(self) -> str:
        """The code of the delivery method."""
        return self._delivery.method

    @property
    def label(self) -> str:
        """What shoppers call the method, in the cart's language."""
        known = self._owner.snapshot.shop.delivery_methods.get(self._delivery.method)
        return (label_in(known.label, self._owner.cart.locale) if known else "") or self._delivery.method

    @property
    def place(self) -> str | None:
        """Where to."""
        return self._delivery.place or None

    @property
    def slot(self) -> str | None:
        """When."""
        return self._delivery.slot or None

    @property
    def line_ids(self) -> list[ID]:
        """The lines that go together."""
        return [ID(line) for line in self._delivery.lines]

    @property
    def available(self) -> bool:
        """Whether it is offered for this place, slot and channel; else it costs nothing, and checkout refuses it."""
        return self._delivery.available

    @property
    def list_amount(self) -> MoneyView:
        """The fee before discounts."""
        return self._money(self._delivery.list_minor)

    @property
    def discount_amount(self) -> MoneyView:
        """What promotions take off, not negative."""
        return self._money(self._delivery.discount_minor)

    @property
    def total(self) -> MoneyView:
        """What is left of it."""
        return self._money(self._delivery.total_minor)

    @property
    def tax(self) -> MoneyView:
        """The tax on it."""
        return self._money(self._delivery.tax_minor)

    @property
    def tax_included(self) -> bool:
        """Whether the total contains the tax."""
        return self._delivery.tax_included

    @property
    def allocations(self) -> list[AllocationView]:
        """The shares of discounts that fall on it."""
        return [AllocationView(allocation, self._owner) for allocation in self._delivery.allocations]

    def _money(self, amount_minor: int) -> MoneyView:
        return MoneyView(amount_minor, self._owner.evaluation.currency)


@object_type("CartFee")
class CartFeeView:
    """A fee that the shopper chose."""

    __slots__ = ("_fee", "_owner")

    def __init__(self, fee: EvaluatedFee, owner: PricedCart) -> None:
        self._fee = fee
        self._owner = owner

    @property
    def fee(self) -> str:
        """The code of the fee."""
        return self._fee.fee

    @property
    def label(self) -> str:
        """What shoppers call it, in the cart's language."""
        known = self._owner.snapshot.shop.fees.get(self._fee.fee)
        return (label_in(known.label, self._owner.cart.locale) if known else "") or self._fee.fee

    @property
    def quantity(self) -> int:
        """How often."""
        return self._fee.quantity

    @property
    def available(self) -> bool:
        """Whether the shop has an amount for it in the cart's currency."""
        return self._fee.available

    @property
    def unit_price(self) -> MoneyView:
        """What one costs before discounts."""
        return MoneyView(self._fee.unit_minor, self._owner.evaluation.currency)

    @property
    def discount_amount(self) -> MoneyView:
        """What promotions take off all of them, not negative."""
        return MoneyView(self._fee.discount_minor, self._owner.evaluation.currency)

    @property
    def total(self) -> MoneyView:
        """What is left to pay for all of them."""
        return MoneyView(self._fee.total_minor, self._owner.evaluation.currency)

    @property
    def allocations(self) -> list[AllocationView]:
        """The shares of discounts that fall on it."""
        return [AllocationView(allocation, self._owner) for allocation in self._fee.allocations]

    @property
    def tax(self) -> MoneyView:
        """The tax on them."""
        return MoneyView(self._fee.tax_minor, self._owner.evaluation.currency)

    @property
    def tax_included(self) -> bool:
        """Whether the total contains the tax."""
        return self._fee.tax_included


@object_type("CartCode")
class CartCodeView:
    """A code in the cart."""

    __slots__ = ("_entry", "_owner", "_staff", "_verdict")

    def __init__(self, entry: CodeEntry, verdict: CodeVerdict, owner: PricedCart, *, staff: bool) -> None:
        self._entry = entry
        self._verdict = verdict
        self._owner = owner
        self._staff = staff

    @property
    def code(self) -> str:
        """The form in which codes are compared."""
        return self._entry.canonical

    @property
    def entered(self) -> str:
        """The code as it was typed."""
        return self._entry.entered

    @property
    def state(self) -> CodeState:
        """What became of it."""
        return self._verdict.state

    @property
    def series(self) -> str | None:
        """The series of a code that an order brought, by which rules know it; null for all others."""
        return self._entry.voucher.series if self._entry.voucher else None

    @property
    def reason(self) -> str | None:
        """Why it gives nothing, as an English sentence; null where it applies. The outcomes say it in codes."""
        reason = self._owner.code_reason(self._verdict, staff=self._staff)
        return f"{reason[0].upper()}{reason[1:]}." if reason else None

    @property
    def outcomes(self) -> list[OutcomeView]:
        """The verdicts on the promotions it unlocks."""
        currency = self._owner.evaluation.currency
        return [OutcomeView(explanation.outcome, currency) for explanation in self._explained()]

    def _explained(self) -> list[Explanation]:
        """Explain the promotions it unlocks, of which hidden ones are not told to shoppers."""
        return [
            explanation
            for outcome in self._verdict.outcomes
            for explanation in self._owner.explanations(staff=self._staff, only=outcome.promotion)
        ]


@object_type("CartWarning")
class CartWarningView:
    """Something about the cart that its shopper may not expect. Nothing is ever corrected silently."""

    __slots__ = ("_notice",)

    def __init__(self, notice: Notice) -> None:
        self._notice = notice

    @property
    def code(self) -> NoticeCode:
        """What it is."""
        return self._notice.code

    @property
    def message(self) -> str:
        """An English sentence."""
        return self._notice.message

    @property
    def line_id(self) -> ID | None:
        """The line it is about, null where it is about the cart."""
        return ID(self._notice.line) if self._notice.line else None


@object_type("ComputedFrom")
class ComputedFromView:
    """Everything the price depends on: the same values give the same cents on any machine."""

    __slots__ = ("_owner",)

    def __init__(self, owner: PricedCart) -> None:
        self._owner = owner

    @property
    def cart_version(self) -> int:
        """The version of the cart."""
        return self._owner.cart.version

    @property
    def ruleset_hash(self) -> str:
        """The rules."""
        return self._owner.evaluation.computed_from.ruleset_hash

    @property
    def price_book_version(self) -> str:
        """The catalogue, prices and taxes."""
        return self._owner.evaluation.computed_from.price_book_version

    @property
    @of_this_instant
    def as_of(self) -> InstantMs:
        """The instant, by the clock of the store."""
        return self._owner.evaluation.computed_from.as_of_ms

    @property
    def pricing_version(self) -> int:
        """The version of the engine's way to price."""
        return self._owner.evaluation.computed_from.pricing_version

    @property
    def facts_version(self) -> int | None:
        """The version of what is known of the customer, null for a guest."""
        return self._owner.evaluation.computed_from.facts_version

    @property
    def limits_version(self) -> str | None:
        """The state of the limits that were known to be used up, null where none was asked for."""
        return self._owner.evaluation.computed_from.limits_version
