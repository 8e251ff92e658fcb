"""Signed snapshots: a cart as a till takes it along, and how a till can tell that it comes from the shop.

A snapshot is a compact JWS (RFC 7515) signed with Ed25519 (RFC 8037). Tills check it with a public key, so that a till
which is stolen cannot sign one. The private key follows from the service's secret: every worker has the same, and
there is no second secret to keep.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from engine.cart.snapshot import CartSnapshot, SnapshotFormError, read_snapshot, snapshot_document
from engine.errors import PanierError

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "panier-snapshot+jws"
_PURPOSE: Final = b"panier snapshots"


class SnapshotError(PanierError):
    """A text that is not taken for a snapshot; the message says why."""


@dataclass(frozen=True, slots=True)
class SnapshotSigner:
    """Signs snapshots, and knows its own again."""

    _private: Ed25519PrivateKey
    key: Mapping[str, str]
    """The public key as a JWK (RFC 7517), to be given to tills."""

    @classmethod
    def from_secret(cls, secret: str) -> "SnapshotSigner":
        """Return the signer of all workers that share a secret."""
        seed = hashlib.blake2b(secret.encode(), digest_size=32, person=_PURPOSE).digest()
        private = Ed25519PrivateKey.from_private_bytes(seed)
        written: dict[str, str] = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        name = hashlib.blake2b(private.public_key().public_bytes_raw(), digest_size=8).hexdigest()
        return cls(private, {**written, "kid": name, "use": "sig", "alg": _ALGORITHM})

    def signed(self, snapshot: CartSnapshot) -> str:
        """Return a snapshot as text."""
        headers = {"kid": self.key["kid"], "typ": _TYPE}
        return jwt.encode(snapshot_document(snapshot), self._private, algorithm=_ALGORITHM, headers=headers)

    def checked(self, text: str) -> CartSnapshot:
        """Return the snapshot that this signer wrote, expired or not. Raises `SnapshotError`."""
        return _read(text, self._private.public_key())


def checked_snapshot(text: str, keys: Iterable[Mapping[str, Any]]) -> CartSnapshot:
    """Return a snapshot that one of these public keys (JWK) vouches for. Raises `SnapshotError`."""
    try:
        kid = jwt.get_unverified_header(text).get("kid")
        found = next((key for key in keys if key.get("kid") == kid), None)
        if found is None:
            raise SnapshotError("the snapshot is signed with a key that is not among those given")
        public = OKPAlgorithm.from_jwk(dict(found))
    except jwt.PyJWTError as fault:
        raise SnapshotError(f"this is no signed snapshot: {fault}") from fault
    if not isinstance(public, Ed25519PublicKey):
        raise SnapshotError(f"the key `{kid}` is not a public Ed25519 key")
    return _read(text, public)


def unchecked_snapshot(text: str) -> CartSnapshot:
    """Return a snapshot that nobody vouches for. Raises `SnapshotError`."""
    return _read(text, None)


def _read(text: str, key: Ed25519PublicKey | None) -> CartSnapshot:
    options: Any = {"verify_signature": key is not None, "verify_exp": False}
    try:
        read = jwt.decode_complete(text, key or "", algorithms=[_ALGORITHM], options=options)
        if read["header"].get("typ") != _TYPE:
            raise SnapshotError("this is a signed text, and no snapshot")
        return read_snapshot(read["payload"])
    except jwt.InvalidSignatureError as fault:
        raise SnapshotError("the snapshot was not signed by this shop, or changed since") from fault
    except jwt.PyJWTError as fault:
        raise SnapshotError(f"this is no signed snapshot: {fault}") from fault
    except SnapshotFormError as fault:
        raise SnapshotError(str(fault)) from fault


def key_set(text: str) -> list[Mapping[str, Any]]:
    """Read a JWK set, or one JWK. Raises `ValueError`."""
    read = json.loads(text)
    keys = read.get("keys", [read]) if isinstance(read, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) and "kid" in key for key in keys):
        raise ValueError("expected a JWK set, or one public key with a `kid`")
    return keys
