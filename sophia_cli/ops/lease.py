"""The lease on one host: a file that is there while somebody works on the host, and is kept fresh.

Every look and every change is one `sh` on the host, one at a time by a mutex that the kernel lets
go of when its process ends. Ages are differences between times of the host's own file system: no
other clock counts, neither ours nor one that is set while a lease lasts.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.owner import Owner

DIRECTORY = "/var/lib/sophia-deploy"
# Seconds that a look or a change may take on a host; it waits less for the mutex.
_TIMEOUT = 15.0

_ENTER = """set -eu
export LC_ALL=C
umask 077
cd {directory}
exec 9>>mutex
flock -w 5 9 || {{ echo 'the mutex of the lock is held' >&2; exit 1; }}
touch mutex
old= age=0 seen=0 ours=
if [ -e lock ]; then
  IFS= read -r old <lock || :
  seen=$(stat -c %Y lock)
  age=$(($(stat -c %Y mutex) - seen))
  case $old in *'"id": "'{id}'"'*) ours=1 ;; esac
fi
"""
# Of a lease in the future, a clock was set back: its owner, if alive, gives it today's time.
_TAKE = (
    """umask 077
mkdir -p {directory}
IFS= read -r new
IFS= read -r instead || :
"""
    + _ENTER
    + """if [ -e lock ] && [ -z "$ours" ] && [ "$instead" != "=$old" ] &&
   [ "$age" -le {stale} ] && [ "$age" -ge -{stale} ]; then
  printf 'held %d %d\\n%s\\n' "$age" "$seen" "$old"
  exit 0
fi
[ -z "$ours" ] || {{ old= seen=0; }}
printf '%s\\n' "$new" | cat >lock.new || {{ rm -f lock.new; exit 1; }}
mv -f lock.new lock
printf 'taken %d %d\\n%s\\n' "$age" "$seen" "$old"
"""
)
_FRESHEN = (
    "[ -d {directory} ] || {{ echo 'lost 0 0'; exit 0; }}\n"
    + _ENTER
    + """[ -n "$ours" ] || {{ printf 'lost %d %d\\n%s\\n' "$age" "$seen" "$old"; exit 0; }}
touch -c lock
echo 'ours 0 0'
"""
)
_GIVE_UP = (
    "[ -d {directory} ] || {{ echo 'lost 0 0'; exit 0; }}\n"
    + _ENTER
    + """[ -n "$ours" ] || {{ printf 'lost %d %d\\n%s\\n' "$age" "$seen" "$old"; exit 0; }}
rm -f lock
echo 'released 0 0'
"""
)


@dataclass(frozen=True, slots=True)
class Lease:
    """What the file says: whose it is, for what, and since when by its owner's clock."""

    id: str
    owner: Owner
    purpose: str
    since: datetime

    def as_text(self) -> str:
        """One line of JSON."""
        what = {"id": self.id, "owner": str(self.owner), "purpose": self.purpose}
        return json.dumps({**what, "since": self.since.isoformat(), **asdict(self.owner)})


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a host.

    Attributes:
        lease: None where the file is none of ours, or was torn.
        age: seconds since its last sign of life, by the host's clock.
        seen: that time as the host writes it; another one is a sign of life.
        text: the file's first line, by which it is told from a later one.
    """

    lease: Lease | None
    age: int
    seen: int
    text: str = field(repr=False)

    def __str__(self) -> str:
        if self.lease is None:
            return "somebody whose lock cannot be read"
        return (
            f"{self.lease.owner} (process {self.lease.owner.pid}, {self.lease.purpose}, "
            f"since {self.lease.since:%Y-%m-%d %H:%M:%S} UTC)"
        )

    @property
    def silence(self) -> str:
        """How long there has been no sign of life, in words."""
        if self.age < 0:
            return "last heard of before its host's clock was set back"
        return f"silent for {self.age} s"


class HostLock:
    """The one lease that there can be on a host.

    Args:
        directory: on the host; made when it is first taken.
        stale: seconds without a sign of life after which it is anybody's.
    """

    def __init__(self, connection: Connection, directory: str = DIRECTORY, stale: int = 30) -> None:
        self._connection = connection
        self._directory = directory
        self._stale = stale

    def take(self, lease: Lease, instead_of: Holder | None = None) -> tuple[bool, Holder | None]:
        """Takes the lease, if it is free, stale, ours already, or that of `instead_of`.

        Of several who take it at once, one has it and the others see that one.

        Returns:
            Whether it is ours now; and who holds it, or held it before and lost it.

        Raises:
            CommandFailed: the file cannot be written there.
            HostUnreachable, OutcomeUnknown, SudoRefused: see `Connection`.
        """
        instead = "" if instead_of is None else f"={instead_of.text}"
        word, holder = self._ask(_TAKE, lease.id, f"{lease.as_text()}\n{instead}\n")
        return word == "taken", holder

    def freshen(self, id_: str) -> tuple[bool, Holder | None]:
        """Gives a sign of life; whether the lease is still ours, and who has it if not.

        Raises:
            CommandFailed, HostUnreachable, OutcomeUnknown, SudoRefused: see `take`.
        """
        word, holder = self._ask(_FRESHEN, id_)
        return word == "ours", holder

    def give_up(self, id_: str) -> bool:
        """Lets go of the lease; False when it was not ours any more.

        Raises:
            CommandFailed, HostUnreachable, OutcomeUnknown, SudoRefused: see `take`.
        """
        return self._ask(_GIVE_UP, id_)[0] == "released"

    def _ask(self, script: str, id_: str, stdin: str = "") -> tuple[str, Holder | None]:
        text = script.format(
            directory=shlex.quote(self._directory), id=shlex.quote(id_), stale=self._stale
        )
        finished = self._connection.run(Command(text, stdin.encode(), timeout=_TIMEOUT))
        first, _, rest = finished.stdout.partition("\n")
        words = first.split()
        if finished.exit_status or len(words) != 3:
            said = finished.stderr.strip().splitlines()
            raise CommandFailed(
                f"{self._connection.host}: lock in {self._directory}: "
                f"{said[-1] if said else f'ended with status {finished.exit_status}'}",
                "see that the disk has room and can be written, then run it again",
            )
        if words[2] == "0":  # there is no other file
            return words[0], None
        held = rest.removesuffix("\n")
        return words[0], Holder(_parsed(held), int(words[1]), int(words[2]), held)


def _parsed(text: str) -> Lease | None:
    try:
        found: dict[str, Any] = json.loads(text)
        owner = Owner(
            str(found["user"]),
            str(found["machine"]),
            int(found["pid"]),
            str(found["space"]),
            int(found["started"]),
        )
        since = datetime.fromisoformat(str(found["since"]))
        return Lease(str(found["id"]), owner, str(found["purpose"]), since)
    except (ValueError, KeyError, TypeError):
        return None
