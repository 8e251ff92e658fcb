"""The JSON Schema of rule files: valid, current, and true to what loads."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from engine.rules.model import BENEFITS, Promotion
from engine.rules.schema import SCHEMA_DIALECT, rule_schema
from engine.rules.when import CONDITIONS

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "rules.schema.json").read_text(encoding="utf-8"))
RULE_FILES = sorted((ROOT / "examples").rglob("rules/**/*.yaml"))


class CoreLoader(yaml.SafeLoader):
    """Reads YAML 1.2 as editors do: ``on``, ``no`` and dates are texts."""


CoreLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in {"int", "float", "null"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


def faults(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [fault.json_path for fault in validator.iter_errors(yaml.load(text, CoreLoader))]  # noqa: S506 - it is a SafeLoader


def test_it_is_valid_and_current() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == SCHEMA_DIALECT
    assert rule_schema() == SCHEMA, "run `make schemas`"


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.name)
def test_the_example_rules_validate(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("word", CONDITIONS)
def test_the_example_of_a_condition_validates(word: str) -> None:
    when = f"when: {{{CONDITIONS[word].example}}}"
    assert faults(f"promotions:\n  - id: x\n    {when}\n    give: {{percent_off: {{percent: 5%}}}}\n") == []


@pytest.mark.parametrize("word", BENEFITS)
def test_the_example_of_a_benefit_validates(word: str) -> None:
    assert faults(f"promotions:\n  - id: x\n    give: {{{BENEFITS[word].example}}}\n") == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("promotions:\n  - {id: a, giv: {}}\n", "$.promotions[0]"),
        ("promotions:\n  - {id: a, give: {}}\n", "$.promotions[0].give"),
        ("promotions:\n  - {id: a, give: {percent_off: {percent: 5}}}\n", "$.promotions[0].give.percent_off.percent"),
        ("lanes: [{name: item, mode: beste}]\n", "$.lanes[0].mode"),
    ],
)
def test_an_editor_marks_what_would_not_load(text: str, place: str) -> None:
    assert place in faults(text)


def test_editors_show_help() -> None:
    definitions: dict[str, Any] = SCHEMA["$defs"]
    for field in definitions["Promotion"]["properties"].values():
        assert field.get("description")
    assert definitions["PercentOff"]["description"].startswith("Take a percentage off the chosen goods;")
    assert set(definitions["Promotion"]["properties"]) == {
        field.alias or name for name, field in Promotion.model_fields.items()
    }
