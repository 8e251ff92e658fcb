"""Several who share a cart, over HTTP and WebSocket."""

from typing import Any

import pytest

from engine.callers import CallerKind
from tests.http.following import FOLLOW, socket
from tests.http.service import Client, Service

PAYLOAD = """
fragment payload on CartPayload { replayed userErrors { code field message } warnings { code message lineId } cart {
  id version customerId deadline budget { amount currency }
  members { memberId role budget { amount } blockedCategories }
  lines { nodes { lineId sku quantity shares { memberId quantity } } }
  suggestions { lineId memberId sku quantity amount { minorUnits } }
  membersTotals { memberId role goods { minorUnits } discounts { minorUnits } adjustments { minorUnits }
                  delivery { minorUnits } fees { minorUnits } taxAdded { minorUnits } total { minorUnits } }
  totals { total { minorUnits } }
} }
"""
INVITE = """
mutation($cart: ID!, $role: MemberRole!, $uses: Int = 1, $life: Int = 3600, $op: ID) {
  cartInviteCreate(cartId: $cart, role: $role, uses: $uses, lifeSeconds: $life, operationId: $op) {
    replayed invite { inviteId code role uses usesLeft expiresAt } cart { members { memberId } } userErrors { code field }
  }
}
"""
JOIN = "mutation($code: String!, $op: ID) { cartJoin(code: $code, operationId: $op) { ...payload } }" + PAYLOAD
INVITES = "query($cart: ID!) { cartInvites(cartId: $cart) { inviteId code uses usesLeft role } }"
READ = "query($cart: ID!) { cart(id: $cart) { id } }"


def changed(caller: Client, verb: str, cart: str, arguments: str = "", **variables: Any) -> dict[str, Any]:
    """Run a mutation of a cart; `variables` stand in `arguments` as ``$name``, with their types given by the schema."""
    kinds = {"member": "ID", "line": "ID!", "role": "MemberRole!", "lines": "MembersLines!", "op": "ID", "id": "ID!"}
    declared = "".join(f", ${name}: {kinds[name] if name != 'member' else 'ID!'}" for name in variables)
    document = f"mutation($cart: ID!{declared}) {{ {verb}(cartId: $cart {arguments}) {{ ...payload }} }}" + PAYLOAD
    payload: dict[str, Any] = caller.run(document, cart=cart, **variables)[verb]
    return payload


def invited(owner: Client, cart: str, role: str, **more: Any) -> dict[str, Any]:
    payload = owner.run(INVITE, cart=cart, role=role, **more)["cartInviteCreate"]
    assert not payload["userErrors"]
    invite: dict[str, Any] = payload["invite"]
    return invite


def joined(owner: Client, cart: str, role: str, caller: Client) -> Client:
    payload = caller.run(JOIN, code=invited(owner, cart, role)["code"])["cartJoin"]
    assert not payload["userErrors"]
    return caller


def codes(payload: dict[str, Any]) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def roles(payload: dict[str, Any]) -> dict[str, str]:
    return {member["memberId"]: member["role"] for member in payload["cart"]["members"]}


@pytest.fixture
def ann(service: Service, request: pytest.FixtureRequest) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, f"ann-{request.node.name}", "web"))


@pytest.fixture
def ben(service: Service, request: pytest.FixtureRequest) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, f"ben-{request.node.name}", "web"))


@pytest.fixture
def kid(service: Service, request: pytest.FixtureRequest) -> Client:
    return service.client(service.token(CallerKind.GUEST, f"kid-{request.node.name}", "app"))


def id_of(name: str, request: pytest.FixtureRequest) -> str:
    return f"{'guest' if name == 'kid' else 'customer'}:{name}-{request.node.name}"


