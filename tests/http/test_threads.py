"""What happened to users of other carts, and must not happen here: a test for each thread, named by it.

These are the threads about merging, signing in, races and lost lines of carts; those about checkout and payment
are in `test_checkout_threads`. What went wrong there is said in the docstring.
"""

from functools import partial

import pytest

from engine.callers import CallerKind
from tests.http.service import ADD, CREATE, READ, Client, Service
from tests.http.test_merging import (
    CARTS,
    MERGE,
    active,
    another,
    codes,
    customer,
    held,
    merge,
    sign_in,
    together,
    two_carts,
    undo,
    visitor,
    warned,
)

NOTE = "mutation($id: ID!, $note: String!) { a: cartNoteUpdate(cartId: $id, note: $note) { userErrors { code } } }"
CONTEXT = """
mutation($id: ID!, $context: CartContextInput!) {
  a: cartContextUpdate(cartId: $id, context: $context) { userErrors { code } }
}
"""


def lines_of(cart: dict[str, object]) -> list[tuple[str, object]]:
    nodes = cart["lines"]["nodes"]  # type: ignore[index]  # it is JSON
    return [(line["sku"], line["quantity"]) for line in nodes]


def full(service: Service, name: str, number: int = 0) -> tuple[Client, str]:
    """Return a guest with a cart of as many lines as one may have."""
    guest = visitor(service, name)
    lines = [{"sku": "oat", "lineKey": f"{name}-{number}-{place}"} for place in range(8)]
    return guest, another(guest, number, lines)


# Carts that were lost when somebody signed in.


def test_vendure_4481_concurrent_sign_ins_empty_no_cart(service: Service) -> None:
    """Two sign-ins merged at once, each deleting what the other one had written: 65 lines were gone."""
    for turn in range(4):
        ben = customer(service, f"4481-{turn}")
        built = ben.create(lines=[{"sku": "oat", "quantity": 65}])
        guests = [visitor(service, f"4481-{turn}-{device}") for device in range(3)]
        carts = [guest.create(lines=[{"sku": "milk", "quantity": 1}]) for guest in guests]
        asked = [partial(sign_in, ben, cart, guest) for cart, guest in zip(carts, guests, strict=True)]
        answers = together(*asked, *asked)
        assert [codes(answer) for answer in answers] == [[]] * 6
        assert (active(ben)["id"], held(active(ben))) == (built, {"oat": 65, "milk": 3})


def test_vendure_4481_concurrent_first_sign_ins_fill_one_cart(service: Service) -> None:
    for turn in range(4):
        ben = customer(service, f"4481-first-{turn}")
        guests = [visitor(service, f"4481-first-{turn}-{device}") for device in range(3)]
        carts = [guest.create(lines=[{"sku": "milk"}]) for guest in guests]
        answers = together(*[partial(sign_in, ben, *each) for each in zip(carts, guests, strict=True)])
        assert [codes(answer) for answer in answers] == [[]] * 3
        assert held(active(ben)) == {"milk": 3}


def test_vendure_3153_a_product_in_both_carts_is_not_deleted(service: Service) -> None:
    """One of the policies deleted every product that both carts held."""
    for policy in ("SUM", "MAX", "KEEP_BOTH", "TARGET", "SOURCE"):
        source, target = two_carts(guest := visitor(service, f"3153-{policy}"))
        assert held(merge(guest, source, target, policy=policy)["cart"]).keys() == {"milk", "oat"}


def test_vendure_1454_what_is_in_the_way_of_a_merge_is_in_no_ones_way_to_sign_in(service: Service) -> None:
    """An error in the merge made the sign-in itself fail."""
    ben = customer(service, "1454")
    home = ben.create(lines=[{"sku": "oat"}])
    guest = visitor(service, "1454-g")
    cart = guest.create(lines=[{"sku": "milk"}])
    till = service.client(service.token(CallerKind.TERMINAL, "1454", "pos", "south", device="till"))
    handoff = "mutation($id: ID!) { a: cartHandoffCreate(cartId: $id, mode: MOVE) { handoff { code } } }"
    code = ben.run(handoff, id=home)["a"]["handoff"]["code"]
    till.run("mutation($code: String!) { cartHandoffClaim(code: $code) { userErrors { code } } }", code=code)
    answer = sign_in(ben, cart, guest)
    assert (codes(answer), warned(answer), held(active(ben))) == ([], ["NOT_MERGED"], {"milk": 1})


