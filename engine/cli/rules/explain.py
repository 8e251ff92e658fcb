"""`panier rules explain`: why a promotion applies to a cart, why not, and how far it is from it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from engine.cli.carts import CartFile, CartLine, moment
from engine.cli.console import FILES_WRONG, fail, out, progress, show_table
from engine.cli.loading import load
from engine.errors import did_you_mean
from engine.money import format_minor
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Measure, Outcome, OutcomeCode
from engine.rules.evaluate import evaluate
from engine.rules.explain import sentence
from engine.rules.load import LoadedRules
from engine.rules.losses import loss_sentence, losses
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.rules.window import iso
from engine.types import PromotionId


def explain(
    promotion: Annotated[str, typer.Argument(metavar="PROMOTION", help="The id of a promotion.")],
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder.")],
    cart: Annotated[str, typer.Option(metavar="FILE", help="Carts, one a line; `-` reads stdin.")],
    line: Annotated[int, typer.Option(min=1, help="The number of the line that holds the cart.")] = 1,
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Price at this date and time.", show_default="what the cart says, else now"
        ),
    ] = None,
) -> None:
    """Say why a promotion applies to a cart, why not, and how far the cart is from it, in words and numbers."""
    loaded, of_shop = load(shop, rules)
    ruleset = of_shop.ruleset
    if promotion not in ruleset.by_id:
        help_ = did_you_mean(promotion, ruleset.by_id, "`panier rules check` shows the rules that there are")
        fail(f"there is no promotion `{promotion}`: {help_}", FILES_WRONG)
    file = CartFile(cart, loaded, moment(at))
    with progress() as report:
        read = next((found for found in file.read(report, "reading") if found.number == line), None)
    if read is None:
        fail(f"`{cart}` has no cart on line {line}", FILES_WRONG)
    _show(read, PromotionId(promotion), of_shop)


def _show(cart: CartLine, id_: PromotionId, rules: LoadedRules) -> None:
    basket = rules.ruleset.with_codes_meant(cart.basket)
    evaluation = evaluate(basket, rules.ruleset, every_outcome=True)
    outcome = evaluation.outcomes[id_]
    out.print(Text(sentence(outcome, rules.ruleset, basket, staff=True), "bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan")
    for name, value in _numbers(outcome, basket):
        table.add_row(name, Text(value))
    for loss in losses(basket, rules.ruleset, evaluation):
        if id_ in (loss.promotion, *loss.lost):
            table.add_row("warning", Text(loss_sentence(loss, basket, rules.ruleset)))
    alone = _alone(id_, basket, rules.ruleset)
    table.add_row("alone", Text(sentence(alone, rules.ruleset, basket, staff=True).partition(": ")[2]))
    table.add_row("cart", Text(f"{cart.id}, {basket.channel}, {basket.store.id}, {_time(basket)}"))
    table.add_row("rule", Text(_place(id_, rules)))
    show_table(table)


def _numbers(outcome: Outcome, basket: Basket) -> list[tuple[str, str]]:
    """Return the verdict as a table: what is not there is left out."""

    def money(minor: int) -> str:
        return f"{format_minor(minor, basket.currency)} {basket.currency}"

    def measured(number: int) -> str:
        return money(number) if outcome.measure is Measure.MONEY else f"{number:,} {outcome.measure}"

    rows = [("outcome", str(outcome.code))]
    if outcome.granted_minor or outcome.wanted_minor:
        rows += [("given", money(outcome.granted_minor)), ("wanted", money(outcome.wanted_minor))]
    if outcome.condition:
        rows.append(("condition" if outcome.code is OutcomeCode.CONDITION_FAILED else "benefit", outcome.condition))
    if outcome.measure is not None:
        rows += [
            ("needed", measured(outcome.wanted)),
            ("in the cart", measured(outcome.measured)),
            ("missing", measured(outcome.distance)),
        ]
    if outcome.opens_ms is not None:
        rows.append(("opens", iso(outcome.opens_ms, basket.store.timezone)))
    if outcome.detail:
        rows.append(("of" if outcome.measure else "because of", outcome.detail))
    return rows


def _alone(id_: PromotionId, basket: Basket, ruleset: Ruleset) -> Outcome:
    """Return the verdict if there were no other promotion."""
    alone = compile_ruleset([ruleset.by_id[id_].written], ruleset.lanes, ruleset.rounding, ruleset.loyalty)
    return evaluate(basket, alone, every_outcome=True).outcomes[id_]


def _place(id_: PromotionId, rules: LoadedRules) -> str:
    return next(
        f"{file.source.name}:{file.node.place_of((*promotion.path, 'id')).line}"
        for file in rules.files
        for promotion in file.promotions
        if promotion.model.id == id_
    )


def _time(basket: Basket) -> str:
    return iso(basket.as_of_ms, basket.store.timezone)
