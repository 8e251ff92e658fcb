"""YAML with its comments, each at the value that it speaks of: what `engine.rules.layout` rearranges."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_FOR_EDITORS = "# yaml-language-server:"
"""How a first line begins that names the schema."""
_LINE_ENDS = "\0\r\n\x85\u2028\u2029"


@dataclass(slots=True)
class Value:
    """A scalar, a list or a mapping. Comments stand at the items of lists and at the keys of mappings.

    ``above`` are comments on lines of their own, an empty text is an empty line between them; ``beside`` those at the
    end of a line. ``start`` and ``end`` are (line, column), from 0.
    """

    scalar: str | None = None
    quoted: bool = False
    items: "list[Value] | None" = None
    entries: "list[tuple[Value, Value]] | None" = None
    start: tuple[int, int] = (0, 0)
    end: tuple[int, int] = (0, 0)
    above: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    is_block: bool = False
    spaced: bool = False
    """Whether there is an empty line between the items."""

    @property
    def commented(self) -> bool:
        """Whether a comment stands at it."""
        return bool(self.above or self.beside)

    def anchors(self) -> "Iterator[tuple[Value, tuple[int, int]]]":
        """Yield what may carry a comment, in the order of the text, with the end of what it stands for."""
        for item in self.items or ():
            yield item, item.end
            yield from item.anchors()
        for key, child in self.entries or ():
            yield key, child.end
            yield from child.anchors()


@dataclass(slots=True)
class Document:
    """A text as its value, with the comments that speak of the whole of it and those behind the last value."""

    root: Value | None
    head: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    def comments(self) -> list[str]:
        """Return the text of every comment, sorted."""
        anchors = self.root.anchors() if self.root else ()
        at_values = (comment for value, _ in anchors for comment in (*value.above, *value.beside))
        return sorted(filter(None, (*self.head, *at_values, *self.tail)))


@dataclass(frozen=True, slots=True)
class _Comment:
    start: tuple[int, int]
    text: str


class _Loader(yaml.SafeLoader):
    """The parser, with the comments that it passes over."""

    def __init__(self, text: str) -> None:
        self.comments: list[_Comment] = []
        super().__init__(text)

    def scan_to_next_token(self) -> None:
        """Pass over spaces, comments and line ends, as the scanner does, and note the comments."""
        while True:
            while self.peek() in " \t":  # the parser in C passes over tabs, too
                self.forward()
            if self.peek() == "#":
                self._note()
            if not self.scan_line_break():  # type: ignore[no-untyped-call]  # the stubs leave it out
                return
            if not self.flow_level:
                self.allow_simple_key = True

    def scan_block_scalar_ignored_line(self, start_mark: object) -> None:
        """Note a comment behind the ``|`` or ``>`` that begins a text of several lines."""
        while self.peek() == " ":
            self.forward()
        if self.peek() == "#":
            self._note()
        super().scan_block_scalar_ignored_line(start_mark)

    def _note(self) -> None:
        start, text = (self.line, self.column), []
        while self.peek() not in _LINE_ENDS:
            text.append(self.peek())
            self.forward()
        self.comments.append(_Comment(start, "".join(text).rstrip()))


def read_commented(text: str) -> Document:
    """Read YAML that is known to be readable."""
    loader = _Loader(text)
    root: Value | None = None
    while loader.check_event():
        event = loader.get_event()  # type: ignore[no-untyped-call]  # likewise
        if isinstance(event, yaml.NodeEvent) and root is None:
            root = _value(event, loader)
    document = Document(root)
    _attach(loader.comments, document, text.splitlines())
    _part_head(document)
    return document


def _value(event: Any, loader: Any) -> Value:
    value = Value(start=_at(event.start_mark), end=_at(event.end_mark))
    if isinstance(event, yaml.SequenceStartEvent):
        value.items = []
        while not loader.check_event(yaml.SequenceEndEvent):
            value.items.append(_value(loader.get_event(), loader))
        value.end = _end(event, loader.get_event(), value.items)
    elif isinstance(event, yaml.MappingStartEvent):
        value.entries = []
        while not loader.check_event(yaml.MappingEndEvent):
            key = _value(loader.get_event(), loader)
            value.entries.append((key, _value(loader.get_event(), loader)))
        value.end = _end(event, loader.get_event(), [child for _, child in value.entries])
    else:
        value.scalar, value.quoted = event.value, event.style is not None
    return value


def _end(start: Any, end: Any, children: list[Value]) -> tuple[int, int]:
    """Return where a list or mapping ends: a block does with its last value, the parser says so only later."""
    return _at(end.end_mark) if start.flow_style or not children else children[-1].end


def _at(mark: Any) -> tuple[int, int]:
    return mark.line, mark.column


def _attach(comments: list[_Comment], document: Document, lines: list[str]) -> None:
    """Give each comment to the value that it speaks of.

    One on a line of its own, or behind a bare dash, speaks of what follows it. One at the end of a line speaks of what
    ended just before it: the outermost that the line holds, or the innermost of several that began on earlier lines.
    Where nothing ended, it speaks of what began last.
    """
    anchors = list(document.root.anchors()) if document.root else []
    starts = [value.start for value, _ in anchors]  # in the order of the text
    by_last_line: dict[int, list[tuple[tuple[int, int], Value]]] = {}
    for value, end in anchors:
        by_last_line.setdefault(end[0], []).append((end, value))
    for comment in comments:
        line, column = comment.start
        if lines[line][:column].strip("- "):
            ends = [(end, value) for end, value in by_last_line.get(line, ()) if end <= comment.start]
            last = max((end for end, _ in ends), default=None)
            ended = [value for end, value in ends if end == last]
            on_line = (value for value in ended if value.start[0] == line)
            begun = bisect_left(starts, comment.start)
            found = next(on_line, None) or (ended[-1] if ended else anchors[begun - 1][0] if begun else None)
            (found.beside if found else document.tail).append(comment.text)
        else:
            following = bisect_right(starts, comment.start)
            place = anchors[following][0].above if following < len(anchors) else document.tail
            place.append(comment.text)
            if line + 1 < len(lines) and not lines[line + 1].strip():
                place.append("")


def _part_head(document: Document) -> None:
    """Part what speaks of the file from the first key: comments above an empty line, and the line for editors."""
    first = next((value for value, _ in document.root.anchors()), None) if document.root else None
    above = first.above if first else []
    if "" in above:
        count = len(above) - above[::-1].index("")
    else:
        count = int(above[:1] != [] and above[0].startswith(_FOR_EDITORS))
    document.head, above[:count] = above[:count], []
