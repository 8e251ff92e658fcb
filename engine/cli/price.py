"""`panier price`: the same engine without a server. It uses the pure core alone: no store, no settings."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer

from engine.cli.bundle import load_bundle
from engine.cli.carts import CartFile, moment
from engine.cli.console import fail, progress
from engine.cli.loading import load
from engine.cli.snapshots import SnapshotReader
from engine.pricing.evaluationfile import evaluation_document
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.ruleset import Ruleset


class Outcomes(StrEnum):
    """Which promotions an evaluation gives a verdict on."""

    ALL = "all"
    CANDIDATES = "candidates"
    NONE = "none"


def price(
    carts: Annotated[str, typer.Argument(metavar="CARTS.jsonl", help="Carts, one a line; `-` reads stdin.")],
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder, or a bundle: see `panier bundle`.")],
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="Price every cart at this date and time; without an offset, it is the time of its store.",
            show_default="what the cart says, else now",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A JWK set, or the one key that `snapshotKey` answers: takes no snapshot that it does not vouch for.",
            show_default="signatures are not checked",
        ),
    ] = None,
    outcomes: Annotated[
        Outcomes,
        typer.Option(help="Give the verdict on all promotions, on those that can match the cart, or on none."),
    ] = Outcomes.ALL,
) -> None:
    """Price carts without a server: one evaluation a line on stdout.

    A line may be a signed snapshot: it goes with the rules and prices that it names, and with no others. A line that is
    no cart of this shop is reported on stderr, and the exit status is then 1; the others are priced.
    """
    loaded, ruleset = _loaded(shop, rules)
    file = CartFile(carts, loaded, moment(at), SnapshotReader(loaded, ruleset, keys))
    with progress() as report:
        for cart in file.read(report, "pricing"):
            evaluation = evaluate(cart.basket, ruleset, every_outcome=outcomes is Outcomes.ALL)
            document = evaluation_document(cart.id, cart.basket, evaluation, outcomes=outcomes is not Outcomes.NONE)
            try:
                written = orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
            except orjson.JSONEncodeError as fault:
                file.refuse(cart.number, f"its evaluation cannot be written as JSON: {fault}")
                continue
            sys.stdout.buffer.write(written)
    sys.stdout.buffer.flush()
    file.fail_if_wrong()


def _loaded(shop: Path, rules: Path | None) -> tuple[Shop, Ruleset]:
    """Load a folder or a bundle, which has its rules in it."""
    if not shop.is_file():
        loaded, of_shop = load(shop, rules)
        return loaded, of_shop.ruleset
    if rules is not None:
        fail("--rules: a bundle has its rules in it")
    return load_bundle(shop)
