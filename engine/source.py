"""Text to nodes with line and column, and nodes to models: how every file that a person writes is read.

YAML is read as text: ``12:30``, ``no`` and ``010`` mean what the author typed, a duplicate key is an error, and every
scalar keeps its place, so that a fault found much later can still point at it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

    def diagnostic(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """Build a diagnostic that shows the line it speaks of."""
        lines = self.text.splitlines()
        shown = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
        return Diagnostic(code, message, span, help, shown, severity)


def read_source(path: Path, name: str) -> Source | Diagnostic:
    """Read a text file, or say why it cannot be read."""
    span = Span(name, 1, 1)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return Diagnostic("file_too_large", f"`{name}` is larger than {FILE_BYTES_MAX} bytes", span)
        return Source(name, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as fault:
        return Diagnostic(
            "not_utf8", f"byte {fault.start + 1} is not UTF-8", span, help="save the file with UTF-8 encoding"
        )
    except OSError as fault:
        return Diagnostic("unreadable_file", f"cannot read `{name}`: {fault.strerror}", span)


def parse_yaml(source: Source) -> tuple[Node | None, list[Diagnostic]]:
    """Parse one YAML document. An empty file is an empty mapping. Faults come back beside the node."""
    try:
        composed = yaml.compose(source.text, Loader=_LOADER)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = (fault.problem or str(fault)).strip()
        return None, [
            source.diagnostic(
                "yaml_syntax",
                f"not readable as YAML: {problem}",
                Span(source.name, line, column),
                help="check the indentation and the quotes of this line and the one before",
            )
        ]
    except yaml.YAMLError as fault:
        return None, [source.diagnostic("yaml_syntax", f"not readable as YAML: {fault}", Span(source.name, 1, 1))]
    if composed is None:
        return Node({}, Span(source.name, 1, 1), {}), []
    diagnostics: list[Diagnostic] = []
    return _Converter(source, diagnostics, set()).convert(composed, 0), diagnostics


@dataclass(slots=True)
class _Converter:
    source: Source
    diagnostics: list[Diagnostic]
    seen: set[int]

    def convert(self, node: yaml.Node, depth: int) -> Node:
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if end.line == start.line else len(str(node.value))
        span = Span(self.source.name, start.line + 1, start.column + 1, max(1, width))
        if id(node) in self.seen:
            # An alias shares its node; expanding aliases of aliases is how a small file becomes a huge one.
            self.fault("alias", "`&` and `*` are not supported here", span, "write the value out where it is used")
            return Node("", span, {})
        self.seen.add(id(node))
        if depth > DEPTH_MAX:
            self.fault("too_deep", f"nested deeper than {DEPTH_MAX} levels", span, "")
            return Node("", span, {})
        if isinstance(node, yaml.SequenceNode):
            return Node([self.convert(item, depth + 1) for item in node.value], span, {})
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, span, depth)
        return Node(str(node.value), span, {})

    def mapping(self, node: yaml.MappingNode, span: Span, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Span] = {}
        for key_node, value_node in node.value:
            key = self.convert(key_node, depth + 1)
            if not isinstance(key.value, str):
                self.fault("key_not_text", "a key must be plain text", key.span, "")
            elif key.value in values:
                first = keys[key.value].line
                self.fault(
                    "duplicate_key",
                    f"`{key.value}` is written twice, first on line {first}",
                    key.span,
                    "keep one of the two",
                )
            else:
                keys[key.value] = key.span
                values[key.value] = self.convert(value_node, depth + 1)
        return Node(values, span, keys)

    def fault(self, code: str, message: str, span: Span, repair: str) -> None:
        self.diagnostics.append(self.source.diagnostic(code, message, span, repair))


def validate(model: type[M], node: Node, source: Source) -> tuple[M | None, list[Diagnostic]]:
    """Check a node against a pydantic model; every fault points at the text that caused it."""
    try:
        return model.model_validate(node.plain()), []
    except ValidationError as fault:
        return None, [_explain(error, model, node, source) for error in fault.errors(include_url=False)]


def _explain(error: ErrorDetails, model: type[BaseModel], node: Node, source: Source) -> Diagnostic:
    """Turn one pydantic error into a sentence about the writer's text."""
    path, kind = error["loc"], error["type"]
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
        return source.diagnostic(
            "missing_field", f"`{name}` is missing", node.place_of(path[:-1]), help=f"add `{name}:`"
        )
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in {"value_error", "assertion_error"}:
        code, _, rest = (
            message.partition(": ") if message.split(": ")[0].isidentifier() else ("invalid_value", "", message)
        )
        text, _, repair = rest.partition("; help: ")
        return source.diagnostic(code, text, node.place_of(path), help=repair)
    shown = error["input"] if isinstance(error["input"], str) else "this"
    return source.diagnostic(
        "invalid_value", f"`{shown}` does not fit: {message[:1].lower() + message[1:]}", node.place_of(path)
    )


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
        """Return the place of a cell: its line, and the character where it starts as far as that can be told."""
        text = self.source.text.splitlines()[self.line - 1] if self.line else ""
        offset, index = 0, self.columns.get(column, 0)
        for cell in text.split(",")[:index] if '"' not in text else ():
            offset += len(cell) + 1
        return Span(self.source.name, self.line, offset + 1, max(1, len(self.cells.get(column, ""))))

    def diagnostic(self, code: str, column: str, message: str, help: str = "") -> Diagnostic:  # noqa: A002 - as above
        """Build a diagnostic about one cell."""
        return self.source.diagnostic(code, message, self.span(column), help)


