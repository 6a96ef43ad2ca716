"""What is at a path: a file, a directory, a link, nothing; whose it is and who may read it."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"
    ABSENT = "absent"


_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.LINK}


@dataclass(frozen=True, slots=True)
class PathState:
    """What is at a path.

    Attributes:
        mode: four octal digits.
        owner: the user's name, and its number where it has none; `group` likewise.
        size: of a file, bytes.
    """

    kind: Kind
    mode: str = ""
    owner: str = ""
    group: str = ""
    uid: int = -1
    gid: int = -1
    size: int = 0

    def differences(self, owner: str, group: str, mode: str) -> list[str]:
        """How it is not as it should be, each in a few words: `mode 0644 -> 0640`."""
        found = []
        if owner not in (self.owner, str(self.uid)):
            found.append(f"owner {self.owner} -> {owner}")
        if group not in (self.group, str(self.gid)):
            found.append(f"group {self.group} -> {group}")
        if int(mode, 8) != int(self.mode, 8):
            found.append(f"mode {self.mode} -> {int(mode, 8):04o}")
        return found


@dataclass(frozen=True, slots=True)
class AtPath:
    """What is at a path.

    Attributes:
        follow: whether a link counts as what it leads to.
    """

    path: str
    follow: bool = False

    @classmethod
    def together(cls, facts: Sequence[AtPath]) -> AtPaths:
        """All of them by one or two calls of `stat`."""
        return AtPaths(tuple(facts))

    @property
    def command(self) -> str:
        """Prints type and mode, numbers, names, size; nothing where nothing is."""
        return f"{_stat([self.path], _FORM, follow=self.follow)}; true"

    def parse(self, output: str, exit_status: int) -> PathState:
        """What is there; `ValueError` if the file system did not answer."""
        if exit_status == 124:
            raise ValueError(f"{self.path}: its file system does not answer")
        return _state(output.split("\t") if output.strip() else [])


@dataclass(frozen=True, slots=True)
class AtPaths:
    """What is at each of some paths."""

    facts: tuple[AtPath, ...]

    @property
    def command(self) -> str:
        """Prints a line for each that is there: what it is, and its name."""
        calls = (
            _stat(paths, rf"{follow:d}\t{_FORM}\t%n\n", follow=follow)
            for follow in (False, True)
            if (paths := [each.path for each in self.facts if each.follow == follow])
        )
        return "; ".join([*calls, "true"])

    def parse(self, output: str, exit_status: int) -> list[PathState]:
        """What is at each; `ValueError` if a file system did not answer, and for odd names."""
        if exit_status == 124:
            raise ValueError("a file system does not answer")
        said: dict[tuple[str, bool], list[str]] = {}
        for line in output.splitlines():
            follow, *fields, path = line.split("\t", 1 + len(_FORM.split(r"\t")))
            said[path, follow == "1"] = fields
        asked = [(each.path, each.follow) for each in self.facts]
        if not said.keys() <= set(asked):
            raise ValueError("it is said what is at a path that was not asked for")
        return [_state(said.get(each, [])) for each in asked]


_FORM = r"%f\t%u\t%g\t%s\t%U\t%G"


def _stat(paths: Sequence[str], form: str, *, follow: bool) -> str:
    flag = " -L" if follow else ""
    return f"stat{flag} --printf '{form}' -- {shlex.join(paths)}"


def _state(fields: Sequence[str]) -> PathState:
    if not fields:
        return PathState(Kind.ABSENT)
    bits, uid, gid, size, owner, group = fields
    kind = _KINDS.get(stat.S_IFMT(int(bits, 16)), Kind.OTHER)
    return PathState(
        kind,
        f"{stat.S_IMODE(int(bits, 16)):04o}",
        uid if owner == "UNKNOWN" else owner,
        gid if group == "UNKNOWN" else group,
        int(uid),
        int(gid),
        int(size) if kind is Kind.FILE else 0,
    )
