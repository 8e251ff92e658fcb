"""`panier ledger`: what there is to do with points accounts from a terminal."""

import asyncio
from typing import Annotated

import typer

from engine.cli.console import FILES_WRONG, counted, fail, out
from engine.errors import PanierError
from engine.settings import Settings, SettingsRefusedError, load_settings, variable

ledger = typer.Typer(help="Look after points accounts.", no_args_is_help=True)


@ledger.callback()
def _ledger() -> None:
    """Keep `verify` a command of its own while it is the only one."""


@ledger.command()
def verify(
    account: Annotated[
        str | None,
        typer.Option(metavar="ID", help="One account, such as `customer:42`.", show_default="all accounts"),
    ] = None,
) -> None:
    """Check that every account is what its entries say: each balance, each lot, each hold.

    The store and the shop are those of `panier serve`. The exit status is 1 where something does not add up, 2 where
    the store cannot be read. An embedded store has one user at a time: stop the service first.
    """
    try:
        settings = load_settings({})
    except SettingsRefusedError as refused:
        fail(str(refused))
    if settings.shop is None:
        fail(f"no shop: name its folder with {variable('shop')}")
    from engine.cli.store import opened_store

    try:
        with opened_store(settings) as store:
            wrong = asyncio.run(_verified(settings, store.url, account))
    except PanierError as fault:
        fail(str(fault))
    if wrong:
        raise typer.Exit(FILES_WRONG)


async def _verified(settings: Settings, url: str, only: str | None) -> int:
    """Check accounts, say what is wrong with which, and return how many are."""
    from engine.loyalty.account import AccountId
    from engine.loyalty.audit import faults_of
    from engine.pricing.load import load_shop
    from engine.storage.connection import Connection
    from engine.storage.keys import KeyNames, agree_on_partitions
    from engine.storage.ledger import LedgerStore

    assert settings.shop is not None  # noqa: S101 - the caller has looked
    connection = Connection(url)
    try:
        names = KeyNames(shop=load_shop(settings.shop).id)
        await agree_on_partitions(connection, names)
        accounts = LedgerStore(connection, names)
        seen = wrong = 0
        ids = [AccountId(only)] if only else [each async for each in accounts.accounts()]
        for each in ids:
            found = await accounts.read(each)
            # Entries that were added since it was read are not of this version.
            entries = [entry async for entry in accounts.every_entry(each) if entry.number <= found.entries]
            faults = faults_of(found, entries)
            for fault in faults:
                out.print(f"{each}: {fault}", markup=False)
            seen, wrong = seen + 1, wrong + bool(faults)
    finally:
        await connection.close()
    out.print(f"{counted(seen, 'account')}, {wrong} wrong")
    return wrong