def test_vendure_263_signing_in_over_a_session_takes_nobodys_cart(service: Service) -> None:
    """Whoever signed in at a device got the cart of whoever was signed in before."""
    ann, ben = customer(service, "263-ann"), customer(service, "263-ben")
    hers = ann.create(lines=[{"sku": "oat"}])
    assert codes(sign_in(ben, hers, None)) == ["CART_NOT_FOUND"]
    assert codes(sign_in(ben, hers, None, policy="SUM")) == ["CART_NOT_FOUND"]
    guest = visitor(service, "263-g")
    cart = guest.create(lines=[{"sku": "milk"}])
    sign_in(ann, cart, guest)
    taken = sign_in(ben, cart, guest)
    assert taken["cart"] is None
    assert codes(taken) == ["CART_NOT_FOUND"]
    assert ben.run(CARTS)["activeCart"] is None
    assert active(ann)["id"] == hers
    assert held(active(ann)) == {"oat": 1, "milk": 1}


def test_solidus_social_80_a_sign_in_replaces_no_cart(service: Service) -> None:
    """Signing in by a social network put the guest's cart in place of the customer's."""
    ben, guest = customer(service, "80"), visitor(service, "80-g")
    ben.create(lines=[{"sku": "oat"}])
    sign_in(ben, guest.create(lines=[{"sku": "milk"}]), guest)
    assert held(active(ben)) == {"oat": 1, "milk": 1}


def test_sylius_8370_what_was_just_put_in_is_there_after_signing_in(service: Service) -> None:
    """Signing in brought an old cart back, and the new items were gone."""
    ben, guest = customer(service, "8370"), visitor(service, "8370-g")
    ben.create(lines=[{"sku": "oat"}])
    cart = guest.create(lines=[{"sku": "milk"}])
    answer = sign_in(ben, cart, guest)
    assert held(answer["cart"]) == {"oat": 1, "milk": 1}
    assert guest.run(READ, id=cart)["cart"] is None, "and the guest's token is good for nothing more"


def test_sylius_7741_an_empty_cart_at_home_does_not_outrank_a_full_one(service: Service) -> None:
    """The customer had an empty cart stored, which took the place of the full one."""
    ben, guest = customer(service, "7741"), visitor(service, "7741-g")
    ben.create()
    sign_in(ben, guest.create(lines=[{"sku": "milk", "quantity": 4}]), guest)
    assert held(active(ben)) == {"milk": 4}


def test_sylius_12372_an_emptied_cart_is_as_good_as_an_empty_one(service: Service) -> None:
    """A cart that was emptied line by line did not count as empty: the guest's was lost for it, or it for the guest's."""
    for emptied in ("home", "guest"):
        ben, guest = customer(service, f"12372-{emptied}"), visitor(service, f"12372-{emptied}-g")
        carts = {
            "home": (ben, ben.create(lines=[{"sku": "milk"}])),
            "guest": (guest, guest.create(lines=[{"sku": "milk"}])),
        }
        owner, cart = carts[emptied]
        line = owner.run(READ, id=cart)["cart"]["lines"]["nodes"][0]["lineId"]
        owner.run("mutation($id: ID!, $line: ID!) { cartLinesRemove(cartId: $id, lineIds: [$line]) { version } }", id=cart, line=line)  # fmt: skip
        sign_in(ben, carts["guest"][1], guest)
        assert held(active(ben)) == {"milk": 1}


def test_sylius_9859_two_carts_of_a_customer_are_one_on_every_device(service: Service) -> None:
    """A customer had two carts, and which one a device showed was chance."""
    phone, laptop = (customer(service, "9859", device=device) for device in ("phone", "laptop"))
    phone.create(lines=[{"sku": "oat"}])
    guest = visitor(service, "9859-g")
    sign_in(laptop, guest.create(lines=[{"sku": "milk"}]), guest)
    assert phone.run(CARTS) == laptop.run(CARTS)
    assert held(active(phone)) == {"oat": 1, "milk": 1}


