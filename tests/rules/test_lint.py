"""Each warning about rules that load: its code, the text it points at, and where it is silent."""

from datetime import datetime
from pathlib import Path

import pytest

from engine.errors import Diagnostic
from engine.fields import instant_ms
from engine.pricing.shop import Shop
from engine.rules.lint import lint
from engine.rules.load import load_rule_sources
from engine.source import Source
from engine.types import InstantMs
from tests.rules.conftest import Load
from tests.rules.test_messages import marked
from tests.shops import FILES, small_shop

NOW = "2026-06-01T12:00:00+02:00"
GIVE = "give: {percent_off: {percent: 5%}}"
ITEM_FIRST = "lanes: [{name: item, mode: first}, {name: order}]\n"
ITEM_BEST = "lanes: [{name: item, mode: best}, {name: order}]\n"
BY_UNIT = "lanes: [{name: item, mode: best, per: unit}]\n"


def at(moment: str) -> InstantMs:
    return instant_ms(datetime.fromisoformat(moment))


def warnings(load: Load, shop: Shop, text: str, stacks_above_bp: int | None = None) -> tuple[Diagnostic, ...]:
    return lint(load(text).files, shop, at(NOW), stacks_above_bp)


@pytest.mark.parametrize(
    ("written", "code", "message"),
    [
        (
            f"promotions:\n  - id: a\n    active: {{until: «2026-05-31»}}\n    {GIVE}\n",
            "window_past",
            "`a` ended 2026-05-31: it never applies again",
        ),
        (
            f"promotions:\n  - id: a\n    active: {{from: 2026-06-01, until: 2026-06-05, weekly: «[{{days: [sat]}}]»}}\n    {GIVE}\n",
            "never_open",
            "`a` is never open: none of its hours lie between `from` and `until`",
        ),
        (
            f"promotions:\n  - id: a\n    active: {{from: 2026-12-25, until: 2026-12-25, except_days: «[2026-12-25]»}}\n    {GIVE}\n",
            "never_open",
            "`a` is never open: none of its hours lie between `from` and `until`",
        ),
        (
            f"promotions:\n  - id: a\n    limits: {{total: 5, per_day: 4, per_store: «5»}}\n    {GIVE}\n",
            "limit_never_reached",
            "`per_store: 5` is never reached: after 5 orders in all it is over",
        ),
        (
            "promotions:\n  - id: a\n    limits: {budget: «5 EUR»}\n    give: {percent_off: {percent: 5%, at_most: 6 EUR}}\n",
            "budget_below_cap",
            "the budget is smaller than what `at_most` lets one cart have, which then gets nothing",
        ),
        (
            f"promotions:\n  - id: a\n    tags: [deal]\n    excludes: [«deals»]\n    {GIVE}\n",
            "unknown_tag",
            "no promotion has the tag `deals`",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: «{sku: ham, tag: vegan}»}}\n",
            "selects_nothing",
            "this selects no product of the shop",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: {sku: ham}, except: «{tag: fresh}»}}\n",
            "selects_nothing",
            "`except` leaves out everything that `on` selects",
        ),
        (
            f"promotions:\n  - id: a\n    when: {{spend: {{at_least: 5 EUR, on: «{{sku: milk, price: {{at_least: 5 EUR}}}}»}}}}\n    {GIVE}\n",
            "selects_nothing",
            "this selects no product of the shop",
        ),
        (
            "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: «{sku: gift}»}}\n",
            "selects_regulated",
            "this selects only goods that are never discounted",
        ),
        (
            "promotions:\n  - id: a\n    channels: «[pos]»\n    give: {percent_off: {percent: 5%, on: {sku: milk-6}}}\n",
            "sold_nowhere",
            "nothing that `a` discounts is sold in its channels and stores",
        ),
        (
            f"promotions:\n  - id: a\n    when: {{contains: {{all: [{{sku: milk}}], none: [«{{category: grocery/dairy}}»]}}}}\n    {GIVE}\n",
            "contradiction",
            "these goods are needed and must not be there: the conditions never hold",
        ),
        (
            "promotions:\n  - id: a\n    when: {contains: {none: [«{tag: vegan}»]}}\n    give: {percent_off: {percent: 5%, on: {sku: oat}}}\n",
            "contradiction",
            "these goods are needed and must not be there: the conditions never hold",
        ),
        (
            ITEM_FIRST + "promotions:\n  - {id: all, priority: 1, give: {percent_off: {percent: 5%}}}\n"
            "  - {id: «oats», give: {percent_off: {percent: 50%, on: {sku: oat}}}}\n",
            "always_beaten",
            "`oats` never wins: `all` (rules.yaml:3) of the same lane always goes first on all goods that it discounts",
        ),
        (
            ITEM_BEST + "promotions:\n  - {id: all, give: {percent_off: {percent: 20%}}}\n"
            "  - {id: «oats», channels: [web], give: {percent_off: {percent: 10%, on: {sku: oat}}}}\n",
            "always_beaten",
            "`oats` never wins: `all` (rules.yaml:3) of the same lane is never worse on all goods that it discounts",
        ),
        (
            BY_UNIT + "promotions:\n  - {id: all, give: {percent_off: {percent: 20%}}}\n"
            "  - {id: «oats», give: {percent_off: {percent: 10%, on: {sku: oat}, max_units: 2}}}\n",
            "always_beaten",
            "`oats` never wins: `all` (rules.yaml:3) of the same lane is never worse on all goods that it discounts",
        ),
        (
            "promotions:\n  - id: a\n    codes: [HELLO]\n    give: «{order_amount_off: {amount: 5 EUR}}»\n",
            "makes_free",
            "`a` leaves nothing to pay on 1.20 EUR of `milk`",
        ),
        (
            "promotions:\n  - id: a\n    when: {quantity: {at_least: 3}}\n"
            "    give: «{amount_off: {amount: 5 EUR, per: selection}}»\n",
            "makes_free",
            "`a` leaves nothing to pay on 4.80 EUR of `milk`",
        ),
        (
            "promotions:\n  - id: a\n    give: «{amount_off: {amount: 2.40 EUR, per: unit, except: {sku: milk}}}»\n",
            "makes_free",
            "`a` leaves nothing to pay on 2.40 EUR of `oat`",
        ),
        (
            "promotions:\n  - {id: a, codes: [HELLO], give: {percent_off: {percent: 5%}}}\n"
            "  - {id: b, codes: «[HELLO]», give: {order_percent_off: {percent: 5%}}}\n",
            "code_used_twice",
            "the code `HELLO` also unlocks `a` (rules.yaml:2)",
        ),
        (
            "promotions:\n  - {id: a, codes: [SUN10], give: {percent_off: {percent: 5%}}}\n"
            "  - {id: b, codes: «[SUNIO]», give: {order_percent_off: {percent: 5%}}}\n",
            "code_looks_alike",
            "the code `SUNIO` looks like `SUN10` of `a` (rules.yaml:2)",
        ),
        (
            "promotions:\n  - {id: a, tags: [sale], combines_with: «[club]», give: {percent_off: {percent: 5%}}}\n"
            "  - {id: b, tags: [club], excludes: [sale], give: {order_percent_off: {percent: 5%}}}\n",
            "one_sided",
            "`a` combines with `club`, but `b` (rules.yaml:3) does not combine with it",
        ),
    ],
)
def test_a_warning_is_named_where_it_is(load: Load, shop: Shop, written: str, code: str, message: str) -> None:
    text, line, column = marked(written)
    found = warnings(load, shop, text)
    assert [(w.code, w.message, w.span.line, w.span.column, w.severity) for w in found] == [
        (code, message, line, column, "warning")
    ]
    assert found[0].help


