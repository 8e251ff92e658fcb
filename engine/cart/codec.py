"""The bytes of a cart: the one Python file that knows them. The other side is `storage/lua/commit.lua`.

A cart is one msgpack map with short keys:

    z layout number     i cart id          v version         c channel     s store        l locale
    m people            n lines            k codes           f fees        d delivery     t note
    u customer          a owner's facts    b created, ms     e updated, ms x expires, ms  w field -> version
    y payment method    h draw             j adjustments   g chosen gifts, pairs of promotion and SKU
    sg suggested lines  iv invites         gr what holds for all members: b budget, d deadline, ms
    o lease             q newcomers        sd sold
    mg where it went, or is going          fz freeze, od order: see `storage/lua/freeze.lua`
    bu points to be spent

People are lists of member id, role and perhaps rules: ``o`` owner, ``e`` editor, ``a`` adder, ``s`` suggester, ``v``
viewer, ``x`` removed, ``-`` no member, but somebody who did something, such as staff, or who left. Rules are ``b``
budget and ``k`` blocked categories, also of those who left; of those removed, ``x`` the version; of screens, ``t``
until when and ``r`` for how long anew, ms. A budget is a pair of amount and currency. People are named by their place
in the list, counted from 1, so that signing in renames one of them and touches no line and no log entry; the list
never shrinks.

A line is a map as well: ``i`` id, ``q`` shares, a flat list of place and quantity, ``a`` added and ``c`` changed
version, ``t`` changed, in ms since the cart was made; and the attributes that `engine.cart.commands.NewLine.op` writes.
An invite is a map: ``i`` id, ``c`` code, ``r`` role, ``n`` uses, ``u`` uses left, ``x`` end, ms, ``a`` added version.
A lease is a map: ``p`` place of its holder, ``d`` device, ``c`` channel, ``s`` store, ``a`` since and ``e`` until, ms,
``r`` for how many ms it is renewed. What was sold is a map: ``i`` id of the sale, and ``p``, ``d``, ``c``, ``s``, ``a``
as of a lease. A newcomer is a list: place, words of `handoff.Share` with spaces between, version.
Where a cart goes is a map: ``t`` target, ``s`` state (``m`` merging, ``d`` merged, ``u`` coming back), ``v`` version
that sealed it, ``p`` policy, ``w`` who had it merged; and while it comes back ``u`` version that sealed it again, ``x``
who. Who is a list: member, acts by scope, operation id, channel, store or false, device.
An adjustment is a map: ``i`` id, ``l`` line, ``p`` place of who made it, ``a`` added version, ``t`` when, in ms since
the cart was made, and the attributes that `engine.cart.commands.AddAdjustment.ops` writes.
Points to be spent are a map: ``n`` how many, absent for as many as the cart takes, ``b`` balance, ``p`` place of who
wished it.
A log entry is a list: version, operation id, ms since the cart was made, place, channel, store, device, changes.

What was decided on a merge is a list: status, when, ms, version made, refusal's code or empty, policy, changes, which
are lists of what a `MergeChange` holds.

A viewer is a list: member, channel, store or nil, device. What a viewer saw is a map: ``v`` version, ``t`` when, ms,
``c`` currency, ``m`` total, ``n`` line id -> SKU, quantity, measured, amount, ``p`` promotion -> label.

Absent values are absent keys: Lua cannot keep a nil in a list, and would give back an empty map as an empty list.
Texts and bytes are packed alike (``use_bin_type=False``), because Lua's library does not know the binary type.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.commands import AddAdjustment, NewLine, Op, Plain, packed_facts
from engine.cart.draw import draw_of
from engine.cart.members import LETTER_OF
from engine.cart.merging import MergeChange, MergeEffect, MergePart
from engine.cart.model import (
    Adjustment,
    AdjustmentKind,
    Budget,
    Burn,
    Cart,
    CodeEntry,
    DeliveryChoice,
    Facts,
    FeeChoice,
    Freeze,
    Invite,
    Lease,
    LimitsLeft,
    LineItem,
    LogEntry,
    Member,
    Mover,
    Newcomer,
    Ordered,
    Sold,
    Transfer,
    TransferState,
    Voucher,
    VoucherEnd,
)
from engine.cart.viewing import Seen, SeenLine, Viewer
from engine.errors import PanierError
from engine.types import EPOCH, ChannelId, InstantMs, MemberId, OperationId, StoreId

LAYOUT: Final = 1
"""Raised when the meaning of stored bytes changes; a reader refuses what it does not know."""

_ROLE: Final = {letter: role for role, letter in LETTER_OF.items()}
_NO_ROLE: Final = "-"
_TRANSFER: Final = {"m": TransferState.MERGING, "d": TransferState.MERGED, "u": TransferState.RETURNING}
_NOBODY: Final[Mapping[str, int]] = {}
_NO_RULES: Final[Mapping[str, Any]] = {}


class UnknownLayoutError(PanierError):
    """The bytes were written by another version of Panier, and reading them as ours would guess."""


def pack(value: object) -> bytes:
    """Return the msgpack form that Lua reads."""
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def pack_ops(ops: Sequence[Op]) -> bytes:
    """Return the operations of a request as the script reads them."""
    return pack(ops)


def encode_new_cart(cart: Cart) -> bytes:
    """Return the bytes that a creating request starts from.

    Id, members, context, note, customer, facts and draw count; lines, codes and fees come as operations, and the
    script gives version and instants.
    """
    packed: dict[str, Plain] = {
        "z": LAYOUT,
        "i": cart.id,
        "v": 0,
        "m": [[member.id, LETTER_OF[member.role]] for member in cart.members],
        "c": cart.channel,
        "l": cart.locale,
        "n": [],
        "k": [],
        "f": [],
        "h": cart.draw,
    }
    if cart.store is not None:
        packed["s"] = cart.store
    if cart.delivery is not None:
        packed["d"] = [cart.delivery.method, cart.delivery.place, cart.delivery.slot]
    if cart.payment_method:
        packed["y"] = cart.payment_method
    if cart.note:
        packed["t"] = cart.note
    if cart.customer is not None:
        packed["u"] = cart.customer
    if cart.facts is not None:
        packed["a"] = packed_facts(cart.facts)
    return pack(packed)


def decode_cart(blob: bytes, at_ms: InstantMs = EPOCH) -> Cart:
    """Return the cart that the bytes hold; screens whose time is over at an instant are no members any more.

    Raises `UnknownLayoutError` where another version of Panier wrote them.
    """
    packed = _unpacked(blob)
    people, created = packed["m"], packed["b"]
    places = _places(people)
    store, delivery, facts = packed.get("s"), packed.get("d"), packed.get("a")
    group = packed.get("gr", _NO_RULES)
    return Cart(
        id=packed["i"],
        version=packed["v"],
        members=tuple(
            [_member(*person) for person in people if person[1] in _ROLE and not _has_lapsed(at_ms, *person[2:])]
        ),
        channel=packed["c"],
        store=store,
        locale=packed["l"],
        lines=tuple([_line(line, places, created) for line in packed["n"]]),
        codes=tuple([_code(*code) for code in packed["k"]]),
        fees=tuple([FeeChoice(fee, quantity) for fee, quantity in packed["f"]]),
        adjustments=tuple([_adjustment(each, places, created) for each in packed.get("j", ())]),
        gift_choices=dict(packed.get("g", ())),
        delivery=DeliveryChoice(*delivery) if delivery else None,
        payment_method=packed.get("y", ""),
        note=packed.get("t", ""),
        customer=packed.get("u"),
        facts=facts_of(facts) if facts else None,
        burn=_burn(packed["bu"], places) if "bu" in packed else None,
        lease=_lease(packed["o"], places) if "o" in packed else None,
        sold=_sold(packed["sd"], places) if "sd" in packed else None,
        freeze=_freeze(packed["fz"], places) if "fz" in packed else None,
        ordered=_ordered(packed["od"], places) if "od" in packed else None,
        newcomers=tuple(
            [Newcomer(places[at], tuple(words.split()), since) for at, words, since in packed.get("q", ())]
        ),
        draw=packed["h"] if "h" in packed else draw_of(packed["i"]),
        created_ms=created,
        updated_ms=packed["e"],
        expires_ms=packed["x"],
        field_versions=packed.get("w", _NOBODY),
        suggestions=tuple([_line(line, places, created) for line in packed.get("sg", ())]),
        invites=tuple([_invite(invite) for invite in packed.get("iv", ())]),
        budget=_budget(group),
        deadline_ms=group.get("d"),
        transfer=_transfer(packed["mg"]) if "mg" in packed else None,
        left=tuple([_left(id_, *rules) for id_, letter, *rules in people if letter == _NO_ROLE and rules]),
    )


def decode_log(blob: bytes, entries: Iterable[bytes]) -> tuple[LogEntry, ...]:
    """Return log entries of the cart that the bytes hold, oldest first.

    A member is named as they are known now: what a guest did before they signed in is the customer's.
    """
    packed = _unpacked(blob)
    places, created = _places(packed["m"]), packed["b"]
    return tuple([_log_entry(entry, places, created) for entry in entries])


def _unpacked(blob: bytes) -> dict[str, Any]:
    packed: dict[str, Any] = msgpack.unpackb(blob)
    if packed["z"] != LAYOUT:
        raise UnknownLayoutError(f"the stored cart has layout {packed['z']}, this version of Panier reads {LAYOUT}")
    return packed


def _member(id_: str, letter: str, rules: Mapping[str, Any] = _NO_RULES) -> Member:
    return Member(
        MemberId(id_), _ROLE[letter], _budget(rules), tuple(rules.get("k", ())), rules.get("t"), rules.get("r", 0)
    )


def _left(id_: str, rules: Mapping[str, Any]) -> LimitsLeft:
    return LimitsLeft(MemberId(id_), _budget(rules), tuple(rules.get("k", ())))


def _has_lapsed(at_ms: InstantMs, rules: Mapping[str, Any] = _NO_RULES) -> bool:
    return "t" in rules and bool(rules["t"] <= at_ms)


def _budget(rules: Mapping[str, Any]) -> Budget | None:
    return Budget(*rules["b"]) if "b" in rules else None


def _invite(packed: dict[str, Any]) -> Invite:
    return Invite(packed["i"], packed["c"], _ROLE[packed["r"]], packed["n"], packed["u"], packed["x"])


def _places(people: list[tuple[Any, ...]]) -> list[MemberId]:
    """Return the members by their place, which counts from 1."""
    return [MemberId(""), *[MemberId(person[0]) for person in people]]


def _log_entry(blob: bytes, places: list[MemberId], created_ms: int) -> LogEntry:
    version, operation, since_ms, place, channel, store, device, changes = msgpack.unpackb(blob)
    return LogEntry(
        version=version,
        operation=OperationId(operation),
        at_ms=InstantMs(created_ms + since_ms),
        member=places[place],
        channel=ChannelId(channel),
        store=StoreId(store) if store else None,
        device=device,
        changes=tuple([tuple([str(part) for part in change]) for change in changes]),
    )


def _line(packed: dict[str, Any], places: list[MemberId], created_ms: int) -> LineItem:
    shares = packed["q"]
    options, delivery = packed.get("o"), packed.get("d")
    return LineItem(
        packed["i"],
        packed["s"],
        tuple([(places[shares[at]], shares[at + 1]) for at in range(0, len(shares), 2)]),
        tuple([(name, value) for name, value in options]) if options else (),
        packed.get("e", ""),
        packed.get("k", ""),
        "m" in packed,
        packed.get("n", ""),
        DeliveryChoice(*delivery) if delivery else None,
        packed.get("p"),
        packed.get("pc", ""),
        packed["a"],
        packed["c"],
        InstantMs(created_ms + packed["t"]),
    )


def _code(canonical: str, entered: str, series: str = "", expires_ms: int = 0, ended: str = "") -> CodeEntry:
    told = Voucher(series, InstantMs(expires_ms), VoucherEnd(ended) if ended else None) if series else None
    return CodeEntry(canonical, entered, told)


def _packed_code(code: CodeEntry) -> list[Plain]:
    told = code.voucher
    packed: list[Plain] = [code.canonical, code.entered]
    return [*packed, told.series, told.expires_ms, told.ended or ""] if told else packed


def _burn(packed: dict[str, Any], places: list[MemberId]) -> Burn:
    return Burn(packed.get("n"), packed["b"], places[packed["p"]])


def _lease(packed: dict[str, Any], places: list[MemberId]) -> Lease:
    return Lease(
        places[packed["p"]], packed["d"], packed["c"], packed.get("s"), InstantMs(packed["a"]), InstantMs(packed["e"])
    )


def _sold(packed: dict[str, Any], places: list[MemberId]) -> Sold:
    where = (packed["d"], packed["c"], packed.get("s"), InstantMs(packed["a"]))
    return Sold(packed["i"], places[packed["p"]], *where)


def _transfer(packed: dict[str, Any]) -> Transfer:
    member, by_scope, operation, channel, store, device = packed.get("x") or packed["w"]
    by = Mover(member, by_scope, operation, channel, store or None, device)
    attempt = packed.get("u") or packed["v"]
    return Transfer(packed["t"], _TRANSFER[packed["s"]], packed["v"], packed["p"], attempt, by)


def encode_mover(by: Mover) -> bytes:
    """Return the bytes of who has a cart merged or brought back."""
    return pack((by.member, by.by_scope, by.operation, by.channel, by.store or False, by.device))


def encode_content(cart: Cart) -> bytes:
    """Return the bytes of what a merge may change in a cart: lines, codes, fees, gifts, adjustments, note, suggestions.

    Members are named, because their places are those of the cart as it is then. Lines that its next version changes
    get the instant from the script.
    """
    packed: dict[str, Plain] = {
        "n": [_packed_line(line, cart) for line in cart.lines],
        "k": [_packed_code(code) for code in cart.codes],
        "f": [[fee.fee, fee.quantity] for fee in cart.fees],
        "g": [[promotion, sku] for promotion, sku in cart.gift_choices.items()],
        "j": [_packed_adjustment(each, cart) for each in cart.adjustments],
        "sg": [_packed_line(line, cart) for line in cart.suggestions],
        "t": cart.note,
    }
    return pack(packed)


def _packed_line(line: LineItem, cart: Cart) -> dict[str, Plain]:
    wish = NewLine(
        line.sku,
        line.quantity,
        line.measured,
        line.options,
        line.seller,
        line.line_key,
        line.note,
        line.delivery,
        line.label_price_minor,
        line.label_currency,
    )
    return {
        **wish.attributes(),
        "i": line.id,
        "q": [part for share in line.shares for part in share],
        "a": line.added_version,
        "c": line.changed_version,
        "t": line.changed_at_ms - cart.created_ms,
    }


def _packed_adjustment(adjustment: Adjustment, cart: Cart) -> dict[str, Plain]:
    made = AddAdjustment(
        adjustment.id,
        adjustment.kind,
        adjustment.line,
        adjustment.value,
        adjustment.currency,
        adjustment.reason,
        adjustment.role,
        adjustment.note,
    )
    packed = {
        **made.attributes(),
        "i": adjustment.id,
        "p": adjustment.member,
        "a": adjustment.added_version,
        "t": adjustment.added_at_ms - cart.created_ms,
    }
    return packed if adjustment.line is None else {**packed, "l": adjustment.line}


def packed_changes(changes: Iterable[MergeChange]) -> list[Plain]:
    """Return what became of each thing in a merge as it lies in the store."""
    return [[c.part, c.effect, c.key, c.name, c.before, c.after, c.left, c.measured] for c in changes]


def decode_decision(blob: bytes) -> tuple[str, InstantMs, int, str, str, tuple[MergeChange, ...]]:
    """Return what was decided on a merge: status, when, version made, refusal's code or empty, policy, changes."""
    status, at_ms, version, code, policy, changes = msgpack.unpackb(blob)
    told = [MergeChange(MergePart(part), MergeEffect(effect), *rest) for part, effect, *rest in changes]
    return status, at_ms, version, code, policy, tuple(told)


