"""Putting two carts together, and taking them apart again: what becomes of each thing that the source holds.

Nothing of the target is lost but what its policy says, and of the source nothing: what does not fit, or cannot come
along, is told and stays in the source, which is kept as it was. Context, members, customer, delivery and payment are
always the target's. How two carts that lie in different places change in one step is said in
`docs/decisions/013-merging-carts.md`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Final

from engine.cart.commands import line_id
from engine.cart.model import (
    QUANTITY_SCALE,
    Adjustment,
    Cart,
    CodeEntry,
    FeeChoice,
    LineItem,
)
from engine.types import CartId, InstantMs, LineId, MemberId, PromotionId, Sku

NOTE_LENGTH_MAX: Final = 500
"""Two notes become one where that is not longer."""
UNDO_MS: Final = 60 * 60 * 1000
"""For how long a merge can be undone."""

_BETWEEN_NOTES: Final = " / "


class MergePolicy(StrEnum):
    """How much is wanted of what both carts hold. What only one of them holds is kept, whatever the policy."""

    SUM = "sum"
    MAX = "max"
    KEEP_BOTH = "keep_both"
    """Two lines. Fees, which cannot be there twice, add up."""
    TARGET = "target"
    SOURCE = "source"


class MergePart(StrEnum):
    """The kinds of things that a cart holds."""

    LINE = "line"
    SUGGESTION = "suggestion"
    CODE = "code"
    FEE = "fee"
    GIFT = "gift"
    ADJUSTMENT = "adjustment"
    NOTE = "note"
    DELIVERY = "delivery"
    PAYMENT = "payment"
    POINTS = "points"


class MergeEffect(StrEnum):
    """What becomes of a thing of the source."""

    ADDED = "added"
    """The target had none of it."""
    CHANGED = "changed"
    """The target had it and now has it otherwise."""
    KEPT = "kept"
    """The target had it and has it as before."""
    LEFT = "left"
    """It stays in the source only."""
    REMOVED = "removed"
    """It was taken out of the target again, by an undo."""


@dataclass(frozen=True, slots=True)
class MergeChange:
    """What became of one thing.

    ``key`` is its id in the cart where it is now: of a line, code, fee, promotion or adjustment; of the note or
    delivery of a line, that line. ``name`` is the product, or what was typed. ``before`` and ``after`` are how much of
    it the target held and holds, ``left`` how much of what is wanted did not fit: pieces, or thousandths where
    ``measured``.
    """

    part: MergePart
    effect: MergeEffect
    key: str
    name: str = ""
    before: int = 0
    after: int = 0
    left: int = 0
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Caps:
    """How much a cart may hold, see `engine.storage.carts.CartLimits`."""

    lines: int
    quantity: int
    codes: int
    fees: int
    adjustments: int
    suggestions: int

    def most_of(self, line: LineItem) -> int:
        """Return how much a line may hold."""
        return self.quantity * QUANTITY_SCALE if line.measured else self.quantity


@dataclass(frozen=True, slots=True)
class Merged:
    """A target as it is to be, one version on, and what became of each thing."""

    cart: Cart
    changes: tuple[MergeChange, ...]


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge came to. ``undo_until_ms`` is how long it could or can be undone; ``version`` is the target's."""

    source: CartId
    target: CartId
    policy: MergePolicy
    at_ms: InstantMs
    version: int
    changes: tuple[MergeChange, ...]
    undone: bool = False

    @property
    def undo_until_ms(self) -> InstantMs:
        """Until when it can be undone."""
        return InstantMs(self.at_ms + UNDO_MS)


