"""The priced result, as data: what `evaluate` answers and everybody else only shows.

Amounts are minor units of ``Evaluation.currency``. Discounts are non-negative and are subtracted once.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from engine.cart.model import Adjustment
from engine.types import Currency, InstantMs, LineId, PriceListId, PromotionId, Sku, record

PRICING_VERSION: Final = 1
"""Raised by every change of the engine that can alter a total; such a change carries a star in the CHANGELOG."""


class OutcomeCode(StrEnum):
    """The verdict on one promotion for one cart."""

    APPLIED = "applied"
    CAPPED = "capped"
    """Applied, but a cap or a floor cut what was wanted."""
    CONDITION_FAILED = "condition_failed"
    NO_TARGET = "no_target"
    """The conditions hold, but nothing in the cart can take the discount; with measures: not enough of it is there."""
    OUTSIDE_WINDOW = "outside_window"
    WRONG_CHANNEL = "wrong_channel"
    WRONG_STORE = "wrong_store"
    CODE_MISSING = "code_missing"
    LOST_TO = "lost_to"
    CURRENCY = "currency"
    """The promotion states no amount in the cart's currency."""
    SIGN_IN = "sign_in"
    """It needs to know the customer, and this cart has none."""
    NOT_FOR_CUSTOMER = "not_for_customer"
    LIMIT_REACHED = "limit_reached"
    """It was used as often as it may be: in all, by this customer, in this store, today, with this code."""
    BUDGET_SPENT = "budget_spent"
    """Its money is spent, or what is left is less than it would give here."""
    CHOICE_OPEN = "choice_open"
    """It gives what the shopper chooses, and they have not chosen yet."""


class Measure(StrEnum):
    """What the numbers of an outcome count."""

    MONEY = "money"
    UNITS = "units"
    PRODUCTS = "products"
    THOUSANDTHS = "thousandths"
    """Of a kilogram, a litre, a metre: of the unit that the outcome's detail names."""


@record
class Shortfall:
    """What a condition, or the first set or step of a benefit, asks for and the cart does not have.

    ``word`` is that of the condition or benefit. What is missing is ``distance`` (0: more of it cannot help);
    ``measure`` is None where nothing can be measured. ``detail`` is the unit of thousandths, or the goods in words.
    """

    word: str
    measure: Measure | None = None
    wanted: int = 0
    measured: int = 0
    distance: int = 0
    detail: str = ""


@record
class Outcome:
    """The verdict on one promotion, with what was measured.

    For a failed condition, and for a benefit that lacks goods or spend for its first set or step: ``condition`` is its
    word (``spend``, ``n_for_m``), ``wanted`` and ``measured`` are counted as ``measure`` says, ``distance`` is what is
    missing (0 where more of something cannot help). ``opens_ms`` is the next opening of a closed window, None when it
    never opens again. ``detail`` names the rival, channel, store, code, unit or goods at issue.
    """

    promotion: PromotionId
    code: OutcomeCode
    granted_minor: int = 0
    wanted_minor: int = 0
    condition: str = ""
    measure: Measure | None = None
    wanted: int = 0
    measured: int = 0
    distance: int = 0
    opens_ms: InstantMs | None = None
    detail: str = ""
    points: int = 0


@record
class Allocation:
    """The share of one promotion's discount that falls on one line or delivery."""

    promotion: PromotionId
    amount_minor: int


class Unavailable(StrEnum):
    """Why a line is kept but left out of the total."""

    NOT_SOLD_HERE = "not_sold_here"
    NO_PRICE = "no_price"
    UNKNOWN_PRODUCT = "unknown_product"
    OTHER_CURRENCY = "other_currency"
    TOO_LARGE = "too_large"
    """The line would cost more than an amount can be: kept out, so that no sum leaves 64 bits."""


@record
class Alternative:
    """What the catalogue names instead of a product that is not sold here: another pack, or a substitute."""

    sku: Sku
    kind: str
    units: int = 1
    """How many units of the original one of these holds."""


class UnitRole(StrEnum):
    """What a unit was to the promotions that built sets of units."""

    NONE = "none"
    TRIGGER = "trigger"
    """It was bought for a reward."""
    REWARD = "reward"
    """It was rewarded; so is every unit of a bundle."""
    BOTH = "both"
    """One to one promotion, one to another."""


@record
class EvaluatedUnits:
    """Some units of a line that came out alike; ``unit_minor`` is what is left to pay for one of them."""

    units: int
    unit_minor: int
    role: UnitRole


