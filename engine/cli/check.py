"""`panier check`: everything that is wrong with a shop folder and its rules, for authors and for CI."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.console import FILES_WRONG, counted, out, progress, show, split, summary
from engine.cli.loading import check_folders, rules_of
from engine.errors import Diagnostic, FilesRefusedError
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.load import LoadedRules


def check(
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder.")],
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
) -> None:
    """Load a shop and its rules, run the examples, and show every error and warning.

    The exit status is 1 where a server would refuse them.
    """
    check_folders(shop, rules)
    loaded, loaded_rules, diagnostics = _load(shop, rules)
    show(diagnostics, out)
    if loaded is not None:
        out.print(
            f"shop {loaded.id}: {counted(len(loaded.products), 'product')}, {counted(len(loaded.stores), 'store')},"
            f" {counted(len(loaded.channels), 'channel')}, {counted(len(loaded.customers), 'customer')}"
        )
    else:
        out.print("the rules were not checked: they need a shop that loads")
    if loaded_rules is not None:
        ruleset = loaded_rules.ruleset
        out.print(f"rules {ruleset.hash}: {counted(len(ruleset.promotions), 'promotion')}")
    out.print(summary(diagnostics))
    errors, warnings = split(diagnostics)
    if errors or (strict and warnings):
        raise typer.Exit(FILES_WRONG)


def _load(
    shop_folder: Path, rules_folder: Path | None
) -> tuple[Shop | None, LoadedRules | None, tuple[Diagnostic, ...]]:
    """Load as far as it goes."""
    shop = None
    try:
        with progress() as report:
            shop = load_shop(shop_folder, report)
            rules = rules_of(shop, shop_folder, rules_folder, report)
    except FilesRefusedError as refused:
        return shop, None, refused.diagnostics
    return shop, rules, rules.warnings
