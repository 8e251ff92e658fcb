"""Checks of what is asked about members, before it becomes a command."""

from collections.abc import Sequence
from typing import Final

from engine.cart.members import ChangeRole, CreateInvite, LimitGroup, LimitMember
from engine.cart.model import Budget, Role
from engine.errors import RefusedError, UserErrorCode
from engine.money import parse_amount
from engine.pricing.shop import Shop
from engine.types import Currency, InstantMs, InviteId, MemberId

INVITE_USES_MAX: Final = 100
INVITE_LIFE_S_MAX: Final = 30 * 24 * 60 * 60
CATEGORIES_MAX: Final = 50

_SHOWN_LENGTH_MAX: Final = 40


def admit_invite(id_: InviteId, code: str, role: Role, uses: int, life_s: int) -> CreateInvite:
    """Check an invite. Raises `RefusedError`."""
    _refuse_owner(role)
    if not 1 <= uses <= INVITE_USES_MAX:
        _refuse(UserErrorCode.INVALID_INVITE, f"an invite has 1 to {INVITE_USES_MAX} uses, not {uses}", "uses")
    if not 1 <= life_s <= INVITE_LIFE_S_MAX:
        message = f"an invite lasts 1 to {INVITE_LIFE_S_MAX} seconds, not {life_s}"
        _refuse(UserErrorCode.INVALID_INVITE, message, "lifeSeconds")
    return CreateInvite(id_, code, role, uses, life_s * 1000)


def admit_role(member: MemberId, role: Role) -> ChangeRole:
    """Check another role. Raises `RefusedError`."""
    _refuse_owner(role)
    return ChangeRole(member, role)


def admit_member_limits(
    member: MemberId, budget: tuple[str, str] | None, blocked: Sequence[str], shop: Shop
) -> LimitMember:
    """Check what a member may spend, as amount and currency, and what is not for them. Raises `RefusedError`."""
    if len(blocked) > CATEGORIES_MAX:
        message = f"at most {CATEGORIES_MAX} categories can be blocked, not {len(blocked)}"
        _refuse(UserErrorCode.UNKNOWN_CATEGORY, message, "blockedCategories")
    known = {category for product in shop.products.values() for category in product.categories()}
    for place, category in enumerate(blocked):
        if category not in known:
            message = f"no product is in the category `{category[:_SHOWN_LENGTH_MAX]}`"
            _refuse(UserErrorCode.UNKNOWN_CATEGORY, message, "blockedCategories", str(place))
    return LimitMember(member, _budget(budget, shop), tuple(dict.fromkeys(blocked)))


def admit_group(budget: tuple[str, str] | None, deadline_ms: InstantMs | None, shop: Shop) -> LimitGroup:
    """Check what all may spend together, as amount and currency, and until when. Raises `RefusedError`."""
    return LimitGroup(_budget(budget, shop), deadline_ms)


def _budget(written: tuple[str, str] | None, shop: Shop) -> Budget | None:
    if written is None:
        return None
    amount, currency = written[0], Currency(written[1])
    if currency not in {store.currency for store in shop.stores.values()}:
        message = f"`{currency[:_SHOWN_LENGTH_MAX]}` is not a currency of this shop"
        _refuse(UserErrorCode.INVALID_BUDGET, message, "budget", "currency")
    try:
        amount_minor = parse_amount(amount, currency)
    except ValueError as error:
        raise RefusedError.because(UserErrorCode.INVALID_BUDGET, str(error), "budget", "amount") from error
    if amount_minor < 0:
        _refuse(UserErrorCode.INVALID_BUDGET, "a budget is not negative", "budget", "amount")
    return Budget(amount_minor, currency)


def _refuse_owner(role: Role) -> None:
    if role is Role.OWNER:
        message = "a cart has one owner: hand the ownership over to a member instead"
        _refuse(UserErrorCode.INVALID_ROLE, message, "role")


def _refuse(code: UserErrorCode, message: str, *path: str) -> None:
    raise RefusedError.because(code, message, *path)
