"""The home: one directory that holds everything sophia keeps on this machine, and its rules.

It belongs to the user who runs sophia, mode 0700, with the sockets in `run` (or in a short
directory under /tmp where the path would be too long for a socket). A marker says that it is ours:
a directory with somebody else's data in it is refused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sophia_cli.errors import OutOfSpace, Refused, SophiaError
from sophia_cli.locations import home_directory, socket_directory

_MARKER = "sophia-home"
# What a file system brings along where it is mounted.
_NOBODYS = ("lost+found",)
_HINT = "set SOPHIA_HOME to a directory of your own"


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one home. `prepare` makes them; nothing else creates directories."""

    root: Path

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Home:
        """The home that these environment variables name."""
        return cls(Path(home_directory(variables)))

    @property
    def sockets(self) -> Path:
        """Where every socket lives, 0700."""
        return Path(socket_directory(str(self.root)))

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """The log of `resident` (with the commands beside it), `postgres` or `valkey`."""
        return self.logs / f"{name}.log"

    @property
    def locks(self) -> Path:
        """One lock file a process or data directory."""
        return self.root / "locks"

    @property
    def postgres(self) -> Path:
        """The data directory of the embedded PostgreSQL."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """The working directory of the embedded Valkey."""
        return self.root / "valkey"

    @property
    def vectors(self) -> Path:
        """One directory a collection of the vector engine."""
        return self.root / "vectors"

    def prepare(self) -> Home:
        """Creates what is missing and checks what is there.

        Raises:
            Refused: it belongs to somebody else, or holds data that is not sophia's.
            OutOfSpace: the disk is full.
            SophiaError: it cannot be written.
        """
        if not self.root.is_absolute():
            raise Refused(f"there is no directory for {self.root}: HOME is not set", _HINT)
        try:
            self._claim()
            for directory in (self.sockets, self.logs, self.locks, self.valkey, self.vectors):
                _own_directory(directory)
            if not os.access(self.root, os.W_OK) or _read_only(self.root):
                raise SophiaError(f"{self.root} cannot be written: read-only", _HINT)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OutOfSpace(
                    f"{self.root}: the disk is full", "free some space and run it again"
                ) from error
            raise SophiaError(f"{error.filename}: {error.strerror}", _HINT) from error
        return self

    def _claim(self) -> None:
        """Makes the directory ours, or sees by its marker that it is; nothing else is touched.

        Several processes may do so at once: whoever finds anything in it, finds the marker too.
        """
        marker = self.root / _MARKER
        status = _made(self.root)
        if not marker.exists():
            found = [path.name for path in self.root.iterdir() if path.name not in _NOBODYS]
            if found and not marker.exists():
                raise Refused(f"{self.root} holds data that is not sophia's: {found[0]}", _HINT)
            marker.write_text("This directory is sophia's; `sophia down` before moving it.\n")
        _tighten(self.root, status)


def _own_directory(path: Path) -> None:
    """Makes a directory 0700, or checks that an existing one is ours and tightens its mode."""
    _tighten(path, _made(path))


def _made(path: Path) -> os.stat_result:
    """The status of a directory that is ours and is there now."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    status = path.lstat()
    if not path.is_dir():
        raise Refused(f"{path} is not a directory", _HINT)
    if status.st_uid != os.geteuid():
        raise Refused(f"{path} belongs to user {status.st_uid}, not to you", _HINT)
    return status


def _tighten(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)


def _read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
