"""Scripts on one line: each answer to who asked, whatever is cancelled, lost, late or no answer at all."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.errors import StoreUnavailableError
from engine.storage.connection import Connection
from engine.storage.scripts import Script
from tests.servers import plain_server

SOURCE = "return {ARGV[1]}"
ECHO = Script("echo", SOURCE, hashlib.sha1(SOURCE.encode(), usedforsecurity=False).hexdigest())
Serve = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def faulty(serve: Serve, timeout_s: float = 1.0) -> AsyncIterator[Connection]:
    """Yield a connection to a server that serves each of its connections in a way of its own, counted from 0."""
    opened = 0
    writers = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        writers.append(writer)
        await serve(opened - 1, reader, writer)

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    connection = Connection(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}?protocol=2", timeout_s=timeout_s)
    yield connection
    await connection.close()
    server.close()
    for writer in writers:
        writer.close()
    await server.wait_closed()


async def _introduced(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what redis-py sends when it opens a connection."""
    for _ in range(2):
        await _command(reader)
        writer.write(b"+OK\r\n")


async def _command(reader: asyncio.StreamReader) -> list[bytes]:
    words = []
    for _ in range(int((await reader.readline())[1:])):
        length = int((await reader.readline())[1:])
        words.append((await reader.readexactly(length + 2))[:-2])
    return words


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not reader.at_eof():
        try:
            word = (await _command(reader))[-1]
        except (ValueError, asyncio.IncompleteReadError):
            return
        writer.write(b"*1\r\n$%d\r\n%s\r\n" % (len(word), word))


async def test_each_answer_goes_to_who_asked_whoever_is_cancelled(connection: Connection) -> None:
    chance = random.Random(11)  # noqa: S311  # picks whom to cancel

    async def ask(number: int) -> None:
        assert await connection.run(ECHO, (), (number,)) == [str(number).encode()]

    for _ in range(60):
        tasks = [asyncio.ensure_future(ask(chance.randrange(10**6))) for _ in range(20)]
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        for task in chance.sample(tasks, 8):
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(answer is None or isinstance(answer, asyncio.CancelledError) for answer in answers)


async def test_scripts_share_one_connection(tmp_path: Path) -> None:
    with plain_server(tmp_path) as server:
        connection = Connection(server.url)
        answers = await asyncio.gather(*[connection.run(ECHO, (), (number,)) for number in range(100)])
        assert answers == [[str(number).encode()] for number in range(100)]
        clients = await connection.info("clients")
        assert clients["connected_clients"] == 2, "the line, and the one of the pool that asks"
        await connection.close()


async def test_a_line_that_breaks_is_opened_again_and_what_was_asked_is_sent_again() -> None:
    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _introduced(reader, writer)
        if number == 0:
            for _ in range(3):
                await _command(reader)
            writer.write(b"*1\r\n$1\r\n0\r\n")
            writer.close()
        else:
            await _echo(reader, writer)

    async with faulty(serve) as connection:
        answers = await asyncio.gather(*[connection.run(ECHO, (), (number,)) for number in range(5)])
        assert answers == [[str(number).encode()] for number in range(5)]


async def test_a_server_that_breaks_every_line_is_given_up() -> None:
    lines = 0

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lines
        lines = number + 1
        await _introduced(reader, writer)
        await _command(reader)
        writer.close()

    async with faulty(serve) as connection:
        with pytest.raises(StoreUnavailableError, match="did not answer"):
            await connection.run(ECHO, (), (1,))
    assert lines == 3


async def test_what_waits_too_long_fails_and_what_came_later_is_sent_again() -> None:
    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _introduced(reader, writer)
        if number == 0:
            await reader.read()
        else:
            await _echo(reader, writer)

    async with faulty(serve, timeout_s=0.3) as connection:
        first = asyncio.ensure_future(connection.run(ECHO, (), (1,)))
        await asyncio.sleep(0.15)
        second = asyncio.ensure_future(connection.run(ECHO, (), (2,)))
        with pytest.raises(StoreUnavailableError, match="in time"):
            await first
        assert await second == [b"2"]
        assert await connection.run(ECHO, (), (3,)) == [b"3"]


async def test_a_line_that_nobody_used_for_long_is_still_good(tmp_path: Path) -> None:
    with plain_server(tmp_path) as server:
        connection = Connection(server.url, timeout_s=0.2)
        for number in range(3):
            assert await connection.run(ECHO, (), (number,)) == [str(number).encode()]
            await asyncio.sleep(0.3)
        await connection.close()


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1\r\n$1\r\n1\r\n" * 2])
async def test_what_is_no_answer_breaks_the_line(noise: bytes) -> None:
    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _introduced(reader, writer)
        if number == 0:
            await _command(reader)
            writer.write(noise)
        await _echo(reader, writer)

    async with faulty(serve) as connection:
        assert await connection.run(ECHO, (), (1,)) == [b"1"]
        assert await connection.run(ECHO, (), (2,)) == [b"2"]


async def test_scripts_under_way_are_answered_before_it_is_closed(server_url: str) -> None:
    connection = Connection(server_url)
    asked = [asyncio.ensure_future(connection.run(ECHO, (), (number,))) for number in range(20)]
    await connection.run(ECHO, (), ("opened",))
    await connection.close()
    assert await asyncio.gather(*asked) == [[str(number).encode()] for number in range(20)]


async def test_a_script_that_many_ask_for_is_loaded_for_all(connection: Connection) -> None:
    await connection.command("SCRIPT", "FLUSH")
    answers = await asyncio.gather(*[connection.run(ECHO, (), (number,)) for number in range(30)])
    assert answers == [[str(number).encode()] for number in range(30)]


async def test_whoever_opens_the_line_may_go_away(server_url: str) -> None:
    connection = Connection(server_url)
    first = asyncio.ensure_future(connection.run(ECHO, (), (1,)))
    second = asyncio.ensure_future(connection.run(ECHO, (), (2,)))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == [b"2"]
    await connection.close()


async def test_a_password_is_asked_for_and_sent(tmp_path: Path) -> None:
    with plain_server(tmp_path) as server:
        connection = Connection(server.url)
        await connection.command("CONFIG", "SET", "requirepass", "secret")
        await connection.close()
        closed = Connection(server.url)
        with pytest.raises(StoreUnavailableError, match="wants a password"):
            await closed.run(ECHO, (), (1,))
        opened = Connection(server.url.replace("://", "://:secret@"))
        assert await opened.run(ECHO, (), (1,)) == [b"1"]
        await opened.command("CONFIG", "SET", "requirepass", "")  # whoever ends the server knows none
        await closed.close()
        await opened.close()
