"""The journal of a cluster: what was done to it, by whom and when, in a file that only grows.

One is on this machine, for all runs from here; one is on each host, for all that was done to it.
A line that a crash tore is passed over, and never joined to the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sophia_cli.ops.connection.protocol import Command, Connection
from sophia_cli.ops.errors import CommandFailed
from sophia_cli.ops.journal_event import Event, event_of
from sophia_cli.ops.private import check_file, sync

HOST_PATH = "/var/log/sophia-deploy/journal.jsonl"
# Seconds that appending on a host may take.
_TIMEOUT = 30.0
# `cat` says why it cannot write; the shell itself says "I/O error" of a full disk.
_APPEND = """set -eu
export LC_ALL=C
umask 027
mkdir -p {directory}
new=$(cat; echo .)
exec 9>>{path}
flock -w 10 9
[ ! -s {path} ] || [ "$(tail -c 1 {path} | wc -l)" -eq 1 ] || echo >&9
printf '%s' "${{new%.}}" | cat >&9
sync {path} 2>/dev/null || sync
"""


class Journal:
    """The journal on this machine.

    Args:
        path: the file, 0600; made with the first event. Its directory must be there.
        redact: takes secrets out of a text.
    """

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        self.path = path
        self._redact = redact

    def append(self, *events: Event) -> None:
        """Writes events; they are on the disk when it returns.

        Raises:
            Refused: the file is a link, somebody else's, or open to others.
            OSError: it cannot be written.
        """
        lines = b"".join(event.as_line(self._redact) for event in events)
        is_new = not self.path.exists()
        if not is_new:
            check_file(self.path)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_size:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines = b"\n" + lines
            left = memoryview(lines)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        if is_new:
            sync(self.path.parent)


class HostJournal:
    """The journal on a host, 0640 and root's.

    Args:
        path: on the host; it and its directory are made with the first event.
    """

    def __init__(self, redact: Callable[[str], str], path: str = HOST_PATH) -> None:
        self._redact = redact
        self._path = path

    def append(self, connection: Connection, events: Sequence[Event]) -> None:
        """Writes events in one round trip; they go in by stdin.

        Raises:
            CommandFailed: it cannot be written there: no space.
            HostUnreachable, OutcomeUnknown, SudoRefused: see `Connection`.
        """
        if not events:
            return
        text = _APPEND.format(
            directory=shlex.quote(os.path.dirname(self._path)),  # noqa: PTH120  (a host's path)
            path=shlex.quote(self._path),
        )
        lines = b"".join(event.as_line(self._redact) for event in events)
        finished = connection.run(Command(text, lines, timeout=_TIMEOUT))
        if finished.exit_status:
            said = finished.stderr.strip().splitlines() or [f"status {finished.exit_status}"]
            raise CommandFailed(
                f"{connection.host}: journal {self._path}: {said[-1]}",
                "see that the disk has room and can be written, then run it again",
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are wanted; what is empty does not choose.

    Attributes:
        run: the beginning of a run's id.
        since: at or after this time, aware.
        limit: the last so many.
    """

    run: str = ""
    host: str = ""
    phase: str = ""
    since: datetime | None = None
    limit: int | None = None

    def takes(self, event: Event) -> bool:
        """Whether it is one of them, leaving `limit` aside."""
        return (
            event.run.startswith(self.run)
            and self.host in ("", event.host)
            and self.phase in ("", event.phase)
            and (self.since is None or event.at >= self.since)
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        events: in the order in which they were written.
        unreadable: how many lines were torn, or of a later version.
    """

    events: Sequence[Event]
    unreadable: int


def read(path: Path, wanted: Wanted | None = None) -> Reading:
    """The events of a journal; none where there is none.

    Raises:
        Refused: the file is a link, somebody else's, or open to others.
        OSError: it cannot be read.
    """
    wanted = wanted or Wanted()
    events: deque[Event] = deque(maxlen=wanted.limit)
    unreadable = 0
    with contextlib.suppress(FileNotFoundError):
        check_file(path)
        with path.open("rb") as file:
            for line in file:
                event = event_of(line)
                if event is None:
                    unreadable += bool(line.strip())
                elif wanted.takes(event):
                    events.append(event)
    return Reading(list(events), unreadable)
