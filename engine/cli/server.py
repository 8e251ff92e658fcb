"""Serving: load the shop, open the store, answer over HTTP until told to stop.

Imported only by a command that serves, because the libraries of a server take their time.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, Final

import uvicorn
from rich.text import Text
from starlette.types import ASGIApp

from engine.callers import CallerKind
from engine.cli.console import counted, fail, out
from engine.cli.demo import curl_line, demo_query, demo_tokens
from engine.cli.limits import cart_limits, http_config, request_limits
from engine.cli.loading import check_folders, load
from engine.cli.reload import Fingerprint, Folders, Reloader, collector_resting, now_ms
from engine.cli.secret import token_authority
from engine.cli.store import OpenStore, opened_store
from engine.errors import PanierError
from engine.live import LiveCarts
from engine.rules.packed import kept_packed
from engine.service import Panier, Snapshot
from engine.settings import Settings, masked_url, variable
from engine.storage.checks import Finding, Severity, check_server, require_fit
from engine.storage.connection import Connection, StoreAccessError
from engine.storage.keys import KeyNames, agree_on_partitions
from engine.storage.stores import Stores
from engine.storage.wake_ups import WakeUps
from engine.sweeping import sweep_for_ever
from schema.app import GRAPHIQL_PATH, GRAPHQL_PATH, build_app
from schema.auth import TokenAuthority

_BACKLOG: Final = 2048
_DRAIN_S: Final = 10
"""How long requests under way and subscriptions may take to end after Ctrl-C."""
_COLOURS: Final = {Severity.OK: "green", Severity.RISK: "yellow", Severity.WRONG: "red"}


def run(settings: Settings) -> None:
    """Serve until a signal says stop. Raises `PanierError` or `OSError` where that cannot start."""
    if settings.shop is None:
        fail("no shop to serve: name its folder with --shop or PANIER_SHOP")
    check_folders(settings.shop, settings.rules, shop_name=variable("shop"), rules_name=variable("rules"))
    tokens = token_authority(settings)
    with _listening(settings.host, settings.port) as listener:
        folders = Folders(settings.shop, settings.rules)
        loaded = folders.fingerprint()
        with collector_resting():
            shop, rules = load(settings.shop, settings.rules)
            ruleset = kept_packed(rules.ruleset)
            del rules
        promotions = counted(len(ruleset.promotions), "promotion")
        out.print(f"shop {shop.id}: {counted(len(shop.products), 'product')}, {promotions}")
        with opened_store(settings) as store:
            snapshot = Snapshot(shop, ruleset, now_ms())
            _in_loop(_Service(settings, snapshot, folders, loaded, tokens, listener).serve(store))


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the address before anything else is done, so that a taken one is noticed at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as fault:
        why = os.strerror(fault.errno).lower() if fault.errno and fault.errno > 0 else fault.strerror
        fail(f"cannot listen on {host}:{port}: {why}; choose another address with --host and --port")
    with listener:
        yield listener


@contextlib.contextmanager
def _sweeping(engine: Panier) -> Iterator[None]:
    """Heal what a crash left, in the background."""
    sweeping = asyncio.create_task(sweep_for_ever(engine))
    try:
        yield
    finally:
        sweeping.cancel()


def _in_loop(work: Coroutine[None, None, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


class _Service:
    """One service: its app, its connection, and what it says when it is ready."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        folders: Folders,
        loaded: Fingerprint,
        tokens: TokenAuthority,
        listener: socket.socket,
    ) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._shop = shop = snapshot.shop
        self._folders = folders
        self._loaded = loaded
        self._tokens = tokens
        self._listener = listener
        life_s = int(settings.token_life.total_seconds())
        self._demo_tokens = demo_tokens(shop, tokens, life_s) if settings.development else {}

    async def serve(self, store: OpenStore) -> None:
        """Check the store, then answer until a signal says stop, or until a store that ended cannot be had back."""
        settings = self._settings
        try:
            connection = Connection(
                store.url, connections=settings.store_connections, timeout_s=settings.store_timeout.total_seconds()
            )
        except ValueError as fault:
            fail(f"{variable('redis_url')}: {fault}, expected options that its kind of address has")
        try:
            engine, live = await self._engine_on(connection)
            with self._reloading(engine), _sweeping(engine):
                server = _Server(self._config(self._app(engine, live, connection)), self._announce, live.close)
                await _served(server, self._listener, store.watch)
        finally:
            await connection.close()

    async def _engine_on(self, connection: Connection) -> tuple[Panier, LiveCarts]:
        """Check the store and build the engine on it; where that fails, the message names the setting."""
        try:
            await self._check(connection)
            await connection.load()
            return await self._engine(connection)
        except PanierError as fault:
            if self._settings.redis_url is None:
                raise
            fail(self._store_refused(str(fault), access=isinstance(fault, StoreAccessError)))

    def _store_refused(self, why: str, *, access: bool = False) -> str:
        wanted = (
            "`redis://:PASSWORD@HOST:PORT/DB` or `redis://USER:PASSWORD@HOST:PORT/DB`"
            if access
            else f"a Redis or Valkey server that answers at `{masked_url(self._settings.redis_url or '')}`"
        )
        return f"{variable('redis_url')}: {why.rstrip('.')}; expected {wanted}"

    async def _check(self, connection: Connection) -> None:
        findings = await check_server(connection)
        for finding in findings:
            out.print(_line(finding))
        require_fit(findings)

    async def _engine(self, connection: Connection) -> tuple[Panier, LiveCarts]:
        settings, names = self._settings, KeyNames(shop=self._shop.id)
        await agree_on_partitions(connection, names)
        stores = Stores.on(connection, names, cart_limits(settings))
        engine = Panier(self._snapshot, stores, request_limits(settings))
        return engine, LiveCarts(engine, WakeUps(connection))

    @contextlib.contextmanager
    def _reloading(self, engine: Panier) -> Iterator[None]:
        """Load again when files change, where that is set, and whenever SIGHUP asks for it."""
        reloader = Reloader(engine, self._folders, self._loaded, out.print)
        tasks: list[asyncio.Task[Any]] = []
        if self._settings.reloads:
            tasks.append(asyncio.create_task(reloader.watch()))
        if hasattr(signal, "SIGHUP"):

            def reload() -> None:
                tasks[:] = [task for task in tasks if not task.done()]
                tasks.append(asyncio.create_task(reloader.reload(all_of_it=True)))

            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    def _app(self, engine: Panier, live: LiveCarts, connection: Connection) -> ASGIApp:
        config = http_config(
            self._settings,
            ping=lambda: connection.command("PING"),
            graphiql_token=self._demo_tokens.get(CallerKind.CUSTOMER, ""),
            graphiql_query=demo_query(self._shop),
        )
        return build_app(engine, self._tokens, config, live=live)

    def _config(self, app: ASGIApp) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            http="h11" if sys.platform == "win32" else "httptools",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=self._settings.body_bytes_max,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )

    def _announce(self) -> None:
        """Say where the service is, and in development how to call it."""
        host, port = self._listener.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what every address includes
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        out.print()
        out.print(Text.assemble(("GraphQL   ", "bold"), f"{address}{GRAPHQL_PATH}"))
        if self._settings.development:
            self._announce_development(address)
        out.print()
        out.print("Ctrl-C stops it; the carts stay.")

    def _announce_development(self, address: str) -> None:
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
        out.print(Text(curl_line(f"{address}{GRAPHQL_PATH}", token, demo_query(self._shop))))


async def _served(
    server: "_Server", listener: socket.socket, watch: Callable[[], Coroutine[None, None, None]] | None
) -> None:
    """Answer requests while something watches the store; ends with its fault where it gives up."""
    watching = asyncio.create_task(watch()) if watch else None
    if watching is not None:
        watching.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve([listener])
    finally:
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


class _Server(uvicorn.Server):
    """Uvicorn, that says when it is ready and ends without passing the signal on: it has been obeyed.

    `ending` is awaited before it waits for requests under way to end, of which some have no end of their own.
    """

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()  # whoever is let go comes back at once, and must not find this service
        await self._ending()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def _line(finding: Finding) -> Text:
    return Text.assemble((f"{finding.severity:<5} ", _COLOURS[finding.severity]), finding.text)
