"""What is said of a server before it is used."""

import pytest

from engine.storage.checks import (
    Finding,
    ServerUnfitError,
    Severity,
    _cluster_state,
    _eviction,
    _persistence,
    _version,
    check_server,
    require_fit,
)
from engine.storage.connection import Connection


async def test_the_embedded_server_is_fit(connection: Connection) -> None:
    findings = await check_server(connection)
    assert {finding.severity for finding in findings} == {Severity.OK}
    require_fit(findings)


async def test_a_server_that_refuses_to_tell_does_not_stop_the_start(connection: Connection, server_url: str) -> None:
    await connection.command("ACL SETUSER", "shy", "on", ">pw", "~*", "&*", "+@all", "-config", "-info", "-cluster")
    shy = Connection(server_url.replace("unix://", "unix://shy:pw@"))
    findings = await check_server(shy)
    assert {finding.severity for finding in findings} == {Severity.RISK}
    assert all("cannot tell" in finding.text for finding in findings)
    require_fit(findings)
    await shy.close()
    await connection.command("ACL DELUSER", "shy")


async def test_a_managed_server_tells_all_but_its_settings(connection: Connection, server_url: str) -> None:
    await connection.command("ACL SETUSER", "managed", "on", ">pw", "~*", "&*", "+@all", "-config")
    managed = Connection(server_url.replace("unix://", "unix://managed:pw@"))
    told = [finding.text for finding in await check_server(managed) if finding.severity is not Severity.OK]
    assert told == ["persistence: append-only file; cannot tell how often it reaches the disk"]
    await managed.close()
    await connection.command("ACL DELUSER", "managed")


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        ({"redis_version": "7.2.0"}, Severity.OK),
        ({"redis_version": "8.10.1"}, Severity.OK),
        ({"redis_version": "7.0.15"}, Severity.WRONG),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1-rc1"}, Severity.OK),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.8"}, Severity.WRONG),
        ({"redis_version": "7.2.4", "valkey_version": "10.0.0"}, Severity.OK),
        ({"redis_version": "255.255.255"}, Severity.OK),
        ({}, Severity.RISK),
    ],
)
def test_versions(told: dict[str, str], severity: Severity) -> None:
    assert _version(told).severity is severity


def test_a_server_that_is_too_old_stops_the_start() -> None:
    with pytest.raises(ServerUnfitError, match=r"Redis 6\.2\.1 is too old, 7\.2 is the oldest"):
        require_fit([Finding(Severity.OK, "fine"), _version({"redis_version": "6.2.1"})])


@pytest.mark.parametrize(
    ("policy", "severity"), [("noeviction", Severity.OK), ("volatile-lru", Severity.RISK), (None, Severity.RISK)]
)
def test_eviction(policy: str | None, severity: Severity) -> None:
    assert _eviction({"maxmemory_policy": policy} if policy else {}).severity is severity


@pytest.mark.parametrize(
    ("enabled", "appendfsync", "words"),
    [
        (1, "always", "on disk before it is answered"),
        (1, "everysec", "the last second"),
        (1, "no", "had not written yet"),
        (1, None, "cannot tell how often"),
        (0, "always", "no append-only file"),
        (None, None, "cannot tell"),
    ],
)
def test_persistence(enabled: int | None, appendfsync: str | None, words: str) -> None:
    told = {} if enabled is None else {"aof_enabled": enabled}
    assert words in _persistence(told, appendfsync).text


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        ({"cluster_state": "ok", "cluster_size": "1"}, Severity.OK),
        ({"cluster_state": "ok", "cluster_size": "3"}, Severity.WRONG),
        ({"cluster_state": "fail", "cluster_size": "1"}, Severity.WRONG),
    ],
)
def test_clusters(told: dict[str, str], severity: Severity) -> None:
    assert _cluster_state(told).severity is severity


def test_a_finding_is_one_line() -> None:
    findings = [_version({}), _eviction({}), _persistence({}, None), _cluster_state({})]
    assert all("\n" not in finding.text and len(finding.text) < 120 for finding in findings)
