"""One layout for all rule files: what changes, what stays, and that it means the same."""

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from engine.pricing.load import load_shop
from engine.rules import layout_comments
from engine.rules.layout import WIDTH, LayoutError, formatted
from engine.rules.layout_comments import read_commented
from engine.rules.load import load_rules, rule_paths
from engine.source import Source, parse_yaml

GROCER = Path(__file__).parents[2] / "examples" / "grocer"

UNTIDY = """\
# All of our offers.

# Those on goods:
promotions:

  - give: {percent_off: {on: {sku: [a,   'b',  # the new one
                                 "4711"]}, percent: "5%"}}  # see the contract
    # for the season
    codes: HELLO
    id: one   # the first
    label: "Five, and more"
  # The second.
  - id: two
    active: {weekly: [{until: '21:00', days: [fri], from: "17:00"}]}
    give:
        order_percent_off:
            percent: 5%
rounding: half_up # ours
# The end.
"""

TIDY = """\
# All of our offers.

# Those on goods:
promotions:
  - id: one  # the first
    label: "Five, and more"
    # for the season
    codes: HELLO
    give:  # see the contract
      percent_off:
        percent: 5%
        on:
          sku:
            - a
            - b  # the new one
            - "4711"

  # The second.
  - id: two
    active: {weekly: [{days: [fri], from: "17:00", until: "21:00"}]}
    give: {order_percent_off: {percent: 5%}}

rounding: half_up  # ours
# The end.
"""


def laid_out(text: str, *, show_defaults: bool = False) -> str:
    return formatted(Source("rules.yaml", text), show_defaults=show_defaults)


def test_an_untidy_file_becomes_tidy_and_keeps_its_comments() -> None:
    assert laid_out(UNTIDY) == TIDY
    assert laid_out(TIDY) == TIDY


def test_a_long_list_goes_on_below_and_a_long_map_becomes_a_block() -> None:
    skus = ", ".join(str(100_000 + number) for number in range(40))
    text = laid_out(f"promotions:\n  - {{id: a, give: {{percent_off: {{percent: 5%, on: {{sku: [{skus}]}}}}}}}}\n")
    assert text.splitlines()[:6] == [
        "promotions:",
        "  - id: a",
        "    give:",
        "      percent_off:",
        "        percent: 5%",
        "        on:",
    ]
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert laid_out(text) == text


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("'4711'", '"4711"'),
        ("4711", "4711"),
        ('"no"', '"no"'),
        ("no", "no"),
        ("'2026-01-01'", '"2026-01-01"'),
        ('"plain"', "plain"),
        ("'it''s'", "it's"),
        ('"a, b"', '"a, b"'),
        ("a # b", "a  # b"),
        ("'a # b'", '"a # b"'),
        ('"tab\\there"', '"tab\\there"'),
        ("''", '""'),
        ("|\n      two\n      lines", '"two\\nlines\\n"'),
    ],
)
def test_quotes_stand_only_where_a_text_needs_them(written: str, kept: str) -> None:
    text = laid_out(f"promotions:\n  - id: a\n    label: {written}\n    give: {{order_percent_off: {{percent: 5%}}}}\n")
    assert text.splitlines()[2] == f"    label: {kept}"
    assert laid_out(text) == text


def test_what_ends_a_line_in_yaml_stays_escaped() -> None:
    text = 'promotions:\n  - id: a\n    label: {"\\u2028": "one\\u2028two"}\n'
    assert laid_out(text) == text


def test_defaults_are_printed_where_asked_for() -> None:
    text = laid_out(
        "promotions:\n  - id: a\n    when: {spend: {at_least: 5 EUR}}\n    give: {percent_off: {percent: 5%}}\n",
        show_defaults=True,
    )
    assert "    lane: item\n    priority: 0\n    hidden: false\n" in text
    assert "threshold_on: current" in text
    assert "amount_of: current" in text


def test_the_default_of_a_place_in_the_row_is_printed_beside_it() -> None:
    text = laid_out(
        "promotions:\n  - id: a\n    give: {percent_off: {pick: {nth: 3}, percent: 5%}}\n", show_defaults=True
    )
    assert "pick: {nth: 3, from: dearest}" in text


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(LayoutError, match="is not readable as YAML"):
        laid_out("promotions: [\n")


@pytest.mark.parametrize("text", ["hello\n", "promotions:\n  - id: a\n    label: tab\there\n"])
def test_what_cannot_be_laid_out_says_so(text: str) -> None:
    with pytest.raises(LayoutError, match=r"rules\.yaml"):
        laid_out(text)


@pytest.mark.parametrize("listed", ["[abc, {}, [], [1]]", "\n  - !!str a\n  - {}  # nothing yet\n"])
def test_entries_that_are_no_promotions_are_laid_out_too(listed: str) -> None:
    tidy = laid_out(f"promotions: {listed}\n")
    assert parse_yaml(Source("x", tidy))[0] is not None
    assert laid_out(tidy) == tidy


