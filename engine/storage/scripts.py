"""The Lua scripts of the store, read once. Each file says what its keys, arguments and answers are."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the SHA-1 under which a server keeps it."""

    name: str
    source: str
    sha: str


def _read(name: str) -> str:
    return files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


def _load(name: str) -> Script:
    return _script(name, _read(name))


def _load_with_lease(name: str) -> Script:
    """Load a script that begins with the functions of `lease.lua`: a server runs one text and includes nothing."""
    return _script(name, "".join(("#!lua\n", _read("lease"), _read(name))))


def _script(name: str, source: str) -> Script:
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


COMMIT: Final = _load_with_lease("commit")
READ: Final = _load("read")
READ_LOG: Final = _load("read_log")
CUSTOMER_READ: Final = _load("customer_read")
CUSTOMER_OPEN: Final = _load("customer_open")
CUSTOMER_RELEASE: Final = _load("customer_release")
CUSTOMER_UPSERT: Final = _load("customer_upsert")
READ_SEEN: Final = _load("read_seen")
VIEWERS: Final = _load("viewers")
HANDOFF_CREATE: Final = _load_with_lease("handoff_create")
HANDOFF_CLAIM: Final = _load_with_lease("handoff_claim")
HANDOFF_REVOKE: Final = _load("handoff_revoke")
PAIRING_START: Final = _load("pairing_start")
PAIRING_APPROVE: Final = _load("pairing_approve")
ATTEMPT: Final = _load("attempt")

ALL: Final = (
    COMMIT,
    READ,
    READ_LOG,
    CUSTOMER_READ,
    CUSTOMER_OPEN,
    CUSTOMER_RELEASE,
    CUSTOMER_UPSERT,
    READ_SEEN,
    VIEWERS,
    HANDOFF_CREATE,
    HANDOFF_CLAIM,
    HANDOFF_REVOKE,
    PAIRING_START,
    PAIRING_APPROVE,
    ATTEMPT,
)
