"""The bytes of quotes: the one file that knows them.

Quotes are read again after years, as parts of orders, so their fields stand in them by name; what was added since is
taken as its default.
"""

import zlib
from typing import Final

from pydantic import TypeAdapter

from engine.checkout.model import Quote
from engine.errors import PanierError

LAYOUT: Final = 1
"""Raised when the meaning of stored bytes changes; a reader refuses what it does not know."""

_QUOTES: Final = TypeAdapter(Quote)


class UnknownQuoteLayoutError(PanierError):
    """The bytes were written by another version of Panier, and reading them as ours would guess."""


def encode_quote(quote: Quote) -> bytes:
    """Return the bytes of a quote: its layout and its JSON, which pydantic writes and reads in one go."""
    # What a higher level saves is a tenth of the bytes, for as much time as all the rest takes.
    return zlib.compress(b"%d %b" % (LAYOUT, _QUOTES.dump_json(quote)), level=1)


def decode_quote(blob: bytes) -> Quote:
    """Return the quote that the bytes hold. Raises `UnknownQuoteLayoutError`."""
    layout, _, written = zlib.decompress(blob).partition(b" ")
    if layout != b"%d" % LAYOUT:
        known = f"this version of Panier reads {LAYOUT}"
        raise UnknownQuoteLayoutError(f"the stored quote has layout {layout[:9].decode('ascii', 'replace')}, {known}")
    return _QUOTES.validate_json(written)
