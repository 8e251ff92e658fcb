"""From a rule folder to a rule set: read, validate, check, compile, run the examples. All faults, or a rule set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Diagnostic, FilesRefusedError, Severity, Span, in_order
from engine.pricing.shop import Shop
from engine.rules.check import Known, check_against_shop, check_together, lanes_of, parse_rule_file, roundings_of
from engine.rules.examples import failed_examples
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.source import Source, read_source

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """A rule set and the warnings of its load."""

    ruleset: Ruleset
    warnings: tuple[Diagnostic, ...]


def load_rules(folder: Path, shop: Shop, progress: Progress | None = None) -> LoadedRules:
    """Load every ``*.yaml`` and ``*.yml`` below `folder`, in any order.

    Raises `FilesRefusedError` with every error of every file, examples that fail among them; nothing is loaded then.
    """
    sources, diagnostics = _read(folder)
    return load_rule_sources(sources, shop, progress, diagnostics)


def load_rule_sources(
    sources: list[Source],
    shop: Shop,
    progress: Progress | None = None,
    found: list[Diagnostic] | None = None,
) -> LoadedRules:
    """Load rule files that are already text; `found` are faults of reading them."""
    diagnostics = list(found or ())
    files = []
    for number, source in enumerate(sources):
        parsed, faults = parse_rule_file(source)
        diagnostics += faults
        if parsed is not None:
            files.append(parsed)
        if progress:
            progress("reading rules", number + 1, len(sources))
    all_read = not found and len(files) == len(sources)
    diagnostics += check_together(files, all_read=all_read)
    known = Known(shop)
    with_examples = []
    for file in files:
        for promotion in file.promotions:
            faults = list(check_against_shop(file, promotion, known))
            diagnostics += faults
            # Where it names a channel that is not there, an example that fails would only say so again.
            if promotion.examples and not any(fault.severity is Severity.ERROR for fault in faults):
                with_examples.append((file, promotion))
    roundings = roundings_of(files, all_read=all_read)
    diagnostics += failed_examples(with_examples, shop, roundings, progress)
    _refuse_errors(diagnostics)
    promotions = [promotion.model for file in files for promotion in file.promotions]
    return LoadedRules(compile_ruleset(promotions, lanes_of(files), roundings[0]), in_order(diagnostics))


def _read(folder: Path) -> tuple[list[Source], list[Diagnostic]]:
    if not folder.is_dir():
        span = Span(str(folder), 1, 1)
        raise FilesRefusedError("the rule folder", (Diagnostic("missing_folder", f"`{folder}` is not a folder", span),))
    read = [
        read_source(path, str(path.relative_to(folder))) for path in sorted(filter(_is_rule_file, folder.rglob("*")))
    ]
    return [s for s in read if isinstance(s, Source)], [d for d in read if isinstance(d, Diagnostic)]


def _is_rule_file(path: Path) -> bool:
    """Say whether to read it; a link to nowhere too, so that its promotions do not vanish without a word."""
    return path.suffix.lower() in {".yaml", ".yml"} and (path.is_file() or (path.is_symlink() and not path.exists()))


def _refuse_errors(diagnostics: list[Diagnostic]) -> None:
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise FilesRefusedError("the rule folder", in_order(diagnostics))
