"""What each operation does to a cart, and what is refused."""

import dataclasses

import pytest
from redis.asyncio import Redis

from engine.cart.commands import (
    AddCodes,
    AddFees,
    AddLines,
    AttachCustomer,
    ChangeLines,
    Clear,
    LineChange,
    NewLine,
    Op,
    RefreshFacts,
    RemoveCodes,
    RemoveFees,
    RemoveLines,
    SetContext,
    SetNote,
    SoldWhere,
)
from engine.cart.model import CodeEntry, DeliveryChoice, FeeChoice, Member, Role
from engine.errors import UserErrorCode
from engine.storage.carts import CartStore, Committed
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import ChannelId, CustomerId, MemberId, Sku, StoreId
from tests.storage.shopper import (
    ANN,
    BEN,
    CART,
    EVE,
    LIMITS,
    POS,
    STAFF,
    STAFF_CALLER,
    WEB,
    add,
    caller,
    committed,
    done,
    edit,
    facts,
    line,
    made,
    missing,
    only,
    refused,
    start,
    usage,
)

BEN_CALLER = caller(BEN)
BEN_ID = CustomerId("ben")


def set_to(quantity: int, sku: str = "mug", seen: int | None = None) -> Op:
    (op,) = ChangeLines((LineChange(line(sku), quantity * 1000, if_version=seen),)).ops()
    return op


# Making a cart.


async def test_a_new_cart_is_version_1_and_has_what_it_was_given(carts: CartStore) -> None:
    cart = await made(carts, store=StoreId("lyon"), delivery=DeliveryChoice("pickup", "lyon"), note="ring twice")
    assert (cart.id, cart.version, cart.channel, cart.store, cart.locale) == (CART, 1, WEB, "lyon", "fr")
    assert cart.members == (Member(ANN, Role.OWNER), Member(BEN, Role.EDITOR))
    assert (cart.note, cart.delivery, cart.lines) == ("ring twice", DeliveryChoice("pickup", "lyon"), ())
    assert cart.created_ms == cart.updated_ms == cart.expires_ms - LIMITS.guest_ms


async def test_a_cart_can_be_made_with_lines_in_one_version(carts: CartStore) -> None:
    cart = await committed(carts, edit(add("mug", 2), add("pen", 3), new_cart=start()))
    assert cart.version == 1
    assert [(each.sku, each.quantity, each.added_version) for each in cart.lines] == [("mug", 2, 1), ("pen", 3, 1)]


async def test_the_same_bytes_are_the_same_cart(carts: CartStore) -> None:
    """Others go by that: what was worked out of a cart holds as long as it is this very object."""
    asked = edit(add("mug", 2))
    await made(carts)
    cart = await committed(carts, asked)
    again = await carts.commit(CART, asked)
    assert isinstance(again, Committed)
    found = [again.cart, (await carts.read(CART)).cart, (await carts.read_log(CART, 1)).cart]
    assert [each is cart for each in found] == [True, True, True]
    changed = await committed(carts, edit(add("mug", 1)))
    assert (only(cart).quantity, only(changed).quantity) == (2, 3)
    assert (await carts.read(CART)).cart is changed


async def test_a_refused_creation_leaves_nothing(connection: Connection, carts: CartStore) -> None:
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, edit(add("mug", 21), new_cart=start()))
    assert (await carts.read(CART)).cart is None


