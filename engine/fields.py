"""Field types of the files that people write: amounts, percentages, labels, instants.

Every value arrives as the text its author typed (see `engine.source`), so these read text and say what they expected.
Messages follow the form ``code: sentence; help: repair`` that `engine.source.validate` takes apart.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails

from engine.errors import did_you_mean
from engine.money import format_minor, parse_amount, parse_percent_bp
from engine.types import Currency, InstantMs

YEARS = range(1970, 3000)
"""Years that a date in a file may have."""

KEY = "[key]"
"""The last step of a path that means a key of a mapping, as in pydantic's own paths."""

_NUMBER = {"type": ["string", "number"]}


class Written(BaseModel):
    """Base of every model of a written file: unknown fields are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what was written and no defaults; what is read back takes a third of the room (see `_read_back`)."""
        names = (name for name in type(self).model_fields if name in self.model_fields_set)
        return _read_back, (type(self), {name: getattr(self, name) for name in names})


W = TypeVar("W", bound=Written)


def _read_back(model: type[W], written: Mapping[str, Any]) -> W:
    """Return the pickled value. Models whose fields are set one by one, in the same order, share one table of names."""
    value = model.__new__(model)
    for name, default in _defaults(model):
        object.__setattr__(value, name, written.get(name, default))
    object.__setattr__(value, "__pydantic_fields_set__", _names(tuple(written)))
    object.__setattr__(value, "__pydantic_extra__", None)
    object.__setattr__(value, "__pydantic_private__", None)
    return value


@cache
def _defaults(model: type[Written]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, field.get_default(call_default_factory=True)) for name, field in model.model_fields.items())


@cache
def _names(written: tuple[str, ...]) -> set[str]:
    """Return a set that models share: none of them changes."""
    return set(written)


@dataclass(frozen=True, slots=True)
class InWords:
    """What a field type is called where people read about it, and how a value of it is written."""

    name: str
    form: str


ID_IN_WORDS = InWords("id", "1 to 80 letters (a to z), digits, `-`, `_` and `.`, a letter or digit first")


def read_currency(text: str) -> Currency:
    """Check that `text` has the form of an ISO 4217 code."""
    if len(text) != 3 or not text.isascii() or not text.isalpha() or not text.isupper():
        raise ValueError(f"invalid_currency: `{text}` is not a currency; help: write three capital letters such as EUR")
    return Currency(text)


def one_text(value: Any) -> str:
    """Return a value that must not be a list or a mapping as its text."""
    if isinstance(value, list | tuple | dict):
        raise ValueError(f"expected one value, found {'a mapping' if isinstance(value, dict) else 'a list'}")  # noqa: TRY004 - pydantic reads these
    return str(value)


def refuse_parts(faults: Mapping[tuple[str, ...], ValueError]) -> None:
    """Raise the faults of a value at their paths inside it; `KEY` after a key means the key itself."""
    if faults:
        raise ValidationError.from_exception_data(
            "",
            [
                InitErrorDetails(type="value_error", loc=path, input="", ctx={"error": fault})
                for path, fault in faults.items()
            ],
        )


def read_amounts(value: Any, currency_of: Callable[[str], Currency] = read_currency) -> Mapping[Currency, int]:
    """Read ``50 EUR`` or ``{EUR: 50, USD: 55}`` as minor units by currency; `currency_of` checks one."""
    if isinstance(value, dict):
        pairs = [(str(currency), number) for currency, number in value.items()]
    else:
        number, _, currency = one_text(value).strip().rpartition(" ")
        pairs = [(currency, number)]
    if not pairs or (not isinstance(value, dict) and not pairs[0][1]):
        raise ValueError(
            f"invalid_amount: `{value or ''}` is not an amount; help: write a number and a currency, such as 4.90 EUR"
        )
    amounts: dict[Currency, int] = {}
    faults: dict[tuple[str, ...], ValueError] = {}
    for currency, number in pairs:
        try:
            known = currency_of(currency)
        except ValueError as fault:
            faults[currency, KEY] = fault
            continue
        try:
            amounts[known] = parse_amount(one_text(number), known)
        except ValueError as fault:
            faults[currency,] = ValueError(f"invalid_amount: {fault}")
            continue
        if amounts[known] < 0:
            message = f"negative_amount: `{number} {currency}` is negative; help: write how much, not the sign"
            faults[currency,] = ValueError(message)
    refuse_parts(faults)
    return amounts


