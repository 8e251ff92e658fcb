"""What a refused operation means to whoever sent the request: which argument it came from, and a sentence."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from engine.cart.commands import (
    AddAdjustment,
    AddCodes,
    AddFees,
    AddLines,
    BurnPoints,
    ChangeLines,
    ChooseGift,
    Command,
    RemoveAdjustment,
    RemoveCodes,
    RemoveFees,
    RemoveLines,
)
from engine.cart.members import (
    ChangeRole,
    DecideSuggestions,
    HandOver,
    Join,
    LimitMember,
    RemoveMember,
    RevokeInvite,
)
from engine.cart.model import Cart
from engine.errors import UserErrorCode


def argument_of(commands: Sequence[Command], op_index: int) -> tuple[str, ...]:
    """Return the path of the argument that made an operation."""
    arguments = [path for command in commands for path in _arguments(command)]
    return arguments[op_index] if op_index < len(arguments) else ()


def sentence_of(code: UserErrorCode, cart: Cart | None) -> str:
    """Return what to say of a refusal; of a cart that was sold, where and when."""
    sold = cart.sold if cart else None
    if code is not UserErrorCode.CART_SOLD or sold is None:
        return REFUSALS[code]
    where = " in ".join(filter(None, (sold.device or sold.channel, sold.store)))
    when = datetime.fromtimestamp(sold.at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"the cart was paid for at {where} on {when} and is closed"


def _arguments(command: Command) -> list[tuple[str, ...]]:
    """Return the path of the argument of each operation of a command, in their order."""
    match command:
        case ChangeLines():
            return [
                ("lines", str(place))
                for place, change in enumerate(command.changes)
                for _ in ChangeLines((change,)).ops()
            ]
        case AddLines() | RemoveLines():
            name = "lines" if isinstance(command, AddLines) else "lineIds"
            return [(name, str(place)) for place in range(len(command.lines))]
        case AddCodes() | RemoveCodes():
            return [("codes", str(place)) for place in range(len(command.codes))]
        case AddFees() | RemoveFees():
            return [("fees", str(place)) for place in range(len(command.fees))]
        case DecideSuggestions():
            return [("lineIds", str(place)) for place in range(len(command.lines))]
        case _:
            return [_OF_ONE_OPERATION.get(type(command), ()) for _ in command.ops()]


_OF_ONE_OPERATION: Final[dict[type[Command], tuple[str, ...]]] = {
    AddAdjustment: ("adjustment", "lineId"),
    RemoveAdjustment: ("adjustmentId",),
    ChooseGift: ("promotionId",),
    BurnPoints: ("points",),
    RevokeInvite: ("inviteId",),
    Join: ("code",),
    ChangeRole: ("memberId",),
    RemoveMember: ("memberId",),
    HandOver: ("memberId",),
    LimitMember: ("memberId",),
}

REFUSALS: Final = {
    UserErrorCode.CART_NOT_FOUND: "there is no such cart",
    UserErrorCode.STALE_VERSION: "it was changed since the version you named: see the cart as it is now, then decide",
    UserErrorCode.OPERATION_ID_REUSED: "this operation id was used for another request: make a new one for each",
    UserErrorCode.LINE_NOT_FOUND: "there is no such line in the cart",
    UserErrorCode.NOT_SOLD_HERE: "this product is not sold in the cart's channel or store",
    UserErrorCode.INVALID_QUANTITY: "this product is sold by the piece: the quantity must be a whole number",
    UserErrorCode.QUANTITY_LIMIT: "the quantity would exceed what one line may hold",
    UserErrorCode.LINE_LIMIT: "the cart would have more lines than a cart may hold",
    UserErrorCode.CODE_LIMIT: "the cart would have more codes than a cart may hold",
    UserErrorCode.CART_TOO_LARGE: "the cart would be larger than a cart may be",
    UserErrorCode.CART_HAS_CUSTOMER: "this cart belongs to another customer",
    UserErrorCode.INVALID_CODE: "there is no such code in the cart",
    UserErrorCode.UNKNOWN_FEE: "there is no such fee in the cart",
    UserErrorCode.UNKNOWN_GIFT: "no gift of this promotion was chosen",
    UserErrorCode.ADJUSTMENT_LIMIT: "the cart would have more changes by staff than a cart may hold",
    UserErrorCode.ROLE_FORBIDS: "the caller's role in this cart does not allow it",
    UserErrorCode.OWNER_STAYS: "a cart keeps its owner: hand the ownership over first",
    UserErrorCode.MEMBER_NOT_FOUND: "there is no such member in the cart",
    UserErrorCode.MEMBER_LIMIT: "the cart would have more members than a cart may have",
    UserErrorCode.INVITE_NOT_FOUND: "this invite is not known, was taken back, has ended or is used up",
    UserErrorCode.INVITE_LIMIT: "the cart would have more open invites than a cart may have",
    UserErrorCode.SUGGESTION_NOT_FOUND: "nothing of the kind is suggested",
    UserErrorCode.SUGGESTION_LIMIT: "more lines would wait for approval than a cart may hold",
    UserErrorCode.CART_FROZEN: "the cart is in checkout: it cannot be changed until that ends, see its `checkout`",
    UserErrorCode.CART_ORDERED: "the cart was ordered, and changes no more",
    UserErrorCode.CART_CHANGED: "the cart was changed at this moment: look at it, and try again",
    UserErrorCode.QUOTE_EXPIRED: "the checkout ended, or the cart was changed after it had expired: begin another one",
    UserErrorCode.CHECKOUT_BUSY: "a payment for this cart is being taken at this moment",
    UserErrorCode.CART_HELD: "the cart was moved to another device: until it comes back, this one reads only",
    UserErrorCode.NOT_HELD: "the cart is not with this device, or not any more",
    UserErrorCode.CART_SOLD: "the cart was paid for and is closed",
    UserErrorCode.SNAPSHOT_EXPIRED: "the snapshot had expired before this was sent: look at the cart as it is now",
    UserErrorCode.HANDOFF_LIMIT: "the cart has as many open codes as a cart may have: revoke one, or let one expire",
    UserErrorCode.CART_MERGED: "the cart went into another one, or is about to: see `supersededBy`",
    UserErrorCode.INVALID_MERGE: "a cart is merged into another one, not into itself",
    UserErrorCode.NOT_MERGED: "the cart has not been merged into another one, or is a cart of its own again",
    UserErrorCode.TOO_LATE_TO_UNDO: "a merge can be undone within an hour",
    UserErrorCode.ADJUSTMENT_NOT_FOUND: "there is no such change by staff in the cart",
}
