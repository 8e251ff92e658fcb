"""The secret that signs tokens: the configured one, or in development one that is made once and kept."""

import os
import secrets
from pathlib import Path
from typing import Final

from engine.settings import Settings

FILE_NAME: Final = "dev-secret"


def secret_of(settings: Settings) -> str | None:
    """Return the secret to sign and check tokens with; None where only public keys are configured.

    In development a secret is made and kept in the data folder, so that tokens outlive a restart and `panier token`
    signs what a running service takes.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    return _kept(settings.data_dir / FILE_NAME) if settings.development else None


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