def _read_positive_amounts(value: Any) -> Mapping[Currency, int]:
    amounts = read_amounts(value)
    message = "zero_amount: an amount of 0 does nothing here; help: write an amount above zero"
    refuse_parts({(currency,): ValueError(message) for currency, minor in amounts.items() if minor == 0})
    return amounts


def _read_percent(value: Any) -> int:
    try:
        percent_bp = parse_percent_bp(one_text(value))
    except ValueError as fault:
        raise ValueError(f"invalid_percent: {fault}; help: write it like 12.5%") from None
    if percent_bp == 0:
        raise ValueError("zero_percent: 0% does nothing; help: write a percentage above zero")
    return percent_bp


def _read_label(value: Any) -> Any:
    return {"": value} if isinstance(value, str) else value


def _write_amounts(amounts: Mapping[Currency, int]) -> dict[str, str]:
    return {currency: format_minor(minor, currency) for currency, minor in sorted(amounts.items())}


_AMOUNTS_SCHEMA = {
    "description": "A number and a currency, such as 4.90 EUR, or a map from currency to number.",
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? [A-Z]{3}$"},
        {"type": "object", "additionalProperties": _NUMBER, "propertyNames": {"pattern": "^[A-Z]{3}$"}},
    ],
}

Amounts = Annotated[
    Mapping[Currency, int],
    BeforeValidator(read_amounts),
    PlainSerializer(_write_amounts),
    WithJsonSchema(_AMOUNTS_SCHEMA),
    InWords("amount", "`4.90 EUR`, or a map by currency `{EUR: 4.90, USD: 5.50}`"),
]
"""Minor units by currency, zero or more."""

PositiveAmounts = Annotated[
    Mapping[Currency, int],
    BeforeValidator(_read_positive_amounts),
    PlainSerializer(_write_amounts),
    WithJsonSchema(_AMOUNTS_SCHEMA),
    InWords("amount above zero", "as an amount, but not 0"),
]
"""Minor units by currency, above zero."""

PercentBp = Annotated[
    int,
    BeforeValidator(_read_percent),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,2})? ?%$", "examples": ["12.5%"]}),
    InWords("percentage", "`20%` or `12.5%`: above 0, at most 100, with at most two decimals"),
]
"""Basis points, above 0 and at most 100 %."""

Label = Annotated[
    Mapping[str, str],
    BeforeValidator(_read_label),
    WithJsonSchema(
        {
            "description": "A text, or a map from locale to text.",
            "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}],
        }
    ),
    InWords("label", "a text, or a map from locale to text: `{en: Spring, fr: Printemps}`"),
]
"""A text by locale; under the empty key where the author wrote one text for all."""


def label_in(label: Mapping[str, str], locale: str) -> str:
    """Return the text in `locale`, else in its language, else the text for all, else the first one."""
    if len(label) == 1:
        [only] = label.values()
        return only
    language = locale.partition("-")[0]
    for key in (locale, language, ""):
        if key in label:
            return label[key]
    return next(iter(label.values()), "")


@dataclass(frozen=True, slots=True)
class LocalInstant:
    """A date, or a date and time, in a zone that is known only later."""

    day: date
    clock: time | None

    def starts_local(self) -> datetime:
        """Return what the clock on the wall shows when it starts."""
        return datetime.combine(self.day, self.clock or time())

    def ends_local(self) -> datetime:
        """Return what the clock on the wall shows at the exclusive end."""
        return self.starts_local() if self.clock is not None else self.starts_local() + timedelta(days=1)

    def starts_ms(self, zone: ZoneInfo) -> InstantMs:
        """Return the instant itself, or the first one of the day."""
        return instant_ms(self.starts_local().replace(tzinfo=zone))

    def ends_ms(self, zone: ZoneInfo) -> InstantMs:
        """Return the exclusive end: the instant itself, or the end of the day where no time is written."""
        return instant_ms(self.ends_local().replace(tzinfo=zone))

    def __str__(self) -> str:
        """Write it as its author would."""
        return self.day.isoformat() if self.clock is None else datetime.combine(self.day, self.clock).isoformat()


