"""Walk what a merchandiser wrote, however deep: every part of a promotion with its path, whatever its words are."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from engine.fields import Written
from engine.rules.selectors import Selector

Path = tuple[str | int, ...]
"""Steps from a promotion to one of its values, by the keys that its author wrote."""

NEGATIVE_KEYS = frozenset({"except", "none", "not"})
"""Under these keys stands what must not be there: to find nothing under them takes nothing away."""


def parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Written]]:
    """Yield a written model and every model inside it, each with its path, parents first."""
    if isinstance(value, Written):
        yield path, value
        for name, key in _keys(type(value)):
            if name in value.model_fields_set:
                yield from parts(getattr(value, name), (*path, key))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from parts(item, (*path, str(key)))
    elif isinstance(value, tuple | list):
        for position, item in enumerate(value):
            yield from parts(item, (*path, position))


@cache
def _keys(model: type[Written]) -> list[tuple[str, str]]:
    """Return the fields of a model, each with the key that its author writes."""
    return [(name, field.alias or name) for name, field in model.model_fields.items()]


def selectors(value: Any, path: Path = ()) -> Iterator[tuple[Path, Selector]]:
    """Yield every selector, those inside other selectors too."""
    for steps, part in parts(value, path):
        if isinstance(part, Selector):
            yield steps, part


def outermost_selectors(value: Any, path: Path = ()) -> Iterator[tuple[Path, Selector]]:
    """Yield the selectors that stand in no other selector."""
    inside: Path | None = None
    for steps, selector in selectors(value, path):
        if inside is None or steps[: len(inside)] != inside:
            inside = steps
            yield steps, selector
