"""The cook book: its offers load and come true, and its page shows them as they are."""

import re
import runpy
from pathlib import Path

import pytest

from engine.cli.loading import rules_of
from engine.fields import instant_ms, read_local_instant
from engine.pricing.load import load_shop
from engine.rules.layout import formatted
from engine.rules.lint import lint
from engine.source import Source

ROOT = Path(__file__).parents[1]
COOKBOOK = ROOT / "examples" / "cookbook"
RECIPES = sorted((COOKBOOK / "rules").rglob("*.yaml"))
PAGE = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")


def test_the_page_is_current() -> None:
    assert runpy.run_path(str(COOKBOOK / "page.py"))["cookbook_page"]() == PAGE, "run `make schemas`"


def test_the_shop_and_its_offers_are_in_order() -> None:
    shop = load_shop(COOKBOOK)
    rules = rules_of(shop, COOKBOOK, None)
    new_year = read_local_instant("2026-01-01").starts_local().astimezone()
    assert rules.warnings == ()
    assert [str(warning) for warning in lint(rules.files, shop, instant_ms(new_year))] == []
    assert len(RECIPES) >= 30
    without = [promotion.id for promotion in rules.ruleset.promotions if not promotion.written.examples]
    assert without == [], "every offer shows what it does"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_an_offer_is_shown_with_a_title_and_what_to_mind(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title, blank, mind, *_ = text.splitlines()
    assert (title[:2], blank, mind[:2]) == ("# ", "#", "# ")
    assert f"\n### {title[2:]}\n" in PAGE
    assert text[text.index("promotions:") :] in PAGE
    assert formatted(Source(path.name, text)) == text, "run `panier rules format`"


def test_links_within_the_page_lead_to_headings() -> None:
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len(anchors) == len(headings)
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
