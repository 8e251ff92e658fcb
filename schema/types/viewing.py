"""Who looks at a cart, and what is new to them."""

import strawberry
from strawberry import ID

from engine.cart.viewing import SeenLine, Viewer
from engine.priced import PricedCart
from engine.pricing.since import LineChange, LineNews, SinceSeen
from engine.types import InstantMs
from schema.scalars import QuantityOut, quantity_out
from schema.types.line import label_of
from schema.types.money import MoneyView
from schema.views import object_type

strawberry.enum(LineNews, name="LineNews", description="What is new about a line.")


@object_type("CartViewer")
class ViewerView:
    """Somebody who has a cart open, and where."""

    __slots__ = ("_viewer",)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    @property
    def member(self) -> ID:
        """Who: the kind of caller and their id."""
        return ID(self._viewer.member)

    @property
    def channel(self) -> str:
        """The channel that they came by."""
        return self._viewer.channel

    @property
    def store(self) -> str | None:
        """The store that they are in."""
        return self._viewer.store

    @property
    def device(self) -> str | None:
        """What their token calls the device."""
        return self._viewer.device or None


@object_type("LineSinceLastSeen")
class LineChangeView:
    """A line that is not as the viewer last saw it."""

    __slots__ = ("_change", "_news", "_priced")

    def __init__(self, change: LineChange, news: SinceSeen, priced: PricedCart) -> None:
        self._change = change
        self._news = news
        self._priced = priced

    @property
    def line_id(self) -> ID:
        """The line; one that was removed may not be in the cart any more."""
        return ID(self._change.line)

    @property
    def sku(self) -> str:
        """The product."""
        return self._change.sku

    @property
    def news(self) -> LineNews:
        """What is new about it."""
        return self._change.news

    @property
    def members(self) -> list[ID]:
        """The others who changed it; empty for a price, and where that is not known any more."""
        return [ID(member) for member in self._change.members]

    @property
    def quantity_before(self) -> QuantityOut | None:
        """How much there was, null where it was not in the cart."""
        return _quantity(self._change.before)

    @property
    def quantity(self) -> QuantityOut | None:
        """How much there is, null where it is not in the cart any more."""
        return _quantity(self._change.after)

    @property
    def amount_before(self) -> MoneyView | None:
        """What it came to before anything was taken off the order, null where it was not in the cart."""
        before = self._change.before
        return MoneyView(before.amount_minor, self._news.seen.currency) if before else None

    @property
    def amount(self) -> MoneyView | None:
        """What it comes to before anything is taken off the order, null where it is not in the cart any more."""
        after = self._change.after
        return MoneyView(after.amount_minor, self._priced.evaluation.currency) if after else None


def _quantity(line: SeenLine | None) -> QuantityOut | None:
    return quantity_out(line.quantity, measured=line.measured) if line else None


@object_type("OfferSinceLastSeen")
class OfferChangeView:
    """A promotion that gives something now and did not, or did and does not now."""

    __slots__ = ("_id", "_label")

    def __init__(self, id: str, label: str) -> None:
        self._id = id
        self._label = label

    @property
    def promotion_id(self) -> ID:
        """The id in the rule file."""
        return ID(self._id)

    @property
    def label(self) -> str:
        """What shoppers call it; of one that ended, as they did then."""
        return self._label


@object_type("CartSinceLastSeen")
class SinceSeenView:
    """What is new in a cart since the viewer last marked it as seen. What they did themselves is no news."""

    __slots__ = ("_news", "_priced")

    def __init__(self, news: SinceSeen, priced: PricedCart) -> None:
        self._news = news
        self._priced = priced

    @property
    def version(self) -> int:
        """The version that they saw."""
        return self._news.seen.version

    @property
    def at(self) -> InstantMs:
        """When they saw it."""
        return self._news.seen.at_ms

    @property
    def complete(self) -> bool:
        """Whether it is still known who did all of it; where not, lines that the viewer changed are here too."""
        return self._news.complete

    @property
    def total_before(self) -> MoneyView:
        """What the cart came to then."""
        return MoneyView(self._news.seen.total_minor, self._news.seen.currency)

    @property
    def lines(self) -> list[LineChangeView]:
        """Lines that others added, removed or changed, and lines that cost something else."""
        return [LineChangeView(change, self._news, self._priced) for change in self._news.lines]

    @property
    def offers_ended(self) -> list[OfferChangeView]:
        """Promotions that gave something then and give nothing now."""
        return [OfferChangeView(promotion, label) for promotion, label in self._news.offers_ended.items()]

    @property
    def offers_begun(self) -> list[OfferChangeView]:
        """Promotions that give something now and gave nothing then."""
        begun = self._news.offers_begun
        return [OfferChangeView(promotion, label_of(promotion, self._priced)) for promotion in begun]