@pytest.mark.parametrize(
    "text",
    [
        f"promotions:\n  - id: a\n    active: {{until: 2026-06-01}}\n    {GIVE}\n",
        f"promotions:\n  - id: a\n    active: {{until: 2026-06-10, weekly: [{{days: [sat]}}]}}\n    {GIVE}\n",
        "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: {sku: mlik}}}\n",  # said to be unknown already
        "promotions:\n  - id: a\n    give: {percent_off: {percent: 5%, on: {sku: milk}, except: {tag: vegan}}}\n",
        "promotions:\n  - id: a\n    channels: [app]\n    give: {percent_off: {percent: 5%, on: {sku: milk-6}}}\n",
        f"promotions:\n  - id: a\n    customers: {{tiers: [gold], segments: [vegan]}}\n    {GIVE}\n",
        f"promotions:\n  - id: a\n    when: {{contains: {{any: [{{sku: milk}}, {{sku: oat}}], none: [{{sku: milk}}]}}}}\n    {GIVE}\n",
        # Some of it is forbidden and not one, or where something else does not hold.
        "promotions:\n  - id: a\n    when: {contains: {none: [{of: {sku: milk}, at_least: 3}]}}\n"
        "    give: {percent_off: {percent: 5%, on: {sku: milk}}}\n",
        "promotions:\n  - id: a\n    when: {or: [{contains: {none: [{sku: milk}]}}, {spend: {at_least: 9 EUR}}]}\n"
        "    give: {percent_off: {percent: 5%, on: {sku: milk}}}\n",
        # Not both: one of them may hold.
        "promotions:\n  - id: a\n    when: {spend: {at_least: 5 EUR}, not: {spend: {at_least: 5 EUR}, quantity: {at_least: 3}}}\n"
        f"    {GIVE}\n",
        # It is closed on a day on which the other one is open.
        ITEM_FIRST
        + "promotions:\n  - {id: all, priority: 1, active: {except_days: [2026-12-25]}, give: {percent_off: {percent: 9%}}}\n"
        "  - {id: oats, give: {percent_off: {percent: 5%, on: {sku: oat}}}}\n",
        # Its cap cuts it in carts as large as offices have them.
        ITEM_BEST
        + "promotions:\n  - {id: all, give: {percent_off: {percent: 10%, on: {sku: milk}, at_most: 20 EUR}}}\n"
        "  - {id: milk, give: {percent_off: {percent: 8%, on: {sku: milk}}}}\n",
        # Unit by unit, it gets what the other one's limit leaves.
        BY_UNIT + "promotions:\n  - {id: big, give: {percent_off: {percent: 90%, max_units: 900}}}\n"
        "  - {id: small, give: {percent_off: {percent: 1%}}}\n",
        # It is first only at the till.
        ITEM_FIRST + "promotions:\n  - {id: all, priority: 1, channels: [pos], give: {percent_off: {percent: 5%}}}\n"
        "  - {id: oats, give: {percent_off: {percent: 50%, on: {sku: oat}}}}\n",
        # It is better on large carts only.
        ITEM_BEST + "promotions:\n  - {id: all, give: {percent_off: {percent: 20%, at_most: 1 EUR}}}\n"
        "  - {id: oats, give: {percent_off: {percent: 10%, on: {sku: oat}}}}\n",
        "promotions:\n  - {id: a, give: {percent_off: {percent: 20%}}}\n  - {id: b, give: {percent_off: {percent: 10%}}}\n",
        # An amount below what has to be spent, or below what goods cost; chosen goods that are meant to be free.
        "promotions:\n  - {id: a, when: {spend: {at_least: 30 EUR}}, give: {order_amount_off: {amount: 25 EUR}}}\n",
        "promotions:\n  - {id: a, give: {amount_off: {amount: 1.19 EUR, per: unit}}}\n",
        "promotions:\n  - {id: a, give: {amount_off: {amount: 5 EUR, per: unit, on: {sku: oat}}}}\n",
        "promotions:\n  - {id: a, give: {order_amount_off: {amount: 5 EUR, at_most: 1 EUR}}}\n",
        "promotions:\n  - {id: a, give: {percent_off: {percent: 100%, on: {sku: milk}}}}\n",
        # Coupons of two campaigns may carry one number, and so may those of two seasons.
        "promotions:\n  - {id: a, customers: {segments: [family]}, codes: [X], give: {percent_off: {percent: 5%}}}\n"
        "  - {id: b, customers: {segments: [vegan]}, codes: [X], give: {percent_off: {percent: 6%}}}\n",
        "promotions:\n  - {id: a, active: {from: 2026-06-01, until: 2026-08-31}, codes: [X], give: {percent_off: {percent: 5%}}}\n"
        "  - {id: b, active: {from: 2026-09-01}, codes: [X], give: {percent_off: {percent: 6%}}}\n",
        # One code for the better of two.
        ITEM_BEST + "promotions:\n  - {id: a, codes: [X], give: {percent_off: {percent: 12%}}}\n"
        "  - {id: b, codes: [X], give: {amount_off: {amount: 1 EUR, per: selection, on: {tag: vegan}}}}\n",
    ],
)
def test_what_is_in_order_is_left_alone(load: Load, shop: Shop, text: str) -> None:
    assert warnings(load, shop, text) == ()


