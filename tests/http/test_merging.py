"""Two carts become one over HTTP: who may, what they are told, and what the shop and the customer see of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from engine.callers import CallerKind
from engine.cart.merging import MergePolicy
from engine.priced import Snapshot
from tests.http.following import event_stream
from tests.http.service import Client, Service
from tests.http.test_checkout import begun

ANSWER = """
fragment answer on CartPayload {
  cart { id version customerId supersededBy note lines { nodes { lineId sku quantity shares { memberId quantity } } } }
  merge { sourceId targetId policy undone changes { part effect key name before after left measured } }
  userErrors { code field } warnings { code message lineId } replayed version
}
"""
MERGE = (
    "mutation($source: ID!, $target: ID!, $policy: CartMergePolicy, $op: ID) {"
    " answer: cartMerge(sourceId: $source, targetId: $target, policy: $policy, operationId: $op) { ...answer } }"
    + ANSWER
)
UNDO = (
    "mutation($source: ID!, $op: ID) { answer: cartMergeUndo(sourceId: $source, operationId: $op) { ...answer } }"
    + ANSWER
)
SIGN_IN = (
    "mutation($cart: ID!, $guest: String, $customer: ID, $policy: CartMergePolicy, $op: ID) {"
    " answer: cartCustomerAttach(cartId: $cart, guestToken: $guest, customerId: $customer, policy: $policy,"
    " operationId: $op) { ...answer } }" + ANSWER
)
PREVIEW = """
query($source: ID!, $target: ID!, $policy: CartMergePolicy, $guest: String) {
  cartMergePreview(sourceId: $source, targetId: $target, policy: $policy, guestToken: $guest) {
    cart { version totals { total { amount } } lines { nodes { sku quantity shares { memberId quantity } } } }
    merge { policy changes { part effect name before after left } }
    warnings { code } userErrors { code field }
  }
}
"""
CARTS = """{
  activeCart { id lines { nodes { sku quantity } } } supersededCart { id supersededBy lines { nodes { sku quantity } } }
}"""


def customer(service: Service, name: str, **more: Any) -> Client:
    return service.client(service.token(CallerKind.CUSTOMER, name, "web", **more))


def visitor(service: Service, name: str) -> Client:
    return service.client(service.token(CallerKind.GUEST, name, "web"))


def held(cart: dict[str, Any]) -> dict[str, Any]:
    return {line["sku"]: line["quantity"] for line in cart["lines"]["nodes"]}


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["code"] for error in answer["userErrors"]]


def warned(answer: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in answer["warnings"]]


def sign_in(who: Client, cart: str, guest: Client | None, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = who.run(SIGN_IN, cart=cart, guest=guest.token if guest else None, **more)["answer"]
    return answer


def merge(who: Client, source: str, target: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = who.run(MERGE, source=source, target=target, **more)["answer"]
    return answer


def undo(who: Client, source: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = who.run(UNDO, source=source, **more)["answer"]
    return answer


def active(who: Client) -> dict[str, Any]:
    found: dict[str, Any] = who.run(CARTS)["activeCart"]
    return found


def together(*works: Callable[[], Any]) -> list[Any]:
    """Do all of it at the same time, and return what each came to."""
    barrier, answers = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        barrier.wait()
        answers[place] = work()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def another(who: Client, number: int, lines: list[dict[str, Any]]) -> str:
    """Make one more cart of a guest."""
    create = (
        "mutation($input: CartCreateInput, $op: ID) { cartCreate(input: $input, operationId: $op) { cart { id } } }"
    )
    made: str = who.run(create, input={"lines": lines}, op=f"another-{number}")["cartCreate"]["cart"]["id"]
    return made


def two_carts(who: Client) -> tuple[str, str]:
    """Make a cart of three milk and a cake, and one of two milk."""
    source = another(who, 1, [{"sku": "milk", "quantity": 3}, {"sku": "oat", "quantity": 1}])
    return source, another(who, 2, [{"sku": "milk", "quantity": 2}])


@contextmanager
def shop_merges(service: Service, policy: MergePolicy) -> Iterator[None]:
    """Have the shop merge by another policy for a while."""
    before: Snapshot = service.engine.snapshot
    service.engine.snapshot = Snapshot(replace(before.shop, merge_policy=policy), before.ruleset)
    try:
        yield
    finally:
        service.engine.snapshot = before


# Signing in.


def test_what_a_guest_put_in_goes_into_the_customers_cart(service: Service) -> None:
    ben, guest = customer(service, "merge-ben"), visitor(service, "merge-guest")
    older = ben.create(lines=[{"sku": "oat", "quantity": 2}])
    cart = guest.create(lines=[{"sku": "milk", "quantity": 3}, {"sku": "oat", "quantity": 1}], codes=["welcome5"])
    answer = sign_in(ben, cart, guest, op="S")
    assert (answer["cart"]["id"], answer["cart"]["customerId"]) == (older, "merge-ben")
    assert held(answer["cart"]) == {"oat": 3, "milk": 3}
    assert answer["merge"]["policy"] == "SUM"
    assert {(change["part"], change["effect"], change["after"]) for change in answer["merge"]["changes"]} == {
        ("LINE", "ADDED", 3),
        ("LINE", "CHANGED", 3),
        ("CODE", "ADDED", 1),
    }
    members = {share["memberId"] for line in answer["cart"]["lines"]["nodes"] for share in line["shares"]}
    assert members == {"customer:merge-ben"}
    carts = ben.run(CARTS)
    assert carts["activeCart"]["id"] == older
    assert (carts["supersededCart"]["id"], carts["supersededCart"]["supersededBy"]) == (cart, older)
    assert held(carts["supersededCart"]) == {"milk": 3, "oat": 1}, "as it was"
    again = sign_in(ben, cart, guest, op="S")
    assert (again["replayed"], held(again["cart"])) == (True, {"oat": 3, "milk": 3})
    other = sign_in(ben, cart, guest)
    assert (codes(other), other["replayed"], held(other["cart"])) == ([], True, {"oat": 3, "milk": 3})


def test_a_sign_in_can_be_undone(service: Service) -> None:
    ben, guest = customer(service, "undo-ben"), visitor(service, "undo-guest")
    older = ben.create(lines=[{"sku": "oat", "quantity": 2}])
    cart = guest.create(lines=[{"sku": "milk", "quantity": 3}])
    sign_in(ben, cart, guest)
    ben.add(older, "milk", 1)
    answer = undo(ben, cart, op="U")
    assert (codes(answer), answer["cart"]["supersededBy"], answer["merge"]["undone"]) == ([], None, True)
    assert held(answer["cart"]) == {"milk": 3}
    assert held(active(ben)) == {"oat": 2, "milk": 1}, "what was added since stays"
    assert undo(ben, cart, op="U")["replayed"]
    assert codes(undo(ben, cart)) == ["NOT_MERGED"]
    assert ben.add(cart, "milk")["userErrors"] == []


@pytest.mark.parametrize(
    ("policy", "milk"), [("SUM", [5]), ("MAX", [3]), ("KEEP_BOTH", [2, 3]), ("TARGET", [2]), ("SOURCE", [3])]
)
def test_the_shop_says_how_and_a_request_may(service: Service, policy: str, milk: list[int]) -> None:
    for by_shop in (True, False):
        guest = visitor(service, f"policy-{policy}-{by_shop}")
        source, target = two_carts(guest)
        if by_shop:
            with shop_merges(service, MergePolicy[policy]):
                answer = merge(guest, source, target)
        else:
            answer = merge(guest, source, target, policy=policy)
        assert answer["merge"]["policy"] == policy
        lines = [(line["sku"], line["quantity"]) for line in answer["cart"]["lines"]["nodes"]]
        assert sorted(lines) == sorted([("oat", 1), *[("milk", quantity) for quantity in milk]])


def test_a_guest_who_merged_before_signs_in_with_what_became_of_the_cart(service: Service) -> None:
    ben, guest = customer(service, "before-ben"), visitor(service, "before-g")
    home = ben.create(lines=[{"sku": "milk"}])
    source, target = two_carts(guest)
    merge(guest, source, target)
    for _ in range(2):
        answer = sign_in(ben, source, guest)
        assert (codes(answer), answer["cart"]["id"], held(answer["cart"])) == ([], home, {"milk": 6, "oat": 1})


def test_a_first_cart_is_theirs_as_it_is(service: Service) -> None:
    ben, guest = customer(service, "first-ben"), visitor(service, "first-guest")
    cart = guest.create(lines=[{"sku": "milk"}])
    answer = sign_in(ben, cart, guest)
    assert (answer["cart"]["id"], answer["merge"], answer["warnings"]) == (cart, None, [])
    assert active(ben)["id"] == cart


def test_staff_who_write_a_customer_on_a_cart_do_not_mean_the_one_at_home(service: Service, staff: Client) -> None:
    ben, guest = customer(service, "till-ben"), visitor(service, "till-guest")
    home = ben.create(lines=[{"sku": "oat"}])
    basket = guest.create(lines=[{"sku": "milk"}])
    answer = sign_in(staff, basket, None, customer="till-ben")
    assert (answer["cart"]["id"], answer["merge"]) == (basket, None)
    both = sign_in(staff, basket, None, customer="till-ben", policy="SUM")
    assert (both["cart"]["id"], both["merge"]) == (basket, None), "it is their active one already"
    assert ben.run(CARTS)["supersededCart"]["id"] == home


def test_a_cart_of_several_stays_one_of_its_own(service: Service) -> None:
    ben, guest, friend = customer(service, "group-ben"), visitor(service, "group-g"), visitor(service, "group-f")
    ben.create(lines=[{"sku": "oat"}])
    cart = guest.create(lines=[{"sku": "milk"}])
    invite = "mutation($id: ID!) { cartInviteCreate(cartId: $id, role: EDITOR) { invite { code } } }"
    code = guest.run(invite, id=cart)["cartInviteCreate"]["invite"]["code"]
    friend.run("mutation($code: String!) { cartJoin(code: $code) { version } }", code=code)
    answer = sign_in(ben, cart, guest)
    assert (answer["cart"]["id"], answer["merge"], held(active(ben))) == (cart, None, {"milk": 1})
    assert friend.add(cart, "milk")["userErrors"] == []


def test_a_sign_in_goes_through_while_a_till_has_the_cart_at_home(service: Service) -> None:
    ben, guest = customer(service, "held-ben", device="phone"), visitor(service, "held-guest")
    home = ben.create(lines=[{"sku": "oat"}])
    till = service.client(service.token(CallerKind.TERMINAL, "held-till", "pos", "south", device="till"))
    handoff = "mutation($id: ID!) { cartHandoffCreate(cartId: $id, mode: MOVE) { handoff { code } } }"
    code = ben.run(handoff, id=home)["cartHandoffCreate"]["handoff"]["code"]
    till.run("mutation($code: String!) { cartHandoffClaim(code: $code) { userErrors { code } } }", code=code)
    cart = guest.create(lines=[{"sku": "milk"}])
    answer = sign_in(ben, cart, guest, op="S")
    assert (codes(answer), warned(answer)) == ([], ["NOT_MERGED"])
    assert (answer["cart"]["id"], answer["cart"]["supersededBy"], held(answer["cart"])) == (cart, None, {"milk": 1})
    carts = ben.run(CARTS)
    assert (carts["activeCart"]["id"], carts["supersededCart"]["id"]) == (cart, home)
    assert held(carts["supersededCart"]) == {"oat": 1}
    assert codes(merge(ben, cart, home)) == ["CART_HELD"]
    assert codes(ben.run(PREVIEW, source=cart, target=home)["cartMergePreview"]) == ["CART_HELD"]
    till.run("mutation($id: ID!) { cartLeaseReturn(cartId: $id) { version } }", id=home)
    assert held(merge(ben, cart, home)["cart"]) == {"oat": 1, "milk": 1}
    assert active(ben)["id"] == home


# Merging two carts.


def test_who_may_merge_what(service: Service, staff: Client) -> None:
    ann, eve = visitor(service, "may-ann"), visitor(service, "may-eve")
    source, target = two_carts(ann)
    hers = eve.create(lines=[{"sku": "oat"}])
    assert merge(eve, source, target)["userErrors"] == [{"code": "CART_NOT_FOUND", "field": ["sourceId"]}]
    assert merge(ann, source, hers)["userErrors"] == [{"code": "CART_NOT_FOUND", "field": ["targetId"]}]
    assert merge(ann, source, source)["userErrors"] == [{"code": "INVALID_MERGE", "field": ["targetId"]}]
    invite = "mutation($id: ID!, $role: MemberRole!) { cartInviteCreate(cartId: $id, role: $role) { invite { code } } }"
    join = "mutation($code: String!) { cartJoin(code: $code) { version } }"
    viewing = eve.run(invite, id=hers, role="VIEWER")["cartInviteCreate"]["invite"]["code"]
    ann.run(join, code=viewing)
    assert merge(ann, source, hers)["userErrors"] == [{"code": "ROLE_FORBIDS", "field": ["targetId"]}]
    assert merge(ann, hers, source)["userErrors"] == [{"code": "ROLE_FORBIDS", "field": ["sourceId"]}]
    role = (
        'mutation($id: ID!) { cartMemberRoleUpdate(cartId: $id, memberId: "guest:may-ann", role: EDITOR) { version } }'
    )
    eve.run(role, id=hers)
    answer = merge(ann, source, hers)
    assert {share["memberId"] for line in answer["cart"]["lines"]["nodes"] for share in line["shares"]} == {
        "guest:may-ann",
        "guest:may-eve",
    }
    assert codes(merge(staff, target, hers)) == []


def test_devices_that_merge_the_same_pair_at_once_get_one_answer(service: Service) -> None:
    for turn in range(4):
        guest = visitor(service, f"pair-{turn}")
        source, target = two_carts(guest)
        answers = together(*[partial(merge, guest, source, target) for _ in range(4)])
        assert [codes(answer) for answer in answers] == [[]] * 4
        assert sorted(answer["replayed"] for answer in answers) == [False, True, True, True]
        assert all(held(answer["cart"]) == {"milk": 5, "oat": 1} for answer in answers)


def test_a_merged_cart_points_to_the_one_that_holds_both(service: Service) -> None:
    guest = visitor(service, "points")
    source, target = two_carts(guest)
    merge(guest, source, target)
    refused = guest.add(source, "milk")
    assert codes(refused) == ["CART_MERGED"]
    read = "query($id: ID!) { cart(id: $id) { supersededBy lines { nodes { sku quantity } } } }"
    found = guest.run(read, id=source)["cart"]
    assert (found["supersededBy"], held(found)) == (target, {"milk": 3, "oat": 1})
    third = another(guest, 3, [{"sku": "oat"}])
    assert merge(guest, source, third)["userErrors"] == [{"code": "CART_MERGED", "field": ["sourceId"]}]
    assert merge(guest, third, source)["userErrors"] == [{"code": "CART_MERGED", "field": ["targetId"]}]


def test_what_became_of_each_thing_is_told_to_the_owner(service: Service) -> None:
    """Another member of the source may have been told less of it than the list of changes says."""
    ann, eve = visitor(service, "list-ann"), visitor(service, "list-eve")
    source, _ = two_carts(ann)
    target = eve.create()
    invite = "mutation($id: ID!, $role: MemberRole!) { cartInviteCreate(cartId: $id, role: $role) { invite { code } } }"
    join = "mutation($code: String!) { cartJoin(code: $code) { version } }"
    for owner, other, cart, role in ((ann, eve, source, "VIEWER"), (eve, ann, target, "EDITOR")):
        other.run(join, code=owner.run(invite, id=cart, role=role)["cartInviteCreate"]["invite"]["code"])
    assert codes(merge(ann, source, target)) == []
    refused = merge(eve, source, target)
    assert (codes(refused), refused["merge"]) == (["CART_MERGED"], None)
    assert refused["cart"]["supersededBy"] == target


def test_an_active_cart_that_went_into_another_one_is_that_one(service: Service) -> None:
    ben = customer(service, "follows")
    first = ben.create(lines=[{"sku": "milk"}])
    guest = visitor(service, "follows-g")
    second = guest.create(lines=[{"sku": "oat"}])
    sign_in(ben, second, guest)
    undo(ben, second)
    assert codes(merge(ben, first, second)) == []
    assert active(ben)["id"] == second
    adopted = ben.run(
        'mutation { cartCreate(input: {lines: [{sku: "milk"}]}) { cart { id lines { nodes { sku quantity } } } } }'
    )
    assert (adopted["cartCreate"]["cart"]["id"], held(adopted["cartCreate"]["cart"])) == (second, {"oat": 1, "milk": 2})


def test_a_merge_cut_off_before_the_pointer_moved_is_followed(service: Service) -> None:
    """The store's three steps are done, the customer's pointer is as before: nobody is shown a cart that only reads."""
    ben = customer(service, "cut-off")
    first = ben.create(lines=[{"sku": "milk"}])
    guest = visitor(service, "cut-off-g")
    second = guest.create(lines=[{"sku": "oat"}])
    sign_in(ben, second, guest)
    undo(ben, second)
    with pytest.MonkeyPatch.context() as patch:

        async def nothing(*_: object) -> None:
            return None

        patch.setattr(type(service.engine.stores.customers), "supersede", nothing)
        merge(ben, first, second)
        assert active(ben)["id"] == second
    made = ben.run('mutation { cartCreate(input: {lines: [{sku: "milk"}]}) { cart { id } userErrors { code } } }')
    assert made["cartCreate"] == {"cart": {"id": second}, "userErrors": []}


# Looking first.


def test_a_preview_is_what_the_merge_comes_to(service: Service) -> None:
    guest = visitor(service, "preview")
    source, target = two_carts(guest)
    seen = guest.run(PREVIEW, source=source, target=target)["cartMergePreview"]
    read = "query($id: ID!) { cart(id: $id) { version totals { total { amount } } lines { nodes { sku quantity } } } }"
    before = guest.run(read, id=target)["cart"]
    assert (seen["cart"]["version"], held(before)) == (before["version"], {"milk": 2}), "nothing is changed by asking"
    answer = merge(guest, source, target)
    assert held(seen["cart"]) == held(answer["cart"]) == {"milk": 5, "oat": 1}
    names = ("part", "effect", "name", "before", "after", "left")
    assert seen["merge"]["changes"] == [{name: each[name] for name in names} for each in answer["merge"]["changes"]]
    assert seen["cart"]["totals"] == guest.run(read, id=target)["cart"]["totals"]
    again = guest.run(PREVIEW, source=source, target=target)["cartMergePreview"]
    assert again["userErrors"] == [{"code": "CART_MERGED", "field": ["sourceId"]}]


@pytest.mark.parametrize("argument", ["sourceId", "targetId"])
def test_a_preview_tells_why_a_merge_would_be_refused(service: Service, argument: str) -> None:
    guest = visitor(service, f"preview-{argument}")
    source, target = two_carts(guest)
    paying = guest.add(source if argument == "sourceId" else target, "oat")["cart"]
    assert begun(guest, paying)["userErrors"] == []
    refused = guest.run(PREVIEW, source=source, target=target)["cartMergePreview"]
    assert refused["userErrors"] == [{"code": "CART_FROZEN", "field": [argument]}]
    assert merge(guest, source, target)["userErrors"] == refused["userErrors"]


def test_a_preview_of_a_sign_in_needs_both_tokens(service: Service) -> None:
    ben, guest = customer(service, "preview-ben"), visitor(service, "preview-g")
    target = ben.create(lines=[{"sku": "milk", "quantity": 2}])
    source = guest.create(lines=[{"sku": "milk", "quantity": 3}])
    alone = ben.run(PREVIEW, source=source, target=target)["cartMergePreview"]
    assert (alone["cart"], alone["userErrors"]) == (None, [{"code": "CART_NOT_FOUND", "field": ["sourceId"]}])
    seen = ben.run(PREVIEW, source=source, target=target, policy="MAX", guest=guest.token)["cartMergePreview"]
    assert seen["cart"]["lines"]["nodes"] == [
        {"sku": "milk", "quantity": 3, "shares": [{"memberId": "customer:preview-ben", "quantity": 3}]}
    ]
    for asks, source_id, target_id in ((guest, source, target), (ben, target, target)):
        refused = asks.run(PREVIEW, source=source_id, target=target_id)["cartMergePreview"]
        assert refused["userErrors"][0]["field"] == ["targetId"]


def test_a_preview_shows_nobody_what_they_may_not_merge(service: Service) -> None:
    """A viewer of the source would learn from their own cart's preview what a giver withheld from them."""
    ann, eve = visitor(service, "look-ann"), visitor(service, "look-eve")
    source, _ = two_carts(ann)
    hers = eve.create()
    invite = "mutation($id: ID!) { cartInviteCreate(cartId: $id, role: VIEWER) { invite { code } } }"
    code = ann.run(invite, id=source)["cartInviteCreate"]["invite"]["code"]
    eve.run("mutation($code: String!) { cartJoin(code: $code) { version } }", code=code)
    refused = eve.run(PREVIEW, source=source, target=hers)["cartMergePreview"]
    assert (refused["cart"], refused["userErrors"][0]["code"]) == (None, "ROLE_FORBIDS")
    refused = eve.run(PREVIEW, source=hers, target=source)["cartMergePreview"]
    assert refused["userErrors"] == [{"code": "ROLE_FORBIDS", "field": ["targetId"]}]


