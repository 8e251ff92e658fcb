"""What happened to a cart, in words, and what each channel contributed to each line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.cart.journey import Journey, StepKind
from engine.cart.model import QUANTITY_SCALE, Cart, LineItem, LogEntry
from engine.fields import label_in
from engine.pricing.shop import Shop
from engine.types import ChannelId, InstantMs, LineId


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one channel contributed to a line that is in the cart.

    ``found_ms`` is when its owner looked at the product there before it came into the cart, None where they did not or
    it is not told. ``added`` counts pieces, or thousandths of measured goods; ``changes`` are sets and changes of its
    attributes; ``handed_over`` says that the cart was handed over to this channel with the line in it.
    """

    line: LineId
    channel: ChannelId
    found_ms: InstantMs | None = None
    added: int = 0
    changes: int = 0
    handed_over: bool = False


_ADDS: Final = frozenset({"add", "approve"})
_CHANGES: Final = frozenset({"set", "line_put"})


def contributions(cart: Cart, entries: Sequence[LogEntry], journey: Journey | None) -> list[Contribution]:
    """Return what each channel contributed, line by line, as far back as the entries reach, oldest first."""
    known = {line.id: line for line in cart.lines}
    tally: dict[tuple[LineId, ChannelId], _Tally] = {}

    def of(line: LineId, channel: ChannelId) -> _Tally:
        return tally.setdefault((line, channel), _Tally())

    steps = journey.steps[::-1] if journey else ()
    for line in cart.lines:
        came_ms = _came_ms(line, cart, entries)
        for step in steps:
            if step.kind is StepKind.PRODUCT and step.text == line.sku and step.at_ms <= came_ms:
                found = of(line.id, step.channel)
                found.found_ms = found.found_ms or step.at_ms
    for entry in entries:
        for verb, subject, *detail in ((*change, "", "") for change in entry.changes):
            if verb == "handoff" and subject != "copy":
                for line in cart.lines:
                    if line.added_version < entry.version:
                        of(line.id, entry.channel).handed_over = True
            elif (
                subject in known and verb in _ADDS | _CHANGES and entry.version >= known[LineId(subject)].added_version
            ):
                share = of(LineId(subject), entry.channel)
                share.added += int(detail[0]) if verb in _ADDS else 0
                share.changes += verb in _CHANGES
    places = {line.id: place for place, line in enumerate(cart.lines)}
    made = [
        Contribution(line, channel, each.found_ms, each.added, each.changes, each.handed_over)
        for (line, channel), each in tally.items()
    ]
    return sorted(made, key=lambda each: places[each.line])


@dataclass(slots=True)
class _Tally:
    found_ms: InstantMs | None = None
    added: int = 0
    changes: int = 0
    handed_over: bool = False


def _came_ms(line: LineItem, cart: Cart, entries: Sequence[LogEntry]) -> InstantMs:
    """Return when a line came into the cart, as far as that is known."""
    return next((entry.at_ms for entry in entries if entry.version == line.added_version), cart.updated_ms)


def in_words(entry: LogEntry, cart: Cart, shop: Shop) -> str:
    """Return what an operation did: an English sentence, with labels in the cart's language where there are some."""
    clauses = []
    for verb, subject, detail in ((*change, "", "")[:3] for change in entry.changes):
        tell = _WORDS.get(verb)
        clauses.append(tell(_Told(subject, detail, cart, shop)) if tell else verb.replace("_", " "))
    text = "; ".join(dict.fromkeys(clauses))
    return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class _Told:
    """A change, and what its words are made with."""

    subject: str
    detail: str
    cart: Cart
    shop: Shop

    @property
    def goods(self) -> str:
        """What the line that it names is of; a line that is gone is known by its hash alone."""
        line = self._line
        if line is None:
            return "goods that are no longer in the cart"
        product = self.shop.products.get(line.sku)
        return product.name if product and product.name else line.sku

    @property
    def much(self) -> str:
        """The quantity that it names."""
        if self._line is None or not self._line.measured or not self.detail.isdecimal():
            return self.detail
        whole, thousandths = divmod(int(self.detail), QUANTITY_SCALE)
        return f"{whole}.{thousandths:03}"

    @property
    def _line(self) -> LineItem | None:
        lines = (*self.cart.lines, *self.cart.suggestions)
        return next((line for line in lines if line.id == self.subject), None)

    def label(self, known: Mapping[str, Mapping[str, str]], id_: str) -> str:
        """Return what one of the shop's things is called in the cart's language."""
        return label_in(known.get(id_, {}), self.cart.locale) or id_


