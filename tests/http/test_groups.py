"""Named groups that share new carts, and the list of carts that somebody takes part in, over HTTP."""

from typing import Any

import pytest
from redis import Redis

from engine.callers import CallerKind
from schema.ids import decode_id
from tests.http.following import FOLLOW, socket
from tests.http.service import Client, Service
from tests.http.test_handoffs import code_for, till
from tests.http.test_members import codes, joined
from tests.http.test_mutations import only

GROUP = """
fragment group on GroupPayload { replayed heldCartIds userErrors { code field } group {
  id version name ownerId members { memberId role budget { amount } blockedCategories }
} }
"""
INVITE = """
mutation($id: ID!, $role: MemberRole!, $op: ID) { groupInviteCreate(groupId: $id, role: $role, uses: 1, operationId: $op) {
  replayed invite { inviteId code role usesLeft } userErrors { code field }
} }
"""
MY_CARTS = "query($first: Int, $after: String) { myCarts(first: $first, after: $after) { totalCount nodes { id } pageInfo { endCursor hasNextPage } } }"
KINDS = {
    "id": "ID",
    "member": "ID!",
    "name": "String!",
    "role": "MemberRole!",
    "code": "String!",
    "op": "ID",
    "cart": "ID",
}


def group(caller: Client, verb: str, arguments: str, **variables: Any) -> dict[str, Any]:
    """Run a mutation of a group; `variables` stand in `arguments` as ``$name``."""
    declared = ", ".join(
        f"${name}: {'ID!' if name == 'id' and verb != 'newCartsShare' else KINDS[name]}" for name in variables
    )
    document = f"mutation({declared}) {{ {verb}({arguments}) {{ ...group }} }}" + GROUP
    return only(caller.run(document, **variables))


def create(caller: Client, name: str = "The Martins", cart: str | None = None) -> str:
    payload = group(caller, "groupCreate", "name: $name, cartId: $cart", name=name, cart=cart)
    assert not payload["userErrors"]
    id_: str = payload["group"]["id"]
    return id_


def invited(owner: Client, id_: str, role: str = "EDITOR", **more: Any) -> dict[str, Any]:
    payload = only(owner.run(INVITE, id=id_, role=role, **more))
    assert not payload["userErrors"]
    invite: dict[str, Any] = payload["invite"]
    return invite


def enter(owner: Client, id_: str, role: str, caller: Client) -> None:
    assert not group(caller, "groupJoin", "code: $code", code=invited(owner, id_, role)["code"])["userErrors"]


def share(caller: Client, id_: str | None) -> dict[str, Any]:
    return group(caller, "newCartsShare", "groupId: $id", id=id_)


def members(caller: Client, cart: str) -> dict[str, str]:
    seen = caller.run("query($id: ID!) { cart(id: $id) { members { memberId role } } }", id=cart)["cart"]
    return {member["memberId"].partition("-")[0]: member["role"] for member in seen["members"]} if seen else {}


def my_carts(caller: Client, **page: Any) -> list[str]:
    return [cart["id"] for cart in caller.run(MY_CARTS, **page)["myCarts"]["nodes"]]


@pytest.fixture
def ann(service: Service, request: pytest.FixtureRequest) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, f"ann-{request.node.name}", "web"))


@pytest.fixture
def ben(service: Service, request: pytest.FixtureRequest) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, f"ben-{request.node.name}", "web"))


@pytest.fixture
def kid(service: Service, request: pytest.FixtureRequest) -> Client:
    return service.client(service.token(CallerKind.GUEST, f"kid-{request.node.name}", "app"))


