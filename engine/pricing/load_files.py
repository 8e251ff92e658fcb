"""Reading the files of a shop folder into checked entries, and collecting every fault on the way."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from engine.errors import Diagnostic, Span
from engine.pricing.nearest import nearest
from engine.source import Node, Row, Source, parse_csv, parse_yaml, read_source, validate

M = TypeVar("M", bound=BaseModel)
M_co = TypeVar("M_co", bound=BaseModel, covariant=True)

_SUGGESTIONS_MAX = 200
"""So many faults of one load get a did-you-mean: where more are wrong, it is the wrong file, not a typing error."""


@dataclass(slots=True)
class Report:
    """All faults of one load."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    _suggestions: int = 0

    def add(self, *diagnostics: Diagnostic) -> None:
        """Note faults."""
        self.diagnostics += diagnostics

    def nearest(self, wrong: str, known: Collection[str], otherwise: str) -> str:
        """Return the likely repair of a wrong word."""
        self._suggestions += 1
        return otherwise if self._suggestions > _SUGGESTIONS_MAX else nearest(wrong, known, otherwise)


@dataclass(frozen=True, slots=True)
class Entry(Generic[M_co]):
    """One entry of a YAML file that fits its model, with the place of each of its values."""

    model: M_co
    node: Node
    source: Source
    report: Report

    def fault(self, code: str, message: str, *path: str | int, help: str = "") -> None:
        """Note a fault at the value at `path`."""
        self.report.add(self.source.diagnostic(code, message, self.node.place_of(path), help))

    def key_fault(self, code: str, message: str, *path: str | int, help: str = "") -> None:
        """Note a fault at the key at `path`."""
        self.report.add(self.source.diagnostic(code, message, self.node.place_of_key(path), help))


@dataclass(frozen=True, slots=True)
class Section(Generic[M_co]):
    """The entries of one file that fit their model, and the ids of all, also of those that do not.

    So an entry with a fault of its own does not make every mention of it a fault as well. ``ids`` is None where the
    file could not be read: then no mention can be checked.
    """

    kind: str
    """What an entry is called in messages and codes, such as ``price list``."""
    file: str
    entries: Mapping[str, Entry[M_co]] = field(default_factory=dict)
    ids: Collection[str] | None = None

    def models(self) -> Iterable[M_co]:
        """Return the entries without their places."""
        return (entry.model for entry in self.entries.values())

    def unknown(self, word: str, report: Report) -> tuple[str, str, str] | None:
        """Return code, message and repair where `word` is no id of this section, else None."""
        if self.ids is None or word in self.ids:
            return None
        repair = report.nearest(word, self.ids, f"declare it in `{self.file}`")
        return f"unknown_{self.kind.replace(' ', '_')}", f"`{word}` is not a {self.kind}", repair

    def check(self, entry: Entry[BaseModel], word: str, *path: str | int) -> None:
        """Note a fault where `word`, written at `path` of `entry`, is no id of this section."""
        fault = self.unknown(word, entry.report)
        if fault:
            code, message, repair = fault
            entry.fault(code, message, *path, help=repair)

    def check_all(self, entry: Entry[BaseModel], words: Iterable[str] | None, *path: str) -> None:
        """Do the same for a list of words, each at its place."""
        for index, word in enumerate(words or ()):
            self.check(entry, word, *path, index)


