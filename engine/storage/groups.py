"""Named groups in the store: each in a slot of its own, with the carts that are shared with it."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # ships no types

from engine.cart.codec import pack
from engine.cart.groups import CreateGroup, Group, GroupCommand, GroupMember
from engine.cart.members import LETTER_OF, CreateInvite
from engine.cart.model import Budget, Invite
from engine.errors import UserErrorCode
from engine.storage import scripts
from engine.storage.carts import CartLimits
from engine.storage.connection import Connection
from engine.storage.keys import KeyNames
from engine.types import CartId, GroupId, MemberId, OperationId

SHARED_MOST: Final = 200
"""How many carts that were shared with a group are known, the newest."""

_LIFE_MS: Final = 2 * 365 * 24 * 60 * 60 * 1000
_ROLE: Final = {letter: role for role, letter in LETTER_OF.items()}


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """What became of a change: the group as it is now, None where it is gone, or why nothing changed.

    ``GROUP_NOT_FOUND`` also where the caller may not know of it.
    """

    group: Group | None = None
    refused: UserErrorCode | None = None
    replayed: bool = False


class GroupStore:
    """Keeps groups, for two years from their last change. All methods are one round trip.

    They raise `StoreUnavailableError`.
    """

    def __init__(self, connection: Connection, names: KeyNames, limits: CartLimits | None = None) -> None:
        """Prepare. A group has as many members and open invites as a cart may have."""
        known = limits or CartLimits()
        self._connection = connection
        self._names = names
        self._limits = pack({"members": known.members, "invites": known.invites, "life_ms": _LIFE_MS})
        self.members_most = known.members

    async def create(self, group: GroupId, owner: MemberId, operation: OperationId, made: CreateGroup) -> GroupChanged:
        """Make a group, whose id names the operation too: sent again, it is the same group."""
        start = {
            "i": group,
            "v": 0,
            "n": made.name,
            "o": owner,
            "m": [_packed_member(member) for member in made.members],
            "r": [],
        }
        return await self._run(group, owner, operation, b"", pack(start), made)

    async def change(
        self, group: GroupId, actor: MemberId, operation: OperationId, command: GroupCommand
    ) -> GroupChanged:
        """Change a group, by right of who the actor is in it."""
        return await self._run(group, actor, operation, pack(command.ops()[0]), b"", command)

    async def read(self, group: GroupId) -> Group | None:
        """Return a group; whether the caller may see it is not decided yet."""
        blob = await self._connection.command("GET", self._names.group(group)[0])
        return _group(blob) if blob else None

    async def note_shared(self, group: GroupId, cart: CartId) -> None:
        """Remember that a cart is shared with a group, or is about to be."""
        arguments = (cart, SHARED_MOST, _LIFE_MS, pack([]), 0)
        await self._connection.run(scripts.POINTERS, (self._names.group(group)[1],), arguments)

    async def shared_carts(self, group: GroupId) -> list[CartId]:
        """Return the carts that were shared with a group, newest first; some may be gone."""
        arguments = ("", SHARED_MOST, _LIFE_MS, pack([]), 0)
        _, found = await self._connection.run(scripts.POINTERS, (self._names.group(group)[1],), arguments)
        return [CartId(id_.decode()) for id_ in found[::2]]

    async def _run(
        self,
        group: GroupId,
        actor: MemberId,
        operation: OperationId,
        op: bytes,
        start: bytes,
        asked: CreateGroup | GroupCommand,
    ) -> GroupChanged:
        who = pack((actor, _digest(actor, operation), _content(asked)))
        arguments = (who, op, self._limits, start)
        status, _, *rest = await self._connection.run(scripts.GROUP, self._names.group(group)[:1], arguments)
        if status == b"missing":
            return GroupChanged(refused=UserErrorCode.GROUP_NOT_FOUND)
        if status == b"refused":
            return GroupChanged(refused=UserErrorCode(rest[0].decode()))
        return GroupChanged(_group(rest[0]) if rest else None, None, status == b"replayed")


def _content(asked: CreateGroup | GroupCommand) -> str:
    """Return a digest of what was asked for; an invite's code is drawn anew when it is sent again."""
    if isinstance(asked, CreateInvite):
        return _digest("invite", asked.id, asked.role, str(asked.uses), str(asked.life_ms))
    return _digest(repr(asked))


def _digest(*parts: str) -> str:
    """Return a short text: it lies in the group, which is text throughout."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(framed.encode(), digest_size=8).hexdigest()


def _packed_member(member: GroupMember) -> list[Any]:
    rules: dict[str, Any] = {}
    if member.budget:
        rules["b"] = [member.budget.amount_minor, member.budget.currency]
    if member.blocked:
        rules["k"] = list(member.blocked)
    return [member.id, LETTER_OF[member.role], *([rules] if rules else [])]


def _group(blob: bytes) -> Group:
    packed: dict[str, Any] = msgpack.unpackb(blob)
    return Group(
        id=packed["i"],
        version=packed["v"],
        name=packed["n"],
        owner=packed["o"],
        members=tuple([_member(*member) for member in packed["m"] if member[1] in _ROLE]),
        invites=tuple(
            [
                Invite(each["i"], each["c"], _ROLE[each["r"]], each["n"], each["u"], each["x"])
                for each in packed.get("iv", ())
            ]
        ),
        created_ms=packed["b"],
    )


def _member(id_: str, letter: str, rules: dict[str, Any] | None = None) -> GroupMember:
    known = rules or {}
    budget = Budget(*known["b"]) if "b" in known else None
    return GroupMember(MemberId(id_), _ROLE[letter], budget, tuple(known.get("k", ())))
