"""One line of JSON, read strictly, and its faults in the words of whoever wrote it rather than in Python's."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from pydantic_core import ErrorDetails

_SHOWN_LENGTH_MAX: Final = 40
_HALF: Final = re.compile(r"[\ud800-\udfff]")
"""Half of a character: JSON can write one (``\\ud800``), but no text that is UTF-8 can hold it."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_WANTED: Final = {
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "mapping_type"), "an object"),
    "string_type": "a text",
    "string_too_short": "a text of at least {min_length} characters",
    "string_too_long": "a text of at most {max_length} characters",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("decimal_type", "decimal_parsing", "finite_number"), "a number"),
    "decimal_max_digits": "a number of at most {max_digits} digits",
    "decimal_whole_digits": "a number of at most {whole_digits} digits",
}
"""What pydantic's error types ask for."""


class JsonFaultError(ValueError):
    """A text that is not JSON, or not such JSON that it can be meant: one message for each fault of one code."""

    def __init__(self, code: str, *messages: str, column: int = 1, repair: str = "") -> None:
        self.code = code
        self.messages = messages
        self.column = column
        self.repair = repair
        super().__init__("; ".join(messages))


def read_json(text: str) -> Any:
    """Read JSON, decimals as `Decimal`. Raises `JsonFaultError`; a key that is there twice is a fault too."""
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)
    except JsonFaultError:
        raise
    except json.JSONDecodeError as fault:
        message = f"not readable as JSON: {fault.msg.lower()}"
        raise JsonFaultError("json_syntax", message, column=fault.colno) from None
    except (ValueError, RecursionError) as fault:
        raise JsonFaultError("json_syntax", f"not readable as JSON: {fault}") from None
    if "\\u" in text or _HALF.search(text):
        halves = tuple(_halves(value))
        if halves:
            raise JsonFaultError("half_a_character", *halves)
    return value


def shown(value: Any) -> str:
    """Show a value in the words of JSON, short and on one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value) if isinstance(value, str | Decimal) else json.dumps(value, default=str)
    plain = _UNPRINTABLE.sub("\ufffd", text)
    return f"`{plain[:_SHOWN_LENGTH_MAX]}{'…' if len(plain) > _SHOWN_LENGTH_MAX else ''}`"


def wanted_json(error: ErrorDetails) -> str:
    """Say what a field takes for which a value is of the wrong kind; empty for faults of another sort."""
    return _WANTED.get(error["type"], "").format(**error.get("ctx", {}))


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise JsonFaultError("duplicate_key", f"the key {shown(double)} is there twice", repair="keep one of the two")
    return read


def _halves(value: Any, path: str = "") -> Iterator[str]:
    """Find texts that hold half of a character: no evaluation and no message could repeat them."""
    place = f"{path}: " if path else ""
    if isinstance(value, str) and _HALF.search(value):
        yield f"{place}this text holds half of a character, which UTF-8 cannot write"
    elif isinstance(value, dict):
        for key, part in value.items():
            if _HALF.search(key):
                yield f"{place}a key holds half of a character, which UTF-8 cannot write"
            else:
                yield from _halves(part, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _halves(part, f"{path}.{index}".removeprefix("."))
