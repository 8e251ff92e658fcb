"""The golden cases of `tests/cases/`, against the engine and against the oracle."""

from typing import Any

import pytest

from tests.cases.golden import CASES, Case, read_cases, wrong_in


def cases() -> list[Any]:
    """Return every case of every file."""
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(CASES.glob("*.yaml"))
        for case in read_cases(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("case", cases())
def test_case(case: Case) -> None:
    wrong = wrong_in(case)
    assert not wrong, "\n".join(wrong)


def test_there_are_cases_for_every_word() -> None:
    from engine.rules.model import BENEFITS
    from engine.rules.when import CONDITIONS

    text = "".join(path.read_text(encoding="utf-8") for path in CASES.glob("*.yaml"))
    assert all(f"{word}: {{" in text for word in (*BENEFITS, *CONDITIONS))
    assert len(cases()) >= 250
