"""Merges in the store: carts that lie in different partitions, put together in three steps that anybody may go on with.

A cart is sealed by a commit; here is what follows. What becomes of a merge is decided by one script in the slot of
the target, once for ever, and then brought back to the source. `settle` does both, and whoever reads a sealed cart
calls it.
See ``docs/decisions/013-merging-carts.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.cart.codec import decode_cart, decode_decision, encode_content, encode_mover, pack, packed_changes
from engine.cart.commands import Plain
from engine.cart.merging import (
    UNDO_MS,
    Caps,
    MergeChange,
    Merged,
    MergeEffect,
    MergePart,
    MergePolicy,
    MergeReport,
    merge,
)
from engine.cart.model import Cart, Transfer, TransferState
from engine.cart.unmerging import unmerge
from engine.errors import StoreUnavailableError, UserErrorCode
from engine.storage import scripts
from engine.storage.connection import Argument, Connection
from engine.storage.keys import MERGING, KeyNames
from engine.types import CartId, InstantMs

_TRIES: Final = 100
"""How often a merge is worked out anew because the target was changed meanwhile: each time somebody else got on."""
_OUTCOME: Final = {"applied": "merged", "undone": "unmerged", "refused": "merge_refused"}
"""What the log of the source calls a decision."""
_LOGGED: Final = {MergePart.LINE: "set", MergePart.SUGGESTION: "suggest", MergePart.CODE: "code", MergePart.FEE: "fee"}
"""How the log of the target names what was changed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an attempt to merge, or to undo a merge; ``refused`` is why nothing did."""

    report: MergeReport
    refused: UserErrorCode | None = None


class MergeStore:
    """Carries merges out. All methods raise `StoreUnavailableError`; whatever was under way goes on later."""

    def __init__(self, connection: Connection, names: KeyNames, packed_limits: bytes, caps: Caps) -> None:
        self._connection = connection
        self._names = names
        self._limits = packed_limits
        self._caps = caps

    def work_out(self, source: Cart, target: Cart, policy: MergePolicy) -> Merged:
        """Return what a merge would come to as the carts are now."""
        return merge(source, target, policy, self._caps)

    async def begin(self, source: CartId, at_ms: InstantMs) -> None:
        """Note that a cart is about to be sealed, so that it is looked at if nobody comes back. One round trip."""
        await self._connection.command("ZADD", MERGING, at_ms, source)

    async def end(self, source: CartId) -> None:
        """Note that nothing is under way with a cart any more. One round trip."""
        await self._connection.command("ZREM", MERGING, source)

    async def begun(self, older_than_ms: int) -> tuple[CartId, ...]:
        """Return carts that were to be sealed longer ago and are not known to be done with. Two round trips."""
        seconds, micros = await self._connection.command("TIME")
        latest = int(seconds) * 1000 + int(micros) // 1000 - older_than_ms
        found: Sequence[bytes] = await self._connection.command("ZRANGE", MERGING, "-inf", latest, "BYSCORE")
        return tuple([CartId(cart.decode()) for cart in found])

    async def sweep(self, older_than_ms: int) -> None:
        """Go on with everything that was begun longer ago and that nobody came back to."""
        for cart in await self.begun(older_than_ms):
            blob = await self._connection.command("GET", self._names.cart(cart))
            if blob:
                await self.settle(decode_cart(blob))
            else:
                await self.end(cart)

    async def settle(self, source: Cart) -> Cart | None:
        """Bring to its end what is under way with a sealed cart, and return it as it is then; None where it is gone.

        Three round trips, more where the target is changed meanwhile.
        """
        cart: Cart | None = source
        while cart is not None and cart.transfer is not None and cart.transfer.pending:
            cart = await self._finish(cart.id, cart.transfer, await self._decide(cart, cart.transfer))
        await self.end(source.id)
        return cart

    async def decision(self, source: CartId, target: CartId, attempt: int) -> Decision | None:
        """Return what was decided on an attempt, None where nothing was. One round trip."""
        blob = await self._connection.command("GET", self._names.merge(target, source, attempt))
        return _decision(source, target, blob) if blob else None

    async def _decide(self, source: Cart, transfer: Transfer) -> Decision:
        undoes = transfer.state is TransferState.RETURNING
        target, merged_at = transfer.target, transfer.version
        keys = (
            *self._names.commit(target)[:2],
            self._names.wake_up(target),
            self._names.merge(target, source.id, transfer.attempt),
            self._names.merge(target, source.id, merged_at),
            self._names.before_merge(target, source.id, merged_at),
        )
        who, mode, room = encode_mover(transfer.by), "undo" if undoes else "merge", source
        work: tuple[Argument, ...] = ("", "", "")
        refusal = ""
        # Later there is no such seal any more, though perhaps another cart of that id.
        asked_until_ms = source.expires_ms + UNDO_MS
        for _ in range(_TRIES):
            arguments = (who, mode, *work, self._limits, UNDO_MS, refusal, asked_until_ms)
            answer = await self._connection.run(scripts.MERGE_DECIDE, keys, arguments)
            match answer[0]:
                case b"decided":
                    return _decision(source.id, target, answer[2])
                case b"too_large" if undoes or not room.lines:
                    refusal = UserErrorCode.CART_TOO_LARGE
                case b"too_large":
                    # Half as much, as often as it takes: what is left out is told, and stays in the source.
                    room, work = replace(room, lines=room.lines[: len(room.lines) // 2]), ("", "", "")
                case _:
                    work = self._work(source, room, transfer, answer[2:])
        raise StoreUnavailableError("the cart is changed faster than another one can be merged into it: try again")

    def _work(self, source: Cart, room: Cart, transfer: Transfer, seen: list[Any]) -> tuple[Argument, ...]:
        """Work out what the target is to hold: its version, its content, and what is told."""
        now = decode_cart(seen[0])
        if transfer.state is TransferState.RETURNING:
            done = unmerge(decode_cart(seen[1]), decode_cart(seen[2]), now, self._caps)
        else:
            done = _with_rest(merge(room, now, MergePolicy(transfer.policy), self._caps), source, room)
        told = (transfer.policy, packed_changes(done.changes), _logged(source.id, transfer, done))
        return now.version, encode_content(done.cart), pack(told)

    async def _finish(self, source: CartId, transfer: Transfer, decision: Decision) -> Cart | None:
        undoes = transfer.state is TransferState.RETURNING
        merged = undoes == (decision.refused is not None)
        status = "refused" if decision.refused else "undone" if undoes else "applied"
        told = [[_OUTCOME[status], transfer.target, decision.refused or transfer.policy]]
        arguments = (encode_mover(transfer.by), transfer.attempt, 1 if merged else "", pack(told), self._limits)
        keys = (*self._names.commit(source)[:2], self._names.wake_up(source))
        _, blob = await self._connection.run(scripts.MERGE_FINISH, keys, arguments)
        return decode_cart(blob) if blob else None


def _with_rest(done: Merged, source: Cart, room: Cart) -> Merged:
    """Tell of the lines that were left out so that the target does not become too large."""
    taken = {line.id for line in room.lines}
    rest = [line for line in source.lines if line.id not in taken]
    told = [
        MergeChange(MergePart.LINE, MergeEffect.LEFT, line.id, line.sku, left=line.quantity, measured=line.measured)
        for line in rest
    ]
    return replace(done, changes=(*done.changes, *told)) if told else done


def _logged(source: CartId, transfer: Transfer, done: Merged) -> list[Plain]:
    """Return what the log of the target keeps: the merge, and each thing that it changed with what there is of it."""
    undoes = transfer.state is TransferState.RETURNING
    changed = {MergeEffect.ADDED, MergeEffect.CHANGED, MergeEffect.REMOVED}
    told: list[Plain] = [
        [_LOGGED[change.part], change.key, change.after]
        for change in done.changes
        if change.part in _LOGGED and change.effect in changed
    ]
    return [["unmerge" if undoes else "merge", source, transfer.policy], *told]


def _decision(source: CartId, target: CartId, blob: bytes) -> Decision:
    status, at_ms, version, code, policy, changes = decode_decision(blob)
    known = MergePolicy(policy) if policy else MergePolicy.SUM
    report = MergeReport(source, target, known, InstantMs(at_ms), version, changes, status == "undone")
    return Decision(report, UserErrorCode(code) if code else None)
