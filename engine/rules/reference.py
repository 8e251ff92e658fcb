"""The reference of the language, made from its models: a new word or field is in it by itself.

A section says what a word does (its docstring), what may be written in it (a table of its fields, each with its
docstring), and shows a rule file that uses it. It is Markdown, for `docs/reference.md` and for a terminal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from engine.fields import InWords, Written
from engine.pricing.cartfile import CartDocument, LineDocument
from engine.rules import reference_examples as examples
from engine.rules.customers import Customers
from engine.rules.limits import Limits
from engine.rules.loyalty import Loyalty
from engine.rules.model import BENEFITS, Example, Expect, Give, Lane, Promotion, RuleFile
from engine.rules.selectors import Selector
from engine.rules.vocabulary import Benefit, Condition, Word, fields_in_order
from engine.rules.when import CONDITIONS, When
from engine.rules.window import Active

INTRODUCTION: Final = """\
# Reference of the rule language

Every word that a rule file may hold, made from the models that read it. [The rule language](rules.md) explains how the
words work together, [the guide](guide.md) begins with an empty folder, and [the cook book](cookbook.md) has whole
offers to copy.

Each example is a rule file whose `examples` come true in the shop of the cook book. `panier rules reference WORD` shows
a section in the terminal."""


@dataclass(frozen=True, slots=True)
class Section:
    """What the reference says of one word; `depth` is that of its heading."""

    word: str
    depth: int
    text: str

    def __str__(self) -> str:
        return f"{'#' * self.depth} {self.word}\n\n{self.text}\n"


_PLACES: Final[Mapping[type[Written], tuple[str, str]]] = {
    RuleFile: ("file", examples.FILE),
    Lane: ("lane", ""),
    Promotion: ("promotion", examples.PROMOTION),
    Loyalty: ("loyalty", examples.LOYALTY),
    Active: ("active", examples.ACTIVE),
    Limits: ("limits", examples.LIMITS),
    Customers: ("customers", examples.CUSTOMERS),
    Selector: ("selector", examples.SELECTOR),
    Example: ("example", examples.EXAMPLE),
    Expect: ("expect", ""),
    When: ("conditions", examples.WHEN),
    Give: ("benefits", examples.GIVE),
}
"""What has a section without being a word of its own, in the order of the page: its heading and example."""

_INDEXES: Final[Mapping[type[Written], Mapping[str, type[Word]]]] = {When: CONDITIONS, Give: BENEFITS}
_SHARED: Final = frozenset({*_PLACES, Benefit, CartDocument})
"""What these have is explained once, and not again in the sections of the models that inherit from them."""


def reference_page() -> str:
    """Return the whole page."""
    return "\n".join([f"{INTRODUCTION}\n", *map(str, sections())])


def sections() -> list[Section]:
    """Return every section in the order of the page."""
    found = [Section(word, 2, _text(model, example)) for model, (word, example) in _PLACES.items()]
    at = next(place for place, section in enumerate(found) if section.word == _PLACES[When][0]) + 1
    found[at:at] = [Section(word, 3, _text(model, example_file(model))) for word, model in CONDITIONS.items()]
    found += [Section(word, 3, _text(model, example_file(model))) for word, model in BENEFITS.items()]
    return [*found, Section("values", 2, _values())]


def example_file(word: type[Word]) -> str:
    """Return the rule file that shows a word: a condition in a promotion that takes 10 % off, a benefit by itself."""
    given = [f"give: {{{word.example}}}"]
    if issubclass(word, Condition):
        given = [f"when: {{{word.example}}}", "give: {percent_off: {percent: 10%}}"]
    lines = ["promotions:", f"  - id: {word.word.replace('_', '-')}", *(f"    {key}" for key in given)]
    return "\n".join([*lines, "    examples:", *(f"      - {cart}" for cart in word.carts)]) + "\n"


def _text(model: type[Written], example: str) -> str:
    """Return a section without its heading."""
    parts = [cleandoc(model.__doc__ or "")]
    if issubclass(model, Benefit):
        parts.append(f"It competes in the lane `{model.lane}` unless the promotion names another.")
    if model in _INDEXES:
        parts.append(f"Each is a word: {', '.join(map(_link_to_word, _INDEXES[model]))}.")
    parts += _tables(model)
    if example:
        parts.append(f"```yaml\n{example}```")
    return "\n\n".join(parts)


def _tables(model: type[Written]) -> Iterator[str]:
    """Yield the table of a model, and those of the models inside it that have no section of their own."""
    fields = _fields(model)
    if fields:
        rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
        rows += [
            f"| `{key}` | {_kind(field)} | {_default(field)} | {_line(field.description)} |" for key, field in fields
        ]
        yield "\n".join(rows)
    inside: dict[type[Written], list[str]] = {}
    for key, field in fields:
        for inner in _models_in(field.annotation):
            if not _link(inner):
                inside.setdefault(inner, []).append(f"`{key}`")
    for inner, keys in inside.items():
        yield f"{', '.join(keys)}: {cleandoc(inner.__doc__ or '')}"
        yield from _tables(inner)


def _fields(model: type[Written]) -> list[tuple[str, FieldInfo]]:
    """Return the keys of a model that its section explains; words have sections of their own."""
    if model is Give:
        model = Benefit
    own = vars(model).get("__annotations__", {})
    elsewhere = {
        name
        for base in model.__mro__[1:]
        if issubclass(base, Written) and base in _SHARED
        for name in base.model_fields
        if name not in own
    }
    return [
        (field.alias or name, field)
        for name, field in fields_in_order(model)
        if name not in elsewhere and not any(issubclass(inner, Word) for inner in _models_in(field.annotation))
    ]


def _models_in(annotation: Any) -> Iterator[type[Written]]:
    if isinstance(annotation, type) and issubclass(annotation, Written):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _default(field: FieldInfo) -> str:
    """Return the default as it would be written; a default that is no single value is told in the docstring."""
    if field.is_required():
        return "needed"
    default = field.default
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if isinstance(default, str | int) and not _in_words(field.metadata) else ""


# What may be written, in words


def _kind(field: FieldInfo) -> str:
    return _named(field.annotation, field.metadata)


def _named(annotation: Any, notes: Sequence[Any] = ()) -> str:
    """Return what a field takes: the name of its type, its choices, a link to its section."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if words := _in_words(notes):
        return f"[{words.name}](#values)"
    if origin is Annotated:
        return _named(inside[0], [*notes, *_flat(inside[1:])])
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(_named(part, notes) for part in inside if part is not NoneType))
    if origin is tuple:
        return f"list{_bounds(notes)}: {_named(inside[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"map from {_named(inside[0])} to {_named(inside[1])}"
    return _choices(inside) if origin is Literal else _named_class(annotation, notes)


