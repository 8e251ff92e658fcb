"""Codes that orders bring for a later cart: how they come about, are looked up, used once, and become void.

A part of the shell. A cart holds a copy of what is known of a code that is entered, as it holds one of its owner's
facts: so its price follows from the cart. Only a checkout, which holds the one use of the code, is definitive.
"""

import secrets
import time
from asyncio import gather
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeVar

from engine.callers import Caller, Scope
from engine.cart.codes import drawn_voucher, is_voucher
from engine.cart.commands import AddCodes, Command
from engine.cart.model import Voucher, VoucherEnd
from engine.checkout.model import IssuedVoucher, Order
from engine.limits import Limit, LimitKind, Use, voucher_limit
from engine.storage.stores import Stores
from engine.storage.vouchers import VoucherRecord
from engine.types import CustomerId, InstantMs

C = TypeVar("C", bound=Command)

_MINUTE_MS: Final = 60 * 1000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS


async def issue(stores: Stores, order: Order) -> None:
    """Make the codes that an order brings, once however often this is called.

    Which they are is written down with the order. What a crash leaves of those drawn before is known to nobody.
    """
    due = order.quote.evaluation.codes_to_issue
    if not due:
        return
    issued = await stores.checkouts.issued(order.number)
    if not issued:
        drawn = [await _drawn(stores, order, each.series, each.valid_days) for each in due]
        issued = await stores.checkouts.issued_once(order.number, drawn)
    if order.customer:
        await stores.vouchers.list_for(order.customer, [(each.code, each.expires_ms) for each in issued])


async def make_void(stores: Stores, order: Order) -> None:
    """Make void what an order brought and nobody has used: it was cancelled."""
    if not order.quote.evaluation.codes_to_issue:
        return
    for each in await _as_they_are(stores, await stores.checkouts.issued(order.number)):
        record = await stores.vouchers.read(each.code)
        if record is not None and each.ended is not VoucherEnd.USED:
            await stores.vouchers.make_void(record)


async def with_issued(stores: Stores, order: Order) -> Order:
    """Return an order with the codes that it brought, as they are by now. No round trip where it brought none."""
    if not order.quote.evaluation.codes_to_issue:
        return order
    return replace(order, issued=await _as_they_are(stores, await stores.checkouts.issued(order.number)))


async def vouchers_of(stores: Stores, caller: Caller, customer: CustomerId) -> tuple[IssuedVoucher, ...]:
    """Return the codes of a customer that have not expired, the next to do so first.

    None where the caller may not know. One round trip, and two for all codes at once.
    """
    if caller.customer != customer and not caller.may(Scope.CART_READ):
        return ()
    codes = await stores.vouchers.codes_of(customer, InstantMs(time.time_ns() // 10**6))
    records = await gather(*map(stores.vouchers.read, codes))
    known = [IssuedVoucher(each.code, each.series, each.expires_ms) for each in records if each is not None]
    return await _as_they_are(stores, known)


async def looked_up(stores: Stores, command: C) -> C:
    """Return a command with what is known of the codes that it adds. No round trip unless some may be an order's."""
    if not isinstance(command, AddCodes):
        return command
    codes = [canonical for canonical, _ in command.codes if is_voucher(canonical)]
    if not codes:
        return command
    records = [record for record in await gather(*map(stores.vouchers.read, codes)) if record is not None]
    known = [IssuedVoucher(each.code, each.series, each.expires_ms) for each in records]
    vouchers = {
        each.code: Voucher(each.series, each.expires_ms, each.ended) for each in await _as_they_are(stores, known)
    }
    return replace(command, vouchers=vouchers)


async def gone_among(stores: Stores, uses: Iterable[Use]) -> dict[Limit, int]:
    """Return the uses of codes that became void since they were entered: nothing is left of them."""
    limits = [use.limit for use in uses if use.limit.kind is LimitKind.VOUCHER]
    records = await gather(*(stores.vouchers.read(limit.subject) for limit in limits))
    return {limit: 0 for limit, record in zip(limits, records, strict=True) if record is None or record.void}


async def _drawn(stores: Stores, order: Order, series: str, valid_days: int) -> IssuedVoucher:
    """Draw a code that there was not. It ends with a whole minute, where all that the clock changes in prices does."""
    expires_ms = InstantMs(-(-(order.placed_ms + valid_days * _DAY_MS) // _MINUTE_MS) * _MINUTE_MS)
    while True:
        record = VoucherRecord(drawn_voucher(secrets.choice), series, expires_ms, order.number, order.customer)
        if await stores.vouchers.add(record, order.placed_ms):
            return IssuedVoucher(record.code, series, expires_ms)


async def _as_they_are(stores: Stores, issued: Iterable[IssuedVoucher]) -> tuple[IssuedVoucher, ...]:
    """Return codes with whether they were used or became void; where both, they were used."""
    known = tuple(issued)
    counted, records = await gather(
        stores.limits.read([voucher_limit(each.code) for each in known]),
        gather(*(stores.vouchers.read(each.code) for each in known)),
    )
    return tuple(
        replace(each, ended=VoucherEnd.USED if used.spent else VoucherEnd.VOID if record and record.void else None)
        for each, used, record in zip(known, counted, records, strict=True)
    )
