"""Texts to nodes, rows and models, each with its place."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engine.errors import Diagnostic, Span
from engine.pricing.load_csv import Row, parse_csv
from engine.source import DEPTH_MAX, Node, Source, parse_yaml, read_source, split_fault, validate


def yaml_node(text: str) -> Node:
    node, faults = parse_yaml(Source("a.yaml", text))
    assert not faults
    assert node is not None
    return node


def yaml_faults(text: str) -> list[tuple[str, int, int]]:
    _, faults = parse_yaml(Source("a.yaml", text))
    return [(fault.code, fault.span.line, fault.span.column) for fault in faults]


# --- YAML ------------------------------------------------------------------------------------------------------------


def test_values_are_what_the_author_typed() -> None:
    node = yaml_node("a: 12:30\nb: no\nc: 010\nd: 1_000\ne: ~\nf: 2026-10-01\ng:\nh: 'it''s'\ni: !!int 3\n")
    assert isinstance(node.value, dict)
    assert [child.value for child in node.value.values()] == [
        *("12:30", "no", "010", "1_000", "~", "2026-10-01", "", "it's", "3"),
    ]


def test_every_value_and_key_keeps_its_place() -> None:
    node = yaml_node('éé: {a: 1, ü: "22"}\nlist:\n  - x\n  - {deep: value}\n')
    span = node.place_of(("éé", "ü"))
    assert (span.line, span.column, span.width) == (1, 15, 4)
    span = node.place_of_key(("éé", "ü"))
    assert (span.line, span.column, span.width) == (1, 12, 1)
    span = node.place_of(("list", 1, "deep"))
    assert (span.line, span.column, span.width) == (4, 12, 5)
    assert node.place_of(("éé",)).width == len('{a: 1, ü: "22"}')


def test_a_step_that_is_nowhere_is_passed_over() -> None:
    node = yaml_node("a: [x, {b: y}]")
    assert node.place_of(("a", "tag-of-a-union", 1, "b")).column == 12
    assert node.place_of(("a", 9)) == node.place_of(("a",))


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert yaml_node("").plain() == yaml_node("# nothing\n").plain() == {}


def test_faults_of_yaml() -> None:
    assert yaml_faults("a: 1\nb: 2\na: 3\n") == [("duplicate_key", 3, 1)]
    assert yaml_faults("a: &x 1\nb: 2\n") == [("alias", 1, 4)]
    assert yaml_faults("a: &x 1\nb: *x\n") == [("alias", 1, 4), ("alias", 2, 4)]
    assert yaml_faults("? [a]\n: b\n") == [("key_not_text", 1, 3)]
    assert yaml_faults("a: b: c") == [("yaml_syntax", 1, 5)]
    assert yaml_faults("a: [1,\n") == [("yaml_syntax", 2, 1)]
    assert yaml_faults("a: é\nb: x\x07") == [("yaml_syntax", 2, 5)]
    assert yaml_faults("a: 1\n---\nb: 1\n") == [("yaml_syntax", 2, 1)]
    assert yaml_faults("a: 1\n---\nb: [") == [("yaml_syntax", 2, 1), ("yaml_syntax", 3, 5)]


def test_a_duplicate_names_the_first() -> None:
    _, (fault,) = parse_yaml(Source("a.yaml", "a: 1\nb: 2\na: 3\n"))
    assert fault.message == "`a` is written twice, first on line 1"
    assert fault.source_line == "a: 3"


@pytest.mark.parametrize("text", ["[" * 300_000, "- " * 5_000 + "x", "{a: " * 5_000])
def test_deep_nesting_is_refused_before_it_hurts(text: str) -> None:
    assert [code for code, _, _ in yaml_faults(text)] == ["too_deep"]


def test_nesting_up_to_the_limit_is_fine() -> None:
    yaml_node("[" * DEPTH_MAX + "]" * DEPTH_MAX)


PLAIN = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=3),
    max_leaves=10,
)


def written(value: Any) -> str:
    """Write a value as YAML in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}': {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return "'" + str(value).replace("'", "''") + "'"


@given(PLAIN)
def test_what_is_written_is_read_and_found_where_it_stands(value: Any) -> None:
    text = written(value)
    node = yaml_node(text)
    assert node.plain() == value

    def check(node: Node) -> None:
        start = node.span.column - 1
        assert text[start : start + node.span.width] == written(node.plain())
        for child in node.value.values() if isinstance(node.value, dict) else node.value:
            if isinstance(child, Node):
                check(child)

    check(node)


# --- Models ----------------------------------------------------------------------------------------------------------


def refuse(text: str) -> str:
    raise ValueError(text)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: Literal["line", "rate"] = "line"
    count: int = 0
    on: bool = False


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner | None = None
    many: list[Inner] = Field(default_factory=list)
    by_key: dict[Annotated[str, AfterValidator(lambda key: key if key != "bad" else refuse("bad_key: no"))], str] = (
        Field(default_factory=dict)
    )
    said: Annotated[str, AfterValidator(refuse)] = ""


def faults(text: str) -> list[Diagnostic]:
    source = Source("a.yaml", text)
    node, _ = parse_yaml(source)
    assert node is not None
    model, found = validate(Model, node, source)
    assert (model is None) == bool(found)
    return found


