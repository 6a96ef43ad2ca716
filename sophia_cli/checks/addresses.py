"""Servers that `sophia health` is given by hand: each does a piece of work, whatever it says."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed
from sophia_cli.checks.http_asking import PATIENCE, get, line_of, post, result_of

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene

_MOST_COLLECTIONS = 20
_PROBE_LIFETIME = 2000
_UNWELL = ("failed", "error", "unhealthy")


@dataclass(frozen=True, slots=True)
class Address:
    """One server.

    Attributes:
        kind: `endpoint`, `qdrant`, `redis` or `postgres`.
        url: whole, with its scheme; no password is in it.
        password: what it wants to see: a token, a key, a password.
    """

    kind: str
    url: str
    password: str | None = None


def given(kind: str, scene: Scene) -> list[Address]:
    """The addresses of one kind that the command was given."""
    found: Any = scene.shared.get("addresses", ())
    return [address for address in found if address.kind == kind]


def _each(look: Callable[[Address], Finding], kind: str, scene: Scene) -> Iterator[Finding]:
    """Looks at every address of a kind, all at once."""
    addresses = given(kind, scene)
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        yield from pool.map(look, addresses)


def _endpoint(address: Address) -> Finding:
    headers = {"Authorization": f"Bearer {address.password}"} if address.password else {}
    started = time.perf_counter()
    answer = get(address.url, headers)
    spent = (time.perf_counter() - started) * 1000
    if isinstance(answer, str):
        return failed(answer, address.url)
    status, body = answer
    evidence = f"GET {address.url}: {status} in {spent:.0f} ms"
    told = body.get("status") if isinstance(body, dict) else None
    if not 200 <= status < 300:
        return failed(f"it answers {status}", address.url, evidence)
    if told in _UNWELL:
        return failed(f"it says of itself: {told}", address.url, evidence)
    return passed(f"it answers {status} in {spent:.0f} ms", address.url, evidence)


def _qdrant(address: Address) -> Finding:
    url = address.url.rstrip("/")
    headers = {"api-key": address.password} if address.password else {}
    ready = get(f"{url}/readyz", headers)
    if isinstance(ready, str):
        return failed(ready, url)
    if ready[0] != 200:
        return failed(f"it is not ready: /readyz answers {ready[0]}", url)
    listed = result_of(get(f"{url}/collections", headers))
    if isinstance(listed, str):
        return failed(f"its collections cannot be listed: {listed}", url)
    try:
        names = [str(each["name"]) for each in listed["collections"]]
    except (LookupError, TypeError):
        return failed("it answers what no Qdrant answers", url)
    evidence = ["/readyz: 200"]
    for name in names[:_MOST_COLLECTIONS]:
        counted = result_of(
            post(f"{url}/collections/{name}/points/count", headers, {"exact": False})
        )
        if isinstance(counted, str):
            return failed(f"{name} cannot be read: {counted}", url, *evidence)
        evidence.append(f"{name}: {counted.get('count')} points")
    cluster = result_of(get(f"{url}/cluster", headers))
    if not isinstance(cluster, str) and cluster.get("status") == "enabled":
        thread = (cluster.get("consensus_thread_status") or {}).get("consensus_thread_status")
        silent = sorted(cluster.get("message_send_failures") or {})
        evidence.append(f"/cluster: consensus {thread}, messages fail to {silent or 'nobody'}")
        if thread != "working":
            return failed(f"its consensus is {thread}", url, *evidence)
    return passed(f"{len(names)} collections were read", url, *evidence)


def _redis(address: Address) -> Finding:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError, ResponseError
    from redis.retry import Retry

    client = Redis.from_url(
        address.url,
        password=address.password,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    key, value = f"sophia:probe:{secrets.token_hex(8)}", secrets.token_bytes(16)
    try:
        client.set(key, value, px=_PROBE_LIFETIME)
        back = client.get(key)
        client.delete(key)
    except ResponseError as error:
        cause = str(error).partition(", with args")[0]
        return failed(f"it refuses: {cause}", address.url)
    except (RedisError, OSError, ValueError) as error:
        return failed(line_of(error), address.url)
    finally:
        client.close()
    if back != value:
        return failed("it answered with what was not put there", address.url)
    return passed("a value was put, got and removed", address.url)


def _postgres(address: Address) -> Finding:
    import psycopg

    try:
        with psycopg.connect(
            address.url,
            password=address.password,
            connect_timeout=int(PATIENCE),
            options=f"-c statement_timeout={int(PATIENCE * 1000)}",
            application_name="sophia health",
        ) as connection:
            [(standby, version)] = connection.execute(
                "SELECT pg_is_in_recovery(), current_setting('server_version')"
            ).fetchall()
            if standby:
                return failed("it is a standby: it takes no writes", address.url)
            connection.execute("CREATE TEMPORARY TABLE sophia_probe (n int) ON COMMIT DROP")
            connection.execute("INSERT INTO sophia_probe VALUES (1)")
            back = connection.execute("SELECT n FROM sophia_probe").fetchone()
            connection.rollback()
    except (psycopg.Error, OSError) as error:
        return failed(line_of(error), address.url)
    if back != (1,):
        return failed("a row that was written is not there", address.url)
    return passed("a row was written and read", address.url, f"PostgreSQL {version}")


CHECKS: tuple[Check, ...] = (
    Check(
        "AD-01",
        "Each endpoint answers",
        Severity.CRITICAL,
        "Gets each address of --endpoint: the answer has to be of the 200s within three seconds, "
        "and must not say of itself that it failed. A redirect is not followed. Where a token is "
        "given, it is shown.",
        "see the server's own log",
        partial(_each, _endpoint, "endpoint"),
        fast=True,
    ),
    Check(
        "AD-02",
        "Each Qdrant can be read",
        Severity.CRITICAL,
        "Asks each address of --qdrant whether it is ready, which proves little, then counts the "
        "points of its collections and looks whether its consensus works.",
        "`sophia doctor --only qdrant` looks at the whole cluster",
        partial(_each, _qdrant, "qdrant"),
        fast=True,
    ),
    Check(
        "AD-03",
        "Each Redis takes a value and gives it back",
        Severity.CRITICAL,
        "Puts a value under a key of its own into each address of --redis, gets it and removes it; "
        "left alone it would end after two seconds.",
        "see the server's own log",
        partial(_each, _redis, "redis"),
        fast=True,
    ),
    Check(
        "AD-04",
        "Each PostgreSQL takes a row and gives it back",
        Severity.CRITICAL,
        "Connects to each address of --postgres and writes a row into a temporary table, which is "
        "gone with the connection. A standby takes none, and fails.",
        "see the server's own log",
        partial(_each, _postgres, "postgres"),
        fast=True,
    ),
)
