"""What promotions give that lowers no goods of the cart, for the oracle: fees, gifts, points, codes for a later cart."""

from fractions import Fraction

from engine.rules.benefits.fee_amount_off import FeeAmountOff
from engine.rules.benefits.fee_percent_off import FeePercentOff
from engine.rules.benefits.gift import Gift
from engine.rules.benefits.points import Points
from tests.oracle.arith import rounded
from tests.oracle.cart import Cart, Line
from tests.oracle.rules import chosen


def asked_of_fees(benefit: FeePercentOff | FeeAmountOff, cart: Cart, rounding: str) -> dict[str, int]:
    """Return what is wanted of each chosen fee, by its id."""
    fees = [fee for fee in cart.fees if fee.available and (benefit.fees is None or fee.fee in benefit.fees)]
    if isinstance(benefit, FeePercentOff):
        return {fee.fee: rounded(Fraction(fee.current_minor * benefit.percent, 10_000), rounding) for fee in fees}
    amounts = {str(currency): amount for currency, amount in benefit.amount.items()}
    return {fee.fee: amounts[cart.store.currency] * fee.quantity for fee in fees}


def gift_of(benefit: Gift, promotion: str, cart: Cart) -> Line | str:
    """Return the line that is given, or the verdict where none is."""
    listed = [benefit.sku] if benefit.sku else [*(benefit.cheapest_of or ()), *(benefit.choice_of or ())]
    possible = [
        line
        for sku in listed
        if (line := cart.gift_line(sku, benefit.quantity, f"\x1fgift {promotion}")) is not None
        and not line.product.measured
        and not line.product.never_discount
    ]
    if benefit.choice_of and possible:
        choice = cart.gift_choices.get(promotion)
        if choice not in listed:
            return "choice_open"
        possible = [line for line in possible if line.product.sku == choice]
    if not possible:
        return "no_target"
    gift = min(possible, key=lambda line: (line.list_minor, line.product.sku))
    token = {str(currency): amount for currency, amount in (benefit.price or {}).items()}.get(cart.store.currency, 0)
    for unit in gift.units:
        unit.current_minor = min(token, unit.list_minor)
    return gift


def earned_on(benefit: Points, cart: Cart) -> list[Line]:
    """Return the goods that points are earned on, as the lane of the promotion finds them."""
    return chosen(cart, benefit.on, benefit.except_, regulated=benefit.counting == "regulated")


def gives_points(benefit: Points, goods: list[Line], cart: Cart) -> bool:
    """Say whether there is anything that the points could be earned on."""
    if benefit.per is not None:
        return _points_on(goods, benefit, cart) > 0
    return benefit.multiply is None or bool(goods)


def lacks_for_points(benefit: Points, goods: list[Line], cart: Cart) -> tuple[int, int, int] | None:
    """Return what must be spent for the first points, what is, and the difference; None where they are not for spend."""
    if benefit.per is None:
        return None
    step = {str(currency): amount for currency, amount in benefit.per.items()}[cart.store.currency]
    spent = sum(line.current_minor for line in goods)
    return step, spent, step - spent


def points_of(promotion: str, earning: dict[str, Points], cart: Cart) -> int:
    """Return what a promotion earns when all is priced; `earning` are all that earn points in this cart."""
    benefit = earning[promotion]
    if benefit.multiply is not None:
        base = sum(_per_amount(other, promotion, earning, cart) for other in earning if earning[other].per is not None)
        return int(base * (Fraction(benefit.multiply, 100) - 1))
    if benefit.per is not None:
        return _per_amount(promotion, promotion, earning, cart)
    assert benefit.add is not None
    return benefit.add


def _per_amount(promotion: str, also: str, earning: dict[str, Points], cart: Cart) -> int:
    """Return the points of a promotion for the goods that it and another one have chosen."""
    goods = [line for line in cart.earned_on[promotion] if line in cart.earned_on[also]]
    return _points_on(goods, earning[promotion], cart)


def _points_on(goods: list[Line], benefit: Points, cart: Cart) -> int:
    """Return the points per amount for what goods cost now."""
    assert benefit.per is not None
    assert benefit.add is not None
    step = {str(currency): amount for currency, amount in benefit.per.items()}[cart.store.currency]
    return sum(line.current_minor for line in goods) // step * benefit.add
