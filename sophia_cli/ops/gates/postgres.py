"""The gate of PostgreSQL: sophia's own role writes a row and reads it back, over TCP."""

from __future__ import annotations

import secrets
import shlex
import struct
from collections.abc import Sequence
from functools import partial

from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.errors import GateFailed, HostUnreachable
from sophia_cli.ops.gates.patience import last_words, patiently
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

CONTAINER = "sophia-postgres"
SECRET = "postgres-password"  # noqa: S105  (a name)
# A first start makes the data directory, with checksums.
_PATIENCE = 120.0
_TIMEOUT = 5.0
_QUERY_TIMEOUT = 30.0
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


def postgres(site: Site, hosts: Sequence[str]) -> str:
    """sophia's role writes a row, reads it back and rolls it back; each sophia host reaches it.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    users = tuple(site.inventory.with_role(Role.SOPHIA))
    for host in hosts:
        patiently(partial(_query, site, host), _PATIENCE)
        on_all(site, users, partial(_reached, site, host))
    way = f", reached from {len(users)} host{'s'[: len(users) > 1]}" if users else ""
    role = site.inventory.services.postgres.database
    return f"PostgreSQL wrote a row and read it back as {role}{way}"


def _query(site: Site, host: str) -> None:
    settings = site.inventory.services.postgres
    at, value = site.inventory.hosts[host].reached_at, secrets.token_hex(16)
    psql = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", at]
    psql += ["-p", str(settings.port), "-U", settings.database, "-d", settings.database]
    # The password comes with stdin: psql's own is what follows it.
    inner = f"IFS= read -r PGPASSWORD && export PGPASSWORD && exec {shlex.join(psql)}"
    command = Command(
        f"docker exec -i -e PGCONNECT_TIMEOUT={_TIMEOUT:g} {CONTAINER} sh -c {shlex.quote(inner)}",
        stdin=f"{site.secrets.value(SECRET).get_secret_value()}\n{_sql(value)}".encode(),
        timeout=_QUERY_TIMEOUT,
    )
    with site.connections.to(host) as connection:
        finished = connection.run(command)
        if finished.exit_status == 0 and finished.stdout.split() == [value]:
            return
        said = " | ".join(finished.stderr.split("\n")).strip(" |")[-300:]
        if finished.exit_status == 0:
            said = "a row that was written is not read back"
        words = last_words(connection, CONTAINER)
    raise GateFailed(
        f"{host}: PostgreSQL at {at}:{settings.port}: {said}"
        + (f"; the container says: {words}" if words else ""),
        _hint(said, host),
    )


def _sql(value: str) -> str:
    return (
        "BEGIN;\n"
        "CREATE TABLE sophia_gate (value text);\n"
        f"INSERT INTO sophia_gate VALUES ('{value}');\n"
        "SELECT value FROM sophia_gate;\n"
        "ROLLBACK;\n"
    )


def _reached(site: Site, host: str, user: str) -> None:
    patiently(partial(_connects, site, host, user), _TIMEOUT * 4)


def _connects(site: Site, host: str, user: str) -> None:
    at, port = site.inventory.hosts[host].reached_at, site.inventory.services.postgres.port
    with site.connections.to(user) as connection:
        try:
            stream = connection.open_tcp(at, port, _TIMEOUT)
            try:
                stream.settimeout(_TIMEOUT)
                stream.sendall(_SSL_REQUEST)
                answer = stream.recv(1)
            finally:
                stream.close()
        except HostUnreachable:
            raise
        except (Unreachable, OSError) as error:
            raise GateFailed(
                f"{user}: cannot reach PostgreSQL of {host} at {at}:{port}: {error}",
                f"look at the firewall of {host}: nft list ruleset",
            ) from error
    if answer not in (b"N", b"S"):
        raise GateFailed(
            f"{user}: what answers at {at}:{port} is no PostgreSQL",
            f"look what listens there on {host}: ss -ltnp",
        )


def _hint(said: str, host: str) -> str:
    if "password authentication failed" in said:
        return "its password is another one: deploy memory again, or look into cluster.secrets_dir"
    if "no pg_hba.conf entry" in said:
        return "its address is not in the inventory: look at private_address of the hosts"
    if "No such container" in said or "is not running" in said:
        return f"on {host}: docker ps -a; docker logs {CONTAINER}"
    return f"on {host}: docker logs {CONTAINER}"