def parse_csv(
    source: Source, required: Sequence[str], optional: Sequence[str] | None
) -> tuple[list[Row], list[Diagnostic]]:
    """Parse a CSV file with a header line.

    With `optional` None, any further column is kept (product attributes); else an unknown one is an error.
    """
    span = Span(source.name, 1, 1)
    # One pass over the text: csv counts physical lines for us, quoted line breaks included.
    reader = csv.reader(io.StringIO(source.text, newline=""), strict=True)
    rows: list[Row] = []
    diagnostics: list[Diagnostic] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        diagnostics += _check_header(header, source, span, required, optional)
        if diagnostics:
            return [], diagnostics
        columns = {name: index for index, name in enumerate(header)}
        line = reader.line_num + 1
        for values in reader:
            if values:
                if len(values) != len(header):
                    diagnostics.append(
                        source.diagnostic(
                            "cell_count",
                            f"{len(values)} cells, but the header has {len(header)}",
                            Span(source.name, line, 1),
                            help="check for a missing or surplus comma; put a text with a comma in quotes",
                        )
                    )
                else:
                    rows.append(Row(dict(zip(header, map(str.strip, values), strict=True)), line, source, columns))
            line = reader.line_num + 1
    except csv.Error as fault:
        diagnostics.append(
            source.diagnostic(
                "csv_syntax", f"not readable as CSV: {fault}", Span(source.name, max(1, reader.line_num), 1)
            )
        )
    return rows, diagnostics


def _check_header(
    header: Sequence[str], source: Source, span: Span, required: Sequence[str], optional: Sequence[str] | None
) -> list[Diagnostic]:
    known = [*required, *(optional or ())]
    faults = [
        source.diagnostic(
            "missing_column", f"column `{name}` is missing", span, help=f"the header must have {one_of(required)}"
        )
        for name in required
        if name not in header
    ]
    faults += [
        source.diagnostic("duplicate_column", f"column `{name}` is there twice", span)
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    if optional is not None:
        faults += [
            source.diagnostic(
                "unknown_column",
                f"`{name}` is not a column of this file",
                span,
                help=did_you_mean(name, known, f"expected {one_of(known)}"),
            )
            for name in header
            if name not in known
        ]
    return faults
