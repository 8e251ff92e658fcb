"""The YAML files of a shop folder as models: which fields an entry has and what each may hold.

What concerns a single value is checked here, what concerns several files in `load_places` and `load_catalogue`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from engine.errors import did_you_mean
from engine.fields import Label, TimeZone, When, Written, one_text, read_amounts
from engine.money import parse_rate_ppm
from engine.types import Currency

# ISO 4217, list one of 2025: the currencies in which something can have a price (no metals, funds or test codes).
CURRENCIES: Final = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG""".split()  # noqa: SIM905 - a table reads best as one
)

# ISO 3166-1 alpha-2.
COUNTRIES: Final = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR
    MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV
    TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""".split()  # noqa: SIM905 - the same
)

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_PRIORITY_MAX = 1_000_000
_TEXT_LENGTH_MAX = 1_000


def is_id(text: str) -> bool:
    """Say whether `text` can be an id."""
    return _ID.fullmatch(text) is not None


def _check_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"invalid_id: `{text[:70]}` is not an id; help: {ID_HELP}")
    return text


ID_HELP: Final = "use 1 to 64 letters (a to z), digits, `-`, `_` and `.`"


def _check_currency(text: str) -> Currency:
    if text not in CURRENCIES:
        repair = "write three capital letters such as EUR"
        raise ValueError(
            f"invalid_currency: `{text}` is not a currency; help: {_code_repair(text, CURRENCIES, repair)}"
        )
    return Currency(text)


def _check_country(text: str) -> str:
    if text not in COUNTRIES:
        repair = "did you mean `GB`?" if text.upper() == "UK" else "write two capital letters such as FR"
        raise ValueError(f"invalid_country: `{text}` is not a country; help: {_code_repair(text, COUNTRIES, repair)}")
    return text


def _code_repair(text: str, codes: frozenset[str], otherwise: str) -> str:
    """Suggest another case only: for such short codes, a near one is rarely the one that was meant."""
    return did_you_mean(text, {text.upper()}) if text.upper() in codes else otherwise


def _read_money(value: Any) -> Mapping[Currency, int]:
    return read_amounts(value, _check_currency)


def _check_locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise ValueError(f"invalid_locale: `{text}` is not a locale; help: write it like `en` or `fr-CH`")
    return text


def _check_text(text: str) -> str:
    if not text.strip():
        raise ValueError("empty_text: there is no text here; help: write what shoppers read")
    return text.strip()


def _read_rate(value: Any) -> int:
    try:
        return parse_rate_ppm(one_text(value))
    except ValueError as fault:
        raise ValueError(f"invalid_rate: {fault}; help: write it like 8.875%") from None


Id = Annotated[str, AfterValidator(_check_id)]
CurrencyCode = Annotated[Currency, AfterValidator(_check_currency)]
Country = Annotated[str, AfterValidator(_check_country)]
Locale = Annotated[str, AfterValidator(_check_locale)]
Text = Annotated[str, AfterValidator(_check_text)]
RatePpm = Annotated[int, BeforeValidator(_read_rate)]
Money = Annotated[Mapping[Currency, int], BeforeValidator(_read_money)]
Whole = Annotated[int, Field(ge=0)]


class ShopModel(Written):
    """``shop.yaml``."""

    id: Id
    name: Text
    locales: Annotated[tuple[Locale, ...], Field(min_length=1)]
    default_channel: str
    default_store: str
    tax_rounding: Literal["line", "rate"] = "line"
    merge: Literal["sum", "max", "keep_both", "target", "source"] = "sum"


class Labelled(Written):
    """An entry that shoppers read the name of."""

    id: Id
    label: Label


class ChannelModel(Labelled):
    """An entry of ``channels.yaml``."""

    store: str | None = None


class StoreModel(Labelled):
    """An entry of ``stores.yaml``."""

    country: Country
    currency: CurrencyCode
    timezone: TimeZone
    groups: tuple[Id, ...] = ()


class TaxModel(Written):
    """An entry of ``tax.yaml``: one country."""

    included: bool
    rates: dict[Id, RatePpm]
    delivery: str = "goods"


class PriceListModel(Written):
    """An entry of ``price_lists.yaml``."""

    id: Id
    currency: CurrencyCode
    tax: Literal["included", "excluded"]
    channels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    store_groups: tuple[str, ...] = ()
    tiers: tuple[Id, ...] = ()
    segments: tuple[Id, ...] = ()
    from_: When | None = Field(None, alias="from")
    until: When | None = None
    timezone: TimeZone = "UTC"
    priority: Annotated[int, Field(ge=-_PRIORITY_MAX, le=_PRIORITY_MAX)] = 0


class RangeModel(Written):
    """An entry of ``ranges.yaml``."""

    id: Id
    channels: tuple[str, ...] | None = None
    stores: tuple[str, ...] | None = None


class DeliveryFeeModel(Written):
    """One fee of a delivery method."""

    amount: Money
    places: tuple[Text, ...] = ()
    slots: tuple[str, ...] = ()


class DeliveryModel(Labelled):
    """An entry of ``delivery.yaml``."""

    fees: Annotated[tuple[DeliveryFeeModel, ...], Field(min_length=1)]
    slots: tuple[Id, ...] = ()
    channels: tuple[str, ...] | None = None
    countries: tuple[Country, ...] | None = None


class FeeModel(Labelled):
    """An entry of ``fees.yaml``."""

    amount: Money
    tax_category: str


class OptionTextModel(Written):
    """A free text that a shopper may write."""

    length_max: Annotated[int, Field(ge=1, le=_TEXT_LENGTH_MAX)]
    surcharge: Money


class OptionModel(Labelled):
    """An entry of ``options.yaml``: either named values or a free text."""

    values: dict[Text, Money] | None = None
    text: OptionTextModel | None = None


class LabelModel(Written):
    """An entry of ``labels.yaml``."""

    prefixes: Annotated[tuple[str, ...], Field(min_length=1)]
    pattern: str
    value: Literal["weight", "price"]
    decimals: Whole
    currency: CurrencyCode | None = None
