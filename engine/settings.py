"""Settings: what whoever runs Panier decides, in one place, each with a default.

A value comes from the command line, else from an environment variable (``PANIER_PORT``), else from a file
(``port: 8000`` in ``panier.yaml``), else from here. A setting that is unknown or wrong stops the start: a typing
mistake must not quietly leave a default in force. docs/settings.md is made from this module, and tested against it.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engine.errors import Diagnostic, PanierError, did_you_mean, one_of
from engine.source import Node, parse_yaml, read_source

PREFIX: Final = "PANIER_"
FILE_VARIABLE: Final = "PANIER_CONFIG"
FILE_NAME: Final = "panier.yaml"
SECRET_BYTES_LEAST: Final = 32
"""RFC 7518, section 3.2: an HS256 key has at least as many bits as the hash."""

_MASK: Final = "********"
_SECRET_WORDS: Final = ("SECRET", "PASSWORD", "PASSWD", "TOKEN", "KEY", "CREDENTIAL")
_DURATION: Final = re.compile(r"([0-9]{1,30})(ms|s|m|h|d)")
_DURATION_MAX: Final = timedelta(days=36_500)
_COUNT_MAX: Final = 2**31
_WORKERS_MAX: Final = 256
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_REDIS_OPTIONS: Final = {
    "client_name", "db", "health_check_interval", "password", "socket_keepalive", "ssl_ca_certs",
    "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname",
    "ssl_keyfile", "ssl_password", "username",
}  # fmt: skip
"""What may follow the `?` of the address of a store: what says how to connect, and not what answers look like."""
_SAID: Final = "Value error, expected "
"""How a fault begins that says what it expected better than the type of its setting."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a right value looks like, for messages and for docs/settings.md."""

    text: str


def _read_duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a duration")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _DURATION_MAX.total_seconds():
        raise ValueError(f"expected at most `{as_written(_DURATION_MAX)}`")
    if not seconds:
        raise ValueError("expected at least `1ms`")
    return timedelta(seconds=seconds)


