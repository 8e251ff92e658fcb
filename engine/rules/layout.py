"""The canonical layout of a rule file: what means the same looks the same, comments kept.

Built on the reader's own parser and not on a library that keeps comments: ruamel.yaml, the one that there is, loses
comments inside ``{...}`` and writes broken YAML when a key with a comment moves. The result is read again and compared,
so that a fault in here can never change what a file means.

Order: keys stand as their model lists them. Style: the file, its promotions and their examples are blocks; all else
stands in one line where it fits and holds no comment, else it is a block, or a list that goes on below. Quotes: only
where a text would be read as something else by some reader of YAML.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, get_args

import yaml
from pydantic import BaseModel

from engine.errors import PanierError
from engine.rules.layout_comments import Value, read_commented
from engine.rules.model import BENEFITS, Example, Promotion, RuleFile
from engine.rules.vocabulary import fields_in_order
from engine.source import Source, parse_yaml

WIDTH: Final = 120
INDENT: Final = 2
_BLOCK_LISTS: Final = frozenset({"promotions", "examples"})
_RESOLVER = yaml.resolver.Resolver()
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_LIKE_A_NUMBER = re.compile(r"[-+]?\.?[0-9][0-9A-Za-z_.:+-]*")

_ESCAPED: Final = {ord(char): f"\\u{ord(char):04x}" for char in "\u2028\u2029\ufeff"}
"""What YAML takes for the end of a line, or for no character at all, where it is not escaped."""

Models = tuple[type[BaseModel], ...]


class LayoutError(PanierError):
    """The file is not readable, or the layout would have changed what it means: nothing is written."""


def formatted(source: Source, *, show_defaults: bool = False) -> str:
    """Return a rule file in the canonical layout; `show_defaults` writes out what is left to a default.

    Raises `LayoutError` rather than change what the file says.
    """
    node, faults = parse_yaml(source)
    if node is None or faults:
        raise LayoutError(f"`{source.name}` is not readable as YAML")
    try:
        document = read_commented(source.text)
    except yaml.MarkedYAMLError as fault:  # a tab inside a text without quotes, which only the parser in C allows
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise LayoutError(f"`{source.name}:{line}` cannot be laid out: {fault.problem}") from None
    if document.root is None:
        return source.text
    if document.root.scalar is not None:
        raise LayoutError(f"`{source.name}` is a text and not a rule file")
    _arrange(document.root, (RuleFile,), show_defaults=show_defaults)
    lines = [*document.head, *_block(document.root, 0), *document.tail]
    text = "\n".join(lines).strip("\n") + "\n"
    if text == source.text:
        return text
    again, faults = parse_yaml(Source(source.name, text))
    same = show_defaults or (again is not None and again.plain() == node.plain())
    if faults or not same or read_commented(text).comments() != document.comments():
        raise LayoutError(f"`{source.name}` cannot be laid out without a change to what it says; please report it")
    return text


# The order of keys


def _arrange(value: Value, models: Models, *, show_defaults: bool) -> None:
    """Sort the keys of every mapping as its model lists them; add defaults where asked."""
    for item in value.items or ():
        _arrange(item, models, show_defaults=show_defaults)
    if value.entries is None:
        return
    keys = {str(key.scalar) for key, _ in value.entries}
    model = max(models, key=lambda each: len(keys & _fields(each).keys()), default=None)
    if model is None or not keys & _fields(model).keys():  # a map from names to values
        for _, child in value.entries:
            _arrange(child, models, show_defaults=show_defaults)
        return
    show = show_defaults and model is not Example
    fields = _fields(model)
    if show:
        value.entries += [(Value(key), text) for key, text in _defaults(model, value) if key not in keys]
    order = {key: place for place, key in enumerate(fields)}
    value.entries.sort(key=lambda entry: order.get(str(entry[0].scalar), len(order)))
    for key, child in value.entries:
        _arrange(child, fields.get(str(key.scalar), ()), show_defaults=show)


@cache
def _fields(model: type[BaseModel]) -> Mapping[str, Models]:
    """Return the keys of a model, with the models that their values may be."""
    return {field.alias or name: tuple(_models_in(field.annotation)) for name, field in fields_in_order(model)}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _defaults(model: type[BaseModel], value: Value) -> Iterator[tuple[str, Value]]:
    """Yield the keys of a mapping that have a default worth showing."""
    written = dict(model.model_construct().model_dump(mode="json", by_alias=True, warnings=False))
    if model is Promotion:
        written["lane"] = _lane_of(value)
    for key, default in written.items():
        if isinstance(default, bool):
            yield key, Value("true" if default else "false")
        elif isinstance(default, str | int) and default != "":
            yield key, Value(str(default))


def _lane_of(promotion: Value) -> str | None:
    """Return the lane of a promotion's benefit."""
    give = next((child for key, child in promotion.entries or () if key.scalar == "give"), None)
    words = [str(key.scalar) for key, _ in (give.entries if give and give.entries else ())]
    return next((BENEFITS[word].lane for word in words if word in BENEFITS), None)