def test_vendure_4152_a_customer_has_one_active_cart(service: Service) -> None:
    """Several orders of a customer could be active at a time."""
    ben = customer(service, "4152")
    made = together(*[partial(ben.run, CREATE, input={"lines": [{"sku": "milk"}]}) for _ in range(6)])
    assert len({answer["cartCreate"]["cart"]["id"] for answer in made}) == 1
    assert held(active(ben)) == {"milk": 6}


def test_sylius_4117_carts_are_put_together_across_sign_ins_and_taken_apart_again(service: Service) -> None:
    """A request for carts that grow together over several sign-ins, with a say in it, was closed."""
    ben = customer(service, "4117")
    ben.create(lines=[{"sku": "oat"}])
    carts = []
    for device in range(3):
        guest = visitor(service, f"4117-{device}")
        carts.append(guest.create(lines=[{"sku": "milk", "quantity": device + 1}]))
        sign_in(ben, carts[-1], guest)
    assert held(active(ben)) == {"oat": 1, "milk": 6}
    assert held(undo(ben, carts[1])["cart"]) == {"milk": 2}
    assert held(active(ben)) == {"oat": 1, "milk": 4}


def test_spartacus_9644_whoever_registers_keeps_the_cart(service: Service) -> None:
    """Registering lost the cart that was filled as a guest; the checkout before it is tested where that is."""
    guest = visitor(service, "9644-g")
    cart = guest.create(lines=[{"sku": "milk", "quantity": 2}], codes=["welcome5"])
    guest.run(NOTE, id=cart, note="ring")
    newcomer = customer(service, "9644")
    answer = sign_in(newcomer, cart, guest)
    assert (answer["cart"]["id"], answer["cart"]["note"], held(active(newcomer))) == (cart, "ring", {"milk": 2})


# Merges that failed at a limit, or dropped something for it without a word.


def test_spree_5976_a_merge_beyond_a_limit_breaks_no_sign_in(service: Service) -> None:
    """More than there was in stock raised an error, and neither signing in nor going on was possible."""
    ben, guest = customer(service, "5976"), visitor(service, "5976-g")
    ben.create(lines=[{"sku": "milk", "quantity": 9000}])
    cart = guest.create(lines=[{"sku": "milk", "quantity": 9000}])
    answer = sign_in(ben, cart, guest)
    assert (codes(answer), held(answer["cart"])) == ([], {"milk": 9999})
    assert ben.add(answer["cart"]["id"], "oat")["userErrors"] == []


@pytest.mark.parametrize("policy", ["SUM", "KEEP_BOTH"])
def test_magento_40064_no_quantity_is_dropped_without_a_word(service: Service, policy: str) -> None:
    """What the guest had put in was dropped where it went beyond the stock."""
    guest = visitor(service, f"40064-{policy}")
    source = another(guest, 1, [{"sku": "milk", "quantity": 9998}])
    target = another(guest, 2, [{"sku": "milk", "quantity": 5}])
    answer = merge(guest, source, target, policy=policy)
    quantities = [line["quantity"] for line in answer["cart"]["lines"]["nodes"]]
    left = sum(change["left"] for change in answer["merge"]["changes"])
    assert sum(quantities) + left == 10_003
    assert ("MERGE_LEFT" in warned(answer)) == (left > 0)


def test_magento_26981_the_line_that_did_not_fit_is_named(service: Service) -> None:
    """The shopper was told that something was out of stock, and had to guess what."""
    guest = visitor(service, "26981")
    source = another(guest, 1, [{"sku": "milk", "quantity": 9000}, {"sku": "oat"}])
    target = another(guest, 2, [{"sku": "milk", "quantity": 2000}])
    answer = merge(guest, source, target)
    (warning,) = (warning for warning in answer["warnings"] if warning["code"] == "MERGE_LEFT")
    line = next(line for line in answer["cart"]["lines"]["nodes"] if line["sku"] == "milk")
    assert warning["lineId"] == line["lineId"]
    assert warning["message"].startswith("1001 of the line milk ")


