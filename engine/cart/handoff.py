"""Handing a cart over: the codes that do it, in every form they are shown in, and who claimed one.

A code is a number. On a screen it is eight characters and a check character of `engine.cart.codes`; under a linear
scanner it is an EAN-13 with a prefix for restricted circulation (GS1 General Specifications, table of GS1 Prefixes: 02
and 20 to 29), whose ten free digits are the number; in a QR code it is a short URI. On keypads it is six digits, which
mean something in one store only: these are the numbers below a million, which no other code has.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.cart.codes import CODE_ALPHABET, canonical_code, check_character, check_digit, is_intact
from engine.cart.model import Cart, DeliveryChoice, LogEntry, Role
from engine.errors import RefusedError, UserErrorCode
from engine.types import CartId, ChannelId, InstantMs, MemberId, StoreId

NUMBERS: Final = 10**10
"""What ten digits can say: 33 bits. With a budget of attempts that is more than can be guessed while a code lives."""
KEYPAD_NUMBERS: Final = 10**6
RESTRICTED_PREFIXES: Final = ("02", *(str(prefix) for prefix in range(20, 30)))

_BODY_LENGTH: Final = 8
_KEYPAD_LENGTH: Final = 6
_EAN_LENGTH: Final = 13
_SCHEME: Final = "panier:"


class HandoffMode(StrEnum):
    """What whoever claims a code gets."""

    MOVE = "move"
    """The cart, for a while: everybody else reads only."""
    JOIN = "join"
    """A place among those who edit it."""
    COPY = "copy"
    """A cart of their own with the same wishes."""


class Share(StrEnum):
    """What another person gets to know only where the giver says so."""

    HISTORY = "history"
    """What was done to the cart before they came."""
    ADDRESS = "address"
    """Where and when the goods are to go, and the cart's note."""
    PAYMENT = "payment"
    """How the giver is going to pay."""


class CodeForm(StrEnum):
    """How a code is typed."""

    LETTERS = "letters"
    """Nine characters that are good anywhere."""
    DIGITS = "digits"
    """Six digits for keypads that are good in one store."""


@dataclass(frozen=True, slots=True)
class HandoffCode:
    """A code. ``store`` is the one in which a keypad code is good, None for all others."""

    number: int
    store: StoreId | None = None

    def __post_init__(self) -> None:
        """Refuse a number that the form cannot show."""
        least, most = (0, KEYPAD_NUMBERS) if self.store is not None else (KEYPAD_NUMBERS, NUMBERS)
        if not least <= self.number < most:
            raise ValueError(f"the number of a code is from {least} to {most - 1}, not {self.number}")

    @property
    def text(self) -> str:
        """Return what is compared: nine characters, or six digits."""
        if self.store is not None:
            return f"{self.number:0{_KEYPAD_LENGTH}}"
        body = _body(self.number)
        return body + check_character(body)

    @property
    def shown(self) -> str:
        """Return what people read: ``CDFG-HJKM-N``, or ``482 913``."""
        text = self.text
        return f"{text[:3]} {text[3:]}" if self.store is not None else f"{text[:4]}-{text[4:8]}-{text[8:]}"

    @property
    def name(self) -> str:
        """Return what the store knows it by, and what decides its partition."""
        return self.text if self.store is None else f"{self.store}/{self.text}"

    def uri(self, purpose: str) -> str:
        """Return what a QR code of it says, such as ``panier:handoff:CDFGHJKMN``: a reference, never the cart."""
        return f"{_SCHEME}{purpose}:{self.text}"

    def ean13(self, prefix: str) -> str:
        """Return the 13 digits for linear scanners, under one of `RESTRICTED_PREFIXES`."""
        payload = f"{prefix}{self.number:010}"
        return payload + check_digit(payload)


def code_of_name(name: str) -> HandoffCode:
    """Return the code that has a `HandoffCode.name`."""
    store, slash, text = name.rpartition("/")
    return HandoffCode(int(text), StoreId(store)) if slash else HandoffCode(_number(text[:-1]))


def read_code(entered: str, store: StoreId | None) -> HandoffCode:
    """Read a code in any of its forms: typed with any case, spaces and dashes, an EAN-13, or the text of a QR code.

    `store` is where it was entered, which decides what six digits mean. Raises `RefusedError` with ``MISTYPED_CODE``
    for what cannot be a code, which needs no look at any list.
    """
    text = entered.strip()
    if text.lower().startswith(_SCHEME):
        text = text.rpartition(":")[2]
    canonical = canonical_code(text) or ""
    if canonical.isascii() and canonical.isdigit():
        if len(canonical) == _KEYPAD_LENGTH:
            return _in_store(int(canonical), store)
        if len(canonical) == _EAN_LENGTH:
            return _scanned(canonical, store)
    if len(canonical) == _BODY_LENGTH + 1 and is_intact(canonical):
        number = _number(canonical[:-1])
        if KEYPAD_NUMBERS <= number < NUMBERS:
            return HandoffCode(number)
    raise _mistyped("this cannot be a code: look at it again, and type all of it")


