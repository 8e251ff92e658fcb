"""The store of a command: the user's own, or the embedded one in the data folder."""

import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass

from rich.text import Text

from engine.cli.console import out
from engine.cli.secret import data_dir_refused
from engine.settings import Settings, masked_url


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The address of the store, and what brings it back where it ends; None where it is the user's own."""

    url: str
    watch: Callable[[], Coroutine[None, None, None]] | None = None


@contextlib.contextmanager
def opened_store(settings: Settings) -> Iterator[OpenStore]:
    """Yield the store: the user's own, else an embedded one that lives as long as the service."""
    if settings.redis_url is not None:
        out.print(Text(f"store: {masked_url(settings.redis_url)}"))
        yield OpenStore(settings.redis_url)
        return
    from engine.storage.embedded import EmbeddedServer, FolderUnusableError

    server = EmbeddedServer(settings.data_dir)
    try:
        server.start()
    except FolderUnusableError as fault:
        raise data_dir_refused(settings, fault) from fault
    try:
        how = "adopted" if server.adopted else "started"
        out.print(f"store: embedded server {how} on {settings.data_dir} (process {server.pid})")
        yield OpenStore(server.url, server.watch)
    finally:
        server.stop()
