"""Cleaning hosts: what would go, the rails in front of it, the backup, and what stays.

Directories, archives and dumps are real, PostgreSQL too; docker and systemd are stand-ins that keep
their state in files and fail on what they were not told.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.commands.clean_hosts import clean_hosts
from sophia_cli.environment import Environment
from sophia_cli.errors import Refused
from sophia_cli.invocation import Invocation
from sophia_cli.ops import backup_of_host, cleaning
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.operations import wipe
from sophia_cli.ops.operations.operation import Change
from sophia_cli.ops.site import Site
from sophia_cli.terminal import Terminal
from tests.ops import services_local as local

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
DOCKER = """#!/bin/sh
# A stand-in for docker: a container is a file with image, status, cluster and service.
cd "$STAND_IN/containers" || exit 1
echo "docker $*" >> ../said
case "$1 $2" in
"ps --all") for each in *; do
        [ ! -e "$each" ] || printf 'container\\t%s\\t%s\\n' "$each" "$(cat "$each")"
    done ;;
"volume ls") for each in ../volumes/*; do
        [ ! -e "$each" ] || printf 'volume\\t%s\\t/v\\t%s\\n' "${each##*/}" "$(cat "$each")"
    done ;;
"volume rm") rm "../volumes/$3" ;;
"stop -t") shift 3; for each; do sed -i 's/running/exited/' "$each" || exit 1; done ;;
"start "*) shift; for each; do sed -i 's/exited/running/' "$each"; done ;;
"rm "*) rm "$2" ;;
"exec -i")
    [ -e "$3" ] || { echo "Error: No such container: $3" >&2; exit 1; }
    shift 3
    [ "$1" != sed ] || { echo "$STAND_IN_PORT"; exit; }
    exec "$@" ;;
*) echo "the stand-in was not told: $*" >&2; exit 125 ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
# A stand-in for systemd: an active unit is a file.
cd "$STAND_IN/units" || exit 1
echo "systemctl $*" >> ../said
case "$1" in
list-unit-files) for each in sophia*; do
        [ ! -e "$each" ] || echo "$each enabled enabled"
    done ;;
show) for last; do :; done
    [ -e "$last" ] && echo "ActiveState=active" || echo "ActiveState=inactive" ;;
is-active) [ -e "$3" ] ;;
cat) [ -e "$2" ] || [ -e "../stopped/$2" ] ;;
stop) shift; for each; do [ ! -e "$each" ] || mv "$each" ../stopped/; done ;;
start) shift; for each; do [ ! -e "../stopped/$each" ] || mv "../stopped/$each" .; done ;;
-q|daemon-reload|reset-failed) ;;
*) echo "the stand-in was not told: $*" >&2; exit 125 ;;
esac
"""


class Hosts:
    """Hosts whose directories are below one of the test's."""

    def __init__(self, root: Path, roles: dict[str, list[str]]) -> None:
        self.root = root
        hosts = {name: {"address": "127.0.0.1", "roles": each} for name, each in roles.items()}
        self.data = {name: root / "data" / name for name in ("qdrant", "redis", "postgres")}
        services: dict[str, Any] = {
            name: {"data_dir": str(path)} for name, path in self.data.items()
        }
        services["sophia"] = {"home": str(root / "home")}
        services["postgres"]["port"] = local.free_port()
        self.site: Site = local.local_site(root, hosts, **services)
        for name in roles:
            stubs = self.at(name)
            for folder in ("containers", "volumes", "units", "stopped"):
                (stubs.stubs / folder).mkdir()
            port = services["postgres"]["port"]
            stubs.stub("docker", DOCKER.replace("$STAND_IN_PORT", str(port)))
            stubs.stub("systemctl", SYSTEMCTL)
            # The container's libpq finds its server without being told.
            program = f"{local.pg_programs()}/pg_dump"
            stubs.stub("pg_dump", f'#!/bin/sh\nexec {program} -h {root}/pg "$@"\n')

    def at(self, name: str) -> local.LocalConnection:
        connections: local.LocalConnections = self.site.connections  # type: ignore[assignment]
        return connections.at(name)

    def container(self, host: str, name: str, cluster: str = "", service: str = "") -> Path:
        path = self.at(host).stubs / "containers" / name
        path.write_text(f"image:1\trunning\t{cluster}\t{service}")
        return path

    def unit(self, host: str, name: str) -> Path:
        path = self.at(host).stubs / "units" / name
        path.write_text("")
        return path

    def holds(self, path: Path, content: str = "something") -> Path:
        path.mkdir(parents=True, exist_ok=True)
        (path / "file").write_text(content)
        return path

    def said(self, host: str) -> list[str]:
        return (self.at(host).stubs / "said").read_text().splitlines()


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Hosts]:
    """Makes hosts; only what is below the test's directory may ever go."""
    monkeypatch.setattr(cleaning, "ALLOWED", (str(tmp_path / "data"), str(tmp_path / "own")))
    monkeypatch.setattr(wipe, "UNIT_DIRECTORY", str(tmp_path / "systemd"))
    monkeypatch.setattr(cleaning, "_own", lambda *_: [str(tmp_path / "own")])
    monkeypatch.setattr(cleaning, "_GUIDES_PATHS", (str(tmp_path / "data" / "guide"),))
    monkeypatch.setattr(cleaning, "ROOT", str(tmp_path / "backups"))
    monkeypatch.setattr(backup_of_host, "ROOT", str(tmp_path / "backups"))
    return lambda **roles: Hosts(tmp_path, roles or {"one": ["qdrant", "redis"]})


