"""What is deleted for good: units, containers, volumes, directories; each behind its own rail."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sophia_cli.config.shapes import Timeout
from sophia_cli.errors import Refused
from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.facts.docker import Docker
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.owned import Owned
from sophia_cli.ops.facts.path import AtPath, Kind
from sophia_cli.ops.facts.place import Place, PlaceState
from sophia_cli.ops.facts.unit import Unit
from sophia_cli.ops.operations import docker_run
from sophia_cli.ops.operations.arguments import AbsolutePath, DockerName, UnitName, whole_seconds
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Run
from sophia_cli.ops.operations.rails import objection, size_words, unit_objection
from sophia_cli.ops.operations.systemd_unit import UNIT_DIRECTORY

_STOP_TIMEOUT = 180.0
_DELETE_TIMEOUT = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wipe:
    """What goes, in this order; what is not there is left out.

    Attributes:
        units: are stopped, disabled, and their files in /etc/systemd/system deleted.
        volumes: docker's, by name.
        paths: directories and files, with all that is in them.
        allowed: the only places that may go: each path is one of them or below one.
        stop_timeout: how long a container may take to stop.
    """

    units: tuple[UnitName, ...] = ()
    containers: tuple[DockerName, ...] = ()
    volumes: tuple[DockerName, ...] = ()
    paths: tuple[AbsolutePath, ...] = ()
    allowed: tuple[AbsolutePath, ...] = ()
    stop_timeout: Timeout = timedelta(seconds=60)

    @property
    def title(self) -> str:
        """`delete /data/redis, sophia-redis`."""
        return f"delete {', '.join((*self.units, *self.containers, *self.volumes, *self.paths))}"

    def needs(self) -> Sequence[Fact[Any]]:
        """What is there of it, and where the paths really lead."""
        docker = (Owned(),) if self.containers or self.volumes else ()
        units = [fact for name in self.units for fact in (Unit(name), _file(name))]
        return (*docker, *units, *map(Place, self.paths))

    def compare(self, known: Known) -> Change | Nothing:
        """Deletes what is there; `Refused` if one path must not go, and then nothing goes."""
        places = {path: known[Place(path)] for path in self.paths}
        self._refuse(places)
        found = [*self._units(known), *self._dockers(known), *_places(places)]
        if not found:
            return Nothing("nothing of it is there")
        said, actions = zip(*found, strict=True)
        return Change(f"delete {', '.join(said)}", actions, destroys=True)

    def _refuse(self, places: dict[str, PlaceState]) -> None:
        all_of_them = (
            *(unit_objection(name) for name in self.units),
            *(objection(path, place, self.allowed) for path, place in places.items()),
        )
        if objections := [each for each in all_of_them if each]:
            raise Refused(
                f"nothing is deleted: {'; '.join(objections)}",
                "delete what is meant by hand, or take it out of the configuration",
            )

    def _units(self, known: Known) -> Iterator[tuple[str, Action]]:
        for name in self.units:
            state, file = known[Unit(name)], known[_file(name)]
            if file.kind is not Kind.ABSENT or state.active in ("active", "activating"):
                yield f"unit {name}", Run(_unit_removed(name))

    def _dockers(self, known: Known) -> Iterator[tuple[str, Action]]:
        if not self.containers and not self.volumes:
            return
        owned = known[Owned()]
        if owned.docker is Docker.SILENT:
            raise Refused(
                "docker does not answer: nobody can tell which containers are there",
                "start it, `systemctl start docker`, then run this again",
            )
        statuses = {each.name: each.status for each in owned.containers}
        for name in self.containers:
            if name in statuses:
                removed = docker_run.remove(name, whole_seconds(self.stop_timeout), statuses[name])
                yield f"container {name}", Run(removed)
        there = {each.name for each in owned.volumes}
        for name in self.volumes:
            if name in there:
                text = shlex.join(["docker", "volume", "rm", name])
                yield f"volume {name}", Run(Command(text, timeout=_DELETE_TIMEOUT))


def _file(unit: str) -> AtPath:
    return AtPath(f"{UNIT_DIRECTORY}/{unit}")


def _unit_removed(name: str) -> Command:
    quoted, file = shlex.quote(name), shlex.quote(f"{UNIT_DIRECTORY}/{name}")
    return Command(
        f"systemctl stop {quoted} && {{ systemctl -q disable {quoted} 2>/dev/null || true; }} && "
        f"rm -f -- {file} && systemctl daemon-reload && "
        f"{{ systemctl reset-failed {quoted} 2>/dev/null || true; }}",
        timeout=_STOP_TIMEOUT,
    )


def _places(places: dict[str, PlaceState]) -> Iterator[tuple[str, Action]]:
    for path, place in places.items():
        if place.exists and not (place.is_mount and place.empty):
            yield f"{path} ({size_words(place.size)})", Run(_emptied(path, place.is_mount))


def _emptied(path: str, is_mount: bool) -> Command:
    """Looks once more: what was no link when it was planned may be one by now."""
    delete = (
        'find "$p" -xdev -mindepth 1 -delete' if is_mount else 'rm -rf --one-file-system -- "$p"'
    )
    return Command(
        f"""p={shlex.quote(path)}
[ -e "$p" ] || [ -L "$p" ] || exit 0
if [ -L "$p" ] || [ "$(realpath -e -- "$p")" != "$p" ]; then
    echo "$p is or goes through a link now: it was left alone" >&2; exit 1
fi
if awk -v below="$p/" 'index($5, below) == 1 {{ found = 1 }} END {{ exit !found }}' \
    /proc/self/mountinfo; then
    echo "something is mounted below $p now: it was left alone" >&2; exit 1
fi
{delete}""",
        timeout=_DELETE_TIMEOUT,
    )