def _named_class(annotation: type, notes: Sequence[Any]) -> str:
    if issubclass(annotation, StrEnum):
        return _choices(list(annotation))
    if issubclass(annotation, Written):
        return _link(annotation) or "map (below)"
    if annotation is bool:
        return _choices(["true", "false"])
    return {int: "whole number", str: "text"}[annotation] + _bounds(notes)


def _link(model: type[Written]) -> str:
    """Return a link to what explains a model; none where the section that names it does."""
    if model is LineDocument:
        return "[line](cart-file.md#a-cart)"
    return f"[{_PLACES[model][0]}](#{_PLACES[model][0]})" if model in _PLACES else ""


def _link_to_word(word: str) -> str:
    """Return a link to a word. Renderers number headings of the same name: `active` is also a key of a promotion."""
    is_second = any(word == place for place, _ in _PLACES.values())
    return f"[`{word}`](#{word}{'-1' if is_second else ''})"


def _value_types(model: type[Written]) -> Iterator[InWords]:
    """Yield the types that a model's section names, those of the models inside it too."""
    for _, field in _fields(model):
        yield from _value_types_in(field.annotation, field.metadata)


def _value_types_in(annotation: Any, notes: Sequence[Any] = ()) -> Iterator[InWords]:
    yield from (note for note in notes if isinstance(note, InWords))
    if get_origin(annotation) is Annotated:
        inside, *more = get_args(annotation)
        yield from _value_types_in(inside, list(_flat(more)))
    elif isinstance(annotation, type) and issubclass(annotation, Written):
        yield from _value_types(annotation) if not _link(annotation) else ()
    else:
        for part in get_args(annotation):
            yield from _value_types_in(part)


def _in_words(notes: Sequence[Any]) -> InWords | None:
    return next((note for note in notes if isinstance(note, InWords)), None)


def _flat(notes: Sequence[Any]) -> Iterator[Any]:
    """Yield annotations, those that stand in a `Field(...)` too."""
    for note in notes:
        yield from note.metadata if isinstance(note, FieldInfo) else [note]


def _bounds(notes: Sequence[Any]) -> str:
    def stated(name: str) -> list[int]:
        return [bound for note in notes if (bound := getattr(note, name, None)) is not None]

    if longest := stated("max_length"):
        return f", at most {min(longest):,}"
    lowest, highest = stated("ge"), stated("le")
    return f", {max(lowest):,} to {min(highest):,}" if lowest and highest else ""


def _choices(choices: Sequence[str]) -> str:
    *others, last = (f"`{choice}`" for choice in choices)
    return f"{', '.join(others)} or {last}" if others else last


def _values() -> str:
    """Return the section that says how values are written."""
    known: dict[str, str] = {}
    for model in (*_PLACES, *CONDITIONS.values(), *BENEFITS.values()):
        known.update({words.name: words.form for words in _value_types(model)})
    rows = ["| value | how it is written |", "|---|---|", *(f"| {name} | {known[name]} |" for name in sorted(known))]
    return "Everything is read as the text that you type: `no`, `010` and `12:30` are text.\n\n" + "\n".join(rows)
