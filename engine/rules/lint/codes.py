"""Codes that two promotions share, or that shoppers cannot tell apart."""

from collections.abc import Iterator

from engine.cart.codes import look_alike
from engine.errors import Diagnostic
from engine.rules.lint.audience import may_meet
from engine.rules.lint.context import Context, Entry
from engine.rules.model import LaneMode, Promotion


def used_twice(context: Context) -> Iterator[Diagnostic]:
    """Find codes that unlock two promotions which one shopper may get at once."""
    firsts: dict[str, list[Entry]] = {}
    told: set[tuple[str, str]] = set()
    for entry in context.entries:
        for code in entry.promotion.codes or ():
            for other in firsts.get(code, ()):
                pair = (other.promotion.id, entry.promotion.id)
                if pair not in told and _both_at_once(context, other.promotion, entry.promotion):
                    told.add(pair)
                    message = f"the code `{code}` also unlocks `{other.promotion.id}` ({other.at})"
                    yield entry.warn("code_used_twice", message, _key(entry), help="give each promotion its own codes")
            firsts.setdefault(code, []).append(entry)


def look_alikes(context: Context) -> Iterator[Diagnostic]:
    """Find codes of two promotions that differ only in what looks the same: ``O`` and ``0``, ``I``, ``L`` and ``1``."""
    firsts: dict[str, tuple[str, Entry]] = {}
    for entry in context.entries:
        for code in entry.promotion.codes or ():
            other, of = firsts.setdefault(look_alike(code), (code, entry))
            if other != code and of is not entry:
                message = f"the code `{code}` looks like `{other}` of `{of.promotion.id}` ({of.at})"
                yield entry.warn("code_looks_alike", message, _key(entry), help="change a character that is read aloud")


def _both_at_once(context: Context, one: Promotion, other: Promotion) -> bool:
    """Say whether a shopper may get both.

    Coupons of two campaigns may share a number on purpose, and so may two promotions of which their lane lets one win:
    "10 EUR or 12 %, whichever is more".
    """
    if one.lane_name() == other.lane_name() and context.mode_of(one) is not LaneMode.STACK:
        return False
    mine, theirs = (promotion.customers and promotion.customers.segments for promotion in (one, other))
    same = mine is None or theirs is None or not set(mine).isdisjoint(theirs)
    return same and may_meet(context, one, other)


def _key(entry: Entry) -> str:
    return "codes" if entry.written("codes") else "codes_from"
