"""How far a comparison has come: a file that it goes on from when it was interrupted.

One line of JSON for the comparison, then one for each range of points that was compared. A line
that was not finished is as if it were not there.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sophia_cli.checks.digests.difference import Suspect
from sophia_cli.errors import NotFound, Refused
from sophia_cli.memory.model import Kind

_AT_WORK = "wait until it has ended, or stop it"


class Journal:
    """The file; locked while it is open, so that there is one comparison at a time.

    Args:
        about: what is compared; one that was about something else is not gone on from.
        resume: go on from what is there.

    Raises:
        Refused: another comparison is at work.
        NotFound: there is nothing to go on from.
    """

    def __init__(self, path: Path, about: dict[str, Any], *, resume: bool) -> None:
        self._path = path
        self.suspects: set[Suspect] = set()
        self.points = 0
        self._next: dict[tuple[str, Kind], UUID | None] = {}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock()
            if resume:
                self._read(about)
            else:
                os.ftruncate(self._file, 0)
                self._append(about)
        except BaseException:
            os.close(self._file)
            raise

    def start(self, copy: str, kind: Kind) -> tuple[UUID | None, bool]:
        """Where to go on (None at the first point), and whether all of it has been compared."""
        if (copy, kind) not in self._next:
            return None, False
        following = self._next[copy, kind]
        return following, following is None

    def note(
        self, copy: str, kind: Kind, following: UUID | None, points: int, ids: Sequence[UUID]
    ) -> None:
        """Notes a range: where the next begins (None after the last), and what looked different."""
        self._take(copy, kind, following, points, ids)
        self._append(
            {
                "copy": copy,
                "kind": kind.value,
                "next": None if following is None else str(following),
                "points": points,
                "suspects": [str(id_) for id_ in ids],
            }
        )

    def end(self) -> None:
        """The comparison is complete: there is nothing to go on from."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._file)

    def _take(
        self, copy: str, kind: Kind, following: UUID | None, points: int, ids: Sequence[UUID]
    ) -> None:
        self._next[copy, kind] = following
        self.points += points
        self.suspects.update(Suspect(copy, kind, id_) for id_ in ids)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("another comparison of all points is at work", _AT_WORK) from None

    def _read(self, about: dict[str, Any]) -> None:
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines or lines[0] != about:
            raise NotFound(
                "there is no interrupted comparison of this store to go on from",
                "run it without --resume",
            )
        os.ftruncate(self._file, len(whole))
        os.lseek(self._file, 0, os.SEEK_END)
        for line in lines[1:]:
            following = None if line["next"] is None else UUID(line["next"])
            ids = [UUID(id_) for id_ in line["suspects"]]
            self._take(line["copy"], Kind(line["kind"]), following, line["points"], ids)

    def _append(self, record: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(record, separators=(",", ":")).encode() + b"\n")
