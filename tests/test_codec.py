"""The bytes of carts. That the script writes them too is tested in tests/storage."""

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest

from engine.cart.codec import (
    UnknownLayoutError,
    decode_cart,
    decode_facts,
    decode_log,
    encode_facts,
    encode_new_cart,
    pack,
    pack_ops,
)
from engine.cart.commands import AddLines, NewLine
from engine.cart.draw import draw_of
from engine.cart.model import Cart, DeliveryChoice, Facts, LogEntry, Member, Role
from engine.types import CartId, ChannelId, CustomerId, InstantMs, MemberId, OperationId, Sku, StoreId

ANN, BEN = MemberId("guest:ann"), MemberId("customer:ben")
FULL = Facts(
    CustomerId("ben"),
    3,
    "gold",
    frozenset({"vip"}),
    12,
    InstantMs(1_700_000_000_000),
    customer_since_ms=InstantMs(1_600_000_000_000),
    birthday="02-29",
    orders=0,
    ordered_categories=frozenset({"food/wine", "wear"}),
)


def stored(**changes: object) -> bytes:
    """Return a cart as the script leaves it: version and instants filled in."""
    fresh = Cart(CartId("c"), 0, (Member(ANN, Role.OWNER), Member(BEN, Role.EDITOR)), ChannelId("web"), None, "fr")
    packed = msgpack.unpackb(encode_new_cart(fresh))
    return pack({**packed, "v": 1, "b": 1000, "e": 2000, "x": 3000, **changes})


def test_a_new_cart_is_read_as_it_was_given() -> None:
    given = Cart(
        id=CartId("c"),
        version=0,
        members=(Member(BEN, Role.OWNER),),
        channel=ChannelId("pos"),
        store=StoreId("lyon"),
        locale="fr",
        delivery=DeliveryChoice("pickup", "lyon", "9-10"),
        payment_method="card",
        note="sonnez à côté",
        customer=CustomerId("ben"),
        facts=FULL,
        draw=2**32 - 1,
    )
    packed = {**msgpack.unpackb(encode_new_cart(given)), "b": 0, "e": 0, "x": 0}
    assert decode_cart(pack(packed)) == given


def test_a_cart_keeps_order_shares_and_instants() -> None:
    line = {
        "i": "l1",
        "s": "mug",
        "q": [2, 5, 1, 1],
        "a": 1,
        "c": 4,
        "t": 250,
        "o": [["size", "L"]],
        "p": 0,
        "pc": "EUR",
    }
    cart = decode_cart(stored(n=[line, {**line, "i": "l0", "m": 1}], k=[["A", "a"]], f=[["wrap", 2]], w={"note": 3}))
    first, second = cart.lines
    assert (first.id, first.shares, first.quantity, first.changed_at_ms) == ("l1", ((BEN, 5), (ANN, 1)), 6, 1250)
    assert (first.options, first.label_price_minor, first.label_currency) == ((("size", "L"),), 0, "EUR")
    assert (first.measured, second.measured, second.id) == (False, True, "l0")
    assert (cart.created_ms, cart.updated_ms, cart.expires_ms, cart.field_versions) == (1000, 2000, 3000, {"note": 3})
    assert (cart.codes[0].entered, cart.fees[0].quantity) == ("a", 2)


def test_people_without_a_role_are_no_members() -> None:
    assert decode_cart(stored(m=[["guest:ann", "o"], ["staff:7", "-"]])).members == (Member(ANN, Role.OWNER),)


def test_log_entries_name_their_member_by_place() -> None:
    entry = pack([4, "op", 500, 2, "web", False, "phone", [["add", "l1", 2], ["clear"]]])
    expected = LogEntry(
        4, OperationId("op"), InstantMs(1500), BEN, ChannelId("web"), None, "phone", (("add", "l1", "2"), ("clear",))
    )
    assert decode_log(stored(), [entry]) == (expected,)


def test_a_cart_that_was_stored_without_a_draw_has_one_that_stays() -> None:
    packed = msgpack.unpackb(stored())
    del packed["h"]
    assert decode_cart(pack(packed)).draw == decode_cart(pack(packed)).draw == draw_of("c")


@pytest.mark.parametrize(
    "facts", [FULL, Facts(CustomerId("new")), Facts(CustomerId("new"), ordered_categories=frozenset())]
)
def test_facts_survive(facts: Facts) -> None:
    assert decode_facts(encode_facts(facts)) == facts


def test_a_layout_of_another_version_is_refused() -> None:
    with pytest.raises(UnknownLayoutError, match="layout 2, this version of Panier reads 1"):
        decode_cart(stored(z=2))
    with pytest.raises(UnknownLayoutError):
        decode_log(stored(z=2), [])


def test_operations_are_packed_without_the_binary_type_that_lua_does_not_know() -> None:
    packed = pack_ops(AddLines((NewLine(Sku("x" * 40), 1, note="n" * 300),)).ops())
    assert msgpack.unpackb(packed)[0][3] == {"s": "x" * 40, "n": "n" * 300}
    assert pack(b"\xff") == b"\xa1\xff"