# Who is told.

FOLLOW = """
subscription($id: ID!) { cartChanged(cartId: $id, fromVersion: 1) {
  reason operations { member changes { verb details } } cart { supersededBy lines { nodes { sku quantity } } }
} }
"""


def test_followers_of_both_carts_are_told(service: Service) -> None:
    guest = visitor(service, "told")
    source, target = two_carts(guest)
    assert guest.token
    with (
        event_stream(service.url, guest.token, FOLLOW, id=source) as theirs,
        event_stream(service.url, guest.token, FOLLOW, id=target) as ours,
    ):
        assert [theirs.event()["reason"], ours.event()["reason"]] == ["RESUMED", "RESUMED"]
        merge(guest, source, target)
        event = ours.event()
        assert held(event["cart"]) == {"milk": 5, "oat": 1}
        assert [change["verb"] for change in event["operations"][0]["changes"]] == ["merge", "set", "set"]
        events = [theirs.event()]
        while events[-1]["cart"]["supersededBy"] is None:
            events.append(theirs.event())
        verbs = [change["verb"] for event in events for each in event["operations"] for change in each["changes"]]
        assert verbs == ["merge", "merged"]


def test_who_looked_before_is_told_what_a_merge_brought(service: Service) -> None:
    ann, eve = visitor(service, "seen-ann"), visitor(service, "seen-eve")
    source, target = two_carts(ann)
    invite = "mutation($id: ID!) { cartInviteCreate(cartId: $id, role: EDITOR) { invite { code } } }"
    code = ann.run(invite, id=target)["cartInviteCreate"]["invite"]["code"]
    eve.run("mutation($code: String!) { cartJoin(code: $code) { version } }", code=code)
    eve.run("mutation($id: ID!) { cartSeen(cartId: $id) { version } }", id=target)
    merge(ann, source, target)
    read = "query($id: ID!) { cart(id: $id) { sinceLastSeen { lines { sku news members } } } }"
    news = eve.run(read, id=target)["cart"]["sinceLastSeen"]["lines"]
    assert {(each["sku"], each["news"]) for each in news} == {("milk", "QUANTITY"), ("oat", "ADDED")}
    assert all(each["members"] == ["guest:seen-ann"] for each in news)