def furnished(made: Hosts) -> None:
    made.container("one", "sophia-qdrant", "sophia", "qdrant")
    made.container("one", "sophia-redis", "sophia", "redis")
    made.container("one", "somebodys-web")
    made.container("one", "other-cluster", "staging", "redis")
    made.unit("one", "sophia.service")
    for path in (made.data["qdrant"], made.data["redis"], made.root / "own"):
        made.holds(path)


def invocation(typed: str | None, *, json: bool = False) -> tuple[Invocation, io.StringIO]:
    """A user who types something at a terminal, or nobody."""

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return typed is not None

    err = Stream()
    environment = Environment(Stream(f"{typed}\n"), Stream(), err, Path("/"), {}, lambda: NOW)
    return Invocation(environment, Terminal(environment, json_mode=json)), err


def nothing_happened(made: Hosts) -> bool:
    """Whether every command of docker and systemd only read."""
    read = ("docker ps", "docker volume ls", "systemctl list", "systemctl show")
    return all(line.startswith(read) for line in made.said("one"))


def test_what_is_sophias_goes_and_what_is_not_stays(hosts: Callable[..., Hosts]) -> None:
    made = hosts()
    furnished(made)
    journal: list[str] = []

    def note(host: str, summary: str, change: Change) -> None:
        journal.append(f"{host}: {summary}")

    user, err = invocation("sophia")
    outcome = clean_hosts(user, made.site, ["one"], journal=note)
    shown = err.getvalue()
    redis = f"{made.data['redis']} ("
    for part in ("container sophia-qdrant", "unit sophia.service", redis, "KiB)"):
        assert part in shown
    assert "these stay: other-cluster, somebodys-web" in shown
    left = {path.name: path.read_text() for path in (made.at("one").stubs / "containers").iterdir()}
    assert left == {
        "somebodys-web": "image:1\trunning\t\t",
        "other-cluster": "image:1\trunning\tstaging\tredis",
    }
    assert not any(path.exists() for path in (*made.data.values(), made.root / "own"))
    assert not made.said("one")[-1].startswith("docker rm somebodys")
    [row] = outcome.data
    assert row["backup"] == str(made.root / "backups" / "sophia-sophia-20260501T123000Z")
    assert [line.partition(" ")[2].partition(":")[0] for line in journal] == [
        "stop unit sophia.service",
        "back up to " + row["backup"],
        journal[-1].partition(" ")[2].partition(":")[0],
    ]
    again, _ = invocation("sophia")
    assert clean_hosts(again, made.site, ["one"]).data[0]["would_delete"] is None


