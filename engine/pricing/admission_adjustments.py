"""Changes of a price by hand, checked against the shop's reasons and the ceiling of whoever asks.

What is known before the cart is read is refused here; what depends on what things cost (a percentage that an amount
comes to, a floor) is cut at pricing, with a warning.
"""

from typing import Final, NoReturn

from engine.cart.commands import AddAdjustment
from engine.cart.model import AdjustmentKind
from engine.errors import RefusedError, UserErrorCode, one_of
from engine.fields import read_currency
from engine.money import format_minor, parse_amount, parse_percent_bp
from engine.pricing.adjustments import Ceiling
from engine.pricing.admission import admit_note
from engine.pricing.nearest import nearest
from engine.pricing.requests import AdjustmentRequest, Limits
from engine.pricing.shop import Shop
from engine.types import AdjustmentId, Currency

_SHOWN_LENGTH_MAX: Final = 40


def admit_adjustment(
    request: AdjustmentRequest, role: str, id_: AdjustmentId, shop: Shop, limits: Limits
) -> AddAdjustment:
    """Check a change by hand; `role` empty is the shop's default role. Raises `RefusedError`."""
    ceiling = _ceiling(role, shop)
    kind, written = _kind(request)
    _check_reason(request.reason, kind, shop)
    if kind is AdjustmentKind.PRICE and request.line is None:
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, "a price is set for a line: say which", "lineId")
    currency = "" if kind is AdjustmentKind.PERCENT else _currency(request.currency, shop)
    value = _percent(written) if kind is AdjustmentKind.PERCENT else _amount(written, Currency(currency), kind)
    _check_ceiling(ceiling, kind, value, Currency(currency))
    return AddAdjustment(
        id=id_,
        kind=kind,
        line=request.line,
        value=value,
        currency=currency,
        reason=request.reason,
        role=ceiling.role,
        note=_note(request.note, limits),
    )


def _note(note: str, limits: Limits) -> str:
    try:
        return admit_note(note, limits).note
    except RefusedError as refused:
        _refuse(UserErrorCode.INVALID_NOTE, str(refused), "note")


def _refuse(code: UserErrorCode, message: str, *path: str) -> NoReturn:
    raise RefusedError.because(code, message, "adjustment", *path)


def _ceiling(role: str, shop: Shop) -> Ceiling:
    named = role or shop.adjustments.default_role
    ceiling = shop.adjustments.ceilings.get(named) if named else None
    if ceiling is None:
        who = f"the role `{role[:_SHOWN_LENGTH_MAX]}`" if role else "a token without a role"
        _refuse(UserErrorCode.FORBIDDEN, f"{who} may not change prices in this shop: see `adjustments.yaml`")
    return ceiling


def _kind(request: AdjustmentRequest) -> tuple[AdjustmentKind, str]:
    """Return which of the three is asked for, and what is written there."""
    written = {
        AdjustmentKind.PRICE: request.price,
        AdjustmentKind.AMOUNT: request.amount,
        AdjustmentKind.PERCENT: request.percent,
    }
    given = [(kind, text) for kind, text in written.items() if text is not None]
    if len(given) != 1:
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, "name one of `price`, `amount` and `percent`")
    return given[0]


def _check_reason(reason: str, kind: AdjustmentKind, shop: Shop) -> None:
    known = shop.adjustments.reasons
    if reason not in known:
        hint = nearest(reason, known) or f"expected {one_of(list(known))}"
        _refuse(
            UserErrorCode.UNKNOWN_REASON,
            f"`{reason[:_SHOWN_LENGTH_MAX]}` is not a reason of this shop: {hint}",
            "reason",
        )
    if kind not in known[reason].kinds:
        kinds = one_of([allowed.value for allowed in known[reason].kinds])
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, f"`{reason}` is no reason for a `{kind}`: expected {kinds}", "reason")


def _currency(written: str, shop: Shop) -> Currency:
    sold_in = sorted({store.currency for store in shop.stores.values()})
    if written not in sold_in:
        message = f"`{written[:_SHOWN_LENGTH_MAX]}` is not a currency of this shop: expected {one_of(sold_in)}"
        _refuse(UserErrorCode.WRONG_CURRENCY, message, "currency")
    return read_currency(written)


def _percent(written: str) -> int:
    try:
        percent_bp = parse_percent_bp(f"{written.strip().removesuffix('%')}%")
    except ValueError as fault:
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, str(fault), "percent")
    if not percent_bp:
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, "0% changes nothing: write a percentage above zero", "percent")
    return percent_bp


def _amount(written: str, currency: Currency, kind: AdjustmentKind) -> int:
    try:
        amount_minor = parse_amount(written, currency)
    except ValueError as fault:
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, str(fault), kind.value)
    if amount_minor < 0 or (kind is AdjustmentKind.AMOUNT and not amount_minor):
        what = "an amount to take off is above zero" if kind is AdjustmentKind.AMOUNT else "a price is not negative"
        _refuse(UserErrorCode.INVALID_ADJUSTMENT, what, kind.value)
    return amount_minor


def _check_ceiling(ceiling: Ceiling, kind: AdjustmentKind, value: int, currency: Currency) -> None:
    """Refuse what is above the ceiling whatever the goods cost."""
    if kind is AdjustmentKind.PRICE and not ceiling.may_set_price:
        _refuse(UserErrorCode.FORBIDDEN, f"the role `{ceiling.role}` may not set prices", "price")
    if kind is AdjustmentKind.PERCENT and value > ceiling.max_percent_bp:
        whole, hundredths = divmod(ceiling.max_percent_bp, 100)
        message = f"the role `{ceiling.role}` may take at most {whole}.{hundredths:02}% off"
        _refuse(UserErrorCode.ADJUSTMENT_TOO_LARGE, message, "percent")
    if kind is AdjustmentKind.AMOUNT and ceiling.max_minor is not None:
        most_minor = ceiling.max_minor.get(currency, 0)
        if value > most_minor:
            message = f"the role `{ceiling.role}` may take at most {format_minor(most_minor, currency)} {currency} off"
            _refuse(UserErrorCode.ADJUSTMENT_TOO_LARGE, message, "amount")
