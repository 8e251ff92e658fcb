"""What is looked at before a store is used: is the server new enough, and does it keep what it is told.

Managed servers often refuse to tell. That is said, and is no reason to stop.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from engine.errors import PanierError
from engine.storage.connection import Connection, StoreFaultError

_REDIS_LEAST: Final = (7, 2)
_VALKEY_LEAST: Final = (8, 0)


class Severity(StrEnum):
    """What a finding means: fine; usable, but data may be lost; not usable."""

    OK = "ok"
    RISK = "risk"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line about the server, and what to do where something is to be done."""

    severity: Severity
    text: str


class ServerUnfitError(PanierError):
    """The server cannot be used; the message holds every reason."""


async def check_server(connection: Connection) -> list[Finding]:
    """Look at version, eviction, persistence and cluster.

    Raises `StoreUnavailableError` where the server does not answer at all.
    """
    return [
        _version(await _info(connection, "server")),
        _eviction(await _info(connection, "memory")),
        _persistence(await _info(connection, "persistence"), await _setting(connection, "appendfsync")),
        await _cluster(connection),
    ]


def require_fit(findings: Iterable[Finding]) -> None:
    """Raise `ServerUnfitError` where a finding says that the server cannot be used."""
    wrong = [finding.text for finding in findings if finding.severity is Severity.WRONG]
    if wrong:
        raise ServerUnfitError("; ".join(wrong))


async def _info(connection: Connection, section: str) -> Mapping[str, Any]:
    """Return a section, empty where the server does not tell."""
    try:
        return await connection.info(section)
    except StoreFaultError:
        return {}


async def _setting(connection: Connection, name: str) -> str | None:
    try:
        return await connection.setting(name)
    except StoreFaultError:
        return None


def _version(server: Mapping[str, Any]) -> Finding:
    name, told, least = "Redis", server.get("redis_version"), _REDIS_LEAST
    if "valkey_version" in server:
        name, told, least = "Valkey", server["valkey_version"], _VALKEY_LEAST
    if not told:
        return Finding(Severity.RISK, "version: cannot tell; Redis 7.2 or Valkey 8 is the oldest that works")
    if _numbers(str(told)) < least:
        needed = ".".join(map(str, least))
        return Finding(Severity.WRONG, f"version: {name} {told} is too old, {needed} is the oldest that works")
    return Finding(Severity.OK, f"version: {name} {told}")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``(8, 0, 1)`` for ``8.0.1-rc2``."""
    numbers = []
    for part in version.partition("-")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _eviction(memory: Mapping[str, Any]) -> Finding:
    policy = memory.get("maxmemory_policy")
    if not policy:
        return Finding(Severity.RISK, "eviction: cannot tell; see that maxmemory-policy is noeviction")
    if policy != "noeviction":
        return Finding(
            Severity.RISK,
            f"eviction: {policy} throws living carts away when memory is short; set maxmemory-policy to noeviction",
        )
    return Finding(Severity.OK, "eviction: none")


def _persistence(persistence: Mapping[str, Any], appendfsync: str | None) -> Finding:
    enabled = persistence.get("aof_enabled")
    if enabled is None:
        return Finding(Severity.RISK, "persistence: cannot tell; see that appendonly is yes")
    if not enabled:
        return Finding(
            Severity.RISK,
            "persistence: no append-only file, a crash loses what came after the last snapshot; set appendonly",
        )
    if appendfsync is None:
        return Finding(Severity.RISK, "persistence: append-only file; cannot tell how often it reaches the disk")
    if appendfsync == "always":
        return Finding(Severity.OK, "persistence: every change is on disk before it is answered")
    lost = "the last second of ordinary edits"
    if appendfsync == "no":
        lost = "what the system had not written yet, and a claim, which waits for the disk, is never answered"
    return Finding(
        Severity.RISK, f"persistence: appendfsync {appendfsync}, a crash loses {lost}; `always` loses nothing"
    )


async def _cluster(connection: Connection) -> Finding:
    enabled = (await _info(connection, "cluster")).get("cluster_enabled")
    if enabled is None:
        return Finding(Severity.RISK, "cluster: cannot tell; one node that holds all slots is what works")
    if not enabled:
        return Finding(Severity.OK, "cluster: off")
    try:
        told = await connection.command("CLUSTER INFO")
    except StoreFaultError:
        return Finding(Severity.RISK, "cluster: on, cannot tell how many nodes; one that holds all slots is what works")
    return _cluster_state(told)


def _cluster_state(told: Mapping[str, str]) -> Finding:
    if told.get("cluster_state") != "ok":
        return Finding(Severity.WRONG, "cluster: not in order, some slots belong to no node")
    if told.get("cluster_size") != "1":
        return Finding(
            Severity.WRONG,
            f"cluster: {told.get('cluster_size')} nodes share the slots, Panier works with one that holds them all",
        )
    return Finding(Severity.OK, "cluster: one node with all slots")
