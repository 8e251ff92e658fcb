"""Opaque ids: what `node` looks things up by. Clients keep them and hand them back, and must not read them."""

import base64
import binascii
from functools import lru_cache
from typing import Final, NamedTuple

from strawberry import ID

_LENGTH_MAX: Final = 400
_REMEMBERED_MAX: Final = 4_096
"""A page asks for the same few things again and again."""


class NodeKey(NamedTuple):
    """What an id names: a GraphQL type, and the key of one thing of it."""

    type: str
    key: str


@lru_cache(maxsize=_REMEMBERED_MAX)
def encode_id(type_: str, key: str) -> ID:
    """Return the id of a thing: ``Type:key`` in URL-safe base64, without padding."""
    return ID(base64.urlsafe_b64encode(f"{type_}:{key}".encode()).rstrip(b"=").decode("ascii"))


@lru_cache(maxsize=_REMEMBERED_MAX)
def decode_id(text: str) -> NodeKey | None:
    """Return what an id names, None for a text that is no id of ours."""
    if len(text) > _LENGTH_MAX:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        return None
    type_, colon, key = plain.partition(":")
    return NodeKey(type_, key) if colon and key else None


def key_of(text: str, type_: str) -> str:
    """Return the key in an id of that type; empty where it is none, which is the key of nothing."""
    found = decode_id(text)
    return found.key if found is not None and found.type == type_ else ""
