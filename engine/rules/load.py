"""From a rule folder to a rule set: read, validate, check, compile, run the examples. All faults, or a rule set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Diagnostic, FilesRefusedError, Severity, Span, in_order
from engine.money import Rounding
from engine.pricing.shop import Shop
from engine.rules.check import (
    Known,
    ParsedFile,
    ParsedPromotion,
    check_against_shop,
    check_programme,
    check_together,
    lanes_of,
    loyalty_of,
    parse_rule_file,
    roundings_of,
)
from engine.rules.codelists import ReadList, with_code_lists
from engine.rules.examples import failed_examples
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.source import Source, files_below, read_source

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """A rule set and the warnings of its load."""

    ruleset: Ruleset
    warnings: tuple[Diagnostic, ...]
    files: tuple[ParsedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """Rule files that were read and checked, and whose examples have not been run."""

    files: tuple[ParsedFile, ...]
    with_examples: tuple[tuple[ParsedFile, ParsedPromotion], ...]
    """The promotions whose examples can run."""
    roundings: tuple[Rounding, ...]
    """The mode of rounding; every one that it may be, where that cannot be told."""
    diagnostics: tuple[Diagnostic, ...]


def load_rules(folder: Path, shop: Shop, progress: Progress | None = None) -> LoadedRules:
    """Load every ``*.yaml`` and ``*.yml`` below `folder`, in any order.

    Raises `FilesRefusedError` with every error of every file, examples that fail among them; nothing is loaded then.
    """
    sources, found = _read(folder)
    return load_rule_sources(sources, shop, progress, found, _lists_in(folder))


def read_rules(folder: Path) -> tuple[list[ParsedFile], list[Diagnostic]]:
    """Read the files of a folder by themselves, without a shop: those that are rule files, and every fault."""
    sources, found = _read(folder)
    files, faults = _parse_all(sources, _lists_in(folder), None)
    all_read = not found and len(files) == len(sources)
    return files, [*found, *faults, *check_together(files, all_read=all_read)]


def load_rule_sources(
    sources: list[Source],
    shop: Shop,
    progress: Progress | None = None,
    found: list[Diagnostic] | None = None,
    read_list: ReadList | None = None,
) -> LoadedRules:
    """Load rule files that are already text; `found` are faults of reading them, `read_list` reads lists of codes."""
    checked = _checked(sources, shop, progress, found or [], read_list or _no_list)
    failed = failed_examples(checked.with_examples, shop, checked.roundings, loyalty_of(checked.files), progress)
    diagnostics = [*checked.diagnostics, *failed]
    _refuse_errors(diagnostics)
    return LoadedRules(_compiled(checked), in_order(diagnostics), checked.files)


def checked_files(folder: Path, shop: Shop, progress: Progress | None = None) -> CheckedFiles:
    """Load a rule folder up to its examples. Raises `FilesRefusedError` with every error."""
    sources, found = _read(folder)
    checked = _checked(sources, shop, progress, found, _lists_in(folder))
    _refuse_errors(checked.diagnostics)
    return checked


def load_checked_rules(folder: Path, shop: Shop, progress: Progress | None = None) -> Ruleset:
    """Load rules whose examples were run where they come from. Raises `FilesRefusedError` with every error."""
    return _compiled(checked_files(folder, shop, progress))


def _compiled(checked: CheckedFiles) -> Ruleset:
    promotions = [promotion.model for file in checked.files for promotion in file.promotions]
    return compile_ruleset(promotions, lanes_of(checked.files), checked.roundings[0], loyalty_of(checked.files))


def _checked(
    sources: list[Source], shop: Shop, progress: Progress | None, found: list[Diagnostic], read_list: ReadList
) -> CheckedFiles:
    files, faults = _parse_all(sources, read_list, progress)
    all_read = not found and len(files) == len(sources)
    diagnostics = [*found, *faults, *check_together(files, all_read=all_read)]
    known = Known(shop, loyalty_of(files))
    with_examples = []
    for file in files:
        diagnostics += check_programme(file, known)
        for promotion in file.promotions:
            faults = list(check_against_shop(file, promotion, known))
            diagnostics += faults
            # Where it names a channel that is not there, an example that fails would only say so again.
            if promotion.examples and not any(fault.severity is Severity.ERROR for fault in faults):
                with_examples.append((file, promotion))
    roundings = roundings_of(files, all_read=all_read)
    return CheckedFiles(tuple(files), tuple(with_examples), roundings, tuple(diagnostics))


def _lists_in(folder: Path) -> ReadList:
    return lambda name: read_source(folder / name, name)


def _no_list(name: str) -> Diagnostic:
    return Diagnostic("unreadable_file", f"there is no `{name}` beside a text", Span(name, 1, 1))


def rule_paths(folder: Path) -> list[Path]:
    """Return the rule files of a folder, sorted. Raises `FilesRefusedError` where there is no such folder."""
    if not folder.is_dir():
        span = Span(str(folder), 1, 1)
        raise FilesRefusedError("the rule folder", (Diagnostic("missing_folder", f"`{folder}` is not a folder", span),))
    return sorted(filter(_is_rule_file, files_below(folder)))


def _read(folder: Path) -> tuple[list[Source], list[Diagnostic]]:
    paths = rule_paths(folder)
    read = [read_source(path, str(path.relative_to(folder))) for path in paths]
    return [s for s in read if isinstance(s, Source)], [d for d in read if isinstance(d, Diagnostic)]


def _parse_all(
    sources: list[Source], read_list: ReadList, progress: Progress | None
) -> tuple[list[ParsedFile], list[Diagnostic]]:
    files: list[ParsedFile] = []
    diagnostics: list[Diagnostic] = []
    for number, source in enumerate(sources):
        parsed, faults = parse_rule_file(source)
        diagnostics += faults
        if parsed is not None:
            with_codes, faults = with_code_lists(parsed, read_list)
            files.append(with_codes)
            diagnostics += faults
        if progress:
            progress("reading rules", number + 1, len(sources))
    return files, diagnostics


def _is_rule_file(path: Path) -> bool:
    """Say whether to read it; a link to nowhere too, so that its promotions do not vanish without a word."""
    return path.suffix.lower() in {".yaml", ".yml"} and (path.is_file() or (path.is_symlink() and not path.exists()))


def _refuse_errors(diagnostics: Sequence[Diagnostic]) -> None:
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise FilesRefusedError("the rule folder", in_order(diagnostics))
