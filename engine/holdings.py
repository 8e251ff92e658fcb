"""What a quote holds until it is paid for: a part of the shell, beneath `engine.checkout_service`.

Each thing lies in a slot of its own and is asked for by itself, all at once; each step may be sent again.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from engine.checkout.model import PointsUse, Quote
from engine.errors import UserError, UserErrorCode
from engine.limits import Limit, LimitKind, Use
from engine.loyalty.commands import (
    ExtendHold,
    HoldPoints,
    OnHold,
    PinHold,
    PostHold,
    ReleaseHold,
    ReturnPoints,
    UnpinHold,
)
from engine.loyalty.ledger import Status
from engine.spendable import is_of_cart
from engine.storage.checkouts import Attempt
from engine.storage.ledger import Booked
from engine.storage.limits import Hold, HoldState
from engine.storage.stores import Stores
from engine.types import CartId, InstantMs, OrderNumber, QuoteId

GRACE_MS: Final = 60_000
"""By how much holds outlive their quote, so that a completion at the last moment finds them."""


@dataclass(frozen=True, slots=True)
class Short:
    """What a quote could not have, and what there was of it."""

    limits: dict[Limit, int] = field(default_factory=dict)
    points: int | None = None
    """None where these are not short."""

    def __bool__(self) -> bool:
        """Say whether anything is short."""
        return bool(self.limits) or self.points is not None

    def errors(self) -> Iterator[UserError]:
        """Yield what to say of it."""
        yield from map(limit_error, self.limits)
        if self.points is not None:
            yield points_error(self.points)


class Holdings:
    """The holds of one quote, under its id. All methods raise `StoreUnavailableError`, and may be called again."""

    def __init__(self, stores: Stores, quote: Quote) -> None:
        self._carts = stores.carts
        self._uses = stores.uses
        self._ledger = stores.ledger
        self._quote = quote
        self._owner = owner_of(quote.cart.id, quote.id)

    async def hold(self, deadline_ms: InstantMs) -> Short:
        """Hold all of it until an instant, or, where something is short, nothing for long: then `release` it."""
        uses, points = self._quote.uses, self._quote.points
        holds, points_left = await gather(
            self._uses.hold_all(uses, self._quote.id, deadline_ms, self._owner),
            self._hold_points(points, deadline_ms) if points else _nothing(),
        )
        left = {use.limit: _left(use, hold) for use, hold in zip(uses, holds, strict=True)}
        return Short({limit: rest for limit, rest in left.items() if rest is not None}, points_left)

    async def extend(self, deadline_ms: InstantMs) -> Short:
        """Hold it until another instant; what lapsed is held again at what was quoted."""

        async def extended(use: Use) -> Hold:
            found = await self._uses.extend(use.limit, self._quote.id, deadline_ms)
            return found if found.made else await self._again(use, deadline_ms)

        async def points_extended(points: PointsUse) -> int | None:
            booked = await self._ledger.do(points.account, ExtendHold(self._quote.id, deadline_ms))
            return await self._hold_points(points, deadline_ms) if booked.status is Status.GONE else None

        return await self._short_of(extended, points_extended)

    async def pin(self, attempt: Attempt) -> Short:
        """Let it lapse no more; what lapsed is held again at what was quoted."""

        async def pinned(use: Use) -> Hold:
            found = await self._uses.pin(use.limit, self._quote.id, attempt.number)
            if found.made:
                return found
            held = await self._again(use, InstantMs(attempt.at_ms + GRACE_MS))
            return await self._uses.pin(use.limit, self._quote.id, attempt.number) if held.made else held

        async def points_pinned(points: PointsUse) -> int | None:
            pin = PinHold(self._quote.id, attempt.number)
            if (await self._ledger.do(points.account, pin)).status is not Status.GONE:
                return None
            short = await self._hold_points(points, InstantMs(attempt.at_ms + GRACE_MS))
            if short is None:
                await self._ledger.do(points.account, pin)
            return short

        return await self._short_of(pinned, points_pinned)

    async def unpin(self, attempt: Attempt, deadline_ms: InstantMs) -> None:
        """Let it lapse again, at an instant, but for what another attempt has pinned."""
        id_ = self._quote.id
        await gather(
            *(self._uses.unpin(use.limit, id_, deadline_ms, attempt.number) for use in self._quote.uses),
            self._points(UnpinHold(id_, deadline_ms, attempt.number)),
        )

    async def release(self) -> None:
        """Give it up."""
        released = [self._uses.release(use.limit, self._quote.id) for use in self._quote.uses]
        await gather(*released, self._points(ReleaseHold(self._quote.id)))

    async def post(self, order: OrderNumber) -> None:
        """Spend it: its order is placed."""

        async def post(use: Use) -> None:
            posted = await self._uses.post(use.limit, self._quote.id)
            if not posted.made and posted.state is not HoldState.RETURNED:
                await self._uses.post_beyond(use, self._quote.id, self._owner)

        await gather(*map(post, self._quote.uses), self._post_points(order))

    async def give_back(self, points: ReturnPoints) -> None:
        """Give back what is to be given back of it, points as the command says: its order was cancelled."""
        returning = [use.limit for use in self._quote.uses if use.returns]
        await gather(*(self._uses.give_back(limit, self._quote.id) for limit in returning), self._points(points))

    async def _again(self, use: Use, deadline_ms: InstantMs) -> Hold:
        return await self._uses.hold(replace(use, partial=False), self._quote.id, deadline_ms, self._owner)

    async def _short_of(
        self, step: Callable[[Use], Awaitable[Hold]], of_points: Callable[[PointsUse], Awaitable[int | None]]
    ) -> Short:
        """Do a step for all uses at once, and for points; return those for which it did not come about."""
        uses, points = self._quote.uses, self._quote.points
        found, points_left = await gather(gather(*map(step, uses)), of_points(points) if points else _nothing())
        left = {use.limit: hold.left for use, hold in zip(uses, found, strict=True) if not hold.made}
        return Short(left, points_left)

    async def _points(self, command: OnHold) -> Booked | None:
        """Do a command to what is held of an account, None where nothing is."""
        points = self._quote.points
        return await self._ledger.do(points.account, command) if points else None

    async def _hold_points(self, points: PointsUse, deadline_ms: InstantMs) -> int | None:
        """Hold points; where that cannot be, return how many there are.

        What another checkout of this very cart holds, which was given up, is free for this one.
        """
        wanted = HoldPoints(self._quote.id, points.points, deadline_ms, self._owner)
        booked = await self._ledger.do(points.account, wanted)
        if booked.status is Status.SHORT:
            read = await self._carts.read(self._quote.cart.id)
            frozen = read.cart.freeze_at(read.at_ms) if read.cart else None
            for hold in booked.account.holds:
                if is_of_cart(hold.owner, self._quote.cart.id) and not (frozen and hold.id == frozen.quote):
                    await self._ledger.do(points.account, ReleaseHold(hold.id))
            booked = await self._ledger.do(points.account, wanted)
        return max(0, booked.account.active) if booked.status is Status.SHORT else None

    async def _post_points(self, order: OrderNumber) -> None:
        post = PostHold(self._quote.id, order)
        booked = await self._points(post)
        if booked and booked.status is Status.GONE and self._quote.points:
            # Somebody let it lapse though it was pinned; what is spent by now is lost to the shop, not to others.
            await self._hold_points(self._quote.points, InstantMs(booked.at_ms + GRACE_MS))
            await self._points(post)


async def _nothing() -> None:
    """Hold no points."""


def owner_of(cart: CartId, quote: QuoteId) -> str:
    """Return what holds are made with, for whoever finds them pinned."""
    return f"{cart}/{quote}"


def points_error(there: int) -> UserError:
    """Return what to say of points that are spent by now."""
    return UserError(UserErrorCode.POINTS_SHORT, f"there are {there} points to spend by now")


def limit_error(limit: Limit) -> UserError:
    """Return what to say of a limit that is used up."""
    if limit.kind is LimitKind.VOUCHER:
        return UserError(
            UserErrorCode.LIMIT_REACHED, f"the code `{limit.subject}` is used by now, or not good any more"
        )
    what = "the money" if limit.kind is LimitKind.BUDGET else "the number of uses"
    return UserError(
        UserErrorCode.LIMIT_REACHED, f"{what} that the promotion `{limit.promotion}` is limited to is spent"
    )


def _left(use: Use, hold: Hold) -> int | None:
    """Return what is left of a limit of which less was held than is used; None where it was not."""
    if not hold.made:
        return hold.left if use.partial else 0
    return hold.amount if hold.amount < use.amount else None