def test_magento_37704_the_same_options_in_both_carts_are_one_line(service: Service) -> None:
    """The same bundle in both carts made the merge throw."""
    guest = visitor(service, "37704")
    whole, sliced = (
        {"sku": "ham", "quantity": "0.500", "options": [{"name": "cut", "value": cut}]} for cut in ("whole", "sliced")
    )
    source, target = another(guest, 1, [whole, sliced]), another(guest, 2, [sliced])
    answer = merge(guest, source, target)
    assert lines_of(answer["cart"]) == [("ham", "1.000"), ("ham", "0.500")]


def test_pwa_studio_3100_after_a_merge_beyond_the_limits_the_cart_goes_on(service: Service) -> None:
    """After it, nothing could be added any more."""
    guest, source = full(service, "3100", 1)
    target = another(guest, 2, [{"sku": "milk", "quantity": 9999}])
    answer = merge(guest, source, target)
    assert (len(answer["cart"]["lines"]["nodes"]), warned(answer).count("MERGE_LEFT")) == (8, 1)
    assert guest.add(target, "oat", lineKey="3100-1-0")["userErrors"] == []
    read = guest.run(READ, id=source)["cart"]
    assert len(read["lines"]["nodes"]) == 8, "what was left is there to be read"


def test_bagisto_2954_a_merge_of_two_full_carts_is_no_fault(service: Service) -> None:
    """At the maximum of the stock, it answered 500."""
    guest, source = full(service, "2954", 1)
    _, target = full(service, "2954", 2)
    answer = merge(guest, source, target)
    assert (codes(answer), len(answer["cart"]["lines"]["nodes"])) == ([], 8)
    assert warned(answer).count("MERGE_LEFT") == 8


def test_commercetools_477_what_differs_in_a_note_is_one_line(service: Service) -> None:
    """The same product stayed two lines, because a field of them differed."""
    guest = visitor(service, "477")
    source = another(guest, 1, [{"sku": "milk", "quantity": 2, "note": "cold"}])
    target = another(guest, 2, [{"sku": "milk", "note": "fresh"}])
    answer = merge(guest, source, target)
    assert lines_of(answer["cart"]) == [("milk", 3)]
    assert ("NOTE", "LEFT", "cold") in {
        (change["part"], change["effect"], change["name"]) for change in answer["merge"]["changes"]
    }


def test_spree_10531_a_cart_of_another_store_comes_without_its_place(service: Service) -> None:
    """Carts of different stores became one, in either store: here goods that the target's place lacks are kept and said so."""
    guest = visitor(service, "10531")
    create = 'mutation($op: ID) { cartCreate(input: {channel: "pos", lines: [{sku: "cake"}]}, operationId: $op) { cart { id } } }'
    source = guest.run(create, op="there")["cartCreate"]["cart"]["id"]
    target = another(guest, 2, [{"sku": "milk"}])
    answer = merge(guest, source, target)
    assert "NOT_SOLD_HERE" in warned(answer)
    cart = guest.run(READ, id=target)["cart"]
    assert (cart["channel"], held(cart)) == ("web", {"milk": 1, "cake": 1})
    assert (
        cart["totals"]["total"] == guest.run(READ, id=another(guest, 3, [{"sku": "milk"}]))["cart"]["totals"]["total"]
    )


# The same thing done twice.


def test_spartacus_9599_a_merge_that_is_called_several_times_is_done_once(service: Service) -> None:
    """The merge was called several times at each sign-in, and left carts behind that came back after the purchase."""
    ben, guest = customer(service, "9599"), visitor(service, "9599-g")
    home = ben.create(lines=[{"sku": "oat"}])
    cart = guest.create(lines=[{"sku": "milk", "quantity": 2}])
    answers = together(*[partial(sign_in, ben, cart, guest) for _ in range(5)])
    assert [codes(answer) for answer in answers] == [[]] * 5
    carts = ben.run(CARTS)
    assert (carts["activeCart"]["id"], held(carts["activeCart"])) == (home, {"oat": 1, "milk": 2})
    assert carts["supersededCart"]["supersededBy"] == home


