"""Sales that a till made by itself: read, priced again where that can be, and kept as they were told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from engine.cart.commands import NewLine
from engine.cart.model import QUANTITY_SCALE, Cart, LineItem
from engine.cart.offline import line_item
from engine.errors import RefusedError, UserError, UserErrorCode
from engine.money import allocate, parse_amount
from engine.pricing.admission import admit_codes, admit_lines
from engine.pricing.evaluation import Evaluation
from engine.pricing.requests import Limits, LineRequest
from engine.pricing.shop import Shop
from engine.types import (
    ChannelId,
    Currency,
    CustomerId,
    InstantMs,
    LineId,
    MemberId,
    OperationId,
    PromotionId,
    StoreId,
)

ID_LENGTH_MAX: Final = 128
LINES_MAX: Final = 1_000
POINTS_MAX: Final = 1_000_000_000
_AT_MS: Final = range(-2_208_988_800_000, 7_258_118_400_000)
"""The years 1900 to 2199: a clock of a till may be wrong, but it names an instant that has a day everywhere."""


@dataclass(frozen=True, slots=True)
class SoldLineRequest:
    """Goods that were sold: a line of the snapshot with how much was sold of it, or goods as one adds them."""

    line: LineId | None
    goods: LineRequest
    total: str


@dataclass(frozen=True, slots=True)
class UseRequest:
    """A promotion that gave something."""

    promotion: PromotionId
    amount: str


@dataclass(frozen=True, slots=True)
class SaleRequest:
    """A sale, as a till tells of it; amounts are decimals in `currency`. ``codes`` None: those of the snapshot."""

    id: str
    at_ms: InstantMs
    lines: tuple[SoldLineRequest, ...]
    codes: tuple[str, ...] | None
    currency: str
    total: str
    payment_method: str
    payment_reference: str
    ruleset_hash: str
    price_book_version: str
    uses: tuple[UseRequest, ...] = ()
    points_spent: int = 0
    points_earned: int = 0


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of a receipt. ``quantity`` is in pieces, or in whole units of measured goods."""

    line: LineId | None
    goods: LineRequest
    total_minor: int


@dataclass(frozen=True, slots=True)
class Use:
    """What a sale took of a promotion: one use, and an amount of its budget."""

    promotion: PromotionId
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale, read. ``uses`` and points are what is to be posted, beyond a limit too: the goods are gone."""

    id: str
    at_ms: InstantMs
    lines: tuple[SoldLine, ...]
    codes: tuple[str, ...]
    currency: Currency
    total_minor: int
    payment_method: str
    payment_reference: str
    ruleset_hash: str
    price_book_version: str
    uses: tuple[Use, ...]
    points_spent: int
    points_earned: int

    @property
    def posts(self) -> bool:
        """Whether there is anything to post."""
        return bool(self.uses or self.codes or self.points_spent or self.points_earned)


class Verification(StrEnum):
    """What came of pricing a sale again."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_POSSIBLE = "not_possible"
    """The rules or prices of the till are not loaded here any more, or it sold what the catalogue does not have."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A sale beside what it should have come to; ``total_minor`` None where that cannot be said.

    ``lines`` are the places of lines on the receipt that come to something else.
    """

    verification: Verification
    total_minor: int | None = None
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SoldFor:
    """What posting a sale goes by of the cart that was sold: whose it was, and where.

    ``paid_minor`` is what the goods came to that each member had put in; what the till added is nobody's.
    """

    customer: CustomerId | None
    channel: ChannelId
    store: StoreId | None
    paid_minor: Mapping[MemberId, int]


@dataclass(frozen=True, slots=True)
class KeptSale:
    """What is kept of a sale for ever: as it was told, who sold it to whom, and what came of checking it."""

    sale: Sale
    member: MemberId
    device: str
    verified: Verified
    sold_for: SoldFor


