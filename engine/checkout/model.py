"""Quotes and orders.

A quote is a cart as it was priced when a checkout began: its prices stand until it expires, whatever price lists and
rules do meanwhile. An order is a quote that was paid for.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from engine.cart.codes import CODE_ALPHABET, check_character
from engine.cart.model import Cart
from engine.limits import Use
from engine.pricing.evaluation import Evaluation
from engine.types import CustomerId, InstantMs, MemberId, OrderNumber, QuoteId

NUMBER_DRAWN: Final = 9
"""Random characters of an order number, besides the one that shows a typo: 39 bits, within one of the partitions."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A cart, priced, and what it uses of limits.

    ``uses`` state what is held of each limit, under the quote's id. ``began_ms`` is the instant of the prices, by the
    store's clock. ``amount_hash`` names what is paid for: a payment has to quote it back.
    """

    id: QuoteId
    cart: Cart
    evaluation: Evaluation
    uses: tuple[Use, ...]
    by: MemberId
    began_ms: InstantMs

    @property
    def total_minor(self) -> int:
        """What there is to pay, in minor units of the evaluation's currency."""
        return self.evaluation.totals.total_minor

    @property
    def amount_hash(self) -> str:
        """Name the amount: of which quote, from which prices, how much of what currency."""
        source = self.evaluation.computed_from
        parts = (
            *(self.id, str(self.cart.version), str(self.total_minor), self.evaluation.currency),
            *(source.ruleset_hash, source.price_book_version, str(source.as_of_ms), str(source.pricing_version)),
        )
        framed = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.blake2b(framed.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who took an order back, when and why."""

    at_ms: InstantMs
    by: MemberId
    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """A quote that was paid for. ``refunds_due`` are references of payments that came on top."""

    number: OrderNumber
    quote: Quote
    placed_ms: InstantMs
    payment_reference: str
    refunds_due: tuple[str, ...] = ()
    cancelled: Cancellation | None = None

    @property
    def customer(self) -> CustomerId | None:
        """Whose it is, None where a guest's."""
        return self.quote.cart.customer


def order_number(body: str) -> OrderNumber:
    """Return the number whose random characters are these: with one more, which shows a typo."""
    return OrderNumber(body + check_character(body))


ORDER_NUMBER_ALPHABET: Final = CODE_ALPHABET
