"""Reading the files of a shop folder into checked entries, and collecting every fault on the way."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from engine.errors import Diagnostic, Span
from engine.pricing.load_csv import Row, parse_csv
from engine.pricing.nearest import nearest
from engine.source import Node, Source, parse_yaml, read_source, validate_parts, what_is_right

M = TypeVar("M", bound=BaseModel)
M_co = TypeVar("M_co", bound=BaseModel, covariant=True)

STAND_INS: Mapping[str, Any] = {
    **dict.fromkeys(("id", "name", "label", "default_channel", "default_store", "tax_category", "pattern"), "x"),
    "country": "FR",
    "currency": "EUR",
    "timezone": "UTC",
    "locales": ["en"],
    "included": "true",
    "rates": {},
    "tax": "included",
    "amount": "0 EUR",
    "fees": [{"amount": "0 EUR"}],
    "prefixes": ["20"],
    "value": "weight",
    "decimals": "0",
}
"""What takes the place of a needed field that is missing or wrong, while the rest of its entry is checked."""
TWICE = frozenset({"a key that is written twice"})
"""What is wrong with an entry all of whose fields are right, but for one that is written twice."""

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
    wrong: frozenset[str] = frozenset()
    """The fields with faults of their own, in an entry that does not fit its model: of these it holds stand-ins."""
    id: str | None = None
    """What it stands under, in a file that is a mapping."""

    def fault(self, code: str, message: str, *path: str | int, help: str = "") -> None:
        """Note a fault at the value at `path`, unless more is wrong with it than that."""
        if path[0] not in self.wrong and not self.node.at(path).hole:
            self.report.add(self.source.diagnostic(code, message, self.node.place_of(path), help))

    def key_fault(self, code: str, message: str, *path: str | int, help: str = "") -> None:
        """Note a fault at the key at `path`, unless more is wrong with it than that."""
        if path[0] not in self.wrong:
            self.report.add(self.source.diagnostic(code, message, self.node.place_of_key(path), help))


@dataclass(frozen=True, slots=True)
class Section(Generic[M_co]):
    """The entries of one file that fit their model, and the ids of all, also of those that do not.

    So an entry with a fault of its own does not make every mention of it a fault as well. ``ids`` is None where the
    file, or the id of an entry, could not be read: then no mention can be checked.
    """

    kind: str
    """What an entry is called in messages and codes, such as ``price list``."""
    file: str
    entries: Mapping[str, Entry[M_co]] = field(default_factory=dict)
    ids: Collection[str] | None = None
    faulty: Sequence[Entry[M_co]] = ()
    """What is right of the entries that do not fit their model."""

    def all(self) -> Iterable[Entry[M_co]]:
        """Return every entry whose words can be checked."""
        return (*self.entries.values(), *self.faulty)

    def complete(self) -> bool:
        """Say whether every entry fits its model, so that what none of them says is said nowhere."""
        return self.ids is not None and len(self.entries) == len(self.ids)

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
class Table:
    """The rows of a CSV file that have as many cells as its header."""

    rows: Sequence[Row]
    stray: frozenset[str] = frozenset()
    """The cells of the other rows: any of these may be an id."""
    complete: bool = True
    """Whether it could be read to its end."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A shop folder. A file that is missing or not readable is a fault, unless it is missing and not needed."""

    path: Path
    report: Report
    misnamed: frozenset[str] = frozenset()
    """Files that are there under a name which is nearly theirs: what they hold is not known."""

    def entry(self, file: str, model: type[M]) -> Entry[M] | None:
        """Read a YAML file that is one entry."""
        document = self._yaml(file, needed=True)
        if document is None:
            return None
        source, node = document
        return self._entry(model, node, source)

    def optional_entry(self, file: str, model: type[M]) -> Entry[M] | None:
        """Read a YAML file that is one entry, if it is there."""
        return self.entry(file, model) if (self.path / file).exists() else None

    def entries(self, file: str, key: str, kind: str, model: type[M], *, needed: bool) -> Section[M]:
        """Read a YAML file with one list of entries, each with an ``id``."""
        listed = self._under_key(file, key, needed=needed)
        if listed is None:
            return Section(kind, file, {}, None if needed or self._is_there(file) else frozenset())
        source, node = listed
        if not isinstance(node.value, list):
            self._wrong_kind(source, node, key, "a list, each entry with `- ` before it")
            return Section(kind, file)
        entries: dict[str, Entry[M]] = {}
        faulty: list[Entry[M]] = []
        first_lines: dict[str, int] = {}
        all_ids = not (node.hole or node.doubtful)
        for item in node.value:
            id_ = self._id_of(item)
            all_ids = all_ids and id_ is not None
            if id_ is not None and id_.value in first_lines:
                message = f"the {kind} `{id_.value}` is there twice, first on line {first_lines[str(id_.value)]}"
                self.report.add(source.diagnostic("duplicate_id", message, id_.span, "give one of the two another id"))
                continue
            if id_ is not None:
                first_lines[str(id_.value)] = id_.span.line
            entry = self._entry(model, item, source)
            if entry is not None and (entry.wrong or id_ is None):
                faulty.append(entry)
            elif entry is not None and id_ is not None:
                entries[str(id_.value)] = entry
        return Section(kind, file, entries, frozenset(first_lines) if all_ids else None, faulty)

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
        read = {id_: self._entry(model, item, source, id_) for id_, item in node.value.items()}
        entries = {id_: entry for id_, entry in read.items() if entry and not entry.wrong}
        faulty = [entry for entry in read.values() if entry and entry.wrong]
        return Section(kind, file, entries, None if node.hole or node.doubtful else frozenset(read), faulty)

    def rows(
        self, file: str, required: Sequence[str], optional: Sequence[str] | None, *, needed: bool = True
    ) -> Table | None:
        """Read a CSV file; None where that was not possible."""
        source = self._source(file, needed=needed)
        if source is None:
            return None
        rows, faults = parse_csv(source, required, optional)
        self.report.add(*faults)
        if faults and not rows:
            return None
        stray = frozenset(cell for row in rows if not row.whole for cell in row.cells.values())
        complete = all(fault.code != "csv_syntax" for fault in faults)
        return Table([row for row in rows if row.whole], stray, complete)

    def _is_there(self, file: str) -> bool:
        """Say whether there is such a file, be it a link to nowhere or one under a name that is nearly right."""
        path = self.path / file
        return path.exists() or path.is_symlink() or file in self.misnamed

    def _source(self, file: str, *, needed: bool) -> Source | None:
        path = self.path / file
        if not path.exists() and not path.is_symlink():
            if needed and file not in self.misnamed:
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
        if not isinstance(node.value, dict) or not (node.value or node.hole):
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
        if not node.hole:
            self.report.add(source.diagnostic("invalid_value", f"`{key}` must be {expected}", node.span))

    def _entry(self, model: type[M], node: Node, source: Source, id_: str | None = None) -> Entry[M] | None:
        checked, found = validate_parts(model, node, source)
        self.report.add(*(fault for _, fault in found))
        if checked is not None and node.sound():
            return Entry(checked, node, source, self.report, id=id_)
        children = node.value if isinstance(node.value, dict) else {}
        wrong = {str(path[0]) for path, _ in found if path} | {key for key, child in children.items() if child.hole}
        checked = checked or what_is_right(model, node, wrong, STAND_INS)
        return Entry(checked, node, source, self.report, frozenset(wrong) or TWICE, id_) if checked else None

    @staticmethod
    def _id_of(node: Node) -> Node | None:
        id_ = node.child("id")
        return id_ if id_ is not None and id_.text() else None


