"""`panier rules`: what a merchandiser does with rule files."""

import typer

from engine.cli.rules.check import check_rules
from engine.cli.rules.diff import diff
from engine.cli.rules.examples import examples
from engine.cli.rules.explain import explain
from engine.cli.rules.format import format_rules
from engine.cli.rules.reference import reference
from engine.cli.rules.schema import schema

rules = typer.Typer(help="Check, try, explain, compare and format rule files.", no_args_is_help=True)
rules.command("check")(check_rules)
rules.command("examples")(examples)
rules.command("explain")(explain)
rules.command("diff")(diff)
rules.command("format")(format_rules)
rules.command("reference")(reference)
rules.command("schema")(schema)
