"""Money as clients see it."""

from engine.money import format_minor
from engine.types import Currency
from schema.scalars import DecimalText, Long
from schema.views import object_type


@object_type("Money")
class MoneyView:
    """An amount of one currency."""

    __slots__ = ("_currency", "_minor")

    def __init__(self, amount_minor: int, currency: Currency) -> None:
        self._minor = amount_minor
        self._currency = currency

    @property
    def amount(self) -> DecimalText:
        """The amount in the currency's unit, with all its decimals: "12.30"."""
        return DecimalText(format_minor(self._minor, self._currency))

    @property
    def minor_units(self) -> Long:
        """The same amount in the currency's smallest unit: 1230."""
        return Long(self._minor)

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return self._currency
