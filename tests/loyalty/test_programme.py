"""The loyalty programme: golden cases of `cases.yaml`, and what it makes of a priced cart."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.fields import instant_ms
from engine.loyalty import programme as programmes
from engine.loyalty.account import Account, AccountId
from engine.loyalty.commands import ClawBack, Earn, ReturnPoints, Reverse
from engine.loyalty.tiers import standing
from engine.pricing.shop import Shop
from engine.rules.burning import burnable_on
from engine.rules.evaluate import evaluate
from engine.rules.load import load_rule_sources
from engine.rules.loyalty import Loyalty
from engine.source import Source
from engine.types import Currency, InstantMs, MemberId, OperationId
from tests.carts import basket_of, item

CASES = yaml.load((Path(__file__).parent / "cases.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
LEVELS = [{"id": "silver", "from_points": "100"}, {"id": "gold", "from_points": "500"}]
EUR, PARIS = Currency("EUR"), "Europe/Paris"
ORDER = OperationId("order-1")


def cases(kind: str) -> list[Any]:
    """Return the cases of a kind."""
    return [pytest.param(case, id=case["name"]) for case in CASES[kind]]


def at(moment: str) -> InstantMs:
    return instant_ms(datetime.fromisoformat(moment))


@pytest.mark.parametrize("case", cases("burn"))
def test_points_that_can_be_spent(case: dict[str, Any]) -> None:
    programme = Loyalty.model_validate({"burn": case["burn"]})
    burnable = burnable_on(programme, int(case["active"]), int(case["goods"]), EUR)
    assert [str(number) for number in burnable] == case["expect"]


@pytest.mark.parametrize("case", cases("expires"))
def test_when_points_are_lost(case: dict[str, Any]) -> None:
    programme = Loyalty.model_validate({"expires": case["expires"]})
    earned = programmes.credit(programme, 5, ORDER, at(f"{case['at']}T12:00+01:00"), PARIS)
    assert earned.expires_ms == at(case["expect"])


@pytest.mark.parametrize("case", cases("tiers"))
def test_where_an_account_stands(case: dict[str, Any]) -> None:
    tiers = Loyalty.model_validate({"tiers": {"levels": LEVELS, **case["tiers"]}}).tiers
    assert tiers is not None
    points = {day: int(count) for day, count in case["points"].items()}
    since = date.fromisoformat(case["since"]) if "since" in case else None
    found = standing(tiers, points, case.get("had", ""), since, date.fromisoformat(case["today"]))
    told = {
        "tier": found.tier.id if found.tier else "",
        "next": found.next_tier.id if found.next_tier else "",
        "missing": str(found.missing),
        "kept": str(found.kept_until or ""),
    }
    assert told | case["expect"] == told


RULES = """\
loyalty:
  pending: {days: 14, event: delivered}
  expires: {days: 10}
  burn: {points: 100, worth: 1 EUR, minimum: 200, at_most: 50%}
  tiers: {levels: [{id: silver, from_points: 100}, {id: gold, from_points: 500}]}
  welcome: 50
  birthday: 70
  on_cancel: {claw_back: negative, grace_days: 5}
promotions:
  - {id: base, give: {points: {per: 1 EUR, add: 2}}}
  - {id: order, give: {order_percent_off: {percent: 10%}}}
