"""`panier serve`: the command; what it does is in `engine.cli.server`."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from engine.cli.console import fail, out
from engine.errors import PanierError
from engine.settings import load_settings


def serve(
    shop: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The shop folder.", show_default="shop")] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes any free one.", show_default="8000")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer requests.", show_default="1")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the embedded server keeps data.", show_default=".panier"),
    ] = None,
    *,
    dev: Annotated[
        bool | None, typer.Option("--dev/--no-dev", help="GraphiQL, introspection, demo tokens.", show_default="no")
    ] = None,
) -> None:
    """Serve a shop over GraphQL until Ctrl-C.

    What is not given here comes from PANIER_* variables or panier.yaml: see docs/settings.md.
    """
    options = {
        "shop": shop,
        "rules": rules,
        "host": host,
        "port": port,
        "workers": workers,
        "data_dir": data_dir,
        "development": dev,
    }
    stop = _Stop()
    try:
        settings = load_settings(options)
        from engine.cli.server import run

        run(settings)
    except KeyboardInterrupt:
        pass  # while it started
    except Exception as fault:
        if stop.asked:
            pass  # libraries may turn an interrupt into an error of their own
        elif isinstance(fault, PanierError | OSError):
            fail(str(fault))
        else:
            raise
    out.print("stopped")


class _Stop:
    """Notes that Ctrl-C or a manager of services ends the command, while uvicorn does not mind that itself."""

    def __init__(self) -> None:
        self.asked = False
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, self._ask)

    def _ask(self, _sign: int, _frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt
