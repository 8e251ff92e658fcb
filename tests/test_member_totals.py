"""What each member has in a cart: whoever put what in, it sums to the cart's totals, and nobody is given or takes."""

from dataclasses import fields, replace
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cart.model import Cart, LineItem, Member, Role
from engine.pricing.evaluation import Evaluation
from engine.pricing.member_totals import MemberTotal, Shares, member_totals
from engine.types import CartId, ChannelId, MemberId, Sku
from tests.carts import item, line_of, priced
from tests.cases.running import Scenario, engine_basket, evaluated
from tests.generator.scenarios import burning, by_staff, extras, scenario
from tests.shops import small_shop

NO_RULES = "promotions: []"
PEOPLE = [MemberId(f"guest:{name}") for name in ("ann", "ben", "eve", "kid")]
chances = st.randoms(use_true_random=False)


def shared_cart(scenario: Scenario, chance: Random) -> Cart:
    """Return the scenario's lines, each put in by some of the people; one of these is no member any more."""
    basket = engine_basket(scenario)
    lines = []
    for id_, sku, quantity in [(line.id, line.product.sku, line.quantity) for line in basket.lines] + [
        (line.id, line.product.sku, line.quantity) for line in basket.unavailable
    ]:
        left, shares = quantity, []
        for person in chance.sample(PEOPLE, chance.randint(0, 3)):
            part = chance.randint(0, left)
            shares += [(person, part)] if part else []
            left -= part
        shares += [(PEOPLE[0], left)] if left and PEOPLE[0] not in dict(shares) else []
        lines.append(LineItem(id_, sku, tuple(shares) or ((PEOPLE[1], quantity),)))
    members = (Member(PEOPLE[0], Role.OWNER), *(Member(person, Role.ADDER) for person in PEOPLE[1:-1]))
    return Cart(CartId("c"), 1, members, ChannelId("web"), None, "en", tuple(lines))


def sums(totals: tuple[MemberTotal, ...]) -> dict[str, int]:
    return {each.name: sum(getattr(total.shares, each.name) for total in totals) for each in fields(Shares)}


def expected(evaluation: Evaluation) -> dict[str, int]:
    totals = evaluation.totals
    return {
        "goods_minor": totals.goods_minor,
        "discounts_minor": totals.item_discounts_minor + totals.order_discounts_minor,
        "adjustments_minor": totals.adjustments_minor,
        "delivery_minor": totals.delivery_minor - totals.delivery_discounts_minor,
        "fees_minor": totals.fees_minor - totals.fees_discounts_minor,
        "tax_minor": totals.tax_added_minor,
        "points_minor": totals.points_discount_minor,
        "tender_minor": totals.tender_minor,
    }


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chances, st.sampled_from([scenario, extras, by_staff, burning]))
def test_it_sums_to_the_totals_to_the_cent(chance: Any, kind: Any) -> None:
    given_ = kind(chance)
    evaluation, cart = evaluated(given_), shared_cart(given_, chance)
    totals = member_totals(cart, evaluation)
    assert sums(totals) == expected(evaluation)
    assert sum(total.shares.total_minor for total in totals) == evaluation.totals.total_minor
    assert sum(total.shares.due_minor for total in totals) == evaluation.totals.due_minor
    assert all(total.shares.due_minor >= 0 and total.shares.discounts_minor >= 0 for total in totals)
    turned = replace(cart, lines=tuple(replace(line, shares=line.shares[::-1]) for line in cart.lines[::-1]))
    assert member_totals(turned, evaluation) == totals


def paid(totals: tuple[MemberTotal, ...]) -> dict[str, int]:
    return {total.member: total.shares.total_minor for total in totals}


def test_the_owner_has_all_of_it_where_there_are_no_goods(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    evaluation = priced(shop, NO_RULES, fees=[{"fee": "gift-wrap", "quantity": 3}])
    members = (Member(PEOPLE[3], Role.ADDER), Member(PEOPLE[1], Role.OWNER))
    cart = Cart(CartId("c"), 1, members, ChannelId("web"), None, "en")
    assert paid(member_totals(cart, evaluation)) == {PEOPLE[1]: 750, PEOPLE[3]: 0}
    assert member_totals(replace(cart, members=()), evaluation) == ()


def test_a_line_is_split_by_quantities_and_a_fee_by_goods(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    half = "promotions: [{id: half, label: Half, give: {percent_off: {percent: 50%, on: {sku: tea}}}}]"
    goods = (item("tea", "3.00", 4), item("cup", "9.00"))
    evaluation = priced(shop, half, *goods, fees=[{"fee": "gift-wrap", "quantity": 1}])
    tea, cup = (line_of(evaluation, sku).line for sku in ("tea", "cup"))
    lines = (
        LineItem(tea, Sku("tea"), ((PEOPLE[0], 1), (PEOPLE[1], 3))),
        LineItem(cup, Sku("cup"), ((PEOPLE[2], 1),)),
    )
    cart = Cart(CartId("c"), 1, (Member(PEOPLE[0], Role.OWNER),), ChannelId("web"), None, "en", lines)
    ann, ben, eve = member_totals(cart, evaluation)
    assert (ann.shares, ann.role) == (Shares(300, 150, 0, 0, 25, 0), Role.OWNER)
    assert (ben.shares, ben.role) == (Shares(900, 450, 0, 0, 75, 0), None)
    assert (eve.shares, eve.role) == (Shares(900, 0, 0, 0, 150, 0), None)
