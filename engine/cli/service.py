"""One process that answers requests: its engine on the store, its app, its end."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import FrameType
from typing import Any, Final

import uvicorn
from rich.text import Text
from starlette.types import ASGIApp

from engine.callers import CallerKind
from engine.cli.console import fail
from engine.cli.demo import demo_query, demo_tokens
from engine.cli.limits import cart_limits, http_config, request_limits
from engine.errors import PanierError
from engine.live import LiveCarts
from engine.merge_service import keep_settled
from engine.priced import Snapshot
from engine.service import Panier
from engine.settings import Settings, masked_url, variable
from engine.storage.checks import Finding, Severity, check_server, require_fit
from engine.storage.connection import Connection, StoreAccessError
from engine.storage.keys import KeyNames, agree_on_partitions
from engine.storage.stores import Stores
from engine.storage.wake_ups import WakeUps
from engine.sweeping import sweep_for_ever
from engine.used_up import UsedUp
from schema.app import build_app
from schema.auth import TokenAuthority

DRAIN_S: Final = 10
"""How long requests under way and subscriptions may take to end after Ctrl-C."""
_COLOURS: Final = {Severity.OK: "green", Severity.RISK: "yellow", Severity.WRONG: "red"}

Watch = Callable[[], Coroutine[None, None, None]]


def in_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run something to its end in the fastest event loop that there is."""
    if sys.platform == "win32":
        asyncio.run(work)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def demo_tokens_of(settings: Settings, snapshot: Snapshot, tokens: TokenAuthority) -> dict[CallerKind, str]:
    """Return tokens to try the service with: one of each kind in development, else none."""
    life_s = int(settings.token_life.total_seconds())
    return demo_tokens(snapshot.shop, tokens, life_s) if settings.development else {}


@contextlib.asynccontextmanager
async def store_connection(
    settings: Settings, url: str, names: KeyNames, tell: Callable[[Text], None]
) -> AsyncIterator[Connection]:
    """Yield a connection to the store, which is fit and knows the scripts; `tell` is told what was found.

    Ends the command where it is not, with a message that names the setting.
    """
    try:
        connection = Connection(
            url, connections=settings.store_connections, timeout_s=settings.store_timeout.total_seconds()
        )
    except ValueError as fault:
        fail(f"{variable('redis_url')}: {fault}, expected options that its kind of address has")
    try:
        await _opened(settings, connection, names, tell)
        yield connection
    finally:
        await connection.close()


async def _opened(settings: Settings, connection: Connection, names: KeyNames, tell: Callable[[Text], None]) -> None:
    try:
        findings = await check_server(connection)
        for finding in findings:
            tell(_line(finding))
        require_fit(findings)
        await connection.load()
        await agree_on_partitions(connection, names)
    except PanierError as fault:
        if settings.redis_url is None:
            raise
        fail(_store_refused(settings.redis_url, str(fault), access=isinstance(fault, StoreAccessError)))


def _store_refused(url: str, why: str, *, access: bool) -> str:
    wanted = (
        "`redis://:PASSWORD@HOST:PORT/DB` or `redis://USER:PASSWORD@HOST:PORT/DB`"
        if access
        else f"a Redis or Valkey server that answers at `{masked_url(url)}`"
    )
    return f"{variable('redis_url')}: {why.rstrip('.')}; expected {wanted}"


def _line(finding: Finding) -> Text:
    return Text.assemble((f"{finding.severity:<5} ", _COLOURS[finding.severity]), finding.text)


class Service:
    """The engine and all that answers for it, on a store and an address that others hold."""

    def __init__(
        self, settings: Settings, snapshot: Snapshot, tokens: TokenAuthority, connection: Connection, names: KeyNames
    ) -> None:
        secret = settings.phone_secret.get_secret_value() if settings.phone_secret else ""
        stores = Stores.on(connection, names, cart_limits(settings), phone_secret=secret)
        self.engine = Panier(snapshot, stores, request_limits(settings))
        self._live = LiveCarts(self.engine, WakeUps(connection))
        self._settings = settings
        self._tokens = tokens
        self._connection = connection

    async def serve(self, listener: socket.socket, ready: Callable[[], None], watch: Watch | None) -> None:
        """Answer until a signal says stop, or until `watch` ends, with its fault where it has one."""
        server = _Server(self._config(self._app()), ready, self._live.close)
        watching = asyncio.create_task(watch()) if watch else None
        if watching is not None:
            watching.add_done_callback(lambda _: setattr(server, "should_exit", True))
        works = (keep_settled(self.engine), sweep_for_ever(self.engine), UsedUp(self.engine).keep())
        keeping = [asyncio.create_task(work) for work in works]
        try:
            await server.serve([listener])
        finally:
            for task in keeping:
                task.cancel()
            if watching is not None:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching

    def _app(self) -> ASGIApp:
        snapshot, connection = self.engine.snapshot, self._connection
        config = http_config(
            self._settings,
            ping=lambda: connection.command("PING"),
            graphiql_token=demo_tokens_of(self._settings, snapshot, self._tokens).get(CallerKind.CUSTOMER, ""),
            graphiql_query=demo_query(snapshot.shop),
        )
        return build_app(self.engine, self._tokens, config, live=self._live)

    def _config(self, app: ASGIApp) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            http="h11" if sys.platform == "win32" else "httptools",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=self._settings.body_bytes_max,
            log_level="warning",
            server_header=False,
            forwarded_allow_ips=list(self._settings.trusted_proxies),
            timeout_graceful_shutdown=DRAIN_S,
        )


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
