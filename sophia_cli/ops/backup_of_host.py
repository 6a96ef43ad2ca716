"""The backup that `sophia clean` takes of a host before it deletes data: files on that very host.

It is what an operator needs to go back, not a backup of the cluster: a dump of PostgreSQL, which
holds every memory, and the data directories of the other services as they stand, taken while those
are stopped. The vectors and caches are derived; theirs spares a rebuild. Each part is read back
before it counts.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.operations.operation import Change, Run

ROOT = "/var/backups"
_TIMEOUT = 4 * 3600.0
_STOP_TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class HostBackup:
    """What is kept of a host.

    Attributes:
        directory: where; it is made, its owner's alone.
        dumps: container and database of each PostgreSQL that runs.
        paths: directories that are kept whole.
        containers: those that use them, and are stopped meanwhile; `units` of systemd likewise.
        size: bytes that the directories take now; a dump takes less than its directory.
    """

    directory: str
    dumps: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    containers: tuple[str, ...]
    units: tuple[str, ...]
    size: int

    def change(self) -> Change:
        """Dumps, stops, keeps, and looks whether each part can be read; starts again if not."""
        actions = [
            self._run(self._room(), 60),
            *(self._run(self._dump(*each), _TIMEOUT) for each in self.dumps),
        ]
        if self.paths:
            actions.append(self._run(self._kept(), _TIMEOUT))
        actions.append(self._run(self._listed(), _TIMEOUT))
        return Change(f"back up to {self.directory}: {', '.join(self.parts())}", tuple(actions))

    def parts(self) -> Sequence[str]:
        """What it holds, for people."""
        return [
            *(f"{database}.dump (pg_dump of {database})" for _, database in self.dumps),
            *(f"{_name(path)} ({path} as it is)" for path in self.paths),
        ]

    def _run(self, text: str, timeout: float) -> Run:
        head = f"set -eu; umask 077; d={shlex.quote(self.directory)}"
        return Run(Command(f"{head}\n{text}", timeout=timeout))

    def _room(self) -> str:
        """Without room for all of it, nothing is begun."""
        return f"""mkdir -p -- "$d"
free=$(df -B1 --output=avail -- "$d" | tail -n 1)
[ "$free" -gt {self.size} ] || {{
    rmdir -- "$d"
    echo "no room for the backup: $free bytes are free below {ROOT}, {self.size} are needed" >&2
    exit 1
}}"""

    def _dump(self, container: str, database: str) -> str:
        """In a format that pg_restore reads; what it cannot list is no backup."""
        docker = f"docker exec -i {shlex.quote(container)}"
        file = f'"$d"/{shlex.quote(database)}.dump'
        port = "sed -n 's/^port *= *//p' /etc/postgresql/postgresql.conf"
        return f"""port=$({docker} {port} || true)
{docker} pg_dump -w -U postgres -p "${{port:-5432}}" -Fc -d {shlex.quote(database)} > {file}.part
{docker} pg_restore --list < {file}.part | grep -q 'TABLE DATA' || {{
    echo "the dump of {database} holds no table" >&2; exit 1
}}
mv -- {file}.part {file}"""

    def _kept(self) -> str:
        lines = [
            f"containers={shlex.quote(' '.join(self.containers))} units=",
            f"for unit in {shlex.join(self.units)}; do",
            '    systemctl is-active --quiet "$unit" && units="$units $unit"',
            "done",
            "again() {",
            '    [ -z "$containers" ] || docker start $containers >/dev/null || true',
            '    [ -z "$units" ] || systemctl start $units || true',
            "}",
            "trap again EXIT",
            '[ -z "$units" ] || systemctl stop $units',
            f'[ -z "$containers" ] || docker stop -t {int(_STOP_TIMEOUT)} $containers >/dev/null',
        ]
        for path in self.paths:
            file, inside = f'"$d"/{shlex.quote(_name(path))}', shlex.quote(path.lstrip("/"))
            lines.append(f"tar -C / -cf {file}.part -- {inside}")
            lines.append(f"tar -C / -df {file}.part")  # compares it with what is on the disk
            lines.append(f"mv -- {file}.part {file}")
        return "\n".join([*lines, "trap - EXIT"])

    def _listed(self) -> str:
        """The digest of each part beside them, on the disk before anything is deleted."""
        return 'cd "$d"; sha256sum -- * > SHA256SUMS.part; mv SHA256SUMS.part SHA256SUMS; sync -f .'


def _name(path: str) -> str:
    return f"{path.strip('/').replace('/', '-')}.tar"
