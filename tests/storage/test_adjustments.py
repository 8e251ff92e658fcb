"""What staff change by hand, as the store keeps it."""

from engine.cart.commands import AddAdjustment, AttachCustomer, Clear, Op, RemoveAdjustment, RemoveLines
from engine.cart.model import Adjustment, AdjustmentKind
from engine.errors import UserErrorCode
from engine.storage.carts import CartStore
from engine.storage.connection import Connection
from engine.types import AdjustmentId, CustomerId, LineId, MemberId
from tests.storage.shopper import (
    BEN,
    CART,
    LIMITS,
    STAFF,
    STAFF_CALLER,
    add,
    committed,
    done,
    edit,
    facts,
    line,
    made,
    refused,
)


def change(id_: str = "a1", on: LineId | None = None, **more: str) -> AddAdjustment:
    return AddAdjustment(AdjustmentId(id_), AdjustmentKind.AMOUNT, on, 250, "EUR", "damaged", "manager", **more)


def op(id_: str, on: LineId | None = None) -> Op:
    (only,) = change(id_, on).ops()
    return only


async def test_a_change_is_kept_with_who_why_and_when(carts: CartStore) -> None:
    await made(carts, add("mug"))
    cart = await done(carts, change("a1", line("mug"), note="a crack"), by=STAFF_CALLER)
    assert cart.adjustments == (
        Adjustment(
            id=AdjustmentId("a1"),
            kind=AdjustmentKind.AMOUNT,
            line=line("mug"),
            value=250,
            currency="EUR",
            reason="damaged",
            role="manager",
            member=STAFF,
            note="a crack",
            added_version=3,
            added_at_ms=cart.updated_ms,
        ),
    )
    percent = AddAdjustment(AdjustmentId("a2"), AdjustmentKind.PERCENT, None, 1000, "", "damaged", "manager")
    cart = await done(carts, percent, by=STAFF_CALLER)
    assert [(each.id, each.line, each.currency, each.note) for each in cart.adjustments][1:] == [("a2", None, "", "")]


async def test_the_log_keeps_it_too(carts: CartStore) -> None:
    await made(carts, add("mug"))
    await done(carts, change(), by=STAFF_CALLER)
    await done(carts, RemoveAdjustment(AdjustmentId("a1")), by=STAFF_CALLER)
    read = await carts.read_log(CART, 2)
    assert [entry.changes for entry in read.entries] == [
        (("adjust", "a1", "amount 250 EUR damaged"),),
        (("unadjust", "a1"),),
    ]
    assert {entry.member for entry in read.entries} == {STAFF}
    assert read.cart is not None
    assert read.cart.adjustments == ()


async def test_one_for_a_line_that_is_not_there_is_refused(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("mug"))
    await refused(connection, carts, UserErrorCode.LINE_NOT_FOUND, edit(op("a1", line("pen")), by=STAFF_CALLER))


async def test_taking_back_what_is_not_there_is_refused(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("mug"), op("a1"))
    gone = edit(*RemoveAdjustment(AdjustmentId("a2")).ops(), by=STAFF_CALLER)
    await refused(connection, carts, UserErrorCode.ADJUSTMENT_NOT_FOUND, gone)


async def test_there_is_a_limit(connection: Connection, carts: CartStore) -> None:
    await made(carts, add("mug"), *[op(f"a{number}") for number in range(LIMITS.adjustments)])
    await refused(connection, carts, UserErrorCode.ADJUSTMENT_LIMIT, edit(op("more"), by=STAFF_CALLER))


async def test_it_goes_with_its_line_however_that_goes(carts: CartStore) -> None:
    await made(carts, add("mug"), add("pen"), op("on-mug", line("mug")), op("on-pen", line("pen")), op("on-cart"))
    cart = await done(carts, RemoveLines((line("mug"),)))
    assert [each.id for each in cart.adjustments] == ["on-pen", "on-cart"]
    cart = await committed(carts, edit(["set", line("pen"), 0, False]))
    assert [each.id for each in cart.adjustments] == ["on-cart"]
    cart = await committed(carts, edit(add("mug"), add("pen")))
    assert [each.id for each in cart.adjustments] == ["on-cart"], "what is added again is another wish"
    assert (await done(carts, Clear())).adjustments == ()


async def test_who_made_it_stays_themselves_when_a_guest_signs_in(carts: CartStore) -> None:
    await made(carts, add("mug"))
    await done(carts, change(), by=STAFF_CALLER)
    ben = CustomerId("ben")
    cart = await done(carts, AttachCustomer(ben, BEN, facts()), by=STAFF_CALLER)
    assert [each.member for each in cart.adjustments] == [MemberId(STAFF)]