COMMENTS_AT_ENDS = """\
promotions: [  # offers
  {id: one, # first
   give: {order_percent_off: {percent: 5%}}},  # that was one
  # the second
]  # that was all
lanes:
  - mode: best  # only one
    name: order\t# of goods
  -  # what comes last
    name: shipping
"""

WHERE_THEY_GO = """\
# that was all
promotions:  # offers
  # that was one
  - id: one  # first
    give: {order_percent_off: {percent: 5%}}

# the second
lanes:
  - name: order  # of goods
    mode: best  # only one
  # what comes last
  - {name: shipping}
"""


def test_a_comment_at_the_end_of_a_line_stays_with_what_stands_on_it() -> None:
    assert laid_out(COMMENTS_AT_ENDS) == WHERE_THEY_GO
    assert laid_out(WHERE_THEY_GO) == WHERE_THEY_GO


NESTED = """\
promotions:
  - id: a
    when:
      or:  # either
        - and:  # both
            - {spend: {at_least: 1 EUR}}  # some money
            - {not: {quantity: {at_least: 2}}}  # one thing
        # or many
        - {quantity: {at_least: 3}}
    examples:
      - cart: [{product: {sku: x}, price: 3}]
        expect: {discount: 1 EUR}  # a third
    give: {order_amount_off: {amount: 1 EUR}}  # that is all
"""


def test_a_comment_at_the_last_line_of_a_block_does_not_wander_to_its_beginning() -> None:
    tidy = laid_out(NESTED)
    for line in NESTED.splitlines()[4:]:
        assert line in tidy.splitlines()
    assert laid_out(tidy) == tidy


def test_an_empty_file_stays_as_it_is() -> None:
    assert laid_out("# nothing yet\n") == "# nothing yet\n"


def untidy(text: str) -> str:
    """Return a file with other spaces, and flow maps over several lines, where neither changes what it says."""
    lines = text.splitlines()
    return "\n".join(
        line if '"' in line or "#" in line else re.sub(r", (?=\w+:)", ",\n        ", line) for line in lines
    )


@pytest.mark.parametrize("path", rule_paths(GROCER / "rules"), ids=lambda path: path.stem)
def test_the_rules_of_the_example_shop_are_laid_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(Source(path.name, text)) == text, "run `panier rules format examples/grocer/rules`"


def test_the_rules_of_the_example_shop_mean_the_same_laid_out(tmp_path: Path) -> None:
    shop, rules = load_shop(GROCER), GROCER / "rules"
    for number, path in enumerate(rule_paths(rules)):
        tidy = path.read_text(encoding="utf-8")
        source = Source(path.name, untidy(tidy))
        assert source.text != tidy
        text = formatted(source)
        before, after = parse_yaml(source)[0], parse_yaml(Source(path.name, text))[0]
        assert before is not None
        assert after is not None
        assert before.plain() == after.plain()
        assert text == tidy
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    assert load_rules(tmp_path, shop).ruleset.hash == load_rules(rules, shop).ruleset.hash


def test_a_default_that_is_written_out_means_the_same(tmp_path: Path) -> None:
    shop, rules = load_shop(GROCER), GROCER / "rules"
    for number, path in enumerate(rule_paths(rules)):
        text = formatted(Source(path.name, path.read_text(encoding="utf-8")), show_defaults=True)
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    assert load_rules(tmp_path, shop).ruleset.hash == load_rules(rules, shop).ruleset.hash


HEADED = """\
# yaml-language-server: $schema=rules.schema.json
# Spring offers, kept by Anna.

# How halves are rounded
rounding: half_up
promotions:
  - id: a
    give: {percent_off: {percent: 5%}}
"""


def test_what_heads_a_file_stays_on_top_when_its_first_key_moves() -> None:
    """The line for editors only counts where it is the first."""
    text = laid_out(HEADED)
    head, _, rest = text.partition("\n\n")
    assert head == HEADED.partition("\n\n")[0]
    assert rest.startswith("promotions:")
    assert rest.endswith("\n\n# How halves are rounded\nrounding: half_up\n")
    assert laid_out(text) == text


def test_a_line_for_editors_stays_first_without_an_empty_line_behind_it() -> None:
    lines = [line for line in HEADED.splitlines() if "Anna" not in line and line]
    text = laid_out("\n".join(lines))
    assert text.splitlines()[:2] == [lines[0], "promotions:"]
    assert text.endswith("\n\n# How halves are rounded\nrounding: half_up\n")


def test_twice_as_many_comments_take_twice_the_work() -> None:
    def steps(promotions: int) -> int:
        """Count the lines that the reader of comments goes through, one for each turn of a loop."""
        text = "promotions:\n" + "  # above\n  - id: a # beside\n    # between\n    label: A\n" * promotions
        counted = 0

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal counted
            counted += event == "line"
            return trace if frame.f_code.co_filename == layout_comments.__file__ else None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            read_commented(text)
        finally:
            sys.settrace(before)
        return counted

    assert steps(200) < 2.5 * steps(100)