def test_spartacus_21236_fast_clicks_make_one_cart(service: Service) -> None:
    """On a slow network each click made a cart, and the lines were spread over them."""
    guest = visitor(service, "21236")
    click = partial(guest.run, CREATE, input={"lines": [{"sku": "milk"}]}, op="first")
    assert len({answer["cartCreate"]["cart"]["id"] for answer in together(*[click] * 6)}) == 1
    ben = customer(service, "21236")
    together(*[partial(ben.run, CREATE, input={"lines": [{"sku": "milk"}]}) for _ in range(6)])
    assert held(active(ben)) == {"milk": 6}


def test_vue_storefront_5743_a_refresh_doubles_nothing(service: Service) -> None:
    """Two ways of bringing the cart up to date ran at once, and each added what it found."""
    guest = visitor(service, "5743")
    source, target = two_carts(guest)
    again = [partial(guest.run, MERGE, source=source, target=target, op="refresh") for _ in range(4)]
    together(*again, partial(guest.run, READ, id=source), partial(guest.run, READ, id=target))
    assert held(guest.run(READ, id=target)["cart"]) == {"milk": 5, "oat": 1}
    add = partial(guest.run, ADD, id=target, lines=[{"sku": "milk"}], op="click")
    together(*[add] * 4)
    assert held(guest.run(READ, id=target)["cart"]) == {"milk": 6, "oat": 1}


def test_medusa_15360_changes_by_hand_that_race_are_made_once(service: Service) -> None:
    """Discounts that were worked out at the same time were both written down: here they are worked out when read."""
    scopes = frozenset({"cart:read", "cart:adjust"})
    maria = service.client(service.token(CallerKind.STAFF, "15360", "pos", scopes=scopes, role="manager"))
    guest = visitor(service, "15360")
    cart = guest.create(lines=[{"sku": "milk", "quantity": 10}])
    adjust = (
        'mutation($id: ID!) { cartAdjustmentAdd(cartId: $id, operationId: "once", adjustment:'
        ' {reason: "damaged", amount: "1", currency: "EUR"}) { userErrors { code } } }'
    )
    before = guest.run(READ, id=cart)["cart"]["totals"]["total"]["minorUnits"]
    together(*[partial(maria.run, adjust, id=cart)] * 4, *[partial(guest.run, READ, id=cart)] * 2)
    after = guest.run(READ, id=cart)["cart"]
    assert before - after["totals"]["total"]["minorUnits"] == 100
    assert [discount["promotionId"] for discount in after["discounts"]] == [
        discount["promotionId"] for discount in guest.run(READ, id=cart)["cart"]["discounts"]
    ]


# What was lost between two changes at the same time.


def test_vendure_2187_parallel_adds_lose_no_line(service: Service) -> None:
    """Users of it wait 300 ms between two adds."""
    guest = visitor(service, "2187")
    cart = guest.create()
    skus = ["milk", "oat", "milk-6"] * 4
    together(*[partial(guest.add, cart, sku) for sku in skus])
    assert held(guest.run(READ, id=cart)["cart"]) == {"milk": 4, "oat": 4, "milk-6": 4}


def test_vendure_3398_parallel_changes_that_say_they_are_made_are_made(service: Service) -> None:
    """Address, shipping and more were set at once; all of them said yes, and some were not there."""
    guest = visitor(service, "3398")
    for turn in range(4):
        cart = another(guest, turn, [{"sku": "milk"}])
        answers = together(
            partial(guest.run, NOTE, id=cart, note="ring"),
            partial(guest.run, CONTEXT, id=cart, context={"delivery": {"method": "pickup"}}),
            partial(guest.run, CONTEXT, id=cart, context={"paymentMethod": "card"}),
            partial(guest.run, CONTEXT, id=cart, context={"locale": "fr"}),
            partial(guest.run, ADD, id=cart, lines=[{"sku": "oat"}]),
        )
        assert all(not payload["userErrors"] for answer in answers for payload in answer.values())
        read = (
            "query($id: ID!) { cart(id: $id) { note locale paymentMethod delivery { method } lines { totalCount } } }"
        )
        assert guest.run(read, id=cart)["cart"] == {
            "note": "ring",
            "locale": "fr",
            "paymentMethod": "card",
            "delivery": {"method": "pickup"},
            "lines": {"totalCount": 2},
        }
