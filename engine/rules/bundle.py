"""Rules and prices in one file: all that a till needs to price by itself.

A bundle is a zip archive of the files that were loaded, without the customers: a snapshot brings its owner's facts. The
same files give the same bytes on every machine: entries are sorted and dated alike, and nothing is compressed, because
libraries compress differently. So the hash of the bytes can be its name; whatever carries it may compress it.
"""

import hashlib
import io
import posixpath
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from engine.errors import PanierError

FORM: Final = 1
"""Raised when a bundle comes to mean something else; a reader refuses what it does not know."""

_MANIFEST: Final = "bundle.json"
_SHOP: Final = "shop/"
_RULES: Final = "rules/"
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_PLAIN_FILE: Final = 0o100644 << 16


class BundleError(PanierError):
    """A file that is no bundle, or not one that this version of Panier prices by."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is in a bundle: files by their names in the shop's and the rules' folder, and what they come to."""

    shop_files: Mapping[str, bytes]
    rule_files: Mapping[str, bytes]
    ruleset_hash: str
    price_book_version: str
    pricing_version: int


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What a bundle says of itself; of another form it may say more."""

    form: int
    price_book_version: str
    pricing_version: int
    ruleset_hash: str


_MANIFESTS: Final = TypeAdapter(_Manifest)


def bundle_name(packed: bytes) -> str:
    """Return the name of a bundle: the hash of its bytes."""
    return f"panier-{hashlib.blake2b(packed, digest_size=16).hexdigest()}.zip"


def pack_bundle(bundle: Bundle) -> bytes:
    """Return the bytes of a bundle."""
    manifest = _Manifest(FORM, bundle.price_book_version, bundle.pricing_version, bundle.ruleset_hash)
    files = {_SHOP + name: content for name, content in bundle.shop_files.items()}
    files |= {_RULES + name: content for name, content in bundle.rule_files.items()}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(_MANIFEST, _MANIFESTS.dump_json(manifest)), *sorted(files.items())]:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system, entry.external_attr = _UNIX, _PLAIN_FILE
            archive.writestr(entry, content)
    return written.getvalue()


def unpack_bundle(packed: bytes) -> Bundle:
    """Return what is in a bundle. Raises `BundleError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
    ) as fault:  # it may be encrypted, or use what we lack
        raise BundleError(f"this is no bundle, or a damaged one: {fault}") from None
    try:
        manifest = _MANIFESTS.validate_json(files.get(_MANIFEST, b""))
    except ValidationError:
        raise BundleError(f"this is no bundle: it has no `{_MANIFEST}` that says what it is") from None
    if manifest.form != FORM:
        raise BundleError(f"the bundle has the form {manifest.form}, this version of Panier reads {FORM}")
    return Bundle(
        _below(_SHOP, files),
        _below(_RULES, files),
        manifest.ruleset_hash,
        manifest.price_book_version,
        manifest.pricing_version,
    )


def _below(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    below = {name.removeprefix(folder): content for name, content in files.items() if name.startswith(folder)}
    for name in below:
        if posixpath.isabs(name) or posixpath.normpath(name) != name or name.startswith("..") or "\\" in name:
            raise BundleError(f"this is no bundle: `{name}` is no name of a file in it")
    return below