STACKED = (
    "promotions:\n  - {id: «half», give: {percent_off: {percent: 50%, on: {sku: oat}}}}\n"
    "  - {id: third, when: {spend: {at_least: 5 EUR}}, give: {percent_off: {percent: 30%, on: {tag: vegan}}}}\n"
)


def test_two_that_take_too_much_together_are_named_with_a_product(load: Load, shop: Shop) -> None:
    text, line, column = marked(STACKED)
    [found] = warnings(load, shop, text, 6_000)
    assert (found.code, found.span.line, found.span.column) == ("stacks_high", line, column)
    assert found.message == "`half` and `third` (rules.yaml:3) together take 65% off `oat`, more than 60%"
    assert warnings(load, shop, text, 6_500) == ()
    assert warnings(load, shop, text) == (), "only where it is asked for"


@pytest.mark.parametrize(
    ("half", "third"),
    [
        ("channels: [web]", "channels: [pos]"),
        ("active: {until: 2026-06-30}", "active: {from: 2026-07-01}"),
        ("active: {weekly: [{days: [mon]}]}", "active: {weekly: [{days: [tue]}]}"),
        ("customers: {tiers: [gold]}", "customers: {tiers: [silver]}"),
    ],
)
def test_two_that_never_meet_may_take_what_they_like(load: Load, shop: Shop, half: str, third: str) -> None:
    text = marked(STACKED)[0].replace("id: half,", f"id: half, {half},").replace("id: third,", f"id: third, {third},")
    assert warnings(load, shop, text, 6_000) == ()


