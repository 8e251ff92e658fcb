"""`panier rules diff`: what other rules would change for real carts."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from engine.cli.carts import CartFile, moment
from engine.cli.console import counted, out, progress, refuse, show_table
from engine.cli.loading import check_folders
from engine.errors import FilesRefusedError
from engine.money import format_minor
from engine.pricing.load import load_shop
from engine.rules.compare import Change, Comparison
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rules
from engine.types import Currency

PROMOTIONS_MAX = 10


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The rule folder as it is.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The rule folder as it would be.")],
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder, for both.")],
    carts: Annotated[str, typer.Option(metavar="FILE", help="Carts, one a line; `-` reads stdin.")],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="Price every cart at this date and time.",
            show_default="what the cart says, else now",
        ),
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Price carts under two sets of rules: who is better off, who worse, and what is given away."""
    check_folders(shop, old, rules_name="OLD")
    check_folders(shop, new, rules_name="NEW")
    try:
        with progress() as report:
            loaded = load_shop(shop, report)
            before, after = (load_rules(folder, loaded, report).ruleset for folder in (old, new))
    except FilesRefusedError as refused:
        refuse(refused)
    comparison = Comparison()
    file = CartFile(carts, loaded, moment(at))
    with progress() as report:
        for cart in file.read(report, "pricing"):
            comparison.add(cart.id, evaluate(cart.basket, before), evaluate(cart.basket, after))
    if json:
        out.print(Text(orjson.dumps(_document(comparison), option=orjson.OPT_INDENT_2).decode()))
    else:
        _show(comparison)
    file.fail_if_wrong()


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "currencies": [
            {
                "currency": currency,
                "carts": sums.carts,
                "better_off": sums.better,
                "worse_off": sums.worse,
                "unchanged": sums.carts - sums.better - sums.worse,
                "total_before_minor": sums.total_before_minor,
                "total_after_minor": sums.total_after_minor,
                "given_before_minor": sums.given_before_minor,
                "given_after_minor": sums.given_after_minor,
            }
            for currency, sums in comparison.sums.items()
        ],
        "promotions": [
            {"promotion": promotion, "currency": currency, "given_more_minor": more_minor}
            for promotion, currency, more_minor in comparison.promotions()
        ],
        "largest": [
            {
                "cart": change.cart,
                "currency": change.currency,
                "before_minor": change.before_minor,
                "after_minor": change.after_minor,
                "promotions": [
                    {"promotion": promotion, "given_more_minor": more_minor}
                    for promotion, more_minor in change.promotions
                ],
            }
            for change in comparison.largest()
        ],
    }


def _show(comparison: Comparison) -> None:
    for currency, sums in comparison.sums.items():
        unchanged = sums.carts - sums.better - sums.worse
        given = [_money(minor, currency) for minor in (sums.given_before_minor, sums.given_after_minor)]
        more = _signed(sums.given_after_minor - sums.given_before_minor, currency)
        out.print(
            f"{counted(sums.carts, 'cart')} in {currency}: {sums.better:,} better off, {sums.worse:,} worse off,"
            f" {unchanged:,} unchanged"
        )
        out.print(f"given away: {given[0]} before, {given[1]} after ({more})")
    promotions = comparison.promotions()
    if promotions:
        table = Table("promotion", "gives more", title="Promotions", title_justify="left", box=None, pad_edge=False)
        for promotion, currency, more_minor in promotions[:PROMOTIONS_MAX]:
            table.add_row(Text(promotion), _signed(more_minor, currency))
        show_table(table)
    largest = [change for change in comparison.largest() if change.more_minor]
    if largest:
        columns = ("cart", "before", "after", "change", "because of")
        table = Table(*columns, title="Largest changes", title_justify="left", box=None, pad_edge=False)
        for change in largest:
            table.add_row(*_row(change))
        show_table(table)


def _row(change: Change) -> list[Text]:
    currency = change.currency
    because = ", ".join(f"{promotion} {_signed(-minor, currency)}" for promotion, minor in change.promotions)
    amounts = [_money(minor, currency) for minor in (change.before_minor, change.after_minor)]
    return [Text(cell) for cell in (change.cart, *amounts, _signed(change.more_minor, currency), because)]


def _money(minor: int, currency: Currency) -> str:
    return f"{format_minor(minor, currency)} {currency}"


def _signed(minor: int, currency: Currency) -> str:
    return f"{'+' if minor > 0 else ''}{_money(minor, currency)}"
