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


def _load(name: str, shared: str = "") -> Script:
    """Read a script; ``shared`` names one whose text stands between its first line and the rest."""
    folder = files(__package__).joinpath("lua")
    source = folder.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    if shared:
        first, rest = source.split("\n", 1)
        source = "\n".join([first, folder.joinpath(f"{shared}.lua").read_text(encoding="utf-8"), rest])
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


COMMIT: Final = _load("commit")
READ: Final = _load("read")
READ_LOG: Final = _load("read_log")
CUSTOMER_READ: Final = _load("customer_read")
CUSTOMER_OPEN: Final = _load("customer_open")
CUSTOMER_RELEASE: Final = _load("customer_release")
CUSTOMER_UPSERT: Final = _load("customer_upsert")
READ_SEEN: Final = _load("read_seen")
VIEWERS: Final = _load("viewers")
LIMIT: Final = _load("limit", shared="counter")
LIMIT_MOVE: Final = _load("limit_move", shared="counter")
LIMIT_READ: Final = _load("limit_read")
PINS: Final = _load("pins")

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
    LIMIT,
    LIMIT_MOVE,
    LIMIT_READ,
    PINS,
)