def test_a_family_shares_every_new_cart(ann: Client, ben: Client, kid: Client, request: pytest.FixtureRequest) -> None:
    family = create(ann, "  The \t Martins ")
    enter(ann, family, "EDITOR", ben)
    enter(ann, family, "SUGGESTER", kid)
    limit = (
        'groupId: $id, memberId: $member, budget: {amount: "20", currency: "EUR"}, blockedCategories: ["grocery/dairy"]'
    )
    kid_id = f"guest:kid-{request.node.name}"
    limited = group(ann, "groupMemberLimitsUpdate", limit, id=family, member=kid_id)["group"]
    assert (limited["name"], [member["role"] for member in limited["members"]]) == (
        "The Martins",
        ["EDITOR", "EDITOR", "SUGGESTER"],
    )
    assert share(ann, family)["group"]["id"] == family
    cart = ann.create(lines=[{"sku": "milk"}])
    assert members(ben, cart) == {"customer:ann": "OWNER", "customer:ben": "EDITOR", "guest:kid": "SUGGESTER"}
    known = kid.run(
        "query($id: ID!) { cart(id: $id) { members { memberId budget { amount } blockedCategories } } }", id=cart
    )
    assert known["cart"]["members"][2] == {
        "memberId": kid_id,
        "budget": {"amount": "20.00"},
        "blockedCategories": ["grocery/dairy"],
    }
    assert my_carts(ben) == my_carts(kid) == my_carts(ann) == [cart]
    # Everybody decides for themselves about the carts that they open.
    bens = ben.create(lines=[{"sku": "oat"}])
    assert members(ben, bens) == {"customer:ben": "OWNER"}
    assert my_carts(ben) == [bens, cart]
    assert (my_carts(ben, first=1), ben.run(MY_CARTS, first=1)["myCarts"]["totalCount"]) == ([bens], 2)
    end = ben.run(MY_CARTS, first=1)["myCarts"]["pageInfo"]["endCursor"]
    assert my_carts(ben, first=1, after=end) == [cart]


def test_a_cart_that_is_there_is_not_shared_later(ann: Client, ben: Client) -> None:
    before = ann.create(lines=[{"sku": "milk"}])
    family = create(ann)
    enter(ann, family, "EDITOR", ben)
    share(ann, family)
    assert ann.create(lines=[{"sku": "oat"}]) == before, "the active cart is adopted"
    assert members(ann, before) == {"customer:ann": "OWNER"}
    assert my_carts(ben) == []


def test_a_group_is_made_of_the_people_in_a_cart(service: Service, ann: Client, ben: Client, kid: Client) -> None:
    cart = ann.create(lines=[{"sku": "milk"}])
    joined(ann, cart, "ADDER", ben)
    joined(ann, cart, "VIEWER", kid)
    refused = group(ben, "groupCreate", "name: $name, cartId: $cart", name="Mine", cart=cart)
    assert codes(refused) == ["ROLE_FORBIDS"]
    family = create(ann, cart=cart)
    (seen,) = ben.run("{ groups { id name members { role } } }")["groups"]
    assert (seen["id"], [member["role"] for member in seen["members"]]) == (family, ["EDITOR", "ADDER", "VIEWER"])
    stranger = service.client(service.token(CallerKind.CUSTOMER, "stranger", "web"))
    assert codes(group(stranger, "groupCreate", "name: $name, cartId: $cart", name="x", cart=cart)) == [
        "CART_NOT_FOUND"
    ]


