"""Lists of codes in files of their own: ``codes_from: codes/summer.txt``, one code a line."""

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.cart.codes import CODE_LENGTH_MAX, canonical_code
from engine.errors import Diagnostic, Severity, Span
from engine.rules.check import ParsedFile, ParsedPromotion
from engine.source import Source

FAULTS_MAX = 100
"""So many faults of one list are shown: the others are of the same kind."""

ReadList = Callable[[str], Source | Diagnostic]
"""Reads a list by its path in the rule folder."""


def with_code_lists(file: ParsedFile, read: ReadList) -> tuple[ParsedFile, list[Diagnostic]]:
    """Return the file with the codes of its lists among those of its promotions."""
    diagnostics: list[Diagnostic] = []
    promotions: list[ParsedPromotion] = []
    for promotion in file.promotions:
        written = promotion.model.codes_from
        if written is None or not promotion.has("codes_from"):
            promotions.append(promotion)
            continue
        codes, faults = _codes_of(file, written, (*promotion.path, "codes_from"), read)
        diagnostics += faults
        merged = tuple(dict.fromkeys((*(promotion.model.codes or ()), *codes)))
        with_codes = replace(promotion, model=promotion.model.model_copy(update={"codes": merged or None}))
        if any(fault.severity is Severity.ERROR for fault in faults):
            with_codes = replace(with_codes, wrong=promotion.wrong | {"codes_from"}, examples={})
        promotions.append(with_codes)
    return replace(file, promotions=tuple(promotions)), diagnostics


def _codes_of(
    file: ParsedFile, written: str, path: tuple[str | int, ...], read: ReadList
) -> tuple[tuple[str, ...], list[Diagnostic]]:
    name = _name_of(file, written)
    if posixpath.isabs(written) or name.startswith(".."):
        repair = "write a path relative to this file, such as codes/summer.txt"
        return (), [file.fault("outside_folder", f"`{written}` is outside the rule folder", path, repair)]
    source = read(name)
    if isinstance(source, Diagnostic):
        return (), [file.fault(source.code, source.message, path, source.help)]
    codes, faults = parse_code_list(source)
    if not codes and not faults:
        faults = [file.fault("empty_code_list", f"`{name}` has no codes", path, "write one code a line")]
    return codes, faults


def lists_of(files: Iterable[ParsedFile]) -> list[str]:
    """Return the paths, in the rule folder, of the lists that rule files name."""
    named = [(file, promotion.model.codes_from) for file in files for promotion in file.promotions]
    return sorted({_name_of(file, written) for file, written in named if written is not None})


def _name_of(file: ParsedFile, written: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file.source.name), written))


def parse_code_list(source: Source) -> tuple[tuple[str, ...], list[Diagnostic]]:
    """Read one code a line; ``#`` begins a comment. What cannot be a code is an error, a code twice a warning."""
    first_lines: dict[str, int] = {}
    diagnostics: list[Diagnostic] = []
    for number, line in enumerate(source.text.splitlines(), 1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        code = canonical_code(written)
        span = Span(source.name, number, line.index(written) + 1, len(written))
        if code is None:
            repair = f"use letters and digits, at most {CODE_LENGTH_MAX} of them"
            diagnostics.append(source.diagnostic("invalid_code", f"`{written[:70]}` cannot be a code", span, repair))
        elif code in first_lines:
            message = f"the code `{written}` is also on line {first_lines[code]}"
            diagnostics.append(
                source.diagnostic("duplicate_code", message, span, "keep one of the two", Severity.WARNING)
            )
        else:
            first_lines[code] = number
    return tuple(first_lines), diagnostics[:FAULTS_MAX]
