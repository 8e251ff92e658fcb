"""Telephone numbers in one form: E.164, the international one (ITU-T E.164: a plus and at most 15 digits)."""

import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[\s().\-/]+")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


def canonical_phone(written: str) -> str | None:
    """Return a number in the form ``+33612345678``, None for what cannot be one or does not name its country."""
    plain = _SEPARATORS.sub("", written)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    return plain if _E164.fullmatch(plain) else None