def merge(source: Cart, target: Cart, policy: MergePolicy, caps: Caps) -> Merged:
    """Return the target with what the source holds; the source is not changed.

    Where somebody takes part in the target who does not in the source, what may tell an address stays behind.
    """
    version = target.version + 1
    room = _Room(policy, caps, version, source.id)
    strangers = {member.id for member in target.members} - {member.id for member in source.members}
    source, withheld = _discreet(source) if strangers else (source, [])
    lines, renamed, line_changes = room.lines(source.lines, target.lines, caps.lines, MergePart.LINE)
    suggestions, _, suggestion_changes = room.lines(
        source.suggestions, target.suggestions, caps.suggestions, MergePart.SUGGESTION
    )
    codes, code_changes = _codes(source.codes, target.codes, caps.codes)
    fees, fee_changes = room.fees(source.fees, target.fees)
    gifts, gift_changes = _gifts(source.gift_choices, target.gift_choices)
    adjustments, adjustment_changes = _adjustments(source, target, renamed, caps.adjustments, version)
    note, note_changes = _note(source.note, target.note)
    merged = replace(
        target,
        version=version,
        lines=lines,
        suggestions=suggestions,
        codes=codes,
        fees=fees,
        gift_choices=gifts,
        adjustments=adjustments,
        note=note,
    )
    changes = chain(
        line_changes,
        suggestion_changes,
        code_changes,
        fee_changes,
        gift_changes,
        adjustment_changes,
        note_changes,
        withheld,
        _place(source, target),
    )
    return Merged(merged, tuple(changes))


def renamed(cart: Cart, guest: MemberId, member: MemberId) -> Cart:
    """Return a cart as it is once a guest has signed in: what they put in is the member's."""

    def theirs(line: LineItem) -> LineItem:
        return replace(line, shares=_plus((), tuple((member if who == guest else who, n) for who, n in line.shares)))

    members = tuple(replace(each, id=member) if each.id == guest else each for each in cart.members)
    lines, suggestions = map(theirs, cart.lines), map(theirs, cart.suggestions)
    return replace(cart, members=members, lines=tuple(lines), suggestions=tuple(suggestions))


def _discreet(cart: Cart) -> tuple[Cart, list[MergeChange]]:
    """Return a cart without what may tell where its shopper lives, and what was left out."""
    left = [
        MergeChange(MergePart.DELIVERY, MergeEffect.LEFT, line.id, line.delivery.method)
        for line in (*cart.lines, *cart.suggestions)
        if line.delivery is not None
    ]
    note = [MergeChange(MergePart.NOTE, MergeEffect.LEFT, "", cart.note)] if cart.note else []
    lines, suggestions = (
        tuple(replace(line, delivery=None) for line in lines) for lines in (cart.lines, cart.suggestions)
    )
    return replace(cart, lines=lines, suggestions=suggestions, note=""), note + left


