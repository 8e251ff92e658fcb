"""Text to nodes with line and column, and nodes to models: how every file that a person writes is read.

YAML is read as text: ``12:30``, ``no`` and ``010`` mean what the author typed, a duplicate key is an error, and every
scalar keeps its place, so that a fault found much later can still point at it.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
        node, span = self, self.span
        for step in path:
            child = node._child(step)
            if child is not None:
                node, span = child, child.span
        return span

    def place_of_key(self, path: Path_) -> Span:
        """Like `place_of`, but of the key itself when the last step names one."""
        node = self
        for step in path[:-1]:
            node = node._child(step) or node
        return node.keys.get(str(path[-1]), self.place_of(path)) if path else self.span

    def _child(self, step: str | int) -> "Node | None":
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
        return Diagnostic(code, message, span, help, self.line(span.line), severity)


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
        return Node(str(getattr(event, "value", "")), self.span(event), {})

    def sequence(self, start: yaml.Event, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Node(items, self.span(start, event), {})

    def mapping(self, start: yaml.Event, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            if not isinstance(key.value, str):
                self.fault("key_not_text", "a key must be plain text", key.span, "")
            elif key.value in values:
                message = f"`{key.value}` is written twice, first on line {keys[key.value].line}"
                self.fault("duplicate_key", message, key.span, "keep one of the two")
            else:
                keys[key.value] = key.span
                values[key.value] = value
        return Node(values, self.span(start, event), keys)

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
    try:
        return model.model_validate(node.plain()), []
    except ValidationError as fault:
        errors = fault.errors(include_url=False)
        return None, [_explain(error, model, node, source) for error in errors if not _is_echo(error, errors)]


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
    kind, value = error["type"], error["input"]
    shown = f"`{value}`" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"
    if kind in {"literal_error", "enum"}:
        words = _QUOTED.findall(str(error.get("ctx", {}).get("expected", "")))
        expected = f"expected one of {one_of(words)}"
        return f"{shown} is not a word for this field", did_you_mean(str(value), words, expected)
    wanted = _WANTED.get(kind)
    if wanted is None:
        return f"{shown} does not fit: {error['msg'][:1].lower() + error['msg'][1:]}", ""
    repair = f"write [{value}]" if wanted == "a list" and isinstance(value, str) else ""
    return f"expected {wanted}, found {shown}", repair


# What pydantic's error types ask for, in the words of somebody who writes YAML.
_WANTED = {
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "mapping_type"), "a mapping (`key: value`)"),
    "string_type": "a text",
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
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


@dataclass(frozen=True, slots=True)
class Row:
    """One CSV record: the cells by column, and where each stands."""

    cells: Mapping[str, str]
    line: int
    source: Source
    columns: Mapping[str, int]

    def span(self, column: str) -> Span:
        """Return the place where a cell starts, also behind quoted commas and line breaks."""
        line, start = _place_of_cell(self.source, self.line, self.columns.get(column, 0))
        return Span(self.source.name, line, start, max(1, len(self.cells.get(column, ""))))

    def diagnostic(self, code: str, column: str, message: str, help: str = "") -> Diagnostic:
        """Build a diagnostic about one cell."""
        return self.source.diagnostic(code, message, self.span(column), help)


def _place_of_cell(source: Source, line: int, index: int) -> tuple[int, int]:
    """Walk a record from its first line to the cell with that index; return its line and column, from 1."""
    text, offset, quoted = source.line(line), 0, False
    while index:
        if offset >= len(text):
            if not quoted:
                break
            line, offset = line + 1, 0
            text = source.line(line)
            continue
        quoted ^= text[offset] == '"'
        index -= text[offset] == "," and not quoted
        offset += 1
    blanks = len(text[offset:]) - len(text[offset:].lstrip(" "))
    return line, offset + blanks + 1


def parse_csv(
    source: Source, required: Sequence[str], optional: Sequence[str] | None
) -> tuple[list[Row], list[Diagnostic]]:
    """Parse a CSV file with a header line. Cells lose their outer spaces; empty lines are passed over.

    With `optional` None, any further column is kept (product attributes); else an unknown one is an error.
    """
    # One pass over the text: csv counts physical lines for us, quoted line breaks included.
    reader = csv.reader(io.StringIO(source.text, newline=""), strict=True)
    rows: list[Row] = []
    diagnostics: list[Diagnostic] = []
    line = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        diagnostics += _check_header(header, source, required, optional)
        if diagnostics:
            return [], diagnostics
        columns = {name: index for index, name in enumerate(header)}
        line = reader.line_num + 1
        for values in reader:
            if len(values) == len(header):
                rows.append(Row(dict(zip(header, map(str.strip, values), strict=True)), line, source, columns))
            elif values and "".join(values).strip():
                diagnostics.append(
                    source.diagnostic(
                        "cell_count",
                        f"{len(values)} cells, but the header has {len(header)}",
                        Span(source.name, line, 1),
                        help="check for a missing or surplus comma; put a text with a comma in quotes",
                    )
                )
            line = reader.line_num + 1
    except csv.Error as fault:
        diagnostics.append(
            source.diagnostic(
                "csv_syntax",
                f"the record that starts here is not readable as CSV: {fault}",
                Span(source.name, line, 1),
                help='close every quote that is opened; inside quotes write `""` for a quote',
            )
        )
    return rows, diagnostics


def _check_header(
    header: Sequence[str], source: Source, required: Sequence[str], optional: Sequence[str] | None
) -> list[Diagnostic]:
    known = [*required, *(optional or ())]
    expected = f"the header must have {one_of(required)}"
    if any(";" in name for name in header):
        expected = "separate the columns with commas, not with `;`"

    def place(name: str) -> Span:
        index = len(header) - 1 - header[::-1].index(name)
        line, column = _place_of_cell(source, 1, index)
        return Span(source.name, line, column, max(1, len(name)))

    faults = [
        source.diagnostic("missing_column", f"column `{name}` is missing", Span(source.name, 1, 1), help=expected)
        for name in required
        if name not in header
    ]
    faults += [
        source.diagnostic(
            "duplicate_column", f"column `{name}` is there twice", place(name), help="keep one of the two"
        )
        for name in sorted({name for name in header if name and header.count(name) > 1})
    ]
    if "" in header:
        repair = "name the column, or take the surplus comma out of every line"
        faults.append(source.diagnostic("unnamed_column", "a column has no name", place(""), repair))
    if optional is not None:
        faults += [
            source.diagnostic(
                "unknown_column",
                f"`{name}` is not a column of this file",
                place(name),
                help=did_you_mean(name, known, f"expected {one_of(known)}"),
            )
            for name in header
            if name and name not in known
        ]
    return faults
