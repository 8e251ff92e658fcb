"""Families that share points: who is of one, who may spend, and points that are sent between its accounts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.priced import Snapshot
from engine.rules.load import load_rule_sources
from engine.source import Source
from tests.http.service import Client, Service
from tests.http.test_checkout import begun, codes, filled, paid
from tests.http.test_groups import create, enter, group
from tests.http.test_handoffs import customer
from tests.http.test_loyalty import ADJUST, staff
from tests.http.test_mutations import only

RULES = """\
loyalty: {family: {FAMILY}}
promotions:
  - {id: base, give: {points: {per: 1 EUR, add: 1}}}
"""
FAMILY = "fragment family on LoyaltyFamily { groupId pooled members { customerId role } }"
CHANGED = "{ family { ...family } userErrors { code field } } }" + FAMILY
JOIN = "mutation($group: ID!) { loyaltyFamilyJoin(groupId: $group) " + CHANGED
LEAVE = "mutation { loyaltyFamilyLeave " + CHANGED
ROLE = (
    """
mutation($group: ID!, $customer: ID!, $role: LoyaltyFamilyRole!) {
  loyaltyFamilyRoleUpdate(groupId: $group, customerId: $customer, role: $role) """
    + CHANGED
)
LISTED = "query($customer: ID) { loyaltyFamily(customerId: $customer) { ...family } }" + FAMILY
TRANSFER = """
mutation($from: ID, $to: ID, $points: Int!, $op: ID) {
  loyaltyTransfer(from: $from, to: $to, points: $points, operationId: $op) {
    account { active entries { nodes { kind active note } } } userErrors { code field }
  }
}
"""
ACTIVE = "query($own: Boolean! = false) { loyaltyAccount(own: $own) { active pending } }"


def serving(store_url: str, shop: Snapshot, family: str) -> Service:
    source = Source("rules.yaml", RULES.replace("FAMILY", family))
    return Service(store_url, replace(shop, ruleset=load_rule_sources([source], shop.shop).ruleset))


@pytest.fixture(scope="module")
def pooling(store_url: str, shop: Snapshot) -> Iterator[Service]:
    with serving(store_url, shop, "pooled: true, members_burn: false").run() as running:
        yield running


@pytest.fixture(scope="module")
def sharing(store_url: str, shop: Snapshot) -> Iterator[Service]:
    with serving(store_url, shop, "pooled: false").run() as running:
        yield running


def family_of(service: Service, name: str) -> tuple[str, Client, Client]:
    """Return a group of two who share points, its owner and the other one."""
    ann, ben = customer(service, f"ann-{name}"), customer(service, f"ben-{name}")
    id_ = create(ann)
    enter(ann, id_, "EDITOR", ben)
    for each in (ann, ben):
        assert codes(only(each.run(JOIN, group=id_))) == []
    return id_, ann, ben


def given(service: Service, name: str, points: int) -> None:
    payload = only(staff(service, "loyalty:write").run(ADJUST, customer=name, points=points))
    assert codes(payload) == []


def active(caller: Client, *, own: bool = False) -> int:
    found: int = caller.run(ACTIVE, own=own)["loyaltyAccount"]["active"]
    return found


def send(caller: Client, points: int, **ends: str) -> Any:
    return only(caller.run(TRANSFER, points=points, **ends))


def test_a_group_shares_points_once_each_agrees(pooling: Service) -> None:
    ann, ben, eve = (customer(pooling, f"{name}-agree") for name in ("ann", "ben", "eve"))
    id_ = create(ann)
    enter(ann, id_, "EDITOR", ben)
    assert codes(only(ben.run(JOIN, group=id_))) == ["NO_FAMILY"]
    assert only(ann.run(JOIN, group=id_))["family"]["members"] == [{"customerId": "ann-agree", "role": "BURN"}]
    assert ben.run(LISTED)["loyaltyFamily"] is None
    joined = only(ben.run(JOIN, group=id_))["family"]
    assert joined == {
        "groupId": id_,
        "pooled": True,
        "members": [{"customerId": "ann-agree", "role": "BURN"}, {"customerId": "ben-agree", "role": "EARN"}],
    }
    assert codes(only(eve.run(JOIN, group=id_))) == ["GROUP_NOT_FOUND"]
    assert ann.run(LISTED)["loyaltyFamily"] == ben.run(LISTED)["loyaltyFamily"] == joined
    assert eve.run(LISTED, customer="ann-agree")["loyaltyFamily"] is None
    assert staff(pooling, "cart:read").run(LISTED, customer="ben-agree")["loyaltyFamily"] == joined


def test_orders_of_all_members_earn_for_the_pool(pooling: Service) -> None:
    _, ann, ben = family_of(pooling, "earn")
    for each in (ann, ben):
        paid(each, begun(each, filled(each))["quote"])
    pool = active(ann)
    assert pool == active(ben) > 0
    assert (active(ann, own=True), active(ben, own=True)) == (0, 0)


def test_who_may_burn_takes_points_out_of_the_pool(pooling: Service) -> None:
    id_, ann, ben = family_of(pooling, "burn")
    given(pooling, "ben-burn", 100)
    assert codes(send(ben, 30, to="ben-burn")) == ["ROLE_FORBIDS"]
    assert codes(only(ben.run(ROLE, group=id_, customer="ben-burn", role="BURN"))) == ["ROLE_FORBIDS"]
    assert codes(only(ann.run(ROLE, group=id_, customer="eve-burn", role="BURN"))) == ["MEMBER_NOT_FOUND"]
    changed = only(ann.run(ROLE, group=id_, customer="ben-burn", role="BURN"))["family"]["members"]
    assert {each["role"] for each in changed} == {"BURN"}
    # Joining again is no way to another role.
    assert only(ben.run(JOIN, group=id_))["family"]["members"] == changed
    assert send(ben, 30, to="ben-burn")["account"]["active"] == 70
    assert (active(ben), active(ben, own=True)) == (70, 30)
    assert codes(send(ben, 5, **{"from": "ben-burn"})) == []
    assert (active(ann), active(ben, own=True)) == (75, 25)
    # Somebody else's own points are theirs.
    assert codes(send(ann, 5, **{"from": "ben-burn"})) == ["FORBIDDEN"]
    assert codes(send(staff(pooling, "loyalty:write"), 5, **{"from": "ben-burn"})) == []


def test_a_transfer_is_made_once(pooling: Service) -> None:
    _, ann, _ = family_of(pooling, "once")
    given(pooling, "ann-once", 100)
    for _ in range(2):
        sent = send(ann, 40, to="ben-once", op="gift")
        assert (codes(sent), sent["account"]["active"]) == ([], 60)
    assert sent["account"]["entries"]["nodes"][0] == {
        "kind": "TRANSFER_OUT",
        "active": -40,
        "note": "customer:ben-once",
    }
    assert codes(send(ann, 50, to="ben-once", op="gift")) == ["OPERATION_ID_REUSED"]
    assert codes(send(ann, 40, to="ann-once", op="gift")) == ["OPERATION_ID_REUSED"]
    assert active(ann) == 60
    short = send(ann, 61, to="ann-once")
    assert short["userErrors"] == [{"code": "POINTS_SHORT", "field": ["points"]}]


def test_members_with_accounts_of_their_own_send_each_other_points(sharing: Service) -> None:
    _, ann, ben = family_of(sharing, "each")
    assert ann.run(LISTED)["loyaltyFamily"]["pooled"] is False
    given(sharing, "ann-each", 100)
    assert (active(ann), active(ben)) == (100, 0)
    assert codes(send(ann, 25, to="ben-each", **{"from": "ann-each"})) == []
    assert (active(ann), active(ben)) == (75, 25)
    refused = send(ann, 25, **{"from": "ann-each"})
    assert refused["userErrors"] == [{"code": "NO_FAMILY", "field": ["to"]}]


def test_points_are_sent_within_a_family_only(pooling: Service) -> None:
    _, ann, _ = family_of(pooling, "within")
    eve = customer(pooling, "eve-within")
    given(pooling, "ann-within", 10)
    assert codes(send(ann, 5, to="eve-within")) == ["NO_FAMILY"]
    assert codes(send(eve, 5, to="ann-within", **{"from": "eve-within"})) == ["NO_FAMILY"]
    assert codes(send(eve, 5, to="eve-within")) == ["NO_FAMILY"]
    assert codes(send(ann, 5)) == ["NOTHING_TO_DO"]
    assert codes(send(ann, 0, to="ann-within")) == ["INVALID_POINTS"]
    guest = pooling.client(pooling.token(CallerKind.GUEST, "passer-by"))
    assert codes(send(guest, 5, to="ann-within")) == ["FORBIDDEN"]


def test_who_leaves_or_is_removed_has_points_of_their_own_again(pooling: Service) -> None:
    id_, ann, ben = family_of(pooling, "leave")
    given(pooling, "ann-leave", 100)
    assert codes(only(ben.run(LEAVE))) == []
    assert (active(ben), ben.run(LISTED)["loyaltyFamily"]) == (0, None)
    assert codes(only(ben.run(JOIN, group=id_))) == []
    assert active(ben) == 100
    out = group(ann, "groupMemberRemove", "groupId: $id, memberId: $member", id=id_, member="customer:ben-leave")
    assert out["userErrors"] == []
    assert (active(ben), ben.run(LISTED)["loyaltyFamily"]) == (0, None)
    assert [each["customerId"] for each in ann.run(LISTED)["loyaltyFamily"]["members"]] == ["ann-leave"]
