"""Text to nodes with line and column, and nodes to models: how every file that a person writes is read.

YAML is read as text: ``12:30``, ``no`` and ``010`` mean what the author typed, a duplicate key is an error, and every
scalar keeps its place, so that a fault found much later can still point at it.
"""

import codecs
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.errors import Diagnostic, Severity, Span, did_you_mean, one_of

Plain = str | list["Plain"] | dict[str, "Plain"]
Path_ = Sequence[str | int]
M = TypeVar("M", bound=BaseModel)

# The C parser reads ten times faster; both keep the text and the place of every scalar.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_CODED = re.compile(r"([a-z][a-z0-9]*(?:_[a-z0-9]+)+): ")
_REMOVED_PREFIX = re.compile(r"^(Value error|Assertion failed), ")
_QUOTED = re.compile(r"'([^']*)'")
_EMPTY = re.compile(r"(?<!`)``(?!`)")
_LONG = re.compile(r"`([^`]{80})[^`]{3,}`")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

FILE_BYTES_MAX = 256 * 1024 * 1024
"""A file larger than this is refused before it is read."""
DEPTH_MAX = 32
"""YAML nested deeper than this is refused: no file of ours comes near."""


@dataclass(frozen=True, slots=True)
class Node:
    """A YAML value with its place: text, a list of nodes, or a mapping from text to nodes."""

    value: "str | list[Node] | dict[str, Node]"
    span: Span
    keys: Mapping[str, Span]
    hole: bool = False
    """It stands where an alias does: what the author means is not known, so nothing more is said about it."""
    doubtful: bool = False
    """Its key is written twice, and this is the first of the two."""

    def plain(self) -> Plain:
        """Return the bare value: every scalar is ``str``."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def place_of(self, path: Path_) -> Span:
        """Return the place of the value at `path`, or of the deepest ancestor that exists.

        Steps that are in no node (the tags that pydantic adds to the path of a union) are passed over.
        """
        return self.at(path).span

    def at(self, path: Path_) -> "Node":
        """Return the node at `path`, or its deepest ancestor that exists."""
        node = self
        for step in path:
            node = node.child(step) or node
        return node

    def place_of_key(self, path: Path_) -> Span:
        """Like `place_of`, but of the key itself when the last step names one."""
        return self.at(path[:-1]).keys.get(str(path[-1]), self.place_of(path)) if path else self.span

    def text(self) -> str | None:
        """Return the text that it certainly is, else None."""
        return self.value if isinstance(self.value, str) and not (self.hole or self.doubtful) else None

    def sound(self) -> bool:
        """Say whether everything in it is what its author meant: no alias, and no key that is written twice."""
        children = self.value.values() if isinstance(self.value, dict) else self.value
        return not (self.hole or self.doubtful) and (
            isinstance(children, str) or all(child.sound() for child in children)
        )

    def child(self, step: str | int) -> "Node | None":
        """Return what stands under a key or at an index, if there is such a thing."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None


