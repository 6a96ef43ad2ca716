"""`sophia clean`: what would go from each host, the rails in front of it, and the deleting itself.

By default what sophia knows as its own: the containers of this cluster, its units, the data
directories of the services that a host has. With `everything`, what the guide deletes: every
container and volume, and the services and directories of Qdrant, Redis and PostgreSQL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sophia_cli.errors import Refused, SophiaError
from sophia_cli.ops.backup_of_host import ROOT, HostBackup
from sophia_cli.ops.changing import carry_out
from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.facts.fact import gather
from sophia_cli.ops.facts.owned import Owned, OwnedState
from sophia_cli.ops.facts.place import Place, PlaceState
from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.operations.operation import Change, Nothing, Run
from sophia_cli.ops.operations.wipe import Wipe
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

Journal = Callable[[str, str, Change], None]
"""Gets host, summary and change before each change is made."""

ALLOWED = (
    *("/data", "/srv", "/mnt", "/etc/sophia", "/opt/sophia"),
    *("/var/lib/sophia", "/var/lib/qdrant", "/var/lib/redis", "/var/lib/postgresql"),
    *("/var/lib/prometheus", "/var/lib/grafana"),
)
"""The only places below which anything is deleted, whatever sophia.yaml calls a data directory."""

SERVICE = "sophia.service"
_GUIDES_UNITS = ("qdrant.service", "redis.service", "redis-server.service", "postgresql.service")
_GUIDES_PATHS = (
    *("/var/lib/qdrant", "/var/lib/redis", "/var/lib/postgresql"),
    *("/data/qdrant", "/data/redis", "/data/postgresql"),
)


@dataclass(frozen=True, slots=True)
class HostClean:
    """What would go from one host.

    Attributes:
        wipe: the names and paths; nothing else is ever deleted.
        change: what of it is there; None where nothing is.
        backup: what is kept before; None where nothing is to be kept.
        others: containers that stay.
    """

    host: str
    wipe: Wipe
    change: Change | None
    backup: HostBackup | None
    others: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.change is None:
            yield f"{self.host}: nothing is there"
            return
        for part in self.change.summary.removeprefix("delete ").split(", "):
            yield f"{self.host}: delete {part}"
        if self.backup is not None:
            for part in self.backup.parts():
                yield f"{self.host}: before that, keep {self.backup.directory}/{part}"
        if self.others:
            yield f"{self.host}: these stay: {', '.join(self.others)}"


@dataclass(frozen=True, slots=True)
class CleanPlan:
    """What would go from all hosts.

    Attributes:
        everything: whether it is what the guide deletes.
        without_backup: whether data goes of which nothing is kept.
    """

    hosts: tuple[HostClean, ...]
    everything: bool
    without_backup: bool

    @property
    def empty(self) -> bool:
        """Whether there is nothing to delete."""
        return all(each.change is None for each in self.hosts)

    def lines(self) -> list[str]:
        """For people, a line for each thing on each host."""
        return [line for each in self.hosts for line in each.lines()]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of a host.

    Attributes:
        summary: what was deleted.
        backup: where its backup is; empty without one.
    """

    host: str
    summary: str
    backup: str = ""


def plan_clean(
    site: Site,
    hosts: list[str],
    everything: bool,
    discard_data: bool,
    now: datetime | None = None,
) -> CleanPlan:
    """Looks at hosts and says what would go; changes nothing.

    Args:
        now: names the backup's directory.

    Raises:
        Refused: something that must not go is named; or docker does not answer on a host.
        Unreachable, CommandFailed: a host could not be looked at.
    """
    keep = not discard_data and site.inventory.cluster.backup == "required"
    moment = f"{now or datetime.now(UTC):%Y%m%dT%H%M%SZ}"

    def looked(host: str) -> HostClean:
        with site.connections.to(host) as connection:
            return _looked(site, connection, host, everything, moment if keep else None)

    found = on_all(site, hosts, looked)
    return CleanPlan(tuple(found[host] for host in hosts), everything, not keep)


def clean(site: Site, plan: CleanPlan, journal: Journal) -> list[Cleaned]:
    """Deletes what a plan names, host by host; its backup comes first and must be whole.

    What has gone since is left out, and what has come since stays.

    Raises:
        CommandFailed: a backup or a deletion failed; the message names the host. Of a host whose
            backup failed, nothing is deleted, and its containers run again.
        Refused: what is to be deleted is no longer what it was.
        OutcomeUnknown, HostUnreachable: a host could not be asked to the end.
    """
    left = [each for each in plan.hosts if each.change is not None]
    cleaned = []
    # What is stored after a dump would be in no backup: nobody stores from here on.
    writing = [each.host for each in left if SERVICE in each.wipe.units]
    _service(site, writing, "stop", journal)
    try:
        for each in left:
            with site.connections.to(each.host) as connection:
                cleaned.append(_cleaned(site, connection, each, journal))
    except SophiaError:
        done = {each.host for each in cleaned}
        with contextlib.suppress(SophiaError):
            _service(site, [host for host in writing if host not in done], "start", journal)
        raise
    return cleaned


def _service(site: Site, hosts: Sequence[str], verb: str, journal: Journal) -> None:
    """Stops sophia's own service, or starts it where it is still there."""
    text = (
        f"! systemctl cat {SERVICE} >/dev/null 2>&1 || systemctl {verb} {SERVICE}"
        if verb == "start"
        else f"! systemctl is-active --quiet {SERVICE} || systemctl {verb} {SERVICE}"
    )
    change = Change(f"{verb} unit {SERVICE}", (Run(Command(text, timeout=120.0)),))
    for host in hosts:
        with site.connections.to(host) as connection:
            _done(connection, host, change, journal)


