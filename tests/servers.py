"""Real servers for tests: one plain, one cluster-enabled, each started once and kept for the whole run."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from engine.storage.embedded import EmbeddedServer, _until

ALL_SLOTS = ("0", "16383")


@contextmanager
def plain_server(folder: Path) -> Iterator[EmbeddedServer]:
    """Run a server as a shop would."""
    with EmbeddedServer(folder) as server:
        yield server


@contextmanager
def cluster_server(folder: Path) -> Iterator[EmbeddedServer]:
    """Run a cluster of one node that holds all slots: it refuses scripts whose keys lie in several."""
    with EmbeddedServer(folder, settings=("--cluster-enabled", "yes", "--cluster-port", str(_free_port()))) as server:
        with Redis.from_url(server.url) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", *ALL_SLOTS)
            for _ in _until(20):
                if client.execute_command("CLUSTER INFO")["cluster_state"] == "ok":
                    break
        yield server


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