# Writing


def _block(value: Value, indent: int) -> list[str]:
    """Return a mapping or list as lines of its own."""
    lines: list[str] = []
    for number, item in enumerate(value.items or ()):
        lines += ["", *_item(item, indent)] if number and value.spaced else _item(item, indent)
    for number, (key, child) in enumerate(value.entries or ()):
        if number and not indent:
            lines.append("")
        lines += _entry(key, child, indent)
    return lines


def _item(item: Value, indent: int) -> list[str]:
    lines = _above(item, indent)
    flat = _flat(item)
    fits = flat is not None and indent + 2 + len(flat) <= WIDTH
    if flat is not None and (fits or item.scalar is not None) and not item.is_block:
        return [*lines, " " * indent + f"- {flat}" + _beside(item)]
    inner = _block(item, indent + INDENT)
    first = next(place for place, line in enumerate(inner) if not line.lstrip().startswith("#"))
    # Its own comment and those above its first key go above the dash: behind it there is no room for them.
    lines += [" " * indent + comment for comment in item.beside[:1]]
    lines += [line[INDENT:] for line in inner[:first]]
    return [*lines, " " * indent + "- " + inner[first].lstrip(), *inner[first + 1 :]]


def _entry(key: Value, child: Value, indent: int) -> list[str]:
    pad, name = " " * indent, f"{_text(key)}:"
    lines, flat = _above(key, indent), _flat(child)
    child.is_block = child.is_block or (str(key.scalar) in _BLOCK_LISTS and bool(child.items))
    if flat is not None and not child.is_block:
        if child.scalar is not None or len(pad) + len(name) + 1 + len(flat) <= WIDTH:
            return [*lines, f"{pad}{name} {flat}{_beside(key)}"]
        if child.items and all(item.scalar is not None for item in child.items):
            beside = [f"{pad}{comment}" for comment in key.beside]
            return [*lines, *beside, *_filled(f"{pad}{name} [", child.items)]
    for item in child.items or ():
        item.is_block = item.is_block or (key.scalar == "promotions" and not indent and bool(item.entries))
    child.spaced = key.scalar == "promotions" and not indent
    return [*lines, f"{pad}{name}{_beside(key)}", *_block(child, indent + INDENT)]


def _filled(head: str, items: Iterable[Value]) -> list[str]:
    """Return a long list of texts that goes on below its beginning."""
    lines, line = [], head
    texts = [_text(item) for item in items]
    for number, text in enumerate(texts):
        part = text + ("]" if number == len(texts) - 1 else ",")
        if line != head and not line.isspace() and len(line) + 1 + len(part) > WIDTH:
            lines.append(line.rstrip())
            line = " " * len(head) + part
        else:
            line += part if line == head else f" {part}"
    return [*lines, line]


def _flat(value: Value) -> str | None:
    """Return a value in one line; None where a comment inside it needs lines."""
    if value.scalar is not None:
        return _text(value)
    parts = []
    for item in value.items or ():
        flat = None if item.commented else _flat(item)
        if flat is None:
            return None
        parts.append(flat)
    for key, child in value.entries or ():
        flat = None if key.commented else _flat(child)
        if flat is None:
            return None
        parts.append(f"{_text(key)}: {flat}")
    return f"[{', '.join(parts)}]" if value.items is not None else f"{{{', '.join(parts)}}}"


def _above(value: Value, indent: int) -> list[str]:
    extra = value.beside[1:]
    return [" " * indent + comment if comment else "" for comment in (*value.above, *extra)]


def _beside(value: Value) -> str:
    return f"  {value.beside[0]}" if value.beside else ""


def _text(value: Value) -> str:
    """Return a scalar, in quotes only where it needs them."""
    text = value.scalar or ""
    analysis = yaml.emitter.Emitter(io.StringIO(), allow_unicode=True).analyze_scalar(text)
    if not analysis.allow_flow_plain or analysis.multiline:
        return _in_quotes(text)
    if value.quoted:
        tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # no stub
        is_text = tag == _TEXT_TAG
        if not is_text or _LIKE_A_NUMBER.fullmatch(text):
            return _in_quotes(text)
    return text


def _in_quotes(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPED)