def instant_ms(moment: datetime) -> InstantMs:
    """Return a moment with a zone as milliseconds since the epoch."""
    return InstantMs(round(moment.timestamp() * 1000))


def read_local_instant(value: Any) -> LocalInstant:
    """Read ``2026-10-01`` or ``2026-10-01T20:00``."""
    text = one_text(value).strip().replace(" ", "T")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"invalid_date: `{value}` is not a date; help: write 2026-10-01 or 2026-10-01T20:00") from None
    if moment.tzinfo is not None:
        raise ValueError(
            f"invalid_date: `{value}` carries an offset; help: leave it out and write `timezone:` beside it"
        )
    if moment.year not in YEARS:
        raise ValueError(
            f"invalid_date: the year {moment.year} is outside {YEARS.start} to {YEARS.stop - 1};"
            " help: leave the field out where there is no such limit"
        )
    return LocalInstant(moment.date(), moment.time() if "T" in text else None)


When = Annotated[
    LocalInstant,
    BeforeValidator(read_local_instant),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}([T ]\\d{2}:\\d{2}(:\\d{2})?)?$"}),
    InWords("date or moment", "`2026-10-01`, or with a time `2026-10-01T20:00`"),
]
"""A `LocalInstant`."""


def _read_calendar_day(value: Any) -> date:
    day = read_local_instant(value)
    if day.clock is not None:
        raise ValueError(f"invalid_date: `{value}` has a time; help: write the day alone, such as {day.day}")
    return day.day


CalendarDay = Annotated[
    date,
    BeforeValidator(_read_calendar_day),
    WithJsonSchema({"type": "string", "format": "date"}),
    InWords("date", "`2026-12-25`"),
]
"""A day, in a zone that is known only later."""


def _read_thousandths(value: Any) -> int:
    text = one_text(value).strip()
    if not _THREE_DECIMALS.fullmatch(text) or not (thousandths := int(Decimal(text) * 1000)):
        raise ValueError(
            f"invalid_quantity: `{text[:40]}` is not a quantity; help: write it like 1.5, with at most 3 decimals"
        )
    return thousandths


_THREE_DECIMALS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")

Thousandths = Annotated[
    int,
    BeforeValidator(_read_thousandths),
    WithJsonSchema(_NUMBER),
    InWords("measured quantity", "`1.5`, with at most three decimals"),
]
"""A quantity of goods sold by measure, in thousandths of their unit, above zero."""


_BIRTHDAY = re.compile(r"(?P<month>\d\d)-(?P<day>\d\d)")


_LEAP_YEAR = 2000


def is_birthday(text: str) -> bool:
    """Say whether a text is a day of the year, ``MM-DD``; the year of birth is nobody's business."""
    found = _BIRTHDAY.fullmatch(text)
    if found is None:
        return False
    month, day = int(found["month"]), int(found["day"])
    return 1 <= month <= 12 and 1 <= day <= monthrange(_LEAP_YEAR, month)[1]


def read_birthday(value: Any) -> str:
    """Read ``MM-DD``."""
    text = one_text(value)
    if not is_birthday(text):
        raise ValueError(f"invalid_birthday: `{text[:40]}` is not a birthday; help: write month and day, such as 02-29")
    return text


Birthday = Annotated[
    str, BeforeValidator(read_birthday), WithJsonSchema({"type": "string", "pattern": "^\\d{2}-\\d{2}$"})
]
"""A day of the year, ``MM-DD``."""


def read_timezone(value: Any) -> str:
    """Check the name of an IANA time zone."""
    name = one_text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        help_ = did_you_mean(name, _zone_names(), "write an IANA zone such as Europe/Paris")
        raise ValueError(f"unknown_timezone: `{name}` is not a time zone; help: {help_}") from None
    return name


def _zone_names() -> set[str]:
    from zoneinfo import available_timezones  # reads hundreds of files: only for a message

    return available_timezones()


TimeZone = Annotated[str, BeforeValidator(read_timezone), InWords("time zone", "an IANA name such as `Europe/Paris`")]
