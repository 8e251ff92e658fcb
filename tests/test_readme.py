"""The README, done as it says: its commands are run and what it shows is what one sees."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.test_cli import PANIER, ROOT, environment, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOKEN = "eyJhbGciOi…"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def shown_under(command: str) -> str:
    """Return what the page shows under a command."""
    for block in blocks("console"):
        head, _, shown = block.partition("\n")
        if head == f"$ {command}":
            return shown
    raise AssertionError(f"the README does not show `{command}`")


def run(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run what the page shows, by the `panier` of this environment."""
    ours = command.replace(".venv/bin/panier", str(PANIER))
    return subprocess.run(
        ["/bin/sh", "-c", ours],
        cwd=folder,
        env=environment(settings),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )


def test_check_prints_what_the_page_shows() -> None:
    command = ".venv/bin/panier check --shop examples/grocer --at 2017-01-01"
    shown = re.sub(r"(?<=^rules )\w+", "", shown_under(command), flags=re.MULTILINE)
    printed = re.sub(r"(?<=^rules )\w+", "", run(command, ROOT).stdout, flags=re.MULTILINE)
    assert printed == shown


def test_price_prices_what_the_page_says(tmp_path: Path) -> None:
    [command] = [line[2:] for block in blocks("console") for line in block.splitlines() if "panier price" in line]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    run(command, tmp_path)
    assert len((tmp_path / "priced.jsonl").read_text(encoding="utf-8").splitlines()) == 1250
    assert "prices 1,250 real baskets" in README


def test_the_rule_that_the_page_shows_loads(tmp_path: Path) -> None:
    [rule] = [block for block in blocks("yaml") if block.startswith("promotions:")]
    (tmp_path / "rule.yaml").write_text(rule, encoding="utf-8")
    done = run(f".venv/bin/panier check --shop {ROOT}/examples/grocer --rules {tmp_path} --at 2017-05-01", tmp_path)
    assert "1 promotion\n0 errors, 0 warnings" in done.stdout


def test_a_service_prints_and_answers_what_the_page_shows(tmp_path: Path) -> None:
    curl_answer, till_answer = (json.loads(block) for block in blocks("json"))
    with serving(tmp_path, "--shop", ROOT / "examples" / "grocer") as service:
        assert alike(service.printed) == alike(shown_under("make run").partition("\n")[2])
        pasted = run(service.said(r"^(curl .*)$"), tmp_path)
        assert json.loads(pasted.stdout) == curl_answer
        story = "\n".join(blocks("sh")).replace("http://127.0.0.1:8000/graphql", service.address)
        answers = [json.loads(line) for line in run(story, tmp_path).stdout.splitlines()]
        health = httpx.get(service.address.replace("/graphql", "/health")).json()
    assert health["answers"]["compiled"] > len(answers)
    assert health["answers"]["ordinary"] == 0
    assert [errors for answer in answers for errors in user_errors(answer)] == []
    assert answers[-1] == till_answer
    totals = [json.dumps(answer).rpartition('"total": {"amount": ')[2][:6] for answer in answers[-2:]]
    assert totals[0] == totals[1], "the till sees the total of the PC"


def user_errors(answer: dict[str, dict[str, dict[str, object]]]) -> list[object]:
    return [payload["userErrors"] for payload in answer["data"].values() if payload.get("userErrors")]


def alike(printed: str) -> list[str]:
    """Return the lines of a start without what differs from start to start."""
    text = re.sub(r"eyJ[\w.-]+…?", TOKEN, printed)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", text)
    text = re.sub(r"\(process \d+\)", "", text)
    text = re.sub(r"Valkey [\d.]+", "Valkey", text)
    return text.strip().splitlines()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z][a-z-]*)", README)) - {"it"}))
def test_targets_of_make_exist(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    ("page", "link"),
    [
        (page.relative_to(ROOT).as_posix(), link)
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    ],
)
def test_links_lead_somewhere(page: str, link: str) -> None:
    assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"
