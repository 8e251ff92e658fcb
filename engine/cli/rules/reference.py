"""`panier rules reference`: what a word of the language means, and how it is written."""

from typing import Annotated

import typer
from rich.markdown import Markdown

from engine.cli.console import FILES_WRONG, fail, out
from engine.errors import did_you_mean
from engine.rules.reference import reference_page, sections


def reference(
    word: Annotated[
        str | None, typer.Argument(metavar="[WORD]", help="Such as `bundle`.", show_default="the whole reference")
    ] = None,
) -> None:
    """Explain a word of the language: what it does, what may be written in it, and an example."""
    if word is None:
        out.print(Markdown(reference_page()), soft_wrap=False)
        return
    known = sections()
    found = [section for section in known if section.word == word]
    if not found:
        words = {section.word for section in known}
        fail(f"there is no word `{word}`: {did_you_mean(word, words, 'leave it out to see all of them')}", FILES_WRONG)
    out.print(Markdown("\n".join(map(str, found))), soft_wrap=False)
