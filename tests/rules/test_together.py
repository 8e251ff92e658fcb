"""One load shows all its faults, and no fault that only follows from another."""

from pathlib import Path

import pytest

from engine.errors import Diagnostic, FilesRefusedError
from engine.pricing.shop import Shop
from engine.rules.load import LoadedRules, load_rule_sources, load_rules, rule_paths
from engine.source import Source
from tests.rules.conftest import Load
from tests.shops import FILES, small_shop

GIVE = "give: {percent_off: {percent: 5%}}"
FAILING = "examples: [{cart: [{sku: milk}], expect: {discount: 1 EUR}}]"


def faults(shop: Shop, *texts: str) -> list[tuple[str, str, int]]:
    with pytest.raises(FilesRefusedError) as refusal:
        load_rule_sources([Source(f"{name}.yaml", text) for name, text in zip("abcdef", texts, strict=False)], shop)
    return [(fault.span.file, fault.code, fault.span.line) for fault in refusal.value.diagnostics]


def test_a_duplicate_key_or_an_alias_hides_no_other_fault(shop: Shop) -> None:
    text = f"promotions:\n- id: a\n  id: b\n  giv: x\n  {GIVE}\n- id: &c c\n  channels: [wbe]\n  {GIVE}\n"
    assert faults(shop, text) == [
        ("a.yaml", "duplicate_key", 3),
        ("a.yaml", "unknown_field", 4),
        ("a.yaml", "alias", 6),
        ("a.yaml", "unknown_channel", 7),
    ]


def test_where_an_alias_stands_nothing_else_is_said(shop: Shop) -> None:
    text = f"""\
promotions:
- id: a
  channels: [*web]
  lane: *lane
  give: {{percent_off: {{percent: *percent}}}}
- <<: *base
  id: b
  stores: [nort]
- *c
- id: d
  {GIVE}
  {FAILING.replace("1 EUR", "*much")}
"""
    lines = [(3, "alias"), (4, "alias"), (5, "alias"), (6, "alias"), (8, "unknown_store"), (9, "alias"), (12, "alias")]
    assert faults(shop, text) == [("a.yaml", code, line) for line, code in lines]


def test_a_faulty_promotion_is_set_aside_and_all_else_is_checked(shop: Shop) -> None:
    text = f"""\
promotions:
- id: faulty
  give: {{percent_off: {{percent: 5}}}}
- id: channel
  channels: [wbe]
  {GIVE}
- id: failing
  {GIVE}
  {FAILING}
- id: faulty
  {GIVE}
"""
    second = f"promotions:\n- id: b\n  stores: [nort]\n  {GIVE}\n- id: channel\n  lane: lain\n  {GIVE}\n  {FAILING}\n"
    assert faults(shop, text, second) == [
        ("a.yaml", "invalid_percent", 3),
        ("a.yaml", "unknown_channel", 5),
        ("a.yaml", "example_failed", 9),
        ("a.yaml", "duplicate_promotion", 10),
        ("b.yaml", "unknown_store", 3),
        ("b.yaml", "duplicate_promotion", 5),
        ("b.yaml", "unknown_lane", 6),
        ("b.yaml", "example_failed", 8),
    ]


def test_of_a_faulty_promotion_what_is_right_is_checked_too(shop: Shop) -> None:
    text = "promotions:\n- give: {percent_off: {percent: 5}}\n  channels: [wbe]\n  lane: lain\n  when: {contains: {}}\n"
    assert faults(shop, text) == [
        ("a.yaml", "missing_field", 2),
        ("a.yaml", "invalid_percent", 2),
        ("a.yaml", "unknown_channel", 3),
        ("a.yaml", "unknown_lane", 4),
        ("a.yaml", "empty_contains", 5),
    ]


def test_a_faulty_example_hides_no_failing_one(shop: Shop) -> None:
    failing, faulty = "{cart: [{sku: milk}], expect: {discount: 1 EUR}}", "{cart: [], expect: {outcome: applied}}"
    text = f"promotions:\n- id: a\n  {GIVE}\n  examples:\n  - {failing}\n  - {faulty}\n"
    assert faults(shop, text) == [
        ("a.yaml", "example_failed", 5),
        ("a.yaml", "invalid_value", 6),
    ]