FILES = (
    *("shop", "channels", "stores", "tax", "price_lists", "ranges", "delivery", "fees", "options", "labels"),
    "adjustments",
)
TABLES = ("products", "prices", "customers")
_KNOWN = {**{stem: f"{stem}.yaml" for stem in FILES}, **{stem: f"{stem}.csv" for stem in TABLES}, "rules": "rules/"}
_ALIKE_PERCENT = 82
"""Names that agree by so much are one and the same with a typing error: `customer` and `customers`."""


def misnamed_files(folder: Path, report: Report) -> frozenset[str]:
    """Note files that were surely meant to be read but have another name; return the right ones of those."""
    meant = set()
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in {".yaml", ".yml", ".csv"} or path.name.startswith(".") or path.is_dir():
            continue
        if path.name in _KNOWN.values():
            continue
        stem = path.stem.lower()
        alike = {known: difflib.SequenceMatcher(None, stem, known).ratio() * 100 for known in _KNOWN}
        best = max(alike, key=alike.__getitem__)
        if alike[best] >= _ALIKE_PERCENT:
            right = _KNOWN[best]
            help_ = "put it into the folder `rules`" if best == "rules" else f"did you mean `{right}`?"
            message = f"`{path.name}` is no file of a shop folder, and nothing reads it"
            report.add(Diagnostic("unknown_file", message, Span(path.name, 1, 1), help_))
            meant |= set() if (folder / right).exists() else {right}
    return frozenset(meant)


def bundled_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a shop folder that decide prices, by their names: all but the customers."""
    names = [name for stem, name in _KNOWN.items() if stem not in {"rules", "customers"}]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
