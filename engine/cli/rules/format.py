"""`panier rules format`: one layout for all rule files."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from engine.cli.console import FILES_WRONG, counted, fail, out, refuse
from engine.errors import FilesRefusedError
from engine.rules.layout import LayoutError, formatted
from engine.rules.load import rule_paths
from engine.source import Source, read_source


def format_rules(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The rule folder.")],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; status 1 where something would change.")
    ] = False,
    show_defaults: Annotated[
        bool, typer.Option("--show-defaults", help="Change nothing; print the files with every default written out.")
    ] = False,
) -> None:
    """Lay rule files out alike: the order of keys, quotes, lines. Comments and what the rules mean stay."""
    try:
        paths = rule_paths(folder)
    except FilesRefusedError as refused:
        refuse(refused)
    changed = 0
    for path in paths:
        name = str(path.relative_to(folder))
        source = read_source(path, name)
        if not isinstance(source, Source):
            fail(str(source), FILES_WRONG)
        try:
            text = formatted(source, show_defaults=show_defaults)
        except LayoutError as fault:
            fail(f"{fault}: `panier rules check` says more", FILES_WRONG)
        if show_defaults:
            out.print(Text(f"# {name}\n{text}"))
        elif text != source.text:
            changed += 1
            if not check:
                _rewrite(path, name, text)
            out.print(Text(f"{'would change' if check else 'changed'} {name}"))
    if not show_defaults:
        out.print(f"{counted(len(paths), 'file')}, {changed:,} {'to change' if check else 'changed'}")
    if check and changed:
        raise typer.Exit(FILES_WRONG)


def _rewrite(path: Path, name: str, text: str) -> None:
    """Replace a file whole, so that a full disk or a service that looks just now never meets half of it."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.new")
    try:
        draft.write_text(text, encoding="utf-8", newline="")
        shutil.copymode(target, draft)
        draft.replace(target)
    except OSError as fault:
        fail(f"cannot write `{name}`: {fault.strerror}")