def check_confirmed(cluster: str, typed: str) -> None:
    """Raises `Refused` unless the cluster's name was typed exactly."""
    if typed != cluster:
        raise Refused(
            f"{typed[:40]!r} is not the name of this cluster: nothing was deleted",
            "sophia.yaml says it: cluster.name",
        )


def _looked(
    site: Site, connection: Connection, host: str, everything: bool, moment: str | None
) -> HostClean:
    first = gather(connection, [Owned()])
    owned = first[Owned()]
    if owned.docker is Docker.SILENT:
        raise Refused(
            f"{host}: docker does not answer: nobody can tell which containers are there",
            "start it, `systemctl start docker`, then run this again",
        )
    wipe = _wipe(site.inventory, host, owned, everything)
    known = first.with_more(gather(connection, wipe.needs()))
    try:
        change = wipe.compare(known)
    except Refused as error:
        raise Refused(f"{host}: {error.message}", error.hint) from None
    places = {path: known[Place(path)] for path in wipe.paths}
    backup = None
    if moment is not None and isinstance(change, Change):
        backup = _backup(site.inventory, host, owned, places, moment, everything)
    others = tuple(each.name for each in owned.containers if each.name not in wipe.containers)
    return HostClean(host, wipe, None if isinstance(change, Nothing) else change, backup, others)


def _wipe(inventory: Inventory, host: str, owned: OwnedState, everything: bool) -> Wipe:
    containers = owned.containers if everything else owned.of(inventory.cluster.name)
    volumes = [
        each for each in owned.volumes if everything or each.cluster == inventory.cluster.name
    ]
    paths = [*_data(inventory, host).values(), *_own(inventory, host)]
    return Wipe(
        units=(*owned.units, *(_GUIDES_UNITS if everything else ())),
        containers=tuple(each.name for each in containers),
        volumes=tuple(each.name for each in volumes),
        paths=tuple(dict.fromkeys((*paths, *(_GUIDES_PATHS if everything else ())))),
        allowed=ALLOWED,
    )


def _data(inventory: Inventory, host: str) -> dict[str, str]:
    """The data directories of a host by its services."""
    services, roles = inventory.services, inventory.hosts[host].roles
    by_role = {
        Role.QDRANT: {"qdrant": services.qdrant.data_dir},
        Role.REDIS: {"redis": services.redis.data_dir},
        Role.POSTGRES: {"postgres": services.postgres.data_dir},
        Role.MONITORING: {
            "prometheus": services.prometheus.data_dir,
            "grafana": services.grafana.data_dir,
        },
    }
    return {name: path for role in roles for name, path in by_role.get(role, {}).items()}


def _own(inventory: Inventory, host: str) -> list[str]:
    """Configuration, secrets and programs."""
    if Role.SOPHIA in inventory.hosts[host].roles:
        return [inventory.services.sophia.home, "/opt/sophia", "/etc/sophia"]
    return ["/etc/sophia"]


def _backup(
    inventory: Inventory,
    host: str,
    owned: OwnedState,
    places: dict[str, PlaceState],
    moment: str,
    everything: bool,
) -> HostBackup | None:
    """Of the data that is there; PostgreSQL's by a dump where it runs, else as its files are."""
    data = {
        name: path
        for name, path in _data(inventory, host).items()
        if places[path].exists and not places[path].empty
    }
    data |= {
        path: path
        for path in _GUIDES_PATHS
        if path in places
        and places[path].exists
        and not places[path].empty
        and path not in data.values()
    }
    running = {
        each.service: each.name
        for each in owned.of(inventory.cluster.name)
        if each.status == "running"
    }
    dumps = []
    if "postgres" in data and "postgres" in running:
        dumps.append((running["postgres"], inventory.services.postgres.database))
        del data["postgres"]
    if not data and not dumps:
        return None
    users = {running[name] for name in data if name in running}
    kept = [*data.values(), *([inventory.services.postgres.data_dir] if dumps else [])]
    return HostBackup(
        f"{ROOT}/sophia-{inventory.cluster.name}-{moment}",
        tuple(dumps),
        tuple(data.values()),
        tuple(
            each.name
            for each in owned.containers
            if each.status == "running" and (everything or each.name in users)
        ),
        _GUIDES_UNITS if everything else (),
        sum(places[path].size or 0 for path in kept),
    )


def _cleaned(site: Site, connection: Connection, each: HostClean, journal: Journal) -> Cleaned:
    if each.backup is not None:
        site.say(each.host, f"backing up to {each.backup.directory}")
        _done(connection, each.host, each.backup.change(), journal)
    known = gather(connection, each.wipe.needs())
    change = each.wipe.compare(known)
    if isinstance(change, Nothing):
        return Cleaned(each.host, "nothing of it was there any more")
    site.say(each.host, change.summary)
    _done(connection, each.host, change, journal)
    left = each.wipe.compare(gather(connection, each.wipe.needs()))
    if isinstance(left, Change):
        raise CommandFailed(
            f"{each.host}: still there: {left.summary.removeprefix('delete ')}",
            "something makes it anew: look at `docker ps` and `systemctl` there",
        )
    return Cleaned(
        each.host,
        change.summary.removeprefix("delete "),
        "" if each.backup is None else each.backup.directory,
    )


def _done(connection: Connection, host: str, change: Change, journal: Journal) -> None:
    journal(host, change.summary, change)
    carry_out(connection, change)
