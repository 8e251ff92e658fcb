"""Who sends a request: the token in its header, and whether the shop knows the place that it speaks of."""

from engine.callers import Caller
from engine.priced import Snapshot
from schema.auth import Checked, TokenAuthority, TokenError
from schema.errors import ErrorCode, RequestRefusedError


def checked_caller(authorization: str | None, tokens: TokenAuthority, snapshot: Snapshot) -> Checked | None:
    """Return who sends a request, None where it does not say. Raises `RequestRefusedError`."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "`Authorization` is not `Bearer` and a token"
        raise RequestRefusedError.because(401, ErrorCode.TOKEN_INVALID, message)
    try:
        checked = tokens.checked(token.strip())
    except TokenError as error:
        raise RequestRefusedError.because(401, ErrorCode(error.code.value), str(error)) from error
    _check_place(checked.caller, snapshot)
    return checked


def _check_place(caller: Caller, snapshot: Snapshot) -> None:
    """Refuse a token that speaks of a channel or store which the shop does not have."""
    shop = snapshot.shop
    if caller.channel is not None and caller.channel not in shop.channels:
        message = f"the token names the channel `{caller.channel[:40]}`, which this shop does not have"
        raise RequestRefusedError.because(403, ErrorCode.UNKNOWN_CHANNEL, message)
    if caller.store is not None and caller.store not in shop.stores:
        message = f"the token names the store `{caller.store[:40]}`, which this shop does not have"
        raise RequestRefusedError.because(403, ErrorCode.UNKNOWN_STORE, message)