def test_a_family_shops_together(ann: Client, ben: Client, kid: Client, request: pytest.FixtureRequest) -> None:
    cart = ann.create(lines=[{"sku": "milk", "quantity": 2}])
    joined(ann, cart, "ADDER", ben)
    joined(ann, cart, "SUGGESTER", kid)
    milk = ben.add(cart, "milk", 3)["cart"]["lines"]["nodes"][0]["lineId"]
    before = changed(ann, "cartNoteUpdate", cart, ', note: "for Sunday"')["cart"]
    kid.add(cart, "oat", 2)
    waiting = changed(ann, "cartNoteUpdate", cart, ', note: ""')["cart"]
    assert waiting["totals"] == before["totals"]
    (suggestion,) = waiting["suggestions"]
    assert (suggestion["memberId"], suggestion["sku"], suggestion["quantity"]) == (id_of("kid", request), "oat", 2)
    assert suggestion["amount"]["minorUnits"] > 0
    assert codes(changed(ben, "cartNoteUpdate", cart, ', note: "mine"')) == ["ROLE_FORBIDS"]
    oat = suggestion["lineId"]
    assert codes(changed(kid, "cartSuggestionsApprove", cart, ", lineIds: [$line]", line=oat)) == ["ROLE_FORBIDS"]
    cart_now = changed(ann, "cartSuggestionsApprove", cart, ", lineIds: [$line]", line=oat)["cart"]
    assert cart_now["suggestions"] == []
    shares = {line["lineId"]: line["shares"] for line in cart_now["lines"]["nodes"]}
    own = [{"memberId": id_of("ann", request), "quantity": 2}, {"memberId": id_of("ben", request), "quantity": 3}]
    assert shares == {milk: own, oat: [{"memberId": id_of("kid", request), "quantity": 2}]}
    taken = changed(ben, "cartLinesRemove", cart, ", lineIds: [$line]", line=milk)["cart"]
    assert taken["lines"]["nodes"][0]["shares"] == own[:1]


