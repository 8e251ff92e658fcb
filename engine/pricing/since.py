"""What is new in a cart since somebody last looked: lines by others, prices, offers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.cart.model import Cart, LineItem, LogEntry
from engine.cart.viewing import Seen, SeenLine
from engine.pricing.evaluation import EvaluatedLine, Evaluation
from engine.types import InstantMs, LineId, MemberId, PromotionId, Sku

_ABOUT_A_LINE = frozenset({"add", "set", "del", "approve"})
"""The operations that change how much is wanted of the line that they name."""


class LineNews(StrEnum):
    """What is new about a line."""

    ADDED = "added"
    REMOVED = "removed"
    QUANTITY = "quantity"
    """There is more or less of it."""
    DEARER = "dearer"
    """As much of it costs more."""
    CHEAPER = "cheaper"


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line that is not as it was; None on a side where it was or is not in the cart.

    ``members`` are the others who changed it, empty for a price. Amounts are in the currency of their side.
    """

    line: LineId
    news: LineNews
    before: SeenLine | None
    after: SeenLine | None
    members: tuple[MemberId, ...] = ()

    @property
    def sku(self) -> Sku:
        """The product."""
        line = self.after or self.before
        assert line is not None  # noqa: S101  # one of the two is there, by construction
        return line.sku


@dataclass(frozen=True, slots=True)
class SinceSeen:
    """What is new. ``complete`` is False where nobody knows any more who did all of it.

    ``offers_ended`` are promotions that gave something then and give nothing now, with their labels of then;
    ``offers_begun`` the other way round.
    """

    seen: Seen
    complete: bool
    lines: tuple[LineChange, ...]
    offers_ended: Mapping[PromotionId, str]
    offers_begun: tuple[PromotionId, ...]


def seen_now(cart: Cart, evaluation: Evaluation, at_ms: InstantMs, labels: Mapping[PromotionId, str]) -> Seen:
    """Return what a viewer sees of a cart; `labels` are those of `offers_of` it."""
    return Seen(
        version=cart.version,
        at_ms=at_ms,
        currency=evaluation.currency,
        total_minor=evaluation.totals.total_minor,
        lines=_lines_of(cart, evaluation),
        offers=labels,
    )


def since_seen(
    seen: Seen, cart: Cart, evaluation: Evaluation, entries: Iterable[LogEntry], viewer: MemberId, *, complete: bool
) -> SinceSeen:
    """Compare a cart with what `viewer` saw of it. What they did themselves since is no news to them.

    `entries` are the operations since; where they are not `complete`, every change counts as somebody else's.
    """
    now = _lines_of(cart, evaluation)
    authors = _authors(entries, seen.lines.keys() - now.keys())
    same_currency = evaluation.currency == seen.currency
    changes = []
    for line in dict.fromkeys((*now, *seen.lines)):
        change = _change(seen.lines.get(line), now.get(line), same_currency=same_currency)
        if change in {None, LineNews.DEARER, LineNews.CHEAPER}:
            others: tuple[MemberId, ...] = ()
        else:
            others = tuple(member for member in authors.get(line, ()) if member != viewer)
            if not others and complete:
                continue
        if change is not None:
            changes.append(LineChange(line, change, seen.lines.get(line), now.get(line), others))
    offers = offers_of(evaluation)
    ended = {promotion: label for promotion, label in seen.offers.items() if promotion not in offers}
    begun = tuple(promotion for promotion in offers if promotion not in seen.offers)
    return SinceSeen(seen, complete, tuple(changes), ended, begun)


def _change(before: SeenLine | None, now: SeenLine | None, *, same_currency: bool) -> LineNews | None:
    if before is None:
        return LineNews.ADDED
    if now is None:
        return LineNews.REMOVED
    if before.quantity != now.quantity:
        return LineNews.QUANTITY
    if not same_currency or before.amount_minor == now.amount_minor:
        return None
    return LineNews.DEARER if now.amount_minor > before.amount_minor else LineNews.CHEAPER


def _authors(entries: Iterable[LogEntry], gone: Iterable[LineId]) -> dict[LineId, dict[MemberId, None]]:
    """Return who changed how much is wanted of each line; who empties a cart removes all lines that are gone."""
    authors: dict[LineId, dict[MemberId, None]] = {}
    for entry in entries:
        for verb, *details in entry.changes:
            touched = gone if verb == "clear" else [LineId(details[0])] if verb in _ABOUT_A_LINE else ()
            for line in touched:
                authors.setdefault(line, {})[entry.member] = None
    return authors


def _lines_of(cart: Cart, evaluation: Evaluation) -> dict[LineId, SeenLine]:
    prices: dict[LineId, EvaluatedLine] = {line.line: line for line in evaluation.lines}
    return {line.id: _shown(line, prices[line.id]) for line in cart.lines}


def _shown(line: LineItem, price: EvaluatedLine) -> SeenLine:
    return SeenLine(line.sku, line.quantity, line.measured, price.total_minor + price.order_discount_minor)


def offers_of(evaluation: Evaluation) -> tuple[PromotionId, ...]:
    """Return the promotions that give something, gifts and points too."""
    giving = [discount.promotion for discount in evaluation.discounts]
    giving += [earned.promotion for earned in evaluation.points]
    return tuple(dict.fromkeys(giving))
