"""Which known word a wrong one was meant to be, also among a hundred thousand."""

import string
from collections.abc import Collection, Iterator

from engine.errors import did_you_mean

_FEW = 100
"""Up to so many words are compared one by one; a catalogue would take a second for each fault."""
_WORD_LENGTH_MAX = 64
_LETTERS = string.digits + string.ascii_letters + "-_."


def nearest(wrong: str, known: Collection[str], otherwise: str = "") -> str:
    """Return ``did you mean `x`?``, else `otherwise`. `known` must answer ``in`` at once (a mapping, a set).

    Among many words only those are found that differ in case or by one slip of a finger: a character too many, one
    missing, one wrong, or two swapped.
    """
    if len(wrong) > _WORD_LENGTH_MAX:
        return otherwise
    if len(known) <= _FEW:
        return did_you_mean(wrong, known, otherwise)
    for typed in dict.fromkeys((wrong, wrong.lower(), wrong.upper())):
        for candidate in _one_slip_away(typed):
            if candidate in known:
                return f"did you mean `{candidate}`?"
    return otherwise


def _one_slip_away(word: str) -> Iterator[str]:
    yield word
    for at in range(len(word)):
        before, char, after = word[:at], word[at], word[at + 1 :]
        yield before + after
        if after:
            yield before + after[0] + char + after[1:]
        for letter in _LETTERS:
            yield before + letter + after
    for at in range(len(word) + 1):
        for letter in _LETTERS:
            yield word[:at] + letter + word[at:]