@dataclass(frozen=True, slots=True)
class Folder:
    """A shop folder. A file that is missing or not readable is a fault, unless it is missing and not needed."""

    path: Path
    report: Report

    def entry(self, file: str, model: type[M]) -> Entry[M] | None:
        """Read a YAML file that is one entry."""
        document = self._yaml(file, needed=True)
        if document is None:
            return None
        source, node = document
        return self._entry(model, node, source)

    def entries(self, file: str, key: str, kind: str, model: type[M], *, needed: bool) -> Section[M]:
        """Read a YAML file with one list of entries, each with an ``id``."""
        listed = self._under_key(file, key, needed=needed)
        if listed is None:
            return Section(kind, file, {}, None if needed or (self.path / file).exists() else frozenset())
        source, node = listed
        if not isinstance(node.value, list):
            self._wrong_kind(source, node, key, "a list, each entry with `- ` before it")
            return Section(kind, file)
        entries: dict[str, Entry[M]] = {}
        first_lines: dict[str, int] = {}
        for item in node.value:
            id_ = self._id_of(item)
            if id_ is not None and id_.value in first_lines:
                message = f"the {kind} `{id_.value}` is there twice, first on line {first_lines[str(id_.value)]}"
                self.report.add(source.diagnostic("duplicate_id", message, id_.span, "give one of the two another id"))
                continue
            if id_ is not None:
                first_lines[str(id_.value)] = id_.span.line
            entry = self._entry(model, item, source)
            if entry is not None and id_ is not None:
                entries[str(id_.value)] = entry
        return Section(kind, file, entries, frozenset(first_lines))

    def list_of(self, file: str, key: str, model: type[M]) -> list[Entry[M]]:
        """Read an optional YAML file with one list of entries that have no id."""
        listed = self._under_key(file, key, needed=False)
        if listed is None:
            return []
        source, node = listed
        if not isinstance(node.value, list):
            self._wrong_kind(source, node, key, "a list, each entry with `- ` before it")
            return []
        entries = [self._entry(model, item, source) for item in node.value]
        return [entry for entry in entries if entry is not None]

    def entries_by_key(self, file: str, key: str, kind: str, model: type[M]) -> Section[M]:
        """Read a needed YAML file with one mapping from id to entry."""
        listed = self._under_key(file, key, needed=True)
        if listed is None:
            return Section(kind, file)
        source, node = listed
        if not isinstance(node.value, dict):
            self._wrong_kind(source, node, key, f"a mapping from {kind} to entry")
            return Section(kind, file)
        read = {id_: self._entry(model, item, source) for id_, item in node.value.items()}
        return Section(kind, file, {id_: entry for id_, entry in read.items() if entry}, frozenset(read))

    def rows(
        self, file: str, required: Sequence[str], optional: Sequence[str] | None, *, needed: bool = True
    ) -> list[Row] | None:
        """Read a CSV file; None where that was not possible."""
        source = self._source(file, needed=needed)
        if source is None:
            return None
        rows, faults = parse_csv(source, required, optional)
        self.report.add(*faults)
        return rows or (None if faults else rows)

    def _source(self, file: str, *, needed: bool) -> Source | None:
        path = self.path / file
        if not path.exists():
            if needed:
                help_ = "add it; docs/shop-folder.md says what it holds"
                self.report.add(Diagnostic("missing_file", f"`{file}` is missing", Span(file, 1, 1), help_))
            return None
        source = read_source(path, file)
        if isinstance(source, Diagnostic):
            self.report.add(source)
            return None
        return source

    def _yaml(self, file: str, *, needed: bool) -> tuple[Source, Node] | None:
        source = self._source(file, needed=needed)
        if source is None:
            return None
        node, faults = parse_yaml(source)
        self.report.add(*faults)
        return (source, node) if node is not None else None

    def _under_key(self, file: str, key: str, *, needed: bool) -> tuple[Source, Node] | None:
        """Return what stands under the only key that the file may have."""
        document = self._yaml(file, needed=needed)
        if document is None:
            return None
        source, node = document
        if not isinstance(node.value, dict) or not node.value:
            message = f"`{key}` is missing"
            self.report.add(source.diagnostic("missing_field", message, node.span, f"start the file with `{key}:`"))
            return None
        for other in node.value.keys() - {key}:
            repair = nearest(other, [key], f"expected only `{key}`")
            self.report.add(
                source.diagnostic("unknown_field", f"`{other}` is not a field here", node.keys[other], repair)
            )
        return (source, node.value[key]) if key in node.value else None

    def _wrong_kind(self, source: Source, node: Node, key: str, expected: str) -> None:
        self.report.add(source.diagnostic("invalid_value", f"`{key}` must be {expected}", node.span))

    def _entry(self, model: type[M], node: Node, source: Source) -> Entry[M] | None:
        checked, faults = validate(model, node, source)
        self.report.add(*faults)
        return Entry(checked, node, source, self.report) if checked is not None else None

    @staticmethod
    def _id_of(node: Node) -> Node | None:
        id_ = node.value.get("id") if isinstance(node.value, dict) else None
        return id_ if id_ is not None and isinstance(id_.value, str) else None
