"""The JSON Schema of a rule file, for editors: completion, help and marks under faults while one types.

It is made from the models, so a new word is in it by itself. It says what an editor can know; names of a shop and what
concerns several values is left to `panier rules check`.
"""

import re
from typing import Any, Final

from engine.rules.model import RuleFile

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PARAGRAPH = re.compile(r"\n\n+")
_SCALARS: Final = ["string", "number", "boolean"]
"""What an editor may take a text for that is written without quotes: ``4711``, ``yes``."""


def rule_schema() -> dict[str, Any]:
    """Return the schema, in draft 2020-12."""
    made = RuleFile.model_json_schema(by_alias=True)
    schema: dict[str, Any] = _for_editors(made)
    one_benefit = schema["$defs"]["Give"]
    one_benefit["minProperties"] = one_benefit["maxProperties"] = 1
    return {"$schema": SCHEMA_DIALECT, **schema, "title": "A rule file of Panier"}


def _for_editors(part: Any, *, is_map_of_names: bool = False) -> Any:
    """Take out what only Python means (null for "not written", titles made from names), and let texts be unquoted."""
    if isinstance(part, list):
        return [_for_editors(item) for item in part]
    if not isinstance(part, dict):
        return part
    if is_map_of_names:
        return {name: _for_editors(item) for name, item in part.items()}
    kept = {
        key: _for_editors(value, is_map_of_names=key in {"properties", "$defs"})
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value in (None, [], {}))
    }
    if isinstance(kept.get("description"), str):
        kept["description"] = _unwrapped(kept["description"])
    return _unquoted(_without_null(kept))


def _without_null(part: dict[str, Any]) -> dict[str, Any]:
    """Drop the null of an optional field: in a file it is left out, not written."""
    choices = part.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices:
        return part
    left = [choice for choice in choices if choice != {"type": "null"}]
    others = {key: value for key, value in part.items() if key != "anyOf"}
    if len(left) == 1:
        return {**left[0], **others}
    return {**others, "anyOf": left}


def _unquoted(part: dict[str, Any]) -> dict[str, Any]:
    """Let a text be written without quotes, also where it then looks like a number; a pattern still holds for texts."""
    pattern = part.get("pattern")
    if part.get("type") == "string" and "enum" not in part and "const" not in part and "format" not in part:
        if pattern is None:
            return {**part, "type": _SCALARS}
        if re.search(pattern, "4711"):
            return {**part, "type": ["string", "number"]}
    return part


def _unwrapped(text: str) -> str:
    """Join the lines of a docstring's paragraphs."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in _PARAGRAPH.split(text))
