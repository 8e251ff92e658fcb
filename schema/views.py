"""GraphQL types made of plain classes: what the engine answers is shown through them, one attribute a field.

A view holds a piece of the engine's data and gives each GraphQL field as a property, so that a field costs one access
to an attribute and nothing is worked out that no client selected. The property's return type is the field's type, its
docstring the field's description. A field with arguments is a method marked with `field`.
"""

from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from inspect import getattr_static
from typing import Any, TypeVar, cast

import strawberry
from strawberry.types.field import StrawberryField

from engine.remembered import Remembered

View = TypeVar("View", bound=type)
Resolver = TypeVar("Resolver", bound=Callable[..., object])
Getter = TypeVar("Getter", bound=Callable[..., object])

_OF_THIS_INSTANT: set[Callable[..., object]] = set()


class KeepsAnswers:
    """A view of something of which answers are kept for as long as it holds."""

    __slots__ = ()

    def answers_kept(self) -> tuple[Remembered[Hashable, bytes], Hashable] | None:
        """Return what was written of it, by whatever, and who may see it alike; None where nothing is kept."""
        raise NotImplementedError


def object_type(name: str, *, interfaces: tuple[type, ...] = ()) -> Callable[[View], View]:
    """Make a class the GraphQL object type `name`. Its docstring's first paragraph is the description."""

    def declare(view: View) -> View:
        members = dict(_fields(view))
        annotations = {field: made[0] for field, made in members.items() if made[0] is not None}
        namespace: dict[str, Any] = {"__module__": view.__module__, "__annotations__": annotations}
        namespace |= {field: made[1] for field, made in members.items()}
        declared = strawberry.type(type(view.__name__, interfaces, namespace), name=name, description=_text(view))
        definition = declared.__strawberry_definition__  # type: ignore[attr-defined]  # strawberry sets it
        # Instances of the view are what resolvers return, and what an interface tells its types by.
        definition.origin = view
        view.__strawberry_definition__ = definition  # type: ignore[attr-defined]  # how strawberry finds a type
        return view

    return declare


def of_this_instant(getter: Getter) -> Getter:
    """Mark the getter of a property that says something else whenever it is asked; it goes below `property`."""
    _OF_THIS_INSTANT.add(getter)
    return getter


def holds_for_a_moment(view: type, name: str) -> bool:
    """Say whether a property says the same of an equal object a little later."""
    getter = _getter(getattr_static(view, name, None))
    return getter is None or getter not in _OF_THIS_INSTANT


def field(description: str) -> Callable[[Resolver], Resolver]:
    """Make a method a GraphQL field with arguments: strawberry's own decorator, which says nothing of types."""
    return cast("Callable[[Resolver], Resolver]", strawberry.field(description=description))


def _fields(view: type) -> Iterator[tuple[str, tuple[Any, StrawberryField]]]:
    """Yield name, type and field of every public property and marked method, those of base classes first."""
    seen: dict[str, Any] = {}
    for base in reversed(view.__mro__):
        seen |= vars(base)
    for name, member in seen.items():
        if name.startswith("_"):
            continue
        if isinstance(member, StrawberryField):
            yield name, (None, member)
        elif getter := _getter(member):
            # A field that is a word of Python, such as `from`, is a property with an underscore behind it.
            shown = name.rstrip("_") if name.endswith("_") else None
            yield name, (getter.__annotations__["return"], strawberry.field(name=shown, description=_text(getter)))


def _getter(member: object) -> Callable[..., Any] | None:
    if isinstance(member, property):
        return member.fget
    return member.func if isinstance(member, cached_property) else None


def _text(documented: Any) -> str | None:
    paragraph = (documented.__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split()) or None
