"""Who comes between the steps of a checkout: sweepers that are late, payments that overtake each other, cancellations."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine.cart.commands import AddLines, NewLine
from engine.cart.model import Role
from engine.checkout.steps import Step
from engine.checkout_service import Begun, Completed, cancel_checkout, extend_checkout
from engine.errors import UserErrorCode
from engine.limits import Limit
from engine.membership import create_invite, join
from engine.service import Panier
from engine.storage.checkouts import CheckoutStore
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.sweeping import sweep
from engine.types import CustomerId, Sku
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import (
    ADA,
    ONCE,
    SINGLE,
    STAFF,
    TEN,
    KilledError,
    begun,
    codes_of,
    counted,
    expired,
    filled,
    guest,
    lapsed,
    paid,
    quoted,
)
from tests.storage.test_checkout import engine as engine  # noqa: PLC0414  # a fixture, found by its name
from tests.storage.test_checkout import snapshot as snapshot  # noqa: PLC0414  # likewise


class Held(CheckoutStore):
    """Checkouts whose worker stands still around one step, until it is let go."""

    before = after = ""

    def __init__(self, connection: Connection, names: KeyNames) -> None:
        super().__init__(connection, names, log_length=LIMITS.log)
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def _stand(self, *, still: bool) -> None:
        if still:
            self.reached.set()
            await self.go.wait()

    async def give_up(self, *arguments: Any, **named: Any) -> Any:
        await self._stand(still=self.before == "give_up")
        verdict = await super().give_up(*arguments, **named)
        await self._stand(still=self.after == "give_up")
        return verdict

    async def place(self, *arguments: Any) -> Any:
        await self._stand(still=self.before == "place")
        return await super().place(*arguments)


def slow(connection: Connection, names: KeyNames, *, before: str = "", after: str = "") -> Held:
    """Return the checkouts of a worker beside the others, which stands still at a step."""
    held = Held(connection, names)
    held.before, held.after = before, after
    return held


def beside(engine: Panier, checkouts: CheckoutStore) -> Panier:
    """Return another worker on the same store."""
    return Panier(engine.snapshot, replace(engine.stores, checkouts=checkouts), engine.limits)


async def test_a_late_sweeper_leaves_alone_what_a_new_attempt_has_pinned(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    """It asked about an attempt that was left behind, and the payment was told again before it acted on the answer."""
    quote = await quoted(engine, ADA, "ONLY-ONE")

    def die(step: str) -> None:
        if step == Step.PINNED:
            raise KilledError

    engine.reached = die
    with pytest.raises(KilledError):
        await paid(engine, ADA, quote)
    await lapsed(connection, names, quote)
    sweeper, payer = slow(connection, names, after="give_up"), slow(connection, names, before="place")
    sweeping = asyncio.create_task(sweep(beside(engine, sweeper), age_ms=0))
    await sweeper.reached.wait()
    paying: asyncio.Task[Completed] = asyncio.create_task(paid(beside(engine, payer), ADA, quote))
    await payer.reached.wait()
    sweeper.go.set()
    await sweeping
    late = await filled(engine, guest("ben"), "ONLY-ONE")
    assert (await begun(engine, guest("ben"), late)).quoted is None
    payer.go.set()
    assert (await paying).order is not None
    assert await counted(engine, SINGLE) == (1, 0)


async def test_a_request_that_was_short_is_told_of_the_order_that_its_twin_placed(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    """Sent twice after the expiry: the first found the last use gone, then it was given back, and the second got it."""
    quote = await quoted(engine, ADA, "ONLY-ONE")
    await expired(engine, connection, names, quote)
    other = await quoted(engine, guest("ben"), "ONLY-ONE")
    late = slow(connection, names, before="give_up")
    short: asyncio.Task[Completed] = asyncio.create_task(paid(beside(engine, late), ADA, quote))
    await late.reached.wait()
    await cancel_checkout(engine, guest("ben"), other.cart.id, other.id, None)
    placed = await paid(engine, ADA, quote)
    assert placed.order is not None
    late.go.set()
    assert await short == replace(placed, replayed=True)
    assert await counted(engine, SINGLE) == (1, 0)


@pytest.mark.parametrize("its_time_is_over", [False, True])
async def test_a_payment_that_is_refused_places_nothing_by_its_twin(
    engine: Panier, connection: Connection, names: KeyNames, *, its_time_is_over: bool
) -> None:
    """The first was told that it is refunded; the second was about to place the order."""
    quote = await quoted(engine, ADA, "ONLY-ONE")
    await expired(engine, connection, names, quote)
    other = await quoted(engine, guest("ben"), "ONLY-ONE")
    late, quick = slow(connection, names, before="give_up"), slow(connection, names, before="place")
    short: asyncio.Task[Completed] = asyncio.create_task(paid(beside(engine, late), ADA, quote))
    await late.reached.wait()
    await cancel_checkout(engine, guest("ben"), other.cart.id, other.id, None)
    if its_time_is_over:
        await lapsed(connection, names, quote)
    paying: asyncio.Task[Completed] = asyncio.create_task(paid(beside(engine, quick), ADA, quote))
    await quick.reached.wait()
    late.go.set()
    answer = await short
    assert (answer.order, answer.refund_due) == (None, True)
    quick.go.set()
    again = await paying
    assert (again.order, again.refund_due, codes_of(again)) == (None, True, [UserErrorCode.REFUND_DUE])
    await sweep(engine, age_ms=0)
    await expired(engine, connection, names, quote)
    assert await counted(engine, SINGLE) == (0, 0)


async def test_what_was_refused_is_thawed_as_before(engine: Panier, connection: Connection, names: KeyNames) -> None:
    """A payment that came too late does not keep the cart frozen; an extension that did keeps nothing."""
    quote = await quoted(engine, ADA, "ONLY-ONE", "WELCOME")
    await expired(engine, connection, names, quote)
    other = await quoted(engine, guest("ben"), "ONLY-ONE")
    extended = await extend_checkout(engine, ADA, quote.cart.id, quote.id, None)
    assert codes_of(extended) == [UserErrorCode.LIMIT_REACHED]
    assert await counted(engine, ONCE) == (0, 0)
    assert codes_of(await paid(engine, ADA, quote)) == [UserErrorCode.QUOTE_EXPIRED, UserErrorCode.LIMIT_REACHED]
    added = await engine.apply(ADA, quote.cart.id, None, lambda *_: AddLines((NewLine(Sku("oat"), 1),)))
    assert added.errors == ()
    assert (await paid(engine, guest("ben"), other)).order is not None


async def test_staff_do_not_break_what_is_being_paid_for_at_this_moment(
    engine: Panier, connection: Connection, names: KeyNames
) -> None:
    quote = await quoted(engine, ADA, "ONLY-ONE")
    payer = slow(connection, names, before="place")
    paying: asyncio.Task[Completed] = asyncio.create_task(paid(beside(engine, payer), ADA, quote))
    await payer.reached.wait()
    broken = await cancel_checkout(engine, STAFF, quote.cart.id, quote.id, None)
    assert [error.code for error in broken.errors] == [UserErrorCode.CHECKOUT_BUSY]
    second = await paid(engine, ADA, quote, "another")
    assert (codes_of(second), second.refund_due) == ([UserErrorCode.CHECKOUT_BUSY], False)
    await lapsed(connection, names, quote)  # the payer takes longer than anybody may
    broken = await cancel_checkout(engine, STAFF, quote.cart.id, quote.id, None)
    assert broken.errors == ()
    payer.go.set()
    late = await paying
    assert (late.order, late.refund_due, codes_of(late)) == (None, True, [UserErrorCode.QUOTE_EXPIRED])
    await sweep(engine, age_ms=0)
    assert await counted(engine, SINGLE) == (0, 0)


async def test_who_began_as_a_guest_and_signed_in_ends_it(engine: Panier) -> None:
    """Their seat in the cart is another one by then."""
    owner, adas_guest = guest("owner"), guest("adas-phone")
    cart = (await filled(engine, owner)).cart.id
    for member in (ADA, adas_guest):
        invited = await create_invite(engine, owner, cart, None, Role.EDITOR, 1, 3600)
        assert invited.invite is not None
        assert (await join(engine, member, invited.invite.code, None)).errors == ()
    read = await engine.cart(adas_guest, cart)
    assert read is not None
    answer = await begun(engine, adas_guest, read)
    assert answer.quoted is not None
    signed_in = await engine.attach(ADA, cart, CustomerId("ada"), None, adas_guest)
    assert signed_in.errors == ()
    cancelled = await cancel_checkout(engine, ADA, cart, answer.quoted.quote.id, None)
    assert cancelled.errors == ()


@pytest.mark.parametrize(("code", "limit", "room", "each"), [("ONLY-ONE", SINGLE, 1, 1), ("TEN-EUROS", TEN, 10, 100)])
async def test_what_hundreds_raced_for_is_free_again_after_expiry(  # what it is about, and where
    engine: Panier, connection: Connection, names: KeyNames, code: str, limit: Limit, room: int, each: int
) -> None:
    callers = [guest(f"g{number}") for number in range(300)]
    carts = [await filled(engine, caller, code) for caller in callers]
    for _ in range(2):
        answers = await asyncio.gather(*[begun(engine, *one) for one in zip(callers, carts, strict=True)])
        quotes = [answer.quoted.quote for answer in answers if answer.quoted]
        assert len(quotes) == room
        assert await counted(engine, limit) == (0, room * each)
        for quote in quotes:
            await expired(engine, connection, names, quote)
        assert await counted(engine, limit) == (0, 0)


async def test_a_begin_that_is_sent_many_times_at_once_tells_all_of_them_one_quote(engine: Panier) -> None:
    """Each is priced at a moment of its own; the quote that is kept is what all are told, and can be paid."""
    cart = await filled(engine, ADA, "ONLY-ONE")

    async def late(seconds: float) -> Begun:
        await asyncio.sleep(seconds)
        return await begun(engine, ADA, cart, "op")

    answers = await asyncio.gather(*[late(number / 2000) for number in range(20)])
    quotes = [answer.quoted.quote for answer in answers if answer.quoted]
    assert len(quotes) == len(answers)
    assert all(quote == quotes[0] for quote in quotes)
    assert (await paid(engine, ADA, quotes[0])).order is not None
    assert await counted(engine, SINGLE) == (1, 0)
