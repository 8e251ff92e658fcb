"""Every word of the language has a section in the reference and an example that runs."""

from pathlib import Path

import pytest
import yaml

from engine.pricing.evaluation import OutcomeCode
from engine.rules.model import BENEFITS, LaneMode, Promotion
from engine.rules.vocabulary import Word
from engine.rules.when import CONDITIONS
from tests.rules.conftest import Load

REFERENCE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
WORDS: dict[str, type[Word]] = {**CONDITIONS, **BENEFITS}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_has_a_section_that_shows_its_example(word: str) -> None:
    assert f"\n### {word}\n" in REFERENCE
    section = REFERENCE.split(f"\n### {word}\n")[1].split("\n### ")[0]
    assert WORDS[word].example in section


@pytest.mark.parametrize("word", CONDITIONS)
def test_the_example_of_a_condition_loads(load: Load, word: str) -> None:
    when = f"when: {{{CONDITIONS[word].example}}}"
    assert load(f"promotions:\n  - id: x\n    {when}\n    give: {{percent_off: {{percent: 5%}}}}\n").ruleset.promotions


@pytest.mark.parametrize("word", BENEFITS)
def test_the_example_of_a_benefit_loads(load: Load, word: str) -> None:
    text = f"promotions:\n  - id: x\n    give: {{{BENEFITS[word].example}}}\n"
    assert load(text).ruleset.promotions


@pytest.mark.parametrize("key", [field.alias or name for name, field in Promotion.model_fields.items()])
def test_every_key_of_a_promotion_is_listed(key: str) -> None:
    assert f"`{key}`" in REFERENCE


@pytest.mark.parametrize("outcome", [*OutcomeCode, *LaneMode])
def test_every_outcome_and_mode_is_listed(outcome: str) -> None:
    assert f"`{outcome}`" in REFERENCE


def test_the_blocks_of_the_reference_load(load: Load) -> None:
    """What it shows as a file is one; the shop of this test has other products, hence warnings and no more."""
    blocks = [block.split("```")[0] for block in REFERENCE.split("```yaml\n")[1:]]
    assert len(blocks) >= 2
    for block in blocks:
        assert isinstance(yaml.safe_load(block), dict)
    assert load(blocks[0]).ruleset.by_id.keys() == {"autumn-shoes"}
    for block in blocks:
        if block.startswith("promotions:"):
            assert load(block).ruleset.promotions
    lanes = load(next(block for block in blocks if block.startswith("lanes:"))).ruleset.lanes
    assert [(lane.name, lane.mode) for lane in lanes] == [("item", "stack"), ("order", "best"), ("shipping", "stack")]
