"""Where checkout meets the rest: handing over, merging, signing in, and sales of tills that were offline."""

import dataclasses

import pytest

from engine.cart.handoff import HandoffMode
from engine.checkout.steps import Step
from engine.checkout_service import begin_checkout, cancel_checkout
from engine.errors import UserErrorCode
from engine.handoff_service import HandoffRequest, claim_handoff, create_handoff
from engine.merge_service import merge_carts, sign_in, undo_merge
from engine.offline_service import record_sale, take_snapshot
from engine.service import Panier
from engine.storage.connection import Connection
from engine.types import CustomerId
from tests.storage.test_checkout import (
    ADA,
    STAFF,
    KilledError,
    begun,
    filled,
    guest,
    paid,
    quoted,
    total_of,
)
from tests.storage.test_checkout import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # likewise
from tests.storage.test_sales_posted import TILL, sale_of

BEN = guest("ben")


async def test_nothing_is_merged_into_a_cart_in_checkout(engine: Panier) -> None:
    source, quote = await filled(engine, BEN), await quoted(engine, BEN)
    refused = await merge_carts(engine, BEN, source.cart.id, quote.cart.id, None, None)
    assert [error.code for error in refused.errors] == [UserErrorCode.CART_FROZEN]
    kept = await engine.cart(BEN, source.cart.id)
    assert kept is not None
    assert (kept.cart.lines, kept.cart.transfer) == (source.cart.lines, None)
    await cancel_checkout(engine, BEN, quote.cart.id, quote.id, None)
    assert (await merge_carts(engine, BEN, source.cart.id, quote.cart.id, None, None)).errors == ()


async def test_an_ordered_cart_gives_nothing_back_to_what_went_into_it(engine: Panier) -> None:
    source, target = await filled(engine, BEN), await filled(engine, BEN)
    assert (await merge_carts(engine, BEN, source.cart.id, target.cart.id, None, None)).errors == ()
    merged = await engine.cart(BEN, target.cart.id)
    assert merged is not None
    answer = await begun(engine, BEN, merged)
    assert answer.quoted is not None
    assert (await paid(engine, BEN, answer.quoted.quote)).order is not None
    undone = await undo_merge(engine, BEN, source.cart.id, None)
    assert [error.code for error in undone.errors] == [UserErrorCode.CART_ORDERED]
    third = await filled(engine, BEN)
    late = await merge_carts(engine, BEN, third.cart.id, target.cart.id, None, None)
    assert [error.code for error in late.errors] == [UserErrorCode.CART_ORDERED]


async def test_a_code_does_not_move_a_cart_that_is_being_paid_for(engine: Panier) -> None:
    cart = await filled(engine, BEN)
    moving = await create_handoff(engine, BEN, cart.cart.id, None, HandoffRequest(HandoffMode.MOVE))
    assert moving.handoff is not None
    answer = await begun(engine, BEN, cart)
    assert answer.quoted is not None
    claimed = await claim_handoff(engine, TILL, "here", moving.handoff.code.text)
    assert [error.code for error in claimed.errors] == [UserErrorCode.CART_FROZEN]
    again = await create_handoff(engine, BEN, cart.cart.id, None, HandoffRequest(HandoffMode.MOVE))
    assert [error.code for error in again.errors] == [UserErrorCode.CART_FROZEN]
    await paid(engine, BEN, answer.quoted.quote)
    for mode in (HandoffMode.MOVE, HandoffMode.JOIN):
        made = await create_handoff(engine, BEN, cart.cart.id, None, HandoffRequest(mode))
        assert [error.code for error in made.errors] == [UserErrorCode.CART_ORDERED]
    copied = await create_handoff(engine, BEN, cart.cart.id, None, HandoffRequest(HandoffMode.COPY))
    assert copied.handoff is not None


async def test_what_a_till_sold_meanwhile_is_not_sold_again(engine: Panier) -> None:
    cart = await filled(engine, BEN)
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None
    answer = await begun(engine, BEN, cart)
    assert answer.quoted is not None
    assert (await record_sale(engine, TILL, taken.snapshot, sale_of(1))).errors == ()
    late = await paid(engine, BEN, answer.quoted.quote)
    assert ([error.code for error in late.errors], late.refund_due) == ([UserErrorCode.QUOTE_EXPIRED], True)


async def test_a_sale_of_what_was_ordered_meanwhile_is_told_to_be_the_second(engine: Panier) -> None:
    cart = await filled(engine, BEN)
    taken = await take_snapshot(engine, TILL, cart.cart.id, 3600)
    assert taken.snapshot is not None
    answer = await begun(engine, BEN, cart)
    assert answer.quoted is not None
    assert (await paid(engine, BEN, answer.quoted.quote)).order is not None
    recorded = await record_sale(engine, TILL, taken.snapshot, sale_of(1))
    assert recorded.sale is not None
    assert recorded.sale.second


async def test_a_cart_in_checkout_is_in_nobodys_way_to_sign_in(engine: Panier) -> None:
    home = await filled(engine, ADA)
    quote = await quoted(engine, BEN)
    signed_in = await sign_in(engine, ADA, quote.cart.id, CustomerId("ada"), None, BEN, None)
    assert signed_in.errors == ()
    assert (await paid(engine, ADA, quote)).order is not None
    kept = await engine.cart(ADA, home.cart.id)
    assert kept is not None
    assert kept.cart.lines == home.cart.lines


async def test_the_next_cart_does_not_wait_for_what_a_crash_left(engine: Panier) -> None:
    quote = await quoted(engine, ADA)

    def die(step: str) -> None:
        if step == Step.PLACED:
            raise KilledError

    engine.reached = die
    with pytest.raises(KilledError):
        await paid(engine, ADA, quote)
    engine.reached = lambda _: None
    following = await filled(engine, ADA)
    assert following.cart.id != quote.cart.id


async def test_quotes_of_checkouts_that_are_refused_are_soon_gone(engine: Panier, connection: Connection) -> None:
    quote = await quoted(engine, BEN)
    cart = await engine.cart(BEN, quote.cart.id)
    assert cart is not None
    other = dataclasses.replace(STAFF, id="other")
    for _ in range(3):
        refused = await begin_checkout(engine, other, cart.cart.id, total_of(cart), None)
        assert [error.code for error in refused.errors] == [UserErrorCode.CART_FROZEN]
    keys = await connection.command("KEYS", "*:quote:*")
    lives_ms = sorted([await connection.command("PTTL", key) for key in keys])
    assert len(lives_ms) == 4
    assert lives_ms[-2] <= 16 * 60_000 < lives_ms[-1]