def read_sale(request: SaleRequest, seen: Cart) -> Sale:
    """Return a sale of a cart that was taken along, as it is told.

    Raises `RefusedError` for one that cannot be understood.
    """
    faults: list[UserError] = []

    def amount_minor(written: str, *path: str) -> int:
        try:
            return parse_amount(written, Currency(request.currency))
        except ValueError as fault:
            faults.append(UserError(UserErrorCode.INVALID_SALE, str(fault), ("sale", *path)))
            return 0

    for name, word in (("id", request.id), ("paymentReference", request.payment_reference)):
        if not 1 <= len(word) <= ID_LENGTH_MAX or not word.isprintable():
            message = f"`{name}` has 1 to {ID_LENGTH_MAX} printable characters"
            faults.append(UserError(UserErrorCode.INVALID_SALE, message, ("sale", name)))
    if not 1 <= len(request.lines) <= LINES_MAX:
        message = f"a sale has 1 to {LINES_MAX} lines, this one has {len(request.lines)}"
        faults.append(UserError(UserErrorCode.INVALID_SALE, message, ("sale", "lines")))
    if request.at_ms not in _AT_MS:
        faults.append(UserError(UserErrorCode.INVALID_SALE, "`at` is in the years 1900 to 2199", ("sale", "at")))
    for name, points in (("pointsSpent", request.points_spent), ("pointsEarned", request.points_earned)):
        if not 0 <= points <= POINTS_MAX:
            message = f"`{name}` is 0 to {POINTS_MAX}"
            faults.append(UserError(UserErrorCode.INVALID_SALE, message, ("sale", name)))
    lines = [
        SoldLine(line.line, line.goods, amount_minor(line.total, "lines", str(place), "total"))
        for place, line in enumerate(request.lines)
    ]
    uses = [
        Use(use.promotion, amount_minor(use.amount, "uses", str(place), "amount"))
        for place, use in enumerate(request.uses)
    ]
    for place, use in enumerate(uses):
        if use.amount_minor < 0:
            message = "what a promotion gave is not below zero"
            faults.append(UserError(UserErrorCode.INVALID_SALE, message, ("sale", "uses", str(place), "amount")))
    total_minor = amount_minor(request.total, "total")
    if faults:
        raise RefusedError(tuple(faults))
    return Sale(
        id=request.id,
        at_ms=request.at_ms,
        lines=tuple(lines),
        codes=tuple(code.entered for code in seen.codes) if request.codes is None else request.codes,
        currency=Currency(request.currency),
        total_minor=total_minor,
        payment_method=request.payment_method,
        payment_reference=request.payment_reference,
        ruleset_hash=request.ruleset_hash,
        price_book_version=request.price_book_version,
        uses=tuple(uses),
        points_spent=request.points_spent,
        points_earned=request.points_earned,
    )


def sold_for(seen: Cart, sale: Sale) -> SoldFor:
    """Return what posting a sale of a cart goes by that was taken along."""
    paid_minor: dict[MemberId, int] = {}
    for sold in sale.lines:
        known = seen.line(sold.line) if sold.line is not None else None
        shares = known.shares if known else ((MemberId(""), 1),)
        parts = allocate(max(0, sold.total_minor), [quantity for _, quantity in shares])
        for (member, _), part in zip(shares, parts, strict=True):
            paid_minor[member] = paid_minor.get(member, 0) + part
    return SoldFor(seen.customer, seen.channel, seen.store, paid_minor)


@dataclass(frozen=True, slots=True)
class SoldCart:
    """The cart that a sale was of, and for each line of the receipt the line of the cart."""

    cart: Cart
    lines: tuple[LineId, ...]


def sold_cart(seen: Cart, sale: Sale, shop: Shop, limits: Limits) -> SoldCart:
    """Return the cart that was sold: the snapshot's, with the lines of the receipt in place of its own.

    Raises `RefusedError` where the catalogue does not have the goods any more.
    """
    wide = replace(limits, lines_per_request_max=LINES_MAX)
    lines: dict[LineId, LineItem] = {}
    places = []
    for place, sold in enumerate(sale.lines):
        for line in _sold_lines(seen, sold, place, shop, wide):
            known = lines.get(line.id)
            quantity = line.quantity + (known.quantity if known else 0)
            lines[line.id] = replace(line, shares=((MemberId(""), quantity),))
        places.append(line.id)
    told = {code.canonical: code for code in seen.codes}
    entered = admit_codes(sale.codes, limits).entries() if sale.codes else ()
    codes = tuple(told.get(code.canonical, code) for code in entered)
    cart = replace(
        seen, lines=tuple(lines.values()), codes=codes, payment_method=sale.payment_method or seen.payment_method
    )
    return SoldCart(cart, tuple(places))


def _sold_lines(seen: Cart, sold: SoldLine, place: int, shop: Shop, limits: Limits) -> Iterable[LineItem]:
    known = seen.line(sold.line) if sold.line is not None else None
    if known is None:
        wishes = admit_lines([sold.goods], shop, limits, OperationId(f"sale-{place}")).lines
        return [_item(wish, seen.version) for wish in wishes]
    if sold.goods.quantity is None:
        return [known]
    return [replace(known, shares=((MemberId(""), _counted(sold.goods.quantity, known, limits)),))]


def _item(wish: NewLine, version: int) -> LineItem:
    return line_item(wish, ((MemberId(""), wish.quantity),), version)


def _counted(quantity: Decimal, line: LineItem, limits: Limits) -> int:
    counted = quantity * QUANTITY_SCALE if line.measured else quantity
    if not 0 < quantity <= limits.quantity_max or counted != int(counted):
        message = f"there cannot be {quantity} of `{line.sku}`"
        raise RefusedError.because(UserErrorCode.INVALID_QUANTITY, message, "sale", "lines")
    return int(counted)


def verified(sale: Sale, sold: SoldCart, evaluation: Evaluation) -> Verified:
    """Compare a sale with what its cart comes to under the same rules."""
    if evaluation.currency != sale.currency:
        return Verified(Verification.DIFFERENT)
    total_minor = evaluation.totals.total_minor
    expected = {line.line: line.total_minor for line in evaluation.lines}
    told: dict[LineId, int] = {}
    for line, receipt in zip(sold.lines, sale.lines, strict=True):
        told[line] = told.get(line, 0) + receipt.total_minor
    other = tuple(place for place, line in enumerate(sold.lines) if told[line] != expected[line])
    same = total_minor == sale.total_minor and not other
    return Verified(Verification.SAME if same else Verification.DIFFERENT, total_minor, other)
