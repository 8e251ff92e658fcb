"""The schedule: it must differ whenever the clock may have changed a price."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from engine.fields import instant_ms
from engine.pricing.basket import build_basket
from engine.pricing.differences import same_price
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.schedule import Schedule
from engine.types import InstantMs
from tests.carts import cart_of
from tests.rules.conftest import Load

RULES = """\
promotions:
  - id: evenings
    label: E
    active: {weekly: [{days: [fri, sat], from: "17:30", until: "21:00"}], except_days: [2026-03-27]}
    give: {percent_off: {percent: 10%, on: {sku: milk}}}
  - id: nights-or-many
    label: N
    when: {or: [{active: {weekly: [{from: "22:00", until: "02:00"}]}}, {quantity: {at_least: 9, on: {sku: milk}}}]}
    give: {percent_off: {percent: 5%, on: {sku: milk}}}
  - id: birthday
    label: B
    customers: {birthday: {within_days: 0}}
    give: {order_amount_off: {amount: 1 EUR}}
  - id: old-friends
    label: O
    customers: {account_age: {at_least_days: 30}}
    give: {order_amount_off: {amount: 0.10 EUR}}
"""
FROM, DAYS, STEP = datetime(2026, 3, 26, tzinfo=ZoneInfo("Europe/Paris")), 6, timedelta(minutes=30)


def test_no_price_changes_by_the_clock_while_the_schedule_is_the_same(shop: Shop, load: Load) -> None:
    """Over a price list of one day, the night when the clocks skip an hour, a birthday and an anniversary."""
    ruleset = load(RULES).ruleset
    customer = {"id": "ada", "tier": "", "birthday": "03-30", "since": "2026-02-28T12:00:00+01:00"}
    cart = cart_of(shop, lines=[{"sku": "milk", "quantity": 2}], customer=customer).cart
    schedule = Schedule(ruleset, shop)
    instants = [InstantMs(instant_ms(FROM) + index * int(STEP.total_seconds()) * 1000) for index in range(DAYS * 48)]
    evaluations = [evaluate(build_basket(cart, shop, instant), ruleset) for instant in instants]
    changes = 0
    for (before, after), (then, now) in zip(pairwise(instants), pairwise(evaluations), strict=True):
        if not same_price(then, now):
            changes += 1
            assert schedule.at(before) != schedule.at(after)
    flips = sum(schedule.at(before) != schedule.at(after) for before, after in pairwise(instants))
    # 12 of the nights, 2 of the one evening that is not left out, and 3 midnights of dates; 3 midnights change nothing.
    assert (changes, flips) == (17, 20)


def test_windows_that_are_written_alike_are_looked_at_once(shop: Shop, load: Load) -> None:
    active = "active: {weekly: [{days: [fri], from: '17:00', until: '21:00'}], timezone: Europe/Paris}"
    rules = "".join(
        f"  - {{id: p{index}, label: P, {active}, give: {{percent_off: {{percent: 1%, on: {{sku: milk}}}}}}}}\n"
        for index in range(50)
    )
    assert len(Schedule(load(f"promotions:\n{rules}").ruleset, shop)._windows) == 1