def test_an_example_of_a_promotion_that_is_not_as_meant_proves_nothing(shop: Shop) -> None:
    twice = f"promotions:\n- id: a\n  give: {{percent_off: {{percent: 5%, percent: 50%}}}}\n  {FAILING}\n"
    assert faults(shop, twice) == [("a.yaml", "duplicate_key", 3)]
    channel = f"promotions:\n- id: a\n  channels: [wbe]\n  {GIVE}\n  {FAILING}\n"
    assert faults(shop, channel) == [("a.yaml", "unknown_channel", 3)]


VIP = f"promotions:\n- id: b\n  lane: vip\n  {GIVE}\n"


@pytest.mark.parametrize(
    "first",
    [
        "lanes: [{name: vip}]\npromotions: [{giv: x}]\n",
        "lanes: [{name: vip, mode: bst}]\n",
        "lanes: [{name: vip}]\nrounding: up\n",
        "lanes: [{nam: vip}]\n",
        "lanes: [{name: item}]\nlanes: [{name: vip}]\n",
        "lanes: vip\n",
        "lanes: []\n",
        "lanes: [*vip]\n",
        "lanes: [\n",
    ],
)
def test_a_lane_of_a_faulty_file_is_known(shop: Shop, first: str) -> None:
    assert {file for file, _, _ in faults(shop, first, VIP)} == {"a.yaml"}


def test_an_example_fails_only_where_it_would_under_any_rounding(shop: Shop) -> None:
    half = (  # 2.5 % of 1.00 EUR is 2.5 cents: 3 or 2
        "promotions:\n- id: a\n  give: {percent_off: {percent: 2.5%}}\n  examples:\n"
        "  - {cart: [{product: {sku: x}, price: 1}], expect: {discount: 0.02 EUR}}\n"
        "  - {cart: [{product: {sku: x}, price: 1}], expect: {discount: 0.05 EUR}}\n"
    )
    assert faults(shop, half) == [("a.yaml", "example_failed", 5), ("a.yaml", "example_failed", 6)]
    assert faults(shop, half, "rounding: half_dwn\n") == [
        ("a.yaml", "example_failed", 6),
        ("b.yaml", "invalid_value", 1),
    ]


def test_lanes_said_twice_are_told_also_where_one_is_faulty(shop: Shop) -> None:
    assert faults(shop, "lanes: [{name: a, mode: x}]\n", "lanes: [{name: b}, {name: b}, {name: b}]\n") == [
        ("a.yaml", "invalid_value", 1),
        ("b.yaml", "said_twice", 1),
        ("b.yaml", "duplicate_lane", 1),
        ("b.yaml", "duplicate_lane", 1),
    ]


def test_a_file_that_cannot_be_read_is_an_error(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "LOUD.YAML").write_text("promotions: [{}]\n")
    (tmp_path / "vip.yml").write_text(VIP)
    with pytest.raises(FilesRefusedError) as refusal:
        load_rules(tmp_path, shop)
    assert [(fault.span.file, fault.code) for fault in refusal.value.diagnostics] == [
        ("LOUD.YAML", "missing_field"),
        ("LOUD.YAML", "missing_field"),
        ("gone.yaml", "unreadable_file"),
    ]


def test_the_folders_of_tools_are_passed_over_and_links_are_followed_once(shop: Shop, tmp_path: Path) -> None:
    """A mounted configuration links to files in a hidden folder, an editor locks a file by a link to nowhere."""
    rules, elsewhere = tmp_path / "rules", tmp_path / "elsewhere"
    (rules / "..2026_01").mkdir(parents=True)
    elsewhere.mkdir()
    (rules / "..2026_01" / "vip.yaml").write_text(f"promotions:\n- id: vip\n  {GIVE}\n")
    (rules / "vip.yaml").symlink_to(rules / "..2026_01" / "vip.yaml")
    (rules / ".#vip.yaml").symlink_to("somebody@somewhere.1")
    (elsewhere / "more.yaml").write_text(f"promotions:\n- id: more\n  {GIVE}\n")
    (elsewhere / "back").symlink_to(rules)
    (rules / "shared").symlink_to(elsewhere)
    (rules / "shared-too").symlink_to(elsewhere)
    assert [str(path.relative_to(rules)) for path in rule_paths(rules)] == ["shared/more.yaml", "vip.yaml"]
    assert len(load_rules(rules, shop).ruleset.promotions) == 2


