"""Servers to put load on: `bench.served` in a process of its own, and `panier serve` as it is run."""

import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

SECRET: Final = "a secret of the bench, long enough for HS256"  # noqa: S105  # of the bench only


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    host: str
    port: int
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    @property
    def url(self) -> str:
        """Where it answers GraphQL."""
        return f"http://{self.host}:{self.port}/graphql"

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Return the memory that it holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="utf-8").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def waited_s(self) -> float:
        """Return how long it could have run and did not, because something else had the core."""
        return waited_s(self.pid)

    def said(self, start: str) -> str:
        """Wait for a line that begins so, and return it."""
        assert self.process.stdout is not None
        return next(line for line in self.process.stdout if line.startswith(start))


def waited_s(pid: int) -> float:
    """Return how long a process could have run and did not, because something else had the core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[1]) / 1e9


@contextmanager
def served(what: str, store_url: str, folder: Path, core: int, *options: str) -> Iterator[Server]:
    """Run one of the servers of `bench.served` on a core of its own."""
    command = [sys.executable, "-m", "bench.served", what, store_url, str(folder), *options]
    with _process(command, os.environ, {core}) as process:
        assert process.stdout is not None
        host, port = process.stdout.readline().strip().split(":")
        yield Server(host, int(port), process)


@contextmanager
def panier(shop: Path, store_url: str, cores: Collection[int], **settings: object) -> Iterator[Server]:
    """Run `panier serve` on some cores, all of its processes; `settings` are further ones, by their names."""
    given = {"shop": shop, "redis_url": store_url, "jwt_secret": SECRET, "port": 0, **settings}
    environment = {"PATH": os.environ["PATH"]} | {f"PANIER_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-c", "from engine.cli import main; main()", "serve"]
    with _process(command, environment, cores) as process:
        assert process.stdout is not None
        url = urlsplit(next(line.split()[-1] for line in process.stdout if line.startswith("GraphQL")))
        assert url.hostname is not None
        assert url.port is not None
        yield Server(url.hostname, url.port, process)


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], cores: Collection[int]
) -> Iterator[subprocess.Popen[str]]:
    """Run a process and what it starts on some cores, and end it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # inherited by whatever it starts
    try:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own modules
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
