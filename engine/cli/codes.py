"""`panier codes`: make codes that survive being read aloud and typed, and look at one."""

import secrets
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from engine.cart.codes import CODE_ALPHABET, CODE_LENGTH_MAX, canonical_code, check_character, is_intact
from engine.cli.console import FILES_WRONG, counted, err, fail, out, progress

LENGTH_MIN: Final = 4
LENGTH_MAX: Final = 22
"""The check character notices every slip up to here."""
ROOM: Final = 1_000
"""There must be so many times as many codes as are handed out: whoever guesses is wrong as often."""
PROGRESS_CODES: Final = 1_000

codes = typer.Typer(help="Make lists of codes, and look at one.", no_args_is_help=True)

Length = Annotated[
    int,
    typer.Option(min=LENGTH_MIN, max=LENGTH_MAX, help="Characters behind the prefix; the last one checks the others."),
]
Prefix = Annotated[str, typer.Option(help="What every code begins with.")]


@codes.command()
def generate(
    count: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many.")],
    length: Length = 10,
    prefix: Prefix = "",
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; it must not exist.", show_default="stdout")
    ] = None,
) -> None:
    """Make codes that nobody can guess: one a line, none twice, for `codes_from` of a promotion.

    Nothing in them looks like anything else, nothing makes words, and a typing error is noticed without the list.
    """
    start = _prefix(prefix, length)
    if count * ROOM > len(CODE_ALPHABET) ** (length - 1):
        fail(f"--length: {length} is too short for {counted(count, 'code')} that nobody can guess")
    made = _made(count, length)
    text = "".join(f"{start}{code}\n" for code in made)
    if out_file is None:
        sys.stdout.write(text)
        return
    try:
        with out_file.open("x", encoding="ascii") as file:
            file.write(text)
    except OSError as fault:
        fail(f"cannot write `{out_file}`: {fault.strerror}")
    err.print(f"{counted(count, 'code')} in {out_file}")


@codes.command("check")
def check_codes(
    typed: Annotated[list[str], typer.Argument(metavar="CODE...", help="Codes as they were typed.")],
    length: Length = 10,
    prefix: Prefix = "",
) -> None:
    """Say whether generated codes can have been typed right, without the list; the status is 1 where one cannot."""
    start, wrong = _prefix(prefix, length), 0
    for code in typed:
        canonical = canonical_code(code) or ""
        body = canonical.removeprefix(start)
        right = canonical.startswith(start) and len(body) == length and is_intact(body)
        wrong += not right
        out.print(f"{'ok   ' if right else 'wrong'} {code}", markup=False)
    if wrong:
        raise typer.Exit(FILES_WRONG)


def _prefix(written: str, length: int) -> str:
    prefix = canonical_code(written) if written else ""
    if prefix is None or not prefix.isascii() or len(prefix) + length > CODE_LENGTH_MAX:
        fail(f"--prefix: `{written}` cannot begin a code: use letters and digits, at most {CODE_LENGTH_MAX - length}")
    return prefix


def _made(count: int, length: int) -> list[str]:
    """Draw codes until there are enough different ones."""
    made: dict[str, None] = {}
    with progress() as report:
        while len(made) < count:
            body = "".join(secrets.choice(CODE_ALPHABET) for _ in range(length - 1))
            made[body + check_character(body)] = None
            if len(made) % PROGRESS_CODES == 0:
                report("drawing codes", len(made), count)
    return list(made)