async def test_creating_twice_makes_one_cart_even_when_the_operation_is_forgotten(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    asked = edit(add("mug", 2), new_cart=start())
    first = await committed(carts, asked)
    again = await carts.commit(CART, asked)
    assert again == Committed(first, 1, again.at_ms, replayed=True)
    await connection.command("DEL", names.applied(CART))
    again = await carts.commit(CART, asked)
    assert again == Committed(first, 1, again.at_ms, replayed=True)


async def test_staff_make_a_cart_without_members(carts: CartStore) -> None:
    cart = await committed(carts, edit(add(), by=STAFF_CALLER, new_cart=start(members=())))
    assert (cart.members, only(cart).shares) == ((), ((STAFF, 1),))


# Rights.


async def test_a_cart_that_is_not_there_is_missing(connection: Connection, carts: CartStore) -> None:
    await missing(connection, carts, edit(add()))


async def test_a_cart_of_others_looks_missing(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    await missing(connection, carts, edit(add(), by=caller(EVE)))
    await missing(connection, carts, edit(add(), by=caller(EVE), new_cart=start()))


async def test_a_share_does_not_make_staff_a_member(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    await committed(carts, edit(add(), by=STAFF_CALLER))
    await missing(connection, carts, edit(add(), by=caller(STAFF)))


# Lines.


async def test_adds_go_to_the_own_share_and_lines_keep_their_order(carts: CartStore) -> None:
    await made(carts, add("mug", 2), add("pen"))
    cart = await committed(carts, edit(add("mug", 3), by=BEN_CALLER))
    mug, pen = cart.lines
    assert (mug.shares, mug.quantity) == (((ANN, 2), (BEN, 3)), 5)
    assert (mug.added_version, mug.changed_version, pen.changed_version) == (2, 3, 2)
    assert mug.changed_at_ms == cart.updated_ms
    cart = await committed(carts, edit(add("mug", 1)))
    assert cart.lines[0].shares == ((ANN, 3), (BEN, 3))


async def test_a_line_keeps_all_its_attributes(carts: CartStore) -> None:
    wish = NewLine(
        Sku("ham"),
        1250,
        measured=True,
        options=(("cut", "thin"), ("wrap", "papier d'été")),
        seller="deli",
        line_key="label-1",
        note="no fat",
        delivery=DeliveryChoice("pickup", "lyon", "9-10"),
        label_price_minor=1299,
        label_currency="EUR",
    )
    ham = only(await made(carts, *AddLines((wish,)).ops()))
    for name in ("id", "sku", "measured", "options", "seller", "line_key", "note", "delivery"):
        assert getattr(ham, name) == getattr(wish, name)
    assert (ham.quantity, ham.label_price_minor, ham.label_currency) == (1250, 1299, "EUR")


async def test_attributes_of_a_second_add_do_not_count(carts: CartStore) -> None:
    cart = await made(carts, add(note="first"), add(note="second"))
    assert (only(cart).note, only(cart).quantity) == ("first", 2)


async def test_an_add_over_a_cap_is_refused_whole(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("mug", 19))
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, edit(add("pen"), add("mug", 2)), 1)


async def test_measured_goods_are_capped_in_thousandths(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("ham", 20_000, measured=True))
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, edit(add("ham", 1, measured=True)))


async def test_pieces_are_not_added_to_thousandths(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("ham", 500, measured=True))
    await refused(connection, carts, UserErrorCode.INVALID_QUANTITY, edit(add("ham", 1)))


@pytest.mark.parametrize("quantity", [0, -1])
async def test_nothing_and_less_cannot_be_added(connection: Connection, carts: CartStore, quantity: int) -> None:
    await made(carts)
    await refused(connection, carts, UserErrorCode.INVALID_QUANTITY, edit(add("mug", quantity)))
    await refused(connection, carts, UserErrorCode.INVALID_QUANTITY, edit(["fee", "wrap", quantity]))


async def test_too_many_lines_are_refused(connection: Connection, carts: CartStore) -> None:
    await made(carts, *[add(f"sku-{number}") for number in range(5)])
    await refused(connection, carts, UserErrorCode.LINE_LIMIT, edit(add("sku-0"), add("one-more")), 1)


@pytest.mark.parametrize(
    ("channels", "stores", "storeless", "channel", "store", "sold"),
    [
        (None, None, (), "web", None, True),
        (None, None, (), "web", "lyon", True),
        (("web",), None, (), "web", None, True),
        (("pos",), None, (), "web", "lyon", False),
        (None, ("lyon",), (), "web", "lyon", True),
        (None, ("lyon",), ("web",), "web", "nice", False),
        (None, ("lyon",), ("web",), "web", None, True),
        (None, ("lyon",), ("pos",), "web", None, False),
        ((), (), (), "web", None, False),
    ],
)
async def test_a_product_is_added_only_where_it_is_sold(
    connection: Connection,
    carts: CartStore,
    channels: tuple[str, ...] | None,
    stores: tuple[str, ...] | None,
    storeless: tuple[str, ...],
    channel: str,
    store: str | None,
    sold: bool,  # noqa: FBT001  # a table's column
) -> None:
    await made(carts, channel=ChannelId(channel), store=store)
    guard = SoldWhere(channels, stores, storeless)  # type: ignore[arg-type]
    asked = edit(add("mug", sold_where=guard))
    if sold:
        await committed(carts, asked)
    else:
        await refused(connection, carts, UserErrorCode.NOT_SOLD_HERE, asked)


async def test_more_goes_to_the_own_share(carts: CartStore) -> None:
    await made(carts, add("mug", 2))
    cart = await committed(carts, edit(set_to(5), by=BEN_CALLER))
    assert only(cart).shares == ((ANN, 2), (BEN, 3))


async def test_less_is_taken_from_the_own_share_first_then_from_the_newest(carts: CartStore) -> None:
    await made(carts, add("mug", 4))
    await committed(carts, edit(add("mug", 3), by=BEN_CALLER))
    await committed(carts, edit(add("mug", 2), by=STAFF_CALLER))
    assert only(await committed(carts, edit(set_to(8)))).shares == ((ANN, 3), (BEN, 3), (STAFF, 2))
    assert only(await committed(carts, edit(set_to(4)))).shares == ((BEN, 3), (STAFF, 1))
    assert only(await committed(carts, edit(set_to(1), by=BEN_CALLER))).shares == ((STAFF, 1),)


async def test_a_set_by_somebody_without_a_share_takes_the_newest(carts: CartStore) -> None:
    await made(carts, add("mug", 4))
    await committed(carts, edit(add("mug", 3), by=BEN_CALLER))
    cart = await committed(carts, edit(set_to(5), by=STAFF_CALLER))
    assert only(cart).shares == ((ANN, 4), (BEN, 1))


async def test_set_to_zero_removes_the_line(carts: CartStore) -> None:
    await made(carts, add("mug"), add("pen"))
    assert [each.sku for each in (await committed(carts, edit(set_to(0)))).lines] == ["pen"]


async def test_a_set_to_what_is_there_is_a_version_but_no_change(carts: CartStore) -> None:
    await made(carts, add("mug", 3))
    cart = await committed(carts, edit(set_to(3)))
    assert (cart.version, only(cart).changed_version) == (3, 2)


async def test_measured_goods_are_set_in_thousandths_and_pieces_in_whole_ones(
    connection: Connection, carts: CartStore
) -> None:
    await made(carts, add("ham", 500, measured=True), add("mug"))
    cart = await done(carts, ChangeLines((LineChange(line("ham"), 1234),)))
    assert cart.lines[0].quantity == 1234
    await refused(connection, carts, UserErrorCode.INVALID_QUANTITY, edit(["set", line("mug"), 1500, False]))
    await refused(connection, carts, UserErrorCode.INVALID_QUANTITY, edit(["set", line("mug"), -1000, False]))


async def test_a_set_over_the_cap_is_refused_but_a_line_over_a_lowered_cap_may_shrink(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    await made(carts, add("mug", 20))
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, edit(set_to(21)))
    stricter = CartStore(connection, names, dataclasses.replace(LIMITS, quantity=5))
    assert only(await committed(stricter, edit(set_to(18)))).quantity == 18
    await refused(connection, stricter, UserErrorCode.QUANTITY_LIMIT, edit(set_to(19)))


@pytest.mark.parametrize(
    "op", [set_to(1, "pen"), set_to(0, "pen"), ["del", line("pen"), False], ["line_put", line("pen"), "n", "x", False]]
)
async def test_a_line_that_is_not_there_is_refused(connection: Connection, carts: CartStore, op: Op) -> None:
    await made(carts, add())
    await refused(connection, carts, UserErrorCode.LINE_NOT_FOUND, edit(add(), op), 1)


async def test_remove_takes_the_line_whoever_put_it(carts: CartStore) -> None:
    await made(carts, add("mug", 2), add("pen"))
    cart = await done(carts, RemoveLines((line("mug"),)), by=BEN_CALLER)
    assert [each.sku for each in cart.lines] == ["pen"]


async def test_notes_and_delivery_of_a_line_are_set_and_taken_away(carts: CartStore) -> None:
    await made(carts, add())
    place = DeliveryChoice("pickup", "lyon")
    cart = await done(carts, ChangeLines((LineChange(line(), note="gift", delivery=place),)))
    assert (only(cart).note, only(cart).delivery, only(cart).changed_version) == ("gift", place, 3)
    cart = await done(carts, ChangeLines((LineChange(line(), note="gift", delivery=place),)))
    assert only(cart).changed_version == 3
    cart = await done(carts, ChangeLines((LineChange(line(), note="", clear_delivery=True),)))
    assert (only(cart).note, only(cart).delivery, only(cart).changed_version) == ("", None, 5)


# Versions.


@pytest.mark.parametrize(
    "command",
    [
        ChangeLines((LineChange(line(), 1000, if_version=2),)),
        ChangeLines((LineChange(line(), note="x", if_version=2),)),
        RemoveLines((line(),), if_version=2),
        SetNote("x", if_version=2),
        SetContext(channel=POS, if_version=2),
    ],
)
async def test_a_change_seen_too_long_ago_is_stale(
    connection: Connection, carts: CartStore, command: ChangeLines | RemoveLines | SetNote | SetContext
) -> None:
    await made(carts, add("mug", 5))
    await done(carts, AddLines((NewLine(Sku("mug"), 1),)), SetNote("new"), SetContext(channel=ChannelId("app")))
    await refused(connection, carts, UserErrorCode.STALE_VERSION, edit(*command.ops()))


async def test_what_did_not_change_is_not_stale(carts: CartStore) -> None:
    await made(carts, add("mug", 5), add("pen"))
    await done(carts, AddLines((NewLine(Sku("pen"), 1),)))
    cart = await committed(carts, edit(set_to(2, "mug", seen=2)))
    assert cart.lines[0].quantity == 2
    await done(carts, SetNote("x", if_version=1))


async def test_one_request_is_one_version_and_all_or_nothing(connection: Connection, carts: CartStore) -> None:
    cart = await made(carts, add("mug"), add("pen"), set_to(4, "mug"))
    assert (cart.version, [each.quantity for each in cart.lines]) == (2, [4, 1])
    await refused(
        connection, carts, UserErrorCode.LINE_NOT_FOUND, edit(add("mug"), ["clear"], set_to(1, "mug"), add("pen")), 2
    )


async def test_a_request_that_changes_nothing_makes_a_version(carts: CartStore) -> None:
    await made(carts)
    assert (await committed(carts, edit())).version == 2


# Codes, fees, context.


async def test_codes_are_kept_as_entered_and_once(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    cart = await done(carts, AddCodes((("SPRING", "spring"), ("VIP", "Vip"))))
    assert cart.codes == (CodeEntry("SPRING", "spring"), CodeEntry("VIP", "Vip"))
    cart = await done(carts, AddCodes((("SPRING", "SpRiNg"),)))
    assert (cart.version, cart.codes[0]) == (3, CodeEntry("SPRING", "spring"))
    await refused(connection, carts, UserErrorCode.CODE_LIMIT, edit(["code", "MORE", "more"]))
    cart = await done(carts, RemoveCodes(("SPRING",)))
    assert cart.codes == (CodeEntry("VIP", "Vip"),)
    await refused(connection, carts, UserErrorCode.INVALID_CODE, edit(["uncode", "SPRING"]))


async def test_fees_are_counted_and_bounded(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    await done(carts, AddFees((("wrap", 2),)))
    cart = await done(carts, AddFees((("wrap", 1), ("carbon", 1))))
    assert cart.fees == (FeeChoice("wrap", 3), FeeChoice("carbon", 1))
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, edit(["fee", "wrap", 18]))
    await refused(connection, carts, UserErrorCode.CART_TOO_LARGE, edit(["fee", "bag", 1]))
    cart = await done(carts, RemoveFees(("wrap",)))
    assert cart.fees == (FeeChoice("carbon", 1),)
    await refused(connection, carts, UserErrorCode.UNKNOWN_FEE, edit(["unfee", "wrap"]))


async def test_the_context_is_set_and_remembers_when(carts: CartStore) -> None:
    await made(carts)
    there = DeliveryChoice("home", "", "evening")
    cart = await done(carts, SetContext(POS, StoreId("nice"), locale="en", delivery=there))
    assert (cart.channel, cart.store, cart.locale, cart.delivery) == (POS, "nice", "en", there)
    assert cart.field_versions == {"channel": 2, "store": 2, "locale": 2, "delivery": 2}
    cart = await done(carts, SetContext(channel=POS, clear_store=True, clear_delivery=True))
    assert (cart.store, cart.delivery) == (None, None)
    assert cart.field_versions == {"channel": 2, "store": 3, "locale": 2, "delivery": 3}
    cart = await done(carts, SetContext(payment_method="card"))
    assert (cart.payment_method, cart.field_versions["payment"]) == ("card", 4)
    cart = await done(carts, SetContext(payment_method=""))
    assert (cart.payment_method, cart.field_versions["payment"]) == ("", 5)


async def test_clear_keeps_context_and_members(carts: CartStore) -> None:
    await made(
        carts, add(), ["code", "A", "a"], ["fee", "wrap", 1], ["choose", "a", "mug"], ["put", "note", "x", False]
    )
    cart = await done(carts, Clear())
    assert (cart.lines, cart.codes, cart.fees, cart.gift_choices, cart.note) == ((), (), (), {}, "")
    assert (cart.channel, len(cart.members), cart.field_versions) == (WEB, 2, {"note": 3})
    assert only(await committed(carts, edit(add()))).added_version == 4


async def test_a_cart_that_grows_too_large_is_refused_and_may_shrink(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    await made(carts, add("mug", note="n" * 2000))
    asked = edit(add("pen", note="n" * 2000))
    await refused(connection, carts, UserErrorCode.CART_TOO_LARGE, asked, None)
    stricter = CartStore(connection, names, dataclasses.replace(LIMITS, cart_bytes=100))
    assert only(await committed(stricter, edit(["line_put", line(), "n", "short", False]))).note == "short"


# Owners.


async def test_signing_in_renames_the_guest_everywhere(carts: CartStore) -> None:
    await made(carts, add("mug", 2), members=(Member(ANN, Role.OWNER),))
    cart = await done(carts, AttachCustomer(BEN_ID, BEN, facts(), guest=ANN), AddLines((NewLine(Sku("pen"), 1),)))
    assert (cart.customer, cart.facts) == (BEN_ID, facts())
    assert cart.members == (Member(BEN, Role.OWNER),)
    assert [each.shares for each in cart.lines] == [((BEN, 2),), ((BEN, 1),)]
    assert cart.expires_ms - cart.updated_ms == LIMITS.customer_ms


@pytest.mark.parametrize("order", [(ANN, BEN), (BEN, ANN)])
async def test_signing_in_merges_shares_with_those_the_customer_has(
    carts: CartStore, order: tuple[MemberId, MemberId]
) -> None:
    roles = {ANN: Role.OWNER, BEN: Role.EDITOR}
    await made(carts, add("mug", 2), add("pen"), members=tuple(Member(each, roles[each]) for each in order))
    await committed(carts, edit(add("mug", 3), by=BEN_CALLER))
    await committed(carts, edit(add("mug", 1), add("cup"), by=STAFF_CALLER))
    cart = await done(carts, AttachCustomer(BEN_ID, BEN, facts(), guest=ANN))
    assert cart.members == (Member(BEN, Role.OWNER),)
    assert [each.shares for each in cart.lines] == [((BEN, 5), (STAFF, 1)), ((BEN, 1),), ((STAFF, 1),)]
    log = await carts.read_log(CART, 0)
    assert [entry.member for entry in log.entries] == [BEN, BEN, BEN, STAFF, BEN]
    assert only(await done(carts, Clear(), AddLines((NewLine(Sku("mug"), 1),)), by=BEN_CALLER)).shares == ((BEN, 1),)


async def test_a_sign_in_is_replayed_though_the_guest_is_no_member_any_more(
    connection: Connection, carts: CartStore
) -> None:
    await made(carts, members=(Member(ANN, Role.OWNER),))
    asked = edit(*AttachCustomer(BEN_ID, BEN, facts(), guest=ANN).ops())
    cart = await committed(carts, asked)
    again = await carts.commit(CART, asked)
    assert again == Committed(cart, 2, again.at_ms, replayed=True)
    await missing(connection, carts, edit(add()))


async def test_staff_attach_a_customer_in_place_of_the_guest(carts: CartStore) -> None:
    await made(carts, add("mug", 2), members=(Member(ANN, Role.OWNER),))
    cart = await done(carts, AttachCustomer(BEN_ID, BEN, facts()), by=STAFF_CALLER)
    assert (cart.members, only(cart).shares) == ((Member(BEN, Role.OWNER),), ((BEN, 2),))


async def test_staff_attach_a_customer_to_a_cart_without_members(carts: CartStore) -> None:
    await committed(carts, edit(add(), by=STAFF_CALLER, new_cart=start(members=())))
    cart = await done(carts, AttachCustomer(BEN_ID, BEN, facts()), by=STAFF_CALLER)
    assert (cart.members, only(cart).shares) == ((Member(BEN, Role.OWNER),), ((STAFF, 1),))


async def test_a_cart_of_another_customer_is_not_attached(connection: Connection, carts: CartStore) -> None:
    await made(carts, customer=CustomerId("zoe"))
    asked = edit(add(), *AttachCustomer(BEN_ID, BEN, facts()).ops(), by=STAFF_CALLER)
    await refused(connection, carts, UserErrorCode.CART_HAS_CUSTOMER, asked, 1)


async def test_only_newer_facts_of_the_same_customer_are_taken(carts: CartStore) -> None:
    await made(carts, customer=BEN_ID, facts=facts(version=4))
    old, new, other = facts(version=4, tier="none"), facts(version=5, tier="platinum"), facts("zoe", 9)
    assert (await done(carts, RefreshFacts(old))).facts == facts(version=4)
    assert (await done(carts, RefreshFacts(other))).facts == facts(version=4)
    assert (await done(carts, RefreshFacts(new))).facts == new
    assert (await done(carts, AttachCustomer(BEN_ID, BEN, old))).facts == new


# Operation ids.


async def test_sending_twice_does_it_once_and_answers_the_newest_cart(carts: CartStore) -> None:
    await made(carts)
    asked = edit(add("mug", 2))
    await committed(carts, asked)
    newest = await committed(carts, edit(add("pen"), by=BEN_CALLER))
    again = await carts.commit(CART, asked)
    assert again == Committed(newest, 2, again.at_ms, replayed=True)


async def test_an_id_is_not_used_for_something_else(connection: Connection, carts: CartStore) -> None:
    await made(carts)
    await committed(carts, edit(add("mug"), operation="twice"))
    await refused(connection, carts, UserErrorCode.OPERATION_ID_REUSED, edit(add("pen"), operation="twice"), None)


async def test_the_content_is_what_the_caller_says_it_is(carts: CartStore) -> None:
    await made(carts)
    await committed(carts, edit(add("mug"), operation="same", content=b"request"))
    again = await carts.commit(CART, edit(add("mug"), add("pen"), operation="same", content=b"request"))
    assert isinstance(again, Committed)
    assert again.replayed


async def test_operation_ids_count_per_member(carts: CartStore) -> None:
    await made(carts)
    await committed(carts, edit(add("mug"), operation="same"))
    cart = await committed(carts, edit(add("pen"), operation="same", by=BEN_CALLER))
    assert len(cart.lines) == 2


async def test_a_refused_operation_may_be_sent_again_and_succeed(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("mug", 20))
    asked = edit(add("mug", 5))
    await refused(connection, carts, UserErrorCode.QUANTITY_LIMIT, asked)
    await committed(carts, edit(set_to(1)))
    assert only(await committed(carts, asked)).quantity == 6


async def test_old_operation_ids_are_forgotten_now_and_then(
    connection: Connection, carts: CartStore, names: KeyNames
) -> None:
    forgetful = CartStore(connection, names, dataclasses.replace(LIMITS, applied_ms=-1))
    await made(carts)
    for _ in range(62):
        await committed(forgetful, edit())
    assert await connection.command("HLEN", names.applied(CART)) == 63
    await committed(forgetful, edit())
    assert await connection.command("HLEN", names.applied(CART)) == 0


# Life spans, log, memory.


async def test_every_key_of_a_cart_ends_with_it(connection: Connection, carts: CartStore, names: KeyNames) -> None:
    cart = await made(carts, add())
    ends = [await connection.command("PEXPIRETIME", key) for key in names.commit(CART)[:3]]
    assert len(set(ends)) == 1
    assert abs(ends[0] - cart.expires_ms) <= 1000
    cart = await done(carts, AttachCustomer(BEN_ID, BEN, facts(), guest=ANN))
    ends = [await connection.command("PEXPIRETIME", key) for key in names.commit(CART)[:3]]
    assert all(abs(end - (cart.updated_ms + LIMITS.customer_ms)) <= 1000 for end in ends)


async def test_the_log_says_who_did_what_where(carts: CartStore) -> None:
    await made(carts, add("mug", 2), set_to(3), ["code", "A", "a"], ["put", "note", "secret", False])
    await committed(carts, edit(["put", "channel", "pos", False], ["del", line(), False], by=STAFF_CALLER))
    log = await carts.read_log(CART, 1)
    assert log.complete
    assert log.cart == (await carts.read(CART)).cart
    first, second = log.entries
    assert (first.version, first.member, first.channel, first.store, first.device) == (2, ANN, WEB, None, "phone")
    assert first.changes == (("add", line(), "2"), ("set", line(), "3"), ("code", "A"), ("put", "note", ""))
    assert (second.version, second.member, second.channel, second.store) == (3, STAFF, POS, "lyon")
    assert second.changes == (("put", "channel", "pos"), ("del", line()))
    assert log.cart is not None
    assert second.at_ms == log.cart.updated_ms


async def test_the_log_names_the_operation(carts: CartStore) -> None:
    await committed(carts, edit(operation="first", new_cart=start()))
    (entry,) = (await carts.read_log(CART, 0)).entries
    assert (entry.operation, entry.changes) == ("first", (("create",),))


async def test_the_log_is_trimmed_and_says_so(carts: CartStore) -> None:
    await made(carts)
    for _ in range(40):
        await committed(carts, edit())
    assert [entry.version for entry in (await carts.read_log(CART, 38)).entries] == [39, 40, 41]
    enough, short = await carts.read_log(CART, 11), await carts.read_log(CART, 10)
    assert (enough.complete, len(enough.entries)) == (True, LIMITS.log)
    assert (short.complete, len(short.entries)) == (False, LIMITS.log)
    nothing = await carts.read_log(CART, 41)
    assert (nothing.complete, nothing.entries) == (True, ())


async def test_the_log_of_no_cart_is_empty(carts: CartStore) -> None:
    log = await carts.read_log(CART, 0)
    assert (log.cart, log.entries) == (None, ())


async def test_a_cart_of_20_lines_with_its_log_and_ids_takes_less_than_4_kb(
    connection: Connection, names: KeyNames
) -> None:
    carts = CartStore(connection, names)
    guest = MemberId("guest:0f8fad5bd9cb469fa165")
    await committed(carts, edit(by=caller(guest), new_cart=start(members=(Member(guest, Role.OWNER),))))
    for number in range(20):
        operation = f"7c9e6679-7425-40de-944b-e07fc1f90{number:03}"
        await committed(carts, edit(add(f"SKU-{number:05}", 2), by=caller(guest), operation=operation))
    assert await usage(connection, names) < 4000


async def test_a_new_version_is_announced(connection: Connection, carts: CartStore, server_url: str) -> None:
    async with Redis.from_url(server_url) as listener, listener.pubsub() as channel:
        await channel.execute_command("SSUBSCRIBE", carts.wake_up_channel(CART))
        await channel.parse_response(block=True)
        await made(carts)
        kind, name, message = await channel.parse_response(block=True)
        assert (kind, name, message) == (b"smessage", carts.wake_up_channel(CART).encode(), b"1")
