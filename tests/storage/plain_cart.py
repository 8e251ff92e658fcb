"""A cart in plain Python: what the script must do, written as simply as possible and from the design, not from it."""

from dataclasses import dataclass, field
from typing import Any

from engine.cart.commands import Op, Plain
from engine.storage.carts import CartLimits

EDITS = {"add", "set", "del", "line_put", "put", "clear", "code", "uncode", "fee", "unfee", "choose", "adjust"}
EDITS |= {"unadjust", "burn", "approve", "decline"}
MAY = {
    "o": EDITS | {"join", "leave", "lease", "role", "expel", "own", "seat", "invite", "uninvite", "limit", "group"},
    "e": EDITS | {"join", "leave", "lease"},
    "a": {"add", "set", "del", "line_put", "join", "leave", "lease"},
    "s": {"add", "set", "del", "join", "leave", "lease"},
    "v": {"join", "leave", "lease"},
}
"""What each role may do."""
WHILE_ELSEWHERE = {"join", "role", "uninvite", "lease"}
"""What may be done while somebody else's device has the cart."""


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
class PlainInvite:
    code: str
    role: str
    left: int
    version: int


@dataclass
class PlainCart:
    version: int = 1
    held_by: str = ""
    """Whose device has the cart; each has one."""
    members: dict[str, str] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    """At which version somebody was removed."""
    rules: dict[str, tuple[Plain, Plain]] = field(default_factory=dict)
    """By member: their budget and blocked categories; what holds for all under an empty name."""
    invites: dict[str, PlainInvite] = field(default_factory=dict)
    suggestions: dict[str, PlainLine] = field(default_factory=dict)
    lines: dict[str, PlainLine] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    fees: dict[str, int] = field(default_factory=dict)
    gifts: dict[str, str] = field(default_factory=dict)
    adjustments: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    """By id: the line it is about, and who made it."""
    burn: tuple[int | None, int, str] | None = None
    """How many points are to be spent, of how many, and who wished it."""
    fields: dict[str, str] = field(default_factory=lambda: {"channel": "web", "locale": "fr", "note": ""})
    field_versions: dict[str, int] = field(default_factory=dict)

    def apply(self, op: Op, actor: str, version: int, limits: CartLimits) -> None:
        if op[0] != "join" and op[0] not in MAY.get(self.role_of(actor), ()):
            raise Refusal("ROLE_FORBIDS")
        getattr(self, f"_{op[0]}")(*op[1:], actor=actor, version=version, limits=limits)

    def role_of(self, actor: str) -> str:
        """Return the letter of somebody's role, empty where they have none; staff act by scope, who has it by that."""
        letter = "o" if actor.startswith("staff:") else self.members.get(actor, "")
        return "e" if letter != "o" and self.held_by == actor else letter

    def must_wait(self, ops: list[Op], actor: str) -> bool:
        """Say whether somebody else has the cart, and the operations are not those that may be done nevertheless."""
        return self.held_by not in {"", actor} and not {op[0] for op in ops} <= WHILE_ELSEWHERE

    def hand_over(self, mode: str, giver: str, taker: str, limits: CartLimits) -> None:
        """Let `giver` make a code and `taker` claim it at once."""
        letter, is_new = self.members.get(giver, ""), taker not in self.members
        if not letter and self.held_by != giver:
            raise Refusal("CART_NOT_FOUND")
        if letter != "o" and (mode == "join" or (letter != "e" and self.held_by != giver)):
            raise Refusal("ROLE_FORBIDS")
        if mode == "move":
            if self.held_by not in {"", giver}:
                raise Refusal("CART_HELD")
            self.held_by = taker
        elif taker not in self.members:
            self._seat(taker, "e", limits=limits)
        elif self.members[taker] != "o":
            self.members[taker] = "e"
        self.burn = None if is_new else self.burn
        self.version += 1

    def take_in(self, source: "PlainCart", mover: str, limits: CartLimits, *, most: bool) -> None:
        """Let `mover` put what another cart holds into this one: added up, or of what both hold the larger quantity."""
        if self.role_of(mover) not in {"o", "e"}:
            raise Refusal("ROLE_FORBIDS")
        if self.held_by not in {"", mover}:
            raise Refusal("CART_HELD")
        self.version += 1
        for name, line in source.lines.items():
            if name in self.lines or len(self.lines) < limits.lines:
                self._take_in_line(name, line, limits, most=most)
        for canonical, entered in source.codes.items():
            if canonical in self.codes or len(self.codes) < limits.codes:
                self.codes.setdefault(canonical, entered)
        for fee, quantity in source.fees.items():
            if fee in self.fees or len(self.fees) < limits.fees:
                known = self.fees.get(fee, 0)
                self.fees[fee] = max(known, min(max(known, quantity) if most else known + quantity, limits.quantity))

    def _take_in_line(self, name: str, came: PlainLine, limits: CartLimits, *, most: bool) -> None:
        line = self.lines.setdefault(name, PlainLine(came.measured, self.version))
        room = limits.quantity * (1000 if line.measured else 1) - line.total()
        room = min(room, came.total() - line.total()) if most else room
        for who, share in came.shares.items():
            more = min(share - (line.shares.get(who, 0) if most else 0), room)
            if more > 0:
                line.shares[who] = line.shares.get(who, 0) + more
                line.changed = self.version
                room -= more

    def _lease(self, what, *, actor, **_):  # type: ignore[no-untyped-def]
        if what == "take_back" and self.members.get(actor) != "o":
            raise Refusal("ROLE_FORBIDS")
        if not self.held_by or (what != "take_back" and self.held_by != actor):
            raise Refusal("NOT_HELD")
        self.held_by = actor if what == "renew" else ""

    def _add(self, name, quantity, attributes, _guard, *, actor, version, limits):  # type: ignore[no-untyped-def]
        if self.role_of(actor) == "s":
            if name not in self.suggestions and len(self.suggestions) == limits.suggestions:
                raise Refusal("SUGGESTION_LIMIT")
            self._add_to(self.suggestions, name, quantity, "m" in attributes, actor, version, limits)
        else:
            if name not in self.lines and len(self.lines) == limits.lines:
                raise Refusal("LINE_LIMIT")
            self._add_to(self.lines, name, quantity, "m" in attributes, actor, version, limits)

    def _add_to(self, lines: dict[str, PlainLine], name: str, quantity: int, measured: Any, *at: Any) -> None:
        actor, version, limits = at
        line = lines.setdefault(name, PlainLine(measured, version))
        if line.total() + quantity > limits.quantity * (1000 if measured else 1):
            raise Refusal("QUANTITY_LIMIT")
        line.shares[actor] = line.shares.get(actor, 0) + quantity
        line.changed = version

    def _set_own(self, lines: dict[str, PlainLine], name: str, thousandths: int, seen: Plain, *at: Any) -> None:
        actor, version, limits = at
        line = self._line(name, seen, version, lines)
        if not line.measured and thousandths % 1000:
            raise Refusal("INVALID_QUANTITY")
        wanted, own = (thousandths if line.measured else thousandths // 1000), line.shares.get(actor, 0)
        if wanted == own == 0:
            raise Refusal("ROLE_FORBIDS")
        if wanted > own and line.total() - own + wanted > limits.quantity * (1000 if line.measured else 1):
            raise Refusal("QUANTITY_LIMIT")
        if wanted != own:
            line.changed = version
            line.shares[actor] = wanted
            self._tidy(lines, name)

    def _tidy(self, lines: dict[str, PlainLine], name: str) -> None:
        lines[name].shares = {member: share for member, share in lines[name].shares.items() if share}
        if not lines[name].shares:
            self._gone(name, lines)

    def _set(self, name: str, thousandths: int, seen: Plain, *, actor: str, version: int, limits: CartLimits) -> None:
        if self.role_of(actor) in {"a", "s"}:
            lines = self.lines if self.role_of(actor) == "a" else self.suggestions
            self._set_own(lines, name, thousandths, seen, actor, version, limits)
            return
        line = self._line(name, seen, version, self.lines)
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
        self._tidy(self.lines, name)

    def _del(self, name, seen, *, actor, version, limits):  # type: ignore[no-untyped-def]
        if self.role_of(actor) in {"a", "s"}:
            self._set(name, 0, seen, actor=actor, version=version, limits=limits)
            return
        self._line(name, seen, version, self.lines)
        self._gone(name, self.lines)

    def _line_put(self, name, _field, value, seen, *, actor, version, **_):  # type: ignore[no-untyped-def]
        line = self._line(name, seen, version, self.lines)
        if self.role_of(actor) == "a" and set(line.shares) != {actor}:
            raise Refusal("ROLE_FORBIDS")
        if line.note != value:
            line.note, line.changed = value, version

    def _put(self, name, value, seen, *, version, **_):  # type: ignore[no-untyped-def]
        if seen is not False and seen < self.field_versions.get(name, 1) < version:
            raise Refusal("STALE_VERSION")
        if self.fields[name] != (value or ""):
            self.fields[name] = value or ""
            self.field_versions[name] = version

    def _clear(self, *, version, **_):  # type: ignore[no-untyped-def]
        self.suggestions, self.burn = {}, None
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

    def _burn(self, points, _customer, balance, *, actor, **_):  # type: ignore[no-untyped-def]
        self.burn = None if points == 0 and points is not False else (points or None, balance, actor)

    def _seat(self, member: str, role: str, *, limits: CartLimits, **_: object) -> None:
        if member not in self.members:
            if len(self.members) == limits.members:
                raise Refusal("MEMBER_LIMIT")
            self.members[member] = role
            self.removed.pop(member, None)

    def _invite(self, id_, code, role, uses, _life_ms, *, version, limits, **_):  # type: ignore[no-untyped-def]
        self.invites = {known: invite for known, invite in self.invites.items() if invite.left}
        if len(self.invites) == limits.invites:
            raise Refusal("INVITE_LIMIT")
        self.invites[id_] = PlainInvite(code, role, uses, version)

    def _uninvite(self, id_, **_):  # type: ignore[no-untyped-def]
        if self.invites.pop(id_, None) is None:
            raise Refusal("INVITE_NOT_FOUND")

    def _join(self, code, *, actor, version, limits):  # type: ignore[no-untyped-def]
        if actor in self.members:
            return
        for invite in self.invites.values():
            if invite.code == code and invite.left and invite.version > self.removed.get(actor, 0):
                self._seat(actor, invite.role, version=version, limits=limits)
                invite.left -= 1
                return
        raise Refusal("INVITE_NOT_FOUND")

    def _other(self, member: str, *, owner: bool = False) -> None:
        if member not in self.members:
            raise Refusal("MEMBER_NOT_FOUND")
        if self.members[member] == "o" and not owner:
            raise Refusal("OWNER_STAYS")

    def _role(self, member, role, **_):  # type: ignore[no-untyped-def]
        self._other(member)
        self.members[member] = role

    def _own(self, member, *_, **__):  # type: ignore[no-untyped-def]
        self._other(member, owner=True)
        self.members = {known: "e" if role == "o" else role for known, role in self.members.items()}
        self.members[member], self.burn = "o", None

    def _leave(self, keep: bool, *, actor: str, version: int, **_: object) -> None:  # noqa: FBT001  # as operations are
        self._other(actor)
        for lines in () if keep else (self.lines, self.suggestions):
            for name in [name for name, line in lines.items() if actor in line.shares]:
                lines[name].shares[actor] = 0
                lines[name].changed = version
                self._tidy(lines, name)
        del self.members[actor]
        self.rules.pop(actor, None)
        self.held_by = "" if self.held_by == actor else self.held_by

    def _expel(self, member, keep, *, version, **_):  # type: ignore[no-untyped-def]
        self._leave(keep, actor=member, version=version)
        self.removed[member] = version

    def _limit(self, member, budget, categories, **_):  # type: ignore[no-untyped-def]
        self._other(member, owner=True)
        self.rules[member] = (budget, categories)

    def _group(self, budget, deadline, **_):  # type: ignore[no-untyped-def]
        self.rules[""] = (budget, deadline)

    def _suggested(self, name: str, member: Plain) -> dict[str, int]:
        shares = self.suggestions[name].shares if name in self.suggestions else {}
        chosen = {who: share for who, share in shares.items() if member in {False, who}}
        if not chosen:
            raise Refusal("SUGGESTION_NOT_FOUND")
        return chosen

    def _approve(self, name, member, *, version, limits, **_):  # type: ignore[no-untyped-def]
        chosen = self._suggested(name, member)
        if name not in self.lines and len(self.lines) == limits.lines:
            raise Refusal("LINE_LIMIT")
        for who, share in chosen.items():
            self._add_to(self.lines, name, share, self.suggestions[name].measured, who, version, limits)
        self._decline(name, member, version=version)

    def _decline(self, name: str, member: Plain, *, version: int, **_: object) -> None:
        for who in self._suggested(name, member):
            self.suggestions[name].shares[who] = 0
        self.suggestions[name].changed = version
        self._tidy(self.suggestions, name)

    def _gone(self, name: str, lines: dict[str, PlainLine]) -> None:
        del lines[name]
        if lines is self.lines:
            self.adjustments = {id_: each for id_, each in self.adjustments.items() if each[0] != name}

    def _line(self, name: str, seen: Plain, version: int, lines: dict[str, PlainLine]) -> PlainLine:
        if name not in lines:
            raise Refusal("LINE_NOT_FOUND")
        changed = lines[name].changed
        if isinstance(seen, int) and seen is not False and seen < changed < version:
            raise Refusal("STALE_VERSION")
        return lines[name]
