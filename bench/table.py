"""What was measured against what is to be reached: each bench states its rows here, ``make bench`` prints them all.

A row is a ratio of two things measured in one run wherever that makes sense, since machines differ and are noisy. Rows
of a run are kept in a file while it lasts (named by ``PANIER_BENCH_ROWS``), and so are the points of its curves.
``python -m bench.table`` prints the rows and adds all to ``bench/history.jsonl``, with the commit and the machine;
``--page`` also writes them into docs/performance.md.
"""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

HISTORY: Final = Path(__file__).parent / "history.jsonl"
PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
ROWS: Final = "PANIER_BENCH_ROWS"


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, in which unit, and what it is to be, at least or at most."""

    what: str
    value: float
    unit: str
    limit: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether it is what it is to be."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def shown(self) -> str:
        """Return it as a line of the table."""
        bound = f"{'at least' if self.at_least else 'at most'} {self.limit:,g} {self.unit}"
        return f"{self.what:78} {self.value:10,.2f} {bound:24} {'met' if self.met else 'not met'}"


def at_least(what: str, value: float, limit: float, unit: str = "times") -> None:
    """State a figure that is to be so high."""
    _state(Row(what, value, unit, limit, at_least=True))


def at_most(what: str, value: float, limit: float, unit: str = "times") -> None:
    """State a figure that is to be so low."""
    _state(Row(what, value, unit, limit, at_least=False))


def curve(what: str, axes: tuple[str, ...], points: Sequence[tuple[float, ...]]) -> None:
    """State the points of a curve, for the pictures; `axes` name their numbers."""
    print(f"{what} ({', '.join(axes)}): {'; '.join(', '.join(f'{each:g}' for each in point) for point in points)}")
    _keep({"curve": what, "axes": axes, "points": points})


def _state(row: Row) -> None:
    print(row.shown())
    _keep({"row": asdict(row)})


def _keep(stated: dict[str, Any]) -> None:
    if ROWS in os.environ:
        with Path(os.environ[ROWS]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(stated) + "\n")


def page_table(rows: Sequence[Row], about: str) -> str:
    """Return the rows as a table of docs/performance.md, and of which run they are."""
    lines = [about, "", "| what | measured | to reach | |", "|---|---|---|---|"]
    for row in rows:
        bound = f"at {'least' if row.at_least else 'most'} {row.limit:,g} {row.unit}"
        lines.append(f"| {row.what} | {row.value:,.2f} | {bound} | {'met' if row.met else '**not met**'} |")
    return "\n".join(lines) + "\n"


def write_into_page(name: str, text: str) -> None:
    """Write a part of docs/performance.md anew, between the marks that carry its name."""
    begin, end = f"<!-- {name}: made by make bench", f"<!-- end of the {name} -->"
    before, begins, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    mark, _, rest = rest.partition("\n")
    PAGE.write_text(f"{before}{begins}{mark}\n{text}{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    """Print the rows of this run, and keep them."""
    parser = argparse.ArgumentParser(description="Print the rows of a run, and add them to the history.")
    parser.add_argument("--page", action="store_true", help="write them into docs/performance.md as well")
    asked = parser.parse_args()
    stated = [json.loads(line) for line in Path(os.environ[ROWS]).read_text(encoding="utf-8").splitlines()]
    rows = [Row(**each["row"]) for each in stated if "row" in each]
    print("\n".join(["", *(row.shown() for row in rows)]))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout  # noqa: S607  # the git of whoever measures
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1),
        "rows": [asdict(row) | {"value": round(row.value, 3)} for row in rows],
        "curves": {each.pop("curve"): each for each in stated if "curve" in each},
    }
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    if asked.page:
        about = f"Measured on {entry['machine']}, at {entry['at']}, commit {entry['commit']}."
        write_into_page("table", page_table(rows, about))


if __name__ == "__main__":
    main()