@dataclass(frozen=True, slots=True)
class Source:
    """A file as text; `name` is how messages call it."""

    name: str
    text: str
    _lines: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def line(self, number: int) -> str:
        """Return the text of a line, counted from 1; empty where there is none."""
        if not self._lines:
            # Split once, at the first fault: a file with a fault on every line would else be split for each of them.
            # Only at the breaks that an editor counts; str.splitlines knows more.
            self._lines.extend(_LINE_BREAK.split(self.text))
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def diagnostic(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """Build a diagnostic that shows the line it speaks of."""
        message, repair = (_EMPTY.sub("an empty text", _LONG.sub(r"`\1…`", text)) for text in (message, help))
        return Diagnostic(code, message, span, repair, self.line(span.line), severity)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of the folders in it, also of those that it links to, each folder once.

    What begins with a dot is passed over: editors, version control and mounted configurations keep their own there.
    """
    seen: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        try:
            known = Path(here).stat()
        except OSError:  # it vanished just now
            continue
        if (known.st_dev, known.st_ino) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add((known.st_dev, known.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here, name) for name in names if not name.startswith("."))


def read_source(path: Path, name: str) -> Source | Diagnostic:
    """Read a text file, or say why it cannot be read."""
    span = Span(name, 1, 1)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return Diagnostic("file_too_large", f"`{name}` is larger than {FILE_BYTES_MAX} bytes", span)
        content = path.read_bytes()
    except OSError as fault:
        return Diagnostic("unreadable_file", f"cannot read `{name}`: {fault.strerror}", span)
    try:
        return Source(name, content.removeprefix(codecs.BOM_UTF8).decode("utf-8"))
    except UnicodeDecodeError as fault:
        before = content.removeprefix(codecs.BOM_UTF8)[: fault.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8")) + 1
        return Diagnostic(
            "not_utf8",
            f"byte 0x{fault.object[fault.start]:02x} is not UTF-8",
            Span(name, before.count(b"\n") + 1, column),
            help="save the file with UTF-8 encoding",
        )


def parse_yaml(source: Source) -> tuple[Node | None, list[Diagnostic]]:
    """Parse one YAML document. An empty file is an empty mapping. Faults come back beside the node."""
    builder = _Builder(source, yaml.parse(source.text, Loader=_LOADER), [])
    try:
        return builder.document(), builder.diagnostics
    except yaml.MarkedYAMLError as fault:
        problem = (fault.problem or str(fault)).strip()
        builder.fault(
            "yaml_syntax",
            f"not readable as YAML: {problem}",
            _place_of_mark(source, fault.problem_mark or fault.context_mark),
            "check the indentation and the quotes of this line and the one before",
        )
    except yaml.reader.ReaderError as fault:
        builder.fault(
            "yaml_syntax",
            f"not readable as YAML: the character U+{fault.character:04X} is not allowed",
            _place_of_text(source, chr(fault.character)),
            "take the invisible character out",
        )
    except yaml.YAMLError as fault:
        builder.fault("yaml_syntax", f"not readable as YAML: {fault}", Span(source.name, 1, 1), "")
    except _TooDeepError as fault:
        builder.fault("too_deep", f"nested deeper than {DEPTH_MAX} levels", fault.span, "")
    return None, builder.diagnostics


class _TooDeepError(Exception):
    def __init__(self, span: Span) -> None:
        self.span = span


def _place_of_mark(source: Source, mark: yaml.Mark | None) -> Span:
    if mark is None:
        return Span(source.name, 1, 1)
    lines = _LINE_BREAK.split(source.text)
    if mark.line >= len(lines):  # the parser ran past the end, looking for something that is not there
        return Span(source.name, len(lines), len(lines[-1]) + 1)
    return Span(source.name, mark.line + 1, mark.column + 1)


def _place_of_text(source: Source, text: str) -> Span:
    before = _LINE_BREAK.split(source.text[: max(0, source.text.find(text))])
    return Span(source.name, len(before), len(before[-1]) + 1)


@dataclass(slots=True)
class _Builder:
    """Builds nodes from the parser's events.

    Not from composed nodes: the composer calls itself for each level, and a file of nothing but ``[`` takes the whole
    process down. Aliases are refused because aliases of aliases are how a small file becomes a huge one.
    """

    source: Source
    events: Iterator[yaml.Event]
    diagnostics: list[Diagnostic]

    def document(self) -> Node:
        root = Node({}, Span(self.source.name, 1, 1), {})
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self.fault("yaml_syntax", "a second document starts here", self.span(event), "keep one document")
            elif isinstance(event, yaml.NodeEvent):
                node = self.node(event, 0)
                root = root if documents > 1 else node
        return root

    def node(self, event: yaml.Event, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise _TooDeepError(self.span(event))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            repair = "write the value out where it is used; put a text that starts with `&` or `*` in quotes"
            self.fault("alias", "`&` and `*` are not supported here", self.span(event), repair)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(event, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event, depth)
        text = str(getattr(event, "value", ""))
        if control := _CONTROL.search(text):  # written as an escape
            message = f"the character U+{ord(control[0]):04X} is not allowed"
            self.fault("control_character", message, self.span(event), "take it out")
            return Node(_CONTROL.sub("", text), self.span(event), {}, hole=True)
        return Node(text, self.span(event), {}, hole=isinstance(event, yaml.AliasEvent))

    def sequence(self, start: yaml.Event, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Node(items, self.span(start, event), {})

    def mapping(self, start: yaml.Event, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        hole = False
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            if key.hole or (key.value == "<<" and value.hole):
                hole = True  # keys that we do not know are merged into it
            elif not isinstance(key.value, str):
                self.fault("key_not_text", "a key must be plain text", key.span, "")
            elif key.value in values:
                message = f"`{key.value}` is written twice, first on line {keys[key.value].line}"
                self.fault("duplicate_key", message, key.span, "keep one of the two")
                values[key.value] = replace(values[key.value], doubtful=True)
            else:
                keys[key.value] = key.span
                values[key.value] = value
        return Node(values, self.span(start, event), keys, hole=hole)

    def span(self, first: yaml.Event, last: yaml.Event | None = None) -> Span:
        """Return the place of a value; its width where it ends on the line it starts on."""
        start, end = first.start_mark, (last or first).end_mark
        if start is None or end is None:  # only events that were made by hand have no place
            return Span(self.source.name, 1, 1)
        width = end.column - start.column if end.line == start.line else 1
        return Span(self.source.name, start.line + 1, start.column + 1, max(1, width))

    def fault(self, code: str, message: str, span: Span, repair: str) -> None:
        self.diagnostics.append(self.source.diagnostic(code, message, span, repair))


def validate(model: type[M], node: Node, source: Source) -> tuple[M | None, list[Diagnostic]]:
    """Check a node against a pydantic model; every fault points at the text that caused it."""
    checked, faults = validate_parts(model, node, source)
    return checked, [fault for _, fault in faults]


def validate_parts(model: type[M], node: Node, source: Source) -> tuple[M | None, list[tuple[Path_, Diagnostic]]]:
    """Do the same, and tell the path of each fault. Nothing is said where an alias stands: it is a fault already."""
    try:
        return model.model_validate(node.plain()), []
    except ValidationError as fault:
        errors = fault.errors(include_url=False)
        told = [e for e in errors if not _is_echo(e, errors) and not node.at(e["loc"]).hole]
        return None, [(error["loc"], _explain(error, model, node, source)) for error in told]


def what_is_right(model: type[M], node: Node, wrong: Collection[str], stand_ins: Mapping[str, Any]) -> M | None:
    """Build a model of a faulty node without its `wrong` fields, so that what its other fields name can be checked.

    A field that it needs gets its stand-in. None where that is not enough.
    """
    plain = node.plain()
    if not isinstance(plain, dict):
        return None
    right = {key: value for key, value in plain.items() if key not in wrong}
    needed = {field.alias or name for name, field in model.model_fields.items() if field.is_required()}
    try:
        return model.model_validate({**{key: stand_ins[key] for key in needed & stand_ins.keys()}, **right})
    except ValidationError:
        return None


def _is_echo(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Say whether a list is only called too short because pydantic left out the entries that it complains of."""
    path = error["loc"]
    return error["type"] == "too_short" and any(
        other is not error and other["loc"][: len(path)] == path for other in errors
    )


def _explain(error: ErrorDetails, model: type[BaseModel], node: Node, source: Source) -> Diagnostic:
    """Turn one pydantic error into a sentence about the writer's text."""
    path, kind = error["loc"], error["type"]
    if path and path[-1] == "[key]":  # how pydantic names the key of a mapping
        path, span = path[:-1], node.place_of_key(path[:-1])
    else:
        span = node.place_of(path)
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = _known_fields(model, path[:-1])
        return source.diagnostic(
            "unknown_field",
            f"`{name}` is not a field here",
            node.place_of_key(path),
            help=did_you_mean(name, known, f"expected one of {one_of(known)}" if known else ""),
        )
    if kind == "missing":
        return source.diagnostic("missing_field", f"`{name}` is missing", span, help=f"add `{name}:`")
    code, message, repair = explained(error)
    return source.diagnostic(code, message, span, help=repair)


def explained(error: ErrorDetails) -> tuple[str, str, str]:
    """Return code, message and repair of a value that does not fit."""
    if error["type"] in {"value_error", "assertion_error"}:
        return split_fault(_REMOVED_PREFIX.sub("", error["msg"], count=1))
    message, repair = _explain_type(error)
    return "invalid_value", message, repair


def split_fault(text: str) -> tuple[str, str, str]:
    """Take ``code: message; help: repair`` apart; the code is ``invalid_value`` and the repair empty where absent.

    A code is a lower-case word with an underscore, so that a sentence such as ``expected: 3`` is none. The message
    may hold colons; the last ``; help: `` ends it.
    """
    match = _CODED.match(text)
    code, rest = (match[1], text[match.end() :]) if match else ("invalid_value", text)
    message, _, repair = rest.rpartition("; help: ") if "; help: " in rest else (rest, "", "")
    return code, message, repair


def _explain_type(error: ErrorDetails) -> tuple[str, str]:
    """Return a sentence and a repair for a value of the wrong kind."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        words = _QUOTED.findall(str(context.get("expected", "")))
        expected = f"expected one of {one_of(words)}"
        return f"{_shown(value)} is not a word for this field", did_you_mean(str(value), words, expected)
    if kind in _BOUNDS:
        key, sentence = _BOUNDS[kind]
        bound = context.get(key)
        return sentence.format(shown=_shown(value), bound=bound, s="" if bound == 1 else "s"), ""
    wanted = _WANTED.get(kind)
    if wanted is None:
        return f"{_shown(value)} does not fit here", ""
    repair = f"write [{value}]" if wanted == "a list" and isinstance(value, str) and value else ""
    return f"expected {wanted}, found {_shown(value)}", repair


def _shown(value: object) -> str:
    """Return how a message calls a value: by what was written, or by its kind."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return "a list"
    return "a mapping" if isinstance(value, dict) else f"`{value}`"


# What pydantic's error types ask for, in the words of somebody who writes YAML.
_WANTED = {
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "mapping_type"), "a mapping (`key: value`)"),
    "string_type": "a text",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("decimal_parsing", "decimal_type", "float_parsing", "float_type", "finite_number"), "a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
}
_BOUNDS = {
    "too_short": ("min_length", "expected at least {bound} here, found none"),
    "too_long": ("max_length", "expected at most {bound} here, found more"),
    "string_too_short": ("min_length", "expected a text of at least {bound} character{s}, found {shown}"),
    "string_too_long": ("max_length", "expected a text of at most {bound} character{s}, found {shown}"),
    "greater_than_equal": ("ge", "expected at least {bound}, found {shown}"),
    "greater_than": ("gt", "expected more than {bound}, found {shown}"),
    "less_than_equal": ("le", "expected at most {bound}, found {shown}"),
    "less_than": ("lt", "expected less than {bound}, found {shown}"),
    "int_parsing_size": ("", "{shown} is too large a number"),
    "decimal_max_digits": ("max_digits", "expected a number of at most {bound} digit{s}, found {shown}"),
}


def _known_fields(model: type[BaseModel], path: Path_) -> list[str]:
    """Return the field names allowed at `path`, walking the JSON Schema of the model."""
    schema: dict[str, Any] = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})

    def resolve(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "$ref" in part:
            yield from resolve(definitions[part["$ref"].rsplit("/", 1)[-1]])
            return
        yield part
        for choice in (*part.get("anyOf", ()), *part.get("oneOf", ()), *part.get("allOf", ())):
            yield from resolve(choice)

    def children(part: dict[str, Any], step: str | int) -> Iterator[dict[str, Any]]:
        for choice in resolve(part):
            if isinstance(step, int) and "items" in choice:
                yield choice["items"]
            elif str(step) in choice.get("properties", {}):
                yield choice["properties"][str(step)]
            elif isinstance(choice.get("additionalProperties"), dict):
                yield choice["additionalProperties"]

    here = [schema]
    for step in path:
        # A step found nowhere is a tag that pydantic put there, not one that the author wrote.
        here = [child for part in here for child in children(part, step)] or here
    return sorted({name for part in here for choice in resolve(part) for name in choice.get("properties", {})})
