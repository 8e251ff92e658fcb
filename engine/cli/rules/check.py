"""`panier rules check`: everything that is wrong with a rule folder, and what is odd about it."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.check import At, StacksAbove, Strict, conclude, report_check
from engine.cli.console import counted, fail, out, show
from engine.errors import FilesRefusedError, in_order
from engine.rules.load import read_rules


def check_rules(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The rule folder.")],
    shop: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The shop folder.", show_default="none: only the files by themselves"),
    ] = None,
    *,
    strict: Strict = False,
    at: At = None,
    stacks_above: StacksAbove = None,
) -> None:
    """Show every error and warning of a rule folder; the exit status is 1 where there are errors.

    With a shop its names are checked, the examples are run, and what cannot be meant is told: promotions that never
    apply or are always beaten, goods below cost, codes used twice.
    """
    if shop is None and (at or stacks_above):
        fail(f"{'--at' if at else '--stacks-above'} looks at what the shop sells: name it with --shop")
    if shop is not None:
        report_check(shop, folder, strict=strict, at=at, stacks_above=stacks_above)
        return
    try:
        files, faults = read_rules(folder)
    except FilesRefusedError as refused:
        files, faults = [], [*refused.diagnostics]
    diagnostics = in_order(faults)
    show(diagnostics, out)
    promotions = sum(len(file.promotions) for file in files)
    out.print(f"{counted(len(files), 'file')}, {counted(promotions, 'promotion')}; not checked against a shop")
    conclude(diagnostics, strict=strict)
