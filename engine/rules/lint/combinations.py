"""Promotions that disagree about whether they go together."""

from collections.abc import Iterator

from engine.errors import Diagnostic, did_you_mean
from engine.rules.lint.context import Context, Entry


def one_sided(context: Context) -> Iterator[Diagnostic]:
    """Find promotions that say what they combine with, while what they name does not say so of them."""
    for entry in context.entries:
        tags = set(entry.promotion.combines_with or ())
        for other in context.entries:
            named = tags.intersection(other.promotion.tags or ())
            if other is not entry and named and _refuses(other, entry):
                message = (
                    f"`{entry.promotion.id}` combines with `{min(named)}`, but `{other.promotion.id}` ({other.at})"
                    " does not combine with it"
                )
                help_ = f"add a tag of `{entry.promotion.id}` to `combines_with` there, or take `{min(named)}` out here"
                yield entry.warn("one_sided", message, "combines_with", help=help_)


def unknown_tags(context: Context) -> Iterator[Diagnostic]:
    """Find tags of promotions that no promotion has: whatever was to be kept apart is not."""
    known = {tag for entry in context.entries for tag in entry.promotion.tags or ()}
    for entry in context.entries:
        for key in ("excludes", "combines_with"):
            for place, tag in enumerate(getattr(entry.promotion, key) or ()):
                if tag not in known:
                    help_ = did_you_mean(tag, known, "add it to `tags` of the promotions that are meant")
                    yield entry.warn("unknown_tag", f"no promotion has the tag `{tag}`", key, place, help=help_)


def _refuses(other: Entry, entry: Entry) -> bool:
    """Say whether `other` does not want `entry` beside it."""
    promotion, tags = other.promotion, set(entry.promotion.tags or ())
    listed = promotion.combines_with is not None and tags.isdisjoint(promotion.combines_with)
    return promotion.exclusive or listed or not tags.isdisjoint(promotion.excludes or ())
