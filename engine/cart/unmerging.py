"""Taking two carts apart again that were put together, see `engine.cart.merging`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from engine.cart.merging import (
    Caps,
    MergeChange,
    Merged,
    MergeEffect,
    MergePart,
    Shares,
    first_of,
    line_change,
)
from engine.cart.model import Cart, FeeChoice, LineItem
from engine.types import PromotionId, Sku


def unmerge(before: Cart, merged: Cart, now: Cart, caps: Caps) -> Merged:
    """Return a target without what a merge added to it, and with what the merge took from it.

    `before` and `merged` are the target before and after the merge, `now` is it as it is. What was changed since stays:
    of a line that was, as much is taken away as came, down to nothing, and one that was removed does not come back.
    """
    version = now.version + 1
    lines, line_changes = _lines_back(before.lines, merged.lines, now.lines, version, caps, MergePart.LINE)
    suggestions, suggestion_changes = _lines_back(
        before.suggestions, merged.suggestions, now.suggestions, version, caps, MergePart.SUGGESTION
    )
    came = {code.canonical for code in merged.codes} - {code.canonical for code in before.codes}
    fees, fee_changes = _fees_back(before, merged, now)
    granted = {each.id for each in merged.adjustments} - {each.id for each in before.adjustments}
    gone = {line.id for line in now.lines} - {line.id for line in lines}
    restored = replace(
        now,
        version=version,
        lines=lines,
        suggestions=suggestions,
        codes=tuple(code for code in now.codes if code.canonical not in came),
        fees=fees,
        gift_choices=_gifts_back(before.gift_choices, merged.gift_choices, now.gift_choices),
        adjustments=tuple(each for each in now.adjustments if each.id not in granted and each.line not in gone),
        note=before.note if now.note == merged.note else now.note,
    )
    removed = [
        MergeChange(MergePart.CODE, MergeEffect.REMOVED, code.canonical, code.entered, 1)
        for code in now.codes
        if code.canonical in came
    ]
    return Merged(restored, tuple(chain(line_changes, suggestion_changes, removed, fee_changes)))


def _lines_back(
    before: Iterable[LineItem],
    merged: Iterable[LineItem],
    now: Iterable[LineItem],
    version: int,
    caps: Caps,
    part: MergePart,
) -> tuple[tuple[LineItem, ...], list[MergeChange]]:
    then, came = {line.id: line for line in before}, {line.id: line for line in merged}
    kept, changes = [], []
    for line in now:
        old, new = then.get(line.id), came.get(line.id)
        if new is None or old == new:
            kept.append(line)
            continue
        if line == new and old is not None:
            made = replace(old, changed_version=version)
        else:
            shares = _minus(line, new, old, caps)
            made = line if shares == line.shares else replace(line, shares=shares, changed_version=version)
        effect = MergeEffect.CHANGED if made.shares else MergeEffect.REMOVED
        changes.append(line_change(part, effect, line, line.quantity, made.quantity, 0))
        kept += [made] if made.shares else []
    return tuple(kept), changes


def _fees_back(before: Cart, merged: Cart, now: Cart) -> tuple[tuple[FeeChoice, ...], list[MergeChange]]:
    then = {fee.fee: fee.quantity for fee in before.fees}
    came = {fee.fee: fee.quantity - then.get(fee.fee, 0) for fee in merged.fees}
    kept, changes = [], []
    for fee in now.fees:
        left = max(0, fee.quantity - came.get(fee.fee, 0))
        if left != fee.quantity:
            effect = MergeEffect.CHANGED if left else MergeEffect.REMOVED
            changes.append(MergeChange(MergePart.FEE, effect, fee.fee, fee.fee, fee.quantity, left))
        kept += [FeeChoice(fee.fee, left)] if left else []
    return tuple(kept), changes


def _gifts_back(
    before: Mapping[PromotionId, Sku], merged: Mapping[PromotionId, Sku], now: Mapping[PromotionId, Sku]
) -> dict[PromotionId, Sku]:
    back = {}
    for promotion, sku in now.items():
        chosen_since = merged.get(promotion) != sku
        was = sku if chosen_since else before.get(promotion)
        if was is not None:
            back[promotion] = was
    return back


def _minus(now: LineItem, merged: LineItem, before: LineItem | None, caps: Caps) -> Shares:
    """Take from each member what a merge gave them, down to nothing, and give back what it took.

    An edit since then that lowered the line stays too: there is no more of it than the merge took from the line.
    """
    came, left = dict(merged.shares), dict(now.shares)
    was = dict(before.shares) if before else {}
    for member in came.keys() | was.keys():
        left[member] = max(0, left.get(member, 0) + was.get(member, 0) - came.get(member, 0))
    taken = max(0, sum(was.values()) - merged.quantity)
    most = min(now.quantity + taken, max(now.quantity, caps.most_of(now)))
    people = dict.fromkeys((*dict(now.shares), *was, *came))
    return first_of(((member, left[member]) for member in people), most)
