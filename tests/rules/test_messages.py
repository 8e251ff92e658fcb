"""Each fault in a rule file: its code, the text it points at, and the repair it offers."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from engine.errors import Diagnostic, FilesRefusedError
from tests.rules.conftest import Load

CODE_HELP = "use letters and digits, at most 64 of them"
ID_HELP = "use 1 to 80 letters (a to z), digits, `-`, `_` and `.`, a letter or digit first"
GIVE = "give: {percent_off: {percent: 5%}}"


def marked(text: str) -> tuple[str, int, int]:
    """Return the text without its mark ``«…»``, and the line and column where the mark was."""
    before = text[: text.index("«")]
    return text.replace("«", "").replace("»", ""), before.count("\n") + 1, len(before) - before.rfind("\n")


def refused(load: Load, text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(FilesRefusedError) as refusal:
        load(text)
    return refusal.value.diagnostics


@pytest.mark.parametrize(
    ("written", "code", "repair"),
    [
        (f"promotions:\n  - id: a\n    «giv»: x\n    {GIVE}\n", "unknown_field", "did you mean `give`?"),
        (
            "lanes: [{name: order, mode: best, per: unit}]\npromotions:\n"
            "  - {id: a, give: {order_percent_off: «{percent: 5%}»}}\n",
            "not_by_goods",
            "put it in another lane, or give the lane `per: cart`",
        ),
        (
            "lanes: [{name: item, mode: best, per: line}]\npromotions:\n"
            "  - {id: a, give: {percent_off: {percent: 5%, rounding: «order»}}}\n",
            "not_by_goods",
            "leave `rounding` out",
        ),
        (
            f"lanes: [«{{name: item, per: unit}}»]\npromotions:\n  - {{id: a, {GIVE}}}\n",
            "per_without_best",
            "write `mode: best`, or leave `per` out",
        ),
        ("promotions:\n  - «id»: a\n", "missing_field", "add `give:`"),
        (f"promotions:\n  - «{GIVE}»\n", "missing_field", "add `id:`"),
        (
            "promotions:\n  - id: a\n    give: {«percnt_off»: {percent: 5%}}\n",
            "unknown_field",
            "did you mean `percent_off`?",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: «10»}}\n",
            "invalid_percent",
            "write it like 12.5%",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: «110%»}}\n",
            "invalid_percent",
            "write it like 12.5%",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: «0%»}}\n",
            "zero_percent",
            "write a percentage above zero",
        ),
        ("promotions:\n  - id: a\n    give: «x»\n", "invalid_value", ""),
        ("loyalty:\n  pending: «{}»\n", "empty_pending", "add `days:` or `event:`, or leave it out"),
        ("loyalty:\n  burn: «{points: 100}»\n", "missing_field", "add `worth:`"),
        (
            "loyalty:\n  burn: {points: 100, worth: 1 EUR, as: «cash»}\n",
            "invalid_value",
            "expected one of `discount`, `tender`",
        ),
        (
            "loyalty:\n  tiers: «{levels: [{id: gold, from_points: 5}, {id: silver, from_points: 1}]}»\n",
            "tiers_order",
            "write the lowest first",
        ),
        (
            "loyalty:\n  tiers: «{levels: [{id: gold, from_points: 1}, {id: gold, from_points: 5}]}»\n",
            "duplicate_tier",
            "keep one of them",
        ),
        ("loyalty:\n  «expire»: {days: 5}\n", "unknown_field", "did you mean `expires`?"),
        (
            "promotions:\n  - id: a\n    give: {tiers: «{by_quantity: [{quantity: 5, percent: 5%}, {quantity: 5, percent: 9%}]}»}\n",
            "overlapping_tiers",
            "sort the steps",
        ),
        (
            "promotions:\n  - id: a\n    give: {tiers: «{by_spend: [{spend: 9 EUR, percent: 5%}, {spend: 5 EUR, percent: 9%}]}»}\n",
            "overlapping_tiers",
            "sort the steps",
        ),
        (
            "promotions:\n  - id: a\n    give: {tiers: «{by_spend: [{spend: {EUR: 5, USD: 6}, percent: 5%}, {spend: 9 EUR, percent: 9%}]}»}\n",
            "overlapping_tiers",
            "add the missing ones",
        ),
        (
            "promotions:\n  - id: a\n    give: {tiers: «{mode: slab, by_spend: [{spend: 9 EUR, amount: 1 EUR}]}»}\n",
            "slab_amount",
            "write `percent:`, or `mode: whole`",
        ),
        (
            f"promotions:\n  - id: a\n    limits: «{{partial: true}}»\n    {GIVE}\n",
            "empty_limits",
            "add `per_customer:`, `total:` or `budget:`",
        ),
        (
            f"promotions:\n  - id: a\n    limits: «{{total: 5, partial: true}}»\n    {GIVE}\n",
            "partial_without_budget",
            "add `budget:` or leave it out",
        ),
        (
            f"promotions:\n  - id: a\n    limits: {{per_code: «1»}}\n    {GIVE}\n",
            "limit_without_code",
            "add `codes:`, or limit it `per_customer`",
        ),
        (f"promotions:\n  - id: a\n    limits: {{total: «0»}}\n    {GIVE}\n", "invalid_value", ""),
        (
            "promotions:\n  - id: a\n    limits: {budget: «5 EUR»}\n    give: {points: {add: 5}}\n",
            "budget_without_money",
            "limit it by `total:`",
        ),
        (
            "promotions:\n  - id: a\n    limits: {budget: 5 EUR, partial: «true»}\n    give: {gift: {sku: milk}}\n",
            "partial_whole",
            "leave `partial` out",
        ),
        (
            f"promotions:\n  - id: a\n    limits: {{«per_person»: 1}}\n    {GIVE}\n",
            "unknown_field",
            "did you mean `per_store`?",
        ),
        (
            "promotions:\n  - id: a\n    give: {amount_off: {amount: «5», per: unit}}\n",
            "invalid_amount",
            "write a number and a currency, such as 4.90 EUR",
        ),
        ("promotions:\n  - id: a\n    give: {amount_off: {amount: «5.001 EUR», per: unit}}\n", "invalid_amount", ""),
        ("promotions:\n  - id: a\n    give: {amount_off: «{amount: 5 EUR}»}\n", "missing_field", "add `per:`"),
        (
            "promotions:\n  - id: a\n    give: {amount_off: {amount: 5 EUR, per: «each»}}\n",
            "invalid_value",
            "expected one of `line`, `selection`, `unit`",
        ),
        (
            "promotions:\n  - id: a\n    give: «{order_percent_off: {percent: 5%}, percent_off: {percent: 5%}}»\n",
            "two_benefits",
            "make one promotion of each",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, pick: «cheepest»}}\n",
            "unknown_pick",
            "did you mean `cheapest`?",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, pick: «nth»}}\n",
            "unknown_pick",
            "write cheapest, dearest, or {nth: 3} for the third dearest",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, pick: {«nht»: 3, nth: 3}}}\n",
            "unknown_field",
            "did you mean `nth`?",
        ),
        ("promotions:\n  - id: a\n    give: {fixed_price: {price: 5 EUR, pick: {nth: «0»}}}\n", "invalid_value", ""),
        (
            "promotions:\n  - id: a\n    give: {fixed_price: {price: 5 EUR, pick: {nth: «third»}}}\n",
            "invalid_value",
            "",
        ),
        (
            "promotions:\n  - id: a\n    give: {fixed_price: {price: 5 EUR, pick: «{from: cheapest}»}}\n",
            "missing_field",
            "add `nth:`",
        ),
        (
            "promotions:\n  - id: a\n    give: {fixed_price: {price: 5 EUR, pick: {nth: 2, from: «deerest»}}}\n",
            "invalid_value",
            "did you mean `dearest`?",
        ),
        (
            "promotions:\n  - id: a\n    give: {amount_off: «{amount: 5 EUR, per: line, pick: {nth: 2}}»}\n",
            "pick_nth",
            "leave `pick` out",
        ),
        (
            "promotions:\n  - id: a\n    give: {n_for_m: {take: 3, pay: 2, pick: «{nth: 2}»}}\n",
            "invalid_value",
            "expected one of `cheapest`, `dearest`",
        ),
        (f"promotions:\n  - id: a\n    lane: «items»\n    {GIVE}\n", "unknown_lane", "did you mean `item`?"),
        (f"promotions:\n  - id: a\n    channels: [web, «wbe»]\n    {GIVE}\n", "unknown_channel", "did you mean `web`?"),
        (f"promotions:\n  - id: a\n    stores: [«nort»]\n    {GIVE}\n", "unknown_store", "did you mean `north`?"),
        (
            "promotions:\n  - id: a\n    give: {delivery_amount_off: {amount: 5 EUR, methods: [«hme»]}}\n",
            "unknown_method",
            "did you mean `home`?",
        ),
        (
            f"promotions:\n  - id: a\n    {GIVE}\n  - id: «a»\n    {GIVE}\n",
            "duplicate_promotion",
            "give each promotion its own id",
        ),
        (
            f"promotions:\n  - id: a\n    active: {{from: «2026-13-01»}}\n    {GIVE}\n",
            "invalid_date",
            "write 2026-10-01 or 2026-10-01T20:00",
        ),
        (
            f"promotions:\n  - id: a\n    active: {{timezone: «Europe/Pari»}}\n    {GIVE}\n",
            "unknown_timezone",
            "did you mean `Europe/Paris`?",
        ),
        (
            f"promotions:\n  - id: a\n    active: «{{from: 2026-12-01, until: 2026-01-01}}»\n    {GIVE}\n",
            "empty_window",
            "swap the two",
        ),
        (
            f"promotions:\n  - id: a\n    active: {{weekly: [{{days: [«fry»]}}]}}\n    {GIVE}\n",
            "unknown_day",
            "did you mean `fri`?",
        ),
        (
            f"promotions:\n  - id: a\n    active: {{weekly: [{{from: «25:00»}}]}}\n    {GIVE}\n",
            "invalid_time",
            "write it like 17:30, at most 24:00",
        ),
        (
            f"promotions:\n  - id: a\n    customers: «{{}}»\n    {GIVE}\n",
            "empty_customers",
            "write `tiers:`, `segments:` or `first_order:`",
        ),
        (
            f"promotions:\n  - id: a\n    codes: ['summer', «'!!'»]\n    {GIVE}\n",
            "invalid_code",
            "use letters and digits, at most 64 of them",
        ),
        (
            f"promotions:\n  - id: a\n    when: {{contains: «{{}}»}}\n    {GIVE}\n",
            "empty_contains",
            "write `any:`, `all:` or `none:`",
        ),
        (
            f"promotions:\n  - id: a\n    when: {{spend: {{at_least: «0 EUR»}}}}\n    {GIVE}\n",
            "zero_amount",
            "write an amount above zero",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: «{}»}}\n",
            "empty_selector",
            "such as `category: grocery/bakery`",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: {price: «{}»}}}\n",
            "empty_price_range",
            "add `at_least:` or `below:`",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: {price: «{at_least: 5 USD, below: 3 USD}»}}}\n",
            "empty_price_range",
            "swap the two",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: {price: «{at_least: {EUR: 3, USD: 4}, below: {EUR: 3, USD: 5}}»}}}\n",
            "empty_price_range",
            "write a larger `below`",
        ),
        (
            f"promotions:\n  - id: a\n    active: «{{from: 2026-12-01T10:00, until: 2026-12-01T10:00}}»\n    {GIVE}\n",
            "empty_window",
            "write a later `until`",
        ),
        (f"promotions:\n  - id: a\n    codes: [a b, «'--'»]\n    {GIVE}\n", "invalid_code", CODE_HELP),
        (f"promotions:\n  - id: a\n    codes: «'--'»\n    {GIVE}\n", "invalid_code", CODE_HELP),
        (
            "promotions:\n  - id: a\n    give: {fixed_price: {price: {USD: 5, «EURO»: 4}}}\n",
            "invalid_currency",
            "write three capital letters such as EUR",
        ),
        ("promotions:\n  - id: a\n    give: {fixed_price: {price: {USD: 5, EUR: «4.001»}}}\n", "invalid_amount", ""),
        (
            "promotions:\n  - id: a\n    give: {amount_off: {amount: {USD: 5, EUR: «0»}, per: unit}}\n",
            "zero_amount",
            "write an amount above zero",
        ),
        ("promotions:\n  - id: a\n    give: {fixed_price: {price: «[5 EUR]»}}\n", "invalid_value", ""),
        (f"promotions:\n  - id: «a b»\n    {GIVE}\n", "invalid_id", ID_HELP),
        (f'promotions:\n  - id: a\n    label: «"a\\0b"»\n    {GIVE}\n', "control_character", "take it out"),
        (f"promotions:\n  - id: a\n    label: x«\0»y\n    {GIVE}\n", "yaml_syntax", "take the invisible character out"),
        ("lanes: [{name: item}, {name: «item»}]\n", "duplicate_lane", "keep one of the two"),
        ("lanes: [{name: item, mode: «beste»}]\n", "invalid_value", "did you mean `best`?"),
        ("rounding: «up»\n", "invalid_value", "expected one of `half_down`, `half_even`, `half_up`"),
        (f"promotions:\n  - id: a\n    «id»: b\n    {GIVE}\n", "duplicate_key", "keep one of the two"),
        (
            f"promotions:\n  - id: «&x a»\n    {GIVE}\n",
            "alias",
            "write the value out where it is used; put a text that starts with `&` or `*` in quotes",
        ),
        (
            "promotions:\n  - id: a\n   «give»: x\n",
            "yaml_syntax",
            "check the indentation and the quotes of this line and the one before",
        ),
        (
            (
                f"promotions:\n  - id: a\n    {GIVE}\n    examples:\n"
                "      - {cart: [{sku: milk, quantity: 2}], expect: {discount: «0.48 EUR»}}\n"
            ),
            "example_failed",
            "a: applied, 0.12 EUR off.",
        ),
        (
            (
                f"promotions:\n  - id: a\n    {GIVE}\n    examples:\n"
                "      - {cart: [{sku: milk}], expect: {outcome: «no_target»}}\n"
            ),
            "example_failed",
            "a: applied, 0.06 EUR off.",
        ),
        (
            (
                f"promotions:\n  - id: a\n    {GIVE}\n    examples:\n"
                "      - {cart: [{sku: milk, quantity: «-1»}], expect: {discount: 1 EUR}}\n"
            ),
            "example_refused",
            "",
        ),
    ],
)
def test_a_fault_is_named_where_it_is(load: Load, written: str, code: str, repair: str) -> None:
    text, line, column = marked(written)
    faults = refused(load, text)
    assert [(fault.code, fault.span.line, fault.span.column, fault.help) for fault in faults] == [
        (code, line, column, repair)
    ]


@pytest.mark.parametrize(
    ("selector", "code"),
    [
        ("{sku: «mlik»}", "unknown_sku"),
        ("{category: «grocery/dary»}", "unknown_category"),
        ("{tag: [fresh, «frsh»]}", "unknown_tag"),
        ("{attribute: {«brnd»: Farm}}", "unknown_attribute"),
        ("{or: [{sku: milk}, {not: {sku: «mlik»}}]}", "unknown_sku"),
    ],
)
def test_a_product_that_the_shop_does_not_have_is_a_warning(load: Load, selector: str, code: str) -> None:
    """It may come tomorrow; a wrong channel never does."""
    text, line, _ = marked(f"promotions:\n  - id: a\n    give: {{percent_off: {{percent: 5%, on: {selector}}}}}\n")
    warnings = load(text).warnings
    assert [(warning.code, warning.severity, warning.span.line) for warning in warnings] == [(code, "warning", line)]


@pytest.mark.parametrize(
    ("customers", "code"), [("tiers: [«glod»]", "unknown_tier"), ("segments: [«kid»]", "unknown_segment")]
)
def test_a_tier_or_segment_that_no_customer_has_is_a_warning(load: Load, customers: str, code: str) -> None:
    text, line, column = marked(f"promotions:\n  - id: a\n    customers: {{{customers}}}\n    {GIVE}\n")
    [warning] = load(text).warnings
    assert (warning.code, warning.span.line, warning.span.column) == (code, line, column)


def test_all_faults_of_all_promotions_come_at_once(load: Load) -> None:
    faults = refused(
        load,
        "promotions:\n  - id: a\n    give: {percent_off: {percent: 5}}\n  - id: b\n    giv: x\n    give: {x_off: {}}\n",
    )
    assert [fault.code for fault in faults] == ["invalid_percent", "unknown_field", "unknown_field"]


def test_a_message_shows_the_line_with_a_caret_under_the_fault(load: Load) -> None:
    (fault,) = refused(load, "promotions:\n  - id: a\n    give: {percent_off: {percent: 10}}\n")
    assert str(fault).splitlines() == [
        "rules.yaml:3:35: error invalid_percent: `10` is not a percentage: expected a number and a % sign,"
        " with at most 2 decimals",
        "    3 |     give: {percent_off: {percent: 10}}",
        "      |                                   ^^",
        "  help: write it like 12.5%",
    ]


def test_a_long_line_is_shown_around_the_fault(load: Load) -> None:
    codes = ", ".join(f"CODE{number}" for number in range(2_000))
    (fault,) = refused(load, f"promotions:\n  - id: a\n    codes: [{codes}, '--', {codes}]\n    {GIVE}\n")
    _, shown, caret, _ = str(fault).splitlines()
    assert len(shown) < 180
    assert shown.startswith("    3 | …")
    assert shown.endswith("…")
    assert shown[caret.index("^") :][: caret.count("^")] == "'--'"


def test_a_long_word_is_cut_in_the_sentence(load: Load) -> None:
    (fault,) = refused(load, f"promotions:\n  - id: {'x' * 20_000}\n    {GIVE}\n")
    assert fault.message == f"`{'x' * 80}…` is not an id"
    assert len(str(fault)) < 600


WRITTEN = {
    "id": "a",
    "label": "{en: x}",
    "lane": "item",
    "priority": "1",
    "hidden": "true",
    "active": "{from: 2026-01-01, until: 2026-01-02, timezone: UTC, weekly: [{days: [fri], from: '10:00', until: '11:00'}]}",
    "channels": "[web]",
    "stores": "[north]",
    "customers": "{tiers: [gold], segments: [x], first_order: true}",
    "codes": "[A]",
    "when": (
        "{spend: {at_least: {EUR: 5}, on: {price: {at_least: 1 EUR}, attribute: {brand: [x]}}, threshold_on: list},"
        " quantity: {at_least: 3, on: {and: [{tag: x}]}}, contains: {any: [{sku: [x]}]}}"
    ),
    "give": "{percent_off: {percent: 5%, on: {category: x, not: {tag: x}}, at_most: {EUR: 5}, amount_of: list}}",
    "examples": "[{cart: [{sku: x, quantity: 1, options: {a: b}}], at: 2026-01-01, expect: {discount: 1 EUR, outcome: applied}}]",
}
LEAKS = ("tuple", "pattern", "input", "validation", "str", "int ", "dict", "instance", "None", "['", "{'", "pydantic")


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def _with(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


PROMOTION = {key: yaml.load(text, yaml.BaseLoader) for key, text in WRITTEN.items()}  # noqa: S506 - text, lists, maps
NEW = ["", "x y!", "-1", "99999999999999999999", "x" * 300, [], {}, [[]], [{}], {"x": "y"}, {"x": []}]


@pytest.mark.parametrize("path", list(_places(PROMOTION)), ids=lambda path: ".".join(map(str, path)))
def test_no_message_speaks_of_how_it_is_made(load: Load, path: tuple[str | int, ...]) -> None:
    """Whatever stands wherever: the sentence is one for the author."""
    for new in NEW:
        rules = {"promotions": [_with(PROMOTION, path, new)]}
        try:
            load(yaml.safe_dump(rules))
        except FilesRefusedError as refusal:
            for fault in refusal.diagnostics:
                words = f"{fault.message}; {fault.help}"
                assert not [leak for leak in LEAKS if leak in words], f"{path} = {new!r}: {words}"
                assert not fault.message.startswith("`` "), f"{path} = {new!r}: {words}"
