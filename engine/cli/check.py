"""`panier check`: everything that is wrong with a shop folder and its rules, for authors and for CI."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.carts import at_ms, moment, now_ms
from engine.cli.console import FILES_WRONG, counted, fail, out, progress, show, split, summary
from engine.cli.loading import check_folders, rules_of
from engine.errors import Diagnostic, FilesRefusedError, in_order
from engine.money import parse_percent_bp
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.lint import lint
from engine.rules.load import LoadedRules

Strict = Annotated[bool, typer.Option("--strict", help="Warnings are errors.")]
At = Annotated[
    str | None,
    typer.Option(metavar="INSTANT", help="Take this for now when telling what is past.", show_default="now"),
]
StacksAbove = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT",
        help="Warn where two promotions together take more than this off a product, such as 60%.",
        show_default="no warning",
    ),
]


def check(
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder.")],
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    *,
    strict: Strict = False,
    at: At = None,
    stacks_above: StacksAbove = None,
) -> None:
    """Load a shop and its rules, run the examples, and show every error and warning.

    The exit status is 1 where a server would refuse them.
    """
    report_check(shop, rules, strict=strict, at=at, stacks_above=stacks_above)


def report_check(shop: Path, rules: Path | None, *, strict: bool, at: str | None, stacks_above: str | None) -> None:
    """Show everything there is to say of a shop and its rules; end with status 1 where that is not in order."""
    now, most_bp = moment(at), _percent_bp(stacks_above)
    check_folders(shop, rules)
    loaded, loaded_rules, diagnostics = _load(shop, rules)
    if loaded is not None and loaded_rules is not None:
        zone = loaded.stores[loaded.default_store].timezone
        as_of_ms = at_ms(now, zone) if now else now_ms()
        diagnostics = in_order([*diagnostics, *lint(loaded_rules.files, loaded, as_of_ms, most_bp)])
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
    conclude(diagnostics, strict=strict)


def conclude(diagnostics: tuple[Diagnostic, ...], *, strict: bool) -> None:
    """Count the faults; end with status 1 where there are errors, or warnings that count as such."""
    out.print(summary(diagnostics))
    errors, warnings = split(diagnostics)
    if errors or (strict and warnings):
        raise typer.Exit(FILES_WRONG)


def _percent_bp(written: str | None) -> int | None:
    try:
        return parse_percent_bp(written) if written else None
    except ValueError as fault:
        fail(f"--stacks-above: {fault}")


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
