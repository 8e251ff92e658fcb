"""From a rule folder to a rule set: read, validate, check, compile, run the examples. All faults, or a rule set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Diagnostic, FilesRefusedError, Severity, Span, in_order
from engine.money import Rounding
from engine.pricing.shop import Shop
from engine.rules.check import ParsedFile, check_against_shop, check_together, lanes_of
from engine.rules.examples import failed_examples
from engine.rules.model import RuleFile
from engine.rules.ruleset import Ruleset, compile_ruleset
from engine.source import Source, parse_yaml, read_source, validate

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
        parsed, faults = _parse(source)
        diagnostics += faults
        if parsed is not None:
            files.append(parsed)
        if progress:
            progress("reading rules", number + 1, len(sources))
    diagnostics += [*check_together(files), *check_against_shop(files, shop)]
    _refuse_errors(diagnostics)
    rounding = next((file.model.rounding for file in files if file.model.rounding), Rounding.HALF_UP)
    promotions = [promotion for file in files for promotion in file.model.promotions]
    lanes = lanes_of(files)
    ruleset = compile_ruleset(promotions, lanes, rounding)
    diagnostics += failed_examples(files, shop, lanes, rounding, progress)
    _refuse_errors(diagnostics)
    return LoadedRules(ruleset, in_order(diagnostics))


def _read(folder: Path) -> tuple[list[Source], list[Diagnostic]]:
    if not folder.is_dir():
        span = Span(str(folder), 1, 1)
        raise FilesRefusedError("the rule folder", (Diagnostic("missing_folder", f"`{folder}` is not a folder", span),))
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml"} and path.is_file())
    read = [read_source(path, str(path.relative_to(folder))) for path in paths]
    return [s for s in read if isinstance(s, Source)], [d for d in read if isinstance(d, Diagnostic)]


def _parse(source: Source) -> tuple[ParsedFile | None, list[Diagnostic]]:
    node, diagnostics = parse_yaml(source)
    if node is None or diagnostics:
        return None, diagnostics
    model, faults = validate(RuleFile, node, source)
    return (ParsedFile(source, node, model) if model is not None else None), faults


def _refuse_errors(diagnostics: list[Diagnostic]) -> None:
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise FilesRefusedError("the rule folder", in_order(diagnostics))
