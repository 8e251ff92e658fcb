"""Settings: where they come from, which goes first, and what a mistake gets."""

import os
import runpy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.cli.secret import secret_of
from engine.settings import Settings, SettingsRefusedError, expected, load_settings, masked_url, variable

SECRET = "correct horse battery staple, twice"
WRITER = Path(__file__).parents[1] / "docs" / "schemas" / "write.py"

SetEnv = Callable[..., None]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("PANIER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PANIER_JWT_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="environment")
def _environment(monkeypatch: pytest.MonkeyPatch) -> SetEnv:
    def set_env(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_env


def refused(options: dict[str, object] | None = None) -> list[str]:
    with pytest.raises(SettingsRefusedError) as caught:
        load_settings(options)
    return list(caught.value.problems)


def test_every_setting_has_a_default_and_says_what_it_expects() -> None:
    settings = load_settings()
    assert settings.port == 8000
    assert settings.redis_url is None
    for name, field in Settings.model_fields.items():
        assert not field.is_required(), name
        assert field.description, name
        assert expected(name) != "another value", name


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    environment: SetEnv, tmp_path: Path
) -> None:
    (tmp_path / "panier.yaml").write_text("port: 1\nhost: from.file\njwt_issuer: file\n")
    environment(PANIER_PORT="2", PANIER_HOST="from.env")
    settings = load_settings({"port": 3, "shop": None})
    assert (settings.port, settings.host, settings.jwt_issuer) == (3, "from.env", "file")


def test_a_file_may_be_named(environment: SetEnv, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("guest_cart_life: 14d\ncors_origins: https://a.example, https://b.example\n")
    environment(PANIER_CONFIG="other.yaml")
    settings = load_settings()
    assert settings.guest_cart_life == timedelta(days=14)
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_origins_are_written_as_browsers_send_them(environment: SetEnv) -> None:
    environment(PANIER_CORS_ORIGINS="HTTPS://Shop.Example:443, http://localhost:3000, http://[::1]:80, *")
    assert load_settings().cors_origins == ("https://shop.example", "http://localhost:3000", "http://[::1]", "*")


@pytest.mark.parametrize(
    "url",
    [
        "redis://store",
        "redis://store/",
        "rediss://me:p%40ss@store:6380/2?ssl_cert_reqs=none&client_name=panier",
        "redis://:p@ss@store/0",
        "redis://[::1]:6379/0",
        "unix:///run/redis.sock?db=1",
        "unix://me:pw@/run/re@dis.sock",
    ],
)
def test_addresses_of_stores(environment: SetEnv, url: str) -> None:
    environment(PANIER_REDIS_URL=url)
    assert load_settings().redis_url == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://store:1/0", "redis://store:1/0"),
        ("redis://me:hush@store:1/0", "redis://********@store:1/0"),
        ("redis://:a@b@store:1/0", "redis://********@store:1/0"),
        ("redis://:a/b@store:1/0", "redis://********"),
        ("redis://:a?b@store:1/0", "redis://********"),
        ("redis://:a#b@store:1/0", "redis://********"),
        ("redis://store/0?db=1&password=hush&USERNAME=me", "redis://store/0?db=1&password=********&USERNAME=********"),
        ("redis://store/0?pass%77ord=hush;x", "redis://store/0?pass%77ord=********"),
        ("redis://store/0?hush", "redis://store/0?********"),
        ("redis://store/0?password=a@b", "redis://********"),
        ("redis://store/0#hush", "redis://store/0#********"),
        ("redis://:hush", "redis://:********"),
        ("redis://[hush@store", "redis://********"),
        ("hush@store", "********"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_a_list_in_a_file_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "panier.yaml").write_text("cors_origins: [https://a.example, https://b.example]\n")
    assert load_settings().cors_origins == ("https://a.example", "https://b.example")


def test_an_empty_variable_counts_as_not_set(environment: SetEnv) -> None:
    environment(PANIER_PORT="", PANIER_REDIS_URL="")
    assert load_settings().port == 8000


def test_a_named_file_that_is_missing_stops_the_start(environment: SetEnv) -> None:
    environment(PANIER_CONFIG="nowhere.yaml")
    assert refused() == ["PANIER_CONFIG: `nowhere.yaml` is not there, expected the path of a settings file"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PANIER_PORT", "eighty", "`eighty` is wrong, expected a whole number from 0 (any free port) to 65535"),
        ("PANIER_PORT", "70000", "`70000` is wrong, expected a whole number from 0 (any free port) to 65535"),
        ("PANIER_DEVELOPMENT", "maybe", "`maybe` is wrong, expected `true` or `false`"),
        ("PANIER_CART_LINES_MAX", "0", "`0` is wrong, expected a whole number from 1 to 2147483648"),
        (
            "PANIER_CART_QUANTITY_MAX",
            "9999999999999999999",
            "`9999999999999999999` is wrong, expected a whole number from 1 to 2147483648",
        ),
        ("PANIER_TOKEN_LIFE", "99999999999d", "`99999999999d` is wrong, expected at most `36500d`"),
        ("PANIER_TOKEN_LIFE", "36501d", "`36501d` is wrong, expected at most `36500d`"),
        ("PANIER_TOKEN_LIFE", "0s", "`0s` is wrong, expected at least `1ms`"),
        (
            "PANIER_TOKEN_LIFE",
            "12",
            "`12` is wrong, expected a number and `ms`, `s`, `m`, `h` or `d`, such as `12h`",
        ),
        (
            "PANIER_REDIS_URL",
            "http://me:hush@store/0",
            "`http://********@store/0` is wrong, expected `redis://…`, `rediss://…` or `unix://…`",
        ),
        (
            "PANIER_REDIS_URL",
            "redis://h:p/0?foo=bar",
            "`redis://h:********/0?foo=********` is wrong, expected a port from 1 to 65535 behind the host",
        ),
        (
            "PANIER_REDIS_URL",
            "redis://h/0?foo=bar",
            "`redis://h/0?foo=********` is wrong, expected no option `foo`: there are `client_name`, `db`, "
            "`health_check_interval`, `password`, `socket_keepalive`, `ssl_ca_certs`, `ssl_ca_path`, "
            "`ssl_cert_reqs`, `ssl_certfile`, `ssl_check_hostname`, `ssl_keyfile`, `ssl_password` and 1 more",
        ),
        (
            "PANIER_REDIS_URL",
            "redis://h?ssl_cert_reqs=none",
            "`redis://h?ssl_cert_reqs=none` is wrong, expected `rediss://` with the option `ssl_cert_reqs`",
        ),
        (
            "PANIER_REDIS_URL",
            "redis://h:1/abc",
            "`redis://h:1/abc` is wrong, expected the number of a database behind the last `/`, such as "
            "`redis://HOST:6379/0`",
        ),
        (
            "PANIER_REDIS_URL",
            "redis://h:1?db=x",
            "`redis://h:1?db=x` is wrong, expected a whole number for `db`",
        ),
        (
            "PANIER_REDIS_URL",
            "redis://:p@ss:/?#w@store:1",
            "`redis://********` is wrong, expected `/`, `?`, `#` and `@` of a user name or password as `%2F`, `%3F`, "
            "`%23` and `%40`",
        ),
        ("PANIER_REDIS_URL", "redis://", "`redis://` is wrong, expected a host, such as `redis://HOST:6379/0`"),
        (
            "PANIER_REDIS_URL",
            "redis://[::1",
            "`redis://[::1` is wrong, expected `redis://…`, `rediss://…` or `unix://…`",
        ),
        (
            "PANIER_REDIS_URL",
            "unix://",
            "`unix://` is wrong, expected the path of a socket, such as `unix:///run/redis.sock`",
        ),
        (
            "PANIER_REDIS_URL",
            "me:hush@store:6379",
            "`********` is wrong, expected `redis://…`, `rediss://…` or `unix://…`",
        ),
        (
            "PANIER_CORS_ORIGINS",
            "*,foo",
            "`*,foo` is wrong, expected origins such as `https://shop.example`, or `*`: `foo` is none",
        ),
        (
            "PANIER_CORS_ORIGINS",
            "http://localhost:3000/",
            "`http://localhost:3000/` is wrong, expected no path behind an origin: write `http://localhost:3000`",
        ),
        (
            "PANIER_CORS_ORIGINS",
            "https://shop.example/a?b",
            "`https://shop.example/a?********` is wrong, expected no path behind an origin: write `https://shop.example`",
        ),
        ("PANIER_JWT_SECRET", "short", "`********` is wrong, expected at least 32 characters"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    environment: SetEnv, name: str, value: str, message: str
) -> None:
    environment(**{name: value})
    assert refused() == [f"{name}: {message}"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PANIER_PROT", "1", "there is no such setting (value `1`); did you mean `PANIER_PORT`?"),
        ("PANIER_JWT_SERCET", "hush", "there is no such setting (value `********`); did you mean `PANIER_JWT_SECRET`?"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest(
    environment: SetEnv, name: str, value: str, message: str
) -> None:
    environment(**{name: value})
    assert refused() == [f"{name}: {message}"]


def test_an_unknown_variable_that_is_near_to_nothing_gets_the_list(environment: SetEnv) -> None:
    environment(PANIER_XYZZY="1")
    [problem] = refused()
    assert "expected one of" in problem
    assert all(variable(name) in problem for name in Settings.model_fields)


def test_mistakes_in_the_file_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "panier.yaml").write_text("host: here\nprot: 8000\nport: x\n")
    assert refused() == [
        "panier.yaml:2: prot: there is no such setting (value `8000`); did you mean `port`?",
        "panier.yaml:3: port: `x` is wrong, expected a whole number from 0 (any free port) to 65535",
    ]


def test_every_mistake_of_every_place_is_shown_at_once(environment: SetEnv, tmp_path: Path) -> None:
    (tmp_path / "panier.yaml").write_text("hots: here\ncart_fees_max: -1\n")
    environment(PANIER_PROT="1", PANIER_DEVELOPMENT="perhaps")
    problems = refused({"port": -1})
    assert {problem.split(": ")[0] for problem in problems} == {
        "PANIER_PROT",
        "PANIER_DEVELOPMENT",
        "panier.yaml:1",
        "panier.yaml:2",
        "--port",
    }


@pytest.mark.parametrize("text", ["port: 1\nport: 2\n", "- port\n", "port: [\n"])
def test_a_file_that_is_no_settings_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "panier.yaml").write_text(text)
    assert "panier.yaml" in refused()[0]


def test_outside_of_development_tokens_need_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANIER_JWT_SECRET")
    [problem] = refused()
    assert problem.startswith("PANIER_JWT_SECRET: (not set), expected a secret")
    assert load_settings({"development": True}).jwt_secret is None


def test_in_development_a_secret_is_made_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PANIER_JWT_SECRET")
    settings = load_settings({"development": True, "data_dir": tmp_path / "data"})
    made = secret_of(settings)
    assert made
    assert len(made) == 64
    assert secret_of(settings) == made
    assert (tmp_path / "data" / "dev-secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["dev-secret"]


def test_a_secret_is_not_shown() -> None:
    settings = load_settings()
    assert SECRET not in repr(settings)
    assert secret_of(settings) == SECRET


def test_the_page_of_settings_is_up_to_date() -> None:
    written = runpy.run_path(str(WRITER))
    page: Path = written["SETTINGS_PAGE"]
    assert page.read_text(encoding="utf-8") == written["settings_page"](), "run `make schemas`"


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().trusted_proxies == ("127.0.0.1/32", "::1/128")
    monkeypatch.setenv("PANIER_TRUSTED_PROXIES", "10.1.2.3, 10.2.0.0/16,::1")
    assert load_settings().trusted_proxies == ("10.1.2.3/32", "10.2.0.0/16", "::1/128")
    monkeypatch.setenv("PANIER_TRUSTED_PROXIES", "proxy.internal")
    with pytest.raises(SettingsRefusedError):
        load_settings()