@record
class EvaluatedLine:
    """One line, priced.

    ``list_minor`` is the amount before any discount; ``discount_minor`` what promotions on items took;
    ``order_discount_minor`` its share of discounts on the whole order; ``adjustment_minor`` what staff changed by hand,
    negative where they lowered it, ``price_change_minor`` the part of that which a set price made before any discount;
    ``total_minor`` what is left of the goods.
    ``tax_minor`` is contained in the total when ``tax_included``, else comes on top.
    """

    line: LineId
    sku: Sku
    quantity: int
    unit_list_minor: int
    list_minor: int
    discount_minor: int
    order_discount_minor: int
    total_minor: int
    tax_minor: int
    tax_rate_ppm: int
    tax_category: str
    tax_included: bool
    price_list: PriceListId | None
    allocations: tuple[Allocation, ...] = ()
    unavailable: Unavailable | None = None
    alternatives: tuple[Alternative, ...] = ()
    adjustment_minor: int = 0
    price_change_minor: int = 0
    units: tuple[EvaluatedUnits, ...] = ()
    """How its units came out, where promotions made sets of some of them: dearest first, they sum to the total."""
    points_discount_minor: int = 0
    """What points that are spent take off it."""
    gift_of: PromotionId | None = None
    """For a gift the promotion that gives it: the line is derived, it is not in the cart that is kept."""

    @property
    def unit_price_minor(self) -> int | None:
        """What one unit costs at a set price and after the discounts on items; None where that is no exact amount."""
        if not self.discount_minor and not self.price_change_minor:
            return self.unit_list_minor
        if self.list_minor != self.unit_list_minor * self.quantity:
            return None  # sold by measure, or by a label's price: there is no price of one unit to lower
        left_minor = self.list_minor + self.price_change_minor - self.discount_minor
        unit_minor = left_minor // self.quantity
        return unit_minor if unit_minor * self.quantity == left_minor else None


@record
class EvaluatedDelivery:
    """One delivery fee: there is one for each distinct method, place and slot in the cart.

    ``available`` False: the method is not offered for this place, slot, channel or currency; it costs nothing yet, and
    checkout will refuse it.
    """

    method: str
    place: str
    slot: str
    lines: tuple[LineId, ...]
    list_minor: int
    discount_minor: int
    total_minor: int
    tax_minor: int
    tax_included: bool
    allocations: tuple[Allocation, ...] = ()
    available: bool = True


@record
class EvaluatedFee:
    """One chosen fee. ``available`` False: the shop has no amount for it in this currency.

    ``unit_minor`` is one of it before discounts, ``total_minor`` what is left of all of them.
    """

    fee: str
    quantity: int
    unit_minor: int
    total_minor: int
    tax_minor: int
    tax_included: bool
    available: bool = True
    discount_minor: int = 0
    allocations: tuple[Allocation, ...] = ()

    @property
    def list_minor(self) -> int:
        """All of them before discounts."""
        return self.unit_minor * self.quantity


class Target(StrEnum):
    """What a discount lowers."""

    ITEM = "item"
    ORDER = "order"
    DELIVERY = "delivery"
    FEE = "fee"
    GIFT = "gift"
    """A gift, by what it is worth beyond its token price."""


@record
class Discount:
    """What one promotion gave: the sum of its allocations."""

    promotion: PromotionId
    lane: str
    target: Target
    wanted_minor: int
    amount_minor: int
    lines: tuple[tuple[LineId, int], ...] = ()


class AdjustmentState(StrEnum):
    """What became of a change by staff."""

    APPLIED = "applied"
    CUT = "cut"
    """A floor, or the ceiling of the role, let through less than was wanted, perhaps nothing."""
    REPLACED = "replaced"
    """A newer price was set for the same line."""
    OTHER_CURRENCY = "other_currency"
    """It is in another currency than the cart: suspended until the cart is back in it."""
    REGULATED = "regulated"
    """Nobody may change what these goods cost."""
    NO_TARGET = "no_target"
    """Its line is not sold here at present, or costs nothing already."""


@record
class EvaluatedAdjustment:
    """What a change by staff did. Amounts are signed: negative lowers the total. ``lines`` are its shares."""

    adjustment: Adjustment
    state: AdjustmentState
    wanted_minor: int
    amount_minor: int
    lines: tuple[tuple[LineId, int], ...] = ()


class BurnState(StrEnum):
    """What became of points that were to be spent."""

    APPLIED = "applied"
    BALANCE = "balance"
    """There are fewer."""
    SHARE = "share"
    """The cart takes fewer: they pay for goods only, for all of them or a share."""
    MINIMUM = "minimum"
    """Fewer than the programme takes at once."""
    STEP = "step"
    """They are spent in steps, and none for nothing."""
    NOT_TAKEN = "not_taken"
    """The programme takes no points, at least not in this currency."""