def _freeze(packed: dict[str, Any], places: list[MemberId]) -> Freeze:
    until_ms = max(packed["e"], packed.get("u", 0))
    return Freeze(packed["q"], places[packed["p"]], InstantMs(packed["a"]), InstantMs(until_ms))


def _ordered(packed: dict[str, Any], places: list[MemberId]) -> Ordered:
    return Ordered(packed["n"], places[packed["p"]], InstantMs(packed["a"]))


def _adjustment(packed: dict[str, Any], places: list[MemberId], created_ms: int) -> Adjustment:
    return Adjustment(
        id=packed["i"],
        kind=AdjustmentKind(packed["k"]),
        line=packed.get("l"),
        value=packed["v"],
        currency=packed.get("u", ""),
        reason=packed["r"],
        role=packed["o"],
        member=places[packed["p"]],
        note=packed.get("n", ""),
        added_version=packed["a"],
        added_at_ms=InstantMs(created_ms + packed["t"]),
    )


def facts_of(packed: Mapping[str, Any]) -> Facts:
    """Return the facts that `packed_facts` packed."""
    categories = packed.get("k")
    return Facts(
        customer=packed["c"],
        version=packed["v"],
        tier=packed.get("t", ""),
        segments=frozenset(packed.get("g", ())),
        points=packed.get("p", 0),
        first_order_ms=packed.get("f"),
        customer_since_ms=packed.get("s"),
        birthday=packed.get("b", ""),
        orders=packed.get("o"),
        ordered_categories=None if categories is None else frozenset(categories),
        stamps=packed.get("m", {}),
    )