def test_what_each_has_sums_to_the_total(ann: Client, ben: Client, kid: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk", "quantity": 3}])
    joined(ann, cart, "EDITOR", ben)
    joined(ann, cart, "SUGGESTER", kid)
    ben.add(cart, "milk", 4)
    ben.add(cart, "oat", 1)
    kid.add(cart, "cake", 1)
    payload = changed(
        ann, "cartContextUpdate", cart, ', context: {delivery: {method: "home", place: "75001", slot: "evening"}}'
    )
    seen = payload["cart"]
    assert sum(each["total"]["minorUnits"] for each in seen["membersTotals"]) == seen["totals"]["total"]["minorUnits"]
    totals = {each["role"]: each for each in seen["membersTotals"]}
    assert totals["SUGGESTER"]["total"]["minorUnits"] == 0
    assert totals["OWNER"]["discounts"]["minorUnits"] > 0


def test_a_code_is_good_for_so_many_and_may_be_typed(service: Service, ann: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    code = invited(ann, cart, "VIEWER", uses=2)["code"]
    typed = f" {code[:4].lower()}-{code[4:8]} {code[8:]}"
    guests = [service.client(service.token(CallerKind.GUEST, f"many-{cart}-{number}", "web")) for number in range(3)]
    answers = [guest.run(JOIN, code=typed)["cartJoin"] for guest in guests]
    assert [codes(answer) for answer in answers] == [[], [], ["INVITE_NOT_FOUND"]]
    assert answers[2]["cart"] is None
    assert ann.run(INVITES, cart=cart)["cartInvites"][0]["usesLeft"] == 0
    assert codes(changed(guests[0], "cartClear", cart)) == ["ROLE_FORBIDS"]


def test_codes_that_are_good_for_nothing_are_answered_alike(ann: Client, kid: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    invite = invited(ann, cart, "EDITOR")
    revoked = changed(ann, "cartInviteRevoke", cart, ", inviteId: $id", id=invite["inviteId"])
    assert codes(revoked) == []
    typo = invite["code"][:-1] + ("2" if invite["code"][-1] != "2" else "3")
    answers = [kid.run(JOIN, code=code)["cartJoin"] for code in (invite["code"], typo, "222222222222", "", "x" * 999)]
    assert all(answer == answers[0] for answer in answers)
    assert codes(answers[0]) == ["INVITE_NOT_FOUND"]
    assert codes(changed(ann, "cartInviteRevoke", cart, ", inviteId: $id", id=invite["inviteId"])) == [
        "INVITE_NOT_FOUND"
    ]


def test_an_invite_sent_twice_is_one_with_one_code(ann: Client, kid: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    first = invited(ann, cart, "EDITOR", op="once")
    again = ann.run(INVITE, cart=cart, role="EDITOR", op="once")["cartInviteCreate"]
    assert (again["replayed"], again["invite"]) == (True, first)
    assert [each["code"] for each in ann.run(INVITES, cart=cart)["cartInvites"]] == [first["code"]]
    other = ann.run(INVITE, cart=cart, role="VIEWER", op="once")["cartInviteCreate"]
    assert [error["code"] for error in other["userErrors"]] == ["OPERATION_ID_REUSED"]
    assert codes(kid.run(JOIN, code=first["code"])["cartJoin"]) == []


def test_who_may_not_invite_is_told_and_sees_no_codes(ann: Client, ben: Client, kid: Client, staff: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    joined(ann, cart, "EDITOR", ben)
    refused = ben.run(INVITE, cart=cart, role="EDITOR")["cartInviteCreate"]
    assert [error["code"] for error in refused["userErrors"]] == ["ROLE_FORBIDS"]
    assert ben.error(INVITES, cart=cart)["extensions"]["code"] == "ROLE_FORBIDS"
    assert kid.run(INVITES, cart=cart)["cartInvites"] is None
    outside = kid.run(INVITE, cart=cart, role="EDITOR")["cartInviteCreate"]
    assert (outside["userErrors"][0]["code"], outside["cart"]) == ("CART_NOT_FOUND", None)
    assert len(staff.run(INVITES, cart=cart)["cartInvites"]) == 1


@pytest.mark.parametrize(
    ("role", "more", "code", "path"),
    [
        ("OWNER", {}, "INVALID_ROLE", ["role"]),
        ("VIEWER", {"uses": 0}, "INVALID_INVITE", ["uses"]),
        ("VIEWER", {"uses": 101}, "INVALID_INVITE", ["uses"]),
        ("VIEWER", {"life": 0}, "INVALID_INVITE", ["lifeSeconds"]),
        ("VIEWER", {"life": 10**8}, "INVALID_INVITE", ["lifeSeconds"]),
    ],
)
def test_an_invite_that_cannot_be(ann: Client, role: str, more: dict[str, int], code: str, path: list[str]) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    payload = ann.run(INVITE, cart=cart, role=role, **more)["cartInviteCreate"]
    assert payload["userErrors"] == [{"code": code, "field": path}]


def test_roles_change_and_the_ownership_is_handed_over(
    ann: Client, ben: Client, request: pytest.FixtureRequest
) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    joined(ann, cart, "VIEWER", ben)
    me, you = id_of("ann", request), id_of("ben", request)
    asked = ", memberId: $member, role: $role"
    assert roles(changed(ann, "cartMemberRoleUpdate", cart, asked, member=you, role="ADDER"))[you] == "ADDER"
    assert codes(changed(ann, "cartMemberRoleUpdate", cart, asked, member=you, role="OWNER")) == ["INVALID_ROLE"]
    assert codes(changed(ann, "cartMemberRoleUpdate", cart, asked, member=me, role="VIEWER")) == ["OWNER_STAYS"]
    assert codes(changed(ann, "cartLeave", cart)) == ["OWNER_STAYS"]
    active = "query { activeCart { id } }"
    assert ann.run(active)["activeCart"] == {"id": cart}
    handed = changed(ann, "cartOwnershipTransfer", cart, ", memberId: $member", member=you)
    assert roles(handed) == {me: "EDITOR", you: "OWNER"}
    assert handed["cart"]["customerId"] == you.partition(":")[2]
    assert (ann.run(active)["activeCart"], ben.run(active)["activeCart"]) == (None, {"id": cart})
    left = changed(ann, "cartLeave", cart, ", operationId: $op", op="bye")
    assert (codes(left), left["cart"]) == ([], None)
    again = changed(ann, "cartLeave", cart, ", operationId: $op", op="bye")
    assert (codes(again), again["replayed"], again["cart"]) == ([], True, None)
    assert ann.run(READ, cart=cart)["cart"] is None


def test_a_guest_who_takes_part_signs_in_without_taking_the_cart(
    ann: Client, ben: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    own = ben.create(lines=[{"sku": "oat"}])
    joined(ann, cart, "EDITOR", kid)
    signed = changed(ben, "cartCustomerAttach", cart, f', guestToken: "{kid.token}"')
    assert codes(signed) == []
    assert roles(signed) == {id_of("ann", request): "OWNER", id_of("ben", request): "EDITOR"}
    assert ben.run("query { activeCart { id } }")["activeCart"] == {"id": own}
    assert codes(changed(ben, "cartCustomerAttach", cart)) == ["ROLE_FORBIDS"]


@pytest.mark.parametrize("role", ["EDITOR", "VIEWER"])
def test_a_cart_of_somebody_else_is_not_active_after_signing_in(
    ann: Client, ben: Client, kid: Client, role: str
) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    joined(ann, cart, role, kid)
    assert codes(changed(ben, "cartCustomerAttach", cart, f', guestToken: "{kid.token}"')) == []
    assert ben.run("query { activeCart { id } }")["activeCart"] is None
    own = ben.create(lines=[{"sku": "oat"}])
    assert own != cart
    assert ben.run("query { activeCart { id } }")["activeCart"] == {"id": own}


def test_a_guest_signs_in_who_takes_part_in_their_own_cart(
    ann: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    joined(ann, cart, "EDITOR", kid)
    kid.add(cart, "milk", 2)
    signed = changed(ann, "cartCustomerAttach", cart, f', guestToken: "{kid.token}"')
    assert (codes(signed), roles(signed)) == ([], {id_of("ann", request): "OWNER"})
    (line,) = signed["cart"]["lines"]["nodes"]
    assert line["shares"] == [{"memberId": id_of("ann", request), "quantity": 3}]


def test_a_removed_member_loses_the_feed_at_once(
    service: Service, ann: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    joined(ann, cart, "SUGGESTER", kid)
    kid.add(cart, "oat", 2)
    with socket(service.url, kid.token) as connection:
        following = connection.subscribe("1", FOLLOW, id=cart)
        assert following.event()["reason"] == "SNAPSHOT"
        arguments = ", memberId: $member, lines: $lines"
        removed = changed(ann, "cartMemberRemove", cart, arguments, member=id_of("kid", request), lines="REMOVE")
        assert removed["cart"]["suggestions"] == []
        assert following.error()["extensions"]["code"] == "CART_NOT_FOUND"
    assert kid.run(READ, cart=cart)["cart"] is None


def test_who_leaves_and_comes_back_has_the_same_limits(
    ann: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    """What they left behind keeps to them, until the owner says otherwise."""
    cart = ann.create(lines=[{"sku": "oat", "quantity": 9}])
    code = invited(ann, cart, "ADDER", uses=2)["code"]
    kid.run(JOIN, code=code)
    kid.add(cart, "milk", 2)
    member = id_of("kid", request)
    limits = ', memberId: $member, budget: {amount: "0.50", currency: "EUR"}, blockedCategories: ["grocery/dairy"]'
    changed(ann, "cartMemberLimitsUpdate", cart, limits, member=member)
    assert codes(changed(kid, "cartLeave", cart)) == []
    query = "query($cart: ID!) { cart(id: $cart) { members { memberId blockedCategories } warnings { code } } }"
    seen = ann.run(query, cart=cart)["cart"]
    assert [each["memberId"] for each in seen["members"]] == [id_of("ann", request)]
    assert [each["code"] for each in seen["warnings"]] == ["BUDGET_EXCEEDED", "CATEGORY_BLOCKED"]
    kid.run(JOIN, code=code)
    assert ann.run(query, cart=cart)["cart"]["members"][1]["blockedCategories"] == ["grocery/dairy"]
    changed(kid, "cartLeave", cart)
    let = changed(ann, "cartMemberLimitsUpdate", cart, ", memberId: $member", member=member)
    assert (codes(let), let["warnings"]) == ([], [])
    assert codes(changed(ann, "cartMemberLimitsUpdate", cart, limits, member=member)) == ["MEMBER_NOT_FOUND"]


def test_budgets_a_deadline_and_blocked_categories_are_warned_of(
    ann: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    cart = ann.create(lines=[{"sku": "oat", "quantity": 9}])
    joined(ann, cart, "EDITOR", kid)
    kid.add(cart, "milk", 2)
    member = id_of("kid", request)
    limits = ', memberId: $member, budget: {amount: "0.50", currency: "EUR"}, blockedCategories: ["grocery/dairy"]'
    warned = changed(ann, "cartMemberLimitsUpdate", cart, limits, member=member)
    milk = warned["cart"]["lines"]["nodes"][1]["lineId"]
    assert [(each["code"], each["lineId"]) for each in warned["warnings"]] == [
        ("BUDGET_EXCEEDED", None),
        ("CATEGORY_BLOCKED", milk),
    ]
    assert warned["cart"]["members"][1] == {
        "memberId": member,
        "role": "EDITOR",
        "budget": {"amount": "0.50"},
        "blockedCategories": ["grocery/dairy"],
    }
    group = ', budget: {amount: "1", currency: "EUR"}, deadline: "2026-01-01T00:00:00Z"'
    both = changed(ann, "cartGroupUpdate", cart, group)
    assert [each["code"] for each in both["warnings"]][:3] == ["BUDGET_EXCEEDED", "BUDGET_EXCEEDED", "DEADLINE_PASSED"]
    assert both["cart"]["budget"] == {"amount": "1.00", "currency": "EUR"}
    nothing = changed(
        ann, "cartMemberLimitsUpdate", cart, ', memberId: $member, blockedCategories: ["no"]', member=member
    )
    assert codes(nothing) == ["UNKNOWN_CATEGORY"]
    wrong = changed(ann, "cartGroupUpdate", cart, ', budget: {amount: "1", currency: "XXX"}')
    assert codes(wrong) == ["INVALID_BUDGET"]