@record
class Burned:
    """What points pay of a cart.

    ``wanted`` None: as many as it takes, of the ``balance``. ``points`` are spent, worth ``amount_minor``: as a
    ``tender`` they pay a part of the total, else they lower the goods, and so their tax, by the shares in ``lines``.
    """

    state: BurnState
    wanted: int | None
    balance: int
    points: int
    amount_minor: int
    tender: bool
    lines: tuple[tuple[LineId, int], ...] = ()


@record
class TaxAmount:
    """Tax by category and rate."""

    category: str
    rate_ppm: int
    base_minor: int
    """Goods, fees and delivery at this rate after discounts, without the tax."""
    tax_minor: int


@record
class Totals:
    """Sums.

    ``total = goods - item_discounts - order_discounts + adjustments - points_discount + fees - fees_discounts +
    delivery - delivery_discounts + tax_added``; ``adjustments_minor`` is what staff changed, negative where they
    lowered it. Points lower the goods by ``points_discount_minor``, or pay ``tender_minor`` of the total.
    """

    goods_minor: int
    item_discounts_minor: int
    order_discounts_minor: int
    fees_minor: int
    delivery_minor: int
    delivery_discounts_minor: int
    tax_included_minor: int
    tax_added_minor: int
    total_minor: int
    adjustments_minor: int = 0
    fees_discounts_minor: int = 0
    points_discount_minor: int = 0
    tender_minor: int = 0

    @property
    def due_minor(self) -> int:
        """What is left to pay of the total."""
        return self.total_minor - self.tender_minor

    @property
    def discounts_minor(self) -> int:
        """All discounts of promotions together."""
        of_goods_minor = self.item_discounts_minor + self.order_discounts_minor
        return of_goods_minor + self.fees_discounts_minor + self.delivery_discounts_minor

    @property
    def subtotal_minor(self) -> int:
        """Goods after discounts, what staff changed and points that lower them, before fees, delivery and added tax."""
        discounts_minor = self.item_discounts_minor + self.order_discounts_minor + self.points_discount_minor
        return self.goods_minor - discounts_minor + self.adjustments_minor


class CodeState(StrEnum):
    """What became of a code in the cart."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    """Known, but its promotion gives nothing at present; the outcome says why."""
    UNKNOWN = "unknown"


@record
class CodeVerdict:
    """A code with its state and, for a known code, the outcome of the promotions it unlocks."""

    canonical: str
    state: CodeState
    outcomes: tuple[Outcome, ...] = ()


@record
class EarnedPoints:
    """What one promotion adds to the points that the cart earns when it is paid for."""

    promotion: PromotionId
    points: int


@record
class IssuedCode:
    """A code for a later cart that one promotion gives when this cart is paid for."""

    promotion: PromotionId
    series: str
    valid_days: int


@record
class ComputedFrom:
    """Everything a price depends on: the same values give the same cents on any machine."""

    ruleset_hash: str
    price_book_version: str
    as_of_ms: InstantMs
    pricing_version: int = PRICING_VERSION
    facts_version: int | None = None
    limits_version: str | None = None
    """The state of used-up limits; None where none was asked for."""


@record
class LaneSearch:
    """How a lane that decides by line or by unit found out who gets what.

    ``gap_minor`` is how much more its promotions might have given together at most: 0 where nothing better exists.
    """

    lane: str
    nodes: int
    gap_minor: int


@record
class Evaluation:
    """A cart, priced."""

    currency: Currency
    lines: tuple[EvaluatedLine, ...]
    deliveries: tuple[EvaluatedDelivery, ...]
    fees: tuple[EvaluatedFee, ...]
    discounts: tuple[Discount, ...]
    taxes: tuple[TaxAmount, ...]
    totals: Totals
    codes: tuple[CodeVerdict, ...]
    outcomes: Mapping[PromotionId, Outcome]
    """The verdict on every candidate: each promotion that the index finds for this cart."""
    computed_from: ComputedFrom
    adjustments: tuple[EvaluatedAdjustment, ...] = ()
    """What became of each change by staff, in the order in which they were added."""
    burned: Burned | None = None
    """What points pay, where some are to be spent."""
    points: tuple[EarnedPoints, ...] = ()
    codes_to_issue: tuple[IssuedCode, ...] = ()
    searches: tuple[LaneSearch, ...] = ()
    """One for each lane that decides by line or by unit and had something to decide."""

    @property
    def points_earned(self) -> int:
        """All points that the cart earns when it is paid for."""
        return sum(each.points for each in self.points)
