"""Promotions that can never apply in this shop."""

from collections.abc import Iterator

from engine.errors import Diagnostic
from engine.rules.check import names_unknown
from engine.rules.lint.context import Context, Entry
from engine.rules.selectors import Selector
from engine.rules.vocabulary import Condition
from engine.rules.walk import NEGATIVE_KEYS, Path, outermost_selectors, parts
from engine.rules.when import When
from engine.types import Sku

CHOICES = frozenset({"any", "or"})
"""Under these keys one of several suffices."""


def selects_nothing(context: Context) -> Iterator[Diagnostic]:
    """Find selectors that select no product, though the shop knows each name, and `except` that leaves nothing."""
    for entry in context.entries:
        for path, selector in _wanted(entry):
            if not context.goods.selected(selector) and not names_unknown(selector, context.known):
                repair = "loosen it: all its keys must match one product"
                yield entry.warn("selects_nothing", "this selects no product of the shop", *path, help=repair)
        benefit = entry.promotion.benefit()
        on, except_ = getattr(benefit, "on", None), getattr(benefit, "except_", None)
        if isinstance(on, Selector) and isinstance(except_, Selector):
            chosen = context.goods.selected(on)
            if chosen and chosen <= context.goods.always_selected(except_):
                message = "`except` leaves out everything that `on` selects"
                yield entry.warn("selects_nothing", message, "give", benefit.word, "except", help="narrow `except`")


def selects_regulated(context: Context) -> Iterator[Diagnostic]:
    """Find benefits on nothing but goods that are never discounted."""
    for entry in context.entries:
        for path, selector in _wanted(entry):
            selected = context.goods.selected(selector)
            if path[0] == "give" and selected and selected <= context.goods.regulated:
                message = "this selects only goods that are never discounted"
                yield entry.warn("selects_regulated", message, *path, help="`never_discount` in products.csv says so")


def sold_nowhere(context: Context) -> Iterator[Diagnostic]:
    """Find promotions on goods that are not sold in their channels and stores."""
    for entry in context.entries:
        target = context.target(entry.promotion)
        places = context.places([entry.promotion])
        ranges = {context.shop.products[sku].range for sku in target}
        sold = any(
            context.shop.ranges[range_].sold_in(channel, store) for range_ in ranges for channel, store in places
        )
        if target and not sold:
            key = "channels" if entry.promotion.channels else "stores" if entry.promotion.stores else "give"
            message = f"nothing that `{entry.promotion.id}` discounts is sold in its channels and stores"
            yield entry.warn("sold_nowhere", message, key, help="compare with `range` in products.csv and ranges.yaml")


def for_nobody(context: Context) -> Iterator[Diagnostic]:
    """Find promotions whose tiers and segments no customer of the shop has."""
    for entry in context.entries:
        customers = entry.promotion.customers
        records = context.shop.customers.values()
        if customers is None or not records:
            continue
        tiers, segments = customers.tiers, customers.segments
        if not set(tiers or ()) <= context.known.tiers or not set(segments or ()) <= context.known.segments:
            continue  # the word is unknown, and has been said to be
        if not any(
            (tiers is None or record.tier in tiers) and (segments is None or not record.segments.isdisjoint(segments))
            for record in records
        ):
            message = f"no customer of the shop is one that `{entry.promotion.id}` is for"
            yield entry.warn("for_nobody", message, "customers", help="compare with customers.csv")


def contradiction(context: Context) -> Iterator[Diagnostic]:
    """Find what must be there and must not."""
    for entry in context.entries:
        yield from _contradicted_goods(context, entry)
        yield from _contradicted_conditions(entry)


def _contradicted_goods(context: Context, entry: Entry) -> Iterator[Diagnostic]:
    """Find goods that must be there, or be discounted, and must not be there."""
    found = list(outermost_selectors(entry.promotion.when, ("when",)))
    # `{of: …, at_least: 2}` forbids some of them and not one.
    banned = [
        (path, selector)
        for path, selector in found
        if _turns(path) == 1 and "none" in path and path[-1] != "of" and CHOICES.isdisjoint(path)
    ]
    if not banned:
        return
    excluded: frozenset[Sku] = frozenset().union(*(context.goods.always_selected(selector) for _, selector in banned))
    needed = [(path, context.goods.selected(selector)) for path, selector in found if not _turns(path)]
    needed.append((("give",), context.target(entry.promotion)))
    for path, goods in needed:
        if goods and goods <= excluded and CHOICES.isdisjoint(path):
            message = "these goods are needed and must not be there: the conditions never hold"
            yield entry.warn("contradiction", message, *banned[0][0], help="narrow what must not be there")
            return


def _contradicted_conditions(entry: Entry) -> Iterator[Diagnostic]:
    """Find conditions that must hold and must not."""
    needed: set[tuple[str, str]] = set()
    banned: dict[tuple[str, str], Path] = {}
    alone: set[Path] = set()
    for path, part in parts(entry.promotion.when, ("when",)):
        if isinstance(part, When) and path[-1] == "not" and len(part.model_fields_set) == 1:
            alone.add(path)  # of several conditions under a `not`, any one may hold
        elif isinstance(part, Condition) and CHOICES.isdisjoint(path):
            written = (part.word, part.model_dump_json(exclude_defaults=True))
            if "not" not in path:
                needed.add(written)
            elif path[:-1] in alone and path.count("not") == 1:
                banned[written] = path
    for written, path in banned.items():
        if written in needed:
            message = f"`{written[0]}` must hold and must not: the conditions never hold together"
            yield entry.warn("contradiction", message, *path, help="take one of the two out")


def _wanted(entry: Entry) -> Iterator[tuple[Path, Selector]]:
    """Yield the selectors that must find something."""
    for part in ("when", "give"):
        for path, selector in outermost_selectors(getattr(entry.promotion, part), (part,)):
            if not _turns(path):
                yield path, selector


def _turns(path: Path) -> int:
    """Count the keys on a path that turn its meaning round."""
    return sum(1 for step in path if step in NEGATIVE_KEYS)