def encode_facts(facts: Facts) -> bytes:
    """Return the bytes of a customer's facts."""
    return pack(packed_facts(facts))


def decode_facts(blob: bytes) -> Facts:
    """Return the facts that the bytes hold."""
    return facts_of(msgpack.unpackb(blob))


def encode_viewer(viewer: Viewer, worker: str) -> bytes:
    """Return the bytes of a viewer. The worker keeps two processes from taking each other's viewers away."""
    return pack((viewer.member, viewer.channel, viewer.store, viewer.device, worker))


def decode_viewer(blob: bytes) -> Viewer:
    """Return the viewer that the bytes hold, whichever worker they are connected to."""
    member, channel, store, device, _ = msgpack.unpackb(blob)
    return Viewer(member, channel, store, device)


def encode_seen(seen: Seen) -> bytes:
    """Return the bytes of what a viewer saw."""
    lines = {key: (line.sku, line.quantity, line.measured, line.amount_minor) for key, line in seen.lines.items()}
    return pack(
        {
            "v": seen.version,
            "t": seen.at_ms,
            "c": seen.currency,
            "m": seen.total_minor,
            "n": lines,
            "p": dict(seen.offers),
        }
    )


def decode_seen(blob: bytes) -> Seen:
    """Return what a viewer saw."""
    packed = msgpack.unpackb(blob)
    lines = {key: SeenLine(*line) for key, line in packed["n"].items()}
    return Seen(packed["v"], packed["t"], packed["c"], packed["m"], lines, packed["p"])