def free_prefix(taken: frozenset[str]) -> str:
    """Return the prefix for EAN-13s: the last of the restricted ones that the shop's own labels do not use."""
    return next((prefix for prefix in reversed(RESTRICTED_PREFIXES) if prefix not in taken), RESTRICTED_PREFIXES[0])


def _scanned(digits: str, store: StoreId | None) -> HandoffCode:
    if digits[:2] not in RESTRICTED_PREFIXES or check_digit(digits[:-1]) != digits[-1]:
        raise _mistyped("this is not the barcode of a code: scan it again")
    number = int(digits[2:-1])
    return _in_store(number, store) if number < KEYPAD_NUMBERS else HandoffCode(number)


def _in_store(number: int, store: StoreId | None) -> HandoffCode:
    if store is None:
        raise _mistyped("a code of six digits is good in its store only, and this device is in none")
    return HandoffCode(number, store)


def _mistyped(message: str) -> RefusedError:
    return RefusedError.because(UserErrorCode.MISTYPED_CODE, message, "code")


def _body(number: int) -> str:
    characters = []
    for _ in range(_BODY_LENGTH):
        number, digit = divmod(number, len(CODE_ALPHABET))
        characters.append(CODE_ALPHABET[digit])
    return "".join(reversed(characters))


def _number(body: str) -> int:
    number = 0
    for character in body:
        number = number * len(CODE_ALPHABET) + CODE_ALPHABET.index(character)
    return number


@dataclass(frozen=True, slots=True)
class Terms:
    """What a code is for.

    ``for_store`` and ``for_channel`` say where it may be claimed, None anywhere; ``DIGITS`` are
    of ``for_store``. ``lease_ms`` is how long a MOVE is for, and again with every renewal.
    """

    mode: HandoffMode
    ttl_ms: int
    lease_ms: int
    for_store: StoreId | None = None
    for_channel: ChannelId | None = None
    shares: frozenset[Share] = frozenset()
    form: CodeForm = CodeForm.LETTERS


@dataclass(frozen=True, slots=True)
class Place:
    """A device, and where it is."""

    member: MemberId
    device: str
    channel: ChannelId
    store: StoreId | None


class Access(StrEnum):
    """What a screen may do with a cart."""

    READ = "read"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Pairing:
    """A screen that asks for a cart. ``cart`` and ``access`` are None until ``by`` approved."""

    screen: Place
    expires_ms: InstantMs
    cart: CartId | None = None
    access: Access | None = None
    by: MemberId | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who claimed a code, and what they got: the same receipt however often it is asked for.

    ``cart`` is the cart that they got, which after a COPY is a new one; ``until_ms`` is how long a MOVE was for at
    first, None for other modes.
    """

    id: str
    mode: HandoffMode
    cart: CartId
    by: Place
    at_ms: InstantMs
    until_ms: InstantMs | None


@dataclass(frozen=True, slots=True)
class Discretion:
    """What somebody is not told of a cart; what was done before ``since_version`` neither."""

    withheld: frozenset[Share] = frozenset()
    since_version: int = 0

    def shown(self, choice: DeliveryChoice | None) -> DeliveryChoice | None:
        """Return a delivery choice without where and when, if that is withheld."""
        return DeliveryChoice(choice.method) if choice and Share.ADDRESS in self.withheld else choice

    def told(self, entries: Iterable[LogEntry]) -> tuple[LogEntry, ...]:
        """Return the operations that may be told."""
        return tuple([entry for entry in entries if entry.version >= self.since_version])


_NONE: Final = Discretion()


def discretion_towards(cart: Cart, member: MemberId) -> Discretion:
    """Return what is not told to somebody whom a code of another person brought to a cart; all others know all."""
    newcomer, known = cart.newcomer(member), cart.member(member)
    if newcomer is None or (known is not None and known.role is Role.OWNER):
        return _NONE
    withheld = frozenset(Share) - {Share(word) for word in newcomer.shared}
    return Discretion(withheld, newcomer.since_version if Share.HISTORY in withheld else 0)