_FIELDS: Final = {
    "channel": "channel",
    "store": "store",
    "locale": "language",
    "delivery": "delivery",
    "payment": "way to pay",
    "note": "note",
}
_LETTERS: Final = {"o": "owner", "e": "editor", "a": "adder", "s": "suggester", "v": "viewer"}
_HANDOFFS: Final = {"move": "took the cart over", "join": "joined by a code", "copy": "made a copy of the cart"}
_LEASES: Final = {
    "renew": "kept the cart for longer",
    "return": "gave the cart back",
    "take_back": "took the cart back",
}


def _put(told: _Told) -> str:
    if told.subject == "channel" and told.detail:
        labels = {str(id_): channel.label for id_, channel in told.shop.channels.items()}
        return f"moved the cart to {told.label(labels, told.detail)}"
    if told.subject == "store" and told.detail:
        labels = {str(id_): store.label for id_, store in told.shop.stores.items()}
        return f"moved the cart to {told.label(labels, told.detail)}"
    return f"changed the {_FIELDS.get(told.subject, told.subject)}"


def _fee(told: _Told) -> str:
    return told.label({str(id_): fee.label for id_, fee in told.shop.fees.items()}, told.subject)


def _burn(told: _Told) -> str:
    if told.detail == "0":
        return "took back that points are spent"
    return "chose to spend points" if told.detail == "all" else f"chose to spend {told.detail} points"


_WORDS: Final[Mapping[str, Callable[[_Told], str]]] = {
    "create": lambda _: "made the cart",
    "add": lambda told: f"added {told.much} x {told.goods}",
    "set": lambda told: f"took out {told.goods}" if told.detail == "0" else f"set {told.goods} to {told.much}",
    "del": lambda told: f"took out {told.goods}",
    "line_put": lambda told: f"changed {told.goods}",
    "suggest": lambda told: f"suggested {told.much} x {told.goods}",
    "approve": lambda told: f"approved {told.much} x {told.goods}",
    "decline": lambda told: f"declined {told.goods}",
    "put": _put,
    "clear": lambda _: "emptied the cart",
    "code": lambda told: f"entered the code {told.detail or told.subject}",
    "uncode": lambda told: f"took the code {told.subject} out",
    "fee": lambda told: f"chose {told.detail} x {_fee(told)}",
    "unfee": lambda told: f"took {_fee(told)} out",
    "choose": lambda _: "chose a gift",
    "adjust": lambda _: "changed a price by hand",
    "unadjust": lambda _: "took a change of a price by hand back",
    "burn": _burn,
    "balance": lambda _: "brought what points can be spent up to date",
    "attach": lambda _: "signed in",
    "sign_in": lambda _: "signed in",
    "facts": lambda _: "brought what is known of the customer up to date",
    "join": lambda told: f"joined as {_LETTERS.get(told.detail, told.detail)}",
    "seat": lambda told: f"let {told.subject} take part as {_LETTERS.get(told.detail, told.detail)}",
    "screen": lambda told: f"gave the cart to a screen, {told.subject}",
    "stay": lambda _: "went on showing the cart",
    "leave": lambda _: "left the cart",
    "expel": lambda told: f"took {told.subject} out of the cart",
    "role": lambda told: f"made {told.subject} {_LETTERS.get(told.detail, told.detail)}",
    "own": lambda told: f"made {told.subject} the owner",
    "invite": lambda _: "made an invite",
    "uninvite": lambda _: "took an invite back",
    "limit": lambda told: f"said what {told.subject} may spend",
    "group": lambda _: "said what all may spend, and until when",
    "handoff": lambda told: _HANDOFFS.get(told.subject, told.subject),
    "lease": lambda told: _LEASES.get(told.subject, told.subject),
    "offline": lambda _: "did this while offline",
    "sold": lambda _: "sold the cart",
    "merge": lambda _: "had two carts put together",
    "merged": lambda _: "the cart went into another one",
    "merge_refused": lambda _: "the two carts could not be put together, or taken apart",
    "unmerge": lambda _: "had two carts taken apart",
    "unmerged": lambda _: "the cart came back as one of its own",
    "freeze": lambda _: "began to pay",
    "extend": lambda _: "asked for more time to pay",
    "thaw": lambda _: "ended the checkout",
    "order": lambda told: f"ordered the cart, as {told.subject}",
}
"""For each verb of the log what it did, after who did it: "added 2 x Milk"."""
