"""What was measured against what is to be reached: each bench states its rows here, ``make bench`` prints them all.

A row is a ratio of two things measured in one run wherever that makes sense, since machines differ and are noisy. Rows
of a run are kept in a file while it lasts (named by ``PANIER_BENCH_ROWS``); ``python -m bench.table`` prints them and
adds them to ``bench/history.jsonl``, with the commit and the machine.
"""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HISTORY: Final = Path(__file__).parent / "history.jsonl"
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


def _state(row: Row) -> None:
    print(row.shown())
    if ROWS in os.environ:
        with Path(os.environ[ROWS]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def main() -> None:
    """Print the rows of this run, and keep them."""
    written = Path(os.environ[ROWS]).read_text(encoding="utf-8").splitlines()
    rows = [Row(**json.loads(line)) for line in written]
    print("\n".join(["", *(row.shown() for row in rows)]))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout  # noqa: S607  # the git of whoever measures
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load": round(os.getloadavg()[0], 1),
        "rows": {row.what: round(row.value, 3) for row in rows},
    }
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    main()
