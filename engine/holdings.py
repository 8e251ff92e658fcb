"""What a quote holds until it is paid for: a part of the shell, beneath `engine.checkout_service`.

Each thing lies in a slot of its own and is asked for by itself, all at once; each step may be sent again.
"""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from engine.checkout.model import Quote
from engine.errors import UserError, UserErrorCode
from engine.limits import Limit, LimitKind, Use
from engine.storage.checkouts import Attempt
from engine.storage.limits import Hold, HoldState
from engine.storage.stores import Stores
from engine.types import CartId, InstantMs, QuoteId

GRACE_MS: Final = 60_000
"""By how much holds outlive their quote, so that a completion at the last moment finds them."""


@dataclass(frozen=True, slots=True)
class Short:
    """What a quote could not have, and what there was of it."""

    limits: dict[Limit, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything is short."""
        return bool(self.limits)

    def errors(self) -> Iterator[UserError]:
        """Yield what to say of it."""
        yield from map(limit_error, self.limits)


class Holdings:
    """The holds of one quote, under its id. All methods raise `StoreUnavailableError`, and may be called again."""

    def __init__(self, stores: Stores, quote: Quote) -> None:
        self._limits = stores.limits
        self._quote = quote
        self._owner = owner_of(quote.cart.id, quote.id)

    async def hold(self, deadline_ms: InstantMs) -> Short:
        """Hold all of it until an instant, or, where something is short, nothing for long: then `release` it."""
        uses = self._quote.uses
        holds = await self._limits.hold_all(uses, self._quote.id, deadline_ms, self._owner)
        left = {use.limit: _left(use, hold) for use, hold in zip(uses, holds, strict=True)}
        return Short({limit: rest for limit, rest in left.items() if rest is not None})

    async def extend(self, deadline_ms: InstantMs) -> Short:
        """Hold it until another instant; what lapsed is held again at what was quoted."""

        async def extended(use: Use) -> Hold:
            found = await self._limits.extend(use.limit, self._quote.id, deadline_ms)
            return found if found.made else await self._again(use, deadline_ms)

        return await self._short_of(extended)

    async def pin(self, attempt: Attempt) -> Short:
        """Let it lapse no more; what lapsed is held again at what was quoted."""

        async def pinned(use: Use) -> Hold:
            found = await self._limits.pin(use.limit, self._quote.id, attempt.number)
            if found.made:
                return found
            held = await self._again(use, InstantMs(attempt.at_ms + GRACE_MS))
            return await self._limits.pin(use.limit, self._quote.id, attempt.number) if held.made else held

        return await self._short_of(pinned)

    async def unpin(self, attempt: Attempt) -> None:
        """Let it lapse again, a minute from now, but for what another attempt has pinned."""
        id_, deadline_ms = self._quote.id, InstantMs(attempt.at_ms + GRACE_MS)
        await gather(*(self._limits.unpin(use.limit, id_, deadline_ms, attempt.number) for use in self._quote.uses))

    async def release(self) -> None:
        """Give it up."""
        await gather(*(self._limits.release(use.limit, self._quote.id) for use in self._quote.uses))

    async def post(self) -> None:
        """Spend it: its order is placed."""

        async def post(use: Use) -> None:
            posted = await self._limits.post(use.limit, self._quote.id)
            if not posted.made and posted.state is not HoldState.RETURNED:
                await self._limits.post_beyond(use, self._quote.id, self._owner)

        await gather(*map(post, self._quote.uses))

    async def give_back(self) -> None:
        """Give back what is to be given back of it: its order was cancelled."""
        returning = [use.limit for use in self._quote.uses if use.returns]
        await gather(*(self._limits.give_back(limit, self._quote.id) for limit in returning))

    async def _again(self, use: Use, deadline_ms: InstantMs) -> Hold:
        return await self._limits.hold(replace(use, partial=False), self._quote.id, deadline_ms, self._owner)

    async def _short_of(self, step: Callable[[Use], Awaitable[Hold]]) -> Short:
        """Do a step for all uses at once; return those for which it did not come about."""
        found = await gather(*map(step, self._quote.uses))
        return Short({use.limit: hold.left for use, hold in zip(self._quote.uses, found, strict=True) if not hold.made})


def owner_of(cart: CartId, quote: QuoteId) -> str:
    """Return what holds are made with, for whoever finds them pinned."""
    return f"{cart}/{quote}"


def limit_error(limit: Limit) -> UserError:
    """Return what to say of a limit that is used up."""
    what = "the money" if limit.kind is LimitKind.BUDGET else "the number of uses"
    return UserError(
        UserErrorCode.LIMIT_REACHED, f"{what} that the promotion `{limit.promotion}` is limited to is spent"
    )


def _left(use: Use, hold: Hold) -> int | None:
    """Return what is left of a limit of which less was held than is used; None where it was not."""
    if not hold.made:
        return hold.left if use.partial else 0
    return hold.amount if hold.amount < use.amount else None
