"""What the compiled answer does with views that the schema does not have, or not yet: on a schema of this file alone."""

import ast
import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, cast

import orjson
import pytest
import strawberry
from graphql import ExecutionResult, GraphQLError, parse, validate
from graphql.execution import execute
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema import core_schema
from schema.compiled.answers import Attempt, CompiledAnswers
from schema.compiled.inline import Names, NotInlinedError, Unmade, expression, unmade
from schema.documents import Document
from schema.views import field, object_type

HERE = "here"


@strawberry.enum
class Colour(Enum):
    RED = "red"


@object_type("Part")
class PartView:
    """A part."""

    __slots__ = ("_name", "_number")

    def __init__(self, name: Any, number: Any) -> None:
        self._name = name
        self._number = number

    @property
    def name(self) -> str:
        """Its name."""
        return self._name  # type: ignore[no-any-return]

    @property
    def number(self) -> int | None:
        """Its number."""
        return self._number  # type: ignore[no-any-return]


@object_type("Whole")
class WholeView:
    """A whole."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._numbers = (1, 2)

    @property
    def here(self) -> str:
        """A name of this module."""
        return HERE

    @property
    def part(self) -> PartView:
        """Made of what is at hand."""
        return PartView(self._kind, 1)

    @property
    def worked_out(self) -> PartView | None:
        """Made of something that is worked out and kept."""
        name = {"red": "RED"}.get(self._kind)
        return PartView(name, len(name)) if name is not None else None

    @property
    def parts(self) -> list[PartView | None]:
        """Some of them missing."""
        return [PartView("a", 1), None, PartView("b", None)]

    @property
    def mapped(self) -> list[PartView]:
        """Made one by one of what is at hand."""
        return [PartView(number, number) for number in self._numbers]

    @property
    def several(self) -> list[PartView]:
        """Worked out step by step."""
        found = []
        for name in ("x", "y"):
            found.append(PartView(name, 2**31 if self._kind == "large" else 3))  # noqa: PERF401
        return found

    @property
    def colour(self) -> Colour | None:
        """An enum."""
        return {"red": Colour.RED}.get(self._kind)

    @property
    def nothing(self) -> str:
        """Null that may not be."""
        return cast("str", None)

    @field("Awaited.")
    async def slow(self, name: str = "slow") -> PartView | None:
        """Return a part after a while."""
        await asyncio.sleep(0)
        if name == "fail":
            raise GraphQLError("it failed", extensions={"code": "FAILED"})
        return PartView(name, 4) if name else None

    @field("Awaited, with more below.")
    async def slow_whole(self) -> "Annotated[WholeView, strawberry.lazy('tests.http.test_compiled_parts')]":
        """Return a whole after a while."""
        await asyncio.sleep(0)
        return WholeView("red")


@strawberry.type
class Other:
    """Another member of the union."""

    other: str = "other"


Either = Annotated[WholeView | Other, strawberry.union("Either")]


@strawberry.type
class Query:
    """The root."""

    @strawberry.field
    def whole(self, kind: str = "red") -> WholeView:
        return WholeView(kind)

    @strawberry.field
    def either(self, kind: str = "red") -> Either:
        return WholeView(kind) if kind == "red" else Other()

    @strawberry.field
    def maybe(self, numbers: list[int] | None = None) -> list[int] | None:
        return numbers


SCHEMA = core_schema(strawberry.Schema(query=Query, types=[WholeView, Other]))


async def both(query: str) -> tuple[ExecutionResult, Attempt]:
    """Return the ordinary result and the attempt to write it."""
    document = Document.of(parse(query))
    assert not validate(SCHEMA, document.node)
    result = execute(SCHEMA, document.node, executor_class=StrawberryGraphQLCoreExecutionContext)
    ordinary = result if isinstance(result, ExecutionResult) else await result
    answers = CompiledAnswers(SCHEMA)
    return ordinary, await answers.attempt(query, document, document.operation(None), {}, cast("Any", None))


@pytest.mark.parametrize(
    "query",
    [
        "{ whole { here part { name number } workedOut { name number } __typename } }",
        "{ whole { mapped { number name } several { name } } }",
        "{ whole { parts { name number __typename } several { name number } colour } }",
        '{ whole(kind: "none") { colour part { __typename } } }',
        '{ whole { slow { name } again: slow(name: "") { name } slowWhole { here slow { number } } } }',
        "{ whole { slowWhole { slowWhole { slow { name } parts { name } } } } }",
        "{ either { __typename ... on Whole { here } ... on Other { other } } }",
        '{ either(kind: "x") { __typename ... on Whole { here } ... on Other { other } } }',
        "{ maybe none: maybe(numbers: null) some: maybe(numbers: [1, 2]) }",
    ],
)
async def test_an_answer_is_written(query: str) -> None:
    ordinary, attempt = await both(query)
    assert ordinary.errors is None
    assert attempt.answer == orjson.dumps({"data": ordinary.data})


@pytest.mark.parametrize(
    "query",
    [
        "{ whole { here nothing } }",
        '{ whole(kind: "large") { several { number } } }',
        '{ whole { here slow(name: "fail") { name } slowWhole { here } } }',
        "{ whole { slowWhole { nothing slow { name } } slow { name } } }",
        "{ whole { slow { name } nothing } }",
    ],
)
async def test_what_is_at_fault_is_not_written(query: str) -> None:
    ordinary, attempt = await both(query)
    assert ordinary.errors
    assert attempt.answer is None
    assert attempt.fault is not None
    assert attempt.roots["whole"].again()._kind in {"red", "large"}


def inlined(name: str, view: type = WholeView) -> str:
    """Return a property as an expression; objects are named by their class or value."""
    names = Names(lambda thing: getattr(thing, "__name__", str(thing)), lambda: "kept")
    return ast.unparse(expression(view, name, "value", names))


def test_a_property_is_read_as_its_expression() -> None:
    assert inlined("here") == "here"
    assert inlined("part") == "PartView(value._kind, 1)"
    assert inlined("mapped") == "[PartView(kept, kept) for kept in value._numbers]"
    assert inlined("worked_out") == (
        "PartView(kept, len(kept)) if (kept := {'red': 'RED'}.get(value._kind)) is not None else None"
    )


@pytest.mark.parametrize("name", ["several", "slow", "__init__", "no_such_field"])
def test_what_is_more_than_an_expression_is_called(name: str) -> None:
    with pytest.raises((NotInlinedError, AttributeError)):
        inlined(name)


def test_a_program_without_its_source_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Callable[..., object]) -> str:
        raise OSError("could not get source code")

    namespace: dict[str, Any] = {"object_type": object_type}
    exec("class Bare:\n    @property\n    def name(self) -> str:\n        return 'x'\n", namespace)  # noqa: S102
    monkeypatch.setattr("inspect.getsource", gone)
    with pytest.raises(NotInlinedError):
        inlined("name", namespace["Bare"])


def test_a_view_that_does_more_than_keep_is_made() -> None:
    class Counting:
        def __init__(self, name: str) -> None:
            self._name = name.upper()

    made = ast.parse("Counting(value._name)", mode="eval").body
    with pytest.raises(NotInlinedError):
        unmade(made, {"Counting": Counting})
    part = unmade(ast.parse("PartView(value._name, 1) if value else None", mode="eval").body, {"PartView": PartView})
    assert isinstance(part, Unmade)
    assert {name: ast.unparse(value) for name, value in part.attributes.items()} == {
        "_name": "value._name",
        "_number": "1",
    }
    assert part.condition == "value"
