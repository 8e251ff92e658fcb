"""Every word of the language has a section in the reference, and an example that runs and makes a difference."""

import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from engine.errors import FilesRefusedError
from engine.fields import Written
from engine.pricing.cartfile import CartDocument
from engine.pricing.evaluation import Evaluation, OutcomeCode
from engine.pricing.load import load_shop
from engine.pricing.shop import Shop
from engine.rules.evaluate import APPLIED, evaluate
from engine.rules.examples import example_basket
from engine.rules.load import LoadedRules, load_rule_sources, load_rules
from engine.rules.model import BENEFITS, LaneMode, RuleFile
from engine.rules.reference import example_file, sections
from engine.rules.vocabulary import Word
from engine.rules.walk import parts
from engine.rules.when import CONDITIONS
from engine.source import Source
from engine.types import PromotionId
from tests.rules.conftest import Load

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
COOKBOOK = ROOT / "examples" / "cookbook"
RULES_PAGE = (DOCS / "rules.md").read_text(encoding="utf-8")
WORDS: dict[str, type[Word]] = {**CONDITIONS, **BENEFITS}
SECTIONS = [*sections()]


def blocks(text: str) -> list[str]:
    """Return the YAML that a text shows."""
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@cache
def cookbook_shop() -> Shop:
    return load_shop(COOKBOOK)


@cache
def loaded(text: str) -> LoadedRules:
    """Load a rule file in the shop of the cook book, which runs its examples."""
    return load_rule_sources([Source("rules.yaml", text)], cookbook_shop())


def evaluations(text: str) -> Iterator[Evaluation]:
    """Price the carts of the examples of a file."""
    rules = loaded(text)
    for promotion in rules.files[0].promotions:
        alone = rules.ruleset.by_id[PromotionId(promotion.model.id)]
        for example in promotion.examples.values():
            yield evaluate(example_basket(example, alone, cookbook_shop()), rules.ruleset, every_outcome=True)


def gives(evaluation: Evaluation) -> bool:
    return bool(evaluation.discounts or evaluation.points or evaluation.codes_to_issue)


def models() -> dict[str, type[Written]]:
    """Return every model of the language by its name."""
    found: dict[str, type[Written]] = {}

    def visit(annotation: object) -> None:
        for part in get_args(annotation):
            visit(part)
        if not isinstance(annotation, type) or not issubclass(annotation, Written):
            return
        if annotation.__module__.startswith("engine.rules") and annotation.__name__ not in found:
            found[annotation.__name__] = annotation
            for field in annotation.model_fields.values():
                visit(field.annotation)

    visit(RuleFile)
    return found


def test_the_page_is_current() -> None:
    page = runpy.run_path(str(DOCS / "schemas" / "write.py"))["reference_page"]()
    assert (DOCS / "reference.md").read_text(encoding="utf-8") == page, "run `make schemas`"


@pytest.mark.parametrize("word", WORDS)
def test_a_word_has_a_section_with_its_docstring_and_example(word: str) -> None:
    texts = [section.text for section in SECTIONS if section.word == word]
    assert any(example_file(WORDS[word]) in text and (WORDS[word].__doc__ or "!")[:60] in text for text in texts)


@pytest.mark.parametrize("word", BENEFITS)
def test_the_example_of_a_benefit_gives_something(word: str) -> None:
    text = example_file(BENEFITS[word])
    assert loaded(text).warnings == ()
    assert any(gives(evaluation) for evaluation in evaluations(text))


@pytest.mark.parametrize("word", CONDITIONS)
def test_the_example_of_a_condition_holds_for_one_cart_and_fails_for_another(word: str) -> None:
    text = example_file(CONDITIONS[word])
    assert loaded(text).warnings == ()
    verdicts = [outcome for evaluation in evaluations(text) for outcome in evaluation.outcomes.values()]
    assert any(outcome.code in APPLIED for outcome in verdicts)
    assert any(outcome.condition == word for outcome in verdicts)


@pytest.mark.parametrize("section", [section for section in SECTIONS if section.depth == 2], ids=lambda each: each.word)
def test_the_other_examples_run_too(section: object) -> None:
    for text in blocks(str(section)):
        assert loaded(text).warnings == ()
        assert any(gives(evaluation) for evaluation in evaluations(text))


def test_an_example_that_does_not_come_true_is_noticed() -> None:
    with pytest.raises(FilesRefusedError):
        loaded(example_file(BENEFITS["n_for_m"]).replace("5.00 EUR", "5.01 EUR"))


def test_links_within_the_page_lead_to_headings() -> None:
    words = [section.word for section in SECTIONS]
    anchors = {f"#{word}-{before}" if before else f"#{word}" for word, before in numbered(words)}
    assert set(re.findall(r"\]\((#[^)]+)\)", "\n".join(map(str, SECTIONS)))) <= anchors


def numbered(words: list[str]) -> Iterator[tuple[str, int]]:
    """Yield each word with how often it was there before."""
    for place, word in enumerate(words):
        yield word, words[:place].count(word)


def test_every_key_is_listed_and_explained() -> None:
    page = "\n".join(map(str, SECTIONS))
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    for model in models().values():
        shared = CartDocument.model_fields if issubclass(model, CartDocument) else {}
        keys = {field.alias or name for name, field in model.model_fields.items() if name not in shared}
        assert keys - WORDS.keys() <= listed, model.__name__
    assert re.findall(r"^\| `.*\|  \|$", page, re.MULTILINE) == [], "keys without a docstring"


def test_every_key_is_used_in_an_example_that_runs() -> None:
    """Of the reference or of the cook book; of keys with the same docstring one suffices."""
    files = list(load_rules(COOKBOOK / "rules", cookbook_shop()).files)
    files += [file for section in SECTIONS for text in blocks(section.text) for file in loaded(text).files]
    roots = [root for file in files for root in (file.head, *(promotion.model for promotion in file.promotions))]
    written = [part for root in roots for _, part in parts(root)]
    used = {(name, type(part).model_fields[name].description) for part in written for name in part.model_fields_set}
    known = {
        (name, field.description)
        for model in models().values()
        for name, field in model.model_fields.items()
        if name not in CartDocument.model_fields and (model, name) != (RuleFile, "promotions")
    }
    assert known - used == set(), "show these in the cook book"


# The page that explains how the words work together


@pytest.mark.parametrize("outcome", [*OutcomeCode, *LaneMode])
def test_every_outcome_and_mode_is_explained(outcome: str) -> None:
    assert f"`{outcome}`" in RULES_PAGE


def test_the_blocks_of_the_page_load(load: Load) -> None:
    """What it shows as a file is one; the shop of this test has other products, hence warnings and no more."""
    shown = blocks(RULES_PAGE)
    assert len(shown) >= 2
    for block in shown:
        assert load(block).ruleset.lanes
    assert load(shown[0]).ruleset.by_id.keys() == {"autumn-shoes"}
    lanes = load(next(block for block in shown if block.startswith("lanes:"))).ruleset.lanes
    assert [(lane.name, lane.mode) for lane in lanes] == [("item", "stack"), ("order", "best"), ("shipping", "stack")]
