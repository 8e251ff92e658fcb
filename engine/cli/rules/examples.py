"""`panier rules examples`: the carts beside promotions, and whether they come out as expected."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from engine.cli.console import FILES_WRONG, counted, out, progress, refuse, show, show_table
from engine.cli.loading import check_folders
from engine.errors import Diagnostic, FilesRefusedError
from engine.pricing.load import load_shop
from engine.rules.check import loyalty_of
from engine.rules.examples import ExampleRun, run_examples
from engine.rules.load import checked_files


def examples(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The rule folder.")],
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder.")],
) -> None:
    """Run every example and list what came of it; the exit status is 1 where one fails."""
    check_folders(shop, folder, rules_name="FOLDER")
    try:
        with progress() as report:
            loaded = load_shop(shop, report)
            checked = checked_files(folder, loaded, report)
            runs = list(
                run_examples(checked.with_examples, loaded, checked.roundings, loyalty_of(checked.files), report)
            )
    except FilesRefusedError as refused:
        refuse(refused)
    show_table(_table(runs))
    faults: list[Diagnostic] = [fault for run in runs for fault in run.faults]
    show(faults, out)
    failed = sum(1 for run in runs if run.faults)
    without = sum(1 for file in checked.files for promotion in file.promotions if not promotion.examples)
    out.print(f"{counted(len(runs), 'example')}, {failed:,} failed; {counted(without, 'promotion')} without an example")
    if failed:
        raise typer.Exit(FILES_WRONG)


def _table(runs: list[ExampleRun]) -> Table:
    table = Table("", "promotion", "example", "what happened", box=None, pad_edge=False)
    for run in runs:
        verdict = Text("fail", "bold red") if run.faults else Text("pass", "green")
        table.add_row(verdict, Text(run.promotion), Text(f"{run.place.file}:{run.place.line}"), Text(run.text))
    return table
