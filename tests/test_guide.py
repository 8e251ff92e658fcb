"""The guide for merchandisers, followed step by step: it is true to what its commands print."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.test_cli import PANIER, ROOT, Serving, environment, serving

GUIDE = ROOT / "docs" / "guide.md"
BLOCK = re.compile(
    r"(?P<before>(?:^(?!```).*\n)*)^```(?P<language>\w+)\n(?P<text>(?:^(?!```).*\n)*)^```\n", re.MULTILINE
)
FILE = re.compile(r"`([\w./-]+\.(?:yaml|csv|jsonl))`")


def test_the_guide_does_what_it_shows(tmp_path: Path) -> None:
    files: list[str] = []
    with ExitStack() as stack:
        service: Serving | None = None
        for block in BLOCK.finditer(GUIDE.read_text(encoding="utf-8")):
            text = block["text"]
            files += FILE.findall(block["before"])
            if block["language"] == "text":
                assert service
                assert lasting(printed_by(service, text.count("\n"))) == lasting(text)
            elif text.startswith("$ panier serve"):
                command, *shown = text.splitlines()
                service = stack.enter_context(serving(tmp_path, *command.split()[3:]))
                assert set(shown) - {"…"} <= set(service.printed.splitlines())
            elif block["language"] == "console":
                assert lasting("".join(session(text, tmp_path))) == lasting(text)
            else:
                path = tmp_path / files.pop(0)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    assert service


def session(shown: str, folder: Path) -> Iterator[str]:
    """Run the commands of a block; yield what a terminal would show."""
    for command in re.findall(r"^\$ (.*)$", shown, re.MULTILINE):
        done = subprocess.run(
            ["/bin/sh", "-c", re.sub(r"^panier ", f"{PANIER} ", command)],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        yield f"$ {command}\n{done.stdout}"


def printed_by(service: Serving, lines: int) -> str:
    """Return the next lines that the service prints."""
    assert service.process.stdout
    return "".join(service.process.stdout.readline() for _ in range(lines))


def lasting(text: str) -> list[str]:
    """Return the lines of an output without what may differ: hashes, and blanks at the end of a line."""
    return [line.rstrip() for line in re.sub(r"\b[0-9a-f]{32}\b", "HASH", text).splitlines()]
