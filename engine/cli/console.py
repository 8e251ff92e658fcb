"""Talking to people: colours and progress where a terminal looks on, plain lines where a file or a pipe does.

Results go to stdout, everything else to stderr, so that the result of a command can be piped. The exit status is 0
when all went well, 1 when something that was read is wrong, 2 when a command cannot start.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from engine.errors import Diagnostic, FilesRefusedError, Severity

FILES_WRONG: Final = 1
CANNOT_START: Final = 2
UNCUT: Final = 10_000
"""Characters on a line of a table that is not for a terminal."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def fail(message: str, status: int = CANNOT_START) -> NoReturn:
    """End the command with a message."""
    err.print(Text.assemble(("error: ", "bold red"), message))
    raise typer.Exit(status)


def refuse(refused: FilesRefusedError) -> NoReturn:
    """End the command by showing every fault of the files that it was given."""
    show(refused.diagnostics, err)
    fail(f"{refused.what} was refused: {summary(refused.diagnostics)}", FILES_WRONG)


def show(diagnostics: Iterable[Diagnostic], console: Console) -> None:
    """Print diagnostics, the word that says how bad they are in colour."""
    for diagnostic in diagnostics:
        text = Text(str(diagnostic))
        colour = "red" if diagnostic.severity is Severity.ERROR else "yellow"
        text.highlight_words([f" {diagnostic.severity} {diagnostic.code}:"], f"bold {colour}")
        text.highlight_regex(r"(?m)^\s+\|\s*(\^+)$", f"bold {colour}")
        text.highlight_regex(r"(?m)^  help:", "bold cyan")
        console.print(text)
        console.print()


def show_table(table: Table) -> None:
    """Print a table: as wide as the terminal, and uncut where a file or a pipe looks on."""
    out.print(table, width=None if out.is_terminal else UNCUT)


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """Return ``2 errors, 1 warning``."""
    errors, warnings = split(diagnostics)
    return f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"


def split(diagnostics: Iterable[Diagnostic]) -> tuple[int, int]:
    """Return how many errors and how many warnings there are."""
    errors = [diagnostic.severity is Severity.ERROR for diagnostic in diagnostics]
    return sum(errors), len(errors) - sum(errors)


def counted(number: int, word: str) -> str:
    """Return ``1 error`` or ``3 errors``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


@contextmanager
def progress() -> Iterator[Report]:
    """Show bars for long work, on stderr and only where it is a terminal; they vanish when the work is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        known: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done, total=total)

        yield report