"""


def test_a_cart_shows_points_to_come_and_points_to_spend(shop: Shop) -> None:
    ruleset = load_rule_sources([Source("rules.yaml", RULES)], shop).ruleset
    basket = basket_of(shop, lines=[item("mug", "10.00", 3)])
    evaluation = evaluate(basket, ruleset)
    assert ruleset.loyalty is not None
    account = Account(AccountId("customer:ada"), active=2000, qualifying={"2026-05-30": 120})
    found = programmes.summary(ruleset.loyalty, account, basket, evaluation)
    assert (found.to_earn, found.burnable, found.burnable_minor, found.worth_minor) == (54, 1350, 1350, 2000)
    assert found.standing is not None
    assert found.standing.tier is not None
    assert (found.standing.tier.id, found.standing.missing) == ("silver", 380)


def test_what_a_cart_earns_becomes_a_command_and_its_cancellation_too(shop: Shop) -> None:
    ruleset = load_rule_sources([Source("rules.yaml", RULES)], shop).ruleset
    evaluation = evaluate(basket_of(shop, lines=[item("mug", "10.00", 3)]), ruleset)
    now, programme = at("2026-06-01T23:30+00:00"), ruleset.loyalty
    assert programme is not None
    earned = programmes.earning(programme, evaluation.points_earned, ORDER, now, PARIS)
    activates, expires = at("2026-06-15T23:30+00:00"), at("2026-06-13T00:00+02:00")
    assert earned == Earn(ORDER, 54, activates, "delivered", expires, 54, "2026-06-02", ORDER)
    cancel, placed_ms = OperationId("cancel"), InstantMs(7)
    cancelled = programmes.reversal(programme, earned, cancel, placed_ms)
    assert cancelled == Reverse(cancel, ORDER, ClawBack.NEGATIVE, None, "2026-06-02", "cancel", placed_ms)
    grace = at("2026-06-06T23:30+00:00")
    assert programmes.giving_back(programme, "q1", now) == ReturnPoints("q1", grace, "q1")
    welcome, birthday = programmes.welcome(programme, now, PARIS), programmes.birthday(programme, "06-01", now, PARIS)
    assert [(each.operation, each.points, each.qualifying) for each in (welcome, birthday) if each] == [
        ("welcome", 50, 0),
        ("birthday:2026", 70, 0),
    ]


def test_a_programme_that_gives_nothing_makes_no_commands(shop: Shop) -> None:
    basket = basket_of(shop, lines=[item("mug", "10.00")])
    evaluation = evaluate(basket, load_rule_sources([], shop).ruleset)
    nothing = Loyalty()
    assert programmes.welcome(nothing, InstantMs(0), PARIS) is None
    assert programmes.birthday(nothing, "01-01", InstantMs(0), PARIS) is None
    found = programmes.summary(nothing, Account(AccountId("x"), active=5), basket, evaluation)
    assert (found.to_earn, found.burnable, found.worth_minor, found.standing) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("born", "today", "operation"),
    [
        ("05-02", "2026-05-01T21:59Z", None),
        ("05-02", "2026-05-01T22:00Z", "birthday:2026"),
        ("05-02", "2026-06-01T12:00Z", "birthday:2026"),
        ("05-02", "2026-06-02T12:00Z", None),
        ("12-20", "2027-01-05T12:00Z", "birthday:2026"),
        ("02-29", "2026-02-28T12:00Z", "birthday:2026"),
        ("", "2026-05-02T12:00Z", None),
    ],
)
def test_points_for_a_birthday_are_due_on_the_day_and_some_weeks_after_it(
    born: str, today: str, operation: str | None
) -> None:
    given = programmes.birthday(Loyalty(birthday=70), born, at(today), PARIS)
    assert (given.operation if given else None) == operation


def test_points_of_a_shared_cart_are_split_by_what_each_wished_for() -> None:
    ada, ben = MemberId("customer:ada"), MemberId("customer:ben")
    assert programmes.split(10, {ben: 100, ada: 200}) == {ada: 7, ben: 3}


def test_a_rule_may_name_the_tiers_of_the_programme(shop: Shop) -> None:
    rules = "promotions: [{id: a, customers: {tiers: [platinum]}, give: {points: {add: 5}}}]\n"
    programme = "loyalty: {tiers: {levels: [{id: platinum, from_points: 9}]}}\n"
    (warning,) = load_rule_sources([Source("rules.yaml", rules)], shop).warnings
    assert warning.code == "unknown_tier"
    assert not load_rule_sources([Source("rules.yaml", rules), Source("loyalty.yaml", programme)], shop).warnings


def test_a_reward_names_a_card_of_the_programme(shop: Shop) -> None:
    rules = (
        "promotions: [{id: a, limits: {stamps: {card: coffee, take: 9}}, give: {order_percent_off: {percent: 10%}}}]\n"
    )
    (warning,) = load_rule_sources([Source("rules.yaml", rules)], shop).warnings
    assert (warning.code, warning.span.line) == ("unknown_card", 1)
    programme = Source("loyalty.yaml", "loyalty: {stamps: [{id: coffee, on: {category: grocery/dairy}}]}\n")
    assert not load_rule_sources([Source("rules.yaml", rules), programme], shop).warnings


def test_the_goods_of_a_card_are_looked_up_in_the_shop(shop: Shop) -> None:
    source = Source("loyalty.yaml", "loyalty:\n  stamps:\n    - {id: coffee, on: {category: grocery/diary}}\n")
    (warning,) = load_rule_sources([source], shop).warnings
    assert (warning.code, warning.span.line) == ("unknown_category", 3)


def test_a_card_is_written_once() -> None:
    with pytest.raises(ValueError, match="duplicate_card"):
        Loyalty.model_validate({"stamps": [{"id": "a"}, {"id": "a"}]})


CARDS = """
loyalty:
  stamps:
    - {id: dairy, on: {category: grocery/dairy}, except: {sku: oat}}
    - {id: ham, on: {sku: ham}}
    - {id: orders, per: order, expires: {days: 10}}
promotions:
  - {id: free, give: {percent_off: {percent: 100%, on: {sku: milk-6}}}}
  - {id: present, give: {gift: {sku: milk}}}
"""


@pytest.mark.parametrize(
    ("lines", "stamps"),
    [
        ([{"sku": "milk", "quantity": 3}], {"dairy": 3, "orders": 1}),
        ([{"sku": "ham", "quantity": "1.250"}], {"ham": 1, "orders": 1}),
        ([{"sku": "milk-6"}], {}),
        ([{"sku": "milk", "quantity": 2}, {"sku": "milk-6"}, {"sku": "oat"}], {"dairy": 2, "orders": 1}),
    ],
)
def test_stamps_are_counted_by_unit_or_order_of_what_was_paid_for(
    shop: Shop, lines: list[dict[str, Any]], stamps: dict[str, int]
) -> None:
    ruleset = load_rule_sources([Source("rules.yaml", CARDS)], shop).ruleset
    basket = basket_of(shop, lines=lines)
    assert ruleset.loyalty is not None
    assert programmes.stamps_of(ruleset.loyalty, basket, evaluate(basket, ruleset)) == stamps
    now = at("2026-06-01T12:00+02:00")
    lost = at("2026-06-12T00:00+02:00")
    assert programmes.stamping(ruleset.loyalty, "orders", 1, ORDER, now, PARIS) == Earn(
        ORDER, 1, expires_ms=lost, note=ORDER
    )
    assert programmes.stamping(ruleset.loyalty, "gone", 2, ORDER, now, PARIS).expires_ms is None