def test_the_backup_holds_what_was_there_and_is_checked(hosts: Callable[..., Hosts]) -> None:
    made = hosts()
    furnished(made)
    made.holds(made.data["qdrant"], "vectors")
    user, _ = invocation(None)
    clean_hosts(user, made.site, ["one"], confirm="sophia")
    [backup] = (made.root / "backups").iterdir()
    assert backup.stat().st_mode & 0o777 == 0o700
    name = str(made.data["qdrant"]).strip("/").replace("/", "-")
    with tarfile.open(backup / f"{name}.tar") as archive:
        member = archive.extractfile(f"{str(made.data['qdrant']).lstrip('/')}/file")
        assert member is not None and member.read() == b"vectors"
    sums = dict(line.split()[::-1] for line in (backup / "SHA256SUMS").read_text().splitlines())
    assert len(sums) == 2 and not list(backup.glob("*.part"))
    for file, digest in sums.items():
        assert hashlib.sha256((backup / file).read_bytes()).hexdigest() == digest
    said = made.said("one")
    stopped = next(n for n, line in enumerate(said) if line.startswith("docker stop"))
    assert "systemctl stop sophia.service" in said[:stopped]


def test_a_backup_that_cannot_be_taken_ends_it_and_the_services_run_again(
    hosts: Callable[..., Hosts],
) -> None:
    made = hosts()
    furnished(made)
    made.at("one").stub("tar", "#!/bin/sh\necho 'tar: no space left on device' >&2; exit 2\n")
    user, _ = invocation("sophia")
    with pytest.raises(CommandFailed, match="no space left"):
        clean_hosts(user, made.site, ["one"])
    assert (made.data["qdrant"] / "file").exists()
    states = [path.read_text() for path in (made.at("one").stubs / "containers").iterdir()]
    assert all("running" in state for state in states)
    assert (made.at("one").stubs / "units" / "sophia.service").exists()


def test_without_room_for_the_backup_nothing_is_begun(hosts: Callable[..., Hosts]) -> None:
    made = hosts()
    furnished(made)
    made.at("one").stub("df", "#!/bin/sh\nprintf 'Avail\\n100\\n'\n")
    user, _ = invocation("sophia")
    with pytest.raises(CommandFailed, match="no room for the backup"):
        clean_hosts(user, made.site, ["one"])
    assert not any(line.startswith(("docker stop", "docker rm")) for line in made.said("one"))


def test_discarded_data_has_no_backup_and_that_is_said(hosts: Callable[..., Hosts]) -> None:
    made = hosts()
    furnished(made)
    user, err = invocation("sophia")
    clean_hosts(user, made.site, ["one"], discard_data=True)
    assert "No backup is taken" in err.getvalue()
    assert not (made.root / "backups").exists() and not made.data["qdrant"].exists()


@pytest.mark.parametrize(
    ("typed", "options", "reason"),
    [
        ("Sophia", {}, "is not the name of this cluster"),
        ("", {}, "is not the name of this cluster"),
        (None, {}, "nobody is there"),
        (None, {"confirm": "staging"}, "is not the name of this cluster"),
        ("sophia", {"confirm": "yes"}, "is not the name of this cluster"),
    ],
)
def test_a_wrong_name_or_a_missing_terminal_deletes_nothing(
    hosts: Callable[..., Hosts], typed: str | None, options: dict[str, Any], reason: str
) -> None:
    made = hosts()
    furnished(made)
    (made.at("one").stubs / "said").write_text("")
    user, _ = invocation(typed)
    with pytest.raises(Refused, match=reason):
        clean_hosts(user, made.site, ["one"], **options)
    assert nothing_happened(made) and (made.data["redis"] / "file").exists()


def test_a_dry_run_shows_and_deletes_nothing(hosts: Callable[..., Hosts]) -> None:
    made = hosts()
    furnished(made)
    user, _ = invocation(None)
    [row] = clean_hosts(user, made.site, ["one"], dry_run=True).data
    assert "container sophia-redis" in row["would_delete"] and row["stay"]
    assert nothing_happened(made)


