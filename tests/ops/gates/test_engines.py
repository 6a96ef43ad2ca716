"""The gates of Redis and PostgreSQL before real servers with the configurations of the playbooks.

They are the embedded Valkey and PostgreSQL; docker is a stand-in.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates import postgres as postgres_gate
from sophia_cli.ops.gates import redis as redis_gate
from sophia_cli.ops.site import Site
from tests.ops import services_local as local
from tests.ops.phases import stage

AT = "127.0.0.1"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that fails is to fail soon."""
    for gate in (redis_gate, postgres_gate):
        monkeypatch.setattr(gate, "_PATIENCE", 2.0)
        monkeypatch.setattr(gate, "_TIMEOUT", 1.0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    hosts = {
        "one": {"address": AT, "roles": ["redis", "postgres"]},
        "two": {"address": AT, "roles": ["sophia"]},
    }
    redis, postgres = {"port": local.free_port()}, {"port": local.free_port()}
    return local.local_site(tmp_path, hosts, redis=redis, postgres=postgres)


@pytest.fixture
def redis(site: Site, tmp_path: Path) -> Iterator[Any]:
    directory = tmp_path / "redis"
    directory.mkdir()
    with local.redis_server(site, "one", directory) as process:
        yield process


@pytest.fixture
def postgres(site: Site, tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "pg"
    directory.mkdir()
    with local.postgres_server(site, "one", directory):
        yield directory


def secrets_seen(site: Site) -> list[str]:
    """The secrets that stand in the text of a command, which everybody sees."""
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    texts = [each.text for one in connections.opened.values() for each in one.commands]
    return [
        secret
        for secret in site.secrets.all()
        if any(site.secrets.value(secret).get_secret_value() in text for text in texts)
    ]


def asked(site: Site, *words: str) -> Any:
    import redis as client

    port = site.inventory.services.redis.port
    password = site.secrets.value("redis-password").get_secret_value()
    with client.Redis(host=AT, port=port, password=password, decode_responses=True) as opened:
        return opened.execute_command(*words)


def test_redis_is_shown_to_work_from_its_own_host_and_from_sophias(site: Site, redis: Any) -> None:
    assert "asked from 2 hosts" in redis_gate.redis(site, ["one"])
    assert asked(site, "DBSIZE") == 0


def test_the_redis_that_was_configured_keeps_to_it(site: Site, redis: Any) -> None:
    assert asked(site, "CONFIG", "GET", "maxmemory")["maxmemory"] == str(1 << 30)
    assert asked(site, "CONFIG", "GET", "appendonly")["appendonly"] == "yes"
    for words in (("CONFIG", "SET", "maxmemory", "0"), ("SHUTDOWN",), ("DEBUG", "SLEEP", "0")):
        with pytest.raises(Exception, match=r"permission|not allowed"):
            asked(site, *words)


@pytest.mark.parametrize("password", ['with "quotes" and \\ in it', "plain", "{{ 7*7 }} #x"])
def test_a_password_of_an_operators_own_is_taken_as_it_is(
    site: Site, tmp_path: Path, password: str
) -> None:
    site.secrets.values["redis-password"] = password  # type: ignore[attr-defined]
    (tmp_path / "redis").mkdir()
    with local.redis_server(site, "one", tmp_path / "redis"):
        redis_gate.redis(site, ["one"])


def test_a_redis_with_another_password_is_refused_without_showing_one(
    site: Site, redis: Any
) -> None:
    site.secrets.values["redis-password"] = "another-one-entirely"  # type: ignore[attr-defined]
    with pytest.raises(GateFailed) as failed:
        redis_gate.redis(site, ["one"])
    assert "one: Redis at 127.0.0.1" in failed.value.message
    assert "WRONGPASS" in failed.value.message and "secrets_dir" in failed.value.hint
    assert "another-one" not in failed.value.message


def test_a_redis_that_asks_for_no_password_is_refused(site: Site, tmp_path: Path) -> None:
    port = str(site.inventory.services.redis.port)
    command = [str(local._binary()), "--port", port, "--save", "", "--dir", str(tmp_path)]
    with (
        local._running(site, "one", "sophia-redis", command, int(port)),
        pytest.raises(GateFailed, match="answers without a password"),
    ):
        redis_gate.redis(site, ["one"])


def test_a_redis_that_is_gone_is_told_with_its_last_words(site: Site, tmp_path: Path) -> None:
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    (connections.at("one").stubs / "sophia-redis").write_text("Can't open the append-only file\n")
    with pytest.raises(GateFailed) as failed:
        redis_gate.redis(site, ["one"])
    assert "asked from one" in failed.value.message
    assert "Can't open the append-only file" in failed.value.message


def test_a_frozen_redis_is_refused_in_time(site: Site, redis: Any) -> None:
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        with pytest.raises(GateFailed, match="does not answer in time"):
            redis_gate.redis(site, ["one"])
    finally:
        os.kill(redis.pid, signal.SIGCONT)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"x" * 9000])
