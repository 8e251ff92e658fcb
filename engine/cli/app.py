"""What `panier` can do: one module for each command."""

from importlib import metadata
from typing import Annotated

import typer

from engine.cli.bundle import bundle
from engine.cli.check import check
from engine.cli.codes import codes
from engine.cli.ledger import ledger
from engine.cli.price import price
from engine.cli.rules import rules
from engine.cli.serve import serve
from engine.cli.token import token

app = typer.Typer(
    help="One cart and one set of offers for every channel of a shop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(price)
app.command()(bundle)
app.command()(check)
app.command()(token)
app.add_typer(rules, name="rules")
app.add_typer(codes, name="codes")
app.add_typer(ledger, name="ledger")


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer's form
    if asked:
        typer.echo(f"panier {metadata.version('panier')}")
        raise typer.Exit


@app.callback()
def _panier(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version