def one(text: str) -> tuple[str, str, str, int, int]:
    (fault,) = faults(text)
    return fault.code, fault.message, fault.help, fault.span.line, fault.span.column


def test_a_good_model_has_no_faults() -> None:
    assert faults("name: x\nmany: [{word: rate, count: 3, on: yes}]\n") == []


def test_fields_that_are_unknown_or_missing() -> None:
    assert one("name: x\nmany:\n- wrod: line\n") == (
        *("unknown_field", "`wrod` is not a field here", "did you mean `word`?"),
        *(3, 3),
    )
    assert one("inner: {}\n") == ("missing_field", "`name` is missing", "add `name:`", 1, 1)


def test_values_of_the_wrong_kind() -> None:
    code = "invalid_value"
    assert one("name: [x]") == (code, "expected a text, found a list", "", 1, 7)
    assert one("name: x\nmany: y") == (code, "expected a list, found `y`", "write [y]", 2, 7)
    assert one("name: x\ninner: y") == (code, "expected a mapping (`key: value`), found `y`", "", 2, 8)
    assert one("name: x\ninner: {count: 1.5}") == (code, "expected a whole number, found `1.5`", "", 2, 16)
    assert one("name: x\ninner: {on: maybe}") == (code, "expected true or false, found `maybe`", "", 2, 13)
    word = "`lines` is not a word for this field"
    assert one("name: x\ninner: {word: lines}") == (code, word, "did you mean `line`?", 2, 15)
    word = "`x` is not a word for this field"
    assert one("name: x\ninner: {word: x}") == (code, word, "expected one of `line`, `rate`", 2, 15)
    assert one("x") == (code, "expected a mapping (`key: value`), found `x`", "", 1, 1)


def test_a_fault_in_a_key_points_at_the_key() -> None:
    assert one("name: x\nby_key: {good: 1, bad: 2}") == ("bad_key", "no", "", 2, 19)


def test_all_faults_are_found_at_once() -> None:
    assert len(faults("inner: {count: x}\nother: 1\n")) == 3


@pytest.mark.parametrize(
    ("said", "code", "message", "help"),
    [
        ("bad_word: it is bad; help: write another", "bad_word", "it is bad", "write another"),
        ("bad_word: `12:30`: not a date: see", "bad_word", "`12:30`: not a date: see", ""),
        ("expected: a number", "invalid_value", "expected: a number", ""),
        ("Bad_word: x", "invalid_value", "Bad_word: x", ""),
        ("no code; help: add one", "invalid_value", "no code", "add one"),
        ("bad_word: `; help: x` is odd; help: write y", "bad_word", "`; help: x` is odd", "write y"),
        ("Value error, is text too", "invalid_value", "Value error, is text too", ""),
    ],
)
def test_what_a_validator_says_is_taken_apart(said: str, code: str, message: str, help: str) -> None:
    assert split_fault(said) == (code, message, help)
    found = one(f"name: x\nsaid: {said!r}")
    assert found[:3] == (code, message, help)


# --- CSV -------------------------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[Row]:
    rows, found = parse_csv(Source("a.csv", text), ["a", "b"], ["c"])
    assert not found
    return rows


def csv_faults(text: str, optional: list[str] | None = None) -> list[tuple[str, int, int, str]]:
    _, found = parse_csv(Source("a.csv", text), ["a", "b"], optional)
    return [(fault.code, fault.span.line, fault.span.column, fault.help) for fault in found]


def test_rows_and_their_places() -> None:
    first, second, third = rows_of(
        'a,b,c\n1, "two ,3\n"x, ""y""\nz",two, three\n\n  \n4,5,6\n'.replace('"two ', "two ")
    )
    assert first.cells == {"a": "1", "b": "two", "c": "3"}
    assert (first.line, first.span("b").column) == (2, 4)
    assert second.cells["a"] == 'x, "y"\nz'
    assert (second.line, second.span("a").line) == (3, 3)
    span = second.span("b")
    assert (span.line, span.column, span.width) == (4, 4, 3)
    span = second.span("c")
    assert (span.line, span.column, span.width) == (4, 9, 5)
    assert third.line == 7
    fault = second.diagnostic("code", "c", "message", "help")
    assert fault.source_line == 'z",two, three'


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_line_break_counts_once(line_break: str) -> None:
    text = line_break.join(["a,b", "1,2", f'"x{line_break}y",2', "3,\u2028", "4,5"])
    assert [row.line for row in rows_of(text)] == [2, 3, 5, 6]
    assert rows_of(text)[-1].diagnostic("code", "b", "message").source_line == "4,5"