def _read_origins(value: Any) -> Any:
    words = [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
    return [_origin(word) if isinstance(word, str) else word for word in words] if isinstance(words, list) else words


def _origin(word: str) -> str:
    """Return an origin as browsers send it: small letters, no port that goes without saying (RFC 6454)."""
    if word == "*":
        return word
    match = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?([/?#].*)?", word.lower())
    if match is None:
        raise ValueError(f"expected origins such as `https://shop.example`, or `*`: `{masked(word)}` is none")
    scheme, host, port, path = match.groups()
    origin = f"{scheme}://{host}" + (f":{port}" if port and port != {"http": "80", "https": "443"}[scheme] else "")
    if path:
        raise ValueError(f"expected no path behind an origin: write `{origin}`")
    return origin


def _read_networks(value: Any) -> Any:
    words = [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
    if not isinstance(words, list):
        return words
    return [str(ip_network(word, strict=False)) if isinstance(word, str) else word for word in words]


def _read_redis_url(value: Any) -> Any:
    """Check the address of a store, so that nothing of it is passed over in silence."""
    if not isinstance(value, str) or not value.startswith(_REDIS_SCHEMES):
        raise ValueError("not the URL of a Redis server")
    url = urlsplit(value)
    options = parse_qsl(url.query, keep_blank_values=True)
    is_socket = url.scheme == "unix"
    if url.fragment or "@" in url.query or ("@" in url.path and not is_socket):
        raise ValueError("expected `/`, `?`, `#` and `@` of a user name or password as `%2F`, `%3F`, `%23` and `%40`")
    if is_socket and not url.path.strip("/"):
        raise ValueError("expected the path of a socket, such as `unix:///run/redis.sock`")
    if not is_socket:
        _check_redis_place(url)
    for name, text in options:
        if name not in _REDIS_OPTIONS:
            raise ValueError(f"expected no option `{name[:40]}`: there are {one_of(list(_REDIS_OPTIONS))}")
        if name in {"db", "health_check_interval"} and not re.fullmatch("[0-9]{1,5}", text):
            raise ValueError(f"expected a whole number for `{name}`")
        if name.startswith("ssl_") and url.scheme != "rediss":
            raise ValueError(f"expected `rediss://` with the option `{name}`")
    return value


def _check_redis_place(url: SplitResult) -> None:
    """Check host, port and the number of the database, which redis-py passes over where it is none."""
    try:
        port_fits = url.port is None or url.port > 0
    except ValueError:
        port_fits = False
    if not port_fits or url.netloc.endswith(":"):
        raise ValueError("expected a port from 1 to 65535 behind the host")
    if not url.hostname:
        raise ValueError("expected a host, such as `redis://HOST:6379/0`")
    if not re.fullmatch("/?|/[0-9]{1,5}", url.path):
        raise ValueError("expected the number of a database behind the last `/`, such as `redis://HOST:6379/0`")


def _read_secret(value: Any) -> Any:
    if isinstance(value, str) and len(value.encode()) < SECRET_BYTES_LEAST:
        raise ValueError("too short")
    return value


Flag = Annotated[bool, Expected("`true` or `false`")]
Text = Annotated[str, Field(min_length=1), Expected("a text")]
Port = Annotated[int, Field(ge=0, le=65535), Expected("a whole number from 0 (any free port) to 65535")]
Count = Annotated[int, Field(ge=1, le=_COUNT_MAX), Expected(f"a whole number from 1 to {_COUNT_MAX}")]
Workers = Annotated[int, Field(ge=1, le=_WORKERS_MAX), Expected(f"a whole number from 1 to {_WORKERS_MAX}")]
Duration = Annotated[
    timedelta, BeforeValidator(_read_duration), Expected("a number and `ms`, `s`, `m`, `h` or `d`, such as `12h`")
]
Folder = Annotated[Path, Expected("a path")]
File = Annotated[Path, Expected("the path of a file")]
RedisUrl = Annotated[str, BeforeValidator(_read_redis_url), Expected("`redis://…`, `rediss://…` or `unix://…`")]
Secret = Annotated[SecretStr, BeforeValidator(_read_secret), Expected(f"at least {SECRET_BYTES_LEAST} characters")]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_read_origins), Expected("origins, separated by commas")]


Networks = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_read_networks), Expected("addresses or networks, separated by commas")
]


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    # What is served.
    shop: Folder | None = Field(None, description="the shop folder to serve")
    rules: Folder | None = Field(None, description="the rule folder; by default `rules` in the shop folder")

    reload: Flag | None = Field(
        None, description="load the shop and its rules again when a file changes; by default in development only"
    )

    # Where.
    host: Text = Field("127.0.0.1", description="the address to listen on; `0.0.0.0` is every one of the machine")
    port: Port = Field(8000, description="the port to listen on")
    workers: Workers = Field(1, description="processes that answer requests, all on that port")
    cors_origins: Origins = Field((), description="web sites whose pages may call, such as `https://shop.example`")

    trusted_proxies: Networks = Field(
        ("127.0.0.1/32", "::1/128"),
        description="proxies whose `X-Forwarded-For` says where a call comes from, such as `10.0.0.0/8`",
    )

    # The store.
    redis_url: RedisUrl | None = Field(
        None, description="a Redis or Valkey server of your own; by default one is started on the data folder"
    )
    data_dir: Folder = Field(Path(".panier"), description="where the embedded server keeps its data")
    store_timeout: Duration = Field(timedelta(seconds=5), description="how long a request waits for the store")
    store_connections: Count = Field(32, description="connections to the store, shared by all requests")

    # Who may call.
    development: Flag = Field(
        default=False, description="serve GraphiQL and introspection, and print demo tokens at start"
    )
    jwt_secret: Secret | None = Field(
        None, description="signs and checks tokens (HS256); in development one is made and kept in the data folder"
    )
    jwt_jwks_file: File | None = Field(None, description="public keys (a JWKS file) of whoever else issues tokens")
    jwt_issuer: Text = Field("panier", description="who issues tokens: the claim `iss`")
    jwt_audience: Text = Field("panier", description="whom tokens are for: the claim `aud`")
    token_life: Duration = Field(timedelta(hours=12), description="how long a token that Panier issues is good for")

    phone_secret: Secret | None = Field(
        None, description="keys the digests by which staff find customers by phone; without it no phone is kept"
    )

    # What a request may be.
    body_bytes_max: Count = Field(256 * 1024, description="bytes of a request's body")
    query_depth_max: Count = Field(12, description="how deep the fields of a query may be nested")
    query_tokens_max: Count = Field(2000, description="tokens of a GraphQL document")
    query_aliases_max: Count = Field(30, description="aliases in a GraphQL document")
    query_fields_max: Count = Field(2000, description="fields that a GraphQL document selects, fragments written out")
    live_connections_max: Count = Field(100, description="WebSockets and event streams of one caller")
    live_subscriptions_max: Count = Field(50, description="subscriptions of one WebSocket")

    compiled_answers: Flag = Field(
        default=True, description="write answers by functions compiled for their documents, or leave all to strawberry"
    )

    # What a cart may be.
    cart_lines_max: Count = Field(500, description="lines of a cart")
    cart_quantity_max: Count = Field(
        99_999, description="pieces of a line or fee, and whole units of goods sold by measure"
    )
    cart_codes_max: Count = Field(20, description="codes of a cart")
    cart_fees_max: Count = Field(20, description="different fees of a cart")
    cart_adjustments_max: Count = Field(20, description="changes by staff of a cart")
    cart_members_max: Count = Field(100, description="members of a cart, and of a named group")
    cart_invites_max: Count = Field(20, description="open invites of a cart, and of a named group")
    cart_suggestions_max: Count = Field(50, description="lines of a cart that wait for approval")
    cart_handoffs_max: Count = Field(20, description="open codes of a cart that hand it over")
    cart_bytes_max: Count = Field(128 * 1024, description="bytes of a cart as it is stored")
    cart_log_max: Count = Field(200, description="changes of a cart that are remembered")
    screen_stay: Duration = Field(timedelta(days=30), description="how long a paired screen keeps a cart unused")
    kiosk_stay: Duration = Field(timedelta(minutes=10), description="the same for a screen that is the shop's")
    journey_steps_max: Count = Field(200, description="searches and products seen that are remembered of a shopper")
    journey_life: Duration = Field(timedelta(days=90), description="how long they are remembered")
    guest_cart_life: Duration = Field(timedelta(days=30), description="how long a guest's cart lives untouched")
    customer_cart_life: Duration = Field(timedelta(days=180), description="how long a customer's cart lives untouched")

    @model_validator(mode="after")
    def _tokens_can_be_checked(self) -> Self:
        if not (self.development or self.jwt_secret or self.jwt_jwks_file):
            raise ValueError(
                "jwt_secret: (not set), expected a secret to sign and check tokens with, or PANIER_JWT_JWKS_FILE,"
                " outside of development"
            )
        return self

    @property
    def rules_folder(self) -> Path | None:
        """Where the rules are: as set, else beside the shop's other files."""
        return self.rules or (self.shop / "rules" if self.shop else None)

    @property
    def reloads(self) -> bool:
        """Whether the files of the shop and its rules are watched."""
        return self.development if self.reload is None else self.reload