def test_a_promotion_that_sells_below_cost_is_told(tmp_path: Path, load: Load) -> None:
    header, *rows = FILES["products.csv"].splitlines()
    costs = {"milk": "0.90 EUR"}
    products = "\n".join([f"{header},cost", *(f"{row},{costs.get(row.split(',')[0], '')}" for row in rows), ""])
    shop = small_shop(tmp_path, {"products.csv": products})
    text, line, _ = marked(
        "promotions:\n  - id: a\n    give: «{percent_off: {percent: 30%, on: {tag: fresh}}}»\n"
        "  - id: b\n    give: {percent_off: {percent: 20%, on: {sku: milk}}}\n"
    )
    [found] = warnings(load, shop, text)
    assert (found.code, found.span.line) == ("below_cost", line)
    assert found.message == "`a` sells `milk` at 0.84 EUR, below the cost of 0.90 EUR"


def test_a_promotion_on_the_order_that_sells_below_cost_is_told_too(tmp_path: Path, load: Load) -> None:
    header, *rows = FILES["products.csv"].splitlines()
    products = "\n".join([f"{header},cost", *(f"{row},{'0.90 EUR' if row[:5] == 'milk,' else ''}" for row in rows), ""])
    shop = small_shop(tmp_path, {"products.csv": products})
    text = """\
promotions:
  - {id: a, give: {order_percent_off: {percent: 30%}}}
  - {id: b, give: {order_percent_off: {percent: 20%}}}
  - {id: c, when: {spend: {at_least: 20 EUR}}, give: {order_amount_off: {amount: 8 EUR}}}
  - {id: d, when: {spend: {at_least: 20 EUR}}, give: {order_amount_off: {amount: 3 EUR}}}
  - {id: e, give: {delivery_percent_off: {percent: 100%}}}
"""
    assert [(found.code, found.message) for found in warnings(load, shop, text)] == [
        ("below_cost", "`a` sells `milk` at 0.84 EUR, below the cost of 0.90 EUR"),
        ("below_cost", "`c` sells 20 of `milk` at 14.00 EUR, below the cost of 18.00 EUR"),
    ]


def test_a_tier_and_a_segment_that_no_customer_has_together(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, {"customers.csv": "id,tier,segments\nada,gold,vegan\nben,silver,family\n"})
    text = f"promotions:\n  - id: a\n    customers: {{tiers: [gold], segments: [family]}}\n    {GIVE}\n"
    rules = load_rule_sources([Source("rules.yaml", text)], shop)
    [found] = lint(rules.files, shop, at(NOW))
    assert (found.code, found.span.line, found.span.column) == ("for_nobody", 3, 16)
    assert found.message == "no customer of the shop is one that `a` is for"
    rules = load_rule_sources([Source("rules.yaml", text.replace("family", "vegan"))], shop)
    assert lint(rules.files, shop, at(NOW)) == ()
