"""A cart as a device takes it along when it goes offline, and the one JSON form of that.

The form is pinned by a test: tills keep snapshots for days, so what was written must be readable by a later version.
Whatever is not needed to price the cart or to show its lines stays behind: who else takes part, invites, suggestions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from engine.cart.model import Cart
from engine.errors import PanierError
from engine.types import InstantMs, MemberId, PromotionId

FORM: Final = 1
"""Raised when what is written comes to mean something else; a reader refuses what it does not know."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What a device may give away without asking while it is offline.

    ``points`` is the balance of the cart's owner as far as it was known. ``uses`` says of promotions with a limit how
    often the device may still grant them, ``budgets_minor`` what is left of budgets that are spent or may be given in
    part, in the cart's currency. What is not named has no limit that concerns the cart as it was.
    """

    points: int = 0
    uses: Mapping[PromotionId, int] = field(default_factory=dict)
    budgets_minor: Mapping[PromotionId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CartSnapshot:
    """A cart at one version, and what it was priced by. It is good for changes until ``expires_ms``, for a sale always.

    ``member`` is who took it along, ``device`` the name of theirs.
    """

    cart: Cart
    member: MemberId
    device: str
    ruleset_hash: str
    price_book_version: str
    taken_ms: InstantMs
    expires_ms: InstantMs
    allowances: Allowances = field(default_factory=Allowances)


class SnapshotFormError(PanierError):
    """A text that is no snapshot, or one of another version of Panier."""


_FORM: Final = TypeAdapter(CartSnapshot)


def taken_along(cart: Cart) -> Cart:
    """Return what a device needs of a cart. Its lines keep who put how much: that is what a removal goes by.

    Points are not spent offline: nobody could hold them.
    """
    return replace(cart, members=(), newcomers=(), suggestions=(), invites=(), budget=None, deadline_ms=None, burn=None)


def snapshot_document(snapshot: CartSnapshot) -> dict[str, Any]:
    """Return a snapshot as plain values, ready for JSON; what has its default value is left out."""
    written: dict[str, Any] = _FORM.dump_python(snapshot, mode="json", exclude_defaults=True)
    facts = snapshot.cart.facts
    if facts is not None:
        for name, words in (("segments", facts.segments), ("ordered_categories", facts.ordered_categories)):
            if words:
                written["cart"]["facts"][name] = sorted(words)
    return {"form": FORM, **written}


def read_snapshot(document: Mapping[str, Any]) -> CartSnapshot:
    """Return the snapshot that `snapshot_document` wrote. Raises `SnapshotFormError`."""
    written = dict(document)
    form = written.pop("form", None)
    if form != FORM:
        raise SnapshotFormError(f"the snapshot has the form {form!r}, this version of Panier reads {FORM}")
    try:
        return _FORM.validate_python(written)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        raise SnapshotFormError(f"this is no snapshot: `{'.'.join(map(str, first['loc']))}`: {first['msg']}") from None
