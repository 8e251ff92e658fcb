"""Codes that shoppers type: one form to compare them in, for carts and rules alike."""

import unicodedata
from typing import Final

CODE_LENGTH_MAX: Final = 64
"""Of the canonical form, in characters."""


def canonical_code(entered: str) -> str | None:
    """Return the form in which codes are compared, or None for what cannot be a code.

    Capital letters and digits, 1 to 64 of them; spaces and dashes of any kind are removed, full-width characters
    become plain ones.
    """
    if len(entered) > 4 * CODE_LENGTH_MAX:
        return None
    plain = unicodedata.normalize("NFKC", entered).upper()
    code = "".join(char for char in plain if not char.isspace() and unicodedata.category(char) != "Pd")
    return code if code.isalnum() and len(code) <= CODE_LENGTH_MAX else None
