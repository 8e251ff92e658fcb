"""`panier rules schema`: the JSON Schema of rule files, which makes an editor complete and explain them."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.console import err, fail
from engine.rules.schema import rule_schema


def schema(
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to.", show_default="stdout")
    ] = None,
) -> None:
    """Write the JSON Schema of rule files.

    A first line `# yaml-language-server: $schema=rules.schema.json` in a rule file turns completion on.
    """
    text = json.dumps(rule_schema(), indent=2, ensure_ascii=False) + "\n"
    if out_file is None:
        sys.stdout.write(text)
        return
    try:
        out_file.write_text(text, encoding="utf-8")
    except OSError as fault:
        fail(f"cannot write `{out_file}`: {fault.strerror}")
    err.print(f"wrote {out_file}")
