"""Write docs/cookbook.md: a section for each rule file of this folder, with what a shopper sees of it.

`make schemas` runs this; a test compares, so that the page never falls behind.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.money import format_minor
from engine.pricing.basket import Basket
from engine.pricing.evaluation import Evaluation
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.check import ParsedFile
from engine.rules.evaluate import evaluate
from engine.rules.examples import example_basket
from engine.rules.explain import explain_all, label_of
from engine.rules.load import LoadedRules, load_rules
from engine.rules.model import BENEFITS, Example, Promotion
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.rules.when import CONDITIONS
from engine.source import Plain
from engine.types import PromotionId, Sku

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "cookbook.md"
INTRODUCTION = """\
# Cook book

Offers as shops make them, to copy and change. Each is a rule file of [examples/cookbook](../examples/cookbook), a small
shop folder that loads as it is; its `examples` are run whenever it does. Below each stands what shoppers see of these
carts: what they pay and what they are told, where the promotions of that file are the only ones.

[The reference](reference.md) has every word, [the rule language](rules.md) explains how they work together, and
[the guide](guide.md) begins with an empty folder. This page is made from the files by `make schemas`.
"""
_KEYS = Promotion.model_fields.keys() - {"id", "label", "when", "give", "examples"}
"""Keys of a promotion of which not every offer is an example."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One offer: a rule file whose first comment is its title, a blank comment, and what to mind."""

    file: ParsedFile
    title: str
    mind: str
    rules: str

    @property
    def chapter(self) -> str:
        """What the folder is called, without its number."""
        words = self.file.source.name.split("/")[0].partition("-")[2].replace("-", " ")
        return words[0].upper() + words[1:]

    @property
    def name(self) -> str:
        """What the file is called, without its number."""
        return Path(self.file.source.name).stem.partition("-")[2]


def cookbook_page() -> str:
    """Return the whole page."""
    shop = load_shop(FOLDER)
    loaded = load_rules(FOLDER / "rules", shop)
    recipes = [_recipe(file) for file in sorted(loaded.files, key=_place)]
    contents = [INTRODUCTION]
    chapters: list[str] = []
    chapter = ""
    for recipe in recipes:
        if recipe.chapter != chapter:
            chapter = recipe.chapter
            contents.append(f"\n**{chapter}**\n\n")
            chapters.append(f"## {chapter}\n")
        contents.append(f"- [{recipe.title}](#{_anchor(recipe.title)})\n")
        chapters.append(_section(recipe, shop, loaded))
    contents.append("\n[Offers by word](#offers-by-word)\n")
    return "\n".join(["".join(contents), *chapters, _by_word(recipes)])


def _by_word(recipes: list[Recipe]) -> str:
    """Return the table that says which offers show a benefit, a condition or a key of a promotion."""
    shown: dict[str, dict[str, None]] = {word: {} for word in (*BENEFITS, *CONDITIONS, *_KEYS)}
    for recipe in recipes:
        for promotion in (parsed.model for parsed in recipe.file.promotions):
            words = [promotion.benefit().word, *(condition.word for condition in promotion.conditions())]
            for word in (*words, *sorted(promotion.model_fields_set & _KEYS)):
                shown[word][f"[{recipe.name}](#{_anchor(recipe.title)})"] = None
    rows = [f"| `{word}` | {', '.join(links)} |" for word, links in sorted(shown.items())]
    return "\n".join(["## Offers by word\n", "| word | offers |", "|---|---|", *rows]) + "\n"


def _place(file: ParsedFile) -> list[int]:
    """Return the numbers of chapter and recipe."""
    return [int(part.partition("-")[0]) for part in file.source.name.split("/")]


def _recipe(file: ParsedFile) -> Recipe:
    lines = file.source.text.splitlines()
    rules_at = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    title, _, *mind = (line.removeprefix("#").strip() for line in lines[:rules_at])
    return Recipe(file, title, "\n".join(mind), "\n".join(lines[rules_at:]))


def _anchor(title: str) -> str:
    """Return what a heading is called in a link: as the usual renderers of Markdown name it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _section(recipe: Recipe, shop: Shop, loaded: LoadedRules) -> str:
    name = recipe.file.source.name
    rows = ["| cart | to pay | instead of | what the shopper reads |", "|---|---|---|---|"]
    rows += dict.fromkeys(_rows(recipe, shop, loaded))
    return "\n".join(
        [
            f"### {recipe.title}\n",
            f"```yaml\n{recipe.rules}\n```\n",
            f"{recipe.mind}\n",
            *rows,
            f"\n[{name}](../examples/cookbook/rules/{name})\n",
        ]
    )


def _rows(recipe: Recipe, shop: Shop, loaded: LoadedRules) -> Iterator[str]:
    """Yield a row for each example, priced with all promotions of its file and no other."""
    models = [promotion.model for promotion in recipe.file.promotions]
    ruleset = compile_ruleset(models, loaded.ruleset.lanes, loaded.ruleset.rounding, recipe.file.head.loyalty)
    for promotion in recipe.file.promotions:
        for number, example in promotion.examples.items():
            basket = example_basket(example, ruleset.by_id[PromotionId(promotion.model.id)], shop)
            evaluation = evaluate(basket, ruleset, every_outcome=True)
            totals = evaluation.totals
            paid, saved = totals.due_minor, totals.discounts_minor + totals.points_discount_minor + totals.tender_minor
            others = _others(recipe.file, (*promotion.path, "examples", number), basket)
            before = format_minor(paid + saved, basket.currency) if saved else ""
            told = " ".join(_told(basket, ruleset, evaluation)) or "nothing"
            yield f"| {_goods(example, shop)}{others} | {format_minor(paid, basket.currency)} | {before} | {told} |"


def _goods(example: Example, shop: Shop) -> str:
    """Say the goods of a cart in words."""
    goods = []
    for line in example.lines:
        product = shop.products[Sku(line.sku or "")]
        if product.measured:
            goods.append(f"{line.quantity} {product.unit} {product.name}")
        else:
            goods.append(product.name if line.quantity == 1 else f"{line.quantity} × {product.name}")  # noqa: RUF001 - the sign of multiplication
    return ", ".join(goods)


def _others(file: ParsedFile, path: tuple[str | int, ...], basket: Basket) -> str:
    """Return what an example says of its cart besides the goods, as it is written, and the code that it implies."""
    others = {
        key: file.node.at((*path, key)).plain() for key in file.node.at(path).keys if key not in {"cart", "expect"}
    }
    if basket.codes:
        others.setdefault("codes", list(basket.codes))
    return f"; `{_flow(others)[1:-1]}`" if others else ""


def _flow(value: Plain) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, list) else value


def _told(basket: Basket, ruleset: Ruleset, evaluation: Evaluation) -> Iterator[str]:
    """Yield what the shopper may be told of the promotions, and the discounts that the receipt shows all the same."""
    explained = explain_all(basket, ruleset, evaluation, staff=False)
    yield from (explanation.text for explanation in explained)
    told = {explanation.outcome.promotion for explanation in explained}
    for discount in evaluation.discounts:
        if discount.promotion not in told:
            label = label_of(ruleset.by_id[discount.promotion], basket.locale)
            amount = format_minor(discount.amount_minor, basket.currency)
            yield f"on the receipt: {label}, {amount} {basket.currency} off"


if __name__ == "__main__":
    PAGE.write_text(cookbook_page(), encoding="utf-8")