class SettingsRefusedError(PanierError):
    """Settings that are unknown or wrong; the message names each with its value and what was expected."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        head = "a setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
        super().__init__("\n".join([f"{head}:", *(f"  {problem}" for problem in problems)]))


@dataclass(frozen=True, slots=True)
class _Given:
    """A value and where it was given: ``--port``, ``PANIER_PORT`` or ``panier.yaml:3: port``."""

    where: str
    value: Any


def load_settings(options: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings: `options` of the command line (None: not given), the environment, the file.

    Raises `SettingsRefusedError` with every problem of every place.
    """
    problems: list[str] = []
    environment = _environment(problems)
    file = _file(problems)
    said = {
        name: _Given("--" + name.replace("_", "-"), value)
        for name, value in (options or {}).items()
        if value is not None
    }
    in_file = {name: value for name, value in file.items() if name not in environment}
    settings = None
    try:
        # The model itself reads the environment; what it is called with goes first.
        settings = Settings(**{name: given.value for name, given in (in_file | said).items()})
    except ValidationError as refused:
        places = file | environment | said
        problems += [_problem(places, fault["loc"], fault["msg"]) for fault in refused.errors()]
    if problems or settings is None:
        raise SettingsRefusedError(tuple(problems))
    return settings


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def expected(name: str) -> str:
    """Say what a right value of a setting looks like."""
    field = Settings.model_fields[name]
    return _expected_of(field.metadata) or _expected_of(field.annotation) or "another value"


def as_written(value: Any) -> str:
    """Write a value as its author would: for docs/settings.md."""
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, timedelta):
        unit = next(unit for unit in ("d", "h", "m", "s", "ms") if not value % timedelta(seconds=_UNITS[unit]))
        return f"{value // timedelta(seconds=_UNITS[unit])}{unit}"
    return str(value)


def _expected_of(annotation: Any) -> str:
    """Find the `Expected` of a type, wherever pydantic or a union keeps it."""
    if isinstance(annotation, Expected):
        return annotation.text
    parts = (
        annotation
        if isinstance(annotation, list)
        else [
            *getattr(annotation, "__metadata__", ()),
            *getattr(annotation, "__args__", ()),
        ]
    )
    return next((text for part in parts if (text := _expected_of(part))), "")


