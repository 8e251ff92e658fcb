"""What changed under a shopper: told, never silently corrected.

Nothing about prices is stored, and nothing has to be: the price book is dated, so what a line cost when it was last
changed can be worked out again and compared with what it costs now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.cart.merging import MergeChange, MergeEffect, MergePart, MergeReport
from engine.cart.model import Cart
from engine.money import format_minor
from engine.pricing.basket import Basket, BasketLine, build_basket
from engine.pricing.evaluation import AdjustmentState, BurnState, CodeState, Evaluation, Unavailable
from engine.pricing.shop import Shop
from engine.types import InstantMs, LineId

_NO_REASONS: Mapping[str, str] = {}


class NoticeCode(StrEnum):
    """Stable codes of warnings."""

    PRICE_CHANGED = "PRICE_CHANGED"
    PRICE_LIST_ENDED = "PRICE_LIST_ENDED"
    NOT_SOLD_HERE = "NOT_SOLD_HERE"
    NO_PRICE = "NO_PRICE"
    UNKNOWN_PRODUCT = "UNKNOWN_PRODUCT"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    TOO_LARGE = "TOO_LARGE"
    DELIVERY_UNAVAILABLE = "DELIVERY_UNAVAILABLE"
    FEE_UNAVAILABLE = "FEE_UNAVAILABLE"
    CODE_UNKNOWN = "CODE_UNKNOWN"
    CODE_NOT_APPLIED = "CODE_NOT_APPLIED"
    ADJUSTMENT_CUT = "ADJUSTMENT_CUT"
    ADJUSTMENT_SUSPENDED = "ADJUSTMENT_SUSPENDED"
    ADJUSTMENT_WITHOUT_EFFECT = "ADJUSTMENT_WITHOUT_EFFECT"
    POINTS_CUT = "POINTS_CUT"
    GIFT_CHOICE_OPEN = "GIFT_CHOICE_OPEN"
    BETTER_WITHOUT = "BETTER_WITHOUT"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    BUDGET_SUSPENDED = "BUDGET_SUSPENDED"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    CATEGORY_BLOCKED = "CATEGORY_BLOCKED"
    CART_ADOPTED = "CART_ADOPTED"
    MERGE_LEFT = "MERGE_LEFT"
    NOT_MERGED = "NOT_MERGED"
    UNKNOWN_STORE = "UNKNOWN_STORE"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    OPTION_ENDED = "OPTION_ENDED"


@dataclass(frozen=True, slots=True)
class Notice:
    """One warning; ``line`` where it is about one."""

    code: NoticeCode
    message: str
    line: LineId | None = None


ADOPTED = Notice(
    NoticeCode.CART_ADOPTED,
    "the customer has an active cart already: that one was taken, where it is, and what is new went into it",
)


def merge_notices(report: MergeReport) -> list[Notice]:
    """Return what of the source did not fit, or could not come along."""
    return [
        Notice(NoticeCode.MERGE_LEFT, _left_behind(change), LineId(change.key) if change.after else None)
        for change in report.changes
        if change.left or change.effect is MergeEffect.LEFT
    ]


def _left_behind(change: MergeChange) -> str:
    much = f"{change.left} of " if change.left and change.part in _COUNTED else ""
    return f"{much}the {change.part} {change.name} did not come along: it is still in the other cart"


_COUNTED = frozenset({MergePart.LINE, MergePart.SUGGESTION, MergePart.FEE})


def not_merged(why: str) -> Notice:
    """Return what a customer is told who signed in with a cart and still has two."""
    return Notice(NoticeCode.NOT_MERGED, f"this cart was not put together with the one before, both are kept: {why}")


def notices_of(
    cart: Cart, basket: Basket, evaluation: Evaluation, shop: Shop, reasons: Mapping[str, str] = _NO_REASONS
) -> list[Notice]:
    """Return everything about this priced cart that its shopper may not expect.

    `reasons` says, by code, why one gives nothing (see `engine.rules.code_reasons`).
    """
    return [
        *_gone(cart, shop),
        *_unavailable(basket),
        *_repriced(cart, basket, shop),
        *_undeliverable(evaluation),
        *_codes(cart, evaluation, reasons),
        *_adjustments(basket, evaluation),
        *_points(evaluation),
    ]


def _gone(cart: Cart, shop: Shop) -> list[Notice]:
    """Name what the cart speaks of and the shop no longer has."""
    notices = []
    if cart.store is not None and cart.store not in shop.stores:
        text = f"the store {cart.store} is no more: prices are those of {shop.store_of(cart.channel, cart.store).id}"
        notices.append(Notice(NoticeCode.UNKNOWN_STORE, text))
    if cart.channel not in shop.channels:
        notices.append(Notice(NoticeCode.UNKNOWN_CHANNEL, f"the channel {cart.channel} is no more: choose another one"))
    for line in cart.lines:
        product = shop.products.get(line.sku) if line.options else None
        for name, value in line.options if product else ():
            option = shop.options.get(name) if product and name in product.options else None
            if option is None or not (option.text_length_max or value in option.surcharges_minor):
                text = f"{line.sku}: the option {name} {value} is no longer offered: choose again"
                notices.append(Notice(NoticeCode.OPTION_ENDED, text, line.id))
    return notices


_WHY = {
    Unavailable.NOT_SOLD_HERE: (NoticeCode.NOT_SOLD_HERE, "is not sold in this channel or store"),
    Unavailable.NO_PRICE: (NoticeCode.NO_PRICE, "has no price here at present"),
    Unavailable.UNKNOWN_PRODUCT: (NoticeCode.UNKNOWN_PRODUCT, "is no longer in the catalogue"),
    Unavailable.TOO_LARGE: (NoticeCode.TOO_LARGE, "would cost more than a cart can hold: take fewer"),
    Unavailable.OTHER_CURRENCY: (NoticeCode.OTHER_CURRENCY, "carries a label price in another currency"),
}


def _unavailable(basket: Basket) -> list[Notice]:
    notices = []
    for line in basket.unavailable:
        code, why = _WHY[line.reason]
        instead = f"; instead there is {', '.join(a.sku for a in line.alternatives)}" if line.alternatives else ""
        text = f"{line.product.name or line.product.sku} {why}: kept in the cart, left out of the total{instead}"
        notices.append(Notice(code, text, line.id))
    return notices


def _repriced(cart: Cart, basket: Basket, shop: Shop) -> list[Notice]:
    """Compare each line with its price at the instant when it was last changed."""
    earliest_ms = min([line.changed_at_ms for line in cart.lines], default=basket.as_of_ms)
    dated = shop.prices.edges_between(earliest_ms, basket.as_of_ms)
    if not dated:
        return []
    priced = {line.id: line for line in basket.lines}
    then: dict[InstantMs, Basket] = {}
    notices = []
    for wish in cart.lines:
        line, changed_ms = priced.get(wish.id), wish.changed_at_ms
        if line is None or line.price_list is None or not changed_ms:
            continue
        lists = shop.prices.breaks.get(line.product.sku, {})
        # Nothing else than a list with a price for it that began or ended can change the price of a product.
        if not any(changed_ms < edge_ms and price_list in lists for edge_ms, price_list in dated):
            continue
        if changed_ms not in then:
            then[changed_ms] = build_basket(cart, shop, changed_ms)
        before = next((old for old in then[changed_ms].lines if old.id == wish.id), None)
        if before is not None and before.unit_list_minor != line.unit_list_minor:
            notices.append(_price_notice(line, before, basket, shop))
    return notices


def _price_notice(line: BasketLine, before: BasketLine, basket: Basket, shop: Shop) -> Notice:
    old, new = (format_minor(each.unit_list_minor, basket.currency) for each in (before, line))
    name = line.product.name or line.product.sku
    ended = any(
        price_list.id == before.price_list
        and price_list.until_ms is not None
        and price_list.until_ms <= basket.as_of_ms
        for price_list in shop.prices.lists
    )
    if ended:
        text = f"{name}: the price list {before.price_list} has ended, {old} is now {new} {basket.currency}"
        return Notice(NoticeCode.PRICE_LIST_ENDED, text, line.id)
    text = f"{name}: the price was {old} and is now {new} {basket.currency}"
    return Notice(NoticeCode.PRICE_CHANGED, text, line.id)


def _adjustments(basket: Basket, evaluation: Evaluation) -> list[Notice]:
    """Tell of changes by staff that did not do what they were to do."""
    names = {line.id: line.product.name or line.product.sku for line in basket.lines}
    notices = []
    for each in evaluation.adjustments:
        line, currency = each.adjustment.line, evaluation.currency
        on = f"the change by staff on {names.get(line, 'a line') if line else 'the cart'}"
        match each.state:
            case AdjustmentState.CUT:
                code = NoticeCode.ADJUSTMENT_CUT
                wanted, got = (format_minor(minor, currency) for minor in (each.wanted_minor, each.amount_minor))
                why = f"was cut from {wanted} to {got} {currency}: there is a floor, and a ceiling for each role"
            case AdjustmentState.OTHER_CURRENCY:
                code = NoticeCode.ADJUSTMENT_SUSPENDED
                why = f"is in {each.adjustment.currency} and suspended while the cart is in {currency}"
            case AdjustmentState.REGULATED:
                code, why = NoticeCode.ADJUSTMENT_WITHOUT_EFFECT, "has no effect: nobody may change a regulated price"
            case AdjustmentState.NO_TARGET:
                code, why = NoticeCode.ADJUSTMENT_WITHOUT_EFFECT, "has no effect: there is nothing to take it off"
            case _:
                continue
        notices.append(Notice(code, f"{on} {why}", line))
    return notices


_WHY_CUT = {
    BurnState.BALANCE: "there are no more",
    BurnState.SHARE: "this cart takes no more",
    BurnState.MINIMUM: "fewer are not spent at once",
    BurnState.STEP: "they are spent in steps",
    BurnState.NOT_TAKEN: "they pay for nothing here",
}


def _points(evaluation: Evaluation) -> list[Notice]:
    """Tell of points that were to be spent, and are not."""
    burned = evaluation.burned
    if burned is None or burned.state is BurnState.APPLIED:
        return []
    of = f"{burned.points or 'none'} of the {burned.wanted} points are" if burned.wanted else "no points are"
    return [Notice(NoticeCode.POINTS_CUT, f"{of} spent: {_WHY_CUT[burned.state]}")]


def _undeliverable(evaluation: Evaluation) -> list[Notice]:
    notices = [
        Notice(
            NoticeCode.DELIVERY_UNAVAILABLE,
            f"delivery {' '.join(filter(None, (delivery.method, delivery.place, delivery.slot)))} is not offered here:"
            " choose another one",
        )
        for delivery in evaluation.deliveries
        if not delivery.available
    ]
    notices += [
        Notice(NoticeCode.FEE_UNAVAILABLE, f"the fee {fee.fee} is not offered in {evaluation.currency}")
        for fee in evaluation.fees
        if not fee.available
    ]
    return notices


def _codes(cart: Cart, evaluation: Evaluation, reasons: Mapping[str, str]) -> list[Notice]:
    entered = {code.canonical: code.entered for code in cart.codes}
    notices = []
    for verdict in evaluation.codes:
        shown = entered[verdict.canonical]
        if verdict.state is CodeState.UNKNOWN:
            notices.append(Notice(NoticeCode.CODE_UNKNOWN, f"the code {shown} is not known: check how it is written"))
        elif verdict.state is CodeState.NOT_APPLIED:
            why = reasons.get(verdict.canonical, "it gives nothing at present")
            notices.append(Notice(NoticeCode.CODE_NOT_APPLIED, f"the code {shown} is not applied: {why}"))
    return notices
