"""One server on one folder, whatever happens to the services: real processes, real kills."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from engine.storage.embedded import EmbeddedServer, EmbeddedServerError, FolderInUseError, _until

OWNER = """
import signal, sys
from pathlib import Path
from engine.storage.embedded import EmbeddedServer, FolderInUseError
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    with EmbeddedServer(Path(sys.argv[1]), dies_with_owner=sys.argv[2] == "tied") as server:
        print(server.pid, flush=True)
        signal.pause()
except FolderInUseError:
    print("in use", flush=True)
"""

REFUSED_AT_START = ("--no-such-setting", "1")


@contextlib.contextmanager
def service(folder: Path, how: str = "tied") -> Iterator[subprocess.Popen[str]]:
    """Run a service in a process of its own; its first line is the server's process id, or ``in use``."""
    command = [sys.executable, "-c", OWNER, str(folder), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def servers_on(folder: Path) -> set[int]:
    """Return the living servers whose socket is in the folder."""
    found = set()
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            text = words.read_text(encoding="utf-8")
            if "valkey-server" in text and str(folder) in text:
                found.add(int(words.parent.name))
    return found


def client(server: EmbeddedServer) -> Redis:
    return Redis.from_url(server.url, decode_responses=True)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Name a data folder; a server that a killed service left there is ended with the test."""
    data = tmp_path / "data"
    yield data
    for pid in servers_on(data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_server_keeps_everything_and_listens_to_its_owner_only(folder: Path) -> None:
    with EmbeddedServer(folder) as server, client(server) as store:
        wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0"}
        assert {name: store.config_get(name)[name] for name in wanted} == wanted
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "valkey.sock").stat().st_mode & 0o777 == 0o700
        assert servers_on(folder) == {server.pid}
    assert servers_on(folder) == set()


def test_data_survive_a_restart(folder: Path) -> None:
    with EmbeddedServer(folder) as server, client(server) as store:
        store.set("kept", "yes")
    with EmbeddedServer(folder) as server, client(server) as store:
        assert not server.adopted
        assert store.get("kept") == "yes"


def test_a_folder_of_a_living_service_is_refused(folder: Path) -> None:
    with service(folder) as other:
        pid = first_line(other)
        with pytest.raises(FolderInUseError, match=rf"belongs to a running service \(process {other.pid}\): stop"):
            EmbeddedServer(folder).start()
        assert servers_on(folder) == {int(pid)}


def test_a_folder_is_refused_within_one_process_too_and_the_owner_keeps_it(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        with pytest.raises(FolderInUseError):
            EmbeddedServer(folder).start()
        with pytest.raises(EmbeddedServerError, match="started already"):
            server.start()
        with pytest.raises(FolderInUseError):
            EmbeddedServer(folder).start()


def test_a_service_that_ends_takes_its_server_along(folder: Path) -> None:
    with service(folder) as other:
        first_line(other)
        other.send_signal(signal.SIGTERM)
        assert other.wait() == 0
        assert servers_on(folder) == set()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_service_does_not_leave_a_server_and_loses_no_data(folder: Path) -> None:
    with service(folder) as other:
        pid = int(first_line(other))
        with Redis(unix_socket_path=str(folder / "valkey.sock")) as store:
            store.set("kept", "yes")
        killed(other)
        with EmbeddedServer(folder) as server, client(server) as store:
            assert not server.adopted
            assert server.pid != pid
            assert servers_on(folder) == {server.pid}
            assert store.get("kept") == "yes"


def test_a_server_left_by_a_killed_service_is_adopted_and_stopped_in_the_end(folder: Path) -> None:
    with service(folder, "free") as other:
        pid = int(first_line(other))
        killed(other)
        assert servers_on(folder) == {pid}
        with EmbeddedServer(folder) as server, client(server) as store:
            assert server.adopted
            assert server.pid == pid
            store.set("kept", "yes")
        assert servers_on(folder) == set()
    with EmbeddedServer(folder) as server, client(server) as store:
        assert store.get("kept") == "yes"


def test_an_adopted_server_can_be_left_and_adopted_again(folder: Path) -> None:
    with service(folder, "free") as first:
        pid = first_line(first)
        killed(first)
        with service(folder, "free") as second:
            assert first_line(second) == pid
            killed(second)
            with EmbeddedServer(folder) as server:
                assert server.pid == int(pid)


@pytest.mark.parametrize("how", ["tied", "free"])
def test_of_many_services_that_start_at_once_after_a_kill_one_gets_the_folder(folder: Path, how: str) -> None:
    with service(folder, how) as first, contextlib.ExitStack() as stack:
        first_line(first)
        others = [stack.enter_context(service(folder, how)) for _ in range(4)]
        killed(first)
        with contextlib.suppress(FolderInUseError), EmbeddedServer(folder):
            assert len(servers_on(folder)) == 1
        answers = [first_line(other) for other in others]
        living = servers_on(folder)
        assert len(living) <= 1
        assert living == {int(answer) for answer in answers if answer != "in use"}


def test_a_server_that_does_not_answer_is_not_replaced(folder: Path) -> None:
    with service(folder, "free") as other:
        pid = int(first_line(other))
        killed(other)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(EmbeddedServerError, match="does not answer, so none can be started"):
                EmbeddedServer(folder, deadline_s=0.1).start()
        finally:
            os.kill(pid, signal.SIGCONT)
        with EmbeddedServer(folder) as server:
            assert server.pid == pid


def test_a_state_file_of_another_server_is_not_believed(folder: Path, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "elsewhere") as stranger:
        folder.mkdir()
        state = (tmp_path / "elsewhere" / "server.json").read_text(encoding="utf-8").replace("true", "false")
        (folder / "server.json").write_text(state, encoding="utf-8")
        mine = EmbeddedServer(folder)
        assert not mine._adopt()
        with mine:
            assert mine.pid != stranger.pid


def test_a_server_that_was_killed_is_noticed_and_stopping_still_works(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    for _ in _until(10):
        if not servers_on(folder):
            break
    with pytest.raises(EmbeddedServerError, match="does not answer"):
        assert server.pid
    server.stop()
    server.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another process
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def watched(server: EmbeddedServer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(server.watch())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, EmbeddedServerError):
            await task


async def test_a_server_that_is_killed_is_started_again_on_the_same_folder(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(folder) as server, client(server) as store:
        first, url = server.pid, server.url
        async with watched(server):
            store.set("kept", "yes")
            os.kill(first, signal.SIGKILL)
            await until(lambda: "runs again" in caplog.text)
            assert (server.url, server.adopted) == (url, False)
            assert store.get("kept") == "yes"
            assert servers_on(folder) == {server.pid} != {first}
    assert servers_on(folder) == set()
    assert [record.getMessage() for record in caplog.records] == [
        "the embedded server ended (signal 9): starting it again",
        f"the embedded server runs again (process {json.loads((folder / 'server.json').read_text())['pid']})",
    ]


async def test_a_killed_server_that_was_adopted_is_started_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with service(folder, "free") as other:
        pid = int(first_line(other))
        killed(other)
        with EmbeddedServer(folder) as server:
            assert server.adopted
            async with watched(server):
                os.kill(pid, signal.SIGKILL)
                await until(lambda: "runs again" in caplog.text)
                assert servers_on(folder) == {server.pid} != {pid}
    assert servers_on(folder) == set()


async def test_a_server_with_its_socket_elsewhere_keeps_its_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(tmp_path / ("d" * 60) / ("e" * 60)) as server, client(server) as store:
        async with watched(server):
            os.kill(server.pid, signal.SIGKILL)
            await until(lambda: "runs again" in caplog.text)
            assert store.ping()


async def test_a_server_that_keeps_ending_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.storage.embedded._RESTART_DELAYS_S", (0.0, 0.01, 0.02))
    with EmbeddedServer(folder) as server:
        async with watched(server) as task:
            server._settings = REFUSED_AT_START
            os.kill(server.pid, signal.SIGKILL)
            with pytest.raises(EmbeddedServerError, match=r"(?s)could not be started again.*no-such-setting"):
                await asyncio.wait_for(task, 20)
    assert caplog.text.count("starting it again") == 3
    assert servers_on(folder) == set()


async def test_stopping_while_it_is_started_again_leaves_no_server(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        first = server.pid
        async with watched(server):
            os.kill(first, signal.SIGKILL)
            await until(lambda: servers_on(folder) - {first})
    assert servers_on(folder) == set()


def test_a_start_that_fails_shows_the_log_and_gives_the_folder_free(folder: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"(?s)ended at start \(exit code 1\).*no-such-setting"):
        EmbeddedServer(folder, settings=REFUSED_AT_START).start()
    with EmbeddedServer(folder):
        pass


def test_damaged_data_stop_the_start_with_the_servers_own_words(folder: Path) -> None:
    with EmbeddedServer(folder) as server, client(server) as store:
        for number in range(100):
            store.set(f"key-{number}", "value")
    (written,) = (folder / "appendonlydir").glob("*.incr.aof")
    content = bytearray(written.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20] = b"x" * 20
    written.write_bytes(content)
    with pytest.raises(EmbeddedServerError, match="Bad file format"):
        EmbeddedServer(folder).start()


def test_a_deep_folder_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    server = EmbeddedServer(deep)
    with server, client(server) as store:
        assert store.ping()
        assert str(deep) not in server.url
        elsewhere = server._socket.parent
        assert elsewhere.stat().st_mode & 0o777 == 0o700
    assert not elsewhere.exists()


def test_a_folder_with_odd_letters_works(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "a b%20é#?") as server, client(server) as store:
        assert store.ping()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="cannot be used"):
        EmbeddedServer(tmp_path / "file" / "data").start()