def _environment(problems: list[str]) -> dict[str, _Given]:
    given = {}
    known = [FILE_VARIABLE, *map(variable, Settings.model_fields)]
    for key, value in sorted(os.environ.items()):
        if not key.startswith(PREFIX) or key == FILE_VARIABLE or not value:
            continue
        if key in known:
            given[key.removeprefix(PREFIX).lower()] = _Given(key, value)
        else:
            problems.append(f"{key}: there is no such setting (value {_shown(key, value)}){_nearest(key, known)}")
    return given


def _file(problems: list[str]) -> dict[str, _Given]:
    named = os.environ.get(FILE_VARIABLE)
    path = Path(named or FILE_NAME)
    if not path.is_file():
        if named:
            problems.append(f"{FILE_VARIABLE}: `{named}` is not there, expected the path of a settings file")
        return {}
    source = read_source(path, str(path))
    if isinstance(source, Diagnostic):
        problems.append(str(source))
        return {}
    node, faults = parse_yaml(source)
    problems += [str(fault) for fault in faults]
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        problems.append(f"{source.name}: expected settings, one on each line, such as `port: 8000`")
        return {}
    return _from_mapping(source.name, node, node.value, problems)


def _from_mapping(file: str, node: Node, values: Mapping[str, Node], problems: list[str]) -> dict[str, _Given]:
    given = {}
    for name, value in values.items():
        where = f"{file}:{node.keys[name].line}: {name}"
        if name in Settings.model_fields:
            given[name] = _Given(where, value.plain())
        else:
            shown = _shown(name, value.plain())
            problems.append(f"{where}: there is no such setting (value {shown}){_nearest(name, Settings.model_fields)}")
    return given


def _nearest(wrong: str, known: Iterable[str]) -> str:
    """Say which setting was meant, compared without the prefix that they all share."""
    names = {name.removeprefix(PREFIX): name for name in known}
    hint = did_you_mean(wrong.removeprefix(PREFIX), names)
    for bare, name in names.items():
        hint = hint.replace(f"`{bare}`", f"`{name}`")
    return "; " + (hint or f"expected one of {one_of(list(names.values()), most=100)}")


def _problem(given: Mapping[str, _Given], loc: tuple[int | str, ...], message: str) -> str:
    if not loc:  # a rule about several settings: its message says all
        name, _, text = message.removeprefix("Value error, ").partition(": ")
        return f"{variable(name)}: {text}"
    name = str(loc[0])
    said = given[name]
    wanted = message.removeprefix(_SAID) if message.startswith(_SAID) else expected(name)
    return f"{said.where}: {_shown(name, said.value)} is wrong, expected {wanted}"


def _shown(name: str, value: Any) -> str:
    """Show a value, but never a secret: what is named like one, and passwords in addresses."""
    if any(word in name.upper() for word in _SECRET_WORDS) and not name.lower().endswith(("_file", "_life", "_max")):
        return f"`{_MASK}`"
    nearest = did_you_mean(name.upper().removeprefix(PREFIX), ["JWT_SECRET"])
    return f"`{_MASK}`" if nearest else f"`{masked(str(value))}`"


def masked(text: str) -> str:
    """Return a value as it may be shown: addresses in it without their secrets."""
    several = "," in text and not set("@?#") & set(text)
    return ",".join(map(masked_url, text.split(","))) if several else masked_url(text)


def masked_url(url: str) -> str:
    """Return an address without user, password and the values of secret options.

    Where it cannot be told for sure which part is a password, nothing of it is shown.
    """
    scheme, there, _ = url.partition("://")
    if not there:
        return _MASK if "@" in url else url
    hidden = f"{scheme}://{_MASK}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return hidden if "@" in url else url
    behind = url.removeprefix(f"{scheme}://{parts.netloc}")
    if "@" in behind:
        return hidden
    _, secret, place = parts.netloc.rpartition("@")
    host, colon, port = place.rpartition(":")
    if colon and port and not port.isdecimal() and not port.endswith("]"):
        place = f"{host}:{_MASK}"  # a password that lacks its host
    query = "&".join(map(_masked_option, parts.query.split("&"))) if parts.query else ""
    return "".join(
        (
            f"{scheme}://",
            f"{_MASK}@" if secret else "",
            place,
            parts.path,
            f"?{query}" if query else "",
            f"#{_MASK}" if parts.fragment else "",
        )
    )


def _masked_option(option: str) -> str:
    name, _, value = option.partition("=")
    known = unquote(name).lower()
    if known == "db" or (known in _REDIS_OPTIONS and known not in {"username", "password", "ssl_password"}):
        return option
    return f"{name}={_MASK}" if value else _MASK
