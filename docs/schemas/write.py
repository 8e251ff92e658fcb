"""Write what documentation repeats of the code: the schemas, the reference and the table of settings.md.

`make schemas` runs this; tests compare, so that neither falls behind.
"""

import json
from pathlib import Path

from engine.pricing.cartfile import CartDocument
from engine.rules.reference import reference_page
from engine.rules.schema import rule_schema
from engine.settings import Settings, as_written, expected, variable

CART_SCHEMA = Path(__file__).with_name("cart.schema.json")
RULES_SCHEMA = Path(__file__).with_name("rules.schema.json")
REFERENCE_PAGE = Path(__file__).parents[1] / "reference.md"
SETTINGS_PAGE = Path(__file__).parents[1] / "settings.md"
BEGIN, END = "<!-- table: made by docs/schemas/write.py -->\n", "<!-- end of the table -->\n"


def cart_schema() -> str:
    """Return the JSON Schema of one line of a cart file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **CartDocument.model_json_schema()}
    schema["title"] = "A cart, one line of the input of `panier price`"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def rules_schema() -> str:
    """Return the JSON Schema of a rule file."""
    return json.dumps(rule_schema(), indent=2, ensure_ascii=False) + "\n"


def settings_page() -> str:
    """Return the page of settings with its table as the code has it."""
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + settings_table() + END + after


def settings_table() -> str:
    """Return one row for each setting."""
    rows = ["| variable | in the file | default | what it decides | value |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = as_written(field.default)
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{variable(name)}` | `{name}` | {shown} | {field.description} | {expected(name)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    CART_SCHEMA.write_text(cart_schema(), encoding="utf-8")
    RULES_SCHEMA.write_text(rules_schema(), encoding="utf-8")
    REFERENCE_PAGE.write_text(reference_page(), encoding="utf-8")
    SETTINGS_PAGE.write_text(settings_page(), encoding="utf-8")