def test_who_was_removed_is_in_no_new_cart_and_stays_in_old_ones_unless_told(
    service: Service, ann: Client, ben: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    family = create(ann)
    enter(ann, family, "EDITOR", ben)
    enter(ann, family, "ADDER", kid)
    share(ann, family)
    cart = ann.create(lines=[{"sku": "milk"}])
    kid.add(cart, "oat", 2)
    remove = "groupId: $id, memberId: $member, operationId: $op"
    names = {name: f"{kind}:{name}-{request.node.name}" for name, kind in (("ben", "customer"), ("kid", "guest"))}
    assert not group(ann, "groupMemberRemove", remove, id=family, member=names["ben"], op="r1")["userErrors"]
    assert ben.run("{ groups { id } }")["groups"] == []
    assert members(ben, cart)["customer:ben"] == "EDITOR"
    with socket(service.url, kid.token) as connection:
        following = connection.subscribe("1", FOLLOW, id=cart)
        following.event()
        out = remove + ", leaveCarts: true, lines: REMOVE"
        payload = group(ann, "groupMemberRemove", out, id=family, member=names["kid"], op="r2")
        assert (payload["userErrors"], payload["heldCartIds"]) == ([], [])
        assert following.error()["extensions"]["code"] == "CART_NOT_FOUND"
    assert members(kid, cart) == {}
    lines = ann.run("query($id: ID!) { cart(id: $id) { lines { nodes { sku } } } }", id=cart)["cart"]["lines"]["nodes"]
    assert lines == [{"sku": "milk"}]
    assert group(ann, "groupMemberRemove", out, id=family, member=names["kid"], op="r2")["replayed"]
    assert codes(group(ann, "groupMemberRemove", remove, id=family, member=names["kid"], op="r3")) == [
        "MEMBER_NOT_FOUND"
    ]


def test_a_cart_at_the_till_keeps_who_is_to_go_until_it_is_back(service: Service, ann: Client, ben: Client) -> None:
    family = create(ann)
    enter(ann, family, "EDITOR", ben)
    share(ann, family)
    cart = ann.create(lines=[{"sku": "milk"}])
    device = till(service, 77)
    device.run(
        "mutation($code: String!) { cartHandoffClaim(code: $code) { receipt { id } } }",
        code=code_for(ann, cart)["code"],
    )
    leave = "groupId: $id, leaveCarts: true, operationId: $op"
    assert group(ben, "groupLeave", leave, id=family, op="go")["heldCartIds"] == [cart]
    device.run("mutation($id: ID!) { cartLeaseReturn(cartId: $id) { version } }", id=cart)
    again = group(ben, "groupLeave", leave, id=family, op="go")
    assert (again["heldCartIds"], again["replayed"], again["group"]) == ([], True, None)
    assert members(ann, cart) == {"customer:ann": "OWNER"}


def test_only_the_owner_decides_and_strangers_see_nothing(
    ann: Client, ben: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    family = create(ann)
    enter(ann, family, "EDITOR", ben)
    me = f"customer:ben-{request.node.name}"
    for verb, more in (
        ("groupRename", ', name: "x"'),
        ("groupDelete", ""),
        ("groupMemberRoleUpdate", f', memberId: "{me}", role: VIEWER'),
        ("groupMemberLimitsUpdate", f', memberId: "{me}"'),
        ("groupOwnershipTransfer", f', memberId: "{me}"'),
        ("groupMemberRemove", f', memberId: "{me}"'),
        ("groupInviteRevoke", ', inviteId: "x"'),
    ):
        assert codes(group(ben, verb, f"groupId: $id{more}", id=family)) == ["ROLE_FORBIDS"], verb
        assert codes(group(kid, verb, f"groupId: $id{more}", id=family)) == ["GROUP_NOT_FOUND"], verb
    assert codes(only(ben.run(INVITE, id=family, role="EDITOR"))) == ["ROLE_FORBIDS"]
    assert (
        ben.error("query($id: ID!) { groupInvites(groupId: $id) { inviteId } }", id=family)["extensions"]["code"]
        == "ROLE_FORBIDS"
    )
    assert kid.run("query($id: ID!) { groupInvites(groupId: $id) { inviteId } }", id=family)["groupInvites"] is None
    assert codes(share(kid, family)) == ["FORBIDDEN"]
    stays = group(ann, "groupLeave", "groupId: $id", id=family)
    assert codes(stays) == ["OWNER_STAYS"]
    handed = group(ann, "groupOwnershipTransfer", f'groupId: $id, memberId: "{me}"', id=family)["group"]
    assert handed["ownerId"] == me
    assert not group(ann, "groupLeave", "groupId: $id", id=family)["userErrors"]
    assert codes(share(ann, family)) == ["GROUP_NOT_FOUND"]
    assert not group(ben, "groupDelete", "groupId: $id", id=family)["userErrors"]
    assert ben.run("{ groups { id } newCartsGroup { id } }") == {"groups": [], "newCartsGroup": None}


def test_a_group_is_made_once_and_its_invites_are_good_once(ann: Client, ben: Client, kid: Client) -> None:
    made = [group(ann, "groupCreate", 'name: $name, operationId: "make"', name="Flat") for _ in range(2)]
    assert [payload["replayed"] for payload in made] == [False, True]
    assert made[0]["group"] == made[1]["group"]
    family = made[0]["group"]["id"]
    assert codes(group(ann, "groupCreate", "name: $name", name=" ")) == ["INVALID_GROUP"]
    invite = invited(ann, family, "ADDER", op="invite")
    assert invited(ann, family, "ADDER", op="invite") == invite
    listed = ann.run("query($id: ID!) { groupInvites(groupId: $id) { code } }", id=family)["groupInvites"]
    assert listed == [{"code": invite["code"]}]
    code = invite["code"].lower()
    entered = group(ben, "groupJoin", 'code: $code, operationId: "j"', code=code)
    assert (entered["group"]["version"], entered["userErrors"]) == (3, [])
    assert group(ben, "groupJoin", 'code: $code, operationId: "j"', code=code)["replayed"]
    assert codes(group(kid, "groupJoin", "code: $code", code=code)) == ["INVITE_NOT_FOUND"]
    assert codes(
        kid.run("mutation($code: String!) { cartJoin(code: $code) { userErrors { code } } }", code=code)["cartJoin"]
    ) == ["INVITE_NOT_FOUND"]
    other = invited(ann, family)
    group(ann, "groupInviteRevoke", f'groupId: $id, inviteId: "{other["inviteId"]}"', id=family)
    assert codes(group(kid, "groupJoin", "code: $code", code=other["code"])) == ["INVITE_NOT_FOUND"]


def test_who_left_the_group_shares_no_more(ann: Client, ben: Client, request: pytest.FixtureRequest) -> None:
    family = create(ann)
    enter(ann, family, "EDITOR", ben)
    share(ben, family)
    assert ben.run("{ newCartsGroup { id } }")["newCartsGroup"]["id"] == family
    group(
        ann,
        "groupMemberRemove",
        "groupId: $id, memberId: $member",
        id=family,
        member=f"customer:ben-{request.node.name}",
    )
    cart = ben.create(lines=[{"sku": "milk"}])
    assert members(ben, cart) == {"customer:ben": "OWNER"}
    assert ben.run("{ newCartsGroup { id } }")["newCartsGroup"] is None


def test_my_carts_are_kept_up(
    service: Service, ann: Client, ben: Client, kid: Client, request: pytest.FixtureRequest
) -> None:
    first, second = (client.create(lines=[{"sku": "milk"}]) for client in (ann, kid))
    joined(ann, first, "EDITOR", ben)
    joined(kid, second, "ADDER", ben)
    assert my_carts(ben) == [second, first]
    assert my_carts(kid) == [second], "a guest's own, once they have invited somebody"
    claimed = ben.run(
        "mutation($code: String!) { cartHandoffClaim(code: $code) { receipt { cartId } } }",
        code=code_for(ann, first, "COPY")["code"],
    )["cartHandoffClaim"]["receipt"]["cartId"]
    assert my_carts(ben) == [claimed, second, first]
    ben.run("mutation($id: ID!) { cartLeave(cartId: $id) { userErrors { code } } }", id=second)
    assert my_carts(ben) == [claimed, first]
    ann.run(
        "mutation($id: ID!, $member: ID!) { cartMemberRemove(cartId: $id, memberId: $member) { userErrors { code } } }",
        id=first,
        member=f"customer:ben-{request.node.name}",
    )
    with Redis.from_url(service.store_url) as redis:
        for key in redis.scan_iter(f"*:c:{decode_id(claimed).key}"):  # type: ignore[union-attr]  # it is an id
            redis.delete(key)
    assert my_carts(ben) == []