class _Room:
    """What one merge does to lines and fees, within what the target may hold."""

    def __init__(self, policy: MergePolicy, caps: Caps, version: int, source: CartId) -> None:
        self._policy = policy
        self._caps = caps
        self._version = version
        self._own_key = f"merged-{source[:16]}"

    def lines(
        self, source: Iterable[LineItem], target: Iterable[LineItem], most: int, part: MergePart
    ) -> tuple[tuple[LineItem, ...], Mapping[LineId, LineItem], list[MergeChange]]:
        """Return the lines together, those that came whole by the id that they had, and what became of each."""
        result = {line.id: line for line in target}
        whole: dict[LineId, LineItem] = {}
        changes: list[MergeChange] = []
        for came in source:
            line = self._apart(came) if came.id in result and self._stays_apart(came, result[came.id]) else came
            known = result.get(line.id)
            before = known.quantity if known else 0
            if (known is None and len(result) >= most) or (known is not None and known.measured != line.measured):
                changes.append(line_change(part, MergeEffect.LEFT, line, before, before, line.quantity))
                continue
            made, left = self._added(line) if known is None else self._together(line, known)
            result[line.id] = made
            effect = MergeEffect.ADDED if known is None else _effect(left, changed=known.shares != made.shares)
            changes.append(line_change(part, effect, line, before, made.quantity, left))
            if known is None:
                whole |= {} if left else {came.id: made}
            else:
                changes += _lost_words(line, made)
        return tuple(result.values()), whole, changes

    def fees(
        self, source: Iterable[FeeChoice], target: Iterable[FeeChoice]
    ) -> tuple[tuple[FeeChoice, ...], list[MergeChange]]:
        """Return the fees together, and what became of each."""
        result = {fee.fee: fee.quantity for fee in target}
        changes = []
        for fee in source:
            before, known = result.get(fee.fee, 0), fee.fee in result
            wanted = self._wanted(fee.quantity, before) if known else fee.quantity
            after = max(before, min(wanted, self._caps.quantity)) if wanted > before else wanted
            if not known and len(result) >= self._caps.fees:
                after, wanted = 0, fee.quantity
            else:
                result[fee.fee] = after
            effect = MergeEffect.ADDED if after and not known else _effect(wanted - after, changed=after != before)
            changes.append(MergeChange(MergePart.FEE, effect, fee.fee, fee.fee, before, after, wanted - after))
        return tuple(FeeChoice(name, quantity) for name, quantity in result.items()), changes

    def _wanted(self, source: int, target: int) -> int:
        """Return how much is wanted of what both hold."""
        match self._policy:
            case MergePolicy.MAX:
                return max(source, target)
            case MergePolicy.TARGET:
                return target
            case MergePolicy.SOURCE:
                return source
            case _:
                return source + target

    def _stays_apart(self, line: LineItem, known: LineItem) -> bool:
        """Say whether a line stays one beside its like; a labelled pack that both hold is one and the same."""
        return line.measured != known.measured or (
            self._policy is MergePolicy.KEEP_BOTH and line.label_price_minor is None
        )

    def _apart(self, line: LineItem) -> LineItem:
        key = ".".join(filter(None, (line.line_key, self._own_key)))
        return replace(line, id=line_id(line.sku, line.options, line.seller, key), line_key=key)

    def _added(self, line: LineItem) -> tuple[LineItem, int]:
        fitting = min(line.quantity, self._caps.most_of(line))
        shares = first_of(line.shares, fitting)
        made = replace(line, shares=shares, added_version=self._version, changed_version=self._version)
        return made, line.quantity - fitting

    def _together(self, line: LineItem, known: LineItem) -> tuple[LineItem, int]:
        """Return a line that both hold as it is to be, and how much of what is wanted does not fit."""
        shares, wanted, after = known.shares, known.quantity, known.quantity
        if line.label_price_minor is None:
            wanted = self._wanted(line.quantity, known.quantity)
            after = wanted if wanted <= known.quantity else max(known.quantity, min(wanted, self._caps.most_of(line)))
            if self._policy is MergePolicy.SOURCE:
                shares = first_of(line.shares, after)
            elif after > known.quantity:
                has = {} if self._policy is not MergePolicy.MAX else dict(known.shares)
                more = [(member, max(0, share - has.get(member, 0))) for member, share in line.shares]
                shares = _plus(known.shares, first_of(more, after - known.quantity))
        made = replace(known, shares=shares, note=known.note or line.note, delivery=known.delivery or line.delivery)
        return made if made == known else replace(made, changed_version=self._version), wanted - after


def _codes(
    source: Iterable[CodeEntry], target: tuple[CodeEntry, ...], most: int
) -> tuple[tuple[CodeEntry, ...], list[MergeChange]]:
    result = {code.canonical: code for code in target}
    changes = []
    for code in source:
        known = code.canonical in result
        if not known and len(result) < most:
            result[code.canonical] = code
        there = code.canonical in result
        effect = MergeEffect.KEPT if known else MergeEffect.ADDED if there else MergeEffect.LEFT
        changes.append(
            MergeChange(MergePart.CODE, effect, code.canonical, code.entered, int(known), int(there), int(not there))
        )
    return tuple(result.values()), changes


def _gifts(
    source: Mapping[PromotionId, Sku], target: Mapping[PromotionId, Sku]
) -> tuple[dict[PromotionId, Sku], list[MergeChange]]:
    """Choose what both chose; of two choices the target's holds, because a promotion gives one of its gifts."""
    changes = []
    for promotion, sku in source.items():
        chosen = target.get(promotion, sku)
        effect = MergeEffect.LEFT if chosen != sku else MergeEffect.KEPT if promotion in target else MergeEffect.ADDED
        changes.append(MergeChange(MergePart.GIFT, effect, promotion, sku))
    return {**source, **target}, changes


