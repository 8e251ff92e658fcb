"""`panier token`: sign a token, for development and for back-office scripts."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from engine.cli.console import fail
from engine.cli.secret import token_authority
from engine.errors import did_you_mean, one_of
from engine.settings import Duration, SettingsRefusedError, load_settings
from engine.types import ChannelId, StoreId


def token(
    kind: Annotated[str, typer.Option(help="Who it speaks for: guest, customer, staff, terminal or service.")],
    id: Annotated[
        str | None,
        typer.Option(help="The id of the customer, member of staff, till or service.", show_default="a new one"),
    ] = None,
    channel: Annotated[str | None, typer.Option(help="The channel that the caller uses.")] = None,
    store: Annotated[str | None, typer.Option(help="The store where the caller is.")] = None,
    device: Annotated[str, typer.Option(help="The device, as the log of a cart shows it.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="A right beyond the own carts, such as cart:read; may be repeated.")
    ] = None,
    role: Annotated[str, typer.Option(help="The post of a member of staff, as adjustments.yaml calls it.")] = "",
    ttl: Annotated[
        str | None, typer.Option(help="How long it is good for, such as 30m.", show_default="token_life")
    ] = None,
    *,
    dev: Annotated[
        bool | None, typer.Option("--dev/--no-dev", help="Sign with the development secret of the data folder.")
    ] = None,
) -> None:
    """Print a signed token, and nothing else, on stdout.

    It is signed with PANIER_JWT_SECRET, or with --dev with the secret that `panier serve --dev` made.
    """
    from engine.callers import Caller, CallerKind, Scope
    from schema.auth import KeysError

    _one_of("--kind", kind, list(CallerKind))
    for word in scope or ():
        _one_of("--scope", word, list(Scope))
    try:
        settings = load_settings({"development": dev})
    except SettingsRefusedError as refused:
        fail(str(refused))
    caller = Caller(
        CallerKind(kind),
        id or uuid.uuid4().hex,
        channel=ChannelId(channel) if channel else None,
        store=StoreId(store) if store else None,
        device=device,
        scopes=frozenset(scope or ()),
        role=role,
    )
    life = _life(ttl) if ttl else settings.token_life
    try:
        typer.echo(token_authority(settings).mint(caller, int(life.total_seconds())))
    except (KeysError, SettingsRefusedError) as fault:
        fail(str(fault))


def _one_of(option: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        fail(f"{option}: `{word}` is wrong; {did_you_mean(word, known, f'expected one of {one_of(known)}')}")


def _life(ttl: str) -> timedelta:
    try:
        return TypeAdapter[timedelta](Duration).validate_python(ttl)
    except ValidationError as fault:
        said = fault.errors()[0]["msg"].removeprefix("Value error, ")
        wanted = (
            said if said.startswith("expected ") else "expected a number and `ms`, `s`, `m`, `h` or `d`, such as `30m`"
        )
        fail(f"--ttl: `{ttl}` is wrong, {wanted}")
