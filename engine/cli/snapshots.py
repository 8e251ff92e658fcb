"""Signed snapshots in place of carts in a file: read, checked, and refused by a bundle that is not theirs."""

from pathlib import Path

from engine.cart.snapshot import CartSnapshot
from engine.cli.console import fail
from engine.pricing.shop import Shop
from engine.rules.ruleset import Ruleset


class SnapshotReader:
    """Reads snapshots that go with a shop and its rules."""

    def __init__(self, shop: Shop, ruleset: Ruleset, keys: Path | None) -> None:
        self._known = (ruleset.hash, shop.version)
        self._keys = keys

    def read(self, signed: str) -> CartSnapshot:
        """Return what is in a snapshot. Raises `ValueError` with what is wrong with it."""
        # Only tills have snapshots, and what checks signatures takes its time to be imported.
        from engine.signed_snapshots import SnapshotError, checked_snapshot, key_set, unchecked_snapshot

        try:
            keys = key_set(self._keys.read_text(encoding="utf-8")) if self._keys else None
        except (OSError, ValueError) as fault:
            fail(f"--keys: `{self._keys}` is wrong: {getattr(fault, 'strerror', None) or fault}")
        try:
            snapshot = unchecked_snapshot(signed) if keys is None else checked_snapshot(signed, keys)
        except SnapshotError as fault:
            raise ValueError(str(fault)) from fault
        theirs = (snapshot.ruleset_hash, snapshot.price_book_version)
        for what, wanted, here in zip(("rules", "prices"), theirs, self._known, strict=True):
            if wanted != here:
                raise ValueError(f"the snapshot goes with the {what} {wanted}, and here are the {what} {here}")
        return snapshot
