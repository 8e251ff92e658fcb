"""Codes that shoppers type: one form to compare them in, and how codes are made that survive being read and typed."""

import unicodedata
from collections.abc import Callable
from typing import Final

CODE_LENGTH_MAX: Final = 64
"""Of the canonical form, in characters."""

CODE_ALPHABET: Final = "23456789CDFGHJKMNPRTVWX"
"""What generated codes are made of: nothing that looks like something else (0 O, 1 I L, 2 Z, 5 S, 8 B, Q), no vowel
that would make words. There are 23 characters, a prime number, which is what `check_character` needs."""

SERIES: Final = "series:"
"""What a rule begins with to name all codes of a series. No code that is typed has a colon."""

VOUCHER_LENGTH: Final = 12
"""Of the codes that orders bring, in characters: 49 bits by chance, and one that shows a typo."""

SERIES_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
"""What a series may be called."""

_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


def canonical_code(entered: str) -> str | None:
    """Return the form in which codes are compared, or None for what cannot be a code.

    Capital letters and digits, 1 to 64 of them; spaces and dashes of any kind are removed, full-width characters
    become plain ones.
    """
    if len(entered) > 4 * CODE_LENGTH_MAX:
        return None
    if entered.isascii() and entered.isalnum():  # as nearly all are: a list of codes has a hundred thousand
        code = entered.upper()
    else:
        plain = unicodedata.normalize("NFKC", entered).upper()
        code = "".join(char for char in plain if not char.isspace() and unicodedata.category(char) != "Pd")
    return code if code.isalnum() and len(code) <= CODE_LENGTH_MAX else None


def look_alike(canonical: str) -> str:
    """Return what a code looks like: the same text for all codes that differ only in O and 0, or in I, L and 1."""
    return canonical.translate(_LOOK_ALIKES)


def series_word(series: str) -> str:
    """Return what rules call the codes of a series."""
    return SERIES + series


def is_voucher(canonical: str) -> bool:
    """Say whether a code can be one that an order brought: nobody is asked about others."""
    return len(canonical) == VOUCHER_LENGTH and is_intact(canonical)


def drawn_voucher(draw: Callable[[str], str]) -> str:
    """Return a code for a later cart, in canonical form; `draw` takes a character of several by chance."""
    body = "".join(draw(CODE_ALPHABET) for _ in range(VOUCHER_LENGTH - 1))
    return body + check_character(body)


def grouped(code: str) -> str:
    """Return a code as people read it: in groups of four."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def check_character(body: str) -> str:
    """Return the character that ends a generated code; `body` is made of `CODE_ALPHABET`, at most 21 characters.

    Each place has a weight of its own modulo 23, so one wrong character, or any two swapped, never fit: ISO 7064 does
    the same for other numbers of characters.
    """
    total = sum(weight * CODE_ALPHABET.index(char) for weight, char in enumerate(reversed(body), 2))
    return CODE_ALPHABET[-total % len(CODE_ALPHABET)]


def check_digit(payload: str) -> str:
    """Return the digit that belongs behind `payload` (digits only) in a GTIN: GS1 General Specifications, section 7.9.

    From the right the digits weigh 3, 1, 3, 1, …; the check digit brings the sum to a multiple of ten.
    """
    weighed = 3 * sum(map(int, payload[::-2])) + sum(map(int, payload[-2::-2]))
    return str(-weighed % 10)


def is_intact(generated: str) -> bool:
    """Say whether the random part of a generated code, prefix taken off, can have been typed right.

    It needs no list of codes: a till says "check the code" before it asks anybody.
    """
    body, check = generated[:-1], generated[-1:]
    return bool(body) and set(generated) <= set(CODE_ALPHABET) and check == check_character(body)
