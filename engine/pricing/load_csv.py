"""CSV text to rows, each cell with its place: how the tables of a shop folder are read."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import Diagnostic, Span, did_you_mean, one_of
from engine.source import Source

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Row:
    """One CSV record: the cells by column, and where each stands."""

    cells: Mapping[str, str]
    line: int
    source: Source
    columns: Mapping[str, int]
    whole: bool = True
    """False where it has too many or too few cells: then `cells` are by number, for it is not known which is which."""

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

    With `optional` None, any further column is kept (product attributes); else an unknown one is an error. A record
    with too many or too few cells is a fault, and a row that is not `whole`.
    """
    # One pass over the text: csv counts physical lines for us, quoted line breaks included.
    reader = csv.reader(io.StringIO(source.text, newline=""), strict=True)
    rows: list[Row] = []
    diagnostics = _control_characters(source)
    clean = _without_control_characters if diagnostics else str.strip
    line = 1
    try:
        header = [clean(name) for name in next(reader, [])]
        faults = _check_header(header, source, required, optional)
        if faults:
            return [], [*diagnostics, *faults]
        columns = {name: index for index, name in enumerate(header)}
        line = reader.line_num + 1
        for values in reader:
            if len(values) == len(header):
                rows.append(Row(dict(zip(header, map(clean, values), strict=True)), line, source, columns))
            elif values and "".join(values).strip():
                cells = {str(index): clean(value) for index, value in enumerate(values)}
                rows.append(Row(cells, line, source, columns, whole=False))
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


def _control_characters(source: Source) -> list[Diagnostic]:
    """Find what nobody typed on purpose: the first such character of each line."""
    found: dict[int, Diagnostic] = {}
    line = start = 1
    offset = 0
    for match in _CONTROL.finditer(source.text):
        before = source.text[offset : match.start()]
        breaks = before.count("\n") + before.count("\r") - before.count("\r\n")
        line += breaks
        offset = match.start()
        start = offset - max(source.text.rfind("\n", 0, offset), source.text.rfind("\r", 0, offset))
        if line not in found:
            found[line] = source.diagnostic(
                "control_character",
                f"the character U+{ord(match[0]):04X} is not allowed",
                Span(source.name, line, start),
                help="take the invisible character out",
            )
    return list(found.values())


def _without_control_characters(text: str) -> str:
    return _CONTROL.sub("", text).strip()
