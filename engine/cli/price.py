"""`panier price`: the same engine without a server. It uses the pure core alone: no store, no settings."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.text import Text

from engine.cli.console import FILES_WRONG, counted, err, fail, progress
from engine.cli.loading import load
from engine.errors import RefusedError
from engine.fields import YEARS, instant_ms
from engine.pricing.basket import build_basket
from engine.pricing.cartfile import CartDocument, amounts_too_large, parse_cart_line, read_cart
from engine.pricing.evaluationfile import evaluation_document
from engine.pricing.shop import Shop
from engine.rules.evaluate import evaluate
from engine.rules.ruleset import Ruleset
from engine.types import ChannelId, InstantMs, StoreId


class Outcomes(StrEnum):
    """Which promotions an evaluation gives a verdict on."""

    ALL = "all"
    CANDIDATES = "candidates"
    NONE = "none"


class _CartRefusedError(Exception):
    """A line that is no cart of this shop; `faults` says why."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


def price(
    carts: Annotated[str, typer.Argument(metavar="CARTS.jsonl", help="Carts, one a line; `-` reads stdin.")],
    shop: Annotated[Path, typer.Option(metavar="FOLDER", help="The shop folder.")],
    rules: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The rule folder.", show_default="`rules` in the shop folder")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT",
            help="Price every cart at this date and time; without an offset, it is the time of its store.",
            show_default="what the cart says, else now",
        ),
    ] = None,
    outcomes: Annotated[
        Outcomes,
        typer.Option(help="Give the verdict on all promotions, on those that can match the cart, or on none."),
    ] = Outcomes.ALL,
) -> None:
    """Price carts without a server: one evaluation a line on stdout.

    A line that is no cart of this shop is reported on stderr, and the exit status is then 1; the others are priced.
    """
    moment = _moment(at)
    pricer = _Pricer(*_loaded(shop, rules), moment, outcomes)
    name = "stdin" if carts == "-" else carts
    wrong = 0
    with _opened(carts) as (file, size), progress() as report:
        done = 0
        for number, line in enumerate(file, 1):
            done += len(line)
            report("pricing", done, max(size, done))
            if not line.strip():
                continue
            try:
                evaluation = pricer.price(line, name, number)
            except _CartRefusedError as refused:
                wrong += 1
                for fault in refused.faults:
                    err.print(Text(fault))
                continue
            sys.stdout.buffer.write(evaluation)
    sys.stdout.buffer.flush()
    if wrong:
        fail(f"{counted(wrong, 'cart')} could not be priced", FILES_WRONG)


def _loaded(shop: Path, rules: Path | None) -> tuple[Shop, Ruleset]:
    loaded, of_shop = load(shop, rules)
    return loaded, of_shop.ruleset


def _moment(at: str | None) -> datetime | None:
    if not at:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        fail(f"--at: `{at}` is not a date and time, expected one like 2026-10-01T20:00 or 2026-10-01T20:00+02:00")
    if moment.year not in YEARS:
        fail(f"--at: the year {moment.year} is outside {YEARS.start} to {YEARS.stop - 1}")
    return moment


@contextmanager
def _opened(carts: str) -> Iterator[tuple[BinaryIO, int]]:
    """Open the file of carts and say how many bytes it has, 0 where that cannot be known."""
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


class _Pricer:
    """Prices lines of a cart file."""

    def __init__(self, shop: Shop, ruleset: Ruleset, at: datetime | None, outcomes: Outcomes) -> None:
        self._shop = shop
        self._ruleset = ruleset
        self._at = at
        self._outcomes = outcomes
        self._now_ms = InstantMs(time.time_ns() // 1_000_000)

    def price(self, line: bytes, file: str, number: int) -> bytes:
        """Return the evaluation of the cart on a line, as a line of JSON. Raises `_CartRefusedError`."""
        place = f"{file}:{number}"
        document = _read(line, file, number)
        try:
            cart = read_cart(document, self._shop)
        except RefusedError as refused:
            raise _CartRefusedError(
                [
                    f"{place}: {'.'.join(fault.field)}{': ' if fault.field else ''}{fault.message}"
                    for fault in refused.errors
                ]
            ) from None
        basket = build_basket(cart.cart, self._shop, self._instant(document), cart.explicit)
        if too_large := amounts_too_large(basket):
            raise _CartRefusedError([f"{place}: {fault.message}" for fault in too_large])
        evaluation = evaluate(basket, self._ruleset, every_outcome=self._outcomes is Outcomes.ALL)
        shown = self._outcomes is not Outcomes.NONE
        written = evaluation_document(cart.id or str(number), basket, evaluation, outcomes=shown)
        try:
            return orjson.dumps(written, option=orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError as fault:
            raise _CartRefusedError([f"{place}: its evaluation cannot be written as JSON: {fault}"]) from None

    def _instant(self, document: CartDocument) -> InstantMs:
        store = self._shop.store_of(
            ChannelId(document.channel or self._shop.default_channel),
            StoreId(document.store) if document.store else None,
        )
        if self._at is not None:
            zone = ZoneInfo(store.timezone)
            return instant_ms(self._at if self._at.tzinfo else self._at.replace(tzinfo=zone))
        return document.at_ms(store.timezone) or self._now_ms


def _read(line: bytes, file: str, number: int) -> CartDocument:
    try:
        text = line.decode()
    except UnicodeDecodeError as fault:
        raise _CartRefusedError([f"{file}:{number}: byte {fault.start + 1} of the line is not UTF-8"]) from None
    document = parse_cart_line(text, file, number)
    if isinstance(document, CartDocument):
        return document
    raise _CartRefusedError(
        [f"{file}:{number}: {fault.message}{f'; {fault.help}' if fault.help else ''}" for fault in document]
    )