def test_faults_of_csv() -> None:
    expected = "the header must have `a`, `b`"
    assert csv_faults("") == [("missing_column", 1, 1, expected), ("missing_column", 1, 1, expected)]
    assert csv_faults("a\n1\n") == [("missing_column", 1, 1, expected)]
    semicolons = "separate the columns with commas, not with `;`"
    assert csv_faults("a;b\n1;2\n") == [("missing_column", 1, 1, semicolons)] * 2
    assert csv_faults("a,b,a\n") == [("duplicate_column", 1, 5, "keep one of the two")]
    assert csv_faults("a,b,\n")[0][:3] == ("unnamed_column", 1, 5)
    assert csv_faults("a,b,colour\n", ["color"]) == [("unknown_column", 1, 5, "did you mean `color`?")]
    surplus = "check for a missing or surplus comma; put a text with a comma in quotes"
    assert csv_faults('a,b\n1,2\n"x\ny",2,3\n4\n') == [("cell_count", 3, 1, surplus), ("cell_count", 5, 1, surplus)]
    assert csv_faults('a,b\n1,"two\n3,4\n')[0][:3] == ("csv_syntax", 2, 1)


def test_further_columns_are_kept_where_they_may_be() -> None:
    rows, _ = parse_csv(Source("a.csv", "a,b,x\n1,2,3\n"), ["a", "b"], None)
    assert rows[0].cells == {"a": "1", "b": "2", "x": "3"}


# --- Files -----------------------------------------------------------------------------------------------------------


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert isinstance(read_source(tmp_path / "none", "none"), Diagnostic)
    folder = read_source(tmp_path, "folder")
    assert isinstance(folder, Diagnostic)
    assert folder.code == "unreadable_file"
    (tmp_path / "latin").write_bytes(b"good\ncaf\xe9\n")
    latin = read_source(tmp_path / "latin", "latin")
    assert isinstance(latin, Diagnostic)
    assert (latin.code, latin.message) == ("not_utf8", "byte 0xe9 is not UTF-8")
    assert (latin.span.line, latin.span.column) == (2, 4)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert read_source(tmp_path / "marked", "marked") == Source("marked", "a: 1\r\n")


# --- What is known of a faulty text ----------------------------------------------------------------------------------


def test_a_faulty_yaml_is_read_as_far_as_it_goes() -> None:
    node, found = parse_yaml(Source("a.yaml", "a: 1\na: 2\nb: *x\nc: {<<: *y, d: 3}\ne: &z 4\n"))
    assert [fault.code for fault in found] == ["duplicate_key", "alias", "alias", "alias"]
    assert node is not None
    assert node.plain() == {"a": "1", "b": "", "c": {"d": "3"}, "e": "4"}
    assert [node.at((key,)).sound() for key in "abce"] == [False, False, False, True]
    assert [node.at(path).text() for path in ("a", "b", "c", ("c", "d"), "e")] == [None, None, None, "3", "4"]


def test_nothing_is_said_of_what_an_alias_stands_for() -> None:
    source = Source("a.yaml", "name: *x\ninner: {<<: *x, count: y}\nmany: *x\n")
    node, _ = parse_yaml(source)
    assert node is not None
    model, found = validate(Model, node, source)
    assert model is None
    assert [fault.span.line for fault in found] == [2]


def test_a_control_character_is_found_in_yaml_and_csv() -> None:
    assert yaml_faults('a: "x\\0y"\nb: "\\x1b"\nc: "\\t"\n') == [
        ("control_character", 1, 4),
        ("control_character", 2, 4),
    ]
    assert yaml_faults("a: x\0y\n") == [("yaml_syntax", 1, 5)]
    rows, found = parse_csv(Source("a.csv", 'a,b\r\n1,x\0\0y\r\n"2\n\x7f",3\n'), ["a", "b"], [])
    assert [(fault.code, fault.message, fault.span.line, fault.span.column) for fault in found] == [
        ("control_character", "the character U+0000 is not allowed", 2, 4),
        ("control_character", "the character U+007F is not allowed", 4, 1),
    ]
    assert [row.cells for row in rows] == [{"a": "1", "b": "xy"}, {"a": "2", "b": "3"}]


def test_a_row_with_a_cell_too_many_is_kept_apart() -> None:
    rows, _ = parse_csv(Source("a.csv", "a,b\n1,2,3\n4,5\n"), ["a", "b"], [])
    assert [(row.whole, dict(row.cells)) for row in rows] == [
        (False, {"0": "1", "1": "2", "2": "3"}),
        (True, {"a": "4", "b": "5"}),
    ]


@pytest.mark.parametrize("column", [1, 2, 100, 159, 160, 161, 5_000, 9_999, 10_000])
def test_a_long_line_is_shown_around_the_caret(column: int) -> None:
    line = "".join(chr(ord("a") + index % 26) for index in range(10_000))
    text = str(Diagnostic("code", "message", Span("a", 1, column, 3), source_line=line))
    _, shown, caret = text.splitlines()
    assert len(shown) <= 8 + 162
    assert line[column - 1 :].startswith(shown[caret.index("^") :][: caret.count("^")].replace("…", ""))
    assert ("…" in shown[:9], shown.endswith("…")) == (column > 54, column < 9_890)


def test_a_long_word_in_a_sentence_is_cut() -> None:
    source = Source("a.yaml", "x")
    fault = source.diagnostic("code", f"`{'x' * 99}` and `{'y' * 81}`, `` too", Span("a.yaml", 1, 1))
    assert fault.message == f"`{'x' * 80}…` and `{'y' * 81}`, an empty text too"
