"""What resolvers know of the request they work for."""

from dataclasses import dataclass

import strawberry
from graphql import GraphQLError

from engine.callers import Caller, Scope
from engine.live import LiveCarts
from engine.priced import Snapshot
from engine.service import Panier
from engine.types import ChannelId, InstantMs, StoreId
from schema.auth import TokenAuthority
from schema.errors import ErrorCode, fault


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: who calls, the snapshot it started on, and what answers it.

    ``now_ms`` dates what is shown of the catalogue and the promotions; carts are priced at the store's time.
    ``caller`` is None for a request without a token, which may only look around and start a session. ``live`` is there
    for subscriptions. ``address`` is where the request came from.
    """

    engine: Panier
    snapshot: Snapshot
    tokens: TokenAuthority
    session_life_s: int
    caller: Caller | None
    now_ms: InstantMs
    live: LiveCarts | None = None
    address: str = ""

    def known_caller(self) -> Caller:
        """Return who calls. Raises `GraphQLError` where nobody says so."""
        if self.caller is None:
            raise fault(
                ErrorCode.TOKEN_MISSING, "this needs a token: send `Authorization: Bearer …` (see sessionCreate)"
            )
        return self.caller

    @property
    def sees_all_offers(self) -> bool:
        """Whether the caller may see promotions that are not open to everybody."""
        return self.caller is not None and self.caller.may(Scope.OFFERS_READ)

    def place(self, channel: str | None = None, store: str | None = None) -> tuple[ChannelId, StoreId | None]:
        """Return the channel and store asked for, else the caller's, else the shop's. Raises `GraphQLError`."""
        shop, caller = self.snapshot.shop, self.caller
        if channel is not None and channel not in shop.channels:
            raise unknown_place(ErrorCode.UNKNOWN_CHANNEL, "channel", channel)
        if store is not None and store not in shop.stores:
            raise unknown_place(ErrorCode.UNKNOWN_STORE, "store", store)
        named = ChannelId(channel) if channel is not None else None
        here = named or (caller.channel if caller else None) or shop.default_channel
        if store is not None:
            return here, StoreId(store)
        # A caller's store is of no meaning in another channel than theirs.
        return here, caller.store if caller and channel in {None, caller.channel} else None


def unknown_place(code: ErrorCode, what: str, name: str) -> GraphQLError:
    """Build the error for a channel or store that the shop does not have."""
    return fault(code, f"`{name[:40]}` is not a {what} of this shop")


Info = strawberry.Info[RequestContext, None]
