"""The Lua scripts of the store, read once. Each file says what its keys, arguments and answers are.

A line ``-- include: NAME`` stands for another file: Redis knows no modules.
"""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the SHA-1 under which a server keeps it."""

    name: str
    source: str
    sha: str


def _text(name: str) -> str:
    text = files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return re.sub(r"^-- include: (\w+)$", lambda line: _text(line[1]), text, flags=re.MULTILINE)


def _load(name: str) -> Script:
    source = _text(name)
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


COMMIT: Final = _load("commit")
READ: Final = _load("read")
OPEN_SNAPSHOT: Final = _load("open_snapshot")
SALE: Final = _load("sale")
SALE_POSTED: Final = _load("sale_posted")
READ_LOG: Final = _load("read_log")
CUSTOMER_READ: Final = _load("customer_read")
CUSTOMER_OPEN: Final = _load("customer_open")
CUSTOMER_RELEASE: Final = _load("customer_release")
CUSTOMER_UPSERT: Final = _load("customer_upsert")
CUSTOMER_ORDER: Final = _load("customer_order")
CUSTOMER_POINTS: Final = _load("customer_points")
READ_SEEN: Final = _load("read_seen")
VIEWERS: Final = _load("viewers")
HANDOFF_CREATE: Final = _load("handoff_create")
HANDOFF_CLAIM: Final = _load("handoff_claim")
HANDOFF_REVOKE: Final = _load("handoff_revoke")
PAIRING_START: Final = _load("pairing_start")
PAIRING_APPROVE: Final = _load("pairing_approve")
PAIRING_GIVE_BACK: Final = _load("pairing_give_back")
ATTEMPT: Final = _load("attempt")
GROUP: Final = _load("group")
POINTERS: Final = _load("pointers")
JOURNEY: Final = _load("journey")
CUSTOMER_SUPERSEDE: Final = _load("customer_supersede")
MERGE_DECIDE: Final = _load("merge_decide")
MERGE_FINISH: Final = _load("merge_finish")
LIMIT: Final = _load("limit")
LIMIT_MOVE: Final = _load("limit_move")
LIMIT_READ: Final = _load("limit_read")
PINS: Final = _load("pins")
CHECKOUT_KEEP: Final = _load("checkout_keep")
CHECKOUT_STAY: Final = _load("checkout_stay")
CHECKOUT_READ: Final = _load("checkout_read")
CHECKOUT_ATTEMPT: Final = _load("checkout_attempt")
CHECKOUT_GIVE_UP: Final = _load("checkout_give_up")
CHECKOUT_PLACE: Final = _load("checkout_place")
ORDER_CANCEL: Final = _load("order_cancel")
OUTBOX_DONE: Final = _load("outbox_done")
LEDGER_READ: Final = _load("ledger_read")
LEDGER_COMMIT: Final = _load("ledger_commit")

ALL: Final = (
    COMMIT,
    READ,
    OPEN_SNAPSHOT,
    SALE,
    SALE_POSTED,
    READ_LOG,
    CUSTOMER_READ,
    CUSTOMER_OPEN,
    CUSTOMER_RELEASE,
    CUSTOMER_UPSERT,
    CUSTOMER_ORDER,
    CUSTOMER_POINTS,
    READ_SEEN,
    VIEWERS,
    HANDOFF_CREATE,
    HANDOFF_CLAIM,
    HANDOFF_REVOKE,
    PAIRING_START,
    PAIRING_APPROVE,
    PAIRING_GIVE_BACK,
    ATTEMPT,
    GROUP,
    POINTERS,
    JOURNEY,
    CUSTOMER_SUPERSEDE,
    MERGE_DECIDE,
    MERGE_FINISH,
    LIMIT,
    LIMIT_MOVE,
    LIMIT_READ,
    PINS,
    CHECKOUT_KEEP,
    CHECKOUT_STAY,
    CHECKOUT_READ,
    CHECKOUT_ATTEMPT,
    CHECKOUT_GIVE_UP,
    CHECKOUT_PLACE,
    ORDER_CANCEL,
    OUTBOX_DONE,
    LEDGER_READ,
    LEDGER_COMMIT,
)