def _adjustments(
    source: Cart, target: Cart, whole: Mapping[LineId, LineItem], most: int, version: int
) -> tuple[tuple[Adjustment, ...], list[MergeChange]]:
    """Take along what staff granted for a line that came whole; for other goods they granted nothing."""
    result = {each.id: each for each in target.adjustments}
    changes = []
    for each in source.adjustments:
        line = whole.get(each.line) if each.line is not None else None
        known = each.id in result
        if not known and line is not None and len(result) < most:
            result[each.id] = replace(each, line=line.id, added_version=version)
        there = each.id in result
        effect = MergeEffect.KEPT if known else MergeEffect.ADDED if there else MergeEffect.LEFT
        changes.append(
            MergeChange(MergePart.ADJUSTMENT, effect, each.id, each.reason, int(known), int(there), int(not there))
        )
    return tuple(result.values()), changes


def _note(source: str, target: str) -> tuple[str, list[MergeChange]]:
    if not source:
        return target, []
    both = _BETWEEN_NOTES.join((target, source))
    if not target:
        note, effect = source, MergeEffect.ADDED
    elif source == target or source in target.split(_BETWEEN_NOTES):
        note, effect = target, MergeEffect.KEPT
    elif len(both) > NOTE_LENGTH_MAX:
        note, effect = target, MergeEffect.LEFT
    else:
        note, effect = both, MergeEffect.CHANGED
    return note, [MergeChange(MergePart.NOTE, effect, "", source)]


def _place(source: Cart, target: Cart) -> list[MergeChange]:
    """Where the goods of a cart go, and how they are paid for, may tell an address: that stays with the cart.

    So do points that were to be spent on it: they were meant for these goods.
    """
    changes = []
    if source.delivery is not None and source.delivery != target.delivery:
        changes.append(MergeChange(MergePart.DELIVERY, MergeEffect.LEFT, "", source.delivery.method))
    if source.payment_method and source.payment_method != target.payment_method:
        changes.append(MergeChange(MergePart.PAYMENT, MergeEffect.LEFT, "", source.payment_method))
    if source.burn is not None:
        wished = "all" if source.burn.points is None else str(source.burn.points)
        changes.append(MergeChange(MergePart.POINTS, MergeEffect.LEFT, "", wished))
    return changes


def _lost_words(line: LineItem, made: LineItem) -> list[MergeChange]:
    """Tell what the source said of a line and the result does not say."""
    lost = []
    if line.note and line.note != made.note:
        lost.append(MergeChange(MergePart.NOTE, MergeEffect.LEFT, made.id, line.note))
    if line.delivery is not None and line.delivery != made.delivery:
        lost.append(MergeChange(MergePart.DELIVERY, MergeEffect.LEFT, made.id, line.delivery.method))
    return lost


def line_change(
    part: MergePart, effect: MergeEffect, line: LineItem, before: int, after: int, left: int
) -> MergeChange:
    """Say what became of a line."""
    return MergeChange(part, effect, line.id, line.sku, before, after, left, line.measured)


def _effect(left: int, *, changed: bool) -> MergeEffect:
    if changed:
        return MergeEffect.CHANGED
    return MergeEffect.LEFT if left else MergeEffect.KEPT


Shares = tuple[tuple[MemberId, int], ...]


def first_of(shares: Iterable[tuple[MemberId, int]], quantity: int) -> Shares:
    """Return as much of shares as comes to a quantity, the oldest first."""
    taken = []
    for member, share in shares:
        part = min(share, quantity)
        quantity -= part
        if part:
            taken.append((member, part))
    return tuple(taken)


def _plus(shares: Shares, more: Shares) -> Shares:
    sums = dict(shares)
    for member, share in more:
        sums[member] = sums.get(member, 0) + share
    return tuple(sums.items())
