"""Who comes between the steps of a checkout: sweepers that are late, payments that overtake each other, cancellations."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from engine.checkout.steps import Step
from engine.checkout_service import Completed
from engine.service import Panier
from engine.storage.checkouts import CheckoutStore
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.sweeping import sweep
from tests.storage.shopper import LIMITS
from tests.storage.test_checkout import (
    ADA,
    SINGLE,
    KilledError,
    begun,
    counted,
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

    async def place(self, *arguments: Any) -> Any:
        await self._stand(still=self.before == "place")
        return await super().place(*arguments)

    async def give_up(self, *arguments: Any, **named: Any) -> Any:
        verdict = await super().give_up(*arguments, **named)
        await self._stand(still=self.after == "give_up")
        return verdict


def slow(engine: Panier, connection: Connection, names: KeyNames, *, before: str = "", after: str = "") -> Held:
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
    sweeper, payer = slow(engine, connection, names, after="give_up"), slow(engine, connection, names, before="place")
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
