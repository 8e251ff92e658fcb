"""Serving: load the shop, open the store, answer over HTTP until told to stop, in this process or in several workers.

Imported only by a command that serves, because the libraries of a server take their time.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rich.text import Text

from engine.callers import CallerKind
from engine.cli.console import counted, fail, out
from engine.cli.demo import curl_line, demo_query
from engine.cli.handover import handed_over
from engine.cli.loading import check_folders, load
from engine.cli.reload import Folders, Intake, Reloader, collector_resting, now_ms
from engine.cli.secret import token_authority
from engine.cli.service import Service, demo_tokens_of, in_loop, store_connection
from engine.cli.store import OpenStore, opened_store
from engine.cli.workers import Start, Workers
from engine.priced import Snapshot
from engine.rules.packed import kept_packed
from engine.settings import Settings, variable
from engine.storage.keys import KeyNames
from schema.app import GRAPHIQL_PATH, GRAPHQL_PATH
from schema.auth import TokenAuthority

_BACKLOG: Final = 2048


def run(settings: Settings) -> None:
    """Serve until a signal says stop. Raises `PanierError` or `OSError` where that cannot start."""
    if settings.shop is None:
        fail("no shop to serve: name its folder with --shop or PANIER_SHOP")
    if settings.workers > 1 and sys.platform == "win32":
        fail(f"{variable('workers')}: `{settings.workers}` is wrong on this system, expected 1")
    check_folders(settings.shop, settings.rules, shop_name=variable("shop"), rules_name=variable("rules"))
    tokens = token_authority(settings)
    with _listening(settings.host, settings.port, settings.workers) as listeners:
        reloader, snapshot = _loaded(settings)
        greeting = _Greeting(settings, snapshot, tokens, listeners[0])
        with opened_store(settings) as store:
            if settings.workers > 1:
                in_loop(_with_workers(settings, snapshot, reloader, listeners, store, greeting.say))
            else:
                in_loop(_alone(settings, snapshot, reloader, tokens, listeners[0], store, greeting.say))


def _loaded(settings: Settings) -> tuple[Reloader, Snapshot]:
    """Load what is served, and return it after what loads it again."""
    assert settings.shop is not None  # noqa: S101 - looked at before
    folders = Folders(settings.shop, settings.rules)
    seen = folders.fingerprint()
    with collector_resting():
        shop, rules = load(settings.shop, settings.rules)
        snapshot = Snapshot(shop, kept_packed(rules.ruleset), now_ms())
        del rules
    promotions = counted(len(snapshot.ruleset.promotions), "promotion")
    out.print(f"shop {shop.id}: {counted(len(shop.products), 'product')}, {promotions}")
    return Reloader(folders, seen, shop.id, out.print), snapshot


async def _alone(
    settings: Settings,
    snapshot: Snapshot,
    reloader: Reloader,
    tokens: TokenAuthority,
    listener: socket.socket,
    store: OpenStore,
    ready: Callable[[], None],
) -> None:
    """Answer in this process, which also loads again what it serves and watches over the store."""
    names = KeyNames(shop=snapshot.shop.id)
    async with store_connection(settings, store.url, names, out.print) as connection:
        service = Service(settings, snapshot, tokens, connection, names)
        with reloader.running(Intake(service.engine).take, watching=settings.reloads):
            await service.serve(listener, ready, store.watch)


async def _with_workers(
    settings: Settings,
    snapshot: Snapshot,
    reloader: Reloader,
    listeners: Sequence[socket.socket],
    store: OpenStore,
    ready: Callable[[], None],
) -> None:
    """Have workers answer; this process loads again what they serve, and watches over them and the store."""
    async with store_connection(settings, store.url, KeyNames(shop=snapshot.shop.id), out.print):
        pass  # it is fit for those who need it
    handover = handed_over(snapshot.shop, snapshot.ruleset, snapshot.loaded_ms)
    workers = Workers(Start(settings, store.url), handover, listeners)
    with reloader.running(workers.take, watching=settings.reloads):
        await workers.run(ready, store.watch)


@contextlib.contextmanager
def _listening(host: str, port: int, workers: int) -> Iterator[list[socket.socket]]:
    """Take the address before anything else is done, so that a taken one is noticed at once.

    Several workers have a queue each where the system deals connections out evenly, else they share one.
    """
    with contextlib.ExitStack() as stack:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
                0
            ]
            listeners = [socket.create_server(address[:2], family=family, backlog=_BACKLOG)]
            if workers > 1 and sys.platform == "linux":
                taken = listeners.pop()
                address = taken.getsockname()
                taken.close()  # that nobody else has it is known now: only ours may have it together
                for _ in range(workers):
                    each = socket.create_server(address[:2], family=family, backlog=_BACKLOG, reuse_port=True)
                    listeners.append(stack.enter_context(each))
            else:
                stack.enter_context(listeners[0])
        except OSError as fault:
            why = os.strerror(fault.errno).lower() if fault.errno and fault.errno > 0 else fault.strerror
            fail(f"cannot listen on {host}:{port}: {why}; choose another address with --host and --port")
        yield listeners


class _Greeting:
    """What is said when the service is ready: where it is, and in development how to call it."""

    def __init__(self, settings: Settings, snapshot: Snapshot, tokens: TokenAuthority, listener: socket.socket) -> None:
        self._development = settings.development
        self._demo_tokens = demo_tokens_of(settings, snapshot, tokens)
        self._demo_query = demo_query(snapshot.shop)
        self._host, self._port = listener.getsockname()[:2]

    def say(self) -> None:
        """Print it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - what every address includes
        address = f"http://{f'[{host}]' if ':' in host else host}:{self._port}"
        out.print()
        out.print(Text.assemble(("GraphQL   ", "bold"), f"{address}{GRAPHQL_PATH}"))
        if self._development:
            self._say_how(address)
        out.print()
        out.print("Ctrl-C stops it; the carts stay.")

    def _say_how(self, address: str) -> None:
        out.print(Text.assemble(("GraphiQL  ", "bold"), f"{address}{GRAPHIQL_PATH}"))
        out.print()
        if not self._demo_tokens:
            out.print("No demo tokens: there is no secret to sign them with, only public keys.")
            return
        out.print(Text("Demo tokens, send one as `Authorization: Bearer TOKEN`:", "bold"))
        for kind, token in self._demo_tokens.items():
            out.print(Text.assemble((f"{kind:<9} ", "cyan"), token))
        out.print()
        out.print(Text("Try it:", "bold"))
        token = self._demo_tokens[CallerKind.CUSTOMER]
        out.print(Text(curl_line(f"{address}{GRAPHQL_PATH}", token, self._demo_query)))
