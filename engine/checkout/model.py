"""Quotes and orders.

A quote is a cart as it was priced when a checkout began: its prices stand until it expires, whatever price lists and
rules do meanwhile. An order is a quote that was paid for.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from engine.cart.codes import CODE_ALPHABET, check_character
from engine.cart.model import Cart, VoucherEnd
from engine.limits import Use
from engine.loyalty.account import AccountId
from engine.pricing.evaluation import Evaluation
from engine.types import CustomerId, InstantMs, MemberId, OrderNumber, QuoteId

_CHARACTERS: Final = 9
"""Of an order number, besides the one that shows a typo."""
ORDER_NUMBERS: Final = len(CODE_ALPHABET) ** _CHARACTERS
"""How many order numbers there are: 41 bits."""


@dataclass(frozen=True, slots=True)
class PointsUse:
    """What one order spends of a points account."""

    account: AccountId
    points: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A cart, priced, and what it uses of limits and points.

    ``uses`` state what is held of each limit, ``points`` what of an account, under the quote's id. ``began_ms`` is the
    instant of the prices, by the store's clock. ``amount_hash`` names what is paid for: a payment has to quote it back.
    """

    id: QuoteId
    cart: Cart
    evaluation: Evaluation
    uses: tuple[Use, ...]
    by: MemberId
    began_ms: InstantMs
    points: PointsUse | None = None

    @property
    def total_minor(self) -> int:
        """What it costs, in minor units of the evaluation's currency."""
        return self.evaluation.totals.total_minor

    @property
    def due_minor(self) -> int:
        """What there is to pay: what points do not."""
        return self.evaluation.totals.due_minor

    @property
    def amount_hash(self) -> str:
        """Name the amount: of which quote, from which prices, how much of what currency."""
        source = self.evaluation.computed_from
        parts = (
            *(self.id, str(self.cart.version), str(self.due_minor), self.evaluation.currency),
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
class IssuedVoucher:
    """A code for a later cart that an order brought. ``ended`` is whether it was used or became void."""

    code: str
    series: str
    expires_ms: InstantMs
    ended: VoucherEnd | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A quote that was paid for. ``refunds_due`` are references of payments that came on top.

    ``customer`` is whose cart it was when it was placed, None where a guest's: who signs in while paying is no guest.
    ``issued`` is empty unless it was looked up (`engine.vouchers`).
    """

    number: OrderNumber
    quote: Quote
    placed_ms: InstantMs
    payment_reference: str
    customer: CustomerId | None
    refunds_due: tuple[str, ...] = ()
    cancelled: Cancellation | None = None
    issued: tuple[IssuedVoucher, ...] = ()


def order_number(drawn: int) -> OrderNumber:
    """Return the number that was drawn, from 0 to below `ORDER_NUMBERS`, as people write it."""
    body = ""
    for _ in range(_CHARACTERS):
        drawn, place = divmod(drawn, len(CODE_ALPHABET))
        body += CODE_ALPHABET[place]
    return OrderNumber(body + check_character(body))


def drawn_of(number: OrderNumber) -> int:
    """Return what was drawn for an order number; some number, too, for a text that is none."""
    drawn = 0
    for character in reversed(number[:_CHARACTERS]):
        drawn = drawn * len(CODE_ALPHABET) + CODE_ALPHABET.find(character)
    return drawn
