"""Amounts that are larger than any that sums are sure to hold: what a file may ask for and a live cart hardly can."""

from engine.cart.model import QUANTITY_SCALE
from engine.errors import UserError, UserErrorCode
from engine.money import AMOUNT_MINOR_MAX, format_minor
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Unavailable
from engine.pricing.shop import Product


def amounts_too_large(basket: Basket) -> tuple[UserError, ...]:
    """Return a fault for each line and fee whose amount is larger than any that sums are sure to hold.

    Only a basket knows what a line comes to: its price may stand in the catalogue and depend on the instant.
    """
    large = [
        f"{_how_much(line.product, line.quantity)} of `{line.product.sku}` come"
        for line in basket.unavailable
        if line.reason is Unavailable.TOO_LARGE
    ]
    large += [
        f"{fee.quantity} of `{fee.fee}` come"
        for fee in basket.fees
        if fee.unit_minor is not None and fee.quantity * fee.unit_minor > AMOUNT_MINOR_MAX
    ]
    most = format_minor(AMOUNT_MINOR_MAX, basket.currency)
    return tuple(
        UserError(UserErrorCode.INVALID_QUANTITY, f"{what} to more than {most}, the largest amount that is priced")
        for what in large
    )


def _how_much(product: Product, quantity: int) -> str:
    if not product.measured:
        return str(quantity)
    whole, thousandths = divmod(quantity, QUANTITY_SCALE)
    return f"{whole}.{thousandths:03} {product.unit}"
