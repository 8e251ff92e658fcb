"""Carts out of a file, one a line: read, checked and joined to the prices of a shop."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from rich.text import Text

from engine.cli.console import FILES_WRONG, Report, counted, err, fail
from engine.cli.snapshots import SnapshotReader
from engine.errors import RefusedError
from engine.fields import YEARS, instant_ms
from engine.pricing.basket import Basket, build_basket
from engine.pricing.cartfile import CartDocument, parse_cart_line, read_cart
from engine.pricing.shop import Shop, Store
from engine.pricing.too_large import amounts_too_large
from engine.rules.uses import closed_by
from engine.types import InstantMs

_SIGNED: Final = b"eyJ"
"""How a signed snapshot begins: a JSON object in base64, and no text that is JSON itself."""


@dataclass(frozen=True, slots=True)
class CartLine:
    """A line of a cart file that is a cart of the shop; ``id`` is its own, else the number of its line."""

    number: int
    id: str
    basket: Basket


class CartRefusedError(Exception):
    """A line that is no cart of this shop; `faults` says why."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class CartFile:
    """Carts to price at one moment, or each at its own; those that are refused are told on stderr and counted."""

    def __init__(self, carts: str, shop: Shop, at: datetime | None, snapshots: SnapshotReader | None = None) -> None:
        self.wrong = 0
        self._path = carts
        self._name = "stdin" if carts == "-" else carts
        self._shop = shop
        self._at = at
        self._snapshots = snapshots
        self._now_ms = now_ms()

    def read(self, report: Report, doing: str) -> Iterator[CartLine]:
        """Yield the carts, in their order; `report` is told how far it got."""
        with opened(self._path) as (file, size):
            done = 0
            for number, line in enumerate(file, 1):
                done += len(line)
                report(doing, done, max(size, done))
                if not line.strip():
                    continue
                try:
                    yield self._read(line, number)
                except CartRefusedError as refused:
                    self._tell(refused.faults)

    def refuse(self, number: int, fault: str) -> None:
        """Count a cart that was read as refused after all, and tell why."""
        self._tell([f"{self._name}:{number}: {fault}"])

    def fail_if_wrong(self) -> None:
        """End the command with status 1 where carts were refused."""
        if self.wrong:
            fail(f"{counted(self.wrong, 'cart')} could not be priced", FILES_WRONG)

    def _tell(self, faults: list[str]) -> None:
        self.wrong += 1
        for fault in faults:
            err.print(Text(fault))

    def _read(self, line: bytes, number: int) -> CartLine:
        if self._snapshots is not None and line.startswith(_SIGNED):
            return self._read_snapshot(self._snapshots, line, number)
        document = _document(line, self._name, number)
        try:
            cart = read_cart(document, self._shop)
        except RefusedError as refused:
            raise CartRefusedError(
                [
                    f"{self._name}:{number}: {'.'.join(fault.field)}{': ' if fault.field else ''}{fault.message}"
                    for fault in refused.errors
                ]
            ) from None
        store = self._shop.store_of(cart.cart.channel, cart.cart.store)
        as_of_ms = self._instant(store, document.at_ms(store.timezone))
        basket = build_basket(cart.cart, self._shop, as_of_ms, cart.explicit, cart.closed)
        return self._checked(CartLine(number, cart.id or str(number), basket))

    def _read_snapshot(self, snapshots: SnapshotReader, line: bytes, number: int) -> CartLine:
        try:
            taken = snapshots.read(line.decode().strip())
        except ValueError as fault:
            raise CartRefusedError([f"{self._name}:{number}: {fault}"]) from None
        cart, closed = taken.cart, closed_by(taken.allowances)
        as_of_ms = self._instant(self._shop.store_of(cart.channel, cart.store), None)
        return self._checked(CartLine(number, cart.id, build_basket(cart, self._shop, as_of_ms, closed=closed)))

    def _checked(self, line: CartLine) -> CartLine:
        if too_large := amounts_too_large(line.basket):
            raise CartRefusedError([f"{self._name}:{line.number}: {fault.message}" for fault in too_large])
        return line

    def _instant(self, store: Store, own_ms: InstantMs | None) -> InstantMs:
        """Return when to price a cart: as the command says, else as the cart says, else now."""
        return at_ms(self._at, store.timezone) if self._at is not None else own_ms or self._now_ms


def moment(at: str | None) -> datetime | None:
    """Read the option ``--at``."""
    if not at:
        return None
    try:
        read = datetime.fromisoformat(at)
    except ValueError:
        fail(f"--at: `{at}` is not a date and time, expected one like 2026-10-01T20:00 or 2026-10-01T20:00+02:00")
    if read.year not in YEARS:
        fail(f"--at: the year {read.year} is outside {YEARS.start} to {YEARS.stop - 1}")
    return read


def at_ms(at: datetime, store_zone: str) -> InstantMs:
    """Return a moment as an instant; without an offset it is the time of the store."""
    return instant_ms(at if at.tzinfo else at.replace(tzinfo=ZoneInfo(store_zone)))


def now_ms() -> InstantMs:
    """Return the instant of this machine's clock."""
    return InstantMs(time.time_ns() // 1_000_000)


@contextmanager
def opened(carts: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file of carts and say how many bytes it has, 0 where that cannot be known."""
    if carts == "-":
        yield sys.stdin.buffer, 0
        return
    path = Path(carts)
    try:
        file = path.open("rb")
    except OSError as fault:
        fail(f"cannot read `{carts}`: {fault.strerror}")
    with file:
        yield file, path.stat().st_size


def _document(line: bytes, file: str, number: int) -> CartDocument:
    try:
        text = line.decode()
    except UnicodeDecodeError as fault:
        raise CartRefusedError([f"{file}:{number}: byte {fault.start + 1} of the line is not UTF-8"]) from None
    document = parse_cart_line(text, file, number)
    if isinstance(document, CartDocument):
        return document
    raise CartRefusedError(
        [f"{file}:{number}: {fault.message}{f'; {fault.help}' if fault.help else ''}" for fault in document]
    )
