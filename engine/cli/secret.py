"""The secret that signs tokens: the configured one, or in development one that is made once and kept."""

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.settings import Settings, SettingsRefusedError, variable

if TYPE_CHECKING:
    from schema.auth import TokenAuthority

FILE_NAME: Final = "dev-secret"


def secret_of(settings: Settings) -> str | None:
    """Return the secret to sign and check tokens with; None where only public keys are configured.

    In development a secret is made and kept in the data folder, so that tokens outlive a restart and `panier token`
    signs what a running service takes.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    if not settings.development:
        return None
    try:
        return _kept(settings.data_dir / FILE_NAME)
    except (OSError, UnicodeError) as fault:
        raise data_dir_refused(settings, fault) from fault


def token_authority(settings: Settings) -> "TokenAuthority":
    """Return what signs and checks tokens. Raises `SettingsRefusedError` where its keys cannot be used."""
    from schema.auth import KeysError, TokenAuthority

    secret, keys = secret_of(settings), settings.jwt_jwks_file
    try:
        return TokenAuthority(secret, keys, issuer=settings.jwt_issuer, audience=settings.jwt_audience)
    except KeysError as fault:
        # With a secret that is long enough, only the file can be at fault.
        raise SettingsRefusedError(
            (f"{variable('jwt_jwks_file')}: `{keys}` is wrong: {_why(fault)}; expected a JWKS file of public keys",)
        ) from fault


def data_dir_refused(settings: Settings, fault: Exception) -> SettingsRefusedError:
    """Return the refusal of a data folder that cannot be used."""
    name, why = variable("data_dir"), _why(fault)
    expected = "expected a folder that can be made and written"
    return SettingsRefusedError((f"{name}: `{settings.data_dir}` is wrong: {why}; {expected}",))


def _why(fault: BaseException) -> str:
    """Say what is behind a fault, in words."""
    cause = fault.__cause__ or fault
    match cause:
        case OSError(strerror=str(text)):
            return text
        case KeyError():
            return f"there is no `{cause.args[0]}`"
        case json.JSONDecodeError() | UnicodeError():
            return "it is not JSON in UTF-8"
        case TypeError():
            return "it is not an object with a list of `keys`"
        case _:
            return str(cause)


def _kept(path: Path) -> str:
    """Return the secret in a file; the first of two that start at once writes it, and both read the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32), encoding="ascii")
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # the other one was first
        finally:
            fresh.unlink()
    return path.read_text(encoding="ascii").strip()
