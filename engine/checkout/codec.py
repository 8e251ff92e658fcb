"""The bytes of quotes: the one file that knows them.

Quotes are read again after years, as parts of orders, so their fields stand in them by name; what was added since is
taken as its default.
"""

import zlib
from typing import Final

import msgpack  # type: ignore[import-untyped]  # ships no types
from pydantic import TypeAdapter

from engine.checkout.model import Quote
from engine.errors import PanierError

LAYOUT: Final = 1
"""Raised when the meaning of stored bytes changes; a reader refuses what it does not know."""

_QUOTES: Final = TypeAdapter(Quote)


class UnknownQuoteLayoutError(PanierError):
    """The bytes were written by another version of Panier, and reading them as ours would guess."""


def encode_quote(quote: Quote) -> bytes:
    """Return the bytes of a quote."""
    packed: bytes = msgpack.packb([LAYOUT, _QUOTES.dump_python(quote, mode="json")])
    return zlib.compress(packed)


def decode_quote(blob: bytes) -> Quote:
    """Return the quote that the bytes hold. Raises `UnknownQuoteLayoutError`."""
    layout, written = msgpack.unpackb(zlib.decompress(blob))
    if layout != LAYOUT:
        raise UnknownQuoteLayoutError(f"the stored quote has layout {layout}, this version of Panier reads {LAYOUT}")
    return _QUOTES.validate_python(written)