@pytest.mark.parametrize("where", ["elsewhere/redis", "link/redis"])
def test_a_directory_off_the_list_is_refused_with_everything_else(
    hosts: Callable[..., Hosts], where: str
) -> None:
    made = hosts()
    furnished(made)
    made.holds(made.root / "elsewhere" / "redis", "somebody's")
    (made.root / "data" / "link").symlink_to(made.root / "elsewhere")
    path = made.root / ("data/link/redis" if where.startswith("link") else where)
    redis = made.site.inventory.services.redis.model_copy(update={"data_dir": str(path)})
    services = made.site.inventory.services.model_copy(update={"redis": redis})
    inventory = made.site.inventory.model_copy(update={"services": services})
    site = Site(inventory, made.site.connections, made.site.secrets)
    user, _ = invocation("sophia")
    with pytest.raises(Refused, match=r"one: nothing is deleted: .*(list|link)"):
        clean_hosts(user, site, ["one"])
    assert nothing_happened(made)
    assert (made.root / "elsewhere" / "redis" / "file").exists()


def test_everything_is_all_containers_volumes_and_the_guides_directories(
    hosts: Callable[..., Hosts],
) -> None:
    made = hosts()
    furnished(made)
    made.unit("one", "postgresql.service")
    (made.at("one").stubs / "volumes" / "old").write_text("")
    guide = made.holds(made.root / "data" / "guide", "the guide's")
    user, err = invocation("sophia")
    clean_hosts(user, made.site, ["one"], everything=True)
    assert "these stay" not in err.getvalue() and "volume old" in err.getvalue()
    stubs = made.at("one").stubs
    assert not list((stubs / "containers").iterdir()) and not list((stubs / "volumes").iterdir())
    assert not list((stubs / "units").iterdir()) and not guide.exists()
    [backup] = (made.root / "backups").iterdir()
    assert len(list(backup.glob("*.tar"))) == 3


def test_what_came_since_it_was_looked_at_is_not_deleted(hosts: Callable[..., Hosts]) -> None:
    made = hosts()
    furnished(made)
    plan = cleaning.plan_clean(made.site, ["one"], False, True, NOW)
    late = made.container("one", "sophia-late", "sophia", "late")
    (made.at("one").stubs / "containers" / "sophia-redis").unlink()
    cleaning.clean(made.site, plan, lambda *_: None)
    assert late.exists() and not made.data["redis"].exists()


def test_postgresql_is_dumped_while_it_runs_and_the_dump_can_be_read(
    hosts: Callable[..., Hosts],
) -> None:
    made = hosts(one=["postgres"])
    directory = made.root / "pg"
    directory.mkdir()
    made.holds(made.data["postgres"])
    port = made.site.inventory.services.postgres.port
    with local.postgres_server(made.site, "one", directory):
        made.container("one", "sophia-postgres", "sophia", "postgres")
        psql = [f"{local.pg_programs()}/psql", "-X", "-q", "-h", str(directory), "-p", str(port)]
        sql = "CREATE DATABASE sophia;\n\\c sophia\n"
        sql += "CREATE TABLE memory AS SELECT 'kept' AS content;"
        subprocess.run([*psql, "-U", "postgres"], input=sql, text=True, check=True)
        user, err = invocation("sophia")
        clean_hosts(user, made.site, ["one"])
        assert "pg_dump of sophia" in err.getvalue()
        [backup] = (made.root / "backups").iterdir()
        restored = subprocess.run(
            [f"{local.pg_programs()}/pg_restore", "-f", "-", backup / "sophia.dump"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "kept" in restored.stdout and not made.data["postgres"].exists()


def test_a_dump_that_fails_ends_it(hosts: Callable[..., Hosts]) -> None:
    made = hosts(one=["postgres"])
    made.holds(made.data["postgres"])
    made.container("one", "sophia-postgres", "sophia", "postgres")
    user, _ = invocation("sophia")
    with pytest.raises(CommandFailed, match="pg_dump"):
        clean_hosts(user, made.site, ["one"])
    assert (made.data["postgres"] / "file").exists()