# --- Rules that are right, and do nothing ----------------------------------------------------------------------------


def warned(loaded: LoadedRules) -> list[tuple[str, str]]:
    def marked(fault: Diagnostic) -> str:
        return fault.source_line[fault.span.column - 1 :][: fault.span.width]

    assert all(warning.severity == "warning" for warning in loaded.warnings)
    return [(warning.code, marked(warning)) for warning in loaded.warnings]


def test_a_text_that_nobody_reads(load: Load) -> None:
    text = f"promotions:\n- id: a\n  label: {{fr: Du lait, de: Milch, en: Milk}}\n  {GIVE}\n"
    assert warned(load(text)) == [("unknown_locale", "de")]


@pytest.mark.parametrize(
    ("lines", "never"),
    [
        ("give: {amount_off: {amount: 5 USD, per: unit}}", True),
        ("when: {spend: {at_least: 5 USD}}\n  give: {percent_off: {percent: 5%}}", True),
        ("when: {spend: {at_least: 5 USD}}\n  give: {fixed_price: {price: 5 EUR}}", True),
        ("give: {fixed_price: {price: 5 EUR, on: {price: {below: 5 USD}}}}", True),
        ("give: {amount_off: {amount: {EUR: 5, USD: 5}, per: unit}}", False),
        ("give: {percent_off: {percent: 5%}}", False),
    ],
)
def test_amounts_that_no_store_can_use(load: Load, lines: str, *, never: bool) -> None:
    warnings = load(f"promotions:\n- id: a\n  {lines}\n").warnings
    assert [warning.code for warning in warnings] == ["unused_currency"] * never


def test_amounts_that_no_store_of_the_promotion_can_use(tmp_path: Path) -> None:
    stores = FILES["stores.yaml"].replace("South, country: FR, currency: EUR", "South, country: FR, currency: USD")
    shop = small_shop(tmp_path, {"stores.yaml": stores})
    give = "give: {fixed_price: {price: 5 USD}}"
    text = (
        f"promotions:\n- id: a\n  {give}\n- id: b\n  stores: [south]\n  {give}\n- id: c\n  stores: [north]\n  {give}\n"
    )
    (warning,) = load_rule_sources([Source("a.yaml", text)], shop).warnings
    assert (warning.code, warning.span.line) == ("unused_currency", 9)
    assert warning.message == "promotion `c` can never apply: no store of it sells in `USD`"
    assert warning.help == "state each amount in `EUR` too"
    grouped = f"promotions:\n- id: d\n  store_groups: [city]\n  {give}\n- id: e\n  countries: [FR]\n  {give}\n"
    (warning,) = load_rule_sources([Source("a.yaml", grouped)], shop).warnings
    assert (warning.code, warning.span.line) == ("unused_currency", 4)


def test_amounts_deep_in_conditions_that_no_store_can_use(load: Load) -> None:
    when = "when: {or: [{spend: {at_least: 5 JPY}}, {spend: {at_least: 5 EUR}}]}"
    (warning,) = load(f"promotions:\n- id: a\n  {when}\n  {GIVE}\n").warnings
    assert (warning.code, warning.span.line) == ("unused_currency", 3)


@pytest.mark.parametrize(
    ("lane", "give", "odd"),
    [
        ("item", "delivery_percent_off: {percent: 5%}", True),
        ("points", "delivery_percent_off: {percent: 5%}", False),
        ("shipping", "delivery_percent_off: {percent: 5%}", False),
        ("shipping", "percent_off: {percent: 5%}", True),
        ("order", "percent_off: {percent: 5%}", False),
    ],
)
def test_a_lane_for_something_else(load: Load, lane: str, give: str, *, odd: bool) -> None:
    expected = [("unusual_lane", lane)] if odd else []
    assert warned(load(f"promotions:\n- id: a\n  lane: {lane}\n  give: {{{give}}}\n")) == expected


def test_a_lane_is_not_unusual_where_the_usual_one_is_not_there(load: Load) -> None:
    text = "lanes: [{name: item}]\npromotions:\n- id: a\n  lane: item\n  give: {delivery_percent_off: {percent: 5%}}\n"
    assert load(text).warnings == ()