@pytest.mark.parametrize("gate", ["redis", "postgres"])
def test_something_else_at_the_port_is_no_redis_and_no_postgresql(
    site: Site, answer: bytes, gate: str
) -> None:
    listener = socket.create_server((AT, getattr(site.inventory.services, gate).port))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(100)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    try:
        with pytest.raises(GateFailed):
            if gate == "redis":
                redis_gate.redis(site, ["one"])
            else:
                postgres_gate._reached(site, "one", "two")
    finally:
        listener.close()


def make_role(site: Site) -> None:
    """What the playbook's step does: the rendered SQL through the container's psql."""
    values = stage.context(site.inventory, "one") | {"secrets": site.secrets.values}  # type: ignore[attr-defined]
    port = site.inventory.services.postgres.port
    psql = (
        f"docker exec -i sophia-postgres psql -X -h {_socket(site)} -p {port} -U postgres postgres"
    )
    with site.connections.to("one") as connection:
        sql = stage.template("postgres/role.sql", values).encode()
        finished = connection.run(Command(psql, stdin=sql))
    assert finished.exit_status == 0, finished.stderr
    assert not finished.stdout.strip()


def _socket(site: Site) -> str:
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    return str(connections.directory / "pg")


def test_postgresql_is_shown_to_work_as_sophias_own_role(site: Site, postgres: Path) -> None:
    make_role(site)
    make_role(site)  # the second time changes nothing
    assert "reached from 1 host" in postgres_gate.postgres(site, ["one"])
    assert secrets_seen(site) == []
    password = site.secrets.value("postgres-password").get_secret_value()
    port = site.inventory.services.postgres.port
    with psycopg.connect(
        host=AT, port=port, user="sophia", dbname="sophia", password=password
    ) as connection:

        def value(query: str) -> Any:
            row = connection.execute(query.encode()).fetchone()
            return None if row is None else row[0]

        assert value("SHOW data_checksums") == "on"
        assert value("SHOW shared_buffers") == "64MB"
        assert value("SELECT rolsuper FROM pg_roles WHERE rolname = 'sophia'") is False
        assert value("SELECT to_regclass('sophia_gate')") is None


def test_sophia_keeps_its_memories_in_the_postgresql_that_was_set_up(
    site: Site, postgres: Path
) -> None:
    from sophia_cli.tiers.records import Records

    make_role(site)
    password = site.secrets.value("postgres-password").get_secret_value()
    address = f"postgresql://sophia@{AT}:{site.inventory.services.postgres.port}/sophia"
    records = Records(lambda: address, password=password)
    assert records.version >= 7
    records.close()


def test_a_password_that_changed_is_said_and_the_next_deployment_mends_it(
    site: Site, postgres: Path
) -> None:
    make_role(site)
    site.secrets.values["postgres-password"] = "it's another; one'"  # type: ignore[attr-defined]
    with pytest.raises(GateFailed) as failed:
        postgres_gate.postgres(site, ["one"])
    assert "password authentication failed" in failed.value.message
    assert "secrets_dir" in failed.value.hint and "another" not in failed.value.message
    make_role(site)
    postgres_gate.postgres(site, ["one"])


def test_a_postgresql_without_sophias_role_or_container_is_refused(
    site: Site, postgres: Path
) -> None:
    with pytest.raises(GateFailed, match="one: PostgreSQL at"):
        postgres_gate.postgres(site, ["one"])
    connections: local.LocalConnections = site.connections  # type: ignore[assignment]
    (connections.at("one").stubs / "sophia-postgres").unlink()
    with pytest.raises(GateFailed) as failed:
        postgres_gate.postgres(site, ["one"])
    assert "No such container" in failed.value.message and "docker ps" in failed.value.hint


def test_nobody_but_sophias_role_from_the_inventorys_hosts_may_connect(
    site: Site, postgres: Path
) -> None:
    make_role(site)
    port = site.inventory.services.postgres.port
    superuser = site.secrets.value("postgres-superuser-password").get_secret_value()
    password = site.secrets.value("postgres-password").get_secret_value()
    for user, database, secret, source in (
        ("postgres", "postgres", superuser, AT),
        ("sophia", "postgres", password, AT),
        ("sophia", "sophia", password, "127.0.0.9"),
    ):
        with pytest.raises(psycopg.OperationalError, match="pg_hba"):
            _connect(user, database, secret, port, source)


def _connect(user: str, database: str, password: str, port: int, source: str) -> None:
    """Connects; from another address of the loopback through a relay that binds to it."""
    if source != AT:
        port = _relay(port, source)
    with psycopg.connect(
        host=AT, port=port, user=user, dbname=database, password=password, connect_timeout=5
    ):
        pass


def _relay(port: int, source: str) -> int:
    listener = socket.create_server((AT, 0))

    def pump(one: socket.socket, other: socket.socket) -> None:
        try:
            while piece := one.recv(4096):
                other.sendall(piece)
        except OSError:
            pass
        other.close()

    def serve() -> None:
        client, _ = listener.accept()
        server = socket.create_connection((AT, port), source_address=(source, 0))
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        pump(server, client)

    threading.Thread(target=serve, daemon=True).start()
    found: int = listener.getsockname()[1]
    return found
