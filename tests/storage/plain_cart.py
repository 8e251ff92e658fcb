"""A cart in plain Python: what the script must do, written as simply as possible and from the design, not from it."""

from dataclasses import dataclass, field

from engine.cart.commands import Op, Plain
from engine.storage.carts import CartLimits


class Refusal(Exception):  # noqa: N818  # a word of the model
    """Why a request is refused: its first argument is the code."""


@dataclass
class PlainLine:
    measured: bool
    changed: int
    shares: dict[str, int] = field(default_factory=dict)  # a dict keeps the oldest first
    note: str = ""

    def total(self) -> int:
        return sum(self.shares.values())


@dataclass
class PlainCart:
    version: int = 1
    lines: dict[str, PlainLine] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    fees: dict[str, int] = field(default_factory=dict)
    gifts: dict[str, str] = field(default_factory=dict)
    adjustments: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """By id: the line it is about, and who made it."""
    fields: dict[str, str] = field(default_factory=lambda: {"channel": "web", "locale": "fr", "note": ""})
    field_versions: dict[str, int] = field(default_factory=dict)

    def apply(self, op: Op, actor: str, version: int, limits: CartLimits) -> None:
        getattr(self, f"_{op[0]}")(*op[1:], actor=actor, version=version, limits=limits)

    def _add(self, name, quantity, attributes, _guard, *, actor, version, limits):  # type: ignore[no-untyped-def]
        if name not in self.lines and len(self.lines) == limits.lines:
            raise Refusal("LINE_LIMIT")
        measured = "m" in attributes
        line = self.lines.setdefault(name, PlainLine(measured, version))
        if line.total() + quantity > limits.quantity * (1000 if measured else 1):
            raise Refusal("QUANTITY_LIMIT")
        line.shares[actor] = line.shares.get(actor, 0) + quantity
        line.changed = version

    def _set(self, name, thousandths, seen, *, actor, version, limits):  # type: ignore[no-untyped-def]
        line = self._line(name, seen, version)
        if not line.measured and thousandths % 1000:
            raise Refusal("INVALID_QUANTITY")
        wanted, total = (thousandths if line.measured else thousandths // 1000), line.total()
        if wanted > total and wanted > limits.quantity * (1000 if line.measured else 1):
            raise Refusal("QUANTITY_LIMIT")
        if wanted != total:
            line.changed = version
        if wanted > total:
            line.shares[actor] = line.shares.get(actor, 0) + wanted - total
        for member in [actor, *[other for other in reversed(line.shares) if other != actor]]:
            if member in line.shares:
                line.shares[member] -= min(line.shares[member], max(0, line.total() - wanted))
        line.shares = {member: share for member, share in line.shares.items() if share}
        if not wanted:
            self._gone(name)

    def _del(self, name, seen, *, version, **_):  # type: ignore[no-untyped-def]
        self._line(name, seen, version)
        self._gone(name)

    def _line_put(self, name, _field, value, seen, *, version, **_):  # type: ignore[no-untyped-def]
        line = self._line(name, seen, version)
        if line.note != value:
            line.note, line.changed = value, version

    def _put(self, name, value, seen, *, version, **_):  # type: ignore[no-untyped-def]
        if seen is not False and seen < self.field_versions.get(name, 1) < version:
            raise Refusal("STALE_VERSION")
        if self.fields[name] != (value or ""):
            self.fields[name] = value or ""
            self.field_versions[name] = version

    def _clear(self, *, version, **_):  # type: ignore[no-untyped-def]
        self.lines, self.codes, self.fees, self.gifts, self.adjustments = {}, {}, {}, {}, {}
        if self.fields["note"]:
            self.fields["note"] = ""
            self.field_versions["note"] = version

    def _code(self, canonical, entered, *, limits, **_):  # type: ignore[no-untyped-def]
        if canonical not in self.codes and len(self.codes) == limits.codes:
            raise Refusal("CODE_LIMIT")
        self.codes.setdefault(canonical, entered)

    def _uncode(self, canonical, **_):  # type: ignore[no-untyped-def]
        if self.codes.pop(canonical, None) is None:
            raise Refusal("INVALID_CODE")

    def _fee(self, name, quantity, *, limits, **_):  # type: ignore[no-untyped-def]
        if name not in self.fees and len(self.fees) == limits.fees:
            raise Refusal("CART_TOO_LARGE")
        if self.fees.get(name, 0) + quantity > limits.quantity:
            raise Refusal("QUANTITY_LIMIT")
        self.fees[name] = self.fees.get(name, 0) + quantity

    def _unfee(self, name, **_):  # type: ignore[no-untyped-def]
        if self.fees.pop(name, None) is None:
            raise Refusal("UNKNOWN_FEE")

    def _choose(self, promotion, sku, **_):  # type: ignore[no-untyped-def]
        if self.gifts.pop(promotion, None) is None and not sku:
            raise Refusal("UNKNOWN_GIFT")
        if sku:
            self.gifts[promotion] = sku

    def _adjust(self, id_, name, _attributes, _told, *, actor, limits, **_):  # type: ignore[no-untyped-def]
        if name is not False and name not in self.lines:
            raise Refusal("LINE_NOT_FOUND")
        if len(self.adjustments) == limits.adjustments:
            raise Refusal("ADJUSTMENT_LIMIT")
        self.adjustments[id_] = (name or None, actor)

    def _unadjust(self, id_, **_):  # type: ignore[no-untyped-def]
        if self.adjustments.pop(id_, None) is None:
            raise Refusal("ADJUSTMENT_NOT_FOUND")

    def _gone(self, name: str) -> None:
        del self.lines[name]
        self.adjustments = {id_: each for id_, each in self.adjustments.items() if each[0] != name}

    def _line(self, name: str, seen: Plain, version: int) -> PlainLine:
        if name not in self.lines:
            raise Refusal("LINE_NOT_FOUND")
        changed = self.lines[name].changed
        if isinstance(seen, int) and seen is not False and seen < changed < version:
            raise Refusal("STALE_VERSION")
        return self.lines[name]
